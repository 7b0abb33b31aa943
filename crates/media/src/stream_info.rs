//! What a stream says of itself, checked against the limits.

use crate::limits::{CHANNELS_MAX, DURATION_SECONDS_MAX, SAMPLE_RATE_MAX, SAMPLE_RATE_MIN};
use crate::sniff::Format;
use crate::{Error, Result};

/// How samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Uncompressed integers.
    Pcm,
    /// Uncompressed floating point.
    PcmFloat,
    /// Free Lossless Audio Codec.
    Flac,
    /// MPEG audio layer III.
    Mp3,
    /// Vorbis.
    Vorbis,
}

impl Codec {
    /// Lower-case name, as stored in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcm => "pcm",
            Self::PcmFloat => "pcm_float",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Vorbis => "vorbis",
        }
    }

    /// Whether decoding gives back exactly the samples that were encoded.
    pub fn is_lossless(self) -> bool {
        matches!(self, Self::Pcm | Self::PcmFloat | Self::Flac)
    }
}

/// Title and artist, where the file tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// Title of the piece.
    pub title: Option<String>,
    /// Who plays it.
    pub artist: Option<String>,
}

/// What a stream's header says.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamInfo {
    /// The file's format.
    pub format: Format,
    /// How samples are coded.
    pub codec: Codec,
    /// Frames per second.
    pub sample_rate: u32,
    /// Samples per frame.
    pub channels: u16,
    /// Significant bits per sample; `None` for lossy codecs, which have none.
    pub bit_depth: Option<u16>,
    /// Frames that the header announces. A claim: only decoding tells.
    pub declared_frames: Option<u64>,
    /// Title and artist.
    pub tags: Tags,
}

impl StreamInfo {
    /// Refuses what is outside the limits: channels, sample rate, duration.
    pub(crate) fn check(self) -> Result<Self> {
        check_shape(u32::from(self.channels), self.sample_rate)?;
        if let Some(frames) = self.declared_frames {
            check_duration(frames, self.sample_rate)?;
        }
        Ok(self)
    }
}

/// Refuses channel counts and sample rates outside the limits.
pub(crate) fn check_shape(channels: u32, sample_rate: u32) -> Result<()> {
    if channels == 0 || channels > u32::from(CHANNELS_MAX) {
        return Err(Error::Channels { channels });
    }
    if !(SAMPLE_RATE_MIN..=SAMPLE_RATE_MAX).contains(&sample_rate) {
        return Err(Error::SampleRate { sample_rate });
    }
    Ok(())
}

/// Refuses more than [`DURATION_SECONDS_MAX`] of sound.
pub(crate) fn check_duration(frames: u64, sample_rate: u32) -> Result<()> {
    if frames > DURATION_SECONDS_MAX * u64::from(sample_rate) {
        return Err(Error::TooLong { seconds_max: DURATION_SECONDS_MAX });
    }
    Ok(())
}
