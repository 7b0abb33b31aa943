use proptest::prelude::*;

use super::*;
use crate::tempo::{BPM_MILLI_MAX, BPM_MILLI_MIN};

fn jump(ticks: i64, bpm_milli: u32) -> TempoChange {
    TempoChange { ticks, bpm_milli, ramp: false }
}

fn ramp(ticks: i64, bpm_milli: u32) -> TempoChange {
    TempoChange { ticks, bpm_milli, ramp: true }
}

fn any_bpm() -> impl Strategy<Value = u32> {
    BPM_MILLI_MIN..=BPM_MILLI_MAX
}

/// Changes up to three beats apart, at rates that people use.
fn any_track() -> impl Strategy<Value = TempoTrack> {
    let rates = prop_oneof![Just(44_100u32), Just(48_000), Just(96_000)];
    let change = (1..3 * TICKS_PER_BEAT, any_bpm(), any::<bool>());
    (rates, any_bpm(), prop::collection::vec(change, 0..40)).prop_map(|(rate, bpm, steps)| {
        let mut ticks = 0;
        let changes: Vec<TempoChange> = steps
            .into_iter()
            .map(|(step, bpm_milli, ramp)| {
                ticks += step;
                TempoChange { ticks, bpm_milli, ramp }
            })
            .collect();
        TempoTrack::new(rate, bpm, &changes).unwrap()
    })
}

#[test]
fn en1_named_places_behind_changes() {
    let beat = TICKS_PER_BEAT;
    // Two beats at 120, two at 60, then 90 for ever.
    let track = TempoTrack::new(48_000, 120_000, &[jump(4 * beat, 90_000), jump(2 * beat, 60_000)]).unwrap();
    let map = track.map();
    let frames: Vec<i64> = [-1, 1, 2, 3, 4, 5, 6].map(|n| map.frame(n * beat)).into();
    assert_eq!(frames, [-24_000, 24_000, 48_000, 96_000, 144_000, 176_000, 208_000]);
    assert_eq!(
        [0, 47_999, 48_000, 143_999, 144_000].map(|frame| map.beat_frames(frame)),
        [24_000.0, 24_000.0, 48_000.0, 48_000.0, 32_000.0]
    );
    assert_eq!((map.next_look(-9), map.next_look(48_000), map.next_look(144_000)), (48_000, 144_000, i64::MAX));
    assert_eq!(map.changes_between(0, 4 * beat).collect::<Vec<_>>(), [2 * beat]);
    assert_eq!(map.seconds(6 * beat), 208_000.0 / 48_000.0);
}

#[test]
fn en1_a_ramp_takes_the_time_of_its_mean_tempo_and_goes_evenly_in_time() {
    let beat = TICKS_PER_BEAT;
    // 60 to 180 in eight beats: four seconds, 120 being reached after two.
    let track = TempoTrack::new(48_000, 60_000, &[ramp(8 * beat, 180_000)]).unwrap();
    let map = track.map();
    assert_eq!(map.frame(8 * beat), 192_000);
    assert_eq!(map.frame(9 * beat), 208_000);
    assert_eq!((map.beat_frames(0), map.beat_frames(96_000), map.beat_frames(192_000)), (48_000.0, 24_000.0, 16_000.0));
    // Two seconds in which the tempo goes from 60 to 120 hold three beats.
    assert_eq!((map.frame(3 * beat), map.ticks(96_000)), (96_000, 3 * beat));
    assert_eq!(map.frame(-beat), -48_000, "before the song its first tempo holds");
    // What follows the tempo looks at each beat.
    let looks: Vec<i64> = core::iter::successors(Some(0), |frame| Some(map.next_look(*frame))).take(9).collect();
    let beats: Vec<i64> = (0..9).map(|n| map.frame(n * beat)).collect();
    assert_eq!(looks, beats);
    assert_eq!(map.next_look(192_000), i64::MAX);
}

/// The exact places of changes, in steps of 2^-60 frame: an error that is 2^28 times smaller.
fn exact(rate: u32, stretches: &[(i64, u32, u32)]) -> i128 {
    let step = |(ticks, from, to): &(i64, u32, u32)| {
        let numerator = (i128::from(*ticks) * 125 * i128::from(rate)) << 60;
        numerator / (1_008 * (i128::from(*from) + i128::from(*to)))
    };
    stretches.iter().map(step).sum()
}

#[test]
fn en1_an_hour_with_a_thousand_changes_does_not_drift() {
    for rate in [44_100, 48_000, 96_000] {
        let mut bpm = 87_123;
        let (mut changes, mut stretches, mut ticks) = (Vec::new(), Vec::new(), 0);
        for n in 0..1_000u32 {
            let length = 9 * TICKS_PER_BEAT + i64::from(n * 7_919);
            let next = 60_001 + n * 104_729 % 180_000;
            ticks += length;
            changes.push(TempoChange { ticks, bpm_milli: next, ramp: n % 3 == 0 });
            stretches.push((length, bpm, if n % 3 == 0 { next } else { bpm }));
            bpm = next;
        }
        let track = TempoTrack::new(rate, stretches[0].1, &changes).unwrap();
        let end = exact(rate, &stretches);
        let seconds = (end >> 60) as f64 / f64::from(rate);
        assert!(seconds > 3_600.0, "{seconds} s");
        // Half a frame is the rounding; all changes together move the end by less than a millionth of one.
        let frames = end as f64 / (1u64 << 60) as f64;
        assert!((track.map().frame(ticks) as f64 - frames).abs() <= 0.500_001);
        assert!(((track.map().place(ticks) << 28) - end).abs() < 1 << 40, "{rate} Hz");
    }
}

