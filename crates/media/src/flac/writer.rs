//! A FLAC file written as the sound comes: totals and the check sum in its header are put right at the end.

use std::io::{Seek, SeekFrom, Write};

use dsp::dither::Dither;
use md5::{Digest as _, Md5};

use super::encode::{BLOCK_FRAMES, FrameEncoder};
use crate::integers::{dithers, quantise, to_i16, to_i24};
use crate::labels::Labels;
use crate::stream_info::check_shape;
use crate::wav::BitDepth;
use crate::{Error, Result, vorbis_comment};

/// Most channels of a FLAC file.
const CHANNELS_MAX: u16 = 8;
/// Most frames that the header can count.
const FRAMES_MAX: u64 = (1 << 36) - 1;
/// Where the description of the stream begins, behind the signature and its block's header.
const STREAM_INFO_OFFSET: u64 = 8;

/// A FLAC file being written, in memory that does not grow with its length.
///
/// Predictors of up to eight coefficients, blocks of 4,096 frames, stereo decorrelated block by block: about what `flac -5` does. Integers
/// are made as [`wav::Writer`](crate::wav::Writer) makes them, so that both files hold the same samples.
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    file: W,
    encoder: FrameEncoder,
    sample_rate: u32,
    depth: BitDepth,
    dither: Vec<Dither>,
    /// The block that is being filled, one vector per channel.
    planes: Vec<Vec<i32>>,
    /// The same samples as the check sum wants them.
    interleaved: Vec<i16>,
    bytes: Vec<u8>,
    check_sum: Md5,
    /// Frames of sound taken so far.
    frames: u64,
    blocks: u64,
    smallest: u32,
    largest: u32,
}

impl<W: Write + Seek> Writer<W> {
    /// Starts a file at the current position of `file`, which must be its start. Noise of the seed `dither` is added before rounding
    /// to 16 bits.
    ///
    /// # Errors
    /// [`Error::Channels`], [`Error::SampleRate`] outside the limits; [`Error::Option`] for floating point, which FLAC does not have;
    /// [`Error::Io`].
    pub fn new(
        mut file: W,
        sample_rate: u32,
        channels: u16,
        depth: BitDepth,
        dither: Option<u32>,
        labels: &Labels,
    ) -> Result<Self> {
        check_shape(u32::from(channels), sample_rate)?;
        if channels > CHANNELS_MAX {
            return Err(Error::Option("a FLAC file has at most 8 channels"));
        }
        let bits = match depth {
            BitDepth::I16 => 16,
            BitDepth::I24 => 24,
            BitDepth::F32 => return Err(Error::Option("a FLAC file has 16 or 24 bits")),
        };
        let comment = vorbis_comment::write(labels);
        file.write_all(b"fLaC\0\0\0\x22")?;
        file.write_all(&[0; 34])?;
        file.write_all(&(0x8400_0000 | comment.len() as u32).to_be_bytes())?;
        file.write_all(&comment)?;
        let mut writer = Self {
            file,
            encoder: FrameEncoder::new(sample_rate, bits),
            sample_rate,
            depth,
            dither: dithers(dither.filter(|_| depth == BitDepth::I16), channels),
            planes: vec![Vec::with_capacity(BLOCK_FRAMES); usize::from(channels)],
            interleaved: Vec::new(),
            bytes: Vec::new(),
            check_sum: Md5::new(),
            frames: 0,
            blocks: 0,
            smallest: 0,
            largest: 0,
        };
        // What a crash leaves behind can be read: the length is unknown, and nothing is to be checked.
        writer.write_stream_info(0, [0; 16])?;
        Ok(writer)
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends frames, given as one slice of equal length per channel.
    ///
    /// # Errors
    /// [`Error::Option`] when the slices do not fit, or the file has as many frames as its header can count; [`Error::Io`].
    pub fn write_planar(&mut self, planes: &[&[f32]]) -> Result<()> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        if planes.len() != self.planes.len() || planes.iter().any(|plane| plane.len() != frames) {
            return Err(Error::Option("one slice of equal length per channel is needed"));
        }
        if self.frames + frames as u64 > FRAMES_MAX {
            return Err(Error::Option("the sound is too long for a FLAC file"));
        }
        let mut start = 0;
        while start < frames {
            let end = (start + BLOCK_FRAMES - self.planes[0].len()).min(frames);
            self.take(planes, start..end);
            if self.planes[0].len() == BLOCK_FRAMES {
                self.write_block()?;
            }
            start = end;
        }
        Ok(())
    }

