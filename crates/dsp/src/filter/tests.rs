use super::*;
use crate::devices::Kind;
use crate::proof::{gain_db_at, impulse_response, made, noise, play, rows};

const THEORY: &str = include_str!("../../theory/filter.txt");

#[test]
fn en21_all_kinds_and_slopes_are_within_a_tenth_of_a_decibel_of_theory() {
    assert_eq!(rows(THEORY).len(), 168);
    for rows in rows(THEORY).chunk_by(|a, b| a[..5] == b[..5]) {
        let [kind, slope, rate, freq, q] = core::array::from_fn(|k| rows[0][k] as f32);
        let values = [("kind", kind), ("slope", slope), ("freq", freq), ("q", q)];
        let response = impulse_response(&mut *made(Kind::Filter, rate as u32, &values), 60_000);
        for row in rows.iter().filter(|row| row[6] > -80.0) {
            let heard = gain_db_at(&response, row[5], row[2]);
            let drawn = Settings { kind, freq, q, slope, mix: 100.0 }.gain_db(row[5], rate as u32);
            assert!((heard - row[6]).abs() < 0.1 && (drawn - row[6]).abs() < 0.01, "{row:?}: {heard}, drawn {drawn}");
        }
    }
}

#[test]
fn en21_the_mix_goes_from_the_input_to_the_filter() {
    let samples = noise(1, 2_000, 0.5);
    let values = |mix: f32| [("freq", 500.0), ("mix", mix)];
    let dry = play(&mut *made(Kind::Filter, 48_000, &values(0.0)), &samples);
    let wet = play(&mut *made(Kind::Filter, 48_000, &values(100.0)), &samples);
    let half = play(&mut *made(Kind::Filter, 48_000, &values(50.0)), &samples);
    assert_eq!(dry, samples);
    assert!(half.iter().zip(dry.iter().zip(&wet)).all(|(h, (d, w))| (h - 0.5 * (d + w)).abs() < 1e-6));
}
