//! The pyramid, computed in one streaming pass.

use super::extent::{Extent, mix_extent};
use super::pixels::Pixels;
use super::pyramid::{BASE_SAMPLES_PER_PIXEL, Pair, write};
use crate::decode::Slices;
use crate::limits::PCM_BYTES_MAX;
use crate::stream_info::check_shape;
use crate::{Error, Result};

/// Most pairs of the finest level: what the largest recording has.
const PAIRS_MAX: usize = (PCM_BYTES_MAX / BASE_SAMPLES_PER_PIXEL as u64) as usize + 1;

/// Builds a pyramid from sound that comes in blocks of any size. Memory: two bytes for every 256 frames.
#[derive(Debug)]
pub struct PyramidBuilder {
    sample_rate: u32,
    channels: u16,
    frames: u64,
    pixels: Pixels<f32, Pair>,
}

impl PyramidBuilder {
    /// For sound of `channels` at `sample_rate`.
    ///
    /// # Errors
    /// [`Error::Channels`], [`Error::SampleRate`] outside the limits.
    pub fn new(sample_rate: u32, channels: u16) -> Result<Self> {
        check_shape(u32::from(channels), sample_rate)?;
        let pixels = Pixels::new(BASE_SAMPLES_PER_PIXEL as usize, 0, |extent, _| quantise(extent), 1.0, PAIRS_MAX);
        Ok(Self { sample_rate, channels, frames: 0, pixels })
    }

    /// Takes frames, given as one slice of equal length per channel.
    ///
    /// # Errors
    /// [`Error::Option`] when the slices do not fit; [`Error::TooMuchPcm`] beyond what a file may hold.
    pub fn push(&mut self, planes: &[&[f32]]) -> Result<()> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        if planes.len() != usize::from(self.channels) || planes.iter().any(|plane| plane.len() != frames) {
            return Err(Error::Option("one slice of equal length per channel is needed"));
        }
        self.frames += frames as u64;
        if self.frames > PCM_BYTES_MAX {
            return Err(Error::TooMuchPcm);
        }
        self.pixels.push(frames, |range| mix_extent(&Slices::new(planes.iter().map(|plane| &plane[range.clone()]))))
    }

    /// The pyramid's bytes, as `specs/peaks.md` has them.
    ///
    /// # Errors
    /// None that sound within the limits can cause.
    pub fn finish(self) -> Result<Vec<u8>> {
        Ok(write(self.sample_rate, self.channels, self.frames, self.pixels.finish()?))
    }
}

/// The pyramid of sound in memory, one slice of equal length per channel: the same bytes as any other way of getting there.
///
/// # Errors
/// As [`PyramidBuilder`].
pub fn pyramid_of_samples(planes: &[&[f32]], sample_rate: u32) -> Result<Vec<u8>> {
    let channels = u16::try_from(planes.len()).map_err(|_| Error::Channels { channels: u32::MAX })?;
    let mut builder = PyramidBuilder::new(sample_rate, channels)?;
    builder.push(planes)?;
    builder.finish()
}

/// To 1/128 of full scale, cut towards zero. `as` saturates.
fn quantise(extent: Extent<f32>) -> Pair {
    if extent.is_nothing() { [0, 0] } else { [(extent.min * 128.0) as i8, (extent.max * 128.0) as i8] }
}
