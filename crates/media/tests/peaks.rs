//! Peaks against plain arithmetic and against what audiowaveform writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod common;

use std::fs;

use common::{FRAMES, fixture, signal, wav};
use media::peaks::{
    OVERVIEW_PAIRS_MAX, Pyramid, PyramidBuilder, Resolution, Waveform, WaveformOptions, pyramid_of_file,
    pyramid_of_samples, samples_extent, waveform,
};
use proptest::prelude::*;

const LOSSLESS: [&str; 3] = ["stereo16.flac", "mono24.flac", "mono8.flac"];
const LOSSY: [&str; 6] = ["stereo.mp3", "mono_without_tag.mp3", "long.mp3", "stereo.ogg", "mono.ogg", "long.ogg"];

fn options(samples_per_pixel: u32) -> WaveformOptions {
    WaveformOptions { samples_per_pixel, threads: 1 }
}

/// Values of a version 1 file of 16 bits, as audiowaveform writes for one channel.
fn expected(name: &str) -> Vec<i16> {
    let bytes = fs::read(fixture(&format!("{name}.expected.dat"))).unwrap();
    bytes[20..].as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect()
}

fn waveform_of(bytes: &[u8], samples_per_pixel: u32) -> media::Result<Waveform> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound");
    fs::write(&path, bytes).unwrap();
    waveform(&path, options(samples_per_pixel))
}

#[test]
fn pk1_lossless_values_are_audiowaveforms() {
    for name in LOSSLESS {
        assert_eq!(waveform(&fixture(name), options(256)).unwrap().data, expected(name), "{name}");
    }
}

#[test]
fn pk2_lossy_values_are_audiowaveforms_within_one_of_8_bits() {
    for name in LOSSY {
        let (ours, theirs) = (waveform(&fixture(name), options(256)).unwrap().data, expected(name));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (x, y) in ours.iter().zip(&theirs) {
            assert!((x / 256 - y / 256).abs() <= 1 && x.abs_diff(*y) <= 2, "{name}: {x} {y}");
        }
    }
}

#[test]
fn pk3_channels_are_added_and_divided_towards_zero() {
    let frames: [[i16; 2]; 6] = [[-1, 0], [-3, 0], [5, 0], [32_767, 32_767], [-32_768, -32_768], [1, 0]];
    let bytes: Vec<u8> = frames.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    let found = waveform_of(&wav(1, 2, 44_100, 16, &bytes), 2).unwrap();
    assert_eq!(found.data, [-1, 0, 2, 32_767, -32_768, 0]);
    let three: Vec<u8> = [-1i16, -1, 0, 100, 0, 1].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(waveform_of(&wav(1, 3, 44_100, 16, &three), 2).unwrap().data, [0, 33]);
}

