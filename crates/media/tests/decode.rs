//! Decoding against the signal that the fixtures were made from, and against other decoders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod common;

use std::fs;
use std::ops::ControlFlow;

use common::{FRAMES, decode, fixture, signal};
use media::{Codec, Decoder, Format, make_playback_asset, read_metadata};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::formats::FormatReader;
use symphonia::core::io::MediaSourceStream;
use symphonia::default::codecs::FlacDecoder;
use symphonia::default::formats::FlacReader;

fn decoded(name: &str) -> (media::StreamInfo, Vec<Vec<f32>>) {
    decode(fs::read(fixture(name)).unwrap()).unwrap()
}

#[test]
fn flac_comes_back_bit_for_bit() {
    for (name, channels, bits, full_scale, shift) in
        [("stereo16.flac", 2, 16, 32_768.0, 0), ("mono24.flac", 1, 24, 8_388_608.0, 8), ("mono8.flac", 1, 8, 128.0, -8)]
    {
        let (info, planes) = decoded(name);
        assert_eq!(
            (info.format, info.codec, info.channels, info.bit_depth),
            (Format::Flac, Codec::Flac, channels, Some(bits))
        );
        assert_eq!(info.declared_frames, Some(FRAMES as u64));
        for (channel, plane) in planes.iter().enumerate() {
            let samples = signal(channel as i64);
            assert_eq!(plane.len(), FRAMES);
            for (x, y) in samples.iter().zip(plane) {
                let x = if shift < 0 { f64::from(*x >> 8) } else { f64::from(*x) * f64::from(1 << shift) };
                assert_eq!(f64::from(*y), x / full_scale, "{name}");
            }
        }
    }
}

#[test]
fn flac_agrees_with_another_decoder() {
    for name in ["stereo16.flac", "mono24.flac", "mono8.flac"] {
        let source = MediaSourceStream::new(Box::new(fs::File::open(fixture(name)).unwrap()), Default::default());
        let mut reader = FlacReader::try_new(source, Default::default()).unwrap();
        let Some(CodecParameters::Audio(parameters)) = reader.tracks()[0].codec_params.clone() else {
            panic!("no audio")
        };
        let mut other = FlacDecoder::try_new(&parameters, &Default::default()).unwrap();
        let mut expected: Vec<Vec<f32>> = Vec::new();
        while let Some(packet) = reader.next_packet().unwrap() {
            let mut part: Vec<Vec<f32>> = Vec::new();
            other.decode(&packet).unwrap().copy_to_vecs_planar(&mut part);
            expected.resize(part.len(), Vec::new());
            expected.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
        }
        assert_eq!(decoded(name).1, expected, "{name}");
    }
}

/// Root mean square of the difference to the original, relative to the original's.
fn relative_error(plane: &[f32], samples: &[i16]) -> f64 {
    let (mut error, mut power) = (0.0, 0.0);
    for (y, x) in plane.iter().zip(samples) {
        let x = f64::from(*x) / 32_768.0;
        error += (f64::from(*y) - x).powi(2);
        power += x * x;
    }
    (error / power).sqrt()
}

#[test]
fn lossy_formats_are_cut_to_the_sample_and_close_to_the_original() {
    for (name, channels, codec) in
        [("stereo.mp3", 2, Codec::Mp3), ("stereo.ogg", 2, Codec::Vorbis), ("mono.ogg", 1, Codec::Vorbis)]
    {
        let (info, planes) = decoded(name);
        assert_eq!((info.codec, info.bit_depth, planes.len()), (codec, None, channels));
        for (channel, plane) in planes.iter().enumerate() {
            assert_eq!(plane.len(), FRAMES, "{name}");
            let error = relative_error(plane, &signal(channel as i64));
            assert!(error < 0.15, "{name}: {error}");
        }
    }
}

#[test]
fn mp3_without_a_tag_keeps_its_delay() {
    let (info, planes) = decoded("mono_without_tag.mp3");
    assert_eq!((info.sample_rate, info.channels, info.declared_frames), (22_050, 1, None));
    assert_eq!(planes[0].len() % 576, 0);
    assert!(planes[0].len() > FRAMES);
}

