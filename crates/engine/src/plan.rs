//! The plan: a song as one flat buffer of 32-bit words, in frames, ready to be played.
//!
//! A plan holds no addresses, so it can be copied anywhere as bytes (little-endian). It is checked completely when it is taken
//! in ([`Plan::from_words`], [`PlanView::new`]), unless it is known by its digest ([`Arriving`]); from then on it is read in
//! place, without allocation.
//!
//! | words | section |
//! |---|---|
//! | 32 | header: magic, version, length in words, sample rate, counts of stretches and of metres, 1 if a lane moves the master factor (the first behind the tracks' lanes), that factor (f32), counts of tracks, clips, sources, conversions, song length in frames (i64), counts of devices, values, edges, lanes, points, latency of the whole in frames, hash of the structure (u64), how many of the devices are the master's, hash of the master's lane (u64), digest of all other words (u64), zeros |
//! | 24 × tracks | id (u64), content hash (u64), factors left and right (f32), first clip, clips, the index of the track that comes at this place when sorted by id, and when sorted for processing, first device, devices, first edge, edges, first lane, lanes, delay of its clips in frames, 1 if edges lead to it, latency at its fader, hash of its lanes (u64), zeros |
//! | 18 × clips | first audible frame, frame after the last, frame at which the recording's frame 0 lies, latest end in the subtree, start of the fade in, end of the fade out (all i64), fade lengths in frames, gain (f32), index of the source, 1 if it is reversed + 2 × shape of the fade in + 16 × shape of the fade out, 0 |
//! | 8 × sources | id, rate, channels, index of the conversion or 0xffffffff, length in frames (u64), zeros |
//! | 8 × conversions | source rate, up, down, taps, phases, first word of its table, zeros |
//! | 12 × devices | id (u64), kind, 1 if bypassed + 2 if it listens to an edge, first value, delay of its input, latency, latency of what comes in, first lane, lanes, hash of its lanes (u64) |
//! | values | the devices' parameters (f32), as their tables list them |
//! | 8 × edges | id (u64), kind (0 output, 1 send behind the fader, 2 before it, 3 sidechain), index of the track or, for sidechains, of the device, 0xffffffff being the master, factor (f32), delay, the index of the edge that comes at this place when sorted by id, its lane or 0xffffffff |
//! | 4 × lanes | what moves (0 volume, 1 pan, 2 an edge, 3 a parameter), the parameter's index, first point, points |
//! | 4 × points | frame (i64), value (f32), way to the next point (f32): 2 holds, -1 to 1 is the bend |
//! | 8 × stretches | of the tempo, from tick 0 on: tick (i64), the frame where it begins (i64) and what is beyond it in 2^-32 frames, the tempo at its beginning and the one that it goes to evenly in time (or the same) in thousandths of a beat per minute, 0 |
//! | 6 × metres | from tick 0 on: tick (i64), beats in a bar, beat unit, the number of its first click (i64) |
//! | rest | the conversions' coefficients (f32), as `dsp::resample` lays them out |
//!
//! The clips of a track lie together, sorted by first audible frame, and form an implicit interval tree: the root of
//! the range `[low, high)` is its middle, and each clip knows the latest end in its own range. Finding what sounds in a block
//! costs the logarithm of the clips, whatever else the track holds.
//!
//! Devices and edges of a track lie together, the tracks in their order, the master's devices last. Edges lead to tracks (and to
//! devices of tracks) that come later in the order of processing, so that nothing can feed back.

mod arriving;
mod check;
mod graph;
mod view;

use core::fmt;

pub use arriving::Arriving;
pub(crate) use arriving::seal;
pub use graph::{DeviceRecord, EdgeKind, EdgeRecord, LaneRecord, LaneRecordTarget, PointRecord};
pub(crate) use graph::{HOLD, NONE, code_of};
pub use view::{ClipRecord, ConversionRecord, PlanView, SourceRecord, TrackRecord};

/// "UNPL", as the first word's bytes.
pub const MAGIC: u32 = u32::from_le_bytes(*b"UNPL");
/// The layout's version. A plan never outlives the program that made it, so only this one is read.
pub const VERSION: u32 = 4;
/// The most tracks in a plan.
pub const TRACKS_MAX: usize = 1_024;
/// The most clips in a plan.
pub const CLIPS_MAX: usize = 262_144;
/// The most devices in a plan, the master's included.
pub const DEVICES_MAX: usize = 4_096;
/// The most edges in a plan: outputs, sends and sidechains.
pub const EDGES_MAX: usize = 16_384;
/// The most lanes of automation in a plan.
pub const LANES_MAX: usize = 16_384;
/// The most points of automation in a plan.
pub const POINTS_MAX: usize = 1_048_576;
/// The longest delay in frames that aligns one sound with another (over 5 s at 192 kHz).
pub const WAIT_MAX: u32 = 1 << 20;
/// The most frames of all delays together: 128 MiB.
pub const WAITS_MAX: u64 = 1 << 24;
/// The most sources in a plan.
pub const SOURCES_MAX: usize = 32_768;
/// The most different source rates that one plan converts.
pub const CONVERSIONS_MAX: usize = 16;
/// Frames of the timeline and of sources lie within ± this (66 days at 192 kHz).
pub const FRAME_MAX: i64 = 1 << 40;
/// The largest linear factor of a clip, a track or the master (+24 dB).
pub const GAIN_MAX: f32 = 16.0;

pub(crate) const HEADER_WORDS: usize = 32;
pub(crate) const TRACK_WORDS: usize = 24;
pub(crate) const CLIP_WORDS: usize = 18;
pub(crate) const SOURCE_WORDS: usize = 8;
pub(crate) const CONVERSION_WORDS: usize = 8;
pub(crate) const DEVICE_WORDS: usize = 12;
pub(crate) const EDGE_WORDS: usize = 8;
pub(crate) const LANE_WORDS: usize = 4;
pub(crate) const POINT_WORDS: usize = 4;
pub(crate) use crate::metronome::METRE_WORDS;
pub(crate) use crate::tempo::STRETCH_WORDS;
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
    /// The device of this index, or one of its values, is wrong.
    Device(u32),
    /// The edge of this index is wrong.
    Edge(u32),
    /// The lane of this index, or one of its points, is wrong.
    Lane(u32),
    /// The delays together are too long.
    Waits,
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
            PlanError::Device(index) => write!(f, "the plan's device {index} is wrong"),
            PlanError::Edge(index) => write!(f, "the plan's edge {index} is wrong"),
            PlanError::Lane(index) => write!(f, "the plan's lane {index} is wrong"),
            PlanError::Waits => write!(f, "the plan's delays are too long"),
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
