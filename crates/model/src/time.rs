//! Points in time, as the wire writes them: ISO 8601, UTC, milliseconds. The clock itself is an argument.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const DAY_MS: i64 = 86_400_000;
/// 9999-12-31T23:59:59.999Z: the last that four digits of a year can write.
const LAST: i64 = 253_402_300_799_999;

/// Year, month and day of a day counted from 1970-01-01 in the proleptic Gregorian calendar. The year is taken to begin
/// in March, so that the leap day is its last (the usual era-of-400-years arithmetic).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl fmt::Display for Timestamp {
    /// `2026-11-23T21:44:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.clamp(0, LAST);
        let (year, month, day) = civil(ms.div_euclid(DAY_MS));
        let rest = ms.rem_euclid(DAY_MS);
        let (h, m, s) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
        // Every edit has it written: digit by digit, which is much less work than seven numbers formatted.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |end: usize, mut number: i64| {
            for digit in text[..end].iter_mut().rev().take_while(|digit| digit.is_ascii_digit()) {
                *digit = b"0123456789"[usize::try_from(number % 10).unwrap_or(0)];
                number /= 10;
            }
        };
        for (end, number) in [(4, year), (7, month), (10, day), (13, h), (16, m), (19, s), (23, rest % 1_000)] {
            put(end, number);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl Timestamp {
    /// Reads `YYYY-MM-DDTHH:MM:SSZ` with an optional fraction of a second; digits past milliseconds are cut.
    #[must_use]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let text = text.strip_suffix('Z')?;
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let b = seconds.as_bytes();
        let shape = b.len() == 19
            && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')].iter().all(|(i, c)| b[*i] == *c);
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !shape || !seconds.is_ascii() || !digits(fraction) || fraction.len() > 9 {
            return None;
        }
        let field = |range: std::ops::Range<usize>| seconds.get(range).filter(|p| digits(p))?.parse::<i64>().ok();
        let (year, month, day) = (field(0..4)?, field(5..7)?, field(8..10)?);
        let (h, m, s) = (field(11..13)?, field(14..16)?, field(17..19)?);
        let days = days_from_civil(year, month, day);
        if civil(days) != (year, month, day) || h > 23 || m > 59 || s > 59 {
            return None;
        }
        let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
        Some(Timestamp(days * DAY_MS + h * 3_600_000 + m * 60_000 + s * 1_000 + ms))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
        assert_eq!(Timestamp::parse("2026-11-23T21:44:00Z"), Some(Timestamp(1_795_470_240_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "now",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00",
            "２026-01-01T00:00:0Z",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back(ms in 0..=LAST) {
            prop_assert_eq!(Timestamp::parse(&Timestamp(ms).to_string()), Some(Timestamp(ms)));
        }
        #[test]
        fn si3_arbitrary_text_never_panics(text in ".{0,40}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
