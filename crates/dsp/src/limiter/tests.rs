use super::*;
use crate::devices::Kind;
use crate::oversampling::Oversampler;
use crate::proof::{amplitude_db, db, made, noise, play_stereo, sine};
use crate::window::{kaiser, sinc};

/// The largest magnitude at four times the rate, by a filter of 128 coefficients a phase that the limiter knows nothing of.
fn true_peak(samples: &[f32]) -> f64 {
    let half = 64;
    let tables: Vec<Vec<f64>> = (0..4)
        .map(|phase| {
            let at = |k: usize| k as f64 - (half - 1) as f64 - f64::from(phase) / 4.0;
            (0..2 * half).map(|k| sinc(at(k)) * kaiser(at(k) / half as f64, 8.0)).collect()
        })
        .collect();
    let mut worst = 0.0f64;
    for window in samples.windows(2 * half) {
        // Only where it is loud: elsewhere nothing can get above.
        if window[half - 1].abs().max(window[half].abs()) > 0.3 {
            for table in &tables {
                let sum: f64 = table.iter().zip(window).map(|(h, x)| h * f64::from(*x)).sum();
                worst = worst.max(sum.abs());
            }
        }
    }
    worst
}

#[test]
fn en24_the_ceiling_holds_between_the_samples() {
    let burst = |hz: f64, level: f64| -> Vec<f32> {
        let tone = sine(hz, 48_000.0, 12_000, level);
        tone.iter().enumerate().map(|(n, x)| if n % 3_000 < 700 { *x } else { 0.01 * x }).collect()
    };
    let square: Vec<f32> = (0..12_000).map(|n| if n % 96 < 48 { 3.0 } else { -3.0 }).collect();
    let clicks: Vec<f32> = (0..12_000).map(|n| if n % 611 == 0 { 5.0 } else { 0.0 }).collect();
    let shifted: Vec<f32> =
        (0..12_000).map(|n| (2.0 * libm::sin(core::f64::consts::FRAC_PI_2 * (f64::from(n) + 0.5))) as f32).collect();
    // As most music is: little close to half the rate.
    let limited = |mut samples: Vec<f32>| {
        let mut filter = Oversampler::new();
        samples.chunks_mut(SEGMENT).for_each(|block| filter.process(block, |_| ()));
        samples
    };
    let signals = [
        limited(noise(1, 12_000, 4.0)),
        limited(noise(2, 12_000, 1.2)),
        noise(1, 12_000, 4.0),
        noise(2, 12_000, 1.2),
        burst(100.0, 8.0),
        burst(11_900.0, 2.0),
        burst(5_000.0, 6.0),
        square,
        clicks,
        shifted,
    ];
    let mut above = Vec::new();
    for (number, signal) in signals.iter().enumerate() {
        for (ceiling, lookahead, release) in [(-1.0, 5.0, 100.0), (-0.3, 1.5, 10.0), (0.0, 1.0, 5.0)] {
            let values = [("ceiling", ceiling), ("lookahead", lookahead), ("release", release)];
            let mut device = made(Kind::Limiter, 48_000, &values);
            let (out, _) = play_stereo(&mut *device, signal, &vec![0.0; signal.len()]);
            let peak = db(true_peak(&out));
            if peak > f64::from(ceiling) {
                above.push(format!("signal {number}, ceiling {ceiling}, lookahead {lookahead}: {peak:.3} dB"));
            }
        }
    }
    assert!(above.is_empty(), "{above:#?}");
}

#[test]
fn en24_what_is_below_the_ceiling_is_only_late_to_the_bit() {
    let samples = noise(1, 5_000, 0.2);
    let mut device = made(Kind::Limiter, 48_000, &[("ceiling", 0.0)]);
    let late = device.latency() as usize;
    let (out, _) = play_stereo(&mut *device, &samples, &samples);
    assert_eq!(out[late..], samples[..5_000 - late]);
    assert_eq!(device.take_reduction(), 0.0);
}

#[test]
fn en24_the_release_is_an_exponential_of_its_time_constant() {
    let mut samples = vec![0.1; 30_000];
    samples[1_000] = 10.0;
    let mut device = made(Kind::Limiter, 48_000, &[("ceiling", 0.0), ("lookahead", 1.0), ("release", 100.0)]);
    let late = device.latency() as usize;
    let (out, _) = play_stereo(&mut *device, &samples, &samples);
    let factor = |n: usize| f64::from(out[late + n]) / 0.1;
    // Long after the windows have passed, the distance from 1 falls by e in 100 ms.
    for n in [4_000, 8_000, 12_000] {
        let ratio = (1.0 - factor(n + 4_800)) / (1.0 - factor(n));
        assert!((ratio - libm::exp(-1.0)).abs() < 0.001, "{n}: {ratio}");
    }
    assert!(device.take_reduction() > 19.0);
}

#[test]
fn en24_a_steady_tone_comes_out_at_the_level_aimed_at_and_no_other_is_added() {
    // 0.3 dB below the ceiling, as exactly as its short filter measures peaks; the factor stands still, so nothing but the tone is there.
    for (hz, level, ceiling) in [(1_000.0, 2.0, -1.0), (3_000.0, 6.0, -6.0), (6_000.0, 1.1, 0.0)] {
        let tone = sine(hz, 48_000.0, 96_000, level);
        let values = [("ceiling", ceiling), ("release", 100.0)];
        let (out, _) = play_stereo(&mut *made(Kind::Limiter, 48_000, &values), &tone, &tone);
        let heard = amplitude_db(&out[48_000..], hz, 48_000.0);
        assert!((heard - (f64::from(ceiling) - 0.3)).abs() < 0.1, "{hz} Hz: {heard} dB");
        for harmonic in [2.0, 3.0, 5.0] {
            let added = amplitude_db(&out[48_000..], (harmonic * hz).min(23_000.0), 48_000.0);
            assert!(added < heard - 60.0, "{hz} Hz: {added} dB at {harmonic} times the frequency");
        }
    }
}

#[test]
fn en24_both_channels_are_lowered_alike() {
    let (loud, quiet) = (sine(300.0, 48_000.0, 8_000, 2.0), sine(300.0, 48_000.0, 8_000, 0.02));
    let (left, right) = play_stereo(&mut *made(Kind::Limiter, 48_000, &[]), &loud, &quiet);
    assert!(left.iter().zip(&right).all(|(l, r)| (l - 100.0 * r).abs() < 1e-4));
}

#[test]
fn en24_the_least_of_a_window_is_the_least() {
    let mut least = Least::new(40);
    let values: Vec<i64> = noise(5, 3_000, 1.0).iter().map(|x| (x * 50.0) as i64).collect();
    for (n, value) in values.iter().enumerate() {
        let expected = values[n.saturating_sub(39)..=n].iter().min().copied();
        assert_eq!(Some(least.push(*value, 40)), expected, "{n}");
    }
}
