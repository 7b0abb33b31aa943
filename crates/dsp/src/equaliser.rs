//! A parametric equaliser of eight bands.
//!
//! Each band is one of six responses of R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
//! Cuts are Butterworth filters of 2nd, 4th or 8th order, whose section of highest quality is raised by `q / √½`, so that the
//! gain at the band's frequency is `q`. What a band does is crossfaded when it is switched or becomes another kind.

use crate::device::controls::STRIDE;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, Unit};
use crate::section::{Response, Section, butterworth, cascade};

/// Bands.
pub const BANDS: usize = 8;
/// Parameters of one band: `on1`, `kind1`, `freq1`, `gain1`, `q1`, `slope1` for the first, and so on.
pub const BAND_PARAMETERS: usize = 6;
/// The sections that the steepest band needs.
const SECTIONS: usize = 4;

/// Kinds of bands, by the number that their parameter `kind` has.
pub const KINDS: &[&str] = &["Low cut", "Low shelf", "Bell", "Notch", "High shelf", "High cut"];
/// Slopes of cuts in dB per octave, by the number that their parameter `slope` has.
pub const SLOPES: &[&str] = &["12", "24", "48"];

/// The values of one band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// 0 off, 1 on, in between the share that is heard.
    pub on: f32,
    /// One of [`KINDS`].
    pub kind: f32,
    /// Centre of bells and notches, middle of shelves, corner of cuts; in Hz.
    pub freq: f32,
    /// Gain of bells and shelves in dB.
    pub gain: f32,
    /// Quality: large is narrow for bells and notches, steep for shelves, resonant for cuts.
    pub q: f32,
    /// One of [`SLOPES`], for cuts.
    pub slope: f32,
}

impl Band {
    /// From the values of one band in the table's order.
    fn from_values([on, kind, freq, gain, q, slope]: [f32; BAND_PARAMETERS]) -> Self {
        Self { on, kind, freq, gain, q, slope }
    }

    /// What each of its sections does.
    #[must_use]
    pub fn responses(&self, rate: u32) -> [Response; SECTIONS] {
        let mut responses = [Response::IDENTITY; SECTIONS];
        if self.on > 0.0 {
            let rate = f64::from(rate);
            let (hz, q, gain) = (f64::from(self.freq), f64::from(self.q), f64::from(self.gain));
            match self.kind as u32 {
                0 => self.cut(&mut responses, |q| Response::high_pass(hz, q, rate)),
                1 => responses[0] = Response::low_shelf(hz, q, gain, rate),
                2 => responses[0] = Response::bell(hz, q, gain, rate),
                3 => responses[0] = Response::notch(hz, q, rate),
                4 => responses[0] = Response::high_shelf(hz, q, gain, rate),
                _ => self.cut(&mut responses, |q| Response::low_pass(hz, q, rate)),
            }
            if self.on < 1.0 {
                responses = responses.map(|response| response.mixed(f64::from(self.on)));
            }
        }
        responses
    }

    /// Its gain at a frequency in dB, as a screen draws it.
    #[must_use]
    pub fn gain_db(&self, hz: f64, rate: u32) -> f64 {
        self.responses(rate).iter().map(|response| response.gain_db(hz, f64::from(rate))).sum()
    }

    fn cut(&self, responses: &mut [Response; SECTIONS], section: impl Fn(f64) -> Response) {
        let count = 1 << (self.slope as u32).min(2);
        let mut qualities = butterworth(count);
        qualities[count - 1] *= f64::from(self.q) * core::f64::consts::SQRT_2;
        for (response, quality) in responses.iter_mut().zip(qualities).take(count) {
            *response = section(quality);
        }
    }
}

/// The parameters, band by band.
pub const PARAMETERS: &[Parameter] = &TABLE;

static TABLE: [Parameter; BANDS * BAND_PARAMETERS] = table();

macro_rules! numbered {
    ($name:literal) => {
        [
            concat!($name, "1"),
            concat!($name, "2"),
            concat!($name, "3"),
            concat!($name, "4"),
            concat!($name, "5"),
            concat!($name, "6"),
            concat!($name, "7"),
            concat!($name, "8"),
        ]
    };
}

