//! Files that people have made of projects.

use model::{Id, Timestamp};

use crate::BlobKey;

/// An export to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExport {
    /// Its id.
    pub id: Id,
    /// Of what.
    pub project: Id,
    /// For whom.
    pub user: Id,
    /// The file's name, without its ending.
    pub name: String,
    /// What to make.
    pub settings: serde_json::Value,
    /// Whether its stems are wanted, not the mix.
    pub stems: bool,
    /// The entry of the project's log after which the song is exported.
    pub seq: u64,
    /// How much there is to do: by so much this person's next one comes later, when others wait as well.
    pub weight: u32,
    /// When it was asked for.
    pub now: Timestamp,
}

/// How an export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// Nobody has begun it.
    Waiting,
    /// It is being made.
    Running,
    /// The file is here.
    Done,
    /// It could not be made.
    Failed,
    /// Whoever asked for it does not want it any more.
    Cancelled,
    /// Nobody sees it any more, but its bytes may be here.
    Removed,
}

impl ExportState {
    const ALL: [ExportState; 6] = [
        ExportState::Waiting,
        ExportState::Running,
        ExportState::Done,
        ExportState::Failed,
        ExportState::Cancelled,
        ExportState::Removed,
    ];

    /// Its name in the database, and for clients.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ExportState::Waiting => "waiting",
            ExportState::Running => "running",
            ExportState::Done => "done",
            ExportState::Failed => "failed",
            ExportState::Cancelled => "cancelled",
            ExportState::Removed => "removed",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<ExportState> {
        ExportState::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether there is something left to do.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        matches!(self, ExportState::Waiting | ExportState::Running)
    }
}

/// The file of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFile {
    /// Its bytes.
    pub blob: BlobKey,
    /// How many there are.
    pub bytes: u64,
}

/// An export.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Its id.
    pub id: Id,
    /// Of what.
    pub project: Id,
    /// For whom.
    pub user: Id,
    /// The file's name, without its ending.
    pub name: String,
    /// What to make.
    pub settings: serde_json::Value,
    /// Whether its stems are wanted, not the mix.
    pub stems: bool,
    /// The entry of the project's log after which the song is exported.
    pub seq: u64,
    /// How it stands.
    pub state: ExportState,
    /// How far it is, from 0 to 1.
    pub progress: f64,
    /// Why it could not be made.
    pub error: Option<String>,
    /// What was made.
    pub file: Option<ExportFile>,
    /// When it was asked for.
    pub created: Timestamp,
    /// Until when it is kept; `None` while it is under way.
    pub expires: Option<Timestamp>,
}

impl Export {
    /// The blob of what was made.
    #[must_use]
    pub fn blob(&self) -> Option<&BlobKey> {
        self.file.as_ref().map(|file| &file.blob)
    }
}

/// How many exports may wait or be made at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportPlaces {
    /// Of one person.
    pub of_user: u64,
    /// Of all.
    pub of_all: u64,
    /// Of one person, with those that are over and not forgotten yet.
    pub known_of_user: u64,
}

/// What became of the wish for an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    /// It waits, and so does its job.
    Waiting,
    /// This person has as many under way as they may.
    UserFull,
    /// The server has.
    ServerFull,
}

/// Bytes that exports take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportBytes {
    /// Of one person.
    pub of_user: u64,
    /// Of all.
    pub of_all: u64,
}
