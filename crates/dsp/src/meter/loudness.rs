//! Loudness of a stereo signal: momentary, short term, integrated, and its range.
//!
//! ITU-R BS.1770-4 (K-weighting, gating), EBU R 128, EBU Tech 3341 (time scales) and EBU Tech 3342 (range). The standard prints the
//! filters for 48 kHz only; for other rates they are made from the analogue filters that these are the bilinear transforms of
//! (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 145, 2018).
//!
//! Energy is summed over steps of [`STEP_MS`]; momentary is of the last 400 ms, short term of the last 3 s. Each 100 ms one of
//! either goes into a histogram (bins of 0.05 LU that keep the sum of what they hold), so memory does not grow with time and the
//! integrated loudness is exact but for the blocks in the very bin of the gate.

use crate::device::SILENCE;
use crate::device::controls::heard;

/// Milliseconds of a step.
pub const STEP_MS: u32 = 10;
/// Steps of the momentary loudness.
const MOMENTARY: usize = 40;
/// Steps of the short-term loudness.
const SHORT_TERM: usize = 300;
/// Steps between two blocks of the gated measures.
const BLOCK_EVERY: u64 = 10;
/// Blocks below this, in LUFS, count for nothing.
pub const ABSOLUTE_GATE: f64 = -70.0;
/// Bins per LU.
const BINS_PER_LU: f64 = 20.0;
/// Bins of a histogram: 110 LU from the absolute gate on; what is louder is in the last one.
const BINS: usize = 2_200;

/// The meter.
#[derive(Clone, Debug)]
pub struct Loudness {
    shelf: Biquad,
    high_pass: Biquad,
    step_frames: u32,
    frames: u32,
    sum: f64,
    /// Energies of the last steps.
    steps: [f64; SHORT_TERM],
    count: u64,
    blocks: Histogram,
    ranges: Histogram,
    momentary_max: f64,
    short_term_max: f64,
}

impl Loudness {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self {
            shelf: Biquad::shelf(f64::from(rate)),
            high_pass: Biquad::high_pass(f64::from(rate)),
            step_frames: (rate * STEP_MS / 1_000).max(1),
            frames: 0,
            sum: 0.0,
            steps: [0.0; SHORT_TERM],
            count: 0,
            blocks: Histogram::new(),
            ranges: Histogram::new(),
            momentary_max: f64::NEG_INFINITY,
            short_term_max: f64::NEG_INFINITY,
        }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.shelf.state = [[0.0; 2]; 2];
        self.high_pass.state = [[0.0; 2]; 2];
        (self.frames, self.sum, self.count) = (0, 0.0, 0);
        self.steps = [0.0; SHORT_TERM];
        self.blocks.clear();
        self.ranges.clear();
        (self.momentary_max, self.short_term_max) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    }

    /// Hears a block; what is no number is silence.
    pub fn hear(&mut self, left: &[f32], right: &[f32]) {
        for (l, r) in left.iter().zip(right) {
            let x = [f64::from(heard(*l)), f64::from(heard(*r))];
            let [l, r] = self.high_pass.tick(self.shelf.tick(x));
            self.sum += l * l + r * r;
            self.frames += 1;
            if self.frames == self.step_frames {
                self.step();
            }
        }
    }

    fn step(&mut self) {
        self.shelf.snap();
        self.high_pass.snap();
        self.steps[(self.count % SHORT_TERM as u64) as usize] = self.sum / f64::from(self.step_frames);
        self.count += 1;
        (self.frames, self.sum) = (0, 0.0);
        let (momentary, short_term) = (self.mean(MOMENTARY), self.mean(SHORT_TERM));
        if self.count >= MOMENTARY as u64 {
            self.momentary_max = self.momentary_max.max(loudness_of(momentary));
            if self.count.is_multiple_of(BLOCK_EVERY) {
                self.blocks.add(momentary);
            }
        }
        if self.count >= SHORT_TERM as u64 {
            self.short_term_max = self.short_term_max.max(loudness_of(short_term));
            if self.count.is_multiple_of(BLOCK_EVERY) {
                self.ranges.add(short_term);
            }
        }
    }

    /// The mean energy of the last steps, oldest first.
    fn mean(&self, steps: usize) -> f64 {
        let first = self.count + (SHORT_TERM - steps) as u64;
        let energy = |n: u64| self.steps[((first + n) % SHORT_TERM as u64) as usize];
        (0..steps as u64).map(energy).fold(0.0, |sum, x| sum + x) / steps as f64
    }

    /// Of the last 400 ms, in LUFS; minus infinity for silence.
    #[must_use]
    pub fn momentary(&self) -> f64 {
        loudness_of(self.mean(MOMENTARY))
    }

    /// Of the last 3 s, in LUFS; minus infinity for silence.
    #[must_use]
    pub fn short_term(&self) -> f64 {
        loudness_of(self.mean(SHORT_TERM))
    }

    /// The largest momentary loudness, in LUFS; minus infinity before the first 400 ms.
    #[must_use]
    pub fn momentary_max(&self) -> f64 {
        self.momentary_max
    }

    /// The largest short-term loudness, in LUFS; minus infinity before the first 3 s.
    #[must_use]
    pub fn short_term_max(&self) -> f64 {
        self.short_term_max
    }

    /// Of all blocks that are louder than -70 LUFS and than 10 LU below the mean of those, in LUFS; minus infinity if there are
    /// none.
    #[must_use]
    pub fn integrated(&self) -> f64 {
        let gate = loudness_of(self.blocks.mean_from(f64::NEG_INFINITY)) - 10.0;
        loudness_of(self.blocks.mean_from(gate))
    }

    /// The range in LU: between the 10th and the 95th of a hundred short-term loudnesses that are above -70 LUFS and above 20 LU
    /// below the mean of those.
    #[must_use]
    pub fn range(&self) -> f64 {
        let gate = loudness_of(self.ranges.mean_from(f64::NEG_INFINITY)) - 20.0;
        self.ranges.percentile(gate, 0.95) - self.ranges.percentile(gate, 0.10)
    }
}

