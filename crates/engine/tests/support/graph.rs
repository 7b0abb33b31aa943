//! Small songs for tests of the graph.

use dsp::devices::Kind;
use engine::{Device, Plan, Send, Song, SourceInfo, TICKS_PER_BEAT as BEAT, Track};

use super::songs::{clip, song, track};

/// Frames of every song here: one beat at 120 beats per minute.
pub const FRAMES: usize = 24_000;
/// Where the impulse lies.
pub const IMPULSE: usize = 1_000;

/// A device at its defaults.
pub fn device(id: u64, kind: Kind) -> Device {
    let values = kind.parameters().iter().map(|parameter| parameter.default).collect();
    Device { id, kind, bypassed: false, values, sidechain: None }
}

pub fn with(mut device: Device, values: &[(&str, f32)]) -> Device {
    for (name, value) in values {
        let index = dsp::device::parameter::index_of(device.kind.parameters(), name).unwrap();
        device.values[index] = *value;
    }
    device
}

/// A device that changes nothing but is late by so many milliseconds: a compressor whose threshold nothing reaches.
pub fn late(id: u64, ms: f32) -> Device {
    with(device(id, Kind::Compressor), &[("threshold", 0.0), ("ratio", 1.0), ("lookahead", ms)])
}

/// A device that changes nothing but is late: of the kind that `pick` says, by so many milliseconds where those can be chosen.
pub fn late_by(id: u64, pick: u8, ms: f32) -> Device {
    match pick % 4 {
        0 => late(id, ms),
        1 => with(device(id, Kind::Limiter), &[("lookahead", ms.max(dsp::limiter::LOOKAHEAD_MS_MIN))]),
        2 => with(device(id, Kind::Saturation), &[("mix", 0.0)]),
        _ => with(device(id, Kind::Gate), &[("range", 0.0)]),
    }
}

/// A song of tracks; the first source is an impulse, each track plays it unless it has no clips.
pub fn of(tracks: Vec<Track>) -> Song {
    let source = SourceInfo { id: 1, rate: 48_000, channels: 2, frames: FRAMES as u64 };
    song(48_000, 120_000, vec![source], tracks)
}

pub fn playing(id: u64) -> Track {
    track(id, vec![clip(1, 0, BEAT)])
}

pub fn bus(id: u64) -> Track {
    track(id, vec![])
}

pub fn send(id: u64, target: u64, gain: f64, pre: bool) -> Send {
    Send { id, target, gain, pre }
}

pub fn reader(channel: Vec<f32>) -> engine::MemoryReader {
    let mut reader = engine::MemoryReader::new();
    reader.insert(1, vec![channel.clone(), channel]);
    reader
}

pub fn impulse() -> Vec<f32> {
    let mut channel = vec![0.0; FRAMES];
    channel[IMPULSE] = 0.5;
    channel
}

pub fn sine(hz: f64, level: f64) -> Vec<f32> {
    let step = core::f64::consts::TAU * hz / 48_000.0;
    (0..FRAMES).map(|n| (level * libm::sin(step * n as f64)) as f32).collect()
}

/// What an export gives: the left channel, from frame 0 on.
pub fn export(song: &Song, channel: Vec<f32>, frames: usize) -> Vec<f32> {
    let plan = Plan::compile(song).unwrap();
    let mut left = Vec::new();
    engine::render(&plan.view(), &mut reader(channel), 0..frames as i64, |l, _| {
        left.extend_from_slice(l);
        Ok::<_, ()>(())
    })
    .unwrap();
    left
}

/// Where anything sounds, and what.
pub fn sounds(samples: &[f32]) -> Vec<(usize, f32)> {
    samples.iter().copied().enumerate().filter(|(_, x)| *x != 0.0).collect()
}
