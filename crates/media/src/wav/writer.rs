//! A WAV file written as the sound comes: the sizes in its header are put right at the end.

use std::io::{Seek, SeekFrom, Write};

use dsp::dither::Dither;

use crate::integers::{dithers, quantise, to_i16, to_i24};
use crate::limits::PCM_BYTES_MAX;
use crate::stream_info::check_shape;
use crate::{Error, Result};

/// Samples converted at a time.
const BLOCK_FRAMES: usize = 2_048;

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BitDepth {
    /// 16-bit integers.
    I16,
    /// 24-bit integers.
    I24,
    /// 32-bit floating point.
    F32,
}

impl BitDepth {
    /// Bytes of one sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::I16 => 2,
            Self::I24 => 3,
            Self::F32 => 4,
        }
    }
}

/// A WAV file being written.
///
/// Until [`Writer::finish`] the sizes in the header say "up to the end of the file", so that what a crash leaves behind can be
/// read. Integers are rounded to nearest (ties to even) and clipped; what came from integers of that depth returns to them exactly.
#[derive(Debug)]
pub struct Writer<W: Write + Seek> {
    file: W,
    bit_depth: BitDepth,
    channels: usize,
    /// One for each pair of channels; none where nothing is dithered.
    dither: Vec<Dither>,
    header_bytes: u64,
    data_bytes: u64,
    block: Vec<u8>,
    quantised: Vec<i16>,
}

impl<W: Write + Seek> Writer<W> {
    /// Starts a file at the current position of `file`, which must be its start. Noise of the seed `dither` is added before rounding
    /// to 16 bits (EN16; channels 2 and 3 have the next seed, and so on); it has no effect on other depths.
    ///
    /// # Errors
    /// [`Error::Channels`], [`Error::SampleRate`] outside the limits; [`Error::Io`].
    pub fn new(mut file: W, sample_rate: u32, channels: u16, bit_depth: BitDepth, dither: Option<u32>) -> Result<Self> {
        check_shape(u32::from(channels), sample_rate)?;
        let header = header(sample_rate, channels, bit_depth);
        file.write_all(&header)?;
        let dither = dithers(dither.filter(|_| bit_depth == BitDepth::I16), channels);
        Ok(Self {
            file,
            bit_depth,
            channels: usize::from(channels),
            dither,
            header_bytes: header.len() as u64,
            data_bytes: 0,
            block: Vec::with_capacity(BLOCK_FRAMES * usize::from(channels) * bit_depth.bytes()),
            quantised: Vec::new(),
        })
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.data_bytes / (self.channels * self.bit_depth.bytes()) as u64
    }

    /// Appends frames, given as one slice of equal length per channel.
    ///
    /// # Errors
    /// [`Error::WavFull`] when the file would exceed 4 GB (nothing is written then); [`Error::Option`] when the
    /// slices do not fit; [`Error::Io`].
    pub fn write_planar(&mut self, planes: &[&[f32]]) -> Result<()> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        if planes.len() != self.channels || planes.iter().any(|plane| plane.len() != frames) {
            return Err(Error::Option("one slice of equal length per channel is needed"));
        }
        let bytes = frames as u64 * (self.channels * self.bit_depth.bytes()) as u64;
        if self.data_bytes + bytes > PCM_BYTES_MAX {
            return Err(Error::WavFull);
        }
        for start in (0..frames).step_by(BLOCK_FRAMES) {
            let range = start..(start + BLOCK_FRAMES).min(frames);
            self.encode(planes, range);
            self.file.write_all(&self.block)?;
            self.data_bytes += self.block.len() as u64;
        }
        Ok(())
    }

    /// Puts the sizes in the header right and returns the file, flushed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<W> {
        if self.data_bytes % 2 == 1 {
            self.file.write_all(&[0])?;
        }
        let riff_bytes = self.header_bytes - 8 + self.data_bytes + self.data_bytes % 2;
        self.patch(4, riff_bytes)?;
        self.patch(self.header_bytes - 4, self.data_bytes)?;
        if self.bit_depth == BitDepth::F32 {
            self.patch(self.header_bytes - 12, self.frames())?;
        }
        self.file.seek(SeekFrom::End(0))?;
        self.file.flush()?;
        Ok(self.file)
    }

    fn patch(&mut self, offset: u64, value: u64) -> Result<()> {
        let value = u32::try_from(value).map_err(|_| Error::WavFull)?;
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(self.file.write_all(&value.to_le_bytes())?)
    }

    fn encode(&mut self, planes: &[&[f32]], range: std::ops::Range<usize>) {
        let first_frame = self.frames();
        let block = &mut self.block;
        match self.bit_depth {
            BitDepth::I16 if self.dither.is_empty() => interleave(planes, range, block, |x| to_i16(x).to_le_bytes()),
            BitDepth::I16 => {
                quantise(planes, range, first_frame, &self.dither, &mut self.quantised);
                block.clear();
                block.extend(self.quantised.iter().flat_map(|sample| sample.to_le_bytes()));
            }
            BitDepth::I24 => interleave(planes, range, block, |x| {
                let [low, middle, high, _] = to_i24(x).to_le_bytes();
                [low, middle, high]
            }),
            BitDepth::F32 => interleave(planes, range, block, f32::to_le_bytes),
        }
    }
}

