//! A WAV file written as the sound comes: the sizes in its header are put right at the end.

use std::io::{Seek, SeekFrom, Write};

use dsp::dither::Dither;

use crate::integers::{dithers, quantise, to_i16, to_i24};
use crate::labels::Labels;
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
    /// Whether room was left for 64-bit sizes.
    may_grow: bool,
    /// Most bytes of a file that says its size in 32 bits.
    riff_bytes_max: u64,
    labels: Labels,
}

/// Most bytes that the samples of a file with 64-bit sizes may take, about 3,000 hours of stereo at 48 kHz: far beyond every song.
const LARGE_BYTES_MAX: u64 = 1 << 42;

impl<W: Write + Seek> Writer<W> {
    /// Starts a file at the current position of `file`, which must be its start. Noise of the seed `dither` is added before rounding
    /// to 16 bits (EN16; channels 2 and 3 have the next seed, and so on); it has no effect on other depths.
    ///
    /// # Errors
    /// [`Error::Channels`], [`Error::SampleRate`] outside the limits; [`Error::Io`].
    pub fn new(file: W, sample_rate: u32, channels: u16, bit_depth: BitDepth, dither: Option<u32>) -> Result<Self> {
        Self::with_header(file, sample_rate, channels, bit_depth, dither, false)
    }

