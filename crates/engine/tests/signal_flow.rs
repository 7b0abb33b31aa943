//! Where sound goes, and that it arrives to the frame: outputs, sends, sidechains, solo, mute, bypass, sleep.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use dsp::devices::Kind;
use engine::{Device, Master, Plan, Plans, Processor, Send, Song, SourceInfo, TICKS_PER_BEAT as BEAT, Track};
use proptest::prelude::*;
use support::songs::{clip, song, track};

/// Frames of every song here: one beat at 120 beats per minute.
const FRAMES: usize = 24_000;
/// Where the impulse lies.
const IMPULSE: usize = 1_000;

/// A device at its defaults.
fn device(id: u64, kind: Kind) -> Device {
    let values = kind.parameters().iter().map(|parameter| parameter.default).collect();
    Device { id, kind, bypassed: false, values, sidechain: None }
}

fn with(mut device: Device, values: &[(&str, f32)]) -> Device {
    for (name, value) in values {
        let index = dsp::device::parameter::index_of(device.kind.parameters(), name).unwrap();
        device.values[index] = *value;
    }
    device
}

/// A device that changes nothing but is late by so many milliseconds: a compressor whose threshold nothing reaches.
fn late(id: u64, ms: f32) -> Device {
    with(device(id, Kind::Compressor), &[("threshold", 0.0), ("ratio", 1.0), ("lookahead", ms)])
}

/// A song of tracks; the first source is an impulse, each track plays it unless it has no clips.
fn of(tracks: Vec<Track>) -> Song {
    let source = SourceInfo { id: 1, rate: 48_000, channels: 2, frames: FRAMES as u64 };
    song(48_000, 120_000, vec![source], tracks)
}

fn playing(id: u64) -> Track {
    track(id, vec![clip(1, 0, BEAT)])
}

fn bus(id: u64) -> Track {
    track(id, vec![])
}

fn send(id: u64, target: u64, gain: f64, pre: bool) -> Send {
    Send { id, target, gain, pre }
}

fn reader(channel: Vec<f32>) -> engine::MemoryReader {
    let mut reader = engine::MemoryReader::new();
    reader.insert(1, vec![channel.clone(), channel]);
    reader
}

fn impulse() -> Vec<f32> {
    let mut channel = vec![0.0; FRAMES];
    channel[IMPULSE] = 0.5;
    channel
}

fn sine(hz: f64, level: f64) -> Vec<f32> {
    let step = core::f64::consts::TAU * hz / 48_000.0;
    (0..FRAMES).map(|n| (level * libm::sin(step * n as f64)) as f32).collect()
}

/// What an export gives: the left channel, from frame 0 on.
fn export(song: &Song, channel: Vec<f32>, frames: usize) -> Vec<f32> {
    let plan = Plan::compile(song).unwrap();
    let mut left = Vec::new();
    engine::render(&plan.view(), &mut reader(channel), 0..frames as i64, |l, _| {
        left.extend_from_slice(l);
        Ok::<_, ()>(())
    })
    .unwrap();
    left
}

/// Where anything sounds, and what.
fn sounds(samples: &[f32]) -> Vec<(usize, f32)> {
    samples.iter().copied().enumerate().filter(|(_, x)| *x != 0.0).collect()
}

#[test]
fn en32_a_latency_is_taken_out_of_an_export_and_made_up_for_elsewhere() {
    let plain = of(vec![playing(1)]);
    assert_eq!(sounds(&export(&plain, impulse(), FRAMES)), [(IMPULSE, 0.5)]);
    let through = Track { devices: vec![late(10, 7.0)], ..playing(1) };
    assert_eq!(sounds(&export(&of(vec![through.clone()]), impulse(), FRAMES)), [(IMPULSE, 0.5)]);
    assert_eq!(Plan::compile(&of(vec![through.clone()])).unwrap().view().latency(), 336);
    let both = of(vec![through, playing(2)]);
    assert_eq!(sounds(&export(&both, impulse(), FRAMES)), [(IMPULSE, 1.0)]);
    let mut master = of(vec![playing(1)]);
    master.master = Master { devices: vec![late(11, 3.0)], ..Master::default() };
    assert_eq!(sounds(&export(&master, impulse(), FRAMES)), [(IMPULSE, 0.5)]);
}

#[test]
fn en32_a_bypassed_device_keeps_its_latency() {
    let song = of(vec![Track { devices: vec![Device { bypassed: true, ..late(10, 7.0) }], ..playing(1) }]);
    assert_eq!(Plan::compile(&song).unwrap().view().latency(), 336);
    assert_eq!(sounds(&export(&song, impulse(), FRAMES)), [(IMPULSE, 0.5)]);
}

