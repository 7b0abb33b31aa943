//! The chords and those who play them: bass, electric piano, nylon strings, pad. Key: C major.

use super::effects::{Compressor, Echo, Filter, Pair, Room, saturate};
use super::sound::{Noise, Sound, pitch};
use super::voices::{self, Note};
use super::{BAR, BEAT};

/// A chord: how long, the bass's note, the voicing above it. MIDI note numbers, lengths in beats.
pub(super) struct Chord {
    beats: f64,
    root: f64,
    voicing: &'static [f64],
}

const fn chord(beats: f64, root: f64, voicing: &'static [f64]) -> Chord {
    Chord { beats, root, voicing }
}

const F_MAJOR_9: &[f64] = &[57.0, 60.0, 64.0, 67.0];
const E_MINOR_7: &[f64] = &[55.0, 59.0, 62.0, 67.0];
const A_MINOR_9: &[f64] = &[55.0, 59.0, 60.0, 64.0];
const D_MINOR_9: &[f64] = &[53.0, 57.0, 60.0, 64.0];
const G_13: &[f64] = &[53.0, 57.0, 59.0, 64.0];
const G_6: &[f64] = &[55.0, 59.0, 62.0, 64.0];
const C_MAJOR_9: &[f64] = &[52.0, 55.0, 59.0, 62.0];
const F_MINOR_6: &[f64] = &[56.0, 60.0, 62.0, 67.0];
const C_OVER_E: &[f64] = &[55.0, 60.0, 62.0, 64.0];
const A_7_FLAT_9: &[f64] = &[55.0, 58.0, 61.0, 64.0];
const C_MAJOR_9_WIDE: &[f64] = &[52.0, 59.0, 62.0, 67.0, 71.0];

/// Fmaj9 · Em7 · Am9 · Dm9 G13
pub(super) const VERSE: &[Chord] = &[
    chord(4.0, 41.0, F_MAJOR_9),
    chord(4.0, 40.0, E_MINOR_7),
    chord(4.0, 33.0, A_MINOR_9),
    chord(2.0, 38.0, D_MINOR_9),
    chord(2.0, 31.0, G_13),
];
/// Fmaj9 · G6 · Cmaj9 · Am9
pub(super) const LIFT: &[Chord] =
    &[chord(4.0, 41.0, F_MAJOR_9), chord(4.0, 43.0, G_6), chord(4.0, 36.0, C_MAJOR_9), chord(4.0, 33.0, A_MINOR_9)];
/// Fmaj9 · Fm6 · C/E · A7♭9
pub(super) const BREAK: &[Chord] = &[
    chord(4.0, 41.0, F_MAJOR_9),
    chord(4.0, 41.0, F_MINOR_6),
    chord(4.0, 40.0, C_OVER_E),
    chord(4.0, 33.0, A_7_FLAT_9),
];
/// Fmaj9 · Em7 Am9 · Dm9 G13 · Cmaj9, which rings
pub(super) const ENDING: &[Chord] = &[
    chord(4.0, 41.0, F_MAJOR_9),
    chord(2.0, 40.0, E_MINOR_7),
    chord(2.0, 33.0, A_MINOR_9),
    chord(2.0, 38.0, D_MINOR_9),
    chord(2.0, 31.0, G_13),
    chord(10.0, 36.0, C_MAJOR_9_WIDE),
];

/// How a part ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Four bars that repeat.
    Loop,
    /// Once, with its last chord ringing.
    Ending,
}

fn blank(rate: u32, form: Form) -> Sound {
    match form {
        Form::Loop => Sound::looped(rate, 4.0 * BAR),
        Form::Ending => Sound::once(rate, 5.5 * BAR + 1.5),
    }
}

fn finished(sound: Sound, form: Form, peak_db: f64) -> Sound {
    let sound = if form == Form::Ending { sound.faded_out(2.5) } else { sound };
    sound.normalised(peak_db)
}

/// Each chord with the beat on which it begins.
fn timed(chords: &'static [Chord]) -> impl Iterator<Item = (f64, &'static Chord)> {
    chords.iter().scan(0.0, |beat, chord| {
        let start = *beat;
        *beat += chord.beats;
        Some((start, chord))
    })
}

