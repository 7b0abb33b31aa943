//! A fader: dragged, nudged by keys, typed, heard while it moves, written once when it is let go.

use leptos::html::Div;
use leptos::prelude::*;
use web_sys::PointerEvent;

use super::decibels::{self, factor_at, travel_of};
use crate::automation::{MOVES_BY_ITSELF, Moving};
use crate::controls::{Hold, Typed};
use crate::door::Door;
use crate::presence::{HeldBy, Touch};
use crate::shortcuts::{self, Command, Place};

/// Lines beside the fader, in decibels.
const SCALE: [(f64, &str); 6] = [(6.0, "6"), (0.0, "0"), (-6.0, "6"), (-12.0, "12"), (-24.0, "24"), (-48.0, "48")];

/// The fader and its number.
#[component]
pub(super) fn Fader(
    /// The written factor.
    value: Memo<f64>,
    /// Where automation has it, which is what sounds then.
    moved: Memo<Option<f64>>,
    /// The factor as hands have it.
    touch: Touch,
    #[prop(into)] label: Signal<String>,
    /// Told while it moves; none when it is let go.
    preview: Callback<Option<f64>>,
    commit: Callback<f64>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let track = NodeRef::<Div>::new();
    let moving = expect_context::<Moving>();
    let stands = move || moved.get().unwrap_or_else(|| value.get());
    let write = move |factor: f64| {
        if moved.get_untracked().is_some() {
            moving.refuse();
        } else if (factor - value.get_untracked()).abs() > 1e-9 {
            commit.run(factor);
        }
    };
    let hold = Hold::new(
        Signal::derive(move || travel_of(stands())),
        Signal::derive(move || touch.seen().map(travel_of)),
        false,
        Callback::new(move |travel: Option<f64>| {
            touch.tell(travel.map(factor_at));
            preview.run(travel.map(factor_at));
        }),
        Callback::new(move |travel| write(factor_at(travel))),
    )
    .unless(Signal::derive(move || moved.with(Option::is_some)));
    let shown = move || hold.held().map(factor_at).or_else(|| touch.seen()).unwrap_or_else(stands);
    let moved = move |event: PointerEvent| {
        if let Some(track) = track.get_untracked().filter(|_| hold.held().is_some()) {
            hold.moved(&event, (f64::from(track.client_height()) - 20.0).max(20.0));
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if hold.escaped(&event) || !door.may_edit() {
            return;
        }
        // With a turn of the wheel that has not come to rest yet.
        let now = hold.held().map_or_else(|| value.get_untracked(), factor_at);
        let by = |step: f64, way: i32| decibels::nudged(now, step * f64::from(way));
        let wanted = match shortcuts::on(Place::Control, &event) {
            Some(Command::Step(way)) => by(1.0, way),
            Some(Command::Fine(way)) => by(0.1, way),
            Some(Command::Leap(way)) => by(6.0, way),
            Some(Command::ToEnd(-1)) => decibels::FACTOR_MAX,
            Some(Command::ToEnd(_)) => 0.0,
            Some(Command::Default) => 1.0,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        hold.up();
        write(wanted);
    };
    let scale = SCALE.map(|(db, text)| {
        let travel = travel_of(10f64.powf(db / 20.0));
        view! { <span class="fader-line" class:is-unity=db == 0.0 style:--travel=format!("{travel:.4}")>{text}</span> }
    });
    view! {
        <div class="fader-cell">
            <div class="fader" class:is-held=move || hold.held().is_some() class:is-elsewhere=move || hold.is_elsewhere() role="slider" tabindex="0" aria-orientation="vertical"
                data-testid="fader" aria-label=label aria-valuemin="0" aria-valuemax="2"
                aria-valuenow=move || format!("{:.4}", shown())
                aria-valuetext=move || format!("{} decibels{}", decibels::written(shown()), if hold.is_moved() { ", automated" } else { "" })
                style:--travel=move || format!("{:.4}", hold.place())
                aria-readonly=move || (!door.may_edit_now() || hold.is_moved()).to_string() class:is-locked=move || !door.may_edit_now() || hold.is_moved()
                class:is-moved=move || hold.is_moved() title=move || if hold.is_moved() { MOVES_BY_ITSELF } else { door.title("Drag or wheel; Shift for fine steps; double-click for 0 dB") }
                node_ref=track on:pointerdown=move |event| hold.down(&event) on:pointermove=moved
                on:pointerup=move |_| hold.up() on:pointercancel=move |_| hold.cancel() on:wheel=move |event| hold.wheel(&event)
                on:dblclick=move |_| if door.may_edit() { write(1.0) } on:keydown=key>
                {scale}
                <div class="fader-slot"><div class="fader-fill"></div></div>
                <div class="fader-cap"></div>
            </div>
            <HeldBy touch />
            <Decibels shown=Signal::derive(shown) write=Callback::new(write) label />
        </div>
    }
}

/// A factor in decibels, which can be typed.
#[component]
pub(crate) fn Decibels(shown: Signal<f64>, write: Callback<f64>, label: Signal<String>) -> impl IntoView {
    let read = move |text: String| {
        let factor = decibels::read(&text);
        factor.map(|factor| write.run(factor)).is_some()
    };
    view! {
        <Typed class="fader-number" label=Signal::derive(move || format!("{}, in decibels", label.get()))
            shown=Signal::derive(move || decibels::written(shown.get())) range=Signal::derive(|| "−∞ to +6 dB".to_owned()) write=Callback::new(read) />
    }
}
