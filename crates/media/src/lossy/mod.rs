//! MP3 and Vorbis: our own demultiplexing, cutting and checks around other people's decoders of packets: nanomp3 (a port of minimp3 to
//! safe Rust, a quarter faster than symphonia's) and symphonia's for Vorbis.
//!
//! The files are walked here, so that the work can be split over threads, so that the sound is cut
//! to the sample as the encoder meant it, and so that a file that lies about sizes meets our limits first.

mod guarded;
mod mp3;
mod mp3_frames;
mod vorbis;
mod vorbis_setup;

pub(crate) use mp3::{Mp3, Mp3Packets, Mp3Start, RESERVOIR_BYTES_MAX};
pub(crate) use mp3_frames::Mp3Frames;
pub(crate) use vorbis::{Vorbis, VorbisStream};
