//! Why a song cannot be compiled.

use core::fmt;

use dsp::resample::RateError;

#[cfg(doc)]
use crate::plan::WAIT_MAX;
use crate::plan::{
    CLIPS_MAX, CONVERSIONS_MAX, DEVICES_MAX, EDGES_MAX, GAIN_MAX, LANES_MAX, POINTS_MAX, SOURCES_MAX, TRACKS_MAX,
};
use crate::tempo::CHANGES_MAX;

/// Why a song cannot be compiled. Tracks and clips are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// The engine does not run at this rate.
    SampleRate(u32),
    /// Not 20 to 300 beats per minute.
    Tempo(u32),
    /// More changes of tempo than [`CHANGES_MAX`].
    TooManyTempos,
    /// A change of tempo that is not behind the song's start, or out of reach.
    TempoPlace(usize),
    /// Not 1 to 64 beats of 1/1 to 1/32; or a change of metre that is not behind the song's start, or out of reach; or more of
    /// those than [`CHANGES_MAX`].
    TimeSignature,
    /// More tracks than [`TRACKS_MAX`].
    TooManyTracks,
    /// More clips than [`CLIPS_MAX`].
    TooManyClips,
    /// More sources than [`SOURCES_MAX`].
    TooManySources,
    /// More different source rates than [`CONVERSIONS_MAX`].
    TooManyRates,
    /// The master's volume is not 0 to [`GAIN_MAX`].
    MasterVolume,
    /// More devices than [`DEVICES_MAX`].
    TooManyDevices,
    /// More outputs, sends and sidechains than [`EDGES_MAX`].
    TooManySends,
    /// More lanes than [`LANES_MAX`], or points than [`POINTS_MAX`].
    TooMuchAutomation,
    /// Devices together are later than [`WAIT_MAX`], or all that waits for them takes too much memory.
    TooLate,
    /// Two tracks have one id.
    SameTrack(usize),
    /// A device has another's id; the track, or one beyond the last for the master.
    SameDevice(usize),
    /// A send has another's id.
    SameSend(usize),
    /// A track's output, send or sidechain (or the master's) leads to no track.
    Target(usize),
    /// A send's gain is not 0 to [`GAIN_MAX`].
    Send(usize),
    /// What leaves a track comes back to it, or to one that it waits for.
    Circle(usize),
    /// A device's values are not those of its table.
    Device(usize),
    /// A lane of a track moves what is not there, or to where it cannot go.
    Lane(usize),
    /// A track's volume is not 0 to [`GAIN_MAX`], or its pan not -1 to 1.
    Track(usize),
    /// A clip names a source that the song does not list.
    UnknownSource(usize, usize),
    /// A clip's gain is not 0 to [`GAIN_MAX`].
    ClipGain(usize, usize),
    /// A clip's place, length, offset or fade is negative where it must not be, no number, or out of reach.
    ClipPlace(usize, usize),
    /// Two sources have one id.
    SameSource(usize),
    /// A source has no channel, or too many frames.
    Source(usize),
    /// A source's rate cannot be converted.
    SourceRate(usize, RateError),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::SampleRate(rate) => write!(f, "the engine does not run at {rate} Hz"),
            CompileError::Tempo(bpm) => write!(f, "a tempo of {bpm}/1000 beats per minute is not within 20 to 300"),
            CompileError::TooManyTempos => write!(f, "more than {CHANGES_MAX} changes of tempo"),
            CompileError::TempoPlace(change) => write!(f, "change of tempo {change}: its place is out of range"),
            CompileError::TimeSignature => write!(
                f,
                "a time signature is not 1 to 64 beats of 1/1 to 1/32, its place is out of range, or there are more than \
                 {CHANGES_MAX}"
            ),
            CompileError::TooManyTracks => write!(f, "more than {TRACKS_MAX} tracks"),
            CompileError::TooManyClips => write!(f, "more than {CLIPS_MAX} clips"),
            CompileError::TooManySources => write!(f, "more than {SOURCES_MAX} recordings"),
            CompileError::TooManyRates => write!(f, "more than {CONVERSIONS_MAX} different sample rates"),
            CompileError::MasterVolume => write!(f, "the master volume is not 0 to {GAIN_MAX}"),
            CompileError::TooManyDevices => write!(f, "more than {DEVICES_MAX} devices"),
            CompileError::TooManySends => write!(f, "more than {EDGES_MAX} outputs, sends and sidechains"),
            CompileError::TooMuchAutomation => {
                write!(f, "more than {LANES_MAX} lanes of automation, or {POINTS_MAX} points")
            }
            CompileError::TooLate => write!(f, "the latencies of the devices add up to too much"),
            CompileError::SameDevice(track) => write!(f, "track {track} has a device with another's id"),
            CompileError::SameSend(track) => write!(f, "track {track} has a send with another's id"),
            CompileError::Target(track) => write!(f, "track {track} leads to, or listens to, no track"),
            CompileError::Send(track) => write!(f, "track {track}: a send's gain is out of range"),
            CompileError::Circle(track) => write!(f, "track {track}: what leaves it comes back"),
            CompileError::Device(track) => write!(f, "track {track}: a device's values are not those of its kind"),
            CompileError::Lane(track) => write!(f, "track {track}: automation of what is not there, or out of range"),
            CompileError::SameTrack(track) => write!(f, "track {track} has another track's id"),
            CompileError::Track(track) => write!(f, "track {track}: volume or pan is out of range"),
            CompileError::UnknownSource(track, clip) => write!(f, "track {track}, clip {clip}: no such recording"),
            CompileError::ClipGain(track, clip) => write!(f, "track {track}, clip {clip}: gain is out of range"),
            CompileError::ClipPlace(track, clip) => {
                write!(f, "track {track}, clip {clip}: place or length is out of range")
            }
            CompileError::SameSource(source) => write!(f, "recording {source} has another recording's id"),
            CompileError::Source(source) => write!(f, "recording {source}: no channel, or too long"),
            CompileError::SourceRate(source, error) => write!(f, "recording {source}: {error}"),
        }
    }
}

impl std::error::Error for CompileError {}
