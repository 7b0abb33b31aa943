//! Saturation: curves that round off what is loud, at four times the rate so that little folds back.
//!
//! Each curve is a formula, so that its harmonics follow from it: with the driven input `x`
//! - soft: `c·(27 + c²) / (27 + 9·c²)`, `c` being `x` brought into -3 to 3 (Padé's approximant of the hyperbolic tangent),
//! - warm: `tanh(x)`,
//! - cubic: `1.5·c - 0.5·c³`, `c` being `2/3·x` brought into -1 to 1, so that its slope at 0 is 1 like all others',
//! - hard: `x` brought into -1 to 1,
//! - fold: `sin(x)`, which turns back what goes beyond.
//!
//! The bias is added before the curve and what the curve makes of it alone is taken off right behind it, `f(x + b) - f(b)`, both at
//! four times the rate: that gives even harmonics, and silence stays silence. The direct current that the harmonics bring is filtered
//! out at 5 Hz. Oversampling: [`crate::oversampling`].

use crate::approximation::{sine, tanh};
use crate::device::controls::{SEGMENT, STRIDE};
use crate::device::line::{Line, Rows};
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};
pub(crate) use crate::oversampling::LATENCY;
use crate::oversampling::Oversampler;
use crate::ring::Ring;
use crate::wide::wide;

/// The curves, by the number that the parameter `curve` has.
pub const CURVES: &[&str] = &["Soft", "Warm", "Cubic", "Hard", "Fold"];

settings! {
    /// Gain before the curve in dB.
    drive: Parameter::linear("drive", "Drive", Unit::Decibels, (0.0, 36.0), 6.0),
    /// One of [`CURVES`].
    curve: Parameter::choice("curve", "Curve", CURVES, 0),
    /// What is added before the curve, in hundredths of full scale: even harmonics.
    bias: Parameter::linear("bias", "Bias", Unit::Percent, (-100.0, 100.0), 0.0),
    /// Gain behind the curve in dB.
    output: Parameter::linear("output", "Output", Unit::Decibels, (-36.0, 12.0), 0.0),
    /// How much of the saturated signal is heard, the rest being the input: in hundredths.
    mix: Parameter::linear("mix", "Mix", Unit::Percent, (0.0, 100.0), 100.0),
}

impl Settings {
    /// Drive, output and mix as factors, the bias, and the share of the filter against direct current: from a tenth of full
    /// scale on all of it.
    fn line(&self) -> [f64; 5] {
        let factor = |db: f32| libm::pow(10.0, f64::from(db) / 20.0);
        let bias = f64::from(self.bias) / 100.0;
        [factor(self.drive), factor(self.output), f64::from(self.mix) / 100.0, bias, (bias.abs() * 10.0).min(1.0)]
    }
}

/// A curve at a point, for screens and tests: what [`Saturation`] does to each sample at four times the rate.
#[must_use]
pub fn shaped(curve: usize, x: f32) -> f32 {
    match curve {
        0 => soft(x),
        1 => tanh(x),
        2 => cubic(x),
        3 => hard(x),
        _ => fold(x),
    }
}

#[inline(always)]
fn soft(x: f32) -> f32 {
    let c = within(x, 3.0);
    let c2 = c * c;
    c * (27.0 + c2) / (27.0 + 9.0 * c2)
}

#[inline(always)]
fn cubic(x: f32) -> f32 {
    let c = within(x * (2.0 / 3.0), 1.0);
    c * (1.5 - 0.5 * (c * c))
}

#[inline(always)]
fn hard(x: f32) -> f32 {
    within(x, 1.0)
}

#[inline(always)]
fn fold(x: f32) -> f32 {
    // Whole turns fall off when the phase becomes 32 bits; beyond 2000 turns an f32 is too coarse to tell them apart.
    let turns = within(x * core::f32::consts::FRAC_1_PI * 0.5, 2_000.0);
    const MAGIC: f32 = 12_582_912.0;
    let rest = turns - ((turns + MAGIC) - MAGIC);
    sine(((rest * 2_147_483_648.0) as i32 as u32).wrapping_shl(1))
}

#[inline(always)]
fn within(x: f32, bound: f32) -> f32 {
    let x = if x > -bound { x } else { -bound };
    if x < bound { x } else { bound }
}

/// The saturation.
#[derive(Clone, Debug)]
pub struct Saturation {
    controls: Controls,
    line: Line<5>,
    rows: Rows<5>,
    curve: usize,
    pole: f32,
    channels: [Channel; 2],
}

