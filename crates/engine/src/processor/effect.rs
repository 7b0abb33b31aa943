//! A device in its place: bypass, automation, sleep, and what happens when it fails.

use dsp::device::{Block, Curve, Device};
use dsp::devices::Kind;
use dsp::ramp::Ramp;

use super::course::{Course, Place};
use super::lanes::Stretch;
use super::late::Late;
use super::signal::{Signal, count_quiet, leading_zeros};
use super::{FADE_MS, milliseconds};
use crate::plan::{DeviceRecord, LaneRecordTarget};
use crate::{PlanView, TempoMap};

/// Frames that a device works on at once: a shorter silence than its tail fits in.
const PIECE: usize = 128;

/// What every part of the desk must know of the present.
#[derive(Clone, Copy)]
pub(super) struct Now<'a> {
    pub(super) plan: PlanView<'a>,
    /// Frames processed so far.
    pub(super) clock: u64,
    /// Where the song is, was, and whether it moves.
    pub(super) course: Course,
    /// Frames of the way over which what jumps is led.
    pub(super) fade: u32,
}

pub(super) struct Effect {
    device: Box<dyn Device>,
    rate: u32,
    awake: bool,
    /// Frames of silence that went in last.
    quiet: u64,
    /// 1 when it is heard, 0 when it is passed by.
    wet: Ramp,
    /// What goes in, where it begins in the middle of a sound.
    entry: Ramp,
    /// What comes out, where the device failed before.
    output: Ramp,
    is_new: bool,
    failed: bool,
    reduction: f32,
    /// The jump that its lanes have followed.
    jumps: u64,
    /// The frame of the song at which a lane has to be looked at.
    next_knot: i64,
    /// Whether lanes are to be set anew at the next knot, whatever lies there.
    enters: bool,
    lanes_content: u64,
    /// The frame of the song at which the tempo has to be looked at.
    next_tempo: i64,
}

