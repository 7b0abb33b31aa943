//! What other people's programs say of the files that are rendered.
//!
//! They are installed by `./test` where it can (`xtask/setup.sh`). Without them this test says in capitals that it was skipped; with CI=true it fails.

use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use mixdown::zip::Zip;
use serde_json::json;

use crate::{Folder, output, write_wav};

/// What a program says of a file; it must be content.
fn content(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

/// Whether these programs are installed; without them it is said that the test is skipped, or it fails.
fn are_here(programs: &[&str]) -> bool {
    let starts = |program: &str| Command::new(program).stdin(Stdio::null()).output().is_ok();
    let missing: Vec<&str> = programs.iter().copied().filter(|program| !starts(program)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "not installed: {missing:?}");
    // Straight to the stream: what a test prints is not shown when it passes. `./test` looks for the words.
    let _ =
        writeln!(std::io::stderr(), "\n1 skipped: PROGRAMS THAT CHECK RENDERED FILES ARE NOT INSTALLED: {missing:?}");
    false
}

fn project(folder: &Folder) -> String {
    fs::create_dir_all(folder.path("project/audio")).unwrap();
    write_wav(&folder.path("project/audio/f.wav"), 3);
    let track = |id: &str| json!({"id": id, "version": 1, "projectId": "p", "name": id, "type": "audio"});
    let clip = |id: &str, track: &str, start: f64| json!({"id": id, "version": 1, "trackId": track, "name": id, "startBeat": start, "durationBeats": 4, "audioFileId": "f"});
    let document = json!({"format": "unisono", "version": 1, "projectId": "p", "recordMap": {
        "projects": {"p": {"id": "p", "version": 1, "name": "P"}},
        "tracks": {"k": track("k"), "l": track("l")},
        "clips": {"c": clip("c", "k", 0.0), "d": clip("d", "l", 1.5)},
        "audio_files": {"f": {"id": "f", "version": 1, "projectId": "p", "filename": "f.wav", "contentHash": "0".repeat(64), "sizeBytes": 1}},
    }});
    fs::write(folder.path("project/project.json"), document.to_string()).unwrap();
    folder.text("project")
}

#[test]
fn other_peoples_programs_are_content_with_what_is_rendered() {
    if !are_here(&["ffmpeg", "flac", "ogginfo", "opusinfo"]) {
        return;
    }
    let folder = Folder::new();
    let project = project(&folder);
    let render = |name: &str, arguments: &[&str]| {
        let file = folder.text(name);
        let labels = ["--title", "Our song", "--artist", "Ann and Bob"];
        let (code, _, errors) = output(&[&["render", &project, "-o", &file], arguments, &labels].concat());
        assert_eq!(code, Some(0), "{name}: {errors}");
        file
    };
    for (name, arguments) in [
        ("16.wav", vec![]),
        ("24.wav", vec!["--bits", "24"]),
        ("32f.wav", vec!["--bits", "32f"]),
        ("16.flac", vec![]),
        ("24.flac", vec!["--bits", "24"]),
        ("192.mp3", vec![]),
        ("320.mp3", vec!["--bitrate", "320"]),
        ("44.mp3", vec!["--rate", "44100"]),
        ("128.opus", vec![]),
        ("64.opus", vec!["--bitrate", "64"]),
        ("160.ogg", vec![]),
    ] {
        let file = render(name, &arguments);
        let said = content("ffmpeg", &["-v", "error", "-i", &file, "-f", "null", "-"]);
        assert_eq!(said, "", "{name}: no complaint");
        let length = content("ffmpeg", &["-hide_banner", "-i", &file, "-f", "null", "-"]);
        assert!(length.contains("Our song") && length.contains("Ann and Bob"), "{length}");
        // 2.75 s; of an MP3 file its padding is counted by some.
        let lasts = ["00:00:02.75", "00:00:02.78", "00:00:02.80"]
            .iter()
            .any(|time| length.contains(&format!("Duration: {time}")));
        assert!(lasts, "{length}");
        let said = match Path::new(name).extension().and_then(|ending| ending.to_str()) {
            Some("flac") => content("flac", &["--test", "--warnings-as-errors", &file]),
            Some("opus") => content("opusinfo", &[&file]),
            Some("ogg") => content("ogginfo", &[&file]),
            _ => continue,
        };
        assert!(!said.to_lowercase().contains("warning") && !said.to_lowercase().contains("error"), "{name}: {said}");
    }
}

#[test]
fn other_peoples_programs_are_content_with_ranges_and_stems_of_every_format() {
    if !are_here(&["ffmpeg"]) {
        return;
    }
    let folder = Folder::new();
    let project = project(&folder);
    let is_sound = |file: &str, seconds: f64| {
        assert_eq!(content("ffmpeg", &["-v", "error", "-i", file, "-f", "null", "-"]), "", "{file}: no complaint");
        // As long as what is decoded is, not as what the file's head says.
        let said = content("ffmpeg", &["-i", file, "-af", "astats=measure_perchannel=none", "-f", "null", "-"]);
        let number = |name: &str| {
            let (_, rest) = said.rsplit_once(name).unwrap_or_else(|| panic!("{file}: {said}"));
            rest.split_whitespace().next().unwrap().parse::<f64>().unwrap()
        };
        let lasts = number("Number of samples:") / 48_000.0;
        // Some count what an MP3 file is filled up with.
        let more = if file.ends_with("mp3") { 0.05 } else { 1e-9 };
        assert!((seconds - 1e-9..=seconds + more).contains(&lasts), "{file}: {lasts} s");
        assert!(number("Peak level dB:") > -20.0, "{file}: it can be heard");
    };
    for format in ["wav", "flac", "mp3", "opus", "ogg"] {
        let (file, stems) = (folder.text(&format!("range.{format}")), folder.text(&format!("stems-{format}")));
        let (code, _, errors) =
            output(&["render", &project, "-o", &file, "--range", "0.5s..1.75s", "--tail", "0", "--rate", "48000"]);
        assert_eq!(code, Some(0), "{format}: {errors}");
        is_sound(&file, 1.25);
        let (code, _, errors) =
            output(&["render", &project, "--stems", &stems, "--format", format, "--tail", "0", "--rate", "48000"]);
        assert_eq!(code, Some(0), "{format}: {errors}");
        let files: Vec<_> = fs::read_dir(&stems).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        files.iter().for_each(|file| is_sound(file.to_str().unwrap(), 2.75));
    }
}

#[test]
fn other_peoples_meters_find_the_loudness_that_was_asked_for() {
    if !are_here(&["ffmpeg"]) {
        return;
    }
    let folder = Folder::new();
    let project = project(&folder);
    for (name, lufs) in [("16.wav", -16.0), ("23.flac", -23.0), ("30.wav", -30.0)] {
        let (file, wanted) = (folder.text(name), lufs.to_string());
        let (code, _, errors) = output(&["render", &project, "-o", &file, "--normalise", &wanted, "--tail", "0"]);
        assert_eq!(code, Some(0), "{errors}");
        let said = content("ffmpeg", &["-hide_banner", "-i", &file, "-af", "ebur128=peak=true", "-f", "null", "-"]);
        let (_, summary) = said.rsplit_once("Summary:").unwrap_or_else(|| panic!("{said}"));
        let number = |name: &str| {
            let (_, rest) = summary.split_once(name).unwrap_or_else(|| panic!("{summary}"));
            rest.split_whitespace().next().unwrap().parse::<f64>().unwrap()
        };
        // It says tenths.
        assert!((number("I:") - lufs).abs() < 0.101, "{name}: {summary}");
        assert!(number("Peak:") <= -0.9, "{name}: {summary}");
    }
}

#[test]
fn other_peoples_programs_unpack_archives_of_stems() {
    if !are_here(&["unzip"]) {
        return;
    }
    let folder = Folder::new();
    let file = fs::File::options().read(true).write(true).create_new(true).open(folder.path("stems.zip")).unwrap();
    let mut zip = Zip::new(file);
    for (name, text) in [("01 Bässe.wav", "low".repeat(100_000)), ("02 Höhen.wav", "high".to_owned())] {
        let mut member = zip.begin(name).unwrap();
        member.write_all(text.as_bytes()).unwrap();
        assert!(member.finish(|| ControlFlow::Continue(())).unwrap().is_continue());
    }
    zip.finish().unwrap();
    let archive = folder.text("stems.zip");
    let said = content("unzip", &["-t", &archive]);
    assert!(said.contains("No errors detected"), "{said}");
    let out = folder.text("out");
    content("unzip", &["-q", &archive, "-d", &out]);
    assert_eq!(fs::read(folder.path("out/02 Höhen.wav")).unwrap(), b"high");
    assert_eq!(fs::read(folder.path("out/01 Bässe.wav")).unwrap().len(), 300_000);
}
