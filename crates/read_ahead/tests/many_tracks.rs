//! Two hundred stereo tracks out of one recording of an hour, as out of two hundred: what is read, when, and what is missed.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::VecDeque;

use audio_thread::AudioThread;
use engine::ahead::{ReadAhead, Run, SLOTS_MAX};
use engine::stream::{Chunk, Format, Stream};
use engine::{Clip, Plan, Song, SourceInfo, TICKS_PER_BEAT as BEAT, Track};

const RATE: u32 = 48_000;
const BLOCK: usize = 128;
const TRACKS: u32 = 200;
const FRAMES: u64 = 3_600 * RATE as u64;
/// Blocks between two turns of the worker (13 ms), and what the audio thread takes meanwhile.
const TURN_BLOCKS: usize = 5;
const TURN_CHUNKS: usize = 8 * TURN_BLOCKS;
/// Requests to a server at the same time, chunks of each, and the blocks until its answer (32 ms): 188 requests a second, where 586 chunks
/// are played.
const REQUESTS: usize = 6;
const FAR_RUN: u32 = 8;
const ANSWER_BLOCKS: usize = 12;

/// Each track at another place, 13 s from the next.
fn song(recordings: u32) -> Song {
    let tracks = (0..TRACKS).map(|n| Track {
        id: u64::from(n) + 1,
        clips: vec![Clip {
            duration_ticks: 1_800 * BEAT,
            source: n % recordings,
            source_offset_seconds: 13.0 * f64::from(n),
            ..Clip::default()
        }],
        ..Track::default()
    });
    Song {
        sample_rate: RATE,
        tracks: tracks.collect(),
        sources: (0..recordings).map(|id| SourceInfo { id, rate: RATE, channels: 2, frames: FRAMES }).collect(),
        ..Song::default()
    }
}

struct Studio {
    thread: AudioThread,
    ahead: ReadAhead,
    near: bool,
    /// What was asked of the server, and at which block it comes.
    asked: VecDeque<(usize, Run)>,
    block: usize,
    read: usize,
}

impl Studio {
    fn new(recordings: u32, near: bool) -> Studio {
        let song = song(recordings);
        let mut thread = AudioThread::new(RATE, BLOCK).unwrap();
        let words = Plan::compile(&song).unwrap().into_words();
        thread.plan_buffer(words.len()).unwrap().copy_from_slice(&words);
        thread.take_plan(1).unwrap();
        while thread.sources.pool.grow(SLOTS_MAX) < SLOTS_MAX {}
        let mut ahead = ReadAhead::new();
        ahead.grow(SLOTS_MAX);
        ahead.set_plan(Plan::compile(&song).unwrap());
        ahead.keep(&[0]);
        let stream = Stream::new(2, FRAMES, Format::I16).unwrap();
        for id in 0..recordings {
            thread.sources.stream(id, stream, true).unwrap();
            ahead.begin(id, stream, near);
        }
        Studio { thread, ahead, near, asked: VecDeque::new(), block: 0, read: 0 }
    }

    /// The worker's turn: as `read_ahead.js` has it.
    fn turn(&mut self) {
        self.ahead.look(self.thread.status().position as i64);
        let mut room = TURN_CHUNKS;
        while self.asked.front().is_some_and(|(due, _)| *due <= self.block) && room >= FAR_RUN as usize {
            let (_, run) = self.asked.pop_front().unwrap();
            room -= self.deliver(run);
        }
        while self.near && room >= 4 {
            let Some(run) = self.ahead.next(true, 4) else { break };
            let written = self.deliver(run);
            if written == 0 {
                break;
            }
            room -= written;
        }
        while self.asked.len() < REQUESTS {
            let Some(run) = self.ahead.next(false, FAR_RUN) else { break };
            self.asked.push_back((self.block + ANSWER_BLOCKS, run));
        }
    }

    /// How many of a run's chunks are wanted.
    fn deliver(&mut self, run: Run) -> usize {
        let mut written = 0;
        for nth in 0..run.count {
            let chunk = Chunk { index: run.first.index + nth, ..run.first };
            let Some(slot) = self.ahead.arrived(chunk) else { continue };
            self.thread.sources.pool.fill(slot).unwrap()[0] = chunk.index;
            assert!(self.thread.sources.pool.filled(slot, chunk));
            written += 1;
        }
        self.read += written;
        written
    }

    fn play(&mut self, blocks: usize) {
        for _ in 0..blocks {
            if self.block.is_multiple_of(TURN_BLOCKS) {
                self.turn();
            }
            self.thread.process(BLOCK);
            self.block += 1;
        }
    }

