//! The equaliser's curve, over the frequencies that one hears.

use dsp::equaliser::gain_db;

/// The curve's box, in units of the drawing.
pub(super) const WIDTH: f64 = 480.0;
/// Its height.
pub(super) const HEIGHT: f64 = 120.0;
/// Decibels from the middle to the top.
const RANGE_DB: f64 = 24.0;
const LOWEST_HZ: f64 = 20.0;
const HIGHEST_HZ: f64 = 20_000.0;
const POINTS: u32 = 160;

/// Where a frequency lies, from the left.
pub(super) fn x_of(hz: f64) -> f64 {
    (hz / LOWEST_HZ).log2() / (HIGHEST_HZ / LOWEST_HZ).log2() * WIDTH
}

/// The frequency at a part of the way from the left, 0 to 1.
pub(super) fn frequency_at(part: f64) -> f64 {
    LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ).powf(part)
}

/// Where a gain lies, from the top.
pub(super) fn y_of(db: f64) -> f64 {
    (0.5 - db.clamp(-RANGE_DB * 1.1, RANGE_DB * 1.1) / RANGE_DB / 2.0) * HEIGHT
}

/// The path of the curve of these values.
pub(super) fn path(values: &[f32], rate: u32) -> String {
    use std::fmt::Write as _;
    let mut path = String::with_capacity(2_400);
    for point in 0..=POINTS {
        let part = f64::from(point) / f64::from(POINTS);
        let hz = frequency_at(part);
        let y = y_of(gain_db(values, hz.min(f64::from(rate) * 0.499), rate));
        let _ = write!(path, "{}{:.1} {y:.1}", if point == 0 { 'M' } else { 'L' }, part * WIDTH);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_equaliser_is_a_line_in_the_middle() {
        let path = path(&[], 48_000);
        assert!(path.starts_with("M0.0 60.0L3.0 60.0"));
        assert!(path.ends_with("L480.0 60.0"));
        assert!((x_of(20_000.0) - WIDTH).abs() < 1e-9 && x_of(20.0).abs() < 1e-9);
        assert!(y_of(24.0).abs() < 1e-9 && y_of(f64::NEG_INFINITY) > HEIGHT);
    }
}
