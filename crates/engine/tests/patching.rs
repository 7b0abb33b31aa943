//! Patching while the song plays: devices, sends and outputs come, go and move, and nobody else hears of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use dsp::devices::Kind;
use engine::{Plan, Plans, Processor, Song, TICKS_PER_BEAT as BEAT, Track};
use support::graph::{IMPULSE, bus, device, impulse, late, of, playing, reader, send, sine, sounds, with};
use support::songs::{clip, track};

/// Plays block by block, with plans that follow each other.
struct Player {
    processor: Processor,
    current: Plan,
    previous: Option<Plan>,
    reader: engine::MemoryReader,
}

impl Player {
    fn new(song: &Song, channel: Vec<f32>) -> Self {
        let current = Plan::compile(song).unwrap();
        let mut processor = Processor::new(song.sample_rate);
        processor.prepare(None, &current.view());
        processor.change(None, &current.view()).unwrap();
        processor.play();
        Self { processor, current, previous: None, reader: reader(channel) }
    }

    fn play(&mut self, frames: usize) -> Vec<f32> {
        let [left, _] = self.play_both(frames);
        left
    }

    fn play_both(&mut self, frames: usize) -> [Vec<f32>; 2] {
        let (mut left, mut right) = (vec![9.0; frames], vec![9.0; frames]);
        let plans = Plans { current: self.current.view(), previous: self.previous.as_ref().map(Plan::view) };
        self.processor.process(&plans, &mut self.reader, &mut left, &mut right);
        [left, right]
    }

    fn play_onto(&mut self, heard: &mut [Vec<f32>; 2], frames: usize) {
        let more = self.play_both(frames);
        heard.iter_mut().zip(more).for_each(|(heard, more)| heard.extend(more));
    }

    /// Offers a plan once: whether it was taken.
    fn offer(&mut self, song: &Song) -> bool {
        let next = Plan::compile(song).unwrap();
        self.processor.prepare(Some(&self.current.view()), &next.view());
        let taken = self.processor.change(Some(&self.current.view()), &next.view()).is_ok();
        if taken {
            self.previous = Some(std::mem::replace(&mut self.current, next));
        }
        taken
    }

    /// Takes a plan as the audio thread does: at the first block's edge at which it may. What was played meanwhile.
    fn change(&mut self, song: &Song) -> Vec<f32> {
        let [left, _] = self.change_both(song);
        left
    }

    fn change_both(&mut self, song: &Song) -> [Vec<f32>; 2] {
        let next = Plan::compile(song).unwrap();
        self.processor.prepare(Some(&self.current.view()), &next.view());
        let mut meanwhile = [vec![], vec![]];
        while self.processor.change(Some(&self.current.view()), &next.view()).is_err() {
            self.play_onto(&mut meanwhile, 64);
            assert!(meanwhile[0].len() < 2_000, "it must be taken within two fades");
        }
        self.previous = Some(std::mem::replace(&mut self.current, next));
        meanwhile
    }
}

/// The largest step, less what the signal itself does.
fn largest_step(samples: &[f32]) -> f32 {
    support::largest_step(samples)
}

#[test]
fn en34_bypass_and_structure_change_without_a_click() {
    let tone = sine(200.0, 0.5);
    let natural = largest_step(&tone);
    let crush = with(device(10, Kind::Utility), &[("gain", -24.0)]);
    let plain = of(vec![Track { devices: vec![crush], ..playing(1) }]);
    let mut bypassed = plain.clone();
    bypassed.tracks[0].devices[0].bypassed = true;
    let mut more = plain.clone();
    more.tracks[0].devices.push(late(11, 5.0));
    let mut gone = plain.clone();
    gone.tracks[0].devices.clear();
    for (name, next) in [("bypass", &bypassed), ("one more", &more), ("one less", &gone)] {
        let mut player = Player::new(&plain, tone.clone());
        let mut heard = player.play(4_800);
        heard.extend(player.change(next));
        heard.extend(player.play(4_800));
        heard.extend(player.change(&plain));
        heard.extend(player.play(4_800));
        assert!(largest_step(&heard) < 1.5 * natural, "{name}: {} against {natural}", largest_step(&heard));
        assert!(heard.iter().any(|x| *x != 0.0));
    }
}

