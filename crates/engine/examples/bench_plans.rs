//! Writes plans to time the WASM with: `bench_plans FOLDER`.

use std::{env, fs, io, path::Path};

use engine::plan::CLIPS_MAX;
use engine::{Clip, Plan, Song, SourceInfo, TICKS_PER_BEAT, Track};

#[path = "../benches/support/plain.rs"]
mod plain;
#[path = "../benches/support/studio_song.rs"]
mod studio_song;
#[path = "../benches/support/taken.rs"]
mod taken;

/// Plans of the song that grows: more than there are buffers for them.
const GROWING: usize = 12;

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).ok_or_else(|| io::Error::other("usage: bench_plans FOLDER"))?;
    fs::create_dir_all(&folder)?;
    for (name, tracks, rate, clips) in [
        ("0-empty", 0, 48_000, 0),
        ("1-tracks-0-clips-64", 64, 48_000, 0),
        ("2-tracks-1", 1, 48_000, 1),
        ("3-tracks-32", 32, 48_000, 1),
        ("4-tracks-64", 64, 48_000, 1),
        ("5-tracks-64-of-160-clips", 64, 48_000, 160),
        ("6-tracks-1-converted", 1, 44_100, 1),
        ("7-tracks-32-converted", 32, 44_100, 1),
    ] {
        let plan = Plan::compile(&song(tracks, rate, clips)).map_err(io::Error::other)?;
        fs::write(Path::new(&folder).join(format!("{name}.plan")), plan.to_bytes())?;
    }
    let studio = Plan::compile(&studio_song::song(64)).map_err(io::Error::other)?;
    fs::write(Path::new(&folder).join("8-studio-64.plan"), studio.to_bytes())?;
    write_taken(&Path::new(&folder).join("taken"))
}

/// What `benches/taking.mjs` sends.
fn write_taken(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let write = |name: &str, song: &Song| {
        let plan = Plan::compile(song).map_err(io::Error::other)?;
        fs::write(folder.join(format!("{name}.plan")), plan.to_bytes())
    };
    for clips in taken::CLIPS {
        let mut song = taken::clips(clips);
        write(&format!("clips-{clips}"), &song)?;
        song.tracks[0].volume *= 0.5;
        write(&format!("clips-{clips}-turned"), &song)?;
    }
    // One after the other, a song that grows to the most clips there may be.
    for step in 0..GROWING {
        write(&format!("growing-{step}"), &taken::clips(CLIPS_MAX - 64 * (GROWING - step)))?;
    }
    write("insert", &taken::inserted(None))?;
    for kind in dsp::devices::Kind::ALL {
        write(&format!("insert-{}", kind.id()), &taken::inserted(Some(*kind)))?;
    }
    Ok(())
}

/// Ten minutes at 120 beats per minute.
fn song(tracks: u32, rate: u32, clips: i64) -> Song {
    let length = 1_200 * TICKS_PER_BEAT / clips.max(1);
    let clip = |source: u32, n: i64| Clip {
        start_ticks: n * length,
        duration_ticks: length,
        source,
        source_offset_seconds: n as f64 * 600.0 / clips as f64,
        ..Clip::default()
    };
    let track = |id: u32| Track {
        id: u64::from(id),
        volume: 0.5,
        pan: f64::from(id % 20) / 10.0 - 1.0,
        muted: false,
        solo: false,
        clips: (0..clips).map(|n| clip(id, n)).collect(),
        ..Track::default()
    };
    Song {
        tracks: (1..=tracks).map(track).collect(),
        sources: (1..=tracks).map(|id| SourceInfo { id, rate, channels: 2, frames: u64::from(rate) * 600 }).collect(),
        ..Song::default()
    }
}
