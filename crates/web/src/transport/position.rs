//! Positions as musicians and clocks write them.

use model::{MetreMap, Ticks};

/// Bar, beat of the metre, and sixteenth, all counted from one: `5.3.2`.
pub(crate) fn bars(position: Ticks, metres: &MetreMap) -> String {
    let place = metres.place(position);
    format!("{}.{}.{}", place.bar, place.note, place.sixteenth)
}

/// The same in words, for screen readers.
pub(crate) fn bars_in_words(position: Ticks, metres: &MetreMap) -> String {
    let place = metres.place(position);
    let part = if place.sixteenth == 1 { String::new() } else { format!(", sixteenth {}", place.sixteenth) };
    format!("bar {}, beat {}{part}", place.bar, place.note)
}

/// Minutes, seconds and milliseconds: `1:04.250`.
pub(crate) fn time(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a float-to-int cast saturates")]
    let ms = (seconds.max(0.0) * 1_000.0).round() as i64;
    format!("{}:{:02}.{:03}", ms / 60_000, ms / 1_000 % 60, ms % 1_000)
}

/// Minutes and seconds, for the ruler: `1:04`.
pub(crate) fn short_time(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "a float-to-int cast saturates")]
    let whole = seconds.max(0.0).round() as i64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// A length in beats, in words.
pub(crate) fn beats_in_words(length: Ticks) -> String {
    let beats = (length.beats() * 100.0).round() / 100.0;
    if (beats - 1.0).abs() < 1e-9 { "1 beat".to_owned() } else { format!("{beats} beats") }
}

#[cfg(test)]
mod tests {
    use model::TimeSignature;

    use super::*;

    fn beats(beats: f64) -> Ticks {
        Ticks::from_beats(beats).unwrap()
    }

    #[test]
    fn positions_count_from_one() {
        let metre = &MetreMap::default();
        assert_eq!(bars(Ticks(0), metre), "1.1.1");
        assert_eq!(bars(beats(4.75), metre), "2.1.4");
        assert_eq!(bars(beats(3.999), metre), "1.4.4");
        assert_eq!(bars(Ticks(-5), metre), "1.1.1");
        assert_eq!(bars_in_words(beats(5.0), metre), "bar 2, beat 2");
    }

    #[test]
    fn beats_follow_the_metre() {
        let metre = &MetreMap::new(TimeSignature::parse("6/8").unwrap(), []);
        assert_eq!(bars(beats(3.0), metre), "2.1.1");
        assert_eq!(bars(beats(2.5), metre), "1.6.1");
    }

    #[test]
    fn time_is_minutes_seconds_milliseconds() {
        assert_eq!(time(0.0), "0:00.000");
        assert_eq!(time(64.25), "1:04.250");
        assert_eq!(short_time(64.25), "1:04");
    }

    #[test]
    fn lengths_are_read_out_in_beats() {
        assert_eq!(beats_in_words(beats(1.0)), "1 beat");
        assert_eq!(beats_in_words(beats(2.5)), "2.5 beats");
    }
}
