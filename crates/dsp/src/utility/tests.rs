use super::*;
use crate::devices::Kind;
use crate::proof::{db, gain_db_at, impulse_response, made, play_stereo};

fn of(values: &[(&str, f32)]) -> (f32, f32) {
    let (left, right) = play_stereo(&mut *made(Kind::Utility, 48_000, values), &[0.5; 3], &[-0.25; 3]);
    (left[2], right[2])
}

#[test]
fn en30_each_switch_does_what_its_name_says() {
    assert_eq!(of(&[]), (0.5, -0.25));
    assert_eq!(of(&[("invertLeft", 1.0)]), (-0.5, -0.25));
    assert_eq!(of(&[("invertRight", 1.0)]), (0.5, 0.25));
    assert_eq!(of(&[("swap", 1.0)]), (-0.25, 0.5));
    assert_eq!(of(&[("mono", 1.0)]), (0.125, 0.125));
    assert_eq!(of(&[("width", 0.0)]), (0.125, 0.125));
    assert_eq!(of(&[("width", 200.0)]), (0.875, -0.625));
    assert_eq!(of(&[("swap", 1.0), ("invertLeft", 1.0)]), (-0.25, -0.5));
    assert_eq!(of(&[("gain", SILENT_DB)]), (0.0, -0.0));
    let (left, _) = of(&[("gain", 6.0)]);
    assert!((db(f64::from(left)) - db(0.5) - 6.0).abs() < 1e-4);
}

#[test]
fn en30_direct_current_is_filtered_out_and_nothing_else() {
    let response = impulse_response(&mut *made(Kind::Utility, 48_000, &[("dcBlock", 1.0)]), 100_000);
    // A high pass of the first order: 1/√(1 + (corner/f)²).
    for hz in [1.0, 5.0, 10.0, 30.0, 200.0, 1_000.0] {
        let theory = -10.0 * libm::log10(1.0 + (5.0 / hz) * (5.0 / hz));
        let heard = gain_db_at(&response, hz, 48_000.0);
        assert!((heard - theory).abs() < 0.01, "{hz} Hz: {heard}, {theory}");
    }
    assert!(response.iter().map(|x| f64::from(*x)).sum::<f64>().abs() < 1e-4);
}
