//! Songs that are edited, sought and stopped while they play.

use dsp::device::Parameter;
use dsp::devices::Kind;
use engine::{Clip, Device, Lane, LaneTarget, Point, Send, Song, Track, Way};

use super::{BEAT, Case, Random, case, clip, noise, stereo_noise, track, turned};

/// What happens while a case is played.
#[derive(Clone, Debug)]
pub struct Act {
    /// The frame, counted from the beginning of the rendering: a multiple of [`QUANTUM`].
    pub at: usize,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// Goes to a tick.
    Seek(i64),
    Stop,
    Play,
    /// Another song takes the place of the one that plays.
    Plan(Box<Song>),
}

/// A change of a song.
type Edit = fn(&mut Song);

/// Frames between which a browser's offline rendering can be halted.
pub const QUANTUM: usize = 128;

pub(super) fn all() -> Vec<Case> {
    vec![
        sought_and_stopped(),
        edited_while_playing(),
        lanes_and_sends_edited(),
        late_effects_wake(),
        gated_by_a_key(),
        every_lane(),
    ]
}

/// The tick of a frame at 120 beats a minute and 48 kHz.
fn tick(frame: i64) -> i64 {
    frame * BEAT / 24_000
}

fn act(quantum: usize, what: What) -> Act {
    Act { at: quantum * QUANTUM, what }
}

fn with(mut device: Device, values: &[(&str, f32)]) -> Device {
    for (name, value) in values {
        let known = device.kind.parameters().iter().position(|parameter| parameter.id == *name);
        device.values[known.expect("a parameter of the kind")] = *value;
    }
    device
}

/// Jumps within a loop, out of it and back, in the middle of a fade, while stopped; stops and starts, close together and far apart.
fn sought_and_stopped() -> Case {
    let lane = |points: &[(i64, f64)]| Lane {
        target: LaneTarget::Volume,
        points: points
            .iter()
            .map(|(at, value)| Point { ticks: tick(*at), value: *value, way: Way::Bent(0.3) })
            .collect(),
    };
    let send = Send { id: 60, target: 3, gain: 0.5, pre: false };
    let tracks = vec![
        Track {
            devices: vec![turned(40, Kind::Delay, 1), turned(41, Kind::Limiter, 2)],
            lanes: vec![lane(&[(0, 0.2), (12_800, 1.0), (12_801, 0.5), (50_000, 1.2)])],
            ..track(1, vec![clip(1, 0, BEAT), clip(1, BEAT, 2 * BEAT), clip(2, 7 * BEAT / 2, BEAT)])
        },
        Track { sends: vec![send], ..track(2, vec![clip(2, BEAT / 2, 5 * BEAT)]) },
        Track { devices: vec![turned(42, Kind::Reverb, 3)], ..track(3, vec![]) },
    ];
    let recordings = vec![(48_000, stereo_noise(90, 130_000)), (44_100, stereo_noise(91, 130_000))];
    let mut case = case("sought_and_stopped", 120_000, recordings, tracks);
    case.loop_ticks = Some((BEAT / 2, 9 * BEAT / 4));
    case.metronome = true;
    case.frames = 160_000;
    case.acts = vec![
        act(100, What::Seek(tick(40_001))),
        act(101, What::Seek(tick(700))),
        act(250, What::Stop),
        act(251, What::Play),
        act(252, What::Stop),
        act(300, What::Seek(3 * BEAT)),
        act(320, What::Play),
        act(450, What::Seek(9 * BEAT / 4 - 100)),
        act(451, What::Stop),
        act(600, What::Seek(tick(12_800))),
        act(600, What::Play),
        act(700, What::Seek(-BEAT / 8)),
        act(1_000, What::Stop),
        act(1_001, What::Seek(BEAT)),
        act(1_002, What::Play),
    ];
    case
}

