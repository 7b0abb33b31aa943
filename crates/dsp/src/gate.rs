//! A gate: opens when the louder channel (or a sidechain's) reaches the threshold, closes when it has stayed below the
//! threshold less the hysteresis for the hold time.
//!
//! The factor goes to 1 with the attack's time constant and to the range with the release's: `y += (aim - y)·(1 -
//! exp(-1/(τ·rate)))`, so 63 % of the way are done after `τ`. Magnitudes of the samples are its levels.

use crate::device::controls::{SEGMENT, STRIDE, heard, settled_frames};
use crate::device::line::Line;
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};
use crate::mix::larger;

settings! {
    /// The level in dB at which it opens.
    threshold: Parameter::linear("threshold", "Threshold", Unit::Decibels, (-90.0, 0.0), -40.0),
    /// How many dB below that it closes.
    hysteresis: Parameter::linear("hysteresis", "Hysteresis", Unit::Decibels, (0.0, 24.0), 4.0),
    /// Time constant of opening in ms.
    attack: Parameter::logarithmic("attack", "Attack", Unit::Milliseconds, (0.05, 100.0), 0.5),
    /// How many ms it stays open.
    hold: Parameter::linear("hold", "Hold", Unit::Milliseconds, (0.0, 1_000.0), 20.0),
    /// Time constant of closing in ms.
    release: Parameter::logarithmic("release", "Release", Unit::Milliseconds, (5.0, 2_000.0), 100.0),
    /// The gain in dB while it is closed.
    range: Parameter::linear("range", "Range", Unit::Decibels, (-90.0, 0.0), -80.0),
}

/// The indices of hold and release in the table.
const HOLD: usize = 3;
const RELEASE: usize = 4;

impl Settings {
    /// Levels at which it opens and closes, the factor while closed, shares of attack and release, frames of the hold.
    fn line(&self, rate: f64) -> [f64; 6] {
        let factor = |db: f32| libm::pow(10.0, f64::from(db) / 20.0);
        let share = |ms: f32| 1.0 - libm::exp(-1_000.0 / (f64::from(ms) * rate));
        [
            factor(self.threshold),
            factor(self.threshold - self.hysteresis),
            factor(self.range),
            share(self.attack),
            share(self.release),
            (f64::from(self.hold) * rate / 1_000.0).round_ties_even(),
        ]
    }
}

/// The gate.
#[derive(Clone, Debug)]
pub struct Gate {
    controls: Controls,
    rate: u32,
    line: Line<6>,
    /// The factor of the frame before; none at the beginning, when it is that of a gate that has long been closed.
    factor: Option<f32>,
    open: bool,
    /// Frames since the level was last at or above the closing one.
    quiet: u32,
    least: f32,
}

impl Gate {
    /// At a sample rate in Hz, closed.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let line = Settings::default().line(f64::from(rate));
        let (open, quiet, least) = (false, 0, 1.0);
        Self { controls: Controls::new(PARAMETERS), rate, line: Line::still(line), factor: None, open, quiet, least }
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    fn work(&mut self, part: &mut Block<'_>) {
        let frames = part.len().min(SEGMENT);
        let mut rows = [[0.0f32; SEGMENT]; 6];
        for (k, row) in rows.iter_mut().enumerate() {
            self.line.write(k, &mut row[..frames]);
        }
        self.line.skip(frames);
        let mut levels = [0.0f32; SEGMENT];
        let (left, right) = part.sidechain.map_or((&*part.left, &*part.right), |key| (key.left, key.right));
        for ((level, l), r) in levels.iter_mut().zip(left).zip(right) {
            *level = larger(heard(*l).abs(), heard(*r).abs());
        }
        let [opens, closes, closed, attack, release, hold] = &rows;
        let mut factor = self.factor.unwrap_or(closed[0]);
        for n in 0..frames {
            self.judge(levels[n], opens[n], closes[n], hold[n] as u32);
            let aim = if self.open { 1.0 } else { closed[n] };
            factor += (aim - factor) * if aim > factor { attack[n] } else { release[n] };
            levels[n] = factor;
            self.least = if factor < self.least { factor } else { self.least };
        }
        self.factor = Some(factor);
        for ((l, r), factor) in part.left.iter_mut().zip(part.right.iter_mut()).zip(&levels) {
            *l *= *factor;
            *r *= *factor;
        }
    }

    fn judge(&mut self, level: f32, opens: f32, closes: f32, hold: u32) {
        if level >= opens || (self.open && level >= closes) {
            (self.open, self.quiet) = (true, 0);
        } else if self.open {
            self.open = self.quiet < hold;
            self.quiet += 1;
        }
    }
}

impl Device for Gate {
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
            if step.snap && self.factor.is_some_and(|factor| f64::from(factor) < SILENCE) {
                self.factor = Some(0.0);
            }
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        (self.factor, self.open, self.quiet) = (None, false, 0);
    }

    /// Until it has closed: the hold, and the way to the range.
    fn tail(&self) -> u32 {
        let hold = f64::from(self.controls.target(HOLD)) * f64::from(self.rate) / 1_000.0;
        hold as u32 + 1 + settled_frames(self.controls.target(RELEASE), self.rate)
    }

    fn take_reduction(&mut self) -> f32 {
        let least = larger(core::mem::replace(&mut self.least, 1.0), 1e-10);
        -20.0 * libm::log10f(least)
    }
}

#[cfg(test)]
mod tests;
