//! The ruler: a click seeks, to the grid while Snap is on, a drag makes a loop, its edges and its bar move it.

use leptos::html::Canvas;
use leptos::prelude::*;
use model::{TICKS_PER_BEAT, Ticks};
use web_sys::PointerEvent;

use super::board::Board;
use super::markers::Markers;
use super::paint::Picture;
use super::{snap, stage};
use crate::controls::on_escape;
use crate::door::clock::Frame;
use crate::door::sound::{LoopRegion, Sound};
use crate::transport::position::bars_in_words;

/// The grid of loops: a beat.
pub(super) const LOOP_GRID: Ticks = Ticks(TICKS_PER_BEAT);
/// How near an edge of the loop one must press to take it, in pixels.
const GRAB: f64 = 7.0;
/// The height of the loop's bar, in pixels.
const BAR: f64 = 11.0;

/// What is being dragged on the ruler.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    Nothing,
    /// Pressed here; it may become a loop.
    Pressed {
        x: f64,
    },
    /// A loop from here to the pointer.
    Edge {
        anchor: Ticks,
    },
    /// The loop as a whole, taken at this place.
    Whole {
        at: Ticks,
        region: LoopRegion,
    },
}

fn press(region: LoopRegion, start_x: f64, end_x: f64, x: f64, y: f64, at: Ticks) -> Held {
    let near = |edge: f64| (x - edge).abs() <= GRAB;
    match () {
        () if y <= BAR + 4.0 && near(start_x) => Held::Edge { anchor: region.end },
        () if y <= BAR + 4.0 && near(end_x) => Held::Edge { anchor: region.start },
        () if y <= BAR && x > start_x && x < end_x => Held::Whole { at, region },
        () => Held::Pressed { x },
    }
}

/// The ruler.
#[component]
pub(super) fn Ruler() -> impl IntoView {
    let board = expect_context::<Board>();
    let sound = expect_context::<Sound>();
    let canvas = NodeRef::<Canvas>::new();
    paint_when_needed(board, sound, canvas);
    let held = RwSignal::new(Held::Nothing);
    let at = move |event: &PointerEvent| {
        let corner = canvas.get_untracked().map(|canvas| canvas.get_bounding_client_rect());
        let (left, top) = corner.map_or((0.0, 0.0), |corner| (corner.left(), corner.top()));
        (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
    };
    // As the loop was before it was taken in the hand.
    let before = StoredValue::new(None::<LoopRegion>);
    let give_up = move || {
        held.set(Held::Nothing);
        if let Some(region) = before.get_value() {
            sound.set_region(region);
        }
    };
    on_escape(move || held.get_untracked() != Held::Nothing, give_up);
    let down = move |event: PointerEvent| {
        if event.button() != 0 {
            return;
        }
        let (x, y) = at(&event);
        let view = board.viewport.get_untracked();
        let region = sound.region().get_untracked();
        before.set_value(Some(region));
        if let Some(canvas) = canvas.get_untracked() {
            let _ = canvas.set_pointer_capture(event.pointer_id());
        }
        held.set(press(region, view.x(region.start.beats()), view.x(region.end.beats()), x, y, view.place(x)));
    };
    let moved = move |event: PointerEvent| {
        let (x, _) = at(&event);
        let place = board.viewport.get_untracked().place(x);
        let snapped = snap::nearest(place, LOOP_GRID);
        match held.get_untracked() {
            Held::Pressed { x: start } if (x - start).abs() > 5.0 => {
                held.set(Held::Edge { anchor: snap::nearest(board.viewport.get_untracked().place(start), LOOP_GRID) });
            }
            Held::Edge { anchor } => sound.set_region(LoopRegion::between(anchor, snapped)),
            Held::Whole { at, region } => {
                let by = snap::shift(region.start, region.start, place - at, Some(LOOP_GRID));
                sound.set_region(LoopRegion { start: region.start + by, end: region.end + by, on: region.on });
            }
            Held::Nothing | Held::Pressed { .. } => {}
        }
    };
    let up = move |event: PointerEvent| {
        let was = held.get_untracked();
        held.set(Held::Nothing);
        let (x, _) = at(&event);
        match was {
            Held::Pressed { .. } => sound.seek(board.snapped(board.viewport.get_untracked().place(x), event.alt_key())),
            // A click on the loop's bar switches it.
            Held::Whole { region, .. } if sound.region().get_untracked() == region => sound.toggle_loop(),
            _ => {}
        }
    };
    let spoken = move || {
        let cursor = sound.cursor().get();
        board.door.times().with(|times| bars_in_words(cursor, &times.metres))
    };
    view! {
        <div class="ruler">
            <canvas
                class="ruler-canvas"
                data-testid="ruler"
                node_ref=canvas
                role="slider"
                tabindex="0"
                aria-label="Position in the song"
                aria-valuemin="0"
                aria-valuenow=move || sound.cursor().get().beats().to_string()
                aria-valuetext=spoken
                on:pointerdown=down
                on:pointermove=moved
                on:pointerup=up
                on:pointercancel=move |_| give_up()
                on:keydown=move |event| key(board, sound, &event)
            ></canvas>
            <Markers />
        </div>
    }
}

fn key(board: Board, sound: Sound, event: &leptos::ev::KeyboardEvent) {
    let direction = match event.key().as_str() {
        "ArrowRight" => 1,
        "ArrowLeft" => -1,
        _ => return,
    };
    event.prevent_default();
    let position = sound.position();
    sound.seek(match event.shift_key() {
        true => board.door.times().with_untracked(|times| times.bar_step(position, direction)),
        false => snap::step(position, direction, LOOP_GRID),
    });
}

fn paint_when_needed(board: Board, sound: Sound, canvas: NodeRef<Canvas>) {
    let times = board.door.times();
    let size = RwSignal::new((0.0, 0.0));
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        let measured = canvas.clone();
        let resized = move || size.set(stage::size(&measured));
        resized();
        stage::on_resize(&canvas, resized);
    });
    let frame = Frame::new(move |_| {
        let (Some(Some(canvas)), Some(times)) = (canvas.try_get_untracked(), times.try_read_untracked()) else {
            return;
        };
        let (width, height) = size.get_untracked();
        let Some(context) = stage::prepare(&canvas, (width, height)) else { return };
        board.scene(|scene| {
            let picture = Picture {
                board,
                scene,
                view: super::viewport::Viewport { width, ..board.viewport.get_untracked() },
                lane_height: board.lane_height.get_untracked(),
                rows: board.rows.get_untracked(),
                times: &times,
                region: sound.region().get_untracked(),
                looks: std::cell::RefCell::default(),
            };
            picture.ruler(&context, height);
        });
    });
    let frame = StoredValue::new_local(frame);
    Effect::new(move |_| {
        board.viewport.track();
        board.changed.track();
        times.track();
        sound.region().track();
        size.track();
        frame.with_value(Frame::ask);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pressed_depends_on_the_place() {
        let region = LoopRegion::between(Ticks(0), Ticks(TICKS_PER_BEAT * 4));
        let press = |x, y| press(region, 100.0, 200.0, x, y, Ticks(9));
        assert_eq!(press(102.0, 5.0), Held::Edge { anchor: region.end });
        assert_eq!(press(196.0, 5.0), Held::Edge { anchor: region.start });
        assert_eq!(press(150.0, 5.0), Held::Whole { at: Ticks(9), region });
        assert_eq!(press(150.0, 25.0), Held::Pressed { x: 150.0 });
        assert_eq!(press(300.0, 5.0), Held::Pressed { x: 300.0 });
    }
}
