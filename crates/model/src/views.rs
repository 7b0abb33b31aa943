//! Records read as what they are: a project, a track, a clip. What a record lacks takes its default.

use dsp::fade::Shape;

use crate::{Bpm, Id, Record, Role, Ticks, TimeSignature};

/// A song.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Tempo.
    pub bpm: Bpm,
    /// Metre.
    pub time_signature: TimeSignature,
    /// The rate at which the engine runs, in Hz.
    pub sample_rate: u32,
    /// The master fader, a linear factor.
    pub master_volume: f64,
    /// Whether it is deleted.
    pub deleted: bool,
}

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackKind {
    /// Recordings.
    Audio,
    /// Notes.
    Midi,
    /// What other tracks send to it.
    Bus,
    /// What the tracks of a group put out.
    Group,
}

/// A track.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// What it carries.
    pub kind: TrackKind,
    /// The fader, a linear factor 0..2.
    pub volume: f64,
    /// -1 left, 0 centre, 1 right.
    pub pan: f64,
    /// Silenced.
    pub muted: bool,
    /// Heard alone.
    pub solo: bool,
    /// `#rrggbb`, when one was chosen.
    pub colour: Option<String>,
    /// Its place among the tracks.
    pub order_key: String,
}

/// A clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Its id.
    pub id: Id,
    /// The track that it lies on.
    pub track_id: Id,
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub start: Ticks,
    /// How long it is.
    pub duration: Ticks,
    /// The recording that it plays.
    pub audio_file_id: Option<Id>,
    /// Seconds of the recording trimmed from its start.
    pub audio_start_offset: f64,
    /// Seconds of the recording trimmed from its end.
    pub audio_end_offset: f64,
    /// A linear factor 0..2.
    pub gain: f64,
    /// Length of the fade in.
    pub fade_in: Ticks,
    /// Length of the fade out.
    pub fade_out: Ticks,
    /// How much of the fade in lies before the clip.
    pub fade_in_before: Ticks,
    /// How much of the fade out lies behind the clip.
    pub fade_out_behind: Ticks,
    /// How it fades in.
    pub fade_in_shape: Shape,
    /// How it fades out.
    pub fade_out_shape: Shape,
    /// Whether it plays its recording backwards.
    pub reversed: bool,
    /// How much is repeated; 0 when nothing is.
    pub repeated: Ticks,
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioFileState {
    /// The record is here, the bytes are not.
    Awaiting,
    /// The bytes are here; the job that measures them has not finished.
    Uploaded,
    /// It can be played.
    Ready,
    /// It is no audio; `refusal` says why.
    Refused,
}

/// A recording.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioFile {
    /// Its id.
    pub id: Id,
    /// Its name, as it was uploaded.
    pub filename: String,
    /// How far it has come.
    pub state: AudioFileState,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// SHA-256 of its bytes, hexadecimal.
    pub content_hash: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Its length in seconds, once measured.
    pub duration_seconds: Option<f64>,
    /// Its length in frames, once measured.
    pub frames: Option<u64>,
    /// Hz, once measured.
    pub sample_rate: Option<u32>,
    /// Once measured.
    pub channels: Option<u32>,
}

/// A place at which the tempo changes.
#[derive(Clone, Debug, PartialEq)]
pub struct TempoChange {
    /// Its id.
    pub id: Id,
    /// Where.
    pub at: Ticks,
    /// The tempo from there on.
    pub bpm: Bpm,
    /// Whether the tempo has gone there evenly in time since the change before; else it jumps.
    pub ramp: bool,
}

/// A place at which the metre changes. A bar begins with it.
#[derive(Clone, Debug, PartialEq)]
pub struct MetreChange {
    /// Its id.
    pub id: Id,
    /// Where.
    pub at: Ticks,
    /// The metre from there on.
    pub time_signature: TimeSignature,
}

/// A membership.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The record's id.
    pub id: Id,
    /// Who.
    pub user_id: Id,
    /// As what.
    pub role: Role,
}

fn ticks(record: &Record, field: &str) -> Ticks {
    record.number(field).and_then(Ticks::from_beats).unwrap_or_default()
}

fn shape(record: &Record, field: &str) -> Shape {
    record.text(field).and_then(Shape::from_id).unwrap_or_default()
}

fn owned(record: &Record, field: &str) -> String {
    record.text(field).unwrap_or_default().to_owned()
}

