//! A clip being shaped by hand: its fades, its gain, what of its recording it plays; and crossfades.

use dsp::fade::Shape;
use model::{Clip, Id, Table, Ticks};
use operations::{Operation, build};
use sync::wire::Held;

use super::cut;
use super::scene::Lane;
use super::snap;
use crate::door::times::Times;
use crate::mixer::decibels::{decibels, factor_at, travel_of, written};
use crate::transport::position::beats_in_words;

/// Handles of fades lie this far below a clip's title, in pixels, and at least so far from its ends.
pub(super) const HANDLE_INSET: f64 = 6.0;
/// The handle of the gain lies so far from a clip's start: a clip is taken up at its middle.
const GAIN_HANDLE: f64 = 28.0;
/// Narrower clips have no handles.
pub(super) const HANDLES_MIN: f64 = 56.0;
/// So far into a clip, as a part of the reach, its ends are taken hold of.
const EDGE: f64 = 0.7;
/// A gain this near to unity, in decibels, is unity.
const DETENT_DB: f64 = 0.2;
/// So much of a recording, in seconds, is left when a clip is slipped to its end.
const SLIP_LEFT: f64 = 0.01;

/// What of a clip the hand holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    FadeIn,
    FadeOut,
    Gain,
    /// What is in the clip, while the clip stays.
    Slip,
    /// Where it begins, while what is heard stays.
    Start,
    /// Where it ends.
    End,
}

/// The part of a clip below its title, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Body {
    pub(crate) x: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Body {
    /// The pixel of a gain.
    pub(crate) fn gain_y(&self, gain: f64) -> f64 {
        self.top + HANDLE_INSET + (1.0 - travel_of(gain)) * (self.height - 2.0 * HANDLE_INSET)
    }

    /// Where the handles of a clip are: of the fade in, of the fade out, of the gain.
    pub(crate) fn handles(&self, clip: &Clip, pixels_per_beat: f64) -> [(Part, f64, f64); 3] {
        let place = |reach: Ticks| (reach.beats() * pixels_per_beat).clamp(HANDLE_INSET, self.width - HANDLE_INSET);
        let y = self.top + HANDLE_INSET;
        [
            (Part::FadeIn, self.x + place(clip.fade_in_reach()), y),
            (Part::FadeOut, self.x + self.width - place(clip.fade_out_reach()), y),
            (Part::Gain, self.x + GAIN_HANDLE, self.gain_y(clip.gain)),
        ]
    }

    /// The handle within `reach` pixels of a place, the nearest of several.
    pub(crate) fn part_at(&self, clip: &Clip, pixels_per_beat: f64, (x, y): (f64, f64), reach: f64) -> Option<Part> {
        if self.width < HANDLES_MIN {
            return None;
        }
        let far = |part: &(Part, f64, f64)| (part.1 - x).hypot(part.2 - y);
        let nearest = self.handles(clip, pixels_per_beat).into_iter().min_by(|a, b| far(a).total_cmp(&far(b)))?;
        if far(&nearest) <= reach {
            return Some(nearest.0);
        }
        // Below the handles of the fades.
        let is_body = (self.top + 2.0 * HANDLE_INSET..=self.top + self.height).contains(&y);
        let (left, right) = (x - self.x, self.x + self.width - x);
        match (is_body, left.abs() <= reach * EDGE, right.abs() <= reach * EDGE) {
            // What repeats keeps its start: all of it would move.
            (true, true, _) if !cut::repeats(clip) => Some(Part::Start),
            (true, _, true) => Some(Part::End),
            _ => None,
        }
    }
}

/// A clip in the hand, as it was and as it would be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shaping {
    pub(crate) part: Part,
    from: Clip,
    pub(crate) to: Clip,
}

/// How far the hand has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Way {
    pub(crate) by: Ticks,
    /// The same in seconds.
    pub(crate) seconds: f64,
    /// Upwards, as a part of the clip's height.
    pub(crate) rise: f64,
}

