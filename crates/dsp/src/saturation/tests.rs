use super::*;
use crate::devices::Kind;
use crate::proof::{amplitude_db, impulse_response, made, noise, play, rows, sine};

const THEORY: &str = include_str!("../../theory/saturation.txt");

#[test]
fn en25_harmonics_are_those_of_the_curves() {
    assert_eq!(rows(THEORY).len(), 210);
    for rows in rows(THEORY).chunk_by(|a, b| a[..3] == b[..3]) {
        let [curve, drive, bias] = core::array::from_fn(|k| rows[0][k] as f32);
        let values = [("curve", curve), ("drive", drive), ("bias", bias)];
        let hz = 480.0;
        let out = play(&mut *made(Kind::Saturation, 48_000, &values), &sine(hz, 48_000.0, 96_000, 0.5));
        for row in rows {
            let heard = amplitude_db(&out[48_000..], hz * row[3], 48_000.0);
            // What theory puts below -90 dB must only be as low.
            assert!((heard - row[4]).abs() < 0.05 || (heard < -85.0 && row[4] < -85.0), "{row:?}: {heard} dB");
        }
    }
}

#[test]
fn en25_little_folds_back() {
    // 7 kHz driven hard: harmonics at 21, 35, 49, … kHz. What folds back would lie at odd distances from the rate.
    let alias = |oversampled: bool, curve: usize| {
        let input = sine(7_000.0, 48_000.0, 96_000, 0.9);
        let out = if oversampled {
            let values = [("curve", curve as f32), ("drive", 12.0)];
            play(&mut *made(Kind::Saturation, 48_000, &values), &input)
        } else {
            input.iter().map(|x| shaped(curve, *x * 3.981_072)).collect()
        };
        // The 5th, 7th, …, 25th harmonic, where they fold to below 20 kHz.
        let folded = (5..26).step_by(2).map(|k| {
            let hz = 7_000.0 * f64::from(k) % 48_000.0;
            if hz > 24_000.0 { 48_000.0 - hz } else { hz }
        });
        folded
            .filter(|hz| *hz < 20_000.0 && (hz - 7_000.0).abs() > 10.0)
            .map(|hz| amplitude_db(&out[48_000..], hz, 48_000.0))
            .fold(f64::MIN, f64::max)
    };
    for (curve, bound) in [(0, -60.0), (1, -55.0), (2, -55.0), (3, -44.0)] {
        let (with, without) = (alias(true, curve), alias(false, curve));
        assert!(
            with < bound && with < without - 15.0,
            "{}: {with} dB, without oversampling {without} dB",
            CURVES[curve]
        );
    }
}

#[test]
fn en25_curves_are_odd_have_slope_one_at_zero_and_stay_within_one() {
    for curve in 0..CURVES.len() {
        for x in [1e-3f32, 0.3, 1.0, 2.5, 10.0, 1e5] {
            assert!((shaped(curve, x) + shaped(curve, -x)).abs() < 1e-6, "{curve} {x}");
            assert!(shaped(curve, x).abs() <= 1.0 + 1e-6, "{curve} {x}: {}", shaped(curve, x));
        }
        assert!((shaped(curve, 1e-3) / 1e-3 - 1.0).abs() < 1e-3, "{curve}");
        assert_eq!(shaped(curve, 0.0), 0.0);
    }
    assert!((f64::from(shaped(4, 7.0)) - libm::sin(7.0)).abs() < 1e-5);
}

#[test]
fn en25_the_input_beside_it_is_as_late_as_the_curve() {
    // Quiet enough for the curve to be a line: half and half must be the whole, at low frequencies.
    let input = sine(200.0, 48_000.0, 4_000, 1e-3);
    let out = play(&mut *made(Kind::Saturation, 48_000, &[("drive", 0.0), ("mix", 50.0)]), &input);
    let late = LATENCY as usize;
    assert!((200..4_000 - late).all(|n| (out[n + late] - input[n]).abs() < 2e-6));
}

#[test]
fn en25_bias_leaves_no_direct_current() {
    let out = play(&mut *made(Kind::Saturation, 48_000, &[("bias", 50.0), ("drive", 12.0)]), &noise(1, 96_000, 0.5));
    let mean = out[48_000..].iter().map(|x| f64::from(*x)).sum::<f64>() / 48_000.0;
    assert!(mean.abs() < 3e-3, "{mean}");
    let response = impulse_response(&mut *made(Kind::Saturation, 48_000, &[("bias", 50.0)]), 1_000);
    assert!(response[500..].iter().all(|x| x.abs() < 0.01));
}

#[test]
fn en25_silence_stays_silent_under_any_bias_and_what_begins_quietly_does_not_click() {
    for (curve, name) in CURVES.iter().enumerate() {
        let values = [("curve", curve as f32), ("bias", 50.0), ("drive", 12.0)];
        let mut device = made(Kind::Saturation, 48_000, &values);
        assert_eq!(play(&mut *device, &[0.0; 1_000]), [0.0; 1_000], "{name}");
        // An automated bias jumps in silence.
        device.set(2, -80.0, 0);
        assert_eq!(play(&mut *device, &[0.0; 1_000]), [0.0; 1_000], "{name}: the bias jumps");
        device.set(2, 30.0, 960);
        assert_eq!(play(&mut *device, &[0.0; 1_000]), [0.0; 1_000], "{name}: the bias glides");
        // 100 Hz at -60 dB, from the first frame on: no curve has a slope above 1, drive is four times.
        let tone = sine(100.0, 48_000.0, 4_800, 1e-3);
        let out = play(&mut *made(Kind::Saturation, 48_000, &values), &tone);
        let step = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(out[0].abs(), f32::max);
        let natural = 1e-3 * core::f32::consts::TAU * 100.0 / 48_000.0 * 3.981_072;
        assert!(step < 1.1 * natural, "{name}: a step of {step}, {natural} in the tone");
    }
}
