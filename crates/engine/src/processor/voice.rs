//! A track's clips, summed on its bus: reading, conversion, fades, gain.

use dsp::fade::{self, Shape};
use dsp::ramp::Ramp;

use super::CUT_FRAMES;
use super::signal::Signal;
use super::transport::{Head, Scope};
use crate::plan::{ClipRecord, SourceRecord};
use crate::{PlanView, Reader};

/// Frames of a source that are read at once for conversion. More than the longest filter.
const SOURCE_FRAMES: usize = 8_192;

/// What one head plays in a part of a block, from the part's first frame on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) head: Head,
    /// Where it was cut, when it fades out.
    pub(super) cut: Option<Cut>,
    /// Frames.
    pub(super) length: usize,
}

/// A cut: from here on the tracks of the scope fall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) frame: i64,
    pub(super) scope: Scope,
}

impl Span {
    pub(super) fn from(&self) -> i64 {
        self.head.position
    }
}

/// The buffers that a track's clips go through.
#[derive(Debug)]
pub(super) struct Voices {
    pub(super) silenced: u64,
    bus: [Vec<f32>; 2],
    clip: [Vec<f32>; 2],
    source: [Vec<f32>; 2],
    length: usize,
    used: bool,
    fade: u32,
}

impl Voices {
    pub(super) fn new(fade: u32) -> Self {
        let buffers = |frames: usize| [vec![0.0; frames], vec![0.0; frames]];
        Self {
            silenced: 0,
            bus: buffers(CUT_FRAMES),
            clip: buffers(CUT_FRAMES),
            source: buffers(SOURCE_FRAMES),
            length: 0,
            used: false,
            fade,
        }
    }

    /// Begins a bus of `length` frames, at most [`CUT_FRAMES`].
    pub(super) fn clear(&mut self, length: usize) {
        self.length = length;
        self.used = false;
    }

    /// The bus as a signal: silent when nothing sounded.
    pub(super) fn signal(&mut self) -> Signal<'_> {
        let [left, right] = &mut self.bus;
        Signal { left: &mut left[..self.length], right: &mut right[..self.length], silent: !self.used }
    }

    /// The bus, unless nothing sounded.
    pub(super) fn bus(&mut self) -> Option<[&mut [f32]; 2]> {
        let [left, right] = &mut self.bus;
        self.used.then(|| [&mut left[..self.length], &mut right[..self.length]])
    }

    /// Adds what a track plays in a span.
    pub(super) fn track<R: Reader>(
        &mut self,
        plan: PlanView<'_>,
        track: usize,
        span: &Span,
        fades_in: bool,
        reader: &mut R,
    ) {
        let record = plan.track(track);
        let (from, to) = (span.from(), span.from() + span.length as i64);
        plan.clips_between(&record, from, to, &mut |clip| {
            if span.cut.is_none_or(|cut| clip.start < cut.frame) {
                reader.turn_to(voice_of(record.id, clip));
                self.clip(plan, clip, span, fades_in, reader);
            }
        });
    }

    fn clip<R: Reader>(&mut self, plan: PlanView<'_>, clip: &ClipRecord, span: &Span, fades_in: bool, reader: &mut R) {
        let from = clip.start.max(span.from());
        let to = clip.end.min(span.from() + span.length as i64);
        let (at, frames) = ((from - span.from()) as usize, (to - from) as usize);
        // The first clip that fills the bus is read straight into it.
        let direct = !self.used && frames == self.length;
        if !self.used && !direct {
            self.bus.iter_mut().for_each(|bus| bus[..self.length].fill(0.0));
        }
        self.used = true;
        let mono = self.fetch(plan, clip, from, frames, direct, reader);
        let [left, right] = if direct { &mut self.bus } else { &mut self.clip };
        let channels = if mono { [&mut left[..frames], &mut []] } else { [&mut left[..frames], &mut right[..frames]] };
        for samples in channels {
            clip_fades(clip, from, samples);
            span_fades(span, clip.start, from, fades_in, self.fade, samples);
            if direct && clip.gain != 1.0 {
                dsp::mix::gain(samples, clip.gain);
            }
        }
        if direct {
            if mono {
                right[..frames].copy_from_slice(&left[..frames]);
            }
            return;
        }
        for (bus, samples) in self.bus.iter_mut().zip([&self.clip[0], &self.clip[usize::from(!mono)]]) {
            dsp::mix::add(&mut bus[at..at + frames], &samples[..frames], clip.gain);
        }
    }

    /// Reads a clip's frames at the plan's rate, and says whether they are mono, in which case only the left channel is filled.
    fn fetch<R: Reader>(
        &mut self,
        plan: PlanView<'_>,
        clip: &ClipRecord,
        from: i64,
        frames: usize,
        direct: bool,
        reader: &mut R,
    ) -> bool {
        let source = plan.source(clip.source as usize);
        let mono = source.channels == 1;
        let finite = reader.always_finite(source.id);
        let [left, right] = if direct { &mut self.bus } else { &mut self.clip };
        let (left, right) = (&mut left[..frames], if mono { &mut [][..] } else { &mut right[..frames] });
        let Some(conversion) = source.conversion else {
            read(reader, &source, clip.reversed, from - clip.anchor, left, right);
            self.silenced += if finite { 0 } else { silence(left, right) };
            return mono;
        };
        let record = plan.conversion(conversion as usize);
        let at_once = record.conversion.output_frames_for(SOURCE_FRAMES).max(1);
        let mut first = from - clip.anchor;
        let mut done = 0;
        while done < frames {
            let count = at_once.min(frames - done);
            let (start, length) = record.conversion.source_span(first, count);
            let [a, b] = &mut self.source;
            let length = length.min(SOURCE_FRAMES);
            let (a, b) = (&mut a[..length], if mono { &mut [][..] } else { &mut b[..length] });
            read(reader, &source, clip.reversed, start, a, b);
            self.silenced += if finite { 0 } else { silence(a, b) };
            let part = done..done + count;
            if mono {
                record.conversion.mono(record.table, first, a, &mut left[part]);
            } else {
                record.conversion.stereo(record.table, first, [a, b], [&mut left[part.clone()], &mut right[part]]);
            }
            first += count as i64;
            done += count;
        }
        mono
    }

    /// Adds a click that begins at `start` to both channels.
    pub(super) fn click(
        &mut self,
        sound: &[f32],
        start: i64,
        span: &Span,
        level: (&Ramp, u64),
        left: &mut [f32],
        right: &mut [f32],
    ) {
        if span.cut.is_some_and(|cut| start >= cut.frame) {
            return;
        }
        let from = start.max(span.from());
        let to = (start + sound.len() as i64).min(span.from() + span.length as i64);
        if from >= to {
            return;
        }
        let (at, frames) = ((from - span.from()) as usize, (to - from) as usize);
        let samples = &mut self.clip[0][..frames];
        samples.copy_from_slice(&sound[(from - start) as usize..][..frames]);
        span_fades(span, start, from, span.head.scope == Scope::All, self.fade, samples);
        let (ramp, now) = (level.0, level.1 + at as u64);
        let moving = (ramp.moving(now) as usize).min(frames);
        ramp.apply(&mut samples[..moving], now);
        dsp::mix::gain(&mut samples[moving..], ramp.target());
        dsp::mix::add(&mut left[at..at + frames], samples, 1.0);
        dsp::mix::add(&mut right[at..at + frames], samples, 1.0);
    }
}

