//! Streaming decode of any supported format to planar floating point, with bounded memory.

use std::io::{Read, Seek};
use std::ops::{Deref, Range};

use crate::flac::{Frames, Stream};
use crate::limits::{BLOCK_FRAMES_MAX, CHANNELS_MAX};
use crate::lossy::{Mp3, Vorbis};
use crate::sniff::{Format, Found, sniff_file};
use crate::stream_info::{Codec, FrameBudget, StreamInfo, Tags};
use crate::wav::Reader;
use crate::{Error, Result};

/// Frames that are read from a WAV file at a time.
const WAV_BLOCK_FRAMES: usize = 4_096;

/// Some frames of sound, one plane per channel.
#[derive(Debug, Clone, Default)]
pub struct Block {
    planes: Vec<Vec<f32>>,
}

impl Block {
    /// No frames of `channels` channels.
    pub fn new(channels: usize) -> Self {
        Self { planes: vec![Vec::new(); channels] }
    }

    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.planes.first().map_or(0, Vec::len)
    }

    /// Samples by channel, all of the same length.
    pub fn planes(&self) -> &[Vec<f32>] {
        &self.planes
    }

    /// Samples by channel, as what takes sound in this crate wants them. Allocates nothing.
    pub fn slices(&self) -> Slices<'_> {
        Slices::new(self.planes.iter().map(Vec::as_slice))
    }

    /// The same range of frames of each channel.
    pub(crate) fn slices_of(&self, range: Range<usize>) -> Slices<'_> {
        Slices::new(self.planes.iter().map(|plane| &plane[range.clone()]))
    }

    /// Becomes `frames` of interleaved samples. Channels that these lack are copies of the last they have.
    pub(crate) fn fill_interleaved(&mut self, samples: &[f32], channels: usize, frames: usize) {
        match (&mut self.planes[..], channels) {
            ([left, right], 2) => {
                let pairs = &samples.as_chunks::<2>().0[..frames];
                left.clear();
                left.extend(pairs.iter().map(|pair| pair[0]));
                right.clear();
                right.extend(pairs.iter().map(|pair| pair[1]));
            }
            (planes, _) => {
                for (channel, plane) in planes.iter_mut().enumerate() {
                    let from = channel.min(channels - 1);
                    plane.clear();
                    plane.extend(samples[from..].iter().step_by(channels).take(frames));
                }
            }
        }
    }

    /// Appends frames. Channels that `slices` lacks stay silent.
    pub(crate) fn append(&mut self, slices: &[&[f32]]) {
        let frames = slices.first().map_or(0, |slice| slice.len());
        for (channel, plane) in self.planes.iter_mut().enumerate() {
            match slices.get(channel) {
                Some(samples) => plane.extend_from_slice(samples),
                None => plane.resize(plane.len() + frames, 0.0),
            }
        }
    }

    /// Loses all frames.
    pub(crate) fn clear(&mut self) {
        self.planes.iter_mut().for_each(Vec::clear);
    }

    /// Becomes the first `count` frames of `other`, which loses them.
    pub(crate) fn take_front(&mut self, other: &mut Self, count: usize) {
        for (plane, from) in self.planes.iter_mut().zip(&mut other.planes) {
            plane.clear();
            plane.extend(from.drain(..count.min(from.len())));
        }
    }

    /// Loses its first `count` frames.
    pub(crate) fn drop_front(&mut self, count: usize) {
        for plane in &mut self.planes {
            plane.drain(..count.min(plane.len()));
        }
    }
}

/// One slice per channel; what [`Block::slices`] gives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slices<'a> {
    slices: [&'a [f32]; CHANNELS_MAX as usize],
    channels: usize,
}

impl<'a> Slices<'a> {
    /// Of as many slices as there are, up to the limit of channels.
    pub(crate) fn new(planes: impl Iterator<Item = &'a [f32]>) -> Self {
        let mut all = Self::default();
        for (slice, plane) in all.slices.iter_mut().zip(planes) {
            *slice = plane;
            all.channels += 1;
        }
        all
    }
}

impl<'a> Deref for Slices<'a> {
    type Target = [&'a [f32]];

    fn deref(&self) -> &Self::Target {
        &self.slices[..self.channels]
    }
}

/// Anything that audio can be decoded from.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// A streaming decoder.
///
/// What it yields is exact for lossless formats: an integer of n bits comes out as itself divided by 2ⁿ⁻¹. MP3 is cut to what was encoded where
/// its LAME header tells, Vorbis where its positions tell. Damaged stretches are left out; a file that is mostly damaged is an error.
pub struct Decoder {
    info: StreamInfo,
    source: Decoding,
    block: Block,
    frames: u64,
    budget: FrameBudget,
    file_bytes: u64,
}

enum Decoding {
    Wav(Reader<Box<dyn Source>>),
    Flac(Frames<Box<dyn Source>>),
    Mp3(Mp3<Box<dyn Source>>),
    Vorbis(Vorbis<Box<dyn Source>>),
}

impl Decoder {
    /// Opens a file of any supported format, told by its content.
    ///
    /// # Errors
    /// Any [`Error`]: see there.
    pub fn new(source: impl Source + 'static) -> Result<Self> {
        let mut source: Box<dyn Source> = Box::new(source);
        let found = sniff_file(&mut source)?;
        let file_bytes = source.seek(std::io::SeekFrom::End(0))?;
        let (source, info) = open(source, found)?;
        let info = info.check()?;
        let budget = FrameBudget::new(&info);
        let block = Block::new(usize::from(info.channels));
        Ok(Self { info, source, block, frames: 0, budget, file_bytes })
    }

