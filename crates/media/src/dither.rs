//! Triangular (TPDF) dither for 16-bit output, from a seeded generator, so that the same song exports to the same bytes.
//!
//! Noise with a triangular distribution of two quantisation steps' width makes the error's mean and variance independent
//! of the signal (Lipshitz, Wannamaker, Vanderkooy, "Quantization and Dither: A Theoretical Survey", 1992).
//! The generator is SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014): each sample
//! takes one 64-bit output, whose halves are the two uniform numbers that are subtracted.

/// A source of triangular noise.
#[derive(Debug, Clone)]
pub struct Dither {
    state: u64,
}

impl Dither {
    /// Noise that depends on nothing but `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next value, in quantisation steps: in -1..1, triangular around 0.
    pub fn next_step(&mut self) -> f64 {
        let bits = self.next_u64();
        let (a, b) = ((bits >> 32) as u32, bits as u32);
        (f64::from(a) - f64::from(b)) * (1.0 / 4_294_967_296.0)
    }

    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.state;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_seeded_triangular_and_without_offset() {
        let mut dither = Dither::new(1);
        let values: Vec<f64> = (0..200_000).map(|_| dither.next_step()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.005, "{mean}");
        assert!((variance - 1.0 / 6.0).abs() < 0.003, "{variance}");
        assert!(values.iter().all(|v| v.abs() < 1.0));
        let inner = values.iter().filter(|v| v.abs() < 0.5).count() as f64 / values.len() as f64;
        assert!((inner - 0.75).abs() < 0.01, "{inner}");
        assert_eq!(Dither::new(1).next_step(), values[0]);
        assert_ne!(Dither::new(2).next_step(), values[0]);
    }

    #[test]
    fn generator_is_split_mix_64() {
        // First outputs for seed 0, as published with the algorithm.
        let mut dither = Dither::new(0);
        assert_eq!(dither.next_u64(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(dither.next_u64(), 0x6E78_9E6A_A1B9_65F4);
    }
}
