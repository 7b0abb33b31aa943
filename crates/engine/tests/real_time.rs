//! What the audio thread may not do: allocate, panic, or work for what is not heard.

#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use engine::{MemoryReader, Plan, Plans, Processor, Reader, SourceInfo, TICKS_PER_BEAT as BEAT};
use support::songs::{self, Case, clip, song, track};

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
    // Looking through a track takes the logarithm of its clips, so a thousand blocks are quick even in a slow build.
    let begun = std::time::Instant::now();
    for _ in 0..1_000 {
        processor.process(&plans, &mut reader, &mut [0.0; 128], &mut [0.0; 128]);
    }
    assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
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
