//! Archives to WAV files.

use std::fs;
use std::io::Cursor;

use engine::MemoryReader;
use serde_json::{Value, json};

use super::*;
use crate::audio_files::fixture::wav;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::create_dir_all(folder.path("project/audio")).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A project of one track with these clips: file, start, length.
    fn project(&self, clips: &[(&str, f64, f64)]) {
        let mut map = json!({
            "projects": {"p": {"id": "p", "version": 1, "name": "P", "bpm": 120, "sampleRate": 48_000, "masterVolume": 0.5, "timeSignature": "4/4"}},
            "tracks": {"t": {"id": "t", "version": 1, "projectId": "p", "name": "T", "type": "audio", "volume": 1.5, "pan": 0.25}},
        });
        for (index, (file, start, beats)) in clips.iter().enumerate() {
            let id = format!("c{index}");
            map["clips"][&id] = json!({"id": id, "version": 1, "trackId": "t", "name": file, "startBeat": start,
                "durationBeats": beats, "audioFileId": file, "gain": 0.75, "fadeIn": 0.25});
            map["audio_files"][file] = json!({"id": file, "version": 1, "projectId": "p", "filename": file,
                "contentHash": "0".repeat(64), "sizeBytes": 1, "state": "ready"});
        }
        self.document(&map);
    }

    fn document(&self, map: &Value) {
        let document = json!({"format": "unisono", "version": 1, "projectId": "p", "recordMap": map});
        fs::write(self.path("project/project.json"), document.to_string()).unwrap();
    }

    fn audio(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(&format!("project/audio/{name}")), bytes).unwrap();
    }

    fn args(&self, bits: Bits) -> Args {
        Args { project: self.path("project"), output: self.path("mix.wav"), bits, rate: None, json: false }
    }

    fn render(&self, bits: Bits) -> Vec<u8> {
        render(&self.args(bits)).unwrap();
        fs::read(self.path("mix.wav")).unwrap()
    }

    fn failure(&self) -> String {
        let failure = render(&self.args(Bits::B16)).unwrap_err();
        assert!(!self.path("mix.wav").exists(), "nothing is written");
        assert!(fs::read_dir(self.0.path()).unwrap().count() == 1, "nothing is left");
        failure.0
    }
}

fn planes(bytes: &[u8]) -> Vec<Vec<f32>> {
    let mut reader = media::wav::Reader::new(Cursor::new(bytes)).unwrap();
    let frames = reader.header().frames() as usize;
    let mut planes = vec![vec![0.0; frames]; usize::from(reader.header().channels)];
    let mut slices: Vec<&mut [f32]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
    reader.read_frames(0, &mut slices).unwrap();
    planes
}

#[test]
fn a_render_has_the_bits_of_the_engine_over_memory() {
    let folder = Folder::new();
    let (one, two) = (wav(48_000, 1), wav(30_000, 2));
    folder.project(&[("one", 0.5, 1.5), ("two", 1.0, 9.0), ("one", 2.0, 2.0)]);
    folder.audio("one.wav", &one);
    folder.audio("two.wav", &two);
    let mix = planes(&folder.render(Bits::F32));

    let mut archive = Archive::read(&folder.path("project")).unwrap();
    let recordings = Recordings::prepare(&mut archive).unwrap();
    let song = Song::from_records(&archive.records, |file| recordings.number(file)).unwrap();
    let plan = Plan::compile(&song).unwrap();
    let mut memory = MemoryReader::new();
    memory.insert(0, planes(&one));
    memory.insert(1, planes(&two));
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let frames = plan.view().frames();
    engine::render(&plan.view(), &mut memory, 0..frames, |l, r| {
        left.extend_from_slice(l);
        right.extend_from_slice(r);
        Ok::<_, ()>(())
    })
    .unwrap();
    assert_eq!(frames, 96_000, "from beat 0 to the end of the last clip");
    assert!(left.iter().any(|x| x.abs() > 0.1));
    assert!(mix == [left, right]);
}

