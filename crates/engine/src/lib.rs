//! A song compiled to a plan, and the processor that plays it. Pure; never allocates while it plays.
//!
//! [`Song`] (what to play, in ticks) → [`Compiler`] → [`Plan`] (one flat buffer, in frames) → [`Processor`], which asks a
//! [`Reader`] for the recordings' samples. The same plan and the same processor run in the browser's AudioWorklet and in an
//! export, and give the same bits. The rules have IDs in `specs/engine.md`.
//!
//! **Never here:** I/O, a clock, randomness, serde, sync; and while playing: allocation, locks, panics.

pub mod ahead;
pub mod compile;
#[cfg(feature = "records")]
mod from_records;
pub mod metronome;
pub mod plan;
pub mod processor;
pub mod reader;
pub mod render;
pub mod song;
pub mod stream;
pub mod tempo;

pub use compile::{CompileError, Compiler};
pub use plan::{Plan, PlanError, PlanView};
pub use processor::{Plans, Processor};
pub use reader::{MemoryReader, Reader};
pub use render::{Renderer, render};
pub use song::{
    Clip, Device, Lane, LaneTarget, Master, MetreChange, Point, Send, Song, SourceInfo, TimeSignature, Track, Way,
};
pub use tempo::{TICKS_PER_BEAT, Tempo, TempoChange, TempoMap, TempoTrack};
