//! The audio thread as JavaScript sees it, without JavaScript.

#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use audio_thread::{AudioThread, ChunkMut, Format, InitError, PLAN_WORDS_MAX, TakeError};
use engine::{Clip, Plan, PlanError, Song, SourceInfo, TICKS_PER_BEAT as BEAT, Track};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static GROWN: Cell<u64> = const { Cell::new(0) };
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

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = GROWN.try_with(|count| count.set(count.get() + 1));
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the block came from `alloc` with this layout, and the caller's promise about the size is passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn song(volume: f64) -> Song {
    let clip = Clip { start_ticks: 0, duration_ticks: 8 * BEAT, source: 1, ..Clip::default() };
    Song {
        tracks: vec![Track {
            id: 1,
            volume,
            pan: 0.0,
            muted: false,
            solo: false,
            clips: vec![clip],
            ..Track::default()
        }],
        sources: vec![SourceInfo { id: 1, rate: 48_000, channels: 1, frames: 100_000 }],
        ..Song::default()
    }
}

fn send_plan(thread: &mut AudioThread, song: &Song, serial: u32) {
    let words = Plan::compile(song).expect("a song within bounds").into_words();
    thread.plan_buffer(words.len()).expect("a short plan").copy_from_slice(&words);
    assert_eq!(thread.take_plan(serial), Ok(()));
}

fn send_recording(thread: &mut AudioThread, index: u32) {
    let Some(ChunkMut::I16(samples)) = thread.sources.chunk(1, index) else {
        unreachable!("a chunk of a 16-bit recording")
    };
    samples.fill(16_384);
}

#[test]
fn a_recording_a_plan_and_play_make_sound() {
    let mut thread = AudioThread::new(48_000, 128).unwrap();
    // In any order: what is not here yet is waited for.
    thread.seek(0);
    thread.play();
    assert_eq!(thread.process(128)[0], [0.0; 128]);
    assert_eq!((thread.status().playing, thread.status().plan), (0, 0));
    send_plan(&mut thread, &song(0.5), 7);
    assert_eq!(thread.process(128)[0], [0.0; 128]);
    assert_eq!((thread.status().playing, thread.status().plan, thread.status().starved_blocks), (1, 7, 1));
    thread.sources.begin(1, 1, 100_000, Format::I16).unwrap();
    send_recording(&mut thread, 0);
    assert_eq!(thread.process(128), [[0.25; 128], [0.25; 128]]);
    let status = thread.status();
    assert_eq!((status.position, status.starved_blocks, status.tracks), (256.0, 1, 1));
    assert_eq!((status.master, status.peaks[0]), ([0.25; 2], [0.25; 2]));
    // The second chunk is not here: frames from 65,536 on are silence, and that is said.
    thread.seek(65_600 * BEAT / 24_000);
    for _ in 0..10 {
        thread.process(128);
    }
    assert_eq!(thread.process(128)[0], [0.0; 128]);
    assert!(thread.status().starved_blocks > 2);
}

#[test]
fn a_refused_plan_changes_nothing() {
    let mut thread = AudioThread::new(48_000, 128).unwrap();
    send_plan(&mut thread, &song(0.5), 1);
    thread.plan_buffer(40).unwrap().fill(3);
    assert_eq!(thread.take_plan(2), Err(TakeError::Plan(PlanError::Magic)));
    let other = Song { sample_rate: 44_100, sources: vec![], tracks: vec![], ..song(1.0) };
    let words = Plan::compile(&other).unwrap().into_words();
    thread.plan_buffer(words.len()).unwrap().copy_from_slice(&words);
    assert_eq!(thread.take_plan(3), Err(TakeError::SampleRate));
    assert!(thread.plan_buffer(PLAN_WORDS_MAX + 1).is_none());
    thread.process(128);
    assert_eq!(thread.status().plan, 1);
}

#[test]
fn what_is_out_of_bounds_is_refused() {
    assert_eq!(AudioThread::new(1, 128).err(), Some(InitError::SampleRate));
    assert_eq!(AudioThread::new(48_000, 0).err(), Some(InitError::Capacity));
    assert_eq!(AudioThread::new(48_000, 1 << 20).err(), Some(InitError::Capacity));
    let mut thread = AudioThread::new(48_000, 128).unwrap();
    assert_eq!(thread.process(100_000)[0].len(), 128);
}

#[test]
fn en14_a_hundred_plans_while_playing_allocate_nothing_in_process() {
    let mut thread = AudioThread::new(48_000, 128).unwrap();
    thread.sources.begin(1, 1, 100_000, Format::I16).unwrap();
    (0..2).for_each(|index| send_recording(&mut thread, index));
    thread.play();
    let mut in_process = 0;
    for round in 0..600u32 {
        if round % 6 == 0 {
            let mut next = song(f64::from(round % 100) / 100.0);
            next.tracks[0].clips[0].start_ticks = i64::from(round) * 100;
            send_plan(&mut thread, &next, round + 1);
        }
        let before = ALLOCATIONS.get();
        thread.process(128);
        in_process += ALLOCATIONS.get() - before;
    }
    assert_eq!(in_process, 0);
    assert!(thread.status().plan > 500);
}

