//! WAV files: every depth exactly, and every oddity that programs leave behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests, helpers included")]

mod common;

use std::io::Cursor;

use common::{chunk, decode, format, riff, wav};
use dsp::dither::Dither;
use media::wav::{BitDepth, Header, Reader, SampleFormat, Writer, decode_planar};
use proptest::prelude::*;

fn planes(bytes: &[u8]) -> Vec<Vec<f32>> {
    let header = Header::parse(bytes, bytes.len() as u64).unwrap();
    let frames = header.frames() as usize;
    let mut planes = vec![vec![0.0; frames]; usize::from(header.channels)];
    let mut slices: Vec<&mut [f32]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
    let data = &bytes[header.data_offset as usize..][..header.data_bytes as usize];
    assert_eq!(decode_planar(header.sample_format, data, &mut slices), frames);
    planes
}

#[test]
fn every_16_bit_value_becomes_itself_over_32768() {
    let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let bytes: Vec<u8> = all.iter().flat_map(|x| x.to_le_bytes()).collect();
    let decoded = planes(&wav(1, 1, 48_000, 16, &bytes));
    for (x, y) in all.iter().zip(&decoded[0]) {
        assert_eq!(f64::from(*y), f64::from(*x) / 32_768.0);
    }
}

#[test]
fn each_depth_is_divided_by_its_full_scale() {
    let cases: [(u16, u16, &[u8], f64); 9] = [
        (1, 8, &[0], -1.0),
        (1, 8, &[255], 127.0 / 128.0),
        (1, 24, &[0, 0, 0x80], -1.0),
        (1, 24, &[0xFF, 0xFF, 0x7F], 8_388_607.0 / 8_388_608.0),
        (1, 24, &[1, 0, 0], 1.0 / 8_388_608.0),
        (1, 32, &[0, 0, 0, 0x80], -1.0),
        (1, 32, &[0, 0, 0, 0x40], 0.5),
        (3, 32, &1.5f32.to_le_bytes(), 1.5),
        (3, 64, &(-0.25f64).to_le_bytes(), -0.25),
    ];
    for (tag, bits, stored, expected) in cases {
        assert_eq!(f64::from(planes(&wav(tag, 1, 44_100, bits, stored))[0][0]), expected, "{bits} bits {stored:?}");
    }
}

