//! Songs whose plans are taken: with many clips, and with a device that is inserted.

use dsp::devices::Kind;
use engine::plan::CLIPS_MAX;
use engine::{Clip, Device, Song, TICKS_PER_BEAT, Track};

use super::plain;

/// How many clips the songs have, all on 64 tracks.
pub(crate) const CLIPS: [usize; 3] = [640, 10_000, CLIPS_MAX];
const TRACKS: usize = 64;

/// A song of so many clips.
pub(crate) fn clips(count: usize) -> Song {
    let track = |id: usize| {
        let clips = (0..count / TRACKS + usize::from(id < count % TRACKS)).map(|n| Clip {
            start_ticks: n as i64 * TICKS_PER_BEAT / 2,
            duration_ticks: TICKS_PER_BEAT / 2,
            ..Clip::default()
        });
        Track { id: 1 + id as u64, volume: 0.1, clips: clips.collect(), ..Track::default() }
    };
    plain::song((0..TRACKS).map(track).collect(), [0], 48_000)
}

/// Sixteen tracks with a filter each, and one with what is inserted.
pub(crate) fn inserted(kind: Option<Kind>) -> Song {
    let device = |id: u64, kind: Kind| {
        let values = kind.parameters().iter().map(|parameter| parameter.default).collect();
        Device { id, kind, bypassed: false, values, sidechain: None }
    };
    let track = |id: u64| Track {
        id,
        clips: vec![Clip { duration_ticks: 40 * TICKS_PER_BEAT, ..Clip::default() }],
        devices: vec![device(100 + id, Kind::Filter)],
        ..Track::default()
    };
    let mut tracks: Vec<Track> = (1..=16).map(track).collect();
    tracks[0].devices.extend(kind.map(|kind| device(200, kind)));
    plain::song(tracks, [0], 48_000)
}
