//! Automation: exact to the frame, whatever its shape, and no noise when a hand turns a knob.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use dsp::devices::Kind;
use engine::{
    Device, Lane, LaneTarget, Plan, Plans, Point, Processor, Song, SourceInfo, TICKS_PER_BEAT as BEAT, TempoChange,
    TempoTrack, Track, Way,
};
use support::songs::{clip, song, track};

/// At 120 beats per minute and 48 kHz a beat has 24,000 frames.
fn ticks(frame: i64) -> i64 {
    frame * BEAT / 24_000
}

fn lane(target: LaneTarget, points: &[(i64, f64, Way)]) -> Lane {
    let point = |(frame, value, way): &(i64, f64, Way)| Point { ticks: ticks(*frame), value: *value, way: *way };
    Lane { target, points: points.iter().map(point).collect() }
}

const STRAIGHT: Way = Way::Bent(0.0);

/// A track over a recording of ones.
fn ones(lanes: Vec<Lane>, devices: Vec<Device>) -> Song {
    let source = SourceInfo { id: 1, rate: 48_000, channels: 2, frames: 96_000 };
    song(48_000, 120_000, vec![source], vec![Track { lanes, devices, ..track(1, vec![clip(1, 0, 4 * BEAT)]) }])
}

fn player(song: &Song) -> (Plan, Processor) {
    let plan = Plan::compile(song).unwrap();
    let mut processor = Processor::new(48_000);
    processor.prepare(None, &plan.view());
    processor.change(None, &plan.view()).unwrap();
    processor.play();
    (plan, processor)
}

fn play(song: &Song, frames: usize) -> [Vec<f32>; 2] {
    let (plan, mut processor) = player(song);
    let mut reader = engine::MemoryReader::new();
    reader.insert(1, vec![vec![1.0; 96_000]; 2]);
    let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
    let plans = Plans { current: plan.view(), previous: None };
    for (left, right) in left.chunks_mut(128).zip(right.chunks_mut(128)) {
        processor.process(&plans, &mut reader, left, right);
    }
    [left, right]
}

#[test]
fn en33_a_lane_is_where_its_points_say_to_the_frame() {
    let points = [
        (100, 0.5, STRAIGHT),
        (1_100, 1.0, Way::Hold),
        (1_333, 0.25, STRAIGHT),
        (2_000, 0.25, Way::Hold),
        (2_001, 1.5, STRAIGHT),
    ];
    let [left, _] = play(&ones(vec![lane(LaneTarget::Volume, &points)], vec![]), 3_000);
    for (n, x) in left.iter().enumerate() {
        let expected = match n {
            0..100 => 0.5,
            100..1_100 => 0.5 + 0.5 * (n as f64 - 100.0) / 1_000.0,
            1_100..1_333 => 1.0,
            1_333..2_001 => 0.25,
            _ => 1.5,
        };
        assert!((f64::from(*x) - expected).abs() < 1e-6, "frame {n}: {x} instead of {expected}");
    }
}

#[test]
fn en33_bent_ways_follow_their_curve() {
    for bend in [-1.0, -0.4, 0.3, 1.0] {
        let points = [(0, 0.0, Way::Bent(bend)), (2_400, 1.0, STRAIGHT)];
        let [left, _] = play(&ones(vec![lane(LaneTarget::Volume, &points)], vec![]), 2_500);
        for (n, x) in left.iter().enumerate() {
            let u = (n as f64 / 2_400.0).min(1.0);
            let expected = (libm::exp2(8.0 * bend * u) - 1.0) / (libm::exp2(8.0 * bend) - 1.0);
            // Straight lines of 16 frames: their error is a quarter of the curve's bend over 8 frames.
            assert!((f64::from(*x) - expected).abs() < 2e-4, "{bend}, frame {n}: {x} instead of {expected}");
        }
    }
}