/// The bass: the root on the one, an answer on the kick's off-beat, a step into the next chord. Mono in effect.
pub(super) fn bass(rate: u32, chords: &'static [Chord], form: Form) -> Sound {
    // Beat in the bar, length, semitones above the root, touch.
    const LONG: [(f64, f64, f64, f64); 4] =
        [(0.0, 1.6, 0.0, 1.0), (2.5, 0.7, 0.0, 0.85), (3.29, 0.2, 12.0, 0.55), (3.5, 0.42, 7.0, 0.7)];
    const SHORT: [(f64, f64, f64, f64); 2] = [(0.0, 1.2, 0.0, 0.95), (1.5, 0.42, 7.0, 0.7)];
    let mut sound = blank(rate, form);
    for (start, chord) in timed(chords) {
        let held = [(0.0, chord.beats, 0.0, 1.0)];
        let riff: &[_] = match chord.beats {
            4.0 => &LONG,
            2.0 => &SHORT,
            _ => &held,
        };
        for &(beat, length, up, velocity) in riff {
            let note = Note { frequency: pitch(chord.root + up), length: length * BEAT, velocity };
            sound.place((start + beat) * BEAT, &voices::bass(rate, note), std::f64::consts::SQRT_2, 0.0);
        }
    }
    let mut press = Compressor::new(rate, -10.0, 3.0, 0.02, 0.12);
    let mut below = Pair::new(rate, 28.0, 0.7);
    let mut kick = KickDuck::new(rate, if form == Form::Loop { 0.45 } else { 0.0 });
    let sound = sound.process(|l, r| {
        let gain = kick.next();
        let (l, r) = press.next(l * gain, r * gain);
        below.high(l, r)
    });
    finished(sound, form, -4.0)
}

/// The electric piano: each chord on the one and again, softer, on the off-beat; rolled from the bottom; a tremolo that
/// goes from side to side three times in two beats.
pub(super) fn electric_piano(rate: u32, chords: &'static [Chord], form: Form) -> Sound {
    let mut sound = blank(rate, form);
    let mut hand = Noise::new(17);
    for (start, chord) in timed(chords) {
        let strokes: &[(f64, f64, f64)] = match chord.beats {
            4.0 => &[(0.0, 2.35, 0.72), (2.54, 1.4, 0.5)],
            2.0 => &[(0.0, 1.85, 0.66)],
            _ => &[(0.0, chord.beats, 0.75)],
        };
        for &(beat, length, touch) in strokes {
            let at = (start + beat) * BEAT;
            for (index, &key) in chord.voicing.iter().enumerate() {
                let velocity = touch + 0.07 * hand.next() + if index + 1 == chord.voicing.len() { 0.12 } else { 0.0 };
                let note = Note { frequency: pitch(key), length: length * BEAT, velocity };
                let roll = index as f64 * 0.011 + 0.003 * hand.next().abs();
                let side = (key - 60.0) / 18.0;
                sound.place(at + roll, &voices::electric_piano(rate, note), 0.25, side);
            }
        }
    }
    let mut room = Room::new(rate, 1.4, 0.13);
    let mut below = Pair::new(rate, 110.0, 0.7);
    let mut tremolo = Tremolo::new(rate);
    let mut press = Compressor::new(rate, -14.0, 2.5, 0.008, 0.15);
    let sound = sound.process(|l, r| {
        let (l, r) = press.next(saturate(l, 1.5), saturate(r, 1.5));
        let (l, r) = tremolo.next(l, r);
        let (l, r) = room.next(l, r);
        below.high(l, r)
    });
    finished(sound, form, -5.0)
}

struct Tremolo {
    phase: f64,
    step: f64,
}

impl Tremolo {
    fn new(rate: u32) -> Tremolo {
        Tremolo { phase: 0.0, step: 1.5 / BEAT / f64::from(rate) }
    }

    fn next(&mut self, l: f32, r: f32) -> (f32, f32) {
        let swing = libm::sinf((self.phase * std::f64::consts::TAU) as f32) * 0.16;
        self.phase = (self.phase + self.step).fract();
        (l * (1.0 + swing), r * (1.0 - swing))
    }
}

/// Nylon strings: the chord broken in swung sixteenths, with an echo of a dotted eighth.
pub(super) fn nylon(rate: u32, chords: &'static [Chord], density: Density) -> Sound {
    let mut sound = Sound::looped(rate, 4.0 * BAR);
    let mut hand = Noise::new(19);
    for (start, chord) in timed(chords) {
        let steps = (chord.beats * 4.0) as usize;
        for step in 0..steps {
            let Some((tone, touch)) = density.stroke(step) else { continue };
            let key = chord.voicing[tone % chord.voicing.len()] + 12.0 * (tone / chord.voicing.len()) as f64;
            let swing = if step % 2 == 1 { 0.04 } else { 0.0 };
            let at = (start + step as f64 / 4.0 + swing) * BEAT + 0.004 * hand.next();
            let velocity = touch + 0.08 * hand.next();
            let note = Note { frequency: pitch(key + 12.0), length: 0.9, velocity };
            let string = voices::plucked_string(rate, note, 400 + (start as usize * 4 + step) as u64);
            sound.place(at, &string, 0.5, (tone as f64 - 2.5) * 0.13);
        }
    }
    let mut press = Compressor::new(rate, -18.0, 3.0, 0.002, 0.08);
    let mut echo = Echo::new(rate, BEAT * 0.75, 0.38, 0.34);
    let mut room = Room::new(rate, 1.7, 0.16);
    let mut below = Pair::new(rate, 150.0, 0.7);
    let sound = sound.process(|l, r| {
        let (l, r) = below.high(l, r);
        let (l, r) = press.next(saturate(l, 2.5), saturate(r, 2.5));
        let (l, r) = echo.next(l, r);
        room.next(l, r)
    });
    sound.normalised(-6.0)
}

