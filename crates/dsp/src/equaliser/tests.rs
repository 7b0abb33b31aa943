use super::*;
use crate::devices::Kind;
use crate::proof::{gain_db_at, impulse_response, made, noise, play, rows};

const THEORY: &str = include_str!("../../theory/equaliser.txt");

fn band(row: &[f64]) -> Band {
    let value = |k: usize| row[k] as f32;
    Band { on: 1.0, kind: value(0), slope: value(1), freq: value(3), gain: value(4), q: value(5) }
}

#[test]
fn en20_the_curve_on_the_screen_is_the_cookbook_s() {
    let rows = rows(THEORY);
    assert_eq!(rows.len(), 1_000);
    for row in rows {
        let (curve, theory) = (band(&row).gain_db(row[6], row[2] as u32), row[7]);
        // Far down, the cookbook's own form loses digits.
        let tolerance = if theory > -60.0 { 0.001 } else { 0.1 };
        assert!((curve - theory).abs() < tolerance || theory < -150.0, "{row:?}: {curve}");
    }
}

#[test]
fn en20_what_is_heard_is_within_a_tenth_of_a_decibel_of_the_cookbook() {
    let mut worst = 0.0f64;
    for rows in rows(THEORY).chunk_by(|a, b| a[..6] == b[..6]) {
        let rate = rows[0][2];
        let b = band(&rows[0]);
        let values =
            [("on5", 1.0), ("kind5", b.kind), ("slope5", b.slope), ("freq5", b.freq), ("gain5", b.gain), ("q5", b.q)];
        let response = impulse_response(&mut *made(Kind::Equaliser, rate as u32, &values), 60_000);
        for row in rows.iter().filter(|row| row[7] > -80.0) {
            let error = (gain_db_at(&response, row[6], rate) - row[7]).abs();
            assert!(error < 0.1, "{row:?}: {error}");
            worst = worst.max(error);
        }
    }
    assert!(worst < 0.02, "{worst}");
}

#[test]
fn en20_bands_add_up_and_both_channels_are_alike() {
    let values = [
        ("on1", 1.0),
        ("slope1", 2.0),
        ("on2", 1.0),
        ("gain2", -6.0),
        ("on3", 1.0),
        ("gain3", 9.0),
        ("on6", 1.0),
        ("gain6", -15.0),
        ("q6", 6.0),
        ("on8", 1.0),
    ];
    let mut device = made(Kind::Equaliser, 48_000, &values);
    let all: Vec<f32> = (0..PARAMETERS.len()).map(|i| device.value(i)).collect();
    let response = impulse_response(&mut *device, 60_000);
    for hz in [25.0, 60.0, 100.0, 240.0, 700.0, 4_000.0, 11_000.0, 18_000.0] {
        let (heard, drawn) = (gain_db_at(&response, hz, 48_000.0), gain_db(&all, hz, 48_000));
        assert!((heard - drawn).abs() < 0.02, "{hz} Hz: {heard}, drawn {drawn}");
    }
    let (left, right) = crate::proof::play_stereo(&mut *device, &noise(1, 5_000, 0.5), &noise(1, 5_000, 0.5));
    assert_eq!(left, right);
}

#[test]
fn en20_with_all_bands_off_no_bit_changes() {
    let samples = noise(1, 1_000, 0.9);
    assert_eq!(play(&mut Equaliser::new(44_100), &samples), samples);
}

#[test]
fn en20_a_bass_band_at_a_high_rate_has_no_noise_of_its_own() {
    // 20 Hz at 192 kHz, where f32 states would be too coarse: boost and cut must cancel out.
    let values = [("on3", 1.0), ("freq3", 20.0), ("gain3", 18.0), ("on4", 1.0), ("freq4", 20.0), ("gain4", -18.0)];
    let samples = noise(1, 100_000, 0.5);
    let out = play(&mut *made(Kind::Equaliser, 192_000, &values), &samples);
    let worst = out.iter().zip(&samples).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-6, "{worst}");
}
