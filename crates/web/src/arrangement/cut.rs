//! Clips cut to another length, in two, and copied behind themselves.

use model::{Clip, Id, Map, Record, Table, Ticks, Value};
use operations::{Operation, build};

use super::shape::changes;
use super::snap::GRID;
use crate::door::times::Times;

/// Cutting leaves at least this much of a clip.
const LEFT_MIN: Ticks = GRID;

/// What a copy has of the clip that it is of; its place it has for itself.
const COPIED: [&str; 14] = [
    "trackId",
    "name",
    "audioFileId",
    "audioStartOffset",
    "audioEndOffset",
    "midiData",
    "gain",
    "fadeIn",
    "fadeOut",
    "fadeInShape",
    "fadeOutShape",
    "reversed",
    "loopBeats",
    "durationBeats",
];

/// Why a clip is not cut somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uncut {
    /// Nothing of it lies there.
    Elsewhere,
    /// It repeats, and no repeat begins there.
    Repeats,
    /// It has notes.
    Notes,
}

/// Fades no longer than the clip.
fn fitted(mut clip: Clip) -> Clip {
    clip.fade_in = clip.fade_in.min(clip.duration);
    clip.fade_out = clip.fade_out.min(clip.duration);
    clip
}

/// The clip that ends elsewhere.
pub(super) fn ending_at(clip: &Clip, end: Ticks) -> Clip {
    let duration = (end - clip.start).max(LEFT_MIN.min(clip.duration));
    fitted(Clip { duration, ..clip.clone() })
}

/// The clip that begins elsewhere, as far as its recording reaches; what is heard of it stays where it is. None when it repeats: then
/// all of it would move.
pub(super) fn beginning_at(clip: &Clip, start: Ticks, times: &Times) -> Option<Clip> {
    if clip.repeated != Ticks(0) {
        return None;
    }
    let mut start = start.max(Ticks(0)).min(clip.end() - LEFT_MIN.min(clip.duration));
    let mut offset = clip.audio_start_offset;
    if clip.audio_file_id.is_some() {
        let earliest = times.place_after(clip.start, -clip.audio_start_offset);
        start = start.max(earliest.min(clip.start));
        offset = (offset + times.seconds(start) - times.seconds(clip.start)).max(0.0);
    }
    let duration = clip.end() - start;
    Some(fitted(Clip { start, duration, audio_start_offset: offset, ..clip.clone() }))
}

/// What makes two clips of one, the later under a new id.
pub(super) fn split(record: &Record, at: Ticks, times: &Times, new: &Id) -> Result<Vec<Operation>, Uncut> {
    let clip = Clip::from_record(record).filter(|clip| clip.start < at && at < clip.end()).ok_or(Uncut::Elsewhere)?;
    if *record.get("midiData") != Value::Null {
        return Err(Uncut::Notes);
    }
    let repeats = clip.repeated != Ticks(0);
    if repeats && (at - clip.start).0 % clip.repeated.0 != 0 {
        return Err(Uncut::Repeats);
    }
    let first = fitted(Clip { duration: at - clip.start, fade_out: Ticks(0), ..clip.clone() });
    let heard = times.seconds(at) - times.seconds(clip.start);
    let offset = clip.audio_start_offset + if repeats || clip.audio_file_id.is_none() { 0.0 } else { heard };
    let second =
        fitted(Clip { duration: clip.end() - at, fade_in: Ticks(0), audio_start_offset: offset, ..clip.clone() });
    let mut fields = copied(record, at);
    fields.extend(model::fields([
        ("durationBeats", Value::number(second.duration.beats())),
        ("fadeIn", Value::number(0.0)),
        ("fadeOut", Value::number(second.fade_out.beats())),
        ("audioStartOffset", Value::number(second.audio_start_offset)),
    ]));
    let mut operations = changes(&clip, &first);
    operations.push(build::create(Table::Clips, new, fields));
    Ok(operations)
}

/// What makes a copy of a clip that begins at `start`.
pub(super) fn copy(record: &Record, start: Ticks, new: &Id) -> Operation {
    build::create(Table::Clips, new, copied(record, start))
}

fn copied(record: &Record, start: Ticks) -> Map {
    let own = COPIED.iter().filter_map(|field| {
        let value = record.get(field);
        (*value != Value::Null).then(|| (*field, value.clone()))
    });
    model::fields(own.chain([("startBeat", Value::number(start.beats()))]))
}

