//! What every device promises, whichever it is.

use dsp::device::{Block, Curve, Device, Faults, Parameter, glide_frames, parameter};
use dsp::devices::Kind;

const RATE: u32 = 48_000;

/// Parameters' ids and values.
type Values = &'static [(&'static str, f32)];

fn noise(seed: u32, frames: usize, level: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..frames).map(|_| 2.0 * level * next()).collect()
}

/// A seeded row of numbers, to choose with.
struct Choice(u32);

impl Choice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % bound
    }

    fn turn(&mut self) -> f32 {
        self.below(1_001) as f32 / 1_000.0
    }
}

/// Changes of parameters: frame, parameter, value, frames that it may take.
fn changes(kind: Kind, seed: u32, count: usize, frames: usize) -> Vec<(usize, usize, f32, u32)> {
    let mut choice = Choice(seed);
    let mut list: Vec<_> = (0..count)
        .map(|_| {
            let parameter = choice.below(kind.parameters().len());
            let value = kind.parameters()[parameter].value_at(choice.turn());
            let over = [0, glide_frames(RATE), 100, 7][choice.below(4)];
            (choice.below(frames), parameter, value, over)
        })
        .collect();
    list.sort_by_key(|(frame, ..)| *frame);
    list
}

/// Plays noise with changes, in blocks of a size that end where a parameter changes; the bits of what comes out.
fn play(kind: Kind, block: usize, seed: u32, frames: usize) -> Vec<(u32, u32)> {
    let mut device = kind.make(RATE);
    device.set_beat(22_222.2);
    let (mut left, mut right) = (noise(seed, frames, 0.9), noise(seed + 1, frames, 0.7));
    let (key_left, key_right) = (noise(seed + 2, frames, 1.0), noise(seed + 3, frames, 0.3));
    left[frames / 3] = f32::NAN;
    right[frames / 2] = f32::INFINITY;
    let changes = changes(kind, seed, 60, frames);
    let mut next = 0;
    let mut at = 0;
    while at < frames {
        while let Some((_, parameter, value, over)) = changes.get(next).filter(|(frame, ..)| *frame <= at) {
            device.set(*parameter, *value, *over);
            next += 1;
        }
        let end = changes.get(next).map_or(frames, |(frame, ..)| *frame).min(at + block).min(frames);
        let part = Block::new(&mut left[at..end], &mut right[at..end]);
        if seed.is_multiple_of(2) {
            device.process(part.with_sidechain(&key_left[at..end], &key_right[at..end]));
        } else {
            device.process(part);
        }
        at = end;
    }
    left.iter().zip(&right).map(|(l, r)| (l.to_bits(), r.to_bits())).collect()
}

#[test]
fn en18_blocks_of_any_size_give_the_same_bits() {
    for &kind in Kind::ALL {
        for seed in [10, 11, 12] {
            let whole = play(kind, 4_096, seed, 20_000);
            for block in [1, 7, 64, 128, 1_000] {
                let pieces = play(kind, block, seed, 20_000);
                let first = whole.iter().zip(&pieces).position(|(a, b)| a != b);
                assert_eq!(first, None, "{kind:?}, blocks of {block}, seed {seed}");
            }
        }
    }
}

#[test]
fn en17_tables_are_sane() {
    let mut types: Vec<_> = Kind::ALL.iter().map(|kind| kind.id()).collect();
    for &kind in Kind::ALL {
        assert_eq!(Kind::from_id(kind.id()), Some(kind));
        let table = kind.parameters();
        let mut ids: Vec<_> = table.iter().map(|parameter| parameter.id).collect();
        for parameter in table {
            let id = parameter.id;
            assert!(id.starts_with(|c: char| c.is_ascii_lowercase()), "{kind:?} {id}");
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric()) && id.len() <= 32, "{kind:?} {id}");
            assert!(!parameter.name.is_empty());
            assert!(parameter.min < parameter.max, "{kind:?} {id}");
            assert_eq!(parameter.accept(parameter.default), Some(parameter.default), "{kind:?} {id}");
            assert!(parameter.curve != Curve::Logarithmic || parameter.min > 0.0, "{kind:?} {id}");
            assert_eq!(parameter::index_of(table, id), table.iter().position(|p| p.id == id));
        }
        let device = kind.make(RATE);
        assert_eq!(device.parameters(), table);
        assert!((0..table.len()).all(|i| device.value(i) == table[i].default));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), table.len(), "{kind:?}: an id twice");
    }
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), Kind::ALL.len());
    assert_eq!(Kind::IDS.to_vec(), Kind::ALL.iter().map(|kind| kind.id()).collect::<Vec<_>>());
    assert_eq!(Kind::from_id("toaster"), None);
}