#[test]
fn en31_sends_before_and_behind_the_fader() {
    let sending = Track { volume: 0.5, sends: vec![send(20, 2, 0.25, false), send(21, 2, 0.125, true)], ..playing(1) };
    // 0.5 · 0.5 straight on, 0.5 · 0.5 · 0.25 behind the fader, 0.5 · 0.125 before it.
    let all = of(vec![sending.clone(), bus(2)]);
    assert_eq!(sounds(&export(&all, impulse(), FRAMES)), [(IMPULSE, 0.25 + 0.0625 + 0.0625)]);
    let closed = of(vec![Track { volume: 0.0, ..sending.clone() }, bus(2)]);
    assert_eq!(sounds(&export(&closed, impulse(), FRAMES)), [(IMPULSE, 0.0625)], "only what leaves before the fader");
    let muted = of(vec![Track { muted: true, ..sending }, bus(2)]);
    assert_eq!(sounds(&export(&muted, impulse(), FRAMES)), [], "a muted track sends nothing");
}

#[test]
fn en31_a_group_takes_its_tracks_whatever_their_order() {
    let group = Track { volume: 0.5, ..bus(9) };
    let inside = |id| Track { output: Some(9), ..playing(id) };
    for tracks in [vec![group.clone(), inside(1), inside(2)], vec![inside(1), group, inside(2)]] {
        assert_eq!(sounds(&export(&of(tracks), impulse(), FRAMES)), [(IMPULSE, 0.5)]);
    }
}

#[test]
fn en31_a_soloed_track_is_heard_on_its_whole_way_and_nothing_else_is() {
    let tracks = |soloed: u64| {
        let level = |id: u64| 0.001 * libm::pow(2.0, id as f64);
        let one = |id: u64| Track { volume: level(id), solo: id == soloed, ..playing(id) };
        vec![
            Track { output: Some(8), sends: vec![send(20, 9, 1.0, false)], ..one(1) },
            Track { output: Some(8), ..one(2) },
            Track { sends: vec![send(21, 9, 1.0, false)], ..one(3) },
            one(4),
            Track { solo: soloed == 8, ..bus(8) },
            Track { solo: soloed == 9, ..bus(9) },
        ]
    };
    let heard = |soloed: u64| {
        let sounds = sounds(&export(&of(tracks(soloed)), impulse(), FRAMES));
        (sounds[0].1 / 0.5 * 1_000.0).round() as u32
    };
    // Track 1 counts 2, track 2 counts 4, 3 counts 8, 4 counts 16; what goes to bus 9 as well counts twice.
    assert_eq!(heard(0), 2 + 2 + 4 + 8 + 8 + 16);
    assert_eq!(heard(1), 2 + 2, "through its group and its send, without the others there");
    assert_eq!(heard(2), 4);
    assert_eq!(heard(4), 16);
    assert_eq!(heard(8), 2 + 4, "a soloed group is heard with what leads into it");
    assert_eq!(heard(9), 2 + 8, "a soloed bus is heard with what is sent to it, and nothing of what goes elsewhere");
}

#[test]
fn en31_a_sidechain_is_heard_before_the_fader_and_muted_or_not() {
    let loud = sine(100.0, 0.9);
    let ducked = |muted: bool| {
        let squash = with(
            Device { sidechain: Some(1), ..device(10, Kind::Compressor) },
            &[("threshold", -40.0), ("ratio", 20.0), ("attack", 1.0)],
        );
        of(vec![
            Track { muted, volume: 0.0, ..playing(1) },
            Track {
                volume: 1.0,
                devices: vec![squash],
                clips: vec![engine::Clip { gain: 0.01, ..clip(1, 0, BEAT) }],
                ..bus(2)
            },
        ])
    };
    let level = |samples: &[f32]| samples[12_000..].iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    for muted in [false, true] {
        let heard = level(&export(&ducked(muted), loud.clone(), FRAMES));
        assert!(heard < 0.009 * 0.1, "muted {muted}: {heard}");
    }
    let mut alone = ducked(false);
    alone.tracks[1].devices[0].sidechain = None;
    assert!(level(&export(&alone, loud, FRAMES)) > 0.0085, "its own level is below the threshold");
}

