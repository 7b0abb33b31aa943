//! One track: what it hears, through its devices and its fader, to wherever it goes.

use super::Processor;
use super::desk::Desk;
use super::effect::Now;
use super::rack::Rack;
use super::signal::Signal;
use crate::PlanView;
use crate::plan::{EdgeKind, EdgeRecord, NONE, TrackRecord};

impl Processor {
    /// Whether anybody hears a track: its fader, a send before it, a sidechain, or what is still in its lines.
    pub(super) fn is_needed(&self, plan: &PlanView<'_>, index: usize) -> bool {
        let Some(channel) = self.desk.tracks.get(index) else { return false };
        if !self.desk.is_silent(index, self.clock) || channel.is_key {
            return true;
        }
        if channel.plain {
            return false;
        }
        let track = plan.track(index);
        (track.first_edge..track.first_edge + track.edges).any(|edge| {
            let sends = plan.edge(edge).kind == EdgeKind::Pre && self.desk.edges[edge].is_open(self.clock);
            sends || self.rack.edge_is_awake(edge)
        })
    }

    /// Lets every track that nobody hears forget its sound.
    pub(super) fn settle(&mut self, plan: &PlanView<'_>) {
        for index in 0..plan.track_count().min(self.desk.tracks.len()) {
            if !self.desk.tracks[index].plain && !self.is_needed(plan, index) {
                self.rack.rest(index, &plan.track(index));
                self.desk.tracks[index].rests();
            }
        }
    }

    /// What is in a track's bus goes on: through the devices, the fader, and out along every edge.
    pub(super) fn strip(&mut self, index: usize, now: &Now<'_>, left: &mut [f32], right: &mut [f32]) {
        let track = now.plan.track(index);
        let Self { voices, rack, desk, .. } = self;
        let mut signal = voices.signal();
        rack.receive(index, &mut signal);
        desk.tracks[index].enter(&mut signal, now.clock);
        rack.devices(track.first_device..track.first_device + track.devices, &mut signal, now);
        let edges = track.first_edge..track.first_edge + track.edges;
        for edge in edges.clone() {
            let record = now.plan.edge(edge);
            if matches!(record.kind, EdgeKind::Pre | EdgeKind::Key) {
                leave(rack, desk, edge, &record, &track, &signal, now, [&mut *left, &mut *right]);
            }
        }
        if goes_straight_on(rack, desk, &track, now) {
            if signal.silent {
                return;
            }
            let target = now.plan.edge(track.first_edge).target;
            let length = signal.len();
            match (target, rack.sum(target, length)) {
                (NONE, _) => desk.mix(index, signal.channels(), now.clock, [left, right]),
                (_, Some(sums)) => desk.mix(index, signal.channels(), now.clock, sums),
                _ => {}
            }
            return;
        }
        if !signal.silent || desk.is_followed(index, now) {
            desk.fade(index, &track, &mut signal, now, &mut rack.levels);
        }
        for edge in edges {
            let record = now.plan.edge(edge);
            if matches!(record.kind, EdgeKind::Output | EdgeKind::Post) {
                leave(rack, desk, edge, &record, &track, &signal, now, [&mut *left, &mut *right]);
            }
        }
    }
}

/// Whether a track has but an output that is open, without delay, and levels that stand still: the one pass of a mixdown.
fn goes_straight_on(rack: &Rack, desk: &Desk, track: &TrackRecord, now: &Now<'_>) -> bool {
    let behind = |edge: usize| matches!(now.plan.edge(edge).kind, EdgeKind::Post);
    let alone = !(track.first_edge + 1..track.first_edge + track.edges).any(behind);
    let output = track.first_edge;
    let edge = &desk.edges[output];
    let still = edge.is_unity(now.clock) && edge.joint.is_closed(now.clock);
    alone && track.lanes == 0 && !rack.has_line(output) && still
}

/// Sends a signal along one edge.
#[expect(clippy::too_many_arguments, reason = "the parts of the processor that an edge touches, borrowed one by one")]
fn leave(
    rack: &mut Rack,
    desk: &mut Desk,
    edge: usize,
    record: &EdgeRecord,
    track: &TrackRecord,
    signal: &Signal<'_>,
    now: &Now<'_>,
    [left, right]: [&mut [f32]; 2],
) {
    let state = &mut desk.edges[edge];
    let open = state.is_open(now.clock);
    let joined = state.joint.is_closed(now.clock);
    let length = signal.len();
    if signal.silent && open && record.lane.is_some() && state.is_followed(now) {
        state.write(record.lane, track.late, now, None, &mut rack.levels[0][..length]);
    }
    if (signal.silent || !open) && !rack.edge_is_awake(edge) {
        return;
    }
    // Most edges: no delay, and a factor that stands still.
    if joined && record.lane.is_none() && !state.is_moving(now.clock) && !rack.has_line(edge) {
        let gain = state.target();
        if record.target == NONE && record.kind != EdgeKind::Key {
            dsp::mix::add(left, signal.left, gain);
            dsp::mix::add(right, signal.right, gain);
        } else {
            rack.add(record, signal, gain);
        }
        return;
    }
    let unity = record.lane.is_none() && state.is_unity(now.clock) && !state.joint.rises(now.clock);
    if !unity && open && !signal.silent {
        let [first, second] = &mut rack.levels;
        state.write(record.lane, track.late, now, Some(signal.view()), &mut first[..length]);
        second[..length].copy_from_slice(&first[..length]);
    }
    // A closed edge brings silence, and what its line still holds.
    let heard = open.then_some(signal);
    let joint = (&state.joint, now.clock);
    if let Some(delivered) = rack.deliver((edge, record), heard, length, open && !unity, joint) {
        dsp::mix::add(left, delivered.left, 1.0);
        dsp::mix::add(right, delivered.right, 1.0);
    }
}
