//! The pyramid's bytes, and what is read from them. The format is described in `specs/peaks.md`.

use std::ops::Range;

use crate::{Error, Result};

/// Samples per pixel of the finest level.
pub(crate) const BASE_SAMPLES_PER_PIXEL: u32 = 256;
/// How many pixels of a level one pixel of the next covers.
const LEVEL_FACTOR: usize = 4;
/// The coarsest level is the first that has at most this many pairs.
const COARSEST_PAIRS_MAX: usize = 512;
/// Most levels: enough for 2³² frames.
const LEVELS_MAX: usize = 12;
/// Most pairs of an overview.
pub const OVERVIEW_PAIRS_MAX: usize = 1_000;

const MAGIC: [u8; 4] = *b"UPKS";
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 24;
const LEVEL_BYTES: usize = 16;
const FORMAT: &str = "peaks";

/// A minimum and a maximum, in 1/128 of full scale.
pub(crate) type Pair = [i8; 2];

/// Writes the pyramid whose finest level is `finest`.
pub(crate) fn write(sample_rate: u32, channels: u16, frames: u64, finest: Vec<Pair>) -> Vec<u8> {
    let mut levels = vec![finest];
    while let Some(last) = levels.last().filter(|last| last.len() > COARSEST_PAIRS_MAX) {
        levels.push(last.chunks(LEVEL_FACTOR).map(join).collect());
    }
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(levels.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&sample_rate.to_le_bytes());
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&frames.to_le_bytes());
    let mut offset = (HEADER_BYTES + LEVEL_BYTES * levels.len()) as u64;
    for (power, level) in levels.iter().enumerate().rev() {
        bytes.extend_from_slice(&samples_per_pixel(power).to_le_bytes());
        bytes.extend_from_slice(&(level.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        offset += level.len() as u64 * 2;
    }
    for level in levels.iter().rev() {
        bytes.extend(level.as_flattened().iter().map(|value| value.cast_unsigned()));
    }
    bytes
}

fn samples_per_pixel(power: usize) -> u32 {
    BASE_SAMPLES_PER_PIXEL * (LEVEL_FACTOR as u32).pow(power as u32)
}

fn join(pairs: &[Pair]) -> Pair {
    let nothing = [i8::MAX, i8::MIN];
    pairs.iter().fold(nothing, |all, pair| [all[0].min(pair[0]), all[1].max(pair[1])])
}

/// A pyramid, read from bytes that may still be arriving: coarse levels come first, and finer ones are used once they are here.
#[derive(Debug, Clone)]
pub struct Pyramid<B> {
    bytes: B,
    sample_rate: u32,
    channels: u16,
    frames: u64,
    /// Coarsest first.
    levels: Vec<Level>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    samples_per_pixel: u32,
    pairs: usize,
    offset: usize,
}

impl<B: AsRef<[u8]>> Pyramid<B> {
    /// Reads a pyramid's header; its levels may be cut off at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`] when these are no pyramid's bytes, or not even the header is here.
    pub fn parse(bytes: B) -> Result<Self> {
        let all = bytes.as_ref();
        let damaged = |reason| Error::damaged(FORMAT, reason);
        let header = all.get(..HEADER_BYTES).ok_or(damaged("it is cut off"))?;
        if header[..4] != MAGIC || header[4..6] != VERSION.to_le_bytes() {
            return Err(damaged("it is not a waveform of this version"));
        }
        let levels = usize::from(u16::from_le_bytes([header[6], header[7]]));
        let sample_rate = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        let channels = u16::from_le_bytes([header[12], header[13]]);
        let frames = u64_at(header, 16);
        if levels == 0 || levels > LEVELS_MAX {
            return Err(damaged("its levels make no sense"));
        }
        let table = all.get(HEADER_BYTES..HEADER_BYTES + levels * LEVEL_BYTES).ok_or(damaged("it is cut off"))?;
        let levels = parse_levels(table, frames).ok_or(damaged("its levels make no sense"))?;
        Ok(Self { sample_rate, channels, frames, levels, bytes })
    }

    /// Frames per second of the sound.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Channels that were mixed to one.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// Length of the sound in frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Samples per pixel of the levels that are here, coarsest first.
    pub fn levels(&self) -> Vec<u32> {
        self.levels.iter().filter(|level| self.pairs(level).is_some()).map(|level| level.samples_per_pixel).collect()
    }

    /// Bytes of the finest level that is here: interleaved minima and maxima, two's complement.
    pub fn finest(&self) -> &[u8] {
        self.levels.iter().rev().find_map(|level| self.pairs(level)).unwrap_or(&[])
    }

    /// Minimum and maximum over a range of frames, -1 to 1; (0, 0) outside of the sound. The range is widened to whole pixels of the level that is used,
    /// which are at most a quarter as wide as it, unless it is narrower than four of the finest.
    pub fn extent(&self, range: Range<u64>) -> (f32, f32) {
        let range = range.start..range.end.min(self.frames);
        if range.is_empty() {
            return (0.0, 0.0);
        }
        let width = range.end - range.start;
        let fitting = |level: &&Level| u64::from(level.samples_per_pixel) * LEVEL_FACTOR as u64 <= width;
        // Coarsest that fits, or else the finest that is here.
        let usable = || self.levels.iter().filter_map(|level| Some((level, self.pairs(level)?)));
        let Some((level, bytes)) = usable().find(|(level, _)| fitting(level)).or_else(|| usable().last()) else {
            return (0.0, 0.0);
        };
        let first = (range.start / u64::from(level.samples_per_pixel)) as usize;
        let last = range.end.div_ceil(u64::from(level.samples_per_pixel)) as usize;
        let pairs = &bytes.as_chunks::<2>().0[first..last.min(level.pairs)];
        let [min, max] = pairs.iter().fold([i8::MAX, i8::MIN], |all, pair| {
            [all[0].min(pair[0].cast_signed()), all[1].max(pair[1].cast_signed())]
        });
        (f32::from(min) / 128.0, f32::from(max) / 128.0)
    }

    /// Minimum and maximum for each of `out.len()` pixels, `frames_per_pixel` wide, from frame `start` on (which may be negative); (0, 0) outside of the sound.
    pub fn draw(&self, start: f64, frames_per_pixel: f64, out: &mut [(f32, f32)]) {
        for (pixel, pair) in out.iter_mut().enumerate() {
            let from = (start + pixel as f64 * frames_per_pixel).floor();
            let to = (start + (pixel + 1) as f64 * frames_per_pixel).ceil();
            // `as` saturates: what lies before the start becomes an empty range.
            *pair = self.extent(from as u64..to as u64);
        }
    }

    /// At most [`OVERVIEW_PAIRS_MAX`] interleaved minima and maxima, -1 to 1, for the whole sound; fewer when the finest level has fewer.
    pub fn overview(&self) -> Vec<f32> {
        let finest = self.finest().as_chunks::<2>().0;
        let count = finest.len().min(OVERVIEW_PAIRS_MAX);
        let slices = (0..count).map(|at| &finest[at * finest.len() / count..(at + 1) * finest.len() / count]);
        slices
            .flat_map(|pairs| {
                let pairs: Vec<Pair> = pairs.iter().map(|pair| pair.map(u8::cast_signed)).collect();
                join(&pairs).map(|value| f32::from(value) / 128.0)
            })
            .collect()
    }

    fn pairs(&self, level: &Level) -> Option<&[u8]> {
        self.bytes.as_ref().get(level.offset..level.offset + level.pairs * 2)
    }
}

/// The levels' table; `None` when it does not fit `frames`.
fn parse_levels(table: &[u8], frames: u64) -> Option<Vec<Level>> {
    let count = table.len() / LEVEL_BYTES;
    let mut offset = (HEADER_BYTES + table.len()) as u64;
    let mut levels = Vec::with_capacity(count);
    for (at, entry) in table.chunks_exact(LEVEL_BYTES).enumerate() {
        let level = Level {
            samples_per_pixel: u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]),
            pairs: u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]) as usize,
            offset: usize::try_from(u64_at(entry, 8)).ok()?,
        };
        let expected = samples_per_pixel(count - 1 - at);
        let sound = level.samples_per_pixel == expected
            && level.pairs as u64 == frames.div_ceil(u64::from(expected))
            && level.offset as u64 == offset;
        if !sound {
            return None;
        }
        offset += level.pairs as u64 * 2;
        levels.push(level);
    }
    Some(levels)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
