//! The pointer on the lanes: select, drag, scroll like a map, pinch.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use leptos::prelude::*;
use model::{Id, Ticks};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{Element, HtmlCanvasElement, PointerEvent, WheelEvent};

use super::board::Board;
use super::clip_list::{move_label, say_no_clips};
use super::clip_panel::recording_seconds;
use super::drag::Drag;
use super::paint_clip::NOT_BODY;
use super::shape::{Part, Shaping, Way};
use super::snap;
use crate::controls::on_escape;

/// A press that moves less than this, in pixels, is a click.
const SLACK: f64 = 4.0;
/// Pixels of the wheel that double the zoom.
const WHEEL_PER_DOUBLING: f64 = 320.0;
/// So close to an edge, in pixels, a drag scrolls.
const EDGE: f64 = 36.0;

/// So near to a handle of a clip, in pixels, a mouse and a finger take hold of it.
const REACH: f64 = 7.0;
const REACH_OF_A_FINGER: f64 = 20.0;

/// What the pointer is doing.
#[derive(Clone, Debug)]
enum Doing {
    Nothing,
    /// Pressed on a clip; it may become a drag.
    OnClip {
        clip: Id,
        extend: bool,
    },
    /// Pressed on a handle of a clip, or shaping it.
    Shaping {
        clip: Id,
        part: Part,
        beat: f64,
    },
    /// Dragging clips, taken up at this beat and lane.
    Dragging {
        beat: f64,
        lane: i64,
    },
    /// Pressed on nothing, or scrolling.
    Scrolling {
        moved: bool,
    },
    /// Selecting all that a rectangle touches, beside what was selected before.
    Marquee {
        before: BTreeSet<Id>,
    },
    /// Two fingers, this far apart at first.
    Pinching {
        distance: f64,
    },
}

struct State {
    doing: Doing,
    /// Where each finger is, by its number.
    fingers: Vec<(i32, f64, f64)>,
    start: (f64, f64),
    last: (f64, f64),
}

/// The pointer's state. Copy it freely.
#[derive(Clone, Copy)]
pub(super) struct Gestures {
    board: Board,
    state: StoredValue<Rc<RefCell<State>>, LocalStorage>,
}

impl Gestures {
    pub(super) fn new(board: Board) -> Gestures {
        let state = State { doing: Doing::Nothing, fingers: Vec::new(), start: (0.0, 0.0), last: (0.0, 0.0) };
        let gestures = Gestures { board, state: StoredValue::new_local(Rc::new(RefCell::new(state))) };
        let holds = move || {
            let shapes = board.shaping.with_untracked(Option::is_some);
            shapes || board.drag.with_untracked(Option::is_some) || board.marquee.with_untracked(Option::is_some)
        };
        on_escape(holds, move || gestures.abandon());
        gestures
    }

