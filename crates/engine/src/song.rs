//! What to play, in the musician's terms: the compiler's input.

/// A song. Positions are ticks, [`crate::TICKS_PER_BEAT`] to the beat.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    /// The rate at which the engine runs, in Hz.
    pub sample_rate: u32,
    /// Tempo in thousandths of a beat per minute, 20,000 to 300,000.
    pub bpm_milli: u32,
    /// Metre; only the metronome hears it.
    pub time_signature: TimeSignature,
    /// The tracks in the order in which they are summed.
    pub tracks: Vec<Track>,
    /// What all tracks go through.
    pub master: Master,
    /// The recordings that clips may name.
    pub sources: Vec<SourceInfo>,
}

/// A metre, such as 6/8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSignature {
    /// Beats of the metronome in a bar, 1 to 64.
    pub beats: u32,
    /// The note value of one of them: 1, 2, 4, 8, 16 or 32. A quarter note is one beat of the tempo.
    pub unit: u32,
}

/// The master channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Master {
    /// A linear factor.
    pub volume: f64,
}

/// A track.
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
    /// While any track is solo, only solo tracks that are not muted sound.
    pub solo: bool,
    /// Its clips in any order. Clips that overlap are summed.
    pub clips: Vec<Clip>,
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
    /// Length of the linear fade from silence at its start.
    pub fade_in_ticks: i64,
    /// Length of the linear fade to silence at its end.
    pub fade_out_ticks: i64,
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
