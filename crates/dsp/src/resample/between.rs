//! Fractions of more phases than are tabled: two neighbouring rows of the table, and a straight line between their results.
//!
//! Tap `k` is added to lane `k mod 16`; then lanes are folded. No two output frames need the same weights, so there is nothing
//! that `tiles` could share.

use super::design::Design;
use super::{Conversion, Job};

/// Sums run in this many lanes.
pub(super) const LANES: usize = 16;

/// One row a phase, and one more to interpolate to.
pub(super) fn table_len(conversion: &Conversion) -> usize {
    (conversion.phases as usize + 1) * conversion.taps as usize
}

pub(super) fn table(conversion: &Conversion) -> Vec<f32> {
    let mut design = Design::new(conversion);
    let mut table = Vec::with_capacity(table_len(conversion));
    (0..=conversion.phases).for_each(|phase| table.extend(design.row(phase)));
    table
}

#[inline(always)]
pub(super) fn run<const N: usize>(mut job: Job<'_, N>) {
    let taps = job.conversion.taps as usize;
    let frames = job.frames();
    for (n, place) in places(job.conversion, job.first).take(frames).enumerate() {
        let row = |row: usize| job.table.get(row * taps..(row + 1) * taps);
        let (Some(a), Some(b)) = (row(place.row), row(place.row + 1)) else { return };
        let windows = job.source.map(|channel| channel.get(place.offset..place.offset + taps).unwrap_or(&[]));
        if windows.iter().any(|window| window.is_empty()) {
            return;
        }
        let (a, b) = (dot(a, windows), dot(b, windows));
        for (channel, (a, b)) in job.output.iter_mut().zip(a.into_iter().zip(b)) {
            channel[n] = a + (b - a) * place.between;
        }
    }
}

/// Where an output frame's window begins within the source slice, and which rows weigh it.
struct Place {
    offset: usize,
    row: usize,
    between: f32,
}

fn places(conversion: Conversion, first: i64) -> Places {
    let (_, phase) = conversion.position(first);
    let Conversion { up, down, .. } = conversion;
    Places { conversion, offset: 0, phase, whole: down / up, part: down % up }
}

struct Places {
    conversion: Conversion,
    offset: usize,
    phase: u32,
    whole: u32,
    part: u32,
}

impl Iterator for Places {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let Conversion { up, phases, .. } = self.conversion;
        let at = u64::from(self.phase) * u64::from(phases);
        let between = (at % u64::from(up)) as i64 as f32 / up as f32;
        let place = Place { offset: self.offset, row: (at / u64::from(up)) as usize, between };
        self.offset += self.whole as usize;
        self.phase += self.part;
        if self.phase >= up {
            self.phase -= up;
            self.offset += 1;
        }
        Some(place)
    }
}

/// Sixteen lanes a channel, then halves are added to halves: 8, 4, 2, 1.
#[inline(always)]
fn dot<const N: usize>(coefficients: &[u32], windows: [&[f32]; N]) -> [f32; N] {
    let mut lanes = [[0.0f32; LANES]; N];
    let (coefficients, _) = coefficients.as_chunks::<LANES>();
    let windows = windows.map(|window| &window.as_chunks::<LANES>().0[..coefficients.len()]);
    for (n, h) in coefficients.iter().enumerate() {
        let h = h.map(f32::from_bits);
        for channel in 0..N {
            let x = &windows[channel][n];
            for lane in 0..LANES {
                lanes[channel][lane] += h[lane] * x[lane];
            }
        }
    }
    core::array::from_fn(|channel| fold(&lanes[channel]))
}

/// Not inlined: its pairs would lead the compiler to keep the lanes in pairs, at a third of the speed.
#[inline(never)]
fn fold(l: &[f32; LANES]) -> f32 {
    let eight: [f32; 8] = core::array::from_fn(|n| l[n] + l[n + 8]);
    let four: [f32; 4] = core::array::from_fn(|n| eight[n] + eight[n + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
