//! One parameter: a knob that is dragged, wheeled, nudged by keys or typed; a list for choices, a button for switches.

use dsp::device::{Curve, Parameter};
use leptos::prelude::*;

use super::numbers::{read, written};
use crate::controls::{Dial, Hold, Typed};
use crate::door::Door;
use crate::presence::{HeldBy, Touch};

/// A key's step, as a part of the way.
const STEP: f64 = 0.02;

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
    /// Whether automation moves it.
    moves: Signal<bool>,
    /// The value as hands have it.
    touch: Touch,
    /// Told while it moves; none when it is let go.
    preview: Callback<Option<f32>>,
    commit: Callback<f32>,
) -> impl IntoView {
    let label = Signal::derive(move || format!("{} of {}", parameter.name, device.get()));
    match parameter.curve {
        Curve::Switch => view! { <Switch name label value commit /> }.into_any(),
        Curve::Choice(choices) => view! { <Choice name label choices value commit /> }.into_any(),
        Curve::Linear | Curve::Logarithmic => {
            view! { <Knob parameter name label value moves touch preview commit /> }.into_any()
        }
    }
}

#[component]
fn Switch(name: &'static str, label: Signal<String>, value: Signal<f32>, commit: Callback<f32>) -> impl IntoView {
    let door = expect_context::<Door>();
    let on = move || value.get() >= 0.5;
    view! {
        <button type="button" class="effect-switch" aria-label=label aria-pressed=move || on().to_string() class:is-on=on
            title=move || door.title("Switch on or off") on:click=move |_| if door.may_edit() { commit.run(if on() { 0.0 } else { 1.0 }) }>{move || if name == "On" && !on() { "Off" } else { name }}</button>
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

#[component]
fn Knob(
    parameter: &'static Parameter,
    name: &'static str,
    label: Signal<String>,
    value: Signal<f32>,
    moves: Signal<bool>,
    touch: Touch,
    preview: Callback<Option<f32>>,
    commit: Callback<f32>,
) -> impl IntoView {
    let turn_of = move |value: f32| f64::from(parameter.turn_of(value));
    #[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
    let value_at = move |turn: f64| parameter.value_at(turn as f32);
    let write = move |wanted: f32| {
        if wanted.to_bits() != value.get_untracked().to_bits() {
            commit.run(wanted);
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
    let seen = move || touch.seen().map(|value| value as f32);
    let hold = Hold::new(
        Signal::derive(move || turn_of(value.get())),
        Signal::derive(move || seen().map(turn_of)),
        true,
        Callback::new(move |turn: Option<f64>| {
            touch.tell(turn.map(|turn| f64::from(value_at(turn))));
            preview.run(turn.map(value_at));
        }),
        Callback::new(move |turn| write(value_at(turn))),
    )
    .unless(moves);
    let shown = move || hold.held().map(value_at).or_else(seen).unwrap_or_else(|| value.get());
    // Bipolar parameters are drawn from their middle.
    let origin = if parameter.min < 0.0 && parameter.max > 0.0 { turn_of(0.0) } else { 0.0 };
    let typed = move |text: String| {
        let value = read(parameter, &text);
        value
            .map(|value| {
                hold.up();
                write(value);
            })
            .is_some()
    };
    view! {
        <div class="effect-knob" class:is-held=move || hold.held().is_some()>
            <span class="effect-label" aria-hidden="true">{name}</span>
            <HeldBy touch />
            <Dial hold test="knob" parameter=parameter.id label spoken=Signal::derive(move || written(parameter, shown()))
                now=Signal::derive(move || format!("{:.3}", hold.place())) ends=["0", "1"] origin step=STEP default=turn_of(parameter.default)
                choose=Callback::new(move |turn| write(value_at(turn))) />
            <Typed class="effect-number" label=Signal::derive(move || format!("{}, typed", label.get()))
                shown=Signal::derive(move || written(parameter, shown())) range=Signal::derive(move || format!("{} to {}", written(parameter, parameter.min), written(parameter, parameter.max))) write=Callback::new(typed) />
        </div>
    }
}
