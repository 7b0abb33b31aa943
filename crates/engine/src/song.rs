//! What to play, in the musician's terms: the compiler's input.

use dsp::fade::Shape;

use crate::TempoChange;

/// A song. Positions are ticks, [`crate::TICKS_PER_BEAT`] to the beat.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    /// The rate at which the engine runs, in Hz.
    pub sample_rate: u32,
    /// Tempo at the start, in thousandths of a beat per minute, 20,000 to 300,000.
    pub bpm_milli: u32,
    /// Where it changes, in any order.
    pub tempo_changes: Vec<TempoChange>,
    /// Metre at the start; only the metronome hears it.
    pub time_signature: TimeSignature,
    /// Where it changes, in any order.
    pub metre_changes: Vec<MetreChange>,
    /// The tracks in the order in which they are summed.
    pub tracks: Vec<Track>,
    /// What all tracks go through.
    pub master: Master,
    /// The recordings that clips may name.
    pub sources: Vec<SourceInfo>,
}

impl Default for Song {
    /// Without a track, at 48 kHz, 120 beats a minute and 4/4.
    fn default() -> Song {
        Song {
            sample_rate: 48_000,
            bpm_milli: 120_000,
            tempo_changes: Vec::new(),
            time_signature: TimeSignature { beats: 4, unit: 4 },
            metre_changes: Vec::new(),
            tracks: Vec::new(),
            master: Master::default(),
            sources: Vec::new(),
        }
    }
}

/// A metre, such as 6/8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSignature {
    /// Beats of the metronome in a bar, 1 to 64.
    pub beats: u32,
    /// The note value of one of them: 1, 2, 4, 8, 16 or 32. A quarter note is one beat of the tempo.
    pub unit: u32,
}

impl TimeSignature {
    /// Whether both numbers are within their bounds.
    #[must_use]
    pub fn is_sound(self) -> bool {
        (1..=64).contains(&self.beats) && matches!(self.unit, 1 | 2 | 4 | 8 | 16 | 32)
    }
}

/// A change of metre. A bar begins with it; the one before may be shorter than its metre says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetreChange {
    /// Where, behind tick 0.
    pub ticks: i64,
    /// The metre from here on.
    pub time_signature: TimeSignature,
}

/// The master channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Master {
    /// A linear factor, behind the devices.
    pub volume: f64,
    /// What the sum goes through, in this order. Their sidechains may be any track.
    pub devices: Vec<Device>,
    /// What moves on its own: the volume, and the devices' parameters.
    pub lanes: Vec<Lane>,
}

impl Default for Master {
    fn default() -> Self {
        Self { volume: 1.0, devices: Vec::new(), lanes: Vec::new() }
    }
}

/// A track: clips, and what other tracks bring to it, through devices and a fader to where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its identity from one plan to the next, such as a hash of its record's id; unique within the song. By it the
    /// processor knows which fader moved.
    pub id: u64,
    /// The fader, a linear factor.
    pub volume: f64,
    /// -1 left to 1 right; the law is [`dsp::pan::balance`].
    pub pan: f64,
    /// Silent.
    pub muted: bool,
    /// While any track is solo, only solo tracks sound, with the way to the master that they take and what leads into them.
    pub solo: bool,
    /// Its clips in any order. Clips that overlap are summed.
    pub clips: Vec<Clip>,
    /// Its devices, in the order in which the sound goes through them, all before the fader.
    pub devices: Vec<Device>,
    /// The `id` of the track that it goes to; the master without one.
    pub output: Option<u64>,
    /// Where else it goes.
    pub sends: Vec<Send>,
    /// What moves on its own.
    pub lanes: Vec<Lane>,
}

impl Default for Track {
    /// A track without anything, whose id is 0.
    fn default() -> Self {
        Self {
            id: 0,
            volume: 1.0,
            pan: 0.0,
            muted: false,
            solo: false,
            clips: Vec::new(),
            devices: Vec::new(),
            output: None,
            sends: Vec::new(),
            lanes: Vec::new(),
        }
    }
}

