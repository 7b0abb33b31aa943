//! When the metronome clicks.

use crate::tempo::{CHANGE_TICKS_MAX, CHANGES_MAX};
use crate::{MetreChange, TICKS_PER_BEAT, TempoMap, TimeSignature};

/// Words of a metre: the tick where it begins (i64), beats, unit, the number of its first click (i64).
pub(crate) const METRE_WORDS: usize = 6;

/// The clicks of a song, numbered from tick 0; negative ones come before it.
#[derive(Clone, Copy, Debug)]
pub struct Beats<'a> {
    tempo: TempoMap<'a>,
    metres: &'a [u32],
}

/// One click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The frame at which it begins.
    pub frame: i64,
    /// Whether a bar begins with it.
    pub accent: bool,
}

/// A metre, and where it begins: with a bar, whatever came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Metre {
    ticks: i64,
    time_signature: TimeSignature,
    /// The number of its first click.
    first: i64,
}

impl Metre {
    /// Ticks from one click to the next.
    fn step(&self) -> i64 {
        4 * TICKS_PER_BEAT / i64::from(self.time_signature.unit.clamp(1, 32))
    }

    /// The number of the first click that is not before a tick.
    fn number_from(&self, ticks: i64) -> i64 {
        let past = ticks - self.ticks;
        self.first + past.div_euclid(self.step()) + i64::from(past.rem_euclid(self.step()) > 0)
    }
}

impl<'a> Beats<'a> {
    pub(crate) fn new(tempo: TempoMap<'a>, metres: &'a [u32]) -> Self {
        Self { tempo, metres }
    }

    /// Whether words are metres: the first at tick 0, each with the number that those before lead to.
    pub(crate) fn are_metres(metres: &[u32]) -> bool {
        let count = metres.len() / METRE_WORDS;
        let whole = metres.len() == count * METRE_WORDS && (1..=1 + CHANGES_MAX).contains(&count);
        let mut before: Option<Metre> = None;
        whole
            && (0..count).all(|index| {
                let metre = metre(metres, index);
                let (ticks, first) = match before.replace(metre) {
                    None => (metre.ticks == 0, 0),
                    Some(before) => {
                        let rises = (before.ticks + 1..=CHANGE_TICKS_MAX).contains(&metre.ticks);
                        (rises, if rises { before.number_from(metre.ticks) } else { 0 })
                    }
                };
                ticks && metre.time_signature.is_sound() && metre.first == first
            })
    }

    /// The click of a number.
    #[must_use]
    pub fn beat(&self, number: i64) -> Beat {
        let metre = self.last(|metre| metre.first <= number);
        let within = number.saturating_sub(metre.first);
        let accent = within.rem_euclid(i64::from(metre.time_signature.beats.max(1))) == 0;
        Beat { frame: self.tempo.frame(metre.ticks.saturating_add(within.saturating_mul(metre.step()))), accent }
    }

    /// The number of the last click whose exact place is not after a frame. The next one's place may be rounded to that frame.
    #[must_use]
    pub fn number_at(&self, frame: i64) -> i64 {
        let ticks = self.tempo.ticks_floor(frame);
        let metre = self.last(|metre| metre.ticks <= ticks);
        metre.first + ticks.saturating_sub(metre.ticks).div_euclid(metre.step())
    }

    /// The last metre for which something holds that holds up to some metre and no further; else the first.
    fn last(&self, holds: impl Fn(&Metre) -> bool) -> Metre {
        let (mut low, mut high) = (0, self.metres.len() / METRE_WORDS);
        while low < high {
            let middle = low.midpoint(high);
            if holds(&metre(self.metres, middle)) { low = middle + 1 } else { high = middle }
        }
        metre(self.metres, low.saturating_sub(1))
    }
}

fn metre(metres: &[u32], index: usize) -> Metre {
    let Some(w) = metres.get(index * METRE_WORDS..).and_then(|rest| rest.first_chunk::<METRE_WORDS>()) else {
        return Metre { ticks: 0, time_signature: TimeSignature { beats: 4, unit: 4 }, first: 0 };
    };
    let long = |at: usize| (u64::from(w[at]) | u64::from(w[at + 1]) << 32) as i64;
    Metre { ticks: long(0), time_signature: TimeSignature { beats: w[2], unit: w[3] }, first: long(4) }
}

