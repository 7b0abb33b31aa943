use core::f64::consts::TAU;

use proptest::prelude::*;

use super::*;

fn bits(conversion: &Conversion) -> Vec<u32> {
    conversion.coefficients().into_iter().map(f32::to_bits).collect()
}

/// The weights of every phase in turn, found by converting impulses.
fn prototype(conversion: &Conversion) -> Vec<f32> {
    let (table, taps) = (bits(conversion), conversion.taps as usize);
    let mut rows = vec![0.0; taps * conversion.up as usize];
    let mut input = vec![0.0; taps];
    for frame in 0..conversion.up as usize {
        let (_, phase) = conversion.position(frame as i64);
        for k in 0..taps {
            input[k] = 1.0;
            let out = &mut rows[phase as usize * taps + k..][..1];
            conversion.mono(&table, frame as i64, &input, out);
            input[k] = 0.0;
        }
    }
    rows
}

/// The magnitude of the whole converter's prototype at `hz`, by direct summation in f64 over every phase: what theory
/// says about every output at once.
fn response_db(source: u32, output: u32, hz: f64) -> f64 {
    let conversion = Conversion::between(source, output).unwrap();
    let taps = conversion.taps as usize;
    let table = prototype(&conversion);
    let (mut re, mut im) = (0.0, 0.0);
    for r in 0..conversion.phases as usize {
        for k in 0..taps {
            let t = k as f64 - taps as f64 / 2.0 + 1.0 - r as f64 / f64::from(conversion.phases);
            let angle = TAU * hz / f64::from(source) * t;
            let h = f64::from(table[r * taps + k]);
            re += h * libm::cos(angle);
            im += h * libm::sin(angle);
        }
    }
    let magnitude = (re * re + im * im).sqrt() / f64::from(conversion.phases);
    20.0 * libm::log10(magnitude.max(1e-12))
}

fn sine(rate: u32, hz: f64, frames: usize, first: i64) -> Vec<f32> {
    (0..frames as i64).map(|n| (0.5 * libm::sin(TAU * hz * (first + n) as f64 / f64::from(rate))) as f32).collect()
}

fn convert_sine(source: u32, output: u32, hz: f64, frames: usize) -> Vec<f32> {
    let conversion = Conversion::between(source, output).unwrap();
    let (start, length) = conversion.source_span(0, frames);
    let input = sine(source, hz, length, start);
    let mut out = vec![0.0; frames];
    conversion.mono(&bits(&conversion), 0, &input, &mut out);
    out
}

fn level_db(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(s, c), v| (s + v * v, c + 1.0));
    10.0 * libm::log10((sum / count / 0.125f64).max(1e-30))
}

/// The error of a converted sine against the sine itself at the other rate, in dB below the sine.
fn error_db(source: u32, output: u32, hz: f64) -> f64 {
    let out = convert_sine(source, output, hz, 20_000);
    let ideal = |n: usize| 0.5 * libm::sin(TAU * hz * n as f64 / f64::from(output));
    level_db(out.iter().enumerate().map(|(n, y)| f64::from(*y) - ideal(n)))
}

const RATES: [(u32, u32); 2] = [(44_100, 48_000), (48_000, 44_100)];

#[test]
fn en8_pass_band_is_flat_to_20_khz() {
    for (source, output) in RATES {
        for step in 0..=80 {
            let hz = f64::from(step) * 250.0;
            let db = response_db(source, output, hz);
            assert!(db.abs() < 0.001, "{source}→{output} at {hz} Hz: {db} dB");
        }
    }
}

#[test]
fn en8_stop_band_is_112_db_down_from_the_lower_nyquist_on() {
    for (source, output) in RATES {
        let (from, to) = (22_050.0, 120_000.0);
        let worst = (0..=600)
            .map(|step| from + (to - from) * f64::from(step) / 600.0)
            .map(|hz| response_db(source, output, hz))
            .fold(f64::MIN, f64::max);
        assert!(worst < -112.0, "{source}→{output}: {worst} dB");
    }
}

