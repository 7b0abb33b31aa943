//! Chunks of long recordings, which somebody reads ahead of playing, in slots that are made once and used again and again.
//!
//! What has not come in time is silence (EN38): what sounds before it falls in [`FADE_FRAMES`], what comes after it rises.

use engine::ahead::SLOTS_MAX;
use engine::reader::Inside;
use engine::stream::{CHUNK_BYTES, Chunk, FADE_FRAMES, Format, Stream};

use crate::readings::{Reading, Readings};
use crate::{SourceError, integers};

/// The most chunks of all recordings together that are read ahead: a list of them takes two bytes each.
pub const CHUNKS_MAX: usize = 1 << 24;
/// Slots that are made at once, at most: making them takes the audio thread some time.
pub const GROW_MAX: usize = 64;

/// What the list of a recording has for a chunk that is in no slot.
const NOWHERE: u16 = u16::MAX;
const _: () = assert!(SLOTS_MAX < NOWHERE as usize);

/// The slots, and which recordings are played out of them.
#[derive(Debug, Default)]
pub struct Pool {
    slots: Vec<Slot>,
    /// Sorted by id.
    list: Vec<(u32, Streamed)>,
    /// How the voices that play them went on.
    readings: Readings,
    /// The voice that reads.
    voice: u64,
    /// Gaps so far.
    gaps: u32,
}

#[derive(Debug)]
struct Slot {
    /// [`CHUNK_BYTES`] as little-endian words.
    words: Vec<u32>,
    holds: Option<Chunk>,
}

#[derive(Debug)]
struct Streamed {
    stream: Stream,
    /// Whether it can hold nothing but finite numbers.
    finite: bool,
    /// The slot of each of its chunks.
    places: Vec<u16>,
}

impl Pool {
    /// Makes more slots, at most [`GROW_MAX`], and says how many there are.
    pub fn grow(&mut self, slots: usize) -> usize {
        let more = slots.min(SLOTS_MAX).saturating_sub(self.slots.len()).min(GROW_MAX);
        self.slots.extend((0..more).map(|_| Slot { words: vec![0; CHUNK_BYTES / 4], holds: None }));
        self.slots.len()
    }

    /// Adds or replaces a recording, of which nothing is here yet.
    ///
    /// # Errors
    /// When there are too many chunks or recordings; then it is gone if it was there.
    pub fn begin(&mut self, id: u32, stream: Stream, finite: bool) -> Result<(), SourceError> {
        self.end(id);
        let chunks: usize = self.list.iter().map(|(_, streamed)| streamed.places.len()).sum();
        if self.list.len() >= crate::SOURCES_MAX || chunks + stream.chunks() > CHUNKS_MAX {
            return Err(SourceError::TooMany);
        }
        let at = self.list.partition_point(|(other, _)| *other < id);
        let places = vec![NOWHERE; stream.chunks()];
        self.list.insert(at, (id, Streamed { stream, finite, places }));
        self.readings.prepare();
        Ok(())
    }

    /// Forgets a recording.
    pub fn end(&mut self, id: u32) {
        if let Some(at) = self.find(id) {
            self.list.remove(at);
            for slot in self.slots.iter_mut().filter(|slot| slot.holds.is_some_and(|chunk| chunk.source == id)) {
                slot.holds = None;
            }
        }
    }

    /// Where the bytes of a slot go, of which nothing is played from now on.
    pub fn fill(&mut self, slot: u32) -> Option<&mut [u32]> {
        let holds = self.slots.get_mut(slot as usize)?.holds.take();
        if let Some(place) = holds.and_then(|chunk| self.place(chunk)) {
            *place = NOWHERE;
        }
        self.slots.get_mut(slot as usize).map(|slot| slot.words.as_mut_slice())
    }

    /// A slot has been filled with a chunk; false when there is no such chunk or slot.
    pub fn filled(&mut self, slot: u32, chunk: Chunk) -> bool {
        let Ok(number) = u16::try_from(slot) else { return false };
        if slot as usize >= self.slots.len() {
            return false;
        }
        let Some(place) = self.place(chunk) else { return false };
        let before = core::mem::replace(place, number);
        if let Some(other) = self.slots.get_mut(usize::from(before)) {
            other.holds = None;
        }
        self.slots[slot as usize].holds = Some(chunk);
        true
    }

    /// How many gaps were played so far, because something had not come in time.
    #[must_use]
    pub fn gaps(&self) -> u32 {
        self.gaps
    }

    /// What is read from now on belongs to this voice.
    pub(crate) fn turn_to(&mut self, voice: u64) {
        self.voice = voice;
    }

