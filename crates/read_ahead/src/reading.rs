//! What is read ahead, out of WAV files.

use std::collections::BTreeMap;

use engine::ahead::{ReadAhead, Run};
use engine::stream::{CHUNK_BYTES, Chunk, Format, Stream};
use media::wav::{Header, SampleFormat, decode_planar};

/// Bytes of a file in which its samples must have begun.
pub const HEADER_BYTES_MAX: usize = 1 << 20;
/// Bytes that are read at once, at most: a chunk of a file of 32 channels of 64 bits takes 8 MiB.
pub const INPUT_BYTES_MAX: usize = 8 << 20;
/// Bytes beyond which a run is not made longer.
const RUN_BYTES_MAX: u64 = 1 << 20;

/// A file that can be read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How it is cut into chunks.
    pub stream: Stream,
    /// Whether its samples can be nothing but finite numbers.
    pub finite: bool,
}

/// Reads ahead.
#[derive(Debug, Default)]
pub struct Reading {
    /// What comes next.
    pub ahead: ReadAhead,
    files: BTreeMap<u32, Header>,
    planes: Vec<Vec<f32>>,
}

impl Reading {
    /// Nothing to read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the header of a recording's file of `file_bytes` from its first bytes, of which [`HEADER_BYTES_MAX`] are plenty.
    ///
    /// # Errors
    /// When it is no WAV file, or one that cannot be played, or the samples begin later.
    pub fn open(&mut self, id: u32, first_bytes: &[u8], file_bytes: u64) -> media::Result<Opened> {
        let header = Header::parse(first_bytes, file_bytes)?;
        let opened = opened(&header).ok_or(media::Error::Option("the recording is too long"))?;
        self.files.insert(id, header);
        Ok(opened)
    }

    /// The audio thread knows the recording: from now on it is read. `near`: its file is on this device.
    pub fn begin(&mut self, id: u32, near: bool) {
        if let Some(opened) = self.files.get(&id).and_then(opened) {
            self.ahead.begin(id, opened.stream, near);
        }
    }

    /// Forgets a recording.
    pub fn end(&mut self, id: u32) {
        self.ahead.end(id);
        self.files.remove(&id);
    }

    /// What to read next, and where its bytes lie in the file: offset and number.
    pub fn next(&mut self, near: bool, most: u32) -> Option<(Run, u64, u64)> {
        let mut run = self.ahead.next(near, most)?;
        // Files of many channels: one after the other.
        while run.count > 1 && self.bytes_of(&run).is_some_and(|(_, bytes)| bytes > RUN_BYTES_MAX) {
            run.count -= 1;
            self.ahead.failed(Chunk { index: run.first.index + run.count, ..run.first });
        }
        let (offset, bytes) = self.bytes_of(&run).unwrap_or_default();
        Some((run, offset, bytes))
    }

    fn bytes_of(&self, run: &Run) -> Option<(u64, u64)> {
        let header = self.files.get(&run.first.source)?;
        let stream = opened(header)?.stream;
        let (size, frame_bytes) = (stream.chunk_frames() as u64, header.frame_bytes() as u64);
        let first = u64::from(run.first.index) * size;
        let frames = (u64::from(run.count) * size).min(stream.frames.checked_sub(first)?);
        Some((header.data_offset + first * frame_bytes, frames * frame_bytes))
    }

    /// Decodes the `nth` chunk of a run out of the run's bytes, as the audio thread takes it. False when there are too few bytes.
    pub fn decode(&mut self, run: &Run, nth: u32, bytes: &[u8], chunk: &mut [u8; CHUNK_BYTES]) -> bool {
        let of_one = |count| self.bytes_of(&Run { count, ..*run }).map_or(0, |(_, bytes)| bytes as usize);
        let (from, to) = (if nth == 0 { 0 } else { of_one(nth) }, of_one(nth + 1));
        let (Some(bytes), Some(header)) = (bytes.get(from..to), self.files.get(&run.first.source)) else {
            return false;
        };
        if is_i16(header) {
            chunk[..bytes.len()].copy_from_slice(bytes);
            return true;
        }
        let channels = usize::from(header.channels);
        let stride = CHUNK_BYTES / (4 * channels.min(2));
        self.planes.resize_with(channels, Vec::new);
        self.planes.iter_mut().for_each(|plane| plane.resize(stride, 0.0));
        let mut planes: Vec<&mut [f32]> = self.planes.iter_mut().map(Vec::as_mut_slice).collect();
        let frames = decode_planar(header.sample_format, bytes, &mut planes);
        for (plane, part) in self.planes.iter().zip(chunk.chunks_exact_mut(4 * stride)) {
            let (samples, _) = part.as_chunks_mut::<4>();
            samples.iter_mut().zip(&plane[..frames]).for_each(|(bytes, sample)| *bytes = sample.to_le_bytes());
        }
        true
    }
}

/// Whether its samples go as they are: interleaved 16-bit integers.
fn is_i16(header: &Header) -> bool {
    header.sample_format == SampleFormat::I16 && header.channels <= 2
}

fn opened(header: &Header) -> Option<Opened> {
    let format = if is_i16(header) { Format::I16 } else { Format::F32 };
    let stream = Stream::new(u32::from(header.channels.min(2)), header.frames(), format)?;
    Some(Opened { stream, finite: !header.sample_format.is_float() })
}
