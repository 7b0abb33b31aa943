//! Plans as bytes, hostile ones among them, and what the compiler refuses.

mod support;

use engine::plan::{CLIPS_MAX, DEVICES_MAX, EDGES_MAX, POINTS_MAX, TRACKS_MAX};
use engine::tempo::CHANGES_MAX;
use engine::{
    Clip, CompileError, Device, Lane, LaneTarget, MemoryReader, MetreChange, Plan, PlanError, Plans, Point, Processor,
    Send, Song, SourceInfo, TICKS_PER_BEAT as BEAT, TempoChange, TimeSignature, Way,
};
use proptest::prelude::*;
use support::songs::{self, clip, song, track};

/// Words of the small song's plan before its table: header, tracks, clips, sources, conversion, edges, tempos, metres.
const RECORDS: usize = 32 + 3 * 24 + 3 * 18 + 2 * 8 + 8 + 3 * 8 + 2 * 8 + 2 * 6;

fn small_song() -> Song {
    let source = |id, rate| SourceInfo { id, rate, channels: 2, frames: 10_000 };
    let tracks = vec![
        track(9, vec![clip(1, 0, BEAT), clip(1, BEAT / 2, BEAT)]),
        track(3, vec![clip(2, 0, BEAT)]),
        track(5, vec![]),
    ];
    // 8 kHz to 4 kHz has one phase: a small table.
    Song {
        sample_rate: 4_000,
        tempo_changes: vec![TempoChange { ticks: BEAT / 2, bpm_milli: 90_000, ramp: true }],
        metre_changes: vec![MetreChange { ticks: BEAT, time_signature: TimeSignature { beats: 3, unit: 8 } }],
        ..song(48_000, 120_000, vec![source(1, 4_000), source(2, 8_000)], tracks)
    }
}

fn words(song: &Song) -> Vec<u32> {
    Plan::compile(song).expect("a song of the corpus").into_words()
}

/// Plays whatever was accepted, from several places.
fn play(plan: &Plan) {
    let plans = Plans { current: plan.view(), previous: None };
    let mut processor = Processor::new(plans.current.sample_rate());
    processor.prepare(None, &plans.current);
    processor.change(None, &plans.current).expect("the plan's own rate");
    processor.set_metronome(true);
    processor.play();
    for frame in [0, plans.current.frames() / 2, plans.current.frames() - 10, -5_000] {
        processor.seek(frame);
        let (mut left, mut right) = ([0.0; 700], [0.0; 700]);
        processor.process(&plans, &mut MemoryReader::new(), &mut left, &mut right);
        assert!(left.iter().chain(&right).all(|x| x.is_finite()));
    }
}

#[test]
fn en15_bytes_and_back() {
    for case in songs::all() {
        let plan = Plan::compile(&case.song).unwrap();
        assert_eq!(Plan::from_bytes(&plan.to_bytes()), Ok(plan));
    }
}

#[test]
fn en15_the_same_song_makes_the_same_bytes() {
    for (a, b) in songs::all().iter().zip(songs::all()) {
        assert_eq!(words(&a.song), words(&b.song));
    }
}