/// Fills `block` with the frames of `range`, each sample as the `N` bytes that `code` makes of it.
fn interleave<const N: usize>(
    planes: &[&[f32]],
    range: std::ops::Range<usize>,
    block: &mut Vec<u8>,
    mut code: impl FnMut(f32) -> [u8; N],
) {
    block.resize(range.len() * planes.len() * N, 0);
    if let [left, right] = planes {
        let samples = left[range.clone()].iter().zip(&right[range]);
        for (frame, (&l, &r)) in block.chunks_exact_mut(2 * N).zip(samples) {
            frame[..N].copy_from_slice(&code(l));
            frame[N..].copy_from_slice(&code(r));
        }
        return;
    }
    for (frame, bytes) in range.zip(block.chunks_exact_mut(planes.len() * N)) {
        for (plane, sample) in planes.iter().zip(bytes.chunks_exact_mut(N)) {
            sample.copy_from_slice(&code(plane[frame]));
        }
    }
}

/// The header, with sizes that say "up to the end of the file".
fn header(sample_rate: u32, channels: u16, bit_depth: BitDepth) -> Vec<u8> {
    let bytes = bit_depth.bytes() as u16;
    let is_float = bit_depth == BitDepth::F32;
    let tag: u16 = if is_float { 3 } else { 1 };
    // More than two channels need the extensible form, which says where each belongs; 0 says "nowhere in particular".
    let extensible = channels > 2;
    let mut format = Vec::new();
    format.extend_from_slice(&(if extensible { 0xFFFE } else { tag }).to_le_bytes());
    format.extend_from_slice(&channels.to_le_bytes());
    format.extend_from_slice(&sample_rate.to_le_bytes());
    format.extend_from_slice(&(sample_rate * u32::from(bytes) * u32::from(channels)).to_le_bytes());
    format.extend_from_slice(&(bytes * channels).to_le_bytes());
    format.extend_from_slice(&(bytes * 8).to_le_bytes());
    if extensible {
        format.extend_from_slice(&22u16.to_le_bytes());
        format.extend_from_slice(&(bytes * 8).to_le_bytes());
        format.extend_from_slice(&0u32.to_le_bytes());
        format.extend_from_slice(&tag.to_le_bytes());
        format.extend_from_slice(&[0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71]);
    } else if is_float {
        format.extend_from_slice(&0u16.to_le_bytes());
    }
    let mut header = b"RIFF\xFF\xFF\xFF\xFFWAVEfmt ".to_vec();
    header.extend_from_slice(&(format.len() as u32).to_le_bytes());
    header.extend_from_slice(&format);
    if is_float {
        header.extend_from_slice(b"fact\x04\x00\x00\x00\xFF\xFF\xFF\xFF");
    }
    header.extend_from_slice(b"data");
    header.extend_from_slice(&u32::MAX.to_le_bytes());
    header
}