    pub(crate) fn always_finite(&self, id: u32) -> Option<bool> {
        self.find(id).map(|at| self.list[at].1.finite)
    }

    /// Plays a recording, as [`engine::Reader::read`] says: whether all was here, or nothing when there is no such recording.
    pub(crate) fn read(&mut self, id: u32, start: i64, left: &mut [f32], right: &mut [f32]) -> Option<bool> {
        let at = self.find(id)?;
        let streamed = &self.list[at].1;
        let inside = Inside::of(start, left.len(), streamed.stream.frames as usize);
        let end = inside.before + inside.length;
        for channel in [&mut *left, &mut *right].into_iter().filter(|channel| !channel.is_empty()) {
            channel[..inside.before].fill(0.0);
            channel[end..].fill(0.0);
        }
        let right = if right.is_empty() { right } else { &mut right[inside.before..end] };
        let (first, last) = (inside.from as i64, (inside.from + inside.length) as i64);
        let reading = self.readings.of(self.voice, id, first, last)?;
        let gaps = streamed.play(&self.slots, reading, inside.from, &mut left[inside.before..end], right);
        self.gaps = self.gaps.wrapping_add(gaps.unwrap_or(0));
        Some(gaps.is_none())
    }

    fn find(&self, id: u32) -> Option<usize> {
        self.list.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    fn place(&mut self, chunk: Chunk) -> Option<&mut u16> {
        let at = self.find(chunk.source)?;
        self.list[at].1.places.get_mut(chunk.index as usize)
    }
}

impl Streamed {
    /// Plays the frames from `from` on, all of which the recording has. Nothing when all were here, else how many gaps began.
    fn play(
        &self,
        slots: &[Slot],
        reading: &mut Reading,
        from: usize,
        left: &mut [f32],
        right: &mut [f32],
    ) -> Option<u32> {
        let (size, count) = (self.stream.chunk_frames(), left.len());
        let (mut gaps, mut all_here) = (0, true);
        let mut done = 0;
        while done < count {
            let frame = from + done;
            let index = frame / size;
            let border = (index + 1) * size;
            let part = done..(done + border - frame).min(count);
            let here = self.copy(slots, index, frame % size, &mut left[part.clone()], part_of(right, &part));
            let first = frame as i64;
            if !here || reading.falls_to == first {
                // One that goes on from the last read has been counted.
                gaps += u32::from(reading.rises_from < first && !reading.late);
                reading.rises_from = reading.rises_from.max(first);
            }
            reading.late = !here;
            if here {
                self.weigh(slots, reading, frame, border, &mut left[part.clone()], part_of(right, &part));
            } else {
                all_here = false;
                reading.rises_from = reading.rises_from.max((from + part.end) as i64);
            }
            done = part.end;
        }
        (!all_here || gaps > 0).then_some(gaps)
    }

    fn slot<'a>(&self, slots: &'a [Slot], index: usize) -> Option<&'a Slot> {
        self.places.get(index).and_then(|place| slots.get(usize::from(*place)))
    }

    /// Copies frames of a chunk; false, and silence, when it is not here.
    fn copy(&self, slots: &[Slot], index: usize, from: usize, left: &mut [f32], right: &mut [f32]) -> bool {
        let Some(slot) = self.slot(slots, index) else {
            left.fill(0.0);
            right.fill(0.0);
            return false;
        };
        let count = left.len();
        match (self.stream.format, self.stream.channels) {
            (Format::I16, 2) => {
                let words = &slot.words[from..from + count];
                integers::stereo_words(words, left, right);
            }
            (Format::I16, _) => {
                for (n, x) in left.iter_mut().enumerate() {
                    let frame = from + n;
                    *x = integers::sample((slot.words[frame / 2] >> (16 * (frame & 1))) as i16);
                }
                if !right.is_empty() {
                    right.copy_from_slice(left);
                }
            }
            (Format::F32, channels) => {
                let bits = |from: usize| slot.words[from..from + count].iter().map(|word| f32::from_bits(*word));
                left.iter_mut().zip(bits(from)).for_each(|(x, sample)| *x = sample);
                let second = (channels as usize - 1) * self.stream.chunk_frames() + from;
                right.iter_mut().zip(bits(second)).for_each(|(x, sample)| *x = sample);
            }
        }
        true
    }

    /// Falls towards a border behind which nothing is here, and rises behind a gap. `frame` is the first of the samples.
    fn weigh(
        &self,
        slots: &[Slot],
        reading: &mut Reading,
        frame: usize,
        border: usize,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let step = 1.0 / FADE_FRAMES as f32;
        let end = frame + left.len();
        if end + FADE_FRAMES > border && border < self.stream.frames as usize {
            let index = border / self.stream.chunk_frames();
            if self.slot(slots, index).is_none() {
                reading.falls_to = border as i64;
            }
            if reading.falls_to == border as i64 {
                let first = (border - FADE_FRAMES).max(frame);
                each_from(first - frame, left, right, |n, x| *x *= (border - first - n) as f32 * step);
            }
        }
        let risen = (frame as i64).saturating_sub(reading.rises_from);
        if risen < FADE_FRAMES as i64 {
            each_from(0, left, right, |n, x| {
                let risen = (risen + n as i64).clamp(0, FADE_FRAMES as i64);
                *x *= if risen == FADE_FRAMES as i64 { 1.0 } else { risen as f32 * step };
            });
        }
    }
}