#[test]
fn pk4_other_depths_become_16_bits_by_dropping_low_bits() {
    let pair = |tag, bits, samples: &[u8]| waveform_of(&wav(tag, 1, 44_100, bits, samples), 2).unwrap().data;
    assert_eq!(pair(1, 8, &[0, 255]), [-32_768, 127 * 256]);
    assert_eq!(pair(1, 24, &[0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x02]), [-1, 0x0201]);
    assert_eq!(pair(1, 32, &[0xFF, 0xFF, 0xFE, 0xFF, 0, 0, 3, 0]), [-2, 3]);
    let floats: Vec<u8> = [-0.99999f32, 0.5].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(pair(3, 32, &floats), [-32_766, 16_383]);
    let beyond: Vec<u8> = [1.5f64, f64::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(pair(3, 64, &beyond), [49_150u16.cast_signed(), 0]);
    assert_eq!(pair(3, 32, &[1e30f32, -1e30].map(f32::to_le_bytes).concat()), [0, 0]);
}

#[test]
fn pk5_the_last_pixel_may_be_narrower() {
    let samples: Vec<i16> = (1..=10).collect();
    let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let file = wav(1, 1, 44_100, 16, &bytes);
    assert_eq!(waveform_of(&file, 4).unwrap().data, [1, 4, 5, 8, 9, 10]);
    assert_eq!(waveform_of(&file, 5).unwrap().data, [1, 5, 6, 10]);
    assert_eq!(waveform_of(&file, 1_000).unwrap().data, [1, 10]);
}

#[test]
fn pk7_dat_is_version_2_with_one_channel() {
    let waveform = Waveform { sample_rate: 48_000, samples_per_pixel: 256, data: vec![-32_768, 32_767, -255, 511] };
    let mut eight = Vec::new();
    waveform.write_dat(&mut eight, Resolution::Bits8).unwrap();
    let header =
        |flags: u32| [2, flags, 48_000, 256, 2, 1].iter().flat_map(|x: &u32| x.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(eight[..24], header(1));
    assert_eq!(eight[24..], [0x80, 127, 0, 1]);
    let mut sixteen = Vec::new();
    waveform.write_dat(&mut sixteen, Resolution::Bits16).unwrap();
    assert_eq!(sixteen[..24], header(0));
    assert_eq!(sixteen[24..], [0, 0x80, 0xFF, 0x7F, 1, 0xFF, 0xFF, 1]);
}

#[test]
fn pk8_json_has_audiowaveforms_fields_in_its_order() {
    let waveform = Waveform { sample_rate: 44_100, samples_per_pixel: 2, data: vec![-257, 256, 0, 1] };
    let mut text = Vec::new();
    waveform.write_json(&mut text, Resolution::Bits8).unwrap();
    let expected =
        r#"{"version":2,"channels":1,"sample_rate":44100,"samples_per_pixel":2,"bits":8,"length":2,"data":[-1,1,0,0]}"#;
    assert_eq!(String::from_utf8(text).unwrap(), format!("{expected}\n"));
}

#[test]
fn pk9_options_out_of_range_and_too_many_points_are_refused() {
    let file = wav(1, 1, 44_100, 16, &[0; 64]);
    assert!(waveform_of(&file, 1).unwrap_err().to_string().contains("samples per pixel"));
    assert!(waveform_of(&file, u32::MAX).is_err());
    assert!(Resolution::from_bits(12).is_err());
}

fn planes() -> Vec<Vec<f32>> {
    (0..2).map(|channel| signal(channel).iter().map(|x| f32::from(*x) / 32_768.0).collect()).collect()
}

#[test]
fn pk10_pyramid_bytes_do_not_depend_on_the_way_there() {
    let planes = planes();
    let at_once = pyramid_of_samples(&[&planes[0], &planes[1]], 44_100).unwrap();
    for step in [1, 127, 256, 4_096] {
        let mut builder = PyramidBuilder::new(44_100, 2).unwrap();
        for start in (0..FRAMES).step_by(step) {
            let range = start..(start + step).min(FRAMES);
            builder.push(&[&planes[0][range.clone()], &planes[1][range]]).unwrap();
        }
        assert_eq!(builder.finish().unwrap(), at_once, "{step}");
    }
    let (of_file, metadata) = pyramid_of_file(&fixture("stereo16.flac"), |_| {}).unwrap();
    assert_eq!(of_file, at_once);
    assert_eq!(metadata.frames, FRAMES as u64);
}

#[test]
fn pk11_finest_level_of_16_bit_audio_is_audiowaveforms_8_bit_data() {
    let (bytes, _) = pyramid_of_file(&fixture("stereo16.flac"), |_| {}).unwrap();
    let finest: Vec<i8> = Pyramid::parse(&bytes).unwrap().finest().iter().map(|x| x.cast_signed()).collect();
    let theirs: Vec<i8> = expected("stereo16.flac").iter().map(|x| (x / 256) as i8).collect();
    assert_eq!(finest, theirs);
}

/// A million frames, so that there are several levels.
fn long_pyramid() -> (Vec<f32>, Vec<u8>) {
    let mut state = 1u32;
    let samples: Vec<f32> = (0..1_000_001)
        .map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 * if n % 50_000 < 25_000 { 1.0 } else { -0.3 }
        })
        .collect();
    let bytes = pyramid_of_samples(&[&samples], 48_000).unwrap();
    (samples, bytes)
}

