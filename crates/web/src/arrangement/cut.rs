//! Clips cut to another length, in two, and copied behind themselves.

use model::schema::{Field, TableSchema, Writer};
use model::{Clip, Id, Map, Record, Table, Ticks, Value};
use operations::{Operation, build};

use super::shape::changes;
use super::snap::GRID;
use crate::door::times::Times;

/// Cutting leaves at least this much of a clip.
const LEFT_MIN: Ticks = GRID;

/// What a copy has for itself; whatever else clients write it has of the clip that it is of.
const OWN: [&str; 2] = ["startBeat", "deleted"];

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

/// Whether a part of it is heard more than once, as the engine sees it.
pub(super) fn repeats(clip: &Clip) -> bool {
    Ticks(0) < clip.repeated && clip.repeated < clip.duration
}

/// The clip that is to be, with the fades of the one that it is made of, whose ends lay elsewhere.
pub(super) fn fitted(from: &Clip, mut to: Clip) -> Clip {
    let lengths = (from.duration, to.duration);
    (to.fade_in, to.fade_in_before) = moved(from.fade_in, from.fade_in_before, from.start - to.start, lengths);
    (to.fade_out, to.fade_out_behind) = moved(from.fade_out, from.fade_out_behind, to.end() - from.end(), lengths);
    to
}

/// The length of a fade and how much of it lies outside its clip, once the clip's end has moved outwards. What is cut stays where it
/// is in the song; any other goes along, and gets no longer than the clip if it was not.
fn moved(length: Ticks, outside: Ticks, outwards: Ticks, (was, is): (Ticks, Ticks)) -> (Ticks, Ticks) {
    match outside > Ticks(0) {
        true => within(length, (outside - outwards).max(Ticks(0))),
        false if length <= was => (length.min(is), Ticks(0)),
        false => (length, Ticks(0)),
    }
}

/// A fade, unless it lies wholly outside its clip.
fn within(length: Ticks, outside: Ticks) -> (Ticks, Ticks) {
    if outside < length { (length, outside) } else { (Ticks(0), Ticks(0)) }
}

/// The clip whose fade in reaches so far into it. Where the fade begins outside, it still does; but none is left that does not reach in.
pub(super) fn fading_in_to(clip: &Clip, reach: Ticks) -> Clip {
    let (fade_in, fade_in_before) = within(clip.fade_in_before + reach, clip.fade_in_before);
    Clip { fade_in, fade_in_before, ..clip.clone() }
}

/// The clip whose fade out begins so far before its end, as [`fading_in_to`].
pub(super) fn fading_out_from(clip: &Clip, reach: Ticks) -> Clip {
    let (fade_out, fade_out_behind) = within(clip.fade_out_behind + reach, clip.fade_out_behind);
    Clip { fade_out, fade_out_behind, ..clip.clone() }
}

/// The clip that ends elsewhere.
pub(super) fn ending_at(clip: &Clip, end: Ticks) -> Clip {
    let duration = (end - clip.start).max(LEFT_MIN.min(clip.duration));
    fitted(clip, Clip { duration, ..clip.clone() })
}