#[test]
fn en15_what_is_no_plan_is_named() {
    let good = words(&small_song());
    let with = |at: usize, word: u32| {
        let mut words = good.clone();
        words[at] = word;
        Plan::from_words(words).map_err(|(error, _)| error).map(|_| ())
    };
    assert_eq!(with(0, 0), Err(PlanError::Magic));
    assert_eq!(with(1, 7), Err(PlanError::Version(7)));
    assert_eq!(with(2, 31), Err(PlanError::Length));
    assert_eq!(with(3, 44_100), Err(PlanError::Tempo));
    assert_eq!(with(4, 0), Err(PlanError::Header));
    assert_eq!(with(5, u32::MAX), Err(PlanError::Header));
    assert_eq!(with(6, 3), Err(PlanError::Header));
    // Two stretches: ticks, frame, fraction, both tempos, zero; then two metres.
    let tempos = RECORDS - 2 * 8 - 2 * 6;
    assert_eq!(good[tempos + 5], 120_000);
    for (at, word) in
        [(0, 1), (2, 1), (4, 1), (5, 19_999), (6, 300_001), (7, 1), (8, 0), (10, 77), (12, 5), (14, 80_000)]
    {
        assert_eq!(with(tempos + at, word), Err(PlanError::Tempo), "word {at} of the tempos");
    }
    for (at, word) in [(0, 1), (2, 0), (2, 65), (3, 5), (4, 1), (6, 0), (7, 1 << 30), (9, 3), (10, 2)] {
        assert_eq!(with(RECORDS - 2 * 6 + at, word), Err(PlanError::Tempo), "word {at} of the metres");
    }
    assert_eq!(with(7, f32::NAN.to_bits()), Err(PlanError::Header));
    assert_eq!(with(8, u32::MAX), Err(PlanError::Header));
    assert_eq!(with(30, 1), Err(PlanError::Header));
    assert_eq!(with(32 + 4, f32::INFINITY.to_bits()), Err(PlanError::Track(0)));
    assert_eq!(with(32 + 7, u32::MAX), Err(PlanError::Track(0)));
    assert_eq!(with(32 + 8, 99), Err(PlanError::Track(0)));
    assert_eq!(with(32 + 72 + 15, 2), Err(PlanError::Clip(0)));
    assert_eq!(with(32 + 72 + 7, 1), Err(PlanError::Clip(0)));
    assert_eq!(Plan::from_bytes(&[1, 2, 3]), Err(PlanError::Length));
    assert_eq!(Plan::from_bytes(&[]), Err(PlanError::Length));
    assert_eq!(Plan::from_words(good[..good.len() - 1].to_vec()).map_err(|(e, _)| e), Err(PlanError::Length));
    play(&Plan::from_words(good).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn en15_damaged_plans_are_refused_or_play_without_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u32>(), 0u32..40, Just(u32::MAX)]), 1..4),
        records_only in any::<bool>(),
    ) {
        let mut words = words(&small_song());
        let reach = if records_only { RECORDS } else { words.len() };
        for (at, word) in damage {
            words[at.index(reach)] = word;
        }
        if let Ok(plan) = Plan::from_words(words) {
            play(&plan);
        }
    }

    #[test]
    fn en15_arbitrary_words_are_refused(words in prop::collection::vec(any::<u32>(), 0..200), header in any::<bool>()) {
        let mut words = words;
        if header && words.len() > 3 {
            (words[0], words[1], words[2]) = (engine::plan::MAGIC, engine::plan::VERSION, words.len() as u32);
        }
        prop_assert!(Plan::from_words(words).is_err());
    }

    #[test]
    fn en15_whatever_compiles_plays(
        starts in prop::collection::vec((any::<i64>(), any::<i64>(), -1.0f64..1e9, 0.0f64..2.0), 0..6),
        near in prop::collection::vec((-BEAT..4 * BEAT, 0..4 * BEAT, 0.0f64..3.0, 0.0f64..3.0), 0..6),
        bpm_milli in any::<u32>(),
    ) {
        let mut song = small_song();
        song.bpm_milli = if bpm_milli % 2 == 0 { bpm_milli } else { 20_000 + bpm_milli % 280_001 };
        song.tracks[0].clips = near.iter().map(|(start, length, offset, end)| Clip {
            source_offset_seconds: *offset, source_end_offset_seconds: *end, fade_in_ticks: *length / 2, fade_out_ticks: *length,
            ..clip(1 + (*length % 2) as u32, *start, *length)
        }).collect();
        if bpm_milli % 3 == 0 {
            song.tracks[1].clips = starts.iter().map(|(start, length, offset, gain)| Clip {
                source_offset_seconds: *offset, gain: *gain, ..clip(1, *start, *length)
            }).collect();
        }
        if let Ok(plan) = Plan::compile(&song) {
            play(&plan);
        }
    }
}

