//! Band-limited sample-rate conversion between any two integer rates: a polyphase, windowed-sinc, linear-phase filter.
//!
//! The rates are reduced to `up/down`; output frame `n` lies at source position `n·down/up`, an exact integer frame and one of
//! `up` phases, so nothing drifts and every output frame can be computed by itself: cutting a signal into blocks changes no
//! bit. Up to [`PHASES_MAX`] phases are tabled; where the reduced fraction has more, that many are tabled and the two
//! nearest results are interpolated linearly (error below -119 dB, see [`Conversion::interpolates`]).
//!
//! With `n` the Nyquist frequency of the lower of the two rates: pass band to 20/22.05 of `n` (20 kHz between 44.1 and 48 kHz)
//! within 0.001 dB, stop band from `n` on, at least 112 dB down, so nothing folds back or leaves an image anywhere. The
//! window is Kaiser's and its length follows from his formulas (J. F. Kaiser, "Nonrecursive Digital Filter Design Using the
//! I0-sinh Window Function", 1974).

use core::f64::consts::PI;

/// The most phases a table holds.
pub const PHASES_MAX: u32 = 1_024;
/// The lowest rate in Hz.
pub const RATE_MIN: u32 = 4_000;
/// The highest rate in Hz.
pub const RATE_MAX: u32 = 384_000;
/// The largest ratio of source rate to output rate. It bounds the length of the filter.
pub const RATIO_MAX: u32 = 16;
/// The most taps that a filter of this module has.
pub const TAPS_MAX: u32 = 3_072;

/// Design attenuation of the stop band in dB; the tests show that 112 dB are kept.
const ATTENUATION_DB: f64 = 114.0;
/// The pass band's share of the lower Nyquist frequency.
const PASS: f64 = 20_000.0 / 22_050.0;
/// Sums run in this many lanes: tap `k` is added to lane `k mod 16`.
const LANES: usize = 16;

/// How one rate becomes another: the exact fraction and the filter's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conversion {
    /// Output frames per period.
    pub up: u32,
    /// Source frames per period.
    pub down: u32,
    /// Coefficients per output frame, a multiple of sixteen.
    pub taps: u32,
    /// Phases in the table.
    pub phases: u32,
}

/// Why two rates cannot be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateError {
    /// A rate lies outside [`RATE_MIN`] to [`RATE_MAX`].
    OutOfRange(u32),
    /// The source's rate is more than [`RATIO_MAX`] times the output's.
    Ratio,
}

impl core::fmt::Display for RateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            RateError::OutOfRange(rate) => {
                write!(f, "a sample rate of {rate} Hz is not within {RATE_MIN} to {RATE_MAX} Hz")
            }
            RateError::Ratio => write!(f, "the source's sample rate is more than {RATIO_MAX} times the output's"),
        }
    }
}

impl std::error::Error for RateError {}

impl Conversion {
    /// From `source` Hz to `output` Hz.
    ///
    /// # Errors
    /// A rate out of range, or a ratio above [`RATIO_MAX`].
    pub fn between(source: u32, output: u32) -> Result<Self, RateError> {
        if let Some(rate) = [source, output].into_iter().find(|rate| !(RATE_MIN..=RATE_MAX).contains(rate)) {
            return Err(RateError::OutOfRange(rate));
        }
        if source > output.saturating_mul(RATIO_MAX) {
            return Err(RateError::Ratio);
        }
        let divisor = greatest_common_divisor(source, output);
        let (up, down) = (output / divisor, source / divisor);
        Ok(Self { up, down, taps: taps(source, output), phases: up.min(PHASES_MAX) })
    }

    /// Whether results between two tabled phases are interpolated. The error of that, relative to a tone at frequency `f`, is
    /// `(2π·f / (source rate · phases))² / 8`: -119 dB at the very Nyquist frequency.
    #[must_use]
    pub fn interpolates(&self) -> bool {
        self.phases < self.up
    }

