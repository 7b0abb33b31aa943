//! Archives to WAV files.

use std::fs;
use std::io::Cursor;

use clap::Parser as _;
use engine::{MemoryReader, Plan};
use media::wav::{BitDepth, Writer};
use serde_json::{Value, json};

use super::*;
use crate::audio_files::fixture::wav;

struct Folder(tempfile::TempDir);

/// Arguments as they are typed.
pub(super) fn typed(arguments: &[&str]) -> Args {
    let arguments = ["unisono", "render"].iter().chain(arguments);
    match crate::cli::Cli::parse_from(arguments).command {
        crate::cli::Command::Render(args) => args,
        other => panic!("{other:?}"),
    }
}

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
        let [project, output] = [self.path("project"), self.path("mix.wav")].map(|path| path.display().to_string());
        let bits = match bits {
            Bits::B16 => "16",
            Bits::B24 => "24",
            Bits::F32 => "32f",
        };
        typed(&[&project, "-o", &output, "--bits", bits])
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

fn mix(args: &Args) -> mixdown::Summary {
    render(args).unwrap().mix.unwrap()
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
    assert_eq!(mix(&whole).sample_rate, 48_000);
    let other = mix(&Args { rate: Some(44_100), ..folder.args(Bits::F32) });
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
    let names: Vec<String> = (0..mixdown::OPEN_MAX + 20).map(|n| format!("f{n}")).collect();
    let clips: Vec<(&str, f64, f64)> = names.iter().map(|name| (name.as_str(), 0.0, 0.5)).collect();
    folder.project(&clips);
    for (n, name) in names.iter().enumerate() {
        folder.audio(&format!("{name}.wav"), &wav(12_000, n as u64));
    }
    let summary = mix(&folder.args(Bits::F32));
    assert!(summary.frames == 12_000 && summary.peak_db.unwrap() > 0.0);
}

#[test]
fn w6_a_mix_longer_than_a_day_is_refused_before_it_is_begun() {
    let folder = Folder::new();
    folder.project(&[("one", 900_000.0, 2.0)]);
    folder.audio("one.wav", &wav(48_000, 1));
    assert!(folder.failure().contains("24 hours"));
    let last = Args {
        range: Some(stretch::parse("900000..900001").unwrap()),
        tail: Tail::Seconds(0.0),
        ..folder.args(Bits::F32)
    };
    assert_eq!(mix(&last).frames, 24_000);
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
    let rendered = |count: usize| {
        let folder = Folder::new();
        folder.project(&[("one", 0.0, 1.0)]);
        folder.audio("one.wav", &file(&planes_of(count)));
        planes(&folder.render(Bits::F32))
    };
    let (one, two, six) = (rendered(1), rendered(2), rendered(6));
    assert!(six == two);
    assert!(one[0] == two[0] && one[1] != two[1]);
}

/// A project of two tracks, one of them in a group with a delay and sent to a bus with another.
fn with_effects(folder: &Folder) {
    folder.project(&[("one", 0.0, 2.0)]);
    folder.audio("one.wav", &wav(48_000, 1));
    folder.audio("two.wav", &wav(48_000, 2));
    let text = fs::read_to_string(folder.path("project/project.json")).unwrap();
    let mut map = serde_json::from_str::<Value>(&text).unwrap()["recordMap"].take();
    let delay = json!([{"id": "d", "type": "delay", "bypassed": false, "params": {}}]);
    map["tracks"]["u"] = json!({"id": "u", "version": 1, "projectId": "p", "name": "Duo: two?", "type": "audio", "orderKey": "90",
        "volume": 0.8, "output": "g", "sends": [{"id": "s", "target": "h", "gain": 0.5, "pre": false}]});
    map["tracks"]["g"] = json!({"id": "g", "version": 1, "projectId": "p", "name": "Group", "type": "group", "orderKey": "a0", "plugins": delay});
    map["tracks"]["h"] = json!({"id": "h", "version": 1, "projectId": "p", "name": "Hall", "type": "bus", "orderKey": "b0", "plugins": [{"id": "e", "type": "delay", "bypassed": false, "params": {}}]});
    map["clips"]["c9"] = json!({"id": "c9", "version": 1, "trackId": "u", "name": "two", "startBeat": 0.5, "durationBeats": 1.5, "audioFileId": "two"});
    map["audio_files"]["two"] = json!({"id": "two", "version": 1, "projectId": "p", "filename": "two", "contentHash": "1".repeat(64), "sizeBytes": 1, "state": "ready"});
    folder.document(&map);
}

