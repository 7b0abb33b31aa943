use super::*;
use crate::devices::Kind;
use crate::proof::{gain_db_at, impulse_response, made, play_stereo};

#[test]
fn en26_repeats_come_at_exact_frames_and_fall_by_the_feedback() {
    for frames in [48, 1_000, 22_222] {
        let values = [("time", milliseconds_of(frames, 48_000)), ("feedback", 50.0), ("mix", 100.0)];
        let response = impulse_response(&mut *made(Kind::Delay, 48_000, &values), frames * 4 + 1);
        for (n, x) in response.iter().enumerate() {
            let expected = if n > 0 && n % frames == 0 { libm::pow(0.5, (n / frames - 1) as f64) } else { 0.0 };
            assert_eq!(f64::from(*x), expected, "{n} of {frames}");
        }
    }
}

#[test]
fn en26_every_number_of_frames_has_its_milliseconds() {
    for rate in [8_000, 44_100, 48_000, 96_000, 192_000, 384_000] {
        for frames in (frames_of(TIME_MS_MIN, rate)..=4 * rate as usize).step_by(97) {
            assert_eq!(frames_of(milliseconds_of(frames, rate), rate), frames, "{rate}");
        }
    }
}

#[test]
fn en26_notes_follow_the_beat() {
    assert_eq!(NOTES.len(), BEATS.len());
    let mut delay = Delay::new(48_000);
    let note = |name: &str| NOTES.iter().position(|n| *n == name).unwrap_or(0) as f32;
    // 100 beats a minute: 28,800 frames.
    delay.set_beat(28_800.0);
    for (name, frames) in
        [("1/4", 28_800), ("1/8", 14_400), ("1/8D", 21_600), ("1/4T", 19_200), ("1/1", 115_200), ("1/64", 1_800)]
    {
        delay.set(1, note(name), 0);
        assert_eq!(delay.frames(), frames, "{name}");
    }
    delay.set_beat(1e9);
    assert_eq!(delay.frames(), 192_000);
    delay.set_beat(f64::NAN);
    assert_eq!(delay.frames(), 192_000);
    delay.set(1, 0.0, 0);
    assert_eq!(delay.frames(), 18_000);
}

#[test]
fn en26_ping_pong_changes_sides() {
    let values = [("time", 10.0), ("feedback", 50.0), ("pingPong", 1.0), ("mix", 100.0)];
    let mut right = vec![0.0; 2_000];
    right[0] = 1.0;
    let (left, right) = play_stereo(&mut *made(Kind::Delay, 48_000, &values), &vec![0.0; 2_000], &right);
    let at = |k: usize| (left[480 * k], right[480 * k]);
    assert_eq!([at(1), at(2), at(3), at(4)], [(0.5, 0.0), (0.0, 0.25), (0.125, 0.0), (0.0, 0.0625)]);
}

#[test]
fn en26_the_loop_s_filters_are_3_db_down_at_their_corners() {
    for (id, hz, far) in [("lowCut", 300.0, 30.0), ("highCut", 2_000.0, 12_000.0)] {
        let values = [("time", 1.0), ("feedback", 0.0), ("mix", 100.0), (id, hz as f32)];
        let response = impulse_response(&mut *made(Kind::Delay, 48_000, &values), 20_000);
        assert!((gain_db_at(&response, hz, 48_000.0) + 3.01).abs() < 0.02, "{id}");
        // One pole, warped: 1/√(1 + (g(far)/g(corner))²).
        let g = |hz: f64| libm::tan(core::f64::consts::PI * hz / 48_000.0);
        let ratio = if far > hz { g(far) / g(hz) } else { g(hz) / g(far) };
        let theory = -10.0 * libm::log10(1.0 + ratio * ratio);
        let heard = gain_db_at(&response, far, 48_000.0);
        assert!((heard - theory).abs() < 0.02, "{id}: {heard}, {theory}");
    }
}

#[test]
fn en26_a_new_time_fades_within_a_glide() {
    let mut delay = made(Kind::Delay, 48_000, &[("time", 10.0), ("feedback", 0.0), ("mix", 100.0)]);
    let ramp: Vec<f32> = (0..6_000).map(|n| n as f32 / 6_000.0).collect();
    play_stereo(&mut *delay, &ramp, &ramp);
    delay.set(0, 20.0, 0);
    let rest: Vec<f32> = (6_000..9_000).map(|n| n as f32 / 6_000.0).collect();
    let (out, _) = play_stereo(&mut *delay, &rest, &rest);
    for (n, x) in out.iter().enumerate() {
        let weight = ((n + 1) as f32 / 960.0).min(1.0);
        let expected = (6_000.0 + n as f32 - 480.0 - 480.0 * weight) / 6_000.0;
        assert!((x - expected).abs() < 1e-5, "{n}: {x} {expected}");
    }
}
