//! An MP3 file's pairs.

use std::fs::File;
use std::path::Path;

use super::Pairs;
use super::mix::push;
use crate::Result;
use crate::lossy::{Mp3Frames, Mp3Packets, Mp3Start};
use crate::peaks::waveform::{WaveformOptions, float_pixels};
use crate::stream_info::FrameBudget;
use crate::window::Window;

/// What -1..1 is scaled to: libmad's fixed point keeps 15 bits of fraction.
const FULL_SCALE: f32 = 32_768.0;

pub(super) fn pairs(path: &Path, start: &Mp3Start, options: WaveformOptions) -> Result<Pairs> {
    let window = Window::new(File::open(path)?, start.offset)?;
    let mut packets = Mp3Packets::new(Mp3Frames::new(window, Some(start.header)))?;
    let mut pixels = float_pixels(options.samples_per_pixel, 0, start.info.channels, FULL_SCALE);
    // audiowaveform drops the encoder's delay at the start, but not its padding at the end.
    let mut skip = start.gapless.delay as usize;
    let mut budget = FrameBudget::new(&start.info);
    while let Some(packet) = packets.next_packet()? {
        budget.spend(packet.frames())?;
        let skipped = skip.min(packet.frames());
        skip -= skipped;
        push(&mut pixels, &packet.slices(skipped..packet.frames()))?;
    }
    Ok((start.info.sample_rate, pixels.finish()?))
}
