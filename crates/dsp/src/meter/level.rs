//! Peak, RMS and correlation of a stereo signal.
//!
//! RMS and correlation are of the last [`WINDOW_MS`], in steps of [`STEP_MS`]: the root of the mean square (a sine at full scale
//! has -3.01 dB), and `Σ l·r / √(Σ l² · Σ r²)`. Sums are f64, frame by frame.

use super::peak;
use crate::device::controls::heard;
use crate::mix::larger;

/// Over how many milliseconds RMS and correlation are taken.
pub const WINDOW_MS: u32 = 300;
/// In what steps, in milliseconds.
pub const STEP_MS: u32 = 10;
/// Steps of the window.
const STEPS: usize = (WINDOW_MS / STEP_MS) as usize;

/// The meter of a strip.
#[derive(Clone, Debug)]
pub struct Levels {
    peaks: [f32; 2],
    /// Sums of `l²`, `r²` and `l·r` of the last steps.
    steps: [[f64; 3]; STEPS],
    place: usize,
    sums: [f64; 3],
    frames: u32,
    step_frames: u32,
}

impl Levels {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let step_frames = (rate * STEP_MS / 1_000).max(1);
        Self { peaks: [0.0; 2], steps: [[0.0; 3]; STEPS], place: 0, sums: [0.0; 3], frames: 0, step_frames }
    }

    /// Hears a block; what is no number is silence.
    pub fn hear(&mut self, left: &[f32], right: &[f32]) {
        self.peaks = [larger(self.peaks[0], peak(left)), larger(self.peaks[1], peak(right))];
        for (l, r) in left.iter().zip(right) {
            let (l, r) = (f64::from(heard(*l)), f64::from(heard(*r)));
            self.sums = [self.sums[0] + l * l, self.sums[1] + r * r, self.sums[2] + l * r];
            self.frames += 1;
            if self.frames == self.step_frames {
                self.steps[self.place] = core::mem::take(&mut self.sums);
                self.place = (self.place + 1) % STEPS;
                self.frames = 0;
            }
        }
    }

    /// The largest magnitudes, left and right, since this was last asked.
    pub fn take_peaks(&mut self) -> [f32; 2] {
        core::mem::take(&mut self.peaks)
    }

    /// RMS left and right, as factors.
    #[must_use]
    pub fn rms(&self) -> [f32; 2] {
        let [left, right, _] = self.window();
        let frames = f64::from(self.step_frames) * STEPS as f64;
        [(left / frames).sqrt() as f32, (right / frames).sqrt() as f32]
    }

    /// 1 when both channels are alike, -1 when one is the other turned, 0 when they have nothing in common or one is silent.
    #[must_use]
    pub fn correlation(&self) -> f32 {
        let [left, right, both] = self.window();
        let power = (left * right).sqrt();
        if power > 1e-20 { (both / power).clamp(-1.0, 1.0) as f32 } else { 0.0 }
    }

    fn window(&self) -> [f64; 3] {
        self.steps.iter().fold([0.0; 3], |sum, step| core::array::from_fn(|k| sum[k] + step[k]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, phase: f64, level: f64) -> Vec<f32> {
        let at = |n: u32| core::f64::consts::TAU * hz * f64::from(n) / 48_000.0 + phase;
        (0..48_000).map(|n| (level * libm::sin(at(n))) as f32).collect()
    }

    fn heard(left: &[f32], right: &[f32]) -> Levels {
        let mut levels = Levels::new(48_000);
        for (l, r) in left.chunks(77).zip(right.chunks(77)) {
            levels.hear(l, r);
        }
        levels
    }

    #[test]
    fn en28_a_sine_has_the_root_of_a_half_of_its_peak() {
        let mut levels = heard(&sine(1_000.0, 0.0, 1.0), &sine(1_000.0, 0.0, 0.25));
        let [left, right] = levels.rms();
        assert!(
            (f64::from(left) - 0.5f64.sqrt()).abs() < 1e-6 && (f64::from(right) - 0.125f64.sqrt() / 2.0).abs() < 1e-6
        );
        assert_eq!(levels.take_peaks(), [1.0, 0.25]);
        assert_eq!(levels.take_peaks(), [0.0, 0.0]);
    }

    #[test]
    fn en28_correlation_is_the_cosine_of_the_phase_between_two_sines() {
        for degrees in [0.0, 45.0, 90.0, 120.0, 180.0f64] {
            let levels = heard(&sine(500.0, 0.0, 0.5), &sine(500.0, degrees.to_radians(), 0.1));
            let expected = libm::cos(degrees.to_radians());
            assert!((f64::from(levels.correlation()) - expected).abs() < 1e-5, "{degrees}");
        }
        assert_eq!(heard(&sine(500.0, 0.0, 0.5), &vec![0.0; 48_000]).correlation(), 0.0);
    }

    #[test]
    fn en28_levels_do_not_depend_on_blocks_and_forget_what_is_over() {
        let (left, right) = (sine(997.0, 0.3, 0.7), sine(1_499.0, 0.0, 0.4));
        let mut whole = Levels::new(48_000);
        whole.hear(&left, &right);
        assert_eq!(
            (whole.rms(), whole.correlation()),
            (heard(&left, &right).rms(), heard(&left, &right).correlation())
        );
        whole.hear(&[f32::NAN; 14_400], &[0.0; 14_400]);
        assert_eq!(whole.rms(), [0.0, 0.0]);
    }
}
