//! A state-variable filter to play with: low pass, high pass, band pass or notch, 12 or 24 dB per octave.
//!
//! The topology is that of [`crate::section`]: cutoff and resonance may move at every frame. At 24 dB per octave low and high
//! pass are Butterworth filters of 4th order whose second section is raised by `q / √½`; band pass and notch are two alike.

use crate::device::controls::{SEGMENT, STRIDE};
use crate::device::line::Line;
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, Unit};
use crate::section::{Response, Section, butterworth, cascade};

/// What it lets through, by the number that the parameter `kind` has.
pub const KINDS: &[&str] = &["Low pass", "High pass", "Band pass", "Notch"];
/// Slopes in dB per octave, by the number that the parameter `slope` has.
pub const SLOPES: &[&str] = &["12", "24"];

settings! {
    /// One of [`KINDS`].
    kind: Parameter::choice("kind", "Kind", KINDS, 0),
    /// Corner or centre in Hz.
    freq: Parameter::logarithmic("freq", "Frequency", Unit::Hertz, (20.0, 20_000.0), 1_000.0),
    /// Quality: gain at the corner, or narrowness.
    q: Parameter::logarithmic("q", "Resonance", Unit::Number, (0.5, 24.0), core::f32::consts::FRAC_1_SQRT_2),
    /// One of [`SLOPES`].
    slope: Parameter::choice("slope", "Slope", SLOPES, 0),
    /// How much of the filtered signal is heard, the rest being the input: in hundredths.
    mix: Parameter::linear("mix", "Mix", Unit::Percent, (0.0, 100.0), 100.0),
}

impl Settings {
    /// What its two sections do.
    #[must_use]
    pub fn responses(&self, rate: u32) -> [Response; 2] {
        let (rate, hz, q) = (f64::from(rate), f64::from(self.freq), f64::from(self.q));
        let kind = self.kind as u32;
        let make = |q| match kind {
            0 => Response::low_pass(hz, q, rate),
            1 => Response::high_pass(hz, q, rate),
            2 => Response::band_pass(hz, q, rate),
            _ => Response::notch(hz, q, rate),
        };
        let [first, second, ..] = butterworth(2);
        match (self.slope >= 0.5, kind) {
            (false, _) => [make(q), Response::IDENTITY],
            (true, 0 | 1) => [make(first), make(second * q * core::f64::consts::SQRT_2)],
            (true, _) => [make(q), make(q)],
        }
    }

    /// The filter's gain at a frequency in dB with nothing of the input beside it, as a screen draws it.
    #[must_use]
    pub fn gain_db(&self, hz: f64, rate: u32) -> f64 {
        self.responses(rate).iter().map(|response| response.gain_db(hz, f64::from(rate))).sum()
    }
}

/// The filter.
#[derive(Clone, Debug)]
pub struct Filter {
    controls: Controls,
    rate: u32,
    sections: [Section; 2],
    mix: Line<1>,
    dry: [[f32; SEGMENT]; 2],
}

impl Filter {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self {
            controls: Controls::new(PARAMETERS),
            rate: rate.clamp(RATE_MIN, RATE_MAX),
            sections: [Section::new(); 2],
            mix: Line::still([1.0]),
            dry: [[0.0; SEGMENT]; 2],
        }
    }
}

impl Device for Filter {
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
                let settings = Settings::from_values(self.controls.now(step));
                for (section, response) in self.sections.iter_mut().zip(settings.responses(self.rate)) {
                    section.jump(response);
                }
                self.mix.jump([f64::from(settings.mix) / 100.0]);
            }
            if step.aim {
                let settings = Settings::from_values(self.controls.soon(step));
                for (section, response) in self.sections.iter_mut().zip(settings.responses(self.rate)) {
                    section.aim(response, STRIDE);
                }
                self.mix.aim([f64::from(settings.mix) / 100.0], STRIDE);
            }
            self.filter(&mut block.part(done, step.frames));
            if step.snap {
                self.sections.iter_mut().for_each(Section::snap);
            }
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.sections.iter_mut().for_each(Section::clear);
    }

    /// The poles of the sharpest section decay as `exp(-π·f/q·t)`; 11.5 of these time constants are 100 dB.
    fn tail(&self) -> u32 {
        let (freq, q) = (f64::from(self.controls.target(1)), f64::from(self.controls.target(2)));
        let seconds = 2.0 * 11.6 * (q * 1.9).max(0.7) / (core::f64::consts::PI * freq);
        (seconds * f64::from(self.rate)) as u32
    }
}

impl Filter {
    fn filter(&mut self, part: &mut Block<'_>) {
        let frames = part.len();
        if !self.mix.is_moving() && self.mix.target(0) == 1.0 {
            cascade(&mut self.sections, part.left, part.right);
            return;
        }
        let mut mix = [0.0f32; SEGMENT];
        self.mix.write(0, &mut mix[..frames]);
        self.mix.skip(frames);
        let [dry_left, dry_right] = &mut self.dry;
        dry_left[..frames].copy_from_slice(part.left);
        dry_right[..frames].copy_from_slice(part.right);
        cascade(&mut self.sections, part.left, part.right);
        for (wet, dry) in [(&mut *part.left, dry_left), (&mut *part.right, dry_right)] {
            for ((w, d), m) in wet.iter_mut().zip(dry).zip(&mix) {
                *w = *d + (*w - *d) * *m;
            }
        }
    }
}

#[cfg(test)]
mod tests;
