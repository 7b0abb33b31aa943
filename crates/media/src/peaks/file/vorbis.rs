//! An Ogg Vorbis file's pairs.

use std::fs::File;
use std::path::Path;

use super::mix::push;
use super::parts::{Part, join, side_by_side};
use super::{Pairs, threads};
use crate::Result;
use crate::decode::Slices;
use crate::lossy::{Vorbis, VorbisStream};
use crate::ogg::Pages;
use crate::peaks::waveform::{WaveformOptions, WaveformPixels, float_pixels};
use crate::sniff::Found;
use crate::stream_info::FrameBudget;
use crate::window::Window;

/// What -1..1 is scaled to, as libsndfile does.
const FULL_SCALE: f32 = 32_767.0;
/// Bytes of file below which a thread more costs more than it brings.
const BYTES_PER_PART_MIN: u64 = 1 << 20;
/// Packets that must end on the page before a part: the first only overlaps into the next, and may lack its beginning.
const PACKETS_MIN: usize = 3;

pub(super) fn pairs(path: &Path, found: Found, options: WaveformOptions) -> Result<Pairs> {
    pairs_in_parts(path, found, options, BYTES_PER_PART_MIN)
}

/// Parts begin behind pages that tell their position. What does not line up afterwards, because of damage, is done again in one go.
fn pairs_in_parts(path: &Path, found: Found, options: WaveformOptions, part_bytes_min: u64) -> Result<Pairs> {
    let (first, stream) = Vorbis::open(File::open(path)?, found)?;
    let bytes = std::fs::metadata(path)?.len().saturating_sub(first.offset());
    let count = (threads(options) as u64).min(bytes / part_bytes_min);
    if count > 1
        && let Some(parts) = parts(path, found, &stream, options, count)?
        && let Some(pairs) = join(parts)?
    {
        return Ok((stream.info.sample_rate, pairs));
    }
    let mut scan = Scan::new(&stream, options, 0);
    scan.run(first)?;
    Ok((stream.info.sample_rate, scan.pixels.finish()?))
}

/// A page that a part may begin behind.
#[derive(Debug, Clone, Copy)]
struct Cut {
    page_offset: u64,
    page_end: u64,
    granule: u64,
}

/// What a thread does: the cut that it begins behind, and the one that it ends with.
type Span = (Option<Cut>, Option<Cut>);

/// `None` when a part cannot be decoded.
fn parts(
    path: &Path,
    found: Found,
    stream: &VorbisStream,
    options: WaveformOptions,
    count: u64,
) -> Result<Option<Vec<Part<f32>>>> {
    let (mut first, _) = Vorbis::open(File::open(path)?, found)?;
    let opening = first.next_slices()?.map_or(0, |slices| slices.first().map_or(0, |slice| slice.len()));
    let Some(origin) = first.origin().filter(|_| opening > 0) else { return Ok(None) };
    let cuts = cuts(path, stream, first.offset(), count)?;
    let starts = std::iter::once(None).chain(cuts.iter().copied().map(Some));
    let ends = cuts.iter().copied().map(Some).chain([None]);
    let spans: Vec<Span> = starts.zip(ends).collect();
    let parts = side_by_side(spans, |(from, to)| {
        let vorbis = match from {
            None => Vorbis::open(File::open(path)?, found)?.0,
            Some(cut) => {
                let file = File::open(path)?;
                match Vorbis::resume(file, stream, cut.page_offset, cut.granule, origin)? {
                    Some(vorbis) => vorbis,
                    None => return Ok(None),
                }
            }
        };
        // Where the stream starts later than position 0, frames are counted from there.
        let start = from.map_or(0, |cut| origin.min(0).saturating_add_unsigned(cut.granule));
        part(vorbis, stream, options, start, to).map(Some)
    });
    Ok(parts.into_iter().collect::<Result<Option<Vec<_>>>>().unwrap_or(None))
}

fn part(
    mut vorbis: Vorbis<File>,
    stream: &VorbisStream,
    options: WaveformOptions,
    start: i64,
    to: Option<Cut>,
) -> Result<Part<f32>> {
    if let Some(cut) = to {
        vorbis.stop_at(cut.page_end);
    }
    let start = u64::try_from(start).unwrap_or(0);
    let mut scan = Scan::new(stream, options, start);
    scan.run(vorbis)?;
    Ok(Part { start, frames: scan.frames, pixels: scan.pixels })
}

/// Finds `count - 1` pages at about equal distances.
fn cuts(path: &Path, stream: &VorbisStream, from: u64, count: u64) -> Result<Vec<Cut>> {
    let bytes = std::fs::metadata(path)?.len().saturating_sub(from);
    let mut cuts = Vec::new();
    for at in 1..count {
        let mut pages = Pages::new(Window::new(File::open(path)?, from + bytes * at / count)?);
        while let Some((page, _)) = pages.next_page()? {
            let (serial, packets, bytes) = (page.serial, page.packets, page.bytes as u64);
            if let (true, true, false, Some(granule)) =
                (serial == stream.serial, packets >= PACKETS_MIN, page.is_last, page.granule)
            {
                cuts.push(Cut { page_offset: pages.offset() - bytes, page_end: pages.offset(), granule });
                break;
            }
        }
    }
    Ok(cuts)
}

/// Pairs in the making.
struct Scan {
    pixels: WaveformPixels<f32>,
    budget: FrameBudget,
    frames: u64,
}

impl Scan {
    fn new(stream: &VorbisStream, options: WaveformOptions, start: u64) -> Self {
        let pixels = float_pixels(options.samples_per_pixel, start, stream.info.channels, FULL_SCALE);
        Self { pixels, budget: FrameBudget::new(&stream.info), frames: 0 }
    }

    fn run(&mut self, mut vorbis: Vorbis<File>) -> Result<()> {
        while let Some(slices) = vorbis.next_slices()? {
            self.push(&slices)?;
        }
        Ok(())
    }

    fn push(&mut self, slices: &Slices<'_>) -> Result<()> {
        let frames = slices.first().map_or(0, |slice| slice.len());
        self.budget.spend(frames)?;
        self.frames += frames as u64;
        push(&mut self.pixels, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::sniff_file;

    #[test]
    fn pk6_an_ogg_vorbis_in_parts_is_the_same_as_in_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/long.ogg");
        let found = sniff_file(&mut File::open(&path).unwrap()).unwrap();
        let by = |threads| {
            let options = WaveformOptions { samples_per_pixel: 100, threads };
            pairs_in_parts(&path, found, options, 1).unwrap()
        };
        let (_, stream) = Vorbis::open(File::open(&path).unwrap(), found).unwrap();
        let parts =
            parts(&path, found, &stream, WaveformOptions { samples_per_pixel: 100, threads: 2 }, 2).unwrap().unwrap();
        assert_eq!(parts.len(), 2);
        assert!(join(parts).unwrap().is_some());
        let alone = by(1);
        for threads in 2..=4 {
            assert_eq!(by(threads), alone, "by {threads}");
        }
    }
}