/// A device in a track or in the master.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its identity from one plan to the next, unique within the song: by it the processor finds the device that sounds.
    pub id: u64,
    /// What it is.
    pub kind: dsp::devices::Kind,
    /// Passed by. It keeps its latency.
    pub bypassed: bool,
    /// The values of all parameters, in the order of its table.
    pub values: Vec<f32>,
    /// The `id` of the track that it listens to, behind that track's devices and before its fader, muted or not.
    pub sidechain: Option<u64>,
}

/// A send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Send {
    /// Its identity from one plan to the next, unique within the song.
    pub id: u64,
    /// The `id` of the track that it goes to.
    pub target: u64,
    /// A linear factor.
    pub gain: f64,
    /// Whether it leaves before the fader, pan and their automation; a muted track sends nothing either way.
    pub pre: bool,
}

/// Automation of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What moves.
    pub target: LaneTarget,
    /// Where it is when, in any order; of points at one tick the last one counts. Before the first and behind the last it
    /// stays where they are.
    pub points: Vec<Point>,
}

/// What a lane moves, in its own track or in the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneTarget {
    /// The fader.
    Volume,
    /// The pan.
    Pan,
    /// The gain of the send at this index.
    Send(usize),
    /// A parameter: the index of the device, and that of the parameter in its table.
    Parameter(usize, usize),
}

/// A point of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where.
    pub ticks: i64,
    /// The value there, in the parameter's unit.
    pub value: f64,
    /// How it goes on from here.
    pub way: Way,
}

/// How a parameter goes from one point to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// It stays, and jumps at the next point.
    Hold,
    /// Straight at 0, bent as [`dsp::bend`] says from -1 to 1. Frequencies and times go by equal ratios.
    Bent(f64),
}

/// A stretch of a recording on the timeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// Where it begins.
    pub start_ticks: i64,
    /// How long it sounds at most; it ends where its recording ends, if that is earlier.
    pub duration_ticks: i64,
    /// The `id` of one of the song's sources.
    pub source: u32,
    /// Seconds of the recording that come before the clip's start.
    pub source_offset_seconds: f64,
    /// Seconds trimmed from the recording's end.
    pub source_end_offset_seconds: f64,
    /// A linear factor.
    pub gain: f64,
    /// Length of the fade from silence, which begins at its start or before.
    pub fade_in_ticks: i64,
    /// Length of the fade to silence, which ends at its end or behind.
    pub fade_out_ticks: i64,
    /// How much of the fade in lies before the clip.
    pub fade_in_before_ticks: i64,
    /// How much of the fade out lies behind the clip.
    pub fade_out_behind_ticks: i64,
    /// How it fades in.
    pub fade_in_shape: Shape,
    /// How it fades out.
    pub fade_out_shape: Shape,
    /// Plays the recording turned around; both offsets count in the turned recording.
    pub reversed: bool,
    /// How much of it, from its start on, is repeated to its end; 0 repeats nothing.
    pub loop_ticks: i64,
}

impl Default for Clip {
    /// A clip of no length of source 0.
    fn default() -> Self {
        Self {
            start_ticks: 0,
            duration_ticks: 0,
            source: 0,
            source_offset_seconds: 0.0,
            source_end_offset_seconds: 0.0,
            gain: 1.0,
            fade_in_ticks: 0,
            fade_out_ticks: 0,
            fade_in_before_ticks: 0,
            fade_out_behind_ticks: 0,
            fade_in_shape: Shape::Linear,
            fade_out_shape: Shape::Linear,
            reversed: false,
            loop_ticks: 0,
        }
    }
}

/// What the compiler must know of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// The number under which the [`crate::Reader`] knows it; unique within the song.
    pub id: u32,
    /// Its sample rate in Hz.
    pub rate: u32,
    /// Its channels: 1 is mono; of more than two the first two are heard.
    pub channels: u32,
    /// Its length in frames.
    pub frames: u64,
}
