//! Reading ahead: which chunks of long recordings are to be read next, and which give way to them.
//!
//! [`ReadAhead`] knows the plan and where playing is; it knows no files and no threads. Whoever reads asks it for the next
//! chunks, reads them wherever they are, and is told into which slot of the audio thread's pool each goes. The rules are EN36 to
//! EN39 in `specs/engine.md`.

mod chunk_hash;
mod wanted;

use std::collections::BTreeMap;

use crate::Plan;
use crate::stream::{Chunk, Stream};
use chunk_hash::{ChunkMap, ChunkSet};
use wanted::Wanted;

/// Slots that a pool has at most: 192 MiB.
pub const SLOTS_MAX: usize = 3_072;
/// Slots that are asked for at once, at least.
const GROWN_SLOTS: usize = 64;
/// Places that are kept ready at most.
pub const KEPT_MAX: usize = 64;
/// Frames that playing goes on before it is looked anew at what is wanted, as long as nothing else has changed: 43 ms at 48 kHz.
const LOOK_FRAMES: i64 = 2_048;
/// Looks that are left out at most: what has just been played gives way at the second look after it.
const LOOKS_LEFT_OUT_MAX: u32 = 16;

/// Where playing is and may go.
#[derive(Clone, Debug, Default, PartialEq)]
struct Place {
    /// The frame that is played next, or at which playing would start.
    position: i64,
    /// The loop, in frames.
    around: Option<(i64, i64)>,
    /// Where it will jump to as soon as that is ready.
    aims: Vec<i64>,
    /// Where it may jump to.
    kept: Vec<i64>,
}

/// Chunks of one recording, one after the other, that are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: Chunk,
    /// How many.
    pub count: u32,
}

/// What is in a slot, or on its way there.
#[derive(Clone, Copy, Debug)]
struct Held {
    slot: u32,
    /// How many chunks had been sent before it.
    number: u32,
    /// When it was last wanted.
    wanted: u64,
}

/// A recording that is read ahead.
#[derive(Clone, Copy, Debug)]
struct Source {
    /// Whether it is on this device, where reading takes no time worth speaking of.
    near: bool,
    /// Whether it cannot be read now.
    paused: bool,
}

/// What is in the pool, what is wanted there, and what comes next.
#[derive(Debug, Default)]
pub struct ReadAhead {
    plan: Option<Plan>,
    streams: BTreeMap<u32, Stream>,
    sources: BTreeMap<u32, Source>,
    place: Place,
    /// In ticks: the loop, what is aimed at, what is kept ready.
    around: Option<(i64, i64)>,
    aim: Option<i64>,
    kept: Vec<i64>,
    slots: u32,
    free: Vec<u32>,
    held: ChunkMap<Held>,
    coming: ChunkSet,
    sent: u32,
    looks: u64,
    /// Where playing was when it was last looked, unless something has changed since.
    looked_at: Option<i64>,
    /// Looks that were left out since.
    left_out: u32,
    /// Whether nothing gives way any more before the next look.
    is_full: bool,
    wanted: Wanted,
    /// How many of the first of these are not missing, or wait for more, of what is far and of what is near.
    passed: [usize; 2],
    /// The places of what is wanted.
    ranks: ChunkMap<usize>,
    /// From here on nothing of what is wanted is held.
    held_to: usize,
    /// What may give way, the first to go last.
    idle: Vec<Chunk>,
}

impl ReadAhead {
    /// Nothing to read, and no slots.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a plan.
    pub fn set_plan(&mut self, plan: Plan) {
        self.plan = Some(plan);
        self.looked_at = None;
    }

    /// Has so many slots from now on; never fewer than before, and at most [`SLOTS_MAX`].
    pub fn grow(&mut self, slots: usize) {
        let slots = slots.min(SLOTS_MAX) as u32;
        self.free.extend((self.slots..slots).rev());
        self.slots = self.slots.max(slots);
        self.looked_at = None;
    }

    /// How many slots there should be: some more than there are, or twice as many, as long as not all that is wanted has one.
    #[must_use]
    pub fn slots_wanted(&self) -> usize {
        let slots = self.slots as usize;
        if self.wanted.chunks.len() < slots { slots } else { (slots + GROWN_SLOTS.max(slots)).min(SLOTS_MAX) }
    }

