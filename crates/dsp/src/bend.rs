//! The shape of a way from one value to another: straight, or bent to either side.

/// How far along a bent way is, 0 to 1, at `u` (0 to 1) of its length.
///
/// `bend` is -1 to 1: 0 is straight; above 0 it begins slowly and ends fast, below 0 the other way round. The curve is an
/// exponential, `(2^(8·bend·u) - 1) / (2^(8·bend) - 1)`: at 1 it has gone 1/17 of the way in half the time.
#[must_use]
pub fn bend(u: f64, bend: f64) -> f64 {
    let bend = bend.clamp(-1.0, 1.0);
    let u = u.clamp(0.0, 1.0);
    // So close to straight that the quotient would lose its digits.
    if bend.abs() < 1e-6 {
        return u;
    }
    (libm::exp2(8.0 * bend * u) - 1.0) / (libm::exp2(8.0 * bend) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en33_a_bent_way_begins_and_ends_where_a_straight_one_does_and_never_turns_back() {
        for b in [-1.0, -0.3, 0.0, 1e-7, 0.5, 1.0] {
            assert!(bend(0.0, b) == 0.0 && (bend(1.0, b) - 1.0).abs() < 1e-12);
            let way: Vec<f64> = (0..=100).map(|n| bend(f64::from(n) / 100.0, b)).collect();
            assert!(way.windows(2).all(|pair| pair[0] < pair[1]), "{b}");
        }
        assert!((bend(0.5, 1.0) - 1.0 / 17.0).abs() < 1e-12);
        assert!((bend(0.5, -1.0) - 16.0 / 17.0).abs() < 1e-12, "bent to the other side, it is the mirror");
        assert_eq!(bend(0.25, 0.0), 0.25);
    }
}
