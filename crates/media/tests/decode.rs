//! Decoding against the signal that the fixtures were made from, and against other decoders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod common;

use std::fs;

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
        let asset = make_playback_asset(&fixture(name), &output, |progress| last = progress).unwrap();
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
        make_playback_asset(&fixture(name), &output, |_| {}).unwrap();
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
    let asset = make_playback_asset(&input, &output, |_| {}).unwrap();
    assert!(!asset.written && !output.exists());
    assert_eq!(asset.metadata.frames, 1_000);
    fs::write(&input, &fs::read(fixture("stereo16.flac")).unwrap()[..200]).unwrap();
    assert!(make_playback_asset(&input, &output, |_| {}).unwrap_err().is_refusal());
    assert!(!output.exists());
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