    /// Waits until a place is ready, goes there, and says how many blocks that took; as the page does, stops what plays before it lacks
    /// something.
    fn jump(&mut self, ticks: i64) -> usize {
        const ALL_TAKEN: u32 = u32::MAX / 2;
        self.ahead.aim(Some(ticks));
        let (from, plays) = (self.block, self.thread.status().playing == 1);
        while !self.ahead.is_ready(ticks, ALL_TAKEN) {
            if plays && !self.ahead.lasts(self.thread.status().position as i64, ALL_TAKEN) {
                self.thread.stop();
            }
            self.play(1);
            assert!(self.block < from + 2_000, "never ready");
        }
        self.ahead.aim(None);
        self.thread.seek(ticks);
        if plays {
            self.thread.play();
        }
        self.block - from
    }
}

#[test]
fn en37_two_hundred_tracks_of_one_recording_play_as_of_two_hundred() {
    let [one, many] = [1, TRACKS].map(|recordings| {
        let mut studio = Studio::new(recordings, true);
        let mut waits = vec![studio.jump(0)];
        studio.thread.play();
        studio.play(6_000);
        let read = studio.read;
        for n in 1..4 {
            waits.push(studio.jump(n * 80 * BEAT));
            studio.play(400);
        }
        let status = studio.thread.status();
        assert_eq!((status.gaps, status.starved_blocks), (0, 0), "{recordings} recordings");
        (read, waits)
    });
    // Of one recording some track has read already what another needs.
    assert!(one.0 <= many.0 && one.0 > many.0 / 2, "{} and {} chunks", one.0, many.0);
    assert!(one.1.iter().zip(&many.1).all(|(one, many)| one <= many), "{:?} {:?}", one.1, many.1);
}

#[test]
fn en37_what_is_far_is_asked_for_in_few_requests_and_early_enough() {
    let mut studio = Studio::new(TRACKS, false);
    studio.jump(0);
    // What was not waited for behind the start comes with the least lead.
    studio.thread.play();
    studio.play(1_000);
    let before = studio.thread.status().gaps;
    studio.play(8_000);
    assert_eq!(studio.thread.status().gaps - before, 0);
}

#[test]
fn en37_a_jump_of_far_tracks_waits_for_one_request_of_each_and_has_no_gap() {
    let mut studio = Studio::new(TRACKS, false);
    studio.jump(0);
    studio.thread.play();
    studio.play(1_000);
    let before = studio.thread.status().gaps;
    let least = TRACKS as usize / REQUESTS * ANSWER_BLOCKS.next_multiple_of(TURN_BLOCKS);
    for n in 1..=6 {
        let waited = studio.jump(n * 80 * BEAT);
        assert!(waited <= least * 5 / 4, "{waited} blocks, where {least} are the least");
        studio.play(190);
    }
    assert_eq!(studio.thread.status().gaps, before);
}

#[test]
fn en37_what_plays_lasts_while_its_next_moment_is_here() {
    let mut studio = Studio::new(1, false);
    studio.jump(0);
    let moment = i64::from(RATE) / 5;
    assert!(studio.ahead.lasts(0, u32::MAX / 2));
    assert!(!studio.ahead.lasts(0, 0), "nothing has been taken by the audio thread");
    assert!(!studio.ahead.lasts(100 * moment, u32::MAX / 2), "nothing has been read there");
    studio.ahead.pause(0, true);
    assert!(studio.ahead.lasts(100 * moment, u32::MAX / 2), "what cannot be read now is not waited for");
}

#[test]
fn en37_what_a_jump_elsewhere_makes_useless_is_wanted_no_more() {
    let mut studio = Studio::new(1, false);
    studio.ahead.aim(Some(0));
    studio.ahead.look(0);
    let run = studio.ahead.next(false, FAR_RUN).unwrap();
    assert!(studio.ahead.wants(run));
    studio.ahead.keep(&[]);
    studio.ahead.aim(Some(1_200 * BEAT));
    studio.ahead.look(600 * i64::from(RATE));
    assert!(!studio.ahead.wants(run));
}

#[test]
fn en37_what_is_needed_soon_anywhere_comes_before_what_follows_it() {
    for near in [true, false] {
        let mut studio = Studio::new(TRACKS, near);
        studio.ahead.aim(Some(0));
        studio.ahead.look(0);
        let (mut chunks, mut runs) = (0, 0);
        while !studio.ahead.is_ready(0, u32::MAX / 2) {
            let run = studio.ahead.next(near, FAR_RUN).unwrap();
            chunks += studio.deliver(run);
            runs += 1;
        }
        // Half a second of a track lies in two chunks or three; a server gives more of each at once.
        let most = if near { 3 } else { 6 };
        assert!(chunks <= most * TRACKS as usize && (near || runs <= TRACKS), "{chunks} chunks in {runs} runs");
    }
}
