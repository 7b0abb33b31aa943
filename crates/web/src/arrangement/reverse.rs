//! A clip turned around: it goes on playing the very part of its recording that it played, backwards.

use model::{Clip, Ticks};

use crate::door::times::Times;

/// Offsets are told to so many parts of a second: far finer than a frame, and coarser than what is lost by adding up, so that a
/// clip turned twice is as it was.
const PARTS: f64 = 1e9;

fn rounded(seconds: f64) -> f64 {
    ((seconds * PARTS).round() / PARTS).max(0.0)
}

/// The clip turned around. Offsets count in the recording as the clip plays it (EN2), so the other end of what is heard becomes the
/// one where it starts. `length` is that of the recording in seconds; while nobody knows it, a clip starts where it did.
pub(super) fn turned(clip: &Clip, length: Option<f64>, times: &Times) -> Clip {
    let mut to = Clip { reversed: !clip.reversed, ..clip.clone() };
    let Some(length) = length.filter(|_| clip.audio_file_id.is_some()) else { return to };
    // Of a clip that repeats, its first pass.
    let pass = if clip.repeated == Ticks(0) { clip.duration } else { clip.repeated.min(clip.duration) };
    let end = times.seconds(clip.start + pass);
    let lasts = end - times.seconds(clip.start);
    // A clip that ends where its recording does ends on a tick, which may lie a little behind that: no silence is meant.
    let tick = end - times.seconds(clip.start + pass - Ticks(1));
    let (from, trimmed) = (clip.audio_start_offset, clip.audio_end_offset);
    let left = length - from - lasts;
    if left > trimmed - tick {
        to.audio_start_offset = rounded(left.max(trimmed));
        // No more than what is hidden anyway: where nothing is, the end can be drawn out to the recording's.
        to.audio_end_offset = trimmed.min(from);
    } else {
        // What was silent behind the recording's end stays silent behind its beginning.
        to.audio_start_offset = rounded(trimmed);
        to.audio_end_offset = rounded(from);
    }
    to
}

#[cfg(test)]
mod tests {
    use engine::{MemoryReader, Plan, Song};
    use model::{Id, Record, Records, Table, Value, fields};
    use operations::build;

    use super::super::{cut, shape};
    use super::*;

    const RATE: f64 = 48_000.0;
    /// Three seconds, no two frames alike.
    const FRAMES: i32 = 144_000;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn beats(beats: f64) -> Ticks {
        Ticks::from_beats(beats).unwrap()
    }

    #[expect(clippy::cast_precision_loss, reason = "below 2^24")]
    fn recording() -> Vec<f32> {
        (1..=FRAMES).map(|frame| frame as f32 / FRAMES as f32).collect()
    }

    /// A song of one clip at 120 beats a minute, which becomes slower within the clip when it is `uneven`.
    fn song(given: &[(&str, Value)], uneven: bool) -> Records {
        let mut records = Records::new();
        let mut add = |table, name: &str, given: &[(&str, Value)]| {
            records.insert(table, Record::new(id(name), 1, fields(given.iter().cloned())));
        };
        add(Table::Projects, "p", &[("bpm", 120.0.into()), ("timeSignature", "4/4".into())]);
        add(Table::Tracks, "t", &[("projectId", "p".into()), ("orderKey", "1".into())]);
        if uneven {
            let change =
                [("projectId", "p".into()), ("beat", 3.0.into()), ("bpm", 60.0.into()), ("curve", "jump".into())];
            add(Table::TempoChanges, "slower", &change);
        }
        let file = [
            ("projectId", Value::text("p")),
            ("state", "ready".into()),
            ("sampleRate", RATE.into()),
            ("channels", 1.0.into()),
            ("frames", f64::from(FRAMES).into()),
        ];
        add(Table::AudioFiles, "f", &file);
        let clip = [
            ("trackId", Value::text("t")),
            ("audioFileId", "f".into()),
            ("startBeat", 2.0.into()),
            ("durationBeats", 2.0.into()),
            ("audioStartOffset", 0.5.into()),
        ];
        add(Table::Clips, "c", &[&clip[..], given].concat());
        records
    }

