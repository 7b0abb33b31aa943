//! What can be wrong with an audio file, in words for the musician who dropped it in.

use std::io;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file cannot be read, decoded or written. `Display` is meant to be shown to the user.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file has no bytes.
    #[error("The file is empty.")]
    Empty,
    /// The content is something other than audio.
    #[error("This is not an audio file: it looks like {looks_like}.")]
    NotAudio {
        /// What the content looks like, with its article ("a PNG picture").
        looks_like: &'static str,
    },
    /// Audio, but of a kind that cannot be decoded yet.
    #[error("{format} files are not supported yet. WAV, FLAC, MP3 and Ogg Vorbis are.")]
    NotSupportedYet {
        /// The format's usual name.
        format: &'static str,
    },
    /// The file is larger than [`FILE_BYTES_MAX`](crate::limits::FILE_BYTES_MAX).
    #[error("The file is too large: {} MB, and at most {} MB are accepted.", .bytes.div_ceil(1_048_576), .bytes_max / 1_048_576)]
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The recording is longer than [`DURATION_SECONDS_MAX`](crate::limits::DURATION_SECONDS_MAX).
    #[error("The recording is too long: at most {} hours are accepted.", .seconds_max / 3600)]
    TooLong {
        /// The limit.
        seconds_max: u64,
    },
    /// Decoded, the audio would exceed [`PCM_BYTES_MAX`](crate::limits::PCM_BYTES_MAX).
    #[error("The recording is too large: decoded it would exceed 4 GB.")]
    TooMuchPcm,
    /// Decoded, the audio would be out of all proportion to its file: more than
    /// [`ASSET_RATIO_MAX`](crate::limits::ASSET_RATIO_MAX) times it and than
    /// [`ASSET_BYTES_SMALL`](crate::limits::ASSET_BYTES_SMALL).
    #[error("The recording is implausibly long for so small a file: decoded it would exceed {} MB.", .bytes_max / 1_048_576)]
    Implausible {
        /// The limit for a file of this size.
        bytes_max: u64,
    },
    /// Decoded, the audio would exceed the room that the caller had for it.
    #[error("There is no room for this recording: decoded it would exceed the {} MB that are left.", .bytes_max / 1_048_576)]
    NoRoom {
        /// The room that there was.
        bytes_max: u64,
    },
    /// The caller stopped the work.
    #[error("The work was stopped before its end.")]
    Stopped,
    /// No channel, or more than [`CHANNELS_MAX`](crate::limits::CHANNELS_MAX).
    #[error("The file has {channels} channels; 1 to {} are accepted.", crate::limits::CHANNELS_MAX)]
    Channels {
        /// Channels that the file claims.
        channels: u32,
    },
    /// A sample rate outside of what is accepted.
    #[error(
        "The file's sample rate is {sample_rate} Hz; {} to {} Hz are accepted.",
        crate::limits::SAMPLE_RATE_MIN,
        crate::limits::SAMPLE_RATE_MAX
    )]
    SampleRate {
        /// Sample rate that the file claims, in Hz.
        sample_rate: u32,
    },
    /// The file is of a known format, but broken.
    #[error("This {format} file is damaged: {reason}.")]
    Damaged {
        /// The format's usual name.
        format: &'static str,
        /// What was found.
        reason: &'static str,
    },
    /// The file is sound, but holds no audio at all.
    #[error("The file holds no sound: it is {format} without a single sample.")]
    NoSound {
        /// The format's usual name.
        format: &'static str,
    },
    /// An output would exceed what a WAV file can hold.
    #[error("The result would be larger than 4 GB, which a WAV file cannot hold.")]
    WavFull,
    /// An option outside of its range.
    #[error("{0}")]
    Option(&'static str),
    /// Reading or writing failed.
    #[error("The file could not be read or written: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// A broken file of `format`.
    pub(crate) fn damaged(format: &'static str, reason: &'static str) -> Self {
        Self::Damaged { format, reason }
    }

    /// Whether the file is to blame (and trying again is useless), as opposed to the disk, or to who stopped the work.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Stopped)
    }
}
