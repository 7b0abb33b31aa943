//! The mixing desk: each track's factors on their way, the master, the meters.

use dsp::ramp::Ramp;

use super::course::Place;
use super::effect::Now;
use super::joint::Joint;
use super::lanes::{Stretch, write_levels};
use super::signal::{Signal, trailing_zeros};
use super::transport::Scope;
use super::voice::Span;
use crate::PlanView;
use crate::plan::{EDGES_MAX, EdgeKind, LaneRecordTarget, NONE, TRACKS_MAX, TrackRecord};

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) tracks: Vec<Channel>,
    pub(super) edges: Vec<Edge>,
    pub(super) leaving: Vec<Leaving>,
    pub(super) master_peaks: [f32; 2],
    pub(super) silenced: u64,
    master: Ramp,
    follow: Follow<1>,
    /// Through which all goes; open while one graph gives way to another as a whole.
    joint: Joint,
    /// Through which the metronome goes; open while all becomes later or earlier.
    pub(super) clicks: Joint,
    next_edges: Vec<Edge>,
    /// Where the channels of the next plan are put together; swapped with `tracks`, so that nothing is allocated.
    next: Vec<Channel>,
    ramp: u32,
}

/// See [`Channel::filled_from`].
const RESTS: u64 = u64::MAX;

/// A track of the current plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    /// Its index in the previous plan.
    pub(super) previous: Option<usize>,
    /// Peaks since they were last asked for.
    pub(super) peaks: [f32; 2],
    /// Whether it is but clips and a fader on their way to the master.
    pub(super) plain: bool,
    /// The frame of the clock from which on nothing that leaves it is being joined.
    pub(super) joined_from: u64,
    /// Whether another listens to it.
    pub(super) is_key: bool,
    /// The frame of the clock from which on what goes in comes out of its devices; [`RESTS`] while they have forgotten all sound.
    filled_from: u64,
    /// What goes in, where the track wakes in the middle of a sound.
    entry: Ramp,
    follow: Follow<2>,
    gains: [Ramp; 2],
    /// Whether its clips are not those of the previous plan.
    changed: bool,
}

/// What leaves a track of the current plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) joint: Joint,
    gain: Ramp,
    follow: Follow<1>,
}

impl Channel {
    /// When what leaves it can begin to move.
    fn begins(&self, now: u64) -> u64 {
        now.max(self.filled_from)
    }

    /// Its devices have forgotten all sound.
    pub(super) fn rests(&mut self) {
        self.filled_from = RESTS;
    }

    /// What goes into it rises where it wakes.
    pub(super) fn enter(&self, signal: &mut Signal<'_>, now: u64) {
        let rising = (self.entry.moving(now) as usize).min(signal.len());
        if !signal.silent && rising > 0 {
            signal.channels().into_iter().for_each(|samples| self.entry.apply(&mut samples[..rising], now));
        }
    }
}

impl Edge {
    pub(super) fn is_open(&self, now: u64) -> bool {
        self.gain.target() > 0.0 || self.gain.moving(now) > 0
    }

    pub(super) fn is_moving(&self, now: u64) -> bool {
        self.gain.moving(now) > 0
    }

    /// The factor that it goes to, or has.
    pub(super) fn target(&self) -> f32 {
        self.gain.target()
    }

    pub(super) fn is_unity(&self, now: u64) -> bool {
        self.gain.target() == 1.0 && self.gain.moving(now) == 0
    }

    /// Whether a lane that moves it must be followed though nothing goes through.
    pub(super) fn is_followed(&self, now: &Now<'_>) -> bool {
        self.follow.is_heard(now.clock, now.fade)
    }

    /// Writes the edge's factor at each of the coming frames.
    pub(super) fn write(
        &mut self,
        lane: Option<usize>,
        late: u32,
        now: &Now<'_>,
        sound: Option<[&[f32]; 2]>,
        row: &mut [f32],
    ) {
        if let Some(lane) = lane {
            let lane = now.plan.lane(lane);
            let stretches = |frame| [Some(Stretch::at(now.plan, &lane, frame)), None];
            let open = open_frames(&self.gain, now.clock, row.len());
            let sound = sound.map(|channels| channels.map(|samples| &samples[..open]));
            self.follow.write([&mut *row], late, now, sound, &stretches, &|[value, _]| [value.unwrap_or(1.0)]);
            // The plan has 1 for such an edge, or 0 when mute or solo close it.
            row.iter_mut().enumerate().for_each(|(n, x)| *x *= self.gain.value(now.clock + n as u64));
        } else {
            row.iter_mut().enumerate().for_each(|(n, x)| *x = self.gain.value(now.clock + n as u64));
        }
        self.joint.apply_before(row, now.clock);
    }
}

