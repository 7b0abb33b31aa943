use super::*;
use crate::devices::Kind;
use crate::proof::{made, noise, play_stereo};

/// The seconds in which the energy that is yet to come falls by 60 dB, from its fall between -5 and -35 dB (M. R. Schroeder,
/// "New Method of Measuring Reverberation Time", 1965; ISO 3382, T30).
fn decay_seconds(response: &[f64], rate: f64) -> f64 {
    let mut left = 0.0;
    let mut curve: Vec<f64> = response.iter().rev().map(|x| (left += x * x, left).1).collect();
    curve.reverse();
    let reaches = |db: f64| curve.iter().position(|e| 10.0 * libm::log10(e / curve[0]) < db).unwrap_or(0) as f64;
    (reaches(-35.0) - reaches(-5.0)) * 2.0 / rate
}

fn response(values: &[(&str, f32)], rate: u32, seconds: f64) -> [Vec<f64>; 2] {
    let mut all = vec![("preDelay", 0.0), ("mix", 100.0), ("lowCut", 20.0)];
    all.extend_from_slice(values);
    let mut impulse = vec![0.0; (seconds * f64::from(rate)) as usize];
    impulse[0] = 1.0;
    let (left, right) = play_stereo(&mut *made(Kind::Reverb, rate, &all), &impulse, &impulse);
    [left, right].map(|side| side.into_iter().map(f64::from).collect())
}

/// A one-pole high pass, four times: the treble alone.
fn treble(samples: &[f64], hz: f64, rate: f64) -> Vec<f64> {
    let r = libm::exp(-core::f64::consts::TAU * hz / rate);
    (0..4).fold(samples.to_vec(), |x, _| {
        let (mut before, mut y) = (0.0, 0.0);
        x.into_iter().map(|x| (y = r * (y + x - before), before = x, y).2).collect()
    })
}

#[test]
fn en27_it_dies_away_by_60_db_in_its_decay() {
    for (decay, size, rate) in [(0.6, 60.0, 48_000), (2.0, 100.0, 48_000), (2.0, 150.0, 44_100), (4.0, 200.0, 48_000)] {
        let [left, right] = response(&[("decay", decay), ("highDecay", 100.0), ("size", size)], rate, 5.0);
        for side in [left, right] {
            let heard = decay_seconds(&side, f64::from(rate));
            assert!((heard / f64::from(decay) - 1.0).abs() < 0.05, "{decay} s: {heard} s");
        }
    }
}

#[test]
fn en27_treble_dies_away_sooner() {
    let values = [("decay", 3.0), ("highDecay", 30.0), ("crossover", 1_000.0)];
    let [left, _] = response(&values, 48_000, 5.0);
    let high = decay_seconds(&treble(&left, 12_000.0, 48_000.0), 48_000.0);
    assert!((high / 0.9 - 1.0).abs() < 0.15, "{high} s");
}

#[test]
fn en27_the_mixing_matrix_is_lossless() {
    let mut lines = [[0.0f32; SEGMENT]; LINES];
    for (k, line) in lines.iter_mut().enumerate() {
        line.copy_from_slice(&noise(k as u32, SEGMENT, 1.0));
    }
    let before = lines;
    hadamard(&mut lines);
    for n in 0..SEGMENT {
        let energy =
            |lines: &[[f32; SEGMENT]; LINES]| lines.iter().map(|line| f64::from(line[n] * line[n])).sum::<f64>();
        assert!((energy(&lines) / energy(&before) - 1.0).abs() < 1e-5);
    }
    hadamard(&mut lines);
    assert!(lines.as_flattened().iter().zip(before.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn en27_left_and_right_have_little_in_common_and_width_0_makes_them_alike() {
    let common = |width: f32| {
        let [left, right] = response(&[("width", width)], 48_000, 3.0);
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        sum(&left, &right) / (sum(&left, &left) * sum(&right, &right)).sqrt()
    };
    assert!(common(100.0).abs() < 0.2, "{}", common(100.0));
    assert!(common(0.0) > 0.999_999);
}

#[test]
fn en27_it_begins_after_its_pre_delay() {
    let first = |pre: f32| {
        let [left, _] = response(&[("preDelay", pre)], 48_000, 0.5);
        left.iter().position(|x| x.abs() > 1e-9).unwrap_or(0)
    };
    assert_eq!(first(100.0) - first(0.0), 4_800);
}

#[test]
fn en27_echoes_are_dense_after_a_tenth_of_a_second() {
    // Of a Gaussian, 32 % lie outside the standard deviation (J. S. Abel, P. Huang, "A Simple, Robust Measure of Reverberation
    // Echo Density", AES 121, 2006).
    let [left, _] = response(&[("highDecay", 100.0)], 48_000, 1.0);
    let window = &left[4_800..4_800 + 1_920];
    let deviation = (window.iter().map(|x| x * x).sum::<f64>() / window.len() as f64).sqrt();
    let outside = window.iter().filter(|x| x.abs() > deviation).count() as f64 / window.len() as f64;
    assert!(outside > 0.22, "{outside}");
}
