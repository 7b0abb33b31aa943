//! Songs that use everything the engine has, over recordings made from seeds. The tests render them natively, the example
//! `corpus` writes them down for the browser.

pub mod acts;
pub mod player;

use acts::Act;
use dsp::devices::Kind;
use engine::{
    Clip, Device, Lane, LaneTarget, Master, MetreChange, Point, Send, Song, SourceInfo, TICKS_PER_BEAT, TempoChange,
    TempoMap, TempoTrack, TimeSignature, Track, Way,
};

/// A song, its recordings, and how it is played.
pub struct Case {
    pub name: &'static str,
    pub song: Song,
    /// Planar channels of each recording, by its id.
    pub recordings: Vec<(u32, Vec<Vec<f32>>)>,
    /// Where playing starts.
    pub start_ticks: i64,
    pub loop_ticks: Option<(i64, i64)>,
    pub metronome: bool,
    /// How much is rendered.
    pub frames: usize,
    /// What happens meanwhile, in the order of its frames.
    pub acts: Vec<Act>,
}

const BEAT: i64 = TICKS_PER_BEAT;

pub fn all() -> Vec<Case> {
    let mut all = vec![
        gaps(),
        touching(),
        overlaps_and_fades(),
        converted_up(),
        converted_down(),
        mute_and_solo(),
        pans(),
        looped(),
        metronome(),
        entered_in_the_middle(),
        odd_rates(),
        sixteen_bits(),
        ugly_samples(),
        every_device(),
        signal_flow(),
        automated(),
        rests(),
        shaped_clips(),
        changing_tempo(),
        changing_tempo_entered(),
    ];
    all.extend(acts::all());
    all
}

