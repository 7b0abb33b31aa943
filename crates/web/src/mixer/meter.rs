//! Level meters with peak hold, written straight into the page once per frame.

use leptos::html::{Div, Span};
use leptos::prelude::*;
use model::Id;

use super::decibels::{decibels, meter_height, written};
use crate::door::clock;
use crate::door::sound::{Heard, Sound};

/// How long a peak stays, in milliseconds.
const HOLD_MS: f64 = 1_500.0;
/// How fast a bar falls, in parts of the meter per second.
const FALL_PER_SECOND: f64 = 1.5;

/// One bar: falls slowly, and holds its peak.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bar {
    height: f64,
    held: f64,
    held_at: f64,
    seen_at: f64,
}

impl Bar {
    fn take(&mut self, peak: f64, now: f64) {
        let seconds = ((now - self.seen_at) / 1_000.0).clamp(0.0, 0.25);
        self.seen_at = now;
        self.height = meter_height(peak).max(self.height - FALL_PER_SECOND * seconds).max(0.0);
        if peak >= self.held || now - self.held_at > HOLD_MS {
            self.held = peak;
            self.held_at = now;
        }
    }
}

/// Peaks of what a meter shows, from what was heard.
type Pick = Box<dyn Fn(&Heard) -> [f32; 2]>;

fn run(
    sound: Sound,
    pick: Pick,
    bars: [NodeRef<Div>; 2],
    holds: [NodeRef<Div>; 2],
    told: impl Fn([f64; 2], &Heard) + 'static,
) -> RwSignal<bool> {
    let clipped = RwSignal::new(false);
    let state = StoredValue::new([Bar::default(); 2]);
    sound.on_frame(move |heard| {
        let peaks = pick(heard);
        let now = clock::milliseconds();
        let mut both = state.get_value();
        for side in 0..2 {
            let before = both[side];
            both[side].take(f64::from(peaks[side]), now);
            let after = both[side];
            if (before.height - after.height).abs() > 5e-4
                && let Some(bar) = bars[side].get_untracked()
            {
                let _ = (*bar).style().set_property("transform", &format!("scaleY({:.4})", 1.0 - after.height));
            }
            if (before.held - after.held).abs() > 1e-6
                && let Some(hold) = holds[side].get_untracked()
            {
                let style = (*hold).style();
                let _ = style.set_property("bottom", &format!("{:.2}%", meter_height(after.held) * 100.0));
                let _ = style.set_property("opacity", if after.held > 0.001 { "1" } else { "0" });
            }
        }
        state.set_value(both);
        if peaks.iter().any(|peak| *peak > 1.0) && !clipped.get_untracked() {
            clipped.set(true);
        }
        told([both[0].held, both[1].held], heard);
    });
    clipped
}

/// The light above a meter: lit by a peak above full scale, until it is pressed.
#[component]
fn ClipLight(clipped: RwSignal<bool>) -> impl IntoView {
    view! {
        <Show when=move || clipped.get()>
            <button type="button" class="clip-light" data-testid="clip-light" aria-label="It was above full scale. Press to put the light out" title="It was above full scale; press to put the light out"
                on:click=move |_| clipped.set(false)></button>
        </Show>
    }
}

#[component]
fn Bars(bars: [NodeRef<Div>; 2], holds: [NodeRef<Div>; 2]) -> impl IntoView {
    let side = move |side: usize| {
        view! {
            <div class="meter-side">
                <div class="meter-cover" node_ref=bars[side]></div>
                <div class="meter-hold" node_ref=holds[side]></div>
            </div>
        }
    };
    view! { <div class="meter-bars" aria-hidden="true">{side(0)}{side(1)}</div> }
}

/// The meter of a track.
#[component]
pub(super) fn Meter(id: Id) -> impl IntoView {
    let sound = expect_context::<Sound>();
    let (bars, holds) = ([NodeRef::new(), NodeRef::new()], [NodeRef::new(), NodeRef::new()]);
    let pick = move |heard: &Heard| heard.tracks.get(&id).copied().unwrap_or_default();
    let clipped = run(sound, Box::new(pick), bars, holds, |_, _| ());
    view! { <div class="meter" data-testid="meter"><Bars bars holds /><ClipLight clipped /></div> }
}

/// The meter of the master, with its peak in decibels.
#[component]
pub(super) fn MasterMeter() -> impl IntoView {
    let sound = expect_context::<Sound>();
    let (bars, holds) = ([NodeRef::new(), NodeRef::new()], [NodeRef::new(), NodeRef::new()]);
    let whole = NodeRef::<Div>::new();
    let number = NodeRef::<Span>::new();
    let underruns = NodeRef::<Span>::new();
    let gaps = NodeRef::<Span>::new();
    let told = move |held: [f64; 2], heard: &Heard| {
        let peak = held[0].max(held[1]);
        if let Some(whole) = whole.get_untracked() {
            let _ = whole.set_attribute("data-peak-db", &format!("{:.2}", decibels(peak).max(-120.0)));
        }
        if let Some(number) = number.get_untracked() {
            number.set_text_content(Some(&written(peak)));
            let _ = number.class_list().toggle_with_force("is-over", peak > 1.0);
        }
        if let Some(underruns) = underruns.get_untracked() {
            underruns.set_text_content(Some(&heard.underruns.to_string()));
        }
        if let Some(gaps) = gaps.get_untracked() {
            gaps.set_text_content(Some(&heard.gaps.to_string()));
        }
    };
    let clipped = run(sound, Box::new(|heard| heard.master), bars, holds, told);
    view! {
        <div class="meter meter-master" data-testid="meter-master" data-peak-db="-120" node_ref=whole>
            <Bars bars holds />
            <ClipLight clipped />
            <span class="meter-number" node_ref=number title="Highest peak, in decibels">"−∞"</span>
            <span class="unseen" aria-hidden="true" data-testid="underruns" node_ref=underruns>"0"</span>
            <span class="unseen" aria-hidden="true" data-testid="gaps" node_ref=gaps>"0"</span>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_rises_at_once_falls_slowly_and_holds_its_peak() {
        let mut bar = Bar::default();
        bar.take(1.0, 1_000.0);
        assert_eq!((bar.height, bar.held), (1.0, 1.0));
        bar.take(0.0, 1_100.0);
        assert!((bar.height - 0.85).abs() < 1e-9);
        assert_eq!(bar.held, 1.0);
        bar.take(0.1, 2_600.0);
        assert_eq!(bar.held, 0.1);
        for step in 0..40 {
            bar.take(0.0, 2_700.0 + f64::from(step) * 100.0);
        }
        assert_eq!((bar.height, bar.held), (0.0, 0.0));
    }
}
