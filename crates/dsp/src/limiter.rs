//! A true-peak limiter: no sample, and nothing between the samples, gets above the ceiling.
//!
//! Peaks are measured at four times the rate ([`crate::oversampling::Between`]). Of the factors that they need, a release with
//! its time constant, then the least of a window, then the mean of two windows one after the other (a triangle) are taken: the
//! factor falls to what a peak needs during the lookahead and is there when the peak comes, on either side of it as far as the
//! measuring filter reaches. Means are taken over whole numbers, so they never drift and never round up. The margin of
//! [`MARGIN_DB`] is for what measuring at four times the rate with a filter of this length misses close to half the rate.

use crate::device::controls::{SEGMENT, STRIDE, settled_frames};
use crate::device::line::Line;
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, Unit};
use crate::mix::larger;
use crate::oversampling::{BETWEEN_LATENCY, Between};
use crate::ring::Ring;

/// The shortest lookahead in milliseconds.
pub const LOOKAHEAD_MS_MIN: f32 = 1.0;
/// The longest lookahead in milliseconds.
pub const LOOKAHEAD_MS_MAX: f32 = 10.0;
/// How many dB below the ceiling it aims.
pub const MARGIN_DB: f64 = 0.3;
/// Frames on either side of a peak for which its factor is held: where nearly all of the measuring filter's weight lies.
const REACH: usize = BETWEEN_LATENCY / 2;
/// The whole number that stands for the factor 1.
const ONE: f32 = 16_777_216.0;

settings! {
    /// Gain in front of it in dB.
    gain: Parameter::linear("gain", "Gain", Unit::Decibels, (0.0, 30.0), 0.0),
    /// What is not exceeded, in dB of true peak.
    ceiling: Parameter::linear("ceiling", "Ceiling", Unit::Decibels, (-24.0, 0.0), -1.0),
    /// Time constant in ms with which the factor rises again.
    release: Parameter::logarithmic("release", "Release", Unit::Milliseconds, (5.0, 1_000.0), 100.0),
    /// How many ms it hears ahead: most of its latency.
    lookahead: Parameter::linear("lookahead", "Lookahead", Unit::Milliseconds, (LOOKAHEAD_MS_MIN, LOOKAHEAD_MS_MAX), 5.0).fixed(),
}

/// The indices of release and lookahead in the table.
const RELEASE: usize = 2;
const LOOKAHEAD: usize = 3;

impl Settings {
    /// Gain, the level aimed at, share of the release.
    fn line(&self, rate: f64) -> [f64; 3] {
        let factor = |db: f64| libm::pow(10.0, db / 20.0);
        let share = 1.0 - libm::exp(-1_000.0 / (f64::from(self.release) * rate));
        [factor(f64::from(self.gain)), factor(f64::from(self.ceiling) - MARGIN_DB), share]
    }
}

/// The limiter.
#[derive(Clone, Debug)]
pub struct Limiter {
    controls: Controls,
    rate: u32,
    line: Line<3>,
    stage: Stage,
}

/// What measures and lowers.
#[derive(Clone, Debug)]
struct Stage {
    between: [Between; 2],
    delays: [Ring; 2],
    /// The factor behind the release.
    factor: f32,
    least: Least,
    means: [Mean; 2],
    /// The length of each of the two means in frames.
    half: usize,
    lowest: f32,
}

impl Limiter {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let mut limiter = Self {
            controls: Controls::new(PARAMETERS),
            rate,
            line: Line::still(Settings::default().line(f64::from(rate))),
            stage: Stage::new(half_of(LOOKAHEAD_MS_MAX, rate)),
        };
        limiter.clear();
        limiter
    }

    /// The length of each mean that is wanted.
    fn half(&self) -> usize {
        half_of(self.controls.target(LOOKAHEAD), self.rate)
    }

    fn work(&mut self, part: &mut Block<'_>) {
        let frames = part.len().min(SEGMENT);
        let mut rows = [[0.0f32; SEGMENT]; 3];
        for (k, row) in rows.iter_mut().enumerate() {
            self.line.write(k, &mut row[..frames]);
        }
        self.line.skip(frames);
        let [gain, level, release] = &rows;
        for samples in [&mut *part.left, &mut *part.right] {
            for (x, g) in samples.iter_mut().zip(gain) {
                *x *= *g;
            }
        }
        self.stage.work(part, &level[..frames], &release[..frames]);
    }
}

impl Stage {
    /// For means of at most `half` frames.
    fn new(half: usize) -> Self {
        Self {
            between: [Between::new(), Between::new()],
            delays: [Ring::new(latency_of(half)), Ring::new(latency_of(half))],
            factor: 1.0,
            least: Least::new(window_of(half)),
            means: [Mean::new(half), Mean::new(half)],
            half,
            lowest: 1.0,
        }
    }

    fn clear(&mut self, half: usize) {
        self.half = half;
        self.factor = 1.0;
        self.between.iter_mut().for_each(Between::clear);
        self.delays.iter_mut().for_each(Ring::clear);
        self.least.clear();
        let [first, second] = &mut self.means;
        first.clear(half, ONE as i64);
        second.clear(half, ONE as i64 * half as i64);
    }

