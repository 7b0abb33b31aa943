//! What is read ahead sounds like what lies in memory: the worker and the audio thread as JavaScript drives them, without JavaScript.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;
use std::io::Cursor;

use audio_thread::{AudioThread, ChunkMut, Format};
use engine::stream::CHUNK_BYTES;
use engine::{Clip, Plan, Song, SourceInfo, TICKS_PER_BEAT as BEAT, Track};
use media::wav::{BitDepth, Reader, Writer};
use read_ahead::Reading;
use sha2::{Digest, Sha256};

const RATE: u32 = 48_000;
const BLOCK: usize = 128;
/// One beat at 120 in frames.
const BEAT_FRAMES: usize = 24_000;

/// A recording of noise, another for each seed.
fn wav(rate: u32, channels: u16, depth: BitDepth, frames: usize, seed: u32) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), rate, channels, depth, None).unwrap();
    let mut state = seed;
    let mut plane = || -> Vec<f32> {
        (0..frames)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as f32 / 65_536.0 - 0.5
            })
            .collect()
    };
    let planes: Vec<Vec<f32>> = (0..channels).map(|_| plane()).collect();
    writer.write_planar(&planes.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// Every kind of file, and clips that trim, convert, turn around, repeat, touch, begin late.
fn material() -> (Song, HashMap<u32, Vec<u8>>) {
    let kinds = [
        (48_000, 2, BitDepth::I16, 700_000),
        (48_000, 1, BitDepth::I16, 600_000),
        (44_100, 2, BitDepth::I24, 500_000),
        (48_000, 2, BitDepth::F32, 650_001),
        (96_000, 1, BitDepth::I24, 900_000),
        (48_000, 4, BitDepth::I16, 300_000),
    ];
    let (mut sources, mut files, mut tracks) = (Vec::new(), HashMap::new(), Vec::new());
    for (number, (rate, channels, depth, frames)) in kinds.into_iter().enumerate() {
        let id = number as u32;
        sources.push(SourceInfo { id, rate, channels: u32::from(channels.min(2)), frames: frames as u64 });
        files.insert(id, wav(rate, channels, depth, frames, id + 1));
        let clip = |start: i64, length: i64| Clip {
            start_ticks: start * BEAT / 4,
            duration_ticks: length * BEAT / 4,
            source: id,
            ..Clip::default()
        };
        let clips = vec![
            Clip { source_offset_seconds: 1.37, ..clip(0, 13) },
            Clip { reversed: number % 2 == 0, gain: 0.7, ..clip(13, 20) },
            Clip { loop_ticks: if number == 1 { 3 * BEAT } else { 0 }, ..clip(37 + number as i64, 40) },
        ];
        tracks.push(Track { id: u64::from(id) + 1, volume: 0.4, muted: number == 5, clips, ..Track::default() });
    }
    let song = Song { sample_rate: RATE, tracks, sources, ..Song::default() };
    (song, files)
}

struct Machine {
    thread: AudioThread,
    heard: Sha256,
    loudest_step: f32,
    last: f32,
}

impl Machine {
    fn new(song: &Song) -> Machine {
        let mut thread = AudioThread::new(RATE, BLOCK).unwrap();
        let words = Plan::compile(song).unwrap().into_words();
        thread.plan_buffer(words.len()).unwrap().copy_from_slice(&words);
        thread.take_plan(1).unwrap();
        Machine { thread, heard: Sha256::new(), loudest_step: 0.0, last: 0.0 }
    }

    fn block(&mut self) {
        let [left, right] = self.thread.process(BLOCK);
        for (l, r) in left.iter().zip(right) {
            self.heard.update(l.to_le_bytes());
            self.heard.update(r.to_le_bytes());
            self.loudest_step = self.loudest_step.max((l - self.last).abs());
            self.last = *l;
        }
    }

    fn hash(self) -> String {
        self.heard.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// With all recordings in the audio thread's memory.
fn resident(song: &Song, files: &HashMap<u32, Vec<u8>>) -> Machine {
    let mut machine = Machine::new(song);
    for (id, bytes) in files {
        let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
        let (channels, frames) = (usize::from(reader.header().channels), reader.header().frames() as usize);
        let mut planes = vec![vec![0.0; frames]; channels];
        reader.read_frames(0, &mut planes.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        planes.truncate(2);
        let sources = &mut machine.thread.sources;
        sources.begin(*id, planes.len() as u32, frames as u64, Format::F32).unwrap();
        for index in 0..frames.div_ceil(65_536) {
            let Some(ChunkMut::F32(room)) = sources.chunk(*id, index as u32) else { unreachable!("a chunk of floats") };
            let length = room.len() / planes.len();
            for (plane, room) in planes.iter().zip(room.chunks_mut(length)) {
                room.copy_from_slice(&plane[index * 65_536..][..length]);
            }
        }
    }
    machine
}

/// With a pool of so many slots, which `turn` fills.
fn streamed(song: &Song, files: &HashMap<u32, Vec<u8>>, slots: usize) -> (Machine, Reading) {
    let (mut machine, mut reading) = (Machine::new(song), Reading::new());
    while machine.thread.sources.pool.grow(slots) < slots {}
    reading.ahead.grow(slots);
    reading.ahead.set_plan(Plan::compile(song).unwrap());
    for (id, bytes) in files {
        let opened = reading.open(*id, &bytes[..1_000], bytes.len() as u64).unwrap();
        machine.thread.sources.stream(*id, opened.stream, opened.finite).unwrap();
        reading.begin(*id, true);
    }
    (machine, reading)
}

/// A turn of the worker: at most so many chunks. How many were read.
fn turn(machine: &mut Machine, reading: &mut Reading, files: &HashMap<u32, Vec<u8>>, most: usize) -> usize {
    let mut chunk = Box::new([0; CHUNK_BYTES]);
    let mut read = 0;
    reading.ahead.look(machine.thread.status().position as i64);
    while read < most {
        let Some((run, offset, bytes)) = reading.next(true, 3) else { break };
        let bytes = &files[&run.first.source][offset as usize..][..bytes as usize];
        let before = read;
        for nth in 0..run.count {
            let one = engine::stream::Chunk { index: run.first.index + nth, ..run.first };
            assert!(reading.decode(&run, nth, bytes, &mut chunk));
            let Some(slot) = reading.ahead.arrived(one) else { continue };
            let words = machine.thread.sources.pool.fill(slot).unwrap();
            for (word, bytes) in words.iter_mut().zip(chunk.as_chunks::<4>().0) {
                *word = u32::from_le_bytes(*bytes);
            }
            assert!(machine.thread.sources.pool.filled(slot, one));
            read += 1;
        }
        if read == before {
            // No slot may be given away yet.
            break;
        }
    }
    read
}

/// Plays `song` both ways, doing the same at the same blocks; the worker has a turn each eighth block.
fn both(slots: usize, blocks: usize, act: impl Fn(usize, &mut AudioThread, Option<&mut Reading>)) -> [Machine; 2] {
    let (song, files) = material();
    let mut first = resident(&song, &files);
    let (mut second, mut reading) = streamed(&song, &files, slots);
    for block in 0..blocks {
        act(block, &mut first.thread, None);
        act(block, &mut second.thread, Some(&mut reading));
        if block % 8 == 0 {
            turn(&mut second, &mut reading, &files, usize::MAX);
        }
        first.block();
        second.block();
    }
    assert_eq!((second.thread.status().gaps, second.thread.status().starved_blocks), (0, 0));
    assert!(first.loudest_step > 0.1, "it sounds");
    [first, second]
}

#[test]
fn en36_what_is_read_ahead_has_the_bits_of_what_lies_in_memory() {
    let blocks = 21 * BEAT_FRAMES / BLOCK;
    let [first, second] = both(64, blocks, |block, thread, _| {
        if block == 0 {
            thread.play();
        }
    });
    assert_eq!(first.hash(), second.hash());
}

#[test]
fn en37_loops_and_jumps_to_what_is_ready_have_the_same_bits() {
    let blocks = 30 * BEAT_FRAMES / BLOCK;
    let jump = 3_000;
    let [first, second] = both(96, blocks, |block, thread, reading| match block {
        0 => {
            thread.set_loop(Some((BEAT / 3, 5 * BEAT)));
            reading.into_iter().for_each(|reading| reading.ahead.set_loop(Some((BEAT / 3, 5 * BEAT))));
            thread.play();
        }
        // Aimed at a moment before, and ready by then.
        2_990 => reading.into_iter().for_each(|reading| reading.ahead.aim(Some(12 * BEAT))),
        2_999 => reading.into_iter().for_each(|reading| assert!(reading.ahead.is_ready(12 * BEAT, u32::MAX / 2))),
        _ if block == jump => {
            thread.seek(12 * BEAT);
            reading.into_iter().for_each(|reading| reading.ahead.aim(None));
        }
        _ => {}
    });
    assert_eq!(first.hash(), second.hash());
}

#[test]
fn en37_the_start_of_the_song_and_of_the_loop_stay_ready_and_what_is_not_read_is_not() {
    let (song, files) = material();
    let (mut machine, mut reading) = streamed(&song, &files, 64);
    reading.ahead.keep(&[0, 2 * BEAT]);
    machine.thread.seek(10 * BEAT);
    machine.block();
    assert!(!reading.ahead.is_ready(0, 0));
    turn(&mut machine, &mut reading, &files, usize::MAX);
    let taken = u32::MAX / 2;
    assert!(
        reading.ahead.is_ready(0, taken)
            && reading.ahead.is_ready(2 * BEAT, taken)
            && reading.ahead.is_ready(10 * BEAT, taken)
    );
    assert!(!reading.ahead.is_ready(10 * BEAT, 3), "sent is not taken");
    assert!(!reading.ahead.is_ready(5 * BEAT, taken));
    // A pool that is still too small is waited for.
    let (mut machine, mut reading) = streamed(&song, &files, 4);
    turn(&mut machine, &mut reading, &files, usize::MAX);
    assert!(!reading.ahead.is_ready(0, taken));
    // What cannot be read is not waited for.
    files.keys().for_each(|id| reading.ahead.pause(*id, true));
    assert!(reading.ahead.is_ready(5 * BEAT, taken));
}

#[test]
fn en39_the_pool_is_no_larger_than_its_slots_and_the_most_urgent_is_read_first() {
    let (song, files) = material();
    let (mut machine, mut reading) = streamed(&song, &files, 16);
    machine.thread.play();
    let first = turn(&mut machine, &mut reading, &files, usize::MAX);
    assert_eq!(first, 16, "all slots are used, and no more");
    assert_eq!(reading.ahead.slots_wanted(), 80, "and more would be");
    assert_eq!(turn(&mut machine, &mut reading, &files, usize::MAX), 0, "and then there is nothing to do");
    assert!(reading.ahead.is_ready(0, u32::MAX / 2));
    for block in 0..10 * BEAT_FRAMES / BLOCK {
        if block % 8 == 0 {
            turn(&mut machine, &mut reading, &files, usize::MAX);
        }
        machine.block();
    }
    assert_eq!(machine.thread.status().gaps, 0);
}

#[test]
fn en38_a_worker_that_is_too_slow_is_counted_and_makes_no_click() {
    let (song, files) = material();
    // Tones instead of noise, so that a click stands out.
    let tone = |bytes: &Vec<u8>| -> Vec<u8> {
        let header = Reader::new(Cursor::new(bytes)).unwrap().header().clone();
        let plane: Vec<f32> = (0..header.frames()).map(|n| 0.3 * (n as f32 * 0.01).sin()).collect();
        let planes = vec![plane.as_slice(); usize::from(header.channels)];
        let mut writer =
            Writer::new(Cursor::new(Vec::new()), header.sample_rate, header.channels, BitDepth::F32, None).unwrap();
        writer.write_planar(&planes).unwrap();
        writer.finish().unwrap().into_inner()
    };
    let files: HashMap<u32, Vec<u8>> = files.iter().map(|(id, bytes)| (*id, tone(bytes))).collect();
    let mut song = song;
    song.tracks.truncate(1);
    song.tracks[0].clips.truncate(1);
    song.tracks[0].clips[0] = Clip { duration_ticks: 20 * BEAT, source_offset_seconds: 0.0, ..song.tracks[0].clips[0] };
    let (mut machine, mut reading) = streamed(&song, &files, 16);
    turn(&mut machine, &mut reading, &files, 2);
    machine.thread.play();
    for block in 0..12 * BEAT_FRAMES / BLOCK {
        if block % 400 == 0 && block > 0 {
            turn(&mut machine, &mut reading, &files, 3);
        }
        machine.block();
    }
    assert!(machine.thread.status().gaps > 1, "{} gaps", machine.thread.status().gaps);
    assert!(machine.loudest_step < 0.01, "{}", machine.loudest_step);
}