#[test]
fn en34_a_device_that_is_late_or_rings_is_passed_by_and_comes_back_without_a_click_or_a_hole() {
    // Nothing happens where it is 0.
    let tone = sine(210.0, 0.5);
    let natural = largest_step(&tone);
    let echo = with(device(10, Kind::Delay), &[("time", 20.0), ("feedback", 0.0), ("mix", 100.0)]);
    let dry = with(device(11, Kind::Saturation), &[("drive", 0.0), ("mix", 0.0)]);
    let three = vec![late(10, 10.0), device(11, Kind::Limiter), late(12, 3.0)];
    for devices in [vec![late(10, 10.0)], vec![device(10, Kind::Limiter)], vec![dry], three, vec![echo]] {
        let names: Vec<_> = devices.iter().map(|device| device.kind.id()).collect();
        let rings = devices[0].kind == Kind::Delay;
        let heard = of(vec![Track { devices, ..playing(1) }]);
        let mut bypassed = heard.clone();
        bypassed.tracks[0].devices.iter_mut().for_each(|device| device.bypassed = true);
        let mut all = Vec::new();
        for block in [48, 480] {
            let mut player = Player::new(&bypassed, tone.clone());
            let mut out = player.play(4_850);
            // It comes back while it still leaves, too.
            for (next, frames) in
                [(&heard, 4_800), (&bypassed, 480), (&heard, 1_920), (&bypassed, 1_920), (&heard, 4_800)]
            {
                out.extend(player.change(next));
                (0..frames / block).for_each(|_| out.extend(player.play(block)));
            }
            // Both ways side by side are never more than one of them, nor is the echo.
            assert!(largest_step(&out) < 1.1 * natural, "{names:?}: {} against {natural}", largest_step(&out));
            let quietest = out[1_500..].chunks_exact(240).map(dsp::meter::peak).fold(1.0, f32::min);
            assert!(rings || quietest > 0.45, "{names:?}: {quietest} at its quietest");
            all.push(out);
        }
        assert!(all[0] == all[1], "{names:?}: the same bits at any block size");
    }
}

#[test]
fn en34_a_device_that_is_new_in_its_place_rings_of_what_rose_and_not_of_a_sound_cut_on() {
    let tone = sine(210.0, 0.5);
    let natural = largest_step(&tone);
    let echo = with(device(10, Kind::Delay), &[("time", 50.0), ("feedback", 0.0), ("mix", 50.0)]);
    let room = with(device(10, Kind::Room), &[("mix", 50.0)]);
    for rings in [echo, device(10, Kind::Chorus), room] {
        let name = rings.kind.id();
        let without = of(vec![playing(1)]);
        let mut heard = without.clone();
        heard.tracks[0].devices.push(rings);
        let mut player = Player::new(&without, tone.clone());
        // Where the tone is at its highest.
        let mut out = player.play(4_857);
        for next in [&heard, &without, &heard] {
            out.extend(player.change(next));
            out.extend(player.play(4_857));
        }
        assert!(largest_step(&out) < 1.5 * natural, "{name}: {} against {natural}", largest_step(&out));
    }
}

