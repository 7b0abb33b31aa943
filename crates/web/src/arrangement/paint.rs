//! The pictures on the canvases: grid, clips, waveforms, ruler.

use std::rc::Rc;

use leptos::prelude::*;
use model::{AudioFile, Clip, Project, Ticks};
use web_sys::CanvasRenderingContext2d as Context;

use super::board::{Board, Landing};
use super::ruler::{self, Weight};
use super::scene::{ClipState, Lane, Scene, state_of};
use super::viewport::Viewport;
use crate::design::text_on;
use crate::door::imports::Progress;
use crate::door::peaks::{Shape, file_of};
use crate::door::sound::LoopRegion;
use crate::transport::position::short_time;

/// Height of a clip's title.
const TITLE: f64 = 17.0;
/// Space between a clip and the edges of its lane.
const INSET: f64 = 4.0;
/// Narrower clips are a plain block.
const DETAIL_MIN: f64 = 6.0;
/// Narrower clips have no name.
const NAME_MIN: f64 = 30.0;
/// About the width of a letter of a clip's name.
const LETTER: f64 = 6.1;

const GRID_PART: &str = "rgba(255,255,255,0.025)";
const GRID_BEAT: &str = "rgba(255,255,255,0.045)";
const GRID_BAR: &str = "rgba(255,255,255,0.105)";
const LANE_LINE: &str = "#1f222c";

/// What the lanes are painted from.
pub(crate) struct Picture<'a> {
    pub(crate) board: Board,
    pub(crate) scene: &'a Scene,
    pub(crate) view: Viewport,
    pub(crate) lane_height: f64,
    pub(crate) project: &'a Project,
    pub(crate) region: LoopRegion,
    /// Called when a waveform that was missing has come.
    pub(crate) arrived: &'a Rc<dyn Fn()>,
}

