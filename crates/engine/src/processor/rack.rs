//! All devices and delay lines that there are, and which of them the plan in force uses where.
//!
//! [`Rack::prepare`] may allocate; it runs between blocks, outside of `process`. Everything else is for the audio thread.

use dsp::devices::Kind;

use super::CUT_FRAMES;
use super::effect::{Effect, Now};
use super::joint::Joint;
use super::late::Late;
use super::signal::Signal;
use super::tap::Tap;
use crate::PlanView;
use crate::plan::{EdgeKind, EdgeRecord, NONE, TrackRecord, code_of};

/// What a delay line is for; with an id, it says which one it is.
#[derive(Clone, Copy)]
enum Purpose {
    Clips,
    Input,
    Dry,
    Edge,
    Metronome,
}

/// What a place in the rack is known by: an id, what it is, how long.
type Key = (u64, u32, u32);

#[derive(Debug, Default)]
pub(super) struct Rack {
    rate: u32,
    effects: Vec<(Key, Effect)>,
    lates: Vec<(Key, Late)>,
    places: Places,
    /// Which effects and lines have a place; only while a plan is taken.
    placed: [Vec<bool>; 2],
    /// Sums of what edges bring to tracks, and sidechains.
    buffers: Vec<Buffer>,
    spare: [Vec<f32>; 2],
    /// Behind one of the devices.
    pub(super) tap: Tap,
    /// A second one: the levels of moving gains.
    pub(super) levels: [Vec<f32>; 2],
}

/// Where what the plan in force names lies.
#[derive(Debug, Default)]
struct Places {
    effects: Vec<u32>,
    inputs: Vec<u32>,
    dries: Vec<u32>,
    keys: Vec<u32>,
    edges: Vec<u32>,
    clips: Vec<u32>,
    sums: Vec<u32>,
    metronome: u32,
}

#[derive(Debug)]
struct Buffer {
    samples: [Vec<f32>; 2],
    /// Whether anything has been added in this part of a block.
    used: bool,
}

impl Buffer {
    fn add(&mut self, samples: [&[f32]; 2], gain: f32) {
        for (sum, samples) in self.samples.iter_mut().zip(samples) {
            if !self.used {
                sum[..samples.len()].fill(0.0);
            }
            dsp::mix::add(&mut sum[..samples.len()], samples, gain);
        }
        self.used = true;
    }
}

impl Rack {
    pub(super) fn new(rate: u32) -> Self {
        let buffers = || [vec![0.0; CUT_FRAMES], vec![0.0; CUT_FRAMES]];
        Self {
            rate,
            spare: buffers(),
            levels: buffers(),
            places: Places { metronome: NONE, ..Places::default() },
            ..Self::default()
        }
    }

    /// Makes what a plan wants and nobody has, and drops what neither it nor the plan in force wants. May allocate and free.
    pub(super) fn prepare(&mut self, current: Option<&PlanView<'_>>, next: &PlanView<'_>) {
        let mut wanted = (Vec::new(), Vec::new());
        for plan in current.into_iter().chain([next]) {
            effect_keys(plan, &mut wanted.0);
            late_keys(plan, &mut wanted.1);
        }
        let rate = self.rate;
        keep(&mut self.effects, wanted.0, |(_, code, _)| {
            Effect::new(Kind::ALL.get(code as usize).copied().unwrap_or(Kind::Utility), rate)
        });
        keep(&mut self.lates, wanted.1, |(_, _, frames)| Late::new(frames));
        let buffers = current.into_iter().chain([next]).map(|plan| buffer_count(plan)).max().unwrap_or(0);
        self.buffers.truncate(buffers);
        self.buffers
            .resize_with(buffers, || Buffer { samples: [vec![0.0; CUT_FRAMES], vec![0.0; CUT_FRAMES]], used: false });
        self.places.reserve(next);
        self.placed = [vec![false; self.effects.len()], vec![false; self.lates.len()]];
        if let Some(current) = current {
            self.place(current);
        }
    }