#[test]
fn effects_ring_out_behind_the_end_as_long_as_was_asked_for() {
    let folder = Folder::new();
    with_effects(&folder);
    let frames = |tail| mix(&Args { tail, ..folder.args(Bits::F32) }).frames;
    assert_eq!((frames(Tail::Seconds(0.0)), frames(Tail::Seconds(1.5))), (48_000, 48_000 + 72_000));
    let whole = frames(Tail::Auto);
    assert!((48_000 + 48_000..48_000 + 60 * 48_000).contains(&whole), "{whole}");
    let rung = planes(&fs::read(folder.path("mix.wav")).unwrap());
    assert!(
        rung[0][whole as usize - 5_000..].iter().any(|x| x.abs() >= 1e-5)
            && rung[0][60_000..].iter().any(|x| x.abs() > 0.01)
    );
    // A range within the song rings out without what follows it.
    let short =
        Args { range: Some(stretch::parse("0..1").unwrap()), tail: Tail::Seconds(2.0), ..folder.args(Bits::F32) };
    assert_eq!(mix(&short).frames, 24_000 + 96_000);
    let part = planes(&fs::read(folder.path("mix.wav")).unwrap());
    assert!(part[0][..24_000] == rung[0][..24_000], "the range is as in the song");
    assert!(part[0][30_000..].iter().any(|x| x.abs() > 1e-3), "echoes go on");
    assert!(part[0] != rung[0][..part[0].len().min(rung[0].len())]);
}

#[test]
fn stems_add_up_to_the_mix() {
    let folder = Folder::new();
    with_effects(&folder);
    let stems = folder.path("stems");
    let args = Args { stems: Some(stems), tail: Tail::Seconds(1.0), ..folder.args(Bits::F32) };
    let report = render(&args).unwrap();
    let files: Vec<String> =
        report.stems.iter().map(|stem| stem.file.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, ["01 T.wav", "03 Group.wav", "04 Hall.wav"], "the group's track is in the group's");
    let mix = planes(&fs::read(folder.path("mix.wav")).unwrap());
    let mut sum = vec![vec![0.0f32; mix[0].len()]; 2];
    for stem in &report.stems {
        let stem = planes(&fs::read(&stem.file).unwrap());
        assert!(stem[0].iter().any(|x| x.abs() > 0.001));
        for (sum, stem) in sum.iter_mut().zip(&stem) {
            sum.iter_mut().zip(stem).for_each(|(sum, x)| *sum += x);
        }
    }
    let error = sum.iter().flatten().zip(mix.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < 2e-6, "{error}");
}

#[test]
fn a_mix_is_brought_to_a_loudness_and_no_peak_beyond_the_ceiling() {
    let folder = Folder::new();
    folder.project(&[("one", 0.0, 4.0)]);
    folder.audio("one.wav", &wav(96_000, 1));
    let measured = |lufs: f64| {
        let report = render(&Args { normalise: Some(lufs), ..folder.args(Bits::F32) }).unwrap();
        let planes = planes(&fs::read(folder.path("mix.wav")).unwrap());
        let (mut loudness, mut peak) =
            (dsp::meter::loudness::Loudness::new(48_000), dsp::meter::true_peak::TruePeak::new());
        loudness.hear(&planes[0], &planes[1]);
        peak.hear(&planes[0], &planes[1]);
        let [l, r] = peak.take();
        (loudness.integrated(), 20.0 * l.max(r).log10(), report)
    };
    let (lufs, _, report) = measured(-30.0);
    assert!((lufs + 30.0).abs() < 0.05, "{lufs} {report:?}");
    let (lufs, peak, report) = measured(-5.0);
    assert!(lufs < -4.9 && peak < -0.95, "{lufs} LUFS, {peak} dBTP, {report:?}");
}

