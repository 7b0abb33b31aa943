//! Tables of chunks: thousands are looked up at every look, in a worker beside the audio thread.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::stream::Chunk;

pub(super) type ChunkMap<T> = HashMap<Chunk, T, BuildHasherDefault<ChunkHash>>;
pub(super) type ChunkSet = HashSet<Chunk, BuildHasherDefault<ChunkHash>>;

/// A product for each number: chunks come from plans and files, of which nobody chooses more than a project holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChunkHash(u64);

impl Hasher for ChunkHash {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