#[test]
fn en33_pan_moves_by_its_law() {
    let [left, right] =
        play(&ones(vec![lane(LaneTarget::Pan, &[(0, -1.0, STRAIGHT), (2_400, 1.0, STRAIGHT)])], vec![]), 2_500);
    for n in 0..2_400 {
        let (l, r) = dsp::pan::balance(n as f64 / 1_200.0 - 1.0);
        assert!((left[n] - l).abs() < 1e-4 && (right[n] - r).abs() < 1e-4, "frame {n}");
    }
}

fn gain_device(id: u64) -> Device {
    let values = Kind::Utility.parameters().iter().map(|parameter| parameter.default).collect();
    Device { id, kind: Kind::Utility, bypassed: false, values, sidechain: None }
}

#[test]
fn en33_a_parameter_is_where_its_lane_says() {
    let parameter = dsp::device::parameter::index_of(Kind::Utility.parameters(), "gain").unwrap();
    let target = LaneTarget::Parameter(0, parameter);
    let points = [(0, 0.0, STRAIGHT), (4_800, -24.0, Way::Hold), (6_000, -6.0, STRAIGHT)];
    let [left, _] = play(&ones(vec![lane(target, &points)], vec![gain_device(5)]), 7_000);
    for (n, x) in left.iter().enumerate() {
        let db = match n {
            0..4_800 => -24.0 * n as f64 / 4_800.0,
            4_800..6_000 => -24.0,
            _ => -6.0,
        };
        let heard = 20.0 * libm::log10(f64::from(*x));
        assert!((heard - db).abs() < 0.1, "frame {n}: {heard} dB instead of {db} dB");
    }
    assert!(left[5_999] < 0.064 && left[6_000] > 0.49, "the jump is at its frame: {} {}", left[5_999], left[6_000]);
}

#[test]
fn en33_automation_meets_the_sound_for_which_it_was_drawn() {
    // 480 frames late, through a compressor that only hears ahead; the jump comes 480 frames later, with its sound.
    let values = Kind::Compressor.parameters().iter().map(|parameter| match parameter.id {
        "lookahead" => 10.0,
        "ratio" => 1.0,
        _ => parameter.default,
    });
    let late = Device { id: 7, kind: Kind::Compressor, bypassed: false, values: values.collect(), sidechain: None };
    let parameter = dsp::device::parameter::index_of(Kind::Utility.parameters(), "gain").unwrap();
    let jump = |target| {
        vec![lane(
            target,
            &[(0, 0.0, Way::Hold), (3_000, if target == LaneTarget::Volume { 1.0 } else { -24.0 }, STRAIGHT)],
        )]
    };
    for target in [LaneTarget::Volume, LaneTarget::Parameter(1, parameter)] {
        let [left, _] = play(&ones(jump(target), vec![late.clone(), gain_device(5)]), 5_000);
        let at = left.windows(2).skip(1_000).position(|pair| (pair[1] - pair[0]).abs() > 0.5).map(|n| n + 1_001);
        assert_eq!(at, Some(3_480), "{target:?}");
    }
}

#[test]
fn en33_a_seek_leads_moving_levels_over_without_a_click() {
    let song = ones(vec![lane(LaneTarget::Volume, &[(0, 0.0, STRAIGHT), (48_000, 1.0, STRAIGHT)])], vec![]);
    let (plan, mut processor) = player(&song);
    let plans = Plans { current: plan.view(), previous: None };
    let mut reader = engine::MemoryReader::new();
    reader.insert(1, vec![vec![1.0; 96_000]; 2]);
    processor.seek(4_800);
    let mut heard = Vec::new();
    for (place, frames) in [(40_000, 2_400), (10_000, 2_400), (44_000, 2_400)] {
        let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
        processor.process(&plans, &mut reader, &mut left, &mut right);
        heard.extend(left);
        processor.seek(place);
    }
    assert!(support::largest_step(&heard) < 0.01, "{}", support::largest_step(&heard));
}

