//! FLAC: our own decoder, because peaks and uploads are bound by its speed and a file must be split at frame boundaries.
//!
//! Source: RFC 9639, "Free Lossless Audio Codec (FLAC)". Up to 24 bits; every frame's check sums are verified.

mod bits;
mod crc;
mod frame;
mod predict;
mod stream;

pub(crate) use stream::{Frames, Stream};
