//! Stems: what each track brings to the master.
//!
//! The stem of a track is what the master would give if it heard that track alone: its clips and what other tracks send to it, through its
//! devices, fader and pan, then through the master's devices and fader. Everything else goes on as in the mix, unheard: a compressor still hears its sidechain, and a bus what
//! is sent to it. A track that goes to a group has no stem of its own, as it is in the group's, and a bus (a reverb, say) has one, with what all send to it.
//! So the stems add up to the mix, each sample of it within rounding, as long as nothing on the master is nonlinear (a compressor, limiter, gate or saturation)
//! or moves on its own (a chorus does alike in all, and adds up). Files of 16 bits all have the same dither: that of the sum of `n` of them is `n` times one.

use std::collections::HashSet;

use engine::{Song, Track};
use media::file_name;

use crate::limits::STEM_NAME_CHARACTERS_MAX;

/// One stem.
#[derive(Clone, Debug, PartialEq)]
pub struct Stem {
    /// The index of its track in the song.
    pub track: usize,
    /// A song whose mix is the stem.
    pub song: Song,
}

/// The stems of a song, in the order of its tracks. Tracks that bring the master nothing (muted ones, those that go elsewhere) have none.
pub fn stems(song: &Song) -> impl Iterator<Item = Stem> + '_ {
    heard(song).map(|(index, track)| Stem { track: index, song: alone(song, track.id) })
}

/// How many stems a song has, without making them.
#[must_use]
pub fn stem_count(song: &Song) -> usize {
    heard(song).count()
}

fn heard(song: &Song) -> impl Iterator<Item = (usize, &Track)> {
    song.tracks.iter().enumerate().filter(|(_, track)| track.output.is_none() && !track.muted)
}

/// The song with one track heard: all others that go to the master go into a track that is muted.
fn alone(song: &Song, id: u64) -> Song {
    let mut song = song.clone();
    let taken: HashSet<u64> = song.tracks.iter().map(|track| track.id).collect();
    let aside = (0..).find(|id| !taken.contains(id)).unwrap_or_default();
    for track in song.tracks.iter_mut().filter(|track| track.id != id && track.output.is_none()) {
        track.output = Some(aside);
    }
    song.tracks.push(Track { id: aside, muted: true, ..Track::default() });
    song
}

/// A stem's file: its track's number and name, as far as every system takes it.
#[must_use]
pub fn stem_file(track: usize, name: &str, extension: &str) -> String {
    let name: String = name.chars().take(STEM_NAME_CHARACTERS_MAX).collect();
    let name = file_name(&name);
    let space = if name.is_empty() { "" } else { " " };
    format!("{:02}{space}{name}.{extension}", track + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_such_as_every_system_takes() {
        assert_eq!(stem_file(1, " a/b: \"c\"? .. ", "wav"), "02 a b   c.wav");
        assert_eq!(stem_file(0, "\n", "ogg"), "01.ogg");
        assert_eq!(stem_file(0, &"é".repeat(200), "wav"), format!("01 {}.wav", "é".repeat(STEM_NAME_CHARACTERS_MAX)));
    }
}