/// The clip that begins elsewhere, as far as its recording reaches; what is heard of it stays where it is. None when it repeats: then
/// all of it would move.
pub(super) fn beginning_at(clip: &Clip, start: Ticks, times: &Times) -> Option<Clip> {
    if repeats(clip) {
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
    // What did not repeat does not begin to as it becomes longer.
    let longer = Clip { start, duration, audio_start_offset: offset, repeated: Ticks(0), ..clip.clone() };
    Some(fitted(clip, longer))
}

/// What makes two clips of one, the later under a new id. Both sound as before: a fade that is cut goes on in the later one where it
/// was left.
pub(super) fn split(record: &Record, at: Ticks, times: &Times, new: &Id) -> Result<Vec<Operation>, Uncut> {
    let clip = Clip::from_record(record).filter(|clip| clip.start < at && at < clip.end()).ok_or(Uncut::Elsewhere)?;
    if *record.get("midiData") != Value::Null {
        return Err(Uncut::Notes);
    }
    let repeats = repeats(&clip);
    if repeats && (at - clip.start).0 % clip.repeated.0 != 0 {
        return Err(Uncut::Repeats);
    }
    let (fade_out, fade_out_behind) = within(clip.fade_out, clip.fade_out_behind + (clip.end() - at));
    let first = Clip { duration: at - clip.start, fade_out, fade_out_behind, ..clip.clone() };
    let heard = times.seconds(at) - times.seconds(clip.start);
    let offset = clip.audio_start_offset + if repeats || clip.audio_file_id.is_none() { 0.0 } else { heard };
    let (fade_in, fade_in_before) = within(clip.fade_in, clip.fade_in_before + (at - clip.start));
    let mut fields = copied(record, at);
    fields.extend(model::fields([
        ("durationBeats", Value::number((clip.end() - at).beats())),
        ("fadeIn", Value::number(fade_in.beats())),
        ("fadeInBefore", Value::number(fade_in_before.beats())),
        ("audioStartOffset", Value::number(offset)),
    ]));
    let mut operations = changes(&clip, &first);
    operations.push(build::create(Table::Clips, new, fields));
    Ok(operations)
}

/// What makes two clips of one at the line of the grid that is nearest to the playhead, or at the playhead itself where that line lies at the
/// clip's end or outside it.
pub(super) fn split_near(
    record: &Record,
    line: Ticks,
    playhead: Ticks,
    times: &Times,
    new: &Id,
) -> Result<Vec<Operation>, Uncut> {
    match split(record, line, times, new) {
        Err(Uncut::Elsewhere) => split(record, playhead, times, new),
        made => made,
    }
}

/// What makes a copy of a clip that begins at `start`.
pub(super) fn copy(record: &Record, start: Ticks, new: &Id) -> Operation {
    build::create(Table::Clips, new, copied(record, start))
}

fn copied(record: &Record, start: Ticks) -> Map {
    let of_clients = |field: &&Field| field.writer == Writer::Client && !OWN.contains(&field.name);
    let kept = TableSchema::of(Table::Clips).fields.iter().filter(of_clients).filter_map(|field| {
        let value = record.get(field.name);
        (*value != Value::Null).then(|| (field.name, value.clone()))
    });
    model::fields(kept.chain([("startBeat", Value::number(start.beats()))]))
}

#[cfg(test)]
mod heard;

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
    fn en2_what_is_split_keeps_its_fades_where_they_were() {
        let operations = split(&record(&[]), beats(8.0), &times(), &id("d")).unwrap();
        let [shorter, goes_on, later] = &operations[..] else { panic!("{operations:?}") };
        assert_eq!(*shorter, build::set(Table::Clips, &id("c"), "durationBeats", 4.0));
        assert_eq!(*goes_on, build::set(Table::Clips, &id("c"), "fadeOutBehind", 4.0));
        let expected = fields([
            ("name", Value::text("Riff")),
            ("trackId", "t".into()),
            ("audioFileId", "f".into()),
            ("startBeat", 8.0.into()),
            ("durationBeats", 4.0.into()),
            ("audioStartOffset", 3.0.into()),
            ("fadeIn", 0.0.into()),
            ("fadeInBefore", 0.0.into()),
            ("fadeOut", 6.0.into()),
        ]);
        assert_eq!(*later, build::create(Table::Clips, &id("d"), expected));
        let early = split(&record(&[]), beats(5.0), &times(), &id("d")).unwrap();
        assert_eq!(early[1], build::set(Table::Clips, &id("c"), "fadeOut", 0.0), "none of it lies before the cut");
    }

    #[test]
    fn a_fade_that_is_cut_stays_where_it_is_and_another_goes_with_its_end() {
        let cut = Clip { duration: beats(4.0), fade_out_behind: beats(4.0), ..clip() };
        let fade_out = |end: f64| {
            let clip = ending_at(&cut, beats(end));
            (clip.fade_out.beats(), clip.fade_out_behind.beats())
        };
        assert_eq!([7.0, 9.0, 12.0, 13.0].map(fade_out), [(6.0, 5.0), (6.0, 3.0), (6.0, 0.0), (6.0, 0.0)]);
        assert_eq!(fade_out(6.0), (0.0, 0.0), "it begins there");
        let late =
            beginning_at(&Clip { fade_in: beats(6.0), fade_in_before: beats(2.0), ..clip() }, beats(5.0), &times());
        assert_eq!(late.map(|clip| (clip.fade_in, clip.fade_in_before)), Some((beats(6.0), beats(3.0))));
        let held = fading_out_from(&cut, beats(1.0));
        assert_eq!((held.fade_out, held.fade_out_behind, held.fade_out_reach()), (beats(5.0), beats(4.0), beats(1.0)));
        let none = fading_out_from(&cut, beats(0.0));
        assert_eq!((none.fade_out, none.fade_out_behind), (Ticks(0), Ticks(0)));
    }

    #[test]
    fn a_clip_is_split_only_where_something_of_it_lies_and_where_a_repeat_begins() {
        let at = |record: &Record, beat: f64| split(record, beats(beat), &times(), &id("d")).map(|all| all.len());
        for beat in [0.0, 4.0, 12.0, 99.0] {
            assert_eq!(at(&record(&[]), beat), Err(Uncut::Elsewhere), "{beat}");
        }
        let repeats = record(&[("loopBeats", 2.0.into())]);
        assert_eq!((at(&repeats, 7.0), at(&repeats, 8.0)), (Err(Uncut::Repeats), Ok(3)));
        assert_eq!(at(&record(&[("loopBeats", 8.0.into())]), 7.0), Ok(3), "as long as the clip, it repeats nothing");
        let split = split(&repeats, beats(8.0), &times(), &id("d")).unwrap();
        let later = made(split.last().unwrap());
        assert_eq!(later.number("audioStartOffset"), Some(1.0), "each repeat begins where the clip did");
        assert_eq!(at(&record(&[("midiData", Value::map([]))]), 8.0), Err(Uncut::Notes));
    }

    #[test]
    fn a_clip_whose_end_is_the_nearest_line_of_the_grid_is_split_at_the_playhead() {
        let record = record(&[]);
        let near = |line: f64, playhead: f64| split_near(&record, beats(line), beats(playhead), &times(), &id("d"));
        let at = |beat: f64| split(&record, beats(beat), &times(), &id("d"));
        assert_eq!(near(5.0, 5.1), at(5.0));
        assert_eq!(near(4.0, 4.125), at(4.125), "it begins at beat 4");
        assert_eq!(near(12.0, 11.875), at(11.875), "and ends at beat 12");
        assert!(near(4.0, 4.125).is_ok() && near(12.0, 11.875).is_ok());
        assert_eq!(near(4.0, 3.875), Err(Uncut::Elsewhere));
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
        let repeats = |part: f64| Clip { repeated: beats(part), ..clip() };
        assert_eq!(beginning_at(&repeats(1.0), beats(5.0), &times()), None);
        let once = beginning_at(&repeats(8.0), beats(3.0), &times()).unwrap();
        assert_eq!((once.duration, once.repeated), (beats(9.0), Ticks(0)), "it was heard once, and still is");
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
    fn a_copy_is_the_same_elsewhere_in_all_that_clients_write() {
        let copied = copy(&record(&[]), beats(12.0), &id("d"));
        let made = made(&copied);
        let expected = Clip { id: id("d"), start: beats(12.0), ..clip() };
        assert_eq!(Clip::from_record(&made), Some(expected));
        assert!(made.get("projectId") == &Value::Null, "the server says that");
        let fields = TableSchema::of(Table::Clips).fields.iter().filter(|field| field.writer == Writer::Client);
        let whole = model::fields(fields.map(|field| (field.name, Value::text(field.name))));
        let expected = whole.iter().filter(|(name, _)| !matches!(&***name, "startBeat" | "deleted"));
        let copy = super::copied(&Record::new(id("c"), 1, whole.clone()), beats(12.0));
        assert!(expected.clone().all(|(name, value)| copy.get(&**name) == Some(value)), "{copy:?}");
        assert_eq!(copy.len(), expected.count() + 1);
    }
}
