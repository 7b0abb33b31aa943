//! What predictors leave, its sign folded into the lowest bit: 0, -1, 1, -2 … become 0, 1, 2, 3 ….

use super::lpc::Quantised;

/// Highest order of the fixed predictors, which are differences of differences.
pub(crate) const FIXED_ORDER_MAX: usize = 4;

/// Generates a function that runs `$inner` with the widest vectors that the processor has.
macro_rules! widest {
    ($(#[$doc:meta])* $name:ident, $avx2:ident, $inner:ident, ($($argument:ident: $type:ty),*) -> $result:ty) => {
        $(#[$doc])*
        pub(crate) fn $name($($argument: $type),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                #[allow(unsafe_code, reason = "the compiler cannot know what the processor was found to have")]
                // SAFETY: AVX2 was found.
                return unsafe { $avx2($($argument),*) };
            }
            $inner($($argument),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $avx2($($argument: $type),*) -> $result {
            $inner($($argument),*)
        }
    };
}

widest! {
    /// Sums of the magnitudes of the second differences of left, right, mid and side, about: how hard each is to predict.
    stereo_effort, stereo_effort_avx2, stereo_effort_inner, (left: &[i32], right: &[i32]) -> [u64; 4]
}

widest! {
    /// Sums of the magnitudes of the samples' differences of orders 0 to 4, about.
    fixed_effort, fixed_effort_avx2, fixed_effort_inner, (samples: &[i32]) -> [u64; FIXED_ORDER_MAX + 1]
}

widest! {
    /// Fills `folded` with the residual of the fixed predictor of an order, which is as many samples shorter.
    fixed, fixed_avx2, fixed_inner, (order: usize, samples: &[i32], folded: &mut Vec<u32>) -> ()
}

widest! {
    /// Fills `folded` with a predictor's residual, `order` samples shorter; `bits` is how many a sample has. `false` when some of it has
    /// more than 31 bits.
    linear, linear_avx2, linear_inner, (predictor: &Quantised, bits: u32, samples: &[i32], folded: &mut Vec<u32>) -> bool
}

/// Samples whose sums of magnitudes fit 32 bits: differences of fourth order have at most 29.
const RUN: usize = 8;
/// How far apart runs begin: every third one tells enough.
const STEP: usize = 3 * RUN;

#[inline(always)]
fn stereo_effort_inner(left: &[i32], right: &[i32]) -> [u64; 4] {
    let mut efforts = [0; 4];
    let second = |a: i32, b: i32, c: i32| (a - 2 * b + c).unsigned_abs();
    for (l, r) in left.windows(RUN + 2).step_by(STEP).zip(right.windows(RUN + 2).step_by(STEP)) {
        let (Some(l), Some(r)) = (l.first_chunk::<{ RUN + 2 }>(), r.first_chunk::<{ RUN + 2 }>()) else { continue };
        let mut run = [0u32; 4];
        for n in 0..RUN {
            let [a, b, c] = [n, n + 1, n + 2];
            let mid = |n: usize| (l[n] + r[n]) >> 1;
            run[0] += second(l[a], l[b], l[c]);
            run[1] += second(r[a], r[b], r[c]);
            run[2] += second(mid(a), mid(b), mid(c));
            run[3] += second(l[a] - r[a], l[b] - r[b], l[c] - r[c]);
        }
        add(&mut efforts, run);
    }
    efforts.map(|effort| effort * (STEP / RUN) as u64)
}

#[inline(always)]
fn fixed_effort_inner(samples: &[i32]) -> [u64; FIXED_ORDER_MAX + 1] {
    let mut efforts = [0; FIXED_ORDER_MAX + 1];
    for window in samples.windows(RUN + FIXED_ORDER_MAX).step_by(STEP) {
        let Some(w) = window.first_chunk::<{ RUN + FIXED_ORDER_MAX }>() else { continue };
        let mut run = [0u32; FIXED_ORDER_MAX + 1];
        for n in 0..RUN {
            let [a, b, c, d, e] = [w[n], w[n + 1], w[n + 2], w[n + 3], w[n + 4]];
            run[0] += e.unsigned_abs();
            run[1] += (e - d).unsigned_abs();
            run[2] += (e - 2 * d + c).unsigned_abs();
            run[3] += (e - 3 * (d - c) - b).unsigned_abs();
            run[4] += (e - 4 * (d + b) + 6 * c + a).unsigned_abs();
        }
        add(&mut efforts, run);
    }
    efforts.map(|effort| effort * (STEP / RUN) as u64)
}

#[inline(always)]
fn add<const N: usize>(to: &mut [u64; N], run: [u32; N]) {
    for (sum, part) in to.iter_mut().zip(run) {
        *sum += u64::from(part);
    }
}

#[inline(always)]
fn fixed_inner(order: usize, samples: &[i32], folded: &mut Vec<u32>) {
    folded.clear();
    match order {
        0 => folded.extend(samples.iter().map(|sample| fold(*sample))),
        1 => folded.extend(samples.windows(2).map(|w| fold(w[1] - w[0]))),
        2 => folded.extend(samples.windows(3).map(|w| fold(w[2] - 2 * w[1] + w[0]))),
        3 => folded.extend(samples.windows(4).map(|w| fold(w[3] - 3 * (w[2] - w[1]) - w[0]))),
        _ => folded.extend(samples.windows(5).map(|w| fold(w[4] - 4 * (w[3] + w[1]) + 6 * w[2] + w[0]))),
    }
}

#[inline(always)]
fn linear_inner(predictor: &Quantised, bits: u32, samples: &[i32], folded: &mut Vec<u32>) -> bool {
    let weights: u64 = predictor.coefficients.iter().map(|c| u64::from(c.unsigned_abs())).sum();
    // Products and their sums fit 32 bits, as do their differences to samples.
    let narrow = weights << (bits - 1) < 1 << 30;
    folded.resize(samples.len().saturating_sub(predictor.order), 0);
    macro_rules! by_order {
        ($($order:literal)*) => {
            match predictor.order {
                $($order if narrow => run_narrow::<$order>(predictor, samples, folded),
                $order => run_wide::<$order>(predictor, samples, folded),)*
                _ => false,
            }
        };
    }
    by_order!(1 2 3 4 5 6 7 8)
}

#[inline(always)]
fn run_narrow<const ORDER: usize>(predictor: &Quantised, samples: &[i32], folded: &mut [u32]) -> bool {
    let samples = &samples[..folded.len() + ORDER];
    for (n, out) in folded.iter_mut().enumerate() {
        let mut sum = 0i32;
        for tap in 0..ORDER {
            sum = sum.wrapping_add(predictor.coefficients[tap].wrapping_mul(samples[n + ORDER - 1 - tap]));
        }
        *out = fold(samples[n + ORDER].wrapping_sub(sum >> predictor.shift));
    }
    true
}

/// In f64, which holds every sum exactly: 25 bits of sample, 15 of coefficient and 3 for eight of them are fewer than 53.
#[inline(always)]
fn run_wide<const ORDER: usize>(predictor: &Quantised, samples: &[i32], folded: &mut [u32]) -> bool {
    let samples = &samples[..folded.len() + ORDER];
    let scale = 1.0 / f64::from(1u32 << predictor.shift);
    let coefficients: [f64; ORDER] = std::array::from_fn(|tap| f64::from(predictor.coefficients[tap]));
    let mut largest = 0.0f64;
    for (n, out) in folded.iter_mut().enumerate() {
        let mut sum = 0.0;
        for tap in 0..ORDER {
            sum += coefficients[tap] * f64::from(samples[n + ORDER - 1 - tap]);
        }
        let residual = f64::from(samples[n + ORDER]) - (sum * scale).floor();
        largest = if residual.abs() > largest { residual.abs() } else { largest };
        *out = fold(residual as i32);
    }
    largest < f64::from(1 << 30)
}

#[inline(always)]
fn fold(residual: i32) -> u32 {
    (residual << 1 ^ residual >> 31) as u32
}
