//! All that lives on the audio thread.

use engine::plan::{Arriving, TRACKS_MAX};
use engine::{Plan, PlanError, Plans, Processor};

use crate::Sources;
use crate::meters::{Measuring, Meters};

/// The most words in a plan (64 MiB).
pub const PLAN_WORDS_MAX: usize = 16 << 20;
/// The most frames in one block.
pub const BLOCK_FRAMES_MAX: usize = 16_384;
/// Words that each plan buffer begins with. There are four: in force, fading out, waiting, being filled.
const PLAN_WORDS_RESERVED: usize = 64 << 10;

/// The processor, the plans and the recordings.
#[derive(Debug)]
pub struct AudioThread {
    /// The recordings.
    pub sources: Sources,
    processor: Processor,
    sample_rate: u32,
    current: Option<Plan>,
    previous: Option<Plan>,
    waiting: Option<Waiting>,
    /// A plan that is coming.
    incoming: Option<Arriving>,
    /// Buffers of plans that are no more.
    spare: Vec<Vec<u32>>,
    /// A seek, in ticks, that waits for the next block.
    seek: Option<i64>,
    left: Vec<f32>,
    right: Vec<f32>,
    status: Box<Status>,
    /// Only for a page that asks for it.
    measuring: Option<Box<Measuring>>,
    /// Whether it still asks.
    measures: bool,
    /// The device whose spectrum the page wants, of the plan that was taken last: which may still wait.
    listens_to: Option<usize>,
}

/// A plan that is not yet in force.
#[derive(Debug)]
struct Waiting {
    plan: Plan,
    serial: u32,
    /// Frames until it is tried, and tried again.
    frames: usize,
}

/// What the page is told of each block. JavaScript reads it in place, so its layout is fixed: 64 bytes, then the peaks.
#[repr(C)]
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The frame that is played next.
    pub position: f64,
    /// 1 while playing.
    pub playing: u32,
    /// The serial of the plan in force, 0 before the first.
    pub plan: u32,
    /// Blocks processed.
    pub blocks: u32,
    /// Blocks for which something was not here.
    pub starved_blocks: u32,
    /// Samples that were no finite numbers.
    pub silenced_samples: u32,
    /// Tracks of the plan in force.
    pub tracks: u32,
    /// Peaks of this block behind the master fader.
    pub master: [f32; 2],
    /// 1 while a plan waits.
    pub plan_waits: u32,
    /// Gaps that were played because what is read ahead had not come in time.
    pub gaps: u32,
    /// Zeros.
    pub reserved: [u32; 4],
    /// Peaks of this block behind the tracks' faders.
    pub peaks: [[f32; 2]; TRACKS_MAX],
}

/// Why the audio thread cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitError {
    /// The engine does not run at this rate.
    SampleRate,
    /// Blocks of no frames, or of more than [`BLOCK_FRAMES_MAX`].
    Capacity,
}

/// Why a plan was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeError {
    /// It is no plan.
    Plan(PlanError),
    /// It was made for another sample rate.
    SampleRate,
}

impl AudioThread {
    /// Allocates all but recordings and plans. `capacity` is the longest block in frames.
    ///
    /// # Errors
    /// When a number is out of bounds.
    pub fn new(sample_rate: u32, capacity: usize) -> Result<Self, InitError> {
        if !(dsp::resample::RATE_MIN..=dsp::resample::RATE_MAX).contains(&sample_rate) {
            return Err(InitError::SampleRate);
        }
        if !(1..=BLOCK_FRAMES_MAX).contains(&capacity) {
            return Err(InitError::Capacity);
        }
        let mut spare = Vec::with_capacity(8);
        spare.extend((0..4).map(|_| Vec::with_capacity(PLAN_WORDS_RESERVED)));
        Ok(Self {
            sources: Sources::default(),
            processor: Processor::new(sample_rate),
            sample_rate,
            current: None,
            previous: None,
            waiting: None,
            incoming: None,
            spare,
            seek: None,
            left: vec![0.0; capacity],
            right: vec![0.0; capacity],
            status: Box::new(Status {
                position: 0.0,
                playing: 0,
                plan: 0,
                blocks: 0,
                starved_blocks: 0,
                silenced_samples: 0,
                tracks: 0,
                master: [0.0; 2],
                plan_waits: 0,
                gaps: 0,
                reserved: [0; 4],
                peaks: [[0.0; 2]; TRACKS_MAX],
            }),
            measuring: None,
            measures: false,
            listens_to: None,
        })
    }

