//! Faders and meters in decibels.

/// The fader at its top: +6 dB, twice unity.
pub(crate) const FACTOR_MAX: f64 = 2.0;
/// What is below is written as silence.
const SILENCE_DB: f64 = -90.0;
/// Louder and softer than this is a slip of the hand.
const TYPED_DB_MAX: f64 = 200.0;
/// The lower end of a meter.
const METER_FLOOR_DB: f64 = -60.0;

/// Decibels of a linear factor: 20 log10.
pub(crate) fn decibels(factor: f64) -> f64 {
    20.0 * factor.max(0.0).log10()
}

/// The factor of a fader at `travel` (0 at the bottom, 1 at the top): a cube, so that the upper half of the way covers the
/// 24 dB in which one mixes, and the bottom is silence.
pub(crate) fn factor_at(travel: f64) -> f64 {
    let travel = travel.clamp(0.0, 1.0);
    FACTOR_MAX * travel * travel * travel
}

/// Where a fader of this factor stands; the inverse of [`factor_at`].
pub(crate) fn travel_of(factor: f64) -> f64 {
    (factor.max(0.0) / FACTOR_MAX).cbrt().min(1.0)
}

/// The factor that is `by` decibels away; from silence up it begins at -60 dB.
pub(crate) fn nudged(factor: f64, by: f64) -> f64 {
    let from = decibels(factor).max(METER_FLOOR_DB - 1.0);
    let to = from + by;
    if to < METER_FLOOR_DB { 0.0 } else { 10f64.powf(to / 20.0).min(FACTOR_MAX) }
}

/// `−6.0`, `+1.5`, `−∞`.
pub(crate) fn written(factor: f64) -> String {
    let db = decibels(factor);
    if db < SILENCE_DB {
        return "−∞".to_owned();
    }
    let rounded = (db * 10.0).round() / 10.0;
    match rounded {
        r if r > 0.0 => format!("+{r:.1}"),
        r if r < 0.0 => format!("−{:.1}", -r),
        _ => "0.0".to_owned(),
    }
}

/// The part of a meter that a peak fills, 0..1: -60 dB to 0 dB, gentler below.
pub(crate) fn meter_height(peak: f64) -> f64 {
    let part = 1.0 - decibels(peak).clamp(METER_FLOOR_DB, 0.0) / METER_FLOOR_DB;
    part.powf(1.25)
}

/// Typed text as a factor: `-6`, `−6 dB`, `+3`, `-inf`.
pub(crate) fn read(text: &str) -> Option<f64> {
    let text = text.trim().to_lowercase().replace('−', "-").replace(',', ".");
    let text = text.trim_end_matches("db").trim();
    if matches!(text, "-inf" | "-∞") {
        return Some(0.0);
    }
    let db: f64 = text.parse().ok().filter(|db: &f64| db.abs() <= TYPED_DB_MAX)?;
    Some(if db < SILENCE_DB { 0.0 } else { 10f64.powf(db / 20.0).min(FACTOR_MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u1_known_factors_have_known_decibels() {
        assert_eq!(written(1.0), "0.0");
        assert_eq!(written(2.0), "+6.0");
        assert_eq!(written(0.5), "−6.0");
        assert_eq!(written(0.0), "−∞");
        assert_eq!(written(0.999_999), "0.0");
    }

    #[test]
    fn a_fader_and_its_factor_are_inverse() {
        for step in 0..=100 {
            let travel = f64::from(step) / 100.0;
            assert!((travel_of(factor_at(travel)) - travel).abs() < 1e-12);
        }
        assert_eq!(factor_at(1.0), FACTOR_MAX);
        assert_eq!(factor_at(-3.0), 0.0);
        assert!(travel_of(1.0) > 0.7 && travel_of(1.0) < 0.85);
    }

    #[test]
    fn nudging_ends_in_silence_and_at_the_top() {
        assert!((nudged(1.0, -6.0) - 0.501).abs() < 0.001);
        assert_eq!(nudged(0.001, -3.0), 0.0);
        assert!(nudged(0.0, 3.0) > 0.0);
        assert_eq!(nudged(1.9, 6.0), FACTOR_MAX);
    }

    #[test]
    fn typed_decibels_are_read() {
        assert_eq!(read("0"), Some(1.0));
        assert_eq!(read(" −6,0 dB").map(written), Some("−6.0".to_owned()));
        assert_eq!(read("-inf"), Some(0.0));
        assert_eq!(read("+40"), Some(FACTOR_MAX));
        assert_eq!(read("loud"), None);
        assert_eq!(read("nan"), None);
    }

    #[test]
    fn meters_rise_with_the_peak() {
        assert_eq!(meter_height(0.0), 0.0);
        assert_eq!(meter_height(1.0), 1.0);
        assert!(meter_height(0.5) > meter_height(0.1));
        assert_eq!(meter_height(3.0), 1.0);
    }
}
