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

    /// As its cases 20 to 23: a tone with one louder period, made at four times the rate and brought down from there, from each of the four frames
    /// on, so that the highest point lies on the grid of samples or up to half a sample beside it.
    #[test]
    fn en28_a_peak_between_the_samples_is_found_wherever_it_lies() {
        const TAPS: i64 = 400;
        for share in [4.0, 6.0] {
            let tone = |n: i64| {
                let at = (n - 20_000) as f64 / (4.0 * share);
                if n < 0 {
                    return 0.0;
                }
                let level = if (0.0..1.0).contains(&at) { 1.0 } else { 0.5 };
                level * libm::sin(core::f64::consts::TAU * at)
            };
            // Nothing above half the rate: a sinc, cut off there, in a raised cosine.
            let tap = |k: i64| {
                let x = core::f64::consts::PI * k as f64;
                let sinc = if k == 0 { 1.0 } else { libm::sin(x / 4.0) / (x / 4.0) };
                sinc / 4.0 * (0.5 + 0.5 * libm::cos(x / TAPS as f64))
            };
            let taps: Vec<f64> = (-TAPS..=TAPS).map(tap).collect();
            let fine = |n: i64| taps.iter().enumerate().map(|(k, tap)| tap * tone(n + k as i64 - TAPS)).sum::<f64>();
            let fine: Vec<f64> = (18_000..24_000).map(fine).collect();
            let expected = 20.0 * libm::log10(fine.iter().fold(0.0, |most: f64, x| most.max(x.abs())));
            let mut on_the_grid = f64::INFINITY;
            for offset in 0..4 {
                let samples: Vec<f32> = fine.iter().skip(offset).step_by(4).map(|x| *x as f32).collect();
                let mut meter = TruePeak::new();
                meter.hear(&samples, &samples);
                let db = 20.0 * libm::log10(f64::from(meter.take()[0]));
                assert!(
                    (expected - 0.4..=expected + 0.2).contains(&db),
                    "rate/{share} from {offset}: {db}, not {expected} dB"
                );
                on_the_grid = on_the_grid.min(20.0 * libm::log10(f64::from(crate::meter::peak(&samples))));
            }
            assert!(expected > -1.0 && on_the_grid < expected - 0.4, "{expected} dB, on the grid {on_the_grid} dB");
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
