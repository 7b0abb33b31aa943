//! The pictures on the canvases: grid, clips, waveforms, ruler.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use leptos::prelude::*;
use model::{Id, Ticks};
use web_sys::CanvasRenderingContext2d as Context;

use super::board::{Board, Landing};
use super::paint_clip::{Brush, Look};
use super::rows::Rows;
use super::ruler::{self, Weight};
use super::scene::{Lane, Scene};
use super::shape;
use super::viewport::Viewport;
use crate::door::sound::LoopRegion;
use crate::door::times::Times;
use crate::transport::position::short_time;

/// Space between a clip and the edges of its lane.
pub(super) const INSET: f64 = 4.0;

/// Times closer than this, in pixels, would touch.
const TIME_GAP_MIN: f64 = 44.0;
/// About so wide is a time on the ruler, and a mark of a change of tempo.
const TIME_WIDTH: f64 = 36.0;
const MARK_WIDTH: f64 = 44.0;

const GRID_PART: &str = "rgba(255,255,255,0.025)";
const GRID_BEAT: &str = "rgba(255,255,255,0.045)";
const GRID_BAR: &str = "rgba(255,255,255,0.105)";
/// The colour of clips whose recording is no audio.
const BROKEN: &str = "#ff7a85";
const LANE_LINE: &str = "#1f222c";

/// What the lanes are painted from.
pub(crate) struct Picture<'a> {
    pub(crate) board: Board,
    pub(crate) scene: &'a Scene,
    pub(crate) view: Viewport,
    pub(crate) lane_height: f64,
    pub(crate) rows: Rows,
    pub(crate) times: &'a Times,
    pub(crate) region: LoopRegion,
    /// What was found out about recordings while painting: many clips play the same.
    pub(crate) looks: RefCell<HashMap<Id, Rc<Look>>>,
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
        let broken = Brush::of(BROKEN);
        let shaping = self.board.shaping.get_untracked();
        let others = self.board.held_clips.get_untracked();
        for (index, lane) in self.visible_lanes() {
            let y = self.lane_y(index);
            context.set_fill_style_str(LANE_LINE);
            context.fill_rect(0.0, (y + self.lane_height).round() - 1.0, view.width, 1.0);
            let brush = Brush::of_lane(lane);
            self.blocks(context, lane, &brush, y, (from, to));
            let boxed = self.boxes(context, lane, &brush, y, (from, to), held.as_ref());
            for (clip, boxed) in lane.between(from, to).zip(boxed) {
                if boxed {
                    continue;
                }
                let shaped = match shaping.as_ref().map(|shaping| &shaping.to).filter(|held| held.id == clip.id) {
                    Some(own) => Some(own.clone()),
                    None => shape::as_held(clip, &others),
                };
                let clip = shaped.as_ref().unwrap_or(clip);
                let lifted = held.as_ref().is_some_and(|drag| drag.lifts(&clip.id));
                if lifted {
                    context.set_global_alpha(0.32);
                }
                self.clip(context, [&brush, &broken], clip, clip.start, y);
                if lifted {
                    context.set_global_alpha(1.0);
                }
            }
        }
        if let Some(drag) = held.filter(super::drag::Drag::changes) {
            // Where they cannot go they are pale.
            let barred = drag.is_barred(self.scene);
            context.set_global_alpha(if barred { 0.25 } else { 0.92 });
            for dragged in &drag.clips {
                let index = drag.target_lane(dragged);
                if let Some(lane) = self.scene.lanes().get(index) {
                    let (start, y) = (dragged.clip.start + drag.by, self.lane_y(index));
                    self.clip(context, [&Brush::of_lane(lane), &broken], &dragged.clip, start, y);
                    if !barred {
                        self.ghost_outline(context, start, dragged.clip.duration, y);
                    }
                }
            }
        }
        context.set_global_alpha(1.0);
        if let Some(shaping) = shaping {
            self.shaping_words(context, &shaping);
        }
        if let Some(landing) = self.board.incoming.get_untracked() {
            self.landing(context, landing);
        }
    }

    fn visible_lanes(&self) -> impl Iterator<Item = (usize, &Lane)> {
        let (top, height) = (self.view.top, self.view.height);
        let lane_height = self.lane_height;
        self.scene.lanes().iter().enumerate().filter(move |(index, _)| {
            let y = self.rows.top(*index) - top;
            y + lane_height > 0.0 && y < height
        })
    }

    pub(super) fn lane_y(&self, index: usize) -> f64 {
        self.rows.top(index) - self.view.top
    }

    fn grid(&self, context: &Context) {
        let view = self.view;
        for line in ruler::lines(view.left, view.right(), view.pixels_per_beat, &self.times.metres) {
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
        let length = Ticks(self.times.metre_at(landing.place).bar().0 * 4);
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

    /// Paints the ruler: bars above, time below, the loop between.
    pub(crate) fn ruler(&self, context: &Context, height: f64) {
        let view = self.view;
        context.clear_rect(0.0, 0.0, view.width, height);
        self.ruler_loop(context);
        context.set_font("560 11px Geist, system-ui, sans-serif");
        for line in ruler::lines(view.left - 4.0, view.right(), view.pixels_per_beat, &self.times.metres) {
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
        let from = self.times.seconds(view.place(0.0));
        let seconds = self.times.seconds(view.place(view.width)) - from;
        let step = ruler::seconds_step(view.width / seconds.max(1e-3));
        let first = (from / step).floor();
        let mut free_from = f64::MIN;
        context.set_font("450 10px 'Geist Mono', ui-monospace, monospace");
        context.set_fill_style_str("#8f95aa");
        for index in 0..200 {
            let seconds = (first + f64::from(index)) * step;
            let x = view.x(self.times.place_at(seconds).beats());
            if x > view.width {
                break;
            }
            // Where the song is slow, marks of equal times come closer together.
            if x < free_from {
                continue;
            }
            free_from = x + TIME_GAP_MIN;
            // A mark of a change of tempo lies on the same line: one of the two can be read.
            let is_under_mark = self.times.tempo_changes.iter().any(|change| {
                let mark = view.x(change.at.beats());
                mark < x + TIME_WIDTH && x < mark + MARK_WIDTH
            });
            if is_under_mark {
                continue;
            }
            let _ = context.fill_text(&short_time(seconds), x.round() + 5.0, height - 4.0);
        }
    }
}

pub(super) fn rounded(context: &Context, x: f64, y: f64, width: f64, height: f64, radius: f64) {
    context.begin_path();
    if width > 0.0 && height > 0.0 {
        let _ = context.round_rect_with_f64(x, y, width, height, radius.min(width / 2.0));
    }
}
