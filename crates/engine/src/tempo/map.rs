//! The tempo of a whole song: where it changes, and which frame every tick has.

use super::{TICKS_PER_BEAT, Tempo, divide_half_even, saturate};

/// The most changes of tempo in a song, and of metre.
pub const CHANGES_MAX: usize = 4_096;
/// Changes lie behind tick 0 and not behind this: over a million beats.
pub const CHANGE_TICKS_MAX: i64 = 1 << 40;
/// Ticks and frames beyond these are no places from which seconds are counted.
const REACH: i64 = 1 << 52;

/// Words of a stretch: its tick and the frame where it begins (i64), the 2^-32 parts of a frame beyond that, the tempo at its
/// beginning and the one that it goes to, in thousandths, 0.
pub(crate) const STRETCH_WORDS: usize = 8;

/// Places lie on steps of 2^-32 frame wherever a stretch begins.
const FRACTION: u32 = 32;
/// Binary places of a tempo within a ramp.
const SPEED_FRACTION: u32 = 44;
/// Binary places of its square.
const SQUARE_FRACTION: u32 = 48;
/// `frames = ticks · 125 · rate / (2,016 · bpm_milli)`: 60,000 over 967,680, reduced.
const FRAMES_FACTOR: i128 = 125;
const TICKS_FACTOR: i128 = 2_016;

/// A change of tempo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TempoChange {
    /// Where, behind tick 0.
    pub ticks: i64,
    /// Thousandths of a beat per minute from here on.
    pub bpm_milli: u32,
    /// Whether the tempo has gone here evenly in time since the change before (or the song's start); else it jumps.
    pub ramp: bool,
}

/// Why changes are no tempo track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TempoError {
    /// No rate, or a tempo that is not 20 to 300 beats per minute.
    Tempo(u32),
    /// A change at the beginning, before it, or out of reach; its place in the order given.
    Place(usize),
    /// More than [`CHANGES_MAX`].
    TooMany,
}

/// A tempo map and its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TempoTrack {
    sample_rate: u32,
    words: Vec<u32>,
}

/// Which frame every tick has, read where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TempoMap<'a> {
    sample_rate: u32,
    words: &'a [u32],
}

/// A part of the song in which the tempo stays, or goes evenly from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    ticks: i64,
    /// In steps of 2^-32 frame.
    start: i128,
    from: u32,
    to: u32,
}

impl TempoTrack {
    /// The tempo of a song that begins at `bpm_milli`. Changes may come in any order; of several at one tick the last counts.
    ///
    /// # Errors
    /// What is out of bounds.
    pub fn new(sample_rate: u32, bpm_milli: u32, changes: &[TempoChange]) -> Result<Self, TempoError> {
        let good = |bpm_milli| Tempo::new(bpm_milli, sample_rate).ok_or(TempoError::Tempo(bpm_milli));
        good(bpm_milli)?;
        if changes.len() > CHANGES_MAX {
            return Err(TempoError::TooMany);
        }
        for (place, change) in changes.iter().enumerate() {
            good(change.bpm_milli)?;
            if !(1..=CHANGE_TICKS_MAX).contains(&change.ticks) {
                return Err(TempoError::Place(place));
            }
        }
        let mut in_order: Vec<TempoChange> = Vec::with_capacity(changes.len());
        let mut sorted: Vec<&TempoChange> = changes.iter().collect();
        sorted.sort_by_key(|change| change.ticks);
        for change in sorted {
            match in_order.last_mut() {
                Some(last) if last.ticks == change.ticks => *last = *change,
                _ => in_order.push(*change),
            }
        }
        let mut track = Self { sample_rate, words: Vec::with_capacity((1 + in_order.len()) * STRETCH_WORDS) };
        let mut now = Stretch { ticks: 0, start: 0, from: bpm_milli, to: bpm_milli };
        for change in in_order {
            if change.ramp {
                now.to = change.bpm_milli;
            }
            track.push(&now);
            let start = now.end(change.ticks, sample_rate);
            now = Stretch { ticks: change.ticks, start, from: change.bpm_milli, to: change.bpm_milli };
        }
        track.push(&now);
        Ok(track)
    }

