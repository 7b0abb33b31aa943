//! The small things that every mix needs: gain, width, polarity, mono, swapped channels, and a filter against direct current.
//!
//! All of it but the filter is one matrix of four factors, which moves in straight lines when something changes. Middle is
//! `(left + right) / 2`, side is `(left - right) / 2`; width is the factor of the side. The filter is
//! `y[n] = x[n] - x[n-1] + r·y[n-1]` with `r = 1 - 2π·5 Hz/rate` (J. O. Smith, "Introduction to Digital Filters", DC blocker).

use crate::device::controls::{SEGMENT, STRIDE};
use crate::device::line::Line;
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};

/// The gain at which the knob's end is silence, in dB.
pub const SILENT_DB: f32 = -72.0;
/// Where the filter against direct current is 3 dB down, in Hz.
pub const DC_HZ: f64 = 5.0;

settings! {
    /// Gain in dB; [`SILENT_DB`] is silence.
    gain: Parameter::linear("gain", "Gain", Unit::Decibels, (SILENT_DB, 24.0), 0.0),
    /// Width in hundredths: 0 mono, 100 unchanged, 200 the sides doubled.
    width: Parameter::linear("width", "Width", Unit::Percent, (0.0, 200.0), 100.0),
    /// Turns the left channel's polarity.
    invert_left: Parameter::switch("invertLeft", "Invert left", false),
    /// Turns the right channel's polarity.
    invert_right: Parameter::switch("invertRight", "Invert right", false),
    /// Both channels become their mean.
    mono: Parameter::switch("mono", "Mono", false),
    /// Left becomes right, right becomes left.
    swap: Parameter::switch("swap", "Swap channels", false),
    /// Filters direct current out.
    dc_block: Parameter::switch("dcBlock", "Block DC", false),
}

impl Settings {
    /// Left from left, left from right, right from left, right from right, and the share of the filter.
    fn matrix(&self) -> [f64; 5] {
        let db = f64::from(self.gain);
        let gain = if self.gain <= SILENT_DB { 0.0 } else { libm::pow(10.0, db / 20.0) };
        let sign = |inverted: f32| 1.0 - 2.0 * f64::from(inverted);
        let (left, right) = (gain * sign(self.invert_left), gain * sign(self.invert_right));
        let width = f64::from(self.width) / 100.0 * (1.0 - f64::from(self.mono));
        let (same, other) = ((1.0 + width) / 2.0, (1.0 - width) / 2.0);
        let swap = f64::from(self.swap);
        let crossed = |a: f64, b: f64| a + (b - a) * swap;
        [
            crossed(left * same, left * other),
            crossed(right * other, right * same),
            crossed(left * other, left * same),
            crossed(right * same, right * other),
            f64::from(self.dc_block),
        ]
    }
}

/// The utility.
#[derive(Clone, Debug)]
pub struct Utility {
    controls: Controls,
    pole: f32,
    matrix: Line<5>,
    /// The last input and output of the filter, per channel.
    last: [[f32; 2]; 2],
}

impl Utility {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = f64::from(rate.clamp(RATE_MIN, RATE_MAX));
        let pole = (1.0 - core::f64::consts::TAU * DC_HZ / rate) as f32;
        let matrix = Line::still([1.0, 0.0, 0.0, 1.0, 0.0]);
        Self { controls: Controls::new(PARAMETERS), pole, matrix, last: [[0.0; 2]; 2] }
    }

    fn filter(&mut self, channel: usize, samples: &mut [f32], share: &[f32]) {
        let [mut x1, mut y1] = self.last[channel];
        for (x, share) in samples.iter_mut().zip(share) {
            let y = (*x - x1) + self.pole * y1;
            (x1, y1) = (*x, if f64::from(y.abs()) < SILENCE { 0.0 } else { y });
            *x += (y1 - *x) * share;
        }
        self.last[channel] = [x1, y1];
    }
}

impl Device for Utility {
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
            if step.jump {
                self.matrix.jump(Settings::from_values(self.controls.now(step)).matrix());
            }
            if step.aim {
                self.matrix.aim(Settings::from_values(self.controls.soon(step)).matrix(), STRIDE);
            }
            let part = block.part(done, step.frames);
            let mut factors = [[0.0f32; SEGMENT]; 5];
            for (k, row) in factors.iter_mut().enumerate() {
                self.matrix.write(k, &mut row[..step.frames]);
            }
            let [ll, lr, rl, rr, share] = &factors;
            for (n, (l, r)) in part.left.iter_mut().zip(part.right.iter_mut()).enumerate() {
                (*l, *r) = (*l * ll[n] + *r * lr[n], *l * rl[n] + *r * rr[n]);
            }
            if self.matrix.is_moving() || self.matrix.target(4) != 0.0 {
                self.filter(0, part.left, &share[..step.frames]);
                self.filter(1, part.right, &share[..step.frames]);
            } else {
                self.last = [[0.0; 2]; 2];
            }
            self.matrix.skip(step.frames);
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.last = [[0.0; 2]; 2];
    }

    /// The filter's time constant is 32 ms; 11.5 of them are 100 dB.
    fn tail(&self) -> u32 {
        let rate = core::f64::consts::TAU * DC_HZ / (1.0 - f64::from(self.pole));
        if self.controls.target(6) > 0.0 { (0.4 * rate) as u32 } else { 0 }
    }
}

#[cfg(test)]
mod tests;
