//! One pass over a song: its plan, played from the range's beginning until what rings out is silent.

use std::ops::{ControlFlow, Range};

use engine::processor::CUT_FRAMES;
use engine::{Plan, Plans, Processor, Reader, Song};
use media::encode::Encoder;

use crate::limits::RAISE_DB_MAX;
use crate::loudness::{Measured, Meter, decibels, factor};
use crate::{Error, Result, Settings, Unreadable};

/// Below this magnitude, -100 dBFS in the file, effects have rung out.
const SILENT: f32 = 1e-5;
/// How long it must stay so, in milliseconds: longer than the longest delay, whose echoes are silent between.
const SILENT_MS: u64 = 4_100;

/// Hears how far the work is, from 0 to 1, and stops it when it says so.
pub type Watch<'a> = &'a mut dyn FnMut(f32) -> ControlFlow<()>;

/// Recordings whose trouble is asked for: the engine knows no errors, it hears silence.
pub trait Recordings: Reader {
    /// What went wrong since the last time, if anything.
    ///
    /// # Errors
    /// The reason, naming the recording.
    fn check(&mut self) -> std::result::Result<(), Unreadable>;
}

/// A song, compiled for one file.
#[derive(Debug)]
pub struct Mix {
    plan: Plan,
    /// The same song without clips, for what follows a range that ends within the song.
    rest: Option<Plan>,
    range: Range<i64>,
    tail_frames_max: u64,
    ends_when_silent: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ExportSummary))]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Frames, the tail included.
    pub frames: u64,
    /// Hz.
    pub sample_rate: u32,
    /// The highest sample, in dBFS; none for silence.
    pub peak_db: Option<f64>,
    /// Samples above full scale; integers cut them off.
    pub over: u64,
    /// Samples that were no finite numbers and have been silenced.
    pub silenced: u64,
}

impl Summary {
    /// How long it is.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.sample_rate)
    }
}

impl Mix {
    /// Compiles a song. `settings` must have been checked.
    ///
    /// # Errors
    /// [`Error::Plan`], [`Error::Nothing`], [`Error::Setting`] when the range is too long.
    pub fn new(song: &Song, settings: &Settings) -> Result<Mix> {
        let mut song = song.clone();
        song.sample_rate = settings.rate(song.sample_rate);
        let plan = Plan::compile(&song).map_err(Error::Plan)?;
        let range = settings.frames(&plan.view())?;
        let rest = (range.end < plan.view().frames()).then(|| {
            song.tracks.iter_mut().for_each(|track| track.clips.clear());
            Plan::compile(&song).map_err(Error::Plan)
        });
        let (tail_frames_max, ends_when_silent) = settings.tail(song.sample_rate);
        Ok(Mix { plan, rest: rest.transpose()?, range, tail_frames_max, ends_when_silent })
    }

