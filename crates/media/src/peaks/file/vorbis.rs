//! An Ogg Vorbis file's pairs.

use std::fs::File;
use std::path::Path;

use super::Pairs;
use super::mix::push;
use crate::Result;
use crate::lossy::Vorbis;
use crate::peaks::waveform::{WaveformOptions, float_pixels};
use crate::sniff::Found;
use crate::stream_info::FrameBudget;

/// What -1..1 is scaled to, as libsndfile does.
const FULL_SCALE: f32 = 32_767.0;

pub(super) fn pairs(path: &Path, found: Found, options: WaveformOptions) -> Result<Pairs> {
    let (mut vorbis, info) = Vorbis::open(File::open(path)?, found)?;
    let mut pixels = float_pixels(options.samples_per_pixel, 0, info.channels, FULL_SCALE);
    let mut budget = FrameBudget::new(&info);
    while let Some(slices) = vorbis.next_slices()? {
        budget.spend(slices[0].len())?;
        push(&mut pixels, &slices)?;
    }
    Ok((info.sample_rate, pixels.finish()?))
}
