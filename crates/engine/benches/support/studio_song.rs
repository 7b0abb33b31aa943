//! A large song: tracks with EQ, compressor, saturation and delay, each sent to a reverb and to a room.

use dsp::devices::Kind;
use engine::{Clip, Device, Send, Song, TICKS_PER_BEAT, Track};

use super::plain;

/// So many tracks over 20 s of stereo each, at 48 kHz.
pub(crate) fn song(tracks: u64) -> Song {
    let bus = |id: u64, kind: Kind| Track { id, devices: vec![device(10 * id, kind, &[])], ..Track::default() };
    let mut all: Vec<Track> = (1..=tracks).map(track).collect();
    all.extend([bus(1_001, Kind::Reverb), bus(1_002, Kind::Room)]);
    plain::song(all, (1..=tracks).map(|id| id as u32), 20 * 48_000)
}

fn track(id: u64) -> Track {
    let clip = Clip { start_ticks: 0, duration_ticks: 40 * TICKS_PER_BEAT, source: id as u32, ..Clip::default() };
    // Four bands, as a channel of a song has them.
    let bands =
        [("on1", 1.0), ("on2", 1.0), ("gain2", 3.0), ("on3", 1.0), ("gain3", -4.0), ("on4", 1.0), ("gain4", 2.0)];
    let send = |n: u64, target: u64, gain: f64| Send { id: 10 * id + n, target, gain, pre: false };
    Track {
        id,
        volume: 0.2,
        pan: (id % 20) as f64 / 10.0 - 1.0,
        clips: vec![clip],
        devices: vec![
            device(10 * id, Kind::Equaliser, &bands),
            device(10 * id + 1, Kind::Compressor, &[]),
            device(10 * id + 2, Kind::Saturation, &[]),
            device(10 * id + 3, Kind::Delay, &[]),
        ],
        sends: vec![send(4, 1_001, 0.2), send(5, 1_002, 0.1)],
        ..Track::default()
    }
}

fn device(id: u64, kind: Kind, given: &[(&str, f32)]) -> Device {
    let value = |parameter: &dsp::device::Parameter| {
        given.iter().find(|(name, _)| *name == parameter.id).map_or(parameter.default, |(_, value)| *value)
    };
    Device { id, kind, bypassed: false, values: kind.parameters().iter().map(value).collect(), sidechain: None }
}