    /// Reads a recording ahead from now on. `near`: it is on this device.
    pub fn begin(&mut self, id: u32, stream: Stream, near: bool) {
        self.end(id);
        self.streams.insert(id, stream);
        self.sources.insert(id, Source { near, paused: false });
    }

    /// A recording has come to this device, or has gone from it.
    pub fn set_near(&mut self, id: u32, near: bool) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.near = near;
            self.looked_at = None;
        }
    }

    /// A recording cannot be read for now, or can again.
    pub fn pause(&mut self, id: u32, paused: bool) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.paused = paused;
            self.looked_at = None;
        }
    }

    /// Forgets a recording.
    pub fn end(&mut self, id: u32) {
        self.streams.remove(&id);
        self.sources.remove(&id);
        self.looked_at = None;
        let free = &mut self.free;
        self.held.retain(|chunk, held| {
            let stays = chunk.source != id;
            if !stays {
                free.push(held.slot);
            }
            stays
        });
        self.coming.retain(|chunk| chunk.source != id);
        self.idle.retain(|chunk| chunk.source != id);
        self.wanted = Wanted::default();
        self.rank();
    }

    /// The loop, in ticks.
    pub fn set_loop(&mut self, ticks: Option<(i64, i64)>) {
        self.around = ticks.filter(|(start, end)| start < end);
        self.looked_at = None;
    }

    /// Where playing is about to jump, in ticks.
    pub fn aim(&mut self, ticks: Option<i64>) {
        self.aim = ticks;
        self.looked_at = None;
    }

    /// Places that are kept ready, in ticks; of more than [`KEPT_MAX`] the first.
    pub fn keep(&mut self, ticks: &[i64]) {
        self.kept = ticks[..ticks.len().min(KEPT_MAX)].to_vec();
        self.looked_at = None;
    }

    /// Looks anew at what is wanted, with playing at a frame; unless it has moved but a little, and nothing else has changed.
    pub fn look(&mut self, position: i64) {
        let same = |before: i64| (before..before.saturating_add(LOOK_FRAMES)).contains(&position);
        if self.left_out < LOOKS_LEFT_OUT_MAX && self.looked_at.is_some_and(same) {
            self.left_out += 1;
            return;
        }
        (self.looked_at, self.left_out) = (Some(position), 0);
        self.looks += 1;
        self.wanted = Wanted::default();
        if let Some(plan) = &self.plan {
            let plan = plan.view();
            let tempo = plan.tempo();
            let frames = |ticks: &i64| tempo.frame(*ticks).clamp(-crate::plan::FRAME_MAX, crate::plan::FRAME_MAX);
            self.place = Place {
                position: position.clamp(-crate::plan::FRAME_MAX, crate::plan::FRAME_MAX),
                around: self.around.map(|(start, end)| (frames(&start), frames(&end))).filter(|(a, b)| a < b),
                aims: self.aim.iter().map(frames).collect(),
                kept: self.kept.iter().map(frames).collect(),
            };
            self.wanted = wanted::wanted(&plan, &self.streams, &self.place, self.slots as usize);
        }
        self.rank();
    }

    fn rank(&mut self) {
        self.passed = [0; 2];
        self.held_to = self.wanted.chunks.len();
        self.is_full = false;
        self.ranks = self.wanted.chunks.iter().enumerate().map(|(rank, chunk)| (*chunk, rank)).collect();
        for chunk in &self.wanted.chunks {
            if let Some(held) = self.held.get_mut(chunk) {
                held.wanted = self.looks;
            }
        }
        // What was wanted a moment ago may still be fading out.
        let idle = self.held.iter().filter(|(_, held)| held.wanted + 1 < self.looks);
        let mut idle: Vec<(u64, Chunk)> = idle.map(|(chunk, held)| (held.wanted, *chunk)).collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        self.idle = idle.into_iter().map(|(_, chunk)| chunk).collect();
    }

    /// What to read next of what is near, or of what is far: at most `most` chunks. They count as coming until they have
    /// [arrived](Self::arrived) or [failed](Self::failed).
    ///
    /// What is far and not needed soon waits until half of `most` can be asked for together.
    pub fn next(&mut self, near: bool, most: u32) -> Option<Run> {
        if self.is_full {
            return None;
        }
        let may = |chunk: &Chunk| self.sources.get(&chunk.source).is_some_and(|it| it.near == near && !it.paused);
        let missing = |chunk: &Chunk| !self.held.contains_key(chunk) && !self.coming.contains(chunk);
        let Wanted { chunks, urgent, together, safe } = &self.wanted;
        let mut rank = self.passed[usize::from(near)];
        let run = loop {
            let Some(found) = chunks[rank..].iter().position(|chunk| may(chunk) && missing(chunk)) else {
                rank = chunks.len();
                break None;
            };
            rank += found;
            let first = chunks[rank];
            // What is urgent elsewhere comes before what follows here.
            let end = match near {
                _ if rank >= *urgent => chunks.len(),
                true => *urgent,
                false => *together,
            };
            let goes_on = |n: &u32| {
                let chunk = Chunk { index: first.index.saturating_add(*n), ..first };
                self.ranks.get(&chunk).is_some_and(|rank| *rank < end) && missing(&chunk)
            };
            let count = 1 + (1..most).take_while(goes_on).count() as u32;
            if near || rank < *safe || count >= most.div_ceil(2) {
                break Some(Run { first, count });
            }
            rank += 1;
        };
        self.passed[usize::from(near)] = rank;
        let run = run?;
        self.coming.extend((0..run.count).map(|n| Chunk { index: run.first.index + n, ..run.first }));
        Some(run)
    }

    /// A chunk has been read: the slot that it goes to, or none when it is wanted no more or others are wanted more.
    pub fn arrived(&mut self, chunk: Chunk) -> Option<u32> {
        self.coming.remove(&chunk);
        let rank = *self.ranks.get(&chunk)?;
        if self.held.contains_key(&chunk) {
            return None;
        }
        let Some(slot) = self.free.pop().or_else(|| self.give_way(rank)) else {
            self.is_full = true;
            return None;
        };
        self.held_to = self.held_to.max(rank + 1);
        self.held.insert(chunk, Held { slot, number: self.sent, wanted: self.looks });
        self.sent = self.sent.wrapping_add(1);
        Some(slot)
    }

    fn give_way(&mut self, rank: usize) -> Option<u32> {
        while let Some(idle) = self.idle.pop() {
            if let Some(held) = self.held.remove(&idle) {
                return Some(held.slot);
            }
        }
        while self.held_to > rank + 1 {
            self.held_to -= 1;
            if let Some(held) = self.held.remove(&self.wanted.chunks[self.held_to]) {
                return Some(held.slot);
            }
        }
        None
    }

    /// A chunk could not be read; it is asked for again as long as it is wanted.
    pub fn failed(&mut self, chunk: Chunk) {
        self.coming.remove(&chunk);
        self.looked_at = None;
    }

    /// Whether all that sounds from a tick on can be heard, when the audio thread has taken so many of the chunks sent. What
    /// cannot be read now is not waited for.
    #[must_use]
    pub fn is_ready(&self, ticks: i64, taken: u32) -> bool {
        let Some(plan) = &self.plan else { return true };
        let view = plan.view();
        let is_far = |chunk: &Chunk| self.sources.get(&chunk.source).is_some_and(|source| !source.near);
        self.are_here(&wanted::needed_at(&view, &self.streams, view.tempo().frame(ticks), is_far), taken)
    }

    /// Whether what plays at a frame can go on for the next moment, when the audio thread has taken so many of the chunks sent.
    #[must_use]
    pub fn lasts(&self, position: i64, taken: u32) -> bool {
        let Some(plan) = &self.plan else { return true };
        let position = position.clamp(-crate::plan::FRAME_MAX, crate::plan::FRAME_MAX);
        let place = Place { position, around: self.place.around, ..Place::default() };
        self.are_here(&wanted::needed_next(&plan.view(), &self.streams, &place), taken)
    }

    fn are_here(&self, needed: &[Chunk], taken: u32) -> bool {
        let here =
            |chunk: &Chunk| self.held.get(chunk).is_some_and(|held| taken.wrapping_sub(held.number).cast_signed() > 0);
        let hopeless = |chunk: &Chunk| self.sources.get(&chunk.source).is_none_or(|source| source.paused);
        needed.iter().take(SLOTS_MAX).all(|chunk| here(chunk) || hopeless(chunk))
    }

    /// Whether anything of a run that was asked for is still wanted.
    #[must_use]
    pub fn wants(&self, run: Run) -> bool {
        let mut chunks = (0..run.count).map(|n| Chunk { index: run.first.index.saturating_add(n), ..run.first });
        chunks.any(|chunk| self.ranks.contains_key(&chunk))
    }
}
