//! When the metronome clicks.

use crate::{TICKS_PER_BEAT, Tempo, TimeSignature};

/// The clicks of a song, numbered from tick 0; negative ones come before it.
#[derive(Clone, Copy, Debug)]
pub struct Beats {
    tempo: Tempo,
    time_signature: TimeSignature,
}

/// One click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The frame at which it begins.
    pub frame: i64,
    /// Whether a bar begins with it.
    pub accent: bool,
}

impl Beats {
    /// The beats of a tempo and a metre.
    #[must_use]
    pub fn new(tempo: Tempo, time_signature: TimeSignature) -> Self {
        Self { tempo, time_signature }
    }

    /// The click of a number.
    #[must_use]
    pub fn beat(&self, number: i64) -> Beat {
        let accent = number.rem_euclid(i64::from(self.time_signature.beats.max(1))) == 0;
        Beat { frame: self.tempo.frame(number.saturating_mul(self.ticks())), accent }
    }

    /// The number of the last click whose exact place is not after a frame. The next one's place may be rounded to that frame.
    #[must_use]
    pub fn number_at(&self, frame: i64) -> i64 {
        self.tempo.ticks_floor(frame).div_euclid(self.ticks())
    }

    fn ticks(&self) -> i64 {
        4 * TICKS_PER_BEAT / i64::from(self.time_signature.unit.clamp(1, 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en12_accents_follow_the_metre() {
        let tempo = Tempo::new(120_000, 48_000).unwrap();
        let beats = Beats::new(tempo, TimeSignature { beats: 3, unit: 4 });
        let accents: Vec<bool> = (-3..4).map(|n| beats.beat(n).accent).collect();
        assert_eq!(accents, [true, false, false, true, false, false, true]);
        assert_eq!(beats.beat(2).frame, 48_000);
        let beats = Beats::new(tempo, TimeSignature { beats: 6, unit: 8 });
        assert_eq!((beats.beat(1).frame, beats.beat(6).frame), (12_000, 72_000));
    }

    #[test]
    fn en12_no_click_is_missed_at_any_frame() {
        let beats = Beats::new(Tempo::new(133_333, 44_100).unwrap(), TimeSignature { beats: 4, unit: 4 });
        for frame in (-100_000..100_000).step_by(13) {
            let number = beats.number_at(frame);
            assert!(beats.beat(number).frame <= frame);
            assert!(beats.beat(number + 2).frame > frame);
        }
    }
}
