//! The plan: a song as one flat buffer of 32-bit words, in frames, ready to be played.
//!
//! A plan holds no addresses, so it can be copied anywhere as bytes (little-endian). It is checked completely when it is taken
//! in ([`Plan::from_words`], [`PlanView::new`]); from then on it is read in place, without allocation.
//!
//! | words | section |
//! |---|---|
//! | 32 | header: magic, version, length in words, sample rate, bpm in thousandths, beats in a bar, beat unit, master factor (f32), counts of tracks, clips, sources, conversions, song length in frames (i64), zeros |
//! | 12 × tracks | id (u64), content hash (u64), factors left and right (f32), first clip, clips, the index of the track that comes at this place when sorted by id, zeros |
//! | 16 × clips | first audible frame, frame after the last, frame at which the recording's frame 0 lies, latest end in the subtree, start of the fade in, end of the fade out (all i64), fade lengths in frames, gain (f32), index of the source |
//! | 8 × sources | id, rate, channels, index of the conversion or 0xffffffff, length in frames (u64), zeros |
//! | 8 × conversions | source rate, up, down, taps, phases, first word of its table, zeros |
//! | rest | the conversions' coefficients (f32), as `dsp::resample` lays them out |
//!
//! The clips of a track lie together, sorted by first audible frame, and form an implicit interval tree: the root of
//! the range `[low, high)` is its middle, and each clip knows the latest end in its own range. Finding what sounds in a block
//! costs the logarithm of the clips, whatever else the track holds.

mod check;
mod view;

use core::fmt;

pub use view::{ClipRecord, ConversionRecord, PlanView, SourceRecord, TrackRecord};

/// "UNPL", as the first word's bytes.
pub const MAGIC: u32 = u32::from_le_bytes(*b"UNPL");
/// The layout's version. A plan never outlives the program that made it, so only this one is read.
pub const VERSION: u32 = 1;
/// The most tracks in a plan.
pub const TRACKS_MAX: usize = 1_024;
/// The most clips in a plan.
pub const CLIPS_MAX: usize = 262_144;
/// The most sources in a plan.
pub const SOURCES_MAX: usize = 32_768;
/// The most different source rates that one plan converts.
pub const CONVERSIONS_MAX: usize = 16;
/// Frames of the timeline and of sources lie within ± this (66 days at 192 kHz).
pub const FRAME_MAX: i64 = 1 << 40;
/// The largest linear factor of a clip, a track or the master (+24 dB).
pub const GAIN_MAX: f32 = 16.0;

pub(crate) const HEADER_WORDS: usize = 32;
pub(crate) const TRACK_WORDS: usize = 12;
pub(crate) const CLIP_WORDS: usize = 16;
pub(crate) const SOURCE_WORDS: usize = 8;
pub(crate) const CONVERSION_WORDS: usize = 8;
pub(crate) const NO_CONVERSION: u32 = u32::MAX;

/// A checked plan that owns its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    words: Vec<u32>,
    header: view::Header,
}

/// Why words are no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// Shorter than its header, longer or shorter than it says, or bytes that are no whole words.
    Length,
    /// Not a plan at all.
    Magic,
    /// A plan of another version.
    Version(u32),
    /// A count or a reserved word in the header is out of bounds.
    Header,
    /// Tempo or metre out of bounds.
    Tempo,
    /// The track of this index is wrong.
    Track(u32),
    /// The clip of this index is wrong.
    Clip(u32),
    /// The source of this index is wrong.
    Source(u32),
    /// The conversion of this index, or its table, is wrong.
    Conversion(u32),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Length => write!(f, "the plan's length is not what it says"),
            PlanError::Magic => write!(f, "these bytes are no plan"),
            PlanError::Version(version) => write!(f, "plan version {version} is not {VERSION}"),
            PlanError::Header => write!(f, "the plan's header is out of bounds"),
            PlanError::Tempo => write!(f, "the plan's tempo or metre is out of bounds"),
            PlanError::Track(index) => write!(f, "the plan's track {index} is wrong"),
            PlanError::Clip(index) => write!(f, "the plan's clip {index} is wrong"),
            PlanError::Source(index) => write!(f, "the plan's source {index} is wrong"),
            PlanError::Conversion(index) => write!(f, "the plan's conversion {index} is wrong"),
        }
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// Checks words and takes them.
    ///
    /// # Errors
    /// What is wrong, and the words back, so that their memory can be used again.
    pub fn from_words(words: Vec<u32>) -> Result<Self, (PlanError, Vec<u32>)> {
        match PlanView::new(&words) {
            Ok(view) => Ok(Self { header: view.header(), words }),
            Err(error) => Err((error, words)),
        }
    }

    /// Checks bytes and copies them.
    ///
    /// # Errors
    /// What is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlanError> {
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(PlanError::Length);
        }
        Self::from_words(words.iter().map(|word| u32::from_le_bytes(*word)).collect()).map_err(|(error, _)| error)
    }

    /// The plan as bytes, little-endian: what the audio thread is sent.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reads it in place. Costs nothing, as it has been checked.
    #[must_use]
    pub fn view(&self) -> PlanView<'_> {
        PlanView::trusted(&self.words, self.header)
    }

    /// Its words, so that their memory can be used again.
    #[must_use]
    pub fn into_words(self) -> Vec<u32> {
        self.words
    }
}