    /// The map, to look places up.
    #[must_use]
    pub fn map(&self) -> TempoMap<'_> {
        TempoMap { sample_rate: self.sample_rate, words: &self.words }
    }

    pub(crate) fn words(&self) -> &[u32] {
        &self.words
    }

    fn push(&mut self, stretch: &Stretch) {
        let frame = (stretch.start >> FRACTION) as i64;
        self.words.extend([stretch.ticks as u32, (stretch.ticks >> 32) as u32, frame as u32, (frame >> 32) as u32]);
        self.words.extend([stretch.start as u32, stretch.from, stretch.to, 0]);
    }
}

impl<'a> TempoMap<'a> {
    /// Reads words that have been checked, or were written here.
    pub(crate) fn trusted(sample_rate: u32, words: &'a [u32]) -> Self {
        Self { sample_rate, words }
    }

    /// Whether the words are a map: every stretch begins where the one before ends.
    pub(crate) fn is_sound(self) -> bool {
        let Self { sample_rate, words } = self;
        let count = self.count();
        let whole = words.len() == count * STRETCH_WORDS && (1..=1 + CHANGES_MAX).contains(&count);
        let first = self.stretch(0);
        if !whole || (first.ticks, first.start) != (0, 0) {
            return false;
        }
        (0..count).all(|index| {
            let now = self.stretch(index);
            let tempos = [now.from, now.to].into_iter().all(|bpm| Tempo::new(bpm, sample_rate).is_some());
            let good = tempos && words[index * STRETCH_WORDS + 7] == 0;
            good && match self.next(index) {
                None => !now.is_ramp(),
                Some(next) => {
                    let behind = next.ticks > now.ticks && next.ticks <= CHANGE_TICKS_MAX;
                    // A ramp arrives where the next one begins.
                    let arrives = !now.is_ramp() || now.to == next.from;
                    behind && arrives && next.start == now.end(next.ticks, sample_rate)
                }
            }
        })
    }

    /// Hz.
    #[must_use]
    pub fn sample_rate(self) -> u32 {
        self.sample_rate
    }

    /// The frame nearest to a tick, ties to the even frame. What does not fit an i64 saturates.
    #[must_use]
    pub fn frame(self, ticks: i64) -> i64 {
        let index = self.index_of_tick(ticks);
        let now = self.stretch(index);
        let past = i128::from(ticks) - i128::from(now.ticks);
        saturate(match self.length_of_ramp(index, ticks) {
            Some(length) => divide_half_even(now.place_in_ramp(past, length, self.sample_rate), 1 << FRACTION),
            None => {
                let divisor = now.divisor();
                divide_half_even(now.start * divisor + past * (self.factor() << FRACTION), divisor << FRACTION)
            }
        })
    }

    /// The tick nearest to a frame, ties to the even tick. What does not fit an i64 saturates.
    #[must_use]
    pub fn ticks(self, frame: i64) -> i64 {
        self.nearest(i128::from(frame) << FRACTION)
    }

    /// The last tick whose place is not after a frame. What does not fit an i64 saturates.
    #[must_use]
    pub fn ticks_floor(self, frame: i64) -> i64 {
        let place = i128::from(frame) << FRACTION;
        let index = self.index_of_place(place);
        let now = self.stretch(index);
        saturate(match self.next(index).filter(|_| now.is_ramp() && place >= now.start) {
            Some(next) => i128::from(now.ticks) + now.floor_in_ramp(place, &next, self.sample_rate),
            None => {
                let past = ((place - now.start) * now.divisor()).div_euclid(self.factor() << FRACTION);
                let last = self.next(index).map_or(i128::MAX, |next| i128::from(next.ticks) - 1);
                (i128::from(now.ticks) + past).min(last)
            }
        })
    }

    /// The tick nearest to the time so many seconds after a tick (or before it); `None` when that is out of reach.
    ///
    /// Seconds that were made from ticks (by cutting a clip) come back as those ticks: the error of an f64 is far below half a
    /// tick up to a week.
    #[must_use]
    pub fn ticks_after(self, ticks: i64, seconds: f64) -> Option<i64> {
        let frames = seconds * f64::from(self.sample_rate);
        let whole = frames.floor();
        let within = (-REACH..=REACH).contains(&ticks) && whole.abs() <= REACH as f64;
        let parts = ((frames - whole) * (1u64 << FRACTION) as f64).round_ties_even();
        within.then(|| self.nearest(self.place(ticks) + ((whole as i128) << FRACTION) + parts as i128))
    }

    /// When a tick is, in seconds; for people.
    #[must_use]
    pub fn seconds(self, ticks: i64) -> f64 {
        let place = self.place(ticks.clamp(-REACH, REACH));
        place as f64 / (1u64 << FRACTION) as f64 / f64::from(self.sample_rate)
    }

