//! Drums and percussion: one stroke each, mono.

use std::f64::consts::TAU;

use super::effects::Filter;
use super::sound::Noise;

fn stroke(rate: u32, seconds: f64, mut sample: impl FnMut(f64) -> f64) -> Vec<f32> {
    let frames = (seconds * f64::from(rate)) as usize;
    (0..frames)
        .map(|frame| {
            let t = frame as f64 / f64::from(rate);
            let end = ((seconds - t) / 0.01).min(1.0);
            (sample(t) * end) as f32
        })
        .collect()
}

/// The bass drum: a sine that falls to G1 (49 Hz), with a beater's tick.
pub(super) fn kick(rate: u32, velocity: f64) -> Vec<f32> {
    let mut noise = Noise::new(11);
    let mut tick = Filter::new(rate, 3_500.0, 0.8);
    let mut phase = 0.0;
    stroke(rate, 0.5, |t| {
        let frequency = 49.0 + 95.0 * libm::exp(-t / 0.028) + 260.0 * velocity * libm::exp(-t / 0.006);
        phase += frequency / f64::from(rate);
        let body = libm::sin(phase * TAU) * libm::exp(-t / 0.16) * (t / 0.0008).min(1.0);
        let tick = tick.next(noise.next()).band * libm::exp(-t / 0.004) * 0.5 * velocity;
        libm::tanh((body * 1.9 + tick) * velocity)
    })
}

/// The snare drum: two modes of the skin and the wires.
pub(super) fn snare(rate: u32, velocity: f64, seed: u64) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let mut wires = Filter::new(rate, 2_600.0 + 1_800.0 * velocity, 0.6);
    let mut below = Filter::new(rate, 900.0, 0.7);
    let mut phases = [0.0; 2];
    stroke(rate, 0.38, |t| {
        let drop = 1.0 + 0.35 * libm::exp(-t / 0.012);
        phases[0] += 186.0 * drop / f64::from(rate);
        phases[1] += 331.0 * drop / f64::from(rate);
        let skin = 0.7 * libm::sin(phases[0] * TAU) * libm::exp(-t / 0.075)
            + 0.35 * libm::sin(phases[1] * TAU) * libm::exp(-t / 0.045);
        let rattle = below.next(wires.next(noise.next()).low).high * libm::exp(-t / (0.05 + 0.06 * velocity));
        libm::tanh((skin + rattle * 1.3) * (t / 0.0006).min(1.0) * 1.3 * velocity)
    })
}

/// Hands: three quick slaps and a tail.
pub(super) fn clap(rate: u32) -> Vec<f32> {
    let mut noise = Noise::new(23);
    let mut tone = Filter::new(rate, 1_350.0, 1.3);
    let mut air = Filter::new(rate, 6_500.0, 0.7);
    stroke(rate, 0.3, |t| {
        let slap = |at: f64, fall: f64| if t < at { 0.0 } else { libm::exp(-(t - at) / fall) };
        let hands = slap(0.0, 0.005) + slap(0.011, 0.005) + slap(0.021, 0.006) + 0.7 * slap(0.031, 0.06);
        let x = noise.next();
        (tone.next(x).band * 1.6 + 0.25 * air.next(x).band) * hands * (t / 0.0008).min(1.0)
    })
}

/// A hi-hat: six inharmonic squares and noise above 7 kHz; `fall` seconds tells closed from open.
pub(super) fn hat(rate: u32, velocity: f64, fall: f64, seed: u64) -> Vec<f32> {
    const PARTIALS: [f64; 6] = [2_490.0, 3_157.0, 3_943.0, 4_733.0, 5_411.0, 6_389.0];
    let mut noise = Noise::new(seed);
    let mut phases = PARTIALS.map(|_| noise.next().abs());
    let mut high = Filter::new(rate, 7_200.0, 0.8);
    let mut soft = Filter::new(rate, 9_000.0 + 5_000.0 * velocity, 0.6);
    stroke(rate, fall * 7.0 + 0.02, |t| {
        let metal: f64 = phases
            .iter_mut()
            .zip(PARTIALS)
            .map(|(phase, frequency)| {
                *phase = (*phase + frequency / f64::from(rate)).fract();
                if *phase < 0.5 { 1.0 } else { -1.0 }
            })
            .sum();
        let x = high.next(metal * 0.12 + noise.next() * 0.6).high;
        soft.next(x).low * libm::exp(-t / fall) * (t / 0.0007).min(1.0) * velocity
    })
}

/// A shaker: grains that swell and fall.
pub(super) fn shaker(rate: u32, velocity: f64, seed: u64) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let mut grains = Filter::new(rate, 6_200.0, 1.1);
    stroke(rate, 0.14, |t| {
        let swell = (t / 0.022).min(1.0) * libm::exp(-(t - 0.022).max(0.0) / 0.03);
        grains.next(noise.next()).band * swell * velocity
    })
}

/// A conga: a skin's pitch that drops a little, and the palm.
pub(super) fn conga(rate: u32, frequency: f64, velocity: f64, seed: u64) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let mut palm = Filter::new(rate, 1_900.0, 1.0);
    let mut phases = [0.0; 2];
    stroke(rate, 0.45, |t| {
        let drop = 1.0 + 0.09 * libm::exp(-t / 0.03);
        phases[0] += frequency * drop / f64::from(rate);
        phases[1] += frequency * 1.59 * drop / f64::from(rate);
        let skin =
            libm::sin(phases[0] * TAU) * libm::exp(-t / 0.11) + 0.3 * libm::sin(phases[1] * TAU) * libm::exp(-t / 0.04);
        let slap = palm.next(noise.next()).band * libm::exp(-t / 0.008) * 0.6;
        (skin + slap) * (t / 0.001).min(1.0) * velocity
    })
}

/// A cymbal's splash, long and bright.
pub(super) fn splash(rate: u32, seed: u64) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let mut high = Filter::new(rate, 3_800.0, 0.7);
    let mut dark = Filter::new(rate, 12_000.0, 0.7);
    stroke(rate, 3.2, |t| {
        if (t * 200.0).fract() < 0.01 {
            dark.tune(2_500.0 + 9_500.0 * libm::exp(-t / 0.7));
        }
        let x = high.next(noise.next()).high;
        dark.next(x).low * (0.6 * libm::exp(-t / 0.9) + 0.4 * libm::exp(-t / 0.12)) * (t / 0.001).min(1.0)
    })
}
