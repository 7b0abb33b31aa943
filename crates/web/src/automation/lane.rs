//! A lane's curve, and its points: for the pointer, the keyboard and screen readers alike.

use leptos::html::Div;
use leptos::prelude::*;
use model::{Id, Table, Ticks};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, PointerEvent};

use super::edit::held_or_straight;
use super::hand::{Hand, Held};
use super::points::{self, Point, Way};
use super::target::{Target, targets};
use super::{LanesShown, points::Lane};
use crate::arrangement::{Board, window};
use crate::controls::{focus, on_escape};
use crate::door::clock;
use crate::door::sound::{Sound, Trial};
use crate::shortcuts::{self, Command, Place};
use crate::studio::is_small;
use crate::transport::position::{bars, bars_in_words};

/// Points that are listed at once: those near the view.
const LISTED_MAX: usize = 400;
/// On small screens points are listed so far from each other, in pixels, that a finger meets the one it means.
const FINGER: f64 = 24.0;
/// A key's step, as a part of the lane's height.
const STEP: f64 = 0.02;
/// A key's step of the bend.
const BEND_STEP: f64 = 0.1;
/// So soon after a point was added, in milliseconds, a double click does not take it away.
const DOUBLE_CLICK_MS: f64 = 700.0;

/// What a lane's head and its curve have in common.
#[derive(Clone, Copy)]
pub(super) struct Face {
    pub(super) hand: Hand,
    pub(super) targets: Memo<Vec<Target>>,
    pub(super) name: Memo<String>,
}

impl Face {
    /// The lane `number` of a track, or of the master.
    pub(super) fn new(board: Board, track: &Id, number: u32) -> Face {
        let door = board.door;
        let shown = expect_context::<LanesShown>();
        let is_master = shown.is_master(track);
        let record = door.record(if is_master { Table::Projects } else { Table::Tracks }, track);
        let name = Memo::new(move |_| {
            if is_master {
                return "the master".to_owned();
            }
            record.with(|record| record.as_ref().and_then(|it| it.text("name")).unwrap_or_default().to_owned())
        });
        let targets = Memo::new(move |_| {
            record.with(|record| {
                record.as_ref().map(|record| door.read(|records| targets(records, record))).unwrap_or_default()
            })
        });
        let own = track.clone();
        let parameter = Memo::new(move |_| shown.parameter(&own, number));
        let target = Memo::new(move |_| {
            targets.with(|all| parameter.with(|parameter| all.iter().find(|one| one.parameter == *parameter).cloned()))
        });
        let own = track.clone();
        let lane: Memo<Option<Lane>> = Memo::new(move |_| {
            shown.changed.track();
            // An old state that is shown, or its end, changes everything.
            door.moment().track();
            parameter.with(|parameter| door.read(|records| points::lane(records, &own, parameter)))
        });
        Face { hand: Hand::new(board, (!is_master).then(|| track.clone()), lane, target), targets, name }
    }
}

