//! Fractions whose phases are all tabled: sixteen output frames at a time.
//!
//! Sixteen consecutive output frames are a tile. They need nearly the same source frames, so a tile walks over these once: each is
//! multiplied by the sixteen weights that it has in the tile's frames (zero where it has none) and added to sixteen sums. So each
//! output frame is one sum, from zero, in the order of its taps, whichever tiles are computed together and wherever a block
//! begins; a weight of zero changes no sum.
//!
//! After a period of output frames the weights repeat. All tiles that share weights are computed one after the other, so that
//! the weights are read from memory once a block.

use super::design::Design;
use super::{Conversion, Job, greatest_common_divisor};

/// Output frames in a tile.
const WIDTH: usize = 16;
/// Periods of few frames are repeated to whole tiles up to this length.
const REPEATED_MAX: u32 = 1_024;

/// How a conversion's output frames lie in tiles.
#[derive(Clone, Copy)]
struct Layout {
    conversion: Conversion,
    /// Output frames until the weights repeat.
    period: usize,
    /// Source frames of a period.
    advance: usize,
    /// Tiles of a period; the last may be wider than what is left for it.
    tiles: usize,
    /// Source frames that a tile walks over.
    depth: usize,
}

impl Layout {
    fn of(conversion: &Conversion) -> Self {
        let Conversion { up, down, taps, .. } = *conversion;
        let repeated = up / greatest_common_divisor(up, WIDTH as u32) * WIDTH as u32;
        let period = if repeated <= REPEATED_MAX { repeated } else { up };
        Self {
            conversion: *conversion,
            period: period as usize,
            advance: (period / up * down) as usize,
            tiles: (period as usize).div_ceil(WIDTH),
            depth: (taps + ((WIDTH as u32 - 1) * down).div_ceil(up)) as usize,
        }
    }

    /// Where an output frame of the first period lies, in whole source frames.
    fn offset(&self, frame: usize) -> usize {
        self.conversion.position(frame as i64).0 as usize
    }
}

pub(super) fn table_len(conversion: &Conversion) -> usize {
    let layout = Layout::of(conversion);
    layout.tiles * layout.depth * WIDTH
}

/// Tile by tile, source frame by source frame, the weights in the tile's output frames.
pub(super) fn table(conversion: &Conversion) -> Vec<f32> {
    let layout = Layout::of(conversion);
    let mut table = vec![0.0; table_len(conversion)];
    let mut design = Design::new(conversion);
    for once in 0..conversion.up as usize {
        let (_, phase) = conversion.position(once as i64);
        let row: Vec<f32> = design.row(phase).collect();
        for frame in (once..layout.period).step_by(conversion.up as usize) {
            let (tile, lane) = (frame / WIDTH, frame % WIDTH);
            let begin = tile * layout.depth + layout.offset(frame) - layout.offset(tile * WIDTH);
            for (weights, h) in table.as_chunks_mut::<WIDTH>().0[begin..].iter_mut().zip(&row) {
                weights[lane] = *h;
            }
        }
    }
    table
}

/// A tile of a job.
#[derive(Clone, Copy)]
struct Tile {
    /// Its number in its period.
    number: usize,
    /// Where its frames begin in the output: it may begin before it, and reach beyond it.
    at: i64,
    /// Where its source frames begin in the source, likewise.
    from: i64,
}

/// Computes `T` tiles at a time, as many as keep the sums in registers.
#[inline(always)]
pub(super) fn run<const N: usize, const T: usize>(mut job: Job<'_, N>) {
    let layout = Layout::of(&job.conversion);
    let (weights, _) = job.table.as_chunks::<WIDTH>();
    let sources = job.source.iter().map(|channel| channel.len()).min().unwrap_or(0) as i64;
    let frames = job.frames() as i64;
    let (begin, _) = job.conversion.position(job.first);
    let period = layout.period as i64;
    let periods = job.first.div_euclid(period)..=(job.first + frames - 1).div_euclid(period);
    let mut waiting = [Tile { number: 0, at: 0, from: 0 }; T];
    let mut count = 0;
    for number in 0..layout.tiles {
        let offset = layout.offset(number * WIDTH) as i64;
        for n in periods.clone() {
            let at = n * period + (number * WIDTH) as i64 - job.first;
            let from = n * layout.advance as i64 + offset - begin;
            let tile = Tile { number, at, from };
            if at >= frames || at + layout.width(number) as i64 <= 0 {
                continue;
            }
            if from < 0 || from + layout.depth as i64 > sources {
                compute(&layout, weights, [tile], &mut job);
                continue;
            }
            waiting[count] = tile;
            count += 1;
            if count == T {
                compute(&layout, weights, waiting, &mut job);
                count = 0;
            }
        }
    }
    waiting[..count].iter().for_each(|tile| compute(&layout, weights, [*tile], &mut job));
}

impl Layout {
    /// Frames that a tile really has.
    fn width(&self, number: usize) -> usize {
        WIDTH.min(self.period - number * WIDTH)
    }
}

/// Several tiles, all of which lie within the source; or one, of which only those source frames are read that are there: the
/// others have no weight in the frames that are wanted.
#[inline(always)]
fn compute<const N: usize, const T: usize>(
    layout: &Layout,
    weights: &[[u32; WIDTH]],
    tiles: [Tile; T],
    job: &mut Job<'_, N>,
) {
    let sources = job.source.iter().map(|channel| channel.len()).min().unwrap_or(0) as i64;
    let first = tiles[0];
    let (skip, end) = (-first.from.min(0), (sources - first.from).min(layout.depth as i64));
    let depth = (end - skip).max(0) as usize;
    let sums = sweep(
        tiles.map(|tile| &weights[tile.number * layout.depth + skip as usize..][..depth]),
        tiles.map(|tile| job.source.map(|channel| &channel[(tile.from + skip) as usize..][..depth])),
    );
    for (tile, sums) in tiles.iter().zip(sums) {
        let lane = -tile.at.min(0) as usize;
        for (output, sums) in job.output.iter_mut().zip(sums) {
            let output = &mut output[tile.at.max(0) as usize..];
            if let (0, WIDTH, Some(output)) = (lane, layout.width(tile.number), output.first_chunk_mut()) {
                *output = sums;
            } else {
                let sums = &sums[lane..layout.width(tile.number)];
                output.iter_mut().zip(sums).for_each(|(output, sum)| *output = *sum);
            }
        }
    }
}

/// The sums of `T` tiles of `N` channels. All slices are equally long.
#[inline(always)]
fn sweep<const N: usize, const T: usize>(
    weights: [&[[u32; WIDTH]]; T],
    source: [[&[f32]; N]; T],
) -> [[[f32; WIDTH]; N]; T] {
    let mut sums = [[[0.0; WIDTH]; N]; T];
    let depth = weights[0].len();
    let weights = weights.map(|weights| &weights[..depth]);
    let source = source.map(|channels| channels.map(|channel| &channel[..depth]));
    for j in 0..depth {
        for tile in 0..T {
            let h = weights[tile][j].map(f32::from_bits);
            for channel in 0..N {
                let x = source[tile][channel][j];
                for lane in 0..WIDTH {
                    sums[tile][channel][lane] += h[lane] * x;
                }
            }
        }
    }
    sums
}