    fn clip(records: &Records) -> Clip {
        Clip::from_record(records.find(Table::Clips, &id("c")).unwrap()).unwrap()
    }

    fn turn(records: &mut Records) {
        let from = clip(records);
        let to = turned(&from, Some(f64::from(FRAMES) / RATE), &Times::of(records));
        for operation in shape::changes(&from, &to) {
            apply(records, &operation);
        }
    }

    fn apply(records: &mut Records, operation: &operations::Operation) {
        let operations::Operation { target, change, .. } = operation;
        let record = match (records.find(Table::Clips, &target.id).cloned(), change) {
            (Some(record), _) => operations::apply(&record, operation, model::Timestamp(0)).unwrap(),
            (None, operations::Change::Set(Value::Map(fields))) => {
                Record::new(target.id.clone(), 1, (**fields).clone())
            }
            (None, _) => panic!("{operation:?}"),
        };
        records.insert(Table::Clips, record);
    }

    /// What is heard of the first ten seconds.
    fn heard(records: &Records) -> Vec<f32> {
        let mut reader = MemoryReader::new();
        reader.insert(1, vec![recording()]);
        let plan = Plan::compile(&Song::from_records(records, |_| Some(1)).unwrap()).unwrap();
        let mut heard = Vec::new();
        engine::render(&plan.view(), &mut reader, 0..480_000, |left, _| {
            heard.extend_from_slice(left);
            Ok::<_, ()>(())
        })
        .unwrap();
        heard
    }

    /// What sounds between the silence around it, from one frame to another.
    fn sounding(heard: &[f32]) -> &[f32] {
        let is_sound = |sample: &f32| *sample != 0.0;
        let first = heard.iter().position(is_sound).unwrap();
        &heard[first..=heard.iter().rposition(is_sound).unwrap()]
    }

    fn backwards(samples: &[f32]) -> Vec<f32> {
        samples.iter().rev().copied().collect()
    }

    #[test]
    fn en2_a_clip_that_is_reversed_plays_its_own_samples_backwards() {
        let given: [&[(&str, Value)]; 4] = [
            &[],
            &[("audioEndOffset", 0.25.into())],
            // Longer than its recording, and with an end of which some is trimmed away.
            &[("durationBeats", 20.0.into())],
            &[("durationBeats", 20.0.into()), ("audioEndOffset", 1.0.into())],
        ];
        for (given, uneven) in given.into_iter().flat_map(|given| [(given, false), (given, true)]) {
            let mut records = song(given, uneven);
            let (before, was) = (heard(&records), clip(&records));
            turn(&mut records);
            let after = heard(&records);
            assert!(sounding(&after) == backwards(sounding(&before)), "{given:?}, {uneven}: another part");
            let begins = |heard: &[f32]| heard.iter().position(|sample| *sample != 0.0);
            assert_eq!(begins(&after), begins(&before), "{given:?}, {uneven}");
            turn(&mut records);
            assert!(clip(&records) == was && heard(&records) == before, "{given:?}, {uneven}: it is not given back");
        }
    }

    #[test]
    fn en2_a_clip_that_was_reversed_twice_can_be_drawn_out_to_its_recordings_end_whatever_its_length() {
        // A second, and lengths that no offset tells exactly.
        let lengths = [2.0, 1.0 / 3.0, 4.0 / 7.0, 3.123_456_789, 5.9].map(|length| ("durationBeats", length.into()));
        for (length, uneven) in lengths.into_iter().flat_map(|length| [(length.clone(), false), (length, true)]) {
            let mut records = song(&[length.clone(), ("audioStartOffset", 0.0.into())], uneven);
            let was = clip(&records);
            turn(&mut records);
            turn(&mut records);
            assert_eq!(clip(&records), was, "{length:?}, {uneven}");
            apply(&mut records, &build::set(Table::Clips, &id("c"), "durationBeats", 20.0));
            assert!(sounding(&heard(&records)) == recording(), "{length:?}, {uneven}: silent before its end");
        }
    }

    #[test]
    fn en2_a_trim_that_hides_nothing_gets_no_longer_than_the_offset_and_what_is_heard_is_given_back() {
        let mut records = song(&[("audioStartOffset", 0.1.into()), ("audioEndOffset", 0.25.into())], false);
        let before = heard(&records);
        turn(&mut records);
        turn(&mut records);
        assert!(heard(&records) == before);
        assert_eq!((clip(&records).audio_start_offset, clip(&records).audio_end_offset), (0.1, 0.1));
    }

