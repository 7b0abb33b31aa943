//! The drums: two-bar loops with a swung sixteenth, strokes for single clips, a fill.

use super::effects::{Compressor, Filter, Room, saturate};
use super::sound::{Noise, Sound};
use super::{BAR, BEAT, drums};

const SIXTEENTH: f64 = BEAT / 4.0;
/// Off sixteenths come this much of a sixteenth late.
const SWING: f64 = 0.16;

/// A stroke: bar, sixteenth in the bar, touch.
type Stroke = (usize, usize, f64);

/// Where a stroke falls, with swing and up to `loose` seconds of a hand's freedom.
fn seconds((bar, step, _): Stroke, loose: f64, hand: &mut Noise) -> f64 {
    let swing = if step % 2 == 1 { SWING * SIXTEENTH } else { 0.0 };
    bar as f64 * BAR + step as f64 * SIXTEENTH + swing + loose * hand.next()
}

fn pattern(rate: u32, strokes: &[Stroke], mut voice: impl FnMut(usize, f64) -> Vec<f32>) -> Sound {
    let mut sound = Sound::looped(rate, 2.0 * BAR);
    let mut hand = Noise::new(5);
    for (index, &stroke) in strokes.iter().enumerate() {
        let at = seconds(stroke, if stroke.1 % 4 == 0 { 0.0 } else { 0.003 }, &mut hand);
        sound.place(at, &voice(index, stroke.2), std::f64::consts::SQRT_2, 0.0);
    }
    sound
}

/// The bass drum of the verses.
pub(super) fn kick_verse(rate: u32) -> Sound {
    kick(rate, &[(0, 0, 1.0), (0, 10, 0.9), (1, 0, 1.0), (1, 3, 0.55), (1, 10, 0.9)])
}

/// The bass drum of the lifts, busier.
pub(super) fn kick_lift(rate: u32) -> Sound {
    kick(rate, &[(0, 0, 1.0), (0, 6, 0.75), (0, 10, 0.95), (1, 0, 1.0), (1, 7, 0.7), (1, 10, 0.95), (1, 14, 0.5)])
}

fn kick(rate: u32, strokes: &[Stroke]) -> Sound {
    let sound = pattern(rate, strokes, |_, velocity| drums::kick(rate, velocity));
    sound.process(|l, r| (saturate(l, 1.2), saturate(r, 1.2))).normalised(-3.0)
}

/// The snare drum with its ghost notes, in a small room.
pub(super) fn snare(rate: u32) -> Sound {
    let strokes = [(0, 4, 0.95), (0, 9, 0.2), (0, 12, 1.0), (1, 4, 0.95), (1, 7, 0.16), (1, 12, 1.0), (1, 15, 0.26)];
    in_room(rate, pattern(rate, &strokes, |index, velocity| drums::snare(rate, velocity, 40 + index as u64)))
}

/// Two bars of snare that end in a roll.
pub(super) fn snare_fill(rate: u32) -> Sound {
    let roll = (0..8).map(|step| (1, 8 + step, 0.3 + 0.09 * step as f64));
    let strokes: Vec<Stroke> =
        [(0, 4, 0.95), (0, 9, 0.2), (0, 12, 1.0), (1, 4, 0.95)].into_iter().chain(roll).collect();
    in_room(rate, pattern(rate, &strokes, |index, velocity| drums::snare(rate, velocity, 60 + index as u64)))
}

fn in_room(rate: u32, sound: Sound) -> Sound {
    let mut press = Compressor::new(rate, -12.0, 3.0, 0.006, 0.09);
    let mut room = Room::new(rate, 0.55, 0.16);
    sound
        .process(|l, r| {
            let (l, r) = press.next(l, r);
            room.next(l, r)
        })
        .normalised(-4.0)
}

/// Closed hats on the eighths, soft ones between, an open one before the third beat of the second bar.
pub(super) fn hats(rate: u32) -> Sound {
    let mut sound = Sound::looped(rate, 2.0 * BAR);
    let mut hand = Noise::new(7);
    for bar in 0..2 {
        for step in 0..16 {
            let open = bar == 1 && step == 6;
            let touch = match step % 4 {
                0 => 0.62,
                2 => 0.9,
                _ if (step * 5 + bar * 3) % 7 < 4 => 0.3,
                _ => continue,
            };
            let touch = touch + 0.07 * hand.next();
            let fall = if open { 0.11 } else { 0.024 + 0.012 * touch };
            let stroke = drums::hat(rate, touch, fall, 80 + (bar * 16 + step) as u64);
            sound.place(seconds((bar, step, touch), 0.003, &mut hand), &stroke, 1.0, 0.22 + 0.1 * hand.next());
        }
    }
    sound.normalised(-6.0)
}