/// A song's metres as words: changes in any order, of several at one tick the last counts. `None` when one is out of bounds.
pub(crate) fn write_metres(start: TimeSignature, changes: &[MetreChange]) -> Option<Vec<u32>> {
    let mut changes = changes.to_vec();
    changes.sort_by_key(|change| change.ticks);
    let mut words: Vec<u32> = Vec::with_capacity((1 + changes.len()) * METRE_WORDS);
    let mut push = |metre: &Metre| {
        let signature = metre.time_signature;
        words.extend([metre.ticks as u32, (metre.ticks >> 32) as u32, signature.beats, signature.unit]);
        words.extend([metre.first as u32, (metre.first >> 32) as u32]);
    };
    let good =
        |change: &MetreChange| (1..=CHANGE_TICKS_MAX).contains(&change.ticks) && change.time_signature.is_sound();
    if changes.len() > CHANGES_MAX || !start.is_sound() || !changes.iter().all(good) {
        return None;
    }
    let mut now = Metre { ticks: 0, time_signature: start, first: 0 };
    for change in changes {
        if change.ticks > now.ticks {
            push(&now);
            now = Metre { first: now.number_from(change.ticks), ticks: change.ticks, ..now };
        }
        now.time_signature = change.time_signature;
    }
    push(&now);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TempoChange, TempoTrack};

    const FOUR: TimeSignature = TimeSignature { beats: 4, unit: 4 };

    fn metre_change(ticks: i64, beats: u32, unit: u32) -> MetreChange {
        MetreChange { ticks, time_signature: TimeSignature { beats, unit } }
    }

    #[test]
    fn en12_accents_follow_the_metre() {
        let tempo = TempoTrack::new(48_000, 120_000, &[]).unwrap();
        let metres = write_metres(TimeSignature { beats: 3, unit: 4 }, &[]).unwrap();
        let beats = Beats::new(tempo.map(), &metres);
        let accents: Vec<bool> = (-3..4).map(|n| beats.beat(n).accent).collect();
        assert_eq!(accents, [true, false, false, true, false, false, true]);
        assert_eq!(beats.beat(2).frame, 48_000);
        let metres = write_metres(TimeSignature { beats: 6, unit: 8 }, &[]).unwrap();
        let beats = Beats::new(tempo.map(), &metres);
        assert_eq!((beats.beat(1).frame, beats.beat(6).frame), (12_000, 72_000));
    }

    #[test]
    fn en12_a_change_of_metre_begins_a_bar() {
        let tempo = TempoTrack::new(48_000, 120_000, &[]).unwrap();
        let beat = TICKS_PER_BEAT;
        // A bar of 4/4, one that is cut short after a beat and a half, a bar of 3/8, then 2/4.
        let changes = [metre_change(7 * beat, 2, 4), metre_change(11 * beat / 2, 3, 8)];
        let metres = write_metres(FOUR, &changes).unwrap();
        assert!(Beats::are_metres(&metres));
        let beats = Beats::new(tempo.map(), &metres);
        let clicks: Vec<(i64, bool)> = (0..12).map(|n| beats.beat(n)).map(|b| (b.frame / 12_000, b.accent)).collect();
        let accented = [0, 8, 11, 14, 18];
        let expected = [0, 2, 4, 6, 8, 10, 11, 12, 13, 14, 16, 18].map(|half| (half, accented.contains(&half)));
        assert_eq!(clicks, expected);
    }

    #[test]
    fn en12_no_click_is_missed_at_any_frame() {
        let beat = TICKS_PER_BEAT;
        let change = |ticks, bpm_milli, ramp| TempoChange { ticks, bpm_milli, ramp };
        let changes = [change(beat + 1, 60_000, false), change(4 * beat, 299_999, true)];
        let tempo = TempoTrack::new(44_100, 133_333, &changes).unwrap();
        let metres = write_metres(FOUR, &[metre_change(2 * beat, 5, 16), metre_change(3 * beat + 7, 3, 4)]).unwrap();
        let beats = Beats::new(tempo.map(), &metres);
        for frame in (-100_000..200_000).step_by(13) {
            let number = beats.number_at(frame);
            assert!(beats.beat(number).frame <= frame);
            assert!(beats.beat(number + 2).frame > frame);
        }
    }

    #[test]
    fn en15_metres_out_of_bounds_are_refused() {
        assert_eq!(write_metres(FOUR, &[metre_change(0, 3, 4)]), None);
        assert_eq!(write_metres(FOUR, &[metre_change(1, 3, 5)]), None);
        assert_eq!(write_metres(FOUR, &vec![metre_change(1, 3, 4); CHANGES_MAX + 1]), None);
        let good = write_metres(FOUR, &[metre_change(TICKS_PER_BEAT, 3, 4)]).unwrap();
        for at in 0..good.len() {
            let mut words = good.clone();
            words[at] = words[at].wrapping_add(64);
            assert!(!Beats::are_metres(&words), "word {at}");
        }
    }
}