impl Shaping {
    /// Takes a part of a clip up.
    pub(crate) fn take_up(part: Part, clip: &Clip) -> Shaping {
        Shaping { part, from: clip.clone(), to: clip.clone() }
    }

    /// Moves it. `length` is that of the recording in seconds, where it is known.
    pub(crate) fn move_to(&mut self, way: Way, grid: Option<Ticks>, length: Option<f64>) {
        let from = &self.from;
        let on_grid = |place: Ticks| grid.map_or(place, |grid| snap::nearest(place, grid));
        let fade = |length: Ticks| length.clamp(Ticks(0), from.duration);
        match self.part {
            Part::FadeIn => {
                let reach = fade(on_grid(from.start + from.fade_in_reach() + way.by) - from.start);
                self.to = cut::fading_in_to(from, reach);
            }
            Part::FadeOut => {
                let reach = fade(from.end() - on_grid(from.end() - from.fade_out_reach() + way.by));
                self.to = cut::fading_out_from(from, reach);
            }
            Part::Gain => self.to.gain = detent(factor_at(travel_of(from.gain) + way.rise)),
            Part::Slip => slip(from, &mut self.to, way.seconds, length),
            Part::End => self.to = cut::ending_at(from, on_grid(from.end() + way.by)),
            // What is heard depends on the song's tempo: see [`Shaping::begin_at`].
            Part::Start => {}
        }
    }

    /// Moves the start; nothing happens to a clip that repeats.
    pub(crate) fn begin_at(&mut self, start: Ticks, times: &Times) {
        if let Some(to) = cut::beginning_at(&self.from, start, times) {
            self.to = to;
        }
    }

    /// The name of the edit.
    pub(crate) fn what(&self) -> &'static str {
        match self.part {
            Part::FadeIn | Part::FadeOut => "Change fade",
            Part::Gain => "Change clip gain",
            Part::Slip => "Slip clip",
            Part::Start | Part::End => "Trim clip",
        }
    }

    /// What the hand has made of it, in words.
    pub(crate) fn words(&self) -> String {
        match self.part {
            Part::FadeIn => beats_in_words(self.to.fade_in_reach()),
            Part::FadeOut => beats_in_words(self.to.fade_out_reach()),
            Part::Gain => format!("{} dB", written(self.to.gain)),
            Part::Start | Part::End => beats_in_words(self.to.duration),
            Part::Slip => format!("{:+.3} s", self.to.audio_start_offset - self.from.audio_start_offset),
        }
    }

    /// The operations that make the clip so.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        changes(&self.from, &self.to)
    }
}

/// A clip as others' hands have it; none when nobody holds it.
pub(super) fn as_held(clip: &Clip, held: &[Held]) -> Option<Clip> {
    let mut shaped = None;
    for one in held.iter().filter(|one| one.target.id == clip.id) {
        let shaped = shaped.get_or_insert_with(|| clip.clone());
        let beats = Ticks::from_beats(one.value).unwrap_or_default().max(Ticks(0));
        match one.path.as_str() {
            "fadeIn" => shaped.fade_in = beats,
            "fadeOut" => shaped.fade_out = beats,
            "fadeInBefore" => shaped.fade_in_before = beats,
            "fadeOutBehind" => shaped.fade_out_behind = beats,
            "startBeat" => shaped.start = Ticks::from_beats(one.value.max(0.0)).unwrap_or(clip.start),
            "durationBeats" => shaped.duration = Ticks::from_beats(one.value.max(0.0)).unwrap_or(clip.duration),
            "gain" => shaped.gain = one.value.max(0.0),
            "audioStartOffset" => shaped.audio_start_offset = one.value.max(0.0),
            "audioEndOffset" => shaped.audio_end_offset = one.value.max(0.0),
            _ => {}
        }
    }
    shaped
}

fn detent(gain: f64) -> f64 {
    if decibels(gain).abs() < DETENT_DB { 1.0 } else { gain }
}

