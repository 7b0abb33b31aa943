//! Integer PCM bytes (little-endian, interleaved, as in a WAV file) to planar f32. Full scale is 1.0 = 2^(bits-1).
//!
//! 16 and 24 bits fit an f32 exactly, so these conversions lose nothing and agree everywhere.

/// 16-bit stereo: `bytes` holds 4 bytes a frame. Converts as many frames as all three slices have, and returns how many.
pub fn stereo_i16(bytes: &[u8], left: &mut [f32], right: &mut [f32]) -> usize {
    let (frames, _) = bytes.as_chunks::<4>();
    // A frame is read as one 32-bit word and the channels are shifted out of it: plain vector shifts, no shuffles.
    for ((frame, l), r) in frames.iter().zip(left.iter_mut()).zip(right.iter_mut()) {
        let word = i32::from_le_bytes(*frame);
        *l = ((word << 16) >> 16) as f32 * SCALE_16;
        *r = (word >> 16) as f32 * SCALE_16;
    }
    frames.len().min(left.len()).min(right.len())
}

/// 16-bit mono: 2 bytes a frame. Converts as many frames as both slices have, and returns how many.
pub fn mono_i16(bytes: &[u8], mono: &mut [f32]) -> usize {
    let (frames, _) = bytes.as_chunks::<2>();
    for (frame, x) in frames.iter().zip(mono.iter_mut()) {
        *x = f32::from(i16::from_le_bytes(*frame)) * SCALE_16;
    }
    frames.len().min(mono.len())
}

/// One 16-bit sample.
#[must_use]
pub fn sample_i16(sample: i16) -> f32 {
    f32::from(sample) * SCALE_16
}

const SCALE_16: f32 = 1.0 / 32_768.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_value_is_exact_in_both_channels() {
        let all: Vec<u8> = (i16::MIN..=i16::MAX).flat_map(|v| [v.to_le_bytes(), (!v).to_le_bytes()].concat()).collect();
        let (mut left, mut right) = (vec![0.0; 65_536], vec![0.0; 65_536]);
        assert_eq!(stereo_i16(&all, &mut left, &mut right), 65_536);
        for (n, v) in (i16::MIN..=i16::MAX).enumerate() {
            assert_eq!(f64::from(left[n]), f64::from(v) / 32_768.0);
            assert_eq!(f64::from(right[n]), f64::from(!v) / 32_768.0);
        }
    }

    #[test]
    fn short_slices_end_the_conversion() {
        let (mut left, mut right) = ([9.0; 3], [9.0; 2]);
        assert_eq!(stereo_i16(&[0; 15], &mut left, &mut right), 2);
        assert_eq!(left, [0.0, 0.0, 9.0]);
        assert_eq!(mono_i16(&[0, 0x80, 1], &mut left), 1);
        assert_eq!(left, [-1.0, 0.0, 9.0]);
    }
}
