//! Meters: peaks, levels, true peak, loudness, spectrum; and samples that are no numbers.
//!
//! A meter hears blocks and is asked when a screen wants to know; neither allocates. What it tells does not depend on how the
//! signal was cut into blocks.

pub mod level;
pub mod loudness;
pub mod spectrum;
pub mod true_peak;

use crate::mix::larger;

/// The largest magnitude (linear, ≥ 0) in `samples`; 0 when empty. Not-a-number counts as nothing.
#[must_use]
pub fn peak(samples: &[f32]) -> f32 {
    let (chunks, rest) = samples.as_chunks::<8>();
    let mut peaks = [0.0f32; 8];
    for chunk in chunks {
        for lane in 0..8 {
            let magnitude = chunk[lane].abs();
            peaks[lane] = if magnitude > peaks[lane] { magnitude } else { peaks[lane] };
        }
    }
    let peak = peaks.into_iter().fold(0.0, larger);
    rest.iter().fold(peak, |peak, x| larger(peak, x.abs()))
}

/// Replaces infinities and not-a-numbers by silence and returns how many there were.
///
/// The common case, none, is one pass that only looks.
pub fn silence_non_finite(samples: &mut [f32]) -> usize {
    if all_finite(samples) {
        return 0;
    }
    let mut count = 0;
    for x in samples.iter_mut().filter(|x| !x.is_finite()) {
        *x = 0.0;
        count += 1;
    }
    count
}

/// The smallest magnitude that sounds: -400 dB.
const TINY: f32 = 1e-20;

/// Makes magnitudes below 1e-20, and negative zeros, a plain 0. Audio threads of browsers flush numbers below 1.2e-38 to
/// zero, other threads compute with them: without this, what is 0 on one side would be next to 0 on the other.
pub fn silence_tiny(samples: &mut [f32]) {
    for x in samples {
        *x = if x.abs() < TINY { 0.0 } else { *x };
    }
}

const EXPONENT: u32 = 0x7f80_0000;

fn all_finite(samples: &[f32]) -> bool {
    let mut found = false;
    for chunk in samples.chunks(1024) {
        found |= chunk.iter().fold(false, |found, x| found | (x.to_bits() & EXPONENT == EXPONENT));
    }
    !found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_is_the_largest_magnitude_wherever_it_lies() {
        for place in 0..21 {
            let mut samples = vec![0.1f32; 21];
            samples[place] = -0.9;
            assert_eq!(peak(&samples), 0.9);
        }
        assert_eq!(peak(&[]), 0.0);
        assert_eq!(peak(&[f32::NAN, 0.25]), 0.25);
    }

    #[test]
    fn what_is_too_small_to_sound_becomes_a_plain_zero() {
        let mut samples = [1e-41, -1e-41, -0.0, 1e-21, -1e-19, 0.5];
        silence_tiny(&mut samples);
        assert_eq!(samples.map(f32::to_bits), [0.0f32, 0.0, 0.0, 0.0, -1e-19, 0.5].map(f32::to_bits));
    }

    #[test]
    fn what_is_no_number_becomes_silence_and_is_counted() {
        let mut samples = [0.5, f32::NAN, f32::INFINITY, -0.5, f32::NEG_INFINITY, f32::MAX];
        assert_eq!(silence_non_finite(&mut samples), 3);
        assert_eq!(samples, [0.5, 0.0, 0.0, -0.5, 0.0, f32::MAX]);
        assert_eq!(silence_non_finite(&mut samples), 0);
    }
}