    /// Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.plan.view().sample_rate()
    }

    /// Frames of the range, without a tail.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.range.end.abs_diff(self.range.start)
    }

    /// Plays it once and says how loud it is.
    ///
    /// # Errors
    /// [`Error::Recording`], [`Error::Stopped`].
    pub fn measure<R: Recordings>(&self, recordings: &mut R, watch: Watch<'_>) -> Result<Measured> {
        let mut meter = Meter::new(self.sample_rate());
        // As much as may be heard once it has been raised.
        self.play(recordings, watch, SILENT / factor(RAISE_DB_MAX), |left, right| {
            meter.hear(left, right);
            Ok(())
        })?;
        Ok(meter.measured())
    }

    /// Plays it into a file, every sample times `gain`.
    ///
    /// # Errors
    /// [`Error::Recording`], [`Error::File`], [`Error::Stopped`]; then the file is worth nothing.
    pub fn write<R: Recordings>(
        &self,
        recordings: &mut R,
        gain: f32,
        mut encoder: Box<dyn Encoder + '_>,
        watch: Watch<'_>,
    ) -> Result<Summary> {
        let mut level = Level::default();
        let mut frames = 0;
        let silenced = self.play(recordings, watch, SILENT / gain.max(1.0), |left, right| {
            for plane in [&mut *left, right] {
                if gain != 1.0 {
                    plane.iter_mut().for_each(|sample| *sample *= gain);
                }
                level.add(plane);
            }
            frames += left.len() as u64;
            Ok(encoder.write(&[left, right])?)
        })?;
        encoder.finish()?;
        let peak_db = (level.peak > 0.0).then(|| decibels(level.peak));
        Ok(Summary { frames, sample_rate: self.sample_rate(), peak_db, over: level.over, silenced })
    }

    /// Plays it, and hands each piece to `sink`, to where its tail stays below `silent`. Says how many samples were no numbers.
    fn play<R: Recordings>(
        &self,
        recordings: &mut R,
        watch: Watch<'_>,
        silent: f32,
        mut sink: impl FnMut(&mut [f32], &mut [f32]) -> Result<()>,
    ) -> Result<u64> {
        let mut pass = Pass::new(self);
        let (mut left, mut right) = (vec![0.0; CUT_FRAMES], vec![0.0; CUT_FRAMES]);
        let mut done = 0;
        while done < self.frames() {
            let count = pass.next(recordings, self.frames() - done, &mut left, &mut right);
            recordings.check()?;
            sink(&mut left[..count], &mut right[..count])?;
            done += count as u64;
            if watch((done as f64 / self.frames() as f64) as f32).is_break() {
                return Err(Error::Stopped);
            }
        }
        let mut silence = Silence::new(self.sample_rate());
        let mut tail = 0;
        while tail < self.tail_frames_max && !(self.ends_when_silent && silence.is_long()) {
            let count = pass.next(recordings, self.tail_frames_max - tail, &mut left, &mut right);
            recordings.check()?;
            tail += count as u64;
            let loud = if self.ends_when_silent { loud_frames(&left[..count], &right[..count], silent) } else { count };
            if loud > 0 {
                silence.give_back(&mut sink)?;
                sink(&mut left[..loud], &mut right[..loud])?;
            }
            silence.keep(&left[loud..count], &right[loud..count]);
            if watch(1.0).is_break() {
                return Err(Error::Stopped);
            }
        }
        Ok(pass.processor.silenced_samples())
    }
}

/// A processor on its way through a song.
struct Pass<'a> {
    processor: Processor,
    plans: Plans<'a>,
    /// The plan that comes when so many frames have gone in.
    then: Option<(u64, Plans<'a>)>,
    /// Frames that come out before the first: those by which everything is late.
    lead: usize,
}

impl<'a> Pass<'a> {
    fn new(mix: &'a Mix) -> Pass<'a> {
        let view = mix.plan.view();
        let mut processor = Processor::new(view.sample_rate());
        processor.prepare(None, &view);
        processor.change(None, &view).expect("a new processor of the plan's own rate takes it");
        processor.play_exactly_from(mix.range.start);
        let then = mix
            .rest
            .as_ref()
            .map(|rest| (mix.frames(), Plans { current: rest.view(), previous: Some(mix.plan.view()) }));
        let lead = view.latency() as usize;
        Pass { processor, plans: Plans { current: view, previous: None }, then, lead }
    }

    /// The next frames, at most `most`, as many as the slices hold; how many.
    fn next<R: Reader>(&mut self, reader: &mut R, most: u64, left: &mut [f32], right: &mut [f32]) -> usize {
        loop {
            let wanted = if self.lead > 0 { self.lead as u64 } else { most };
            let frames = self.process(reader, wanted, left, right);
            if self.lead == 0 {
                return frames;
            }
            self.lead -= frames;
        }
    }

    fn process<R: Reader>(&mut self, reader: &mut R, wanted: u64, left: &mut [f32], right: &mut [f32]) -> usize {
        if self.then.as_ref().is_some_and(|(left, _)| *left == 0)
            && let Some((_, plans)) = self.then.take()
        {
            self.processor.prepare(Some(&self.plans.current), &plans.current);
            // Nothing is under way and the structure is the same. Were it refused, the song would go on.
            if self.processor.change(Some(&self.plans.current), &plans.current).is_ok() {
                self.plans = plans;
            }
        }
        let before = self.then.as_ref().map_or(u64::MAX, |(left, _)| *left);
        let frames = wanted.min(before).min(left.len() as u64) as usize;
        self.processor.process(&self.plans, reader, &mut left[..frames], &mut right[..frames]);
        if !self.processor.needs_previous() {
            self.plans.previous = None;
        }
        if let Some((left, _)) = &mut self.then {
            *left -= frames as u64;
        }
        frames
    }
}

#[derive(Default)]
struct Level {
    peak: f32,
    over: u64,
}

impl Level {
    fn add(&mut self, samples: &[f32]) {
        let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        self.peak = self.peak.max(peak);
        if peak > 1.0 {
            self.over += samples.iter().filter(|sample| sample.abs() > 1.0).count() as u64;
        }
    }
}

/// Frames up to the last one that is not silent.
fn loud_frames(left: &[f32], right: &[f32], silent: f32) -> usize {
    left.iter().zip(right).rposition(|(l, r)| l.abs() >= silent || r.abs() >= silent).map_or(0, |last| last + 1)
}

/// What is silent at the end is left out, and is given back when something follows.
struct Silence {
    planes: [Vec<f32>; 2],
    frames_max: usize,
}

impl Silence {
    fn new(rate: u32) -> Silence {
        Silence { planes: [Vec::new(), Vec::new()], frames_max: (u64::from(rate) * SILENT_MS / 1_000) as usize }
    }

