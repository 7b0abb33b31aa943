//! Where playing is: the head, the heads that fade out behind it, and the loop.
//!
//! Every cut (stop, seek, loop, an edit) is the same thing: the old head goes on for one fade, falling, and a new one begins,
//! rising. Only clips that are cut take part: what begins at the new place begins unchanged, and what ends at the old place
//! has ended. So a loop over audio that begins and ends on its borders is played without any fade.

use super::course::Course;
use super::voice::{Cut, Span};
use crate::TempoMap;

/// Which plan a head plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Current,
    Previous,
}

/// Which tracks a fade concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Nothing,
    /// Those whose clips the last change of plan changed.
    Changed,
    All,
}

/// A place that moves through a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) plan: Slot,
    /// The next frame.
    pub(super) position: i64,
    /// The first frame that it played.
    pub(super) began: i64,
    /// Which tracks rise at its beginning.
    pub(super) scope: Scope,
}

#[derive(Debug)]
pub(super) struct Transport {
    pub(super) head: Option<Head>,
    pub(super) wanted_playing: bool,
    pub(super) wanted_position: Option<i64>,
    /// Those that fade out, the older one first. There are never more: commands wait for fades to end, and a loop is
    /// longer than two fades.
    outgoing: [Option<(Head, Cut)>; 2],
    stopped_at: i64,
    fade: u32,
    loop_ticks: Option<(i64, i64)>,
    loop_frames: Option<(i64, i64)>,
    /// Whether `loop_frames` are where `loop_ticks` are.
    loop_is_placed: bool,
    /// Frames played so far, whether the position moved or not.
    clock: u64,
    /// Where the position was, is, and whether it moves.
    pub(super) course: Course,
}

impl Transport {
    pub(super) fn new(fade: u32) -> Self {
        Self {
            head: None,
            wanted_playing: false,
            wanted_position: None,
            outgoing: [None; 2],
            stopped_at: 0,
            fade,
            loop_ticks: None,
            loop_frames: None,
            loop_is_placed: true,
            clock: 0,
            course: Course::new(),
        }
    }

    pub(super) fn position(&self) -> i64 {
        self.head.map_or(self.stopped_at, |head| head.position)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy_frames() > 0
    }

    pub(super) fn needs_previous(&self) -> bool {
        self.outgoing.iter().flatten().any(|(head, _)| head.plan == Slot::Previous)
    }

    /// A new plan: the place in ticks stays, and what changed is crossfaded.
    pub(super) fn change(&mut self, previous: Option<TempoMap<'_>>, current: TempoMap<'_>, content_changed: bool) {
        let moved = |frame: i64| match previous {
            Some(previous) if previous != current => current.frame(previous.ticks(frame)),
            _ => frame,
        };
        let tempo_changed = moved(self.position()) != self.position();
        self.stopped_at = moved(self.stopped_at);
        self.wanted_position = self.wanted_position.map(moved);
        self.loop_is_placed = false;
        self.place_loop(current);
        let scope = if tempo_changed || previous.is_none() { Scope::All } else { Scope::Changed };
        if let Some(old) = self.head.filter(|_| scope == Scope::All || content_changed) {
            if previous.is_some() {
                let leaving = Head { plan: Slot::Previous, ..old };
                self.push_outgoing(leaving, Cut { frame: old.position, scope });
            }
            let position = moved(old.position);
            self.head = Some(Head { plan: Slot::Current, position, began: position, scope });
        }
        if tempo_changed {
            self.course.restart(self.clock, self.position(), self.head.is_some());
        }
    }

    /// Starts at a frame with no fade at all.
    pub(super) fn begin_exactly(&mut self, frame: i64) {
        self.wanted_playing = true;
        self.wanted_position = None;
        self.head = Some(Head { plan: Slot::Current, position: frame, began: frame, scope: Scope::Nothing });
        self.jumped();
    }

    pub(super) fn set_loop(&mut self, ticks: Option<(i64, i64)>) {
        (self.loop_ticks, self.loop_is_placed) = (ticks, false);
    }

    /// Finds the frames of a loop that has been set.
    pub(super) fn place_loop(&mut self, tempo: TempoMap<'_>) {
        if core::mem::replace(&mut self.loop_is_placed, true) {
            return;
        }
        self.loop_frames = None;
        if let Some((start, end)) = self.loop_ticks {
            let (start, end) = (tempo.frame(start), tempo.frame(end));
            let reach = -crate::plan::FRAME_MAX..=crate::plan::FRAME_MAX;
            if reach.contains(&start) && reach.contains(&end) && end - start >= 2 * i64::from(self.fade) {
                self.loop_frames = Some((start, end));
            }
        }
    }