    /// Rows in the table: one a phase, and one more where results are interpolated.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.phases + u32::from(self.interpolates())
    }

    /// The filter, row by row. Coefficient `k` of row `r` weighs source frame `i - taps/2 + 1 + k` of an output frame at
    /// source position `i + r/phases`. Every row sums to one before rounding, so a constant stays constant in all phases.
    #[must_use]
    pub fn coefficients(&self) -> Vec<f32> {
        let edge = 0.5 * f64::from(self.up.min(self.down)) / f64::from(self.down);
        let cutoff = edge * (1.0 + PASS) / 2.0;
        let beta = 0.1102 * (ATTENUATION_DB - 8.7);
        let half = f64::from(self.taps) / 2.0;
        let mut table = Vec::with_capacity((self.rows() * self.taps) as usize);
        let mut row = vec![0.0f64; self.taps as usize];
        for r in 0..self.rows() {
            let phase = f64::from(r) / f64::from(self.phases);
            for (k, h) in row.iter_mut().enumerate() {
                let t = k as f64 - half + 1.0 - phase;
                *h = sinc(2.0 * cutoff * t) * kaiser(t / half, beta);
            }
            let sum: f64 = row.iter().sum();
            table.extend(row.iter().map(|h| (h / sum) as f32));
        }
        table
    }

    /// The source frames that `count` output frames from `first` on need: the first and how many. `count` ≥ 1.
    ///
    /// `|first|` and `count` may be up to 2^41.
    #[must_use]
    pub fn source_span(&self, first: i64, count: usize) -> (i64, usize) {
        let (begin, _) = self.position(first);
        let (end, _) = self.position(first + count.max(1) as i64 - 1);
        let before = i64::from(self.taps) / 2 - 1;
        (begin - before, (end - begin) as usize + self.taps as usize)
    }

    /// The most output frames whose source frames fit into `frames`; 0 when none does.
    #[must_use]
    pub fn output_frames_for(&self, frames: usize) -> usize {
        let room = frames.saturating_sub(self.taps as usize);
        if room == 0 { 0 } else { (room as u64 * u64::from(self.up) / u64::from(self.down)).max(1) as usize }
    }

    /// Converts one channel. `output[0]` is output frame `first`; `source` begins at the frame that
    /// [`Conversion::source_span`] names and is as long as it says. `table` holds the bits of [`Conversion::coefficients`].
    /// Slices that do not fit one another leave the rest of the output as it was.
    pub fn mono(&self, table: &[u32], first: i64, source: &[f32], output: &mut [f32]) {
        wide::dispatch(Job { conversion: *self, table, first, source: [source], output: [output] });
    }

    /// As [`Conversion::mono`], for two channels at once.
    pub fn stereo(&self, table: &[u32], first: i64, source: [&[f32]; 2], output: [&mut [f32]; 2]) {
        wide::dispatch(Job { conversion: *self, table, first, source, output });
    }

    /// Integer source frame and phase (0..up) of an output frame.
    fn position(&self, output: i64) -> (i64, u32) {
        let at = output * i64::from(self.down);
        (at.div_euclid(i64::from(self.up)), at.rem_euclid(i64::from(self.up)) as u32)
    }

    fn row<'a>(&self, table: &'a [u32], row: usize) -> Option<&'a [u32]> {
        let taps = self.taps as usize;
        table.get(row * taps..(row + 1) * taps)
    }

    fn places(&self, first: i64) -> Places {
        let (_, phase) = self.position(first);
        Places { conversion: *self, offset: 0, phase, whole: self.down / self.up, part: self.down % self.up }
    }
}

/// A conversion of `N` channels.
struct Job<'a, const N: usize> {
    conversion: Conversion,
    table: &'a [u32],
    first: i64,
    source: [&'a [f32]; N],
    output: [&'a mut [f32]; N],
}

impl<const N: usize> Job<'_, N> {
    #[inline(always)]
    fn run(mut self) {
        let taps = self.conversion.taps as usize;
        let frames = self.output.iter().map(|channel| channel.len()).min().unwrap_or(0);
        for (n, place) in self.conversion.places(self.first).take(frames).enumerate() {
            let Some(a) = self.conversion.row(self.table, place.row) else { return };
            let windows = self.source.map(|channel| channel.get(place.offset..place.offset + taps).unwrap_or(&[]));
            if windows.iter().any(|window| window.is_empty()) {
                return;
            }
            let mut sums = dot(a, windows);
            if self.conversion.interpolates() {
                let Some(b) = self.conversion.row(self.table, place.row + 1) else { return };
                for (sum, next) in sums.iter_mut().zip(dot(b, windows)) {
                    *sum += (next - *sum) * place.between;
                }
            }
            for (channel, sum) in self.output.iter_mut().zip(sums) {
                channel[n] = sum;
            }
        }
    }
}

/// The same loop compiled for wider vectors, where the machine has them. The lanes are fixed and nothing is fused, so the bits
/// are the same.
mod wide {
    use super::Job;

    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, reason = "calling a function that is compiled for a CPU feature")]
    pub(super) fn dispatch<const N: usize>(job: Job<'_, N>) {
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has just been found to have AVX2, the only thing that the function asks for.
            unsafe { with_avx2(job) }
        } else {
            job.run();
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn with_avx2<const N: usize>(job: Job<'_, N>) {
        job.run();
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn dispatch<const N: usize>(job: Job<'_, N>) {
        job.run();
    }
}

/// Where an output frame's window begins within the source slice, and which rows weigh it.
struct Place {
    offset: usize,
    row: usize,
    between: f32,
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
        let place = if phases == up {
            Place { offset: self.offset, row: self.phase as usize, between: 0.0 }
        } else {
            let at = u64::from(self.phase) * u64::from(phases);
            let between = (at % u64::from(up)) as i64 as f32 / up as f32;
            Place { offset: self.offset, row: (at / u64::from(up)) as usize, between }
        };
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

/// Kaiser's estimate of the length, in source frames, as a multiple of the lanes.
fn taps(source: u32, output: u32) -> u32 {
    let transition = 0.5 * (1.0 - PASS) * f64::from(source.min(output)) / f64::from(source);
    let length = (ATTENUATION_DB - 7.95) / (14.36 * transition) + 1.0;
    (length as u32).div_ceil(LANES as u32) * LANES as u32
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { libm::sin(PI * x) / (PI * x) }
}

/// Kaiser's window over -1..1.
fn kaiser(x: f64, beta: f64) -> f64 {
    let inside = 1.0 - x * x;
    if inside <= 0.0 { 0.0 } else { bessel_i0(beta * inside.sqrt()) / bessel_i0(beta) }
}

/// The modified Bessel function of the first kind and order zero, by its power series, to the last bit that matters.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-18 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests;