/// Any graph of tracks, each of which goes to later ones, with devices that are late and sidechains from earlier ones. Every
/// gain is a power of two, so that sums are exact.
fn any_graph() -> impl Strategy<Value = Song> {
    let one = (0u32..3, prop::collection::vec(0.0f32..10.0, 0..3), any::<[u8; 4]>());
    (prop::collection::vec(one, 1..9), prop::collection::vec(0.0f32..10.0, 0..2)).prop_map(|(tracks, master)| {
        let count = tracks.len() as u64;
        let mut song = of(Vec::new());
        for (index, (sends, latencies, picks)) in tracks.into_iter().enumerate() {
            let id = index as u64 + 1;
            let later = |pick: u8| id + 1 + u64::from(pick) % (count - id).max(1);
            let mut devices: Vec<Device> =
                latencies.iter().enumerate().map(|(n, ms)| late(100 * id + n as u64, *ms)).collect();
            if id > 1
                && picks[3] % 2 == 0
                && let Some(last) = devices.last_mut()
            {
                last.sidechain = Some(1 + u64::from(picks[3]) % (id - 1));
            }
            let sends = (0..sends).filter(|_| id < count);
            song.tracks.push(Track {
                volume: 0.5,
                devices,
                output: (id < count && picks[0] % 2 == 0).then(|| later(picks[0] / 2)),
                sends: sends
                    .map(|n| send(1_000 * id + u64::from(n), later(picks[1 + n as usize]), 0.5, n == 1))
                    .collect(),
                ..playing(id)
            });
        }
        // The song's order is not that of processing.
        song.tracks.reverse();
        song.master.devices = master.iter().enumerate().map(|(n, ms)| late(90_000 + n as u64, *ms)).collect();
        song
    })
}

/// What arrives at the master of a graph in which nothing is late.
fn sum_without_latency(song: &Song) -> f64 {
    song.tracks.iter().map(|track| heard(song, track, 0.5)).sum()
}

/// What of a level in front of a track's fader arrives at the master.
fn heard(song: &Song, track: &Track, at: f64) -> f64 {
    let find = |id: u64| song.tracks.iter().find(|track| track.id == id).unwrap();
    let behind = at * track.volume;
    let output = track.output.map_or(behind, |id| heard(song, find(id), behind));
    let sent = |send: &Send| heard(song, find(send.target), if send.pre { at } else { behind } * send.gain);
    output + track.sends.iter().map(sent).sum::<f64>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn en32_an_impulse_arrives_in_one_frame_whatever_its_ways(song in any_graph()) {
        let heard = sounds(&export(&song, impulse(), 4_000));
        let expected = sum_without_latency(&song) as f32;
        prop_assert_eq!(heard, vec![(IMPULSE, expected)]);
    }

    #[test]
    fn en32_a_sidechain_meets_what_it_acts_on(first in 0.0f32..10.0, second in 0.0f32..10.0, own in 0.0f32..5.0) {
        // The gate opens at once for the impulse that it hears, and for nothing else: what passes is what came with it.
        let gate = with(
            Device { sidechain: Some(1), ..device(11, Kind::Gate) },
            &[("threshold", -20.0), ("attack", 0.0), ("hold", 0.0), ("release", 1.0), ("range", -80.0)],
        );
        let key = Track { volume: 0.0, devices: vec![late(10, first)], ..playing(1) };
        let low = engine::Clip { gain: 0.125, ..clip(1, 0, BEAT) };
        let gated = Track { devices: vec![late(12, own), gate, late(13, second)], clips: vec![low], ..bus(2) };
        let heard = sounds(&export(&of(vec![key, gated]), impulse(), 4_000));
        prop_assert_eq!(heard.len(), 1);
        prop_assert_eq!(heard[0].0, IMPULSE);
        prop_assert!(heard[0].1 > 0.0625 * 0.3, "the gate was open: {}", heard[0].1);
    }
}

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
        let (mut left, mut right) = (vec![9.0; frames], vec![9.0; frames]);
        let plans = Plans { current: self.current.view(), previous: self.previous.as_ref().map(Plan::view) };
        self.processor.process(&plans, &mut self.reader, &mut left, &mut right);
        left
    }

    /// Takes a plan as the audio thread does: at the first block's edge at which it may. What was played meanwhile.
    fn change(&mut self, song: &Song) -> Vec<f32> {
        let next = Plan::compile(song).unwrap();
        self.processor.prepare(Some(&self.current.view()), &next.view());
        let mut meanwhile = Vec::new();
        while self.processor.change(Some(&self.current.view()), &next.view()).is_err() {
            meanwhile.extend(self.play(64));
            assert!(meanwhile.len() < 2_000, "it must be taken within two fades");
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
