//! A clip on the canvas: block from afar, title and waveform from near.

use std::rc::Rc;

use leptos::prelude::*;
use model::{AudioFile, Clip, Ticks};
use web_sys::CanvasRenderingContext2d as Context;

use super::drag::Drag;
use super::paint::{INSET, Picture, rounded};
use super::scene::{ClipState, Lane, state_of};
use super::shape::{Body, HANDLES_MIN, Part, Shaping, fade_at};
use super::viewport::Viewport;
use crate::design::text_on;
use crate::door::imports::Progress;
use crate::door::peaks::{Shape, file_of};

/// Height of a clip's title.
const TITLE: f64 = 17.0;
/// How much lower the part of a clip below its title is than its lane.
pub(super) const NOT_BODY: f64 = INSET * 2.0 + 1.0 + TITLE;
/// Pieces in which the curve of a fade is drawn.
const FADE_PIECES: u32 = 24;
/// Narrower clips are a plain block.
const DETAIL_MIN: f64 = 7.0;
/// Narrower clips have no name and no round corners.
const NAME_MIN: f64 = 30.0;
/// About the width of a letter of a clip's name.
const LETTER: f64 = 6.1;
/// How often the tempo is looked up under a waveform, in pixels.
const TEMPO_PIXELS: usize = 8;
/// The width of a letter of what is said beside the hand.
const MONO_LETTER: f64 = 6.7;
/// Clips of tracks that are not heard.
const SILENT: &str = "#6b7084";

/// The colours of a lane's clips: plain and selected.
pub(super) struct Brush {
    wave: [String; 2],
    block: String,
    body: [String; 2],
    title: [String; 2],
    text: &'static str,
}

impl Brush {
    /// The colours of clips of this colour, `#rrggbb`.
    pub(super) fn of(colour: &str) -> Brush {
        Brush {
            wave: [colour.to_owned(), "#ffffffdd".to_owned()],
            block: format!("{colour}b0"),
            body: [format!("{colour}2b"), format!("{colour}5c")],
            title: [format!("{colour}e0"), colour.to_owned()],
            text: text_on(colour),
        }
    }

    /// The colours of a lane.
    pub(super) fn of_lane(lane: &Lane) -> Brush {
        Brush::of(if lane.silent { SILENT } else { &lane.colour })
    }
}

/// What there is to show of a recording.
pub(crate) struct Look {
    state: ClipState,
    file: Option<AudioFile>,
    shape: Option<Shape>,
}

