use super::*;
use crate::devices::Kind;
use crate::proof::{db, made, play, play_stereo, rows};

const THEORY: &str = include_str!("../../theory/compressor.txt");

fn level(db: f64) -> f32 {
    libm::pow(10.0, db / 20.0) as f32
}

#[test]
fn en22_the_static_curve_is_theory_s_drawn_and_heard() {
    assert_eq!(rows(THEORY).len(), 100);
    for row in rows(THEORY) {
        let [threshold, ratio, knee, input, reduction] = core::array::from_fn(|k| row[k] as f32);
        let drawn = Settings { threshold, ratio, knee, ..Settings::default() }.reduction_db(input);
        assert!((drawn - reduction).abs() < 1e-4, "{row:?}: drawn {drawn}");
        let values = [("threshold", threshold), ("ratio", ratio), ("knee", knee), ("attack", 0.1)];
        let mut device = made(Kind::Compressor, 48_000, &values);
        let out = play(&mut *device, &vec![level(row[3]); 2_000]);
        let heard = row[3] - db(f64::from(out[1_999]));
        assert!((heard - row[4]).abs() < 0.001, "{row:?}: heard {heard}");
        assert!((f64::from(device.take_reduction()) - row[4]).abs() < 0.001);
        assert_eq!(device.take_reduction(), 0.0);
    }
}

#[test]
fn en22_attack_and_release_are_exponentials_of_their_time_constants() {
    let values = [("threshold", -20.0), ("ratio", 2.0), ("knee", 0.0), ("attack", 10.0), ("release", 100.0)];
    let mut samples = vec![1.0; 48_000];
    // A release from full scale to 20 dB below, where nothing is reduced.
    samples[24_000..].fill(level(-20.0));
    let out = play(&mut *made(Kind::Compressor, 48_000, &values), &samples);
    for n in 0..24_000 {
        let attack = 10.0 * (1.0 - libm::exp(-((n + 1) as f64) / 480.0));
        let release = 10.0 * libm::exp(-((n + 1) as f64) / 4_800.0);
        let heard = [-db(f64::from(out[n])), -20.0 - db(f64::from(out[24_000 + n]))];
        assert!((heard[0] - attack).abs() < 0.003 && (heard[1] - release).abs() < 0.003, "{n}: {heard:?}");
    }
}

#[test]
fn en22_lookahead_lowers_before_the_sound_comes() {
    let values = [("threshold", -40.0), ("attack", 1.0), ("lookahead", 5.0), ("knee", 0.0), ("ratio", 100.0)];
    let mut device = made(Kind::Compressor, 48_000, &values);
    assert_eq!(device.latency(), 240);
    let mut samples = vec![0.0; 2_000];
    samples[500..].fill(1.0);
    let out = play(&mut *device, &samples);
    assert!(out[..740].iter().all(|x| *x == 0.0));
    // 240 frames have passed when the first loud sample comes, five time constants: 40 dB · (1 - 1/100), less e⁻⁵ of it.
    for n in 0..1_000 {
        let theory = -39.6 * (1.0 - libm::exp(-f64::from(n + 241) / 48.0));
        let heard = db(f64::from(out[740 + n as usize]));
        assert!((heard - theory).abs() < 0.003, "{n}: {heard}, {theory}");
    }
}

#[test]
fn en22_a_sidechain_is_listened_to_instead_of_the_input() {
    let values = [("attack", 0.1), ("threshold", -20.0), ("ratio", 2.0), ("knee", 0.0)];
    let play = |key: f32| {
        let mut device = made(Kind::Compressor, 48_000, &values);
        let (mut left, mut right) = (vec![1.0; 1_000], vec![1.0; 1_000]);
        let key = vec![key; 1_000];
        device.process(Block::new(&mut left, &mut right).with_sidechain(&key, &key));
        db(f64::from(left[999]))
    };
    assert!((play(1.0) + 10.0).abs() < 0.001);
    assert!(play(0.01).abs() < 0.001);
    assert!(play(f32::NAN).abs() < 0.001);
}

#[test]
fn en22_linked_channels_are_lowered_alike() {
    let quiet_right = |link: f32| {
        let values = [("attack", 0.1), ("threshold", -20.0), ("ratio", 2.0), ("knee", 0.0), ("link", link)];
        let mut device = made(Kind::Compressor, 48_000, &values);
        let (left, right) = play_stereo(&mut *device, &[1.0; 1_000], &[0.01; 1_000]);
        (db(f64::from(left[999])), db(f64::from(right[999])) + 40.0)
    };
    let near = |(a, b): (f64, f64), c: f64, d: f64| assert!((a - c).abs() < 0.001 && (b - d).abs() < 0.001, "{a} {b}");
    near(quiet_right(100.0), -10.0, -10.0);
    near(quiet_right(0.0), -10.0, 0.0);
}

#[test]
fn en22_make_up_and_mix_are_factors() {
    let values = |mix: f32| [("attack", 0.1), ("threshold", 0.0), ("knee", 0.0), ("makeup", 6.0), ("mix", mix)];
    let heard = |mix: f32| play(&mut *made(Kind::Compressor, 48_000, &values(mix)), &[0.5; 100])[99];
    let raised = 0.5 * libm::pow(10.0, 0.3) as f32;
    assert!((heard(100.0) - raised).abs() < 1e-6);
    assert!((heard(50.0) - 0.5 * (raised + 0.5)).abs() < 1e-6);
    assert_eq!(heard(0.0), 0.5);
}
