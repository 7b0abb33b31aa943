//! What each encoder writes is decoded again: as long as it was, where it was, and nearly what it was.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod common;

use std::io::Cursor;

use common::decode;
use md5::{Digest, Md5};
use media::encode::{Format, Target};
use media::wav::BitDepth;
use media::{Labels, Tags};
use proptest::prelude::*;

fn target(format: Format, sample_rate: u32, kbps: u32) -> Target {
    let labels = Labels {
        title: Some("Löwe".into()),
        artist: Some("ann".into()),
        album: Some("One".into()),
        date: Some("2026-11-26".into()),
        comment: Some("made of two sines".into()),
    };
    Target { format, depth: BitDepth::I16, kbps, sample_rate, dither: Some(1), labels }
}

fn encoded(target: &Target, planes: [&[f32]; 2], block: usize) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = target.begin(&mut file).unwrap();
    for (left, right) in planes[0].chunks(block).zip(planes[1].chunks(block)) {
        encoder.write(&[left, right]).unwrap();
    }
    encoder.finish().unwrap();
    file.into_inner()
}

/// A falling and a rising tone, with a click in the middle, by which anything late is found.
fn sound(frames: usize, rate: u32) -> [Vec<f32>; 2] {
    [(0.01, 0.4), (0.03, 0.25)].map(|(step, level)| {
        (0..frames)
            .map(|n| {
                let tone = level * (n as f32 * step * (1.0 + n as f32 / frames as f32)).sin();
                tone + if n.abs_diff(frames / 2) < rate as usize / 2_000 { 0.5 } else { 0.0 }
            })
            .collect()
    })
}

/// The difference's power over the sound's, in dB.
fn error_db(decoded: &[f32], sound: &[f32]) -> f64 {
    let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|x| x * x).sum::<f64>();
    let error = power(&mut decoded.iter().zip(sound).map(|(x, y)| f64::from(*x) - f64::from(*y)));
    10.0 * (error / power(&mut sound.iter().map(|x| f64::from(*x)))).log10()
}

/// An Opus file's sound, by its packets, its pages' positions and its pre-skip.
fn opus(bytes: &[u8]) -> Vec<Vec<f32>> {
    let (mut at, mut packets, mut end, mut skip, mut number) = (0, Vec::new(), 0, 0, 0u32);
    while at < bytes.len() {
        let head = &bytes[at..];
        assert_eq!(&head[..5], b"OggS\0");
        assert_eq!(u32::from_le_bytes(*head[18..].first_chunk().unwrap()), number);
        let segments = &head[27..27 + usize::from(head[26])];
        let mut from = 27 + segments.len();
        let mut length = 0;
        for segment in segments {
            length += usize::from(*segment);
            if *segment < 255 {
                packets.push(head[from..from + length].to_vec());
                from += std::mem::take(&mut length);
            }
        }
        let granule = u64::from_le_bytes(*head[6..].first_chunk().unwrap()) as usize;
        let (first, last) = (head[5] & 2 != 0, head[5] & 4 != 0);
        assert_eq!((first, last), (number == 0, at + from == bytes.len()));
        if number > 1 && !last {
            assert_eq!(granule, (packets.len() - 2) * 960, "a page says where its last packet ends");
        }
        end = granule;
        number += 1;
        at += from;
    }
    assert_eq!(&packets[0][..10], b"OpusHead\x01\x02");
    assert_eq!(&packets[1][..8], b"OpusTags");
    skip += usize::from(u16::from_le_bytes([packets[0][10], packets[0][11]]));
    let mut decoder = rusty_opus::OpusDecoder::new(48_000, 2).unwrap();
    let mut planes = [Vec::new(), Vec::new()];
    for packet in &packets[2..] {
        let mut out = vec![0.0; 2 * 960];
        assert_eq!(decoder.decode(packet, 960, &mut out).unwrap(), 960);
        for frame in out.chunks(2) {
            planes[0].push(frame[0]);
            planes[1].push(frame[1]);
        }
    }
    assert!((planes[0].len() - 960..=planes[0].len()).contains(&end));
    planes.iter().map(|plane| plane[skip..end].to_vec()).collect()
}

fn decoded(format: Format, bytes: Vec<u8>) -> (Vec<Vec<f32>>, Option<Tags>) {
    if format == Format::Opus {
        return (opus(&bytes), None);
    }
    let (info, planes) = decode(bytes).unwrap();
    (planes, Some(info.tags))
}

fn formats() -> Vec<(Format, u32)> {
    let mut formats = vec![
        (Format::Wav, 44_100),
        (Format::Flac, 48_000),
        (Format::Mp3, 44_100),
        (Format::Mp3, 48_000),
        (Format::Mp3, 32_000),
        (Format::Opus, 48_000),
    ];
    if cfg!(feature = "vorbis") {
        formats.extend([(Format::Vorbis, 44_100), (Format::Vorbis, 96_000)]);
    }
    formats
}

#[test]
fn every_format_comes_back_as_long_as_it_was_in_its_place_and_nearly_the_same() {
    for (format, rate) in formats() {
        for frames in [30_000, 48_000, 100_001] {
            let sound = sound(frames, rate);
            let kbps = format.kbps().map_or(0, |(_, usual)| usual);
            let bytes = encoded(&target(format, rate, kbps), [&sound[0], &sound[1]], 1_000);
            let (planes, tags) = decoded(format, bytes.clone());
            for (plane, sound) in planes.iter().zip(&sound) {
                assert_eq!(plane.len(), frames, "{format:?} at {rate} Hz");
                let error = error_db(plane, sound);
                let most = if format.is_lossless() { -60.0 } else { -20.0 };
                assert!(error < most, "{format:?} at {rate} Hz, {frames} frames: {error:.1} dB");
            }
            if !matches!(format, Format::Wav | Format::Opus) {
                assert_eq!(
                    tags.unwrap(),
                    Tags { title: Some("Löwe".into()), artist: Some("ann".into()) },
                    "{format:?}"
                );
            }
            assert!(bytes.windows(5).any(|at| at == "Löwe".as_bytes()), "{format:?} says its title");
        }
    }
}

