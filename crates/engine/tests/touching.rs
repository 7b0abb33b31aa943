//! U4: touching clips have no gap and no overlap, at any tempo and rate.

mod support;

use engine::plan::PlanView;
use engine::{Clip, Plan, SourceInfo, TempoChange, TempoTrack};
use proptest::prelude::*;
use support::songs::{self, Case, clip, cut, cut_by_map, noise, track};
use support::{Blocks, bits, play};

fn case(rate: u32, source_rate: u32, bpm_milli: u32, clips: Vec<Clip>, recording: &[f32], start_ticks: i64) -> Case {
    let sources = vec![SourceInfo { id: 7, rate: source_rate, channels: 1, frames: recording.len() as u64 }];
    Case {
        name: "touching",
        song: songs::song(rate, bpm_milli, sources, vec![track(1, clips)]),
        recordings: vec![(7, vec![recording.to_vec()])],
        start_ticks,
        loop_ticks: None,
        metronome: false,
        frames: 6_000,
        acts: Vec::new(),
    }
}

fn clips_of(plan: &PlanView<'_>) -> Vec<(i64, i64)> {
    (0..plan.clip_count()).map(|index| plan.clip(index)).map(|clip| (clip.start, clip.end)).collect()
}

prop_compose! {
    fn pieces()(bpm_milli in 20_000u32..=300_000, rate in prop_oneof![Just(44_100u32), Just(48_000), Just(88_200), Just(192_000)],
        start in 0i64..200_000_000, lengths in prop::collection::vec(prop_oneof![1i64..1_000, 1i64..100_000], 1..40))
        -> (u32, u32, i64, Vec<i64>) { (bpm_milli, rate, start, lengths) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn u4_touching_clips_share_their_border((bpm_milli, rate, start, lengths) in pieces()) {
        let mut at = start;
        let mut clips = Vec::new();
        for length in lengths {
            clips.push(clip(7, at, length));
            at += length;
        }
        let case = case(rate, rate, bpm_milli, clips, &vec![0.0; 1_000_000], 0);
        let plan = Plan::compile(&case.song).unwrap();
        for pair in clips_of(&plan.view()).windows(2) {
            prop_assert_eq!(pair[0].1, pair[1].0);
        }
    }

    #[test]
    fn u4_touching_clips_sound_like_the_uncut_one(
        (bpm_milli, rate, start, lengths) in pieces(),
        converted in any::<bool>(),
        offset_ticks in prop_oneof![Just(0i64), 1i64..1_000_000],
    ) {
        let source_rate = if !converted { rate } else if rate == 44_100 { 48_000 } else { 44_100 };
        prop_assume!(rate <= 96_000);
        let recording = noise(u64::from(bpm_milli), 40_000);
        let total = lengths.iter().sum::<i64>() + 50_000;
        let whole = Clip { source_offset_seconds: songs::seconds(offset_ticks, bpm_milli), gain: 0.9, ..clip(7, start, total) };
        let pieces = cut(&whole, &lengths, bpm_milli);
        let one = play(&case(rate, source_rate, bpm_milli, vec![whole], &recording, start), Blocks::Of(128));
        let many = play(&case(rate, source_rate, bpm_milli, pieces, &recording, start), Blocks::Of(128));
        prop_assert_eq!(bits(&one), bits(&many));
    }

    #[test]
    fn u4_a_cut_by_trimming_both_ends_leaves_no_gap(bpm_milli in 20_000u32..=300_000, length in 1i64..300_000) {
        let recording = noise(3, 200_000);
        let whole = clip(7, 0, 1_000_000_000);
        let total_seconds = 200_000.0 / 48_000.0;
        let mut pieces = cut(&whole, &[length], bpm_milli);
        pieces[0].source_end_offset_seconds = total_seconds - songs::seconds(length, bpm_milli);
        let one = play(&case(48_000, 48_000, bpm_milli, vec![whole], &recording, 0), Blocks::Of(128));
        let two = play(&case(48_000, 48_000, bpm_milli, pieces, &recording, 0), Blocks::Of(128));
        prop_assert_eq!(bits(&one), bits(&two));
    }

    #[test]
    fn en1_u4_touching_clips_sound_like_the_uncut_one_across_changes_of_tempo(
        (bpm_milli, rate, start, lengths) in pieces(),
        changes in prop::collection::vec((1i64..400_000, 20_000u32..=300_000, any::<bool>()), 1..12),
        converted in any::<bool>(),
        offset in prop_oneof![Just(0.0f64), 0.0..0.5f64],
    ) {
        prop_assume!(rate <= 96_000);
        let source_rate = if !converted { rate } else if rate == 44_100 { 48_000 } else { 44_100 };
        let recording = noise(u64::from(bpm_milli), 60_000);
        let total = lengths.iter().sum::<i64>() + 50_000;
        let mut ticks = start;
        let tempo_changes: Vec<TempoChange> = changes.into_iter().map(|(step, bpm_milli, ramp)| {
            ticks += step;
            TempoChange { ticks, bpm_milli, ramp }
        }).collect();
        let track = TempoTrack::new(rate, bpm_milli, &tempo_changes).unwrap();
        let whole = Clip { source_offset_seconds: offset, gain: 0.9, ..clip(7, start, total) };
        let pieces = cut_by_map(&whole, &lengths, track.map());
        let with = |clips: Vec<Clip>| {
            let mut case = case(rate, source_rate, bpm_milli, clips, &recording, start);
            case.song.tempo_changes.clone_from(&tempo_changes);
            case
        };
        let (one, many) = (with(vec![whole]), with(pieces));
        let borders = clips_of(&Plan::compile(&many.song).unwrap().view());
        prop_assert!(borders.windows(2).all(|pair| pair[0].1 == pair[1].0));
        prop_assert_eq!(bits(&play(&one, Blocks::Of(128))), bits(&play(&many, Blocks::Of(128))));
    }
}
