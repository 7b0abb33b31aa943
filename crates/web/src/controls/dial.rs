//! A knob: dragged, wheeled, nudged by keys.

use leptos::prelude::*;

use super::Hold;
use crate::automation::MOVES_BY_ITSELF;
use crate::door::Door;
use crate::shortcuts::{self, Command, Place};

/// Pixels of dragging from one end to the other.
const WAY: f64 = 160.0;

/// The arc from `from` to `to`, both 0 to 1 on the way round: a circle of radius 15 around 20, 20.
fn arc(from: f64, to: f64) -> String {
    let point = |turn: f64| {
        let angle = (turn * 2.0 - 1.0) * 0.75 * std::f64::consts::PI;
        (20.0 + 15.0 * angle.sin(), 20.0 - 15.0 * angle.cos())
    };
    let (low, high) = (from.min(to), from.max(to));
    let ((ax, ay), (bx, by)) = (point(low), point(high));
    let large = u8::from((high - low) * 1.5 > 1.0);
    format!("M{ax:.2} {ay:.2}A15 15 0 {large} 1 {bx:.2} {by:.2}")
}

/// The knob's face and what the hand does with it.
#[component]
pub(crate) fn Dial(
    hold: Hold,
    /// Its `data-testid`.
    test: &'static str,
    /// Which parameter it is, for tests.
    #[prop(optional)]
    parameter: &'static str,
    label: Signal<String>,
    /// What it says, for who does not see it.
    spoken: Signal<String>,
    /// Where it stands, in its own unit or as a part of the way, and between which ends.
    now: Signal<String>,
    ends: [&'static str; 2],
    /// Where the arc begins, 0 to 1.
    origin: f64,
    /// A key's step, as a part of the way.
    step: f64,
    /// What a double click and the key 0 bring back, 0 to 1.
    default: f64,
    /// Told a place that a key has chosen, 0 to 1.
    choose: Callback<f64>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let key = move |event: leptos::ev::KeyboardEvent| {
        if hold.escaped(&event) {
            return;
        }
        let Some(command) = shortcuts::on(Place::Control, &event) else { return };
        let by = Hold::turn(command, step);
        if by.is_none() && command != Command::Default {
            return;
        }
        event.prevent_default();
        event.stop_propagation();
        if door.may_edit() {
            hold.up();
            let from = hold.place();
            choose.run(by.map_or(default, |by| (from + by).clamp(0.0, 1.0)));
        }
    };
    view! {
        <div class="pan" class:is-held=move || hold.held().is_some() class:is-elsewhere=move || hold.is_elsewhere() class:is-locked=move || !door.may_edit_now() || hold.is_moved() class:is-moved=move || hold.is_moved()
            role="slider" tabindex="0" data-testid=test data-parameter=(!parameter.is_empty()).then_some(parameter)
            aria-label=label aria-valuemin=ends[0] aria-valuemax=ends[1] aria-valuenow=now aria-valuetext=spoken
            aria-readonly=move || (!door.may_edit_now() || hold.is_moved()).to_string()
            title=move || if hold.is_moved() { MOVES_BY_ITSELF } else { door.title("Drag or wheel; Shift for fine steps; double-click for the default") }
            on:pointerdown=move |event| hold.down(&event) on:pointermove=move |event| hold.moved(&event, WAY)
            on:pointerup=move |_| hold.up() on:pointercancel=move |_| hold.cancel() on:wheel=move |event| hold.wheel(&event)
            on:dblclick=move |_| if door.may_edit() { choose.run(default) } on:keydown=key>
            <svg class="knob" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
                <path class="knob-track" d="M9.39 30.61A15 15 0 1 1 30.61 30.61" />
                <path class="knob-arc" d=move || arc(origin, hold.place()) />
                <g class="knob-hand" style:--angle=move || format!("{:.1}deg", (hold.place() * 2.0 - 1.0) * 135.0)>
                    <circle cx="20" cy="20" r="10.5" />
                    <path d="M20 10.5v5.500" />
                </g>
            </svg>
        </div>
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
