//! What taking a plan costs the audio thread at the edge of a block, with as many sends as a song may have.
//!
//! `cargo bench -p engine --bench change`: microseconds (median and dearest) of each call, of a block of 2,667.

#[path = "support/plain.rs"]
mod plain;

use std::hint::black_box;
use std::time::Instant;

use engine::plan::EDGES_MAX;
use engine::processor::ChangeError;
use engine::{Clip, MemoryReader, Plan, Plans, Processor, Send, Song, TICKS_PER_BEAT, Track};

const FRAMES: usize = 128;
const BUSES: u64 = 16;
const ROUNDS: usize = 40;

/// Tracks with a send to each bus, as many as the edges allow; `without`: of the first track, the last send is missing.
fn song(tracks: u64, without: bool) -> Song {
    let track = |id: u64| Track {
        id,
        clips: vec![Clip { duration_ticks: 400 * TICKS_PER_BEAT, ..Clip::default() }],
        sends: (0..BUSES - u64::from(without && id == 1))
            .map(|n| Send { id: 1_000_000 + 100 * id + n, target: 100_000 + n, gain: 0.1, pre: false })
            .collect(),
        ..Track::default()
    };
    let bus = |n: u64| Track { id: 100_000 + n, ..Track::default() };
    plain::song((1..=tracks).map(track).chain((0..BUSES).map(bus)).collect(), [0], 48_000)
}

fn main() {
    let most = (EDGES_MAX as u64 - BUSES) / (BUSES + 1);
    for tracks in [64, most] {
        let [with, without] =
            [false, true].map(|without| Plan::compile(&song(tracks, without)).expect("within bounds"));
        let mut reader = MemoryReader::new();
        reader.insert(0, vec![vec![0.1; 48_000]; 2]);
        let mut processor = Processor::new(48_000);
        processor.prepare(None, &with.view());
        processor.change(None, &with.view()).expect("it was prepared");
        processor.play();
        let (mut left, mut right) = ([0.0; FRAMES], [0.0; FRAMES]);
        let [mut prepares, mut waits, mut takes, mut blocks] = [const { Vec::new() }; 4];
        for round in 0..ROUNDS {
            let (before, after) = if round % 2 == 0 { (&with, &without) } else { (&without, &with) };
            let began = Instant::now();
            processor.prepare(Some(&before.view()), &after.view());
            prepares.push(1e6 * began.elapsed().as_secs_f64());
            let mut plans = Plans { current: before.view(), previous: None };
            let mut waiting = true;
            for _ in 0..40 {
                if waiting {
                    let began = Instant::now();
                    let taken = processor.change(Some(&before.view()), &after.view());
                    let took = 1e6 * began.elapsed().as_secs_f64();
                    waiting = taken == Err(ChangeError::Busy);
                    if waiting {
                        waits.push(took);
                    } else {
                        takes.push(took);
                        plans = Plans { current: after.view(), previous: Some(before.view()) };
                    }
                }
                let began = Instant::now();
                processor.process(&plans, &mut reader, &mut left, &mut right);
                blocks.push(1e6 * began.elapsed().as_secs_f64());
                black_box((&mut left, &mut right));
            }
            assert!(!waiting, "it is taken in the end");
        }
        let of = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            format!("{:.0} ({:.0})", times[times.len() / 2], times[times.len() - 1])
        };
        println!(
            "{} edges: preparing {}, waiting {}, taking {}, a block itself {}",
            with.view().edge_count(),
            of(&mut prepares),
            of(&mut waits),
            of(&mut takes),
            of(&mut blocks)
        );
    }
}
