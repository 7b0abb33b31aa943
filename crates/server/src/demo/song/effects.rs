//! Effects that the recordings carry: filters, saturation, echo, room.

use std::f64::consts::{PI, TAU};

use super::sound::decibels;

/// A two-pole state-variable filter (Zavalishin, "The Art of VA Filter Design", 2012, ch. 4: trapezoidal integrators).
#[derive(Clone)]
pub(super) struct Filter {
    rate: f64,
    g: f64,
    damping: f64,
    state: (f64, f64),
}

/// What the filter lets through.
pub(super) struct Bands {
    pub(super) low: f64,
    pub(super) band: f64,
    pub(super) high: f64,
}

impl Filter {
    /// A filter at `cutoff` Hz with quality `q` (0.707 is flat).
    pub(super) fn new(rate: u32, cutoff: f64, q: f64) -> Filter {
        let mut filter = Filter { rate: f64::from(rate), g: 0.0, damping: 1.0 / q, state: (0.0, 0.0) };
        filter.tune(cutoff);
        filter
    }

    /// Moves the cutoff frequency.
    pub(super) fn tune(&mut self, cutoff: f64) {
        self.g = libm::tan(PI * cutoff.clamp(10.0, self.rate * 0.45) / self.rate);
    }

    /// One sample in, each band out. The band's peak is unity.
    pub(super) fn next(&mut self, x: f64) -> Bands {
        let (a, b) = self.state;
        let high = (x - (self.g + self.damping) * a - b) / (1.0 + self.g * (self.g + self.damping));
        let band = self.g * high + a;
        let low = self.g * band + b;
        self.state = (self.g * high + band, self.g * band + low);
        Bands { low, band: band * self.damping, high }
    }
}

/// A stereo pair of the same filter.
#[derive(Clone)]
pub(super) struct Pair(Filter, Filter);

impl Pair {
    pub(super) fn new(rate: u32, cutoff: f64, q: f64) -> Pair {
        let filter = Filter::new(rate, cutoff, q);
        Pair(filter.clone(), filter)
    }

    pub(super) fn low(&mut self, l: f32, r: f32) -> (f32, f32) {
        (self.0.next(f64::from(l)).low as f32, self.1.next(f64::from(r)).low as f32)
    }

    pub(super) fn high(&mut self, l: f32, r: f32) -> (f32, f32) {
        (self.0.next(f64::from(l)).high as f32, self.1.next(f64::from(r)).high as f32)
    }
}

/// Smooth saturation; small signals pass at unity.
pub(super) fn saturate(x: f32, drive: f32) -> f32 {
    libm::tanhf(x * drive) / drive
}

/// A delay line with a length that may change.
struct Line {
    samples: Vec<f32>,
    at: usize,
}

impl Line {
    fn new(length: usize) -> Line {
        Line { samples: vec![0.0; length.max(1)], at: 0 }
    }

    /// What went in a whole length ago.
    fn out(&self) -> f32 {
        self.samples[self.at]
    }

    fn push(&mut self, x: f32) {
        self.samples[self.at] = x;
        self.at = (self.at + 1) % self.samples.len();
    }
}

/// An echo that goes from side to side and grows darker.
pub(super) struct Echo {
    lines: [Line; 2],
    tone: Pair,
    feedback: f32,
    wet: f32,
}

impl Echo {
    /// Repeats every `seconds`, each `feedback` times the last, mixed in at `wet`.
    pub(super) fn new(rate: u32, seconds: f64, feedback: f32, wet: f32) -> Echo {
        let length = libm::round(seconds * f64::from(rate)) as usize;
        Echo { lines: [Line::new(length), Line::new(length)], tone: Pair::new(rate, 3_200.0, 0.6), feedback, wet }
    }

    pub(super) fn next(&mut self, l: f32, r: f32) -> (f32, f32) {
        let (a, b) = (self.lines[0].out(), self.lines[1].out());
        let (a, b) = self.tone.low(a, b);
        self.lines[0].push((l + r) * 0.5 + b * self.feedback);
        self.lines[1].push(a * self.feedback);
        (l + a * self.wet, r + b * self.wet)
    }
}