/// Levels that lanes move, and how a jump of the song's position is led over.
#[derive(Clone, Copy, Debug)]
struct Follow<const K: usize> {
    /// The jump behind which it is; 0 when it has been nowhere.
    jump: u64,
    last: [f32; K],
    offset: [f32; K],
    since: u64,
    /// The frame of the clock behind the last one that was not silent.
    heard: u64,
}

impl<const K: usize> Follow<K> {
    fn new() -> Self {
        Self { jump: 0, last: [0.0; K], offset: [0.0; K], since: 0, heard: 0 }
    }

    /// It has other lanes: it is led from where it was, if it was anywhere.
    fn renew(&mut self) {
        self.jump = if self.jump == 0 { 0 } else { u64::MAX };
    }

    /// Whether what it moves has sounded so lately that a jump of its level could be heard. As long as that is so it must be written, be
    /// it for silence.
    fn is_heard(&self, clock: u64, fade: u32) -> bool {
        self.heard > 0 && clock < self.heard + u64::from(fade)
    }

    /// Writes the levels of the coming frames, for a sound; what it has no samples for is silence.
    fn write(
        &mut self,
        mut rows: [&mut [f32]; K],
        late: u32,
        now: &Now<'_>,
        sound: Option<[&[f32]; 2]>,
        stretches: &impl Fn(i64) -> [Option<Stretch>; 2],
        level: &impl Fn([Option<f32>; 2]) -> [f32; K],
    ) {
        let length = rows.first().map_or(0, |row| row.len());
        let mut done = 0;
        while done < length {
            let clock = now.clock + done as u64;
            let place = now.course.at(clock, late);
            let end = done.saturating_add(place.frames).min(length);
            let part = rows.each_mut().map(|row| &mut row[done..end]);
            self.write_part(part, place, (clock, now.fade), stretches, level);
            if let Some(sound) = sound {
                let open = sound[0].len().min(end);
                let part = sound.map(|channel| &channel[done.min(open)..open]);
                let zeros = trailing_zeros(part);
                if zeros < part[0].len() {
                    self.heard = now.clock + (open - zeros) as u64;
                }
            }
            done = end;
        }
    }

    /// The same, where the position does not jump.
    fn write_part(
        &mut self,
        mut rows: [&mut [f32]; K],
        place: Place,
        (clock, fade): (u64, u32),
        stretches: &impl Fn(i64) -> [Option<Stretch>; 2],
        level: &impl Fn([Option<f32>; 2]) -> [f32; K],
    ) {
        if place.moves {
            write_levels(rows.each_mut().map(|row| &mut **row), place.frame, stretches, level);
        } else {
            let still = level(stretches(place.frame).map(|s| s.map(|s| s.value(place.frame, false))));
            rows.iter_mut().zip(still).for_each(|(row, value)| row.fill(value));
        }
        if self.jump != place.jump {
            let first = rows.each_ref().map(|row| row.first().copied().unwrap_or(0.0));
            // Where nothing sounded there is nothing to be led over.
            let led = self.jump != 0 && self.is_heard(clock, fade);
            self.offset = core::array::from_fn(|k| if led { self.last[k] - first[k] } else { 0.0 });
            (self.jump, self.since) = (place.jump, clock);
        }
        let elapsed = clock - self.since;
        if elapsed < u64::from(fade) {
            let step = 1.0 / fade as f32;
            let left = (u64::from(fade) - elapsed) as usize;
            for (row, offset) in rows.iter_mut().zip(self.offset) {
                for (n, x) in row.iter_mut().take(left).enumerate() {
                    *x += offset * ((left - n) as f32 * step);
                }
            }
        }
        self.last = rows.each_ref().map(|row| row.last().copied().unwrap_or(0.0));
    }
}

