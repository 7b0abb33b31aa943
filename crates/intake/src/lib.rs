//! Looks at files that are dropped into a song, in a worker of its own.
//!
//! [`look()`], [`waveform`] and [`Samples`] work on any `Read + Seek` and hold a window of it at a time. `exports.rs`, which only WASM
//! has, puts them over a `Blob` that `intake.js` reads; README.md documents the messages.
//!
//! **Never here:** the network, the project's records, anything that is drawn.

#[cfg(target_arch = "wasm32")]
pub mod exports;
mod look;
mod samples;
mod window;

pub use look::{Look, look};
pub use samples::{CHUNK_FRAMES, Samples, waveform};
pub use window::Window;
