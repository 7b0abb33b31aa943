//! From ticks to frames and back, exactly.

mod map;

pub(crate) use map::STRETCH_WORDS;
pub use map::{CHANGE_TICKS_MAX, CHANGES_MAX, TempoChange, TempoError, TempoMap, TempoTrack};

/// Ticks in a beat (a quarter note): 2^10 · 3^3 · 5 · 7.
pub const TICKS_PER_BEAT: i64 = 967_680;

/// The slowest tempo in thousandths of a beat per minute.
pub const BPM_MILLI_MIN: u32 = 20_000;
/// The fastest tempo in thousandths of a beat per minute.
pub const BPM_MILLI_MAX: u32 = 300_000;

/// One tempo at a sample rate, for a song that never changes it: `frames = ticks · 60,000 · rate / (967,680 · bpm_milli)`, exactly, rounded half to even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    bpm_milli: u32,
    sample_rate: u32,
}

impl Tempo {
    /// `None` when the tempo is not 20 to 300 bpm or the rate is zero.
    #[must_use]
    pub fn new(bpm_milli: u32, sample_rate: u32) -> Option<Self> {
        let good = (BPM_MILLI_MIN..=BPM_MILLI_MAX).contains(&bpm_milli) && sample_rate > 0;
        good.then_some(Self { bpm_milli, sample_rate })
    }

    /// Thousandths of a beat per minute.
    #[must_use]
    pub fn bpm_milli(self) -> u32 {
        self.bpm_milli
    }

    /// Hz.
    #[must_use]
    pub fn sample_rate(self) -> u32 {
        self.sample_rate
    }

    /// The frame nearest to a tick, ties to the even frame. What does not fit an i64 saturates.
    #[must_use]
    pub fn frame(self, ticks: i64) -> i64 {
        saturate(divide_half_even(i128::from(ticks) * self.frames_numerator(), self.ticks_numerator()))
    }

    /// The tick nearest to a frame, ties to the even tick. What does not fit an i64 saturates.
    #[must_use]
    pub fn ticks(self, frame: i64) -> i64 {
        saturate(divide_half_even(i128::from(frame) * self.ticks_numerator(), self.frames_numerator()))
    }

    /// The last tick whose exact place is not after a frame. What does not fit an i64 saturates.
    #[must_use]
    pub fn ticks_floor(self, frame: i64) -> i64 {
        saturate((i128::from(frame) * self.ticks_numerator()).div_euclid(self.frames_numerator()))
    }

    fn frames_numerator(self) -> i128 {
        60_000 * i128::from(self.sample_rate)
    }

    fn ticks_numerator(self) -> i128 {
        i128::from(TICKS_PER_BEAT) * i128::from(self.bpm_milli)
    }
}

/// `numerator / denominator` to the nearest integer, ties to even. `denominator` > 0.
fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    let floor = numerator.div_euclid(denominator);
    let twice = 2 * numerator.rem_euclid(denominator);
    let up = twice > denominator || (twice == denominator && floor.rem_euclid(2) == 1);
    floor + i128::from(up)
}

fn saturate(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_tempo() -> impl Strategy<Value = Tempo> {
        (BPM_MILLI_MIN..=BPM_MILLI_MAX, prop_oneof![Just(44_100), Just(48_000), 4_000u32..=384_000])
            .prop_map(|(bpm, rate)| Tempo::new(bpm, rate).unwrap())
    }

    #[test]
    fn en1_named_places() {
        let tempo = Tempo::new(120_000, 48_000).unwrap();
        assert_eq!(tempo.frame(TICKS_PER_BEAT), 24_000);
        assert_eq!(tempo.frame(-TICKS_PER_BEAT), -24_000);
        let tempo = Tempo::new(120_000, 44_100).unwrap();
        // A quarter of a beat is 5512.5 frames; three quarters 16537.5.
        assert_eq!(tempo.frame(TICKS_PER_BEAT / 4), 5_512);
        assert_eq!(tempo.frame(3 * TICKS_PER_BEAT / 4), 16_538);
        assert_eq!(tempo.frame(-TICKS_PER_BEAT / 4), -5_512);
    }

    #[test]
    fn en1_extremes_saturate() {
        let tempo = Tempo::new(20_000, 384_000).unwrap();
        assert_eq!(tempo.frame(i64::MAX), i64::MAX);
        assert_eq!(tempo.frame(i64::MIN), i64::MIN);
        assert_eq!(Tempo::new(19_999, 48_000), None);
        assert_eq!(Tempo::new(300_001, 48_000), None);
        assert_eq!(Tempo::new(120_000, 0), None);
    }

    proptest! {
        #[test]
        fn en1_frames_are_the_nearest_and_in_order(tempo in any_tempo(), ticks in -(1i64 << 44)..(1i64 << 44), more in 0i64..10_000_000) {
            let exact = ticks as f64 * 60_000.0 * f64::from(tempo.sample_rate()) / (TICKS_PER_BEAT as f64 * f64::from(tempo.bpm_milli()));
            prop_assert!((tempo.frame(ticks) as f64 - exact).abs() <= 0.5 + exact.abs() * 1e-15);
            prop_assert!(tempo.frame(ticks) <= tempo.frame(ticks + more));
        }

        #[test]
        fn en1_a_frame_comes_back_from_its_tick(tempo in any_tempo(), frame in -(1i64 << 40)..(1i64 << 40)) {
            // A tick is finer than a frame below about 200 kHz at any tempo (U4).
            prop_assume!(tempo.sample_rate() <= 192_000);
            prop_assert_eq!(tempo.frame(tempo.ticks(frame)), frame);
        }
    }
}
