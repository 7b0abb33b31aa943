//! Plays a plan, block by block.
//!
//! Its face to the audio thread: nothing here allocates after [`Processor::new`], locks, waits or panics, and what it gives
//! does not depend on how the calls are cut into blocks.

mod course;
mod desk;
mod effect;
mod joint;
mod lanes;
mod late;
mod rack;
mod signal;
mod strip;
mod tap;
mod transport;
mod voice;

use dsp::ramp::Ramp;

use crate::{PlanView, Reader};
use desk::Desk;
use effect::Now;
use rack::Rack;
use signal::Signal;
use transport::{Scope, Slot, Transport};
use voice::{Span, Voices};

pub use tap::SPECTRUM_LEVELS;

/// Frames that are worked on at once. Longer blocks are cut; the buffers of one cut fit the processor's first cache.
pub const CUT_FRAMES: usize = 2_048;
/// Length in milliseconds of the linear fade with which sound that is cut (by stop, seek, loop, an edit) ends, and sound that
/// is entered in its middle begins.
pub const FADE_MS: u32 = 5;
/// Length in milliseconds of the linear way of a fader, pan, mute or solo to its new value.
pub const RAMP_MS: u32 = 20;

/// A plan that is [`ChangeError::Busy`] is tried again at each multiple of so many frames processed, so that the frame at which it comes into force
/// depends on no length of block. It is the block of browsers.
const TRY_FRAMES: u64 = 128;
/// After how many milliseconds a plan that something has fallen for is no longer waited for.
const FALLEN_MS_MAX: u32 = 100;

/// The plan in force, and the one before it as long as the processor needs it.
#[derive(Clone, Copy, Debug)]
pub struct Plans<'a> {
    /// What plays.
    pub current: PlanView<'a>,
    /// What is fading out; see [`Processor::needs_previous`].
    pub previous: Option<PlanView<'a>>,
}

/// Plays a plan.
#[derive(Debug)]
pub struct Processor {
    sample_rate: u32,
    /// Frames processed so far: the clock of parameter changes.
    clock: u64,
    /// When something last began to fall, or had to fall, for a plan.
    fallen_since: Option<u64>,
    transport: Transport,
    desk: Desk,
    rack: Rack,
    voices: Voices,
    metronome: Ramp,
    clicks: [Vec<f32>; 2],
    click_room: [Vec<f32>; 2],
}

/// Why a plan was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// A fade is under way, or what the plan changes in the graph is still falling; try again in
    /// [`Processor::frames_to_next_try`].
    Busy,
    /// The plan was made for another sample rate.
    SampleRate,
    /// [`Processor::prepare`] has not been called for the plan.
    NotPrepared,
}

impl Processor {
    /// A processor at rest at frame 0, for plans of one sample rate. Allocates all that it will ever need.
    #[must_use]
    pub fn new(sample_rate: u32) -> Self {
        Self {
            sample_rate,
            clock: 0,
            fallen_since: None,
            transport: Transport::new(milliseconds(FADE_MS, sample_rate)),
            desk: Desk::new(milliseconds(RAMP_MS, sample_rate)),
            rack: Rack::new(sample_rate),
            voices: Voices::new(milliseconds(FADE_MS, sample_rate)),
            metronome: Ramp::still(0.0),
            clicks: [dsp::click::click(sample_rate, false), dsp::click::click(sample_rate, true)],
            click_room: [vec![0.0; CUT_FRAMES], vec![0.0; CUT_FRAMES]],
        }
    }

    /// Makes devices, delay lines and buffers that a plan wants, and drops what neither it nor the plan in force wants. Outside
    /// of [`Processor::process`]: it allocates.
    pub fn prepare(&mut self, current: Option<&PlanView<'_>>, next: &PlanView<'_>) {
        self.rack.prepare(current, next);
    }

