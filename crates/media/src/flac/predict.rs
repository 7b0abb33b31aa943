//! Samples out of residuals: FLAC's fixed and linear predictors (RFC 9639, sections 9.2.5 and 9.2.6).
//!
//! Arithmetic wraps: damaged data yields noise, not a panic, and sound data never gets there.

/// Undoes a fixed predictor; the first `order` samples are the warm-up, the others residuals.
pub(crate) fn restore_fixed(order: usize, samples: &mut [i32]) {
    match order {
        1 => fixed([1], samples),
        2 => fixed([2, -1], samples),
        3 => fixed([3, -3, 1], samples),
        4 => fixed([4, -6, 4, -1], samples),
        _ => {}
    }
}

fn fixed<const ORDER: usize>(coefficients: [i32; ORDER], samples: &mut [i32]) {
    run_narrow(coefficients, 0, samples);
}

/// Undoes linear prediction. `coefficients[0]` belongs to the sample just before; `fits` says that sums of products fit 32 bits.
pub(crate) fn restore_lpc(coefficients: &[i32], shift: u32, fits: bool, samples: &mut [i32]) {
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
    by_order!(1 2 3 4 5 6 7 8 9 10 11 12);
}

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
        history.copy_within(..ORDER - 1, 1);
        history[0] = value;
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
        history.copy_within(..ORDER - 1, 1);
        history[0] = i64::from(value);
    }
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
