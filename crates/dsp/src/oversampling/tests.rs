use super::*;
use crate::proof::{gain_db_at, noise};

#[test]
fn en25_up_and_down_is_flat_to_four_tenths_of_the_rate_and_late_as_stated() {
    let mut impulse = vec![0.0f32; 512];
    impulse[0] = 1.0;
    let mut oversampler = Oversampler::new();
    impulse.chunks_mut(SEGMENT).for_each(|block| oversampler.process(block, |_| ()));
    for step in 0..=200 {
        let share = f64::from(step) * 0.002;
        assert!(gain_db_at(&impulse, share, 1.0).abs() < 0.05, "{share}: {}", gain_db_at(&impulse, share, 1.0));
    }
    // Linear phase: symmetric about its latency.
    let middle = LATENCY as usize;
    assert!((1..middle).all(|n| (impulse[middle - n] - impulse[middle + n]).abs() < 1e-6));
}

#[test]
fn en25_the_half_band_filters_stop_what_would_fold_back() {
    // The prototype at twice the rate: ½ at 0 distance, the taps at odd ones.
    let gain = |taps: &[f32], share: f64| {
        let angle = |k: usize| core::f64::consts::TAU * share * (2 * k + 1) as f64;
        let sum: f64 = taps.iter().enumerate().map(|(k, c)| 2.0 * f64::from(*c) * libm::cos(angle(k))).sum();
        20.0 * libm::log10((0.5 * (1.0 + sum)).abs().max(1e-9))
    };
    let (outer, inner) = (half_band::<OUTER>(), half_band::<INNER>());
    for step in 0..=100 {
        // Beyond 0.58 of the lower rate; and beyond an octave and a half of the passband.
        let outer = gain(&outer, 0.29 + 0.21 * f64::from(step) / 100.0);
        let inner = gain(&inner, 0.395 + 0.105 * f64::from(step) / 100.0);
        assert!(outer < -70.0 && inner < -70.0, "{step}: {outer} {inner}");
    }
}

#[test]
fn en25_oversampling_does_not_depend_on_blocks() {
    let run = |block: usize| {
        let mut samples = noise(3, 1_000, 0.9);
        let mut oversampler = Oversampler::new();
        samples.chunks_mut(block).for_each(|part| oversampler.process(part, |x| x.iter_mut().for_each(|x| *x *= *x)));
        samples
    };
    assert_eq!(run(64), run(1));
    assert_eq!(run(64), run(17));
}