#[test]
fn en14_a_song_that_grows_copies_no_old_plan_and_takes_memory_seldom() {
    let mut thread = AudioThread::new(48_000, 128).unwrap();
    let long = |clips: i64| {
        let clip = |n: i64| Clip { start_ticks: n * BEAT, duration_ticks: BEAT, source: 1, ..Clip::default() };
        let clips = (0..clips).map(clip).collect();
        Song { tracks: vec![Track { clips, ..song(1.0).tracks.remove(0) }], ..song(1.0) }
    };
    let (mut copied, mut taken) = (0, 0);
    for round in 0..100u32 {
        // Longer than the memory that there is at first.
        let words = Plan::compile(&long(5_000 + i64::from(round))).expect("within bounds").into_words();
        let before = (GROWN.get(), ALLOCATIONS.get());
        assert!(thread.begin_plan(words.len()));
        for piece in words.chunks(65_536) {
            thread.plan_piece(piece.len()).expect("no more than was said").copy_from_slice(piece);
        }
        copied += GROWN.get() - before.0;
        taken += ALLOCATIONS.get() - before.1;
        assert_eq!(thread.take_plan(round + 1), Ok(()));
        for _ in 0..6 {
            thread.process(128);
        }
        assert_eq!(thread.status().plan, round + 1);
    }
    // Each of the four buffers once at most: what there was is given back, and more is taken.
    assert_eq!(copied, 0);
    assert!(taken <= 8, "{taken}");
}

#[test]
fn en28_a_page_that_asks_is_told_loudness_peaks_and_gain_reduction() {
    let mut thread = AudioThread::new(48_000, 128).unwrap();
    assert!(thread.meters().is_none());
    thread.measure();
    thread.listen(Some(0));
    thread.sources.begin(1, 1, 100_000, Format::I16).unwrap();
    (0..2).for_each(|index| send_recording(&mut thread, index));
    let mut squeezed = song(1.0);
    let kind = dsp::devices::Kind::Compressor;
    let values =
        kind.parameters().iter().map(|parameter| if parameter.id == "threshold" { -26.0 } else { parameter.default });
    let device = engine::Device { id: 5, kind, bypassed: false, values: values.collect(), sidechain: None };
    squeezed.tracks[0].devices.push(device);
    send_plan(&mut thread, &squeezed, 1);
    thread.play();
    let mut in_process = 0;
    let mut reduction = 0.0f32;
    for _ in 0..400 {
        let before = ALLOCATIONS.get();
        thread.process(128);
        in_process += ALLOCATIONS.get() - before;
        reduction = reduction.max(thread.meters().unwrap().reductions[0]);
    }
    let meters = thread.meters().unwrap();
    assert_eq!((in_process, meters.devices, meters.failed), (0, 1, 0));
    assert!(reduction > 3.0, "{reduction} dB");
    // A steady level that the compressor has lowered from a half.
    assert!((meters.true_peak[0] - 0.0891).abs() < 0.01, "-21 dB: {:?}", meters.true_peak);
    assert!((meters.rms[0] - thread.output()[0][0]).abs() < 0.01, "{:?}", meters.rms);
    assert_eq!(meters.correlation, 1.0);
    assert!(meters.momentary.is_finite() && meters.integrated.is_finite());
    // What sounds is a constant: it lies at the lowest frequencies.
    assert!(meters.spectrum[0] > meters.spectrum[100] + 40.0, "{:?}", &meters.spectrum[..4]);
}

#[test]
fn en29_what_is_listened_to_is_the_same_device_while_a_plan_waits_in_which_it_has_another_number() {
    let device = |id: u64, kind: dsp::devices::Kind| {
        let values = kind.parameters().iter().map(|parameter| parameter.default).collect();
        engine::Device { id, kind, bypassed: false, values, sidechain: None }
    };
    let mut thread = AudioThread::new(48_000, 128).unwrap();
    thread.measure();
    thread.sources.begin(1, 1, 100_000, Format::I16).unwrap();
    (0..2).for_each(|index| send_recording(&mut thread, index));
    let mut squeezed = song(1.0);
    squeezed.tracks[0].devices = vec![device(5, dsp::devices::Kind::Compressor)];
    send_plan(&mut thread, &squeezed, 1);
    thread.listen(Some(0));
    thread.play();
    let mut in_process = 0;
    let mut told = |thread: &mut AudioThread| {
        let before = ALLOCATIONS.get();
        thread.process(128);
        in_process += ALLOCATIONS.get() - before;
        (thread.status().plan, thread.meters().unwrap().listens_to)
    };
    (0..40).for_each(|_| assert_eq!(told(&mut thread), (1, 1)));
    // A limiter before it: the plan waits until what it changes has fallen.
    squeezed.tracks[0].devices.insert(0, device(6, dsp::devices::Kind::Limiter));
    send_plan(&mut thread, &squeezed, 2);
    thread.listen(Some(1));
    let mut waited = 0;
    loop {
        match told(&mut thread) {
            (1, listens_to) => assert_eq!(listens_to, 1, "the plan in force has one device"),
            (_, listens_to) => break assert_eq!(listens_to, 2),
        }
        waited += 1;
    }
    assert!(waited > 0, "it came at once");
    thread.listen(None);
    assert_eq!(told(&mut thread), (2, 0));
    assert_eq!(in_process, 0);
}
