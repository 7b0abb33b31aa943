use core::f64::consts::TAU;

use crate::devices::Kind;
use crate::proof::{db, made, play_stereo, sine};

#[test]
fn en26_each_voice_swings_as_its_formula_says() {
    let (rate, depth, delay, hz) = (2.0, 3.0, 10.0, 600.0);
    for (count, spread) in [(1, 100.0), (3, 200.0)] {
        let values = [
            ("rate", rate as f32),
            ("depth", depth as f32),
            ("delay", delay as f32),
            ("voices", (count - 1) as f32),
            ("spread", spread as f32),
            ("mix", 100.0),
        ];
        let input = sine(hz, 48_000.0, 48_000, 0.5);
        let (left, right) = play_stereo(&mut *made(Kind::Chorus, 48_000, &values), &input, &input);
        let mut worst = 0.0f64;
        for n in 4_000..48_000 {
            for (out, side) in [(&left, 0.0), (&right, spread / 400.0)] {
                let t = (n + 1) as f64 / 48_000.0;
                let voice = |v: i32| {
                    let turns = rate * t + f64::from(v) / f64::from(count) + side;
                    let late = (delay + depth * libm::sin(TAU * turns)) / 1_000.0;
                    0.5 * libm::sin(TAU * hz * (n as f64 / 48_000.0 - late))
                };
                let expected = (0..count).map(voice).sum::<f64>() / f64::from(count);
                worst = worst.max((f64::from(out[n]) - expected).abs());
            }
        }
        assert!(db(worst / 0.5) < -70.0, "{count} voices: {} dB", db(worst / 0.5));
    }
}

#[test]
fn en26_without_depth_it_is_a_delay_and_feedback_repeats_it() {
    let values = [("depth", 0.0), ("delay", 5.0), ("voices", 0.0), ("feedback", -50.0), ("mix", 100.0)];
    let mut input = vec![0.0; 1_000];
    input[0] = 1.0;
    let (left, right) = play_stereo(&mut *made(Kind::Chorus, 48_000, &values), &input, &input);
    assert_eq!(left, right);
    let loud: Vec<_> = left.iter().enumerate().filter(|(_, x)| x.abs() > 1e-3).map(|(n, x)| (n, *x)).collect();
    assert_eq!(loud.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [240, 480, 720, 960]);
    assert!(loud.iter().zip([1.0, -0.5, 0.25, -0.125]).all(|((_, x), y)| (x - y).abs() < 1e-3), "{loud:?}");
}