#[test]
fn en7_a_track_that_is_late_or_rings_is_silenced_and_comes_back_without_a_click() {
    // Nothing happens where it is 0.
    let tone = sine(210.0, 0.5);
    let natural = largest_step(&tone);
    let echo = with(device(10, Kind::Delay), &[("time", 30.0), ("feedback", 0.0), ("mix", 100.0)]);
    let three = vec![late(10, 10.0), late(11, 10.0), late(12, 10.0)];
    let silences: [(&str, Change); 3] = [
        ("mute", |track| track.muted = true),
        ("the fader", |track| track.volume = 0.0),
        ("the fader and a send before it", |track| (track.volume, track.sends[0].gain) = (0.0, 0.0)),
    ];
    for devices in [vec![late(10, 10.0)], three, vec![device(10, Kind::Limiter)], vec![echo]] {
        let names: Vec<_> = devices.iter().map(|device| device.kind.id()).collect();
        // The bus, too, is late.
        let track = Track { devices, sends: vec![send(30, 3, 0.5, true)], ..playing(1) };
        let sounding = of(vec![track, Track { devices: vec![late(20, 5.0)], ..bus(3) }]);
        for (name, silence) in silences {
            let mut silent = sounding.clone();
            silence(&mut silent.tracks[0]);
            let mut all = Vec::new();
            for block in [48, 480] {
                let mut player = Player::new(&sounding, tone.clone());
                let mut out = player.play(4_850);
                for (next, frames) in [
                    (&silent, 2_400),
                    (&sounding, 480),
                    (&silent, 480),
                    (&sounding, 4_800),
                    (&silent, 480),
                    (&sounding, 4_800),
                ] {
                    out.extend(player.change(next));
                    (0..frames / block).for_each(|_| out.extend(player.play(block)));
                }
                // The track, and half of it by the send.
                let step = largest_step(&out);
                assert!(step < 1.5 * 1.1 * natural, "{names:?}, {name}: {step} against {natural}");
                assert!(dsp::meter::peak(&out[out.len() - 1_000..]) > 0.7, "{names:?}, {name}: it is heard again");
                all.push(out);
            }
            assert!(all[0] == all[1], "{names:?}, {name}: the same bits at any block size");
        }
    }
}

/// The track that is changed, on the left; another, late by 5 ms, on the right; a bus and a group, on the left.
#[test]
fn en34_what_an_inserted_device_gives_later_begins_without_a_click() {
    let tone = sine(210.0, 0.5);
    let natural = largest_step(&tone);
    let plain = of(vec![playing(1)]);
    let wet = |kind: Kind, values: &[(&str, f32)]| {
        let device = with(device(10, kind), &[values, &[("mix", 100.0)]].concat());
        of(vec![Track { devices: vec![device], ..playing(1) }])
    };
    for (name, song) in [
        ("delay", wet(Kind::Delay, &[("time", 100.0), ("feedback", 0.0)])),
        ("reverb", wet(Kind::Reverb, &[("preDelay", 100.0)])),
        ("room", wet(Kind::Room, &[])),
        ("chorus", wet(Kind::Chorus, &[])),
    ] {
        let mut player = Player::new(&plain, tone.clone());
        // Where the sine is far from 0.
        let mut heard = player.play(4_857);
        heard.extend(player.change(&song));
        heard.extend(player.play(12_000));
        assert!(largest_step(&heard) < 1.5 * natural, "{name}: {} against {natural}", largest_step(&heard));
        assert!(heard[14_000..].iter().any(|x| x.abs() > 0.1), "{name} is heard");
    }
}

fn two_sides(change: impl Fn(&mut Track)) -> Song {
    let left = |track: Track| Track { pan: -1.0, ..track };
    let crush = with(device(10, Kind::Utility), &[("gain", -6.0)]);
    let mut changed = Track { devices: vec![crush, device(11, Kind::Filter)], ..left(playing(1)) };
    change(&mut changed);
    let other = Track { pan: 1.0, devices: vec![late(20, 5.0)], ..playing(2) };
    let group = left(bus(4));
    of(vec![changed, other, left(bus(3)), group])
}

type Change = fn(&mut Track);

/// What a musician patches while the song plays, and whether the track goes on without a hole.
const PATCHES: [(&str, bool, Change); 10] = [
    ("a device more", true, |track| track.devices.insert(1, with(device(12, Kind::Utility), &[("gain", 3.0)]))),
    ("a device less", true, |track| drop(track.devices.remove(0))),
    ("none left", true, |track| track.devices.clear()),
    ("two devices the other way round", true, |track| track.devices.swap(0, 1)),
    ("another device", true, |track| track.devices[1] = device(13, Kind::Equaliser)),
    ("a send before the fader", true, |track| track.sends.push(send(30, 3, 0.5, true))),
    ("a send behind the fader", true, |track| track.sends.push(send(30, 3, 0.5, false))),
    ("another output", false, |track| track.output = Some(4)),
    ("a device that is late", false, |track| track.devices.push(late(14, 2.0))),
    ("a lane of the volume", false, |track| {
        let point = engine::Point { ticks: 0, value: 0.5, way: engine::Way::Hold };
        track.lanes.push(engine::Lane { target: engine::LaneTarget::Volume, points: vec![point] });
    }),
];