#[cfg(test)]
mod tests {
    use model::{Records, TICKS_PER_BEAT, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn beats(beats: f64) -> Ticks {
        Ticks::from_beats(beats).unwrap()
    }

    /// At 120 beats a minute: half a second each.
    fn times() -> Times {
        Times::of(&Records::new())
    }

    fn record(more: &[(&str, Value)]) -> Record {
        let given = [
            ("name", Value::text("Riff")),
            ("trackId", "t".into()),
            ("audioFileId", "f".into()),
            ("startBeat", 4.0.into()),
            ("durationBeats", 8.0.into()),
            ("audioStartOffset", 1.0.into()),
            ("fadeIn", 1.0.into()),
            ("fadeOut", 6.0.into()),
            ("projectId", "p".into()),
        ];
        Record::new(id("c"), 1, fields(given.into_iter().chain(more.iter().cloned())))
    }

    /// The record that an operation makes.
    fn made(operation: &Operation) -> Record {
        let operations::Change::Set(Value::Map(fields)) = &operation.change else { panic!("{operation:?}") };
        Record::new(operation.target.id.clone(), 1, (**fields).clone())
    }

    fn clip() -> Clip {
        Clip::from_record(&record(&[])).unwrap()
    }

    #[test]
    fn a_clip_in_two_sounds_as_in_one() {
        let operations = split(&record(&[]), beats(8.0), &times(), &id("d")).unwrap();
        let [shorter, no_fade, later] = &operations[..] else { panic!("{operations:?}") };
        assert_eq!(*shorter, build::set(Table::Clips, &id("c"), "durationBeats", 4.0));
        assert_eq!(*no_fade, build::set(Table::Clips, &id("c"), "fadeOut", 0.0));
        let expected = fields([
            ("name", Value::text("Riff")),
            ("trackId", "t".into()),
            ("audioFileId", "f".into()),
            ("startBeat", 8.0.into()),
            ("durationBeats", 4.0.into()),
            ("audioStartOffset", 3.0.into()),
            ("fadeIn", 0.0.into()),
            ("fadeOut", 4.0.into()),
        ]);
        assert_eq!(*later, build::create(Table::Clips, &id("d"), expected));
    }

    #[test]
    fn a_clip_is_split_only_where_something_of_it_lies_and_where_a_repeat_begins() {
        let at = |record: &Record, beat: f64| split(record, beats(beat), &times(), &id("d")).map(|all| all.len());
        for beat in [0.0, 4.0, 12.0, 99.0] {
            assert_eq!(at(&record(&[]), beat), Err(Uncut::Elsewhere), "{beat}");
        }
        let repeats = record(&[("loopBeats", 2.0.into())]);
        assert_eq!((at(&repeats, 7.0), at(&repeats, 8.0)), (Err(Uncut::Repeats), Ok(3)));
        let split = split(&repeats, beats(8.0), &times(), &id("d")).unwrap();
        let later = made(split.last().unwrap());
        assert_eq!(later.number("audioStartOffset"), Some(1.0), "each repeat begins where the clip did");
        assert_eq!(at(&record(&[("midiData", Value::map([]))]), 8.0), Err(Uncut::Notes));
    }

    #[test]
    fn the_start_moves_and_the_sound_stays_as_far_as_the_recording_reaches() {
        let began = |beat: f64| {
            beginning_at(&clip(), beats(beat), &times()).map(|it| (it.start, it.duration, it.audio_start_offset))
        };
        assert_eq!(began(5.0), Some((beats(5.0), beats(7.0), 1.5)));
        assert_eq!(began(3.0), Some((beats(3.0), beats(9.0), 0.5)));
        assert_eq!(began(0.0), Some((beats(2.0), beats(10.0), 0.0)), "the recording begins there");
        assert_eq!(began(40.0), Some((beats(11.75), LEFT_MIN, 4.875)));
        let repeats = Clip { repeated: beats(1.0), ..clip() };
        assert_eq!(beginning_at(&repeats, beats(5.0), &times()), None);
    }

    #[test]
    fn the_end_moves_and_fades_fit() {
        let ended = |beat: f64| ending_at(&clip(), beats(beat));
        assert_eq!((ended(20.0).duration, ended(20.0).fade_out), (beats(16.0), beats(6.0)));
        assert_eq!((ended(6.0).duration, ended(6.0).fade_out), (beats(2.0), beats(2.0)));
        assert_eq!(ended(0.0).duration, LEFT_MIN);
        let short = Clip { duration: Ticks(TICKS_PER_BEAT / 8), ..clip() };
        assert_eq!(ending_at(&short, beats(0.0)).duration, short.duration, "it is not made longer");
    }

    #[test]
    fn a_copy_is_the_same_elsewhere() {
        let copied = copy(&record(&[]), beats(12.0), &id("d"));
        let made = made(&copied);
        let expected = Clip { id: id("d"), start: beats(12.0), ..clip() };
        assert_eq!(Clip::from_record(&made), Some(expected));
        assert!(made.get("projectId") == &Value::Null, "the server says that");
    }
}