/// A track that only the previous plan has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) index: usize,
    pub(super) gains: [f32; 2],
}

impl Desk {
    pub(super) fn new(ramp: u32) -> Self {
        Self {
            tracks: Vec::with_capacity(TRACKS_MAX),
            leaving: Vec::with_capacity(TRACKS_MAX),
            master_peaks: [0.0; 2],
            silenced: 0,
            master: Ramp::still(1.0),
            follow: Follow::new(),
            joint: Joint::CLOSED,
            clicks: Joint::CLOSED,
            edges: Vec::with_capacity(EDGES_MAX),
            next_edges: Vec::with_capacity(EDGES_MAX),
            next: Vec::with_capacity(TRACKS_MAX),
            ramp,
        }
    }

    /// Takes the factors of a new plan, and says whether any track's clips changed, came or went.
    pub(super) fn change(
        &mut self,
        previous: Option<&PlanView<'_>>,
        current: &PlanView<'_>,
        now: u64,
        (sounding, fade): (bool, u32),
    ) -> bool {
        let (ramp, fade) = if sounding { (self.ramp, fade) } else { (0, 0) };
        self.next.clear();
        let mut near = 0;
        for index in 0..current.track_count() {
            let channel = self.channel(previous, current, index, near, now, (ramp, fade));
            near = channel.previous.map_or(near, |before| before + 1);
            self.next.push(channel);
        }
        self.leaving.clear();
        if let Some(previous) = previous {
            let mut near = 0;
            for index in 0..previous.track_count().min(self.tracks.len()) {
                let after = current.track_index_near(previous.track(index).id, near);
                near = after.map_or(near, |index| index + 1);
                if after.is_none() {
                    // Its output may be on its way: it goes from where that has got to.
                    let output = self.edges.get(previous.track(index).first_edge);
                    let joint = output.map_or(1.0, |edge| edge.joint.value(now));
                    let gains = self.tracks[index].gains.map(|gain| gain.value(now) * joint);
                    self.leaving.push(Leaving { index, gains });
                }
            }
            self.master.set(current.master_gain(), now, ramp);
            if previous.master_lane_content() != current.master_lane_content() {
                self.follow.renew();
            }
        } else {
            self.master = Ramp::still(current.master_gain());
        }
        self.next_edges.clear();
        let (mut near, mut track) = (0, 0);
        for index in 0..current.edge_count() {
            let edge = current.edge(index);
            while index >= current.track(track).first_edge + current.track(track).edges {
                track += 1;
            }
            let before = previous.and_then(|plan| plan.edge_index_near(edge.id, near));
            near = before.map_or(near, |before| before + 1);
            let known = before.and_then(|before| self.edges.get(before).copied());
            let new = || Edge { joint: Joint::CLOSED, gain: Ramp::still(edge.gain), follow: Follow::new() };
            let mut next = known.unwrap_or_else(new);
            next.gain.set(edge.gain, self.next[track].begins(now), ramp);
            next.joint.come_back(now, fade);
            self.next_edges.push(next);
        }
        core::mem::swap(&mut self.edges, &mut self.next_edges);
        core::mem::swap(&mut self.tracks, &mut self.next);
        self.note_joints(current);
        !self.leaving.is_empty() || self.tracks.iter().any(|channel| channel.changed)
    }

    fn channel(
        &self,
        previous: Option<&PlanView<'_>>,
        current: &PlanView<'_>,
        index: usize,
        near: usize,
        now: u64,
        (ramp, fade): (u32, u32),
    ) -> Channel {
        let track = current.track(index);
        let old = previous.and_then(|plan| Some((plan, plan.track_index_near(track.id, near)?)));
        let Some((plan, before)) = old.filter(|(_, before)| *before < self.tracks.len()) else {
            return Channel {
                previous: None,
                peaks: [0.0; 2],
                plain: is_plain(current, &track),
                is_key: is_key(current, &track),
                joined_from: 0,
                filled_from: 0,
                entry: Ramp::still(1.0),
                follow: Follow::new(),
                gains: track.gains.map(Ramp::still),
                changed: true,
            };
        };
        let Channel { mut gains, peaks, mut follow, mut filled_from, mut entry, .. } = self.tracks[before];
        if plan.track(before).lanes_content != track.lanes_content {
            follow.renew();
        }
        if filled_from == RESTS {
            // Should it be heard now, then in the middle of a sound; unless nothing sounds.
            (filled_from, entry) = (0, Ramp::still(1.0));
            if ramp > 0 {
                filled_from = now + u64::from(track.late);
                entry = Ramp::still(0.0);
                entry.set(1.0, now + u64::from(track.wait), fade);
            }
        }
        for (gain, target) in gains.iter_mut().zip(track.gains) {
            gain.set(target, now.max(filled_from), ramp);
        }
        Channel {
            previous: Some(before),
            peaks,
            joined_from: 0,
            filled_from,
            entry,
            plain: is_plain(current, &track),
            is_key: is_key(current, &track),
            follow,
            gains,
            changed: plan.track(before).content != track.content,
        }
    }