#[test]
fn en34_patching_a_track_changes_no_bit_of_another_and_does_not_click() {
    let tone = sine(200.0, 0.3);
    let natural = largest_step(&tone);
    let before = two_sides(|_| {});
    let mut still = Player::new(&before, tone.clone());
    let [_, other] = still.play_both(20_000);
    for (name, goes_on, change) in PATCHES {
        let after = two_sides(change);
        let mut player = Player::new(&before, tone.clone());
        let mut heard = player.play_both(4_800);
        for next in [&after, &before] {
            let meanwhile = player.change_both(next);
            heard.iter_mut().zip(meanwhile).for_each(|(heard, more)| heard.extend(more));
            player.play_onto(&mut heard, 4_800);
        }
        let [left, right] = heard;
        assert!(right.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}: the other track");
        // A send adds half of it.
        let bound = 1.6 * natural;
        assert!(largest_step(&left) < bound, "{name}: {} against {natural}", largest_step(&left));
        let quietest = left[600..].chunks_exact(240).map(dsp::meter::peak).fold(1.0, f32::min);
        assert_eq!(quietest > 0.1, goes_on, "{name}: {quietest} at its quietest");
    }
}

#[test]
fn en34_en13_bypass_has_the_same_bits_at_any_block_size() {
    let tone = sine(200.0, 0.3);
    let before = two_sides(|_| {});
    let after = two_sides(|track| track.devices.iter_mut().for_each(|device| device.bypassed = true));
    let [whole, cut] = [4_800, 64].map(|block| {
        let mut player = Player::new(&before, tone.clone());
        let mut heard = player.play_both(4_800);
        for next in [&after, &before] {
            player.change(next);
            (0..4_800 / block).for_each(|_| player.play_onto(&mut heard, block));
        }
        heard
    });
    assert!(whole[0] == cut[0] && whole[1] == cut[1]);
}

#[test]
fn en34_a_graph_that_makes_all_later_lets_all_fall_and_rise_as_late() {
    let tone = sine(200.0, 0.3);
    let before = two_sides(|_| {});
    let after = two_sides(|track| track.devices.push(late(14, 20.0)));
    let mut player = Player::new(&before, tone.clone());
    let mut heard = player.play_both(4_800);
    let meanwhile = player.change_both(&after);
    heard.iter_mut().zip(meanwhile).for_each(|(heard, more)| heard.extend(more));
    player.play_onto(&mut heard, 4_800);
    for channel in heard {
        assert!(largest_step(&channel) < 1.1 * largest_step(&tone), "{}", largest_step(&channel));
    }
}

#[test]
fn en34_what_fell_for_a_plan_that_never_came_rises_again() {
    let tone = sine(200.0, 0.3);
    let before = two_sides(|_| {});
    for change in [PATCHES[1].2, PATCHES[7].2, |track: &mut Track| track.devices.push(late(14, 20.0))] {
        let next = Plan::compile(&two_sides(change)).unwrap();
        let mut player = Player::new(&before, tone.clone());
        player.play(4_800);
        player.processor.prepare(Some(&player.current.view()), &next.view());
        assert!(player.processor.change(Some(&player.current.view()), &next.view()).is_err());
        let heard = player.play_both(9_600);
        let mut still = Player::new(&before, tone.clone());
        still.play(4_800);
        let expected = still.play_both(9_600);
        assert!(heard[0] != expected[0], "it fell");
        for (heard, expected) in heard.iter().zip(&expected) {
            // The filter has rung down again by then.
            let apart = heard[7_200..].iter().zip(&expected[7_200..]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "{apart}");
        }
    }
}