/// Plays a loop from its start on over ones that sound in clips at some frames: the left channel, in blocks.
fn looped(mut song: Song, clips: &[(i64, i64)], region: (i64, i64), frames: usize, block: usize) -> Vec<f32> {
    song.tracks[0].clips = clips.iter().map(|(from, to)| clip(1, ticks(*from), ticks(to - from))).collect();
    let (plan, mut processor) = player(&song);
    let plans = Plans { current: plan.view(), previous: None };
    let mut reader = engine::MemoryReader::new();
    reader.insert(1, vec![vec![1.0; 96_000]; 2]);
    processor.set_loop(Some((ticks(region.0), ticks(region.1))));
    processor.seek(region.0);
    let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
    for (left, right) in left.chunks_mut(block).zip(right.chunks_mut(block)) {
        processor.process(&plans, &mut reader, left, right);
    }
    left
}

/// What moves a level in a song: a track's fader, a send, the master's fader.
fn moved(kind: usize, points: &[(i64, f64, Way)], devices: Vec<Device>) -> Song {
    let mut song = ones(vec![], devices);
    match kind {
        0 => song.tracks[0].lanes = vec![lane(LaneTarget::Volume, points)],
        1 => {
            // Heard by way of a send alone.
            song.tracks[0].volume = 0.0;
            song.tracks[0].sends = vec![engine::Send { id: 60, target: 2, gain: 0.0, pre: true }];
            song.tracks[0].lanes = vec![lane(LaneTarget::Send(0), points)];
            song.tracks.push(track(2, vec![]));
        }
        _ => song.master.lanes = vec![lane(LaneTarget::Volume, points)],
    }
    song
}

#[test]
fn en33_en13_what_begins_behind_a_jump_has_the_level_of_its_place_at_once() {
    // From 1 to 0.2 under the first clip and on behind it; the loop's second pass is the first again, but for what sounds on.
    let points = [(0, 1.0, STRAIGHT), (8_000, 0.2, STRAIGHT), (10_000, 0.1, STRAIGHT)];
    for kind in 0..3 {
        // A gap before the loop's end, or before its first clip, or both; longer than 5 ms.
        for clips in [[(0, 3_000), (6_000, 9_500)], [(1_000, 3_000), (6_000, 10_000)], [(500, 3_000), (6_000, 9_000)]] {
            let play = |block| looped(moved(kind, &points, vec![]), &clips, (0, 10_000), 30_000, block);
            let heard = play(128);
            for (n, x) in heard.iter().enumerate() {
                let frame = n % 10_000;
                let sounds = clips.iter().any(|(from, to)| (*from..*to).contains(&(frame as i64)));
                let level =
                    if frame < 8_000 { 1.0 - 0.1e-3 * frame as f64 } else { 0.2 - 0.05e-3 * (frame as f64 - 8_000.0) };
                let expected = if sounds { level } else { 0.0 };
                assert!((f64::from(*x) - expected).abs() < 1e-5, "{kind}, {clips:?}, {n}: {x} instead of {expected}");
            }
            for block in [1, 64, 77, 4_096] {
                assert!(play(block) == heard, "{kind}, {clips:?}: blocks of {block}");
            }
        }
    }
}

#[test]
fn en33_playing_again_from_the_start_behind_a_fade_out_swallows_nothing() {
    let points = [(0, 1.0, STRAIGHT), (4_800, 0.0, STRAIGHT)];
    for kind in 0..3 {
        let (plan, mut processor) = player(&moved(kind, &points, vec![]));
        let plans = Plans { current: plan.view(), previous: None };
        let mut reader = engine::MemoryReader::new();
        reader.insert(1, vec![vec![1.0; 96_000]; 2]);
        let mut play = |processor: &mut Processor, frames: usize| {
            let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
            processor.process(&plans, &mut reader, &mut left, &mut right);
            left
        };
        let first = play(&mut processor, 6_000);
        processor.stop();
        play(&mut processor, 4_800);
        processor.seek(0);
        processor.play();
        assert!(play(&mut processor, 6_000) == first && first[0] == 1.0, "{kind}: the same bits as at first");
    }
}

