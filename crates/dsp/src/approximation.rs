//! Binary logarithm and power in plain f32 arithmetic: for loops that need one per sample, on whatever vectors there are.
//!
//! Errors are stated in decibels where that is what they are used for: both together stay below 0.0001 dB.

/// `log2(x)` for 1e-37 ≤ x ≤ 3e38 within 1e-6 (of 24 bits, those before the point take some); below, that of 1e-37.
///
/// With `x = 2^e·m` and m between √½ and √2, `log2(m) = 2/ln 2 · artanh(s)` for `s = (m - 1)/(m + 1)`, whose series ends after
/// `s^9`, as |s| ≤ 0.172.
#[inline(always)]
#[must_use]
pub fn log2(x: f32) -> f32 {
    const HALF_ROOT: u32 = 0x3f35_04f3;
    const C: [f32; 5] = [2.885_39, 0.961_796_7, 0.577_078, 0.412_198_57, 0.320_598_9];
    let x = if x > 1e-37 { x } else { 1e-37 };
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(HALF_ROOT) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = C[0] + s2 * (C[1] + s2 * (C[2] + s2 * (C[3] + s2 * C[4])));
    exponent as f32 + s * series
}

/// `2^x` for -126 ≤ x ≤ 127 within 3e-7 of its value; beyond, that of the nearest end.
///
/// Taylor's series of `2^f`, |f| ≤ ½, to the 7th power; the whole part becomes the exponent.
#[inline(always)]
#[must_use]
pub fn exp2(x: f32) -> f32 {
    // Adding 1.5·2^23 rounds to a whole number, which is then in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    const C: [f32; 7] = [
        core::f32::consts::LN_2,
        0.240_226_5,
        0.055_504_11,
        0.009_618_129,
        0.001_333_355_8,
        0.000_154_035_3,
        0.000_015_252_734,
    ];
    let x = if x > -126.0 { x } else { -126.0 };
    let x = if x < 127.0 { x } else { 127.0 };
    let shifted = x + MAGIC;
    let f = x - (shifted - MAGIC);
    let series = C[3] + f * (C[4] + f * (C[5] + f * C[6]));
    let series = 1.0 + f * (C[0] + f * (C[1] + f * (C[2] + f * series)));
    let whole = shifted.to_bits().wrapping_sub(MAGIC.to_bits());
    series * f32::from_bits(whole.wrapping_add(127) << 23)
}

/// `tanh(x)` within 4e-7, by [`exp2`].
#[inline(always)]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    const TWO_LOG2_E: f32 = 2.885_39;
    // Beyond 10 an f32 knows no difference from 1.
    let x = if x > -10.0 { x } else { -10.0 };
    let x = if x < 10.0 { x } else { 10.0 };
    1.0 - 2.0 / (exp2(x * TWO_LOG2_E) + 1.0)
}

/// `sin(2π·turns)` for a phase in 2^-32 turns, within 3e-7: Taylor's series over a quarter turn.
#[inline(always)]
#[must_use]
pub fn sine(phase: u32) -> f32 {
    const C: [f32; 6] =
        [1.570_796_4, -0.645_964_1, 0.079_692_63, -0.004_681_754, 0.000_160_441_2, -0.000_003_598_843_2];
    // Folded at a quarter and three quarters: x in -1..1 quarter turns.
    let signed = phase as i32;
    let folded = if signed.unsigned_abs() > 1 << 30 { i32::MIN.wrapping_sub(signed) } else { signed };
    let x = folded as f32 * (1.0 / 1_073_741_824.0);
    let x2 = x * x;
    x * (C[0] + x2 * (C[1] + x2 * (C[2] + x2 * (C[3] + x2 * (C[4] + x2 * C[5])))))
}

/// Decibels of a binary logarithm of a factor: `20·log10(2)`.
pub const DB_PER_OCTAVE: f32 = 6.020_6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_power_are_near_the_true_ones() {
        let (mut worst_log, mut worst_power) = (0.0f64, 0.0f64);
        for n in 0..400_000 {
            let octaves = -120.0 + n as f32 * (240.0 / 400_000.0);
            let truth = libm::exp2(f64::from(octaves));
            worst_power = worst_power.max((f64::from(exp2(octaves)) / truth - 1.0).abs());
            let x = truth as f32;
            let error = f64::from(log2(x)) - libm::log2(f64::from(x));
            worst_log = worst_log.max(error.abs() / libm::log2(f64::from(x)).abs().max(1.0));
        }
        assert!(worst_power < 3e-7, "{worst_power}");
        assert!(worst_log < 3e-7, "{worst_log}");
        assert_eq!([log2(1.0), log2(8.0), exp2(0.0), exp2(-3.0)], [0.0, 3.0, 1.0, 0.125]);
    }

    #[test]
    fn the_ends_are_finite() {
        assert!(log2(0.0) < -120.0 && log2(-1.0) < -120.0 && log2(f32::NAN) < -120.0);
        assert!(exp2(1e9).is_finite() && exp2(-1e9) > 0.0);
        assert!(tanh(f32::MAX) == 1.0 && tanh(-f32::MAX) == -1.0);
    }

    #[test]
    fn hyperbolic_tangent_and_sine_are_near_the_true_ones() {
        for n in -4_000..=4_000 {
            let x = f64::from(n) / 300.0;
            assert!((f64::from(tanh(x as f32)) - libm::tanh(x)).abs() < 4e-7, "{x}");
        }
        for n in 0..100_000u32 {
            let phase = n.wrapping_mul(42_949);
            let truth = libm::sin(core::f64::consts::TAU * f64::from(phase) / 4_294_967_296.0);
            assert!((f64::from(sine(phase)) - truth).abs() < 3e-7, "{phase}");
        }
    }
}
