//! A compressor: soft knee, lookahead, sidechain, stereo link.
//!
//! The design is the feed-forward one with the smoothing behind the gain computer, in decibels, of D. Giannoulis, M. Massberg,
//! J. D. Reiss, "Digital Dynamic Range Compressor Design – A Tutorial and Analysis", JAES 60, 2012. With the level `x`, the
//! threshold `T`, the knee's width `W` and the ratio `R` (all but the last in dB) the reduction that is aimed at is
//! `(1 - 1/R)·(h²/(2·W) + max(x - T - W/2, 0))`, `h` being `x - T + W/2` brought into 0 to `W`. The reduction follows it with
//! `y += (aim - y)·(1 - exp(-1/(τ·rate)))`, `τ` being the attack while it rises and the release while it falls: the time after
//! which 63 % of a step are done. The level is the magnitude of each sample.

use crate::approximation::{DB_PER_OCTAVE, exp2, log2};
use crate::device::controls::{SEGMENT, STRIDE, heard, settled_frames};
use crate::device::line::{Line, Rows};
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};
use crate::mix::{larger, smaller};
use crate::ring::Ring;
use crate::wide::wide;

/// The longest lookahead in milliseconds.
pub const LOOKAHEAD_MS_MAX: f32 = 10.0;

settings! {
    /// The level in dB above which it compresses.
    threshold: Parameter::linear("threshold", "Threshold", Unit::Decibels, (-60.0, 0.0), -18.0),
    /// How many dB of input make one dB of output above the threshold.
    ratio: Parameter::logarithmic("ratio", "Ratio", Unit::Ratio, (1.0, 100.0), 4.0),
    /// Width in dB of the bend about the threshold.
    knee: Parameter::linear("knee", "Knee", Unit::Decibels, (0.0, 24.0), 6.0),
    /// Time constant in ms of a rising reduction.
    attack: Parameter::logarithmic("attack", "Attack", Unit::Milliseconds, (0.1, 200.0), 10.0),
    /// Time constant in ms of a falling reduction.
    release: Parameter::logarithmic("release", "Release", Unit::Milliseconds, (5.0, 2_000.0), 100.0),
    /// How many ms it hears ahead: its latency.
    lookahead: Parameter::linear("lookahead", "Lookahead", Unit::Milliseconds, (0.0, LOOKAHEAD_MS_MAX), 0.0).fixed(),
    /// Gain behind it in dB.
    makeup: Parameter::linear("makeup", "Make-up", Unit::Decibels, (-24.0, 24.0), 0.0),
    /// 100: both channels are lowered alike, by the louder one; 0: each by itself; in hundredths.
    link: Parameter::linear("link", "Stereo link", Unit::Percent, (0.0, 100.0), 100.0),
    /// How much of the compressed signal is heard, the rest being the input: in hundredths.
    mix: Parameter::linear("mix", "Mix", Unit::Percent, (0.0, 100.0), 100.0),
}

/// The indices of release and lookahead in the table.
const RELEASE: usize = 4;
const LOOKAHEAD: usize = 5;

impl Settings {
    /// The reduction in dB that a steady level in dB is aimed at, as a screen draws it.
    #[must_use]
    pub fn reduction_db(&self, level_db: f32) -> f32 {
        let (over, half) = (level_db - self.threshold, self.knee / 2.0);
        let h = (over + half).clamp(0.0, self.knee);
        let bend = if self.knee > 0.0 { h * h / (2.0 * self.knee) } else { 0.0 };
        (1.0 - 1.0 / self.ratio) * (bend + larger(over - half, 0.0))
    }

    /// Threshold, half a knee, the inverse of two knees, slope, make-up (all in octaves of gain), link, mix, attack, release.
    fn line(&self, rate: f64) -> [f64; 9] {
        let octaves = |db: f32| f64::from(db) / (20.0 * core::f64::consts::LOG10_2);
        let knee = octaves(self.knee);
        let inverse = if knee > 0.0 { 0.5 / knee } else { 0.0 };
        let share = |ms: f32| 1.0 - libm::exp(-1_000.0 / (f64::from(ms) * rate));
        [
            octaves(self.threshold),
            knee / 2.0,
            inverse,
            1.0 - 1.0 / f64::from(self.ratio),
            octaves(self.makeup),
            f64::from(self.link) / 100.0,
            f64::from(self.mix) / 100.0,
            share(self.attack),
            share(self.release),
        ]
    }
}

/// The compressor.
#[derive(Clone, Debug)]
pub struct Compressor {
    controls: Controls,
    rate: u32,
    line: Line<9>,
    rows: Rows<9>,
    /// The reduction of each channel in octaves of gain.
    reduction: [f32; 2],
    most: f32,
    delays: [Ring; 2],
}

