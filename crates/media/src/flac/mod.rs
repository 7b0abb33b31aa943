//! FLAC: our own decoder, because peaks and uploads are bound by its speed and a file must be split at frame boundaries; and our own
//! encoder, because it must take the sound as it comes, be fast, and run in the browser.
//!
//! Source: RFC 9639, "Free Lossless Audio Codec (FLAC)". Up to 24 bits; every frame's check sums are verified.

mod bits;
mod crc;
mod encode;
mod frame;
mod predict;
mod stream;
mod writer;

pub(crate) use stream::{Frames, Stream};
pub use writer::Writer;
