//! Where a graph is taken apart and put together again: what a new plan changes falls before the plan is taken, what is new in it rises
//! behind it, and everything else sounds on (EN34).

use dsp::ramp::Ramp;

use super::{Processor, milliseconds};
use crate::PlanView;
use crate::plan::{DeviceRecord, EdgeKind, EdgeRecord, LaneRecordTarget, NONE, TrackRecord};

/// How far along a row of devices one is looked for that has moved; one that has moved further is taken for another.
const MOVED_MAX: usize = 64;

/// Two factors that are 1 but where something is put together or taken apart. What rises does so before a delay that lies on the way, which
/// holds nothing yet; what falls does so behind it, and so does what rises again because it need not have fallen: what the delay holds
/// is whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joint {
    rises: Ramp,
    falls: Ramp,
    /// The frames from which on each stands still.
    ends: [u64; 2],
}

impl Joint {
    /// Through which all goes.
    pub(super) const CLOSED: Self = Self { rises: Ramp::still(1.0), falls: Ramp::still(1.0), ends: [0; 2] };

    /// Falls from now on, or has: whether nothing is heard any more.
    pub(super) fn fall(&mut self, now: u64, fade: u32) -> bool {
        self.lead(0.0, now, fade);
        now >= self.ends[1]
    }

    /// Rises again, if it has fallen or is about to.
    pub(super) fn come_back(&mut self, now: u64, fade: u32) {
        self.lead(1.0, now, fade);
    }

    fn lead(&mut self, target: f32, now: u64, fade: u32) {
        if self.falls.target() != target {
            self.falls.set(target, now, fade);
            self.ends[1] = now + u64::from(fade);
        }
    }

    /// Begins at 0, behind an empty delay, and rises after so many frames.
    pub(super) fn begin(&mut self, now: u64, fade: u32, after: u32) {
        let begin = now + u64::from(after);
        *self = Self { rises: Ramp::still(0.0), falls: Ramp::still(1.0), ends: [begin + u64::from(fade), now] };
        self.rises.set(1.0, begin, fade);
    }

    /// Whether it falls, or has fallen.
    pub(super) fn is_open(&self) -> bool {
        self.falls.target() == 0.0
    }

    /// Whether it is 1, and stays so.
    pub(super) fn is_closed(&self, now: u64) -> bool {
        now >= self.closed_from()
    }

    /// The frame from which on it is 1, as far as is known.
    pub(super) fn closed_from(&self) -> u64 {
        if self.is_open() { u64::MAX } else { self.ends[0].max(self.ends[1]) }
    }

    /// Whether what goes into the delay has not risen yet.
    pub(super) fn rises(&self, now: u64) -> bool {
        now < self.ends[0]
    }

    pub(super) fn value(&self, now: u64) -> f32 {
        self.rises.value(now) * self.falls.value(now)
    }

    /// Multiplies samples by all of it, the first of which is frame `now`: where no delay lies on the way.
    pub(super) fn apply(&self, samples: &mut [f32], now: u64) {
        self.apply_before(samples, now);
        self.apply_behind(samples, now);
    }

    /// Multiplies what goes into the delay.
    pub(super) fn apply_before(&self, samples: &mut [f32], now: u64) {
        if self.rises(now) {
            multiply(&self.rises, samples, now);
        }
    }

    /// Multiplies what comes out of the delay.
    pub(super) fn apply_behind(&self, samples: &mut [f32], now: u64) {
        if self.is_open() || now < self.ends[1] {
            multiply(&self.falls, samples, now);
        }
    }
}

fn multiply(ramp: &Ramp, samples: &mut [f32], now: u64) {
    samples.iter_mut().enumerate().for_each(|(n, x)| *x *= ramp.value(now + n as u64));
}