/// LUFS of a mean energy of both channels after K-weighting.
fn loudness_of(energy: f64) -> f64 {
    if energy > 0.0 { -0.691 + 10.0 * libm::log10(energy) } else { f64::NEG_INFINITY }
}

/// How many blocks had which loudness.
#[derive(Clone, Debug)]
struct Histogram {
    /// Blocks and the sum of their energies, bin by bin.
    bins: Vec<(u64, f64)>,
}

impl Histogram {
    fn new() -> Self {
        Self { bins: vec![(0, 0.0); BINS] }
    }

    fn clear(&mut self) {
        self.bins.fill((0, 0.0));
    }

    fn add(&mut self, energy: f64) {
        let above = loudness_of(energy) - ABSOLUTE_GATE;
        if above > 0.0 {
            let (count, sum) = &mut self.bins[((above * BINS_PER_LU) as usize).min(BINS - 1)];
            *count += 1;
            *sum += energy;
        }
    }

    /// The bins that are on the mean as loud as `gate`.
    fn loud(&self, gate: f64) -> impl Iterator<Item = (u64, f64)> {
        let loud = move |(count, sum): &(u64, f64)| *count > 0 && loudness_of(*sum / *count as f64) >= gate;
        self.bins.iter().copied().filter(loud)
    }

    fn mean_from(&self, gate: f64) -> f64 {
        let (count, sum) = self.loud(gate).fold((0, 0.0), |(count, sum), bin| (count + bin.0, sum + bin.1));
        if count > 0 { sum / count as f64 } else { 0.0 }
    }

    /// The loudness that a share of the blocks does not exceed; 0 if there are none.
    fn percentile(&self, gate: f64, share: f64) -> f64 {
        let all: u64 = self.loud(gate).map(|(count, _)| count).sum();
        let rank = (all.saturating_sub(1) as f64 * share).round_ties_even() as u64;
        let mut below = 0;
        let reached = self.loud(gate).find(|(count, _)| {
            below += *count;
            below > rank
        });
        reached.map_or(0.0, |(count, sum)| loudness_of(sum / count as f64))
    }
}

/// A filter of second order over two channels, transposed direct form II in f64.
#[derive(Clone, Debug)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [[f64; 2]; 2],
}

impl Biquad {
    /// The first stage: the head's.
    fn shelf(rate: f64) -> Self {
        let k = libm::tan(core::f64::consts::PI * 1_681.974_450_955_533 / rate);
        let q = 0.707_175_236_955_419_6;
        let high = libm::pow(10.0, 3.999_843_853_973_347 / 20.0);
        let band = libm::pow(high, 0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        let b = [(high + band * k / q + k * k) / a0, 2.0 * (k * k - high) / a0, (high - band * k / q + k * k) / a0];
        Self { b, a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0], state: [[0.0; 2]; 2] }
    }

    /// The second stage: the revised low-frequency B-curve.
    fn high_pass(rate: f64) -> Self {
        let k = libm::tan(core::f64::consts::PI * 38.135_470_876_024_44 / rate);
        let q = 0.500_327_037_323_877_3;
        let a0 = 1.0 + k / q + k * k;
        let a = [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0];
        Self { b: [1.0, -2.0, 1.0], a, state: [[0.0; 2]; 2] }
    }

    #[inline(always)]
    fn tick(&mut self, x: [f64; 2]) -> [f64; 2] {
        let mut y = [0.0; 2];
        let [s1, s2] = &mut self.state;
        for c in 0..2 {
            y[c] = self.b[0] * x[c] + s1[c];
            s1[c] = self.b[1] * x[c] - self.a[0] * y[c] + s2[c];
            s2[c] = self.b[2] * x[c] - self.a[1] * y[c];
        }
        y
    }

    fn snap(&mut self) {
        for s in self.state.as_flattened_mut() {
            *s = if s.abs() < SILENCE { 0.0 } else { *s };
        }
    }
}

#[cfg(test)]
mod tests;
