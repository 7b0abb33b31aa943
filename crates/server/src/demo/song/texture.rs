//! The air around the music: a harbour at night, on an old record.

use super::effects::{Filter, Pair, Room};
use super::sound::{Noise, Sound};

/// Water, wind and crackle, eight bars' worth without a seam.
pub(super) fn harbour(rate: u32, seconds: f64) -> Sound {
    let mut sound = Sound::looped(rate, seconds);
    for (side, seed) in [(-0.9, 601), (0.9, 602)] {
        sound.place(0.0, &wind(rate, seconds, seed), 1.0, side);
    }
    crackle(&mut sound, seconds);
    let mut above = Pair::new(rate, 9_000.0, 0.7);
    let mut below = Pair::new(rate, 90.0, 0.7);
    let mut room = Room::new(rate, 1.2, 0.12);
    let sound = sound.process(|l, r| {
        let (l, r) = above.low(l, r);
        let (l, r) = below.high(l, r);
        room.next(l, r)
    });
    sound.normalised(-9.0)
}

/// Noise in two bands that swell like water against a quay: whole cycles in the loop. Its end fades across its start.
fn wind(rate: u32, seconds: f64, seed: u64) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let mut water = Filter::new(rate, 420.0, 0.8);
    let mut air = Filter::new(rate, 2_600.0, 0.5);
    let phase = if seed.is_multiple_of(2) { 0.0 } else { 0.9 };
    let (frames, across) = ((seconds * f64::from(rate)) as usize, rate as usize / 2);
    let mut out: Vec<f32> = (0..frames + across)
        .map(|frame| {
            let turn = frame as f64 / frames as f64 * std::f64::consts::TAU;
            let swell = 0.6 + 0.4 * libm::sin(turn * 3.0 + phase) * libm::sin(turn * 2.0 + phase * 2.0);
            let x = noise.next();
            (water.next(x).band * 0.16 * swell + air.next(x).band * 0.035 * (1.3 - swell)) as f32
        })
        .collect();
    let extra = out.split_off(frames);
    for (index, (start, end)) in out.iter_mut().zip(extra).enumerate() {
        // Uncorrelated noise: equal power keeps the level.
        let along = index as f64 / across as f64 * std::f64::consts::FRAC_PI_2;
        *start = (f64::from(*start) * libm::sin(along) + f64::from(end) * libm::cos(along)) as f32;
    }
    out
}

/// Dust on the record: short clicks of random size, about nine a second.
fn crackle(sound: &mut Sound, seconds: f64) {
    let rate = sound.rate;
    let mut noise = Noise::new(611);
    let mut t = 0.0;
    while t < seconds {
        t += 0.02 + 0.09 * (noise.next() + 1.0);
        let size = 0.02 + 0.16 * libm::pow(noise.next().abs(), 5.0);
        let mut tone = Filter::new(rate, 2_400.0 + 1_600.0 * noise.next(), 1.4);
        let click: Vec<f32> = (0..96).map(|frame| tone.next(if frame == 0 { 6.0 } else { 0.0 }).band as f32).collect();
        sound.place(t, &click, size, noise.next());
    }
}