    /// Whether everything that a plan wants is here.
    pub(super) fn has(&self, plan: &PlanView<'_>) -> bool {
        let room = self.places.has_room(plan) && self.buffers.len() >= buffer_count(plan);
        room && each_effect(plan, |key| find(&self.effects, key) != NONE)
            && each_late(plan, |key| find(&self.lates, key) != NONE)
    }

    /// Takes a plan whose things are here: each finds its place, its values and its bypass.
    pub(super) fn take(&mut self, now: &Now<'_>, glide: u32) {
        self.place(&now.plan);
        self.forget_others();
        for index in 0..now.plan.device_count() {
            if let Some((_, effect)) = self.effects.get_mut(self.places.effects[index] as usize) {
                effect.take(now, &now.plan.device(index), glide);
            }
        }
    }

    /// What has no place in the plan forgets its sound: should it be wanted again, it begins anew.
    fn forget_others(&mut self) {
        let Self { effects, lates, places, placed: [used, held], .. } = self;
        let Places { inputs, dries, edges, clips, metronome, .. } = &*places;
        used.iter_mut().chain(&mut *held).for_each(|placed| *placed = false);
        let mark = |list: &mut Vec<bool>, place: u32| {
            if let Some(placed) = list.get_mut(place as usize) {
                *placed = true;
            }
        };
        places.effects.iter().for_each(|place| mark(used, *place));
        let lines = [inputs, dries, edges, clips].into_iter().flatten().chain([metronome]);
        lines.for_each(|place| mark(held, *place));
        let unused = effects.iter_mut().zip(used).filter(|(_, placed)| !**placed);
        unused.for_each(|((_, effect), _)| effect.rest());
        let unused = lates.iter_mut().zip(held).filter(|(_, placed)| !**placed);
        unused.for_each(|((_, late), _)| late.rest());
    }

    /// Passes a device of the plan in force by, before it leaves its place: whether that is done, and it has forgotten its sound.
    pub(super) fn leave(&mut self, device: usize, clock: u64, over: u32) -> bool {
        let place = self.places.effects.get(device).copied().unwrap_or(NONE);
        self.effects.get_mut(place as usize).is_none_or(|(_, effect)| effect.leave(clock, over))
    }

    /// A device that is new in its place takes the place of nothing.
    pub(super) fn enter(&mut self, device: usize, clock: u64, over: u32) {
        let place = self.places.effects.get(device).copied().unwrap_or(NONE);
        if let Some((_, effect)) = self.effects.get_mut(place as usize) {
            effect.enter(clock, over);
        }
    }

    /// Those that were about to leave come back.
    pub(super) fn come_back(&mut self, plan: &PlanView<'_>, clock: u64, over: u32) {
        for index in 0..plan.device_count().min(self.places.effects.len()) {
            if let Some((_, effect)) = self.effects.get_mut(self.places.effects[index] as usize) {
                effect.hear(!plan.device(index).bypassed, clock, over);
            }
        }
    }

    /// Whether anything still sounds in it.
    pub(super) fn is_awake(&self) -> bool {
        self.effects.iter().any(|(_, effect)| effect.is_awake()) || self.lates.iter().any(|(_, late)| late.is_awake())
    }

    /// Whether the line of an edge still holds sound.
    pub(super) fn edge_is_awake(&self, edge: usize) -> bool {
        self.lates.get(self.places.edges[edge] as usize).is_some_and(|(_, late)| late.is_awake())
    }

    /// The line of an edge forgets what it holds.
    pub(super) fn empty_line(&mut self, edge: usize) {
        if let Some((_, late)) = self.lates.get_mut(self.places.edges[edge] as usize) {
            late.rest();
        }
    }

    pub(super) fn has_line(&self, edge: usize) -> bool {
        self.places.edges[edge] != NONE
    }

