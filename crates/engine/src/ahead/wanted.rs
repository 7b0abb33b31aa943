//! Which chunks are needed, the most urgent first.

use std::collections::BTreeMap;

use super::Place;
use super::chunk_hash::ChunkSet;
use crate::PlanView;
use crate::plan::{ClipRecord, TrackRecord};
use crate::processor::FADE_MS;
use crate::stream::{Chunk, FADE_FRAMES, Stream};

/// Frames of the timeline that are looked at together: chunks that are needed within them are equally urgent.
const SLICE_FRAMES: i64 = 4_096;
/// The same where it is not needed soon.
const FAR_SLICE_FRAMES: i64 = 16_384;
/// What is needed within so many milliseconds comes before all else.
const SOON_MS: i64 = 500;
/// What is needed within so many milliseconds comes before what is only kept ready.
const SAFE_MS: i64 = 2_500;
/// How far ahead is read where there is room, in milliseconds.
const AHEAD_MS: i64 = 12_000;
/// Milliseconds that are kept ready at places to which one may jump.
const KEPT_MS: i64 = 500;
/// Milliseconds behind a jump that are asked for together with the first of them.
const BEHIND_JUMP_MS: i64 = 1_500;
/// What plays on while a jump waits has run dry when something of so many milliseconds is not here: it must be told to stop before.
const LASTS_MS: i64 = 300;

/// What is needed.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// The most urgent first.
    pub(super) chunks: Vec<Chunk>,
    /// How many of the first of these are needed so soon, or behind a jump, that each comes before what follows another.
    pub(super) urgent: usize,
    /// How many of the first are asked for together with what is urgent, where each request costs more than what it brings.
    pub(super) together: usize,
    /// How many of the first are needed before there is time to wait until more can be read at once.
    pub(super) safe: usize,
}

/// A stretch of the timeline, and in how many frames it is reached.
#[derive(Clone, Copy)]
struct Stretch {
    within: i64,
    from: i64,
    to: i64,
}

/// The chunks that are needed, at most `room`.
pub(super) fn wanted(plan: &PlanView<'_>, streams: &BTreeMap<u32, Stream>, place: &Place, room: usize) -> Wanted {
    let rate = i64::from(plan.tempo().sample_rate());
    let frames = |ms: i64| ms * rate / 1_000;
    let fade = frames(i64::from(FADE_MS));
    let (heard, unheard) =
        (0..plan.track_count()).map(|index| plan.track(index)).partition(|track| is_heard(plan, track));
    let mut search = Search { plan, streams, heard, unheard, seen: ChunkSet::default(), found: Vec::new(), room };
    let way = way(place, frames(AHEAD_MS), frames(SOON_MS), fade);
    let until = |ms: i64| way.iter().filter(move |stretch| stretch.within < frames(ms));
    // Somebody waits for the jump; what plays has its lead, and is stopped when that is used up.
    place.aims.iter().for_each(|aim| search.look_from(*aim, frames(KEPT_MS)));
    until(SOON_MS).for_each(|stretch| search.look(stretch, true));
    let urgent = search.found.len();
    place.aims.iter().for_each(|aim| search.look_from(*aim, frames(BEHIND_JUMP_MS)));
    let behind_jump = search.found.len();
    until(SAFE_MS).for_each(|stretch| search.look(stretch, true));
    place.kept.iter().for_each(|kept| search.look_from(*kept, frames(KEPT_MS)));
    // Muted now, and perhaps not in a moment.
    until(SOON_MS).for_each(|stretch| search.look(stretch, false));
    let safe = search.found.len();
    until(AHEAD_MS).for_each(|stretch| search.look(stretch, true));
    // A server that is behind what plays catches up by longer runs.
    let together = if place.aims.is_empty() { search.found.len() } else { behind_jump };
    Wanted { chunks: search.found, urgent, together, safe }
}

/// The chunks that must be here to begin at a place; of those that are far, `is_far`, more: the next ones take longer to come.
pub(super) fn needed_at(
    plan: &PlanView<'_>,
    streams: &BTreeMap<u32, Stream>,
    from: i64,
    is_far: impl Fn(&Chunk) -> bool,
) -> Vec<Chunk> {
    let kept = KEPT_MS * i64::from(plan.tempo().sample_rate()) / 1_000;
    let mut search = Search::of_all_heard(plan, streams);
    search.look_from(from, kept / 2);
    let at_once = search.found.len();
    search.look_from(from, kept);
    let later = search.found.split_off(at_once);
    search.found.extend(later.into_iter().filter(is_far));
    search.found
}