#[test]
fn en33_what_is_late_keeps_the_level_of_its_place_across_the_end_of_a_loop() {
    // Nothing up to the loop, all of it within: what is late must not hear what lies before it, at no pass.
    let values = Kind::Compressor.parameters().iter().map(|parameter| match parameter.id {
        "lookahead" => 10.0,
        "ratio" => 1.0,
        _ => parameter.default,
    });
    let late = Device { id: 7, kind: Kind::Compressor, bypassed: false, values: values.collect(), sidechain: None };
    let gain = dsp::device::parameter::index_of(Kind::Utility.parameters(), "gain").unwrap();
    let (start, end) = (10_000, 16_000);
    for kind in 0..4 {
        let mut song = match kind {
            0..3 => moved(kind, &[(0, 0.0, Way::Hold), (start, 1.0, Way::Hold)], vec![late.clone()]),
            _ => {
                let lanes =
                    vec![lane(LaneTarget::Parameter(1, gain), &[(0, -24.0, Way::Hold), (start, 0.0, Way::Hold)])];
                ones(lanes, vec![late.clone(), gain_device(5)])
            }
        };
        let clips = [(0, 40_000)];
        let heard = looped(song.clone(), &clips, (start, end), 24_000, 128);
        // The clip is entered in its middle, and rises.
        let wrong = heard[720..].iter().position(|x| (*x - 1.0).abs() > 1e-6);
        assert_eq!(wrong, None, "{kind}: {}", wrong.map_or(1.0, |n| heard[720 + n]));
        // And where the level jumps with the position, its way begins when the sound of the new place comes.
        match kind {
            0 | 1 => song.tracks[0].lanes[0].points[0].value = 0.5,
            2 => song.master.lanes[0].points[0].value = 0.5,
            _ => continue,
        }
        let heard = looped(song, &clips, (start - 4_000, end), 24_000, 128);
        for (n, x) in heard.iter().enumerate().skip(720) {
            let (pass, frame) = ((n - 480) / 10_000, (n - 480) % 10_000);
            let way = if pass > 0 { 0.5 * (1.0 - frame as f64 / 240.0).max(0.0) } else { 0.0 };
            let expected = if frame < 4_000 { 0.5 + way } else { 1.0 };
            assert!((f64::from(*x) - expected).abs() < 1e-6, "{kind}, frame {n}: {x} instead of {expected}");
        }
    }
}

/// The largest fifth difference: what a straight or smooth signal hardly has, and zipper noise has.
fn roughness(samples: &[f32]) -> f64 {
    let mut row: Vec<f64> = samples.iter().map(|x| f64::from(*x)).collect();
    for _ in 0..5 {
        row = row.windows(2).map(|pair| pair[1] - pair[0]).collect();
    }
    row.into_iter().fold(0.0, |most, x| most.max(x.abs()))
}

#[test]
fn en18_a_knob_on_the_screen_makes_no_zipper_noise() {
    let mut song = ones(vec![], vec![gain_device(5)]);
    let step = core::f64::consts::TAU * 100.0 / 48_000.0;
    let sine: Vec<f32> = (0..96_000).map(|n| (0.5 * libm::sin(step * f64::from(n))) as f32).collect();
    let mut reader = engine::MemoryReader::new();
    reader.insert(1, vec![sine.clone(), sine]);
    let (mut plan, mut processor) = player(&song);
    let mut previous = None;
    let mut heard = Vec::new();
    let parameter = dsp::device::parameter::index_of(Kind::Utility.parameters(), "gain").unwrap();
    // A hand moves the knob by 2 dB and the fader by a tenth, fifty times a second.
    for turn in 0..40 {
        song.tracks[0].devices[0].values[parameter] = -((turn % 20) as f32) * 0.9;
        song.tracks[0].volume = 1.0 - f64::from(turn % 9) * 0.1;
        let next = Plan::compile(&song).unwrap();
        processor.prepare(Some(&plan.view()), &next.view());
        processor.change(Some(&plan.view()), &next.view()).unwrap();
        previous = Some(std::mem::replace(&mut plan, next));
        let plans = Plans { current: plan.view(), previous: previous.as_ref().map(Plan::view) };
        let (mut left, mut right) = (vec![0.0; 960], vec![0.0; 960]);
        processor.process(&plans, &mut reader, &mut left, &mut right);
        heard.extend(left);
    }
    drop(previous);
    let noise = 20.0 * libm::log10(roughness(&heard) / 0.5);
    assert!(noise < -50.0, "{noise} dB");
}

