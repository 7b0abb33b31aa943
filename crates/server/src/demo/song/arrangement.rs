//! Who plays when: the recordings of the song, its tracks and their clips.

use super::harmony::{self, BREAK, Density, ENDING, Form, LIFT, VERSE};
use super::sound::Sound;
use super::{BAR, melody, rhythm, texture};

/// A recording: what it is called, its shape as a file, and how to make it.
pub(crate) struct Recording {
    /// A file's name.
    pub(crate) filename: &'static str,
    /// Hz.
    pub(crate) rate: u32,
    /// 16 or 24.
    pub(crate) bits: u32,
    /// 1 takes the left side.
    pub(crate) channels: u16,
    pub(super) make: fn(u32) -> Sound,
}

/// A clip: which recording, where, how. Positions in beats.
pub(crate) struct Placed {
    /// The file's name.
    pub(crate) filename: &'static str,
    /// Where it begins.
    pub(crate) start: f64,
    /// How long it is.
    pub(crate) beats: f64,
    /// Linear.
    pub(crate) gain: f64,
    /// In beats.
    pub(crate) fade_in: f64,
    /// In beats.
    pub(crate) fade_out: f64,
}

/// A track and its clips.
pub(crate) struct Part {
    /// The track's name.
    pub(crate) name: &'static str,
    /// `#rrggbb`.
    pub(crate) colour: &'static str,
    /// In decibels.
    pub(crate) volume_db: f64,
    /// -1..1.
    pub(crate) pan: f64,
    /// In order of time.
    pub(crate) clips: Vec<Placed>,
}

const fn recording(filename: &'static str, rate: u32, bits: u32, channels: u16, make: fn(u32) -> Sound) -> Recording {
    Recording { filename, rate, bits, channels, make }
}

/// Every recording. Some are at 44.1 kHz and some have 24 bits, as a band's folder would.
pub(crate) const RECORDINGS: &[Recording] = &[
    recording("Kick Verse.wav", 48_000, 16, 1, rhythm::kick_verse),
    recording("Kick Lift.wav", 48_000, 16, 1, rhythm::kick_lift),
    recording("Snare.wav", 48_000, 16, 2, rhythm::snare),
    recording("Snare Fill.wav", 48_000, 16, 2, rhythm::snare_fill),
    recording("Clap.wav", 44_100, 16, 2, rhythm::clap),
    recording("Hats Swung.wav", 48_000, 16, 2, rhythm::hats),
    recording("Shaker.wav", 44_100, 16, 2, rhythm::shaker),
    recording("Congas.wav", 48_000, 16, 2, rhythm::congas),
    recording("Splash.wav", 44_100, 16, 2, rhythm::splash),
    recording("Riser.wav", 48_000, 16, 2, rhythm::riser),
    recording("Bass Verse.wav", 48_000, 24, 1, |rate| harmony::bass(rate, VERSE, Form::Loop)),
    recording("Bass Lift.wav", 48_000, 24, 1, |rate| harmony::bass(rate, LIFT, Form::Loop)),
    recording("Bass Ending.wav", 48_000, 24, 1, |rate| harmony::bass(rate, ENDING, Form::Ending)),
    recording("Rhodes Verse.wav", 48_000, 16, 2, |rate| harmony::electric_piano(rate, VERSE, Form::Loop)),
    recording("Rhodes Lift.wav", 48_000, 16, 2, |rate| harmony::electric_piano(rate, LIFT, Form::Loop)),
    recording("Rhodes Break.wav", 48_000, 16, 2, |rate| harmony::electric_piano(rate, BREAK, Form::Loop)),
    recording("Rhodes Ending.wav", 48_000, 16, 2, |rate| harmony::electric_piano(rate, ENDING, Form::Ending)),
    recording("Nylon Verse.wav", 44_100, 16, 2, |rate| harmony::nylon(rate, VERSE, Density::Sparse)),
    recording("Nylon Lift.wav", 44_100, 16, 2, |rate| harmony::nylon(rate, LIFT, Density::Rolling)),
    recording("Nylon Break.wav", 44_100, 16, 2, |rate| harmony::nylon(rate, BREAK, Density::Sparse)),
    recording("Pad Verse.wav", 48_000, 16, 2, |rate| harmony::pad(rate, VERSE, Form::Loop, false)),
    recording("Pad Lift.wav", 48_000, 16, 2, |rate| harmony::pad(rate, LIFT, Form::Loop, true)),
    recording("Pad Break.wav", 48_000, 16, 2, |rate| harmony::pad(rate, BREAK, Form::Loop, false)),
    recording("Pad Ending.wav", 48_000, 16, 2, |rate| harmony::pad(rate, ENDING, Form::Ending, false)),
    recording("Lead 1.wav", 48_000, 16, 2, melody::lead_first),
    recording("Lead 2.wav", 48_000, 16, 2, melody::lead_second),
    recording("Glass Bells Break.wav", 48_000, 16, 2, melody::bells_break),
    recording("Glass Bells.wav", 48_000, 16, 2, melody::bells_lift),
    recording("Harbour Air.wav", 44_100, 16, 2, |rate| texture::harbour(rate, 4.0 * BAR)),
];

