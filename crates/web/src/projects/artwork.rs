//! A picture for each song: bars that its id decides, so that it is known at a glance and the same everywhere.

use leptos::prelude::*;

use crate::design::PALETTE;

const BARS: usize = 44;

/// Heights in 0..1 and an index into the palette.
fn picture(seed: &str) -> (Vec<f64>, usize) {
    let mut state =
        seed.bytes().fold(0x9e37_79b9_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f64::from(state) / f64::from(u32::MAX)
    };
    let phase = next() * std::f64::consts::TAU;
    let waves = 1.0 + (next() * 3.0).floor();
    let colour = PALETTE.len().min((next() * 12.0) as usize);
    let heights = (0..BARS)
        .map(|bar| {
            let place = bar as f64 / BARS as f64;
            let swell = 0.55 + 0.45 * (phase + place * waves * std::f64::consts::TAU).sin();
            let ends = (place * (1.0 - place) * 4.0).sqrt();
            (0.12 + 0.88 * swell * ends * (0.45 + 0.55 * next())).min(1.0)
        })
        .collect();
    (heights, colour % PALETTE.len())
}

/// The picture.
#[component]
pub(crate) fn Artwork(
    /// What decides it.
    #[prop(into)]
    seed: String,
) -> impl IntoView {
    let (heights, colour) = picture(&seed);
    let mut path = String::new();
    for (bar, height) in heights.iter().enumerate() {
        let x = bar as f64 * 4.0 + 2.0;
        path.push_str(&format!("M{x} {:.1}V{:.1}", 32.0 - height * 26.0, 32.0 + height * 26.0));
    }
    view! {
        <svg class="artwork" viewBox="0 0 176 64" preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <path d=path stroke=PALETTE[colour].1 />
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_song_keeps_its_picture_and_differs_from_others() {
        assert_eq!(picture("a"), picture("a"));
        assert_ne!(picture("a"), picture("b"));
        assert!(picture("").0.iter().all(|height| (0.0..=1.0).contains(height)));
    }
}