#[test]
fn en18_the_latency_is_known_without_a_device() {
    for &kind in Kind::ALL {
        for rate in [8_000, 44_100, 48_000, 192_000] {
            for turn in [0.0, 0.3, 0.5, 1.0] {
                let mut device = kind.make(rate);
                let values: Vec<f32> = kind.parameters().iter().map(|parameter| parameter.value_at(turn)).collect();
                values.iter().enumerate().for_each(|(index, value)| device.set(index, *value, 0));
                assert_eq!(kind.latency(&values, rate), device.latency(), "{kind:?} at {rate} Hz");
            }
        }
    }
}

#[test]
fn en19_what_is_no_number_never_sticks() {
    for &kind in Kind::ALL {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1e9] {
            let (mut device, mut clean) = (kind.make(RATE), kind.make(RATE));
            let (mut left, mut right) = (noise(3, 4_000, 0.5), noise(4, 4_000, 0.5));
            (left[100], right[101]) = (bad, bad);
            let key = vec![bad; 4_000];
            device.process(Block::new(&mut left, &mut right).with_sidechain(&key, &key));
            assert!(left.iter().chain(&right).all(|x| x.abs() < 1e6), "{kind:?} {bad}");
            assert_eq!((device.is_sound(), device.faults()), (false, Faults { input: 2, output: 0 }), "{kind:?}");
            device.reset();
            assert!(device.is_sound());
            let (mut left, mut right) = (noise(5, 4_000, 0.5), noise(6, 4_000, 0.5));
            let (mut clean_left, mut clean_right) = (left.clone(), right.clone());
            device.process(Block::new(&mut left, &mut right));
            clean.process(Block::new(&mut clean_left, &mut clean_right));
            assert_eq!((left, right), (clean_left, clean_right), "{kind:?}: as new after a reset");
        }
    }
}

#[test]
fn en19_no_setting_and_no_level_makes_anything_but_numbers() {
    const FRAMES: usize = 3_000;
    for &kind in Kind::ALL {
        for seed in 0..12 {
            for rate in [4_000, 48_000, 384_000] {
                let mut choice = Choice(seed);
                let mut device = kind.make(rate);
                let any = |choice: &mut Choice, parameter: &Parameter| {
                    [parameter.min, parameter.max, parameter.value_at(choice.turn())][choice.below(3)]
                };
                for (index, parameter) in kind.parameters().iter().enumerate() {
                    device.set(index, any(&mut choice, parameter), 0);
                }
                for (n, level) in [1e8, 1.0, 1e-37].into_iter().enumerate() {
                    let (mut left, mut right) = (noise(seed, FRAMES, level), noise(seed + 9, FRAMES, level));
                    let key = noise(seed + 5, FRAMES, [1e8, 1.0, 0.0][(n + seed as usize) % 3]);
                    // Turned by a hand, by lanes and by jumps while it plays, to the ends of their ranges too; the tempo changes as well.
                    let mut changes = changes(kind, seed + n as u32, 24, FRAMES).into_iter().peekable();
                    let mut at = 0;
                    while at < FRAMES {
                        while let Some((_, index, _, over)) = changes.next_if(|(frame, ..)| *frame <= at) {
                            device.set(index, any(&mut choice, &kind.parameters()[index]), over);
                            device.set_beat([1.0, 22_222.2, 1e9][choice.below(3)]);
                        }
                        let end = changes.peek().map_or(FRAMES, |(frame, ..)| *frame);
                        let block = Block::new(&mut left[at..end], &mut right[at..end]);
                        device.process(block.with_sidechain(&key[at..end], &key[at..end]));
                        at = end;
                    }
                    assert!(
                        device.is_sound(),
                        "{kind:?}, seed {seed}, {rate} Hz, level {level}: {:?}",
                        device.faults()
                    );
                    assert!(left.iter().chain(&right).all(|x| x.is_finite()));
                }
            }
        }
    }
}