    fn work(&mut self, part: &mut Block<'_>, level: &[f32], release: &[f32]) {
        let mut peaks = [0.0f32; SEGMENT];
        let peaks = &mut peaks[..level.len()];
        let late = latency_of(self.half);
        let channels = [&mut *part.left, &mut *part.right];
        for ((samples, between), delay) in channels.into_iter().zip(&mut self.between).zip(&mut self.delays) {
            between.raise(samples, peaks);
            delay.write(samples);
            delay.read(late + samples.len(), samples);
        }
        for ((peak, level), release) in peaks.iter_mut().zip(level).zip(release) {
            let needed = if *peak > *level { *level / *peak } else { 1.0 };
            let risen = self.factor + (1.0 - self.factor) * *release;
            self.factor = if needed < risen { needed } else { risen };
            *peak = self.smooth(self.factor);
        }
        for ((l, r), factor) in part.left.iter_mut().zip(part.right.iter_mut()).zip(&*peaks) {
            *l *= *factor;
            *r *= *factor;
        }
    }

    fn smooth(&mut self, factor: f32) -> f32 {
        let whole = (factor * ONE) as i64;
        let least = self.least.push(whole, window_of(self.half));
        let [first, second] = &mut self.means;
        let sum = second.push(first.push(least));
        let all = f64::from(ONE) * (self.half * self.half) as f64;
        let smooth = (sum as f64 / all) as f32;
        self.lowest = if smooth < self.lowest { smooth } else { self.lowest };
        smooth
    }
}

fn half_of(lookahead_ms: f32, rate: u32) -> usize {
    ((f64::from(lookahead_ms) * f64::from(rate) / 2_000.0).round_ties_even() as usize).max(1)
}

/// Two means of `half` frames reach `2·half - 2` frames back; the least must be in all that they take.
fn window_of(half: usize) -> usize {
    2 * half - 2 + 2 * REACH + 1
}

/// The latency in frames with a lookahead in ms.
pub(crate) fn latency(lookahead_ms: f32, rate: u32) -> u32 {
    latency_of(half_of(lookahead_ms, rate)) as u32
}

fn latency_of(half: usize) -> usize {
    BETWEEN_LATENCY + REACH + 2 * half - 2
}

impl Device for Limiter {
    fn controls(&self) -> &Controls {
        &self.controls
    }

    fn controls_mut(&mut self) -> &mut Controls {
        &mut self.controls
    }

    fn run(&mut self, mut block: Block<'_>) {
        let mut done = 0;
        while done < block.len() {
            let step = self.controls.step(block.len() - done);
            let rate = f64::from(self.rate);
            if self.half() != self.stage.half {
                self.clear();
            }
            if step.jump {
                self.line.jump(Settings::from_values(self.controls.now(step)).line(rate));
            }
            if step.aim {
                self.line.aim(Settings::from_values(self.controls.soon(step)).line(rate), STRIDE);
            }
            self.work(&mut block.part(done, step.frames));
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        let half = self.half();
        self.stage.clear(half);
    }

    /// The lookahead, and what measuring takes.
    fn latency(&self) -> u32 {
        latency_of(self.half()) as u32
    }

    /// Until the sound is out, and the factor has gone back to 1.
    fn tail(&self) -> u32 {
        self.latency() + settled_frames(self.controls.target(RELEASE), self.rate)
    }

    fn take_reduction(&mut self) -> f32 {
        let lowest = core::mem::replace(&mut self.stage.lowest, 1.0);
        -20.0 * libm::log10f(larger(lowest, 1e-10))
    }
}

/// The least of the last values: those that may still become it, in rising order, each with its frame (D. Lemire,
/// "Streaming Maximum-Minimum Filter Using No More than Three Comparisons per Element", 2006).
#[derive(Clone, Debug)]
struct Least {
    candidates: Vec<(i64, u64)>,
    first: u64,
    end: u64,
    now: u64,
}

impl Least {
    fn new(window: usize) -> Self {
        Self { candidates: vec![(0, 0); (window + 1).next_power_of_two()], first: 0, end: 0, now: 0 }
    }

    fn clear(&mut self) {
        (self.first, self.end, self.now) = (0, 0, 0);
    }

    fn push(&mut self, value: i64, window: usize) -> i64 {
        while self.end > self.first && self.at(self.end - 1).0 >= value {
            self.end -= 1;
        }
        let place = self.place(self.end);
        self.candidates[place] = (value, self.now);
        self.end += 1;
        if self.at(self.first).1 + window as u64 <= self.now {
            self.first += 1;
        }
        self.now += 1;
        self.at(self.first).0
    }

    fn at(&self, n: u64) -> (i64, u64) {
        self.candidates[self.place(n)]
    }

    fn place(&self, n: u64) -> usize {
        n as usize & (self.candidates.len() - 1)
    }
}

/// The sum of the last values.
#[derive(Clone, Debug)]
struct Mean {
    values: Vec<i64>,
    length: usize,
    place: usize,
    sum: i64,
}

impl Mean {
    fn new(length: usize) -> Self {
        Self { values: vec![0; length], length, place: 0, sum: 0 }
    }

    fn clear(&mut self, length: usize, value: i64) {
        self.values.fill(value);
        (self.length, self.place, self.sum) = (length, 0, value * length as i64);
    }

    fn push(&mut self, value: i64) -> i64 {
        self.sum += value - core::mem::replace(&mut self.values[self.place], value);
        self.place = if self.place + 1 == self.length { 0 } else { self.place + 1 };
        self.sum
    }
}

#[cfg(test)]
mod tests;
