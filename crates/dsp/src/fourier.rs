//! The Fourier transform of a real signal whose length is a power of two.
//!
//! A complex transform of half the length (radix 2, decimation in time, J. W. Cooley, J. W. Tukey, "An Algorithm for the Machine
//! Calculation of Complex Fourier Series", 1965) over pairs of samples, then the two halves are told apart. Plain arithmetic in
//! a fixed order with factors from `libm`: the same bits everywhere.

use core::f64::consts::TAU;

/// The shortest transform, in samples.
pub const LENGTH_MIN: usize = 8;
/// The longest transform, in samples.
pub const LENGTH_MAX: usize = 32_768;

/// A transform of one length, with its tables.
#[derive(Clone, Debug)]
pub struct Fourier {
    length: usize,
    /// `exp(-2πi·k/length)` for the first half of the turn.
    factors: Vec<[f32; 2]>,
    /// The places of the inner transform's input, bits reversed.
    places: Vec<u32>,
    work: Vec<[f32; 2]>,
}

impl Fourier {
    /// For so many samples: brought into [`LENGTH_MIN`] to [`LENGTH_MAX`] and up to a power of two.
    #[must_use]
    pub fn new(length: usize) -> Self {
        let length = length.clamp(LENGTH_MIN, LENGTH_MAX).next_power_of_two();
        let half = length / 2;
        let bits = half.trailing_zeros();
        let factor = |k: usize| {
            let angle = TAU * k as f64 / length as f64;
            [libm::cos(angle) as f32, -libm::sin(angle) as f32]
        };
        Self {
            length,
            factors: (0..half).map(factor).collect(),
            places: (0..half as u32).map(|n| n.reverse_bits() >> (32 - bits)).collect(),
            work: vec![[0.0; 2]; half],
        }
    }

    /// Samples of one transform.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// `X[k] = Σ x[n]·exp(-2πi·k·n/length)` for k from 0 to half the length, both included, real and imaginary part. Samples
    /// that are missing are 0; bins that have no place in `bins` are left out.
    pub fn transform(&mut self, samples: &[f32], bins: &mut [[f32; 2]]) {
        let at = |n: usize| samples.get(n).copied().unwrap_or(0.0);
        for (x, place) in self.work.iter_mut().zip(&self.places) {
            let n = 2 * *place as usize;
            *x = [at(n), at(n + 1)];
        }
        self.butterflies();
        self.tell_apart(bins);
    }

    fn butterflies(&mut self) {
        let half = self.length / 2;
        let mut span = 1;
        while span < half {
            let stride = half / span;
            for group in self.work.chunks_exact_mut(2 * span) {
                let (first, second) = group.split_at_mut(span);
                for ((a, b), w) in first.iter_mut().zip(second).zip(self.factors.iter().step_by(stride)) {
                    let turned = times(*b, *w);
                    (*a, *b) = ([a[0] + turned[0], a[1] + turned[1]], [a[0] - turned[0], a[1] - turned[1]]);
                }
            }
            span *= 2;
        }
    }

    /// The transforms of even and odd samples lie in one: its parts that are even and odd under conjugation.
    fn tell_apart(&self, bins: &mut [[f32; 2]]) {
        let half = self.length / 2;
        for (k, bin) in bins.iter_mut().enumerate().take(half + 1) {
            let (a, b) = (self.work[k % half], self.work[(half - k) % half]);
            let even = [0.5 * (a[0] + b[0]), 0.5 * (a[1] - b[1])];
            let odd = [0.5 * (a[1] + b[1]), 0.5 * (b[0] - a[0])];
            let w = if k == half { [-1.0, 0.0] } else { self.factors[k] };
            let turned = times(odd, w);
            *bin = [even[0] + turned[0], even[1] + turned[1]];
        }
    }
}

fn times(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn en29_the_transform_is_numpy_s() {
        let samples = noise(512, 7);
        let mut bins = vec![[0.0; 2]; 257];
        Fourier::new(512).transform(&samples, &mut bins);
        let mut seen = 0;
        for row in include_str!("../theory/spectrum.txt").lines().filter(|line| !line.starts_with('#')) {
            let row: Vec<f64> = row.split(' ').map(|x| x.parse().unwrap()).collect();
            let [re, im] = bins[row[0] as usize].map(f64::from);
            assert!((re - row[1]).abs() < 2e-5 && (im - row[2]).abs() < 2e-5, "bin {}: {re} {im}", row[0]);
            seen += 1;
        }
        assert_eq!(seen, 257);
    }

    #[test]
    fn en29_the_transform_is_the_sum_that_defines_it_at_every_length() {
        let mut length = LENGTH_MIN;
        while length <= 1_024 {
            let samples = noise(length, 3);
            let mut bins = vec![[0.0; 2]; length / 2 + 1];
            Fourier::new(length).transform(&samples, &mut bins);
            for k in [0, 1, 3, length / 4, length / 2 - 1, length / 2] {
                let (mut re, mut im) = (0.0, 0.0);
                for (n, x) in samples.iter().enumerate() {
                    let angle = -TAU * (k * n) as f64 / length as f64;
                    re += f64::from(*x) * libm::cos(angle);
                    im += f64::from(*x) * libm::sin(angle);
                }
                let [a, b] = bins[k].map(f64::from);
                assert!((a - re).abs() < 1e-4 && (b - im).abs() < 1e-4, "{length}, bin {k}: {a} {b}, {re} {im}");
            }
            length *= 2;
        }
    }

    #[test]
    fn en29_lengths_are_powers_of_two_within_bounds() {
        assert_eq!([0, 8, 9, 1_000, 1 << 20].map(|n| Fourier::new(n).length()), [8, 8, 16, 1_024, LENGTH_MAX]);
    }
}
