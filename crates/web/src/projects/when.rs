//! How long ago something was, in words.

use model::Timestamp;

/// "just now", "5 minutes ago", "yesterday", "3 weeks ago", else the date.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    let minutes = (now.0 - time.0).max(0) / 60_000;
    let count = |number: i64, unit: &str| match number {
        1 => format!("1 {unit} ago"),
        _ => format!("{number} {unit}s ago"),
    };
    match (minutes, minutes / 60, minutes / 1_440) {
        (0, ..) => "just now".to_owned(),
        (1..60, ..) => count(minutes, "minute"),
        (_, hours @ 1..24, _) => count(hours, "hour"),
        (.., 1) => "yesterday".to_owned(),
        (.., days @ 2..14) => count(days, "day"),
        (.., days @ 14..60) => count(days / 7, "week"),
        _ => time.to_string().chars().take(10).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_the_distance() {
        let now = Timestamp::parse("2026-11-23T22:00:00Z").unwrap();
        let said = |text: &str| ago(Timestamp::parse(text).unwrap(), now);
        assert_eq!(said("2026-11-23T21:59:30Z"), "just now");
        assert_eq!(said("2026-11-23T21:59:00Z"), "1 minute ago");
        assert_eq!(said("2026-11-23T19:00:00Z"), "3 hours ago");
        assert_eq!(said("2026-11-22T20:00:00Z"), "yesterday");
        assert_eq!(said("2026-11-01T20:00:00Z"), "3 weeks ago");
        assert_eq!(said("2025-01-02T20:00:00Z"), "2025-01-02");
        assert_eq!(said("2026-11-23T23:00:00Z"), "just now");
    }
}
