use super::*;
use crate::devices::Kind;
use crate::proof::{db, made, play};

fn level(db: f64) -> f32 {
    libm::pow(10.0, db / 20.0) as f32
}

#[test]
fn en23_it_opens_at_the_threshold_and_closes_below_the_hysteresis_after_the_hold() {
    let mut gate = Gate::new(48_000);
    for (id, value) in [(0, -40.0), (1, 6.0), (3, 10.0)] {
        gate.set(id, value, 0);
    }
    let mut hear = |db: f64, frames: usize| {
        play(&mut gate, &vec![level(db); frames]);
        gate.is_open()
    };
    assert!(!hear(-40.5, 1_000), "below the threshold");
    assert!(hear(-39.5, 1), "at the threshold");
    assert!(hear(-45.5, 5_000), "within the hysteresis");
    assert!(hear(-46.5, 480), "held for 10 ms");
    assert!(!hear(-46.5, 1), "then closed");
    assert!(!hear(-45.5, 1_000), "within the hysteresis, but closed");
}

#[test]
fn en23_opening_and_closing_are_exponentials_of_their_time_constants() {
    let values = [
        ("threshold", -20.0),
        ("hysteresis", 0.0),
        ("attack", 5.0),
        ("hold", 0.0),
        ("release", 50.0),
        ("range", -40.0),
    ];
    let mut samples = vec![0.5; 20_000];
    samples[10_000..].fill(0.05);
    let out = play(&mut *made(Kind::Gate, 48_000, &values), &samples);
    for n in 0..10_000 {
        let opening = 1.0 - 0.99 * libm::exp(-((n + 1) as f64) / 240.0);
        let closing = 0.01 + 0.99 * libm::exp(-((n + 1) as f64) / 2_400.0);
        let heard = [f64::from(out[n]) / 0.5, f64::from(out[10_000 + n]) / 0.05];
        assert!((heard[0] - opening).abs() < 1e-4 && (heard[1] - closing).abs() < 1e-4, "{n}: {heard:?}");
    }
}

#[test]
fn en23_closed_it_lets_through_what_the_range_says_and_tells_so() {
    let mut device = made(Kind::Gate, 48_000, &[("range", -30.0), ("release", 5.0)]);
    let out = play(&mut *device, &vec![level(-60.0); 48_000]);
    assert!((db(f64::from(out[47_999])) + 90.0).abs() < 0.01);
    device.take_reduction();
    play(&mut *device, &vec![level(-60.0); 100]);
    assert!((device.take_reduction() - 30.0).abs() < 0.01);
}

#[test]
fn en23_a_sidechain_opens_it() {
    let mut device = made(Kind::Gate, 48_000, &[("attack", 0.05)]);
    let (mut left, mut right) = (vec![level(-60.0); 1_000], vec![0.0; 1_000]);
    device.process(Block::new(&mut left, &mut right).with_sidechain(&[0.0; 1_000], &[0.5; 1_000]));
    assert!((db(f64::from(left[999])) + 60.0).abs() < 0.001);
}

#[test]
fn en23_what_is_quiet_from_the_beginning_on_is_lowered_by_the_range_at_once() {
    let mut gate = made(Kind::Gate, 48_000, &[("threshold", -20.0), ("range", -12.0), ("attack", 100.0)]);
    for begins in ["made", "reset"] {
        let out = play(&mut *gate, &[level(-40.0); 100]);
        let off = out.iter().map(|x| (db(f64::from(*x)) + 52.0).abs()).fold(0.0, f64::max);
        assert!(off < 1e-3, "{begins}: {off} dB off");
        gate.reset();
    }
}