const LINES: usize = 8;
/// Milliseconds, mutually incommensurate so that the room has no pitch.
const LINE_MS: [f64; LINES] = [29.7, 37.1, 41.1, 43.7, 53.3, 61.7, 71.9, 83.1];
const DIFFUSER_MS: [f64; 4] = [4.77, 7.31, 10.93, 12.73];

/// A room: diffusers into eight delay lines that feed each other through a Hadamard matrix (Jot, Chaigne, "Digital Delay
/// Networks for Designing Artificial Reverberators", 1991), each with a damped loss.
pub(super) struct Room {
    diffusers: [[Line; 4]; 2],
    lines: [Line; LINES],
    loss: [f32; LINES],
    damped: [f32; LINES],
    damping: f32,
    wet: f32,
    below: Pair,
}

impl Room {
    /// A room whose low tones fall by 60 dB in `seconds`, its high ones sooner, mixed in at `wet`.
    pub(super) fn new(rate: u32, seconds: f64, wet: f32) -> Room {
        let line = |ms: f64| Line::new((ms * f64::from(rate) / 1_000.0) as usize);
        let loss = LINE_MS.map(|ms| libm::pow(10.0, -3.0 * ms / 1_000.0 / seconds) as f32);
        Room {
            diffusers: [DIFFUSER_MS.map(line), DIFFUSER_MS.map(|ms| line(ms * 1.071))],
            lines: LINE_MS.map(line),
            loss,
            damped: [0.0; LINES],
            damping: libm::exp(-TAU * 4_500.0 / f64::from(rate)) as f32,
            wet,
            below: Pair::new(rate, 180.0, 0.7),
        }
    }

    pub(super) fn next(&mut self, l: f32, r: f32) -> (f32, f32) {
        let (low_cut_l, low_cut_r) = self.below.high(l, r);
        let inputs = [diffuse(&mut self.diffusers[0], low_cut_l), diffuse(&mut self.diffusers[1], low_cut_r)];
        let mut taps: [f32; LINES] = std::array::from_fn(|i| self.lines[i].out());
        let out = [taps[0] + taps[2] - taps[4] + taps[6], taps[1] - taps[3] + taps[5] + taps[7]];
        hadamard(&mut taps);
        for (i, tap) in taps.into_iter().enumerate() {
            let fed = inputs[i % 2] * 0.5 + tap * self.loss[i];
            self.damped[i] = fed + (self.damped[i] - fed) * self.damping;
            self.lines[i].push(self.damped[i]);
        }
        (l + out[0] * self.wet, r + out[1] * self.wet)
    }
}

fn diffuse(lines: &mut [Line; 4], x: f32) -> f32 {
    lines.iter_mut().fold(x, |x, line| {
        let delayed = line.out();
        let fed = x - delayed * 0.62;
        line.push(fed);
        delayed + fed * 0.62
    })
}

/// The orthonormal 8 × 8 Hadamard transform.
fn hadamard(taps: &mut [f32; LINES]) {
    for half in [1, 2, 4] {
        for i in (0..LINES).filter(|i| i & half == 0) {
            let (a, b) = (taps[i], taps[i + half]);
            (taps[i], taps[i + half]) = (a + b, a - b);
        }
    }
    taps.iter_mut().for_each(|tap| *tap *= 0.353_553_4);
}

/// A compressor that follows the louder side; for the bite of a bus, not for loudness.
pub(super) struct Compressor {
    threshold: f64,
    ratio: f64,
    attack: f64,
    release: f64,
    level: f64,
}

impl Compressor {
    /// Above `threshold_db` each `ratio` dB in give one dB out; times in seconds.
    pub(super) fn new(rate: u32, threshold_db: f64, ratio: f64, attack: f64, release: f64) -> Compressor {
        let follow = |seconds: f64| 1.0 - libm::exp(-1.0 / (seconds * f64::from(rate)));
        Compressor {
            threshold: decibels(threshold_db),
            ratio,
            attack: follow(attack),
            release: follow(release),
            level: 0.0,
        }
    }

    pub(super) fn next(&mut self, l: f32, r: f32) -> (f32, f32) {
        let loud = f64::from(l.abs().max(r.abs()));
        self.level += (loud - self.level) * if loud > self.level { self.attack } else { self.release };
        if self.level <= self.threshold {
            return (l, r);
        }
        let gain = libm::pow(self.level / self.threshold, 1.0 / self.ratio - 1.0) as f32;
        (l * gain, r * gain)
    }
}
