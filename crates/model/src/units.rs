//! Musical units: ticks, tempo, metre (U4).

use std::fmt;
use std::ops::{Add, Sub};

/// Ticks in a beat: divides triplets, quintuplets, septuplets and 1/64 notes, and is finer than a frame at 20 bpm and
/// 192 kHz (576,000 frames a beat).
pub const TICKS_PER_BEAT: i64 = 967_680;

/// An exact position or length in a song. A beat is a quarter note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub i64);

impl Ticks {
    /// The tick nearest to `beats`, halves to even. `None` when it is not finite or out of reach (±2^52 ticks).
    #[must_use]
    pub fn from_beats(beats: f64) -> Option<Ticks> {
        const REACH: f64 = 4_503_599_627_370_496.0;
        #[expect(clippy::cast_precision_loss, reason = "the constant is far below 2^53")]
        let ticks = (beats * TICKS_PER_BEAT as f64).round_ties_even();
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (ticks.abs() <= REACH).then_some(Ticks(ticks as i64))
    }

    /// In beats: the value that stands on the wire and is stored. `from_beats` gives the same ticks back.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "ticks stay below 2^53, see from_beats")]
    pub fn beats(self) -> f64 {
        self.0 as f64 / TICKS_PER_BEAT as f64
    }

    /// The frame nearest to this position at a constant tempo, halves to even: exact integer arithmetic, so that clips
    /// that touch share one frame boundary at any tempo and rate.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "2^52 ticks at 20 bpm and 384 kHz are below 2^55 frames")]
    pub fn frame(self, bpm: Bpm, sample_rate: u32) -> i64 {
        let numerator = i128::from(self.0) * 60_000 * i128::from(sample_rate);
        let denominator = i128::from(bpm.thousandths()) * i128::from(TICKS_PER_BEAT);
        let (quotient, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
        let up = rest * 2 > denominator || (rest * 2 == denominator && quotient % 2 != 0);
        (quotient + i128::from(up)) as i64
    }

    /// In seconds at a constant tempo; for display.
    #[must_use]
    pub fn seconds(self, bpm: Bpm) -> f64 {
        self.beats() * 60.0 / bpm.value()
    }
}

impl Add for Ticks {
    type Output = Ticks;
    fn add(self, other: Ticks) -> Ticks {
        Ticks(self.0.saturating_add(other.0))
    }
}

impl Sub for Ticks {
    type Output = Ticks;
    fn sub(self, other: Ticks) -> Ticks {
        Ticks(self.0.saturating_sub(other.0))
    }
}

/// A tempo in beats per minute, in steps of 0.001, 20 to 300.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bpm(u32);

impl Bpm {
    /// The slowest and the fastest tempo.
    pub const RANGE: std::ops::RangeInclusive<f64> = 20.0..=300.0;

    /// The tempo nearest to `bpm`; `None` outside [`Bpm::RANGE`].
    #[must_use]
    pub fn new(bpm: f64) -> Option<Bpm> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
        Bpm::RANGE.contains(&bpm).then(|| Bpm((bpm * 1000.0).round_ties_even() as u32))
    }

    /// In thousandths of a beat per minute.
    #[must_use]
    pub fn thousandths(self) -> u32 {
        self.0
    }

    /// In beats per minute.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl Default for Bpm {
    fn default() -> Bpm {
        Bpm(120_000)
    }
}

impl fmt::Display for Bpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

/// A time signature such as 6/8: 1 to 32 notes of a half, quarter, eighth, … in a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSignature {
    /// Notes in a bar.
    pub numerator: u8,
    /// What note: 1, 2, 4, 8, 16 or 32.
    pub denominator: u8,
}

impl TimeSignature {
    /// Reads `n/d`.
    #[must_use]
    pub fn parse(text: &str) -> Option<TimeSignature> {
        let (n, d) = text.split_once('/')?;
        let plain = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(n) || !plain(d) {
            return None;
        }
        let (numerator, denominator) = (n.parse().ok()?, d.parse().ok()?);
        let known = (1..=32).contains(&numerator) && matches!(denominator, 1 | 2 | 4 | 8 | 16 | 32);
        known.then_some(TimeSignature { numerator, denominator })
    }

    /// The length of a bar.
    #[must_use]
    pub fn bar(self) -> Ticks {
        Ticks(i64::from(self.numerator) * self.note().0)
    }

    /// The length of the note that the signature counts.
    #[must_use]
    pub fn note(self) -> Ticks {
        Ticks(TICKS_PER_BEAT * 4 / i64::from(self.denominator))
    }
}

impl Default for TimeSignature {
    fn default() -> TimeSignature {
        TimeSignature { numerator: 4, denominator: 4 }
    }
}

impl fmt::Display for TimeSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn u4_a_tick_is_finer_than_a_frame_and_divides_tuplets() {
        for part in [3, 5, 7, 64, 3 * 64] {
            assert_eq!(TICKS_PER_BEAT % part, 0, "{part}");
        }
        let frames_per_beat_max = 192_000 * 60 / 20;
        assert!(TICKS_PER_BEAT > frames_per_beat_max);
    }

    #[test]
    fn u4_a_known_tempo_gives_known_frames() {
        let beat = Ticks(TICKS_PER_BEAT);
        assert_eq!(beat.frame(Bpm::new(120.0).unwrap(), 48_000), 24_000);
        assert_eq!(beat.frame(Bpm::new(93.25).unwrap(), 44_100), 28_375);
        assert_eq!(Ticks(-TICKS_PER_BEAT).frame(Bpm::new(120.0).unwrap(), 48_000), -24_000);
    }

    #[test]
    fn time_signatures_are_read_strictly() {
        for bad in ["", "4", "/4", "4/", "4/3", "0/4", "33/4", "+4/4", "4/4 ", "004/4", "4/64"] {
            assert_eq!(TimeSignature::parse(bad), None, "{bad:?}");
        }
        assert_eq!(TimeSignature::parse("6/8").unwrap().bar(), Ticks(TICKS_PER_BEAT * 3));
    }

    proptest! {
        #[test]
        fn u4_beats_round_to_a_tick_and_stay_there(beats in -1e6..1e6f64) {
            let ticks = Ticks::from_beats(beats).unwrap();
            prop_assert!((ticks.beats() - beats).abs() <= 0.5001 / TICKS_PER_BEAT as f64 + beats.abs() * 1e-15);
            prop_assert_eq!(Ticks::from_beats(ticks.beats()), Some(ticks));
        }

        #[test]
        fn u4_frames_rise_with_ticks(a in 0i64..1 << 40, b in 0i64..1 << 40, bpm in 20.0..=300.0f64, rate in 8_000u32..=384_000) {
            let bpm = Bpm::new(bpm).unwrap();
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(Ticks(low).frame(bpm, rate) <= Ticks(high).frame(bpm, rate));
        }
    }
}
