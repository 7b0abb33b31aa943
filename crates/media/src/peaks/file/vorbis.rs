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
    let count = (threads(options) as u64).min(bytes / part_bytes_min).max(1);
    if let Some(parts) = parts(path, first, &stream, options, count)
        && let Some(pairs) = join(parts)?
    {
        return Ok((stream.info.sample_rate, pairs));
    }
    let (first, _) = Vorbis::open(File::open(path)?, found)?;
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

/// What a thread does.
struct Work {
    /// The first part goes on with what has been begun.
    begun: Option<(Vorbis<File>, Scan)>,
    from: Option<Cut>,
    to: Option<Cut>,
}

/// `None` when a part cannot be decoded.
fn parts(
    path: &Path,
    mut first: Vorbis<File>,
    stream: &VorbisStream,
    options: WaveformOptions,
    count: u64,
) -> Option<Vec<Part<f32>>> {
    let mut scan = Scan::new(stream, options, 0);
    scan.push(&first.next_slices().ok()??).ok()?;
    let origin = first.origin()?;
    let cuts = cuts(path, stream, first.offset(), count).ok()?;
    let mut begun = Some((first, scan));
    let starts = std::iter::once(None).chain(cuts.iter().copied().map(Some));
    let ends = cuts.iter().copied().map(Some).chain([None]);
    let work = starts.zip(ends).map(|(from, to)| Work { begun: begun.take(), from, to }).collect();
    side_by_side(work, threads(options), |work| part(path, stream, options, origin, work).ok().flatten())
        .into_iter()
        .collect()
}

fn part(
    path: &Path,
    stream: &VorbisStream,
    options: WaveformOptions,
    origin: i64,
    work: Work,
) -> Result<Option<Part<f32>>> {
    // Where the stream starts later than position 0, frames are counted from there.
    let start = work.from.map_or(0, |cut| origin.min(0).saturating_add_unsigned(cut.granule));
    let start = u64::try_from(start).unwrap_or(0);
    let begun = match (work.begun, work.from) {
        (Some(begun), _) => Some(begun),
        (None, Some(cut)) => Vorbis::resume(File::open(path)?, stream, cut.page_offset, cut.granule, origin)?
            .map(|vorbis| (vorbis, Scan::new(stream, options, start))),
        (None, None) => None,
    };
    let Some((mut vorbis, mut scan)) = begun else { return Ok(None) };
    if let Some(cut) = work.to {
        vorbis.stop_at(cut.page_end);
    }
    scan.run(vorbis)?;
    Ok(Some(Part { start, frames: scan.frames, pixels: scan.pixels }))
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
        if !slices.iter().any(|slice| is_beyond_full_scale(slice)) {
            return push(&mut self.pixels, slices);
        }
        let wrapped: Vec<Vec<f32>> = slices.iter().map(|slice| slice.iter().map(|x| wrap(*x)).collect()).collect();
        push(&mut self.pixels, &Slices::new(wrapped.iter().map(Vec::as_slice)))
    }
}

fn is_beyond_full_scale(samples: &[f32]) -> bool {
    // Magnitudes compare like their bits. Or-ing signs of differences keeps the loop free of branches.
    const ONE: i32 = 1.0f32.to_bits().cast_signed();
    let signs = samples.iter().fold(0, |signs, sample| signs | (ONE - sample.abs().to_bits().cast_signed()));
    signs < 0
}

/// What libsndfile makes of a sample beyond full scale on its way to 16 bits: it wraps around (rule PK2).
fn wrap(sample: f32) -> f32 {
    f32::from((sample * FULL_SCALE).round_ties_even() as i64 as i16) / FULL_SCALE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::sniff_file;

    #[test]
    fn pk2_beyond_full_scale_wraps_as_in_libsndfile() {
        assert!(!is_beyond_full_scale(&[1.0, -1.0, 0.0]) && is_beyond_full_scale(&[0.0, -1.000_001]));
        assert!(is_beyond_full_scale(&[f32::INFINITY]));
        assert_eq!([0.5, -1.0, 1.5].map(|x| (wrap(x) * FULL_SCALE).round()), [16_384.0, -32_767.0, -16_386.0]);
    }

    #[test]
    fn pk6_an_ogg_vorbis_in_parts_is_the_same_as_in_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/long.ogg");
        let found = sniff_file(&mut File::open(&path).unwrap()).unwrap();
        let by = |threads| {
            let options = WaveformOptions { samples_per_pixel: 100, threads };
            pairs_in_parts(&path, found, options, 1).unwrap()
        };
        let (first, stream) = Vorbis::open(File::open(&path).unwrap(), found).unwrap();
        let options = WaveformOptions { samples_per_pixel: 100, threads: 2 };
        let parts = parts(&path, first, &stream, options, 2).unwrap();
        assert_eq!(parts.len(), 2);
        assert!(join(parts).unwrap().is_some());
        let alone = by(1);
        for threads in 2..=4 {
            assert_eq!(by(threads), alone, "by {threads}");
        }
    }
}
