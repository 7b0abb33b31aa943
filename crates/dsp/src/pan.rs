//! The pan law: balance with an unchanged centre and a quarter-cosine taper.

/// The factors for left and right at a pan position in -1 (left) to 1 (right).
///
/// The side that is turned towards keeps factor 1, the other falls as `cos(|pan| * π/2)`: 0 dB at the centre, -3.01 dB on the
/// far side half way, silence at the end. Nothing is ever raised above 0 dB and the centre changes no bit. A mono signal is in
/// both channels alike and obeys the same law, so its power falls by 3.01 dB from the centre to either end.
/// Positions outside -1..1 are taken as the nearest end.
#[must_use]
pub fn balance(pan: f64) -> (f32, f32) {
    let turned = pan.abs().min(1.0);
    let far = if turned >= 1.0 { 0.0 } else { libm::cos(turned * core::f64::consts::FRAC_PI_2) as f32 };
    if pan < 0.0 {
        (1.0, far)
    } else if pan > 0.0 {
        (far, 1.0)
    } else {
        (1.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en5_the_law_at_its_named_points() {
        assert_eq!(balance(0.0), (1.0, 1.0));
        assert_eq!(balance(-0.0), (1.0, 1.0));
        assert_eq!(balance(-1.0), (1.0, 0.0));
        assert_eq!(balance(1.0), (0.0, 1.0));
        assert_eq!(balance(7.0), (0.0, 1.0));
        let (left, right) = balance(0.5);
        assert_eq!(right, 1.0);
        assert!((20.0 * f64::from(libm::log10f(left)) + 3.0103).abs() < 0.001, "{left}");
    }

    #[test]
    fn en5_left_and_right_are_mirrors_and_never_above_one() {
        for step in -100..=100 {
            let pan = f64::from(step) / 100.0;
            let (left, right) = balance(pan);
            assert_eq!(balance(-pan), (right, left));
            assert!((0.0..=1.0).contains(&left) && (0.0..=1.0).contains(&right));
        }
    }
}
