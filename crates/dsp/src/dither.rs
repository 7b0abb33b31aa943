//! TPDF dither and quantisation to 16 and 24 bits.
//!
//! Noise of triangular distribution, two steps wide from peak to peak, makes mean and variance of the quantisation error
//! independent of the signal (S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy, "Quantization and Dither: A Theoretical Survey",
//! JAES 40, 1992).
//!
//! **The generator** is a hash of a counter, so that the noise at a frame depends on seed, frame and channel only: with
//! `c = 2·frame + channel` modulo 2^32, `h = mix(c ^ mix(seed))`, where
//! `mix(x): x ^= x>>16; x *= 0x7feb352d; x ^= x>>15; x *= 0x846ca68b; x ^= x>>16` (C. Wellons, "Prospecting for Hash Functions",
//! 2018, the constants of `lowbias32`). The triangle is the difference of the upper and the lower half of `h`, over 65536.

/// Seeded triangular noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dither {
    key: u32,
}

impl Dither {
    /// Noise that depends on nothing but `seed`.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { key: mix(seed) }
    }

    /// The noise of one sample in quantisation steps, in -1..1 without the ends, triangular about 0.
    #[must_use]
    pub fn steps(self, frame: u64, channel: u32) -> f32 {
        let h = mix((frame as u32).wrapping_mul(2).wrapping_add(channel) ^ self.key);
        ((h >> 16) as i32 - (h & 0xffff) as i32) as f32 * (1.0 / 65_536.0)
    }

    /// Quantises one sample to 16 bits, as [`Dither::stereo_16`] does.
    #[must_use]
    pub fn sample_16(self, sample: f32, frame: u64, channel: u32) -> i16 {
        round_16(sample * 32_768.0 + self.steps(frame, channel))
    }

    /// Quantises stereo to interleaved 16-bit samples; `frame` is the number of the first frame in the whole signal.
    ///
    /// Full scale 1.0 is 32768 steps, what lies outside is clipped, rounding is to nearest, ties to even; a sample that is
    /// not a number becomes silence. Converts as many frames as all slices have (`output` holds two samples a frame).
    pub fn stereo_16(self, left: &[f32], right: &[f32], frame: u64, output: &mut [i16]) {
        let (frames, _) = output.as_chunks_mut::<2>();
        for (i, ((out, l), r)) in frames.iter_mut().zip(left).zip(right).enumerate() {
            let n = frame.wrapping_add(i as u64);
            *out = [self.sample_16(*l, n, 0), self.sample_16(*r, n, 1)];
        }
    }

    /// As [`Dither::stereo_16`], to 24 bits (full scale 8388608 steps) in the low bits of an `i32`. The sum with the noise is
    /// done in f64, as an f32 has no bits left below the 24th.
    pub fn stereo_24(self, left: &[f32], right: &[f32], frame: u64, output: &mut [i32]) {
        let (frames, _) = output.as_chunks_mut::<2>();
        for (i, ((out, l), r)) in frames.iter_mut().zip(left).zip(right).enumerate() {
            let n = frame.wrapping_add(i as u64);
            *out = [round_24(*l, self.steps(n, 0)), round_24(*r, self.steps(n, 1))];
        }
    }
}