/// What is later in the clip by `seconds` begins earlier in the recording by as much.
fn slip(from: &Clip, to: &mut Clip, seconds: f64, length: Option<f64>) {
    let last = length.map_or(f64::MAX, |length| (length - SLIP_LEFT).max(0.0));
    to.audio_start_offset = (from.audio_start_offset - seconds).clamp(0.0, last);
    // A trim at the end stays where it is in the clip; without one the recording is heard as far as it reaches.
    if from.audio_end_offset > 0.0 {
        let by = from.audio_start_offset - to.audio_start_offset;
        to.audio_end_offset = (from.audio_end_offset + by).max(0.0);
    }
}

/// The operations that make one state of a clip of another.
pub(super) fn changes(from: &Clip, to: &Clip) -> Vec<Operation> {
    let mut operations = Vec::new();
    let id = &from.id;
    let mut number = |field: &str, before: f64, after: f64| {
        if before.to_bits() != after.to_bits() {
            operations.push(build::set(Table::Clips, id, field, after));
        }
    };
    number("startBeat", from.start.beats(), to.start.beats());
    number("durationBeats", from.duration.beats(), to.duration.beats());
    number("fadeIn", from.fade_in.beats(), to.fade_in.beats());
    number("fadeOut", from.fade_out.beats(), to.fade_out.beats());
    number("fadeInBefore", from.fade_in_before.beats(), to.fade_in_before.beats());
    number("fadeOutBehind", from.fade_out_behind.beats(), to.fade_out_behind.beats());
    number("gain", from.gain, to.gain);
    number("audioStartOffset", from.audio_start_offset, to.audio_start_offset);
    number("audioEndOffset", from.audio_end_offset, to.audio_end_offset);
    number("loopBeats", from.repeated.beats(), to.repeated.beats());
    for (field, before, after) in [
        ("fadeInShape", from.fade_in_shape, to.fade_in_shape),
        ("fadeOutShape", from.fade_out_shape, to.fade_out_shape),
    ] {
        if before != after {
            operations.push(build::set(Table::Clips, id, field, id_of(after)));
        }
    }
    if from.reversed != to.reversed {
        operations.push(build::set(Table::Clips, id, "reversed", to.reversed));
    }
    operations
}

/// The word for a shape in a record.
pub(super) fn id_of(shape: Shape) -> &'static str {
    Shape::ALL.iter().zip(Shape::IDS).find(|(known, _)| **known == shape).map_or("linear", |(_, id)| *id)
}

/// The next shape, for a key.
pub(super) fn next_shape(shape: Shape) -> Shape {
    let at = Shape::ALL.iter().position(|known| *known == shape).unwrap_or(0);
    Shape::ALL[(at + 1) % Shape::ALL.len()]
}

/// By how much a fade lowers what sounds `beat` beats behind a clip's start.
pub(super) fn fade_at(clip: &Clip, beat: f64) -> f64 {
    let (rise, fall) = (clip.fade_in.beats(), clip.fade_out.beats());
    let left = (clip.duration + clip.fade_out_behind).beats() - beat;
    let begun = beat + clip.fade_in_before.beats();
    let up = if begun < rise { clip.fade_in_shape.weight((begun / rise).max(0.0)) } else { 1.0 };
    let down = if left < fall { clip.fade_out_shape.weight((left / fall).max(0.0)) } else { 1.0 };
    up * down
}

/// Fades that lead over wherever a chosen clip overlaps another: both over all they have in common, with equal power. A clip
/// that lies in another whole has none.
pub(super) fn crossfades(lane: &Lane, chosen: impl Fn(&Id) -> bool) -> Vec<Operation> {
    let mut operations = Vec::new();
    for first in lane.clips() {
        for second in lane.between(first.start, first.end()) {
            let follows = (first.start, &first.id) < (second.start, &second.id) && second.start > first.start;
            if !follows || second.end() < first.end() || !(chosen(&first.id) || chosen(&second.id)) {
                continue;
            }
            let overlap = first.end() - second.start;
            let shape = Shape::EqualPower;
            let leaving = Clip { fade_out: overlap, fade_out_behind: Ticks(0), fade_out_shape: shape, ..first.clone() };
            let coming = Clip { fade_in: overlap, fade_in_before: Ticks(0), fade_in_shape: shape, ..second.clone() };
            operations.extend(changes(first, &leaving));
            operations.extend(changes(second, &coming));
        }
    }
    operations
}