    /// A track that nobody hears: its devices and lines forget what they hold.
    pub(super) fn rest(&mut self, index: usize, track: &TrackRecord) {
        for device in track.first_device..track.first_device + track.devices {
            for place in [self.places.inputs[device], self.places.dries[device]] {
                if let Some((_, late)) = self.lates.get_mut(place as usize) {
                    late.rest();
                }
            }
            if let Some((_, effect)) = self.effects.get_mut(self.places.effects[device] as usize) {
                effect.rest();
            }
            self.unuse(self.places.keys[device]);
        }
        if let Some((_, late)) = self.lates.get_mut(self.places.clips[index] as usize) {
            late.rest();
        }
        self.unuse(self.places.sums[index]);
    }

    /// Delays a track's clips, and adds what edges have brought.
    pub(super) fn receive(&mut self, index: usize, signal: &mut Signal<'_>) {
        if let Some((_, late)) = self.lates.get_mut(self.places.clips[index] as usize) {
            late.process(signal);
        }
        let Some(sum) = self.buffers.get_mut(self.places.sums[index] as usize).filter(|sum| sum.used) else { return };
        sum.used = false;
        let silent = core::mem::replace(&mut signal.silent, false);
        for (bus, sum) in signal.channels().into_iter().zip(&sum.samples) {
            let sum = &sum[..bus.len()];
            if silent {
                bus.copy_from_slice(sum);
            } else {
                dsp::mix::add(bus, sum, 1.0);
            }
        }
    }

    /// Sends a signal through a row of devices.
    pub(super) fn devices(&mut self, range: core::ops::Range<usize>, signal: &mut Signal<'_>, now: &Now<'_>) {
        for index in range {
            if let Some((_, late)) = self.lates.get_mut(self.places.inputs[index] as usize) {
                late.process(signal);
            }
            let (mut key, mut sounds) = (None, false);
            if let Some(buffer) = self.buffers.get_mut(self.places.keys[index] as usize) {
                sounds = core::mem::take(&mut buffer.used);
                // A sidechain that is silent is listened to all the same.
                let [left, right] = &buffer.samples;
                let [left, right] = if sounds { [&left[..], &right[..]] } else { [&SILENCE[..], &SILENCE[..]] };
                key = Some([&left[..signal.len()], &right[..signal.len()]]);
            }
            let dry = self.lates.get_mut(self.places.dries[index] as usize).map(|(_, late)| late);
            if let Some((_, effect)) = self.effects.get_mut(self.places.effects[index] as usize) {
                effect.process(signal, (key, sounds), dry, &mut self.spare, now, &now.plan.device(index));
            }
            self.tap.hear(index, signal);
        }
    }