    /// How long a beat is at a frame, in frames: within a ramp, by the tempo at that frame.
    #[must_use]
    pub fn beat_frames(self, frame: i64) -> f64 {
        let index = self.index_of_frame(frame);
        let now = self.stretch(index);
        let mut bpm = f64::from(now.from);
        if let Some(next) = self.next(index).filter(|_| now.is_ramp()) {
            let past = ((i128::from(frame) << FRACTION) - now.start).max(0) as f64;
            let share = past / (next.start - now.start) as f64;
            bpm += (f64::from(now.to) - bpm) * share.min(1.0);
        }
        f64::from(self.sample_rate) * 60_000.0 / bpm
    }

    /// The next frame at which what follows the tempo looks again: that of the next change or, within a ramp, of the next whole
    /// beat since its beginning. `i64::MAX` when nothing changes any more.
    #[must_use]
    pub fn next_look(self, frame: i64) -> i64 {
        let index = self.index_of_frame(frame);
        let now = self.stretch(index);
        let Some(next) = self.next(index) else { return i64::MAX };
        let change = next.frame();
        if !now.is_ramp() {
            return change;
        }
        if frame < now.frame() {
            return now.frame();
        }
        let beats = (self.ticks_floor(frame) - now.ticks).max(0) / TICKS_PER_BEAT;
        // The place of the next beat may be rounded to this very frame.
        let ahead = (1..=2).map(|more| now.ticks + (beats + more) * TICKS_PER_BEAT);
        let looks = ahead.filter(|ticks| *ticks < next.ticks).map(|ticks| self.frame(ticks));
        looks.into_iter().find(|look| *look > frame).unwrap_or(change)
    }

    /// The ticks at which the tempo changes behind one tick and before another.
    pub fn changes_between(self, from: i64, to: i64) -> impl Iterator<Item = i64> {
        let first = self.index_of_tick(from) + 1;
        (first..self.count()).map(move |index| self.stretch(index).ticks).take_while(move |ticks| *ticks < to)
    }

    /// Whether the tempo ever changes.
    #[must_use]
    pub fn is_constant(self) -> bool {
        self.count() == 1
    }

    fn count(self) -> usize {
        self.words.len() / STRETCH_WORDS
    }

    fn factor(self) -> i128 {
        FRAMES_FACTOR * i128::from(self.sample_rate)
    }

    fn stretch(self, index: usize) -> Stretch {
        let Some(w) = self.words.get(index * STRETCH_WORDS..).and_then(|rest| rest.first_chunk::<STRETCH_WORDS>())
        else {
            return Stretch { ticks: 0, start: 0, from: 120_000, to: 120_000 };
        };
        let long = |at: usize| (u64::from(w[at]) | u64::from(w[at + 1]) << 32) as i64;
        let start = (i128::from(long(2)) << FRACTION) + i128::from(w[4]);
        Stretch { ticks: long(0), start, from: w[5], to: w[6] }
    }

    fn next(self, index: usize) -> Option<Stretch> {
        (index + 1 < self.count()).then(|| self.stretch(index + 1))
    }