    /// Takes a new plan at a block's edge. `previous` is the plan in force until now, if there was one.
    ///
    /// Faders move to their new values in [`RAMP_MS`]; tracks whose clips changed are crossfaded in [`FADE_MS`], during which
    /// [`Processor::process`] wants both plans. What a plan of another structure (devices, sends, outputs, latencies) takes away or
    /// changes falls first, in [`FADE_MS`], which is [`ChangeError::Busy`]; what is new rises afterwards. The position keeps its place in
    /// ticks when the tempo changes.
    ///
    /// # Errors
    /// When a fade is under way or the rate is wrong; then nothing has changed.
    pub fn change(&mut self, previous: Option<&PlanView<'_>>, current: &PlanView<'_>) -> Result<(), ChangeError> {
        if current.sample_rate() != self.sample_rate {
            return Err(ChangeError::SampleRate);
        }
        if self.transport.is_busy() {
            return Err(ChangeError::Busy);
        }
        if !self.rack.has(current) {
            return Err(ChangeError::NotPrepared);
        }
        let sounding = self.transport.head.is_some() || self.rack.is_awake();
        let fade = milliseconds(FADE_MS, self.sample_rate);
        let rebuilt = previous.filter(|previous| sounding && previous.structure() != current.structure());
        if let Some(previous) = rebuilt
            && !self.take_apart(previous, current)
        {
            self.fallen_since = Some(self.clock);
            return Err(ChangeError::Busy);
        }
        self.fallen_since = None;
        self.desk.rise(self.clock, if sounding { fade } else { 0 });
        if let Some(previous) = previous {
            self.settle(previous);
        }
        let content_changed = self.desk.change(previous, current, self.clock, (sounding, fade));
        if rebuilt.is_some() {
            // Nothing is heard of what leaves.
            self.desk.leaving.clear();
        }
        self.transport.change(previous.map(PlanView::tempo), current.tempo(), content_changed);
        let glide = if sounding { milliseconds(RAMP_MS, self.sample_rate) } else { 0 };
        self.rack.take(&self.now(*current), glide);
        if let Some(previous) = rebuilt {
            self.put_together(previous, current);
        }
        Ok(())
    }

    /// In how many frames, at least one, a plan that was [`ChangeError::Busy`] is to be tried again.
    #[must_use]
    pub fn frames_to_next_try(&self) -> usize {
        (TRY_FRAMES - self.clock % TRY_FRAMES) as usize
    }

    /// Starts at the position. Sound that is entered in its middle fades in; what begins here begins unchanged.
    pub fn play(&mut self) {
        self.transport.wanted_playing = true;
    }

    /// Starts at a frame with no fade at all, as an export does. Not while playing.
    pub fn play_exactly_from(&mut self, frame: i64) {
        self.transport.begin_exactly(frame);
    }

    /// Stops at the position; what sounds fades out.
    pub fn stop(&mut self) {
        self.transport.wanted_playing = false;
    }

    /// Goes to a frame, playing or not. Frames beyond ± [`crate::plan::FRAME_MAX`] are taken as the nearest within.
    pub fn seek(&mut self, frame: i64) {
        self.transport.wanted_position = Some(frame.clamp(-crate::plan::FRAME_MAX, crate::plan::FRAME_MAX));
    }

    /// Loops from the end of a region, in ticks, to its start, or does not. A region shorter than two fades is not looped.
    ///
    /// Every [`Processor::change`] places the region anew.
    pub fn set_loop(&mut self, ticks: Option<(i64, i64)>) {
        self.transport.set_loop(ticks);
    }

    /// Switches the metronome, which is heard beside the master while playing.
    pub fn set_metronome(&mut self, on: bool) {
        let length = if self.transport.head.is_some() { milliseconds(FADE_MS, self.sample_rate) } else { 0 };
        self.metronome.set(if on { 1.0 } else { 0.0 }, self.clock, length);
    }

