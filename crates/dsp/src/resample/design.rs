//! The filter's impulse response: a sinc under Kaiser's window, whose length follows from his formulas (J. F. Kaiser,
//! "Nonrecursive Digital Filter Design Using the I0-sinh Window Function", 1974).

use core::f64::consts::PI;

use super::Conversion;

/// Design attenuation of the stop band in dB; the tests show that 112 dB are kept.
const ATTENUATION_DB: f64 = 114.0;
/// The pass band's share of the lower Nyquist frequency.
const PASS: f64 = 20_000.0 / 22_050.0;

/// Kaiser's estimate of the length, in source frames.
pub(super) fn length(source: u32, output: u32) -> u32 {
    let transition = 0.5 * (1.0 - PASS) * f64::from(source.min(output)) / f64::from(source);
    ((ATTENUATION_DB - 7.95) / (14.36 * transition) + 1.0) as u32
}

/// The response at phases of a conversion.
pub(super) struct Design {
    half: f64,
    cutoff: f64,
    phases: f64,
    row: Vec<f64>,
}

impl Design {
    pub(super) fn new(conversion: &Conversion) -> Self {
        let edge = 0.5 * f64::from(conversion.up.min(conversion.down)) / f64::from(conversion.down);
        Self {
            half: f64::from(conversion.taps) / 2.0,
            cutoff: edge * (1.0 + PASS) / 2.0,
            phases: f64::from(conversion.phases),
            row: vec![0.0; conversion.taps as usize],
        }
    }

    /// Coefficient `k` weighs source frame `i - taps/2 + 1 + k` of an output frame at source position `i + phase/phases`. They
    /// sum to one before rounding, so a constant stays constant in all phases.
    pub(super) fn row(&mut self, phase: u32) -> impl Iterator<Item = f32> + '_ {
        let beta = 0.1102 * (ATTENUATION_DB - 8.7);
        let phase = f64::from(phase) / self.phases;
        for (k, h) in self.row.iter_mut().enumerate() {
            let t = k as f64 - self.half + 1.0 - phase;
            *h = sinc(2.0 * self.cutoff * t) * kaiser(t / self.half, beta);
        }
        let sum: f64 = self.row.iter().sum();
        self.row.iter().map(move |h| (h / sum) as f32)
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { libm::sin(PI * x) / (PI * x) }
}

/// Kaiser's window over -1..1.
fn kaiser(x: f64, beta: f64) -> f64 {
    let inside = 1.0 - x * x;
    if inside <= 0.0 { 0.0 } else { bessel_i0(beta * inside.sqrt()) / bessel_i0(beta) }
}

/// The modified Bessel function of the first kind and order zero, by its power series, to the last bit that matters.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-18 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}