/// xorshift64*: numbers that depend on the seed only.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    /// -1..1.
    pub fn sample(&mut self) -> f32 {
        (self.next() >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

pub fn noise(seed: u64, frames: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..frames).map(|_| 0.5 * random.sample()).collect()
}

pub fn sine(rate: u32, hz: f64, frames: usize) -> Vec<f32> {
    let step = core::f64::consts::TAU * hz / f64::from(rate);
    (0..frames).map(|n| (0.5 * libm::sin(step * n as f64)) as f32).collect()
}

pub fn song(sample_rate: u32, bpm_milli: u32, sources: Vec<SourceInfo>, tracks: Vec<Track>) -> Song {
    let (time_signature, master) = (TimeSignature { beats: 4, unit: 4 }, Master::default());
    let (tempo_changes, metre_changes) = (Vec::new(), Vec::new());
    Song { sample_rate, bpm_milli, tempo_changes, time_signature, metre_changes, tracks, master, sources }
}

pub fn track(id: u64, clips: Vec<Clip>) -> Track {
    Track { id, clips, ..Track::default() }
}

pub fn clip(source: u32, start_ticks: i64, duration_ticks: i64) -> Clip {
    Clip { start_ticks, duration_ticks, source, ..Clip::default() }
}

pub fn seconds(ticks: i64, bpm_milli: u32) -> f64 {
    ticks as f64 / BEAT as f64 * 60.0 / (f64::from(bpm_milli) / 1_000.0)
}

/// Cuts a clip into touching pieces, as the studio does: the offset grows by the length of what came before.
pub fn cut(whole: &Clip, lengths: &[i64], bpm_milli: u32) -> Vec<Clip> {
    let mut pieces = Vec::new();
    let mut before = 0;
    let rest = whole.duration_ticks - lengths.iter().sum::<i64>();
    for length in lengths.iter().copied().chain([rest]) {
        let offset = whole.source_offset_seconds + seconds(before, bpm_milli);
        let start_ticks = whole.start_ticks + before;
        pieces.push(Clip { start_ticks, duration_ticks: length, source_offset_seconds: offset, ..*whole });
        before += length;
    }
    pieces
}

/// The same, where the tempo changes: the studio asks the map how long what came before is.
pub fn cut_by_map(whole: &Clip, lengths: &[i64], map: TempoMap<'_>) -> Vec<Clip> {
    let mut pieces = Vec::new();
    let mut start_ticks = whole.start_ticks;
    let rest = whole.duration_ticks - lengths.iter().sum::<i64>();
    for duration_ticks in lengths.iter().copied().chain([rest]) {
        let before = map.seconds(start_ticks) - map.seconds(whole.start_ticks);
        let source_offset_seconds = whole.source_offset_seconds + before;
        pieces.push(Clip { start_ticks, duration_ticks, source_offset_seconds, ..*whole });
        start_ticks += duration_ticks;
    }
    pieces
}

fn info(id: u32, rate: u32, channels: &[Vec<f32>]) -> SourceInfo {
    SourceInfo { id, rate, channels: channels.len() as u32, frames: channels[0].len() as u64 }
}

/// Builds a case at 48 kHz whose sources are numbered from 1 in the order given.
fn case(name: &'static str, bpm_milli: u32, recordings: Vec<(u32, Vec<Vec<f32>>)>, tracks: Vec<Track>) -> Case {
    let sources = recordings.iter().zip(1..).map(|((rate, channels), id)| info(id, *rate, channels)).collect();
    let recordings = recordings.into_iter().zip(1..).map(|((_, channels), id)| (id, channels)).collect();
    let song = song(48_000, bpm_milli, sources, tracks);
    Case {
        name,
        song,
        recordings,
        start_ticks: 0,
        loop_ticks: None,
        metronome: false,
        frames: 96_000,
        acts: Vec::new(),
    }
}

pub fn stereo_noise(seed: u64, frames: usize) -> Vec<Vec<f32>> {
    vec![noise(seed, frames), noise(seed + 1_000, frames)]
}

fn gaps() -> Case {
    let clips = vec![clip(1, BEAT / 3, BEAT / 2), clip(2, 2 * BEAT, BEAT), clip(1, 3 * BEAT + 12_345, BEAT / 7)];
    case(
        "gaps",
        121_337,
        vec![(48_000, stereo_noise(1, 30_000)), (48_000, vec![sine(48_000, 440.0, 40_000)])],
        vec![track(1, clips)],
    )
}

fn touching() -> Case {
    let whole = clip(1, BEAT / 2, 3 * BEAT);
    let pieces = cut(&whole, &[BEAT / 3, BEAT / 5, 7, 1, BEAT], 120_000);
    let converted = cut(&Clip { source: 2, ..whole }, &[BEAT / 7, 100_001, BEAT], 120_000);
    case(
        "touching",
        120_000,
        vec![(48_000, stereo_noise(2, 80_000)), (44_100, stereo_noise(3, 80_000))],
        vec![track(1, pieces), track(2, converted)],
    )
}

fn overlaps_and_fades() -> Case {
    let faded = |start: i64, source: u32| Clip {
        fade_in_ticks: BEAT / 2,
        fade_out_ticks: BEAT / 3,
        gain: 0.7,
        ..clip(source, start, BEAT)
    };
    let clips = vec![faded(0, 1), faded(BEAT / 2, 2), faded(3 * BEAT / 4, 1), clip(2, BEAT, 2 * BEAT)];
    let long_fades = Clip { fade_in_ticks: 3 * BEAT, fade_out_ticks: 3 * BEAT, ..clip(1, BEAT, 2 * BEAT) };
    case(
        "overlaps_and_fades",
        97_531,
        vec![(48_000, stereo_noise(4, 60_000)), (48_000, vec![noise(5, 60_000)])],
        vec![track(1, clips), track(2, vec![long_fades])],
    )
}

fn converted_up() -> Case {
    let clips = vec![clip(1, 0, 2 * BEAT), Clip { gain: 1.3, ..clip(2, BEAT + 1, 2 * BEAT) }];
    case(
        "converted_up",
        140_000,
        vec![(44_100, stereo_noise(6, 70_000)), (44_100, vec![sine(44_100, 997.0, 50_000)])],
        vec![track(1, clips)],
    )
}

fn converted_down() -> Case {
    let clips = vec![clip(1, 0, 2 * BEAT), Clip { source_offset_seconds: 0.123_456, ..clip(2, BEAT, 2 * BEAT) }];
    let mut case = case(
        "converted_down",
        133_700,
        vec![(48_000, stereo_noise(7, 70_000)), (48_000, vec![sine(48_000, 15_000.0, 60_000)])],
        vec![track(1, clips)],
    );
    case.song.sample_rate = 44_100;
    case
}

fn mute_and_solo() -> Case {
    let one = |id: u64, muted: bool, solo: bool| Track { muted, solo, ..track(id, vec![clip(id as u32, 0, 4 * BEAT)]) };
    case(
        "mute_and_solo",
        120_000,
        (1..=4).map(|seed| (48_000, stereo_noise(10 * seed, 60_000))).collect(),
        vec![one(1, false, false), one(2, false, true), one(3, true, true), one(4, false, true)],
    )
}

fn pans() -> Case {
    let pans = [-1.0, -0.6, -0.1, 0.0, 0.25, 0.9, 1.0];
    let tracks = pans.into_iter().zip(1u32..).map(|(pan, id)| {
        let clips = vec![clip(1 + id % 2, i64::from(id) * BEAT / 4, 2 * BEAT)];
        Track { pan, volume: 0.2 + 0.1 * f64::from(id), ..track(u64::from(id), clips) }
    });
    let mut case = case(
        "pans",
        110_000,
        vec![(48_000, stereo_noise(20, 60_000)), (48_000, vec![noise(21, 60_000)])],
        tracks.collect(),
    );
    case.song.master.volume = 0.8;
    case
}

fn looped() -> Case {
    let clips = vec![clip(1, 0, BEAT), clip(1, BEAT, BEAT), clip(2, BEAT / 2, 3 * BEAT)];
    let recordings = vec![(48_000, stereo_noise(30, 24_000)), (44_100, vec![sine(44_100, 300.0, 80_000)])];
    let mut case = case("looped", 120_000, recordings, vec![track(1, clips)]);
    case.loop_ticks = Some((BEAT / 3, 2 * BEAT));
    case.metronome = true;
    case
}

fn metronome() -> Case {
    let recordings = vec![(48_000, vec![sine(48_000, 220.0, 90_000)])];
    let mut case = case("metronome", 173_123, recordings, vec![track(1, vec![clip(1, BEAT, 4 * BEAT)])]);
    case.metronome = true;
    case.song.time_signature = TimeSignature { beats: 7, unit: 8 };
    case
}

fn entered_in_the_middle() -> Case {
    let clips = vec![clip(1, 0, 4 * BEAT), clip(2, BEAT + BEAT / 8, BEAT)];
    let recordings = vec![(44_100, stereo_noise(40, 90_000)), (48_000, vec![noise(41, 30_000)])];
    let mut case = case("entered_in_the_middle", 119_999, recordings, vec![track(1, clips)]);
    case.start_ticks = BEAT + BEAT / 8;
    case.frames = 60_001;
    case
}

fn odd_rates() -> Case {
    let clips = vec![clip(1, 0, BEAT), clip(2, BEAT, BEAT), clip(3, BEAT / 2, 2 * BEAT), clip(4, 0, 3 * BEAT)];
    case(
        "odd_rates",
        128_128,
        vec![
            (96_000, stereo_noise(50, 60_000)),
            (22_050, vec![noise(51, 30_000)]),
            (47_999, stereo_noise(52, 60_000)),
            (8_000, vec![sine(8_000, 440.0, 12_000)]),
        ],
        vec![track(1, clips)],
    )
}

/// Recordings whose samples are whole 16-bit steps, which the browser is sent as such.
fn sixteen_bits() -> Case {
    let steps = |channel: Vec<f32>| channel.into_iter().map(|x| (x * 32_768.0).floor() / 32_768.0).collect();
    let stereo = stereo_noise(70, 150_000).into_iter().map(steps).collect();
    let clips = vec![clip(1, 0, 4 * BEAT), Clip { gain: 0.5, ..clip(2, BEAT / 9, 3 * BEAT) }];
    let mut case = case(
        "sixteen_bits",
        111_111,
        vec![(44_100, stereo), (48_000, vec![steps(noise(71, 60_001))])],
        vec![track(1, clips)],
    );
    case.frames = 120_000;
    case
}

fn ugly_samples() -> Case {
    let mut ugly = stereo_noise(60, 50_000);
    ugly[0][1_000] = f32::NAN;
    ugly[1][2_000] = f32::INFINITY;
    ugly[0][30_000] = f32::NEG_INFINITY;
    ugly[1][10_000..12_000].fill(1e-41);
    ugly[0][10_000..12_000].fill(-0.0);
    ugly[0][40_000] = f32::MAX;
    let loud = Clip { gain: 16.0, ..clip(1, 0, 4 * BEAT) };
    let recordings = vec![(48_000, ugly.clone()), (44_100, ugly)];
    case("ugly_samples", 120_000, recordings, vec![track(1, vec![loud]), track(2, vec![clip(2, 0, 4 * BEAT)])])
}

/// A device whose knobs are turned as a seed says, between a quarter and three quarters.
pub fn turned(id: u64, kind: Kind, seed: u64) -> Device {
    let mut random = Random::new(seed);
    let turn = |_: &dsp::device::Parameter| 0.5 + 0.25 * random.sample();
    let turns: Vec<f32> = kind.parameters().iter().map(turn).collect();
    let values = kind.parameters().iter().zip(turns).map(|(parameter, turn)| parameter.value_at(turn)).collect();
    Device { id, kind, bypassed: false, values, sidechain: None }
}

/// All devices, each on a track of its own, some behind others, one passed by, and three on the master.
fn every_device() -> Case {
    let mut tracks: Vec<Track> = Kind::ALL
        .iter()
        .zip(1u64..)
        .map(|(kind, id)| Track {
            volume: 0.3,
            pan: id as f64 / 10.0 - 0.6,
            devices: vec![turned(100 + id, *kind, id), turned(200 + id, Kind::ALL[id as usize % 11], id + 50)],
            ..track(id, vec![clip(1 + id as u32 % 2, id as i64 * BEAT / 8, 2 * BEAT)])
        })
        .collect();
    tracks[4].devices[0].bypassed = true;
    let recordings = vec![(48_000, stereo_noise(80, 60_000)), (44_100, stereo_noise(81, 60_000))];
    let mut case = case("every_device", 117_000, recordings, tracks);
    case.song.master.devices =
        [Kind::Equaliser, Kind::Compressor, Kind::Limiter].map(|kind| turned(300 + kind as u64, kind, 7)).to_vec();
    case.metronome = true;
    case
}

/// A group in a group, sends before and behind the fader, a bus with a reverb, a sidechain, a soloed bus, latencies everywhere.
fn signal_flow() -> Case {
    let send = |id: u64, target: u64, pre: bool| Send { id, target, gain: 0.4, pre };
    let one = |id: u64, source: u32| track(id, vec![clip(source, id as i64 * BEAT / 5, 2 * BEAT)]);
    let mut ducked = turned(50, Kind::Compressor, 3);
    ducked.sidechain = Some(1);
    let tracks = vec![
        Track { devices: vec![turned(40, Kind::Limiter, 1)], ..track(9, vec![]) },
        Track { output: Some(8), devices: vec![turned(41, Kind::Saturation, 2)], ..one(1, 1) },
        Track { output: Some(8), volume: 0.7, sends: vec![send(60, 7, false)], devices: vec![ducked], ..one(2, 2) },
        Track { sends: vec![send(61, 7, true), send(62, 9, false)], muted: true, ..one(3, 1) },
        Track { sends: vec![send(63, 7, true)], pan: 0.3, solo: true, ..one(4, 2) },
        Track { solo: true, devices: vec![turned(42, Kind::Reverb, 4)], ..track(7, vec![]) },
        Track { output: Some(9), solo: true, ..track(8, vec![]) },
    ];
    let recordings = vec![(48_000, stereo_noise(82, 60_000)), (48_000, stereo_noise(83, 60_000))];
    let mut case = case("signal_flow", 123_000, recordings, tracks);
    case.start_ticks = BEAT / 2;
    case.loop_ticks = Some((BEAT / 2, 3 * BEAT));
    case
}

/// Lanes for levels and knobs, straight, held and bent, with points at edges of blocks and between them, in a loop.
fn automated() -> Case {
    let tick = |frame: i64| frame * BEAT / 24_000;
    let lane = |target: LaneTarget, points: &[(i64, f64, Way)]| Lane {
        target,
        points: points
            .iter()
            .map(|(frame, value, way)| Point { ticks: tick(*frame), value: *value, way: *way })
            .collect(),
    };
    let straight = Way::Bent(0.0);
    let volume = [(0, 0.1, straight), (12_800, 1.0, Way::Hold), (12_801, 0.4, Way::Bent(0.7)), (40_003, 1.5, straight)];
    let pan =
        [(4_096, -1.0, straight), (20_000, 0.8, Way::Bent(-1.0)), (20_480, 0.0, Way::Hold), (33_333, 1.0, straight)];
    let gain = [(1_000, 0.0, straight), (30_000, 1.0, straight)];
    let freq = [
        (0, 200.0, straight),
        (12_800, 8_000.0, Way::Bent(0.5)),
        (30_001, 100.0, Way::Hold),
        (35_000, 5_000.0, straight),
    ];
    let mix = [(0, 100.0, straight), (50_000, 0.0, straight)];
    let tracks = vec![
        Track {
            sends: vec![Send { id: 60, target: 2, gain: 0.0, pre: false }],
            devices: vec![turned(40, Kind::Saturation, 1), turned(41, Kind::Filter, 2)],
            lanes: vec![
                lane(LaneTarget::Volume, &volume),
                lane(LaneTarget::Pan, &pan),
                lane(LaneTarget::Send(0), &gain),
                lane(LaneTarget::Parameter(1, 1), &freq),
                lane(LaneTarget::Parameter(1, 0), &[(0, 0.0, straight), (16_000, 2.0, straight)]),
            ],
            ..track(1, vec![clip(1, 0, 2 * BEAT), clip(1, 2 * BEAT + 7, BEAT)])
        },
        Track {
            devices: vec![turned(42, Kind::Chorus, 3)],
            lanes: vec![lane(LaneTarget::Parameter(0, Kind::Chorus.parameters().len() - 1), &mix)],
            ..track(2, vec![])
        },
    ];
    let mut case = case("automated", 120_000, vec![(48_000, stereo_noise(84, 60_000))], tracks);
    case.song.master.devices = vec![turned(43, Kind::Filter, 9)];
    case.song.master.lanes = vec![
        lane(LaneTarget::Volume, &[(2_000, 0.6, straight), (22_222, 1.2, Way::Bent(-0.5)), (44_000, 0.9, Way::Hold)]),
        lane(LaneTarget::Parameter(0, 1), &[(5_000, 12_000.0, straight), (40_000, 500.0, straight)]),
    ];
    case.loop_ticks = Some((tick(3_000), tick(45_000)));
    case
}

/// Short sounds with long rests: devices fall asleep and wake.
fn rests() -> Case {
    let short = |n: i64| Clip { source_offset_seconds: 0.1, ..clip(1, n * 7 * BEAT, BEAT / 8) };
    let clips = (0..4).map(short).collect();
    let devices = [Kind::Filter, Kind::Compressor, Kind::Delay, Kind::Chorus];
    let devices = devices.into_iter().zip(40..).map(|(kind, id)| turned(id, kind, id)).collect();
    let tracks = vec![Track { devices, ..track(1, clips) }];
    let mut case = case("rests", 240_000, vec![(48_000, stereo_noise(85, 30_000))], tracks);
    case.frames = 300_000;
    case
}

/// Fades of every shape, crossfades, repeats and clips that play backwards, converted and not.
fn shaped_clips() -> Case {
    use dsp::fade::Shape;
    let mut clips = Vec::new();
    for (shape, n) in Shape::ALL.into_iter().zip(0i64..) {
        clips.push(Clip {
            fade_in_ticks: BEAT / 3,
            fade_out_ticks: BEAT / 4,
            fade_in_shape: shape,
            fade_out_shape: shape,
            reversed: n % 2 == 0,
            loop_ticks: if n == 3 { BEAT / 7 } else { 0 },
            source_offset_seconds: 0.1,
            ..clip(1 + n as u32 % 2, n * BEAT / 2, 3 * BEAT / 4)
        });
    }
    let recordings = vec![(48_000, stereo_noise(86, 60_000)), (44_100, stereo_noise(87, 60_000))];
    case("shaped_clips", 119_000, recordings, vec![track(1, clips)])
}

/// Tempos that jump and that go evenly, metres that change with and without a whole bar, over clips that are cut, faded, converted and
/// repeated across the changes; a delay in notes, lanes, the metronome, and a loop over it all.
fn changing_tempo() -> Case {
    let change = |ticks, bpm_milli, ramp| TempoChange { ticks, bpm_milli, ramp };
    let tempo_changes = vec![
        change(BEAT, 171_717, false),
        change(5 * BEAT / 2 + 1, 60_500, true),
        change(3 * BEAT, 240_000, true),
        change(4 * BEAT - 7, 99_999, false),
    ];
    let metre = |ticks, beats, unit| MetreChange { ticks, time_signature: TimeSignature { beats, unit } };
    let track_of_tempo = TempoTrack::new(48_000, 121_000, &tempo_changes).expect("tempos within bounds");
    let whole = Clip { fade_in_ticks: BEAT / 2, fade_out_ticks: BEAT, ..clip(1, BEAT / 3, 4 * BEAT) };
    let pieces = cut_by_map(&whole, &[BEAT / 2, BEAT + 11, BEAT / 7, BEAT], track_of_tempo.map());
    let straight = Way::Bent(0.0);
    let point = |ticks, value, way| Point { ticks, value, way };
    let volume = vec![point(0, 0.2, straight), point(2 * BEAT, 1.0, Way::Bent(0.8)), point(4 * BEAT, 0.3, Way::Hold)];
    let freq = vec![point(BEAT / 2, 300.0, straight), point(7 * BEAT / 2, 9_000.0, straight)];
    let mut delay = turned(41, Kind::Delay, 6);
    // An eighth.
    delay.values[1] = 8.0;
    let tracks = vec![
        Track { lanes: vec![Lane { target: LaneTarget::Volume, points: volume }], ..track(1, pieces) },
        Track {
            devices: vec![turned(40, Kind::Saturation, 1), delay, turned(42, Kind::Filter, 2)],
            lanes: vec![Lane { target: LaneTarget::Parameter(2, 1), points: freq }],
            ..track(2, vec![Clip { loop_ticks: BEAT / 3, source_offset_seconds: 0.2, ..clip(2, BEAT / 2, 4 * BEAT) }])
        },
    ];
    let recordings = vec![(48_000, stereo_noise(88, 120_000)), (44_100, stereo_noise(89, 60_000))];
    let mut case = case("changing_tempo", 121_000, recordings, tracks);
    case.song.tempo_changes = tempo_changes;
    case.song.metre_changes = vec![metre(BEAT, 3, 8), metre(2 * BEAT + 5, 5, 16), metre(4 * BEAT, 4, 4)];
    case.loop_ticks = Some((BEAT / 2, 9 * BEAT / 2));
    case.metronome = true;
    case.frames = 200_000;
    case
}

/// The same, entered within a ramp and without a loop.
fn changing_tempo_entered() -> Case {
    Case { name: "changing_tempo_entered", start_ticks: 2 * BEAT + 3, loop_ticks: None, ..changing_tempo() }
}