    /// As [`Writer::new`], for sound of any length, and with labels at its end: a file beyond 4 GB becomes RF64 (EBU Tech 3306), for which
    /// 36 bytes are left free at its beginning.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn large(
        file: W,
        sample_rate: u32,
        channels: u16,
        bit_depth: BitDepth,
        dither: Option<u32>,
        labels: &Labels,
    ) -> Result<Self> {
        let mut writer = Self::with_header(file, sample_rate, channels, bit_depth, dither, true)?;
        writer.labels = labels.clone();
        Ok(writer)
    }

    fn with_header(
        mut file: W,
        sample_rate: u32,
        channels: u16,
        bit_depth: BitDepth,
        dither: Option<u32>,
        may_grow: bool,
    ) -> Result<Self> {
        check_shape(u32::from(channels), sample_rate)?;
        let header = header(sample_rate, channels, bit_depth, may_grow);
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
            may_grow,
            riff_bytes_max: u64::from(u32::MAX),
            labels: Labels::default(),
        })
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.data_bytes / (self.channels * self.bit_depth.bytes()) as u64
    }

    /// Appends frames, given as one slice of equal length per channel.
    ///
    /// # Errors
    /// [`Error::WavFull`] when a file that was not begun as [`Writer::large`] would exceed 4 GB (nothing is written then); [`Error::Option`] when the
    /// slices do not fit; [`Error::Io`].
    pub fn write_planar(&mut self, planes: &[&[f32]]) -> Result<()> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        if planes.len() != self.channels || planes.iter().any(|plane| plane.len() != frames) {
            return Err(Error::Option("one slice of equal length per channel is needed"));
        }
        let bytes = frames as u64 * (self.channels * self.bit_depth.bytes()) as u64;
        if self.data_bytes + bytes > if self.may_grow { LARGE_BYTES_MAX } else { PCM_BYTES_MAX } {
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
        let labels = info_chunk(&self.labels);
        self.file.write_all(&labels)?;
        let riff_bytes = self.header_bytes - 8 + self.data_bytes + self.data_bytes % 2 + labels.len() as u64;
        if riff_bytes > self.riff_bytes_max {
            self.say_large_sizes(riff_bytes)?;
        } else {
            self.patch(4, riff_bytes)?;
            self.patch(self.header_bytes - 4, self.data_bytes)?;
            if self.bit_depth == BitDepth::F32 {
                self.patch(self.header_bytes - 12, self.frames())?;
            }
        }
        self.file.seek(SeekFrom::End(0))?;
        self.file.flush()?;
        Ok(self.file)
    }

    /// Says sizes where 64 bits are left for them; those of 32 bits stay at their largest value, which means "see there".
    fn say_large_sizes(&mut self, riff_bytes: u64) -> Result<()> {
        if !self.may_grow {
            return Err(Error::WavFull);
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(b"RF64")?;
        self.file.seek(SeekFrom::Start(12))?;
        self.file.write_all(b"ds64\x1C\0\0\0")?;
        for size in [riff_bytes, self.data_bytes, self.frames()] {
            self.file.write_all(&size.to_le_bytes())?;
        }
        Ok(())
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

/// Labels as a list of the RIFF kind; nothing without any.
fn info_chunk(labels: &Labels) -> Vec<u8> {
    let mut list = b"INFO".to_vec();
    for (name, text) in labels.fields() {
        list.extend_from_slice(match name {
            "TITLE" => b"INAM",
            "ARTIST" => b"IART",
            "ALBUM" => b"IPRD",
            "DATE" => b"ICRD",
            _ => b"ICMT",
        });
        // With a zero at its end, and another where that makes the length even.
        let length = text.len() + 1;
        list.extend_from_slice(&(length as u32).to_le_bytes());
        list.extend_from_slice(text.as_bytes());
        list.resize(list.len() + 1 + length % 2, 0);
    }
    if list.len() == 4 {
        return Vec::new();
    }
    [&b"LIST"[..], &(list.len() as u32).to_le_bytes(), &list].concat()
}

/// The header, with sizes that say "up to the end of the file".
fn header(sample_rate: u32, channels: u16, bit_depth: BitDepth, may_grow: bool) -> Vec<u8> {
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
    let mut header = b"RIFF\xFF\xFF\xFF\xFFWAVE".to_vec();
    if may_grow {
        header.extend_from_slice(b"JUNK\x1C\0\0\0");
        header.extend_from_slice(&[0; 28]);
    }
    header.extend_from_slice(b"fmt ");
    header.extend_from_slice(&(format.len() as u32).to_le_bytes());
    header.extend_from_slice(&format);
    if is_float {
        header.extend_from_slice(b"fact\x04\x00\x00\x00\xFF\xFF\xFF\xFF");
    }
    header.extend_from_slice(b"data");
    header.extend_from_slice(&u32::MAX.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn written(riff_bytes_max: u64, labels: &Labels, depth: BitDepth) -> Vec<u8> {
        let mut writer = Writer::large(Cursor::new(Vec::new()), 48_000, 2, depth, None, labels).unwrap();
        writer.riff_bytes_max = riff_bytes_max;
        writer.write_planar(&[&[0.5; 333], &[-0.5; 333]]).unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_file_beyond_what_32_bits_can_say_is_rf64() {
        for depth in [BitDepth::I16, BitDepth::I24, BitDepth::F32] {
            let data = 333 * 2 * depth.bytes();
            let small = written(u64::from(u32::MAX), &Labels::default(), depth);
            let size = small.len();
            let small_size = u32::from_le_bytes(*small[4..].first_chunk().unwrap());
            assert_eq!((&small[..4], &small[12..16], small_size as usize), (&b"RIFF"[..], &b"JUNK"[..], size - 8));
            let large = written(size as u64 - 9, &Labels::default(), depth);
            let u64_at = |at: usize| u64::from_le_bytes(*large[at..].first_chunk().unwrap()) as usize;
            assert_eq!((&large[..8], &large[8..20]), (&b"RF64\xFF\xFF\xFF\xFF"[..], &b"WAVEds64\x1C\0\0\0"[..]));
            assert_eq!((large.len(), u64_at(20), u64_at(28), u64_at(36)), (size, size - 8, data, 333));
            // Everything else is the same, but for the sizes of 32 bits.
            assert_eq!(large[size - data..], small[size - data..]);
            assert_eq!(large[size - data - data % 2 - 4..size - data - data % 2], [0xFF; 4]);
        }
    }

    #[test]
    fn a_file_beyond_what_32_bits_can_say_is_read_by_us_and_by_others() {
        let labels = Labels { title: Some("Long".into()), ..Labels::default() };
        let bytes = written(1_000, &labels, BitDepth::I16);
        let header = crate::wav::Header::parse(&bytes, bytes.len() as u64).unwrap();
        assert_eq!((header.frames(), header.channels, header.sample_rate), (333, 2, 48_000));
        let sound = &bytes[header.data_offset as usize..][..333 * 4];
        // A size that is left open as that of the whole is, or lies, is that of what is there.
        for (size, whole) in [(0, Some(0)), (0, Some(u64::MAX)), (u64::MAX, None)] {
            let mut bytes = written(1_000, &Labels::default(), BitDepth::I16);
            bytes[28..36].copy_from_slice(&u64::to_le_bytes(size));
            whole.into_iter().for_each(|whole| bytes[20..28].copy_from_slice(&u64::to_le_bytes(whole)));
            assert_eq!(crate::wav::Header::parse(&bytes, bytes.len() as u64).unwrap().frames(), 333);
        }
        assert!(crate::wav::Header::parse(&bytes[..30], 30).is_err());

        let file = tempfile::Builder::new().suffix(".wav").tempfile().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(file.path()).args(["-f", "s16le", "-"]);
        match ffmpeg.output() {
            Ok(decoded) => {
                assert_eq!(String::from_utf8_lossy(&decoded.stderr), "", "no complaint");
                assert!(decoded.stdout == sound, "{} bytes, not {}", decoded.stdout.len(), sound.len());
            }
            Err(_) => {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "ffmpeg is not installed");
                // Straight to the stream: what a test prints is not shown when it passes. `./test` looks for the words.
                let _ = writeln!(std::io::stderr(), "\n1 skipped: FFMPEG, WHICH READS RF64, IS NOT INSTALLED");
            }
        }
    }

    #[test]
    fn labels_stand_behind_the_samples_and_change_none() {
        let labels = Labels { title: Some("Odd".into()), artist: Some("Even".into()), ..Labels::default() };
        let bytes = written(u64::from(u32::MAX), &labels, BitDepth::I16);
        let plain = written(u64::from(u32::MAX), &Labels::default(), BitDepth::I16);
        let info = b"LIST\x1E\0\0\0INFOINAM\x04\0\0\0Odd\0IART\x05\0\0\0Even\0\0";
        assert_eq!(&bytes[plain.len()..], info);
        assert_eq!(u32::from_le_bytes(*bytes[4..].first_chunk().unwrap()) as usize, bytes.len() - 8);
        assert_eq!(bytes[8..plain.len()], plain[8..]);
    }
}