/// How busy the strings are.
#[derive(Clone, Copy)]
pub(super) enum Density {
    /// A few notes to a bar.
    Sparse,
    /// Rolling sixteenths with gaps.
    Rolling,
}

impl Density {
    /// Which of the chord's tones sounds on a sixteenth, and how strongly.
    fn stroke(self, step: usize) -> Option<(usize, f64)> {
        let tones: [Option<usize>; 16] = match self {
            Density::Sparse => [
                Some(0),
                None,
                None,
                Some(2),
                None,
                None,
                Some(3),
                None,
                None,
                Some(1),
                None,
                None,
                Some(4),
                None,
                Some(3),
                None,
            ],
            Density::Rolling => [
                Some(0),
                Some(2),
                None,
                Some(3),
                Some(1),
                None,
                Some(4),
                Some(2),
                None,
                Some(3),
                Some(5),
                None,
                Some(4),
                Some(2),
                Some(3),
                None,
            ],
        };
        let accent = if step.is_multiple_of(3) { 0.78 } else { 0.52 };
        tones[step % 16].map(|tone| (tone, accent))
    }
}

/// The pad: each chord in slow saws through a filter that opens and closes once in the four bars. Where the kick plays,
/// it ducks.
pub(super) fn pad(rate: u32, chords: &'static [Chord], form: Form, ducks: bool) -> Sound {
    let mut sound = blank(rate, form);
    for (start, chord) in timed(chords) {
        let length = chord.beats * BEAT - 0.05;
        for (index, &key) in chord.voicing.iter().chain([&(chord.root + 12.0)]).enumerate() {
            let note = Note { frequency: pitch(key), length, velocity: 0.8 };
            for (side, spread) in [(-0.75, 9.0), (0.75, -11.0)] {
                let seed = 500 + (start as u64) * 16 + index as u64 * 2 + u64::from(side > 0.0);
                sound.place(start * BEAT, &voices::pad(rate, note, spread, seed), 0.2, side);
            }
        }
    }
    let mut filter = PadFilter::new(rate);
    let mut kick = KickDuck::new(rate, if ducks { 0.5 } else { 0.0 });
    let mut room = Room::new(rate, 2.6, 0.3);
    let mut below = Pair::new(rate, 140.0, 0.7);
    let sound = sound.process(|l, r| {
        let gain = kick.next();
        let (l, r) = filter.next(l * gain, r * gain);
        let (l, r) = below.high(l, r);
        room.next(l, r)
    });
    finished(sound, form, -7.0)
}

struct PadFilter {
    sides: [Filter; 2],
    frame: usize,
    rate: f64,
}

impl PadFilter {
    fn new(rate: u32) -> PadFilter {
        let filter = Filter::new(rate, 900.0, 0.75);
        PadFilter { sides: [filter.clone(), filter], frame: 0, rate: f64::from(rate) }
    }

    fn next(&mut self, l: f32, r: f32) -> (f32, f32) {
        if self.frame.is_multiple_of(32) {
            let slow = self.frame as f64 / self.rate / (4.0 * BAR) * std::f64::consts::TAU;
            self.sides[0].tune(1_250.0 + 750.0 * libm::sin(slow - 1.1));
            self.sides[1].tune(1_250.0 + 750.0 * libm::sin(slow - 0.7));
        }
        self.frame += 1;
        let [left, right] = &mut self.sides;
        (left.next(f64::from(l)).low as f32, right.next(f64::from(r)).low as f32)
    }
}

/// Makes way for the kick's strokes on one and on the "and" of three.
struct KickDuck {
    depth: f64,
    gain: f64,
    /// How far the gain goes towards its target in one frame.
    follow: f64,
    frame: usize,
    rate: f64,
}

impl KickDuck {
    /// At the stroke the gain falls to `1 - depth` within a few milliseconds, then recovers in a third of a second.
    fn new(rate: u32, depth: f64) -> KickDuck {
        let rate = f64::from(rate);
        KickDuck { depth, gain: 1.0, follow: 1.0 - libm::exp(-1.0 / (0.003 * rate)), frame: 0, rate }
    }

    fn next(&mut self) -> f32 {
        let in_bar = (self.frame as f64 / self.rate) % BAR;
        let since = if in_bar >= 2.5 * BEAT { in_bar - 2.5 * BEAT } else { in_bar };
        self.frame += 1;
        let target = 1.0 - self.depth * libm::exp(-since / 0.13);
        self.gain += (target - self.gain) * self.follow;
        self.gain as f32
    }
}
