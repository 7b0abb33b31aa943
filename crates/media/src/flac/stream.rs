//! A FLAC file: what precedes its frames, and the frames one after the other.

use std::io::{Read, Seek, SeekFrom};

use super::frame::{Decoded, FrameError, FrameHeader, decode};
use crate::limits::{DAMAGED_PACKETS_IN_A_ROW_MAX, DAMAGED_PACKETS_MAX};
use crate::stream_info::{Tags, check_duration, check_shape};
use crate::wav::read_up_to;
use crate::window::Window;
use crate::{Error, Result, vorbis_comment};

const FORMAT: &str = "FLAC";
/// Bytes in sight before a frame is decoded. Larger frames cost another try.
const FRAME_BYTES_USUAL: usize = 64 * 1024;
/// Largest possible frame: 65,536 × 8 samples of 25 bits stored verbatim, with headers.
const FRAME_BYTES_MAX: usize = 65_536 * 8 * 25 / 8 + 1024;
/// Most metadata blocks that are walked through.
const METADATA_BLOCKS_MAX: usize = 1_024;
/// Most bytes of comments that are read.
const COMMENT_BYTES_MAX: u32 = 256 * 1024;

/// What every frame of the stream has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) channels: u16,
    /// Bits per sample.
    pub(crate) bits: u32,
    pub(crate) sample_rate: u32,
    /// Frames of sound per FLAC frame, in streams where that is constant.
    pub(crate) block_frames: u32,
}

impl Shape {
    /// Whether a frame with these codes belongs to the stream.
    pub(crate) fn accepts(&self, channel_mode: u8, bits_code: u8) -> bool {
        let channels = if channel_mode < 8 { u16::from(channel_mode) + 1 } else { 2 };
        let bits = [self.bits, 8, 12, 0, 16, 20, 24, 32][usize::from(bits_code & 7)];
        channels == self.channels && bits == self.bits
    }
}

/// A stream's description.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) shape: Shape,
    /// Frames of sound that the file announces.
    pub(crate) declared_frames: Option<u64>,
    pub(crate) tags: Tags,
    /// Where in the file the first frame is.
    pub(crate) frames_offset: u64,
}

impl Stream {
    /// Reads the metadata that starts at `offset`.
    pub(crate) fn read<R: Read + Seek>(file: &mut R, offset: u64) -> Result<Self> {
        file.seek(SeekFrom::Start(offset + 4))?;
        let mut offset = offset + 4;
        let mut stream = None;
        let mut tags = Tags::default();
        for _ in 0..METADATA_BLOCKS_MAX {
            let mut header = [0; 4];
            read_all(file, &mut header)?;
            let length = u32::from_be_bytes([0, header[1], header[2], header[3]]);
            match header[0] & 0x7F {
                0 if stream.is_none() => stream = Some(read_stream_info(file, length)?),
                4 => {
                    let mut comment = vec![0; length.min(COMMENT_BYTES_MAX) as usize];
                    let filled = read_up_to(file, &mut comment)?;
                    tags = vorbis_comment::read_tags(&comment[..filled]);
                }
                127 => return Err(Error::damaged(FORMAT, "its metadata makes no sense")),
                _ => {}
            }
            offset += 4 + u64::from(length);
            file.seek(SeekFrom::Start(offset))?;
            if header[0] & 0x80 != 0 {
                let (shape, declared_frames) = stream.ok_or(Error::damaged(FORMAT, "it does not say what it holds"))?;
                return Ok(Self { shape, declared_frames, tags, frames_offset: offset });
            }
        }
        Err(Error::damaged(FORMAT, "its metadata does not end"))
    }
}

fn read_all<R: Read>(file: &mut R, into: &mut [u8]) -> Result<()> {
    if read_up_to(file, into)? < into.len() {
        return Err(Error::damaged(FORMAT, "it is cut off before the first sound"));
    }
    Ok(())
}