impl Compressor {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let frames = (f64::from(LOOKAHEAD_MS_MAX) * f64::from(rate) / 1_000.0) as usize + 1;
        Self {
            controls: Controls::new(PARAMETERS),
            rate,
            line: Line::still(Settings::default().line(f64::from(rate))),
            rows: Rows::new(),
            reduction: [0.0; 2],
            most: 0.0,
            delays: [Ring::new(frames), Ring::new(frames)],
        }
    }

    fn work(&mut self, part: &mut Block<'_>) {
        let frames = part.len().min(SEGMENT);
        let late = self.latency() as usize;
        let rows = self.rows.next(&mut self.line, frames);
        let mut gains = [[0.0f32; SEGMENT]; 2];
        let [left, right] = &mut gains;
        match part.sidechain {
            Some(key) => magnitudes(key.left, key.right, left, right),
            None => magnitudes(part.left, part.right, left, right),
        }
        aims(rows, left, right, frames);
        self.most = larger(self.most, follow(&mut self.reduction, rows, left, right, frames));
        let [.., makeup, _, mix, _, _] = rows;
        for row in &mut gains {
            factors(row, makeup, mix, frames);
        }
        for ((samples, gain), delay) in
            [&mut *part.left, &mut *part.right].into_iter().zip(&gains).zip(&mut self.delays)
        {
            delay.write(samples);
            if late > 0 {
                delay.read(late + frames, samples);
            }
            for (x, g) in samples.iter_mut().zip(gain) {
                *x *= *g;
            }
        }
    }
}

/// From the reductions aimed at to those that are heard: each frame follows the one before. Returns the largest.
fn follow(
    reduction: &mut [f32; 2],
    rows: &[[f32; SEGMENT]; 9],
    left: &mut [f32; SEGMENT],
    right: &mut [f32; SEGMENT],
    frames: usize,
) -> f32 {
    let [.., attack, release] = rows;
    let frames = frames.min(SEGMENT);
    let [mut l, mut r] = *reduction;
    let mut most = 0.0;
    for n in 0..frames {
        // What rises and what falls, each by its share: a choice between them would be a branch that nobody can foresee.
        for (now, aim) in [(&mut l, left[n]), (&mut r, right[n])] {
            let way = aim - *now;
            *now += larger(0.0, way) * attack[n] + smaller(0.0, way) * release[n];
        }
        (left[n], right[n]) = (l, r);
        most = larger(most, larger(l, r));
    }
    *reduction = [l, r];
    most
}

fn magnitudes(key_left: &[f32], key_right: &[f32], left: &mut [f32], right: &mut [f32]) {
    for (((l, r), a), b) in left.iter_mut().zip(right).zip(key_left).zip(key_right) {
        (*l, *r) = (heard(*a).abs(), heard(*b).abs());
    }
}

wide! {
    /// From magnitudes to the reductions that they are aimed at, in octaves of gain.
    fn aims(rows: &[[f32; SEGMENT]; 9], left: &mut [f32; SEGMENT], right: &mut [f32; SEGMENT], frames: usize) {
        let [threshold, half, inverse, slope, _, link, ..] = rows;
        // Said again, so that the loops need not look at bounds.
        let frames = frames.min(SEGMENT);
        for n in 0..frames {
            let both = larger(left[n], right[n]);
            left[n] += link[n] * (both - left[n]);
            right[n] += link[n] * (both - right[n]);
        }
        for row in [left, right] {
            for n in 0..frames {
                let over = log2(row[n]) - threshold[n];
                let h = over + half[n];
                let h = if h > 0.0 { h } else { 0.0 };
                let knee = half[n] + half[n];
                let h = if h < knee { h } else { knee };
                let above = over - half[n];
                let above = if above > 0.0 { above } else { 0.0 };
                row[n] = slope[n] * (h * h * inverse[n] + above);
            }
        }
    }
}

wide! {
    /// From reductions in octaves to factors, in one row.
    fn factors(row: &mut [f32; SEGMENT], makeup: &[f32; SEGMENT], mix: &[f32; SEGMENT], frames: usize) {
        for n in 0..frames.min(SEGMENT) {
            row[n] = 1.0 + mix[n] * (exp2(makeup[n] - row[n]) - 1.0);
        }
    }
}

/// The latency in frames with a lookahead in ms.
pub(crate) fn latency(lookahead_ms: f32, rate: u32) -> u32 {
    (f64::from(lookahead_ms) * f64::from(rate) / 1_000.0).round_ties_even() as u32
}

impl Device for Compressor {
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
            if step.jump {
                self.line.jump(Settings::from_values(self.controls.now(step)).line(rate));
            }
            if step.aim {
                self.line.aim(Settings::from_values(self.controls.soon(step)).line(rate), STRIDE);
            }
            self.work(&mut block.part(done, step.frames));
            if step.snap {
                self.reduction = self.reduction.map(|y| if f64::from(y) < SILENCE { 0.0 } else { y });
            }
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.reduction = [0.0; 2];
        self.delays.iter_mut().for_each(Ring::clear);
    }

    /// The frames of the lookahead, rounded to the nearest.
    fn latency(&self) -> u32 {
        latency(self.controls.target(LOOKAHEAD), self.rate)
    }

    /// Until the sound is out, and the reduction has died away.
    fn tail(&self) -> u32 {
        self.latency() + settled_frames(self.controls.target(RELEASE), self.rate)
    }

    fn take_reduction(&mut self) -> f32 {
        core::mem::take(&mut self.most) * DB_PER_OCTAVE
    }
}

#[cfg(test)]
mod tests;