/// Half a second of noise, then silence for as long as the device says it may sound, and a second more.
fn burst(device: &mut dyn Device) -> (Vec<f32>, usize) {
    let tail = (device.tail() + device.latency()) as usize;
    let frames = RATE as usize / 2;
    let (mut left, mut right) = (noise(1, frames, 0.5), noise(2, frames, 0.5));
    left.resize(frames + tail + RATE as usize, 0.0);
    right.resize(left.len(), 0.0);
    for (l, r) in left.chunks_mut(512).zip(right.chunks_mut(512)) {
        device.process(Block::new(l, r));
    }
    (left.iter().zip(&right).map(|(l, r)| l.abs().max(r.abs())).collect(), frames + tail)
}

#[test]
fn en19_after_its_tail_a_device_is_silent() {
    for &kind in Kind::ALL {
        for seed in 0..6 {
            let mut device = kind.make(RATE);
            let mut choice = Choice(seed);
            for (index, parameter) in kind.parameters().iter().enumerate().filter(|_| seed > 0) {
                // No tails of minutes: a test has better things to do.
                let turn = if ["decay", "feedback", "time"].contains(&parameter.id) { 0.5 } else { 1.0 };
                device.set(index, parameter.value_at(choice.turn() * turn), 0);
            }
            let (levels, end) = burst(&mut *device);
            let peak = levels.iter().copied().fold(0.0, f32::max);
            let after = levels[end..].iter().copied().fold(0.0, f32::max);
            assert!(
                after <= 1e-5 * peak.max(0.5),
                "{kind:?}, seed {seed}: {after:e} of {peak}, tail {}",
                device.tail()
            );
        }
    }
}

#[test]
fn en19_feedback_ends_in_exact_silence_and_no_denormal_number_comes_out() {
    for &kind in Kind::ALL {
        let mut device = kind.make(RATE);
        let set = |device: &mut dyn Device, id: &str, value: f32| {
            if let Some(index) = parameter::index_of(kind.parameters(), id) {
                device.set(index, value, 0);
            }
        };
        for (id, value) in [("on3", 1.0), ("gain3", 6.0), ("on1", 1.0), ("on8", 1.0), ("decay", 0.3), ("time", 20.0)] {
            set(&mut *device, id, value);
        }
        for (id, value) in [("bias", 20.0), ("dcBlock", 1.0), ("lowCut", 200.0), ("highCut", 3_000.0), ("range", -90.0)]
        {
            set(&mut *device, id, value);
        }
        let mut left = noise(1, 4_800, 0.5);
        left.resize(8 * RATE as usize, 0.0);
        let mut right = left.clone();
        for (l, r) in left.chunks_mut(480).zip(right.chunks_mut(480)) {
            device.process(Block::new(l, r));
        }
        assert!(left.iter().chain(&right).all(|x| !x.is_subnormal()), "{kind:?}");
        let end = left.len() - 4_800;
        assert!(left[end..].iter().chain(&right[end..]).all(|x| *x == 0.0), "{kind:?}: {:e}", left[end]);
    }
}

/// How far the fifth differences of a signal reach in dB: 0 for a full-scale step, far below for what is smooth.
fn roughness_db(samples: &[f32]) -> f64 {
    let worst = samples
        .windows(6)
        .map(|w| {
            let [a, b, c, d, e, f] = core::array::from_fn(|i| f64::from(w[i]));
            (f - 5.0 * e + 10.0 * d - 10.0 * c + 5.0 * b - a).abs() / 10.0
        })
        .fold(0.0, f64::max);
    20.0 * libm::log10(worst.max(1e-12))
}