fn read_stream_info<R: Read>(file: &mut R, length: u32) -> Result<(Shape, Option<u64>)> {
    let mut block = [0; 34];
    if length < 34 {
        return Err(Error::damaged(FORMAT, "it does not say what it holds"));
    }
    read_all(file, &mut block)?;
    let packed = u64::from_be_bytes(*block[10..].first_chunk::<8>().expect("a block of 34 bytes holds bytes 10 to 18"));
    let shape = Shape {
        channels: (packed >> 41 & 7) as u16 + 1,
        bits: (packed >> 36 & 31) as u32 + 1,
        sample_rate: (packed >> 44) as u32,
        block_frames: u32::from(u16::from_be_bytes([block[2], block[3]])),
    };
    check_shape(u32::from(shape.channels), shape.sample_rate)?;
    if shape.bits < 4 {
        return Err(Error::damaged(FORMAT, "its number of bits per sample makes no sense"));
    }
    if shape.bits > 24 {
        return Err(Error::NotSupportedYet { format: "FLAC with more than 24 bits" });
    }
    let frames = packed & 0xF_FFFF_FFFF;
    check_duration(frames, shape.sample_rate)?;
    Ok((shape, (frames > 0).then_some(frames)))
}

/// The frames of a stream, decoded one after the other.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    window: Window<R>,
    shape: Shape,
    /// Nothing at or behind this place in the file is decoded.
    stop_offset: u64,
    planes: Vec<Vec<i32>>,
    damaged: u32,
    damaged_in_a_row: u32,
}

impl<R: Read + Seek> Frames<R> {
    /// Decodes the frames that start at `offset` or behind, and before `stop_offset`.
    pub(crate) fn new(file: R, shape: Shape, offset: u64, stop_offset: u64) -> Result<Self> {
        let planes = vec![Vec::new(); usize::from(shape.channels)];
        Ok(Self { window: Window::new(file, offset)?, shape, stop_offset, planes, damaged: 0, damaged_in_a_row: 0 })
    }

    /// Samples of the frame that was decoded last, one vector per channel.
    pub(crate) fn planes(&self) -> &[Vec<i32>] {
        &self.planes
    }

    /// Where in the file the next frame is looked for.
    pub(crate) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Whether anything that was not a sound frame had to be skipped.
    pub(crate) fn was_damaged(&self) -> bool {
        self.damaged > 0
    }

    /// Decodes the next frame; `None` at the end. A frame that is cut off by the end of the file is left out.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Decoded>> {
        self.window.require(FRAME_BYTES_USUAL)?;
        loop {
            let bytes = self.window.bytes();
            if self.window.offset() >= self.stop_offset || bytes.is_empty() {
                return Ok(None);
            }
            match decode(bytes, &self.shape, &mut self.planes) {
                Ok(frame) => {
                    self.window.consume(frame.bytes);
                    self.damaged_in_a_row = 0;
                    return Ok(Some(frame));
                }
                Err(FrameError::Incomplete) if !self.window.is_at_end() && bytes.len() < FRAME_BYTES_MAX => {
                    self.window.fill()?;
                }
                Err(_) => {
                    if !self.skip_to_sync()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Finds the first place from the current one on that a frame's header with a sound check sum stands at.
    pub(crate) fn find_header(&mut self) -> Result<Option<FrameHeader>> {
        loop {
            self.window.require(FRAME_BYTES_USUAL)?;
            let bytes = self.window.bytes();
            if self.window.offset() >= self.stop_offset || bytes.is_empty() {
                return Ok(None);
            }
            if let Ok(header) = FrameHeader::parse(bytes, &self.shape) {
                return Ok(Some(header));
            }
            let next = bytes[1..].iter().position(|byte| *byte == 0xFF).map_or(bytes.len(), |at| at + 1);
            self.window.consume(next);
        }
    }

    /// Leaves what could not be decoded behind; `false` when nothing follows.
    fn skip_to_sync(&mut self) -> Result<bool> {
        self.damaged += 1;
        self.damaged_in_a_row += 1;
        if self.damaged_in_a_row > DAMAGED_PACKETS_IN_A_ROW_MAX || self.damaged > DAMAGED_PACKETS_MAX {
            return Err(Error::damaged(FORMAT, "too much of it cannot be decoded"));
        }
        self.window.consume(1);
        Ok(self.find_header()?.is_some())
    }
}
