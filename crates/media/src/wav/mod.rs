//! PCM WAV: our own reader and writer.
//!
//! Reading needs no allocation beyond what the caller gives ([`decode_planar`] on bytes in memory) or one fixed
//! window ([`Reader`] on a file), so both the render path and the browser can use it.

mod convert;
mod header;
mod reader;
mod writer;

pub(crate) use convert::decode_i16;
pub use convert::{decode_planar, i16_to_f32};
pub use header::{Header, SampleFormat};
pub(crate) use header::{is_wav, read_up_to};
pub use reader::Reader;
pub use writer::{BitDepth, Writer};
