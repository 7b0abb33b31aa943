//! By how much an effect lowers the sound, and whether it has failed; what comes out of an equaliser.

use std::fmt::Write as _;

use dsp::devices::Kind;
use leptos::prelude::*;
use leptos::svg::Path;
use model::Id;

use super::Owner;
use super::curve::{HEIGHT, WIDTH, frequency_at};
use crate::door::sound::{EffectId, Sound};

/// What fills the whole of a gain reduction's bar, in dB.
const REDUCTION_MAX_DB: f32 = 24.0;
/// How much of its reduction a bar gives up in each frame.
const FALL: f32 = 0.85;
/// The level at the bottom of the curve's box; the top is 0 dB.
const SPECTRUM_FLOOR_DB: f32 = -84.0;
/// Columns in which a spectrum is drawn.
const COLUMNS: u32 = 120;

/// What the sound knows an effect by.
pub(super) fn effect_of(own: StoredValue<(Owner, Id)>) -> EffectId {
    own.with_value(|(owner, id)| (owner.as_track().cloned(), id.clone()))
}

/// Whether an effect of this kind lowers what is too loud or too soft.
pub(super) fn reduces(kind: Kind) -> bool {
    matches!(kind, Kind::Compressor | Kind::Limiter | Kind::Gate)
}

/// The bar below a card's head; and, for every effect, that it has failed.
#[component]
pub(super) fn Reduction(own: StoredValue<(Owner, Id)>, kind: Kind) -> impl IntoView {
    let sound = expect_context::<Sound>();
    sound.look_closely();
    let effect = effect_of(own);
    let shown = RwSignal::new(0.0f32);
    let failed = RwSignal::new(false);
    sound.on_frame(move |heard| {
        let Some(now) = heard.reduction(&effect) else { return };
        if failed.get_untracked() != now.is_infinite() {
            failed.set(now.is_infinite());
        }
        let now = if now.is_finite() { now } else { 0.0 };
        let fallen = shown.get_untracked() * FALL;
        let next = if now > fallen { now } else { fallen };
        let next = if next < 0.05 { 0.0 } else { next };
        if next.to_bits() != shown.get_untracked().to_bits() {
            shown.set(next);
        }
    });
    let words = move || match shown.get() {
        0.0 => "0.0 dB".to_owned(),
        by => format!("−{by:.1} dB"),
    };
    view! {
        <Show when=move || failed.get()><p class="effect-failed" role="status">"Silent: it made no numbers."</p></Show>
        {reduces(kind).then(|| view! {
            <div class="reduction" data-testid="reduction" role="img" aria-label=move || format!("Gain reduction {}", words())>
                <div class="reduction-bar"><i style:transform=move || format!("scaleX({:.3})", (shown.get() / REDUCTION_MAX_DB).min(1.0))></i></div>
                <span>{words}</span>
            </div>
        })}
    }
}

/// The spectrum behind an equaliser, below its curve: of several the one that was looked at last has one.
#[component]
pub(super) fn LiveSpectrum(own: StoredValue<(Owner, Id)>, rate: Memo<u32>) -> impl IntoView {
    let sound = expect_context::<Sound>();
    let effect = effect_of(own);
    sound.listen_to(effect.clone());
    let node = NodeRef::<Path>::new();
    sound.on_frame(move |heard| {
        let (Some(finer), Some(node)) = (&heard.finer, node.get_untracked()) else { return };
        if finer.spectrum_of.as_ref() != Some(&effect) {
            let _ = node.remove_attribute("d");
        } else if !finer.spectrum.is_empty() {
            let _ = node.set_attribute("d", &path(&finer.spectrum, rate.get_untracked()));
        }
    });
    view! { <path class="curve-spectrum" data-testid="spectrum" node_ref=node /> }
}

/// The spectrum's outline, closed at the bottom. Columns show the loudest of what lies in them, and narrow ones what lies
/// between two levels.
fn path(levels: &[f32], rate: u32) -> String {
    let bin_of = |hz: f64| hz / f64::from(rate) * 2.0 * (levels.len() - 1) as f64;
    let mut path = format!("M0 {HEIGHT}");
    for column in 0..COLUMNS {
        let part = |column: u32| f64::from(column) / f64::from(COLUMNS);
        let (low, high) = (bin_of(frequency_at(part(column))), bin_of(frequency_at(part(column + 1))));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the levels' number")]
        let (first, last) = (low.max(0.0) as usize, (high.ceil() as usize).min(levels.len() - 1));
        let level = if last > first + 1 {
            levels[first.min(last)..=last].iter().copied().fold(SPECTRUM_FLOOR_DB, f32::max)
        } else {
            let first = first.min(levels.len() - 1);
            let next = levels[(first + 1).min(levels.len() - 1)];
            #[expect(clippy::cast_possible_truncation, reason = "a part of the way")]
            let between = (low - low.floor()) as f32;
            levels[first] + (next - levels[first]) * between
        };
        let y = f64::from((level / SPECTRUM_FLOOR_DB).clamp(0.0, 1.0)) * HEIGHT;
        let _ = write!(path, "L{:.1} {y:.1}", part(column) * WIDTH);
    }
    let _ = write!(path, "L{WIDTH} {HEIGHT}Z");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_peak_at_its_frequency() {
        let mut levels = vec![-160.0f32; 1_025];
        // 3,000 Hz at 48 kHz.
        levels[128] = -12.0;
        let drawn = path(&levels, 48_000);
        let points: Vec<(f64, f64)> = drawn[1..]
            .trim_end_matches('Z')
            .split('L')
            .map(|point| point.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap())
            .collect();
        let highest = points.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        let hz = frequency_at(highest.0 / WIDTH);
        assert!((2_700.0..3_100.0).contains(&hz) && (highest.1 - HEIGHT / 7.0).abs() < 1.0, "{hz} {highest:?}");
        // The floor is the bottom, also where there is less.
        assert_eq!(points[1].1, HEIGHT);
        assert_eq!([Kind::Gate, Kind::Delay].map(reduces), [true, false]);
    }
}
