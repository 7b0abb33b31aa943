//! What the tests of the engine share.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    missing_docs,
    reason = "shared by test binaries that each use a part"
)]

pub mod graph;
#[path = "../../corpus/songs.rs"]
pub mod songs;

pub use songs::player::reader;
use songs::{Case, Random, player};

/// How a signal is cut into blocks.
#[derive(Clone, Copy, Debug)]
pub enum Blocks {
    Of(usize),
    Random(u64),
}

impl Blocks {
    pub fn all() -> [Blocks; 7] {
        let [a, b] = [Blocks::Random(1), Blocks::Random(2)];
        [Blocks::Of(128), Blocks::Of(64), Blocks::Of(1), Blocks::Of(4_096), Blocks::Of(100_000), a, b]
    }

    pub fn lengths(self, total: usize) -> Vec<usize> {
        let mut random = Random::new(if let Blocks::Random(seed) = self { seed } else { 0 });
        let mut lengths = Vec::new();
        let mut left = total;
        while left > 0 {
            let wanted = match self {
                Blocks::Of(length) => length,
                Blocks::Random(_) => 1 + random.next() as usize % 777,
            };
            lengths.push(wanted.min(left));
            left -= wanted.min(left);
        }
        lengths
    }
}

/// Plays a case as the audio thread does.
pub fn play(case: &Case, blocks: Blocks) -> [Vec<f32>; 2] {
    let mut lengths = blocks.lengths(case.frames).into_iter();
    player::play(case, || lengths.next().unwrap_or(case.frames))
}

pub fn bits(channels: &[Vec<f32>; 2]) -> Vec<u32> {
    channels.iter().flatten().map(|x| x.to_bits()).collect()
}

/// The first sample at which two renders differ.
pub fn first_difference(a: &[Vec<f32>; 2], b: &[Vec<f32>; 2]) -> Option<(usize, usize, f32, f32)> {
    for channel in 0..2 {
        assert_eq!(a[channel].len(), b[channel].len());
        for (n, (x, y)) in a[channel].iter().zip(&b[channel]).enumerate() {
            if x.to_bits() != y.to_bits() {
                return Some((channel, n, *x, *y));
            }
        }
    }
    None
}

/// The largest step from one sample to the next.
pub fn largest_step(samples: &[f32]) -> f32 {
    samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}