// The form, in bars.
const VERSE_AT: f64 = 4.0;
const LIFT_AT: f64 = 12.0;
const BREAK_AT: f64 = 20.0;
const LIFT_2_AT: f64 = 24.0;
const OUTRO_AT: f64 = 32.0;
/// The last chord has rung out here.
const END: f64 = 37.5;

/// Clips of `bars` each, one after another, from bar `from` up to bar `to`.
fn row(filename: &'static str, bars: f64, from: f64, to: f64) -> Vec<Placed> {
    let count = ((to - from) / bars) as usize;
    (0..count).map(|i| placed(filename, from + bars * i as f64, bars)).collect()
}

fn placed(filename: &'static str, bar: f64, bars: f64) -> Placed {
    Placed { filename, start: bar * 4.0, beats: bars * 4.0, gain: 1.0, fade_in: 0.0, fade_out: 0.0 }
}

impl Placed {
    fn gain(self, gain: f64) -> Placed {
        Placed { gain, ..self }
    }
    fn fade_in(self, bars: f64) -> Placed {
        Placed { fade_in: bars * 4.0, ..self }
    }
    fn fade_out(self, bars: f64) -> Placed {
        Placed { fade_out: bars * 4.0, ..self }
    }
}

fn part(name: &'static str, colour: &'static str, volume_db: f64, pan: f64, clips: Vec<Vec<Placed>>) -> Part {
    let mut clips: Vec<Placed> = clips.into_iter().flatten().collect();
    clips.sort_by(|a, b| a.start.total_cmp(&b.start));
    trim_edges(&mut clips);
    Part { name, colour, volume_db, pan, clips }
}

/// Where a recording does not go on from itself, it gets a fade too short to hear, so that its cut does not click.
fn trim_edges(clips: &mut [Placed]) {
    const IN: f64 = 0.002;
    const OUT: f64 = 0.015;
    let goes_on = |a: &Placed, b: &Placed| a.filename == b.filename && a.start + a.beats == b.start;
    for index in 0..clips.len() {
        if index == 0 || !goes_on(&clips[index - 1], &clips[index]) {
            clips[index].fade_in = clips[index].fade_in.max(IN);
        }
        if index + 1 == clips.len() || !goes_on(&clips[index], &clips[index + 1]) {
            clips[index].fade_out = clips[index].fade_out.max(OUT);
        }
    }
}

/// The tracks, top to bottom.
pub(crate) fn parts() -> Vec<Part> {
    [drums(), low_end(), chords(), voices()].into_iter().flatten().collect()
}

fn drums() -> Vec<Part> {
    let claps = [LIFT_AT, LIFT_2_AT]
        .into_iter()
        .flat_map(|lift| (0..16).map(move |half| placed("Clap.wav", lift + 0.25 + f64::from(half) * 0.5, 0.4)))
        .collect();
    vec![
        part(
            "Kick",
            "#e5484d",
            -6.0,
            0.0,
            vec![
                row("Kick Verse.wav", 2.0, VERSE_AT, LIFT_AT),
                row("Kick Lift.wav", 2.0, LIFT_AT, BREAK_AT),
                row("Kick Lift.wav", 2.0, LIFT_2_AT, OUTRO_AT),
            ],
        ),
        part(
            "Snare",
            "#f76b15",
            -5.5,
            0.0,
            vec![
                row("Snare.wav", 2.0, VERSE_AT, 10.0),
                row("Snare Fill.wav", 2.0, 10.0, LIFT_AT),
                row("Snare.wav", 2.0, LIFT_AT, 18.0),
                row("Snare Fill.wav", 2.0, 18.0, BREAK_AT),
                row("Snare.wav", 2.0, LIFT_2_AT, OUTRO_AT),
            ],
        ),
        part("Claps", "#ffb224", -7.0, 0.0, vec![claps]),
        part(
            "Hats",
            "#f5d90a",
            -6.0,
            0.1,
            vec![
                vec![placed("Hats Swung.wav", 6.0, 2.0).fade_in(2.0)],
                row("Hats Swung.wav", 2.0, 8.0, BREAK_AT),
                row("Hats Swung.wav", 2.0, LIFT_2_AT, OUTRO_AT),
                vec![placed("Hats Swung.wav", OUTRO_AT, 2.0).fade_out(2.0)],
            ],
        ),
        part(
            "Shaker",
            "#bdee63",
            -8.5,
            -0.2,
            vec![row("Shaker.wav", 1.0, LIFT_AT, BREAK_AT), row("Shaker.wav", 1.0, LIFT_2_AT, OUTRO_AT)],
        ),
        part(
            "Congas",
            "#46a758",
            -9.5,
            0.15,
            vec![
                row("Congas.wav", 2.0, 8.0, LIFT_AT),
                row("Congas.wav", 2.0, LIFT_AT, BREAK_AT),
                row("Congas.wav", 2.0, LIFT_2_AT, OUTRO_AT),
            ],
        ),
        part(
            "Cymbals & FX",
            "#12a594",
            -10.0,
            0.0,
            vec![
                vec![placed("Riser.wav", 10.0, 2.0).gain(0.5)],
                vec![placed("Splash.wav", LIFT_AT, 1.6)],
                vec![placed("Splash.wav", BREAK_AT, 1.6).gain(0.6)],
                vec![placed("Riser.wav", 22.0, 2.0).gain(0.9)],
                vec![placed("Splash.wav", LIFT_2_AT, 1.6)],
                vec![placed("Splash.wav", OUTRO_AT, 1.6).gain(0.7)],
            ],
        ),
    ]
}

