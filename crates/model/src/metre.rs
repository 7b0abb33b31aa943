//! Where the bars are, in a song whose metre may change.

use crate::{Records, TICKS_PER_BEAT, Ticks, TimeSignature};

/// The metre of a whole song. Each change begins a bar, so the bar before it may be shorter than its metre says.
#[derive(Clone, Debug, PartialEq)]
pub struct MetreMap {
    parts: Vec<Part>,
}

/// A part of the song in one metre.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    start: Ticks,
    metre: TimeSignature,
    /// Bars before it.
    bars: i64,
}

/// A place in bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarPlace {
    /// The bar, counted from one.
    pub bar: i64,
    /// The note of the metre in the bar, counted from one.
    pub note: i64,
    /// The sixteenth in the note, counted from one.
    pub sixteenth: i64,
}

impl Default for MetreMap {
    fn default() -> MetreMap {
        MetreMap::new(TimeSignature::default(), [])
    }
}

impl MetreMap {
    /// The map of a song that begins in `start`. Changes come in their order; of several at one place the last counts.
    #[must_use]
    pub fn new(start: TimeSignature, changes: impl IntoIterator<Item = (Ticks, TimeSignature)>) -> MetreMap {
        let mut parts = vec![Part { start: Ticks(0), metre: start, bars: 0 }];
        for (at, metre) in changes {
            let last = parts[parts.len() - 1];
            if at > last.start {
                let length = (at - last.start).0;
                let bars =
                    last.bars + length.div_euclid(last.metre.bar().0) + i64::from(length % last.metre.bar().0 > 0);
                parts.push(Part { start: at, metre, bars });
            } else if let Some(last) = parts.last_mut() {
                last.metre = metre;
            }
        }
        MetreMap { parts }
    }

    /// The map of a project's records.
    #[must_use]
    pub fn of(records: &Records) -> MetreMap {
        let start = records.project().and_then(|project| TimeSignature::parse(project.text("timeSignature")?));
        let changes = records.metre_changes();
        MetreMap::new(start.unwrap_or_default(), changes.iter().map(|change| (change.at, change.time_signature)))
    }

    /// The metre at a place.
    #[must_use]
    pub fn metre_at(&self, place: Ticks) -> TimeSignature {
        self.part(place).metre
    }

    /// A place in bars; what lies before the song is its start.
    #[must_use]
    pub fn place(&self, place: Ticks) -> BarPlace {
        let place = place.max(Ticks(0));
        let part = self.part(place);
        let past = (place - part.start).0;
        let (bar, note) = (part.metre.bar().0, part.metre.note().0);
        let within = past % bar;
        BarPlace {
            bar: part.bars + past / bar + 1,
            note: within / note + 1,
            sixteenth: within % note / (TICKS_PER_BEAT / 4) + 1,
        }
    }

    /// Where the bar begins that a place lies in.
    #[must_use]
    pub fn bar_start(&self, place: Ticks) -> Ticks {
        let place = place.max(Ticks(0));
        let part = self.part(place);
        part.start + Ticks((place - part.start).0.div_euclid(part.metre.bar().0) * part.metre.bar().0)
    }

    /// Where the bar after that begins.
    #[must_use]
    pub fn next_bar(&self, place: Ticks) -> Ticks {
        let start = self.bar_start(place);
        let next = start + self.metre_at(start).bar();
        self.parts.iter().map(|part| part.start).find(|at| *at > start).map_or(next, |change| change.min(next))
    }

    /// The parts from one place to another: where each begins (the first may lie before), its metre, the bars before it, and where it ends.
    pub fn parts(&self, from: Ticks, to: Ticks) -> impl Iterator<Item = (Ticks, TimeSignature, i64, Ticks)> + '_ {
        let ends = self.parts.iter().skip(1).map(|part| part.start).chain([Ticks(i64::MAX)]);
        let parts = self.parts.iter().zip(ends).map(|(part, end)| (part.start, part.metre, part.bars, end));
        parts.filter(move |(start, _, _, end)| *start <= to && *end > from)
    }

    fn part(&self, place: Ticks) -> Part {
        let index = self.parts.partition_point(|part| part.start <= place);
        self.parts[index.saturating_sub(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(beats: f64) -> Ticks {
        Ticks::from_beats(beats).unwrap()
    }

    fn metre(text: &str) -> TimeSignature {
        TimeSignature::parse(text).unwrap()
    }

    #[test]
    fn u2_a_change_of_metre_begins_a_bar() {
        // Two bars of 4/4, one that is cut short after 1.5 beats, then 3/8 from beat 9.5, and 6/4 from beat 11 on.
        let map = MetreMap::new(metre("4/4"), [(beats(9.5), metre("3/8")), (beats(11.0), metre("6/4"))]);
        let place = |at: f64| {
            let place = map.place(beats(at));
            (place.bar, place.note, place.sixteenth)
        };
        assert_eq!([place(-1.0), place(0.0), place(4.25), place(9.25)], [(1, 1, 1), (1, 1, 1), (2, 1, 2), (3, 2, 2)]);
        assert_eq!([place(9.5), place(10.75), place(11.0), place(16.9)], [(4, 1, 1), (4, 3, 2), (5, 1, 1), (5, 6, 4)]);
        assert_eq!([map.bar_start(beats(9.25)), map.next_bar(beats(8.0))], [beats(8.0), beats(9.5)]);
        assert_eq!([map.bar_start(beats(10.9)), map.next_bar(beats(9.5))], [beats(9.5), beats(11.0)]);
        assert_eq!(map.next_bar(beats(12.0)), beats(17.0));
        assert_eq!([map.metre_at(beats(9.4)), map.metre_at(beats(9.5))], [metre("4/4"), metre("3/8")]);
        assert_eq!(map.parts(beats(9.5), beats(10.0)).count(), 1);
        assert_eq!(map.parts(beats(0.0), beats(11.0)).count(), 3);
    }

    #[test]
    fn u2_of_two_changes_at_one_place_the_last_counts() {
        let map = MetreMap::new(metre("4/4"), [(beats(4.0), metre("3/4")), (beats(4.0), metre("5/4"))]);
        assert_eq!(map.metre_at(beats(4.0)), metre("5/4"));
        assert_eq!(map.place(beats(9.0)).bar, 3);
    }
}