fn quantised(samples: &[f32]) -> (f32, f32) {
    let values = || samples.iter().map(|x| f32::from((x * 128.0) as i8) / 128.0);
    (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
}

#[test]
fn pk12_levels_are_four_times_coarser_each_and_come_coarsest_first() {
    let (samples, bytes) = long_pyramid();
    let pyramid = Pyramid::parse(&bytes).unwrap();
    assert_eq!(pyramid.levels(), [4_096, 1_024, 256]);
    assert_eq!((pyramid.frames(), pyramid.sample_rate(), pyramid.channels()), (1_000_001, 48_000, 1));
    for (pixel, chunk) in samples.chunks(4_096).enumerate() {
        let offset = 24 + 3 * 16 + pixel * 2;
        let stored =
            (f32::from(bytes[offset].cast_signed()) / 128.0, f32::from(bytes[offset + 1].cast_signed()) / 128.0);
        assert_eq!(stored, quantised(chunk));
    }
    let part = &bytes[..bytes.len() - 1];
    assert_eq!(Pyramid::parse(part).unwrap().levels(), [4_096, 1_024]);
    assert!(Pyramid::parse(part).unwrap().extent(0..256).1 > 0.0);
    assert!(Pyramid::parse(&bytes[..30]).is_err());
}

#[test]
fn pk13_any_zoom_holds_the_sound_and_is_at_most_a_quarter_too_wide_on_either_side() {
    let (samples, bytes) = long_pyramid();
    let pyramid = Pyramid::parse(&bytes).unwrap();
    for (start, width) in [(0.0, 256.0), (1_000.5, 1_024.3), (-5_000.0, 9_999.0), (700_000.0, 60_000.7), (20.0, 3.0)] {
        let mut pairs = vec![(9.0, 9.0); 40];
        pyramid.draw(start, width, &mut pairs);
        for (pixel, (min, max)) in pairs.into_iter().enumerate() {
            let at = |edge: f64| edge.clamp(0.0, 1_000_001.0) as usize;
            let from = at((start + pixel as f64 * width).floor());
            let to = at((start + (pixel + 1) as f64 * width).ceil());
            if from == to {
                assert_eq!((min, max), (0.0, 0.0));
                continue;
            }
            let (low, high) = quantised(&samples[from..to]);
            assert!(min <= low && max >= high);
            let slack = ((to - from) / 4).max(256);
            let (low, high) = quantised(&samples[from.saturating_sub(slack)..(to + slack).min(samples.len())]);
            assert!(min >= low && max <= high);
        }
    }
}

#[test]
fn pk14_overview_has_at_most_a_thousand_pairs_within_full_scale() {
    let (samples, bytes) = long_pyramid();
    let overview = Pyramid::parse(&bytes).unwrap().overview();
    assert_eq!(overview.len(), 2 * OVERVIEW_PAIRS_MAX);
    assert!(overview.iter().all(|x| (-1.0..=1.0).contains(x)));
    let (low, high) = quantised(&samples);
    assert_eq!(overview.iter().copied().fold(f32::INFINITY, f32::min), low);
    assert_eq!(overview.iter().copied().fold(f32::NEG_INFINITY, f32::max), high);
    let short = pyramid_of_samples(&[&[0.5; 300]], 48_000).unwrap();
    assert_eq!(Pyramid::parse(short).unwrap().overview(), [0.5; 4]);
    let nothing = pyramid_of_samples(&[&[]], 48_000).unwrap();
    assert!(Pyramid::parse(nothing).unwrap().overview().is_empty());
}

#[test]
fn pk15_beyond_full_scale_saturates_and_nan_is_passed_over() {
    let samples = [3.0, -3.0, f32::NAN, 0.0, f32::INFINITY];
    let bytes = pyramid_of_samples(&[&samples], 48_000).unwrap();
    assert_eq!(Pyramid::parse(&bytes).unwrap().extent(0..5), (-1.0, 127.0 / 128.0));
    let bytes = pyramid_of_samples(&[&[f32::NAN; 10]], 48_000).unwrap();
    assert_eq!(Pyramid::parse(&bytes).unwrap().extent(0..5), (0.0, 0.0));
}

#[test]
fn samples_in_memory_are_drawn_closer_than_the_pyramid_goes() {
    let mut out = [(9.0, 9.0); 6];
    samples_extent(&[&[0.0, 1.0, -1.0], &[0.0, 0.0, -0.5]], -1.0, 0.75, &mut out);
    assert_eq!(out, [(0.0, 0.0), (0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (-0.75, -0.75), (-0.75, -0.75)]);
}

proptest! {
    #[test]
    fn pk3_any_16_bit_stereo_is_the_plain_loop(samples in prop::collection::vec(any::<[i16; 2]>(), 1..2_000), width in 2usize..300) {
        let bytes: Vec<u8> = samples.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        let mix: Vec<i16> = samples.iter().map(|[l, r]| ((i32::from(*l) + i32::from(*r)) / 2) as i16).collect();
        let plain: Vec<i16> = mix.chunks(width).flat_map(|c| [*c.iter().min().unwrap(), *c.iter().max().unwrap()]).collect();
        prop_assert_eq!(waveform_of(&wav(1, 2, 44_100, 16, &bytes), width as u32).unwrap().data, plain);
    }
}
