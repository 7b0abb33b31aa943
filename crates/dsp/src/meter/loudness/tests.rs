//! The test signals of EBU Tech 3341 and 3342 that are sines: made here as those documents describe them.

use core::f64::consts::{PI, TAU};

use super::*;

const RATE: u32 = 48_000;

/// A stereo sine of 1 kHz in pieces of (dBFS of its peak, seconds), in one go; the meter is asked after each 10 ms.
fn play(pieces: &[(f64, f64)], rate: u32, mut ask: impl FnMut(f64, &Loudness)) -> Loudness {
    let mut meter = Loudness::new(rate);
    let mut n = 0u64;
    let mut block = Vec::new();
    for (db, seconds) in pieces {
        let level = libm::pow(10.0, db / 20.0);
        for _ in 0..(seconds * f64::from(rate)).round() as u64 {
            block.push((level * libm::sin(TAU * 1_000.0 * n as f64 / f64::from(rate))) as f32);
            n += 1;
            if block.len() == rate as usize / 100 {
                meter.hear(&block, &block);
                ask(n as f64 / f64::from(rate), &meter);
                block.clear();
            }
        }
    }
    meter.hear(&block, &block);
    meter
}

fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value}, not {expected} ± {tolerance}");
}

#[test]
fn en28_tech_3341_cases_1_and_2_steady_tones_at_every_rate() {
    for rate in [RATE, 44_100, 96_000, 32_000] {
        for level in [-23.0, -33.0] {
            let meter = play(&[(level, 20.0)], rate, |_, _| ());
            for value in [meter.momentary(), meter.short_term(), meter.integrated(), meter.short_term_max()] {
                near(value, level, 0.1);
            }
        }
    }
}

#[test]
fn en28_tech_3341_cases_3_to_5_gating() {
    let (quiet, low, loud) = ((-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0));
    near(play(&[low, loud, low], RATE, |_, _| ()).integrated(), -23.0, 0.1);
    near(play(&[quiet, low, loud, low, quiet], RATE, |_, _| ()).integrated(), -23.0, 0.1);
    near(play(&[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], RATE, |_, _| ()).integrated(), -23.0, 0.1);
}

#[test]
fn en28_tech_3341_case_9_short_term_is_steady_over_a_repeated_pattern() {
    let pattern = [(-20.0, 1.34), (-30.0, 1.66)].repeat(5);
    play(&pattern, RATE, |seconds, meter| {
        if seconds > 3.0 {
            near(meter.short_term(), -23.0, 0.1);
        }
    });
}

#[test]
fn en28_tech_3341_case_10_short_term_maxima_wherever_they_begin() {
    for i in 0..20 {
        let pieces = [(-200.0, f64::from(i) * 0.15), (-23.0, 3.0), (-200.0, 1.0)];
        near(play(&pieces, RATE, |_, _| ()).short_term_max(), -23.0, 0.1);
    }
}

#[test]
fn en28_tech_3341_case_11_short_term_maxima_as_they_rise() {
    let pieces: Vec<_> = (0..20)
        .flat_map(|i| [(-200.0, f64::from(i) * 0.15), (-38.0 + f64::from(i), 3.0), (-200.0, 3.0 - f64::from(i) * 0.15)])
        .collect();
    let mut peaks = [f64::NEG_INFINITY; 20];
    play(&pieces, RATE, |seconds, meter| {
        let i = ((seconds - 0.001) / 6.0) as usize;
        peaks[i.min(19)] = peaks[i.min(19)].max(meter.short_term());
    });
    for (i, peak) in peaks.into_iter().enumerate() {
        near(peak, -38.0 + i as f64, 0.1);
    }
}

#[test]
fn en28_tech_3341_case_12_momentary_is_steady_over_a_repeated_pattern() {
    let pattern = [(-20.0, 0.18), (-30.0, 0.22)].repeat(25);
    play(&pattern, RATE, |seconds, meter| {
        if seconds > 1.0 {
            near(meter.momentary(), -23.0, 0.1);
        }
    });
}

#[test]
fn en28_tech_3341_case_13_momentary_maxima_wherever_they_begin() {
    for i in 0..20 {
        let pieces = [(-200.0, f64::from(i) * 0.02), (-23.0, 0.4), (-200.0, 1.0)];
        near(play(&pieces, RATE, |_, _| ()).momentary_max(), -23.0, 0.1);
    }
}

