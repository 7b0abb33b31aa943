use super::*;

#[test]
fn en20_butterworth_qualities_are_those_of_the_poles() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-4, "{a} {b}");
    near(butterworth(1)[0], core::f64::consts::FRAC_1_SQRT_2);
    let fourth = butterworth(2);
    near(fourth[0], 0.5412);
    near(fourth[1], 1.3066);
    for (quality, expected) in butterworth(4).into_iter().zip([0.5098, 0.6013, 0.9, 2.5629]) {
        near(quality, expected);
    }
}

#[test]
fn en20_a_section_that_does_nothing_changes_no_bit() {
    let (mut left, mut right) = ([0.1, -0.7, f32::MIN_POSITIVE], [0.3, 0.0, 1.0]);
    let before = (left, right);
    let mut sections = [Section::new(); 3];
    sections[1].jump(Response::bell(1_000.0, 1.0, 0.0, 48_000.0));
    cascade(&mut sections, &mut left, &mut right);
    assert_eq!((left, right), before);
}

#[test]
fn en20_coefficients_that_move_at_every_frame_keep_a_section_bounded() {
    let mut section = [Section::new()];
    let mut worst = 0.0f32;
    for turn in 0..4_000u32 {
        let hz = if turn % 2 == 0 { 30.0 } else { 15_000.0 };
        section[0].aim(Response::low_pass(hz, 10.0, 48_000.0), 16);
        let mut left: [f32; 16] = core::array::from_fn(|n| if (turn as usize * 16 + n) % 90 < 45 { 1.0 } else { -1.0 });
        let mut right = left;
        cascade(&mut section, &mut left, &mut right);
        worst = left.iter().fold(worst, |worst, x| worst.max(x.abs()));
    }
    // A resonance of 20 dB on a square wave: no more than that, with some room.
    assert!(worst < 20.0, "{worst}");
}
