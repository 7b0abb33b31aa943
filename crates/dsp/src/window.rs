//! Windows, for filters and spectra.

use core::f64::consts::PI;

/// Kaiser's window at `t` in -1..1 (0 outside): `I0(β·√(1-t²)) / I0(β)` (J. F. Kaiser, "Nonrecursive Digital Filter Design Using
/// the I0-sinh Window Function", 1974).
#[must_use]
pub fn kaiser(t: f64, beta: f64) -> f64 {
    let inside = 1.0 - t * t;
    if inside < 0.0 { 0.0 } else { bessel_i0(beta * inside.sqrt()) / bessel_i0(beta) }
}

/// The periodic Hann window of `length` points at point `n`.
#[must_use]
pub fn hann(n: usize, length: usize) -> f64 {
    0.5 - 0.5 * libm::cos(2.0 * PI * n as f64 / length as f64)
}

/// `sin(π·t) / (π·t)`.
#[must_use]
pub fn sinc(t: f64) -> f64 {
    if t == 0.0 { 1.0 } else { libm::sin(PI * t) / (PI * t) }
}

/// The modified Bessel function of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..200 {
        term *= quarter / f64::from(k * k);
        sum += term;
        if term < sum * 1e-18 {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_at_their_named_points() {
        // I0(5) of M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", table 9.8.
        assert!((bessel_i0(5.0) - 27.239_871_823_604_44).abs() < 1e-10);
        assert_eq!((kaiser(0.0, 8.0), kaiser(1.5, 8.0)), (1.0, 0.0));
        assert!((kaiser(1.0, 5.0) - 1.0 / 27.239_871_823_604_44).abs() < 1e-12);
        assert!((hann(0, 8).abs() < 1e-15) && (hann(4, 8) - 1.0).abs() < 1e-15);
        assert!((sinc(0.5) - 2.0 / PI).abs() < 1e-15 && sinc(3.0).abs() < 1e-15);
    }
}
