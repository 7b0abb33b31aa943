//! The pan: a knob from left to right.

use leptos::prelude::*;

use crate::automation::Moving;
use crate::controls::{Dial, Hold};
use crate::presence::{HeldBy, Touch};

/// A knob this near to the middle stands in the middle.
const DETENT: f64 = 0.03;

/// `C`, `L 40`, `R 7`.
pub(crate) fn written(pan: f64) -> String {
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

/// The pan of a knob that has come a part of its way, 0 to 1: in thousandths, so that ten steps from the middle are the side.
fn pan_at(turn: f64) -> f64 {
    let pan = ((turn * 2.0 - 1.0).clamp(-1.0, 1.0) * 1_000.0).round() / 1_000.0;
    if pan.abs() < DETENT { 0.0 } else { pan }
}

/// The knob.
#[component]
pub(super) fn Pan(
    value: Memo<f64>,
    /// Where automation has it.
    moved: Memo<Option<f64>>,
    /// The same as hands have it.
    touch: Touch,
    #[prop(into)] label: Signal<String>,
    preview: Callback<Option<f64>>,
    commit: Callback<f64>,
) -> impl IntoView {
    let moving = expect_context::<Moving>();
    let stands = move || moved.get().unwrap_or_else(|| value.get());
    let write = move |pan: f64| {
        if moved.get_untracked().is_some() {
            moving.refuse();
        } else if (pan - value.get_untracked()).abs() > 1e-9 {
            commit.run(pan);
        }
    };
    let hold = Hold::new(
        Signal::derive(move || f64::midpoint(stands(), 1.0)),
        Signal::derive(move || touch.seen().map(|pan| f64::midpoint(pan, 1.0))),
        true,
        Callback::new(move |turn: Option<f64>| {
            touch.tell(turn.map(pan_at));
            preview.run(turn.map(pan_at));
        }),
        Callback::new(move |turn| write(pan_at(turn))),
    )
    .unless(Signal::derive(move || moved.with(Option::is_some)));
    let shown = move || hold.held().map(pan_at).or_else(|| touch.seen()).unwrap_or_else(stands);
    view! {
        <div class="pan-cell">
            <Dial hold test="pan" label spoken=Signal::derive(move || spoken(shown())) now=Signal::derive(move || format!("{:.2}", shown()))
                ends=["-1", "1"] origin=0.5 step=0.05 default=0.5 choose=Callback::new(move |turn| write(pan_at(turn))) />
            <HeldBy touch />
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
    }

    #[test]
    fn a_knob_near_the_middle_stands_in_the_middle_and_ten_steps_are_the_side() {
        assert_eq!((pan_at(0.51), pan_at(-7.0), pan_at(0.25)), (0.0, -1.0, -0.5));
        let side = (0..10).fold(0.0, |pan: f64, _| pan_at(f64::midpoint(pan, 1.0) + 0.05));
        assert_eq!(side, 1.0);
    }
}