/// A hand on everything: faders, mutes, solos, bypasses, devices that come, go and change places, clips, sends, tempo, tracks.
fn edited_while_playing() -> Case {
    let one = |id: u64, source: u32| {
        track(id, vec![clip(source, id as i64 * BEAT / 9, 5 * BEAT), clip(source, 6 * BEAT, BEAT)])
    };
    let tracks = vec![
        Track { devices: vec![turned(40, Kind::Filter, 1), turned(41, Kind::Chorus, 2)], ..one(1, 1) },
        Track { output: Some(4), devices: vec![turned(42, Kind::Compressor, 3)], ..one(2, 2) },
        Track { sends: vec![Send { id: 60, target: 4, gain: 0.4, pre: true }], ..one(3, 1) },
        Track { devices: vec![turned(43, Kind::Equaliser, 4)], ..track(4, vec![]) },
    ];
    let recordings = vec![(48_000, stereo_noise(92, 140_000)), (44_100, stereo_noise(93, 140_000))];
    let mut case = case("edited_while_playing", 120_000, recordings, tracks);
    case.song.master.devices = vec![turned(44, Kind::Utility, 5)];
    case.metronome = true;
    case.frames = 200_000;
    case.loop_ticks = Some((BEAT / 4, 5 * BEAT));
    let edits: [(usize, Edit); 20] = [
        (50, |song| song.tracks[0].volume = 0.3),
        (52, |song| song.tracks[0].volume = 0.9),
        (100, |song| song.tracks[1].muted = true),
        (150, |song| song.tracks[0].devices[0].bypassed = true),
        (200, |song| song.tracks[0].devices.insert(1, turned(50, Kind::Delay, 6))),
        // While the one before is still on its way.
        (201, |song| song.tracks[0].devices.insert(0, turned(51, Kind::Saturation, 7))),
        (300, |song| song.tracks[0].devices.swap(1, 3)),
        (350, |song| song.tracks[1].muted = false),
        (400, |song| song.tracks[0].clips[0].start_ticks += BEAT / 3),
        (500, |song| drop(song.tracks[0].devices.remove(1))),
        (550, |song| song.tracks[2].sends[0].gain = 0.9),
        (600, |song| song.tracks[2].solo = true),
        (650, |song| song.tracks[2].solo = false),
        (700, |song| song.bpm_milli = 131_000),
        (800, |song| song.tracks.push(Track { volume: 0.5, ..track(9, vec![clip(1, 0, 6 * BEAT)]) })),
        (900, |song| song.tracks[1].devices[0].sidechain = Some(9)),
        (1_000, |song| song.master.devices.push(turned(52, Kind::Limiter, 8))),
        (1_100, |song| drop(song.tracks.remove(2))),
        (1_200, |song| song.tracks[0].devices[0].values.copy_from_slice(&turned(0, Kind::Saturation, 9).values)),
        (1_300, |song| song.tracks[1].output = None),
    ];
    let mut song = case.song.clone();
    for (quantum, edit) in edits {
        edit(&mut song);
        case.acts.push(act(quantum, What::Plan(Box::new(song.clone()))));
    }
    case.acts.push(act(1_400, What::Seek(BEAT)));
    case.acts.push(act(1_450, What::Stop));
    case
}