#[test]
fn en28_tech_3341_case_14_momentary_maxima_as_they_rise() {
    let pieces: Vec<_> = (0..20)
        .flat_map(|i| [(-200.0, f64::from(i) * 0.02), (-38.0 + f64::from(i), 0.4), (-200.0, 0.4 - f64::from(i) * 0.02)])
        .collect();
    let mut peaks = [f64::NEG_INFINITY; 20];
    play(&pieces, RATE, |seconds, meter| {
        let i = ((seconds - 0.001) / 0.8) as usize;
        peaks[i.min(19)] = peaks[i.min(19)].max(meter.momentary());
    });
    for (i, peak) in peaks.into_iter().enumerate() {
        near(peak, -38.0 + i as f64, 0.1);
    }
}

#[test]
fn en28_a_tone_on_one_side_has_half_the_power_of_one_on_both() {
    let tone: Vec<f32> =
        (0..20 * RATE).map(|n| (0.1 * libm::sin(TAU * 1_000.0 * f64::from(n) / f64::from(RATE))) as f32).collect();
    let silence = vec![0.0; tone.len()];
    for (left, right, expected) in [(&tone, &silence, -23.01), (&silence, &tone, -23.01), (&tone, &tone, -20.0)] {
        let mut meter = Loudness::new(RATE);
        meter.hear(left, right);
        for value in [meter.momentary(), meter.short_term(), meter.integrated()] {
            near(value, expected, 0.1);
        }
    }
}

#[test]
fn en28_tech_3342_cases_1_to_4_the_range() {
    let table: [(&[f64], f64); 4] = [
        (&[-20.0, -30.0], 10.0),
        (&[-20.0, -15.0], 5.0),
        (&[-40.0, -20.0], 20.0),
        (&[-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
    ];
    for (levels, expected) in table {
        let pieces: Vec<_> = levels.iter().map(|level| (*level, 20.0)).collect();
        near(play(&pieces, RATE, |_, _| ()).range(), expected, 1.0);
    }
}

#[test]
fn en28_k_weighting_is_that_of_the_standard_and_alike_at_other_rates() {
    let gain_db = |filter: &Biquad, hz: f64, rate: f64| {
        let at = |k: f64| (libm::cos(k * TAU * hz / rate), -libm::sin(k * TAU * hz / rate));
        let sum = |c: [f64; 3]| {
            let (re, im) =
                (0..3).fold((0.0, 0.0), |(re, im), k| (re + c[k] * at(k as f64).0, im + c[k] * at(k as f64).1));
            10.0 * libm::log10(re * re + im * im)
        };
        sum(filter.b) - sum([1.0, filter.a[0], filter.a[1]])
    };
    let mut seen = 0;
    for row in include_str!("../../../theory/k_weighting.txt").lines().filter(|line| !line.starts_with('#')) {
        let row: Vec<f64> = row.split(' ').map(|x| x.parse().unwrap()).collect();
        let both =
            |rate: f64| gain_db(&Biquad::shelf(rate), row[0], rate) + gain_db(&Biquad::high_pass(rate), row[0], rate);
        near(both(48_000.0), row[1], 0.001);
        // The numerator of the high pass is printed as 1, -2, 1, so its gain depends a little on the rate.
        if row[0] < 5_000.0 {
            near(both(96_000.0), row[1], 0.1);
            near(both(44_100.0), row[1], 0.1);
        }
        seen += 1;
    }
    assert_eq!(seen, 13);
}

#[test]
fn en28_loudness_does_not_depend_on_blocks_and_starts_anew_after_a_reset() {
    let samples: Vec<f32> = (0..200_000).map(|n| (0.3 * libm::sin(PI * f64::from(n) / 31.0)) as f32).collect();
    let (mut whole, mut pieces) = (Loudness::new(RATE), Loudness::new(RATE));
    whole.hear(&samples, &samples);
    samples.chunks(7).for_each(|block| pieces.hear(block, block));
    let values = |m: &Loudness| [m.momentary(), m.short_term(), m.integrated(), m.range()].map(f64::to_bits);
    assert_eq!(values(&whole), values(&pieces));
    pieces.reset();
    assert_eq!(
        (pieces.integrated(), pieces.momentary_max(), pieces.range()),
        (f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0)
    );
    pieces.hear(&samples, &samples);
    assert_eq!(values(&whole), values(&pieces));
}