    #[test]
    fn en2_a_clip_that_ends_a_part_of_a_tick_behind_its_recording_has_no_silence_behind_it() {
        let records = song(&[("durationBeats", 4.0.into()), ("audioStartOffset", 1.0.into())], false);
        let from = clip(&records);
        let turned = |length: f64| {
            let to = super::turned(&from, Some(length), &Times::of(&records));
            (to.audio_start_offset, to.audio_end_offset)
        };
        // A tick has half a millionth of a second here.
        assert_eq!(turned(3.0 - 2e-7), (0.0, 0.0), "what was trimmed from its start can be drawn out of its end");
        assert_eq!(turned(3.0 - 1e-5), (0.0, 1.0), "the silence behind it stays silent");
    }

    #[test]
    fn en2_each_repeat_of_a_reversed_clip_is_its_pass_backwards() {
        let mut records = song(&[("durationBeats", 6.0.into()), ("loopBeats", 1.0.into())], false);
        let before = heard(&records);
        turn(&mut records);
        let after = heard(&records);
        // A beat has 24,000 frames, and the clip begins at beat 2.
        for pass in 2..8 {
            let frames = pass * 24_000..(pass + 1) * 24_000;
            assert!(after[frames.clone()] == backwards(&before[frames]), "pass {pass}");
        }
        turn(&mut records);
        assert_eq!(heard(&records), before);
    }

    #[test]
    fn en2_a_reversed_clip_keeps_what_is_heard_when_it_is_cut_and_its_pieces_turn_within_themselves() {
        let mut records = song(&[], false);
        turn(&mut records);
        let whole = heard(&records);
        let times = Times::of(&records);
        // Split in two, it sounds as in one.
        let record = records.find(Table::Clips, &id("c")).unwrap().clone();
        let mut split = records.clone();
        for operation in cut::split(&record, beats(3.0), &times, &id("d")).unwrap() {
            apply(&mut split, &operation);
        }
        assert_eq!(heard(&split), whole);
        // Begun later, the rest stays where it is.
        let mut trimmed = records.clone();
        let to = cut::beginning_at(&clip(&records), beats(3.0), &times).unwrap();
        shape::changes(&clip(&records), &to).iter().for_each(|operation| apply(&mut trimmed, operation));
        let later = heard(&trimmed);
        assert!(later[..72_000].iter().all(|sample| *sample == 0.0) && later[72_000..] == whole[72_000..]);
        // The first piece turned forward plays what it played, and not the other's.
        turn(&mut split);
        let turned = heard(&split);
        assert_eq!(turned[48_000..72_000], backwards(&whole[48_000..72_000]));
        assert_eq!(turned[72_000..], whole[72_000..]);
    }

    #[test]
    fn en2_slipped_backwards_a_clip_moves_with_the_hand() {
        let mut records = song(&[], false);
        turn(&mut records);
        let before = heard(&records);
        let mut slipping = shape::Shaping::take_up(shape::Part::Slip, &clip(&records));
        slipping.move_to(shape::Way { by: beats(0.5), seconds: 0.25, rise: 0.0 }, None, Some(3.0));
        slipping.operations().iter().for_each(|operation| apply(&mut records, operation));
        // What was heard is heard a quarter of a second later.
        assert_eq!(heard(&records)[60_000..96_000], before[48_000..84_000]);
    }

    #[test]
    fn a_clip_of_unknown_length_or_without_a_recording_only_changes_its_direction() {
        let records = song(&[], false);
        let from = clip(&records);
        let to = turned(&from, None, &Times::of(&records));
        assert_eq!(shape::changes(&from, &to), [build::set(Table::Clips, &id("c"), "reversed", true)]);
        let notes = Clip { audio_file_id: None, ..from };
        let to = turned(&notes, Some(3.0), &Times::of(&records));
        assert_eq!(shape::changes(&notes, &to), [build::set(Table::Clips, &id("c"), "reversed", true)]);
    }
}