#[cfg(test)]
mod tests {
    use model::{Record, Records, TICKS_PER_BEAT, Value, fields};

    use super::super::scene::Scene;
    use super::super::snap::GRID;
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn beats(beats: f64) -> Ticks {
        Ticks::from_beats(beats).unwrap()
    }

    fn lane(clips: &[(&str, f64, f64)]) -> Scene {
        let mut records = Records::new();
        let given = [("projectId", Value::text("p")), ("name", "t".into()), ("orderKey", "1".into())];
        records.insert(Table::Tracks, Record::new(id("t"), 1, fields(given)));
        for (name, start, length) in clips {
            let given =
                [("trackId", Value::text("t")), ("startBeat", (*start).into()), ("durationBeats", (*length).into())];
            records.insert(Table::Clips, Record::new(id(name), 1, fields(given)));
        }
        Scene::of(&records)
    }

    fn clip() -> Clip {
        lane(&[("a", 4.0, 8.0)]).lanes()[0].clips()[0].clone()
    }

    fn shaped(part: Part, clip: &Clip, by: f64, rise: f64, length: Option<f64>) -> Shaping {
        let mut shaping = Shaping::take_up(part, clip);
        shaping.move_to(Way { by: beats(by), seconds: by / 2.0, rise }, Some(GRID), length);
        shaping
    }

    #[test]
    fn en3_fades_follow_the_hand_on_the_grid_and_end_with_the_clip() {
        assert_eq!(shaped(Part::FadeIn, &clip(), 1.1, 0.0, None).to.fade_in, beats(1.0));
        assert_eq!(shaped(Part::FadeIn, &clip(), -3.0, 0.0, None).to.fade_in, Ticks(0));
        assert_eq!(shaped(Part::FadeOut, &clip(), -2.4, 0.0, None).to.fade_out, beats(2.5));
        assert_eq!(shaped(Part::FadeOut, &clip(), -99.0, 0.0, None).to.fade_out, beats(8.0));
        let shaping = shaped(Part::FadeIn, &clip(), 1.0, 0.0, None);
        assert_eq!(shaping.operations(), [build::set(Table::Clips, &id("a"), "fadeIn", 1.0)]);
        assert_eq!(shaping.words(), "1 beat");
    }

    #[test]
    fn a_clips_gain_is_that_of_a_fader_and_rests_at_unity() {
        let louder = shaped(Part::Gain, &clip(), 0.0, 0.1, None);
        assert!(louder.to.gain > 1.2 && louder.to.gain < 2.0);
        assert_eq!(shaped(Part::Gain, &louder.to, 0.0, -0.099, None).to.gain, 1.0);
        assert_eq!(shaped(Part::Gain, &clip(), 0.0, -2.0, None).to.gain, 0.0);
    }

    #[test]
    fn the_ends_of_a_clip_follow_the_hand_on_the_grid() {
        let shorter = shaped(Part::End, &clip(), -1.6, 0.0, None);
        assert_eq!((shorter.to.start, shorter.to.duration), (beats(4.0), beats(6.5)));
        assert_eq!((shorter.what(), shorter.words().as_str()), ("Trim clip", "6.5 beats"));
        let mut later = Shaping::take_up(Part::Start, &clip());
        later.begin_at(beats(6.0), &Times::of(&Records::new()));
        let set = |field: &str, value: f64| build::set(Table::Clips, &id("a"), field, value);
        assert_eq!(later.operations(), [set("startBeat", 6.0), set("durationBeats", 6.0)]);
    }

