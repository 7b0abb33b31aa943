//! What can be measured of music: levels, seams, the grid, the tuning.

use std::sync::OnceLock;

use super::sound::pitch;
use super::voices::{self, Note};
use super::*;

type Planes = Vec<Vec<f32>>;

fn performed() -> &'static [(&'static Recording, Planes)] {
    static ALL: OnceLock<Vec<(&Recording, Planes)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let (first, second) = RECORDINGS.split_at(RECORDINGS.len() / 2);
        let play = |part: &'static [Recording]| move || part.iter().map(|one| (one, perform(one))).collect::<Vec<_>>();
        let other = std::thread::spawn(play(second));
        let mut all = play(first)();
        all.extend(other.join().unwrap());
        all
    })
}

fn seconds(recording: &Recording, planes: &Planes) -> f64 {
    planes[0].len() as f64 / f64::from(recording.rate)
}

#[test]
fn the_song_has_the_size_of_a_song() {
    let parts = parts();
    assert!(parts.len() >= 8);
    let end = parts.iter().flat_map(|part| &part.clips).map(|clip| clip.start + clip.beats).fold(0.0, f64::max);
    assert!((60.0..120.0).contains(&(end * BEAT)), "{} s", end * BEAT);
    let bytes: usize =
        performed().iter().map(|(one, planes)| planes.len() * planes[0].len() * one.bits as usize / 8).sum();
    assert!(bytes < 60_000_000, "{bytes}");
    assert!(RECORDINGS.iter().any(|one| one.rate == 44_100) && RECORDINGS.iter().any(|one| one.bits == 24));
}

#[test]
fn clips_lie_within_their_recordings_one_after_another() {
    for part in parts() {
        for pair in part.clips.windows(2) {
            let apart = pair[0].start + pair[0].beats <= pair[1].start;
            // Cymbals and the riser may ring into each other.
            assert!(apart || part.name == "Cymbals & FX", "{} at beat {}", part.name, pair[1].start);
        }
        for clip in &part.clips {
            let (one, planes) = performed().iter().find(|(one, _)| one.filename == clip.filename).unwrap();
            assert!(clip.beats * BEAT <= seconds(one, planes) + 1e-9, "{} at beat {}", clip.filename, clip.start);
            assert!(clip.fade_in + clip.fade_out <= clip.beats, "{} at beat {}", clip.filename, clip.start);
        }
    }
    for one in RECORDINGS {
        let used = parts().iter().flat_map(|part| &part.clips).any(|clip| clip.filename == one.filename);
        assert!(used, "{}", one.filename);
    }
}

#[test]
fn recordings_have_headroom_and_no_offset() {
    for (one, planes) in performed() {
        for plane in planes {
            assert!(plane.iter().all(|x| x.is_finite()), "{}", one.filename);
            let peak = plane.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
            assert!((0.1..0.75).contains(&peak), "{}: {peak}", one.filename);
            let mean = plane.iter().map(|x| f64::from(*x)).sum::<f64>() / plane.len() as f64;
            assert!(mean.abs() < 0.001, "{}: {mean}", one.filename);
        }
    }
}

#[test]
fn loops_are_whole_bars_and_have_no_seam() {
    let mut loops = 0;
    for (one, planes) in performed() {
        let bars = seconds(one, planes) / BAR;
        if ![1.0, 2.0, 4.0].contains(&bars) || one.filename == "Riser.wav" {
            continue;
        }
        loops += 1;
        for plane in planes {
            let step = |a: f32, b: f32| (a - b).abs();
            let near = one.rate as usize / 20;
            let around = plane[..near].windows(2).chain(plane[plane.len() - near..].windows(2));
            let usual = around.map(|pair| step(pair[0], pair[1])).fold(0.0, f32::max);
            let seam = step(plane[0], plane[plane.len() - 1]);
            assert!(seam <= usual + 0.005, "{}: a step of {seam} where {usual} is usual", one.filename);
        }
    }
    assert!(loops >= 15, "{loops}");
}

#[test]
fn what_is_heard_once_begins_and_ends_in_silence() {
    for name in
        ["Lead 1.wav", "Glass Bells.wav", "Splash.wav", "Clap.wav", "Riser.wav", "Rhodes Ending.wav", "Pad Ending.wav"]
    {
        let (_, planes) = performed().iter().find(|(one, _)| one.filename == name).unwrap();
        for plane in planes {
            assert!(plane[0].abs() < 0.01 && plane[plane.len() - 1].abs() < 0.01, "{name}");
        }
    }
}

#[test]
fn the_kick_is_on_the_grid() {
    let (one, planes) = performed().iter().find(|(one, _)| one.filename == "Kick Verse.wav").unwrap();
    let plane = &planes[0];
    let energy = |at: f64| -> f64 {
        let from = (at * f64::from(one.rate)) as usize;
        plane[from..from + one.rate as usize / 100].iter().map(|x| f64::from(x * x)).sum()
    };
    // Beats one and the "and" of three of the first bar: quiet before, loud after.
    for beat in [2.5, 4.0, 6.5] {
        let at = beat * BEAT;
        assert!(energy(at + 0.001) > 8.0 * energy(at - 0.012), "beat {beat}");
    }
}

/// The pitch in Hz by the highest peak of the autocorrelation near `expected`, refined by a parabola.
fn measured_pitch(samples: &[f32], rate: u32, expected: f64) -> f64 {
    let window = &samples[samples.len() / 6..samples.len() / 6 + 9_600];
    let correlation = |lag: usize| -> f64 {
        window.iter().zip(&window[lag..]).take(8_000).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let period = f64::from(rate) / expected;
    let lags = (period * 0.92) as usize..=(period * 1.08) as usize + 1;
    let best = lags.max_by(|a, b| correlation(*a).total_cmp(&correlation(*b))).unwrap();
    let (before, at, after) = (correlation(best - 1), correlation(best), correlation(best + 1));
    let shift = 0.5 * (before - after) / (before - 2.0 * at + after);
    f64::from(rate) / (best as f64 + shift)
}

#[test]
fn voices_are_in_tune() {
    let rate = 48_000;
    for key in [45.0, 57.0, 64.0, 69.0] {
        let frequency = pitch(key);
        let note = Note { frequency, length: 1.2, velocity: 0.7 };
        let voices = [
            ("electric piano", voices::electric_piano(rate, note)),
            ("string", voices::plucked_string(rate, note, 5)),
            ("bass", voices::bass(rate, note)),
        ];
        for (name, samples) in voices {
            let cents = 1_200.0 * libm::log2(measured_pitch(&samples, rate, frequency) / frequency);
            assert!(cents.abs() < 8.0, "{name}, key {key}: {cents:.1} cents off");
        }
    }
}

#[test]
fn a_performance_is_the_same_each_time() {
    for name in ["Kick Lift.wav", "Nylon Break.wav", "Harbour Air.wav"] {
        let (one, planes) = performed().iter().find(|(one, _)| one.filename == name).unwrap();
        assert!(*planes == perform(one), "{name}");
    }
}