#[test]
fn en8_tones_arrive_as_theory_says() {
    for (source, output) in RATES {
        for hz in [20.0, 440.0, 997.0, 5_000.0, 12_345.0, 19_000.0, 20_000.0] {
            let db = error_db(source, output, hz);
            assert!(db < -110.0, "{source}→{output} at {hz} Hz: error {db} dB");
        }
    }
}

#[test]
fn en8_tones_above_the_new_nyquist_vanish() {
    for hz in [22_051.0, 22_500.0, 23_000.0, 23_900.0] {
        let db = level_db(convert_sine(48_000, 44_100, hz, 20_000).into_iter().map(f64::from));
        assert!(db < -110.0, "{hz} Hz folds back at {db} dB");
    }
}

#[test]
fn en8_other_rates_keep_the_same_bounds() {
    for (source, output) in [(96_000, 44_100), (22_050, 48_000), (8_000, 44_100), (192_000, 48_000), (44_100, 47_999)] {
        let edge = f64::from(source.min(output)) / 2.0;
        for share in [0.02, 0.3, 0.7, 0.9] {
            let db = error_db(source, output, edge * share);
            assert!(db < -108.0, "{source}→{output} at {share} of the edge: error {db} dB");
        }
    }
}

#[test]
fn en8_a_constant_stays_constant_in_every_phase() {
    for (source, output) in [(44_100, 48_000), (48_000, 44_100), (44_100, 47_999), (96_000, 8_000)] {
        let conversion = Conversion::between(source, output).unwrap();
        let (_, length) = conversion.source_span(0, 4_000);
        let mut out = vec![0.0; 4_000];
        conversion.mono(&bits(&conversion), 0, &vec![1.0; length], &mut out);
        assert!(out.iter().all(|y| (y - 1.0).abs() < 2e-6));
    }
}

#[test]
fn an_impulse_stays_where_it_is() {
    // Frame 147 at 44.1 kHz is frame 160 at 48 kHz: the filter is symmetric about it, so there is no delay.
    let conversion = Conversion::between(44_100, 48_000).unwrap();
    let (start, length) = conversion.source_span(0, 321);
    let mut input = vec![0.0; length];
    input[(147 - start) as usize] = 1.0;
    let mut out = vec![0.0; 321];
    conversion.mono(&bits(&conversion), 0, &input, &mut out);
    let peak = (0..out.len()).max_by(|a, b| out[*a].total_cmp(&out[*b])).unwrap();
    assert_eq!(peak, 160);
    for k in 1..100 {
        assert!((out[160 - k] - out[160 + k]).abs() < 1e-6, "{k}");
    }
}

#[test]
fn stereo_is_mono_twice() {
    for (source, output) in [(48_000, 44_100), (44_100, 47_999), (96_000, 48_000)] {
        let conversion = Conversion::between(source, output).unwrap();
        let table = bits(&conversion);
        let (start, length) = conversion.source_span(-500, 1_000);
        let (a, b) = (sine(source, 997.0, length, start), sine(source, 3_001.0, length, start));
        let (mut l, mut r, mut mono) = (vec![0.0; 1_000], vec![0.0; 1_000], vec![0.0; 1_000]);
        conversion.stereo(&table, -500, [&a, &b], [&mut l, &mut r]);
        conversion.mono(&table, -500, &a, &mut mono);
        assert_eq!(l, mono);
        conversion.mono(&table, -500, &b, &mut mono);
        assert_eq!(r, mono);
    }
}

#[test]
fn rates_out_of_bounds_are_refused() {
    assert_eq!(Conversion::between(0, 48_000), Err(RateError::OutOfRange(0)));
    assert_eq!(Conversion::between(48_000, 1_000_000), Err(RateError::OutOfRange(1_000_000)));
    assert_eq!(Conversion::between(384_000, 8_000), Err(RateError::Ratio));
}