    fn is_long(&self) -> bool {
        self.planes[0].len() >= self.frames_max
    }

    fn keep(&mut self, left: &[f32], right: &[f32]) {
        self.planes[0].extend_from_slice(left);
        self.planes[1].extend_from_slice(right);
    }

    fn give_back(&mut self, sink: &mut impl FnMut(&mut [f32], &mut [f32]) -> Result<()>) -> Result<()> {
        let [left, right] = &mut self.planes;
        for (left, right) in left.chunks_mut(CUT_FRAMES).zip(right.chunks_mut(CUT_FRAMES)) {
            sink(left, right)?;
        }
        left.clear();
        right.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dsp::devices::Kind;
    use engine::{Clip, Device, MemoryReader, SourceInfo, TICKS_PER_BEAT, Track};

    use super::*;

    struct Memory(MemoryReader);

    impl Reader for Memory {
        fn read(&mut self, source: u32, start_frame: i64, left: &mut [f32], right: &mut [f32]) {
            self.0.read(source, start_frame, left, right);
        }
    }

    impl Recordings for Memory {
        fn check(&mut self) -> std::result::Result<(), Unreadable> {
            Ok(())
        }
    }

    /// Hears the last piece of a file.
    struct Heard<'a>(&'a mut Vec<f32>);

    impl Encoder for Heard<'_> {
        fn write(&mut self, planes: &[&[f32]]) -> media::Result<()> {
            self.0.extend_from_slice(planes[0]);
            Ok(())
        }

        fn finish(self: Box<Self>) -> media::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_tail_ends_where_the_file_is_silent_however_much_it_was_raised() {
        // A click in a hall, at -50 dBFS.
        let values = Kind::Reverb.parameters().iter().map(|parameter| match parameter.id {
            "mix" => 100.0,
            "decay" => 2.0,
            _ => parameter.default,
        });
        let hall = Device { id: 1, kind: Kind::Reverb, bypassed: false, values: values.collect(), sidechain: None };
        let clip = Clip { source: 1, duration_ticks: TICKS_PER_BEAT, ..Clip::default() };
        let song = Song {
            tracks: vec![Track { id: 1, clips: vec![clip], devices: vec![hall], ..Track::default() }],
            sources: vec![SourceInfo { id: 1, rate: 48_000, channels: 1, frames: 1_000 }],
            ..Song::default()
        };
        let settings: Settings = serde_json::from_str(r#"{"format":"wav"}"#).expect("settings");
        let mix = Mix::new(&song, &settings).expect("a song within bounds");
        let mut channel = vec![0.0; 1_000];
        channel[0] = 0.003;
        let write = |gain: f32| {
            let mut reader = MemoryReader::new();
            reader.insert(1, vec![channel.clone()]);
            let mut heard = Vec::new();
            let watch: Watch<'_> = &mut |_| ControlFlow::Continue(());
            mix.write(&mut Memory(reader), gain, Box::new(Heard(&mut heard)), watch).expect("a file");
            heard
        };
        let (plain, raised) = (write(1.0), write(100.0));
        // 60 dB in two seconds: 40 dB more take 1.33 s.
        let longer = (raised.len() - plain.len()) as f64 / 48_000.0;
        assert!((1.1..1.6).contains(&longer), "{longer} s longer");
        for (name, heard) in [("as it is", plain), ("raised", raised)] {
            let last = heard[heard.len() - 480..].iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            assert!((0.5 * SILENT..10.0 * SILENT).contains(&last), "{name}: it ends at {last:e}");
        }
    }
}
