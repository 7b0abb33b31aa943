//! Band-limited sample-rate conversion between any two integer rates: a polyphase, windowed-sinc, linear-phase filter.
//!
//! The rates are reduced to `up/down`; output frame `n` lies at source position `n·down/up`, an exact integer frame and one of
//! `up` phases, so nothing drifts and every output frame can be computed by itself: cutting a signal into blocks changes no
//! bit. Up to [`PHASES_MAX`] phases are tabled (`tiles`); where the reduced fraction has more, that many are tabled and the two
//! nearest results are interpolated linearly (`between`; error below -119 dB, see [`Conversion::interpolates`]).
//!
//! With `n` the Nyquist frequency of the lower of the two rates: pass band to 20/22.05 of `n` (20 kHz between 44.1 and 48 kHz)
//! within 0.001 dB, stop band from `n` on, at least 112 dB down, so nothing folds back or leaves an image anywhere.

mod between;
mod design;
mod tiles;

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

/// How one rate becomes another: the exact fraction and the filter's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conversion {
    /// Output frames per period.
    pub up: u32,
    /// Source frames per period.
    pub down: u32,
    /// Source frames that an output frame is made of, an even number.
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
        let phases = up.min(PHASES_MAX);
        let taps = design::length(source, output).next_multiple_of(if phases < up { between::LANES as u32 } else { 2 });
        Ok(Self { up, down, taps, phases })
    }

    /// Whether results between two tabled phases are interpolated. The error of that, relative to a tone at frequency `f`, is
    /// `(2π·f / (source rate · phases))² / 8`: -119 dB at the very Nyquist frequency.
    #[must_use]
    pub fn interpolates(&self) -> bool {
        self.phases < self.up
    }

    /// The filter's table, in the order in which [`Conversion::mono`] reads it: tiles, or rows where results are interpolated.
    #[must_use]
    pub fn coefficients(&self) -> Vec<f32> {
        if self.interpolates() { between::table(self) } else { tiles::table(self) }
    }

    /// How many coefficients the table has.
    #[must_use]
    pub fn table_len(&self) -> usize {
        if self.interpolates() { between::table_len(self) } else { tiles::table_len(self) }
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
    /// Slices that do not fit one another leave the output as it was.
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
    /// `SUMS`: sixteens of sums that are computed together.
    #[inline(always)]
    fn run<const SUMS: usize>(self) {
        let frames = self.frames();
        let (_, needed) = self.conversion.source_span(self.first, frames);
        let fits = self.source.iter().all(|channel| channel.len() >= needed)
            && self.output.iter().all(|channel| channel.len() == frames);
        if frames == 0 || !fits || self.table.len() != self.conversion.table_len() {
            return;
        }
        match (self.conversion.interpolates(), SUMS / N) {
            (true, _) => between::run(self),
            (false, 0 | 1) => tiles::run::<N, 1>(self),
            (false, 2 | 3) => tiles::run::<N, 2>(self),
            (false, _) => tiles::run::<N, 4>(self),
        }
    }

    fn frames(&self) -> usize {
        self.output.iter().map(|channel| channel.len()).min().unwrap_or(0)
    }
}

/// The same loop compiled for wider vectors, where the machine has them. The order of each sum is fixed and nothing is fused,
/// so the bits are the same.
mod wide {
    use super::Job;

    /// Sums that are computed together, in sixteens of f32: enough of them to keep the adders busy, and few enough for the
    /// registers, of which V8 has sixteen of four f32 for WASM. Measured; the bits do not depend on it.
    const SUMS: usize = if cfg!(target_family = "wasm") { 2 } else { 4 };

    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, reason = "calling a function that is compiled for a CPU feature")]
    pub(super) fn dispatch<const N: usize>(job: Job<'_, N>) {
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has just been found to have AVX2, the only thing that the function asks for.
            unsafe { with_avx2(job) }
        } else {
            job.run::<SUMS>();
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn with_avx2<const N: usize>(job: Job<'_, N>) {
        job.run::<SUMS>();
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn dispatch<const N: usize>(job: Job<'_, N>) {
        job.run::<SUMS>();
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests;
