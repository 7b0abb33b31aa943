//! Where samples come from.

use std::collections::HashMap;

/// Gives the processor samples of recordings, on the audio thread: it must not allocate, lock or wait.
pub trait Reader {
    /// Fills both slices, which are equally long, with the frames from `start_frame` on of the source with this id.
    ///
    /// What is not there (before the first frame, after the last, an unknown source, bytes that have not arrived) is silence.
    /// An empty `right` means that only the first channel is wanted: the source is mono.
    fn read(&mut self, source: u32, start_frame: i64, left: &mut [f32], right: &mut [f32]);

    /// What is read from now on belongs to this voice: a clip of a track, known by the same number in every block and in every plan.
    ///
    /// For readers that must know how a clip went on; others need not listen.
    fn turn_to(&mut self, voice: u64) {
        let _ = voice;
    }

    /// Whether this source can hold nothing but finite numbers, as integer PCM can. If not, each block is looked through.
    fn always_finite(&self, source: u32) -> bool {
        let _ = source;
        false
    }
}

/// Recordings in memory, a list of planar f32 channels each.
#[derive(Clone, Debug, Default)]
pub struct MemoryReader {
    sources: HashMap<u32, Vec<Vec<f32>>>,
}

impl MemoryReader {
    /// No recordings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a recording: one or two channels of equal length.
    pub fn insert(&mut self, source: u32, channels: Vec<Vec<f32>>) {
        self.sources.insert(source, channels);
    }
}

impl Reader for MemoryReader {
    fn read(&mut self, source: u32, start_frame: i64, left: &mut [f32], right: &mut [f32]) {
        let channels: &[Vec<f32>] = self.sources.get(&source).map_or(&[], |channels| channels);
        copy_or_silence(channels.first(), start_frame, left);
        copy_or_silence(channels.get(1).or(channels.first()), start_frame, right);
    }
}

fn copy_or_silence(channel: Option<&Vec<f32>>, start: i64, output: &mut [f32]) {
    let samples: &[f32] = channel.map_or(&[], |samples| samples);
    let inside = Inside::of(start, output.len(), samples.len());
    output[..inside.before].fill(0.0);
    let end = inside.before + inside.length;
    output[inside.before..end].copy_from_slice(&samples[inside.from..inside.from + inside.length]);
    output[end..].fill(0.0);
}

/// The part of a read that lies within a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Frames of silence before it.
    pub before: usize,
    /// Its first frame in the recording.
    pub from: usize,
    /// Its length in frames; the rest of the read is silence.
    pub length: usize,
}

impl Inside {
    /// For a read of `wanted` frames from `start` out of a recording of `frames`.
    #[must_use]
    pub fn of(start: i64, wanted: usize, frames: usize) -> Self {
        let before = start.saturating_neg().clamp(0, wanted as i64) as usize;
        let from = start.clamp(0, frames as i64) as usize;
        Self { before, from, length: (wanted - before).min(frames - from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_silence() {
        let mut reader = MemoryReader::new();
        reader.insert(3, vec![vec![1.0, 2.0, 3.0], vec![-1.0, -2.0, -3.0]]);
        for start in [-9, -2, 0, 2, 3, 9, i64::MIN, i64::MAX] {
            let (mut left, mut right) = ([9.0; 4], [9.0; 4]);
            reader.read(3, start, &mut left, &mut right);
            for (n, (l, r)) in left.iter().zip(right).enumerate() {
                let frame = start.saturating_add(n as i64);
                let expected = if (0..3).contains(&frame) { frame as f32 + 1.0 } else { 0.0 };
                assert_eq!((*l, r), (expected, -expected), "start {start}, frame {frame}");
            }
        }
        let mut left = [9.0; 2];
        reader.read(8, 0, &mut left, &mut []);
        assert_eq!(left, [0.0, 0.0]);
    }
}