    /// Does what is wanted, unless a fade is under way.
    pub(super) fn obey(&mut self) {
        if self.is_busy() {
            return;
        }
        match (self.head, self.wanted_playing) {
            (None, playing) => {
                let jumps = playing || self.wanted_position.is_some();
                self.stopped_at = self.wanted_position.take().unwrap_or(self.stopped_at);
                if playing {
                    self.head = Some(self.begin(self.stopped_at));
                }
                if jumps {
                    self.jumped();
                }
            }
            (Some(head), false) => {
                self.push_outgoing(head, Cut { frame: head.position, scope: Scope::All });
                self.stopped_at = self.wanted_position.take().unwrap_or(head.position);
                self.head = None;
                self.jumped();
            }
            (Some(head), true) => {
                if let Some(position) = self.wanted_position.take() {
                    self.push_outgoing(head, Cut { frame: head.position, scope: Scope::All });
                    self.head = Some(self.begin(position));
                    self.jumped();
                }
            }
        }
    }

    /// How many frames can be played before something happens, at least one.
    pub(super) fn frames_to_next_event(&self) -> u64 {
        let mut frames = u64::MAX;
        if self.wanted_position.is_some() || self.wanted_playing != self.head.is_some() {
            frames = u64::from(self.busy_frames());
        }
        if let Some(left) = self.frames_to_loop_end() {
            frames = frames.min(left);
        }
        frames.max(1)
    }

    /// What sounds in the next `length` frames: what fades out first, the head last.
    pub(super) fn spans(&self, length: usize) -> [Option<Span>; 3] {
        let fade = i64::from(self.fade);
        let falling = |outgoing: Option<(Head, Cut)>| {
            outgoing.map(|(head, cut)| {
                let left = (cut.frame + fade - head.position).clamp(0, length as i64) as usize;
                Span { head, cut: Some(cut), length: left }
            })
        };
        [falling(self.outgoing[0]), falling(self.outgoing[1]), self.head.map(|head| Span { head, cut: None, length })]
    }

    /// Moves on by as many frames as [`Transport::frames_to_next_event`] allows at most.
    pub(super) fn advance(&mut self, length: usize) {
        self.clock += length as u64;
        let length = length as i64;
        let jump = self.frames_to_loop_end() == Some(length as u64);
        for outgoing in &mut self.outgoing {
            *outgoing = outgoing.and_then(|(head, cut)| {
                let moved = Head { position: head.position + length, ..head };
                (moved.position < cut.frame + i64::from(self.fade)).then_some((moved, cut))
            });
        }
        if let Some(head) = &mut self.head {
            head.position += length;
        }
        if let (true, Some(head), Some((start, _))) = (jump, self.head, self.loop_frames) {
            self.push_outgoing(head, Cut { frame: head.position, scope: Scope::All });
            self.head = Some(self.begin(start));
            self.jumped();
        }
    }

    fn jumped(&mut self) {
        self.course.jump(self.clock, self.position(), self.head.is_some());
    }

    fn begin(&self, frame: i64) -> Head {
        Head { plan: Slot::Current, position: frame, began: frame, scope: Scope::All }
    }

    fn push_outgoing(&mut self, head: Head, cut: Cut) {
        let [first, second] = self.outgoing;
        self.outgoing = match (first, second) {
            (None, kept) | (kept, None) => [kept.or(Some((head, cut))), kept.and(Some((head, cut)))],
            (Some(_), Some(newer)) => [Some(newer), Some((head, cut))],
        };
    }

    /// Frames until the last fade has ended.
    fn busy_frames(&self) -> u32 {
        let fade = i64::from(self.fade);
        let rising =
            self.head.filter(|head| head.scope != Scope::Nothing).map(|head| head.began + fade - head.position);
        let falling = self.outgoing.iter().flatten().map(|(head, cut)| cut.frame + fade - head.position);
        falling.chain(rising).max().unwrap_or(0).clamp(0, fade) as u32
    }

    /// Frames from the head to the end of the loop, if it is in or before it.
    fn frames_to_loop_end(&self) -> Option<u64> {
        let (head, (_, end)) = (self.head?, self.loop_frames?);
        u64::try_from(end - head.position).ok().filter(|left| *left > 0)
    }
}
