//! A FLAC file's pairs, from its integers cut or widened to 16 bits.

use std::fs::File;
use std::path::Path;

use super::Pairs;
use crate::Result;
use crate::decode::flac_info;
use crate::flac::{Frames, Stream};
use crate::peaks::extent::extent_by;
use crate::peaks::waveform::{WaveformOptions, WaveformPixels, integer_pixels};
use crate::stream_info::FrameBudget;

pub(super) fn pairs(path: &Path, stream: &Stream, options: WaveformOptions) -> Result<Pairs> {
    let mut frames = Frames::new(File::open(path)?, stream.shape.clone(), stream.frames_offset, u64::MAX)?;
    let mut pixels = integer_pixels(options.samples_per_pixel, 0, stream.shape.channels);
    let mut budget = FrameBudget::new(&flac_info(stream));
    while let Some(frame) = frames.next_frame()? {
        budget.spend(frame.frames)?;
        push(&mut pixels, frames.planes(), stream.shape.bits)?;
    }
    Ok((stream.shape.sample_rate, pixels.finish()?))
}

fn push(pixels: &mut WaveformPixels<i32>, planes: &[Vec<i32>], bits: u32) -> Result<()> {
    let (down, up) = (bits.saturating_sub(16), 16u32.saturating_sub(bits));
    let frames = planes.first().map_or(0, Vec::len);
    pixels.push(frames, |range| match planes {
        [mono] => {
            let mono = &mono[range];
            extent_by(mono.len(), |at| mono[at] >> down << up)
        }
        [left, right] => {
            let (left, right) = (&left[range.clone()], &right[range]);
            let right = &right[..left.len()];
            extent_by(left.len(), |at| (left[at] >> down << up) + (right[at] >> down << up))
        }
        _ => extent_by(range.len(), |at| planes.iter().map(|plane| plane[range.start + at] >> down << up).sum()),
    })
}