    /// A plan of so many words will come, in pieces; false when it is too long. One that has not come wholly is forgotten. Takes new
    /// memory when what there is is too short, and copies nothing into it: outside of `process`, before a block (EN14).
    pub fn begin_plan(&mut self, words: usize) -> bool {
        if words > PLAN_WORDS_MAX {
            return false;
        }
        let memory = self.incoming.take().map(Arriving::into_memory).or_else(|| self.spare.pop());
        self.incoming = Some(Arriving::new(memory.unwrap_or_default(), words));
        true
    }

    /// Room for the next words of the plan that is coming, to be filled; `None` when it has not as many.
    pub fn plan_piece(&mut self, words: usize) -> Option<&mut [u32]> {
        self.incoming.as_mut()?.piece(words)
    }

    /// Room for the whole of a plan of so many words, to be filled and then taken; `None` when it is too long.
    pub fn plan_buffer(&mut self, words: usize) -> Option<&mut [u32]> {
        if self.begin_plan(words) { self.plan_piece(words) } else { None }
    }

    /// Takes the plan that has come, and checks it unless it is known by its digest; it comes into force at the next block's edge, or while a fade is under way at
    /// the first multiple of 128 frames processed at which it is over. One that still
    /// waits gives way to it.
    ///
    /// # Errors
    /// What is wrong with it; then what plays plays on.
    pub fn take_plan(&mut self, serial: u32) -> Result<(), TakeError> {
        let Some(incoming) = self.incoming.take() else { return Err(TakeError::Plan(PlanError::Length)) };
        let plan = match incoming.finish() {
            Ok(plan) => plan,
            Err((error, words)) => {
                self.spare.push(words);
                return Err(TakeError::Plan(error));
            }
        };
        if plan.view().sample_rate() != self.sample_rate {
            self.spare.push(plan.into_words());
            return Err(TakeError::SampleRate);
        }
        self.processor.prepare(self.current.as_ref().map(Plan::view).as_ref(), &plan.view());
        if let Some(old) = self.waiting.replace(Waiting { plan, serial, frames: 0 }) {
            self.spare.push(old.plan.into_words());
        }
        Ok(())
    }

    /// From now on measures what is heard more finely, as [`Meters`] says. Allocates.
    pub fn measure(&mut self) {
        self.measuring.get_or_insert_with(|| Box::new(Measuring::new(self.sample_rate)));
        self.measures = true;
    }

    /// Measures no more, until it is asked again; that costs nothing.
    pub fn measure_no_more(&mut self) {
        self.measures = false;
        self.listens_to = None;
        self.processor.listen(None);
    }

    /// Integrated loudness and its range begin anew.
    pub fn measure_anew(&mut self) {
        if let Some(measuring) = &mut self.measuring {
            measuring.begin();
        }
    }

    /// Listens behind a device of the plan that was taken last for its spectrum, or nowhere. While that plan waits, what is listened to stays
    /// the same: in the plan in force another device may have the number. Allocates the first time.
    pub fn listen(&mut self, device: Option<usize>) {
        self.listens_to = device;
        if device.is_some() {
            self.processor.prepare_to_listen();
        }
        if self.waiting.is_none() {
            self.processor.listen(device);
        }
    }

    /// What was measured in the last block, if anybody asked for it.
    #[must_use]
    pub fn meters(&self) -> Option<&Meters> {
        self.measuring.as_ref().map(|measuring| &measuring.meters)
    }

    /// Starts, from the next block on.
    pub fn play(&mut self) {
        if let Some(measuring) = self.measuring.as_mut().filter(|_| !self.processor.is_playing()) {
            measuring.begin();
        }
        self.processor.play();
    }

    /// Stops, from the next block on.
    pub fn stop(&mut self) {
        self.processor.stop();
    }

    /// Goes to a tick, from the next block on.
    pub fn seek(&mut self, ticks: i64) {
        self.seek = Some(ticks);
    }

    /// Loops a region in ticks, or does not.
    pub fn set_loop(&mut self, ticks: Option<(i64, i64)>) {
        self.processor.set_loop(ticks);
    }

    /// Switches the metronome.
    pub fn set_metronome(&mut self, on: bool) {
        self.processor.set_metronome(on);
    }

