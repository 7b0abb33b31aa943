//! Recordings in the audio thread's own memory: short ones whole, in chunks, so that they can be heard before they are all here;
//! of long ones what is read ahead ([`Pool`]).

use engine::Reader;
use engine::reader::Inside;
pub use engine::stream::{FRAMES_MAX, Format, WHOLE_CHUNK_FRAMES as SEGMENT_FRAMES};

use crate::{Pool, integers};

/// The most recordings.
pub const SOURCES_MAX: usize = engine::plan::SOURCES_MAX;
/// Why a recording was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// Not one or two channels.
    Channels,
    /// More frames than [`FRAMES_MAX`].
    Frames,
    /// More recordings than [`SOURCES_MAX`].
    TooMany,
}

/// Where a chunk's samples go.
#[derive(Debug, PartialEq)]
pub enum ChunkMut<'a> {
    /// Interleaved.
    I16(&'a mut [i16]),
    /// Planar.
    F32(&'a mut [f32]),
}

/// All recordings.
#[derive(Debug, Default)]
pub struct Sources {
    /// Those that are read ahead.
    pub pool: Pool,
    /// Those that are here whole, sorted by id.
    list: Vec<(u32, Source)>,
    /// Whether anything was wanted that is not here yet, since this was last asked.
    starved: bool,
}

#[derive(Debug)]
struct Source {
    channels: usize,
    frames: usize,
    chunks: Chunks,
}

/// A chunk that is not here is empty.
#[derive(Debug)]
enum Chunks {
    I16(Vec<Vec<i16>>),
    F32(Vec<Vec<f32>>),
}

impl Sources {
    /// Adds or replaces a recording, of which nothing is here yet.
    ///
    /// # Errors
    /// What is out of bounds; then nothing has changed.
    pub fn begin(&mut self, id: u32, channels: u32, frames: u64, format: Format) -> Result<(), SourceError> {
        if !(1..=2).contains(&channels) {
            return Err(SourceError::Channels);
        }
        if frames > FRAMES_MAX {
            return Err(SourceError::Frames);
        }
        self.drop_source(id);
        if self.list.len() >= SOURCES_MAX {
            return Err(SourceError::TooMany);
        }
        let frames = frames as usize;
        let count = frames.div_ceil(SEGMENT_FRAMES);
        let chunks = match format {
            Format::I16 => Chunks::I16(vec![Vec::new(); count]),
            Format::F32 => Chunks::F32(vec![Vec::new(); count]),
        };
        let at = self.list.partition_point(|(other, _)| *other < id);
        self.list.insert(at, (id, Source { channels: channels as usize, frames, chunks }));
        Ok(())
    }

    /// Makes room for a chunk and hands it out to be filled; `None` when there is no such recording or chunk.
    pub fn chunk(&mut self, id: u32, index: u32) -> Option<ChunkMut<'_>> {
        let at = self.find(id)?;
        let source = &mut self.list[at].1;
        let samples = source.frames_of_chunk(index as usize)? * source.channels;
        match &mut source.chunks {
            Chunks::I16(chunks) => {
                let chunk = chunks.get_mut(index as usize)?;
                chunk.resize(samples, 0);
                Some(ChunkMut::I16(chunk))
            }
            Chunks::F32(chunks) => {
                let chunk = chunks.get_mut(index as usize)?;
                chunk.resize(samples, 0.0);
                Some(ChunkMut::F32(chunk))
            }
        }
    }

    /// Adds or replaces a recording that is read ahead.
    ///
    /// # Errors
    /// As [`Pool::begin`].
    pub fn stream(&mut self, id: u32, stream: engine::stream::Stream, finite: bool) -> Result<(), SourceError> {
        self.drop_source(id);
        self.pool.begin(id, stream, finite)
    }

    /// Forgets a recording.
    pub fn drop_source(&mut self, id: u32) {
        if let Some(at) = self.find(id) {
            self.list.remove(at);
        }
        self.pool.end(id);
    }

    /// Whether anything was wanted that is not here yet, since this was last asked.
    pub fn take_starved(&mut self) -> bool {
        core::mem::take(&mut self.starved)
    }

    fn find(&self, id: u32) -> Option<usize> {
        self.list.binary_search_by_key(&id, |(id, _)| *id).ok()
    }
}

impl Source {
    fn frames_of_chunk(&self, index: usize) -> Option<usize> {
        let begin = index.checked_mul(SEGMENT_FRAMES)?;
        (begin < self.frames).then(|| (self.frames - begin).min(SEGMENT_FRAMES))
    }

    /// Copies `left.len()` frames from `from` within a chunk; false when it is not here.
    fn copy(&self, index: usize, from: usize, left: &mut [f32], right: &mut [f32]) -> bool {
        let (channels, count) = (self.channels, left.len());
        match &self.chunks {
            Chunks::I16(chunks) => {
                let Some(chunk) = chunks.get(index).filter(|chunk| !chunk.is_empty()) else { return false };
                let samples = &chunk[from * channels..(from + count) * channels];
                if channels == 2 {
                    integers::stereo(samples.as_chunks().0, left, right);
                } else {
                    integers::mono(samples, left);
                    integers::mono(samples, right);
                }
            }
            Chunks::F32(chunks) => {
                let Some(chunk) = chunks.get(index).filter(|chunk| !chunk.is_empty()) else { return false };
                let length = chunk.len() / channels;
                left.copy_from_slice(&chunk[from..from + count]);
                if !right.is_empty() {
                    let second = (channels - 1) * length + from;
                    right.copy_from_slice(&chunk[second..second + count]);
                }
            }
        }
        true
    }
}

