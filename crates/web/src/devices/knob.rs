//! One parameter: a knob that is dragged, wheeled, nudged by keys or typed; a list for choices, a button for switches.

use dsp::device::{Curve, Parameter};
use leptos::html::Div;
use leptos::prelude::*;
use web_sys::{PointerEvent, WheelEvent};

use super::numbers::{read, written};
use crate::door::Door;

/// Pixels of dragging from one end to the other.
const WAY: f32 = 160.0;
/// With Shift held everything moves this much less.
const FINE: f32 = 0.1;
/// A key's step and that of a notch of the wheel, as a part of the way.
const STEP: f32 = 0.02;

/// A parameter of a device.
#[component]
pub(super) fn Control(
    parameter: &'static Parameter,
    /// What the screen calls it here.
    name: &'static str,
    /// Of which device, for those who do not see where it stands.
    #[prop(into)]
    device: Signal<String>,
    value: Signal<f32>,
    /// Told while it moves; none when it is let go.
    preview: Callback<Option<f32>>,
    commit: Callback<f32>,
) -> impl IntoView {
    let label = Signal::derive(move || format!("{} of {}", parameter.name, device.get()));
    match parameter.curve {
        Curve::Switch => view! { <Switch name label value commit /> }.into_any(),
        Curve::Choice(choices) => view! { <Choice name label choices value commit /> }.into_any(),
        Curve::Linear | Curve::Logarithmic => view! { <Knob parameter name label value preview commit /> }.into_any(),
    }
}

#[component]
fn Switch(name: &'static str, label: Signal<String>, value: Signal<f32>, commit: Callback<f32>) -> impl IntoView {
    let door = expect_context::<Door>();
    let on = move || value.get() >= 0.5;
    view! {
        <button type="button" class="effect-switch" aria-label=label aria-pressed=move || on().to_string() class:is-on=on
            title=move || door.title("Switch on or off") on:click=move |_| if door.may_edit() { commit.run(if on() { 0.0 } else { 1.0 }) }>{name}</button>
    }
}

#[component]
fn Choice(
    name: &'static str,
    label: Signal<String>,
    choices: &'static [&'static str],
    value: Signal<f32>,
    commit: Callback<f32>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let chosen = move |event: leptos::ev::Event| {
        if let Ok(index) = event_target_value(&event).parse::<f32>() {
            commit.run(index);
        }
    };
    let options = move || {
        let now = value.get().round();
        choices
            .iter()
            .zip(0u8..)
            .map(|(choice, index)| {
                view! { <option value=index.to_string() selected=f32::from(index) == now>{*choice}</option> }
            })
            .collect_view()
    };
    view! {
        <label class="effect-choice"><span>{name}</span>
            <select aria-label=label disabled=move || !door.may_edit_now() on:change=chosen>{options}</select>
        </label>
    }
}

/// The arc from `from` to `to`, both 0 to 1 on the way round: a circle of radius 15 around 20, 20.
fn arc(from: f32, to: f32) -> String {
    let point = |turn: f32| {
        let angle = f64::from(turn * 2.0 - 1.0) * 0.75 * std::f64::consts::PI;
        (20.0 + 15.0 * angle.sin(), 20.0 - 15.0 * angle.cos())
    };
    let (low, high) = (from.min(to), from.max(to));
    let ((ax, ay), (bx, by)) = (point(low), point(high));
    let large = u8::from((high - low) * 1.5 > 1.0);
    format!("M{ax:.2} {ay:.2}A15 15 0 {large} 1 {bx:.2} {by:.2}")
}