/// Lanes of levels and of knobs that come, change and go, on tracks and on the master; sends and sidechains that do, through a loop and a jump.
fn lanes_and_sends_edited() -> Case {
    fn lane(target: LaneTarget, points: &[(i64, f64)]) -> Lane {
        let point = |(at, value): &(i64, f64)| Point { ticks: tick(*at), value: *value, way: Way::Bent(-0.4) };
        Lane { target, points: points.iter().map(point).collect() }
    }
    fn send(id: u64, pre: bool) -> Send {
        Send { id, target: 3, gain: 0.6, pre }
    }
    let tracks = vec![
        Track {
            devices: vec![turned(40, Kind::Saturation, 1), turned(41, Kind::Filter, 2)],
            ..track(1, vec![clip(1, 0, 2 * BEAT), clip(1, 5 * BEAT / 2, 3 * BEAT)])
        },
        Track { devices: vec![turned(42, Kind::Gate, 3)], ..track(2, vec![clip(2, BEAT / 5, 5 * BEAT)]) },
        Track { devices: vec![turned(43, Kind::Delay, 4), turned(44, Kind::Limiter, 5)], ..track(3, vec![]) },
    ];
    let recordings = vec![(48_000, stereo_noise(100, 140_000)), (44_100, stereo_noise(101, 140_000))];
    let mut case = case("lanes_and_sends_edited", 120_000, recordings, tracks);
    case.loop_ticks = Some((BEAT / 3, 3 * BEAT));
    case.frames = 170_000;
    let edits: [(usize, Edit); 17] = [
        (60, |song| song.tracks[0].lanes.push(lane(LaneTarget::Volume, &[(5_000, 0.2), (30_000, 1.4), (60_000, 0.5)]))),
        (120, |song| {
            song.tracks[0].lanes.push(lane(LaneTarget::Parameter(1, 1), &[(12_800, 300.0), (66_001, 9_000.0)]));
        }),
        (180, |song| song.tracks[0].lanes[0].points[1].value = 0.3),
        (240, |song| song.tracks[1].sends.push(send(60, false))),
        (300, |song| song.tracks[1].lanes.push(lane(LaneTarget::Send(0), &[(10_000, 0.0), (50_000, 1.0)]))),
        (301, |song| song.tracks[1].lanes.push(lane(LaneTarget::Pan, &[(0, -1.0), (70_000, 1.0)]))),
        (420, |song| song.master.lanes.push(lane(LaneTarget::Volume, &[(0, 0.5), (40_000, 1.2), (71_000, 0.8)]))),
        (480, |song| song.tracks[1].sends.insert(0, send(61, true))),
        // The lane now moves the other one.
        (540, |song| song.tracks[1].sends.truncate(1)),
        (600, |song| song.tracks[1].devices[0].sidechain = Some(1)),
        (660, |song| song.tracks[0].lanes[1].points.truncate(1)),
        (720, |song| song.tracks[0].devices.swap(0, 1)),
        (721, |song| song.tracks[0].lanes[1].target = LaneTarget::Parameter(0, 1)),
        (800, |song| drop(song.tracks[0].lanes.remove(0))),
        (860, |song| song.master.lanes.clear()),
        (900, |song| song.tracks[1].devices[0].sidechain = None),
        (1_000, |song| song.tracks[0].lanes.clear()),
    ];
    let mut song = case.song.clone();
    for (quantum, edit) in edits {
        edit(&mut song);
        case.acts.push(act(quantum, What::Plan(Box::new(song.clone()))));
    }
    case.acts.push(act(1_100, What::Seek(5 * BEAT)));
    case
}

/// Effects that make the sound late are passed by and wake; tracks that go through them are muted and come back.
fn late_effects_wake() -> Case {
    let late = |id: u64, kind: Kind, values: &[(&str, f32)]| with(turned(id, kind, id), values);
    let tracks = vec![
        Track {
            devices: vec![
                late(40, Kind::Compressor, &[("lookahead", 10.0)]),
                late(41, Kind::Limiter, &[]),
                late(42, Kind::Saturation, &[]),
            ],
            ..track(1, vec![clip(1, 0, 5 * BEAT)])
        },
        Track {
            devices: vec![turned(43, Kind::Gate, 43), late(44, Kind::Delay, &[("mix", 100.0)])],
            ..track(2, vec![clip(2, BEAT / 7, 5 * BEAT)])
        },
    ];
    let recordings = vec![(48_000, stereo_noise(94, 140_000)), (48_000, vec![noise(95, 140_000)])];
    let mut case = case("late_effects_wake", 120_000, recordings, tracks);
    case.frames = 120_000;
    let edits: [(usize, Edit); 9] = [
        (60, |song| song.tracks[0].devices.iter_mut().for_each(|device| device.bypassed = true)),
        (200, |song| song.tracks[0].devices[0].bypassed = false),
        (300, |song| song.tracks[0].devices[1].bypassed = false),
        // Within the way of the one before.
        (304, |song| song.tracks[0].devices[2].bypassed = false),
        (400, |song| song.tracks[0].muted = true),
        (500, |song| song.tracks[0].muted = false),
        (505, |song| song.tracks[0].muted = true),
        (600, |song| (song.tracks[0].muted, song.tracks[1].volume) = (false, 0.0)),
        (700, |song| song.tracks[1].volume = 1.0),
    ];
    let mut song = case.song.clone();
    for (quantum, edit) in edits {
        edit(&mut song);
        case.acts.push(act(quantum, What::Plan(Box::new(song.clone()))));
    }
    case
}

