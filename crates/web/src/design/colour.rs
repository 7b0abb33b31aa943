//! Colours of tracks: twelve hues of like lightness, so that none shouts.

use model::{Id, Track};

/// Name and colour of each.
pub(crate) const PALETTE: [(&str, &str); 12] = [
    ("Coral", "#ff8f6b"),
    ("Amber", "#f0b35e"),
    ("Straw", "#dccb62"),
    ("Lime", "#a8cf65"),
    ("Mint", "#6ecf90"),
    ("Teal", "#56cdb6"),
    ("Sky", "#5cc4e4"),
    ("Blue", "#74aefc"),
    ("Periwinkle", "#9aa3ff"),
    ("Violet", "#b893f7"),
    ("Orchid", "#dd88da"),
    ("Rose", "#ff8aa9"),
];

/// The colour of a track: the one that was chosen, or one of the palette that its id decides.
pub(crate) fn colour_of(track: &Track) -> String {
    track.colour.clone().unwrap_or_else(|| PALETTE[from_id(&track.id)].1.to_owned())
}

/// The colour of text on a colour, light or dark: whichever has the greater contrast (WCAG 2, relative luminance).
pub(crate) fn text_on(colour: &str) -> &'static str {
    // Both contrasts are equal at a luminance of about 0.18.
    if luminance(colour).is_none_or(|luminance| luminance > 0.18) { "#0d0e13" } else { "#ffffff" }
}

/// The relative luminance of `#rrggbb`.
fn luminance(colour: &str) -> Option<f64> {
    let channel = |from: usize| {
        let byte = u8::from_str_radix(colour.get(from..from + 2)?, 16).ok()?;
        let part = f64::from(byte) / 255.0;
        Some(if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) })
    };
    Some(0.2126 * channel(1)? + 0.7152 * channel(3)? + 0.0722 * channel(5)?)
}

fn from_id(id: &Id) -> usize {
    let sum = id.as_str().bytes().fold(7usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    sum % PALETTE.len()
}

/// A colour for the next track of a project that has `count`: steps of five go round all twelve.
pub(crate) fn next_colour(count: usize) -> &'static str {
    PALETTE[(count * 5 + 8) % PALETTE.len()].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_on_any_colour() {
        assert_eq!(text_on("#ffffff"), "#0d0e13");
        assert_eq!(text_on("#2a2a80"), "#ffffff");
        assert_eq!(text_on("#000000"), "#ffffff");
        assert_eq!(text_on("nonsense"), "#0d0e13");
        for (name, colour) in PALETTE {
            assert_eq!(text_on(colour), "#0d0e13", "{name}");
        }
    }

    #[test]
    fn twelve_tracks_get_twelve_colours() {
        let given: std::collections::BTreeSet<_> = (0..12).map(next_colour).collect();
        assert_eq!(given.len(), 12);
    }
}
