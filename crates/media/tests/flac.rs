//! What our FLAC encoder writes: the same samples come back, from our decoder and from another, and its check sum holds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod common;

use std::io::Cursor;

use common::{decode, signal};
use media::flac::Writer;
use media::wav::{self, BitDepth};
use media::{Labels, Tags};
use proptest::prelude::*;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::FormatReader;
use symphonia::core::io::MediaSourceStream;
use symphonia::default::codecs::FlacDecoder;
use symphonia::default::formats::FlacReader;

fn encoded(planes: &[Vec<f32>], rate: u32, depth: BitDepth, dither: Option<u32>, block: usize) -> Vec<u8> {
    let labels = Labels { title: Some("Löwe".into()), artist: Some("ann & bob".into()), ..Labels::default() };
    let mut writer = Writer::new(Cursor::new(Vec::new()), rate, planes.len() as u16, depth, dither, &labels).unwrap();
    for start in (0..planes[0].len()).step_by(block) {
        let end = (start + block).min(planes[0].len());
        let parts: Vec<&[f32]> = planes.iter().map(|plane| &plane[start..end]).collect();
        writer.write_planar(&parts).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// What a WAV file of the same depth holds.
fn as_wav(planes: &[Vec<f32>], rate: u32, depth: BitDepth, dither: Option<u32>) -> Vec<Vec<f32>> {
    let mut writer = wav::Writer::new(Cursor::new(Vec::new()), rate, planes.len() as u16, depth, dither).unwrap();
    writer.write_planar(&planes.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    decode(writer.finish().unwrap().into_inner()).unwrap().1
}

/// By another decoder, which compares the check sum in the header with what it has decoded.
fn by_another_decoder(bytes: Vec<u8>) -> Vec<Vec<f32>> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut reader = FlacReader::try_new(source, Default::default()).unwrap();
    let Some(CodecParameters::Audio(parameters)) = reader.tracks()[0].codec_params.clone() else { panic!("no audio") };
    let mut decoder = FlacDecoder::try_new(&parameters, &AudioDecoderOptions::default().verify(true)).unwrap();
    let mut planes: Vec<Vec<f32>> = Vec::new();
    while let Some(packet) = reader.next_packet().unwrap() {
        let mut part: Vec<Vec<f32>> = Vec::new();
        decoder.decode(&packet).unwrap().copy_to_vecs_planar(&mut part);
        planes.resize(part.len(), Vec::new());
        planes.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
    }
    assert_eq!(decoder.finalize().verify_ok, Some(true), "the check sum in the header");
    planes
}

fn comes_back(planes: &[Vec<f32>], rate: u32, depth: BitDepth, dither: Option<u32>, block: usize) {
    let bytes = encoded(planes, rate, depth, dither, block);
    let (info, ours) = decode(bytes.clone()).unwrap();
    assert_eq!(info.declared_frames, Some(planes[0].len() as u64));
    assert_eq!((info.sample_rate, usize::from(info.channels)), (rate, planes.len()));
    let expected = as_wav(planes, rate, depth, dither);
    assert!(ours == expected, "our decoder");
    assert!(by_another_decoder(bytes) == expected, "another decoder");
}

/// Signals that encoders have stumbled over.
fn ugly() -> impl Strategy<Value = Vec<f32>> {
    let length = prop_oneof![1usize..40, 4_090usize..4_110, 8_190usize..9_000];
    (length, 0..9, any::<u32>(), 0.0f32..1.5).prop_map(|(length, kind, seed, level)| {
        let mut state = seed | 1;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..length)
            .map(|n| match kind {
                0 => 0.0,
                1 => level,
                2 => level * noise(),
                3 => {
                    if n % 2 == 0 {
                        1.0
                    } else {
                        -1.0
                    }
                }
                4 => {
                    if noise() > 0.0 {
                        1.0
                    } else {
                        -1.0
                    }
                }
                5 => {
                    if n == length / 2 {
                        1.0
                    } else {
                        0.0
                    }
                }
                6 => level * (n as f32 * 0.05).sin(),
                // 16 bits, the lowest four of them zero.
                7 => (level * 0.6 * (n as f32 * 0.2).sin() * 2_048.0).round() / 2_048.0,
                _ => {
                    if n < length / 2 {
                        0.0
                    } else {
                        noise() * 3.0
                    }
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn flac_of_ugly_signals_comes_back_bit_for_bit(
        left in ugly(), right in ugly(), wide: bool, dither: Option<u32>, block in 1usize..10_000, same: bool
    ) {
        let frames = left.len().min(right.len());
        let right = if same { left[..frames].iter().map(|x| -x).collect() } else { right[..frames].to_vec() };
        let depth = if wide { BitDepth::I24 } else { BitDepth::I16 };
        comes_back(&[left[..frames].to_vec(), right], 48_000, depth, dither, block);
    }
}

#[test]
fn flac_has_one_to_eight_channels_and_any_rate() {
    let plane = |channel: i64| signal(channel).iter().map(|x| f32::from(*x) / 32_768.0).collect::<Vec<f32>>();
    for (channels, rate) in [(1, 44_100), (2, 11_025), (3, 192_000), (8, 96_000)] {
        let planes: Vec<Vec<f32>> = (0..channels).map(plane).collect();
        comes_back(&planes, rate, BitDepth::I16, None, 1_000);
    }
    let nine = Writer::new(Cursor::new(Vec::new()), 48_000, 9, BitDepth::I16, None, &Labels::default());
    assert!(nine.is_err());
}

#[test]
fn flac_says_title_and_artist() {
    let bytes = encoded(&[vec![0.25; 100]], 48_000, BitDepth::I16, None, 100);
    let tags = decode(bytes).unwrap().0.tags;
    assert_eq!(tags, Tags { title: Some("Löwe".into()), artist: Some("ann & bob".into()) });
}

#[test]
fn flac_is_far_smaller_than_the_same_sound_as_wav() {
    let planes = [signal(0), signal(1)].map(|plane| plane.iter().map(|x| f32::from(*x) / 32_768.0).collect());
    let bytes = encoded(&planes, 48_000, BitDepth::I16, None, 4_096).len();
    // flac -8 makes 32,500 bytes of it.
    assert!(bytes < 34_000, "{bytes}");
}

#[test]
fn flac_that_was_never_finished_can_be_read_as_far_as_it_goes() {
    let mut file = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut file, 48_000, 1, BitDepth::I16, None, &Labels::default()).unwrap();
    writer.write_planar(&[&[0.5; 5_000]]).unwrap();
    drop(writer);
    let (info, planes) = decode(file.into_inner()).unwrap();
    assert_eq!((info.declared_frames, planes[0].len()), (None, 4_096));
}
