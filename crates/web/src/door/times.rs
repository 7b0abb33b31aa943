//! Tempo and metre of the song, for every screen: when a place is, and which bar it lies in.

use engine::TempoTrack;
use model::{Bpm, Id, MetreChange, MetreMap, Records, Table, TempoChange, Ticks, TimeSignature};

/// The times of a song.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    tempo: TempoTrack,
    pub(crate) metres: MetreMap,
    /// Where the tempo changes, in order.
    pub(crate) tempo_changes: Vec<TempoChange>,
    /// Where the metre changes, in order.
    pub(crate) metre_changes: Vec<MetreChange>,
}

impl Default for Times {
    fn default() -> Times {
        Times::of(&Records::new())
    }
}

impl Times {
    /// Whether a change of a table may change them.
    pub(crate) fn depend_on(table: Table) -> bool {
        matches!(table, Table::Projects | Table::TempoChanges | Table::TimeSignatures)
    }

    /// The times of a project's records.
    pub(crate) fn of(records: &Records) -> Times {
        // What the engine does not take is told where the song is compiled.
        let plain = || TempoTrack::new(48_000, Bpm::default().thousandths(), &[]).expect("a tempo within its bounds");
        Times {
            tempo: TempoTrack::from_records(records).unwrap_or_else(plain),
            metres: MetreMap::of(records),
            tempo_changes: records.tempo_changes(),
            metre_changes: records.metre_changes(),
        }
    }

    /// When a place is, in seconds.
    pub(crate) fn seconds(&self, place: Ticks) -> f64 {
        self.tempo.map().seconds(place.0)
    }

    /// The place at a time in seconds.
    pub(crate) fn place_at(&self, seconds: f64) -> Ticks {
        self.place_after(Ticks(0), seconds)
    }

    /// The place so many seconds after another.
    pub(crate) fn place_after(&self, place: Ticks, seconds: f64) -> Ticks {
        Ticks(self.tempo.map().ticks_after(place.0, seconds).unwrap_or(place.0))
    }

    /// Whether the tempo never changes.
    pub(crate) fn is_steady(&self) -> bool {
        self.tempo.map().is_constant()
    }

    /// The change of tempo that holds at a place; none while the song's own tempo does.
    pub(crate) fn tempo_change_at(&self, place: Ticks) -> Option<&TempoChange> {
        self.tempo_changes.iter().rev().find(|change| change.at <= place)
    }

    /// The change of metre that holds at a place; none while the song's own metre does.
    pub(crate) fn metre_change_at(&self, place: Ticks) -> Option<&MetreChange> {
        self.metre_changes.iter().rev().find(|change| change.at <= place)
    }

    /// A change of tempo by its id.
    pub(crate) fn tempo_change(&self, id: &Id) -> Option<&TempoChange> {
        self.tempo_changes.iter().find(|change| change.id == *id)
    }

    /// A change of metre by its id.
    pub(crate) fn metre_change(&self, id: &Id) -> Option<&MetreChange> {
        self.metre_changes.iter().find(|change| change.id == *id)
    }

    /// The metre at a place.
    pub(crate) fn metre_at(&self, place: Ticks) -> TimeSignature {
        self.metres.metre_at(place)
    }

    /// One step to the beginning of a bar: of the next one, or of this one, or of the one before.
    pub(crate) fn bar_step(&self, place: Ticks, direction: i64) -> Ticks {
        match direction > 0 {
            true => self.metres.next_bar(place),
            false => self.metres.bar_start(Ticks(place.0 - 1)),
        }
    }

    /// The beginning of a bar that is nearest to a place.
    pub(crate) fn nearest_bar(&self, place: Ticks) -> Ticks {
        let (before, behind) = (self.metres.bar_start(place), self.metres.next_bar(place));
        if (place - before) < (behind - place) { before } else { behind }
    }
}

#[cfg(test)]
mod tests {
    use model::{Record, Value, fields};

    use super::*;

    fn beats(beats: f64) -> Ticks {
        Ticks::from_beats(beats).unwrap()
    }

    #[test]
    fn u2_places_have_their_times_and_bars() {
        let mut records = Records::new();
        let mut add = |table, name: &str, given: &[(&str, Value)]| {
            let given = fields(given.iter().cloned());
            records.insert(table, Record::new(Id::new(name).unwrap(), 1, given));
        };
        add(Table::Projects, "p", &[("bpm", 120.0.into()), ("timeSignature", "4/4".into())]);
        let change = |beat: f64| [("projectId", "p".into()), ("beat", Value::number(beat))];
        add(Table::TempoChanges, "t", &[&change(8.0)[..], &[("bpm", 60.0.into()), ("curve", "jump".into())]].concat());
        add(Table::TimeSignatures, "m", &[&change(8.0)[..], &[("timeSignature", "3/4".into())]].concat());
        let times = Times::of(&records);
        assert_eq!((times.seconds(beats(8.0)), times.seconds(beats(10.0))), (4.0, 6.0));
        assert_eq!((times.place_at(5.0), times.place_after(beats(6.0), 2.0)), (beats(9.0), beats(9.0)));
        assert_eq!(times.tempo_change_at(beats(7.9)), None);
        assert_eq!(times.tempo_change_at(beats(8.0)).map(|change| change.bpm.value()), Some(60.0));
        assert_eq!((times.bar_step(beats(8.0), 1), times.bar_step(beats(8.0), -1)), (beats(11.0), beats(4.0)));
        assert_eq!((times.nearest_bar(beats(9.4)), times.nearest_bar(beats(9.6))), (beats(8.0), beats(11.0)));
        // U4: what is measured in seconds becomes a whole number of ticks, which is stored as such.
        let odd = times.place_after(beats(6.0), 1.234_567).beats();
        assert_eq!(beats(odd).beats(), odd);
        assert!(!times.is_steady() && Times::default().is_steady());
    }
}
