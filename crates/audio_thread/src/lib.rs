//! The engine's WASM face in the AudioWorklet.
//!
//! [`AudioThread`] is all that lives on the audio thread: recordings in memory, or what is read ahead of them, up to three plans (in force, fading out,
//! waiting), the processor. `exports.rs`, which only WASM has, puts it behind plain C functions without a single import;
//! `worklet.js` calls them. README.md documents the messages.
//!
//! **Never here:** wasm-bindgen, imports, allocation while a block is processed.

#[cfg(target_arch = "wasm32")]
pub mod exports;
mod integers;
mod meters;
pub mod pool;
mod readings;
mod sources;
mod thread;

pub use meters::Meters;
pub use pool::Pool;
pub use readings::READINGS_MAX;
pub use sources::{ChunkMut, FRAMES_MAX, Format, SEGMENT_FRAMES, SOURCES_MAX, SourceError, Sources};
pub use thread::{AudioThread, BLOCK_FRAMES_MAX, InitError, PLAN_WORDS_MAX, Status, TakeError};