#[derive(Clone, Debug)]
struct Channel {
    oversampler: Oversampler,
    dry: Ring,
    /// The last input and output of the filter against direct current.
    last: [f32; 2],
}

impl Saturation {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = f64::from(rate.clamp(RATE_MIN, RATE_MAX));
        let channel = Channel { oversampler: Oversampler::new(), dry: Ring::new(LATENCY as usize), last: [0.0; 2] };
        Self {
            controls: Controls::new(PARAMETERS),
            line: Line::still(Settings::default().line()),
            rows: Rows::new(),
            curve: 0,
            pole: (1.0 - core::f64::consts::TAU * crate::utility::DC_HZ / rate) as f32,
            channels: [channel.clone(), channel],
        }
    }

    fn work(&mut self, part: &mut Block<'_>) {
        let frames = part.len().min(SEGMENT);
        let biased = self.line.current(4) != 0.0 || self.line.target(4) != 0.0;
        let [drive, output, mix, bias, share] = self.rows.next(&mut self.line, frames);
        let curve = self.curve;
        let mut taken = [0.0f32; SEGMENT];
        let (added, taken) = (&bias[..frames], &mut taken[..frames]);
        if biased {
            taken.copy_from_slice(added);
            shape(curve, taken);
        }
        for (samples, channel) in [&mut *part.left, &mut *part.right].into_iter().zip(&mut self.channels) {
            let samples = &mut samples[..frames];
            channel.dry.write(samples);
            for n in 0..frames {
                samples[n] *= drive[n];
            }
            channel.oversampler.process(samples, |x| {
                if biased {
                    x.iter_mut().zip(added).for_each(|(x, bias)| *x += *bias);
                    shape(curve, x);
                    x.iter_mut().zip(&*taken).for_each(|(x, bent)| *x -= *bent);
                } else {
                    shape(curve, x);
                }
            });
            if biased {
                channel.block_dc(samples, share, self.pole);
            } else {
                channel.last = [0.0; 2];
            }
            let mut dry = [0.0f32; SEGMENT];
            channel.dry.read(LATENCY as usize + frames, &mut dry[..frames]);
            for n in 0..frames {
                samples[n] = dry[n] + (samples[n] * output[n] - dry[n]) * mix[n];
            }
        }
    }
}

impl Channel {
    fn block_dc(&mut self, samples: &mut [f32], share: &[f32], pole: f32) {
        let [mut x1, mut y1] = self.last;
        for (x, share) in samples.iter_mut().zip(share) {
            let y = (*x - x1) + pole * y1;
            (x1, y1) = (*x, if f64::from(y.abs()) < SILENCE { 0.0 } else { y });
            *x += (y1 - *x) * share;
        }
        self.last = [x1, y1];
    }
}

wide! {
    /// A curve over many samples: one loop per curve, so that each is vectors all through.
    fn shape(curve: usize, samples: &mut [f32]) {
        let all = |f: fn(f32) -> f32, samples: &mut [f32]| samples.iter_mut().for_each(|x| *x = f(*x));
        match curve {
            0 => samples.iter_mut().for_each(|x| *x = soft(*x)),
            1 => samples.iter_mut().for_each(|x| *x = tanh(*x)),
            2 => samples.iter_mut().for_each(|x| *x = cubic(*x)),
            3 => samples.iter_mut().for_each(|x| *x = hard(*x)),
            _ => all(fold, samples),
        }
    }
}

impl Device for Saturation {
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
                self.line.jump(Settings::from_values(self.controls.now(step)).line());
            }
            if step.aim {
                self.line.aim(Settings::from_values(self.controls.soon(step)).line(), STRIDE);
            }
            self.curve = self.controls.target(1) as usize;
            self.work(&mut block.part(done, step.frames));
            if step.snap {
                self.channels.iter_mut().for_each(|channel| channel.oversampler.snap());
            }
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        for channel in &mut self.channels {
            channel.oversampler.clear();
            channel.dry.clear();
            channel.last = [0.0; 2];
        }
    }

    fn latency(&self) -> u32 {
        LATENCY
    }

    /// Twice the latency, and the filter against direct current if there is a bias: its time constant is 32 ms.
    fn tail(&self) -> u32 {
        let rate = core::f64::consts::TAU * crate::utility::DC_HZ / (1.0 - f64::from(self.pole));
        let ringing = if self.controls.target(2) != 0.0 { (0.4 * rate) as u32 } else { 0 };
        2 * LATENCY + ringing
    }
}

#[cfg(test)]
mod tests;