#[test]
fn en33_a_way_across_changes_of_tempo_is_straight_in_beats() {
    for (target, bend) in [(LaneTarget::Volume, 0.0), (LaneTarget::Volume, -0.6)] {
        let point = |beats: i64, value| Point { ticks: beats * BEAT, value, way: Way::Bent(bend) };
        let mut song = ones(vec![Lane { target, points: vec![point(0, 0.0), point(3, 1.0)] }], vec![]);
        // A beat in 24,000 frames, one in 12,000, one in 48,000.
        song.tempo_changes = vec![
            TempoChange { ticks: BEAT, bpm_milli: 240_000, ramp: false },
            TempoChange { ticks: 2 * BEAT, bpm_milli: 60_000, ramp: false },
        ];
        let [left, _] = play(&song, 84_000);
        for (n, x) in left.iter().enumerate() {
            let beats = match n as f64 {
                n if n < 24_000.0 => n / 24_000.0,
                n if n < 36_000.0 => 1.0 + (n - 24_000.0) / 12_000.0,
                n => 2.0 + (n - 36_000.0) / 48_000.0,
            };
            let expected = dsp::bend::bend(beats / 3.0, bend);
            assert!((f64::from(*x) - expected).abs() < 2e-6, "frame {n}: {x} instead of {expected}");
        }
    }
}

#[test]
fn en33_as_many_changes_of_tempo_as_there_may_be_do_not_refuse_long_ways() {
    // Two tempos by turns, four changes to a beat, under 300 lanes from the start to the end.
    let change = |n: i64| TempoChange {
        ticks: n * BEAT / 4,
        bpm_milli: if n % 2 == 0 { 119_000 } else { 121_000 },
        ramp: false,
    };
    let tempo_changes: Vec<TempoChange> = (1..=engine::tempo::CHANGES_MAX as i64).map(change).collect();
    let end = 1_025 * BEAT;
    let tempo = TempoTrack::new(48_000, 120_000, &tempo_changes).unwrap();
    let points = |from: f64, to: f64| {
        vec![Point { ticks: 0, value: from, way: STRAIGHT }, Point { ticks: end, value: to, way: STRAIGHT }]
    };
    let lanes = || {
        vec![
            Lane { target: LaneTarget::Volume, points: points(0.0, 1.0) },
            Lane { target: LaneTarget::Pan, points: points(-1.0, 1.0) },
        ]
    };
    let source = SourceInfo { id: 1, rate: 48_000, channels: 2, frames: 48_000 };
    let mut song = song(
        48_000,
        120_000,
        vec![source],
        (1..=150).map(|id| Track { lanes: lanes(), ..track(id, vec![]) }).collect(),
    );
    song.tempo_changes = tempo_changes;
    let plan = Plan::compile(&song).unwrap();
    let lane = plan.view().lane(0);
    // Cut as often as there is room: at every second change. In between the way is straight in time, so it is off by next to nothing.
    assert!(lane.points > 2_000, "{} points", lane.points);
    for place in 0..lane.points {
        let point = plan.view().point(&lane, place);
        let drawn = tempo.map().ticks(point.frame) as f64 / end as f64;
        assert!((f64::from(point.value) - drawn).abs() < 1e-6, "{point:?} instead of {drawn}");
    }
    // With one lane there is room for all.
    song.tracks.truncate(1);
    song.tracks[0].lanes.truncate(1);
    assert_eq!(Plan::compile(&song).unwrap().view().lane(0).points, engine::tempo::CHANGES_MAX + 2);
}

