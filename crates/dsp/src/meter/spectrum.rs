//! The spectrum of what was last heard.

use crate::device::controls::heard;
use crate::fourier::Fourier;
use crate::window::hann;

/// The lowest level that is told, in dB.
pub const FLOOR_DB: f32 = -160.0;

/// Remembers the last samples of one channel, and tells their spectrum when asked.
#[derive(Clone, Debug)]
pub struct Spectrum {
    fourier: Fourier,
    window: Vec<f32>,
    past: Vec<f32>,
    head: usize,
    samples: Vec<f32>,
    bins: Vec<[f32; 2]>,
}

impl Spectrum {
    /// Over so many samples: see [`Fourier::new`].
    #[must_use]
    pub fn new(length: usize) -> Self {
        let fourier = Fourier::new(length);
        let length = fourier.length();
        // A sine at full scale has 0 dB: half of it lies at its negative frequency, and the window's mean is a half.
        let window = (0..length).map(|n| (hann(n, length) * 4.0 / length as f64) as f32).collect();
        let bins = vec![[0.0; 2]; length / 2 + 1];
        Self { fourier, window, past: vec![0.0; length], head: 0, samples: vec![0.0; length], bins }
    }

    /// Levels that [`Spectrum::levels`] tells: the frequencies from 0 to half the rate.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bins.len()
    }

    /// Never: there are always some.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// Hears a block; what is no number is silence.
    pub fn hear(&mut self, block: &[f32]) {
        for x in block {
            self.past[self.head] = heard(*x);
            self.head = (self.head + 1) & (self.past.len() - 1);
        }
    }

    /// Writes the level of each frequency in dB, a sine at full scale having 0, as far as there is room.
    pub fn levels(&mut self, levels: &mut [f32]) {
        let (newer, older) = self.past.split_at(self.head);
        for ((y, x), w) in self.samples.iter_mut().zip(older.iter().chain(newer)).zip(&self.window) {
            *y = *x * *w;
        }
        self.fourier.transform(&self.samples, &mut self.bins);
        for (level, [re, im]) in levels.iter_mut().zip(&self.bins) {
            let power = re * re + im * im;
            *level = if power > 1e-16 { 10.0 * libm::log10f(power) } else { FLOOR_DB };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en29_a_sine_has_its_level_at_its_frequency_and_little_elsewhere() {
        let mut spectrum = Spectrum::new(2_048);
        let bin = 100;
        let at = |n: u32| core::f64::consts::TAU * f64::from(bin) * f64::from(n) / 2_048.0;
        let sine: Vec<f32> = (0..5_000).map(|n| (0.5 * libm::sin(at(n))) as f32).collect();
        sine.chunks(77).for_each(|block| spectrum.hear(block));
        let mut levels = vec![0.0; spectrum.len()];
        spectrum.levels(&mut levels);
        assert!((levels[100] + 6.0206).abs() < 0.001, "{}", levels[100]);
        // Hann's window: half as much beside it, nothing further off but the noise of f32.
        assert!((levels[101] + 12.0412).abs() < 0.001, "{}", levels[101]);
        assert!(levels.iter().enumerate().all(|(k, db)| k.abs_diff(100) < 2 || *db < -120.0));
    }

    #[test]
    fn en29_silence_and_what_is_no_number_are_the_floor() {
        let mut spectrum = Spectrum::new(64);
        spectrum.hear(&[f32::NAN; 64]);
        let mut levels = [0.0; 40];
        spectrum.levels(&mut levels);
        assert!(levels[..33].iter().all(|db| *db == FLOOR_DB));
        assert_eq!((spectrum.len(), spectrum.is_empty(), levels[33]), (33, false, 0.0));
    }
}