impl Reader for Sources {
    fn read(&mut self, source: u32, start_frame: i64, left: &mut [f32], right: &mut [f32]) {
        let Some(at) = self.find(source) else {
            let all_here = self.pool.read(source, start_frame, left, right);
            if all_here.is_none() {
                left.fill(0.0);
                right.fill(0.0);
            }
            self.starved |= all_here != Some(true);
            return;
        };
        let source = &self.list[at].1;
        let inside = Inside::of(start_frame, left.len(), source.frames);
        let stereo = !right.is_empty();
        let end = inside.before + inside.length;
        for channel in [&mut *left, &mut *right].into_iter().filter(|channel| !channel.is_empty()) {
            channel[..inside.before].fill(0.0);
            channel[end..].fill(0.0);
        }
        let (mut at, mut frame) = (inside.before, inside.from);
        while at < end {
            let from = frame % SEGMENT_FRAMES;
            let count = (end - at).min(SEGMENT_FRAMES - from);
            let second = if stereo { &mut right[at..at + count] } else { &mut [][..] };
            if !source.copy(frame / SEGMENT_FRAMES, from, &mut left[at..at + count], second) {
                left[at..at + count].fill(0.0);
                right.iter_mut().skip(at).take(count).for_each(|x| *x = 0.0);
                self.starved = true;
            }
            at += count;
            frame += count;
        }
    }

    fn turn_to(&mut self, voice: u64) {
        self.pool.turn_to(voice);
    }

    fn always_finite(&self, source: u32) -> bool {
        match self.find(source) {
            Some(at) => matches!(self.list[at].1.chunks, Chunks::I16(_)),
            None => self.pool.always_finite(source).unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(sources: &mut Sources, id: u32, index: u32, value: impl Fn(usize) -> f32) {
        match sources.chunk(id, index).unwrap() {
            ChunkMut::F32(samples) => samples.iter_mut().enumerate().for_each(|(n, x)| *x = value(n)),
            ChunkMut::I16(samples) => samples.iter_mut().enumerate().for_each(|(n, x)| *x = value(n) as i16),
        }
    }

    #[test]
    fn reads_cross_chunks_and_ends_and_say_what_is_missing() {
        let frames = 2 * SEGMENT_FRAMES + 10;
        let mut sources = Sources::default();
        sources.begin(5, 2, frames as u64, Format::F32).unwrap();
        fill(&mut sources, 5, 0, |n| if n < SEGMENT_FRAMES { n as f32 } else { -((n - SEGMENT_FRAMES) as f32) });
        fill(&mut sources, 5, 2, |n| if n < 10 { 0.5 } else { -0.5 });
        let (mut left, mut right) = (vec![9.0; 20], vec![9.0; 20]);
        sources.read(5, -5, &mut left, &mut right);
        assert_eq!((left[4], left[5], left[6], right[7]), (0.0, 0.0, 1.0, -2.0));
        assert!(!sources.take_starved());
        sources.read(5, SEGMENT_FRAMES as i64 - 10, &mut left, &mut right);
        assert_eq!((left[9], left[10], right[19]), (SEGMENT_FRAMES as f32 - 1.0, 0.0, 0.0));
        assert!(sources.take_starved());
        sources.read(5, 2 * SEGMENT_FRAMES as i64, &mut left, &mut right);
        assert_eq!((left[9], right[9], left[10], right[19]), (0.5, -0.5, 0.0, 0.0));
        assert!(!sources.take_starved());
        sources.read(6, 0, &mut left, &mut []);
        assert!(left.iter().all(|x| *x == 0.0) && sources.take_starved());
    }

    #[test]
    fn sixteen_bits_are_interleaved_and_exact() {
        let mut sources = Sources::default();
        sources.begin(1, 2, 4, Format::I16).unwrap();
        sources.begin(0, 1, 4, Format::I16).unwrap();
        fill(&mut sources, 1, 0, |n| n as f32 * 1_000.0);
        fill(&mut sources, 0, 0, |n| n as f32 * -1_000.0);
        let (mut left, mut right) = ([0.0; 4], [0.0; 4]);
        sources.read(1, 0, &mut left, &mut right);
        assert_eq!((left[3] * 32_768.0, right[3] * 32_768.0), (6_000.0, 7_000.0));
        sources.read(0, 1, &mut left, &mut right);
        assert_eq!((left[0] * 32_768.0, right[2] * 32_768.0, left[3]), (-1_000.0, -3_000.0, 0.0));
        assert!(sources.always_finite(1) && !sources.always_finite(9));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let mut sources = Sources::default();
        assert_eq!(sources.begin(1, 3, 4, Format::I16), Err(SourceError::Channels));
        assert_eq!(sources.begin(1, 1, FRAMES_MAX + 1, Format::I16), Err(SourceError::Frames));
        sources.begin(1, 1, 4, Format::I16).unwrap();
        assert_eq!(sources.chunk(1, 1), None);
        assert_eq!(sources.chunk(1, u32::MAX), None);
        assert_eq!(sources.chunk(2, 0), None);
        sources.drop_source(1);
        assert_eq!(sources.chunk(1, 0), None);
    }
}