#[component]
fn Knob(
    parameter: &'static Parameter,
    name: &'static str,
    label: Signal<String>,
    value: Signal<f32>,
    preview: Callback<Option<f32>>,
    commit: Callback<f32>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    // Where the hand has it, 0 to 1.
    let held = RwSignal::new(None::<f32>);
    let shown = Memo::new(move |_| held.get().map_or_else(|| value.get(), |turn| parameter.value_at(turn)));
    let turn = move || parameter.turn_of(shown.get());
    // Bipolar parameters are drawn from their middle.
    let origin = if parameter.min < 0.0 && parameter.max > 0.0 { parameter.turn_of(0.0) } else { 0.0 };
    let knob = NodeRef::<Div>::new();
    let last = StoredValue::new(0.0f32);
    let write = move |wanted: f32| {
        if wanted.to_bits() != value.get_untracked().to_bits() {
            commit.run(wanted);
        }
    };
    let down = move |event: PointerEvent| {
        if !door.may_edit() || event.button() != 0 {
            return;
        }
        if let Some(knob) = knob.get_untracked() {
            let _ = knob.set_pointer_capture(event.pointer_id());
        }
        last.set_value(pointer(&event));
        held.set(Some(parameter.turn_of(value.get_untracked())));
    };
    let moved = move |event: PointerEvent| {
        let Some(turn) = held.get_untracked() else { return };
        let now = pointer(&event);
        let speed = if event.shift_key() { FINE } else { 1.0 };
        let turn = (turn + (now - last.get_value()) / WAY * speed).clamp(0.0, 1.0);
        last.set_value(now);
        held.set(Some(turn));
        preview.run(Some(parameter.value_at(turn)));
    };
    let up = move |_| {
        if let Some(turn) = held.get_untracked() {
            // A press that moved nothing writes nothing, though a turn and back may round.
            if turn.to_bits() != parameter.turn_of(value.get_untracked()).to_bits() {
                write(parameter.value_at(turn));
            }
            held.set(None);
            preview.run(None);
        }
    };
    let nudge =
        move |by: f32| write(parameter.value_at((parameter.turn_of(value.get_untracked()) + by).clamp(0.0, 1.0)));
    let wheel = move |event: WheelEvent| {
        event.prevent_default();
        event.stop_propagation();
        if door.may_edit() {
            let way = if event.delta_y() < 0.0 { STEP } else { -STEP };
            nudge(if event.shift_key() { way * FINE } else { way });
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        let step = if event.shift_key() { STEP * FINE } else { STEP };
        let by = match event.key().as_str() {
            "ArrowUp" | "ArrowRight" => step,
            "ArrowDown" | "ArrowLeft" => -step,
            "PageUp" => 0.1,
            "PageDown" => -0.1,
            "Home" => -1.0,
            "End" => 1.0,
            "Escape" if held.get_untracked().is_some() => {
                held.set(None);
                preview.run(None);
                return event.stop_propagation();
            }
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        if door.may_edit() {
            nudge(by);
        }
    };
    view! {
        <div class="effect-knob" class:is-held=move || held.get().is_some()>
            <span class="effect-label" aria-hidden="true">{name}</span>
            <div class="pan" role="slider" tabindex="0" data-testid="knob" data-parameter=parameter.id aria-label=label
                aria-valuemin="0" aria-valuemax="1" aria-valuenow=move || format!("{:.3}", turn())
                aria-valuetext=move || written(parameter, shown.get()) aria-readonly=move || (!door.may_edit_now()).to_string()
                title=move || door.title("Drag or wheel; Shift for fine steps; double-click for the default") node_ref=knob
                on:pointerdown=down on:pointermove=moved on:pointerup=up on:wheel=wheel on:keydown=key
                on:pointercancel=move |_| { held.set(None); preview.run(None); }
                on:dblclick=move |_| if door.may_edit() { write(parameter.default) }>
                <svg class="knob" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
                    <path class="knob-track" d="M9.39 30.61A15 15 0 1 1 30.61 30.61" />
                    <path class="knob-arc" d=move || arc(origin, turn()) />
                    <g class="knob-hand" style:--angle=move || format!("{:.1}deg", (turn() * 2.0 - 1.0) * 135.0)>
                        <circle cx="20" cy="20" r="10.5" />
                        <path d="M20 10.5v5.500" />
                    </g>
                </svg>
            </div>
            <Typed parameter label shown=shown.into() write=Callback::new(write) />
        </div>
    }
}

/// Up and to the right is more.
fn pointer(event: &PointerEvent) -> f32 {
    let (x, y) = (event.client_x(), event.client_y());
    #[expect(clippy::cast_precision_loss, reason = "pixels of a screen")]
    let place = (x - y) as f32;
    place
}

/// The value, which can be typed.
#[component]
fn Typed(
    parameter: &'static Parameter,
    label: Signal<String>,
    shown: Signal<f32>,
    write: Callback<f32>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let input = NodeRef::<leptos::html::Input>::new();
    let typing = RwSignal::new(false);
    let show = move || {
        if let Some(input) = input.get_untracked() {
            input.set_value(&written(parameter, shown.get_untracked()));
        }
    };
    Effect::new(move |_| {
        shown.track();
        if input.get().is_some() && !typing.get_untracked() {
            show();
        }
    });
    let commit = move || {
        if typing.get_untracked() {
            typing.set(false);
            if let Some(value) = input.get_untracked().and_then(|input| read(parameter, &input.value())) {
                write.run(value);
            }
            show();
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => commit(),
        "Escape" => {
            typing.set(false);
            show();
            event.stop_propagation();
        }
        _ => event.stop_propagation(),
    };
    view! {
        <input class="effect-number" type="text" autocomplete="off" aria-label=move || format!("{}, typed", label.get())
            readonly=move || !door.may_edit_now() node_ref=input on:input=move |_| typing.set(true)
            on:focus=move |_| if let Some(input) = input.get_untracked() { input.select() } on:keydown=key on:blur=move |_| commit() />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arc_goes_the_long_way_when_it_is_long() {
        assert!(arc(0.0, 1.0).contains("A15 15 0 1 1"));
        assert!(arc(0.5, 0.75).contains("A15 15 0 0 1"));
        assert_eq!(arc(0.75, 0.5), arc(0.5, 0.75));
    }
}