#[test]
fn slices_that_do_not_fit_are_left_alone() {
    for output in [44_100, 47_999] {
        let conversion = Conversion::between(48_000, output).unwrap();
        let (table, (_, length)) = (bits(&conversion), conversion.source_span(0, 4));
        let source = vec![1.0; length];
        let mut out = [9.0; 4];
        conversion.mono(&[], 0, &source, &mut out);
        conversion.mono(&table[1..], 0, &source, &mut out);
        conversion.mono(&table, 0, &source[1..], &mut out);
        conversion.stereo(&table, 0, [&source, &source], [&mut out, &mut [0.0; 3]]);
        conversion.mono(&table, 0, &source, &mut []);
        assert_eq!(out, [9.0; 4]);
        conversion.mono(&table, 0, &source, &mut out);
        assert!(out.iter().all(|y| (y - 1.0).abs() < 2e-6), "{out:?}");
    }
}

/// EN8's words, as they stand there: one sum a frame, from zero, tap after tap.
#[test]
fn en8_a_frame_is_one_sum_in_the_order_of_its_taps() {
    for (source, output) in [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000), (32_000, 44_100), (8_000, 44_100)] {
        let conversion = Conversion::between(source, output).unwrap();
        let (weights, taps) = (prototype(&conversion), conversion.taps as usize);
        let (start, length) = conversion.source_span(-700, 1_500);
        let input = sine(source, 1_234.5, length, start);
        let mut out = vec![0.0; 1_500];
        conversion.mono(&bits(&conversion), -700, &input, &mut out);
        for (n, y) in (-700..).zip(out) {
            let (frame, phase) = conversion.position(n);
            let window = &input[(frame - taps as i64 / 2 + 1 - start) as usize..][..taps];
            let mut sum = 0.0f32;
            window.iter().zip(&weights[phase as usize * taps..]).for_each(|(x, h)| sum += x * h);
            assert_eq!(y.to_bits(), sum.to_bits(), "{source}→{output}, frame {n}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn en8_sizes_are_bounded_for_all_rates(source in RATE_MIN..=RATE_MAX, output in RATE_MIN..=RATE_MAX, first in -(1i64 << 41)..(1i64 << 41)) {
        if let Ok(conversion) = Conversion::between(source, output) {
            prop_assert!(conversion.taps <= TAPS_MAX && conversion.taps % 2 == 0);
            prop_assert!(conversion.table_len() <= (TAPS_MAX as usize + 256) * (PHASES_MAX as usize + 16));
            prop_assert!(conversion.phases <= PHASES_MAX);
            let count = conversion.output_frames_for(8_192);
            prop_assert!(count >= 1);
            prop_assert!(conversion.source_span(first, count).1 <= 8_192);
            let exact = i128::from(first) * i128::from(conversion.down);
            prop_assert_eq!(i128::from(conversion.position(first).0), exact.div_euclid(i128::from(conversion.up)));
        }
    }

    #[test]
    fn en8_cutting_into_blocks_changes_no_bit(first in -100_000i64..100_000, cut in 1usize..499, case in 0usize..4) {
        let (source, output) = [(44_100, 48_000), (48_000, 44_100), (44_100, 47_999), (96_000, 32_000)][case];
        let conversion = Conversion::between(source, output).unwrap();
        let table = bits(&conversion);
        let (start, length) = conversion.source_span(first, 500);
        let input = sine(source, 1_234.5, length, start);
        let (mut whole, mut pieces) = (vec![0.0; 500], vec![0.0; 500]);
        conversion.mono(&table, first, &input, &mut whole);
        for (from, to) in [(0, cut), (cut, 500)] {
            let (begin, length) = conversion.source_span(first + from as i64, to - from);
            let at = (begin - start) as usize;
            conversion.mono(&table, first + from as i64, &input[at..at + length], &mut pieces[from..to]);
        }
        prop_assert_eq!(whole, pieces);
    }
}
