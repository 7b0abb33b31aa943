//! What recordings take on the disk, by what their records say.

use std::collections::HashMap;

/// The facts of one recording whose bytes are here. What was measured is absent until it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredRecording {
    /// The blob of the original.
    pub(crate) storage_key: String,
    /// The blob that engines play.
    pub(crate) playback_key: Option<String>,
    /// Bytes of the original.
    pub(crate) size_bytes: f64,
    pub(crate) frames: Option<f64>,
    pub(crate) channels: Option<f64>,
    /// Absent for lossy audio.
    pub(crate) bit_depth: Option<f64>,
}

impl StoredRecording {
    /// Bytes of the original and of the WAV file that was made of it, but for its header. The peaks are left out: they are
    /// less than a hundredth of that.
    fn bytes(&self) -> u64 {
        let sample_bytes = match self.bit_depth {
            None => 4.0,
            Some(bits) if bits <= 16.0 => 2.0,
            Some(_) => 3.0,
        };
        let made = self.playback_key.as_ref().is_some_and(|playback| *playback != self.storage_key);
        let samples = self.frames.unwrap_or(0.0) * self.channels.unwrap_or(0.0);
        let derived = if made { samples * sample_bytes } else { 0.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; sizes are not below 0"
        )]
        let bytes = (self.size_bytes + derived) as u64;
        bytes
    }
}

/// Bytes of all of them together. The same original counts once, as its record says that knows most.
pub(crate) fn bytes_of(recordings: impl IntoIterator<Item = StoredRecording>) -> u64 {
    let mut originals: HashMap<String, u64> = HashMap::new();
    for recording in recordings {
        let bytes = recording.bytes();
        let known = originals.entry(recording.storage_key).or_default();
        *known = bytes.max(*known);
    }
    originals.into_values().fold(0, u64::saturating_add)
}