    /// The frame that is played next, or at which playing would start.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.transport.position()
    }

    /// Whether the position moves.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.transport.head.is_some()
    }

    /// Whether a fade is under way, so that a plan cannot be taken and commands wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.transport.is_busy()
    }

    /// Whether [`Plans::previous`] is still wanted.
    #[must_use]
    pub fn needs_previous(&self) -> bool {
        self.transport.needs_previous()
    }

    /// The peak (linear, left and right) behind a track's fader since this was last asked.
    pub fn take_track_peaks(&mut self, track: usize) -> [f32; 2] {
        self.desk.tracks.get_mut(track).map_or([0.0; 2], |state| core::mem::take(&mut state.peaks))
    }

    /// The peak (linear, left and right) behind the master fader, without metronome, since this was last asked.
    pub fn take_master_peaks(&mut self) -> [f32; 2] {
        core::mem::take(&mut self.desk.master_peaks)
    }

    /// By how many dB a device of the plan in force lowered the signal most since this was last asked; 0 for what lowers nothing.
    pub fn take_reduction(&mut self, device: usize) -> f32 {
        self.rack.take_reduction(device)
    }

    /// Makes what [`Processor::listen`] needs. Outside of [`Processor::process`]: it allocates.
    pub fn prepare_to_listen(&mut self) {
        self.rack.tap.prepare();
    }

    /// Listens behind a device of the plan in force, or nowhere, for [`Processor::spectrum`]. Allocates nothing: until
    /// [`Processor::prepare_to_listen`] has been called it is nowhere.
    pub fn listen(&mut self, device: Option<usize>) {
        self.rack.tap.listen(device);
    }

    /// The device that is listened to.
    #[must_use]
    pub fn listens_to(&self) -> Option<usize> {
        self.rack.tap.device()
    }

    /// Writes the spectrum of what came out of the device that is listened to, in dB, a sine at full scale having 0; false when
    /// none is.
    pub fn spectrum(&mut self, levels: &mut [f32]) -> bool {
        self.rack.tap.levels(levels)
    }

    /// Whether a device of the plan in force made something else than numbers: it is silent until the next plan.
    #[must_use]
    pub fn has_failed(&self, device: usize) -> bool {
        self.rack.has_failed(device)
    }

    /// Takes a device of the plan in force for one that made something else than numbers. No setting makes one do so: with this, what is then
    /// told and heard is tried all the same, by tests; nothing else calls it.
    #[doc(hidden)]
    pub fn fail_device(&mut self, device: usize) {
        self.rack.fail(device);
    }

    /// How many samples were no finite numbers and have been silenced, since the beginning.
    #[must_use]
    pub fn silenced_samples(&self) -> u64 {
        self.voices.silenced + self.desk.silenced
    }

    /// Plays the next block into both slices, as many frames as the shorter one has. They are overwritten.
    ///
    /// The current plan is the one that [`Processor::change`] took last.
    pub fn process<R: Reader>(&mut self, plans: &Plans<'_>, reader: &mut R, left: &mut [f32], right: &mut [f32]) {
        let frames = left.len().min(right.len());
        self.transport.place_loop(plans.current.tempo());
        for (left, right) in left[..frames].chunks_mut(CUT_FRAMES).zip(right[..frames].chunks_mut(CUT_FRAMES)) {
            left.fill(0.0);
            right.fill(0.0);
            let mut done = 0;
            while done < left.len() {
                self.transport.obey();
                let length = self.transport.frames_to_next_event().min((left.len() - done) as u64) as usize;
                let part = done..done + length;
                self.segment(plans, reader, &mut left[part.clone()], &mut right[part]);
                self.transport.advance(length);
                self.clock += length as u64;
                done += length;
            }
        }
        self.rack.tap.end_block(frames);
    }

    /// A part of a block in which no command takes effect and no loop ends.
    fn segment<R: Reader>(&mut self, plans: &Plans<'_>, reader: &mut R, left: &mut [f32], right: &mut [f32]) {
        self.give_up_patience(&plans.current);
        let spans = self.transport.spans(left.len());
        if spans.iter().all(Option::is_none) && !self.rack.is_awake() {
            return;
        }
        let spans = spans.iter().flatten();
        let now = self.now(plans.current);
        for place in 0..plans.current.track_count().min(self.desk.tracks.len()) {
            let track = plans.current.track_at(place);
            let channel = &self.desk.tracks[track];
            let plain = channel.plain && channel.joined_from <= self.clock;
            if !self.is_needed(&plans.current, track) {
                if !plain {
                    self.rack.rest(track, &plans.current.track(track));
                }
                continue;
            }
            self.voices.clear(left.len());
            for span in spans.clone().filter(|span| self.desk.hears(track, span)) {
                let index =
                    if span.head.plan == Slot::Current { Some(track) } else { self.desk.tracks[track].previous };
                let fades_in = self.desk.fades_in(track, span);
                if let (Some(plan), Some(index)) = (plan_of(plans, span), index) {
                    self.voices.track(plan, index, span, fades_in, reader);
                }
            }
            if !plain {
                self.strip(track, &now, left, right);
            } else if let Some(bus) = self.voices.bus() {
                self.desk.mix(track, bus, self.clock, [&mut *left, &mut *right]);
            }
        }
        self.leaving(plans, reader, spans.clone(), left, right);
        let devices = plans.current.master_devices();
        if !devices.is_empty() {
            let mut sum = Signal { left: &mut *left, right: &mut *right, silent: false };
            self.rack.devices(devices, &mut sum, &now);
        }
        self.desk.master(&now, &mut self.rack.levels[0], left, right);
        self.clicks(plans, spans, left, right);
    }

    /// What every part of the desk must know of the present.
    fn now<'a>(&self, plan: PlanView<'a>) -> Now<'a> {
        Now { plan, clock: self.clock, course: self.transport.course, fade: milliseconds(FADE_MS, self.sample_rate) }
    }

    /// The metronome, as late as everything else.
    fn clicks<'s>(
        &mut self,
        plans: &Plans<'_>,
        spans: impl Iterator<Item = &'s Span>,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let on = self.metronome.target() > 0.0 || self.metronome.moving(self.clock) > 0;
        if !on && !self.rack.has_metronome_line() {
            return;
        }
        let [mut first, mut second] = core::mem::take(&mut self.click_room);
        let length = left.len();
        let mut clicks = Signal { left: &mut first[..length], right: &mut second[..length], silent: !on };
        if on {
            clicks.left.fill(0.0);
            clicks.right.fill(0.0);
            spans.for_each(|span| self.click(plans, span, clicks.left, clicks.right));
        }
        self.rack.delay_metronome(&mut clicks);
        if !clicks.silent {
            // What rises does so only once it comes out of the line, as all that goes through the master does.
            clicks.channels().into_iter().for_each(|samples| self.desk.clicks.apply(samples, self.clock));
            dsp::mix::add(left, clicks.left, 1.0);
            dsp::mix::add(right, clicks.right, 1.0);
        }
        self.click_room = [first, second];
    }

    /// The tracks that the current plan has no more.
    fn leaving<'s, R: Reader>(
        &mut self,
        plans: &Plans<'_>,
        reader: &mut R,
        spans: impl Iterator<Item = &'s Span>,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let Some(plan) = plans.previous else { return };
        for span in spans.filter(|span| span.head.plan == Slot::Previous) {
            for leaving in self.desk.leaving.iter() {
                self.voices.clear(left.len());
                self.voices.track(plan, leaving.index, span, span.head.scope == Scope::All, reader);
                if let Some([l, r]) = self.voices.bus() {
                    dsp::mix::add(left, l, leaving.gains[0]);
                    dsp::mix::add(right, r, leaving.gains[1]);
                }
            }
        }
    }

    fn click(&mut self, plans: &Plans<'_>, span: &Span, left: &mut [f32], right: &mut [f32]) {
        if span.cut.is_some_and(|cut| cut.scope != Scope::All) {
            return;
        }
        let Some(plan) = plan_of(plans, span) else { return };
        let beats = plan.beats();
        let longest = self.clicks[0].len().max(self.clicks[1].len()) as i64;
        let mut number = beats.number_at(span.from() - longest);
        loop {
            let beat = beats.beat(number);
            if beat.frame >= span.from() + span.length as i64 {
                return;
            }
            let sound = &self.clicks[usize::from(beat.accent)];
            self.voices.click(sound, beat.frame, span, (&self.metronome, self.clock), left, right);
            number += 1;
        }
    }
}

fn plan_of<'a>(plans: &Plans<'a>, span: &Span) -> Option<PlanView<'a>> {
    if span.head.plan == Slot::Current { Some(plans.current) } else { plans.previous }
}

fn milliseconds(ms: u32, sample_rate: u32) -> u32 {
    (u64::from(ms) * u64::from(sample_rate) / 1_000).max(1) as u32
}
