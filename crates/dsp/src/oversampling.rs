//! Four times the sample rate and back, in two steps of linear-phase half-band filters; and the signal between the samples.
//!
//! A half-band filter's every other coefficient is 0 and it is symmetric, so that `2·M` coefficients cost `M` products
//! (F. Mintzer, "On Half-Band, Third-Band, and Nth-Band FIR Filters and Their Design", 1982). The coefficients are a sinc under
//! Kaiser's window, [`crate::window::kaiser`]. Sums run from the middle outwards, tap by tap over a block.

use crate::device::controls::SEGMENT;
use crate::wide::wide;
use crate::window::{kaiser, sinc};

/// Pairs of coefficients of the step between the signal's rate and twice that: flat to 0.42 of the rate.
const OUTER: usize = 16;
/// Pairs of coefficients of the step between twice and four times the rate, which has an octave to fall.
const INNER: usize = 5;
/// Frames that going up and coming back takes: `2·OUTER - 1`, and `INNER` with one frame of twice the rate to make it whole.
pub const LATENCY: u32 = (2 * OUTER - 1 + INNER) as u32;
/// Kaiser's β of both filters.
const BETA: f64 = 7.5;

fn half_band<const M: usize>() -> [f32; M] {
    let at = |k: usize| k as f64 + 0.5;
    let raw: [f64; M] = core::array::from_fn(|k| sinc(at(k)) * kaiser(at(k) / M as f64, BETA));
    let sum: f64 = raw.iter().sum();
    raw.map(|c| (c / (2.0 * sum)) as f32)
}

/// A sliding window over a signal: the last `PAST` samples of what was, and a block of what comes.
#[derive(Clone, Debug)]
struct Window<const PAST: usize> {
    samples: Vec<f32>,
}

impl<const PAST: usize> Window<PAST> {
    fn new() -> Self {
        Self { samples: vec![0.0; PAST + SEGMENT] }
    }

    /// Takes a block; the slice begins `PAST` samples before it.
    fn push(&mut self, block: &[f32]) -> &[f32] {
        self.block(block.len()).copy_from_slice(block);
        self.all(block.len())
    }

    /// Where a block of so many samples is written.
    fn block(&mut self, frames: usize) -> &mut [f32] {
        &mut self.samples[PAST..PAST + frames]
    }

    /// What was, and a block of so many samples.
    fn all(&self, frames: usize) -> &[f32] {
        &self.samples[..PAST + frames]
    }

    /// The block is past.
    fn slide(&mut self, block: usize) {
        // Of a length that the compiler knows, it goes through registers.
        if let Some(past) = self.samples[block..].first_chunk::<PAST>().copied() {
            self.samples[..PAST].copy_from_slice(&past);
        }
    }

    fn clear(&mut self) {
        self.samples.fill(0.0);
    }

    fn snap(&mut self) {
        for x in &mut self.samples[..PAST] {
            *x = if x.abs() < crate::device::SILENCE as f32 { 0.0 } else { *x };
        }
    }
}

wide! {
    /// The sums `Σ taps[k]·(x[i + M-1-k] + x[i + M+k])`: the signal half way between `x[i + M-1]` and `x[i + M]`.
    fn between<const M: usize>(taps: &[f32; M], x: &[f32], sums: &mut [f32]) {
        let n = sums.len();
        let mut i = 0;
        // Blocks of sixteen keep their sums in registers.
        while i + 16 <= n {
            let mut sum = [0.0f32; 16];
            // One look at the bounds for all taps.
            let x = &x[i..i + 2 * M + 15];
            for (k, tap) in taps.iter().enumerate() {
                let (before, after) = (&x[M - 1 - k..][..16], &x[M + k..][..16]);
                for lane in 0..16 {
                    sum[lane] += *tap * (before[lane] + after[lane]);
                }
            }
            sums[i..i + 16].copy_from_slice(&sum);
            i += 16;
        }
        for (i, sum) in sums.iter_mut().enumerate().skip(i) {
            *sum = 0.0;
            for (k, tap) in taps.iter().enumerate() {
                *sum += *tap * (x[i + M - 1 - k] + x[i + M + k]);
            }
        }
    }
}