    #[test]
    fn a_slipped_clip_stays_and_plays_another_part_of_its_recording() {
        let from = Clip { audio_start_offset: 1.0, audio_end_offset: 2.0, ..clip() };
        let slipped = shaped(Part::Slip, &from, 1.0, 0.0, Some(10.0));
        assert_eq!((slipped.to.audio_start_offset, slipped.to.audio_end_offset), (0.5, 2.5));
        assert_eq!((slipped.to.start, slipped.to.duration), (from.start, from.duration));
        assert_eq!(shaped(Part::Slip, &from, 9.0, 0.0, Some(10.0)).to.audio_start_offset, 0.0);
        assert_eq!(shaped(Part::Slip, &from, -99.0, 0.0, Some(10.0)).to.audio_start_offset, 9.99);
    }

    #[test]
    fn en3_a_crossfade_sets_both_fades_over_what_two_clips_have_in_common() {
        let scene = lane(&[("a", 0.0, 4.0), ("b", 3.0, 4.0), ("c", 8.0, 4.0), ("inside", 4.0, 1.0)]);
        let of = |chosen: &str| crossfades(&scene.lanes()[0], |clip| *clip == id(chosen));
        assert_eq!(
            of("a"),
            [
                build::set(Table::Clips, &id("a"), "fadeOut", 1.0),
                build::set(Table::Clips, &id("a"), "fadeOutShape", "equalPower"),
                build::set(Table::Clips, &id("b"), "fadeIn", 1.0),
                build::set(Table::Clips, &id("b"), "fadeInShape", "equalPower"),
            ]
        );
        assert!(of("c").is_empty() && of("inside").is_empty());
    }

    #[test]
    fn en3_what_is_drawn_fades_as_what_is_heard() {
        let clip = Clip { fade_in: beats(2.0), fade_out: beats(4.0), fade_out_shape: Shape::EqualPower, ..clip() };
        assert_eq!([0.0, 1.0, 3.0, 8.0].map(|beat| fade_at(&clip, beat)), [0.0, 0.5, 1.0, 0.0]);
        assert!((fade_at(&clip, 6.0) - 0.5f64.sqrt()).abs() < 1e-12);
        assert!(Shape::ALL.into_iter().all(|shape| Shape::from_id(id_of(shape)) == Some(shape)));
        assert_eq!(Shape::ALL.into_iter().fold(Shape::Smooth, |shape, _| next_shape(shape)), Shape::Smooth);
    }

    #[test]
    fn handles_are_taken_where_they_lie() {
        let body = Body { x: 100.0, top: 20.0, width: 160.0, height: 50.0 };
        let clip = Clip { fade_in: beats(2.0), duration: Ticks(8 * TICKS_PER_BEAT), ..clip() };
        let at = |x: f64, y: f64| body.part_at(&clip, 20.0, (x, y), 8.0);
        assert_eq!(at(141.0, 27.0), Some(Part::FadeIn));
        assert_eq!(at(255.0, 25.0), Some(Part::FadeOut));
        assert_eq!(at(128.0, body.gain_y(1.0) + 2.0), Some(Part::Gain));
        assert_eq!(at(160.0, 60.0), None);
        assert_eq!((at(102.0, 60.0), at(258.0, 60.0)), (Some(Part::Start), Some(Part::End)));
        assert_eq!(
            (at(108.0, 60.0), at(102.0, 10.0)),
            (None, None),
            "further in, and on the title, the clip is taken up"
        );
        let repeats = Clip { repeated: Ticks(TICKS_PER_BEAT), ..clip.clone() };
        let ends = [102.0, 258.0].map(|x| body.part_at(&repeats, 20.0, (x, 60.0), 8.0));
        assert_eq!(ends, [None, Some(Part::End)], "each repeat begins where the clip does");
        assert_eq!(Body { width: 40.0, ..body }.part_at(&clip, 20.0, (106.0, 26.0), 8.0), None);
    }
}