fn flag(record: &Record, field: &str) -> bool {
    record.get(field).as_bool().unwrap_or(false)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-int cast saturates")]
fn whole(record: &Record, field: &str) -> Option<u64> {
    record.number(field).map(|number| number as u64)
}

fn small(record: &Record, field: &str) -> Option<u32> {
    whole(record, field).and_then(|number| u32::try_from(number).ok())
}

impl Project {
    /// Reads a record of `projects`.
    #[must_use]
    pub fn from_record(record: &Record) -> Project {
        Project {
            id: record.id().clone(),
            name: owned(record, "name"),
            bpm: record.number("bpm").and_then(Bpm::new).unwrap_or_default(),
            time_signature: record.text("timeSignature").and_then(TimeSignature::parse).unwrap_or_default(),
            sample_rate: small(record, "sampleRate").unwrap_or(48_000),
            master_volume: record.number("masterVolume").unwrap_or(1.0),
            deleted: record.is_deleted(),
        }
    }
}

impl Track {
    /// Reads a record of `tracks`.
    #[must_use]
    pub fn from_record(record: &Record) -> Track {
        Track {
            id: record.id().clone(),
            name: owned(record, "name"),
            kind: match record.text("type") {
                Some("midi") => TrackKind::Midi,
                Some("bus") => TrackKind::Bus,
                Some("group") => TrackKind::Group,
                _ => TrackKind::Audio,
            },
            volume: record.number("volume").unwrap_or(1.0),
            pan: record.number("pan").unwrap_or(0.0),
            muted: flag(record, "muted"),
            solo: flag(record, "solo"),
            colour: record.text("colour").map(str::to_owned),
            order_key: owned(record, "orderKey"),
        }
    }
}

impl Clip {
    /// Reads a record of `clips`; `None` when it names no track.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<Clip> {
        Some(Clip {
            id: record.id().clone(),
            track_id: record.id_in("trackId")?,
            name: owned(record, "name"),
            start: ticks(record, "startBeat"),
            duration: ticks(record, "durationBeats"),
            audio_file_id: record.id_in("audioFileId"),
            audio_start_offset: record.number("audioStartOffset").unwrap_or(0.0),
            audio_end_offset: record.number("audioEndOffset").unwrap_or(0.0),
            gain: record.number("gain").unwrap_or(1.0),
            fade_in: ticks(record, "fadeIn"),
            fade_out: ticks(record, "fadeOut"),
            fade_in_before: ticks(record, "fadeInBefore"),
            fade_out_behind: ticks(record, "fadeOutBehind"),
            fade_in_shape: shape(record, "fadeInShape"),
            fade_out_shape: shape(record, "fadeOutShape"),
            reversed: flag(record, "reversed"),
            repeated: ticks(record, "loopBeats"),
        })
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> Ticks {
        self.start + self.duration
    }

    /// How far behind its start its fade in ends.
    #[must_use]
    pub fn fade_in_reach(&self) -> Ticks {
        (self.fade_in - self.fade_in_before).max(Ticks(0))
    }

    /// How far before its end its fade out begins.
    #[must_use]
    pub fn fade_out_reach(&self) -> Ticks {
        (self.fade_out - self.fade_out_behind).max(Ticks(0))
    }
}

impl AudioFile {
    /// Reads a record of `audio_files`.
    #[must_use]
    pub fn from_record(record: &Record) -> AudioFile {
        AudioFile {
            id: record.id().clone(),
            filename: owned(record, "filename"),
            state: match record.text("state") {
                Some("uploaded") => AudioFileState::Uploaded,
                Some("ready") => AudioFileState::Ready,
                Some("refused") => AudioFileState::Refused,
                _ => AudioFileState::Awaiting,
            },
            refusal: record.text("refusal").map(str::to_owned),
            content_hash: owned(record, "contentHash"),
            size_bytes: whole(record, "sizeBytes").unwrap_or(0),
            duration_seconds: record.number("durationSeconds"),
            frames: whole(record, "frames"),
            sample_rate: small(record, "sampleRate"),
            channels: small(record, "channels"),
        }
    }
}

impl TempoChange {
    /// Reads a record of `tempo_changes`; `None` when it is broken.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<TempoChange> {
        Some(TempoChange {
            id: record.id().clone(),
            at: ticks(record, "beat"),
            bpm: record.number("bpm").and_then(Bpm::new)?,
            ramp: record.text("curve") == Some("ramp"),
        })
    }
}

impl MetreChange {
    /// Reads a record of `time_signatures`; `None` when it is broken.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<MetreChange> {
        let time_signature = record.text("timeSignature").and_then(TimeSignature::parse)?;
        Some(MetreChange { id: record.id().clone(), at: ticks(record, "beat"), time_signature })
    }
}

impl Member {
    /// Reads a record of `project_members`; `None` when it is deleted or broken.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<Member> {
        let role = Role::from_name(record.text("role")?)?;
        (!record.is_deleted()).then_some(())?;
        Some(Member { id: record.id().clone(), user_id: record.id_in("userId")?, role })
    }
}
