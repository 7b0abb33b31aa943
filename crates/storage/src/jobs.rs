//! Work that outlives the request that asked for it: a durable queue with leases.

use model::{Id, Timestamp};

/// A job to be enqueued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: Id,
    /// What kind of work it is; workers ask by kind.
    pub kind: String,
    /// When given, a second job of this key is not enqueued, unless the first is dead: it then starts afresh.
    pub unique_key: Option<String>,
    /// What to work on.
    pub payload: serde_json::Value,
    /// Greater goes first.
    pub priority: i64,
    /// Not before.
    pub run_after: Timestamp,
    /// How many times it may be begun before it is dead.
    pub attempts_max: u32,
    /// When it was enqueued.
    pub now: Timestamp,
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits for a worker (or for its time).
    Ready,
    /// A worker holds its lease.
    Running,
    /// It has succeeded.
    Done,
    /// It has failed as often as it may, or for good.
    Dead,
}

impl JobState {
    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JobState::Ready => "ready",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Dead => "dead",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<JobState> {
        [JobState::Ready, JobState::Running, JobState::Done, JobState::Dead]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// A job as the queue holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: Id,
    /// What kind of work it is.
    pub kind: String,
    /// What to work on.
    pub payload: serde_json::Value,
    /// What it is doing.
    pub state: JobState,
    /// How many times it has been begun, this time included.
    pub attempts: u32,
    /// How many times it may be.
    pub attempts_max: u32,
    /// Not before.
    pub run_after: Timestamp,
    /// Until when its worker may be silent.
    pub leased_until: Option<Timestamp>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// How an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub error: String,
    /// When to try again, unless the attempts are used up; `None` gives up at once.
    pub retry_at: Option<Timestamp>,
    /// Whether this was one of the attempts that it may have; else it is tried again however often it was.
    pub is_counted: bool,
    /// When it failed.
    pub now: Timestamp,
}

/// What is noted of a job whose worker was silent past its lease.
pub const LOST: &str = "the worker was lost";
