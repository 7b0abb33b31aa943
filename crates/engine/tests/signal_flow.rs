//! Where sound goes, and that it arrives to the frame: outputs, sends, sidechains, solo, mute, bypass, sleep.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use dsp::devices::Kind;
use engine::{Device, Master, Plan, Send, Song, TICKS_PER_BEAT as BEAT, Track};
use proptest::prelude::*;
use support::graph::{
    FRAMES, IMPULSE, bus, device, export, impulse, late, late_by, of, playing, send, sine, sounds, with,
};
use support::songs::clip;

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
fn en6_clips_on_a_bus_are_heard_beside_what_comes_there() {
    let own = |id| Track { volume: 0.5, clips: playing(1).clips, ..bus(id) };
    assert_eq!(sounds(&export(&of(vec![own(9)]), impulse(), FRAMES)), [(IMPULSE, 0.25)], "by themselves");
    let inside = Track { output: Some(9), ..playing(1) };
    let with_a_track = |solo: bool| of(vec![Track { solo, ..inside.clone() }, own(9), playing(2)]);
    // Each channel brings 0.5; the bus halves what it has and what it hears.
    assert_eq!(sounds(&export(&with_a_track(false), impulse(), FRAMES)), [(IMPULSE, 0.25 + 0.25 + 0.5)]);
    let through = Track { devices: vec![late(10, 7.0)], ..own(9) };
    let soloed = sounds(&export(&with_a_track(true), impulse(), FRAMES));
    assert_eq!(soloed, [(IMPULSE, 0.25 + 0.25)], "where a soloed track goes through, so do the bus's own clips");
    let late_together = of(vec![inside.clone(), through]);
    assert_eq!(sounds(&export(&late_together, impulse(), FRAMES)), [(IMPULSE, 0.5)], "through the bus's own devices");
    assert_eq!(sounds(&export(&of(vec![Track { muted: true, ..own(9) }]), impulse(), FRAMES)), []);
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

/// Any graph of tracks, each of which goes to later ones, with devices of every kind that is late, and sidechains from earlier ones, at any usual
/// rate. Every gain is a power of two, so that sums are exact.
fn any_graph() -> impl Strategy<Value = Song> {
    let devices = |most: usize| prop::collection::vec((any::<u8>(), 0.0f32..10.0), 0..most);
    let one = (0u32..3, devices(3), any::<[u8; 4]>());
    let rate = prop_oneof![Just(44_100u32), Just(48_000), Just(96_000)];
    (rate, prop::collection::vec(one, 1..9), devices(2)).prop_map(|(rate, tracks, master)| {
        let count = tracks.len() as u64;
        let mut song = of(Vec::new());
        (song.sample_rate, song.sources[0].rate) = (rate, rate);
        for (index, (sends, latencies, picks)) in tracks.into_iter().enumerate() {
            let id = index as u64 + 1;
            let later = |pick: u8| id + 1 + u64::from(pick) % (count - id).max(1);
            let mut devices: Vec<Device> =
                latencies.iter().enumerate().map(|(n, (pick, ms))| late_by(100 * id + n as u64, *pick, *ms)).collect();
            if id > 1
                && picks[3] % 2 == 0
                && let Some(last) = devices.last_mut().filter(|device| device.kind.has_sidechain())
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
        song.master.devices =
            master.iter().enumerate().map(|(n, (pick, ms))| late_by(90_000 + n as u64, *pick, *ms)).collect();
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
        // So quiet that whatever is summed stays below a limiter's ceiling; a power of two, so nothing is rounded.
        let level = 1.0 / 1_024.0;
        let quiet = impulse().into_iter().map(|x| x * level).collect();
        let heard = sounds(&export(&song, quiet, 4_000));
        let expected = sum_without_latency(&song) as f32 * level;
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