impl core::fmt::Debug for Effect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Effect").field("awake", &self.awake).field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Effect {
    pub(super) fn new(kind: Kind, rate: u32) -> Self {
        Self::of(kind.make(rate), rate)
    }

    pub(super) fn of(device: Box<dyn Device>, rate: u32) -> Self {
        Self {
            device,
            rate,
            awake: false,
            quiet: 0,
            wet: Ramp::still(1.0),
            entry: Ramp::still(1.0),
            output: Ramp::still(1.0),
            is_new: true,
            failed: false,
            reduction: 0.0,
            jumps: 0,
            next_knot: i64::MAX,
            enters: true,
            lanes_content: 0,
            next_tempo: i64::MAX,
        }
    }

    pub(super) fn is_awake(&self) -> bool {
        self.awake
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Is silent from here on, as if it had made something else than numbers.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// By how many dB it lowered the signal most since this was last asked.
    pub(super) fn take_reduction(&mut self) -> f32 {
        core::mem::take(&mut self.reduction)
    }

    /// Takes the values of a new plan; those of a device that sounds glide over `ramp` frames, unless a lane moves them.
    pub(super) fn take(&mut self, now: &Now<'_>, record: &DeviceRecord, ramp: u32) {
        let (plan, clock) = (now.plan, now.clock);
        let over = if self.awake { ramp } else { 0 };
        for parameter in 0..record.kind.parameters().len() {
            let automated = (record.first_lane..record.first_lane + record.lanes)
                .any(|lane| plan.lane(lane).target == LaneRecordTarget::Parameter(parameter));
            let value = plan.value(record, parameter);
            if !automated && self.device.value(parameter).to_bits() != value.to_bits() {
                self.device.set(parameter, value, over);
            }
        }
        self.hear_tempo(plan.tempo(), now.course.at(clock, late(record)).frame);
        if self.is_new {
            self.wet = Ramp::still(if record.bypassed { 0.0 } else { 1.0 });
        }
        self.hear(!record.bypassed, clock, ramp);
        if self.failed {
            self.recover(clock);
        }
        if self.lanes_content != record.lanes_content {
            (self.lanes_content, self.jumps) = (record.lanes_content, 0);
        }
        (self.is_new, self.failed) = (false, false);
    }

    /// It is heard from now on, or passed by. One that was passed by has forgotten all sound: it is heard once it gives what now goes
    /// in, which rises so that no echo of it begins with a click.
    pub(super) fn hear(&mut self, heard: bool, clock: u64, over: u32) {
        let begins = heard && over > 0 && self.wet.target() == 0.0 && self.wet.moving(clock) == 0;
        if begins {
            self.rise(clock);
        }
        let after = if begins { u64::from(self.device.latency()) } else { 0 };
        self.wet.set(if heard { 1.0 } else { 0.0 }, clock + after, over);
    }

    /// Begins anew after it has failed, and rises from the silence that it was.
    fn recover(&mut self, clock: u64) {
        self.rest();
        self.rise(clock);
        self.output = Ramp::still(0.0);
        self.output.set(1.0, clock + u64::from(self.device.latency()), milliseconds(FADE_MS, self.rate));
    }

    /// What goes in rises.
    fn rise(&mut self, clock: u64) {
        self.entry = Ramp::still(0.0);
        self.entry.set(1.0, clock, milliseconds(FADE_MS, self.rate));
    }

    /// Is passed by, and forgets all sound once it is: whether that is done.
    pub(super) fn leave(&mut self, clock: u64, over: u32) -> bool {
        self.hear(false, clock, over);
        let has_left = self.wet.moving(clock) == 0;
        if has_left {
            self.rest();
        }
        has_left
    }

    /// Is heard as if it had been passed by until now. What goes in rises, so that no echo of it begins with a click.
    pub(super) fn enter(&mut self, clock: u64, over: u32) {
        self.rise(clock);
        let heard = self.wet.target();
        self.wet = Ramp::still(0.0);
        self.wet.set(heard, clock, over);
    }

    /// Tells the device how long a beat is at a frame of the song.
    fn hear_tempo(&mut self, tempo: TempoMap<'_>, frame: i64) {
        self.device.set_beat(tempo.beat_frames(frame));
        self.next_tempo = tempo.next_look(frame);
    }

    /// Forgets all sound: nobody hears it.
    pub(super) fn rest(&mut self) {
        if self.awake {
            self.device.reset();
            (self.awake, self.quiet, self.reduction) = (false, 0, 0.0);
        }
    }

    /// Processes a signal in place. `dry` delays what passes it by as much as the device does; `spare` is as long as the signal.
    pub(super) fn process(
        &mut self,
        signal: &mut Signal<'_>,
        (key, key_sounds): (Option<[&[f32]; 2]>, bool),
        mut dry: Option<&mut Late>,
        spare: &mut [Vec<f32>; 2],
        now: &Now<'_>,
        record: &DeviceRecord,
    ) {
        let length = signal.len();
        let moving = (self.wet.moving(now.clock) as usize).min(length);
        let passed_by = self.wet.target() == 0.0;
        let resting = !self.awake && !key_sounds && !dry.as_ref().is_some_and(|dry| dry.is_awake());
        if signal.silent && resting {
            return;
        }
        if moving == 0 && passed_by {
            self.rest();
            if let Some(dry) = dry {
                dry.process(signal);
            }
            return;
        }
        signal.fill();
        if moving > 0 || dry.is_some() {
            let [left, right] = spare;
            let mut copy = Signal { left: &mut left[..length], right: &mut right[..length], silent: false };
            copy.left.copy_from_slice(signal.left);
            copy.right.copy_from_slice(signal.right);
            if let Some(dry) = &mut dry {
                dry.process(&mut copy);
            }
        }
        let heard = if passed_by { moving } else { length };
        let rising = (self.entry.moving(now.clock) as usize).min(length);
        signal.channels().into_iter().for_each(|samples| self.entry.apply(&mut samples[..rising], now.clock));
        self.run(signal, key, heard, now, record);
        let rising = (self.output.moving(now.clock) as usize).min(length);
        signal.channels().into_iter().for_each(|samples| self.output.apply(&mut samples[..rising], now.clock));
        if passed_by && moving < length {
            self.rest();
        }
        for (wet, dry) in signal.channels().into_iter().zip(&*spare) {
            for (n, (x, y)) in wet[..moving].iter_mut().zip(dry).enumerate() {
                *x = *y + (*x - *y) * self.wet.value(now.clock + n as u64);
            }
            wet[heard..].copy_from_slice(&dry[heard..length][..length - heard]);
        }
    }

    /// The device itself on the first `to` frames.
    fn run(
        &mut self,
        signal: &mut Signal<'_>,
        key: Option<[&[f32]; 2]>,
        to: usize,
        now: &Now<'_>,
        record: &DeviceRecord,
    ) {
        let mut at = 0;
        while at < to {
            let part = |channels: [&[f32]; 2], from: usize, to: usize| {
                let zeros = leading_zeros(channels.map(|x| &x[from..to]));
                let key_zeros = key.map_or(to - from, |key| leading_zeros(key.map(|x| &x[from..to])));
                zeros.min(key_zeros)
            };
            if !self.awake {
                at += part(signal.view(), at, to);
                if at == to {
                    return;
                }
                (self.awake, self.quiet, self.enters, self.next_knot) = (true, 0, true, i64::MIN);
                self.next_tempo = i64::MIN;
            }
            let mut end = to.min(at + PIECE).min(at.saturating_add(self.follow(at, now, record)));
            let silence = part(signal.view(), at, end) as u64;
            // A second at least: short rests wake nobody.
            let falls_asleep = silence > 0 && self.quiet + silence >= u64::from(self.rate) && {
                let hold = u64::from(self.device.tail().max(self.rate));
                let left = hold.saturating_sub(self.quiet);
                if left <= silence {
                    end = at + left as usize;
                }
                left <= silence
            };
            self.piece(signal, key, at, end);
            if falls_asleep {
                self.rest();
            }
            at = end;
        }
    }

    fn piece(&mut self, signal: &mut Signal<'_>, key: Option<[&[f32]; 2]>, from: usize, to: usize) {
        let heard = signal.view().map(|x| &x[from..to]);
        // What listens is awake as long as either is heard.
        let quiet = count_quiet(self.quiet, heard);
        self.quiet = key.map_or(quiet, |key| quiet.min(count_quiet(self.quiet, key.map(|x| &x[from..to]))));
        let (left, right) = (&mut signal.left[from..to], &mut signal.right[from..to]);
        if self.failed {
            left.fill(0.0);
            right.fill(0.0);
            return;
        }
        let block = Block::new(left, right);
        match key {
            Some([left, right]) => self.device.process(block.with_sidechain(&left[from..to], &right[from..to])),
            None => self.device.process(block),
        }
        self.reduction = self.reduction.max(self.device.take_reduction());
        // What made something else than numbers is silent from here on, until the next plan.
        if self.device.faults().output > 0 {
            self.failed = true;
        }
    }

    /// Sets what lanes move, at the frame `at` of the signal, and says for how many frames that holds.
    fn follow(&mut self, at: usize, now: &Now<'_>, record: &DeviceRecord) -> usize {
        let tempo = now.plan.tempo();
        if record.lanes == 0 && tempo.is_constant() {
            return usize::MAX;
        }
        let place = now.course.at(now.clock + at as u64, late(record));
        let frame = place.frame;
        let jumped = core::mem::replace(&mut self.jumps, place.jump) != place.jump;
        if jumped || frame >= self.next_tempo {
            self.hear_tempo(tempo, frame);
        }
        let until = |later: i64| if place.moves { frames_until(later, frame).min(place.frames) } else { place.frames };
        let tempo_holds = until(self.next_tempo);
        if record.lanes == 0 {
            return tempo_holds;
        }
        if jumped {
            // One that sounds is led to where it has to be.
            if !self.enters || self.next_knot != i64::MIN {
                self.lead(place, now, record);
            }
        }
        if frame >= self.next_knot {
            self.knot(place, now, record);
        }
        until(self.next_knot).min(tempo_holds)
    }

    fn lead(&mut self, Place { frame, moves, .. }: Place, now: &Now<'_>, record: &DeviceRecord) {
        let arrives = if moves { frame + i64::from(now.fade) } else { frame };
        self.each_lane(now.plan, record, arrives, |device, parameter, stretch, logarithmic| {
            device.set(parameter, stretch.value(arrives, logarithmic), now.fade);
        });
        self.enters = true;
        self.next_knot = if moves { arrives } else { i64::MAX };
    }

    fn knot(&mut self, Place { frame, moves, .. }: Place, now: &Now<'_>, record: &DeviceRecord) {
        let enters = core::mem::take(&mut self.enters);
        let mut next = i64::MAX;
        self.each_lane(now.plan, record, frame, |device, parameter, stretch, logarithmic| {
            let end = stretch.line_end(frame);
            next = next.min(end);
            if !enters && !stretch.line_begins(frame) {
                return;
            }
            let first = stretch.value(frame, logarithmic);
            if enters || device.value(parameter).to_bits() != first.to_bits() {
                device.set(parameter, first, 0);
            }
            if moves && !stretch.is_still() {
                let over = u32::try_from(end - frame).unwrap_or(u32::MAX);
                device.set(parameter, stretch.value(end, logarithmic), over);
            }
        });
        self.next_knot = next;
    }

    fn each_lane(
        &mut self,
        plan: PlanView<'_>,
        record: &DeviceRecord,
        frame: i64,
        mut found: impl FnMut(&mut dyn Device, usize, Stretch, bool),
    ) {
        let table = record.kind.parameters();
        for lane in record.first_lane..record.first_lane + record.lanes {
            let lane = plan.lane(lane);
            let LaneRecordTarget::Parameter(parameter) = lane.target else { continue };
            let Some(about) = table.get(parameter) else { continue };
            let stretch = Stretch::at(plan, &lane, frame).of(about);
            found(&mut *self.device, parameter, stretch, about.curve == Curve::Logarithmic);
        }
    }
}

