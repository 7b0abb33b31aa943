//! What the devices' own tests have in common: signals, ways to play them, and ways to look at what comes out.

use core::f64::consts::TAU;

use crate::device::{Block, Device, parameter};
use crate::devices::Kind;

/// White noise between `-level` and `level`.
pub(crate) fn noise(seed: u32, frames: usize, level: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..frames).map(|_| 2.0 * level * next()).collect()
}

/// A sine from phase 0 on.
pub(crate) fn sine(hz: f64, rate: f64, frames: usize, level: f64) -> Vec<f32> {
    (0..frames).map(|n| (level * libm::sin(TAU * hz * n as f64 / rate)) as f32).collect()
}

/// A device with some parameters set.
pub(crate) fn made(kind: Kind, rate: u32, values: &[(&str, f32)]) -> Box<dyn Device> {
    let mut device = kind.make(rate);
    for (id, value) in values {
        let index = parameter::index_of(kind.parameters(), id).expect("a parameter's id");
        device.set(index, *value, 0);
    }
    device
}

/// What comes out left and right when both channels are played.
pub(crate) fn play_stereo(device: &mut dyn Device, left: &[f32], right: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut left, mut right) = (left.to_vec(), right.to_vec());
    device.process(Block::new(&mut left, &mut right));
    (left, right)
}

/// What comes out left when both channels are alike.
pub(crate) fn play(device: &mut dyn Device, samples: &[f32]) -> Vec<f32> {
    play_stereo(device, samples, samples).0
}

/// The response to an impulse of 1 at the first frame, in both channels.
pub(crate) fn impulse_response(device: &mut dyn Device, frames: usize) -> Vec<f32> {
    let mut impulse = vec![0.0; frames];
    impulse[0] = 1.0;
    play(device, &impulse)
}

/// Real and imaginary part of `Σ x[n]·exp(-2πi·hz·n/rate)`.
pub(crate) fn transform_at(samples: &[f32], hz: f64, rate: f64) -> (f64, f64) {
    let (cos, sin) = (libm::cos(TAU * hz / rate), libm::sin(TAU * hz / rate));
    let (mut c, mut s, mut re, mut im) = (1.0, 0.0, 0.0, 0.0);
    for x in samples {
        re += f64::from(*x) * c;
        im -= f64::from(*x) * s;
        (c, s) = (c * cos - s * sin, s * cos + c * sin);
    }
    (re, im)
}

/// The gain at a frequency in dB that an impulse response has.
pub(crate) fn gain_db_at(response: &[f32], hz: f64, rate: f64) -> f64 {
    let (re, im) = transform_at(response, hz, rate);
    10.0 * libm::log10((re * re + im * im).max(1e-24))
}

/// The amplitude in dB of a sine of a frequency in a signal, by a Hann window over all of it.
pub(crate) fn amplitude_db(samples: &[f32], hz: f64, rate: f64) -> f64 {
    let length = samples.len();
    let windowed: Vec<f32> =
        samples.iter().enumerate().map(|(n, x)| (f64::from(*x) * crate::window::hann(n, length)) as f32).collect();
    let (re, im) = transform_at(&windowed, hz, rate);
    20.0 * libm::log10((4.0 * (re * re + im * im).sqrt() / length as f64).max(1e-12))
}

/// The rows of a table of numbers, see `theory/README.md`.
pub(crate) fn rows(table: &str) -> Vec<Vec<f64>> {
    let numbers = |line: &str| line.split(' ').map(|x| x.parse().expect("a number")).collect();
    table.lines().filter(|line| !line.starts_with('#')).map(numbers).collect()
}

/// Decibels of a factor.
pub(crate) fn db(factor: f64) -> f64 {
    20.0 * libm::log10(factor.abs().max(1e-12))
}
