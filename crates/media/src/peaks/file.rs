//! Peaks of files: each format by the shortest way from its bytes to pairs.

use std::fs::File;
use std::path::Path;

use super::build::PyramidBuilder;
use super::waveform::{Waveform, WaveformOptions};
use crate::decode::Decoder;
use crate::flac::Stream;
use crate::lossy::Mp3Start;
use crate::sniff::{Format, sniff_file};
use crate::wav::Header;
use crate::{Error, Metadata, Result};

mod flac;
mod mix;
mod mp3;
mod parts;
mod vorbis;
mod wav;

/// Most threads for one file: beyond, reading is what takes the time.
const THREADS_MAX: usize = 8;

/// The pyramid of a file, and its metadata, in one pass. `progress` is called with 0 to 1 now and then.
///
/// # Errors
/// Any [`Error`]: see there.
pub fn pyramid_of_file(path: &Path, mut progress: impl FnMut(f32)) -> Result<(Vec<u8>, Metadata)> {
    let mut decoder = Decoder::open(path)?;
    let mut builder = PyramidBuilder::new(decoder.info().sample_rate, decoder.info().channels)?;
    while let Some(block) = decoder.next_block()? {
        builder.push(&block.slices())?;
        progress(decoder.progress());
    }
    Ok((builder.finish()?, Metadata::new(decoder.info(), decoder.frames())))
}

/// The waveform of a file, as audiowaveform computes it (rules PK1 to PK9).
///
/// # Errors
/// Any [`Error`]: see there; [`Error::Option`] for options out of range and for results of too many points.
pub fn waveform(path: &Path, options: WaveformOptions) -> Result<Waveform> {
    let options = options.check()?;
    let mut file = File::open(path)?;
    let found = sniff_file(&mut file)?;
    let (sample_rate, pairs) = match found.format {
        Format::Wav => wav::pairs(path, &Header::read(&mut file)?, options)?,
        Format::Flac => flac::pairs(path, &Stream::read(&mut file, found.audio_offset)?, options)?,
        Format::Mp3 => mp3::pairs(path, &Mp3Start::read(&mut file, found)?, options)?,
        Format::OggVorbis => vorbis::pairs(path, found, options)?,
    };
    if pairs.is_empty() {
        return Err(Error::NoSound { format: found.format.name() });
    }
    Ok(Waveform { sample_rate, samples_per_pixel: options.samples_per_pixel, data: pairs.into_flattened() })
}

/// A sample rate and pairs of minimum and maximum.
type Pairs = (u32, Vec<[i16; 2]>);

/// Threads to use for work that can be cut into any number of parts.
fn threads(options: WaveformOptions) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = if options.threads == 0 { available() } else { options.threads };
    wanted.clamp(1, THREADS_MAX)
}