#[test]
fn en34_a_track_deleted_while_it_falls_or_rises_goes_from_where_it_is() {
    let tone = sine(200.0, 0.3);
    let straight = of(vec![playing(1), bus(2)]);
    let through = of(vec![Track { output: Some(2), ..playing(1) }, bus(2)]);
    let gone = of(vec![bus(2)]);
    let bound = 1.3 * largest_step(&tone);
    for frames in [30, 75, 120, 200] {
        let mut player = Player::new(&straight, tone.clone());
        let mut heard = player.play(4_800);
        assert!(!player.offer(&through), "it begins to fall");
        heard.extend(player.play(frames));
        assert!(player.offer(&gone), "no more has to fall");
        heard.extend(player.play(1_000));
        assert!(largest_step(&heard) < bound, "falling, {frames}: {} against {bound}", largest_step(&heard));

        let mut player = Player::new(&through, tone.clone());
        let mut heard = player.play(4_800);
        heard.extend(player.change(&straight));
        heard.extend(player.play(frames));
        assert!(player.offer(&gone), "no more has to fall");
        heard.extend(player.play(1_000));
        assert!(largest_step(&heard) < bound, "rising, {frames}: {} against {bound}", largest_step(&heard));
    }
}

/// The other track is late by 5 ms, so that the outputs of the one that is changed have a delay; nothing but sound is in its way.
fn delayed(change: impl Fn(&mut Track)) -> Song {
    two_sides(|track| {
        track.devices.clear();
        change(track);
    })
}

#[test]
fn en34_what_begins_to_fall_and_need_not_goes_back_without_a_click() {
    let tone = sine(200.0, 0.3);
    let bound = 1.3 * largest_step(&tone);
    let before = delayed(|track| track.sends.push(send(31, 3, 0.5, false)));
    let falling: [(&str, Song); 3] = [
        ("another output", delayed(|track| track.output = Some(4))),
        ("no send", delayed(|_| {})),
        ("a device that is late", delayed(|track| track.devices.push(late(14, 2.0)))),
    ];
    for (name, next) in &falling {
        for frames in [0, 60, 144, 239, 400] {
            let mut player = Player::new(&before, tone.clone());
            let mut heard = player.play(4_800);
            assert!(!player.offer(next), "{name}: it begins to fall");
            heard.extend(player.play(frames));
            assert!(player.offer(&before), "{name}: no more has to fall");
            heard.extend(player.play(4_800));
            // The send is heard beside the output.
            let step = largest_step(&heard);
            assert!(step < 1.5 * bound, "{name}, taken back after {frames}: {step} against {bound}");
        }
        let mut player = Player::new(&before, tone.clone());
        let mut heard = player.play(4_800);
        assert!(!player.offer(next), "{name}: it begins to fall");
        heard.extend(player.play(9_600));
        assert!(largest_step(&heard) < 1.5 * bound, "{name}, given up: {} against {bound}", largest_step(&heard));
    }
}

#[test]
fn en34_what_falls_while_it_rises_does_not_click() {
    let tone = sine(200.0, 0.3);
    let bound = 1.3 * largest_step(&tone);
    let before = delayed(|_| {});
    let after = delayed(|track| track.output = Some(4));
    for frames in [0, 30, 120, 200, 300, 420, 500] {
        let mut player = Player::new(&before, tone.clone());
        let mut heard = player.play(4_800);
        for next in [&after, &before, &after] {
            heard.extend(player.change(next));
            heard.extend(player.play(frames));
        }
        heard.extend(player.play(4_800));
        assert!(largest_step(&heard) < bound, "{frames}: {} against {bound}", largest_step(&heard));
    }
    // A lookahead that is dragged: a plan for every picture.
    for frames in [100, 300, 768] {
        let mut player = Player::new(&before, tone.clone());
        let mut heard = player.play(4_800);
        for step in 1..=8 {
            let later = delayed(|track| track.devices.push(late(14, 0.5 * step as f32)));
            heard.extend(player.change(&later));
            heard.extend(player.play(frames));
        }
        heard.extend(player.play(2_000));
        assert!(largest_step(&heard) < bound, "dragged, {frames}: {} against {bound}", largest_step(&heard));
    }
}

