//! A FLAC file's pairs, from its integers cut or widened to 16 bits.

use std::fs::File;
use std::path::Path;

use super::parts::{Part, join, side_by_side};
use super::{Pairs, threads};
use crate::Result;
use crate::decode::flac_info;
use crate::flac::{Frames, Stream};
use crate::peaks::extent::{extent_by, extent_of, whole_numbers};
use crate::peaks::sums::shifted_sums_extent;
use crate::peaks::waveform::{WaveformOptions, WaveformPixels, integer_pixels};
use crate::stream_info::FrameBudget;

/// Bytes of file below which a thread more costs more than it brings.
const BYTES_PER_PART_MIN: u64 = 1 << 20;
/// To begin a part costs next to nothing, and small parts end at about the same time on all threads.
const PARTS_PER_THREAD: u64 = 4;

pub(super) fn pairs(path: &Path, stream: &Stream, options: WaveformOptions) -> Result<Pairs> {
    pairs_in_parts(path, stream, options, BYTES_PER_PART_MIN)
}

/// Frames do not depend on each other: parts begin at headers that are looked for at equal distances. Whatever does not line up
/// afterwards, because of damage or of bytes that only looked like a header, is done again in one go.
fn pairs_in_parts(path: &Path, stream: &Stream, options: WaveformOptions, part_bytes_min: u64) -> Result<Pairs> {
    let threads = threads(options);
    let parts = if threads == 1 { 1 } else { threads as u64 * PARTS_PER_THREAD };
    let spans = spans(path, stream, parts, part_bytes_min)?;
    if spans.len() > 1 {
        let parts: Option<Vec<_>> =
            side_by_side(spans, threads, |span| part(path, stream, options, &span).ok().flatten())
                .into_iter()
                .collect();
        if let Some(pairs) = parts.map(join).transpose()?.flatten() {
            return Ok((stream.shape.sample_rate, pairs));
        }
    }
    let mut frames = Frames::new(File::open(path)?, stream.shape.clone(), stream.frames_offset, u64::MAX)?;
    let mut pixels = integer_pixels(options.samples_per_pixel, 0, stream.shape.channels);
    let mut budget = FrameBudget::new(&flac_info(stream));
    while let Some(frame) = frames.next_frame()? {
        budget.spend(frame.frames)?;
        push(&mut pixels, frames.planes(), stream.shape.bits)?;
    }
    Ok((stream.shape.sample_rate, pixels.finish()?))
}

/// Where in the file a part begins and ends, and the position of its first frame of sound.
struct Span {
    offset: u64,
    stop_offset: u64,
    start: u64,
}

fn spans(path: &Path, stream: &Stream, parts: u64, part_bytes_min: u64) -> Result<Vec<Span>> {
    let file_bytes = std::fs::metadata(path)?.len();
    let bytes = file_bytes.saturating_sub(stream.frames_offset);
    let count = parts.min(bytes / part_bytes_min);
    let mut spans = vec![Span { offset: stream.frames_offset, stop_offset: u64::MAX, start: 0 }];
    for at in 1..count {
        let offset = stream.frames_offset + bytes * at / count;
        let mut frames = Frames::new(File::open(path)?, stream.shape.clone(), offset, u64::MAX)?;
        if let (Some(header), Some(last)) = (frames.find_header()?, spans.last_mut()) {
            last.stop_offset = frames.offset();
            spans.push(Span { offset: frames.offset(), stop_offset: u64::MAX, start: header.start });
        }
    }
    Ok(spans)
}

/// `None` when the part does not decode without a fault from its first byte to its last.
fn part(path: &Path, stream: &Stream, options: WaveformOptions, span: &Span) -> Result<Option<Part<i32>>> {
    let mut frames = Frames::new(File::open(path)?, stream.shape.clone(), span.offset, span.stop_offset)?;
    let mut pixels = integer_pixels(options.samples_per_pixel, span.start, stream.shape.channels);
    let mut budget = FrameBudget::new(&flac_info(stream));
    let mut end = span.start;
    while let Some(frame) = frames.next_frame()? {
        if frame.start != end || frames.was_damaged() {
            return Ok(None);
        }
        budget.spend(frame.frames)?;
        end += frame.frames as u64;
        push(&mut pixels, frames.planes(), stream.shape.bits)?;
    }
    let whole = span.stop_offset == u64::MAX || frames.offset() == span.stop_offset;
    Ok((whole && !frames.was_damaged()).then_some(Part { start: span.start, frames: end - span.start, pixels }))
}

fn push(pixels: &mut WaveformPixels<i32>, planes: &[Vec<i32>], bits: u32) -> Result<()> {
    let (down, up) = (bits.saturating_sub(16), 16u32.saturating_sub(bits));
    let frames = planes.first().map_or(0, Vec::len);
    pixels.push(frames, |range| match planes {
        [mono] => whole_numbers(extent_of(&mono[range], |sample| (sample >> down << up) as f32)),
        [left, right] => shifted_sums_extent(&left[range.clone()], &right[range], down, up),
        _ => extent_by(range.len(), |at| planes.iter().map(|plane| plane[range.start + at] >> down << up).sum()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pk6_a_flac_in_parts_is_the_same_as_in_one() {
        for name in ["mono8.flac", "stereo16.flac", "mono24.flac"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
            let stream = Stream::read(&mut File::open(&path).unwrap(), 0).unwrap();
            let by = |threads| {
                let options = WaveformOptions { samples_per_pixel: 100, threads };
                pairs_in_parts(&path, &stream, options, 100).unwrap()
            };
            let options = WaveformOptions { samples_per_pixel: 100, threads: 2 };
            let parts: Vec<_> = spans(&path, &stream, 2, 100)
                .unwrap()
                .iter()
                .map(|span| part(&path, &stream, options, span).unwrap().unwrap())
                .collect();
            assert_eq!(parts.len(), 2);
            assert!(join(parts).unwrap().is_some());
            let alone = by(1);
            for threads in 2..=4 {
                assert_eq!(by(threads), alone, "{name} by {threads}");
            }
        }
    }
}
