//! What one device gives, listened to for a screen that shows its spectrum. Costs nothing while nobody listens.

use dsp::meter::spectrum::Spectrum;

use super::CUT_FRAMES;
use super::signal::Signal;

/// Samples over which a spectrum is taken: 23 Hz apart at 48 kHz.
const LENGTH: usize = 2_048;
/// Levels of a spectrum: the frequencies from 0 to half the rate.
pub const SPECTRUM_LEVELS: usize = LENGTH / 2 + 1;

/// A tap behind a device.
#[derive(Debug, Default)]
pub(super) struct Tap {
    /// The device of the plan in force.
    device: Option<usize>,
    /// Made when somebody first listens.
    spectrum: Option<Spectrum>,
    middle: Vec<f32>,
    /// Frames that came since the last block.
    heard: usize,
}

impl Tap {
    /// Makes what listening takes. Allocates the first time: outside of `process`.
    pub(super) fn prepare(&mut self) {
        if self.spectrum.is_none() {
            self.spectrum = Some(Spectrum::new(LENGTH));
            self.middle = vec![0.0; CUT_FRAMES];
        }
    }

    /// Listens behind a device, or nowhere; before it is prepared, nowhere.
    pub(super) fn listen(&mut self, device: Option<usize>) {
        self.device = device.filter(|_| self.spectrum.is_some());
    }

    /// Behind which device it listens.
    pub(super) fn device(&self) -> Option<usize> {
        self.device
    }

    /// Hears the middle of both channels, if it is at this device.
    pub(super) fn hear(&mut self, device: usize, signal: &Signal<'_>) {
        let Some(spectrum) = self.spectrum.as_mut().filter(|_| self.device == Some(device) && !signal.silent) else {
            return;
        };
        let [left, right] = signal.view();
        for ((middle, left), right) in self.middle.iter_mut().zip(left).zip(right) {
            *middle = 0.5 * (*left + *right);
        }
        spectrum.hear(&self.middle[..left.len().min(CUT_FRAMES)]);
        self.heard += left.len();
    }

    /// A block of so many frames is over: what did not come was silence.
    pub(super) fn end_block(&mut self, frames: usize) {
        let heard = core::mem::take(&mut self.heard);
        let Some(spectrum) = self.spectrum.as_mut().filter(|_| self.device.is_some()) else { return };
        self.middle.fill(0.0);
        let mut missing = frames.saturating_sub(heard);
        while missing > 0 {
            let part = missing.min(CUT_FRAMES);
            spectrum.hear(&self.middle[..part]);
            missing -= part;
        }
    }

    /// Writes the levels in dB; false when nobody listens.
    pub(super) fn levels(&mut self, levels: &mut [f32]) -> bool {
        let listening = self.device.is_some();
        if let Some(spectrum) = self.spectrum.as_mut().filter(|_| listening) {
            spectrum.levels(levels);
        }
        listening
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en29_a_tap_hears_its_device_only_and_silence_when_nothing_comes() {
        let mut tap = Tap::default();
        let mut levels = [0.0f32; SPECTRUM_LEVELS];
        assert!(!tap.levels(&mut levels));
        tap.listen(Some(3));
        assert_eq!(tap.device(), None);
        tap.prepare();
        tap.listen(Some(3));
        assert_eq!(tap.device(), Some(3));
        let wave = |n: usize| if (n / 8).is_multiple_of(2) { 0.5f32 } else { -0.5 };
        let (mut left, mut right): (Vec<f32>, Vec<f32>) = ((0..128).map(wave).collect(), (0..128).map(wave).collect());
        for _ in 0..32 {
            let signal = Signal { left: &mut left, right: &mut right, silent: false };
            tap.hear(2, &signal);
            tap.hear(3, &signal);
            tap.end_block(128);
        }
        assert!(tap.levels(&mut levels));
        // The fundamental of a square wave is 4/π of it: 0.637, -3.9 dB.
        assert!((levels[LENGTH / 16] + 3.9).abs() < 0.2, "{}", levels[LENGTH / 16]);
        (0..16).for_each(|_| tap.end_block(128));
        assert!(tap.levels(&mut levels) && levels.iter().all(|level| *level < -150.0));
    }
}