/// The curve.
#[component]
pub(crate) fn LaneCurve(track: Id, number: u32) -> impl IntoView {
    let board = expect_context::<Board>();
    let shown = expect_context::<LanesShown>();
    let face = Face::new(board, &track, number);
    let hand = face.hand;
    let top = Memo::new(move |_| {
        if shown.is_master(&track) {
            return Some(board.rows.with(|rows| rows.master_top(shown.rank(&track, number))));
        }
        let at = board.door.tracks().with(|tracks| tracks.iter().position(|other| *other == track));
        at.map(|at| board.rows.with(|rows| rows.automation_top(at, shown.rank(&track, number))))
    });
    let stretch = Memo::new(move |_| {
        let view = board.viewport.get();
        let (from, to) = window(view.left, view.right());
        (from.beats(), to.beats())
    });
    let points = Memo::new(move |_| hand.shown());
    let curve = Memo::new(move |_| {
        board.automation_height.track();
        let (from, to) = stretch.get();
        points.with(|points| points::path(points, (from, to), from, hand.scale(), |height| hand.y_of(height)))
    });
    let listed = Memo::new(move |_| {
        let (from, to) = stretch.get();
        let near = |point: &&Point| (from..=to).contains(&point.place.beats());
        // What a finger cannot tell apart it gets once the lane is zoomed: the chosen one, and what lies far enough from it and each other.
        let least = if is_small() { FINGER / board.viewport.get().pixels_per_beat } else { 0.0 };
        let chosen = board.point.get();
        points.with(|points| {
            let near = points.iter().filter(near);
            let apart = points::apart(near, least, chosen.as_deref());
            apart.into_iter().take(LISTED_MAX).map(|point| point.id.clone()).collect::<Vec<_>>()
        })
    });
    let is_part = Memo::new(move |_| listed.with(Vec::len) < points.with(Vec::len));
    // One of them is the stop of the Tab key.
    let stop = Memo::new(move |_| {
        let chosen = board.point.get();
        listed.with(|listed| chosen.filter(|chosen| listed.contains(chosen)).or_else(|| listed.first().cloned()))
    });
    let hover = RwSignal::new(None::<(f64, f64)>);
    let added_at = StoredValue::new(f64::NEG_INFINITY);
    // The point that was pressed last: the lane captures the pointer, so that later events are its own.
    let pressed = StoredValue::new(None::<String>);
    // What the hand does is heard before it lets go.
    let sound = expect_context::<Sound>();
    // While the pencil draws the focus may be anywhere.
    on_escape(move || hand.held.with_untracked(Option::is_some), move || drop(hand.cancel()));
    Effect::new(move |held_before: Option<bool>| {
        let tried = hand.held.with(|held| held.as_ref().map(|held| hand.operations(held)));
        let holds = tried.is_some();
        if holds || held_before == Some(true) {
            sound.try_out(Trial::Automation, tried.unwrap_or_default());
        }
        holds
    });
    let node = NodeRef::<Div>::new();
    let down = move |event: PointerEvent| {
        let touch = event.pointer_type() == "touch";
        if event.button() != 0 || hand.target.with_untracked(Option::is_none) || !board.door.may_edit() {
            return;
        }
        event.stop_propagation();
        let Some(area) = node.get_untracked() else { return };
        // A pointer that is gone already holds nothing.
        let _ = area.set_pointer_capture(event.pointer_id());
        hover.set(None);
        let draws = shown.draws.get_untracked();
        let on = point_of(&event).filter(|_| !draws);
        pressed.set_value(on.clone());
        hand.down(place(&area, &event), on.as_deref(), [draws || event.shift_key(), event.alt_key(), touch]);
        if hand.held.with_untracked(|held| matches!(held, Some(Held::Point { from: None, .. } | Held::Finger { .. }))) {
            added_at.set_value(clock::milliseconds());
        }
    };
    let moved = move |event: PointerEvent| {
        let Some(area) = node.get_untracked() else { return };
        let (x, y) = place(&area, &event);
        if hand.held.with_untracked(Option::is_some) {
            return hand.moved((x, y), [event.shift_key(), event.alt_key()]);
        }
        let over = point_of(&event).is_none().then(|| hand.segment_at(x, y, false)).flatten().map(|(_, middle)| middle);
        if hover.get_untracked() != over {
            hover.set(over);
        }
    };
    let up = move |event: PointerEvent| {
        if hand.held.with_untracked(Option::is_some) {
            event.stop_propagation();
            if let Some(id) = hand.up() {
                focus(node, &id);
            }
        }
    };
    let double = move |_| {
        let point = pressed.get_value().filter(|_| board.door.may_edit());
        if let Some(id) = point.filter(|_| clock::milliseconds() - added_at.get_value() > DOUBLE_CLICK_MS) {
            hand.remove(&id);
        }
    };
    let label = move || {
        let name = hand
            .target
            .with(|target| target.as_ref().map_or("a parameter that is gone".to_owned(), |it| it.name.clone()));
        let count = hand.lane.with(|lane| lane.as_ref().map_or(0, |lane| lane.points.len()));
        format!(
            "{name} of {}, {count} points. Arrow keys move a point, Alt and arrow keys go to others, H holds it, B bends, Delete removes it.",
            face.name.get()
        )
    };
    let view_box = move || {
        let view = board.viewport.get();
        let width = view.width.max(1.0) / view.pixels_per_beat;
        format!("{} 0 {width} {}", view.left - stretch.get().0, board.automation_height.get())
    };
    view! {
        <div class="auto-lane" role="listbox" aria-label=label data-testid="automation-lane" class:is-hidden=move || top.get().is_none()
            class:is-held=move || hand.held.with(Option::is_some) class:bends=move || hover.with(Option::is_some)
            class:is-locked=move || !board.door.may_edit_now() class:is-gone=move || hand.target.with(Option::is_none)
            title=move || board.door.title("Press to add a point, drag it; Shift draws; drag the middle of a line to bend it; right-click a point to hold it, double-click it to delete it")
            style:transform=move || format!("translateY({:.1}px)", top.get().unwrap_or(0.0) - board.viewport.get().top)
            style:--ppb=move || board.viewport.get().pixels_per_beat.to_string() style:--left=move || board.viewport.get().left.to_string()
            node_ref=node on:pointerdown=down on:pointermove=moved on:pointerup=up on:pointercancel=move |_| drop(hand.cancel())
            on:pointerleave=move |_| hover.set(None) on:dblclick=double>
            <svg class="auto-curve" viewBox=view_box preserveAspectRatio="none" aria-hidden="true" focusable="false"
                class:is-empty=move || points.with(Vec::is_empty)>
                <path class="auto-line" d=curve />
            </svg>
            <For each=move || listed.get() key=String::clone let:id>
                <PointHandle id hand points is_part node stop />
            </For>
            <Show when=move || hover.with(Option::is_some)>
                <span class="auto-bend" style:transform=move || {
                    let (x, y) = hover.get().unwrap_or_default();
                    format!("translate({x:.1}px, {y:.1}px)")
                }></span>
            </Show>
            <Bubble hand />
        </div>
    }
}

