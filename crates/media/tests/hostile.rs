//! SI3: parsers of audio under mutated and arbitrary bytes. Bounded runs of a fuzz: nothing panics, and nothing takes long.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod common;

use std::fs;
use std::io::Cursor;

use common::{decode, fixture, wav};
use media::peaks::{Pyramid, WaveformOptions, pyramid_of_samples, waveform};
use media::wav::{Header, Reader};
use media::{Decoder, sniff};
use proptest::prelude::*;

const FIXTURES: [&str; 9] = [
    "stereo16.flac",
    "mono24.flac",
    "mono8.flac",
    "stereo.mp3",
    "mono_without_tag.mp3",
    "long.mp3",
    "stereo.ogg",
    "mono.ogg",
    "long.ogg",
];

/// A run that fits a test; `FUZZ_CASES=100000 cargo test --release -p media --test hostile` is a long one.
fn bounded() -> ProptestConfig {
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    ProptestConfig::with_cases(cases)
}

/// Everything that looks at the bytes of a file.
fn exercise(bytes: &[u8]) {
    let _ = sniff(bytes);
    let _ = Header::parse(bytes, bytes.len() as u64);
    if let Ok((info, planes)) = decode(bytes.to_vec()) {
        // 64 KB of file never become more than this: a block is 65,536 frames and needs ten bytes.
        assert!(planes[0].len() < 65_536 * (bytes.len() / 10 + 1), "{info:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound");
    fs::write(&path, bytes).unwrap();
    let _ = waveform(&path, WaveformOptions { samples_per_pixel: 100, threads: 2 });
}

/// One change to a file.
#[derive(Debug, Clone)]
enum Change {
    Set(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        // The headers are where it hurts.
        4 => (0usize..200, any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        1 => any::<usize>().prop_map(Change::Cut),
        1 => (any::<usize>(), 1usize..500).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (any::<usize>(), 1usize..500).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    match *change {
        Change::Set(at, value) => bytes[at % length] = value,
        Change::Cut(at) => bytes.truncate(at % length),
        Change::Remove(at, count) => {
            let at = at % length;
            bytes.drain(at..(at + count).min(length));
        }
        Change::Repeat(at, count) => {
            let at = at % length;
            let part = bytes[at..(at + count).min(length)].to_vec();
            bytes.splice(at..at, part);
        }
    }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn si3_mutated_audio_files_never_panic(which in 0usize..FIXTURES.len(), changes in prop::collection::vec(change(), 1..12)) {
        let mut bytes = fs::read(fixture(FIXTURES[which])).unwrap();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        exercise(&bytes);
    }

    #[test]
    fn si3_mutated_wav_files_never_panic(bits in prop::sample::select(vec![8u16, 16, 24, 32]), changes in prop::collection::vec(change(), 1..12)) {
        let mut bytes = wav(1, 2, 44_100, bits, &[0x5A; 600]);
        changes.iter().for_each(|change| apply(&mut bytes, change));
        exercise(&bytes);
        if let Ok(mut reader) = Reader::new(Cursor::new(&bytes)) {
            let mut planes = vec![vec![0.0; 50]; usize::from(reader.header().channels)];
            let mut slices: Vec<&mut [f32]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
            let _ = reader.read_frames(3, &mut slices);
        }
    }

    #[test]
    fn si3_arbitrary_bytes_never_panic(signature in prop::sample::select(vec![&b""[..], b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3\x04\0\0", b"\xFF\xFB\x90\x64"]), rest in prop::collection::vec(any::<u8>(), 0..3_000)) {
        exercise(&[signature, &rest].concat());
    }

    #[test]
    fn si3_mutated_pyramids_never_panic(changes in prop::collection::vec(change(), 0..6), from in any::<u64>(), to in any::<u64>(), zoom in any::<f64>()) {
        let mut bytes = pyramid_of_samples(&[&[0.25; 200_000]], 48_000).unwrap();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        if let Ok(pyramid) = Pyramid::parse(&bytes) {
            let _ = (pyramid.extent(from..to), pyramid.overview(), pyramid.levels());
            pyramid.draw(zoom, zoom, &mut [(0.0, 0.0); 5]);
        }
    }
}

#[test]
fn si3_a_flac_file_that_announces_more_than_24_hours_is_refused() {
    let mut bytes = fs::read(fixture("mono8.flac")).unwrap();
    bytes[21] |= 0x0F;
    bytes[22..26].fill(0xFF);
    assert!(Decoder::new(Cursor::new(bytes)).unwrap_err().to_string().contains("24 hours"));
}

#[test]
fn si3_one_frame_of_silence_over_and_over_stops_at_the_limit() {
    // A FLAC frame of 65,535 times the same sample takes 12 bytes; 840 KB of them would be 9 GB.
    let header = &fs::read(fixture("mono8.flac")).unwrap()[..42];
    let mut bytes = header.to_vec();
    bytes[4] |= 0x80;
    bytes[21] &= 0xF0;
    bytes[22..26].fill(0);
    bytes[10..12].fill(0xFF);
    let mut frame = vec![0xFF, 0xF8, 0x70, 0x02, 0x00, 0xFF, 0xFE];
    frame.push(crc(&frame, 8, 0x07) as u8);
    frame.extend([0x00, 0x00]);
    let check = crc(&frame, 16, 0x8005);
    frame.extend((check as u16).to_be_bytes());
    bytes.extend(frame.repeat(70_000));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb");
    fs::write(&path, &bytes).unwrap();
    let refusal = waveform(&path, WaveformOptions::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "The recording is too large: decoded it would exceed 4 GB.");
    let mut decoder = Decoder::new(Cursor::new(bytes)).unwrap();
    let refusal = loop {
        match decoder.next_block() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("9 GB were accepted"),
            Err(error) => break error,
        }
    };
    assert_eq!(refusal.to_string(), "The recording is too large: decoded it would exceed 4 GB.");
}

#[test]
fn si3_pages_with_wrong_check_sums_do_not_take_for_ever() {
    let mut bytes = fs::read(fixture("long.ogg")).unwrap();
    bytes.truncate(3_381);
    let mut page = b"OggS\0\0".to_vec();
    page.extend([0; 20]);
    page.extend([255; 4]);
    bytes.extend(page.repeat(100_000));
    let refusal = decode(bytes).unwrap_err().to_string();
    assert_eq!(refusal, "This Ogg Vorbis file is damaged: too much of it is missing.");
}

fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| u32::from(byte >> bit & 1))).fold(0, |crc, bit| {
        let carry = (crc >> (bits - 1) & 1) ^ bit;
        ((crc << 1) ^ (carry * polynomial)) & ((1u64 << bits) - 1) as u32
    })
}
