//! A fader: dragged, nudged by keys, typed, heard while it moves, written once when it is let go.

use leptos::html::Div;
use leptos::prelude::*;
use web_sys::PointerEvent;

use super::decibels::{self, factor_at, travel_of};
use crate::door::Door;

/// Lines beside the fader, in decibels.
const SCALE: [(f64, &str); 6] = [(6.0, "6"), (0.0, "0"), (-6.0, "6"), (-12.0, "12"), (-24.0, "24"), (-48.0, "48")];
/// With Shift held the pointer moves a fader this much less.
const FINE: f64 = 0.2;

/// The fader and its number.
#[component]
pub(super) fn Fader(
    /// The written factor.
    value: Memo<f64>,
    #[prop(into)] label: Signal<String>,
    /// Told while it moves; none when it is let go.
    preview: Callback<Option<f64>>,
    commit: Callback<f64>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let held = RwSignal::new(None::<f64>);
    let shown = move || held.get().unwrap_or_else(|| value.get());
    let track = NodeRef::<Div>::new();
    let last_y = StoredValue::new(0.0f64);
    let write = move |factor: f64| {
        if (factor - value.get_untracked()).abs() > 1e-9 {
            commit.run(factor);
        }
    };
    let down = move |event: PointerEvent| {
        if !door.may_edit() || event.button() != 0 {
            return;
        }
        if let Some(track) = track.get_untracked() {
            let _ = track.set_pointer_capture(event.pointer_id());
        }
        last_y.set_value(f64::from(event.client_y()));
        held.set(Some(value.get_untracked()));
    };
    let moved = move |event: PointerEvent| {
        let (Some(factor), Some(track)) = (held.get_untracked(), track.get_untracked()) else { return };
        let y = f64::from(event.client_y());
        let speed = if event.shift_key() { FINE } else { 1.0 };
        let way = (f64::from(track.client_height()) - 20.0).max(20.0);
        let factor = factor_at(travel_of(factor) + (last_y.get_value() - y) / way * speed);
        last_y.set_value(y);
        held.set(Some(factor));
        preview.run(Some(factor));
    };
    let up = move |_| {
        if let Some(factor) = held.get_untracked() {
            // Written first, so that nothing jumps back in between.
            write(factor);
            held.set(None);
            preview.run(None);
        }
    };
    let cancel = move |_| {
        held.set(None);
        preview.run(None);
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if !door.may_edit() {
            return;
        }
        let step = if event.shift_key() { 0.1 } else { 1.0 };
        let now = value.get_untracked();
        let wanted = match event.key().as_str() {
            "ArrowUp" | "ArrowRight" => decibels::nudged(now, step),
            "ArrowDown" | "ArrowLeft" => decibels::nudged(now, -step),
            "PageUp" => decibels::nudged(now, 6.0),
            "PageDown" => decibels::nudged(now, -6.0),
            "Home" => decibels::FACTOR_MAX,
            "End" => 0.0,
            "0" => 1.0,
            "Escape" => return cancel_key(held, preview),
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        write(wanted);
    };
    let scale = SCALE.map(|(db, text)| {
        let travel = travel_of(10f64.powf(db / 20.0));
        view! { <span class="fader-line" class:is-unity=db == 0.0 style:--travel=format!("{travel:.4}")>{text}</span> }
    });
    view! {
        <div class="fader-cell">
            <div class="fader" class:is-held=move || held.get().is_some() role="slider" tabindex="0" aria-orientation="vertical"
                data-testid="fader" aria-label=label aria-valuemin="0" aria-valuemax="2"
                aria-valuenow=move || format!("{:.4}", shown())
                aria-valuetext=move || format!("{} decibels", decibels::written(shown()))
                style:--travel=move || format!("{:.4}", travel_of(shown()))
                aria-readonly=move || (!door.may_edit_now()).to_string() class:is-locked=move || !door.may_edit_now()
                title=move || door.title("Drag; Shift for fine steps; double-click for 0 dB")
                node_ref=track on:pointerdown=down on:pointermove=moved on:pointerup=up on:pointercancel=cancel
                on:dblclick=move |_| if door.may_edit() { write(1.0) } on:keydown=key>
                {scale}
                <div class="fader-slot"><div class="fader-fill"></div></div>
                <div class="fader-cap"></div>
            </div>
            <FaderNumber shown=Signal::derive(shown) write=Callback::new(write) label />
        </div>
    }
}

fn cancel_key(held: RwSignal<Option<f64>>, preview: Callback<Option<f64>>) {
    held.set(None);
    preview.run(None);
}

/// The decibels, which can be typed.
#[component]
fn FaderNumber(shown: Signal<f64>, write: Callback<f64>, label: Signal<String>) -> impl IntoView {
    let door = expect_context::<Door>();
    let input = NodeRef::<leptos::html::Input>::new();
    let show = move || {
        if let Some(input) = input.get_untracked() {
            input.set_value(&decibels::written(shown.get_untracked()));
        }
    };
    let typing = RwSignal::new(false);
    Effect::new(move |_| {
        shown.track();
        if input.get().is_some() && !typing.get_untracked() {
            show();
        }
    });
    let commit = move || {
        if typing.get_untracked() {
            typing.set(false);
            if let Some(factor) = input.get_untracked().and_then(|input| decibels::read(&input.value())) {
                write.run(factor);
            }
            show();
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => commit(),
        "Escape" => {
            typing.set(false);
            show();
        }
        _ => {}
    };
    view! {
        <input class="fader-number" type="text" inputmode="text" autocomplete="off" readonly=move || !door.may_edit_now() title=move || door.title("In decibels")
            aria-label=move || format!("{}, in decibels", label.get()) node_ref=input on:input=move |_| typing.set(true)
            on:focus=move |_| if let Some(input) = input.get_untracked() { input.select() }
            on:keydown=key on:blur=move |_| commit() />
    }
}
