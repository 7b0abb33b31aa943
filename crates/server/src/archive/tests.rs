//! Archives out, and archives that mean harm in.

use std::fs;

use serde_json::{Value, json};

use super::format::Archive;
use super::*;
use crate::audio_files::fixture::{Studio, id, wav};
use crate::jobs;

fn write_project(folder: &Path, document: &Value) {
    fs::write(folder.join(PROJECT), document.to_string()).unwrap();
}

fn document() -> Value {
    json!({"format": "unisono", "version": 1, "projectId": "p", "recordMap": {
        "projects": {"p": {"id": "p", "version": 1, "name": "P", "bpm": 120, "timeSignature": "4/4", "sampleRate": 48_000, "masterVolume": 1}},
        "tracks": {"t": {"id": "t", "version": 1, "projectId": "p", "name": "T", "type": "audio", "volume": 1, "pan": 0}},
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_holds_the_records_and_the_audio() {
    let studio = Studio::open();
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    let _workers = jobs::start(&studio.app);
    let bytes = wav(1_000, 1);
    studio.upload(&ann, "f", "Guitar.wav", &bytes).await;
    studio.announce(&ann, "late", "late.wav", &wav(10, 3)).await;
    studio.settled("f").await;
    let (store, out) = (studio.app.database.store(), studio.folder.path().join("deep/er/archive"));
    let summary = write(&**store, &studio.app.blobs, &id("p"), &out).unwrap();
    assert_eq!((summary.audio_files, summary.bytes, summary.missing.len()), (1, bytes.len() as u64, 0));
    assert_eq!(fs::read(out.join("audio/f.wav")).unwrap(), bytes);
    assert!(!out.join("pcm").exists(), "a WAV file is what engines read");
    let text = fs::read_to_string(out.join(PROJECT)).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&document["format"], &document["version"], &document["projectId"]),
        (&json!("unisono"), &json!(1), &json!("p"))
    );
    assert_eq!(document["recordMap"]["tracks"]["t"]["name"], "Keys");
    assert!(!text.contains("ann@example.com") && !text.contains("argon2"), "nothing private is in an archive");
    assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    let archive = Archive::read(&out).unwrap();
    assert_eq!((archive.records.tracks().len(), archive.audio.len()), (1, 1));

    // What is there is not written over.
    let again = write(&**store, &studio.app.blobs, &id("p"), &out).unwrap_err();
    assert!(again.0.contains("not empty"), "{again}");
    let empty = studio.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    write(&**store, &studio.app.blobs, &id("p"), &empty).unwrap();
    assert!(empty.join(PROJECT).is_file());
    let nobody = write(&**store, &studio.app.blobs, &id("none"), &studio.folder.path().join("x")).unwrap_err();
    assert!(nobody.0.contains("no project none"), "{nobody}");
}

#[test]
fn hostile_archives_are_refused_with_a_reason() {
    let change = |pointer: &str, value: Value| {
        let mut document = document();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };
    let record = |table: &str, key: &str, record: Value| {
        let mut document = document();
        document["recordMap"][table][key] = record;
        document
    };
    for (document, reason) in [
        (change("/format", json!("other")), "format"),
        (change("/version", json!(2)), "version"),
        (change("/projectId", json!("q")), "another project"),
        (change("/projectId", json!("../../etc")), "id"),
        (change("/recordMap/tracks/t/volume", json!(1e9)), "tracks/t: volume"),
        (change("/recordMap/tracks/t/projectId", json!("q")), "another project"),
        (change("/recordMap/projects/p/bpm", json!(0)), "projects/p: bpm"),
        (change("/recordMap/projects", json!({})), "no project"),
        (change("/recordMap", json!({"secrets": {}})), "no table 'secrets'"),
        (change("/recordMap", json!([])), "map"),
        (record("audio_files", "x", json!({"id": "../../../etc/passwd", "version": 1})), ""),
        (record("tracks", "u", json!({"id": "u"})), "version"),
        (json!("nothing of the sort"), "project.json"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_project(folder.path(), &document);
        let failure = Archive::read(folder.path()).unwrap_err();
        assert!(failure.0.contains(reason), "{failure} ({reason})");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(Archive::read(folder.path()).unwrap_err().0.contains(PROJECT));
    fs::write(folder.path().join(PROJECT), "[".repeat(100_000)).unwrap();
    assert!(Archive::read(folder.path()).is_err(), "depth is limited");
    let huge = File::create(folder.path().join(PROJECT)).unwrap();
    huge.set_len(300 * 1024 * 1024).unwrap();
    assert!(Archive::read(folder.path()).unwrap_err().0.contains("not a file of at most"));
    fs::remove_file(folder.path().join(PROJECT)).unwrap();
    fs::create_dir(folder.path().join(PROJECT)).unwrap();
    assert!(Archive::read(folder.path()).unwrap_err().0.contains("not a file"));
}

#[cfg(unix)]
#[test]
fn links_and_odd_names_among_the_audio_are_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), &document());
    let audio = folder.path().join(AUDIO);
    fs::create_dir_all(audio.join("folder.wav")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", audio.join("link.wav")).unwrap();
    fs::write(audio.join("a b.wav"), "").unwrap();
    fs::write(audio.join("good.wav"), "").unwrap();
    let archive = Archive::read(folder.path()).unwrap();
    assert_eq!(archive.audio.keys().map(Id::as_str).collect::<Vec<_>>(), ["good"]);
    fs::write(audio.join("good.mp3"), "").unwrap();
    assert!(Archive::read(folder.path()).unwrap_err().0.contains("two files"));
}

#[test]
fn extensions_come_from_what_the_file_is() {
    let of = |media_type: Option<&str>, filename: &str| {
        let mut fields = vec![("filename", filename.into())];
        fields.extend(media_type.map(|text| ("mimeType", text.into())));
        extension(&Record::new(id("a"), 1, model::fields(fields)))
    };
    assert_eq!(of(Some("audio/flac"), "song.exe"), "flac");
    assert_eq!(of(None, "song.MP3"), "mp3");
    for odd in ["song", "song.", "song./../x", "song.verylongextension", "."] {
        assert_eq!(of(None, odd), "bin", "{odd}");
    }
}

#[test]
fn si3_damaged_records_are_refused_or_read_and_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let text = document().to_string().into_bytes();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    const BITS: [&[u8]; 12] =
        [b"\"", b"{", b"[", b"]}", b"null", b"-1e308", b"1e-320", b"\\ud800", b"\xff", b",", b":", b"projects"];
    // More for a long run (SI3).
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    for _ in 0..cases {
        let mut damaged = text.clone();
        for _ in 0..1 + random(4) {
            let at = random(damaged.len());
            let to = (at + random(12)).min(damaged.len());
            let with = BITS[random(BITS.len())];
            damaged.splice(at..to, with.iter().copied());
        }
        fs::write(folder.path().join(PROJECT), damaged).unwrap();
        if let Ok(archive) = Archive::read(folder.path()) {
            let song = engine::Song::from_records(&archive.records, |_| None).unwrap();
            drop(engine::Plan::compile(&song));
        }
    }
}
