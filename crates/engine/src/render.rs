//! Offline rendering: a plan, as fast as its sources can be read, in memory that does not grow with its length.

use core::ops::Range;

use crate::processor::CUT_FRAMES;
use crate::{PlanView, Plans, Processor, Reader};

/// Renders a plan piece by piece.
#[derive(Debug)]
pub struct Renderer<'a> {
    plans: Plans<'a>,
    processor: Processor,
    left_frames: i64,
    /// Frames that come before the first: those by which everything is late.
    lead: u32,
}

impl<'a> Renderer<'a> {
    /// Begins at the first frame of a range; nothing is faded at its borders. The metronome is silent.
    #[must_use]
    pub fn new(plan: PlanView<'a>, range: Range<i64>) -> Self {
        let mut processor = Processor::new(plan.sample_rate());
        processor.prepare(None, &plan);
        processor.change(None, &plan).expect("a new processor of the plan's own rate takes it");
        processor.play_exactly_from(range.start);
        let left_frames = range.end.saturating_sub(range.start).max(0);
        Self { plans: Plans { current: plan, previous: None }, processor, left_frames, lead: plan.latency() }
    }

    /// Switches the metronome on or off.
    pub fn set_metronome(&mut self, on: bool) {
        self.processor.set_metronome(on);
    }

    /// Renders into both slices, as many frames as fit and are left, and says how many; 0 at the end.
    pub fn next<R: Reader>(&mut self, reader: &mut R, left: &mut [f32], right: &mut [f32]) -> usize {
        self.skip_lead(reader, left, right);
        let frames = (left.len().min(right.len()) as i64).min(self.left_frames) as usize;
        self.processor.process(&self.plans, reader, &mut left[..frames], &mut right[..frames]);
        self.left_frames -= frames as i64;
        frames
    }

    /// Plays what comes before the first frame into the slices, which are written again.
    fn skip_lead<R: Reader>(&mut self, reader: &mut R, left: &mut [f32], right: &mut [f32]) {
        let longest = left.len().min(right.len());
        while self.lead > 0 && longest > 0 {
            let frames = longest.min(self.lead as usize);
            self.processor.process(&self.plans, reader, &mut left[..frames], &mut right[..frames]);
            self.lead -= frames as u32;
        }
    }

    /// How many samples were no finite numbers and have been silenced so far.
    #[must_use]
    pub fn silenced_samples(&self) -> u64 {
        self.processor.silenced_samples()
    }
}

/// Renders a range of frames and hands each piece, left and right, to `sink`, whose error ends it.
///
/// # Errors
/// Those of `sink`.
pub fn render<R: Reader, E>(
    plan: &PlanView<'_>,
    reader: &mut R,
    range: Range<i64>,
    mut sink: impl FnMut(&[f32], &[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut renderer = Renderer::new(*plan, range);
    let (mut left, mut right) = (vec![0.0; CUT_FRAMES], vec![0.0; CUT_FRAMES]);
    loop {
        match renderer.next(reader, &mut left, &mut right) {
            0 => return Ok(()),
            frames => sink(&left[..frames], &right[..frames])?,
        }
    }
}
