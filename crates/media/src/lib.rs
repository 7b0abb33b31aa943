//! Audio files: sniff, decode, encode, metadata, peaks.
//!
//! It never contains: networking, a database, a clock, the project's records. Everything works on byte slices or on
//! `Read + Seek`, also on wasm32; paths and threads are native only. Input is hostile: nothing here panics on it, and nothing
//! allocates more than [`limits`] say.

#![cfg_attr(target_arch = "wasm32", allow(dead_code, unused_imports, reason = "some is needed for files by path only"))]

#[cfg(any(target_os = "linux", feature = "c_maths"))]
mod c_maths;
pub mod decode;
pub mod encode;
mod error;
mod file_name;
pub mod flac;
mod id3;
mod integers;
mod labels;
pub mod limits;
mod lossy;
mod metadata;
mod mpeg;
mod ogg;
pub mod peaks;
#[cfg(not(target_arch = "wasm32"))]
mod playback;
mod seek;
pub mod sniff;
mod stream_info;
mod vorbis_comment;
pub mod wav;
mod window;

pub use decode::{Block, Decoder};
pub use error::{Error, Result};
pub use file_name::file_name;
pub use labels::Labels;
pub use metadata::Metadata;
#[cfg(not(target_arch = "wasm32"))]
pub use metadata::read_metadata;
#[cfg(not(target_arch = "wasm32"))]
pub use playback::{PlaybackAsset, make_playback_asset};
pub use seek::sought;
pub use sniff::{Format, sniff};
pub use stream_info::{Codec, StreamInfo, Tags};