const fn table() -> [Parameter; BANDS * BAND_PARAMETERS] {
    let kinds = [0, 1, 2, 2, 2, 2, 4, 5];
    let frequencies = [30.0, 100.0, 250.0, 600.0, 1_500.0, 4_000.0, 8_000.0, 16_000.0];
    let mut table = [Parameter::switch("", "", false); BANDS * BAND_PARAMETERS];
    let mut band = 0;
    while band < BANDS {
        let q = if kinds[band] == 2 { 1.0 } else { core::f32::consts::FRAC_1_SQRT_2 };
        let at = band * BAND_PARAMETERS;
        table[at] = Parameter::switch(numbered!("on")[band], numbered!("On ")[band], false);
        table[at + 1] = Parameter::choice(numbered!("kind")[band], numbered!("Kind ")[band], KINDS, kinds[band]);
        table[at + 2] = Parameter::logarithmic(
            numbered!("freq")[band],
            numbered!("Frequency ")[band],
            Unit::Hertz,
            (20.0, 20_000.0),
            frequencies[band],
        );
        table[at + 3] =
            Parameter::linear(numbered!("gain")[band], numbered!("Gain ")[band], Unit::Decibels, (-24.0, 24.0), 0.0);
        table[at + 4] =
            Parameter::logarithmic(numbered!("q")[band], numbered!("Q ")[band], Unit::Number, (0.1, 24.0), q);
        table[at + 5] = Parameter::choice(numbered!("slope")[band], numbered!("Slope ")[band], SLOPES, 0);
        band += 1;
    }
    table
}

/// The gain of all bands together at a frequency in dB, from values in the table's order; what is missing has its default.
#[must_use]
pub fn gain_db(values: &[f32], hz: f64, rate: u32) -> f64 {
    (0..BANDS).map(|band| band_of(values, band).gain_db(hz, rate)).sum()
}

fn band_of(values: &[f32], band: usize) -> Band {
    let at = band * BAND_PARAMETERS;
    Band::from_values(core::array::from_fn(|i| values.get(at + i).copied().unwrap_or(TABLE[at + i].default)))
}

/// The equaliser.
#[derive(Clone, Debug)]
pub struct Equaliser {
    controls: Controls,
    rate: u32,
    sections: [Section; BANDS * SECTIONS],
    /// What the sections were last computed from: only bands that moved are computed again.
    bands: [Option<Band>; BANDS],
}

impl Equaliser {
    /// At a sample rate in Hz, all bands off.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let sections = [Section::new(); BANDS * SECTIONS];
        Self { controls: Controls::new(PARAMETERS), rate, sections, bands: [None; BANDS] }
    }

    fn compute(&mut self, values: [Band; BANDS], over: u32) {
        for ((band, known), sections) in values.into_iter().zip(&mut self.bands).zip(self.sections.chunks_mut(SECTIONS))
        {
            if *known != Some(band) {
                for (section, response) in sections.iter_mut().zip(band.responses(self.rate)) {
                    if over == 0 { section.jump(response) } else { section.aim(response, over) }
                }
                *known = Some(band);
            }
        }
    }
}

impl Device for Equaliser {
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
                let values = self.controls.now(step);
                let bands = core::array::from_fn(|band| band_of(values, band));
                self.bands = [None; BANDS];
                self.compute(bands, 0);
            }
            if step.aim {
                let values = self.controls.soon(step);
                let bands = core::array::from_fn(|band| band_of(values, band));
                self.compute(bands, STRIDE);
            }
            let part = block.part(done, step.frames);
            cascade(&mut self.sections, part.left, part.right);
            if step.snap {
                self.snap();
            }
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.sections.iter_mut().for_each(Section::clear);
    }

    /// As long as the slowest band rings: its poles decay as `exp(-π·f/q·t)` at least, and 11.5 of these time constants are
    /// 100 dB. Bells that lower ring as the inverse of what raises.
    fn tail(&self) -> u32 {
        let longest = (0..BANDS).map(|band| self.ringing(band)).fold(0.0, f64::max);
        (longest * f64::from(self.rate)).min(f64::from(u32::MAX)) as u32
    }
}

impl Equaliser {
    fn snap(&mut self) {
        for section in &mut self.sections {
            if section.is_active() { section.snap() } else { section.clear() }
        }
    }

    /// Seconds until a band has rung off.
    fn ringing(&self, band: usize) -> f64 {
        let value = |i: usize| f64::from(self.controls.target(band * BAND_PARAMETERS + i));
        let (on, kind, freq, gain, q) = (value(0), value(1), value(2), value(3), value(4));
        let wider = libm::pow(10.0, gain.abs() / 40.0);
        let quality = match kind as u32 {
            2 => q * wider,
            0 | 5 => 2.6 * q.max(1.0) * core::f64::consts::SQRT_2,
            _ => q.max(0.5) * wider,
        };
        // A quality below a half has two real poles, the slower of which decays as exp(-2π·f·q·t).
        let slowest = quality.max(0.25 / q.min(1.0));
        if on > 0.0 { 11.6 * slowest * 2.0 / (core::f64::consts::PI * freq) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
