//! Which lines and numbers the ruler and the grid show at a zoom.

use model::{MetreMap, Ticks, TimeSignature};

/// Lines closer than this, in pixels, would be a grey mist.
const GAP_MIN: f64 = 11.0;
/// Numbers closer than this would touch.
const LABEL_GAP_MIN: f64 = 56.0;

/// How strong a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// A part of a beat.
    Part,
    /// A beat.
    Beat,
    /// A bar, or a group of bars.
    Bar,
}

/// A line of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) place: Ticks,
    pub(crate) weight: Weight,
    /// The bar to write beside it, counted from one.
    pub(crate) label: Option<i64>,
}

/// The lines from one beat to another.
pub(crate) fn lines(from: f64, to: f64, pixels_per_beat: f64, metres: &MetreMap) -> Vec<Line> {
    let first = Ticks::from_beats(from.max(0.0)).unwrap_or_default();
    let last = Ticks::from_beats(to.max(0.0)).unwrap_or_default();
    let mut lines = Vec::new();
    for (start, metre, bars, end) in metres.parts(first, last) {
        let from = (first - start).0.max(0);
        let to = (last - start).0.min((end - start).0 - 1);
        part(&mut lines, start, (metre, bars), (from, to), pixels_per_beat);
    }
    lines
}

/// The lines of a part in one metre, which `bars` come before: from one tick of it to another.
fn part(
    lines: &mut Vec<Line>,
    start: Ticks,
    (metre, bars): (TimeSignature, i64),
    (from, to): (i64, i64),
    pixels_per_beat: f64,
) {
    let (bar, note) = (metre.bar().0, metre.note().0);
    let pixels = |ticks: i64| Ticks(ticks).beats() * pixels_per_beat;
    let bars_per_line = doubled_until(|bars| pixels(bar * bars) >= GAP_MIN);
    let bars_per_label = doubled_until(|bars| pixels(bar * bars) >= LABEL_GAP_MIN).max(bars_per_line);
    let (step, first) = match [note / 4, note / 2, note].into_iter().find(|step| pixels(*step) >= GAP_MIN) {
        Some(step) => (step, from.div_euclid(step) * step),
        // Groups of bars are counted from the song's start.
        None => {
            let behind = bars + from.div_euclid(bar);
            (bar * bars_per_line, (behind.div_euclid(bars_per_line) * bars_per_line - bars) * bar)
        }
    };
    let line = |place: i64| {
        let is_bar = place % bar == 0;
        let number = bars + place / bar;
        Line {
            place: start + Ticks(place),
            weight: if is_bar {
                Weight::Bar
            } else if place % note == 0 {
                Weight::Beat
            } else {
                Weight::Part
            },
            label: (is_bar && number % bars_per_label == 0).then_some(number + 1),
        }
    };
    let places = (0..).map(|index| first + index * step).take_while(|place| *place <= to);
    lines.extend(places.filter(|place| *place >= 0).map(line));
}

/// The smallest power of two that is enough.
fn doubled_until(enough: impl Fn(i64) -> bool) -> i64 {
    (0..24).map(|power| 1 << power).find(|bars| enough(*bars)).unwrap_or(1 << 24)
}

/// Seconds between two marks of the time line: one of 1, 2, 5, 10, 15, 30, 60, … that leaves room for its numbers.
pub(crate) fn seconds_step(pixels_per_second: f64) -> f64 {
    const STEPS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];
    STEPS.into_iter().find(|step| step * pixels_per_second >= 64.0).unwrap_or(7_200.0)
}

#[cfg(test)]
mod tests {
    use model::TICKS_PER_BEAT;

    use super::*;

    #[test]
    fn a_bar_has_its_number_and_beats_have_lines() {
        let lines = lines(0.0, 8.0, 20.0, &MetreMap::default());
        assert_eq!(lines.len(), 9);
        let labels: Vec<_> = lines.iter().filter_map(|line| line.label).collect();
        assert_eq!(labels, [1, 2, 3]);
        assert_eq!(lines[1], Line { place: Ticks(TICKS_PER_BEAT), weight: Weight::Beat, label: None });
    }

    #[test]
    fn far_away_there_are_groups_of_bars_only() {
        let lines = lines(0.0, 4_000.0, 0.5, &MetreMap::default());
        assert!(lines.len() < 200, "{}", lines.len());
        assert!(lines.iter().all(|line| line.weight == Weight::Bar));
    }

    #[test]
    fn u2_bars_follow_the_metre() {
        let metre = |text| TimeSignature::parse(text).unwrap();
        let changes = [(Ticks(TICKS_PER_BEAT * 6), metre("3/8")), (Ticks(TICKS_PER_BEAT * 9), metre("4/4"))];
        let map = MetreMap::new(metre("4/4"), changes);
        let lines = lines(0.0, 14.0, 40.0, &map);
        let bars: Vec<(f64, i64)> = lines
            .iter()
            .filter(|line| line.weight == Weight::Bar)
            .map(|line| (line.place.beats(), map.place(line.place).bar))
            .collect();
        assert_eq!(bars, [(0.0, 1), (4.0, 2), (6.0, 3), (7.5, 4), (9.0, 5), (13.0, 6)]);
        assert!(lines.windows(2).all(|pair| pair[0].place < pair[1].place));
    }

    #[test]
    fn close_by_beats_are_divided() {
        let lines = lines(0.0, 1.0, 320.0, &MetreMap::default());
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn time_marks_are_round() {
        assert_eq!(seconds_step(100.0), 1.0);
        assert_eq!(seconds_step(20.0), 5.0);
        assert_eq!(seconds_step(0.001), 7_200.0);
    }
}