#[test]
fn en15_a_graph_out_of_bounds_is_refused_with_a_reason() {
    let kind = dsp::devices::Kind::Gate;
    let values: Vec<f32> = kind.parameters().iter().map(|parameter| parameter.default).collect();
    let gate = Device { id: 70, kind, bypassed: false, values, sidechain: Some(3) };
    let send = Send { id: 80, target: 5, gain: 0.5, pre: false };
    let mut good = small_song();
    good.tracks[0].devices = vec![gate.clone()];
    good.tracks[0].sends = vec![send];
    good.tracks[1].output = Some(5);
    play(&Plan::compile(&good).unwrap());
    let refused = |change: &dyn Fn(&mut Song)| {
        let mut song = good.clone();
        change(&mut song);
        let error = Plan::compile(&song).unwrap_err();
        assert!(!error.to_string().is_empty());
        error
    };
    let lane = |target, value| Lane { target, points: vec![Point { ticks: 0, value, way: Way::Hold }] };
    // The first track waits for the second, whose sound comes back to it.
    assert_eq!(refused(&|s| s.tracks[1].output = Some(3)), CompileError::Circle(0));
    assert_eq!(refused(&|s| s.tracks[2].output = Some(9)), CompileError::Circle(0));
    assert_eq!(refused(&|s| s.tracks[0].devices[0].sidechain = Some(9)), CompileError::Circle(0));
    assert_eq!(refused(&|s| s.tracks[1].output = Some(77)), CompileError::Target(1));
    assert_eq!(refused(&|s| s.tracks[0].sends[0].target = 77), CompileError::Target(0));
    assert_eq!(refused(&|s| s.tracks[0].sends[0].gain = 17.0), CompileError::Send(0));
    let twin = Device { sidechain: None, ..gate.clone() };
    assert_eq!(refused(&|s| s.tracks[1].devices = vec![twin.clone()]), CompileError::SameDevice(1));
    assert_eq!(refused(&|s| s.master.devices = vec![twin.clone()]), CompileError::SameDevice(3));
    assert_eq!(refused(&|s| s.tracks[1].sends = vec![send]), CompileError::SameSend(1));
    assert_eq!(refused(&|s| s.tracks[0].devices[0].values.truncate(1)), CompileError::Device(0));
    assert_eq!(refused(&|s| s.tracks[0].devices[0].values[0] = f32::NAN), CompileError::Device(0));
    assert_eq!(refused(&|s| s.tracks[0].lanes = vec![lane(LaneTarget::Send(1), 0.5)]), CompileError::Lane(0));
    assert_eq!(refused(&|s| s.tracks[0].lanes = vec![lane(LaneTarget::Parameter(1, 0), 0.5)]), CompileError::Lane(0));
    assert_eq!(refused(&|s| s.tracks[0].lanes = vec![lane(LaneTarget::Pan, 1.5)]), CompileError::Lane(0));
    let many = |s: &mut Song| {
        let device = |id: usize| Device { id: 1_000 + id as u64, sidechain: None, ..gate.clone() };
        s.tracks[2].devices = (0..=DEVICES_MAX).map(device).collect();
    };
    assert_eq!(refused(&many), CompileError::TooManyDevices);
    let sends = |s: &mut Song| s.tracks[0].sends = (0..=EDGES_MAX as u64).map(|id| Send { id, ..send }).collect();
    assert_eq!(refused(&sends), CompileError::TooManySends);
    let points = |s: &mut Song| {
        let point = |n: usize| Point { ticks: n as i64 * 1_000, value: 0.5, way: Way::Hold };
        s.tracks[0].lanes = vec![Lane { target: LaneTarget::Volume, points: (0..=POINTS_MAX).map(point).collect() }];
    };
    assert_eq!(refused(&points), CompileError::TooMuchAutomation);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn en15_a_damaged_graph_is_refused_or_plays_without_harm(
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u32>(), 0u32..40, Just(u32::MAX)]), 1..4),
    ) {
        let case = songs::all().into_iter().find(|case| case.name == "automated").unwrap();
        let mut words = words(&case.song);
        for (at, word) in damage {
            let at = at.index(words.len());
            words[at] = word;
        }
        if let Ok(plan) = Plan::from_words(words) {
            play(&plan);
        }
    }
}

