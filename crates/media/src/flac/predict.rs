//! Samples out of residuals: FLAC's fixed and linear predictors (RFC 9639, sections 9.2.5 and 9.2.6).
//!
//! Arithmetic wraps: damaged data yields noise, not a panic, and sound data never gets there.

/// Undoes linear prediction. `coefficients[0]` belongs to the sample just before; `fits` says that sums of products fit 32 bits.
fn restore(coefficients: &[i32], shift: u32, fits: bool, samples: &mut [i32]) {
    macro_rules! by_order {
        ($($order:literal)*) => {
            match (coefficients.len(), fits) {
                $(
                    ($order, true) => run_narrow::<$order>(array(coefficients), shift, samples),
                    ($order, false) => run_wide::<$order>(array(coefficients), shift, samples),
                )*
                // Orders above 12 are outside of FLAC's streamable subset; padding with zeros would read before the start.
                _ => run_any(coefficients, shift, samples),
            }
        };
    }
    if !coefficients.is_empty() {
        by_order!(1 2 3 4 5 6 7 8 9 10 11 12);
    }
}

/// How a subframe's samples are to be restored from its residuals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Predictor {
    pub(crate) coefficients: [i32; 32],
    pub(crate) order: usize,
    pub(crate) shift: u32,
    /// Sums of products fit 32 bits.
    pub(crate) fits: bool,
}

impl Predictor {
    /// For samples that stand there already.
    pub(crate) const NONE: Self = Self { coefficients: [0; 32], order: 0, shift: 0, fits: true };

    /// One of the fixed predictors (order 0 to 4).
    pub(crate) fn fixed(order: usize) -> Self {
        let coefficients: &[i32] = [&[][..], &[1], &[2, -1], &[3, -3, 1], &[4, -6, 4, -1]][order];
        Self::new(coefficients, 0, true)
    }

    /// A linear predictor; `coefficients[0]` belongs to the sample just before.
    pub(crate) fn new(coefficients: &[i32], shift: u32, fits: bool) -> Self {
        let mut predictor = Self { order: coefficients.len(), shift, fits, ..Self::NONE };
        predictor.coefficients[..coefficients.len()].copy_from_slice(coefficients);
        predictor
    }

    /// Makes samples of the residuals behind the first `order` samples.
    pub(crate) fn restore(&self, samples: &mut [i32]) {
        restore(&self.coefficients[..self.order], self.shift, self.fits, samples);
    }
}

/// Restores two channels at once. Each sample waits for the one before, but not for the other channel's: side by side they
/// take hardly longer than one alone.
pub(crate) fn restore_pair(predictors: [&Predictor; 2], samples: [&mut [i32]; 2]) {
    let order = predictors[0].order.max(predictors[1].order);
    let [first, second] = samples;
    let pairable = predictors[0].fits && predictors[1].fits && (1..=12).contains(&order) && first.len() >= order;
    if !pairable || cfg!(not(target_arch = "x86_64")) {
        predictors[0].restore(first);
        predictors[1].restore(second);
        return;
    }
    // Where orders differ, the lower one's first samples are restored alone, and its missing coefficients are 0.
    predictors[0].restore(&mut first[..order]);
    predictors[1].restore(&mut second[..order]);
    macro_rules! by_order {
        ($($order:literal)*) => {
            match order {
                $($order => pair::<$order>(predictors, first, second),)*
                _ => {}
            }
        };
    }
    by_order!(1 2 3 4 5 6 7 8 9 10 11 12);
}

#[cfg(not(target_arch = "x86_64"))]
fn pair<const ORDER: usize>(_: [&Predictor; 2], _: &mut [i32], _: &mut [i32]) {}

#[cfg(target_arch = "x86_64")]
fn pair<const ORDER: usize>(predictors: [&Predictor; 2], first: &mut [i32], second: &mut [i32]) {
    #[allow(unsafe_code, reason = "the compiler cannot know what the processor was found to have")]
    // SAFETY: AVX2 was found; SSE2 is part of x86-64.
    unsafe {
        if std::arch::is_x86_feature_detected!("avx2") {
            run_pair_avx2::<ORDER>(predictors, first, second);
        } else {
            run_pair_sse2::<ORDER>(predictors, first, second);
        }
    }
}