wide! {
    /// The same in a signal that is woven of two, `x[0], y[0], x[1], y[1], …`: half way between `y[i + 2]` and `x[i + 3]`.
    fn between_woven(taps: &[f32; INNER], x: &[f32], y: &[f32], sums: &mut [f32]) {
        let n = sums.len();
        let mut i = 0;
        while i + 16 <= n {
            let mut sum = [0.0f32; 16];
            let (x, y) = (&x[i..i + INNER + 16], &y[i..i + INNER + 15]);
            for (tap, (before, after)) in taps.iter().zip(pairs(x, y)) {
                let (before, after) = (&before[..16], &after[..16]);
                for lane in 0..16 {
                    sum[lane] += *tap * (before[lane] + after[lane]);
                }
            }
            sums[i..i + 16].copy_from_slice(&sum);
            i += 16;
        }
        for (i, sum) in sums.iter_mut().enumerate().skip(i) {
            *sum = 0.0;
            for (tap, (before, after)) in taps.iter().zip(pairs(&x[i..], &y[i..])) {
                *sum += *tap * (before[0] + after[0]);
            }
        }
    }
}

/// The pairs of neighbours of the middle of `x[0], y[0], x[1], y[1], …, x[5]`, the nearest first.
#[inline(always)]
fn pairs<'a>(x: &'a [f32], y: &'a [f32]) -> [(&'a [f32], &'a [f32]); INNER] {
    [(&y[2..], &x[3..]), (&x[2..], &y[3..]), (&y[1..], &x[4..]), (&x[1..], &y[4..]), (y, &x[5..])]
}

/// Each becomes its mean with another.
fn mean(samples: &mut [f32], others: &[f32]) {
    for (y, other) in samples.iter_mut().zip(others) {
        *y = 0.5 * (*other + *y);
    }
}

/// One channel on its way to four times its rate and back.
///
/// The frames of the higher rates are never put in a row: each run holds every second, or every fourth, so that all loops go over neighbours.
#[derive(Clone, Debug)]
pub struct Oversampler {
    outer: [f32; OUTER],
    inner: [f32; INNER],
    /// The signal, and what lies half way between its samples.
    signal: Window<{ 2 * OUTER - 1 }>,
    halves: Window<INNER>,
    /// Four times the rate, shaped: those two, and what lies half way behind each.
    wholes: [Window<2>; 2],
    quarters: [Window<INNER>; 2],
    /// Twice the rate on the way back.
    first: Window<{ 2 * OUTER - 1 }>,
    second: Window<OUTER>,
}

impl Oversampler {
    /// Allocates what it needs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            outer: half_band(),
            inner: half_band(),
            signal: Window::new(),
            halves: Window::new(),
            wholes: [Window::new(), Window::new()],
            quarters: [Window::new(), Window::new()],
            first: Window::new(),
            second: Window::new(),
        }
    }

    /// Forgets all sound.
    pub fn clear(&mut self) {
        self.signal.clear();
        self.halves.clear();
        self.wholes.iter_mut().for_each(Window::clear);
        self.quarters.iter_mut().for_each(Window::clear);
        self.first.clear();
        self.second.clear();
    }

    /// Silence in its memory becomes exact.
    pub fn snap(&mut self) {
        self.signal.snap();
        self.halves.snap();
        self.wholes.iter_mut().for_each(Window::snap);
        self.quarters.iter_mut().for_each(Window::snap);
        self.first.snap();
        self.second.snap();
    }

    /// Sends up to [`SEGMENT`] frames through `shape` at four times the rate, [`LATENCY`] frames late. `shape` gets frames in
    /// four runs, each fourth frame in each, so it must treat every sample by itself.
    pub fn process(&mut self, samples: &mut [f32], mut shape: impl FnMut(&mut [f32])) {
        let n = samples.len().min(SEGMENT);
        let samples = &mut samples[..n];
        let Self { outer, inner, signal, halves, wholes: [whole, half], quarters: [quarter, third], first, second } =
            self;
        // Up: once more as many between the frames, and again between those.
        let x = signal.push(samples);
        between(outer, x, halves.block(n));
        let (x, y) = (&x[OUTER - 1 - INNER..][..INNER + n], halves.all(n));
        whole.block(n).copy_from_slice(&y[INNER / 2..][..n]);
        half.block(n).copy_from_slice(&x[INNER / 2 + 1..][..n]);
        between_woven(inner, x, y, quarter.block(n));
        between_woven(inner, y, &x[1..], third.block(n));
        signal.slide(n);
        halves.slide(n);

        shape(whole.block(n));
        shape(half.block(n));
        shape(quarter.block(n));
        shape(third.block(n));

        // Down: the mean of each second frame and what the others say lies there.
        let (x, y) = (quarter.all(n), third.all(n));
        between_woven(inner, x, y, first.block(n));
        between_woven(inner, y, &x[1..], second.block(n));
        mean(first.block(n), whole.all(n));
        mean(second.block(n), half.all(n));
        quarter.slide(n);
        third.slide(n);
        whole.slide(n);
        half.slide(n);
        // One frame of twice the rate later, so that the way takes whole frames.
        between(outer, first.all(n), samples);
        mean(samples, second.all(n));
        first.slide(n);
        second.slide(n);
    }
}