    /// The last stretch for which something holds that holds up to some stretch and no further; else the first.
    fn last(self, holds: impl Fn(Stretch) -> bool) -> usize {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            if holds(self.stretch(middle)) { low = middle + 1 } else { high = middle }
        }
        low.saturating_sub(1)
    }

    fn index_of_tick(self, ticks: i64) -> usize {
        self.last(|stretch| stretch.ticks <= ticks)
    }

    fn index_of_place(self, place: i128) -> usize {
        self.last(|stretch| stretch.start <= place)
    }

    fn index_of_frame(self, frame: i64) -> usize {
        self.last(|stretch| stretch.frame() <= frame)
    }

    /// How many ticks the ramp has that a tick lies in; none outside of ramps.
    fn length_of_ramp(self, index: usize, ticks: i64) -> Option<i128> {
        let now = self.stretch(index);
        let next = self.next(index).filter(|_| now.is_ramp() && ticks >= now.ticks)?;
        Some(i128::from(next.ticks - now.ticks))
    }

    /// The place of a tick in steps of 2^-32 frame, rounded down.
    fn place(self, ticks: i64) -> i128 {
        let index = self.index_of_tick(ticks);
        let now = self.stretch(index);
        let past = i128::from(ticks) - i128::from(now.ticks);
        match self.length_of_ramp(index, ticks) {
            Some(length) => now.place_in_ramp(past, length, self.sample_rate),
            None => now.start + (past * (self.factor() << FRACTION)).div_euclid(now.divisor()),
        }
    }

    /// The tick nearest to a place.
    fn nearest(self, place: i128) -> i64 {
        let index = self.index_of_place(place);
        let now = self.stretch(index);
        let next = self.next(index);
        if let Some(next) = next.filter(|_| now.is_ramp() && place >= now.start) {
            let past = now.floor_in_ramp(place, &next, self.sample_rate);
            let length = i128::from(next.ticks - now.ticks);
            let at = |past: i128| {
                if past < length { now.place_in_ramp(past, length, self.sample_rate) } else { next.start }
            };
            let (before, behind) = (place - at(past), at(past + 1) - place);
            let tick = i128::from(now.ticks) + past;
            let up = before > behind || (before == behind && tick.rem_euclid(2) == 1);
            return saturate(tick + i128::from(up));
        }
        let past = divide_half_even((place - now.start) * now.divisor(), self.factor() << FRACTION);
        let last = next.map_or(i128::MAX, |next| i128::from(next.ticks));
        saturate((i128::from(now.ticks) + past).min(last))
    }
}

impl Stretch {
    fn is_ramp(&self) -> bool {
        self.from != self.to
    }

    /// The frame from which on it holds.
    fn frame(&self) -> i64 {
        saturate(divide_half_even(self.start, 1 << FRACTION))
    }

    fn divisor(&self) -> i128 {
        TICKS_FACTOR * i128::from(self.from)
    }

    /// Where it ends, at a tick: rounded half to even to a step. A ramp takes the time that the mean of its tempos takes.
    fn end(&self, ticks: i64, sample_rate: u32) -> i128 {
        let length = i128::from(ticks) - i128::from(self.ticks);
        let both = i128::from(self.from) + i128::from(self.to);
        let numerator = (length * FRAMES_FACTOR * i128::from(sample_rate)) << FRACTION;
        self.start + divide_half_even(numerator, TICKS_FACTOR / 2 * both)
    }

    /// The place of a tick within a ramp of so many ticks, rounded down to a step.
    ///
    /// The tempo `b` goes evenly in time from `b0` to `b1` over `L` ticks, so at tick `x` its square is
    /// `b0² + (b1² - b0²)·x/L`, and the time until then is that of the mean of `b0` and `b`. In whole numbers: the square with 48 binary
    /// places, rounded down; its root with 44, rounded down; then `x·125·rate / (1,008·(b0 + b))`.
    fn place_in_ramp(&self, past: i128, length: i128, sample_rate: u32) -> i128 {
        let (from, to) = (i128::from(self.from), i128::from(self.to));
        let square = (from * from) << SQUARE_FRACTION;
        let square = square + (((to * to - from * from) * past) << SQUARE_FRACTION).div_euclid(length);
        // Twice 44 binary places give a root of 44.
        let speed = (square.max(0).unsigned_abs() << (2 * SPEED_FRACTION - SQUARE_FRACTION)).isqrt() as i128;
        let numerator = (past * FRAMES_FACTOR * i128::from(sample_rate)) << SPEED_FRACTION;
        let divisor = TICKS_FACTOR / 2 * ((from << SPEED_FRACTION) + speed);
        let (whole, rest) = (numerator / divisor, numerator % divisor);
        self.start + (whole << FRACTION) + (rest << FRACTION) / divisor
    }

    /// The ticks past the beginning of a ramp of the last one that is not after a place.
    fn floor_in_ramp(&self, place: i128, next: &Stretch, sample_rate: u32) -> i128 {
        let length = i128::from(next.ticks - self.ticks);
        let share = (place - self.start) as f64 / (next.start - self.start) as f64;
        let (from, to) = (f64::from(self.from), f64::from(self.to));
        // The integral of the tempo says where that is to about a tick; the places themselves say which one.
        let guess = length as f64 * (2.0 * from + (to - from) * share) * share / (from + to);
        let mut past = (guess as i128).clamp(0, length - 1);
        let at = |past: i128| self.place_in_ramp(past, length, sample_rate);
        while past > 0 && at(past) > place {
            past -= 1;
        }
        while past + 1 < length && at(past + 1) <= place {
            past += 1;
        }
        past
    }
}

#[cfg(test)]
mod tests;