/// Lane 0 is the first channel, lane 2 the second; of the 64-bit products the lower halves count, which are the same signed and unsigned.
/// AVX2 has the same instructions with separate targets, which saves the copies that keep the history.
macro_rules! run_pair {
    ($name:ident, $feature:literal) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $feature)]
        fn $name<const ORDER: usize>(predictors: [&Predictor; 2], first: &mut [i32], second: &mut [i32]) {
            use std::arch::x86_64::*;
            let pair = |a: i32, b: i32| _mm_set_epi32(0, b, 0, a);
            let [a, b] = predictors;
            let coefficients: [__m128i; ORDER] =
                std::array::from_fn(|tap| pair(a.coefficients[tap], b.coefficients[tap]));
            let (shift_a, shift_b) = (_mm_cvtsi32_si128(a.shift as i32), _mm_cvtsi32_si128(b.shift as i32));
            // history[0] is the latest.
            let mut history: [__m128i; ORDER] =
                std::array::from_fn(|tap| pair(first[ORDER - 1 - tap], second[ORDER - 1 - tap]));
            for (x, y) in first[ORDER..].iter_mut().zip(&mut second[ORDER..]) {
                let mut sum = _mm_setzero_si128();
                for tap in (0..ORDER).rev() {
                    sum = _mm_add_epi32(sum, _mm_mul_epu32(coefficients[tap], history[tap]));
                }
                let shifted_a = _mm_castsi128_pd(_mm_sra_epi32(sum, shift_a));
                let shifted_b = _mm_castsi128_pd(_mm_sra_epi32(sum, shift_b));
                let predicted = _mm_castpd_si128(_mm_move_sd(shifted_b, shifted_a));
                let value = _mm_add_epi32(predicted, pair(*x, *y));
                *x = _mm_cvtsi128_si32(value);
                *y = _mm_cvtsi128_si32(_mm_unpackhi_epi64(value, value));
                remember(&mut history, value);
            }
        }
    };
}

run_pair!(run_pair_sse2, "sse2");
run_pair!(run_pair_avx2, "avx2");

fn array<const ORDER: usize>(coefficients: &[i32]) -> [i32; ORDER] {
    let mut array = [0; ORDER];
    array.copy_from_slice(coefficients);
    array
}

#[inline(always)]
fn run_narrow<const ORDER: usize>(coefficients: [i32; ORDER], shift: u32, samples: &mut [i32]) {
    let Some((warm_up, rest)) = samples.split_first_chunk_mut::<ORDER>() else { return };
    // history[0] is the latest sample.
    let mut history = *warm_up;
    history.reverse();
    for sample in rest {
        // Oldest first: only the last product waits for the sample just computed.
        let mut sum = 0i32;
        for tap in (0..ORDER).rev() {
            sum = sum.wrapping_add(coefficients[tap].wrapping_mul(history[tap]));
        }
        let value = sample.wrapping_add(sum >> shift);
        *sample = value;
        remember(&mut history, value);
    }
}

#[inline(always)]
fn run_wide<const ORDER: usize>(coefficients: [i32; ORDER], shift: u32, samples: &mut [i32]) {
    let Some((warm_up, rest)) = samples.split_first_chunk_mut::<ORDER>() else { return };
    let mut history = warm_up.map(i64::from);
    history.reverse();
    let coefficients = coefficients.map(i64::from);
    for sample in rest {
        let mut sum = 0i64;
        for tap in (0..ORDER).rev() {
            sum = sum.wrapping_add(coefficients[tap].wrapping_mul(history[tap]));
        }
        let value = sample.wrapping_add((sum >> shift) as i32);
        *sample = value;
        remember(&mut history, i64::from(value));
    }
}

/// Moves everything on by one place. A loop and not `copy_within`, which would keep the history in memory instead of in registers.
#[inline(always)]
#[allow(clippy::manual_memcpy, reason = "see above")]
fn remember<T: Copy, const ORDER: usize>(history: &mut [T; ORDER], latest: T) {
    for tap in (1..ORDER).rev() {
        history[tap] = history[tap - 1];
    }
    history[0] = latest;
}

fn run_any(coefficients: &[i32], shift: u32, samples: &mut [i32]) {
    let order = coefficients.len();
    for at in order..samples.len() {
        let past = samples[at - order..at].iter().rev();
        let sum =
            coefficients.iter().zip(past).fold(0i64, |sum, (c, s)| sum.wrapping_add(i64::from(*c) * i64::from(*s)));
        samples[at] = samples[at].wrapping_add((sum >> shift) as i32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn predictor()(coefficients in prop::collection::vec(-8_192i32..8_192, 0..14), shift in 0u32..15, fits in prop::bool::weighted(0.8)) -> Predictor {
            Predictor::new(&coefficients, shift, fits)
        }
    }

    proptest! {
        #[test]
        fn pairs_are_restored_like_each_alone(a in predictor(), b in predictor(), samples in prop::collection::vec(any::<[i16; 2]>(), 14..200)) {
            let planes = [0, 1].map(|channel| samples.iter().map(|frame| i32::from(frame[channel])).collect::<Vec<i32>>());
            let (mut alone, mut paired) = (planes.clone(), planes);
            a.restore(&mut alone[0]);
            b.restore(&mut alone[1]);
            let [first, second] = &mut paired;
            restore_pair([&a, &b], [first, second]);
            prop_assert_eq!(alone, paired);
        }
    }
}