    /// Makes everything fall, or has, and the metronome if it moves: whether nothing is heard any more.
    pub(super) fn fall(&mut self, now: u64, fade: u32, clicks_move: bool) -> bool {
        self.joint.fall(now, fade) & (!clicks_move || self.clicks.fall(now, fade))
    }

    /// Raises everything again.
    pub(super) fn rise(&mut self, now: u64, fade: u32) {
        self.joint.come_back(now, fade);
        self.clicks.come_back(now, fade);
    }

    /// Begins anew in silence, and rises after so many frames.
    pub(super) fn begin(&mut self, now: u64, fade: u32, after: u32, clicks_move: bool) {
        self.joint.begin(now, fade, after);
        if clicks_move {
            self.clicks.begin(now, fade, after);
        }
    }

    /// Has rise whatever has fallen of the edges of a plan.
    pub(super) fn join(&mut self, plan: &PlanView<'_>, now: u64, fade: u32) {
        self.edges.iter_mut().for_each(|edge| edge.joint.come_back(now, fade));
        self.note_joints(plan);
    }

    /// Notes of each track until when something that leaves it is being joined.
    pub(super) fn note_joints(&mut self, plan: &PlanView<'_>) {
        for (index, channel) in self.tracks.iter_mut().enumerate().take(plan.track_count()) {
            let track = plan.track(index);
            let edges = self.edges.iter().skip(track.first_edge).take(track.edges);
            channel.joined_from = edges.map(|edge| edge.joint.closed_from()).max().unwrap_or(0);
        }
    }

    pub(super) fn is_silent(&self, track: usize, now: u64) -> bool {
        self.tracks[track].gains.iter().all(|gain| gain.target() == 0.0 && gain.moving(now) == 0)
    }

    /// Whether a span concerns a track: one that fades out after an edit only those that the edit changed.
    pub(super) fn hears(&self, track: usize, span: &Span) -> bool {
        span.cut.is_none_or(|cut| self.within(track, cut.scope))
    }

    /// Whether a track rises at the beginning of a span's head.
    pub(super) fn fades_in(&self, track: usize, span: &Span) -> bool {
        self.within(track, span.head.scope)
    }

    fn within(&self, track: usize, scope: Scope) -> bool {
        scope == Scope::All || (scope == Scope::Changed && self.tracks[track].changed)
    }

    /// Whether lanes that move a track's levels must be followed though nothing sounds.
    pub(super) fn is_followed(&self, track: usize, now: &Now<'_>) -> bool {
        self.tracks[track].follow.is_heard(now.clock, now.fade)
    }