/// The number of a clip's voice: of those that do not move from one plan to the next. Clips that share it play the same.
fn voice_of(track: u64, clip: &ClipRecord) -> u64 {
    let place = clip.start.cast_unsigned().rotate_left(20) ^ clip.anchor.cast_unsigned();
    (track ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(17).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Reads a recording's frames, of the recording turned around if it is reversed.
fn read<R: Reader>(
    reader: &mut R,
    source: &SourceRecord,
    reversed: bool,
    start: i64,
    left: &mut [f32],
    right: &mut [f32],
) {
    if !reversed {
        return reader.read(source.id, start, left, right);
    }
    reader.read(source.id, source.frames - start - left.len() as i64, left, right);
    left.reverse();
    right.reverse();
}

fn silence(left: &mut [f32], right: &mut [f32]) -> u64 {
    (dsp::meter::silence_non_finite(left) + dsp::meter::silence_non_finite(right)) as u64
}

/// The clip's own fades over samples from frame `from` on.
fn clip_fades(clip: &ClipRecord, from: i64, samples: &mut [f32]) {
    rise(samples, from, clip.fade_in_start, clip.fade_in, clip.fade_in_shape);
    let fade_out_start = clip.fade_out_end - i64::from(clip.fade_out);
    fall(samples, from, fade_out_start, clip.fade_out, clip.fade_out_shape);
}

/// What playing itself does to a clip that begins at `start`: a rise when the head entered it in its middle, a fall when cut.
fn span_fades(span: &Span, start: i64, from: i64, fades_in: bool, fade: u32, samples: &mut [f32]) {
    if fades_in && start < span.head.began {
        rise(samples, from, span.head.began, fade, Shape::Linear);
    }
    if let Some(cut) = span.cut {
        fall(samples, from, cut.frame, fade, Shape::Linear);
    }
}

/// Weighs the frames of `samples` (the first is `from`) that lie in `begin..begin + length`, from 0 up.
fn rise(samples: &mut [f32], from: i64, begin: i64, length: u32, shape: Shape) {
    // Frames from its end on are untouched; none lie before its beginning.
    let left = (begin + i64::from(length) - from).clamp(0, samples.len() as i64) as usize;
    fade::rise_shaped(&mut samples[..left], (from - begin).max(0) as u32, length, shape);
}

/// Weighs the frames of `samples` that lie in `begin..begin + length`, from 1 down. None lie after its end.
fn fall(samples: &mut [f32], from: i64, begin: i64, length: u32, shape: Shape) {
    let skip = (begin - from).clamp(0, samples.len() as i64) as usize;
    let left = begin + i64::from(length) - (from + skip as i64);
    fade::fall_shaped(&mut samples[skip..], left.max(0) as u32, length, shape);
}
