//! Gain and summing: `y = x * g`, `m = m + x * g`.

/// Multiplies every sample by a linear factor.
pub fn gain(samples: &mut [f32], factor: f32) {
    for x in samples {
        *x *= factor;
    }
}

/// Adds `input * factor` to `sum`, sample by sample. Only as many samples as both have.
pub fn add(sum: &mut [f32], input: &[f32], factor: f32) {
    for (s, x) in sum.iter_mut().zip(input) {
        *s += *x * factor;
    }
}

/// As [`add`], and returns the peak (largest magnitude, linear, ≥ 0) of `input * factor`.
///
/// One pass, for the busiest loop of a mixdown. The peak's comparison is `a > b ? a : b` on eight lanes, which every
/// vector unit has; a maximum does not depend on the order.
pub fn add_metered(sum: &mut [f32], input: &[f32], factor: f32) -> f32 {
    let count = sum.len().min(input.len());
    let (sum, sum_rest) = sum[..count].as_chunks_mut::<8>();
    let (input, input_rest) = input[..count].as_chunks::<8>();
    let mut peaks = [0.0f32; 8];
    for (s, x) in sum.iter_mut().zip(input) {
        for lane in 0..8 {
            let y = x[lane] * factor;
            s[lane] += y;
            let magnitude = y.abs();
            peaks[lane] = if magnitude > peaks[lane] { magnitude } else { peaks[lane] };
        }
    }
    let mut peak = peaks.into_iter().fold(0.0, larger);
    for (s, x) in sum_rest.iter_mut().zip(input_rest) {
        let y = *x * factor;
        *s += y;
        peak = larger(peak, y.abs());
    }
    peak
}

/// The smaller of two numbers; `a` when `b` is not a number.
pub(crate) fn smaller(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The larger of two numbers; `a` when `b` is not a number.
pub(crate) fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn add_metered_adds_as_add_does_and_finds_the_peak() {
        let input: Vec<f32> = (0..37).map(|n| ((n * 7919) % 101) as f32 / 50.0 - 1.0).collect();
        for length in 0..input.len() {
            let (mut a, mut b) = (vec![0.25f32; length], vec![0.25f32; length]);
            add(&mut a, &input[..length], 0.7);
            let peak = add_metered(&mut b, &input[..length], 0.7);
            assert_eq!(a, b);
            let expected = input[..length].iter().map(|x| (x * 0.7).abs()).fold(0.0, f32::max);
            assert_eq!(peak, expected);
        }
    }

    #[test]
    fn gain_multiplies() {
        let mut samples = [1.0, -0.5, 0.0];
        gain(&mut samples, 0.5);
        assert_eq!(samples, [0.5, -0.25, 0.0]);
    }
}