impl Picture<'_> {
    /// Paints the clips of a lane that are too narrow for more, all at once.
    pub(super) fn blocks(&self, context: &Context, lane: &Lane, brush: &Brush, y: f64, (from, to): (Ticks, Ticks)) {
        let (top, height) = (y + INSET, self.lane_height - INSET * 2.0 - 1.0);
        context.set_fill_style_str(&brush.block);
        context.begin_path();
        for clip in lane.between(from, to) {
            let (x, width) = self.span(clip, clip.start);
            if width < DETAIL_MIN {
                context.rect(x, top, (width - 0.5).max(1.0), height);
            }
        }
        context.fill();
    }

    /// Paints the clips of a lane that show neither name nor waveform: all bodies, then all titles, since a change of colour
    /// costs more than a rectangle. Says for each clip whether nothing is left to paint of it.
    pub(super) fn boxes(
        &self,
        context: &Context,
        lane: &Lane,
        brush: &Brush,
        y: f64,
        (from, to): (Ticks, Ticks),
        held: Option<&Drag>,
    ) -> Vec<bool> {
        let (top, height) = (y + INSET, self.lane_height - INSET * 2.0 - 1.0);
        let mut boxes = Vec::new();
        let plain = |clip: &Clip, width: f64| {
            (DETAIL_MIN..NAME_MIN).contains(&width)
                && clip.audio_file_id.is_none()
                && (clip.fade_in, clip.fade_out) == (Ticks(0), Ticks(0))
                && !held.is_some_and(|drag| drag.lifts(&clip.id))
                && !self.board.selection.with_untracked(|selection| selection.contains(&clip.id))
        };
        let look = |clip: &Clip| {
            let (x, width) = self.span(clip, clip.start);
            let plain = plain(clip, width);
            if plain {
                let x0 = x.max(-8.0);
                boxes.push((x0, (x + width - 1.0).min(self.view.width + 8.0) - x0));
            }
            plain || width < DETAIL_MIN
        };
        let painted = lane.between(from, to).map(look).collect();
        for (colour, height) in [(&brush.body[0], height), (&brush.title[0], TITLE)] {
            context.set_fill_style_str(colour);
            boxes.iter().for_each(|(x, width)| context.fill_rect(*x, top, *width, height));
        }
        painted
    }

    /// The left edge of a clip and its width, in whole pixels.
    fn span(&self, clip: &Clip, start: Ticks) -> (f64, f64) {
        let x = self.view.x(start.beats()).round();
        (x, (self.view.x((start + clip.duration).beats()).round() - x).max(1.0))
    }

    fn look(&self, clip: &Clip) -> Rc<Look> {
        let unknown = || Look { state: ClipState::Empty, file: None, shape: None };
        let Some(id) = &clip.audio_file_id else { return Rc::new(unknown()) };
        if let Some(look) = self.looks.borrow().get(id) {
            return Rc::clone(look);
        }
        let door = self.board.door;
        let look = Rc::new(door.read(|records| file_of(records, Some(id))).map_or_else(unknown, |record| {
            let file = AudioFile::from_record(&record);
            let shape = door.peaks().shape(door, &record);
            Look { state: state_of(Some(&file)), file: Some(file), shape }
        }));
        self.looks.borrow_mut().insert(id.clone(), Rc::clone(&look));
        look
    }

    /// Paints a clip at a place; the second brush is for one that cannot be played.
    pub(super) fn clip(&self, context: &Context, [sound, broken]: [&Brush; 2], clip: &Clip, start: Ticks, y: f64) {
        let (x, width) = self.span(clip, start);
        if width < DETAIL_MIN {
            return;
        }
        let selected = self.board.selection.with_untracked(|selection| selection.contains(&clip.id));
        let look = self.look(clip);
        let brush = if look.state == ClipState::Broken { broken } else { sound };
        let (top, height) = (y + INSET, self.lane_height - INSET * 2.0 - 1.0);
        // Off-screen parts of a long clip are not drawn.
        let (x0, x1) = (x.max(-8.0), (x + width - 1.0).min(self.view.width + 8.0));
        let chosen = usize::from(selected);
        context.set_fill_style_str(&brush.body[chosen]);
        if width < NAME_MIN {
            context.fill_rect(x0, top, x1 - x0, height);
            context.set_fill_style_str(&brush.title[chosen]);
            context.fill_rect(x0, top, x1 - x0, TITLE);
        } else {
            rounded(context, x0, top, x1 - x0, height, 5.0);
            context.fill();
            context.set_fill_style_str(&brush.title[chosen]);
            rounded_top(context, x0, top, x1 - x0, TITLE, 5.0);
            context.fill();
        }
        let body = body_of(self.view, (start, start + clip.duration), y, self.lane_height);
        if let Some(shape) = look.shape.as_ref().filter(|_| look.state != ClipState::Broken) {
            context.set_fill_style_str(&brush.wave[chosen]);
            let length = look.file.as_ref().and_then(|file| file.duration_seconds);
            self.waveform(context, shape, (clip, length), start, &body);
        }
        self.fades(context, clip, &body);
        self.title(context, clip, &look, &body, brush.text);
        if selected {
            context.set_stroke_style_str("#ffffff");
            context.set_line_width(1.5);
            rounded(context, x0 + 0.75, top + 0.75, x1 - x0 - 1.5, height - 1.5, 4.5);
            context.stroke();
        }
        let hovered = self.board.hover.with_untracked(|hover| hover.as_ref().is_some_and(|(id, _)| *id == clip.id));
        if (selected || hovered) && body.width >= HANDLES_MIN && self.board.door.may_edit() {
            self.handles(context, clip, &body);
        }
    }

    /// What the hand takes hold of: the ends of the fades, and the gain with its line.
    fn handles(&self, context: &Context, clip: &Clip, body: &Body) {
        let (left, right) = (body.x.max(0.0), (body.x + body.width).min(self.view.width));
        context.set_fill_style_str("rgba(255,255,255,0.32)");
        context.fill_rect(left, body.gain_y(clip.gain).round(), (right - left).max(0.0), 1.0);
        context.set_stroke_style_str("rgba(10,11,16,0.8)");
        context.set_line_width(1.5);
        context.set_fill_style_str("#ffffff");
        for (part, x, y) in body.handles(clip, self.view.pixels_per_beat) {
            context.begin_path();
            if part == Part::Gain {
                context.rect(x - 7.0, y - 2.5, 14.0, 5.0);
            } else {
                let _ = context.arc(x, y, 4.0, 0.0, std::f64::consts::TAU);
            }
            context.fill();
            context.stroke();
        }
    }

    /// Says what the hand has made of a clip, beside it.
    pub(super) fn shaping_words(&self, context: &Context, shaping: &Shaping) {
        let clip = &shaping.to;
        let Some(lane) = self.scene.clip(&clip.id).map(|(lane, _)| lane) else { return };
        let body = body_of(self.view, (clip.start, clip.end()), self.lane_y(lane), self.lane_height);
        let handles = body.handles(clip, self.view.pixels_per_beat);
        let held = handles.iter().find(|(part, ..)| *part == shaping.part);
        let (x, y) = held.map_or((body.x + body.width / 2.0, body.top + body.height / 2.0), |(_, x, y)| (*x, *y));
        let words = shaping.words();
        context.set_font("500 11px 'Geist Mono', ui-monospace, monospace");
        let width = words.chars().count() as f64 * MONO_LETTER + 14.0;
        let x = (x + 12.0).min(self.view.width - width).max(0.0);
        context.set_fill_style_str("#383d4e");
        rounded(context, x, y - 10.0, width, 20.0, 5.0);
        context.fill();
        context.set_fill_style_str("#f1f2f8");
        let _ = context.fill_text(&words, x + 7.0, y + 4.0);
    }

    /// What is heard under each pixel of a clip that begins at `start`, from the pixel `first` of it on: what is repeated begins anew.
    fn columns(
        &self,
        shape: &Shape,
        (clip, length): (&Clip, Option<f64>),
        start: Ticks,
        first: f64,
        columns: &mut [(f32, f32)],
    ) {
        let pass = clip.repeated.beats() * self.view.pixels_per_beat;
        let mut at = 0;
        while at < columns.len() {
            let pixel = first + at as f64;
            // Passes too narrow to be seen are drawn as one.
            let (into, left) = if pass >= 2.0 { (pixel % pass, pass - pixel % pass) } else { (pixel, f64::MAX) };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float-to-int cast saturates"
            )]
            let run = (left.ceil() as usize).clamp(1, columns.len() - at);
            let begin = start + self.ticks(pixel - into);
            self.pass(shape, (clip, length), begin, into, &mut columns[at..at + run]);
            at += run;
        }
    }

    fn ticks(&self, pixels: f64) -> Ticks {
        Ticks::from_beats(pixels / self.view.pixels_per_beat).unwrap_or_default()
    }

    /// The same within one pass. The recording is not stretched where the tempo changes, so the song's time is looked up every few
    /// pixels there. A recording of unknown length is not turned around.
    fn pass(
        &self,
        shape: &Shape,
        (clip, length): (&Clip, Option<f64>),
        start: Ticks,
        first: f64,
        columns: &mut [(f32, f32)],
    ) {
        let begin = self.times.seconds(start) - clip.audio_start_offset;
        let within = |pixel: f64| self.times.seconds(start + self.ticks(pixel)) - begin;
        let run = if self.times.is_steady() { columns.len().max(1) } else { TEMPO_PIXELS };
        let mut pixel = first;
        for columns in columns.chunks_mut(run) {
            let count = columns.len() as f64;
            let (from, to) = (within(pixel), within(pixel + count));
            match length.filter(|_| clip.reversed) {
                Some(length) => {
                    shape.columns(length - to, (to - from) / count, columns);
                    columns.reverse();
                }
                None => shape.columns(from, (to - from) / count, columns),
            }
            pixel += count;
        }
    }

    fn waveform(
        &self,
        context: &Context,
        shape: &Shape,
        (clip, length): (&Clip, Option<f64>),
        start: Ticks,
        body: &Body,
    ) {
        // Columns lie on whole pixels from the clip's start, so that they do not shimmer while scrolling.
        let first = (-body.x).max(0.0).floor();
        let last = (self.view.width - body.x).min(body.width).ceil();
        if last <= first {
            return;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the width of the screen")]
        let mut columns = vec![(0.0f32, 0.0f32); (last - first) as usize];
        self.columns(shape, (clip, length), start, first, &mut columns);
        if (clip.fade_in, clip.fade_out) != (Ticks(0), Ticks(0)) {
            for (index, (low, high)) in columns.iter_mut().enumerate() {
                #[expect(clippy::cast_possible_truncation, reason = "a waveform needs no more")]
                let weight = fade_at(clip, (first + index as f64) / self.view.pixels_per_beat) as f32;
                (*low, *high) = (*low * weight, *high * weight);
            }
        }
        let middle = body.top + body.height / 2.0;
        let scale = (body.height / 2.0 - 3.0) * clip.gain;
        let reach = body.height / 2.0 - 1.0;
        let y = |value: f32| middle - (f64::from(value) * scale).clamp(-reach, reach);
        context.begin_path();
        for (index, (_, high)) in columns.iter().enumerate() {
            context.line_to(body.x + first + index as f64, y(*high) - 0.5);
        }
        for (index, (low, _)) in columns.iter().enumerate().rev() {
            context.line_to(body.x + first + index as f64, y(*low) + 0.5);
        }
        context.close_path();
        context.fill();
    }

    /// Darkens what the fades take away: above their curves, from both ends.
    fn fades(&self, context: &Context, clip: &Clip, body: &Body) {
        let bottom = body.top + body.height;
        let right = body.x + body.width;
        context.set_fill_style_str("rgba(10,11,16,0.5)");
        for (fade, outside, shape, end, way) in [
            (clip.fade_in, clip.fade_in_before, clip.fade_in_shape, body.x, 1.0),
            (clip.fade_out, clip.fade_out_behind, clip.fade_out_shape, right, -1.0),
        ] {
            // What of it lies in the clip.
            let from = outside.0 as f64 / fade.0.max(1) as f64;
            let to = ((outside + clip.duration).0 as f64 / fade.0.max(1) as f64).min(1.0);
            let width = fade.beats() * self.view.pixels_per_beat;
            if from >= to || fade == Ticks(0) || end + width < 0.0 && way > 0.0 {
                continue;
            }
            context.begin_path();
            context.move_to(end, body.top);
            for piece in 0..=FADE_PIECES {
                let u = from + (to - from) * f64::from(piece) / f64::from(FADE_PIECES);
                context.line_to(end + way * width * (u - from), bottom - shape.weight(u) * body.height);
            }
            context.line_to(end + way * width * (to - from), body.top);
            context.close_path();
            context.fill();
        }
    }

    fn title(&self, context: &Context, clip: &Clip, look: &Look, body: &Body, ink: &str) {
        let left = body.x.max(0.0) + 6.0;
        let room = body.x + body.width - left - 4.0;
        if room < NAME_MIN {
            return;
        }
        context.set_font("600 11px Geist, system-ui, sans-serif");
        context.set_fill_style_str(ink);
        let _ = context.fill_text(&shortened(&clip.name, room), left, body.top - 5.0);
        let progress = look.file.as_ref().and_then(|file| self.board.door.imports().progress(&file.id));
        let says = match (look.state, progress) {
            (ClipState::Broken, _) => "Not playable".to_owned(),
            (_, Some(Progress::Uploading(part))) => format!("Uploading {:.0} %", part * 100.0),
            (_, Some(Progress::Waiting)) => "Waits for the network".to_owned(),
            (_, Some(Progress::Failed)) => "Upload failed".to_owned(),
            (ClipState::Coming, _) => "On its way…".to_owned(),
            (ClipState::Sounding | ClipState::Empty, _) => return,
        };
        context.set_font("500 11px Geist, system-ui, sans-serif");
        context.set_fill_style_str("#f1f2f8");
        let _ = context.fill_text(&shortened(&says, room), left, body.top + body.height - 6.0);
        if let Some(Progress::Uploading(part)) = progress {
            context.set_fill_style_str("#ffffff");
            context.fill_rect(body.x, body.top + body.height - 2.0, body.width * part, 2.0);
        }
    }
}

/// The part below its title of a clip whose row begins at pixel `y`.
pub(super) fn body_of(view: Viewport, (start, end): (Ticks, Ticks), y: f64, lane_height: f64) -> Body {
    let x = view.x(start.beats()).round();
    let width = (view.x(end.beats()).round() - x).max(1.0);
    Body { x, top: y + INSET + TITLE, width: width - 1.0, height: lane_height - NOT_BODY }
}

fn shortened(text: &str, room: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the width of the screen")]
    let letters = (room / LETTER).max(1.0) as usize;
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

fn rounded_top(context: &Context, x: f64, y: f64, width: f64, height: f64, radius: f64) {
    let radius = radius.min(width / 2.0);
    context.begin_path();
    context.move_to(x, y + height);
    context.line_to(x, y + radius);
    let _ = context.arc_to(x, y, x + radius, y, radius);
    context.line_to(x + width - radius, y);
    let _ = context.arc_to(x + width, y, x + width, y + radius, radius);
    context.line_to(x + width, y + height);
    context.close_path();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("Bass", 60.0), "Bass");
        assert_eq!(shortened("A very long name", 31.0), "A ve…");
    }
}
