//! A song of these tracks, and nothing out of the ordinary about it: 48 kHz, 120 beats a minute, four in a bar.

use engine::{Song, SourceInfo, Track};

/// Recordings are stereo and of so many frames, one for each of these numbers.
pub(crate) fn song(tracks: Vec<Track>, recordings: impl IntoIterator<Item = u32>, frames: u64) -> Song {
    let source = |id: u32| SourceInfo { id, rate: 48_000, channels: 2, frames };
    Song { tracks, sources: recordings.into_iter().map(source).collect(), ..Song::default() }
}
