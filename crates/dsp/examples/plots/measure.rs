//! Measuring devices from outside: impulses, tones, levels.

use dsp::device::{Block, Device};
use dsp::devices::Kind;
use dsp::fourier::Fourier;

pub(crate) const RATE: u32 = 48_000;

/// A device with some parameters set by their ids.
pub(crate) fn device(kind: Kind, values: &[(&str, f32)]) -> Box<dyn Device> {
    let mut device = kind.make(RATE);
    for (id, value) in values {
        let index = kind.parameters().iter().position(|parameter| parameter.id == *id);
        device.set(index.expect("a parameter of the device"), *value, 0);
    }
    device
}

/// What comes out of both channels.
pub(crate) fn play(device: &mut dyn Device, left: &[f32], right: &[f32]) -> [Vec<f32>; 2] {
    let (mut left, mut right) = (left.to_vec(), right.to_vec());
    for (l, r) in left.chunks_mut(512).zip(right.chunks_mut(512)) {
        device.process(Block::new(l, r));
    }
    [left, right]
}

/// The impulse response of the left channel, behind the device's latency.
pub(crate) fn impulse(device: &mut dyn Device, frames: usize) -> Vec<f32> {
    let late = device.latency() as usize;
    let mut input = vec![0.0; frames + late];
    input[0] = 1.0;
    let [left, _] = play(device, &input, &input);
    left[late..].to_vec()
}

pub(crate) fn sine(hz: f64, amplitude: f64, frames: usize) -> Vec<f32> {
    let step = core::f64::consts::TAU * hz / f64::from(RATE);
    (0..frames).map(|n| (amplitude * libm::sin(step * n as f64)) as f32).collect()
}

pub(crate) fn decibels(factor: f64) -> f64 {
    20.0 * libm::log10(factor.max(1e-12))
}

/// The frequency response that an impulse response has: Hz and dB.
pub(crate) fn response(impulse: &[f32]) -> Vec<(f64, f64)> {
    let mut fourier = Fourier::new(32_768);
    let mut bins = vec![[0.0; 2]; 16_385];
    fourier.transform(impulse, &mut bins);
    let hz = |bin: usize| bin as f64 * f64::from(RATE) / 32_768.0;
    let points = bins.iter().enumerate().skip(8);
    thinned(points.map(|(bin, [re, im])| (hz(bin), decibels(libm::hypot(f64::from(*re), f64::from(*im))))).collect())
}

/// The spectrum of the last 32,768 frames under a Blackman-Harris window: Hz and dB, a sine at full scale being 0 dB.
pub(crate) fn spectrum(samples: &[f32]) -> Vec<(f64, f64)> {
    const C: [f64; 4] = [0.35875, 0.48829, 0.14128, 0.01168];
    let samples = &samples[samples.len() - 32_768..];
    let window = |n: usize| {
        let turn = core::f64::consts::TAU * n as f64 / 32_768.0;
        C[0] - C[1] * libm::cos(turn) + C[2] * libm::cos(2.0 * turn) - C[3] * libm::cos(3.0 * turn)
    };
    let windowed: Vec<f32> = samples.iter().enumerate().map(|(n, x)| (f64::from(*x) * window(n)) as f32).collect();
    let mut bins = vec![[0.0; 2]; 16_385];
    Fourier::new(32_768).transform(&windowed, &mut bins);
    let scale = 2.0 / (C[0] * 32_768.0);
    let level = |[re, im]: &[f32; 2]| decibels(libm::hypot(f64::from(*re), f64::from(*im)) * scale);
    // The loudest of each eight bins, so that no line is lost.
    let eights = bins.chunks(8).enumerate();
    eights
        .map(|(index, bins)| {
            let loudest = bins.iter().map(level).fold(f64::MIN, f64::max);
            ((index * 8) as f64 * f64::from(RATE) / 32_768.0, loudest)
        })
        .collect()
}

/// As many points as an eye can tell apart, close to each other where frequencies are low.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut last = 0.0;
    points
        .into_iter()
        .filter(|(hz, _)| {
            let far = *hz > last * 1.004;
            if far {
                last = *hz;
            }
            far
        })
        .collect()
}

/// The amplitude of a tone in samples, and that of everything else, by least squares.
pub(crate) fn tone(samples: &[f32], turns_per_frame: f64) -> (f64, f64) {
    let phase = |n: usize| core::f64::consts::TAU * turns_per_frame * n as f64;
    let (mut ss, mut cc, mut sc, mut sx, mut cx) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, x) in samples.iter().enumerate() {
        let (s, c, x) = (libm::sin(phase(n)), libm::cos(phase(n)), f64::from(*x));
        (ss, cc, sc, sx, cx) = (ss + s * s, cc + c * c, sc + s * c, sx + s * x, cx + c * x);
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((sx * cc - cx * sc) / determinant, (cx * ss - sx * sc) / determinant);
    let rest = samples.iter().enumerate().map(|(n, x)| {
        let difference = f64::from(*x) - a * libm::sin(phase(n)) - b * libm::cos(phase(n));
        difference * difference
    });
    (libm::hypot(a, b), (2.0 * rest.sum::<f64>() / samples.len() as f64).sqrt())
}