#[test]
fn extensible_files_say_their_valid_bits_and_odd_widths_are_left_justified() {
    let mut extensible = format(0xFFFE, 6, 96_000, 24);
    extensible.extend(22u16.to_le_bytes());
    extensible.extend(20u16.to_le_bytes());
    extensible.extend(0x3Fu32.to_le_bytes());
    extensible.extend([1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
    let file = riff(&[chunk(b"fmt ", &extensible), chunk(b"data", &[0, 0, 0x40].repeat(12))]);
    let header = Header::parse(&file, file.len() as u64).unwrap();
    assert_eq!((header.sample_format, header.bit_depth, header.channels), (SampleFormat::I24, 20, 6));
    assert_eq!(header.frames(), 2);
    assert!(planes(&file).iter().flatten().all(|x| *x == 0.5));
    let twelve_bits = wav(1, 1, 8_000, 12, &[0, 0x40]);
    assert_eq!(planes(&twelve_bits)[0], [0.5]);
}

#[test]
fn unknown_chunks_and_pad_bytes_are_stepped_over() {
    let file = riff(&[
        chunk(b"JUNK", &[7; 33]),
        chunk(b"bext", &[0; 602]),
        chunk(b"fmt ", &format(1, 2, 44_100, 16)),
        chunk(b"LIST", b"INFOISFT\x05\0\0\0Reap\0"),
        chunk(b"data", &[0, 0x40, 0, 0xC0]),
        chunk(b"cue ", &[0; 4]),
    ]);
    assert_eq!(planes(&file), [[0.5], [-0.5]]);
}

#[test]
fn wrong_data_sizes_mean_up_to_the_end() {
    let samples: Vec<u8> = (0..40).collect();
    let honest = wav(1, 2, 44_100, 16, &samples);
    for size in [0, u32::MAX, 41, 1_000_000] {
        let mut file = honest.clone();
        file[40..44].copy_from_slice(&size.to_le_bytes());
        file[4..8].copy_from_slice(&0u32.to_le_bytes());
        assert_eq!(Header::parse(&file, file.len() as u64).unwrap().frames(), 10, "{size}");
    }
    let mut half_frame = honest.clone();
    half_frame.truncate(honest.len() - 3);
    assert_eq!(Header::parse(&half_frame, half_frame.len() as u64).unwrap().frames(), 9);
    let empty = wav(1, 2, 44_100, 16, &[]);
    assert_eq!(Header::parse(&empty, empty.len() as u64).unwrap().frames(), 0);
    assert_eq!(decode(empty).unwrap_err().to_string(), "The file holds no sound: it is WAV without a single sample.");
}

#[test]
fn an_rf64_file_without_samples_has_none_whatever_comes_behind() {
    // What EBU Tech 3306 asks for, and what some write: the size in the data chunk itself.
    for declared in [u32::MAX, 0] {
        let mut file = riff(&[
            chunk(b"ds64", &[0; 28]),
            chunk(b"fmt ", &format(1, 2, 44_100, 16)),
            chunk(b"data", &[]),
            chunk(b"LIST", b"INFOINAM\x08\0\0\0Nothing\0"),
        ]);
        let size = file.len() as u64;
        file[..8].copy_from_slice(b"RF64\xFF\xFF\xFF\xFF");
        file[20..28].copy_from_slice(&(size - 8).to_le_bytes());
        let data = file.windows(4).position(|name| name == b"data").unwrap();
        file[data + 4..data + 8].copy_from_slice(&declared.to_le_bytes());
        assert_eq!(Header::parse(&file, size).unwrap().frames(), 0, "{declared}");
        assert!(decode(file.clone()).is_err());
        // Left behind by a program that crashed, it says nothing: neither of the whole nor of the samples.
        file[20..28].fill(0);
        assert_eq!(Header::parse(&file, size).unwrap().frames(), 7, "{declared}");
    }
}

#[test]
fn header_is_found_in_the_first_bytes_of_a_longer_file() {
    let file = wav(1, 2, 44_100, 16, &[0; 4_000]);
    let header = Header::parse(&file[..44], file.len() as u64).unwrap();
    assert_eq!((header.data_offset, header.frames()), (44, 1_000));
    assert_eq!(Header::read(&mut Cursor::new(&file)).unwrap(), header);
}

#[test]
fn refusals_say_why() {
    let refusal = |file: Vec<u8>| Header::parse(&file, file.len() as u64).unwrap_err().to_string();
    assert_eq!(refusal(wav(1, 0, 44_100, 16, &[])), "The file has 0 channels; 1 to 32 are accepted.");
    assert_eq!(refusal(wav(1, 33, 44_100, 16, &[])), "The file has 33 channels; 1 to 32 are accepted.");
    assert_eq!(
        refusal(wav(1, 1, 7_999, 16, &[])),
        "The file's sample rate is 7999 Hz; 8000 to 384000 Hz are accepted."
    );
    assert_eq!(
        refusal(wav(1, 1, 384_001, 16, &[])),
        "The file's sample rate is 384001 Hz; 8000 to 384000 Hz are accepted."
    );
    assert!(refusal(wav(0x55, 2, 44_100, 16, &[])).contains("MP3 inside"));
    assert!(refusal(wav(2, 2, 44_100, 4, &[])).contains("ADPCM"));
    assert!(refusal(riff(&[chunk(b"data", &[0; 4])])).contains("before their description"));
    assert!(refusal(riff(&[])).contains("not described"));
    let mut long = wav(1, 1, 8_000, 8, &[]);
    long[40..44].copy_from_slice(&(8_000u32 * 86_400 + 1).to_le_bytes());
    let refusal = Header::parse(&long, 1 << 40).unwrap_err().to_string();
    assert_eq!(refusal, "The recording is too long: at most 24 hours are accepted.");
}

#[test]
fn reader_gives_any_frames_from_anywhere() {
    let frames = 70_000;
    let bytes: Vec<u8> = (0..frames * 3).flat_map(|x| ((x % 60_000 - 30_000) as i16).to_le_bytes()).collect();
    let file = wav(1, 3, 44_100, 16, &bytes);
    let whole = planes(&file);
    let mut reader = Reader::new(Cursor::new(&file)).unwrap();
    for (start, count) in [(0, 128), (128, 128), (69_990, 100), (5, 60_000), (69_999, 1), (70_000, 5), (1 << 40, 5)] {
        let mut out = vec![vec![9.0; count]; 3];
        let mut slices: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        let got = reader.read_frames(start, &mut slices).unwrap();
        assert_eq!(got as u64, 70_000u64.saturating_sub(start).min(count as u64));
        for (plane, whole) in out.iter().zip(&whole) {
            assert!(got == 0 || plane[..got] == whole[start as usize..start as usize + got]);
            assert!(plane[got..].iter().all(|x| *x == 9.0));
        }
    }
    assert!(reader.read_frames(0, &mut [&mut [0.0]]).is_err());
}

fn write(depth: BitDepth, dither: Option<u32>, planes: &[&[f32]]) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 44_100, planes.len() as u16, depth, dither).unwrap();
    writer.write_planar(planes).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn writer_rounds_to_nearest_clips_and_keeps_floats() {
    let input = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5 / 32_768.0, 1.5 / 32_768.0, f32::NAN];
    let written = write(BitDepth::I16, None, &[&input]);
    let stored: Vec<i16> = written[44..].as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
    assert_eq!(stored, [0, 32_767, -32_768, 32_767, -32_768, 0, 2, 0]);
    let deep = planes(&write(BitDepth::I24, None, &[&[2.0, -2.0, 300.0]]));
    assert_eq!(deep[0], [8_388_607.0 / 8_388_608.0, -1.0, 8_388_607.0 / 8_388_608.0]);
    assert_eq!(planes(&write(BitDepth::F32, None, &[&[1.25e-20, -7.5]]))[0], [1.25e-20, -7.5]);
}