impl Default for Oversampler {
    fn default() -> Self {
        Self::new()
    }
}

/// Coefficients of each phase of [`Between`].
pub const PHASE_TAPS: usize = 48;
/// Kaiser's β of [`Between`]: low, because what it misses close to half the rate counts for more than its ripple of 0.05 dB.
const BETWEEN_BETA: f64 = 2.5;
/// By how many frames [`Between`] is late.
pub const BETWEEN_LATENCY: usize = PHASE_TAPS / 2;

/// One channel's magnitudes at four times its rate: what a true-peak meter measures (ITU-R BS.1770-4, annex 2, with a longer
/// filter than the one given there as an example: 48 coefficients a phase instead of 12).
#[derive(Clone, Debug)]
pub struct Between {
    phases: [[f32; PHASE_TAPS]; 3],
    window: Window<{ PHASE_TAPS - 1 }>,
}

impl Between {
    /// Allocates what it needs.
    #[must_use]
    pub fn new() -> Self {
        let phases = core::array::from_fn(|p| {
            let phase = (p + 1) as f64 / 4.0;
            let at = |k: usize| k as f64 - (PHASE_TAPS / 2 - 1) as f64 - phase;
            let raw: [f64; PHASE_TAPS] =
                core::array::from_fn(|k| sinc(at(k)) * kaiser(at(k) / (PHASE_TAPS / 2) as f64, BETWEEN_BETA));
            let sum: f64 = raw.iter().sum();
            raw.map(|c| (c / sum) as f32)
        });
        Self { phases, window: Window::new() }
    }

    /// Forgets all sound.
    pub fn clear(&mut self) {
        self.window.clear();
    }

    /// Raises each of `peaks` to the largest magnitude from a sample on to (but without) the next one, for the samples
    /// [`BETWEEN_LATENCY`] before those given. Up to [`SEGMENT`] frames.
    pub fn raise(&mut self, samples: &[f32], peaks: &mut [f32]) {
        let n = samples.len().min(peaks.len()).min(SEGMENT);
        let x = self.window.push(&samples[..n]);
        for (peak, sample) in peaks.iter_mut().zip(&x[PHASE_TAPS / 2 - 1..]).take(n) {
            *peak = crate::mix::larger(*peak, sample.abs());
        }
        let mut sums = [0.0f32; SEGMENT];
        for taps in &self.phases {
            convolve(taps, x, &mut sums[..n]);
            for (peak, sum) in peaks.iter_mut().zip(&sums).take(n) {
                *peak = crate::mix::larger(*peak, sum.abs());
            }
        }
        self.window.slide(n);
    }
}

impl Default for Between {
    fn default() -> Self {
        Self::new()
    }
}

/// `Σ taps[k]·x[i + k]`, in the order of the taps.
fn convolve(taps: &[f32; PHASE_TAPS], x: &[f32], sums: &mut [f32]) {
    let n = sums.len();
    let mut i = 0;
    while i + 16 <= n {
        let mut sum = [0.0f32; 16];
        let x = &x[i..i + PHASE_TAPS + 15];
        for (k, tap) in taps.iter().enumerate() {
            let x = &x[k..][..16];
            for lane in 0..16 {
                sum[lane] += *tap * x[lane];
            }
        }
        sums[i..i + 16].copy_from_slice(&sum);
        i += 16;
    }
    for (i, sum) in sums.iter_mut().enumerate().skip(i) {
        *sum = 0.0;
        for (k, tap) in taps.iter().enumerate() {
            *sum += *tap * x[i + k];
        }
    }
}

#[cfg(test)]
mod tests;
