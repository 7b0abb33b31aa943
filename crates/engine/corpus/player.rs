//! Plays a case as the audio thread does, in blocks of any length.

use engine::{MemoryReader, Plan, PlanView, Plans, Processor};

use super::Case;
use super::acts::What;

/// Both channels of a case, in blocks as long as `next_length` says. Blocks are cut where something happens, so that it happens
/// at its frame.
pub fn play(case: &Case, mut next_length: impl FnMut() -> usize) -> [Vec<f32>; 2] {
    let compiled = |song| Plan::compile(song).expect("songs of the corpus are within bounds");
    let first = compiled(&case.song);
    let later: Vec<Option<Plan>> = case
        .acts
        .iter()
        .map(|act| if let What::Plan(song) = &act.what { Some(compiled(song)) } else { None })
        .collect();
    let mut stage = Stage::begin(case, first.view());
    let (mut left, mut right) = (vec![9.0; case.frames], vec![9.0; case.frames]);
    let mut acts = case.acts.iter().zip(&later).peekable();
    let (mut at, mut block_end) = (0, 0);
    while at < case.frames {
        while let Some((act, plan)) = acts.next_if(|(act, _)| act.at == at) {
            stage.act(&act.what, plan.as_ref().map(Plan::view));
        }
        if block_end <= at {
            block_end = at + next_length();
        }
        let next_act = acts.peek().map_or(case.frames, |(act, _)| act.at);
        let to = block_end.min(next_act).min(case.frames);
        at += stage.play(&mut left[at..to], &mut right[at..to]);
    }
    [left, right]
}

/// The recordings of a case.
pub fn reader(case: &Case) -> MemoryReader {
    let mut reader = MemoryReader::new();
    for (id, channels) in &case.recordings {
        reader.insert(*id, channels.clone());
    }
    reader
}

/// What lives on the audio thread.
struct Stage<'a> {
    processor: Processor,
    reader: MemoryReader,
    plans: Plans<'a>,
    /// With the frames until it is tried, and tried again.
    waiting: Option<(PlanView<'a>, usize)>,
    seek: Option<i64>,
}

impl<'a> Stage<'a> {
    fn begin(case: &Case, plan: PlanView<'a>) -> Self {
        let mut processor = Processor::new(case.song.sample_rate);
        processor.prepare(None, &plan);
        processor.change(None, &plan).expect("a new processor of the plan's rate takes it");
        processor.set_loop(case.loop_ticks);
        processor.set_metronome(case.metronome);
        processor.play();
        let plans = Plans { current: plan, previous: None };
        Self { processor, reader: reader(case), plans, waiting: None, seek: Some(case.start_ticks) }
    }

    fn act(&mut self, what: &What, plan: Option<PlanView<'a>>) {
        match what {
            What::Seek(ticks) => self.seek = Some(*ticks),
            What::Stop => self.processor.stop(),
            What::Play => self.processor.play(),
            What::Plan(_) => {
                let plan = plan.expect("it has been compiled");
                self.processor.prepare(Some(&self.plans.current), &plan);
                self.waiting = Some((plan, 0));
            }
        }
    }

    /// Plays up to the end of the slices, or to where a plan that waits is tried again, and says how much that was.
    fn play(&mut self, left: &mut [f32], right: &mut [f32]) -> usize {
        if let Some((next, 0)) = self.waiting {
            if self.processor.change(Some(&self.plans.current), &next).is_ok() {
                self.plans = Plans { current: next, previous: Some(self.plans.current) };
                self.waiting = None;
            } else {
                self.waiting = Some((next, self.processor.frames_to_next_try()));
            }
        }
        if let Some(ticks) = self.seek.take() {
            self.processor.seek(self.plans.current.tempo().frame(ticks));
        }
        let frames = self.waiting.map_or(left.len(), |(_, until_tried)| until_tried.min(left.len()));
        if let Some((_, until_tried)) = &mut self.waiting {
            *until_tried -= frames;
        }
        self.processor.process(&self.plans, &mut self.reader, &mut left[..frames], &mut right[..frames]);
        frames
    }
}