/// The chunks that playing needs next, on its way along the loop.
pub(super) fn needed_next(plan: &PlanView<'_>, streams: &BTreeMap<u32, Stream>, place: &Place) -> Vec<Chunk> {
    let frames = |ms: i64| ms * i64::from(plan.tempo().sample_rate()) / 1_000;
    let mut search = Search::of_all_heard(plan, streams);
    let lasts = frames(LASTS_MS);
    way(place, lasts, lasts, frames(i64::from(FADE_MS))).iter().for_each(|stretch| search.look(stretch, true));
    search.found
}

/// The way that playing takes from here, through the loop if there is one, once.
fn way(place: &Place, ahead: i64, soon: i64, fade: i64) -> Vec<Stretch> {
    let mut way = Vec::new();
    let (mut within, mut at) = (0, place.position);
    let mut left_in_loop = i64::MAX;
    while within < ahead && left_in_loop > 0 {
        let around = place.around.filter(|(_, end)| at < *end);
        let slice = if within < soon { SLICE_FRAMES } else { FAR_SLICE_FRAMES };
        let end = around.map_or(at + slice, |(_, end)| end.min(at + slice));
        let jumps = around.is_some_and(|(_, border)| border == end);
        // What the jump cuts goes on for a fade.
        way.push(Stretch { within, from: at, to: if jumps { end + fade } else { end } });
        within += end - at;
        left_in_loop = left_in_loop.saturating_sub(end - at);
        at = end;
        if let (true, Some((start, end))) = (jumps, around) {
            at = start;
            left_in_loop = left_in_loop.min(end - start);
        }
    }
    way
}

/// Whether anything leaves a track: its output, or a send or sidechain before its fader.
fn is_heard(plan: &PlanView<'_>, track: &TrackRecord) -> bool {
    let mut others = track.first_edge + 1..track.first_edge + track.edges;
    track.gains.iter().any(|gain| *gain != 0.0) || others.any(|edge| plan.edge(edge).gain != 0.0)
}

struct Search<'a> {
    plan: &'a PlanView<'a>,
    streams: &'a BTreeMap<u32, Stream>,
    heard: Vec<TrackRecord>,
    unheard: Vec<TrackRecord>,
    seen: ChunkSet,
    found: Vec<Chunk>,
    room: usize,
}

impl<'a> Search<'a> {
    fn of_all_heard(plan: &'a PlanView<'a>, streams: &'a BTreeMap<u32, Stream>) -> Self {
        let tracks = (0..plan.track_count()).map(|index| plan.track(index));
        let heard = tracks.filter(|track| is_heard(plan, track)).collect();
        let (unheard, seen, found) = (Vec::new(), ChunkSet::default(), Vec::new());
        Search { plan, streams, heard, unheard, seen, found, room: usize::MAX }
    }

    fn look_from(&mut self, from: i64, frames: i64) {
        let mut at = from;
        while at < from + frames {
            let to = (at + SLICE_FRAMES).min(from + frames);
            self.look(&Stretch { within: 0, from: at, to }, true);
            at = to;
        }
    }

    fn look(&mut self, stretch: &Stretch, heard: bool) {
        if self.found.len() >= self.room {
            return;
        }
        let plan = self.plan;
        let tracks = if heard { &self.heard } else { &self.unheard };
        let (mut found, streams) = (Vec::new(), self.streams);
        for track in tracks {
            plan.clips_between(track, stretch.from, stretch.to, &mut |clip| {
                read_by(plan, clip, stretch, streams, &mut |chunk| found.push(chunk));
            });
        }
        for chunk in found {
            if self.found.len() < self.room && self.seen.insert(chunk) {
                self.found.push(chunk);
            }
        }
    }
}

/// The chunks out of which a clip is played in a stretch.
fn read_by(
    plan: &PlanView<'_>,
    clip: &ClipRecord,
    stretch: &Stretch,
    streams: &BTreeMap<u32, Stream>,
    found: &mut impl FnMut(Chunk),
) {
    let source = plan.source(clip.source as usize);
    let Some(stream) = streams.get(&source.id) else { return };
    let (from, to) = (clip.start.max(stretch.from), clip.end.min(stretch.to));
    if from >= to {
        return;
    }
    let (start, length) = match source.conversion {
        None => (from - clip.anchor, (to - from) as usize),
        Some(index) => plan.conversion(index as usize).conversion.source_span(from - clip.anchor, (to - from) as usize),
    };
    let start = if clip.reversed { source.frames - start - length as i64 } else { start };
    let frames = i64::try_from(stream.frames).unwrap_or(i64::MAX);
    let end = start.saturating_add((length + FADE_FRAMES) as i64);
    let (first, end) = (start.clamp(0, frames), end.clamp(0, frames));
    if first < end {
        let size = stream.chunk_frames() as i64;
        (first / size..=(end - 1) / size).for_each(|index| found(Chunk { source: source.id, index: index as u32 }));
    }
}
