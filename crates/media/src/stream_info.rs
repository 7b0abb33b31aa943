//! What a stream says of itself, checked against the limits.

use crate::limits::{CHANNELS_MAX, DURATION_SECONDS_MAX, PCM_BYTES_MAX, SAMPLE_RATE_MAX, SAMPLE_RATE_MIN};
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

/// How many frames may still be decoded before a stream is refused for its length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameBudget {
    left: u64,
    limited_by_time: bool,
}

impl FrameBudget {
    /// For a stream that is to fit into a WAV file: with 4 bytes a sample when it is lossy, with whole bytes of at least 2 when it is not.
    pub(crate) fn new(info: &StreamInfo) -> Self {
        let sample_bytes = match info.codec {
            Codec::Flac => u64::from(info.bit_depth.unwrap_or(24).div_ceil(8).max(2)),
            Codec::Mp3 | Codec::Vorbis => 4,
            // It is a file already, and its size is limited as such.
            Codec::Pcm | Codec::PcmFloat => 1,
        };
        let by_size = PCM_BYTES_MAX / (sample_bytes * u64::from(info.channels));
        let by_time = DURATION_SECONDS_MAX * u64::from(info.sample_rate);
        Self { left: by_size.min(by_time), limited_by_time: by_time < by_size }
    }

    /// Takes note of decoded frames.
    pub(crate) fn spend(&mut self, frames: usize) -> Result<()> {
        match self.left.checked_sub(frames as u64) {
            Some(left) => self.left = left,
            None if self.limited_by_time => return Err(Error::TooLong { seconds_max: DURATION_SECONDS_MAX }),
            None => return Err(Error::TooMuchPcm),
        }
        Ok(())
    }
}