#[test]
fn en34_en13_what_turns_round_has_the_same_bits_at_any_block_size() {
    let tone = sine(200.0, 0.3);
    let before = delayed(|_| {});
    let after = delayed(|track| track.output = Some(4));
    let [whole, cut] = [1_200, 24].map(|block| {
        let mut player = Player::new(&before, tone.clone());
        let mut heard = [vec![], vec![]];
        // Falls and is taken back; falls, and falls again while it rises.
        for next in [&before, &after, &before, &after, &after, &before, &before] {
            player.offer(next);
            (0..1_200 / block).for_each(|_| player.play_onto(&mut heard, block));
            player.offer(next);
            player.play_onto(&mut heard, 120);
        }
        heard
    });
    assert!(whole[0] == cut[0] && whole[1] == cut[1]);
}

#[test]
fn en34_the_metronome_falls_and_rises_when_all_becomes_later_or_earlier() {
    let latency = 240;
    let straight = of(vec![playing(1)]);
    let later = of(vec![Track { devices: vec![late(10, 5.0)], ..playing(1) }]);
    for (before, after, was, is) in [(&straight, &later, 0, latency), (&later, &straight, latency, 0)] {
        let player = || {
            let mut player = Player::new(before, vec![0.0; 24_000]);
            player.processor.set_metronome(true);
            player
        };
        // The click as it is without a change: `was` frames late.
        let click = player().play(24_000);
        let mut player = player();
        let first = player.play(was + 300);
        assert!(first == click[..first.len()] && click[first.len()].abs().max(click[first.len() + 4].abs()) > 0.01);
        let falling = player.change(after);
        let taken = first.len() + falling.len();
        let fade = 240;
        for (n, x) in falling.iter().enumerate() {
            let expected = click[first.len() + n] * (1.0 - n as f32 / fade as f32).max(0.0);
            assert!((x - expected).abs() < 1e-6, "falling, {n}: {x}, not {expected}");
        }
        let rising = player.play(2_000);
        assert!(rising[is..].iter().any(|x| x.abs() > 0.001), "it is heard again");
        for (n, x) in rising.iter().enumerate() {
            let factor = (n as f32 - is as f32).clamp(0.0, fade as f32) / fade as f32;
            let expected = if factor == 0.0 { 0.0 } else { click[taken + n - is + was] * factor };
            assert!((x - expected).abs() < 1e-6, "rising, {n}: {x}, not {expected}");
        }
    }
}

#[test]
fn en34_en13_the_metronome_turns_round_with_the_same_bits_and_stays_when_it_is_as_late_as_before() {
    let straight = of(vec![playing(1)]);
    let later = of(vec![Track { devices: vec![late(10, 5.0)], ..playing(1) }]);
    let [whole, cut] = [600, 24].map(|block| {
        let mut player = Player::new(&straight, vec![0.0; 24_000]);
        player.processor.set_metronome(true);
        let mut heard = player.play_both(300);
        for next in [&later, &straight, &later, &later, &straight, &straight] {
            player.offer(next);
            player.play_onto(&mut heard, 120);
            player.offer(next);
            (0..600 / block).for_each(|_| player.play_onto(&mut heard, block));
        }
        heard
    });
    assert!(whole[0] == cut[0] && whole[1] == cut[1]);

    let point = engine::Point { ticks: 0, value: 0.5, way: engine::Way::Hold };
    let mut moved = later.clone();
    moved.master.lanes.push(engine::Lane { target: engine::LaneTarget::Volume, points: vec![point] });
    let mut still = Player::new(&later, vec![0.0; 24_000]);
    still.processor.set_metronome(true);
    let expected = still.play(2_000);
    let mut player = Player::new(&later, vec![0.0; 24_000]);
    player.processor.set_metronome(true);
    let mut heard = player.play(300);
    let falling = player.change(&moved);
    assert!(!falling.is_empty(), "the master's way is another");
    heard.extend(falling);
    heard.extend(player.play(2_000 - heard.len()));
    assert!(heard == expected && heard.iter().any(|x| *x != 0.0), "the metronome does not go that way");
}

