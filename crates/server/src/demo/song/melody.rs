//! What is sung over the chords: the lead and the bells.

use super::effects::{Echo, Pair, Room, saturate};
use super::sound::{Noise, Sound, pitch};
use super::voices::{self, Note};
use super::{BAR, BEAT};

/// Beat, length in beats, MIDI note number.
type Line = &'static [(f64, f64, f64)];

/// Eight bars over the lift: the call climbs A-C-E, the answer comes down.
const FIRST: Line = &[
    (0.5, 0.5, 69.0),
    (1.0, 0.5, 72.0),
    (1.5, 1.0, 76.0),
    (2.5, 0.5, 74.0),
    (3.0, 0.5, 72.0),
    (3.5, 0.5, 74.0),
    (4.0, 1.5, 74.0),
    (5.5, 0.5, 71.0),
    (6.0, 1.0, 67.0),
    (7.0, 0.5, 69.0),
    (7.5, 0.5, 71.0),
    (8.0, 1.5, 76.0),
    (9.5, 0.5, 74.0),
    (10.0, 0.5, 72.0),
    (10.5, 1.0, 71.0),
    (11.5, 0.5, 67.0),
    (12.0, 2.75, 69.0),
    (15.0, 0.5, 64.0),
    (15.5, 0.5, 67.0),
    (16.0, 0.5, 69.0),
    (16.5, 0.5, 72.0),
    (17.0, 1.5, 79.0),
    (18.5, 0.5, 76.0),
    (19.0, 0.5, 77.0),
    (19.5, 0.5, 76.0),
    (20.0, 1.5, 74.0),
    (21.5, 0.5, 76.0),
    (22.0, 0.5, 74.0),
    (22.5, 1.25, 71.0),
    (24.0, 1.0, 72.0),
    (25.0, 0.5, 74.0),
    (25.5, 1.0, 76.0),
    (26.5, 0.5, 79.0),
    (27.0, 1.0, 76.0),
    (28.0, 0.5, 74.0),
    (28.5, 2.75, 72.0),
];

/// The same, sung freer: it reaches the high C and comes home.
const SECOND: Line = &[
    (0.5, 0.5, 69.0),
    (1.0, 0.25, 72.0),
    (1.25, 0.25, 74.0),
    (1.5, 1.0, 76.0),
    (2.5, 0.5, 79.0),
    (3.0, 0.5, 76.0),
    (3.5, 0.5, 74.0),
    (4.0, 1.75, 74.0),
    (5.75, 0.25, 76.0),
    (6.0, 0.75, 74.0),
    (6.75, 0.25, 71.0),
    (7.0, 1.0, 67.0),
    (8.0, 0.5, 71.0),
    (8.5, 0.5, 74.0),
    (9.0, 1.5, 79.0),
    (10.5, 0.5, 76.0),
    (11.0, 0.5, 74.0),
    (11.5, 0.5, 76.0),
    (12.0, 2.5, 72.0),
    (14.5, 0.5, 71.0),
    (15.0, 0.5, 69.0),
    (15.5, 0.5, 67.0),
    (16.0, 0.5, 69.0),
    (16.5, 0.5, 76.0),
    (17.0, 1.5, 84.0),
    (18.5, 0.5, 83.0),
    (19.0, 0.5, 79.0),
    (19.5, 0.5, 76.0),
    (20.0, 1.25, 79.0),
    (21.25, 0.25, 77.0),
    (21.5, 0.5, 76.0),
    (22.0, 0.5, 74.0),
    (22.5, 1.25, 71.0),
    (24.0, 0.5, 72.0),
    (24.5, 0.5, 74.0),
    (25.0, 1.0, 76.0),
    (26.0, 0.5, 74.0),
    (26.5, 0.5, 71.0),
    (27.0, 1.0, 67.0),
    (28.0, 0.5, 71.0),
    (28.5, 3.25, 72.0),
];