    /// Puts a track's signal through its fader, in place, and measures it.
    pub(super) fn fade(
        &mut self,
        track: usize,
        record: &TrackRecord,
        signal: &mut Signal<'_>,
        now: &Now<'_>,
        levels: &mut [Vec<f32>; 2],
    ) {
        let channel = &mut self.tracks[track];
        let length = signal.len();
        let (mut volume, mut pan) = (None, None);
        for lane in record.first_lane..record.first_lane + record.lanes {
            let lane = now.plan.lane(lane);
            match lane.target {
                LaneRecordTarget::Volume => volume = Some(lane),
                LaneRecordTarget::Pan => pan = Some(lane),
                _ => {}
            }
        }
        if volume.is_some() || pan.is_some() {
            let [left, right] = levels;
            let rows = [&mut left[..length], &mut right[..length]];
            let at = |frame| [volume, pan].map(|lane| lane.map(|lane| Stretch::at(now.plan, &lane, frame)));
            let open = channel.gains.iter().map(|gain| open_frames(gain, now.clock, length)).max().unwrap_or(0);
            let sound = (!signal.silent).then(|| signal.view().map(|samples| &samples[..open]));
            channel.follow.write(rows, record.late, now, sound, &at, &|[volume, pan]| {
                let (left, right) = dsp::pan::balance(f64::from(pan.unwrap_or(0.0)));
                [left, right].map(|side| volume.unwrap_or(1.0) * side)
            });
            if signal.silent {
                return;
            }
            for (samples, levels) in signal.channels().into_iter().zip(levels) {
                samples.iter_mut().zip(levels).for_each(|(x, level)| *x *= *level);
            }
        }
        for ((gain, peak), samples) in channel.gains.iter().zip(&mut channel.peaks).zip(signal.channels()) {
            let moving = (gain.moving(now.clock) as usize).min(length);
            gain.apply(&mut samples[..moving], now.clock);
            if gain.target() != 1.0 {
                dsp::mix::gain(&mut samples[moving..], gain.target());
            }
            *peak = peak.max(dsp::meter::peak(samples));
        }
    }

    /// Adds a track's bus to the master, through its factors.
    pub(super) fn mix(&mut self, track: usize, bus: [&mut [f32]; 2], now: u64, sums: [&mut [f32]; 2]) {
        let channel = &mut self.tracks[track];
        for (((gain, peak), bus), sum) in channel.gains.iter().zip(&mut channel.peaks).zip(bus).zip(sums) {
            let moving = (gain.moving(now) as usize).min(bus.len());
            gain.apply(&mut bus[..moving], now);
            let first = dsp::mix::add_metered(&mut sum[..moving], &bus[..moving], 1.0);
            let rest = dsp::mix::add_metered(&mut sum[moving..], &bus[moving..], gain.target());
            *peak = peak.max(first).max(rest);
        }
    }

    /// Puts the sum through the master fader, silences what overflowed, and measures.
    pub(super) fn master(&mut self, now: &Now<'_>, levels: &mut [f32], left: &mut [f32], right: &mut [f32]) {
        if let Some(lane) = now.plan.master_lane() {
            let levels = &mut levels[..left.len()];
            let at = |frame| [Some(Stretch::at(now.plan, &lane, frame)), None];
            let (late, sound) = (now.plan.latency(), Some([&*left, &*right]));
            self.follow.write([&mut *levels], late, now, sound, &at, &|[volume, _]| [volume.unwrap_or(1.0)]);
            for samples in [&mut *left, &mut *right] {
                samples.iter_mut().zip(&*levels).for_each(|(x, level)| *x *= *level);
            }
        } else {
            self.follow.jump = 0;
        }
        let now = now.clock;
        for (samples, peak) in [left, right].into_iter().zip(&mut self.master_peaks) {
            let moving = (self.master.moving(now) as usize).min(samples.len());
            self.master.apply(&mut samples[..moving], now);
            if self.master.target() != 1.0 {
                dsp::mix::gain(&mut samples[moving..], self.master.target());
            }
            self.joint.apply(samples, now);
            self.silenced += dsp::meter::silence_non_finite(samples) as u64;
            dsp::meter::silence_tiny(samples);
            *peak = peak.max(dsp::meter::peak(samples));
        }
    }
}

/// For how many frames something gets through a fader: none behind one that is shut.
fn open_frames(gain: &Ramp, now: u64, length: usize) -> usize {
    if gain.target() == 0.0 { length.min(gain.moving(now) as usize) } else { length }
}

/// Whether a track is but clips and a fader on their way to the master.
fn is_plain(plan: &PlanView<'_>, track: &TrackRecord) -> bool {
    let output = plan.edge(track.first_edge);
    let alone = track.devices == 0 && track.edges == 1 && track.lanes == 0 && !track.receives && track.wait == 0;
    alone && output.target == NONE && output.wait == 0
}

fn is_key(plan: &PlanView<'_>, track: &TrackRecord) -> bool {
    (track.first_edge..track.first_edge + track.edges).any(|edge| plan.edge(edge).kind == EdgeKind::Key)
}
