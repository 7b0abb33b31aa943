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
    fn twelve_tracks_get_twelve_colours() {
        let given: std::collections::BTreeSet<_> = (0..12).map(next_colour).collect();
        assert_eq!(given.len(), 12);
    }
}