fn part_of<'a>(right: &'a mut [f32], part: &core::ops::Range<usize>) -> &'a mut [f32] {
    if right.is_empty() { &mut [] } else { &mut right[part.clone()] }
}

fn each_from(first: usize, left: &mut [f32], right: &mut [f32], weigh: impl Fn(usize, &mut f32)) {
    left.iter_mut().skip(first).enumerate().for_each(|(n, x)| weigh(n, x));
    right.iter_mut().skip(first).enumerate().for_each(|(n, x)| weigh(n, x));
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 16_384;

    fn pool(chunks: &[u32]) -> Pool {
        let mut pool = Pool::default();
        assert_eq!(pool.grow(8), 8);
        pool.begin(7, Stream::new(1, 4 * CHUNK as u64, Format::F32).unwrap(), false).unwrap();
        chunks.iter().for_each(|index| put(&mut pool, *index, *index));
        pool
    }

    fn put(pool: &mut Pool, slot: u32, index: u32) {
        pool.fill(slot).unwrap().fill(1.0f32.to_bits());
        assert!(pool.filled(slot, Chunk { source: 7, index }));
    }

    /// Plays in blocks as the engine would; `before` is called with each block's first frame.
    fn play(pool: &mut Pool, from: usize, to: usize, mut before: impl FnMut(&mut Pool, usize)) -> (Vec<f32>, usize) {
        let (mut heard, mut starved) = (Vec::new(), 0);
        for frame in (from..to).step_by(128) {
            before(pool, frame);
            let mut block = vec![9.0; 128.min(to - frame)];
            starved += usize::from(pool.read(7, frame as i64, &mut block, &mut []) == Some(false));
            heard.extend(block);
        }
        (heard, starved)
    }

    fn largest_step(heard: &[f32]) -> f32 {
        heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn en38_what_is_here_in_time_is_played_as_it_is() {
        let mut pool = pool(&[0, 1]);
        // The next chunk comes as the one before it begins: nobody hears that it was not there.
        let (heard, starved) = play(&mut pool, 0, 4 * CHUNK, |pool, frame| {
            if frame % CHUNK == 0 && frame > 0 {
                let index = (frame / CHUNK + 1) as u32;
                if index < 4 {
                    put(pool, index, index);
                }
            }
        });
        assert!(heard.iter().all(|x| *x == 1.0));
        assert_eq!((starved, pool.gaps()), (0, 0));
    }

    #[test]
    fn en38_a_gap_is_fallen_into_and_risen_from_without_a_click_and_counted_once() {
        let mut pool = pool(&[0, 2]);
        let (heard, starved) = play(&mut pool, 0, 3 * CHUNK, |_, _| {});
        assert!(largest_step(&heard) <= 1.001 / FADE_FRAMES as f32, "{}", largest_step(&heard));
        assert_eq!((heard[CHUNK - FADE_FRAMES], heard[CHUNK], heard[2 * CHUNK + FADE_FRAMES]), (1.0, 0.0, 1.0));
        assert_eq!((starved, pool.gaps()), (CHUNK / 128, 1));
        // It comes in the middle of the gap, or just after it began to fall.
        for late in [CHUNK + 1_280, CHUNK - 128] {
            pool.fill(1);
            let (heard, _) = play(&mut pool, 0, 3 * CHUNK, |pool, frame| {
                if frame == late {
                    put(pool, 1, 1);
                }
            });
            assert!(largest_step(&heard) <= 1.001 / FADE_FRAMES as f32, "{late}: {}", largest_step(&heard));
            assert_eq!(heard[late.max(CHUNK) + FADE_FRAMES], 1.0);
        }
        // Once it is here, nothing of all that is heard.
        let (heard, starved) = play(&mut pool, 0, 3 * CHUNK, |_, _| {});
        assert!(heard[..3 * CHUNK - FADE_FRAMES].iter().all(|x| *x == 1.0) && starved == 0);
    }

    #[test]
    fn en38_clips_that_play_one_recording_at_two_places_have_gaps_of_their_own() {
        let mut pool = pool(&[0, 1, 3]);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for frame in (0..2 * CHUNK).step_by(128) {
            for (heard, place) in [(&mut first, frame), (&mut second, frame + CHUNK / 2)] {
                let mut block = [9.0; 128];
                pool.read(7, (place + CHUNK / 2) as i64, &mut block, &mut []);
                heard.extend(block);
            }
        }
        assert_eq!(pool.gaps(), 2);
        assert!(largest_step(&first).max(largest_step(&second)) <= 1.001 / FADE_FRAMES as f32);
    }

    #[test]
    fn en38_a_gap_in_a_recording_that_is_turned_around_is_counted_once() {
        let mut pool = pool(&[0, 2]);
        for frame in (0..3 * CHUNK).step_by(128).rev() {
            pool.read(7, frame as i64, &mut [0.0; 128], &mut []);
        }
        assert_eq!(pool.gaps(), 1);
    }

    #[test]
    fn en38_entering_where_nothing_is_yet_is_silence_that_rises() {
        let mut pool = pool(&[]);
        let (heard, _) = play(&mut pool, 5_000, 10_000, |pool, frame| {
            if frame == 5_000 + 1_280 {
                put(pool, 0, 0);
            }
        });
        assert!(heard[..1_281].iter().all(|x| *x == 0.0));
        assert!(largest_step(&heard) <= 1.001 / FADE_FRAMES as f32);
        assert_eq!((heard[4_000], pool.gaps()), (1.0, 1));
    }

    #[test]
    fn sixteen_bits_are_exact_in_mono_and_stereo() {
        let mut pool = Pool::default();
        pool.grow(2);
        for (id, channels) in [(1, 1), (2, 2)] {
            pool.begin(id, Stream::new(channels, 6, Format::I16).unwrap(), true).unwrap();
            let words = pool.fill(id - 1).unwrap();
            let samples: [i16; 12] = core::array::from_fn(|n| (n as i16 - 5) * 1_000);
            for (word, pair) in words.iter_mut().zip(samples.as_chunks::<2>().0) {
                *word = u32::from(pair[0] as u16) | u32::from(pair[1] as u16) << 16;
            }
            assert!(pool.filled(id - 1, Chunk { source: id, index: 0 }));
        }
        let (mut left, mut right) = ([9.0; 4], [9.0; 4]);
        assert_eq!(pool.read(1, 1, &mut left, &mut right), Some(true));
        assert_eq!(left.map(|x| x * 32_768.0), [-4_000.0, -3_000.0, -2_000.0, -1_000.0]);
        assert_eq!(left, right);
        assert_eq!(pool.read(2, 3, &mut left, &mut right), Some(true));
        assert_eq!((left.map(|x| x * 32_768.0), right[2] * 32_768.0), ([1_000.0, 3_000.0, 5_000.0, 0.0], 6_000.0));
        assert_eq!((pool.always_finite(1), pool.always_finite(3)), (Some(true), None));
    }

    #[test]
    fn slots_change_hands_and_what_is_out_of_bounds_is_refused() {
        let mut pool = pool(&[0]);
        assert_eq!(pool.grow(usize::MAX), 8 + GROW_MAX);
        assert!(!pool.filled(500, Chunk { source: 7, index: 0 }) && pool.fill(500).is_none());
        assert!(!pool.filled(1, Chunk { source: 7, index: 4 }) && !pool.filled(1, Chunk { source: 8, index: 0 }));
        // The same chunk in another slot, and another chunk in the same slot.
        put(&mut pool, 3, 0);
        put(&mut pool, 0, 1);
        let mut block = [0.0; 4];
        assert_eq!(pool.read(7, CHUNK as i64 - 2, &mut block, &mut []), Some(true));
        assert_eq!(block, [1.0; 4]);
        pool.end(7);
        assert_eq!(pool.read(7, 0, &mut block, &mut []), None);
        let huge = Stream::new(2, engine::stream::FRAMES_MAX, Format::F32).unwrap();
        let begun = (0..200).filter(|id| pool.begin(*id, huge, true).is_ok()).count();
        assert_eq!(begun, CHUNKS_MAX / huge.chunks());
    }
}
