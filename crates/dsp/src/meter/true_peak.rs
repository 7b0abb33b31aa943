//! True peak: the largest magnitude between the samples, at four times the rate (ITU-R BS.1770-4, annex 2).

use crate::device::controls::{SEGMENT, heard};
use crate::mix::larger;
use crate::oversampling::Between;

/// The meter.
#[derive(Clone, Debug, Default)]
pub struct TruePeak {
    between: [Between; 2],
    peaks: [f32; 2],
}

impl TruePeak {
    /// Allocates what it needs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hears a block; what is no number is silence.
    pub fn hear(&mut self, left: &[f32], right: &[f32]) {
        for ((samples, between), most) in [left, right].into_iter().zip(&mut self.between).zip(&mut self.peaks) {
            for samples in samples.chunks(SEGMENT) {
                let (mut sound, mut peaks) = ([0.0f32; SEGMENT], [0.0f32; SEGMENT]);
                for (y, x) in sound.iter_mut().zip(samples) {
                    *y = heard(*x);
                }
                between.raise(&sound[..samples.len()], &mut peaks);
                *most = peaks.iter().copied().fold(*most, larger);
            }
        }
    }

    /// The largest magnitudes, left and right, since this was last asked: factors, 1 being full scale.
    pub fn take(&mut self) -> [f32; 2] {
        core::mem::take(&mut self.peaks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EBU Tech 3341's sines for true peak, cases 15 to 19: a share of the rate, a phase, a level; faded in and out.
    #[test]
    fn en28_sines_of_ebu_tech_3341_have_their_true_peak() {
        let table = [
            (4.0, 0.0, 0.5, -6.0),
            (4.0, 45.0, 0.5, -6.0),
            (6.0, 60.0, 0.5, -6.0),
            (8.0, 67.5, 0.5, -6.0),
            (4.0, 45.0, 1.41, 3.0),
        ];
        for (share, phase, level, expected) in table {
            let fade = |n: u32| (f64::from(n.min(47_999 - n)) / 4_800.0).min(1.0);
            let at = |n: u32| core::f64::consts::TAU * f64::from(n) / share + f64::to_radians(phase);
            let samples: Vec<f32> = (0..48_000).map(|n| (level * fade(n) * libm::sin(at(n))) as f32).collect();
            let mut meter = TruePeak::new();
            meter.hear(&samples, &[0.0; 10]);
            let [left, right] = meter.take();
            let db = 20.0 * libm::log10(f64::from(left));
            assert!((expected - 0.4..=expected + 0.2).contains(&db), "rate/{share} at {phase}°: {db} dB");
            assert_eq!(right, 0.0);
        }
    }

    #[test]
    fn en28_true_peak_is_never_below_the_peak_and_does_not_depend_on_blocks() {
        let samples: Vec<f32> = (0..5_000u32).map(|n| ((n * 7_919) % 2_001) as f32 / 1_000.0 - 1.0).collect();
        let (mut whole, mut pieces) = (TruePeak::new(), TruePeak::new());
        whole.hear(&samples, &samples);
        samples.chunks(7).for_each(|block| pieces.hear(block, block));
        let peaks = whole.take();
        assert_eq!(peaks, pieces.take());
        assert!(peaks[0] >= crate::meter::peak(&samples));
    }

    #[test]
    fn en28_true_peak_hears_silence_where_there_is_no_number() {
        let mut meter = TruePeak::new();
        meter.hear(&[f32::NAN, f32::INFINITY, 0.25], &[0.0; 3]);
        meter.hear(&[0.0; 64], &[0.0; 64]);
        assert!(meter.take()[0] < 0.4);
    }
}