/// How much later than the song what comes in is.
fn late(record: &DeviceRecord) -> u32 {
    record.late + record.wait
}

fn frames_until(later: i64, frame: i64) -> usize {
    usize::try_from(later.saturating_sub(frame)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use dsp::device::{Controls, Parameter};

    use super::*;
    use crate::{Master, Plan, Song, TimeSignature};

    /// Divides by zero at its hundredth frame.
    struct Broken {
        controls: Controls,
        frames: usize,
    }

    impl Device for Broken {
        fn controls(&self) -> &Controls {
            &self.controls
        }

        fn controls_mut(&mut self) -> &mut Controls {
            &mut self.controls
        }

        fn run(&mut self, block: Block<'_>) {
            for x in block.left {
                self.frames += 1;
                *x /= if self.frames == 100 { 0.0 } else { 1.0 };
            }
        }

        fn clear(&mut self) {
            self.frames = 100;
        }

        fn tail(&self) -> u32 {
            0
        }
    }

    fn plan_with_a_device() -> Plan {
        let kind = Kind::Utility;
        let values = kind.parameters().iter().map(|parameter: &Parameter| parameter.default).collect();
        let device = crate::Device { id: 1, kind, bypassed: false, values, sidechain: None };
        let master = Master { devices: vec![device], ..Master::default() };
        let time_signature = TimeSignature { beats: 4, unit: 4 };
        let (tempo_changes, metre_changes, tracks, sources) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (sample_rate, bpm_milli) = (48_000, 120_000);
        let song =
            Song { sample_rate, bpm_milli, tempo_changes, time_signature, metre_changes, tracks, master, sources };
        Plan::compile(&song).expect("a song within bounds")
    }

    #[test]
    fn en35_a_device_that_makes_no_numbers_is_silent_and_says_so_until_the_next_plan() {
        let plan = plan_with_a_device();
        let record = plan.view().device(0);
        let broken = Broken { controls: Controls::new(&[]), frames: 0 };
        let mut effect = Effect::of(Box::new(broken), 48_000);
        effect.is_new = false;
        let mut spare = [vec![0.0; 64], vec![0.0; 64]];
        let mut play = |effect: &mut Effect, clock: u64| {
            let now = Now { plan: plan.view(), clock, course: Course::new(), fade: 240 };
            let (mut left, mut right) = ([0.5; 64], [0.5; 64]);
            let mut signal = Signal { left: &mut left, right: &mut right, silent: false };
            effect.process(&mut signal, (None, false), None, &mut spare, &now, &record);
            (left, right)
        };
        assert_eq!(play(&mut effect, 0), ([0.5; 64], [0.5; 64]));
        assert!(!effect.has_failed());
        let (left, _) = play(&mut effect, 64);
        assert!(left.iter().all(|x| x.is_finite()) && effect.has_failed());
        assert_eq!(play(&mut effect, 128), ([0.0; 64], [0.0; 64]));
        let now = Now { plan: plan.view(), clock: 192, course: Course::new(), fade: 240 };
        effect.take(&now, &record, 960);
        assert!(!effect.has_failed());
        // It is heard again, from silence on, and stays so.
        let heard: Vec<f32> = (0..20).flat_map(|n| play(&mut effect, 192 + 64 * n).0).collect();
        assert!(!effect.has_failed());
        for (n, x) in heard.iter().enumerate() {
            let risen = (n as f32 / 240.0).min(1.0);
            // What goes in rises, and so does what comes out.
            assert!((x - 0.5 * risen * risen).abs() < 1e-6, "frame {n}: {x}");
        }
    }

    /// Counts the frames that it is asked to process, for whoever holds the other end.
    struct Counted(Controls, std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl Device for Counted {
        fn controls(&self) -> &Controls {
            &self.0
        }

        fn controls_mut(&mut self) -> &mut Controls {
            &mut self.0
        }

        fn run(&mut self, block: Block<'_>) {
            self.1.fetch_add(block.len(), std::sync::atomic::Ordering::Relaxed);
        }

        fn clear(&mut self) {}

        fn tail(&self) -> u32 {
            0
        }
    }

    #[test]
    fn en34_what_is_silent_or_passed_by_is_not_worked_on() {
        let plan = plan_with_a_device();
        let record = plan.view().device(0);
        let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let mut effect = Effect::of(Box::new(Counted(Controls::new(&[]), count.clone())), 48_000);
        effect.is_new = false;
        let mut spare = [vec![0.0; 1_000], vec![0.0; 1_000]];
        let mut clock = 0;
        // Plays a thousand frames and says how many the device worked on.
        let mut play = |effect: &mut Effect, level: f32, record: &DeviceRecord| {
            let before = count.load(std::sync::atomic::Ordering::Relaxed);
            let now = Now { plan: plan.view(), clock, course: Course::new(), fade: 240 };
            let (mut left, mut right) = ([level; 1_000], [level; 1_000]);
            let mut signal = Signal { left: &mut left, right: &mut right, silent: level == 0.0 };
            effect.process(&mut signal, (None, false), None, &mut spare, &now, record);
            clock += 1_000;
            count.load(std::sync::atomic::Ordering::Relaxed) - before
        };
        assert_eq!(play(&mut effect, 0.0, &record), 0, "nothing has sounded yet");
        assert_eq!(play(&mut effect, 0.5, &record), 1_000);
        // It goes on for a second of silence, and then rests.
        let after: usize = (0..60).map(|_| play(&mut effect, 0.0, &record)).sum();
        assert_eq!(after, 48_000);
        assert_eq!(play(&mut effect, 0.5, &record), 1_000, "and wakes");
        effect.wet.set(0.0, 0, 0);
        let bypassed = DeviceRecord { bypassed: true, ..record };
        assert_eq!(play(&mut effect, 0.5, &bypassed), 0);
    }
}
