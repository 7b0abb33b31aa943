//! Sound into files, as it comes: one door before all encoders.

mod id3;
mod mp3;
mod ogg_pages;
mod opus;
#[cfg(feature = "vorbis")]
mod vorbis;

use std::io::{Seek, Write};

use crate::labels::Labels;
use crate::wav::BitDepth;
use crate::{Error, Result, flac, wav};

/// Takes sound and writes a file of it, in memory that does not grow with its length.
pub trait Encoder {
    /// Appends frames, given as one slice of equal length per channel.
    ///
    /// # Errors
    /// [`Error::Option`] when the slices do not fit; [`Error::WavFull`]; [`Error::Io`].
    fn write(&mut self, planes: &[&[f32]]) -> Result<()>;

    /// Writes what is left and puts right what the file's head says of the whole.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A kind of file that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// PCM; beyond 4 GB as RF64.
    Wav,
    /// Free Lossless Audio Codec.
    Flac,
    /// MPEG-1 audio layer III.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Vorbis,
}

impl Format {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::Wav, Self::Flac, Self::Mp3, Self::Opus, Self::Vorbis];

    /// The usual ending of a file's name, which is the format's name as well.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Vorbis => "ogg",
        }
    }

    /// The format of files whose names end like this, in any case of letters.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.extension().eq_ignore_ascii_case(extension))
    }

    /// As servers name it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
            Self::Opus | Self::Vorbis => "audio/ogg",
        }
    }

    /// Whether every sample comes back as it was.
    pub fn is_lossless(self) -> bool {
        matches!(self, Self::Wav | Self::Flac)
    }

    /// The sample rate of the file that is nearest to a song's: Opus has 48 kHz alone, MP3 no more than that.
    pub fn rate(self, wanted: u32) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Mp3 if ![32_000, 44_100, 48_000].contains(&wanted) => {
                if wanted.is_multiple_of(44_100) {
                    44_100
                } else {
                    48_000
                }
            }
            _ => wanted,
        }
    }

    /// Kilobits a second that a lossy file may have, and how many it has unless told otherwise; `None` for lossless ones.
    pub fn kbps(self) -> Option<(std::ops::RangeInclusive<u32>, u32)> {
        match self {
            Self::Wav | Self::Flac => None,
            Self::Mp3 => Some((64..=320, 192)),
            Self::Opus => Some((64..=510, 128)),
            Self::Vorbis => Some((64..=480, 160)),
        }
    }
}

/// What to write.
#[derive(Debug, Clone)]
pub struct Target {
    /// The kind of file.
    pub format: Format,
    /// Samples of lossless files; FLAC has no floating point.
    pub depth: BitDepth,
    /// Kilobits a second of lossy files, on average.
    pub kbps: u32,
    /// Frames per second, one of those that [`Format::rate`] gives.
    pub sample_rate: u32,
    /// The noise's seed where 16 bits are dithered.
    pub dither: Option<u32>,
    /// What the file says of its piece.
    pub labels: Labels,
}

impl Target {
    /// Begins a stereo file at the current position of `file`, which must be its start.
    ///
    /// # Errors
    /// [`Error::Option`] when something of it is not to be had, or this build has no encoder for it; [`Error::Io`].
    pub fn begin<'a, W: Write + Seek + 'a>(&self, file: W) -> Result<Box<dyn Encoder + 'a>> {
        self.labels.check()?;
        if self.format.kbps().is_some_and(|(range, _)| !range.contains(&self.kbps)) {
            return Err(Error::Option("that many kilobits a second are not to be had in this format"));
        }
        Ok(match self.format {
            Format::Wav => {
                let (rate, depth) = (self.sample_rate, self.depth);
                Box::new(wav::Writer::large(file, rate, 2, depth, self.dither, &self.labels)?)
            }
            Format::Flac => {
                let (rate, depth) = (self.sample_rate, self.depth);
                Box::new(flac::Writer::new(file, rate, 2, depth, self.dither, &self.labels)?)
            }
            Format::Mp3 => Box::new(mp3::Writer::new(file, self.sample_rate, self.kbps, &self.labels)?),
            Format::Opus => Box::new(opus::Writer::new(file, self.kbps, &self.labels)?),
            #[cfg(feature = "vorbis")]
            Format::Vorbis => Box::new(vorbis::Writer::new(file, self.sample_rate, self.kbps, &self.labels)?),
            #[cfg(not(feature = "vorbis"))]
            Format::Vorbis => return Err(Error::Option("Ogg Vorbis is written by the server only")),
        })
    }
}

impl<W: Write + Seek> Encoder for wav::Writer<W> {
    fn write(&mut self, planes: &[&[f32]]) -> Result<()> {
        self.write_planar(planes)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        (*self).finish().map(drop)
    }
}

impl<W: Write + Seek> Encoder for flac::Writer<W> {
    fn write(&mut self, planes: &[&[f32]]) -> Result<()> {
        self.write_planar(planes)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        (*self).finish().map(drop)
    }
}

/// The two channels of a block, or why it has none.
fn stereo<'a>(planes: &[&'a [f32]]) -> Result<(&'a [f32], &'a [f32])> {
    match planes {
        [left, right] if left.len() == right.len() => Ok((left, right)),
        _ => Err(Error::Option("one slice of equal length per channel is needed")),
    }
}

/// Appends frames one after the other, left before right; what is no number is silence.
fn interleave(left: &[f32], right: &[f32], into: &mut Vec<f32>) {
    let heard = |sample: &f32| if sample.is_finite() { *sample } else { 0.0 };
    into.extend(left.iter().zip(right).flat_map(|(l, r)| [heard(l), heard(r)]));
}