#[test]
fn dither_is_the_same_for_the_same_seed_and_stays_within_its_width() {
    let input: Vec<f32> = (0..10_000).map(|n| (n % 777) as f32 / 1_000.0 - 0.4).collect();
    let once = write(BitDepth::I16, Some(7), &[&input, &input]);
    assert_eq!(once, write(BitDepth::I16, Some(7), &[&input, &input]));
    assert_ne!(once, write(BitDepth::I16, Some(8), &[&input, &input]));
    let decoded = planes(&once);
    assert_ne!(decoded[0], decoded[1]);
    for (x, y) in input.iter().zip(&decoded[0]) {
        assert!((x - y).abs() <= 1.5 / 32_768.0);
    }
}

#[test]
fn en16_the_noise_is_that_of_the_frame_and_the_channel_however_it_is_written() {
    let left: Vec<f32> = (0..5_000).map(|n| (n % 777) as f32 / 1_000.0 - 0.4).collect();
    let right: Vec<f32> = left.iter().map(|x| x * -0.7).collect();
    let mut expected = vec![0; 10_000];
    Dither::new(7).stereo_16(&left, &right, 0, &mut expected);
    let samples = |file: &[u8]| -> Vec<i16> {
        let samples = file[file.len() - 2 * expected.len()..].as_chunks::<2>().0.iter();
        samples.map(|bytes| i16::from_le_bytes(*bytes)).collect()
    };
    assert!(samples(&write(BitDepth::I16, Some(7), &[&left, &right])) == expected);
    let mut writer = Writer::new(Cursor::new(Vec::new()), 44_100, 2, BitDepth::I16, Some(7)).unwrap();
    for (left, right) in left.chunks(333).zip(right.chunks(333)) {
        writer.write_planar(&[left, right]).unwrap();
    }
    assert!(samples(&writer.finish().unwrap().into_inner()) == expected, "in pieces");

    // Mono is the left channel; a third and a fourth have noise of their own.
    let mono = write(BitDepth::I16, Some(7), &[&left]);
    let first: Vec<i16> = expected.iter().step_by(2).copied().collect();
    assert!(samples(&[&mono[44..], &mono[44..]].concat())[..5_000] == first);
    let mut next = vec![0; 10_000];
    Dither::new(8).stereo_16(&left, &right, 0, &mut next);
    let four = planes(&write(BitDepth::I16, Some(7), &[&left, &right, &left, &right]));
    for (channel, plane) in four.iter().enumerate() {
        let of_pair = if channel < 2 { &expected } else { &next };
        let wanted = of_pair[channel % 2..].iter().step_by(2).map(|sample| f32::from(*sample) / 32_768.0);
        assert!(plane.iter().copied().eq(wanted), "channel {channel}");
    }
}

#[test]
fn sizes_are_right_at_the_end_and_readable_before() {
    let mut disk = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut disk, 48_000, 1, BitDepth::I24, None).unwrap();
    writer.write_planar(&[&[0.5, -0.5, 0.25]]).unwrap();
    drop(writer);
    let crashed = disk.into_inner();
    assert_eq!(planes(&crashed)[0], [0.5, -0.5, 0.25]);
    let whole = write(BitDepth::I24, None, &[&[0.5, -0.5, 0.25]]);
    assert_eq!(whole.len(), 44 + 9 + 1);
    assert_eq!(u32::from_le_bytes(whole[4..8].try_into().unwrap()) as usize, whole.len() - 8);
    assert_eq!(whole[40..44], 9u32.to_le_bytes());
}

#[test]
fn more_than_4_gb_is_refused_before_it_is_written() {
    struct Nowhere(u64);
    impl std::io::Write for Nowhere {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl std::io::Seek for Nowhere {
        fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
            Ok(0)
        }
    }
    let mut writer = Writer::new(Nowhere(0), 48_000, 32, BitDepth::F32, None).unwrap();
    let plane = vec![0.0; 1 << 20];
    let planes = [plane.as_slice(); 32];
    let refusal = (0..40).find_map(|_| writer.write_planar(&planes).err()).expect("5 GB are too much");
    assert_eq!(refusal.to_string(), "The result would be larger than 4 GB, which a WAV file cannot hold.");
    assert_eq!(writer.frames(), 31 << 20);
    writer.finish().unwrap();
}

proptest! {
    #[test]
    fn what_is_written_comes_back(channels in 1usize..9, samples in prop::collection::vec(any::<i32>(), 0..300), depth in 0..3) {
        let frames = samples.len() / channels;
        let scaled = |x: &i32| match depth { 0 => (x >> 16) as f32 / 32_768.0, 1 => (x >> 8) as f32 / 8_388_608.0, _ => f32::from_bits(0x3000_0000 | x.unsigned_abs() >> 4) };
        let input: Vec<Vec<f32>> = (0..channels).map(|c| samples[c * frames..(c + 1) * frames].iter().map(scaled).collect()).collect();
        let slices: Vec<&[f32]> = input.iter().map(Vec::as_slice).collect();
        let written = write([BitDepth::I16, BitDepth::I24, BitDepth::F32][depth as usize], None, &slices);
        prop_assert_eq!(planes(&written), input);
    }
}
