//! What a large song costs natively: 64 tracks with four devices and two sends each, in blocks of 128 frames.
//!
//! `cargo bench -p engine --bench studio`: the share of real time that the 20th of a hundred blocks and the median take.

#[path = "support/plain.rs"]
mod plain;
#[path = "support/studio_song.rs"]
mod studio_song;

use std::hint::black_box;
use std::time::Instant;

use engine::{Plan, Plans, Processor, Reader};

const FRAMES: usize = 128;
const BLOCKS: usize = 6_000;

/// Noise, from wherever it is read.
struct Noise(Vec<f32>);

impl Reader for Noise {
    fn read(&mut self, source: u32, start: i64, left: &mut [f32], right: &mut [f32]) {
        let from = (start.unsigned_abs() as usize + source as usize * 977) % (self.0.len() / 2);
        left.copy_from_slice(&self.0[from..from + left.len()]);
        right.copy_from_slice(&self.0[from + 1..=from + right.len()]);
    }

    fn always_finite(&self, _: u32) -> bool {
        true
    }
}

fn main() {
    for tracks in [16, 64] {
        let plan = Plan::compile(&studio_song::song(tracks)).expect("a song within bounds");
        let plans = Plans { current: plan.view(), previous: None };
        let mut processor = Processor::new(48_000);
        processor.prepare(None, &plans.current);
        processor.change(None, &plans.current).expect("it was prepared");
        processor.play();
        let mut state = 1u32;
        let mut noise = Noise(
            (0..96_000)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / 33_554_432.0 - 0.25
                })
                .collect(),
        );
        let (mut left, mut right) = ([0.0; FRAMES], [0.0; FRAMES]);
        let mut times = Vec::with_capacity(BLOCKS);
        for _ in 0..BLOCKS {
            let began = Instant::now();
            processor.process(&plans, &mut noise, &mut left, &mut right);
            times.push(began.elapsed().as_secs_f64());
            black_box((&mut left, &mut right));
        }
        times.sort_by(f64::total_cmp);
        let share = |at: usize| 100.0 * times[at] / (FRAMES as f64 / 48_000.0);
        println!("{tracks} tracks: {:.1} % of real time, median {:.1} %", share(BLOCKS / 5), share(BLOCKS / 2));
    }
}
