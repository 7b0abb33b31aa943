//! What the worker makes is what `mixdown` makes of the same song, and what it cannot make is said.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex};

use engine::{MemoryReader, Reader, Song};
use exporter::{Disk, ORDER_BYTES_MAX, Place, Work, hash};
use media::wav::{BitDepth, Writer};
use mixdown::{Export, Recordings as _, Settings};
use model::{Record, Records, Table, Value};
use serde_json::json;

/// Files in memory, of which so many bytes have room.
#[derive(Clone)]
struct Memory {
    files: Arc<Mutex<HashMap<Place, Vec<u8>>>>,
    told: Arc<Mutex<Vec<f32>>>,
    room: u64,
}

impl Memory {
    fn of(recordings: &[Vec<u8>]) -> Memory {
        let files = (0..).zip(recordings).map(|(source, bytes)| (Place::Recording(source), bytes.clone())).collect();
        Memory { files: Arc::new(Mutex::new(files)), told: Arc::default(), room: u64::MAX }
    }

    fn file(&self, place: Place) -> Vec<u8> {
        self.files.lock().unwrap()[&place].clone()
    }

    fn put(&self, place: Place, bytes: Vec<u8>) {
        self.files.lock().unwrap().insert(place, bytes);
    }
}

impl Disk for Memory {
    fn size(&self, place: Place) -> Option<u64> {
        self.files.lock().unwrap().get(&place).map(|file| file.len() as u64)
    }

    fn read(&self, place: Place, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let files = self.files.lock().unwrap();
        let rest = files.get(&place).ok_or(io::ErrorKind::NotFound)?.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, place: Place, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset + bytes.len() as u64 > self.room {
            return Err(io::Error::other("this device has no room left"));
        }
        let mut files = self.files.lock().unwrap();
        let (file, end) = (files.entry(place).or_default(), offset as usize + bytes.len());
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn clear(&self, place: Place) -> io::Result<()> {
        self.files.lock().unwrap().insert(place, Vec::new());
        Ok(())
    }

    fn progress(&self, done: f32) {
        self.told.lock().unwrap().push(done);
    }
}

const FRAMES: usize = 96_000;

/// A WAV file of noise.
fn wav(seed: u32) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 48_000, 2, BitDepth::I16, None).unwrap();
    let mut state = seed;
    let plane: Vec<f32> = (0..FRAMES)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 / 131_072.0 - 0.25
        })
        .collect();
    writer.write_planar(&[&plane, &plane]).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Two tracks, each with a clip of its own recording.
fn records() -> Records {
    let map = json!({
        "projects": {"p": {"id": "p", "version": 1, "name": "P", "bpm": 120, "sampleRate": 48_000, "masterVolume": 0.5, "timeSignature": "4/4"}},
        "tracks": {
            "t0": {"id": "t0", "version": 1, "projectId": "p", "name": "Drums", "type": "audio", "volume": 1.5, "pan": 0.25, "orderKey": "a"},
            "t1": {"id": "t1", "version": 1, "projectId": "p", "name": "Bass", "type": "audio", "volume": 0.5, "pan": -0.5, "orderKey": "b"},
        },
        "clips": {
            "c0": {"id": "c0", "version": 1, "trackId": "t0", "name": "C", "startBeat": 0, "durationBeats": 3, "audioFileId": "f0", "gain": 0.75, "fadeIn": 0.25},
            "c1": {"id": "c1", "version": 1, "trackId": "t1", "name": "C", "startBeat": 1, "durationBeats": 3, "audioFileId": "f1", "gain": 1},
        },
        "audio_files": {
            "f0": {"id": "f0", "version": 1, "projectId": "p", "filename": "drums.wav", "state": "ready", "sampleRate": 48_000, "channels": 2, "frames": FRAMES},
            "f1": {"id": "f1", "version": 1, "projectId": "p", "filename": "bass.wav", "state": "ready", "sampleRate": 48_000, "channels": 2, "frames": FRAMES},
        },
    });
    let map: model::RecordMap = serde_json::from_value(map).unwrap();
    map.iter().map(|(table, record)| (table, record.clone())).collect()
}

