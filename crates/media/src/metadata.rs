//! What is measured of a file: by decoding all of it, as headers lie.

use crate::stream_info::{StreamInfo, Tags};

/// Facts about an audio file, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// Frames that were decoded.
    pub frames: u64,
    /// Frames per second.
    pub sample_rate: u32,
    /// Samples per frame.
    pub channels: u16,
    /// Significant bits per sample; `None` for lossy codecs.
    pub bit_depth: Option<u16>,
    /// Name of the codec: `pcm`, `pcm_float`, `flac`, `mp3`, `vorbis`.
    pub codec: &'static str,
    /// The file's media type, as it should be served.
    pub media_type: &'static str,
    /// Title and artist.
    pub tags: Tags,
}

impl Metadata {
    /// Joins what the header says with the count of decoded frames.
    pub fn new(info: &StreamInfo, frames: u64) -> Self {
        Self {
            frames,
            sample_rate: info.sample_rate,
            channels: info.channels,
            bit_depth: info.bit_depth,
            codec: info.codec.name(),
            media_type: info.format.media_type(),
            tags: info.tags.clone(),
        }
    }

    /// Length in seconds.
    pub fn duration_seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.sample_rate)
    }
}

/// Decodes a file from end to end and reports what it is.
///
/// # Errors
/// Any [`Error`](crate::Error): see there.
#[cfg(not(target_arch = "wasm32"))]
pub fn read_metadata(path: &std::path::Path) -> crate::Result<Metadata> {
    let mut decoder = crate::Decoder::open(path)?;
    while decoder.next_block()?.is_some() {}
    Ok(Metadata::new(decoder.info(), decoder.frames()))
}