#[test]
fn what_was_reached_is_told_and_why_it_is_not_what_was_asked_for() {
    let told = |before: f64, gain: f64, wanted: f64| {
        let report = Report { loudness: Some(before), gain_db: Some(gain), ..Report::default() };
        loudness_in_words(&report, wanted)
    };
    assert_eq!(told(-22.2, 8.2, -14.0), "-14.0 LUFS, -22.2 before (+8.2 dB)");
    let short = told(-15.9, 0.0, -14.0);
    assert_eq!(short, "-15.9 LUFS, -15.9 before (+0.0 dB): 1.9 LU below -14.0, as its true peak would pass -1 dBTP");
    assert!(told(-65.0, 40.0, -14.0).ends_with("nothing is raised by more than 40 dB"));
    assert!(loudness_in_words(&Report::default(), -14.0).starts_with("too short"));
}

#[test]
fn what_is_too_short_to_have_a_loudness_keeps_its_level_and_it_is_said() {
    let folder = Folder::new();
    folder.project(&[("one", 0.0, 4.0)]);
    folder.audio("one.wav", &wav(96_000, 1));
    let rendered = |normalise: Option<f64>| {
        let range = Some(stretch::parse("0s..0.3s").unwrap());
        let args = Args { normalise, range, tail: Tail::Seconds(0.0), ..folder.args(Bits::F32) };
        (render(&args).unwrap(), fs::read(folder.path("mix.wav")).unwrap())
    };
    let ((report, normalised), (_, plain)) = (rendered(Some(-14.0)), rendered(None));
    assert_eq!((report.loudness, report.gain_db), (None, None));
    assert!(normalised == plain);
}

#[test]
fn every_format_is_written_with_its_labels_and_nothing_is_left_when_one_cannot_be() {
    let folder = Folder::new();
    folder.project(&[("one", 0.0, 4.0)]);
    folder.audio("one.wav", &wav(96_000, 1));
    for ending in ["wav", "flac", "mp3", "opus", "ogg"] {
        let file = folder.path(&format!("mix.{ending}"));
        let [project, output] = [folder.path("project"), file.clone()].map(|path| path.display().to_string());
        let summary = mix(&typed(&[&project, "-o", &output, "--title", "Our song", "--artist", "ann"]));
        assert_eq!((summary.frames, summary.sample_rate), (96_000, 48_000));
        let bytes = fs::read(&file).unwrap();
        assert!(bytes.windows(8).any(|at| at == b"Our song"), "{ending}");
        if ending != "opus" {
            let mut decoder = media::Decoder::open(&file).unwrap();
            let mut frames = 0;
            while let Some(block) = decoder.next_block().unwrap() {
                frames += block.frames();
            }
            assert_eq!(frames, 96_000, "{ending}");
        }
        fs::remove_file(file).unwrap();
    }
    let project = folder.path("project").display().to_string();
    let refused = |arguments: &[&str]| {
        let arguments: Vec<&str> = [&[project.as_str()], arguments].concat();
        let failure = render(&typed(&arguments)).unwrap_err().0;
        assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1);
        failure
    };
    let output = |name: &str| folder.path(name).display().to_string();
    assert!(refused(&["-o", &output("mix.doc")]).contains("--format"));
    assert!(refused(&["-o", &output("mix.mp3"), "--bits", "24"]).contains("bit rate"));
    assert!(refused(&["-o", &output("mix.flac"), "--bits", "32f"]).contains("16 or 24"));
    assert!(refused(&["-o", &output("mix.opus"), "--rate", "44100"]).contains("sample rate"));
    assert!(refused(&["-o", &output("mix.wav"), "--range", "8..4"]).contains("end behind"));
    assert!(refused(&["-o", &output("mix.wav"), "--range", "1000..2000"]).contains("over, after 2.0 s"));
    assert!(refused(&["-o", &output("mix.wav"), "--tail", "9999"]).contains("600"));
    assert!(refused(&["-o", &output("mix.wav"), "--normalise", "3"]).contains("LUFS"));
    assert!(refused(&["-o", &output("nowhere/mix.wav")]).contains("cannot write"));
}