    /// Gives a signal (or silence) to where an edge leads, unless that is the master: then it comes back, delayed as it must
    /// be. With `levels` it is first multiplied by them, frame by frame; in the end by what falls of a joint.
    pub(super) fn deliver(
        &mut self,
        (edge, record): (usize, &EdgeRecord),
        signal: Option<&Signal<'_>>,
        length: usize,
        levels: bool,
        (joint, now): (&Joint, u64),
    ) -> Option<Signal<'_>> {
        let [left, right] = &mut self.spare;
        let mut copy = Signal { left: &mut left[..length], right: &mut right[..length], silent: true };
        if let Some(signal) = signal.filter(|signal| !signal.silent) {
            copy.silent = false;
            copy.left.copy_from_slice(signal.left);
            copy.right.copy_from_slice(signal.right);
            if levels {
                for (samples, levels) in copy.channels().into_iter().zip(&self.levels) {
                    samples.iter_mut().zip(levels).for_each(|(x, level)| *x *= *level);
                }
            }
        }
        if let Some((_, late)) = self.lates.get_mut(self.places.edges[edge] as usize) {
            late.process(&mut copy);
        }
        if copy.silent {
            return None;
        }
        copy.channels().into_iter().for_each(|samples| joint.apply_behind(samples, now));
        if record.target == NONE && record.kind != EdgeKind::Key {
            return Some(copy);
        }
        self.buffers.get_mut(self.places.of(record) as usize)?.add(copy.view(), 1.0);
        None
    }

    /// Adds a signal, times a factor, to where an edge leads that has no delay; not to the master.
    pub(super) fn add(&mut self, record: &EdgeRecord, signal: &Signal<'_>, gain: f32) {
        if let Some(buffer) = self.buffers.get_mut(self.places.of(record) as usize) {
            buffer.add(signal.view(), gain);
        }
    }

    /// The buffer in which a track's inputs are summed, made ready for so many frames.
    pub(super) fn sum(&mut self, track: u32, frames: usize) -> Option<[&mut [f32]; 2]> {
        let place = self.places.sums.get(track as usize).copied().unwrap_or(NONE);
        let buffer = self.buffers.get_mut(place as usize)?;
        let used = core::mem::replace(&mut buffer.used, true);
        let [left, right] = &mut buffer.samples;
        let sums = [&mut left[..frames], &mut right[..frames]];
        Some(sums.map(|sum| {
            if !used {
                sum.fill(0.0);
            }
            sum
        }))
    }

    pub(super) fn has_metronome_line(&self) -> bool {
        self.places.metronome != NONE
    }

    /// Makes the metronome as late as everything else.
    pub(super) fn delay_metronome(&mut self, clicks: &mut Signal<'_>) {
        if let Some((_, late)) = self.lates.get_mut(self.places.metronome as usize) {
            late.process(clicks);
        }
    }

    pub(super) fn take_reduction(&mut self, device: usize) -> f32 {
        let place = self.places.effects.get(device).copied().unwrap_or(NONE);
        self.effects.get_mut(place as usize).map_or(0.0, |(_, effect)| effect.take_reduction())
    }

    pub(super) fn has_failed(&self, device: usize) -> bool {
        let place = self.places.effects.get(device).copied().unwrap_or(NONE);
        self.effects.get(place as usize).is_some_and(|(_, effect)| effect.has_failed())
    }

    pub(super) fn fail(&mut self, device: usize) {
        let place = self.places.effects.get(device).copied().unwrap_or(NONE);
        if let Some((_, effect)) = self.effects.get_mut(place as usize) {
            effect.fail();
        }
    }

    fn unuse(&mut self, place: u32) {
        if let Some(buffer) = self.buffers.get_mut(place as usize) {
            buffer.used = false;
        }
    }

    fn place(&mut self, plan: &PlanView<'_>) {
        let Self { effects, lates, places, .. } = self;
        places.clear();
        let late = |id, purpose, frames| if frames == 0 { NONE } else { find(lates, key(id, purpose, frames)) };
        let mut buffers = 0;
        let mut buffer = |wanted: bool| {
            let place = if wanted { buffers } else { NONE };
            buffers += u32::from(wanted);
            place
        };
        for index in 0..plan.track_count() {
            let track = plan.track(index);
            places.clips.push(late(track.id, Purpose::Clips, track.wait));
            places.sums.push(buffer(track.receives));
        }
        for index in 0..plan.device_count() {
            let device = plan.device(index);
            places.effects.push(find(effects, (device.id, code_of(device.kind), 0)));
            places.inputs.push(late(device.id, Purpose::Input, device.wait));
            places.dries.push(late(device.id, Purpose::Dry, device.latency));
            places.keys.push(buffer(device.listens));
        }
        for index in 0..plan.edge_count() {
            let edge = plan.edge(index);
            places.edges.push(late(edge.id, Purpose::Edge, edge.wait));
        }
        places.metronome = late(0, Purpose::Metronome, plan.latency());
    }
}

/// What a sidechain hears that nobody has played.
static SILENCE: [f32; CUT_FRAMES] = [0.0; CUT_FRAMES];

impl Places {
    fn lists(&mut self, plan: &PlanView<'_>) -> [(&mut Vec<u32>, usize); 7] {
        let (devices, edges, tracks) = (plan.device_count(), plan.edge_count(), plan.track_count());
        [
            (&mut self.effects, devices),
            (&mut self.inputs, devices),
            (&mut self.dries, devices),
            (&mut self.keys, devices),
            (&mut self.edges, edges),
            (&mut self.clips, tracks),
            (&mut self.sums, tracks),
        ]
    }