#[test]
fn a_lossy_file_is_about_as_large_as_was_asked_for() {
    // Noise: a tone would need less.
    let mut state = 1u32;
    let noise: Vec<f32> = (0..48_000 * 4)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 33_554_432.0 - 0.25
        })
        .collect();
    for (format, _) in formats().into_iter().filter(|(format, _)| !format.is_lossless()) {
        for kbps in [96, 160, 320] {
            let bytes = encoded(&target(format, 48_000, kbps), [&noise, &noise], 4_096).len();
            let real = bytes as f64 * 8.0 / 4.0 / 1_000.0;
            assert!((0.5..1.35).contains(&(real / f64::from(kbps))), "{format:?}: {real:.0} instead of {kbps} kb/s");
        }
    }
}

#[test]
fn what_cannot_be_had_is_refused() {
    let refused = |target: Target| target.begin(Cursor::new(Vec::new())).is_err();
    assert!(refused(target(Format::Mp3, 96_000, 192)) && refused(target(Format::Mp3, 48_000, 8)));
    assert!(refused(target(Format::Opus, 48_000, 1_000)));
    assert!(refused(Target { depth: BitDepth::F32, ..target(Format::Flac, 48_000, 0) }));
    let long = Labels { title: Some("x".repeat(257)), ..Labels::default() };
    assert!(refused(Target { labels: long, ..target(Format::Wav, 48_000, 0) }));
    let lines = Labels { comment: Some("one\ntwo".into()), ..Labels::default() };
    assert!(refused(Target { labels: lines, ..target(Format::Wav, 48_000, 0) }));
    assert_eq!(
        (Format::Opus.rate(44_100), Format::Mp3.rate(96_000), Format::Mp3.rate(88_200)),
        (48_000, 48_000, 44_100)
    );
    assert_eq!((Format::from_extension("FLAC"), Format::from_extension("txt")), (Some(Format::Flac), None));
}

/// Chords that are struck, ring out and pause, with noise: what makes an encoder choose between short and long blocks, and between channels.
fn piece(seconds: f64, rate: u32) -> [Vec<f32>; 2] {
    let mut state = 1u32;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for n in 0..(seconds * f64::from(rate)) as u32 {
        let t = f64::from(n) / f64::from(rate);
        let (note, since) = ((t / 0.4) as u32, t % 0.4);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (f64::from(state >> 8) / 8_388_608.0 - 1.0) * libm::exp(-60.0 * (t % 0.2));
        let hz = 110.0 * libm::exp2(f64::from(note * 7 % 12) / 12.0);
        let tone = (1..8).map(|k| libm::sin(std::f64::consts::TAU * hz * f64::from(k) * t) / f64::from(k)).sum::<f64>();
        let chord = if note % 5 == 4 { 0.0 } else { 0.3 * tone * libm::exp(-6.0 * since) };
        left.push((chord + 0.2 * noise) as f32);
        right.push((0.6 * chord - 0.2 * noise) as f32);
    }
    [left, right]
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sums are those of the files that the same code writes in WebAssembly. A newer encoder may write others: then they are replaced,
/// and `e2e/export.spec.ts` compares both sides.
#[test]
fn an_mp3_file_has_the_same_bytes_on_every_machine_whatever_blocks_it_comes_in_ex8() {
    for (rate, kbps, sum) in [
        (32_000, 64, "baf243ede3c603ae91539d2c90f781fe"),
        (44_100, 128, "5cea5eed2ff678539bacbfbf2f9ac7f8"),
        (44_100, 320, "34295d966be5e37e49e229184e507fae"),
        (48_000, 192, "b9d30b047d7ffac22843ce22cb0beab5"),
        (48_000, 256, "5d3a43487f7e65161afcce84f4951c03"),
    ] {
        let [left, right] = piece(4.0, rate);
        for block in [128, 1_000, 4_096] {
            let bytes = encoded(&target(Format::Mp3, rate, kbps), [&left, &right], block);
            assert_eq!(md5(&bytes), sum, "{kbps} kb/s at {rate} Hz, in blocks of {block}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Silence, full scale and beyond, what is no number, and hardly any sound at all.
    #[test]
    fn no_sound_stops_an_encoder_and_each_keeps_its_length(
        frames in prop_oneof![1usize..5, 900usize..5_000], kind in 0..6, seed: u32, block in 1usize..3_000, which in 0usize..8
    ) {
        let mut state = seed | 1;
        let mut plane = || -> Vec<f32> {
            (0..frames).map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                match kind {
                    0 => 0.0,
                    1 => if n % 2 == 0 { 1.0 } else { -1.0 },
                    2 => (state >> 8) as f32 / 8_388_608.0 - 1.0,
                    3 => f32::from_bits(state),
                    4 => 1e-30,
                    _ => 20.0,
                }
            }).collect()
        };
        let (left, right) = (plane(), plane());
        let formats = formats();
        let (format, rate) = formats[which % formats.len()];
        let bytes = encoded(&target(format, rate, 128), [&left, &right], block);
        prop_assert_eq!(decoded(format, bytes).0[0].len(), frames);
    }
}