#[test]
fn en15_a_song_out_of_bounds_is_refused_with_a_reason() {
    let refused = |change: &dyn Fn(&mut Song)| {
        let mut song = small_song();
        change(&mut song);
        let error = Plan::compile(&song).unwrap_err();
        assert!(!error.to_string().is_empty());
        error
    };
    assert_eq!(refused(&|s| s.sample_rate = 1), CompileError::SampleRate(1));
    assert_eq!(refused(&|s| s.bpm_milli = 300_001), CompileError::Tempo(300_001));
    assert_eq!(refused(&|s| s.tempo_changes[0].bpm_milli = 1), CompileError::Tempo(1));
    assert_eq!(refused(&|s| s.tempo_changes[0].ticks = 0), CompileError::TempoPlace(0));
    assert_eq!(refused(&|s| s.tempo_changes = vec![s.tempo_changes[0]; CHANGES_MAX + 1]), CompileError::TooManyTempos);
    assert_eq!(refused(&|s| s.metre_changes[0].ticks = -1), CompileError::TimeSignature);
    assert_eq!(refused(&|s| s.metre_changes[0].time_signature.beats = 65), CompileError::TimeSignature);
    assert_eq!(refused(&|s| s.time_signature = TimeSignature { beats: 0, unit: 4 }), CompileError::TimeSignature);
    assert_eq!(refused(&|s| s.time_signature = TimeSignature { beats: 4, unit: 5 }), CompileError::TimeSignature);
    assert_eq!(refused(&|s| s.master.volume = f64::NAN), CompileError::MasterVolume);
    assert_eq!(refused(&|s| s.tracks[1].pan = 1.1), CompileError::Track(1));
    assert_eq!(refused(&|s| s.tracks[1].volume = -0.1), CompileError::Track(1));
    assert_eq!(refused(&|s| s.tracks[1].id = 9), CompileError::SameTrack(1));
    assert_eq!(refused(&|s| s.tracks[0].clips[1].gain = 17.0), CompileError::ClipGain(0, 1));
    assert_eq!(refused(&|s| s.tracks[0].clips[1].source = 4), CompileError::UnknownSource(0, 1));
    assert_eq!(refused(&|s| s.tracks[0].clips[1].duration_ticks = -1), CompileError::ClipPlace(0, 1));
    assert_eq!(refused(&|s| s.tracks[0].clips[1].start_ticks = i64::MAX), CompileError::ClipPlace(0, 1));
    assert_eq!(refused(&|s| s.tracks[0].clips[1].source_offset_seconds = f64::INFINITY), CompileError::ClipPlace(0, 1));
    assert_eq!(refused(&|s| s.tracks[0].clips[1].fade_in_ticks = -1), CompileError::ClipPlace(0, 1));
    assert_eq!(refused(&|s| s.sources[1].id = 1), CompileError::SameSource(1));
    assert_eq!(refused(&|s| s.sources[1].channels = 0), CompileError::Source(1));
    assert_eq!(refused(&|s| s.sources[1].frames = u64::MAX), CompileError::Source(1));
    assert!(matches!(refused(&|s| s.sources[1].rate = 384_000), CompileError::SourceRate(1, _)));
    assert_eq!(
        refused(&|s| s.tracks = (0..=TRACKS_MAX as u64).map(|id| track(id, vec![])).collect()),
        CompileError::TooManyTracks
    );
    assert_eq!(refused(&|s| s.tracks[0].clips = vec![clip(1, 0, BEAT); CLIPS_MAX + 1]), CompileError::TooManyClips);
}
