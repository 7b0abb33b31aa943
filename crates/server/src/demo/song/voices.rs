//! Voices: one note each, mono, from pitch, length and touch.

use std::f64::consts::TAU;

use super::effects::Filter;
use super::sound::Noise;

/// How a note is played.
#[derive(Clone, Copy)]
pub(super) struct Note {
    /// Hz.
    pub(super) frequency: f64,
    /// Seconds until the key is let go.
    pub(super) length: f64,
    /// Touch, 0..1.
    pub(super) velocity: f64,
}

fn frames(rate: u32, seconds: f64) -> usize {
    (seconds * f64::from(rate)) as usize
}

fn sine(phase: f64) -> f64 {
    f64::from(libm::sinf((phase * TAU) as f32))
}

/// A sawtooth with its step rounded off by a polynomial (PolyBLEP: Välimäki, Pekonen, Nam, "Perceptually informed synthesis of
/// bandlimited classical waveforms", 2012). `phase` and `step` in cycles.
fn saw(phase: f64, step: f64) -> f64 {
    let naive = 2.0 * phase - 1.0;
    let correction = if phase < step {
        let t = phase / step;
        2.0 * t - t * t - 1.0
    } else if phase > 1.0 - step {
        let t = (phase - 1.0) / step;
        t * t + 2.0 * t + 1.0
    } else {
        0.0
    };
    naive - correction
}

fn advance(phase: &mut f64, step: f64) -> f64 {
    let now = *phase;
    *phase = (*phase + step).fract();
    now
}

/// Rises along a line to 1 in `attack`, holds, and falls exponentially from `length` on.
fn gate(t: f64, attack: f64, length: f64, release: f64) -> f64 {
    let rise = (t / attack).min(1.0);
    if t <= length { rise } else { rise * libm::exp(-(t - length) / release) }
}

/// The electric piano: two FM pairs, one for the body whose brightness falls with time, one for the tine's short ring
/// (Chowning, "The Synthesis of Complex Audio Spectra by Means of Frequency Modulation", 1973).
pub(super) fn electric_piano(rate: u32, note: Note) -> Vec<f32> {
    let step = note.frequency / f64::from(rate);
    let (mut body, mut modulator, mut tine) = (0.0, 0.0, 0.0);
    let low = (440.0 / note.frequency).clamp(0.5, 2.0);
    (0..frames(rate, note.length + 0.6))
        .map(|frame| {
            let t = frame as f64 / f64::from(rate);
            let index = (0.6 + 2.4 * note.velocity * note.velocity) * libm::exp(-t / 0.7) + 0.2;
            let bent = sine(advance(&mut modulator, step)) * index / TAU;
            let ring = sine(advance(&mut tine, step * 14.02)) * 0.3 * note.velocity * libm::exp(-t / 0.07);
            let tone = sine(advance(&mut body, step) + bent + ring / TAU) + ring * 0.35;
            let fall = libm::exp(-t / (1.7 * low));
            (tone * fall * gate(t, 0.002, note.length, 0.09) * (0.35 + 0.65 * note.velocity)) as f32
        })
        .collect()
}

/// A plucked string (Karplus, Strong, "Digital Synthesis of Plucked-String and Drum Timbres", 1983), tuned by an all-pass
/// (Jaffe, Smith, "Extensions of the Karplus-Strong Plucked-String Algorithm", 1983).
pub(super) fn plucked_string(rate: u32, note: Note, seed: u64) -> Vec<f32> {
    let period = f64::from(rate) / note.frequency;
    // The loop's low-pass delays by half a sample; the all-pass takes the fraction in 0.1..1.1.
    let whole = libm::floor(period - 0.6) as usize;
    let fraction = period - 0.5 - whole as f64;
    let tune = (1.0 - fraction) / (1.0 + fraction);
    let mut string = excitation(rate, whole, note.velocity, seed);
    let loss = libm::pow(10.0, -3.0 / (note.frequency * (2.6 - note.frequency / 700.0).max(0.9)));
    let (mut at, mut last, mut allpass_in, mut allpass_out) = (0, 0.0, 0.0, 0.0);
    (0..frames(rate, note.length + 0.5))
        .map(|frame| {
            let out = string[at];
            let smoothed = (out + last) * 0.5 * loss;
            last = out;
            allpass_out = tune * (smoothed - allpass_out) + allpass_in;
            allpass_in = smoothed;
            string[at] = allpass_out;
            at = (at + 1) % whole;
            let t = frame as f64 / f64::from(rate);
            (out * gate(t, 0.001, note.length, 0.08)) as f32
        })
        .collect()
}