    /// Opens a file by its path.
    ///
    /// # Errors
    /// Any [`Error`]: see there.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(path: &std::path::Path) -> Result<Self> {
        Self::new(std::fs::File::open(path)?)
    }

    /// What the file's header says.
    pub fn info(&self) -> &StreamInfo {
        &self.info
    }

    /// Frames decoded so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// How far decoding has come, from 0 to 1.
    pub fn progress(&self) -> f32 {
        let done = match &self.source {
            Decoding::Wav(reader) => self.frames as f32 / reader.header().frames().max(1) as f32,
            Decoding::Flac(frames) => frames.offset() as f32 / self.file_bytes.max(1) as f32,
            Decoding::Mp3(mp3) => mp3.offset() as f32 / self.file_bytes.max(1) as f32,
            Decoding::Vorbis(vorbis) => vorbis.offset() as f32 / self.file_bytes.max(1) as f32,
        };
        done.clamp(0.0, 1.0)
    }

    /// Decodes the next frames, at least one and at most about a million; `None` at the end.
    ///
    /// # Errors
    /// [`Error::NoSound`] when the file ends before the first frame, [`Error::TooMuchPcm`], [`Error::TooLong`], [`Error::Damaged`], [`Error::Io`].
    pub fn next_block(&mut self) -> Result<Option<&Block>> {
        let more = match &mut self.source {
            Decoding::Wav(reader) => next_wav(reader, self.frames, &mut self.block)?,
            Decoding::Flac(frames) => next_flac(frames, self.info.bit_depth.unwrap_or(16), &mut self.block)?,
            Decoding::Mp3(mp3) => mp3.next_block(&mut self.block)?,
            Decoding::Vorbis(vorbis) => next_vorbis(vorbis, &mut self.block)?,
        };
        if !more {
            return if self.frames == 0 { Err(Error::NoSound { format: self.info.format.name() }) } else { Ok(None) };
        }
        self.frames += self.block.frames() as u64;
        self.budget.spend(self.block.frames())?;
        Ok(Some(&self.block))
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("info", &self.info).field("frames", &self.frames).finish_non_exhaustive()
    }
}

fn open(mut source: Box<dyn Source>, found: Found) -> Result<(Decoding, StreamInfo)> {
    Ok(match found.format {
        Format::Wav => {
            let reader = Reader::new(source)?;
            let info = wav_info(&reader);
            (Decoding::Wav(reader), info)
        }
        Format::Flac => {
            let stream = Stream::read(&mut source, found.audio_offset)?;
            let info = flac_info(&stream);
            (Decoding::Flac(Frames::new(source, stream.shape, stream.frames_offset, u64::MAX)?), info)
        }
        Format::Mp3 => {
            let (mp3, info) = Mp3::open(source, found)?;
            (Decoding::Mp3(mp3), info)
        }
        Format::OggVorbis => {
            let (vorbis, stream) = Vorbis::open(source, found)?;
            (Decoding::Vorbis(vorbis), stream.info)
        }
    })
}

fn wav_info<R: Read + Seek>(reader: &Reader<R>) -> StreamInfo {
    let header = reader.header();
    StreamInfo {
        format: Format::Wav,
        codec: if header.sample_format.is_float() { Codec::PcmFloat } else { Codec::Pcm },
        sample_rate: header.sample_rate,
        channels: header.channels,
        bit_depth: Some(header.bit_depth),
        declared_frames: Some(header.frames()),
        tags: Tags::default(),
    }
}

/// What a FLAC stream says of itself.
pub(crate) fn flac_info(stream: &Stream) -> StreamInfo {
    StreamInfo {
        format: Format::Flac,
        codec: Codec::Flac,
        sample_rate: stream.shape.sample_rate,
        channels: stream.shape.channels,
        bit_depth: Some(stream.shape.bits as u16),
        declared_frames: stream.declared_frames,
        tags: stream.tags.clone(),
    }
}

fn next_wav(reader: &mut Reader<Box<dyn Source>>, start: u64, block: &mut Block) -> Result<bool> {
    for plane in &mut block.planes {
        plane.resize(WAV_BLOCK_FRAMES, 0.0);
    }
    let mut planes: Vec<&mut [f32]> = block.planes.iter_mut().map(Vec::as_mut_slice).collect();
    let frames = reader.read_frames(start, &mut planes)?;
    for plane in &mut block.planes {
        plane.truncate(frames);
    }
    Ok(frames > 0)
}

fn next_flac(frames: &mut Frames<Box<dyn Source>>, bit_depth: u16, block: &mut Block) -> Result<bool> {
    if frames.next_frame()?.is_none() {
        return Ok(false);
    }
    let scale = 1.0 / (1u32 << (bit_depth - 1)) as f32;
    for (plane, samples) in block.planes.iter_mut().zip(frames.planes()) {
        debug_assert!(samples.len() <= BLOCK_FRAMES_MAX + 1);
        plane.clear();
        plane.extend(samples.iter().map(|sample| *sample as f32 * scale));
    }
    Ok(true)
}

fn next_vorbis(vorbis: &mut Vorbis<Box<dyn Source>>, block: &mut Block) -> Result<bool> {
    let Some(slices) = vorbis.next_slices()? else { return Ok(false) };
    block.clear();
    block.append(&slices);
    Ok(true)
}