/// Says the value in the hand.
#[component]
fn Bubble(hand: Hand) -> impl IntoView {
    let board = hand.board;
    let said = move || {
        let held = hand.held.get()?;
        let point = match &held {
            Held::Point { to, .. } => to,
            Held::Stroke(drawn) => drawn.last()?,
            Held::Bend { to, .. } => {
                let Way::Bent(bend) = to.way else { return None };
                let x = board.viewport.get().x(to.place.beats());
                return Some((x, hand.y_of(hand.scale().0.height_of(to.value)), format!("Bend {:.0} %", bend * 100.0)));
            }
            Held::Finger { .. } => return None,
        };
        let (scale, _) = hand.scale();
        let words = format!(
            "{} · {}",
            scale.written(point.value),
            board.door.times().with(|times| bars(point.place, &times.metres))
        );
        Some((board.viewport.get().x(point.place.beats()), hand.y_of(scale.height_of(point.value)), words))
    };
    move || {
        said().map(|(x, y, words)| {
            view! { <span class="auto-bubble" role="status" style:transform=format!("translate({x:.1}px, {y:.1}px)")><span>{words}</span></span> }
        })
    }
}

#[component]
fn PointHandle(
    id: String,
    hand: Hand,
    points: Memo<Vec<Point>>,
    /// Whether only a part of the points is listed: then each says which it is.
    is_part: Memo<bool>,
    node: NodeRef<Div>,
    /// The point to which the Tab key comes.
    stop: Memo<Option<String>>,
) -> impl IntoView {
    let board = hand.board;
    let own = StoredValue::new(id.clone());
    let point = Memo::new(move |_| {
        points.with(|points| own.with_value(|id| points.iter().find(|point| point.id == *id).cloned()))
    });
    let beat = move || point.with(|point| point.as_ref().map_or(0.0, |point| point.place.beats()));
    let value = move || point.with(|point| point.as_ref().map_or(0.0, |point| point.value));
    let y = move || {
        board.automation_height.track();
        hand.y_of(hand.scale().0.height_of(value()))
    };
    let label = move || {
        let (place, way) =
            point.with(|point| point.as_ref().map_or((Ticks(0), "straight"), |it| (it.place, it.way.words())));
        format!(
            "{}, {}, then {way}",
            hand.scale().0.written(value()),
            board.door.times().with(|times| bars_in_words(place, &times.metres))
        )
    };
    let size = move || is_part.get().then(|| points.with(Vec::len));
    let place = move || {
        let at = || points.with(|points| own.with_value(|id| points.iter().position(|point| point.id == *id)));
        is_part.get().then(at).flatten().map(|at| at + 1)
    };
    let is_stop = Memo::new(move |_| own.with_value(|id| stop.with(|stop| stop.as_ref() == Some(id))));
    let selected = Memo::new(move |_| own.with_value(|id| board.point.with(|point| point.as_deref() == Some(&**id))));
    let focused = move |_| {
        board.point.set(Some(own.get_value()));
        if hand.held.with_untracked(Option::is_none) {
            let view = board.viewport.get_untracked();
            let shown = view.showing(untrack(beat), untrack(beat), view.top, view.top + view.height, board.extent());
            if shown != view {
                board.viewport.set(shown);
            }
        }
    };
    // The second button, or a long press: as the key H.
    let menu = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        if board.door.may_edit() {
            drop(hand.cancel());
            own.with_value(|id| hold_or_not(hand, id));
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if !own.with_value(|id| key(hand, node, id, &event)) {
            return;
        }
        event.prevent_default();
        event.stop_propagation();
    };
    view! {
        <div class="auto-point" role="option" tabindex=move || if is_stop.get() { "0" } else { "-1" } data-testid="point" data-point-id=id data-beat=move || beat().to_string()
            data-value=move || value().to_string() aria-label=label aria-selected=move || selected.get().to_string() aria-posinset=place aria-setsize=size
            class:holds=move || point.with(|point| point.as_ref().is_some_and(|point| point.way == Way::Hold))
            style:--beat=move || beat().to_string() style:--y=move || format!("{:.1}px", y()) on:focus=focused on:keydown=key on:contextmenu=menu></div>
    }
}

