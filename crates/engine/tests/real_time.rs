//! What the audio thread may not do: allocate, panic, or work for what is not heard.

#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dsp::devices::Kind;
use engine::processor::SPECTRUM_LEVELS;
use engine::{
    Lane, LaneTarget, MemoryReader, Plan, Plans, Processor, Reader, Send, Song, SourceInfo, TICKS_PER_BEAT as BEAT,
    Track,
};
use proptest::prelude::*;
use support::songs::{self, Case, Random, acts::points, clip, song, stereo_noise, track, turned};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator; the count is a plain number of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the block came from `alloc` with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_allocator_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))) >= 2);
}

#[test]
fn en14_playing_allocates_and_frees_nothing() {
    for case in songs::all() {
        let plan = Plan::compile(&case.song).unwrap();
        let mut edited = case.song.clone();
        edited.tracks.reverse();
        edited.tracks[0].volume *= 0.5;
        edited.tracks[0].clips.pop();
        edited.bpm_milli += 1_000;
        let edited = Plan::compile(&edited).unwrap();
        // Another graph: a device less on each track, everything bypassed, no sends.
        let mut rebuilt = case.song.clone();
        for track in &mut rebuilt.tracks {
            track.sends.clear();
            track.lanes.clear();
            drop(track.devices.pop());
            track.devices.iter_mut().for_each(|device| device.bypassed = true);
        }
        let rebuilt = Plan::compile(&rebuilt).unwrap();
        let mut reader = support::reader(&case);
        let mut processor = Processor::new(case.song.sample_rate);
        processor.prepare(None, &plan.view());
        // What both need: the audio thread has it before the plan comes.
        processor.prepare(Some(&plan.view()), &rebuilt.view());
        let (mut left, mut right) = (vec![0.0; 4_096], vec![0.0; 4_096]);
        let mut taken = 0;
        let count = allocations(|| {
            let mut plans = Plans { current: plan.view(), previous: None };
            processor.change(None, &plans.current).unwrap();
            processor.set_loop(case.loop_ticks);
            processor.set_metronome(true);
            processor.play();
            for block in 0..240 {
                let frames = [128, 1, 4_096, 333][block % 4];
                if block == 60 {
                    processor.seek(30_000);
                }
                let next = [&edited, &rebuilt, &plan][(block / 50) % 3].view();
                let waits = block % 50 > 20 && next.structure() != plans.current.structure();
                if (waits || block % 50 == 20) && processor.change(Some(&plans.current), &next).is_ok() {
                    plans = Plans { current: next, previous: Some(plans.current) };
                    taken += 1;
                }
                if block == 190 {
                    processor.stop();
                }
                processor.process(&plans, &mut reader, &mut left[..frames], &mut right[..frames]);
                processor.take_track_peaks(0);
                processor.take_reduction(0);
            }
        });
        assert_eq!(count, 0, "{}", case.name);
        assert!(taken >= 4, "{}: {taken} plans", case.name);
    }
}

/// What may be done to a song that plays.
#[derive(Clone, Debug)]
enum Step {
    Seek(i64),
    Play,
    Stop,
    Loop(i64, i64),
    Metronome(bool),
    /// Behind the device of this index.
    Listen(usize),
    /// Another of the songs.
    Plan(usize),
}

/// How many songs follow one another.
const SONGS: usize = 4;

fn steps() -> impl Strategy<Value = Vec<(Step, usize, usize)>> {
    let step = prop_oneof![
        2 => (-20_000i64..150_000).prop_map(Step::Seek),
        2 => Just(Step::Play),
        1 => Just(Step::Stop),
        1 => (0..3 * BEAT, 0..3 * BEAT).prop_map(|(start, end)| Step::Loop(start, end)),
        1 => any::<bool>().prop_map(Step::Metronome),
        1 => (0usize..20).prop_map(Step::Listen),
        4 => (0..SONGS).prop_map(Step::Plan),
    ];
    // Each with the blocks that follow, and their length.
    prop::collection::vec((step, 1usize..12, 1usize..700), 1..40)
}

