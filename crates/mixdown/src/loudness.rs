//! How loud a mix is, and the factor that brings it to a loudness (EBU R128, Tech 3341).

use dsp::meter::loudness::Loudness;
use dsp::meter::true_peak::TruePeak;
use dsp::oversampling::BETWEEN_LATENCY;

use crate::limits::RAISE_DB_MAX;

/// The highest true peak that bringing a mix to a loudness leaves, in dBTP, as EBU R128 asks for.
pub const CEILING_DB: f64 = -1.0;

/// What a mix was measured to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Integrated loudness in LUFS; below -70 for silence.
    pub lufs: f64,
    /// The highest true peak in dBTP; minus infinity for silence.
    pub true_peak_db: f64,
}

impl Measured {
    /// The gain in dB that brings it to `lufs`, or as near as the ceiling lets it; none where it is too short (less than 0.4 s) or too quiet
    /// (below -70 LUFS) to have a loudness.
    #[must_use]
    pub fn gain_db(&self, lufs: f64) -> Option<f64> {
        let has_one = self.lufs.is_finite() && self.lufs >= -70.0;
        has_one.then(|| (lufs - self.lufs).min(CEILING_DB - self.true_peak_db).min(RAISE_DB_MAX))
    }
}

/// Measures while it hears.
pub(crate) struct Meter {
    loudness: Loudness,
    true_peak: TruePeak,
    peak: f32,
}

impl Meter {
    pub(crate) fn new(rate: u32) -> Meter {
        Meter { loudness: Loudness::new(rate), true_peak: TruePeak::new(), peak: 0.0 }
    }

    pub(crate) fn hear(&mut self, left: &[f32], right: &[f32]) {
        self.loudness.hear(left, right);
        self.true_peak.hear(left, right);
        let [l, r] = self.true_peak.take();
        self.peak = self.peak.max(l).max(r);
    }

    /// What was heard, to its end: the signal between the last samples is known once silence has followed them.
    pub(crate) fn measured(mut self) -> Measured {
        let silence = [0.0; BETWEEN_LATENCY];
        self.true_peak.hear(&silence, &silence);
        let [l, r] = self.true_peak.take();
        self.peak = self.peak.max(l).max(r);
        Measured { lufs: self.loudness.integrated(), true_peak_db: decibels(self.peak) }
    }
}

/// A factor in dB.
pub(crate) fn decibels(factor: f32) -> f64 {
    20.0 * libm::log10(f64::from(factor))
}

/// A level in dB as a factor.
#[must_use]
pub fn factor(decibels: f64) -> f32 {
    libm::exp(decibels * core::f64::consts::LN_10 / 20.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_holds_what_would_become_too_loud_and_silence_stays_silent() {
        let gain = |lufs, true_peak_db, wanted| Measured { lufs, true_peak_db }.gain_db(wanted);
        let gains = [gain(-20.0, -9.0, -14.0), gain(-20.0, -9.0, -10.0), gain(-20.0, 2.0, -14.0)];
        assert_eq!(gains, [Some(6.0), Some(8.0), Some(-3.0)]);
        assert_eq!([gain(-8.0, -0.2, -14.0), gain(-65.0, -62.0, -14.0)], [Some(-6.0), Some(RAISE_DB_MAX)]);
        assert_eq!(gain(f64::NEG_INFINITY, f64::NEG_INFINITY, -14.0), None);
        assert!((factor(-6.0206) - 0.5).abs() < 1e-5 && factor(0.0) == 1.0);
    }

    #[test]
    fn the_true_peak_is_that_of_the_last_frame_too() {
        for behind in [0, 1, 23, 24] {
            let mut meter = Meter::new(48_000);
            let mut click = vec![0.0; 1_000 + behind];
            click[999] = 0.5;
            meter.hear(&click, &vec![0.0; 1_000 + behind]);
            let peak = meter.measured().true_peak_db;
            assert!((peak - decibels(0.5)).abs() < 0.01, "{behind} frames before the end: {peak} dBTP");
        }
    }
}