/// Adding 1.5·2^23 leaves an f32 no bits after the point: the sum is rounded to nearest, ties to even, and its low bits are
/// the integer. Plain arithmetic, so every vector unit does it, alike.
fn round_16(steps: f32) -> i16 {
    const MAGIC: f32 = 12_582_912.0;
    let above = if steps > -32_768.0 { steps } else { -32_768.0 };
    let clipped = if above < 32_767.0 { above } else { 32_767.0 };
    let clipped = if steps.is_nan() { 0.0 } else { clipped };
    ((clipped + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32) as i16
}

fn round_24(sample: f32, noise: f32) -> i32 {
    let steps = f64::from(sample) * 8_388_608.0 + f64::from(noise);
    if steps.is_nan() { 0 } else { steps.round_ties_even().clamp(-8_388_608.0, 8_388_607.0) as i32 }
}

fn mix(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: u64, channel: u32) -> Vec<f64> {
        (0..count).map(|n| f64::from(Dither::new(1).steps(n, channel))).collect()
    }

    fn mean(values: impl Iterator<Item = f64>) -> f64 {
        let (sum, count) = values.fold((0.0, 0.0), |(s, c), v| (s + v, c + 1.0));
        sum / count
    }

    #[test]
    fn en16_noise_is_triangular_centred_and_of_theory_s_variance() {
        let values = noise(1_000_000, 0);
        assert!(mean(values.iter().copied()).abs() < 0.002);
        // Two uniforms of width one: 1/12 + 1/12.
        assert!((mean(values.iter().map(|v| v * v)) - 1.0 / 6.0).abs() < 0.001);
        let inner = values.iter().filter(|v| v.abs() < 0.5).count() as f64 / values.len() as f64;
        assert!((inner - 0.75).abs() < 0.002, "{inner}");
        assert!(values.iter().all(|v| v.abs() < 1.0));
    }

    #[test]
    fn en16_noise_is_white_and_channels_are_unrelated() {
        let (left, right) = (noise(500_000, 0), noise(500_000, 1));
        for lag in 1..20 {
            let r = mean(left.iter().zip(&left[lag..]).map(|(a, b)| a * b)) * 6.0;
            assert!(r.abs() < 0.008, "lag {lag}: {r}");
        }
        assert!((mean(left.iter().zip(&right).map(|(a, b)| a * b)) * 6.0).abs() < 0.008);
    }

    #[test]
    fn en16_the_error_s_mean_and_variance_do_not_depend_on_the_signal() {
        let dither = Dither::new(7);
        for level in [0.0, 0.1, 0.25, 0.5, 0.9] {
            let input = vec![level / 32_768.0; 400_000];
            let mut output = vec![0i16; 800_000];
            dither.stereo_16(&input, &input, 0, &mut output);
            let error = |v: &i16| f64::from(*v) - f64::from(level);
            assert!(mean(output.iter().map(error)).abs() < 0.003, "{level}");
            // TPDF: the noise's 1/6 and the rounding's 1/12.
            let variance = mean(output.iter().map(|v| error(v) * error(v)));
            assert!((variance - 0.25).abs() < 0.003, "{level}: {variance}");
        }
    }

    #[test]
    fn en16_frames_are_numbered_so_blocks_do_not_matter() {
        let input: Vec<f32> = (0..1000).map(|n| (n as f32 / 500.0) - 1.0).collect();
        let (mut whole, mut pieces) = (vec![0i16; 2000], vec![0i16; 2000]);
        let dither = Dither::new(3);
        dither.stereo_16(&input, &input, 0, &mut whole);
        for (i, out) in pieces.chunks_mut(2 * 77).enumerate() {
            let from = i * 77;
            dither.stereo_16(&input[from..], &input[from..], from as u64, out);
        }
        assert_eq!(whole, pieces);
    }

    #[test]
    fn en16_rounding_is_to_even_and_clips() {
        let table =
            [(0.5, 0), (1.5, 2), (-0.5, 0), (-1.5, -2), (32_766.6, 32_767), (40_000.0, 32_767), (-40_000.0, -32_768)];
        for (steps, expected) in table {
            assert_eq!(round_16(steps), expected, "{steps}");
        }
        assert_eq!(round_16(f32::NAN), 0);
        assert_eq!(round_16(f32::INFINITY), 32_767);
        assert_eq!(round_24(0.5, 0.0), 4_194_304);
        assert_eq!(round_24(1.0, 0.0), 8_388_607);
        assert_eq!(round_24(-2.0, 0.0), -8_388_608);
        assert_eq!(round_24(f32::NAN, 0.0), 0);
    }

    #[test]
    fn en16_stereo_24_dithers_one_step() {
        let input = vec![0.3f32 / 8_388_608.0; 200_000];
        let mut output = vec![0i32; 400_000];
        Dither::new(9).stereo_24(&input, &input, 0, &mut output);
        assert!((mean(output.iter().map(|v| f64::from(*v))) - 0.3).abs() < 0.005);
    }
}