/// Eight bars of bells, in the lead's rests and long notes.
const BELLS: Line = &[
    (2.0, 1.0, 84.0),
    (3.5, 0.5, 88.0),
    (6.0, 1.0, 86.0),
    (10.0, 0.5, 83.0),
    (10.5, 1.0, 86.0),
    (13.0, 0.5, 83.0),
    (13.5, 0.5, 84.0),
    (14.0, 1.5, 88.0),
    (18.0, 1.0, 84.0),
    (22.75, 0.75, 86.0),
    (23.5, 0.5, 83.0),
    (26.0, 1.0, 79.0),
    (29.5, 0.5, 83.0),
    (30.0, 0.5, 84.0),
    (30.5, 1.5, 91.0),
];

/// Four bars of bells over the break: they spell its borrowed chords.
const BELLS_BREAK: Line = &[
    (2.0, 1.0, 84.0),
    (3.5, 0.5, 88.0),
    (5.5, 0.5, 80.0),
    (6.0, 1.5, 86.0),
    (10.0, 0.5, 79.0),
    (10.5, 1.0, 86.0),
    (13.0, 0.5, 82.0),
    (13.5, 0.5, 85.0),
    (14.0, 1.5, 88.0),
];

/// Seconds that a part goes on sounding after its eight bars.
const TAIL: f64 = 2.0 * BAR;

/// The lead of the first lift.
pub(super) fn lead_first(rate: u32) -> Sound {
    lead(rate, FIRST)
}

/// The lead of the second lift.
pub(super) fn lead_second(rate: u32) -> Sound {
    lead(rate, SECOND)
}

fn lead(rate: u32, line: Line) -> Sound {
    let mut sound = Sound::once(rate, 8.0 * BAR + TAIL);
    let mut hand = Noise::new(29);
    let mut from = pitch(line[0].2);
    let mut end = 0.0;
    for &(beat, length, key) in line {
        let frequency = pitch(key);
        // Only notes that touch are slurred; swung when they fall on an off sixteenth.
        let glide = if beat - end < 0.05 { from } else { frequency };
        let swing = if (beat * 4.0) as i64 % 2 == 1 { 0.04 } else { 0.0 };
        let strong = if beat.fract() == 0.0 { 0.1 } else { 0.0 };
        let velocity = 0.66 + strong + 0.06 * hand.next();
        let note = Note { frequency, length: (length - 0.04) * BEAT, velocity };
        sound.place((beat + swing) * BEAT + 0.004 * hand.next(), &voices::lead(rate, note, glide), 0.6, 0.0);
        (from, end) = (frequency, beat + length);
    }
    let mut echo = Echo::new(rate, BEAT * 0.75, 0.36, 0.26);
    let mut room = Room::new(rate, 2.1, 0.17);
    let mut below = Pair::new(rate, 160.0, 0.7);
    let sound = sound.process(|l, r| {
        let (l, r) = below.high(saturate(l, 2.2), saturate(r, 2.2));
        let (l, r) = echo.next(l, r);
        room.next(l, r)
    });
    sound.faded_out(2.0).normalised(-5.0)
}

/// The bells of the second lift.
pub(super) fn bells_lift(rate: u32) -> Sound {
    bells(rate, BELLS, 8.0)
}

/// The bells of the break.
pub(super) fn bells_break(rate: u32) -> Sound {
    bells(rate, BELLS_BREAK, 4.0)
}

fn bells(rate: u32, line: Line, bars: f64) -> Sound {
    let mut sound = Sound::once(rate, bars * BAR + TAIL);
    let mut hand = Noise::new(31);
    for (index, &(beat, length, key)) in line.iter().enumerate() {
        let note = Note { frequency: pitch(key), length: length * BEAT, velocity: 0.62 + 0.12 * hand.next() };
        let side = if index % 2 == 0 { -0.5 } else { 0.5 };
        sound.place(beat * BEAT + 0.005 * hand.next(), &voices::bell(rate, note), 0.4, side);
    }
    let mut echo = Echo::new(rate, BEAT * 0.5, 0.42, 0.3);
    let mut room = Room::new(rate, 2.8, 0.26);
    let mut below = Pair::new(rate, 300.0, 0.7);
    let sound = sound.process(|l, r| {
        let (l, r) = below.high(l, r);
        let (l, r) = echo.next(l, r);
        room.next(l, r)
    });
    sound.faded_out(2.0).normalised(-7.0)
}