    /// Writes what is left, puts the header right and returns the file, flushed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<W> {
        if !self.planes[0].is_empty() {
            self.write_block()?;
        }
        let check_sum = std::mem::take(&mut self.check_sum).finalize();
        self.write_stream_info(self.frames, check_sum.into())?;
        self.file.flush()?;
        Ok(self.file)
    }

    /// Makes integers of a range of `planes`.
    fn take(&mut self, planes: &[&[f32]], range: std::ops::Range<usize>) {
        let channels = planes.len();
        match self.depth {
            BitDepth::I16 => {
                let count = range.len();
                if self.dither.is_empty() {
                    interleave(planes, range, &mut self.interleaved);
                } else {
                    quantise(planes, range, self.frames, &self.dither, &mut self.interleaved);
                }
                debug_assert_eq!(self.interleaved.len(), count * channels);
                take_apart(&self.interleaved, &mut self.planes);
                self.frames += count as u64;
                self.bytes.clear();
                self.bytes.extend(self.interleaved.iter().flat_map(|sample| sample.to_le_bytes()));
            }
            _ => {
                let held = self.planes[0].len();
                for (plane, from) in self.planes.iter_mut().zip(planes) {
                    plane.extend(from[range.clone()].iter().map(|sample| to_i24(*sample)));
                }
                self.frames += range.len() as u64;
                self.bytes.clear();
                for n in held..held + range.len() {
                    for plane in &self.planes {
                        self.bytes.extend_from_slice(&plane[n].to_le_bytes()[..3]);
                    }
                }
            }
        }
        self.check_sum.update(&self.bytes);
    }

    fn write_block(&mut self) -> Result<()> {
        let mut slices: [&[i32]; CHANNELS_MAX as usize] = [&[]; CHANNELS_MAX as usize];
        for (slice, plane) in slices.iter_mut().zip(&self.planes) {
            *slice = plane;
        }
        let bytes = self.encoder.encode(self.blocks, &slices[..self.planes.len()]);
        self.file.write_all(bytes)?;
        let length = bytes.len() as u32;
        self.smallest = if self.blocks == 0 { length } else { self.smallest.min(length) };
        self.largest = self.largest.max(length);
        self.blocks += 1;
        self.planes.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    fn write_stream_info(&mut self, frames: u64, check_sum: [u8; 16]) -> Result<()> {
        let bits = self.depth.bytes() as u64 * 8;
        let mut block = Vec::with_capacity(34);
        block.extend_from_slice(&(BLOCK_FRAMES as u16).to_be_bytes());
        block.extend_from_slice(&(BLOCK_FRAMES as u16).to_be_bytes());
        block.extend_from_slice(&self.smallest.to_be_bytes()[1..]);
        block.extend_from_slice(&self.largest.to_be_bytes()[1..]);
        let shape = u64::from(self.sample_rate) << 44 | (self.planes.len() as u64 - 1) << 41 | (bits - 1) << 36;
        block.extend_from_slice(&(shape | frames).to_be_bytes());
        block.extend_from_slice(&check_sum);
        let end = self.file.stream_position()?;
        self.file.seek(SeekFrom::Start(STREAM_INFO_OFFSET))?;
        self.file.write_all(&block)?;
        self.file.seek(SeekFrom::Start(end))?;
        Ok(())
    }
}

/// Integers of a range of `planes`, without noise.
fn interleave(planes: &[&[f32]], range: std::ops::Range<usize>, into: &mut Vec<i16>) {
    into.clear();
    if let [left, right] = planes {
        let frames = left[range.clone()].iter().zip(&right[range]);
        return into.extend(frames.flat_map(|(l, r)| [to_i16(*l), to_i16(*r)]));
    }
    into.extend(range.flat_map(|n| planes.iter().map(move |plane| to_i16(plane[n]))));
}

/// Appends each channel's samples to its plane.
fn take_apart(interleaved: &[i16], planes: &mut [Vec<i32>]) {
    if let [left, right] = planes {
        let (frames, _) = interleaved.as_chunks::<2>();
        left.extend(frames.iter().map(|frame| i32::from(frame[0])));
        return right.extend(frames.iter().map(|frame| i32::from(frame[1])));
    }
    let channels = planes.len();
    for (channel, plane) in planes.iter_mut().enumerate() {
        plane.extend(interleaved.iter().skip(channel).step_by(channels).map(|sample| i32::from(*sample)));
    }
}
