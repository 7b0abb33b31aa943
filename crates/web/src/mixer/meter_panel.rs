//! The master's finer meters: loudness, true peak, RMS, correlation, what was missing. Measured from Play on, whether the panel is
//! open or not.

use leptos::prelude::*;

use super::decibels::{decibels, written};
use crate::design::{Icon, icon};
use crate::door::sound::Sound;

/// What is written for less than this many LUFS or decibels.
const SILENCE: f64 = -90.0;

/// Loudness, as one writes it.
fn loudness(lufs: f32) -> String {
    if f64::from(lufs) > SILENCE { format!("{lufs:.1}").replace('-', "−") } else { "−∞".to_owned() }
}

/// What the panel shows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Readings {
    momentary: String,
    short_term: String,
    integrated: String,
    range: String,
    true_peak: String,
    is_over: bool,
    rms: String,
    correlation: f32,
    underruns: u32,
    failed: u32,
}

/// Opens and closes the panel.
#[component]
pub(super) fn MetersButton(open: RwSignal<bool>) -> impl IntoView {
    view! {
        <button type="button" class="rack-button" data-testid="meters-button" aria-expanded=move || open.get().to_string() title="Loudness, true peak, correlation"
            class:is-on=move || open.get() on:click=move |_| open.update(|open| *open = !*open)>"LUFS"</button>
    }
}

/// The panel, while it is open: outside of the strips, which are cut off.
#[component]
pub(super) fn MeterPanel(open: RwSignal<bool>) -> impl IntoView {
    view! { <Show when=move || open.get()><Panel open /></Show> }
}

#[component]
fn Panel(open: RwSignal<bool>) -> impl IntoView {
    let sound = expect_context::<Sound>();
    sound.look_closely();
    let readings = RwSignal::new(Readings::default());
    sound.on_frame(move |heard| {
        let Some(finer) = &heard.finer else { return };
        let both = |pair: [f32; 2]| pair.map(|one| written(f64::from(one))).join(" / ");
        let next = Readings {
            momentary: loudness(finer.momentary),
            short_term: loudness(finer.short_term),
            integrated: loudness(finer.integrated),
            range: format!("{:.1}", finer.range),
            true_peak: written(f64::from(finer.highest)),
            is_over: decibels(f64::from(finer.highest)) > -1.0,
            rms: both(finer.rms),
            correlation: (finer.correlation * 100.0).round() / 100.0,
            underruns: heard.underruns,
            failed: finer.failed,
        };
        if readings.with_untracked(|before| *before != next) {
            readings.set(next);
        }
    });
    let row = move |name: &'static str, unit: &'static str, test: &'static str, value: fn(&Readings) -> String| {
        view! { <dt>{name}</dt><dd><span data-testid=test>{move || readings.with(value)}</span> <small>{unit}</small></dd> }
    };
    let place = move || f64::from(readings.with(|readings| readings.correlation)).mul_add(50.0, 50.0);
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            open.set(false);
            event.stop_propagation();
        }
    };
    view! {
        <section class="meter-panel" aria-label="Meters of the master" data-testid="meter-panel" on:keydown=key>
            <header><h2>"Loudness"</h2>
                <button type="button" class="button quiet" data-testid="measure-anew" title="Integrated loudness, its range and the peak begin anew, as they do with Play" on:click=move |_| sound.measure_anew()>"Reset"</button>
                <button type="button" class="icon-button small" aria-label="Close the meters" on:click=move |_| open.set(false)>{icon(Icon::Close)}</button>
            </header>
            <dl class="readings">
                {row("Momentary", "LUFS", "momentary", |readings| readings.momentary.clone())}
                {row("Short-term", "LUFS", "short-term", |readings| readings.short_term.clone())}
                {row("Integrated", "LUFS", "integrated", |readings| readings.integrated.clone())}
                {row("Range", "LU", "range", |readings| readings.range.clone())}
                <dt>"True peak"</dt>
                <dd class:is-over=move || readings.with(|readings| readings.is_over)><span data-testid="true-peak">{move || readings.with(|readings| readings.true_peak.clone())}</span> <small>"dBTP"</small></dd>
                {row("RMS", "dB", "rms", |readings| readings.rms.clone())}
                {row("Correlation", "", "correlation", |readings| format!("{:+.2}", readings.correlation).replace('-', "−"))}
            </dl>
            <div class="correlation" aria-hidden="true"><span>"−1"</span><div><i style:left=move || format!("{:.1}%", place())></i></div><span>"+1"</span></div>
            {move || readings.with(|readings| {
                let mut said = Vec::new();
                if readings.underruns > 0 {
                    said.push(format!("{} underruns: the device ran dry. Close other programs, or bypass effects.", readings.underruns));
                }
                if readings.failed > 0 {
                    said.push(format!("{} effects made no numbers and are silent until something about the song changes.", readings.failed));
                }
                said.into_iter().map(|said| view! { <p class="meter-trouble" role="status">{icon(Icon::Warning)} {said}</p> }).collect_view()
            })}
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_of_silence_is_minus_infinity() {
        assert_eq!([f32::NEG_INFINITY, -120.0, -23.04, 1.5].map(loudness), ["−∞", "−∞", "−23.0", "1.5"]);
    }
}
