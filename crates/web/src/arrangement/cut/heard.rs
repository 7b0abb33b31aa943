//! EN2: what is split sounds as it did, sample for sample.

use engine::{MemoryReader, Plan, Song};
use model::{Records, Timestamp, fields};

use super::*;

/// Changes of tempo: where, to what, and how.
type Tempos = &'static [(f64, f64, &'static str)];
/// What is tried: its name, the recording's rate, the song's tempos, and what the clip has.
type Case = (&'static str, f64, Tempos, Vec<(&'static str, Value)>);

const FRAMES: usize = 90_000;
/// Where the clip begins, and how long it is, in beats: in all songs it ends before what is rendered does.
const START: f64 = 1.0;
const LENGTH: f64 = 3.0;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A song of 48 kHz with one track, a recording of two channels, and changes of tempo.
fn song(rate: f64, tempos: Tempos) -> Records {
    let mut records = Records::new();
    let mut insert = |table: Table, name: &str, values: Vec<(&'static str, Value)>| {
        records.insert(table, Record::new(id(name), 1, fields(values)));
    };
    insert(
        Table::Projects,
        "p",
        vec![
            ("name", "Song".into()),
            ("bpm", 133.0.into()),
            ("timeSignature", "4/4".into()),
            ("sampleRate", 48_000.0.into()),
            ("masterVolume", 1.0.into()),
        ],
    );
    insert(Table::Tracks, "t", vec![("projectId", "p".into()), ("orderKey", "1".into()), ("volume", 1.0.into())]);
    insert(
        Table::AudioFiles,
        "f",
        vec![
            ("projectId", "p".into()),
            ("state", "ready".into()),
            ("sampleRate", rate.into()),
            ("channels", 2.0.into()),
            ("frames", (FRAMES as f64).into()),
        ],
    );
    for (index, (beat, bpm, curve)) in tempos.iter().enumerate() {
        let fields = vec![
            ("projectId", "p".into()),
            ("beat", (*beat).into()),
            ("bpm", (*bpm).into()),
            ("curve", (*curve).into()),
        ];
        insert(Table::TempoChanges, &format!("tempo{index}"), fields);
    }
    records
}

fn clip(more: &[(&'static str, Value)]) -> Record {
    let given = [
        ("name", Value::text("Riff")),
        ("trackId", "t".into()),
        ("projectId", "p".into()),
        ("audioFileId", "f".into()),
        ("startBeat", START.into()),
        ("durationBeats", LENGTH.into()),
        ("gain", 0.7.into()),
    ];
    Record::new(id("c0"), 1, fields(given.into_iter().chain(more.iter().cloned())))
}

/// The bits that a song with these clips sounds like, left and right.
fn heard(records: &Records, clips: &[Record]) -> Vec<u32> {
    let mut records = records.clone();
    clips.iter().for_each(|clip| records.insert(Table::Clips, clip.clone()));
    let song = Song::from_records(&records, |_| Some(1)).unwrap();
    assert_eq!(song.tracks[0].clips.len(), clips.len());
    let plan = Plan::compile(&song).unwrap();
    let mut reader = MemoryReader::new();
    let mut seed = 1u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(seed >> 16).unwrap()) / 65_536.0 - 0.5
    };
    let channels = (0..2).map(|_| (0..FRAMES).map(|_| noise()).collect()).collect();
    reader.insert(1, channels);
    let mut bits = Vec::new();
    engine::render(&plan.view(), &mut reader, 0..110_000, |left, right| {
        bits.extend(left.iter().chain(right).map(|sample| sample.to_bits()));
        Ok::<_, ()>(())
    })
    .unwrap();
    bits
}

/// The clips that are left when one is split at each of these beats.
fn pieces(whole: &Record, beats: &[f64], times: &Times) -> Vec<Record> {
    let mut clips = vec![whole.clone()];
    for beat in beats {
        let at = Ticks::from_beats(*beat).unwrap();
        let lies = |record: &Record| Clip::from_record(record).is_some_and(|clip| clip.start < at && at < clip.end());
        let index = clips.iter().position(lies).unwrap();
        let new = id(&format!("c{}", clips.len()));
        for operation in split(&clips[index], at, times, &new).unwrap() {
            match &operation.change {
                operations::Change::Set(Value::Map(fields)) if operation.target.id == new => {
                    clips.push(Record::new(new.clone(), 1, (**fields).clone()));
                }
                _ => clips[index] = operations::apply(&clips[index], &operation, Timestamp(0)).unwrap(),
            }
        }
    }
    clips
}

#[test]
fn en2_a_clip_in_pieces_sounds_as_in_one() {
    let ramp: Tempos = &[(1.5, 90.0, "jump"), (3.25, 171.3, "ramp")];
    let rises = [("fadeIn", Value::from(1.2)), ("fadeInShape", "smooth".into())];
    let falls = [("fadeOut", Value::from(2.2)), ("fadeOutShape", "equalPower".into())];
    let fades = [&rises[..], &falls].concat();
    let trimmed = [("audioStartOffset", Value::from(0.213)), ("audioEndOffset", 0.15.into())];
    let backwards = [("reversed", Value::Bool(true))];
    let cases: [Case; 6] = [
        ("plain", 48_000.0, &[], trimmed[..1].to_vec()),
        ("trimmed and converted", 44_100.0, &[], trimmed.to_vec()),
        ("within its fades", 48_000.0, &[], fades.clone()),
        ("backwards, within its fades", 44_100.0, &[], [&fades[..], &backwards, &trimmed].concat()),
        ("across changes of tempo", 44_100.0, ramp, [&fades[..], &trimmed].concat()),
        ("backwards across them", 48_000.0, ramp, [&backwards[..], &fades, &trimmed[..1]].concat()),
    ];
    for (what, rate, tempos, more) in cases {
        let records = song(rate, tempos);
        let (times, whole) = (Times::of(&records), clip(&more));
        let one = heard(&records, std::slice::from_ref(&whole));
        assert!(one.iter().filter(|bits| **bits << 1 != 0).count() > 40_000, "{what} is heard");
        // Each in one cut, then all of them, a piece of a piece too.
        for cuts in [&[1.5][..], &[2.0], &[2.1], &[3.4], &[2.0, 3.4, 1.5, 3.9, 1.75]] {
            let many = pieces(&whole, cuts, &times);
            assert_eq!(many.len(), cuts.len() + 1);
            let same = heard(&records, &many) == one;
            assert!(same, "{what}, cut at {cuts:?}");
        }
    }
}

#[test]
fn en2_a_clip_that_repeats_sounds_as_before_in_pieces() {
    let more = [
        ("loopBeats", Value::from(0.5)),
        ("audioStartOffset", 0.2.into()),
        ("fadeIn", 1.25.into()),
        ("fadeOut", 2.0.into()),
        ("fadeOutShape", "slow".into()),
    ];
    for tempos in [&[][..], &[(1.75, 80.0, "jump")]] {
        let records = song(44_100.0, tempos);
        let (times, whole) = (Times::of(&records), clip(&more));
        let one = heard(&records, std::slice::from_ref(&whole));
        for cuts in [&[1.5][..], &[2.5], &[3.5, 2.0]] {
            assert!(heard(&records, &pieces(&whole, cuts, &times)) == one, "cut at {cuts:?}");
        }
    }
}