#[test]
fn en26_a_delay_in_notes_follows_the_tempo_at_its_place() {
    // An eighth, no feedback, nothing of the input.
    let mut values: Vec<f32> = Kind::Delay.parameters().iter().map(|parameter| parameter.default).collect();
    (values[1], values[2], values[6]) = (8.0, 0.0, 100.0);
    let delay = Device { id: 1, kind: Kind::Delay, bypassed: false, values, sidechain: None };
    let mut song = ones(vec![], vec![delay]);
    // Clicks on beats 0 and 2; between them the tempo falls to a half, and behind them it goes up evenly.
    song.tracks[0].clips = [0, 2, 4].map(|beat| clip(1, beat * BEAT, BEAT / 24_000 + 1)).into();
    song.tempo_changes = vec![
        TempoChange { ticks: BEAT, bpm_milli: 60_000, ramp: false },
        TempoChange { ticks: 3 * BEAT, bpm_milli: 60_000, ramp: false },
        TempoChange { ticks: 8 * BEAT, bpm_milli: 240_000, ramp: true },
    ];
    let [left, _] = play(&song, 200_000);
    // A click lasts for a frame or two.
    let begins = |n: usize| left[n] > 0.5 && (n == 0 || left[n - 1] < 0.5);
    let heard: Vec<i64> = (0..left.len()).filter(|n| begins(*n)).map(|n| n as i64).collect();
    let track = TempoTrack::new(48_000, 120_000, &song.tempo_changes).unwrap();
    let map = track.map();
    // Two seconds after the ramp's beginning the third click comes; the delay has looked at the tempo at that ramp's first beat.
    let last_look = map.frame(4 * BEAT);
    let half = |frame: i64| (map.beat_frames(frame) / 2.0).round_ties_even() as i64;
    assert_eq!(heard, [half(0), map.frame(2 * BEAT) + half(30_000), last_look + half(last_look)]);
    assert_eq!((half(0), half(30_000)), (12_000, 24_000));
    assert!((12_000..24_000).contains(&half(last_look)));
}

#[test]
fn en33_the_master_follows_its_lanes_to_the_frame_late_by_all_latency() {
    let straight = [(100, 0.5, STRAIGHT), (1_100, 1.0, Way::Hold), (2_000, 0.25, Way::Hold)];
    // Unchanged but late by 36 frames: driven by nothing, mixed in by nothing.
    let mut values: Vec<f32> = Kind::Saturation.parameters().iter().map(|parameter| parameter.default).collect();
    let mix = Kind::Saturation.parameters().iter().position(|parameter| parameter.id == "mix").unwrap();
    values[mix] = 0.0;
    let saturation = Device { id: 9, kind: Kind::Saturation, bypassed: false, values, sidechain: None };
    for devices in [vec![], vec![saturation]] {
        let late = 36 * devices.len();
        let mut song = ones(vec![], devices);
        song.master.lanes = vec![lane(LaneTarget::Volume, &straight)];
        let [left, _] = play(&song, 3_000);
        for (n, x) in left.iter().enumerate().skip(late) {
            let expected = match n - late {
                0..100 => 0.5,
                frame @ 100..1_100 => 0.5 + 0.5 * (frame as f64 - 100.0) / 1_000.0,
                1_100..2_000 => 1.0,
                _ => 0.25,
            };
            assert!((f64::from(*x) - expected).abs() < 1e-5, "frame {n}: {x} instead of {expected}");
        }
    }
    // A filter in the master that closes.
    let filter = |values: Vec<f32>| Device { id: 8, kind: Kind::Filter, bypassed: false, values, sidechain: None };
    let defaults: Vec<f32> = Kind::Filter.parameters().iter().map(|parameter| parameter.default).collect();
    let mut song = ones(vec![], vec![]);
    song.master.devices = vec![filter(defaults)];
    let still = play(&song, 3_000);
    song.master.lanes = vec![lane(LaneTarget::Parameter(0, 1), &[(1_000, 100.0, Way::Hold)])];
    assert!(play(&song, 3_000) != still);
    // What the master does not have.
    for target in [LaneTarget::Pan, LaneTarget::Send(0), LaneTarget::Parameter(1, 0)] {
        song.master.lanes = vec![lane(target, &[(0, 0.5, Way::Hold)])];
        assert_eq!(Plan::compile(&song), Err(engine::CompileError::Lane(1)));
    }
}
