//! How the voices that play long recordings went on: each clip of each track has a reading of its own, however many play one recording.

use engine::stream::FADE_FRAMES;

/// Readings that are remembered: of more clips that play long recordings at once, the gaps may be counted too often, and not faded.
pub const READINGS_MAX: usize = 4_096;
/// Places that are looked at for a reading, from its own on. With half of all in use, a row of so many that are in use is out of reach.
const LOOKED_AT: usize = 32;

/// How reading went on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The first frame of the last read, and the one after its last.
    last: (i64, i64),
    /// The frame before which it falls, because what follows had not come.
    pub(crate) falls_to: i64,
    /// The frame from which on it rises, because what was before had not come.
    pub(crate) rises_from: i64,
    /// Whether the last frame that was read had not come.
    pub(crate) late: bool,
}

impl Reading {
    const NEW: Self = Self { last: (i64::MIN, i64::MIN), falls_to: i64::MIN, rises_from: i64::MIN, late: false };

    fn goes_on(&self, start: i64, end: i64) -> bool {
        (self.last.0..=self.last.1).contains(&start) || self.goes_back(start, end)
    }

    /// Recordings that are turned around are read backwards.
    fn goes_back(&self, start: i64, end: i64) -> bool {
        let (first, last) = self.last;
        start < first && (first..=last).contains(&end)
    }

    fn go_on(&mut self, start: i64, end: i64) {
        if self.goes_back(start, end) {
            *self = Reading { late: self.late, ..Reading::NEW };
        } else if start >= self.falls_to.saturating_add(FADE_FRAMES as i64) {
            self.falls_to = i64::MIN;
        }
        self.last = (start, end);
    }
}

/// All readings: a table that is looked up by voice, and never grows.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// None before the first recording is read ahead.
    table: Vec<Entry>,
    /// Reads so far.
    reads: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    key: u64,
    /// The number of its last read.
    read: u64,
    reading: Reading,
}

impl Readings {
    /// Makes the table, if there is none yet. Allocates.
    pub(crate) fn prepare(&mut self) {
        self.table.resize(READINGS_MAX, Entry { key: 0, read: 0, reading: Reading::NEW });
    }

    /// The reading that a voice goes on with; when there is none, a new one in the place of what was not used for longest. A voice may have
    /// several: behind a jump its clip is heard at two places for a moment.
    pub(crate) fn of(&mut self, voice: u64, source: u32, start: i64, end: i64) -> Option<&mut Reading> {
        self.reads += 1;
        let key = (voice ^ (u64::from(source) + 1).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let home = (key >> 48) as usize;
        let places = (0..LOOKED_AT).map(|n| (home + n) % READINGS_MAX);
        let is_it = |entry: &Entry| entry.key == key && entry.reading.goes_on(start, end);
        let known = places.clone().find(|at| self.table.get(*at).is_some_and(is_it));
        let at = match known {
            Some(at) => at,
            None => places.min_by_key(|at| self.table.get(*at).map_or(0, |entry| entry.read))?,
        };
        let entry = self.table.get_mut(at)?;
        if known.is_none() {
            *entry = Entry { key, read: 0, reading: Reading::NEW };
        }
        entry.read = self.reads;
        entry.reading.go_on(start, end);
        Some(&mut entry.reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en38_two_thousand_voices_of_one_recording_are_told_apart() {
        let mut readings = Readings::default();
        readings.prepare();
        let voices = READINGS_MAX as u64 / 2;
        for block in 0..3 {
            for voice in 0..voices {
                // All at the same place: nothing but the voice tells them apart.
                let reading = readings.of(voice, 7, block * 128, (block + 1) * 128).unwrap();
                let before = core::mem::replace(&mut reading.rises_from, voice as i64);
                assert_eq!(before, if block == 0 { i64::MIN } else { voice as i64 }, "voice {voice}, block {block}");
            }
        }
    }

    #[test]
    fn en38_a_voice_that_jumps_goes_on_at_both_places() {
        let mut readings = Readings::default();
        readings.prepare();
        for (start, late) in [(0, true), (9_000, false), (128, true), (9_128, false)] {
            let reading = readings.of(3, 7, start, start + 128).unwrap();
            assert_eq!(reading.late, late && start > 0, "at {start}");
            reading.late = late;
        }
    }
}