#[test]
fn tags_are_read() {
    for name in ["stereo16.flac", "stereo.mp3", "stereo.ogg"] {
        let tags = decoded(name).0.tags;
        assert_eq!((tags.title.as_deref(), tags.artist.as_deref()), (Some("Triangles"), Some("Nobody")), "{name}");
    }
}

#[test]
fn metadata_counts_decoded_frames() {
    let metadata = read_metadata(&fixture("stereo.ogg")).unwrap();
    assert_eq!((metadata.frames, metadata.codec, metadata.media_type), (FRAMES as u64, "vorbis", "audio/ogg"));
    assert!((metadata.duration_seconds() - 12_000.0 / 44_100.0).abs() < 1e-12);
}

#[test]
fn what_is_recognised_but_not_supported_is_refused_by_name() {
    for (name, words) in [
        ("mono.opus", "Opus files are not supported yet"),
        ("mono.m4a", "AAC or ALAC (M4A)"),
        ("mono.aiff", "AIFF files"),
    ] {
        let refusal = Decoder::open(&fixture(name)).unwrap_err();
        assert!(refusal.is_refusal() && refusal.to_string().contains(words), "{refusal}");
    }
}

#[test]
fn playback_asset_of_lossless_audio_holds_exactly_its_samples() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bits) in [("stereo16.flac", 16), ("mono24.flac", 24), ("mono8.flac", 16)] {
        let output = folder.path().join("asset.wav");
        let mut last = 0.0;
        let asset = make_playback_asset(&fixture(name), &output, u64::MAX, |progress| {
            last = progress;
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(asset.written && last > 0.5);
        assert_eq!(asset.metadata.frames, FRAMES as u64);
        let (info, planes) = decode(fs::read(&output).unwrap()).unwrap();
        assert_eq!((info.codec, info.bit_depth), (Codec::Pcm, Some(bits)));
        assert_eq!(planes, decoded(name).1, "{name}");
    }
}

#[test]
fn playback_asset_of_lossy_audio_is_floating_point_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("asset.wav");
    for name in ["stereo.mp3", "mono.ogg"] {
        make_playback_asset(&fixture(name), &output, u64::MAX, |_| ControlFlow::Continue(())).unwrap();
        let (info, planes) = decode(fs::read(&output).unwrap()).unwrap();
        assert_eq!(info.codec, Codec::PcmFloat);
        assert_eq!(planes, decoded(name).1, "{name}");
    }
}

#[test]
fn a_wav_file_is_its_own_playback_asset_and_a_broken_file_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&input, common::wav(1, 1, 44_100, 16, &[1; 2_000])).unwrap();
    let asset = make_playback_asset(&input, &output, u64::MAX, |_| ControlFlow::Continue(())).unwrap();
    assert!(!asset.written && !output.exists());
    assert_eq!(asset.metadata.frames, 1_000);
    fs::write(&input, &fs::read(fixture("stereo16.flac")).unwrap()[..200]).unwrap();
    assert!(make_playback_asset(&input, &output, u64::MAX, |_| ControlFlow::Continue(())).unwrap_err().is_refusal());
    assert!(!output.exists());
}

/// A FLAC file of 16-bit stereo silence, whose header does not tell how long it is: 14 bytes for each 65,535 frames.
fn silent_flac(blocks: u8) -> Vec<u8> {
    let mut file = b"fLaC\x80\0\0\x22\xFF\xFF\xFF\xFF\0\0\0\0\0\0".to_vec();
    // 20 bits of rate, 3 of channels less one, 5 of bits less one, 36 of frames: unknown; then no MD5.
    let facts: u64 = 48_000 << 44 | 1 << 41 | 15 << 36;
    file.extend(facts.to_be_bytes());
    file.extend([0; 16]);
    for number in 0..blocks {
        let mut frame = vec![0xFF, 0xF8, 0x70, 0x10, number, 0xFF, 0xFE];
        frame.push(check_sum(&frame, 8, 0x07) as u8);
        frame.extend([0, 0, 0, 0, 0, 0]);
        let sum = check_sum(&frame, 16, 0x8005);
        frame.extend(sum.to_be_bytes());
        file.extend(frame);
    }
    file
}

