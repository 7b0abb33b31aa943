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

/// A sliding window over a signal: what was, and a block of what comes.
#[derive(Clone, Debug)]
struct Window {
    samples: Vec<f32>,
    past: usize,
}

impl Window {
    fn new(past: usize, block: usize) -> Self {
        Self { samples: vec![0.0; past + block], past }
    }

    /// Takes a block; the slice begins `past` samples before it.
    fn push(&mut self, block: &[f32]) -> &[f32] {
        let end = self.past + block.len();
        self.samples[self.past..end].copy_from_slice(block);
        &self.samples[..end]
    }

    /// The block is past.
    fn slide(&mut self, block: usize) {
        self.samples.copy_within(block..block + self.past, 0);
    }

    fn clear(&mut self) {
        self.samples.fill(0.0);
    }

    fn snap(&mut self) {
        for x in &mut self.samples[..self.past] {
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

/// One channel on its way to four times its rate and back.
#[derive(Clone, Debug)]
pub struct Oversampler {
    outer: [f32; OUTER],
    inner: [f32; INNER],
    up_outer: Window,
    up_inner: Window,
    down_inner: [Window; 2],
    down_outer: [Window; 2],
    late: f32,
}

impl Oversampler {
    /// Allocates what it needs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            outer: half_band(),
            inner: half_band(),
            up_outer: Window::new(2 * OUTER - 1, SEGMENT),
            up_inner: Window::new(2 * INNER - 1, 2 * SEGMENT),
            down_inner: [Window::new(INNER - 1, 2 * SEGMENT), Window::new(2 * INNER - 1, 2 * SEGMENT)],
            down_outer: [Window::new(OUTER - 1, SEGMENT), Window::new(2 * OUTER - 1, SEGMENT)],
            late: 0.0,
        }
    }

    /// Forgets all sound.
    pub fn clear(&mut self) {
        let Self { up_outer, up_inner, down_inner: [a, b], down_outer: [c, d], .. } = self;
        [up_outer, up_inner, a, b, c, d].into_iter().for_each(Window::clear);
        self.late = 0.0;
    }

    /// Silence in its memory becomes exact.
    pub fn snap(&mut self) {
        let Self { up_outer, up_inner, down_inner: [a, b], down_outer: [c, d], .. } = self;
        [up_outer, up_inner, a, b, c, d].into_iter().for_each(Window::snap);
    }

    /// Sends up to [`SEGMENT`] frames through `shape` at four times the rate, [`LATENCY`] frames late. `shape` gets frames in
    /// two runs, each second frame in each, so it must treat every sample by itself.
    pub fn process(&mut self, samples: &mut [f32], mut shape: impl FnMut(&mut [f32])) {
        let n = samples.len().min(SEGMENT);
        let samples = &mut samples[..n];
        let (mut twice, mut halves) = ([0.0f32; 2 * SEGMENT], [0.0f32; SEGMENT]);
        let x = self.up_outer.push(samples);
        between(&self.outer, x, &mut halves[..n]);
        for (i, pair) in twice.as_chunks_mut::<2>().0.iter_mut().take(n).enumerate() {
            *pair = [x[i + OUTER - 1], halves[i]];
        }
        self.up_outer.slide(n);

        let (twice, mut odd) = (&mut twice[..2 * n], [0.0f32; 2 * SEGMENT]);
        let (odd, mut even) = (&mut odd[..2 * n], [0.0f32; 2 * SEGMENT]);
        let x = self.up_inner.push(twice);
        between(&self.inner, x, odd);
        let even = &mut even[..2 * n];
        even.copy_from_slice(&x[INNER - 1..][..2 * n]);
        self.up_inner.slide(2 * n);

        shape(even);
        shape(odd);

        self.down_inner(even, odd, twice);
        self.down_outer(twice, samples);
    }

    /// Four times the rate to twice: the mean of each second sample and what the others say lies there.
    fn down_inner(&mut self, even: &[f32], odd: &[f32], twice: &mut [f32]) {
        let [evens, odds] = &mut self.down_inner;
        let (middle, x) = (evens.push(even), odds.push(odd));
        between(&self.inner, x, twice);
        for (y, e) in twice.iter_mut().zip(middle) {
            *y = 0.5 * (*e + *y);
        }
        evens.slide(even.len());
        odds.slide(odd.len());
    }

    fn down_outer(&mut self, twice: &[f32], samples: &mut [f32]) {
        let n = samples.len();
        // One frame of twice the rate later, so that the way takes whole frames.
        let (mut even, mut odd) = ([0.0f32; SEGMENT], [0.0f32; SEGMENT]);
        for ((e, o), [first, second]) in even.iter_mut().zip(&mut odd).zip(twice.as_chunks::<2>().0) {
            (*e, *o) = (self.late, *first);
            self.late = *second;
        }
        let [evens, odds] = &mut self.down_outer;
        let (middle, x) = (evens.push(&even[..n]), odds.push(&odd[..n]));
        between(&self.outer, x, samples);
        for (y, e) in samples.iter_mut().zip(middle) {
            *y = 0.5 * (*e + *y);
        }
        evens.slide(n);
        odds.slide(n);
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
    window: Window,
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
        Self { phases, window: Window::new(PHASE_TAPS - 1, SEGMENT) }
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
