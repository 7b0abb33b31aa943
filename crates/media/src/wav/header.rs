//! A WAV file's chunks: where its samples are and what they look like.

use std::io::{Read, Seek, SeekFrom};

use crate::limits::WAV_CHUNKS_MAX;
use crate::stream_info::{check_duration, check_shape};
use crate::{Error, Result};

const FORMAT: &str = "WAV";
const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_EXTENSIBLE: u16 = 0xFFFE;
/// The last 14 bytes of every sub-format GUID of `WAVE_FORMAT_EXTENSIBLE` that stands for a plain format tag.
const GUID_TAIL: [u8; 14] = [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71];

/// How one sample is stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleFormat {
    /// 8 bits, unsigned, silence at 128.
    U8,
    /// 16 bits, signed.
    I16,
    /// 24 bits, signed, packed in 3 bytes.
    I24,
    /// 32 bits, signed.
    I32,
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
}

impl SampleFormat {
    /// Bytes of one sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Whether samples are floating point.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }
}

/// Where a WAV file's samples are and what they look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How one sample is stored.
    pub sample_format: SampleFormat,
    /// Significant bits of a sample (20 in a 24-bit container, say).
    pub bit_depth: u16,
    /// Samples per frame.
    pub channels: u16,
    /// Frames per second.
    pub sample_rate: u32,
    /// First byte of the samples, from the start of the file.
    pub data_offset: u64,
    /// Bytes of whole frames from there on: what the file declares, but never beyond its end.
    pub data_bytes: u64,
}

impl Header {
    /// Reads the header from the first bytes of a file that is `file_bytes` long.
    ///
    /// A data size of 0 or 0xFFFFFFFF, or one beyond the end, means "up to the end of the file", as left behind by
    /// programs that stream or crash. (A size of 0 is believed when the RIFF size agrees with the file's.) Of RF64 and BW64 files
    /// 0xFFFFFFFF means the size of 64 bits that their `ds64` chunk has, which has the RIFF size, too (EBU Tech 3306, ITU-R BS.2088).
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is no WAV file, or its samples start beyond `prefix`; [`Error::NotSupportedYet`] for
    /// codecs other than PCM; [`Error::Channels`], [`Error::SampleRate`], [`Error::TooLong`] outside the limits.
    pub fn parse(prefix: &[u8], file_bytes: u64) -> Result<Self> {
        Self::walk(
            &mut |offset, into| {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(prefix.len());
                let count = into.len().min(prefix.len() - start);
                into[..count].copy_from_slice(&prefix[start..start + count]);
                Ok(count)
            },
            file_bytes,
        )
    }

    /// Reads the header from a file, wherever in it the samples start. The position afterwards is unspecified.
    ///
    /// # Errors
    /// As [`Header::parse`], and [`Error::Io`].
    pub fn read<R: Read + Seek>(file: &mut R) -> Result<Self> {
        let file_bytes = file.seek(SeekFrom::End(0))?;
        Self::walk(
            &mut |offset, into| {
                file.seek(SeekFrom::Start(offset))?;
                read_up_to(file, into)
            },
            file_bytes,
        )
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        self.sample_format.bytes() * usize::from(self.channels)
    }

    /// Frames in the file.
    pub fn frames(&self) -> u64 {
        self.data_bytes / self.frame_bytes() as u64
    }

    fn walk(read_at: &mut dyn FnMut(u64, &mut [u8]) -> Result<usize>, file_bytes: u64) -> Result<Self> {
        let mut riff = [0; 12];
        if read_at(0, &mut riff)? < 12 || !is_wav(&riff) {
            return Err(Error::damaged(FORMAT, "it does not start with a RIFF header"));
        }
        let mut riff_is_honest = u64::from(u32_at(&riff, 4)) + 8 == file_bytes;
        let mut shape = None;
        let mut large_bytes = None;
        let mut offset = 12;
        for _ in 0..WAV_CHUNKS_MAX {
            let mut chunk = [0; 8];
            if read_at(offset, &mut chunk)? < 8 {
                break;
            }
            let declared = u32_at(&chunk, 4);
            offset += 8;
            match &chunk[0..4] {
                b"ds64" => {
                    let [riff, data] = large_sizes(read_at, offset, declared)?;
                    riff_is_honest |= riff.checked_add(8) == Some(file_bytes);
                    large_bytes = Some(data);
                }
                b"fmt " => shape = Some(Shape::read(read_at, offset, declared)?),
                b"data" => {
                    let shape = shape.ok_or(Error::damaged(FORMAT, "its samples come before their description"))?;
                    let declared = if declared == u32::MAX { large_bytes } else { Some(u64::from(declared)) };
                    let believed = declared.filter(|bytes| *bytes > 0 || riff_is_honest);
                    return shape.locate(offset, believed, file_bytes);
                }
                _ => {}
            }
            offset += u64::from(declared) + u64::from(declared % 2);
        }
        Err(Error::damaged(FORMAT, if shape.is_some() { "it has no samples" } else { "its format is not described" }))
    }
}