#[test]
fn en18_turned_knobs_make_no_zipper_noise() {
    // What is turned, from where to where, on a sine of 100 Hz; and how rough a jump would be at least.
    let table: &[(Kind, Values, &str, f32, f32)] = &[
        (Kind::Utility, &[], "gain", -12.0, 0.0),
        (Kind::Utility, &[], "invertLeft", 0.0, 1.0),
        (Kind::Equaliser, &[("on3", 1.0), ("freq3", 150.0)], "gain3", -12.0, 6.0),
        (Kind::Equaliser, &[("gain3", 12.0), ("freq3", 100.0)], "on3", 0.0, 1.0),
        (Kind::Equaliser, &[("on1", 1.0), ("slope1", 2.0)], "freq1", 30.0, 90.0),
        (Kind::Filter, &[], "freq", 90.0, 1_000.0),
        (Kind::Filter, &[("freq", 150.0)], "mix", 0.0, 100.0),
        (Kind::Compressor, &[], "makeup", -6.0, 6.0),
        (Kind::Compressor, &[("attack", 50.0), ("release", 500.0)], "mix", 0.0, 100.0),
        (Kind::Saturation, &[("curve", 1.0)], "drive", 0.0, 12.0),
        (Kind::Saturation, &[], "output", -12.0, 0.0),
        (Kind::Delay, &[("time", 47.0), ("feedback", 0.0)], "mix", 0.0, 100.0),
        (Kind::Delay, &[("time", 50.0), ("feedback", 0.0), ("mix", 100.0)], "time", 50.0, 63.0),
        (Kind::Chorus, &[("mix", 100.0)], "delay", 10.0, 12.0),
        (Kind::Reverb, &[], "mix", 0.0, 100.0),
        (Kind::Room, &[("mix", 100.0)], "size", 8.0, 12.0),
    ];
    let mut faults = Vec::new();
    for (kind, settings, id, from, to) in table {
        let index = |id: &str| parameter::index_of(kind.parameters(), id).expect("a parameter's id");
        let turned = |over: u32| {
            let mut device = kind.make(RATE);
            for (id, value) in settings.iter().chain([&(*id, *from)]) {
                device.set(index(id), *value, 0);
            }
            let angle = |n: usize| std::f64::consts::TAU * 100.0 * n as f64 / f64::from(RATE);
            let sine = |n: usize| (0.5 * libm::sin(angle(n))) as f32;
            let mut left: Vec<f32> = (0..30_000).map(sine).collect();
            let mut right = left.clone();
            let (before, after) = (left.split_at_mut(24_100), right.split_at_mut(24_100));
            device.process(Block::new(before.0, after.0));
            device.set(index(id), *to, over);
            device.process(Block::new(before.1, after.1));
            roughness_db(&left[24_000..])
        };
        let (glide, jump) = (turned(glide_frames(RATE)), turned(0));
        // A delay's time, a room's size and a hall's have no jump: they always fade.
        let fades = ["time", "size"].contains(id);
        if glide > -62.0 || (!fades && jump < glide + 6.0) {
            faults.push(format!("{kind:?} {id}: a glide is {glide:.1} dB, a jump {jump:.1} dB"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What makes each parameter heard, beside its kind's defaults.
fn audible(kind: Kind) -> Vec<(&'static str, f32)> {
    let mut settings = match kind {
        Kind::Compressor => vec![("threshold", -30.0), ("ratio", 3.0), ("attack", 60.0), ("release", 600.0)],
        Kind::Gate => vec![("threshold", -40.0), ("attack", 20.0), ("release", 600.0)],
        Kind::Limiter => vec![("release", 600.0)],
        Kind::Saturation => vec![("drive", 6.0)],
        Kind::Filter => vec![("freq", 300.0)],
        Kind::Delay => vec![("time", 47.0), ("feedback", 40.0)],
        _ => Vec::new(),
    };
    let has = |id: &str| parameter::index_of(kind.parameters(), id).is_some();
    settings.extend([("mix", 100.0), ("on1", 1.0), ("on2", 1.0), ("on3", 1.0), ("on4", 1.0)]);
    settings.extend([("gain2", 6.0), ("gain3", -6.0), ("gain4", 6.0)]);
    settings.retain(|(id, _)| has(id));
    settings
}

/// What turning a knob by a tenth of its way does to a sine of 100 Hz: how rough it is, and how rough the sound was before or is after it, in dB
/// against the loudest of it, if that is above the sine's own level.
fn turned_by_a_tenth(kind: Kind, index: usize, tenth: u8) -> (f64, f64) {
    let about = &kind.parameters()[index];
    let value = |tenth: u8| about.value_at(f32::from(tenth) / 10.0);
    let mut device = kind.make(RATE);
    device.set_beat(24_000.0);
    for (id, value) in audible(kind) {
        device.set(parameter::index_of(kind.parameters(), id).expect("it is one of its ids"), value, 0);
    }
    device.set(index, value(tenth), 0);
    // It begins softly: what rings would go on with its edge.
    let angle = |n: usize| std::f64::consts::TAU * 100.0 * n as f64 / f64::from(RATE);
    let rise = |n: usize| 0.5 - 0.5 * libm::cos(std::f64::consts::PI * (n as f64 / 4_800.0).min(1.0));
    let mut left: Vec<f32> = (0..60_000).map(|n| (0.5 * rise(n) * libm::sin(angle(n))) as f32).collect();
    let mut right = left.clone();
    let (before, after) = (left.split_at_mut(24_100), right.split_at_mut(24_100));
    device.process(Block::new(before.0, after.0));
    let switched = about.curve == Curve::Switch;
    device.set(index, if switched { 1.0 - device.value(index) } else { value(tenth + 1) }, glide_frames(RATE));
    device.process(Block::new(before.1, after.1));
    let loudest = dsp::meter::peak(&left[20_000..]).max(0.5);
    let rough = |samples: &[f32]| roughness_db(samples) - 20.0 * libm::log10(f64::from(loudest) / 0.5);
    (rough(&left[24_000..40_000]), rough(&left[20_000..24_000]).max(rough(&left[54_000..])))
}

#[test]
fn en18_no_parameter_of_any_kind_makes_zipper_noise() {
    let mut faults = Vec::new();
    for &kind in Kind::ALL {
        let glides = |about: &Parameter| about.automatable && !matches!(about.curve, Curve::Choice(_));
        for (index, about) in kind.parameters().iter().enumerate().filter(|(_, about)| glides(about)) {
            for tenth in 0..10 {
                let (turned, settled) = turned_by_a_tenth(kind, index, tenth);
                if turned > -62.0 && turned > settled + 1.0 {
                    let id = about.id;
                    faults.push(format!("{kind:?} {id}, {tenth} tenths: {turned:.1} dB, settled {settled:.1} dB"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn en18_latency_is_what_it_says() {
    let neutral: &[(Kind, Values)] = &[
        (Kind::Equaliser, &[]),
        (Kind::Compressor, &[("ratio", 1.0), ("lookahead", 5.0)]),
        (Kind::Compressor, &[("ratio", 1.0), ("lookahead", 0.0)]),
        (Kind::Gate, &[("range", 0.0)]),
        (Kind::Limiter, &[]),
        (Kind::Limiter, &[("lookahead", 1.7)]),
        (Kind::Saturation, &[("drive", 0.0)]),
        (Kind::Saturation, &[("mix", 0.0)]),
        (Kind::Filter, &[("mix", 0.0)]),
        (Kind::Chorus, &[("mix", 0.0)]),
        (Kind::Delay, &[("mix", 0.0)]),
        (Kind::Reverb, &[("mix", 0.0)]),
        (Kind::Room, &[("mix", 0.0)]),
        (Kind::Utility, &[]),
    ];
    let rates = [44_100, RATE, 96_000];
    for (rate, (kind, settings)) in rates.into_iter().flat_map(|rate| neutral.iter().map(move |one| (rate, one))) {
        let mut device = kind.make(rate);
        for (id, value) in *settings {
            device.set(parameter::index_of(kind.parameters(), id).expect("a parameter's id"), *value, 0);
        }
        let (mut left, mut right) = (vec![0.0; 9_000], vec![0.0; 9_000]);
        (left[4_000], right[4_000]) = (0.25, -0.25);
        device.process(Block::new(&mut left, &mut right));
        let at = 4_000 + device.latency() as usize;
        // What goes through the oversampling is an impulse no more.
        let exact = !matches!((kind, settings), (Kind::Saturation, [("drive", _)]));
        let largest = (0..left.len()).max_by(|a, b| left[*a].abs().total_cmp(&left[*b].abs()));
        assert_eq!(largest, Some(at), "{kind:?} {settings:?} at {rate} Hz");
        if exact {
            assert!((left[at] - 0.25).abs() < 1e-6 && (right[at] + 0.25).abs() < 1e-6, "{kind:?} {}", left[at]);
            assert!(left.iter().enumerate().all(|(n, x)| n == at || x.abs() < 1e-9), "{kind:?}");
        }
    }
}