/// One bar of shaker.
pub(super) fn shaker(rate: u32) -> Sound {
    let mut sound = Sound::looped(rate, BAR);
    let mut hand = Noise::new(9);
    for step in 0..16 {
        let touch = [0.95, 0.35, 0.6, 0.42][step % 4] + 0.06 * hand.next();
        let grains = drums::shaker(rate, touch, 120 + step as u64);
        // The grains are loudest 22 ms after they start: they start that much early.
        let at = seconds((0, step, touch), 0.003, &mut hand) - 0.018;
        sound.place(at, &grains, 1.0, -0.25 + 0.15 * hand.next());
    }
    sound.normalised(-6.0)
}

/// Two bars of congas, tuned to G3 and C4.
pub(super) fn congas(rate: u32) -> Sound {
    let (low, high) = (196.0, 261.63);
    let strokes = [
        (0, 3, 0.5, high),
        (0, 6, 0.85, high),
        (0, 7, 0.4, low),
        (0, 11, 0.55, high),
        (0, 14, 0.9, low),
        (1, 3, 0.5, high),
        (1, 6, 0.8, high),
        (1, 8, 0.35, low),
        (1, 10, 0.7, low),
        (1, 11, 0.45, high),
        (1, 13, 0.5, high),
        (1, 14, 0.95, low),
    ];
    let mut sound = Sound::looped(rate, 2.0 * BAR);
    let mut hand = Noise::new(13);
    for (index, (bar, step, touch, frequency)) in strokes.into_iter().enumerate() {
        let stroke = drums::conga(rate, frequency, touch, 150 + index as u64);
        let side = if frequency < 220.0 { -0.35 } else { 0.3 };
        sound.place(seconds((bar, step, touch), 0.004, &mut hand), &stroke, 1.0, side);
    }
    let mut room = Room::new(rate, 0.9, 0.2);
    sound.process(|l, r| room.next(l, r)).normalised(-6.0)
}

/// One clap in a room.
pub(super) fn clap(rate: u32) -> Sound {
    let mut sound = Sound::once(rate, 1.2);
    sound.place(0.0, &drums::clap(rate), 1.0, 0.0);
    let mut room = Room::new(rate, 0.7, 0.3);
    sound.process(|l, r| room.next(saturate(l, 1.6), saturate(r, 1.6))).faded_out(0.3).normalised(-6.0)
}

/// One splash.
pub(super) fn splash(rate: u32) -> Sound {
    let mut sound = Sound::once(rate, 4.5);
    sound.place(0.0, &drums::splash(rate, 201), 1.0, -0.15);
    sound.place(0.0007, &drums::splash(rate, 202), 0.8, 0.45);
    let mut room = Room::new(rate, 2.0, 0.22);
    sound.process(|l, r| room.next(l, r)).faded_out(1.5).normalised(-6.0)
}

/// Noise that rises for two bars and stops on the one.
pub(super) fn riser(rate: u32) -> Sound {
    let length = 2.0 * BAR;
    let mut sound = Sound::once(rate, length);
    for side in [-0.8, 0.8] {
        let mut noise = Noise::new(if side < 0.0 { 301 } else { 302 });
        let mut band = Filter::new(rate, 300.0, 1.6);
        let frames = (length * f64::from(rate)) as usize;
        let sweep: Vec<f32> = (0..frames)
            .map(|frame| {
                let along = frame as f64 / frames as f64;
                if frame.is_multiple_of(32) {
                    band.tune(250.0 * libm::exp2(along * along * 4.8));
                }
                let swell = along * along * (1.0 - libm::exp(-(1.0 - along) * 90.0));
                (band.next(noise.next()).band * swell) as f32
            })
            .collect();
        sound.place(0.0, &sweep, 1.0, side);
    }
    sound.normalised(-6.0)
}