#[test]
fn en1_what_is_out_of_bounds_is_no_tempo_track() {
    let of = |changes: &[TempoChange]| TempoTrack::new(48_000, 120_000, changes).map(|_| ());
    assert_eq!(of(&[jump(1, 60_000), jump(0, 60_000)]), Err(TempoError::Place(1)));
    assert_eq!(of(&[jump(CHANGE_TICKS_MAX + 1, 60_000)]), Err(TempoError::Place(0)));
    assert_eq!(of(&[jump(1, 19_999)]), Err(TempoError::Tempo(19_999)));
    assert_eq!(of(&vec![jump(1, 60_000); CHANGES_MAX + 1]), Err(TempoError::TooMany));
    assert_eq!(of(&vec![jump(1, 60_000); CHANGES_MAX]), Ok(()));
    assert_eq!(TempoTrack::new(0, 120_000, &[]), Err(TempoError::Tempo(120_000)));
    let slow = TempoTrack::new(384_000, 20_000, &[jump(CHANGE_TICKS_MAX, 20_001)]).unwrap();
    assert_eq!((slow.map().frame(i64::MAX), slow.map().frame(i64::MIN)), (i64::MAX, i64::MIN));
    assert_eq!(slow.map().ticks(i64::MAX), slow.map().ticks_floor(i64::MAX));
    assert_eq!(slow.map().ticks_after(0, f64::NAN), None);
    assert_eq!(slow.map().ticks_after(0, 1e300), None);
    assert_eq!(slow.map().ticks_after(i64::MAX, 0.0), None);
}

proptest! {
    #[test]
    fn en1_a_map_without_changes_is_its_tempo(
        bpm in any_bpm(), rate in 4_000u32..=384_000, ticks in -(1i64 << 44)..(1i64 << 44), frame in -(1i64 << 40)..(1i64 << 40)
    ) {
        let (tempo, track) = (Tempo::new(bpm, rate).unwrap(), TempoTrack::new(rate, bpm, &[]).unwrap());
        let map = track.map();
        prop_assert_eq!(map.frame(ticks), tempo.frame(ticks));
        prop_assert_eq!(map.ticks(frame), tempo.ticks(frame));
        prop_assert_eq!(map.ticks_floor(frame), tempo.ticks_floor(frame));
        let far = TempoTrack::new(rate, bpm, &[jump(CHANGE_TICKS_MAX, bpm)]).unwrap();
        prop_assert_eq!(far.map().frame(ticks.min(CHANGE_TICKS_MAX)), tempo.frame(ticks.min(CHANGE_TICKS_MAX)));
    }

    #[test]
    fn en1_places_are_in_order_and_frames_come_back(track in any_track(), ticks in 0..120 * TICKS_PER_BEAT, more in 0i64..1_000) {
        let map = track.map();
        prop_assert!(map.frame(ticks) <= map.frame(ticks + more));
        prop_assert!(map.place(ticks) < map.place(ticks + 1));
        let frame = map.frame(ticks);
        prop_assert_eq!(map.frame(map.ticks(frame)), frame);
        prop_assert!((map.ticks(frame) - map.ticks_floor(frame)).abs() <= 1);
        prop_assert!(map.place(map.ticks_floor(frame)) <= i128::from(frame) << 32);
        prop_assert!(map.place(map.ticks_floor(frame) + 1) >= i128::from(frame) << 32);
        prop_assert!(map.next_look(frame) > frame);
        prop_assert!(map.is_sound());
    }

    #[test]
    fn en1_a_ramp_is_where_its_integral_says(from in any_bpm(), to in any_bpm(), length in 1..64 * TICKS_PER_BEAT, share in 0.0..1.0f64) {
        let track = TempoTrack::new(48_000, from, &[ramp(length, to)]).unwrap();
        let x = (length as f64 * share) as i64;
        let (b0, b1) = (f64::from(from), f64::from(to));
        let slope = (b1 * b1 - b0 * b0) / length as f64;
        let frames = 2.0 * x as f64 * 48_000.0 * 60_000.0 / TICKS_PER_BEAT as f64 / (b0 + (b0 * b0 + slope * x as f64).sqrt());
        prop_assert!((track.map().place(x) as f64 / 4_294_967_296.0 - frames).abs() < 1e-6 * frames.max(1.0));
    }

    #[test]
    fn u4_seconds_made_from_ticks_come_back_across_changes(
        track in any_track(), start in 0..60 * TICKS_PER_BEAT, cut in 0..60 * TICKS_PER_BEAT
    ) {
        let map = track.map();
        let offset = map.seconds(start + cut) - map.seconds(start);
        prop_assert_eq!(map.ticks_after(start, offset), Some(start + cut));
        prop_assert_eq!(map.ticks_after(start + cut, -offset), Some(start));
    }
}