impl Processor {
    /// Makes everything fall that is not in the next plan as it is in this one. Whether it has fallen.
    pub(super) fn take_apart(&mut self, plan: &PlanView<'_>, next: &PlanView<'_>) -> bool {
        let (now, fade) = (self.clock, milliseconds(super::FADE_MS, self.sample_rate));
        if concerns_all(plan, next) {
            return self.desk.fall(now, fade, plan.latency() != next.latency());
        }
        let mut has_fallen = true;
        let (mut near_track, mut near_edge) = (0, 0);
        for index in 0..plan.track_count().min(self.desk.tracks.len()) {
            let track = plan.track(index);
            let after = next.track_index_near(track.id, near_track);
            near_track = after.map_or(near_track, |index| index + 1);
            let after = after.map(|index| next.track(index));
            let falls = after.is_none_or(|after| !strip_stays(plan, &track, next, &after));
            for edge in track.first_edge..track.first_edge + track.edges {
                let after = next.edge_index_near(plan.edge(edge).id, near_edge);
                near_edge = after.map_or(near_edge, |edge| edge + 1);
                if falls || after.is_none_or(|after| !edge_stays(plan, edge, next, after)) {
                    has_fallen &= self.desk.edges[edge].joint.fall(now, fade);
                    self.desk.tracks[index].joined_from = u64::MAX;
                }
            }
            if let Some(after) = after.filter(|_| !falls) {
                has_fallen &= self.devices_leave(plan, row(&track), next, row(&after), fade);
            }
        }
        has_fallen & self.devices_leave(plan, plan.master_devices(), next, next.master_devices(), fade)
    }

    /// Those of a row of devices that leave their place are passed by first.
    fn devices_leave(&mut self, plan: &PlanView<'_>, row: Row, next: &PlanView<'_>, after: Row, fade: u32) -> bool {
        let mut have_left = true;
        match_rows(plan, row, next, after, &mut |step| {
            if let Step::Leaves(device) = step {
                have_left &= self.rack.leave(device, self.clock, fade);
            }
        });
        have_left
    }

    /// Has everything rise that was not in the plan before as it is in this one, which has just been taken.
    pub(super) fn put_together(&mut self, before: &PlanView<'_>, plan: &PlanView<'_>) {
        let (now, fade) = (self.clock, milliseconds(super::FADE_MS, self.sample_rate));
        if concerns_all(before, plan) {
            // What is new in the graph gives nothing for as long as that.
            return self.desk.begin(now, fade, plan.latency(), plan.latency() != before.latency());
        }
        let (mut near_track, mut near_edge) = (0, 0);
        for index in 0..plan.track_count() {
            let track = plan.track(index);
            let old = before.track_index_near(track.id, near_track);
            near_track = old.map_or(near_track, |index| index + 1);
            let old = old.map(|index| before.track(index));
            let stays = old.is_some_and(|old| strip_stays(before, &old, plan, &track));
            let empty = if stays { 0 } else { row(&track).map(|device| late(&plan.device(device))).sum() };
            let edges = track.first_edge..track.first_edge + track.edges;
            for edge in edges.clone() {
                let old = before.edge_index_near(plan.edge(edge).id, near_edge);
                near_edge = old.map_or(near_edge, |edge| edge + 1);
                if !stays || old.is_none_or(|old| !edge_stays(before, old, plan, edge)) {
                    // What it still holds fell away behind it.
                    self.rack.empty_line(edge);
                    self.desk.edges[edge].joint.begin(now, fade, empty + track.wait);
                }
            }
            let closed = edges.map(|edge| self.desk.edges[edge].joint.closed_from());
            self.desk.tracks[index].joined_from = closed.max().unwrap_or(0);
            if let Some(old) = old.filter(|_| stays) {
                self.devices_enter(before, row(&old), plan, row(&track));
            }
        }
        self.devices_enter(before, before.master_devices(), plan, plan.master_devices());
    }

    fn devices_enter(&mut self, before: &PlanView<'_>, old: Row, plan: &PlanView<'_>, row: Row) {
        let over = milliseconds(super::RAMP_MS, self.sample_rate);
        match_rows(before, old, plan, row, &mut |step| {
            if let Step::Enters(device) = step {
                self.rack.enter(device, self.clock, over);
            }
        });
    }

    /// Whoever had something fall for a plan and never brought it: it rises again.
    pub(super) fn give_up_patience(&mut self, plan: &PlanView<'_>) {
        let patience = u64::from(milliseconds(super::FALLEN_MS_MAX, self.sample_rate));
        if self.fallen_since.is_none_or(|since| self.clock < since + patience) {
            return;
        }
        let fade = milliseconds(super::FADE_MS, self.sample_rate);
        self.fallen_since = None;
        self.desk.rise(self.clock, fade);
        self.desk.join(plan, self.clock, fade);
        self.rack.come_back(plan, self.clock, fade);
    }
}

/// The devices of a track, or of the master.
type Row = core::ops::Range<usize>;

fn row(track: &TrackRecord) -> Row {
    track.first_device..track.first_device + track.devices
}