#[test]
fn en34_a_device_keeps_its_state_across_plans() {
    let delay = with(device(10, Kind::Delay), &[("time", 100.0), ("feedback", 0.0), ("mix", 100.0)]);
    let song = of(vec![Track { devices: vec![delay], ..playing(1) }]);
    let mut player = Player::new(&song, impulse());
    player.play(2_000);
    let mut next = song;
    next.tracks[0].volume = 0.5;
    next.tracks.insert(0, playing(2));
    next.tracks[0].volume = 0.0;
    player.change(&next);
    let heard = player.play(8_000);
    let sounds = sounds(&heard);
    assert_eq!(sounds, [(IMPULSE + 4_800 - 2_000, 0.25)], "the repeat of what went in before the plan came");
}

#[test]
fn en34_after_its_tail_a_device_costs_nothing_until_it_hears_something() {
    let reverb = device(10, Kind::Reverb);
    let tail = Kind::Reverb.make(48_000).tail().max(48_000) as usize;
    let song = of(vec![Track { devices: vec![reverb], ..playing(1) }]);
    let mut player = Player::new(&song, impulse());
    player.play(IMPULSE + 2_000);
    player.processor.stop();
    let ringing = player.play(2_000);
    assert!(ringing.iter().skip(300).any(|x| *x != 0.0), "the tail goes on after stop");
    let rest = player.play(tail + 1_000);
    assert!(rest.iter().take(20_000).any(|x| *x != 0.0));
    assert!(rest[tail..].iter().all(|x| *x == 0.0), "and ends in exact silence");
}

#[test]
fn en34_a_muted_track_begins_anew() {
    let delay = with(device(10, Kind::Delay), &[("time", 100.0), ("feedback", 0.0), ("mix", 100.0)]);
    let song = of(vec![Track { devices: vec![delay], ..playing(1) }]);
    let mut muted = song.clone();
    muted.tracks[0].muted = true;
    let mut player = Player::new(&song, impulse());
    player.play(2_000);
    player.change(&muted);
    player.play(1_500);
    player.change(&song);
    assert_eq!(sounds(&player.play(8_000)), [], "what went in before the mute does not come out behind it");
}

#[test]
fn en34_dynamics_remember_across_a_rest_for_as_long_as_their_release_says() {
    let slow = [("threshold", -40.0), ("ratio", 2.0), ("knee", 0.0), ("attack", 50.0), ("release", 2_000.0)];
    let compressor = with(device(10, Kind::Compressor), &slow);
    let limiter = with(device(10, Kind::Limiter), &[("gain", 20.0), ("ceiling", 0.0), ("release", 1_000.0)]);
    // Full scale for half a second, 1.2 s of rest, and something quiet: how its first frame is lowered, as the formulas say.
    let left = 20.0 * libm::exp(-0.6);
    let lowered = libm::pow(10.0, -left / 20.0);
    // It aims 0.3 dB below the ceiling; its factor goes back to 1, and the least of the last frames counts.
    let risen = 10.0 * (1.0 - (1.0 - 0.1 * libm::pow(10.0, -0.3 / 20.0)) * libm::exp(-1.2));
    for (device, expected) in [(compressor, lowered), (limiter, risen)] {
        let kind = device.kind;
        let late = device.kind.latency(&device.values, 48_000) as usize;
        let again = 24_000 + 57_600;
        let quiet = engine::Clip { gain: 0.05, ..clip(1, again as i64 * BEAT / 24_000, BEAT) };
        let song = of(vec![Track { devices: vec![device], ..track(1, vec![clip(1, 0, BEAT), quiet]) }]);
        let out = Player::new(&song, vec![1.0; 24_000]).play(again + 2_000);
        let heard = f64::from(out[again + late]) / 0.05;
        assert!(heard > 0.97 * expected && heard < 1.003 * expected, "{kind:?}: {heard} instead of {expected}");
    }
}