fn check_sum(bytes: &[u8], bits: u32, polynomial: u16) -> u16 {
    let (top, mask) = (1u32 << (bits - 1), ((1u64 << bits) - 1) as u32);
    let sum = bytes.iter().fold(0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << (bits - 8), |sum, _| {
            (if sum & top != 0 { sum << 1 ^ u32::from(polynomial) } else { sum << 1 }) & mask
        })
    });
    sum as u16
}

#[test]
fn w6_what_decodes_to_more_than_there_is_room_for_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.flac"), folder.path().join("out.wav"));
    fs::write(&input, silent_flac(50)).unwrap();
    assert!(fs::metadata(&input).unwrap().len() < 1_000);
    let bytes = 50 * 65_535 * 4;
    let whole = make_playback_asset(&input, &output, bytes, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((whole.metadata.frames, fs::metadata(&output).unwrap().len()), (50 * 65_535, bytes + 44));
    let mut blocks = 0;
    let refusal = make_playback_asset(&input, &output, bytes / 2, |_| {
        blocks += 1;
        ControlFlow::Continue(())
    });
    let refusal = refusal.unwrap_err();
    assert!(refusal.is_refusal() && refusal.to_string().contains("no room"), "{refusal}");
    assert_eq!(blocks, 25, "it stops where the room ends");
    assert!(!output.exists());
}

#[test]
fn w6_a_small_file_that_announces_gigabytes_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.flac"), folder.path().join("out.wav"));
    let mut file = silent_flac(3);
    file[22..26].copy_from_slice(&200_000_000u32.to_be_bytes());
    fs::write(&input, &file).unwrap();
    let refusal = make_playback_asset(&input, &output, u64::MAX, |_| panic!("nothing is decoded")).unwrap_err();
    assert!(refusal.is_refusal() && refusal.to_string().contains("implausibly"), "{refusal}");
    // The same in a file of 4 MB, for the sake of what follows the sound: that is plausible.
    file.resize(4_100_000, 0);
    fs::write(&input, &file).unwrap();
    assert_eq!(
        make_playback_asset(&input, &output, u64::MAX, |_| ControlFlow::Continue(())).unwrap().metadata.frames,
        3 * 65_535
    );
}

#[test]
fn decoding_stops_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.flac"), folder.path().join("out.wav"));
    let wav = common::wav(1, 2, 44_100, 16, &[1; 400_000]);
    for bytes in [silent_flac(50), wav] {
        fs::write(&input, bytes).unwrap();
        let mut blocks = 0;
        let stopped = make_playback_asset(&input, &output, u64::MAX, |_| {
            blocks += 1;
            if blocks == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let stopped = stopped.unwrap_err();
        assert!(!stopped.is_refusal(), "{stopped}: the file is not to blame");
        assert_eq!(blocks, 3);
        assert!(!output.exists());
    }
}

#[test]
fn truncated_files_give_what_is_there() {
    for name in ["stereo16.flac", "long.mp3", "long.ogg"] {
        let bytes = fs::read(fixture(name)).unwrap();
        let whole = decoded(name).1;
        let (_, part) = decode(bytes[..bytes.len() * 3 / 4].to_vec()).unwrap();
        let frames = part[0].len();
        assert!(frames > whole[0].len() / 4 && frames < whole[0].len(), "{name}: {frames}");
        assert_eq!(part[0], whole[0][..frames], "{name}");
    }
}

#[test]
fn damage_in_the_middle_costs_only_what_was_damaged() {
    for name in ["stereo16.flac", "long.mp3", "long.ogg"] {
        let mut bytes = fs::read(fixture(name)).unwrap();
        let middle = bytes.len() * 2 / 3;
        bytes[middle..middle + 40].fill(0x55);
        let (_, planes) = decode(bytes).unwrap();
        assert!(planes[0].len() > decoded(name).1[0].len() / 3, "{name}: {}", planes[0].len());
    }
}