#[test]
fn sixteen_bits_are_dithered_the_same_way_each_time() {
    let folder = Folder::new();
    folder.project(&[("one", 0.0, 2.0)]);
    folder.audio("one.wav", &wav(48_000, 1));
    let (first, second) = (folder.render(Bits::B16), folder.render(Bits::B16));
    assert!(first == second);
    let (sixteen, exact, fine) = (planes(&first), planes(&folder.render(Bits::F32)), planes(&folder.render(Bits::B24)));
    let error = |mix: &[Vec<f32>]| mix[0].iter().zip(&exact[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!((0.6..1.6).contains(&(error(&sixteen) * 32_768.0)), "half a step and a step of noise");
    assert!(error(&fine) * 8_388_608.0 <= 0.5);
}

#[test]
fn lossless_files_are_decoded_and_rates_converted() {
    let folder = Folder::new();
    folder.project(&[("one", 0.0, 2.0)]);
    folder.audio("one.wav", &wav(48_000, 1));
    let whole = folder.args(Bits::F32);
    assert_eq!(render(&whole).unwrap().sample_rate, 48_000);
    let other = render(&Args { rate: Some(44_100), ..folder.args(Bits::F32) }).unwrap();
    assert_eq!((other.sample_rate, other.frames), (44_100, 44_100));
    let failure = render(&Args { rate: Some(7), ..folder.args(Bits::F32) }).unwrap_err();
    assert!(failure.0.contains("7 Hz"), "{failure}");
}

#[test]
fn what_cannot_be_rendered_says_why() {
    let folder = Folder::new();
    folder.project(&[("one", 0.0, 2.0)]);
    assert!(folder.failure().contains("lacks audio/one"));
    folder.audio("one.wav", b"this is no music");
    assert!(folder.failure().contains("not an audio file"));
    folder.audio("one.wav", &wav(1_000, 1)[..3_000]);
    // A file that was cut off plays as far as it goes.
    assert!(render(&folder.args(Bits::B16)).is_ok());
    fs::remove_file(folder.path("mix.wav")).unwrap();
    folder.project(&[]);
    assert!(folder.failure().contains("nothing to render"));
    fs::remove_file(folder.path("project/project.json")).unwrap();
    assert!(folder.failure().contains("project.json"));
}

#[test]
fn a_file_that_is_not_what_its_record_says_is_refused() {
    let folder = Folder::new();
    folder.project(&[("one", 0.0, 2.0)]);
    folder.audio("one.wav", &wav(1_000, 1));
    let text = fs::read_to_string(folder.path("project/project.json")).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["recordMap"]["audio_files"]["one"]["frames"] = json!(1_001);
    folder.document(&document["recordMap"]);
    assert!(folder.failure().contains("frames is 1000"));
}

#[test]
fn more_files_than_may_be_open_are_read_in_turns() {
    let folder = Folder::new();
    let names: Vec<String> = (0..recordings::OPEN_MAX + 20).map(|n| format!("f{n}")).collect();
    let clips: Vec<(&str, f64, f64)> = names.iter().map(|name| (name.as_str(), 0.0, 0.5)).collect();
    folder.project(&clips);
    for (n, name) in names.iter().enumerate() {
        folder.audio(&format!("{name}.wav"), &wav(12_000, n as u64));
    }
    let summary = render(&folder.args(Bits::F32)).unwrap();
    assert!(summary.frames == 12_000 && summary.peak_db.unwrap() > 0.0);
}

#[test]
fn a_mix_too_large_for_a_wav_file_is_refused_before_it_is_begun() {
    let folder = Folder::new();
    folder.project(&[("one", 900_000.0, 2.0)]);
    folder.audio("one.wav", &wav(48_000, 1));
    assert!(folder.failure().contains("larger than 4 GB"));
}

#[test]
fn of_many_channels_the_first_two_are_heard_and_one_is_heard_on_both_sides() {
    let planes_of = |count: usize| -> Vec<Vec<f32>> {
        (0..count).map(|channel| (0..24_000).map(|n| ((n * (channel + 3)) % 50) as f32 / 64.0).collect()).collect()
    };
    let file = |planes: &[Vec<f32>]| {
        let mut writer =
            Writer::new(Cursor::new(Vec::new()), 48_000, planes.len() as u16, BitDepth::F32, None).unwrap();
        writer.write_planar(&planes.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        writer.finish().unwrap().into_inner()
    };
    let mix = |count: usize| {
        let folder = Folder::new();
        folder.project(&[("one", 0.0, 1.0)]);
        folder.audio("one.wav", &file(&planes_of(count)));
        planes(&folder.render(Bits::F32))
    };
    let (one, two, six) = (mix(1), mix(2), mix(6));
    assert!(six == two);
    assert!(one[0] == two[0] && one[1] != two[1]);
}
