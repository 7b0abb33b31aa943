//! The pan: a knob that is dragged sideways or up and down.

use leptos::html::Div;
use leptos::prelude::*;
use web_sys::PointerEvent;

use crate::door::Door;

/// Pixels from one side to the other.
const WAY: f64 = 140.0;
/// A knob this near to the middle stands in the middle.
const DETENT: f64 = 0.03;

/// `C`, `L 40`, `R 7`.
fn written(pan: f64) -> String {
    let part = (pan.abs() * 100.0).round();
    match part {
        0.0 => "C".to_owned(),
        _ if pan < 0.0 => format!("L {part}"),
        _ => format!("R {part}"),
    }
}

fn spoken(pan: f64) -> String {
    let part = (pan.abs() * 100.0).round();
    match part {
        0.0 => "centre".to_owned(),
        _ if pan < 0.0 => format!("{part} percent left"),
        _ => format!("{part} percent right"),
    }
}

/// The arc from the middle to where the knob points: a circle of radius 15 around 20, 20, from 135° left to 135° right.
fn arc(pan: f64) -> String {
    let point = |pan: f64| {
        let angle = pan * 0.75 * std::f64::consts::PI;
        (20.0 + 15.0 * angle.sin(), 20.0 - 15.0 * angle.cos())
    };
    let ((ax, ay), (bx, by)) = (point(pan.min(0.0)), point(pan.max(0.0)));
    format!("M{ax:.2} {ay:.2}A15 15 0 0 1 {bx:.2} {by:.2}")
}

fn detent(pan: f64) -> f64 {
    let pan = pan.clamp(-1.0, 1.0);
    if pan.abs() < DETENT { 0.0 } else { pan }
}

/// The knob.
#[component]
pub(super) fn Pan(
    value: Memo<f64>,
    #[prop(into)] label: Signal<String>,
    preview: Callback<Option<f64>>,
    commit: Callback<f64>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let held = RwSignal::new(None::<f64>);
    let shown = move || held.get().map_or_else(|| value.get(), detent);
    let knob = NodeRef::<Div>::new();
    let last = StoredValue::new((0.0f64, 0.0f64));
    let write = move |pan: f64| {
        if (pan - value.get_untracked()).abs() > 1e-9 {
            commit.run(pan);
        }
    };
    let down = move |event: PointerEvent| {
        if !door.may_edit() || event.button() != 0 {
            return;
        }
        if let Some(knob) = knob.get_untracked() {
            let _ = knob.set_pointer_capture(event.pointer_id());
        }
        last.set_value((f64::from(event.client_x()), f64::from(event.client_y())));
        held.set(Some(value.get_untracked()));
    };
    let moved = move |event: PointerEvent| {
        let Some(pan) = held.get_untracked() else { return };
        let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
        let (last_x, last_y) = last.get_value();
        last.set_value((x, y));
        let speed = if event.shift_key() { 0.2 } else { 1.0 };
        let pan = (pan + (x - last_x + last_y - y) * 2.0 / WAY * speed).clamp(-1.0, 1.0);
        held.set(Some(pan));
        preview.run(Some(detent(pan)));
    };
    let up = move |_| {
        if let Some(pan) = held.get_untracked() {
            write(detent(pan));
            held.set(None);
            preview.run(None);
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if !door.may_edit() {
            return;
        }
        let step = if event.shift_key() { 0.01 } else { 0.1 };
        let now = value.get_untracked();
        let wanted = match event.key().as_str() {
            "ArrowLeft" | "ArrowDown" => now - step,
            "ArrowRight" | "ArrowUp" => now + step,
            "Home" => -1.0,
            "End" => 1.0,
            "0" => 0.0,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        // Hundredths, so that ten steps from the middle are the side.
        write((wanted.clamp(-1.0, 1.0) * 100.0).round() / 100.0);
    };
    view! {
        <div class="pan" class:is-held=move || held.get().is_some() role="slider" tabindex="0" data-testid="pan" aria-label=label
            aria-valuemin="-1" aria-valuemax="1" aria-valuenow=move || format!("{:.2}", shown())
            aria-valuetext=move || spoken(shown()) title=move || door.title("Drag; double-click for the centre")
            aria-readonly=move || (!door.may_edit_now()).to_string() class:is-locked=move || !door.may_edit_now() node_ref=knob
            on:pointerdown=down on:pointermove=moved on:pointerup=up
            on:pointercancel=move |_| { held.set(None); preview.run(None); }
            on:dblclick=move |_| if door.may_edit() { write(0.0) } on:keydown=key>
            <svg class="knob" viewBox="0 0 40 40" aria-hidden="true" focusable="false">
                <path class="knob-track" d="M9.39 30.61A15 15 0 1 1 30.61 30.61" />
                <path class="knob-arc" d=move || arc(shown()) />
                <g class="knob-hand" style:--angle=move || format!("{:.1}deg", shown() * 135.0)>
                    <circle cx="20" cy="20" r="10.5" />
                    <path d="M20 10.5v5.500" />
                </g>
            </svg>
            <span class="pan-text">{move || written(shown())}</span>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pan_is_written_by_side_and_part() {
        assert_eq!(written(0.0), "C");
        assert_eq!(written(-0.4), "L 40");
        assert_eq!(written(1.0), "R 100");
        assert_eq!(spoken(-0.25), "25 percent left");
        assert_eq!(detent(0.02), 0.0);
        assert_eq!(detent(-7.0), -1.0);
    }
}