fn low_end() -> Vec<Part> {
    vec![part(
        "Bass",
        "#0090ff",
        -8.0,
        0.0,
        vec![
            row("Bass Verse.wav", 4.0, VERSE_AT, LIFT_AT),
            row("Bass Lift.wav", 4.0, LIFT_AT, BREAK_AT),
            row("Bass Lift.wav", 4.0, LIFT_2_AT, OUTRO_AT),
            vec![placed("Bass Ending.wav", OUTRO_AT, END - OUTRO_AT).fade_out(1.5)],
        ],
    )]
}

fn chords() -> Vec<Part> {
    vec![
        part(
            "Rhodes",
            "#3e63dd",
            -5.2,
            0.0,
            vec![
                row("Rhodes Verse.wav", 4.0, 0.0, LIFT_AT),
                row("Rhodes Lift.wav", 4.0, LIFT_AT, BREAK_AT),
                row("Rhodes Break.wav", 4.0, BREAK_AT, LIFT_2_AT),
                row("Rhodes Lift.wav", 4.0, LIFT_2_AT, OUTRO_AT),
                vec![placed("Rhodes Ending.wav", OUTRO_AT, END - OUTRO_AT).fade_out(1.0)],
            ],
        ),
        part(
            "Nylon Guitar",
            "#8e4ec6",
            -7.8,
            -0.3,
            vec![
                vec![placed("Nylon Verse.wav", 8.0, 4.0).fade_in(0.5)],
                row("Nylon Lift.wav", 4.0, LIFT_AT, BREAK_AT),
                row("Nylon Break.wav", 4.0, BREAK_AT, LIFT_2_AT),
                row("Nylon Lift.wav", 4.0, LIFT_2_AT, OUTRO_AT),
            ],
        ),
        part(
            "Pad",
            "#6e56cf",
            -8.3,
            0.0,
            vec![
                vec![placed("Pad Verse.wav", 0.0, 4.0).fade_in(3.5)],
                row("Pad Verse.wav", 4.0, VERSE_AT, LIFT_AT),
                row("Pad Lift.wav", 4.0, LIFT_AT, BREAK_AT),
                vec![placed("Pad Break.wav", BREAK_AT, 4.0).gain(1.3)],
                row("Pad Lift.wav", 4.0, LIFT_2_AT, OUTRO_AT),
                vec![placed("Pad Ending.wav", OUTRO_AT, END - OUTRO_AT).fade_out(2.0)],
            ],
        ),
    ]
}

fn voices() -> Vec<Part> {
    vec![
        part(
            "Lead",
            "#e93d82",
            -6.3,
            0.0,
            vec![
                vec![placed("Lead 1.wav", LIFT_AT, 10.0).fade_out(0.5)],
                vec![placed("Lead 2.wav", LIFT_2_AT, 10.0).fade_out(0.5)],
            ],
        ),
        part(
            "Glass Bells",
            "#7ce2fe",
            -8.0,
            0.25,
            vec![
                vec![placed("Glass Bells Break.wav", BREAK_AT, 4.0).gain(0.7).fade_out(0.5)],
                vec![placed("Glass Bells.wav", LIFT_2_AT, 10.0).fade_out(0.5)],
            ],
        ),
        part(
            "Harbour Air",
            "#8b8d98",
            -10.0,
            0.0,
            vec![
                vec![placed("Harbour Air.wav", 0.0, 4.0).fade_in(0.5)],
                row("Harbour Air.wav", 4.0, 4.0, 36.0),
                vec![placed("Harbour Air.wav", 36.0, END - 36.0).fade_out(1.25)],
            ],
        ),
    ]
}
