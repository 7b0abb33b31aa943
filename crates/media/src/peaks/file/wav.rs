//! A WAV file's pairs, straight from its integers.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::parts::{Part, join, side_by_side};
use super::{Pairs, threads};
use crate::peaks::extent::extent_by;
use crate::peaks::sums::stored_sums_extent;
use crate::peaks::waveform::{WaveformOptions, WaveformPixels, integer_pixels};
use crate::wav::{Header, SampleFormat, decode_i16, read_up_to};
use crate::{Error, Result};

/// Bytes read at a time: they stay in the processor's second-level cache.
const CHUNK_BYTES: usize = 256 * 1024;
/// Frames below which a second thread costs more than it brings.
const FRAMES_PER_THREAD_MIN: u64 = 1 << 20;

pub(super) fn pairs(path: &Path, header: &Header, options: WaveformOptions) -> Result<Pairs> {
    let frames = header.frames();
    let parts = (threads(options) as u64).min(frames / FRAMES_PER_THREAD_MIN).max(1);
    let ranges = (0..parts).map(|part| frames * part / parts..frames * (part + 1) / parts).collect();
    let parts: Result<Vec<Part<i32>>> =
        side_by_side(ranges, threads(options), |range| part(path, header, options, range)).into_iter().collect();
    // They always line up, unless the file became shorter under us.
    let pairs = join(parts?)?.ok_or(Error::damaged("WAV", "it changed while it was read"))?;
    Ok((header.sample_rate, pairs))
}

fn part(path: &Path, header: &Header, options: WaveformOptions, range: Range<u64>) -> Result<Part<i32>> {
    let mut pixels = integer_pixels(options.samples_per_pixel, range.start, header.channels);
    let frame_bytes = header.frame_bytes();
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(header.data_offset + range.start * frame_bytes as u64))?;
    let mut bytes = vec![0; CHUNK_BYTES - CHUNK_BYTES % frame_bytes];
    let mut samples = Vec::new();
    let mut left = (range.end - range.start) * frame_bytes as u64;
    while left > 0 {
        let count = (bytes.len() as u64).min(left) as usize;
        let filled = read_up_to(&mut file, &mut bytes[..count])?;
        push(&mut pixels, header, &bytes[..filled], &mut samples)?;
        left -= filled as u64;
        if filled < count {
            break;
        }
    }
    let frames = range.end - range.start - left / frame_bytes as u64;
    Ok(Part { start: range.start, frames, pixels })
}

fn push(pixels: &mut WaveformPixels<i32>, header: &Header, bytes: &[u8], samples: &mut Vec<i16>) -> Result<()> {
    if header.sample_format == SampleFormat::I16 && header.channels == 2 {
        let frames = bytes.as_chunks::<4>().0;
        return pixels.push(frames.len(), |range| stored_sums_extent(&frames[range]));
    }
    samples.resize(bytes.len() / header.sample_format.bytes(), 0);
    decode_i16(header.sample_format, bytes, samples);
    push_interleaved(pixels, usize::from(header.channels), samples)
}

fn push_interleaved(pixels: &mut WaveformPixels<i32>, channels: usize, samples: &[i16]) -> Result<()> {
    pixels.push(samples.len() / channels, |range| {
        let part = &samples[range.start * channels..range.end * channels];
        match channels {
            1 => extent_by(part.len(), |at| i32::from(part[at])),
            2 => {
                let frames = part.as_chunks::<2>().0;
                extent_by(frames.len(), |at| i32::from(frames[at][0]) + i32::from(frames[at][1]))
            }
            _ => extent_by(range.len(), |at| {
                part[at * channels..(at + 1) * channels].iter().map(|sample| i32::from(*sample)).sum()
            }),
        }
    })
}