    fn state<T>(self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.get_value().borrow_mut())
    }

    /// A press.
    pub(super) fn down(self, event: &PointerEvent) {
        if event.button() > 1 {
            return;
        }
        let (x, y) = place(event);
        capture(event);
        let fingers = self.state(|state| {
            state.fingers.push((event.pointer_id(), x, y));
            (state.start, state.last) = ((x, y), (x, y));
            state.fingers.clone()
        });
        if let [(_, ax, ay), (_, bx, by)] = fingers[..] {
            self.abandon();
            return self.state(|state| state.doing = Doing::Pinching { distance: (ax - bx).hypot(ay - by) });
        }
        let board = self.board;
        let clip = board.clip_at(x, y).filter(|_| event.button() == 0);
        let extend = event.shift_key() || event.ctrl_key() || event.meta_key();
        let selected = |clip: &Id| self.board.selection.with_untracked(|selection| selection.contains(clip));
        // With a finger, what is not selected scrolls: a tap selects it first.
        let touch = event.pointer_type() == "touch";
        let part = clip.as_ref().filter(|clip| board.door.may_edit() && (!touch || selected(clip))).and_then(|clip| {
            // With Alt held it is what is in the clip that moves.
            let slips = event.alt_key().then_some(Part::Slip);
            slips.or_else(|| board.part_at(clip, (x, y), if touch { REACH_OF_A_FINGER } else { REACH }))
        });
        let doing = match clip {
            Some(clip) if part.is_some() => {
                if !selected(&clip) {
                    self.board.select(&clip, extend);
                }
                let beat = board.viewport.get_untracked().beat(x);
                Doing::Shaping { clip, part: part.unwrap_or(Part::Slip), beat }
            }
            Some(clip) if !touch || selected(&clip) => {
                if !selected(&clip) {
                    self.board.select(&clip, extend);
                }
                Doing::OnClip { clip, extend }
            }
            // Without Shift the empty lanes are a map that is pulled along.
            None if event.shift_key() && !touch && event.button() == 0 => {
                Doing::Marquee { before: board.selection.get_untracked() }
            }
            _ => Doing::Scrolling { moved: false },
        };
        self.state(|state| state.doing = doing);
    }

    /// A move.
    pub(super) fn moved(self, event: &PointerEvent) {
        let (x, y) = place(event);
        self.board.pointer.set(Some((x, y)));
        let (doing, start, last, fingers) = self.state(|state| {
            if let Some(finger) = state.fingers.iter_mut().find(|finger| finger.0 == event.pointer_id()) {
                (finger.1, finger.2) = (x, y);
            }
            let last = std::mem::replace(&mut state.last, (x, y));
            (state.doing.clone(), state.start, last, state.fingers.clone())
        });
        let far = (x - start.0).hypot(y - start.1) > SLACK;
        match doing {
            Doing::Nothing => self.hover(x, y),
            Doing::Shaping { clip, part, beat } if far || self.board.shaping.with_untracked(Option::is_some) => {
                self.shape(&clip, part, beat, (x, y), event.alt_key());
            }
            Doing::Shaping { .. } => {}
            Doing::OnClip { clip, .. } if far => {
                self.take_up(&clip, start);
                self.drag_to(x, y, event.alt_key());
            }
            Doing::OnClip { .. } => {}
            Doing::Dragging { .. } => {
                self.scroll_at_edges(x, y);
                self.drag_to(x, y, event.alt_key());
            }
            Doing::Scrolling { moved } if moved || far => {
                self.state(|state| state.doing = Doing::Scrolling { moved: true });
                self.board.pan(last.0 - x, last.1 - y);
            }
            Doing::Scrolling { .. } => {}
            Doing::Marquee { before } if far => self.frame(before, start, (x, y)),
            Doing::Marquee { .. } => {}
            Doing::Pinching { distance } => self.pinch(distance, &fingers),
        }
    }

    /// Selects what the rectangle from one pixel to another touches.
    fn frame(self, before: BTreeSet<Id>, (ax, ay): (f64, f64), (bx, by): (f64, f64)) {
        let board = self.board;
        let (left, right, top, bottom) = (ax.min(bx), ax.max(bx), ay.min(by), ay.max(by));
        let view = board.viewport.get_untracked();
        let (from, to, height) = (view.place(left), view.place(right), board.lane_height.get_untracked());
        let mut selection = before;
        board.scene(|scene| {
            let tops = board.rows.with_untracked(|rows| {
                (0..scene.lanes().len()).map(|lane| rows.top(lane) - view.top).collect::<Vec<_>>()
            });
            let touched = scene.lanes().iter().zip(tops).filter(|(_, lane)| *lane < bottom && top < lane + height);
            selection.extend(touched.flat_map(|(lane, _)| lane.between(from, to)).map(|clip| clip.id.clone()));
        });
        board.marquee.set(Some([left, top, right - left, bottom - top]));
        board.selection.set(selection);
    }

    /// A release: what was dragged lands, a click selects.
    pub(super) fn up(self, event: &PointerEvent) {
        let doing = self.state(|state| {
            state.fingers.retain(|finger| finger.0 != event.pointer_id());
            std::mem::replace(&mut state.doing, Doing::Nothing)
        });
        match doing {
            Doing::OnClip { clip, extend } if !extend => self.board.select(&clip, false),
            Doing::Dragging { .. } => self.land(),
            Doing::Shaping { .. } => self.keep_shape(),
            Doing::Marquee { .. } => self.board.marquee.set(None),
            Doing::Scrolling { moved: false } => {
                let (x, y) = place(event);
                match self.board.clip_at(x, y) {
                    Some(clip) => self.board.select(&clip, false),
                    None => self.board.selection.update(BTreeSet::clear),
                }
            }
            _ => {}
        }
    }

    /// The pointer is elsewhere: others see it no more.
    pub(super) fn left(self) {
        self.board.pointer.set(None);
        self.board.hover.set(None);
    }

    /// The browser took the pointer away: nothing happens.
    pub(super) fn cancel(self, event: &PointerEvent) {
        self.state(|state| state.fingers.retain(|finger| finger.0 != event.pointer_id()));
        self.abandon();
    }

    /// Shows the handles of the clip under the pointer.
    fn hover(self, x: f64, y: f64) {
        let board = self.board;
        let clip = board.clip_at(x, y).filter(|_| board.door.may_edit());
        let hover = clip.map(|clip| {
            let part = board.part_at(&clip, (x, y), REACH);
            (clip, part)
        });
        if board.hover.with_untracked(|before| *before != hover) {
            board.hover.set(hover);
        }
    }

    fn shape(self, clip: &Id, part: Part, beat: f64, (x, y): (f64, f64), alt: bool) {
        let board = self.board;
        let start = self.state(|state| state.start);
        let found = board.scene(|scene| scene.clip(clip).map(|(_, clip)| clip.clone()));
        let Some(found) = found else { return board.shaping.set(None) };
        let by = Ticks::from_beats(board.viewport.get_untracked().beat(x) - beat).unwrap_or_default();
        let length = recording_seconds(board, &found);
        // As long as it takes from the clip's start on, to whichever side it is moved.
        let far = found.start + Ticks(by.0.abs());
        let seconds = board.door.times().with_untracked(|times| times.seconds(far) - times.seconds(found.start));
        let seconds = if by < Ticks(0) { -seconds } else { seconds };
        let rise = (start.1 - y) / (board.lane_height.get_untracked() - NOT_BODY);
        let way = Way { by, seconds, rise };
        // Alt means off the grid for fades; what slips is on no grid.
        let grid = board.grid(alt && part != Part::Slip);
        let start = grid.map_or(found.start + by, |grid| snap::nearest(found.start + by, grid));
        board.shaping.update(|shaping| {
            let shaping = shaping.get_or_insert_with(|| Shaping::take_up(part, &found));
            if part == Part::Start {
                board.door.times().with_untracked(|times| shaping.begin_at(start, times));
            } else {
                shaping.move_to(way, grid, length);
            }
        });
    }

    fn keep_shape(self) {
        if let Some(shaping) = self.board.shaping.get_untracked() {
            // What has been deleted meanwhile is nobody's to shape.
            if self.board.scene(|scene| scene.clip(&shaping.to.id).is_none()) {
                return self.board.shaping.set(None);
            }
            // Written first, so that nothing jumps back in between.
            self.board.door.dispatch(shaping.what(), shaping.operations());
            self.board.shaping.set(None);
        }
    }

    fn abandon(self) {
        self.board.drag.set(None);
        self.board.shaping.set(None);
        self.board.marquee.set(None);
        if let Doing::Marquee { before } = self.state(|state| std::mem::replace(&mut state.doing, Doing::Nothing)) {
            self.board.selection.set(before);
        }
    }

    fn take_up(self, clip: &Id, start: (f64, f64)) {
        let board = self.board;
        if !board.door.may_edit() {
            return self.state(|state| state.doing = Doing::Scrolling { moved: true });
        }
        let selection = board.selection.get_untracked();
        let drag = board.scene(|scene| Drag::take_up(scene, clip, &selection));
        let lane = board.lane_at(start.1).and_then(|lane| i64::try_from(lane).ok()).unwrap_or(0);
        let beat = board.viewport.get_untracked().beat(start.0);
        board.drag.set(drag);
        self.state(|state| state.doing = Doing::Dragging { beat, lane });
    }

    fn drag_to(self, x: f64, y: f64, alt: bool) {
        let Doing::Dragging { beat, lane } = self.state(|state| state.doing.clone()) else { return };
        let board = self.board;
        let view = board.viewport.get_untracked();
        let by = Ticks::from_beats(view.beat(x) - beat).unwrap_or_default();
        let target = board.rows.with_untracked(|rows| rows.row_at(y + view.top));
        let target = i64::try_from(target).unwrap_or(i64::MAX);
        let count = board.scene(|scene| scene.lanes().len());
        let grid = board.grid(alt);
        board.drag.update(|drag| {
            if let Some(drag) = drag {
                drag.move_to(by, target - lane, count, grid);
            }
        });
    }

    fn land(self) {
        let board = self.board;
        let Some(mut drag) = board.drag.get_untracked() else { return };
        board.drag.set(None);
        board.scene(|scene| drag.let_go_of_what_is_gone(scene));
        if board.scene(|scene| drag.is_barred(scene)) {
            return say_no_clips(board);
        }
        if drag.changes() {
            board.door.dispatch(move_label(drag.clips.len()), board.scene(|scene| drag.operations(scene)));
        }
    }

    fn scroll_at_edges(self, x: f64, y: f64) {
        let view = self.board.viewport.get_untracked();
        let push = |at: f64, size: f64| {
            if at < EDGE {
                (at - EDGE) * 0.4
            } else if at > size - EDGE {
                (at - size + EDGE) * 0.4
            } else {
                0.0
            }
        };
        self.board.pan(push(x, view.width).clamp(-24.0, 24.0), push(y, view.height).clamp(-24.0, 24.0));
    }

    fn pinch(self, before: f64, fingers: &[(i32, f64, f64)]) {
        let [(_, ax, ay), (_, bx, by)] = fingers else { return };
        let distance = (ax - bx).hypot(ay - by);
        if before > 1.0 {
            self.board.zoom(distance / before, f64::midpoint(*ax, *bx));
        }
        self.state(|state| state.doing = Doing::Pinching { distance });
    }

    /// The wheel scrolls; with Ctrl (or a pinch on a trackpad) it zooms around the pointer.
    pub(super) fn listen_to_wheel(self, canvas: &HtmlCanvasElement) {
        let Some(area) = canvas.closest(".arrangement").ok().flatten() else { return };
        let over = canvas.clone();
        let callback = Closure::<dyn FnMut(WheelEvent)>::new(move |event: WheelEvent| {
            event.prevent_default();
            let scale = if event.delta_mode() == 1 { 24.0 } else { 1.0 };
            let (dx, dy) = (event.delta_x() * scale, event.delta_y() * scale);
            if event.ctrl_key() || event.meta_key() {
                let x = f64::from(event.client_x()) - over.get_bounding_client_rect().left();
                // A pinch on a trackpad comes in small steps.
                let speed = if dy.abs() < 12.0 { 3.5 } else { 1.0 };
                self.board.zoom((-dy * speed / WHEEL_PER_DOUBLING).exp2(), x.max(0.0));
            } else if event.shift_key() {
                self.board.pan(dx + dy, 0.0);
            } else {
                self.board.pan(dx, dy);
            }
        });
        let options = web_sys::AddEventListenerOptions::new();
        options.set_passive(false);
        let function = callback.as_ref().unchecked_ref();
        let _ = area.add_event_listener_with_callback_and_add_event_listener_options("wheel", function, &options);
        // Gone with the element.
        callback.forget();
    }
}

/// Where on the lanes an event is, in CSS pixels.
fn place(event: &PointerEvent) -> (f64, f64) {
    let area = event.current_target().and_then(|target| target.dyn_into::<Element>().ok());
    let corner = area.map(|area| area.get_bounding_client_rect());
    let (left, top) = corner.map_or((0.0, 0.0), |corner| (corner.left(), corner.top()));
    (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
}

fn capture(event: &PointerEvent) {
    if let Some(area) = event.current_target().and_then(|target| target.dyn_into::<Element>().ok()) {
        let _ = area.set_pointer_capture(event.pointer_id());
    }
}