impl Picture<'_> {
    /// Paints grid and clips.
    pub(crate) fn lanes(&self, context: &Context) {
        let view = self.view;
        context.clear_rect(0.0, 0.0, view.width, view.height);
        self.grid(context);
        self.region(context);
        let (from, to) = (view.place(-2.0), view.place(view.width + 2.0));
        let held = self.board.drag.get_untracked();
        for (index, lane) in self.visible_lanes() {
            let y = self.lane_y(index);
            context.set_fill_style_str(LANE_LINE);
            context.fill_rect(0.0, (y + self.lane_height).round() - 1.0, view.width, 1.0);
            for clip in lane.between(from, to) {
                let lifted =
                    held.as_ref().is_some_and(|drag| drag.changes() && drag.clips.iter().any(|d| d.clip.id == clip.id));
                context.set_global_alpha(if lifted { 0.32 } else { 1.0 });
                self.clip(context, lane, clip, clip.start, y);
            }
        }
        if let Some(drag) = held.filter(super::drag::Drag::changes) {
            context.set_global_alpha(0.92);
            for dragged in &drag.clips {
                let index = drag.target_lane(dragged);
                if let Some(lane) = self.scene.lanes().get(index) {
                    self.clip(context, lane, &dragged.clip, dragged.clip.start + drag.by, self.lane_y(index));
                    self.ghost_outline(
                        context,
                        dragged.clip.start + drag.by,
                        dragged.clip.duration,
                        self.lane_y(index),
                    );
                }
            }
        }
        context.set_global_alpha(1.0);
        if let Some(landing) = self.board.incoming.get_untracked() {
            self.landing(context, landing);
        }
    }

    fn visible_lanes(&self) -> impl Iterator<Item = (usize, &Lane)> {
        let (top, height) = (self.view.top, self.view.height);
        let lane_height = self.lane_height;
        self.scene.lanes().iter().enumerate().filter(move |(index, _)| {
            let y = *index as f64 * lane_height - top;
            y + lane_height > 0.0 && y < height
        })
    }

    fn lane_y(&self, index: usize) -> f64 {
        index as f64 * self.lane_height - self.view.top
    }

    fn grid(&self, context: &Context) {
        let view = self.view;
        for line in ruler::lines(view.left, view.right(), view.pixels_per_beat, self.project.time_signature) {
            context.set_fill_style_str(match line.weight {
                Weight::Part => GRID_PART,
                Weight::Beat => GRID_BEAT,
                Weight::Bar => GRID_BAR,
            });
            context.fill_rect(view.x(line.place.beats()).round(), 0.0, 1.0, view.height);
        }
    }

    fn region(&self, context: &Context) {
        if self.region.on {
            let (x0, x1) = (self.view.x(self.region.start.beats()), self.view.x(self.region.end.beats()));
            context.set_fill_style_str("rgba(154,163,255,0.055)");
            context.fill_rect(x0, 0.0, x1 - x0, self.view.height);
        }
    }

    fn landing(&self, context: &Context, landing: Landing) {
        let index = landing.lane.unwrap_or(self.scene.lanes().len());
        let length = Ticks(self.project.time_signature.bar().0 * 4);
        self.ghost_outline(context, landing.place, length, self.lane_y(index));
    }

    fn ghost_outline(&self, context: &Context, start: Ticks, length: Ticks, y: f64) {
        let x = self.view.x(start.beats());
        let width = length.beats() * self.view.pixels_per_beat;
        context.set_stroke_style_str("#ffffff");
        context.set_line_width(1.5);
        rounded(context, x + 0.75, y + INSET + 0.75, width - 1.5, self.lane_height - INSET * 2.0 - 1.5, 5.0);
        context.stroke();
        context.set_fill_style_str("rgba(255,255,255,0.07)");
        context.fill();
        // Where it will begin, through all lanes.
        context.set_fill_style_str("rgba(255,255,255,0.22)");
        context.fill_rect(x.round(), 0.0, 1.0, self.view.height);
    }

    fn clip(&self, context: &Context, lane: &Lane, clip: &Clip, start: Ticks, y: f64) {
        let x = self.view.x(start.beats()).round();
        let width = (self.view.x((start + clip.duration).beats()).round() - x).max(1.0);
        let (top, height) = (y + INSET, self.lane_height - INSET * 2.0 - 1.0);
        let colour = if lane.silent { "#6b7084" } else { lane.colour.as_str() };
        if width < DETAIL_MIN {
            context.set_fill_style_str(&format!("{colour}b0"));
            context.fill_rect(x, top, (width - 0.5).max(1.0), height);
            return;
        }
        let selected = self.board.selection.with_untracked(|selection| selection.contains(&clip.id));
        let record = self.board.door.read(|records| file_of(records, clip.audio_file_id.as_ref()));
        let file = record.as_ref().map(AudioFile::from_record);
        let state = state_of(file.as_ref());
        let colour = if state == ClipState::Broken { "#ff7a85" } else { colour };
        // Off-screen parts of a long clip are not drawn.
        let (x0, x1) = (x.max(-8.0), (x + width - 1.0).min(self.view.width + 8.0));
        context.set_fill_style_str(&format!("{colour}{}", if selected { "5c" } else { "2b" }));
        rounded(context, x0, top, x1 - x0, height, 5.0);
        context.fill();
        context.set_fill_style_str(&format!("{colour}{}", if selected { "ff" } else { "e0" }));
        rounded_top(context, x0, top, x1 - x0, TITLE, 5.0);
        context.fill();
        let body = Body { x, top: top + TITLE, width: width - 1.0, height: height - TITLE };
        let shape =
            record.as_ref().and_then(|record| self.board.door.peaks().shape(self.board.door, record, self.arrived));
        if let Some(shape) = shape.filter(|_| state != ClipState::Broken) {
            context.set_fill_style_str(if selected { "#ffffffdd" } else { colour });
            self.waveform(context, &shape, clip, &body);
        }
        self.fades(context, clip, &body);
        self.title(context, clip, state, file.as_ref(), &body, text_on(colour));
        if selected {
            context.set_stroke_style_str("#ffffff");
            context.set_line_width(1.5);
            rounded(context, x0 + 0.75, top + 0.75, x1 - x0 - 1.5, height - 1.5, 4.5);
            context.stroke();
        }
    }

    fn waveform(&self, context: &Context, shape: &Shape, clip: &Clip, body: &Body) {
        let seconds_per_pixel = 60.0 / self.project.bpm.value() / self.view.pixels_per_beat;
        // Columns lie on whole pixels from the clip's start, so that they do not shimmer while scrolling.
        let first = (-body.x).max(0.0).floor();
        let last = (self.view.width - body.x).min(body.width).ceil();
        if last <= first {
            return;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the width of the screen")]
        let mut columns = vec![(0.0f32, 0.0f32); (last - first) as usize];
        shape.columns(clip.audio_start_offset + first * seconds_per_pixel, seconds_per_pixel, &mut columns);
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

    fn fades(&self, context: &Context, clip: &Clip, body: &Body) {
        if clip.fade_in == Ticks(0) && clip.fade_out == Ticks(0) {
            return;
        }
        let bottom = body.top + body.height;
        let (fade_in, fade_out) =
            (clip.fade_in.beats() * self.view.pixels_per_beat, clip.fade_out.beats() * self.view.pixels_per_beat);
        let right = body.x + body.width;
        context.set_fill_style_str("rgba(10,11,16,0.5)");
        for [a, b, c] in [
            [(body.x, body.top), (body.x + fade_in, body.top), (body.x, bottom)],
            [(right, body.top), (right - fade_out, body.top), (right, bottom)],
        ] {
            context.begin_path();
            context.move_to(a.0, a.1);
            context.line_to(b.0, b.1);
            context.line_to(c.0, c.1);
            context.fill();
        }
    }

    fn title(
        &self,
        context: &Context,
        clip: &Clip,
        state: ClipState,
        file: Option<&AudioFile>,
        body: &Body,
        ink: &str,
    ) {
        let left = body.x.max(0.0) + 6.0;
        let room = body.x + body.width - left - 4.0;
        if room < NAME_MIN {
            return;
        }
        context.set_font("600 11px Geist, system-ui, sans-serif");
        context.set_fill_style_str(ink);
        let _ = context.fill_text(&shortened(&clip.name, room), left, body.top - 5.0);
        let progress = file.and_then(|file| self.board.door.imports().progress(&file.id));
        let says = match (state, progress) {
            (ClipState::Broken, _) => "Not playable".to_owned(),
            (_, Some(Progress::Uploading(part))) => format!("Uploading {:.0} %", part * 100.0),
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

    /// Paints the ruler: bars above, time below, the loop between.
    pub(crate) fn ruler(&self, context: &Context, height: f64) {
        let view = self.view;
        context.clear_rect(0.0, 0.0, view.width, height);
        self.ruler_loop(context);
        context.set_font("560 11px Geist, system-ui, sans-serif");
        for line in ruler::lines(view.left - 4.0, view.right(), view.pixels_per_beat, self.project.time_signature) {
            let x = view.x(line.place.beats()).round();
            let long = line.label.is_some();
            context.set_fill_style_str(if long { "#565d75" } else { "#2f3443" });
            context.fill_rect(x, if long { 8.0 } else { 18.0 }, 1.0, if long { 18.0 } else { 8.0 });
            if let Some(bar) = line.label {
                context.set_fill_style_str("#d5d8e6");
                let _ = context.fill_text(&bar.to_string(), x + 5.0, 20.0);
            }
        }
        self.ruler_time(context, height);
    }

    fn ruler_loop(&self, context: &Context) {
        let (x0, x1) = (self.view.x(self.region.start.beats()), self.view.x(self.region.end.beats()));
        let (fill, edge) = if self.region.on { ("#9aa3ff", "#c6cbff") } else { ("#2b2f3d", "#3a4052") };
        context.set_fill_style_str(fill);
        rounded(context, x0, 1.0, x1 - x0, 5.0, 2.5);
        context.fill();
        context.set_fill_style_str(edge);
        context.fill_rect(x0, 1.0, 2.0, 9.0);
        context.fill_rect(x1 - 2.0, 1.0, 2.0, 9.0);
    }

    fn ruler_time(&self, context: &Context, height: f64) {
        let view = self.view;
        let beats_per_second = self.project.bpm.value() / 60.0;
        let step = ruler::seconds_step(beats_per_second * view.pixels_per_beat);
        let first = (view.left / beats_per_second / step).floor();
        context.set_font("450 10px 'Geist Mono', ui-monospace, monospace");
        context.set_fill_style_str("#8f95aa");
        for index in 0..200 {
            let seconds = (first + f64::from(index)) * step;
            let x = view.x(seconds * beats_per_second);
            if x > view.width {
                break;
            }
            let _ = context.fill_text(&short_time(seconds), x.round() + 5.0, height - 4.0);
        }
    }
}

/// The part of a clip below its title.
struct Body {
    x: f64,
    top: f64,
    width: f64,
    height: f64,
}

fn shortened(text: &str, room: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the width of the screen")]
    let letters = (room / LETTER).max(1.0) as usize;
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

fn rounded(context: &Context, x: f64, y: f64, width: f64, height: f64, radius: f64) {
    context.begin_path();
    if width > 0.0 && height > 0.0 {
        let _ = context.round_rect_with_f64(x, y, width, height, radius.min(width / 2.0));
    }
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
