//! An MP3 file's pairs.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;

use super::mix::push;
use super::parts::{Part, join, side_by_side};
use super::{Pairs, threads};
use crate::Result;
use crate::lossy::{Mp3Frames, Mp3Packets, Mp3Start, RESERVOIR_BYTES_MAX};
use crate::peaks::waveform::{WaveformOptions, float_pixels};
use crate::stream_info::FrameBudget;
use crate::window::Window;

/// What -1..1 is scaled to: libmad's fixed point keeps 15 bits of fraction.
const FULL_SCALE: f32 = 32_768.0;
/// MPEG frames below which a thread more costs more than it brings.
const FRAMES_PER_PART_MIN: u64 = 1_000;
/// Frames whose data must be whole before a part begins: the last one's transforms overlap into it, the one before into the last one's.
const WHOLE_FRAMES: usize = 3;

pub(super) fn pairs(path: &Path, start: &Mp3Start, options: WaveformOptions) -> Result<Pairs> {
    pairs_in_parts(path, start, options, FRAMES_PER_PART_MIN)
}

/// Parts begin some frames early, so that the decoder's state at their first frame is what it would be anyway. What does not line up
/// afterwards, because frames could not be decoded, is done again in one go.
fn pairs_in_parts(path: &Path, start: &Mp3Start, options: WaveformOptions, part_frames_min: u64) -> Result<Pairs> {
    let spans = spans(path, start, threads(options) as u64, part_frames_min)?;
    if spans.len() > 1 {
        let parts: Option<Vec<_>> =
            side_by_side(spans, threads(options), |span| part(path, start, options, &span).ok()).into_iter().collect();
        if let Some(pairs) = parts.map(join).transpose()?.flatten() {
            return Ok((start.info.sample_rate, pairs));
        }
    }
    let whole = Span { warm_up_offset: start.offset, offset: start.offset, stop_offset: u64::MAX, start: 0 };
    let part = part(path, start, options, &whole)?;
    Ok((start.info.sample_rate, part.pixels.finish()?))
}

/// A part of the file.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// Where decoding begins.
    warm_up_offset: u64,
    /// Where the first frame is that counts.
    offset: u64,
    stop_offset: u64,
    /// Position of the first frame of sound.
    start: u64,
}

/// Walks over the frames' headers and marks where parts begin.
fn spans(path: &Path, start: &Mp3Start, threads: u64, part_frames_min: u64) -> Result<Vec<Span>> {
    let file_bytes = std::fs::metadata(path)?.len();
    let bytes = file_bytes.saturating_sub(start.offset);
    let mut spans = vec![Span { warm_up_offset: start.offset, offset: start.offset, stop_offset: u64::MAX, start: 0 }];
    let mut frames = Mp3Frames::new(Window::new(File::open(path)?, start.offset)?, Some(start.header));
    let mut history = History::default();
    let (mut position, mut since) = (0u64, 0u64);
    while (spans.len() as u64) < threads {
        let Some(header) = frames.next_frame()? else { break };
        let offset = frames.offset() - header.bytes as u64;
        let is_due = offset >= start.offset + bytes * spans.len() as u64 / threads;
        let sound_start = position.checked_sub(u64::from(start.gapless.delay));
        if let (true, true, Some(sound_start), Some(last)) =
            (is_due, since >= part_frames_min, sound_start, spans.last_mut())
        {
            last.stop_offset = offset;
            let warm_up_offset = history.warm_up_offset().unwrap_or(start.offset);
            spans.push(Span { warm_up_offset, offset, stop_offset: u64::MAX, start: sound_start });
            since = 0;
        }
        history.push(offset, header.main_data_bytes());
        position += header.frames() as u64;
        since += 1;
    }
    Ok(spans)
}

/// The latest frames, as far back as the next one's state depends on them.
#[derive(Debug, Default)]
struct History {
    /// Offset and bytes of main data.
    frames: VecDeque<(u64, usize)>,
    /// Bytes of main data in all but the last [`WHOLE_FRAMES`].
    bytes: usize,
}

impl History {
    fn push(&mut self, offset: u64, main_data: usize) {
        self.frames.push_back((offset, main_data));
        if let Some(older) = self.frames.len().checked_sub(WHOLE_FRAMES + 1) {
            self.bytes += self.frames[older].1;
        }
        while let Some((_, first)) = self.frames.front().filter(|(_, first)| self.bytes >= RESERVOIR_BYTES_MAX + first)
        {
            self.bytes -= first;
            self.frames.pop_front();
        }
    }

    fn warm_up_offset(&self) -> Option<u64> {
        self.frames.front().map(|(offset, _)| *offset)
    }
}

fn part(path: &Path, start: &Mp3Start, options: WaveformOptions, span: &Span) -> Result<Part<f32>> {
    let window = Window::new(File::open(path)?, span.warm_up_offset)?;
    let frames = Mp3Frames::new(window, Some(start.header)).until(span.stop_offset);
    let mut packets = Mp3Packets::new(frames, start.info.channels);
    packets.warm_up(span.offset)?;
    let mut pixels = float_pixels(options.samples_per_pixel, span.start, start.info.channels, FULL_SCALE);
    let mut budget = FrameBudget::new(&start.info);
    // audiowaveform drops the encoder's delay at the start, but not its padding at the end.
    let mut skip = if span.offset == start.offset { start.gapless.delay as usize } else { 0 };
    let mut frames = 0;
    while let Some(packet) = packets.next_packet()? {
        let skipped = skip.min(packet.frames());
        skip -= skipped;
        budget.spend(packet.frames())?;
        frames += (packet.frames() - skipped) as u64;
        push(&mut pixels, &packet.slices_of(skipped..packet.frames()))?;
    }
    Ok(Part { start: span.start, frames, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::sniff_file;

    #[test]
    fn pk6_an_mp3_in_parts_is_the_same_as_in_one() {
        for name in ["long.mp3", "mono_without_tag.mp3", "stereo.mp3"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
            let mut file = File::open(&path).unwrap();
            let found = sniff_file(&mut file).unwrap();
            let start = Mp3Start::read(&mut file, found).unwrap();
            let by = |threads| {
                let options = WaveformOptions { samples_per_pixel: 100, threads };
                pairs_in_parts(&path, &start, options, 3).unwrap()
            };
            let parts = spans(&path, &start, 4, 3).unwrap();
            assert!(parts.len() > 1 && parts.iter().skip(1).all(|span| span.warm_up_offset < span.offset));
            let alone = by(1);
            for threads in 2..=4 {
                assert_eq!(by(threads), alone, "{name} by {threads}");
            }
        }
    }
}