fn bytes_of(records: &Records) -> Vec<u8> {
    let rows: Vec<(Table, Record)> = records.iter().map(|(key, record)| (key.table, record.clone())).collect();
    postcard::to_extend(&rows, Vec::new()).unwrap()
}

fn work(order: &serde_json::Value) -> Result<Work, String> {
    Work::new(order.to_string().as_bytes(), &bytes_of(&records()))
}

/// The same recordings in memory: nothing goes wrong with them.
struct Whole(MemoryReader);

impl Reader for Whole {
    fn read(&mut self, source: u32, start: i64, left: &mut [f32], right: &mut [f32]) {
        self.0.read(source, start, left, right);
    }
}

impl mixdown::Recordings for Whole {
    fn check(&mut self) -> Result<(), mixdown::Unreadable> {
        Ok(())
    }
}

/// What `mixdown` makes of the song with recordings in memory.
fn directly(settings: &serde_json::Value, stems: bool) -> Vec<u8> {
    let records = records();
    let song = Song::from_records(&records, |file| Some(u32::from(file.id.as_str() == "f1"))).unwrap();
    let mut reader = Whole(MemoryReader::new());
    reader.check().unwrap();
    for source in 0..2 {
        let mut file = media::wav::Reader::new(Cursor::new(wav(source + 1))).unwrap();
        let mut planes = vec![vec![0.0; FRAMES]; 2];
        let mut slices: Vec<&mut [f32]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
        assert_eq!(file.read_frames(0, &mut slices).unwrap(), FRAMES);
        reader.0.insert(source, planes);
    }
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    let names = ["Drums".to_owned(), "Bass".to_owned()];
    let export = Export { song: &song, track_names: &names, settings: &settings, stems };
    let mut made = Cursor::new(Vec::new());
    export.write(&mut reader, &mut made, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    made.into_inner()
}

#[test]
fn every_format_is_what_mixdown_makes_of_recordings_in_memory() {
    for settings in [
        json!({"format": "wav"}),
        json!({"format": "wav", "bits": "32f", "range": {"unit": "beats", "from": 1, "to": 2}, "tailSeconds": 1}),
        json!({"format": "flac", "bits": "24", "loudness": -23, "title": "Song"}),
        json!({"format": "mp3", "kbps": 128}),
        json!({"format": "opus"}),
    ] {
        for stems in [false, true] {
            let disk = Memory::of(&[wav(1), wav(2)]);
            let work = work(&json!({"settings": settings, "stems": stems})).unwrap();
            assert_eq!(work.recordings().iter().map(|it| &*it.name).collect::<Vec<_>>(), ["drums.wav", "bass.wav"]);
            let done = work.run(&disk).unwrap();
            assert!(disk.file(Place::Made) == directly(&settings, stems), "{settings} {stems}");
            assert!(done.seconds > 0.9 && done.peak_db.is_some(), "{done:?}");
            assert_eq!(done.gain_db.is_some(), settings.get("loudness").is_some());
            let told = disk.told.lock().unwrap();
            assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
        }
    }
}

#[test]
fn a_recording_that_only_this_browser_has_is_decoded_first() {
    let mut flac =
        media::flac::Writer::new(Cursor::new(Vec::new()), 48_000, 2, BitDepth::I16, None, &media::Labels::default())
            .unwrap();
    let mut file = media::wav::Reader::new(Cursor::new(wav(1))).unwrap();
    let (mut left, mut right) = (vec![0.0; FRAMES], vec![0.0; FRAMES]);
    file.read_frames(0, &mut [&mut left, &mut right]).unwrap();
    flac.write_planar(&[&left, &right]).unwrap();
    let disk = Memory::of(&[flac.finish().unwrap().into_inner(), wav(2)]);
    // Both are one's own; the second is a WAV file, which stays as it is.
    disk.put(Place::Decoded(0), Vec::new());
    disk.put(Place::Decoded(1), Vec::new());
    let settings = json!({"format": "wav"});
    work(&json!({ "settings": settings })).unwrap().run(&disk).unwrap();
    assert!(disk.file(Place::Made) == directly(&settings, false));
    assert!(disk.file(Place::Decoded(1)).is_empty());
}

#[test]
fn what_is_wrong_with_a_recording_is_said_with_its_name() {
    let run = |recordings: &[Vec<u8>]| {
        let work = work(&json!({"settings": {"format": "wav"}})).unwrap();
        work.run(&Memory::of(recordings)).unwrap_err()
    };
    let (first, second) = (wav(1), wav(2));
    assert!(run(&[first.clone(), b"no sound".to_vec()]).starts_with("bass.wav: "));
    assert!(run(std::slice::from_ref(&first)).starts_with("bass.wav: "));
    let mut other = Writer::new(Cursor::new(Vec::new()), 44_100, 2, BitDepth::I16, None).unwrap();
    other.write_planar(&[&[0.0; 10], &[0.0; 10]]).unwrap();
    let other = other.finish().unwrap().into_inner();
    assert_eq!(run(&[other, second.clone()]), "drums.wav: its bytes are not those that the project knows");
    let mut cut = first;
    cut.truncate(200_000);
    assert!(run(&[cut, second]).starts_with("drums.wav: "));
}

#[test]
fn a_full_disk_is_said_for_every_format() {
    for format in ["wav", "flac", "mp3", "opus"] {
        for stems in [false, true] {
            let disk = Memory { room: 20_000, ..Memory::of(&[wav(1), wav(2)]) };
            let work = work(&json!({"settings": {"format": format}, "stems": stems})).unwrap();
            let reason = work.run(&disk).unwrap_err();
            assert!(reason.contains("no room left"), "{format}: {reason}");
        }
    }
}

#[test]
fn what_cannot_be_had_is_refused_before_anything_is_opened() {
    let refused = |settings: serde_json::Value| work(&json!({ "settings": settings })).map(drop).unwrap_err();
    assert!(refused(json!({"format": "ogg"})).contains("by the server only"));
    assert!(refused(json!({"format": "mp3", "bits": "16"})).contains("bit rate"));
    assert!(refused(json!({"format": "wav", "loudness": 3})).contains("LUFS"));
    assert!(refused(json!({"format": "aiff"})).contains("aiff"));
    assert!(
        refused(json!({"format": "wav", "range": {"unit": "seconds", "from": 0, "to": 90_000}})).contains("24 hours")
    );
    let records = bytes_of(&records());
    assert!(Work::new(&vec![b' '; ORDER_BYTES_MAX + 1], &records).is_err());
    assert!(Work::new(br#"{"settings":{"format":"wav"}}"#, &records[..records.len() / 2]).is_err());
    assert!(Work::new(br#"{"settings":{"format":"wav"}}"#, &bytes_of(&Records::new())).is_err());
    let mut silent = self::records();
    let clips: Vec<_> = silent.table(Table::Clips).cloned().collect();
    clips.iter().for_each(|clip| silent.insert(Table::Clips, clip.with("deleted", Value::from(true))));
    assert!(Work::new(br#"{"settings":{"format":"wav"}}"#, &bytes_of(&silent)).unwrap_err().contains("nothing"));
}

#[test]
fn a_kept_file_has_the_hash_that_sha_256_gives_it() {
    let disk = Memory::of(&[b"abc".to_vec(), Vec::new(), vec![b'a'; 1_000_000]]);
    let known = [
        // FIPS 180-2, appendix B, and of no bytes.
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ];
    for (source, known) in (0..).zip(known) {
        assert_eq!(hash(&disk, Place::Recording(source)).unwrap(), known);
    }
    assert!(hash(&disk, Place::Recording(3)).is_err());
}