    /// Plays a block, of at most as many frames as were announced, and gives its two channels. Nothing is allocated.
    pub fn process(&mut self, frames: usize) -> [&[f32]; 2] {
        let frames = frames.min(self.left.len());
        let mut done = 0;
        while done < frames {
            self.change_plan();
            let until_tried = self.waiting.as_ref().map_or(frames, |waiting| waiting.frames);
            let length = until_tried.min(frames - done);
            self.play_part(done..done + length);
            done += length;
            if let Some(waiting) = &mut self.waiting {
                waiting.frames -= length;
            }
        }
        if let Some(measuring) = self.measuring.as_mut().filter(|_| self.measures) {
            measuring.hear(&self.left[..frames], &self.right[..frames]);
            measuring.look(&mut self.processor, self.current.as_ref().map(Plan::view));
        }
        self.report();
        [&self.left[..frames], &self.right[..frames]]
    }

    /// What the last block was.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The output's two channels, as long as the longest block.
    #[must_use]
    pub fn output(&self) -> [&[f32]; 2] {
        [&self.left, &self.right]
    }

    /// A part of a block in which the plan stays.
    fn play_part(&mut self, part: core::ops::Range<usize>) {
        let (left, right) = (&mut self.left[part.clone()], &mut self.right[part]);
        let Some(current) = &self.current else {
            left.fill(0.0);
            right.fill(0.0);
            return;
        };
        let plans = Plans { current: current.view(), previous: self.previous.as_ref().map(Plan::view) };
        if let Some(ticks) = self.seek.take() {
            self.processor.seek(plans.current.tempo().frame(ticks));
        }
        self.processor.process(&plans, &mut self.sources, left, right);
    }

    fn change_plan(&mut self) {
        let Some(waiting) = self.waiting.take_if(|waiting| waiting.frames == 0) else { return };
        let previous = self.current.as_ref().map(Plan::view);
        if self.processor.change(previous.as_ref(), &waiting.plan.view()).is_err() {
            self.waiting = Some(Waiting { frames: self.processor.frames_to_next_try(), ..waiting });
            return;
        }
        let Waiting { plan: next, serial, .. } = waiting;
        // The buffers go round: nothing is allocated or freed here.
        if let Some(old) = core::mem::replace(&mut self.previous, self.current.replace(next)) {
            self.spare.push(old.into_words());
        }
        self.status.plan = serial;
        self.processor.listen(self.listens_to);
    }

    fn report(&mut self) {
        let status = &mut self.status;
        status.position = self.processor.position() as f64;
        status.playing = u32::from(self.processor.is_playing());
        status.blocks = status.blocks.wrapping_add(1);
        status.starved_blocks = status.starved_blocks.wrapping_add(u32::from(self.sources.take_starved()));
        status.silenced_samples = self.processor.silenced_samples() as u32;
        status.gaps = self.sources.pool.gaps();
        status.plan_waits = u32::from(self.waiting.is_some());
        status.master = self.processor.take_master_peaks();
        let tracks = self.current.as_ref().map_or(0, |plan| plan.view().track_count()).min(TRACKS_MAX);
        status.tracks = tracks as u32;
        for (track, peaks) in status.peaks[..tracks].iter_mut().enumerate() {
            *peaks = self.processor.take_track_peaks(track);
        }
    }
}

#[cfg(test)]
mod tests {
    use dsp::devices::Kind;
    use engine::{Device, Master, Song};

    use super::*;

    #[test]
    fn en35_a_device_that_failed_is_told_until_the_next_plan() {
        let device = |id: u64, kind: Kind| {
            let values = kind.parameters().iter().map(|parameter| parameter.default).collect();
            Device { id, kind, bypassed: false, values, sidechain: None }
        };
        let song = Song {
            master: Master {
                devices: vec![device(1, Kind::Utility), device(2, Kind::Compressor)],
                ..Master::default()
            },
            ..Song::default()
        };
        let words = Plan::compile(&song).expect("within bounds").into_words();
        let mut thread = AudioThread::new(48_000, 128).expect("a usual rate");
        thread.measure();
        let told = |thread: &mut AudioThread| {
            thread.process(128);
            let meters = thread.meters().expect("it measures");
            (meters.devices, meters.failed, meters.reductions[0], meters.reductions[1])
        };
        for serial in 1..=2 {
            thread.plan_buffer(words.len()).expect("a short plan").copy_from_slice(&words);
            assert_eq!(thread.take_plan(serial), Ok(()));
            assert_eq!(told(&mut thread), (2, 0, 0.0, 0.0), "plan {serial}");
            thread.processor.fail_device(1);
            assert_eq!(told(&mut thread), (2, 1, 0.0, f32::INFINITY));
            assert_eq!(told(&mut thread), (2, 1, 0.0, f32::INFINITY), "and stays so");
        }
    }
}