/// Every kind of device, on tracks of which the last is a bus, bypassed or not, some listening to the first; lanes for half of what can be
/// automated; mutes, sends and outputs as they come. Another song of the same numbers has the same ids elsewhere.
fn any_song(random: &mut Random) -> Song {
    let mut one_in = |n: u32| random.next().is_multiple_of(n);
    let mut tracks: Vec<Track> = (1..=4)
        .map(|id| Track {
            muted: one_in(8),
            solo: one_in(16),
            output: (id < 4 && one_in(2)).then_some(4),
            sends: if id < 4 && one_in(2) {
                vec![Send { id: 900 + id, target: 4, gain: 0.5, pre: one_in(2) }]
            } else {
                vec![]
            },
            clips: if id < 4 { vec![clip(1, 0, 2 * BEAT), clip(1, 3 * BEAT, BEAT)] } else { vec![] },
            ..track(id, vec![])
        })
        .collect();
    for (kind, id) in Kind::ALL.iter().zip(100u64..) {
        let place = random.next() as usize % 4;
        let index = tracks[place].devices.len();
        let mut device = turned(id, *kind, u64::from(random.next()));
        device.bypassed = random.next().is_multiple_of(4);
        device.sidechain = (kind.has_sidechain() && place > 0 && random.next().is_multiple_of(2)).then_some(1);
        for (parameter, about) in kind.parameters().iter().enumerate() {
            if about.automatable && random.next().is_multiple_of(2) {
                let points = points(random, |random| f64::from(about.value_at(0.5 + 0.5 * random.sample())));
                tracks[place].lanes.push(Lane { target: LaneTarget::Parameter(index, parameter), points });
            }
        }
        tracks[place].devices.push(device);
    }
    let volume = points(random, |random| 0.5 + 0.5 * f64::from(random.sample()));
    tracks[0].lanes.push(Lane { target: LaneTarget::Volume, points: volume });
    let sources = vec![SourceInfo { id: 1, rate: 44_100, channels: 2, frames: 60_000 }];
    let mut song = song(48_000, 100_000 + random.next() % 40_000, sources, tracks);
    song.master.devices = [Kind::Equaliser, Kind::Limiter].map(|kind| turned(200 + kind as u64, kind, 7)).to_vec();
    song
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn en14_en19_whatever_is_done_to_whatever_song_allocates_nothing_and_stays_numbers(seed in any::<u64>(), steps in steps()) {
        let mut random = Random::new(seed);
        let plans: Vec<Plan> = (0..SONGS).map(|_| Plan::compile(&any_song(&mut random)).expect("within bounds")).collect();
        let mut reader = MemoryReader::new();
        reader.insert(1, stereo_noise(seed % 100, 60_000));
        let mut processor = Processor::new(48_000);
        let mut playing = Plans { current: plans[0].view(), previous: None };
        processor.prepare(None, &playing.current);
        processor.change(None, &playing.current).expect("it has been prepared");
        processor.play();
        let mut waiting = None;
        let (mut left, mut right, mut levels) = (vec![0.0; 700], vec![0.0; 700], vec![0.0; SPECTRUM_LEVELS]);
        for (step, blocks, frames) in steps {
            // What is not for `process` may allocate.
            match step {
                Step::Listen(_) => processor.prepare_to_listen(),
                Step::Plan(number) => {
                    processor.prepare(Some(&playing.current), &plans[number].view());
                    waiting = Some(plans[number].view());
                }
                _ => {}
            }
            let mut finite = true;
            let count = allocations(|| {
                match step {
                    Step::Seek(frame) => processor.seek(frame),
                    Step::Play => processor.play(),
                    Step::Stop => processor.stop(),
                    Step::Loop(start, end) => processor.set_loop((start < end).then_some((start, end))),
                    Step::Metronome(on) => processor.set_metronome(on),
                    Step::Listen(device) => processor.listen(Some(device)),
                    Step::Plan(_) => {}
                }
                for _ in 0..blocks {
                    if let Some(next) = waiting
                        && processor.change(Some(&playing.current), &next).is_ok()
                    {
                        playing = Plans { current: next, previous: Some(playing.current) };
                        waiting = None;
                    }
                    processor.process(&playing, &mut reader, &mut left[..frames], &mut right[..frames]);
                    finite &= left[..frames].iter().chain(&right[..frames]).all(|x| x.is_finite());
                    processor.spectrum(&mut levels);
                    processor.take_master_peaks();
                    for track in 0..4 {
                        processor.take_track_peaks(track);
                    }
                    for device in 0..playing.current.device_count() {
                        processor.take_reduction(device);
                        finite &= !processor.has_failed(device);
                    }
                }
            });
            prop_assert_eq!(count, 0, "{:?}", step);
            prop_assert!(finite, "{:?}", step);
        }
    }
}

/// Counts what it is asked for.
struct CountingReader {
    reads: usize,
    frames: usize,
}