    /// The buffer that an edge leads to.
    fn of(&self, record: &EdgeRecord) -> u32 {
        let list = if record.kind == EdgeKind::Key { &self.keys } else { &self.sums };
        list.get(record.target as usize).copied().unwrap_or(NONE)
    }

    fn reserve(&mut self, plan: &PlanView<'_>) {
        for (list, count) in self.lists(plan) {
            list.reserve(count.saturating_sub(list.len()));
        }
    }

    fn has_room(&self, plan: &PlanView<'_>) -> bool {
        let (devices, edges, tracks) = (plan.device_count(), plan.edge_count(), plan.track_count());
        let lists = [&self.effects, &self.inputs, &self.dries, &self.keys];
        lists.iter().all(|list| list.capacity() >= devices)
            && self.edges.capacity() >= edges
            && self.clips.capacity().min(self.sums.capacity()) >= tracks
    }

    fn clear(&mut self) {
        let Self { effects, inputs, dries, keys, edges, clips, sums, .. } = self;
        [effects, inputs, dries, keys, edges, clips, sums].into_iter().for_each(Vec::clear);
    }
}

fn key(id: u64, purpose: Purpose, frames: u32) -> Key {
    (id, purpose as u32, frames)
}

fn find<T>(list: &[(Key, T)], key: Key) -> u32 {
    list.binary_search_by_key(&key, |(key, _)| *key).map_or(NONE, |place| place as u32)
}

/// Keeps what is wanted, in the order of its keys, and makes what is not there.
fn keep<T>(list: &mut Vec<(Key, T)>, mut wanted: Vec<Key>, make: impl Fn(Key) -> T) {
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() == list.len() && wanted.iter().zip(&*list).all(|(wanted, (key, _))| wanted == key) {
        return;
    }
    let mut old = core::mem::take(list).into_iter().peekable();
    for key in wanted {
        while old.next_if(|(known, _)| *known < key).is_some() {}
        let known = old.next_if(|(known, _)| *known == key);
        list.push(known.unwrap_or_else(|| (key, make(key))));
    }
}

fn buffer_count(plan: &PlanView<'_>) -> usize {
    let tracks = (0..plan.track_count()).filter(|index| plan.track(*index).receives).count();
    tracks + (0..plan.device_count()).filter(|index| plan.device(*index).listens).count()
}

/// Whether something holds for every device of a plan.
fn each_effect(plan: &PlanView<'_>, mut holds: impl FnMut(Key) -> bool) -> bool {
    (0..plan.device_count()).all(|index| {
        let device = plan.device(index);
        holds((device.id, code_of(device.kind), 0))
    })
}

/// Whether something holds for every delay line of a plan.
fn each_late(plan: &PlanView<'_>, mut holds: impl FnMut(Key) -> bool) -> bool {
    let mut line = |id, purpose, frames| frames == 0 || holds(key(id, purpose, frames));
    line(0, Purpose::Metronome, plan.latency())
        && (0..plan.track_count()).all(|index| {
            let track = plan.track(index);
            line(track.id, Purpose::Clips, track.wait)
        })
        && (0..plan.device_count()).all(|index| {
            let device = plan.device(index);
            line(device.id, Purpose::Input, device.wait) && line(device.id, Purpose::Dry, device.latency)
        })
        && (0..plan.edge_count()).all(|index| {
            let edge = plan.edge(index);
            line(edge.id, Purpose::Edge, edge.wait)
        })
}

fn effect_keys(plan: &PlanView<'_>, keys: &mut Vec<Key>) {
    each_effect(plan, |key| {
        keys.push(key);
        true
    });
}

fn late_keys(plan: &PlanView<'_>, keys: &mut Vec<Key>) {
    each_late(plan, |key| {
        keys.push(key);
        true
    });
}
