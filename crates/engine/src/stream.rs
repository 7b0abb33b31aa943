//! Recordings too long to be held in memory: they are played out of chunks that somebody reads ahead ([`crate::ahead`]).

/// Bytes of a chunk, whatever its recording is like.
pub const CHUNK_BYTES: usize = 65_536;
/// Frames of a recording that lies whole in memory that go to the audio thread at once; the last time fewer.
pub const WHOLE_CHUNK_FRAMES: usize = 65_536;
/// Words of 32 bits in the ring of chunks before the heads of its cells (`crates/read_ahead/README.md`).
pub const RING_HEAD_WORDS: usize = 16;
/// Words of a cell's head there.
pub const RING_CELL_WORDS: usize = 4;
/// Frames of a recording over which it falls before a gap and rises behind one: 5 ms at 48 kHz. Who reads ahead has so many more ready than
/// are played.
pub const FADE_FRAMES: usize = 240;
/// The most frames of a recording that is played so (6.2 hours at 48 kHz).
pub const FRAMES_MAX: u64 = 1 << 30;

/// How samples are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 16-bit integers, interleaved.
    I16,
    /// 32-bit floats, planar: a chunk's left channel, then its right.
    F32,
}

/// What has to be known of a recording to cut it into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// 1 or 2.
    pub channels: u32,
    /// At most [`FRAMES_MAX`].
    pub frames: u64,
    /// How its samples are kept.
    pub format: Format,
}

/// A part of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chunk {
    /// The number under which plans know the recording.
    pub source: u32,
    /// It holds the frames from `index` times [`Stream::chunk_frames`] on.
    pub index: u32,
}

/// Bytes of a ring of so many cells.
#[must_use]
pub const fn ring_bytes(cells: usize) -> usize {
    4 * (RING_HEAD_WORDS + RING_CELL_WORDS * cells) + CHUNK_BYTES * cells
}

impl Stream {
    /// A recording that can be cut into chunks; `None` when its channels or its length are out of bounds.
    #[must_use]
    pub fn new(channels: u32, frames: u64, format: Format) -> Option<Self> {
        ((1..=2).contains(&channels) && frames <= FRAMES_MAX).then_some(Self { channels, frames, format })
    }

    /// Frames in a chunk; the last one may hold fewer.
    #[must_use]
    pub fn chunk_frames(&self) -> usize {
        let sample = match self.format {
            Format::I16 => 2,
            Format::F32 => 4,
        };
        CHUNK_BYTES / (sample * self.channels as usize)
    }

    /// How many chunks it has.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.frames.div_ceil(self.chunk_frames() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_equally_large_and_cover_the_recording() {
        for (channels, format, frames) in
            [(1, Format::I16, 32_768), (2, Format::I16, 16_384), (1, Format::F32, 16_384), (2, Format::F32, 8_192)]
        {
            let stream = Stream::new(channels, 3 * frames as u64 + 1, format).unwrap();
            assert_eq!((stream.chunk_frames(), stream.chunks()), (frames, 4));
        }
        assert_eq!(Stream::new(2, 0, Format::I16).unwrap().chunks(), 0);
        assert_eq!(Stream::new(3, 1, Format::I16), None);
        assert_eq!(Stream::new(1, FRAMES_MAX + 1, Format::I16), None);
    }
}