/// The finger's noise: softer when darker, without its mean, picked a fifth along the string.
fn excitation(rate: u32, length: usize, velocity: f64, seed: u64) -> Vec<f64> {
    let mut noise = Noise::new(seed);
    let mut tone = Filter::new(rate, 1_200.0 + 3_800.0 * velocity, 0.6);
    let raw: Vec<f64> = (0..length * 2).map(|_| tone.next(noise.next()).low).skip(length).collect();
    let mean = raw.iter().sum::<f64>() / length as f64;
    let back = length / 5;
    let picked: Vec<f64> =
        (0..length).map(|i| raw[i] - mean - 0.8 * (raw[(i + length - back) % length] - mean)).collect();
    let power = (picked.iter().map(|x| x * x).sum::<f64>() / length as f64).sqrt().max(1e-9);
    picked.into_iter().map(|x| x / power * 0.25 * (0.3 + 0.7 * velocity)).collect()
}

/// A bell: two FM pairs of inharmonic ratio.
pub(super) fn bell(rate: u32, note: Note) -> Vec<f32> {
    let step = note.frequency / f64::from(rate);
    let mut phases = [0.0; 4];
    (0..frames(rate, note.length + 2.4))
        .map(|frame| {
            let t = frame as f64 / f64::from(rate);
            let first = sine(advance(&mut phases[0], step * 3.5)) * 0.9 * note.velocity * libm::exp(-t / 0.35) / TAU;
            let second = sine(advance(&mut phases[1], step * 1.41)) * 0.5 * libm::exp(-t / 0.2) / TAU;
            let tone = sine(advance(&mut phases[2], step) + first) * libm::exp(-t / 0.9)
                + 0.35 * sine(advance(&mut phases[3], step * 2.003) + second) * libm::exp(-t / 0.5);
            let end = ((note.length + 2.4 - t) / 0.2).min(1.0);
            (tone * gate(t, 0.003, 9.0, 1.0) * end * note.velocity) as f32
        })
        .collect()
}

/// The bass: a sine with a filtered saw over it for small speakers.
pub(super) fn bass(rate: u32, note: Note) -> Vec<f32> {
    let step = note.frequency / f64::from(rate);
    let (mut low, mut edge) = (0.0, 0.25);
    let mut filter = Filter::new(rate, 300.0, 0.8);
    (0..frames(rate, note.length + 0.25))
        .map(|frame| {
            let t = frame as f64 / f64::from(rate);
            if frame.is_multiple_of(16) {
                filter.tune(240.0 + (700.0 + 700.0 * note.velocity) * libm::exp(-t / 0.16));
            }
            let growl = filter.next(saw(advance(&mut edge, step), step)).low;
            let tone = sine(advance(&mut low, step)) + 0.42 * growl;
            let fall = 0.55 + 0.45 * libm::exp(-t / 0.5);
            (libm::tanh(tone * 1.15) * fall * gate(t, 0.006, note.length, 0.035) * note.velocity) as f32
        })
        .collect()
}

/// One side of a pad's note: three saws a few cents apart, in and out slowly. `spread` is in cents and tells the sides apart.
pub(super) fn pad(rate: u32, note: Note, spread: f64, seed: u64) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let detunes = [-spread, spread * 0.37, spread * 0.91];
    let steps = detunes.map(|cents| note.frequency * libm::exp2(cents / 1_200.0) / f64::from(rate));
    let mut phases = detunes.map(|_| noise.next().abs().fract());
    (0..frames(rate, note.length + 1.6))
        .map(|frame| {
            let t = frame as f64 / f64::from(rate);
            let tone: f64 = (0..3).map(|i| saw(advance(&mut phases[i], steps[i]), steps[i])).sum();
            let end = ((note.length + 1.6 - t) / 0.3).min(1.0);
            (tone / 3.0 * gate(t, 0.45, note.length, 0.45) * end * note.velocity) as f32
        })
        .collect()
}

/// One note of the lead, gliding in from `from` Hz: a saw and a square an octave below through a filter that opens with
/// the touch, with a vibrato that comes late.
pub(super) fn lead(rate: u32, note: Note, from: f64) -> Vec<f32> {
    let (mut upper, mut lower) = (0.0, 0.0);
    let mut filter = Filter::new(rate, 1_000.0, 0.9);
    (0..frames(rate, note.length + 0.3))
        .map(|frame| {
            let t = frame as f64 / f64::from(rate);
            if frame.is_multiple_of(16) {
                filter.tune(850.0 + 2_300.0 * note.velocity * libm::exp(-t / 0.3) + note.frequency);
            }
            let late = ((t - 0.28) / 0.35).clamp(0.0, 1.0);
            let vibrato = libm::exp2(late * 0.16 * sine(5.3 * t) / 12.0);
            let glide = note.frequency + (from - note.frequency) * libm::exp(-t / 0.028);
            let step = glide * vibrato / f64::from(rate);
            let phase = advance(&mut lower, step * 0.5);
            let square = saw(phase, step * 0.5) - saw((phase + 0.5).fract(), step * 0.5);
            let tone = 0.6 * saw(advance(&mut upper, step), step) + 0.28 * square;
            (filter.next(tone).low * gate(t, 0.012, note.length, 0.07) * (0.4 + 0.6 * note.velocity)) as f32
        })
        .collect()
}