impl Reader for CountingReader {
    fn read(&mut self, _: u32, _: i64, left: &mut [f32], right: &mut [f32]) {
        self.reads += 1;
        self.frames += left.len();
        left.fill(0.1);
        right.fill(0.1);
    }
}

#[test]
fn en14_only_clips_that_sound_are_read() {
    let sources = vec![SourceInfo { id: 1, rate: 48_000, channels: 2, frames: 48_000 * 3_600 }];
    // 10,000 clips on one track, a quarter of a beat each; one lies under all of them.
    let mut clips: Vec<_> = (0..10_000).map(|n| clip(1, n * BEAT / 4, BEAT / 4)).collect();
    clips.push(clip(1, 0, 2_500 * BEAT));
    let silent = engine::Track { volume: 0.0, ..track(2, clips.clone()) };
    let muted = engine::Track { muted: true, ..track(3, clips.clone()) };
    let plan = Plan::compile(&song(48_000, 120_000, sources, vec![track(1, clips), silent, muted])).unwrap();
    let plans = Plans { current: plan.view(), previous: None };
    let mut processor = Processor::new(48_000);
    processor.prepare(None, &plans.current);
    processor.change(None, &plans.current).unwrap();
    processor.play();
    let mut reader = CountingReader { reads: 0, frames: 0 };
    for start in [0, 15_000_000, 29_990_000] {
        processor.seek(start);
        processor.process(&plans, &mut reader, &mut [0.0; 4_000], &mut [0.0; 4_000]);
        (reader.reads, reader.frames) = (0, 0);
        processor.process(&plans, &mut reader, &mut [0.0; 128], &mut [0.0; 128]);
        assert!((2..=3).contains(&reader.reads) && reader.frames == 256, "{} reads at {start}", reader.reads);
    }
}

#[test]
fn en14_what_is_no_number_is_silenced_and_counted() {
    let case: Case = songs::all().into_iter().find(|case| case.name == "ugly_samples").unwrap();
    let plan = Plan::compile(&case.song).unwrap();
    let plans = Plans { current: plan.view(), previous: None };
    let mut processor = Processor::new(48_000);
    processor.prepare(None, &plans.current);
    processor.change(None, &plans.current).unwrap();
    processor.play();
    let (mut left, mut right) = (vec![0.0; case.frames], vec![0.0; case.frames]);
    processor.process(&plans, &mut support::reader(&case), &mut left, &mut right);
    assert!(left.iter().chain(&right).all(|x| x.is_finite()));
    assert!(processor.silenced_samples() >= 3);
}

#[test]
fn en14_a_missing_recording_is_silence() {
    let sources = vec![SourceInfo { id: 1, rate: 48_000, channels: 2, frames: 1_000 }];
    let plan = Plan::compile(&song(48_000, 120_000, sources, vec![track(1, vec![clip(1, 0, BEAT)])])).unwrap();
    let plans = Plans { current: plan.view(), previous: None };
    let mut processor = Processor::new(48_000);
    processor.prepare(None, &plans.current);
    processor.change(None, &plans.current).unwrap();
    processor.play();
    let (mut left, mut right) = ([9.0; 500], [9.0; 500]);
    processor.process(&plans, &mut MemoryReader::new(), &mut left, &mut right);
    assert!(left.iter().chain(&right).all(|x| *x == 0.0));
}

#[test]
fn en14_the_work_is_linear_in_the_tracks_that_are_heard() {
    let frames_read = |heard: u64, muted: u64| {
        let sources = vec![SourceInfo { id: 1, rate: 48_000, channels: 2, frames: 48_000 }];
        let of = |id: u64| engine::Track { muted: id >= heard, ..track(id, vec![clip(1, 0, 2 * BEAT)]) };
        let plan = Plan::compile(&song(48_000, 120_000, sources, (0..heard + muted).map(of).collect())).unwrap();
        let plans = Plans { current: plan.view(), previous: None };
        let mut processor = Processor::new(48_000);
        processor.prepare(None, &plans.current);
        processor.change(None, &plans.current).unwrap();
        processor.play();
        let mut reader = CountingReader { reads: 0, frames: 0 };
        processor.process(&plans, &mut reader, &mut [0.0; 4_096], &mut [0.0; 4_096]);
        (reader.reads, reader.frames)
    };
    let (reads, frames) = frames_read(8, 0);
    assert!(reads >= 8 && frames == 8 * 4_096);
    assert_eq!(frames_read(64, 0), (8 * reads, 8 * frames));
    assert_eq!(frames_read(8, 500), (reads, frames), "muted tracks are not read");
    assert_eq!(frames_read(0, 500), (0, 0));
}