/// Whether a file that begins like this is a WAV file, with sizes of 32 or of 64 bits.
pub(crate) fn is_wav(start: &[u8]) -> bool {
    let is_riff = [b"RIFF", b"RF64", b"BW64"].iter().any(|name| start.starts_with(*name));
    is_riff && start.get(8..).is_some_and(|rest| rest.starts_with(b"WAVE"))
}

/// The RIFF size and the bytes of samples by a `ds64` chunk.
fn large_sizes(
    read_at: &mut dyn FnMut(u64, &mut [u8]) -> Result<usize>,
    offset: u64,
    declared: u32,
) -> Result<[u64; 2]> {
    let mut sizes = [0; 16];
    if (declared as usize) < sizes.len() || read_at(offset, &mut sizes)? < sizes.len() {
        return Err(Error::damaged(FORMAT, "its sizes are cut off"));
    }
    Ok([0, 8].map(|at| u64::from(u32_at(&sizes, at)) | u64::from(u32_at(&sizes, at + 4)) << 32))
}

/// Reads until `into` is full or the file ends; returns the count.
pub(crate) fn read_up_to<R: Read>(file: &mut R, into: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// The `fmt ` chunk.
struct Shape {
    sample_format: SampleFormat,
    bit_depth: u16,
    channels: u16,
    sample_rate: u32,
}

impl Shape {
    fn read(read_at: &mut dyn FnMut(u64, &mut [u8]) -> Result<usize>, offset: u64, declared: u32) -> Result<Self> {
        let mut chunk = [0; 40];
        let wanted = (declared as usize).min(chunk.len());
        if wanted < 16 || read_at(offset, &mut chunk[..wanted])? < wanted {
            return Err(Error::damaged(FORMAT, "its format description is cut off"));
        }
        let extensible = u16_at(&chunk, 0) == TAG_EXTENSIBLE;
        let (mut tag, mut valid_bits) = (u16_at(&chunk, 0), u16_at(&chunk, 14));
        if extensible {
            if wanted < 40 || chunk[26..40] != GUID_TAIL {
                return Err(Error::NotSupportedYet { format: "WAV with an unknown codec" });
            }
            tag = u16_at(&chunk, 24);
            // Some writers leave the count of valid bits at 0.
            valid_bits = if u16_at(&chunk, 18) == 0 { valid_bits } else { u16_at(&chunk, 18) };
        }
        let channels = u16_at(&chunk, 2);
        let sample_rate = u32_at(&chunk, 4);
        check_shape(u32::from(channels), sample_rate)?;
        let sample_format = sample_format(tag, u16_at(&chunk, 14), u16_at(&chunk, 12), channels)?;
        let container_bits = sample_format.bytes() as u16 * 8;
        let bit_depth =
            if sample_format.is_float() || valid_bits == 0 { container_bits } else { valid_bits.min(container_bits) };
        Ok(Self { sample_format, bit_depth, channels, sample_rate })
    }

    /// Where so many bytes of samples lie; without a number, those up to the end of the file.
    fn locate(self, data_offset: u64, declared: Option<u64>, file_bytes: u64) -> Result<Header> {
        let present = file_bytes.saturating_sub(data_offset);
        let bytes = declared.map_or(present, |declared| declared.min(present));
        let frame_bytes = self.sample_format.bytes() as u64 * u64::from(self.channels);
        let header = Header {
            sample_format: self.sample_format,
            bit_depth: self.bit_depth,
            channels: self.channels,
            sample_rate: self.sample_rate,
            data_offset,
            data_bytes: bytes - bytes % frame_bytes,
        };
        check_duration(header.frames(), header.sample_rate)?;
        Ok(header)
    }
}

/// The sample's storage from the format tag, the bits per sample and the block alignment. Samples of odd widths are stored in whole
/// bytes, left-justified (Microsoft, "Multiple channel audio data and WAVE files").
fn sample_format(tag: u16, bits: u16, block_align: u16, channels: u16) -> Result<SampleFormat> {
    match tag {
        TAG_PCM => {
            let aligned = block_align / channels;
            let from_bits = bits.div_ceil(8);
            // The block alignment decides when the two disagree, unless it is nonsense.
            let bytes = if block_align.is_multiple_of(channels) && (from_bits..=4).contains(&aligned) {
                aligned
            } else {
                from_bits
            };
            match bytes {
                1 => Ok(SampleFormat::U8),
                2 => Ok(SampleFormat::I16),
                3 => Ok(SampleFormat::I24),
                4 => Ok(SampleFormat::I32),
                _ => Err(Error::damaged(FORMAT, "its number of bits per sample makes no sense")),
            }
        }
        TAG_FLOAT => match bits {
            32 => Ok(SampleFormat::F32),
            64 => Ok(SampleFormat::F64),
            _ => Err(Error::damaged(FORMAT, "its number of bits per sample makes no sense")),
        },
        0x0002 | 0x0011 => Err(Error::NotSupportedYet { format: "WAV with ADPCM compression" }),
        0x0006 | 0x0007 => Err(Error::NotSupportedYet { format: "WAV with A-law or µ-law compression" }),
        0x0050 | 0x0055 => Err(Error::NotSupportedYet { format: "WAV with MP3 inside" }),
        _ => Err(Error::NotSupportedYet { format: "WAV with an unknown codec" }),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