/// What a key does to a point; false when it does nothing.
fn key(hand: Hand, node: NodeRef<Div>, id: &str, event: &leptos::ev::KeyboardEvent) -> bool {
    let board = hand.board;
    let rise = |by: f64, way: i32| {
        let by = by * f64::from(way);
        hand.change("Move point", id, |point, scale| point.value = scale.value_at(scale.height_of(point.value) + by));
    };
    let go = |way: i64, far: bool| {
        hand.change("Move point", id, |point, _| point.place = board.stepped(point.place, way, far));
    };
    let bend = |by: f64| {
        hand.change("Bend automation", id, |point, _| {
            let now = if let Way::Bent(bend) = point.way { bend } else { 0.0 };
            point.way = Way::Bent(((now + by).clamp(-1.0, 1.0) * 100.0).round() / 100.0);
        });
    };
    if event.key() == "Escape" && hand.held.with_untracked(Option::is_some) {
        drop(hand.cancel());
        return true;
    }
    match shortcuts::on(Place::Point, event) {
        Some(Command::Beside(way)) => go_to(hand, node, id, way),
        Some(Command::Nudge(way)) => go(way, false),
        Some(Command::NudgeBar(way)) => go(way, true),
        Some(Command::Step(way)) => rise(STEP, way),
        Some(Command::Fine(way)) => rise(STEP * 0.1, way),
        Some(Command::Leap(way)) => rise(STEP * 10.0, way),
        Some(Command::HoldValue) => hold_or_not(hand, id),
        Some(Command::Bend(way)) => bend(BEND_STEP * f64::from(way)),
        Some(Command::Delete) => {
            let next = neighbour(hand, id);
            hand.remove(id);
            if let Some(next) = next {
                focus(node, &next);
            }
        }
        _ => return false,
    }
    true
}

/// Has the value stay until the next point, or go there again.
fn hold_or_not(hand: Hand, id: &str) {
    hand.change("Change automation curve", id, |point, _| point.way = held_or_straight(point.way));
}

/// The point behind another, or before it when it is the last.
fn neighbour(hand: Hand, id: &str) -> Option<String> {
    let points = untrack(|| hand.shown());
    let at = points.iter().position(|point| point.id == id)?;
    points.get(at + 1).or_else(|| points.get(at.checked_sub(1)?)).map(|point| point.id.clone())
}

/// Goes to the point before or behind another, and brings it into view.
fn go_to(hand: Hand, node: NodeRef<Div>, id: &str, way: i64) {
    let points = untrack(|| hand.shown());
    let way = if way < 0 { -1 } else { 1 };
    let at = points.iter().position(|point| point.id == id).and_then(|at| at.checked_add_signed(way));
    let Some(next) = at.and_then(|at| points.get(at)) else { return };
    let (board, place) = (hand.board, next.place.beats());
    let view = board.viewport.get_untracked();
    let shown = view.showing(place, place, view.top, view.top + view.height, board.extent());
    if shown != view {
        board.viewport.set(shown);
    }
    focus(node, &next.id);
}

/// Focuses a point once it is on the page.
fn focus(node: NodeRef<Div>, id: &str) {
    let selector = format!("[data-point-id=\"{id}\"]");
    clock::after(std::time::Duration::ZERO, move || {
        let Some(Some(lane)) = node.try_get_untracked() else { return };
        let point = lane.query_selector(&selector).ok().flatten();
        if let Some(point) = point.and_then(|point| point.dyn_into::<web_sys::HtmlElement>().ok()) {
            focus::focus(&point);
        }
    });
}

/// The point on which an event was.
fn point_of(event: &Event) -> Option<String> {
    let element = event.target()?.dyn_into::<Element>().ok()?;
    element.closest("[data-point-id]").ok()??.get_attribute("data-point-id")
}

/// Where in the lane an event is, in CSS pixels.
fn place(area: &Element, event: &PointerEvent) -> (f64, f64) {
    let corner = area.get_bounding_client_rect();
    (f64::from(event.client_x()) - corner.left(), f64::from(event.client_y()) - corner.top())
}