/// How late a device and the wait before it make the sound.
fn late(device: &DeviceRecord) -> u32 {
    device.wait + device.latency
}

/// Whether a change moves all that is heard: it is later or earlier than before, or the master's own way is another.
fn concerns_all(plan: &PlanView<'_>, next: &PlanView<'_>) -> bool {
    let moves = |plan: &PlanView<'_>| plan.master_lane().is_some();
    plan.latency() != next.latency()
        || moves(plan) != moves(next)
        || !row_is_as_late(plan, plan.master_devices(), next, next.master_devices())
}

/// Whether the sound goes through a track as before, but for devices that make it no later: those can be passed by.
fn strip_stays(plan: &PlanView<'_>, track: &TrackRecord, next: &PlanView<'_>, after: &TrackRecord) -> bool {
    let moves = |plan: &PlanView<'_>, track: &TrackRecord, target: LaneRecordTarget| {
        (track.first_lane..track.first_lane + track.lanes).any(|lane| plan.lane(lane).target == target)
    };
    let as_before = |target| moves(plan, track, target) == moves(next, after, target);
    track.wait == after.wait
        && as_before(LaneRecordTarget::Volume)
        && as_before(LaneRecordTarget::Pan)
        && row_is_as_late(plan, row(track), next, row(after))
}

/// Whether the devices of a row that make the sound later are the same, in the same order.
fn row_is_as_late(plan: &PlanView<'_>, row: Row, next: &PlanView<'_>, after: Row) -> bool {
    let mut same = true;
    match_rows(plan, row, next, after, &mut |step| {
        same &= match step {
            Step::Stays => true,
            Step::Leaves(device) => late(&plan.device(device)) == 0,
            Step::Enters(device) => late(&next.device(device)) == 0,
        };
    });
    same
}

/// Whether an edge is in the next plan, where it is `after`, what it is in this one, but for its factor.
fn edge_stays(plan: &PlanView<'_>, edge: usize, next: &PlanView<'_>, after: usize) -> bool {
    let (edge, after) = (plan.edge(edge), next.edge(after));
    edge.kind == after.kind
        && edge.wait == after.wait
        && edge.lane.is_some() == after.lane.is_some()
        && target(plan, &edge) == target(next, &after)
}

/// The identity of the place that an edge leads to; none for the master.
fn target(plan: &PlanView<'_>, edge: &EdgeRecord) -> Option<u64> {
    match edge.kind {
        EdgeKind::Key => Some(plan.device(edge.target as usize).id),
        _ => (edge.target != NONE).then(|| plan.track(edge.target as usize).id),
    }
}

/// What becomes of a device from one plan to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Stays,
    /// It is gone, or elsewhere: its index in the plan before.
    Leaves(usize),
    /// It is new, or was elsewhere: its index in the plan after.
    Enters(usize),
}

/// Goes along two rows of devices, and says what became of each. Of those that changed places, the ones between which least lies are the
/// moved ones.
fn match_rows(plan: &PlanView<'_>, row: Row, next: &PlanView<'_>, after: Row, found: &mut impl FnMut(Step)) {
    let is = |device: DeviceRecord| (device.id, device.kind, device.wait, device.latency);
    let (before, later) = (|index| is(plan.device(index)), |index| is(next.device(index)));
    let (mut old, mut new) = (row.start, after.start);
    while old < row.end || new < after.end {
        if old == row.end {
            found(Step::Enters(new));
            new += 1;
            continue;
        }
        if new == after.end {
            found(Step::Leaves(old));
            old += 1;
            continue;
        }
        if before(old) == later(new) {
            found(Step::Stays);
            (old, new) = (old + 1, new + 1);
            continue;
        }
        let within = |from: usize, end: usize| from + 1..end.min(from + MOVED_MAX);
        let ahead_in_new = within(new, after.end).position(|index| later(index) == before(old)).unwrap_or(usize::MAX);
        let ahead_in_old = within(old, row.end).position(|index| before(index) == later(new)).unwrap_or(usize::MAX);
        // One that makes the sound later had better stay: with it all that it delays would have to fall.
        let stays = ahead_in_new == ahead_in_old && late(&plan.device(old)) > 0;
        if ahead_in_new < ahead_in_old || stays {
            found(Step::Enters(new));
            new += 1;
        } else {
            found(Step::Leaves(old));
            old += 1;
        }
    }
}