/// A gate that opens and closes with another track, itself muted, through lanes for its threshold and range.
fn gated_by_a_key() -> Case {
    let bursts = (0..9).map(|n| clip(1, n * 3 * BEAT / 7, BEAT / 9)).collect();
    let gate = Device { sidechain: Some(1), ..turned(40, Kind::Gate, 4) };
    let gate = with(gate, &[("threshold", -20.0), ("range", -40.0), ("hold", 20.0)]);
    let threshold = Kind::Gate.parameters().iter().position(|parameter| parameter.id == "threshold");
    let point = |frame: i64, value: f64| Point { ticks: tick(frame), value, way: Way::Bent(0.0) };
    let lane = Lane {
        target: LaneTarget::Parameter(0, threshold.expect("a gate has a threshold")),
        points: vec![point(10_000, -20.0), point(60_032, -6.0), point(80_001, -30.0)],
    };
    let tracks = vec![
        Track { muted: true, devices: vec![turned(41, Kind::Limiter, 5)], ..track(1, bursts) },
        Track { devices: vec![gate], lanes: vec![lane], ..track(2, vec![clip(2, 0, 4 * BEAT)]) },
    ];
    let recordings = vec![(48_000, stereo_noise(96, 30_000)), (48_000, stereo_noise(97, 100_000))];
    let mut case = case("gated_by_a_key", 120_000, recordings, tracks);
    case.acts = vec![act(300, What::Stop), act(320, What::Seek(BEAT / 3)), act(320, What::Play)];
    case
}

/// A lane for every parameter of every kind that can have one, turned at random over its whole range, with points on edges of blocks and beside
/// them; and for the levels.
fn every_lane() -> Case {
    let mut random = Random::new(98);
    let tracks = Kind::ALL.iter().zip(1u64..).map(|(kind, id)| {
        let automatable = |(_, parameter): &(usize, &Parameter)| parameter.automatable;
        let mut lanes: Vec<Lane> = kind
            .parameters()
            .iter()
            .enumerate()
            .filter(automatable)
            .map(|(index, about)| {
                let value = |random: &mut Random| f64::from(about.value_at(0.5 + 0.5 * random.sample()));
                Lane { target: LaneTarget::Parameter(0, index), points: points(&mut random, value) }
            })
            .collect();
        let volume = points(&mut random, |random| 0.3 + 0.3 * f64::from(random.sample()));
        lanes.push(Lane { target: LaneTarget::Volume, points: volume });
        lanes.push(Lane { target: LaneTarget::Pan, points: points(&mut random, |random| f64::from(random.sample())) });
        let clips: Vec<Clip> =
            vec![clip(1 + id as u32 % 2, id as i64 * BEAT / 50, 3 * BEAT), clip(1, 10 * BEAT / 3, BEAT)];
        Track { devices: vec![turned(100 + id, *kind, id)], lanes, ..track(id, clips) }
    });
    let tracks = tracks.collect();
    let recordings = vec![(48_000, stereo_noise(98, 80_000)), (44_100, stereo_noise(99, 80_000))];
    let mut case = case("every_lane", 120_000, recordings, tracks);
    case.loop_ticks = Some((tick(5_001), tick(70_000)));
    case.acts = vec![act(650, What::Seek(tick(60_001)))];
    case
}

/// Eight points of a lane in the first second and a half.
pub fn points(random: &mut Random, value: impl Fn(&mut Random) -> f64) -> Vec<Point> {
    (0..8)
        .map(|_| {
            let (block, beside) = (1 + random.next() % 560, random.next() % 3);
            let way = match random.next() % 4 {
                0 => Way::Hold,
                1 => Way::Bent(0.0),
                _ => Way::Bent(f64::from(random.sample())),
            };
            Point { ticks: tick(i64::from(block * 128 + beside) - 1), value: value(random), way }
        })
        .collect()
}
