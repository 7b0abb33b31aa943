//! Linear prediction: window, autocorrelation, Levinson's and Durbin's recursion, coefficients in whole numbers.
//!
//! J. Makhoul, "Linear Prediction: A Tutorial Review", Proceedings of the IEEE 63, 1975. Sums have a fixed order and nothing is fused, so
//! that every machine chooses alike.

use std::f64::consts::PI;

/// Most coefficients of a predictor.
pub(crate) const ORDER_MAX: usize = 8;
/// Sums that run side by side; the order of additions must not depend on the machine's vectors.
const LANES: usize = 4;

/// A predictor in whole numbers: a sample is about `(Σ coefficients[k] · sample[n-1-k]) >> shift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantised {
    pub(crate) order: usize,
    pub(crate) coefficients: [i32; ORDER_MAX],
    pub(crate) shift: u32,
}

/// Finds predictors for blocks of one length.
#[derive(Debug)]
pub(crate) struct Analysis {
    window: Vec<f64>,
    /// The block under its window, behind zeros where the lags reach in front of it.
    windowed: Vec<f64>,
}

impl Analysis {
    /// For blocks of `frames` samples.
    pub(crate) fn new(frames: usize) -> Self {
        Self { window: hann(frames), windowed: vec![0.0; ORDER_MAX + frames.next_multiple_of(LANES)] }
    }

    /// Samples of a block.
    pub(crate) fn frames(&self) -> usize {
        self.window.len()
    }

    /// The predictor that is expected to need the fewest bits, its coefficients having `precision` bits and samples `bits`; `None` when
    /// the block is silent or no longer than a predictor.
    pub(crate) fn predictor(&mut self, samples: &[i32], bits: u32, precision: u32) -> Option<Quantised> {
        if samples.len() <= ORDER_MAX {
            return None;
        }
        for ((out, sample), weight) in self.windowed[ORDER_MAX..].iter_mut().zip(samples).zip(&self.window) {
            *out = f64::from(*sample) * weight;
        }
        let ways = levinson(&autocorrelation(&self.windowed));
        let frames = samples.len() as f64;
        let cost = |way: &Way| {
            // Half the logarithm of the variance is the entropy of a residual, up to what is the same for all.
            let residual = 0.5 * libm::log2((way.error / frames).max(1e-9));
            frames * residual.max(0.0) + (way.order as f64) * f64::from(precision + bits)
        };
        let best = ways.iter().flatten().min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
        Some(quantise(best, precision))
    }
}

/// J. von Hann's window. Of those between it and a rectangle it gave the smallest files.
fn hann(frames: usize) -> Vec<f64> {
    let period = frames as f64;
    (0..frames).map(|n| 0.5 - 0.5 * libm::cos(2.0 * PI * (n as f64 + 0.5) / period)).collect()
}

/// `Σ x[n] · x[n - lag]` for each lag up to [`ORDER_MAX`], of a signal behind as many zeros.
fn autocorrelation(padded: &[f64]) -> [f64; ORDER_MAX + 1] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(unsafe_code, reason = "the compiler cannot know what the processor was found to have")]
        // SAFETY: AVX2 was found.
        return unsafe { correlate_avx2(padded) };
    }
    correlate(padded)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn correlate_avx2(padded: &[f64]) -> [f64; ORDER_MAX + 1] {
    correlate(padded)
}

#[inline(always)]
fn correlate(padded: &[f64]) -> [f64; ORDER_MAX + 1] {
    let mut sums = [[0.0; LANES]; ORDER_MAX + 1];
    for now in padded.windows(ORDER_MAX + LANES).step_by(LANES) {
        for (lag, sum) in sums.iter_mut().enumerate() {
            for lane in 0..LANES {
                sum[lane] += now[ORDER_MAX + lane] * now[ORDER_MAX + lane - lag];
            }
        }
    }
    sums.map(|[a, b, c, d]| (a + b) + (c + d))
}

/// A predictor and what it leaves.
#[derive(Debug, Clone, Copy)]
struct Way {
    order: usize,
    coefficients: [f64; ORDER_MAX],
    /// Energy of the residual.
    error: f64,
}

/// The best predictor of each order, as far as there is anything left to predict.
fn levinson(correlation: &[f64; ORDER_MAX + 1]) -> [Option<Way>; ORDER_MAX] {
    let mut ways = [None; ORDER_MAX];
    let mut coefficients = [0.0; ORDER_MAX];
    let mut error = correlation[0];
    for order in 0..ORDER_MAX {
        // What is left is nothing, or lost in the sums' rounding.
        if error.partial_cmp(&(correlation[0] * 1e-15)) != Some(core::cmp::Ordering::Greater) {
            break;
        }
        let known: f64 = (0..order).map(|tap| coefficients[tap] * correlation[order - tap]).sum();
        let reflection = (correlation[order + 1] - known) / error;
        let before = coefficients;
        for tap in 0..order {
            coefficients[tap] = before[tap] - reflection * before[order - 1 - tap];
        }
        coefficients[order] = reflection;
        error *= 1.0 - reflection * reflection;
        ways[order] = Some(Way { order: order + 1, coefficients, error: error.max(0.0) });
    }
    ways
}

/// Whole numbers of `precision` bits; what rounding takes from one coefficient the next one is given.
fn quantise(way: &Way, precision: u32) -> Quantised {
    let largest = way.coefficients[..way.order].iter().fold(0.0f64, |largest, c| largest.max(c.abs()));
    let limit = (1i32 << (precision - 1)) - 1;
    let shift = (0..=15).rev().find(|shift| largest * f64::from(1i32 << shift) <= f64::from(limit)).unwrap_or(0);
    let mut quantised = Quantised { order: way.order, coefficients: [0; ORDER_MAX], shift };
    let mut owed = 0.0;
    for (out, coefficient) in quantised.coefficients.iter_mut().zip(&way.coefficients[..way.order]) {
        owed += coefficient * f64::from(1i32 << shift);
        *out = (owed.round_ties_even() as i32).clamp(-limit, limit);
        owed -= f64::from(*out);
    }
    quantised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resonance_is_predicted_by_its_own_poles() {
        // x[n] = 1.8 x[n-1] - 0.9 x[n-2] + noise.
        let (mut seed, mut x) = (1u32, [0.0f64; 2]);
        let samples: Vec<i32> = (0..4_096)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = f64::from(seed >> 16) / 65_536.0 - 0.5;
                x = [1.8 * x[0] - 0.9 * x[1] + 1_000.0 * noise, x[0]];
                x[0] as i32
            })
            .collect();
        let found = Analysis::new(4_096).predictor(&samples, 16, 12).unwrap();
        let real = |tap: usize| f64::from(found.coefficients[tap]) / f64::from(1 << found.shift);
        assert!((real(0) - 1.8).abs() < 0.05 && (real(1) + 0.9).abs() < 0.06, "{found:?}");
    }

    #[test]
    fn silence_and_short_blocks_have_no_predictor() {
        assert_eq!(Analysis::new(100).predictor(&[0; 100], 16, 12), None);
        assert_eq!(Analysis::new(8).predictor(&[1, -2, 3, -4, 5, -6, 7, -8], 16, 12), None);
    }

    #[test]
    fn lags_are_summed_over_the_whole_block() {
        let mut padded = vec![0.0; ORDER_MAX];
        padded.extend([1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 0.0]);
        let correlation = autocorrelation(&padded);
        assert_eq!(correlation, [55.0, 40.0, 26.0, 14.0, 5.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
