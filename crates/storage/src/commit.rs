//! What is written to a log, and what is read from one.

use model::{Id, Key, Record, Table};
use operations::{Commit, Operation, Scope};

use crate::NewJob;

/// BLAKE3 or any other 256-bit hash of what the author sent, to tell a repeat from a reused id (WR6).
pub type PayloadHash = [u8; 32];

/// One entry for the log, with what the log keeps beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCommit {
    /// The entry; its `seq` follows the one before it without a gap.
    pub commit: Commit,
    /// What undoes it.
    pub inverse: Vec<Operation>,
    /// Hash of what the author sent (WR6).
    pub payload_hash: PayloadHash,
}

/// Entries for the end of one log, the records that they leave, and the jobs that they ask for: kept together or not
/// at all (WR4).
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Whose log.
    pub scope: Scope,
    /// Which log (WR8). A log that does not exist yet is begun with this epoch.
    pub epoch: Id,
    /// The log's last entry as the writer knows it; checked inside the database transaction (WR4). 0: none yet.
    pub expected_seq: u64,
    /// The entries, in order, from `expected_seq + 1`.
    pub commits: Vec<NewCommit>,
    /// Every record that the entries changed, once, as the last of them leaves it.
    pub records: Vec<(Table, Record)>,
    /// Jobs to enqueue in the same database transaction.
    pub jobs: Vec<NewJob>,
}

/// Why a batch was not kept. Nothing of it was then written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The log has moved on, or is another one: load it again and resubmit (WR4, WR8).
    #[error("the log is at another place than was expected")]
    Stale {
        /// Where the log is; `None` when there is none.
        actual: Option<LogPosition>,
    },
    /// This author has used this transaction id before, in whatever log (WR6).
    #[error("the transaction {tx_id} of {author} is in the log already")]
    Duplicate {
        /// Who.
        author: Id,
        /// Which.
        tx_id: Id,
    },
    /// A record of this name belongs to another project: ids are unique across projects (OP4).
    #[error("the record {key} exists already")]
    Taken {
        /// Which.
        key: Key,
    },
    /// The batch contradicts itself: a gap in the numbers, or a record of another project. A fault of the caller's.
    #[error("the batch is malformed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// The database failed; nothing of the whole group was kept (WR7). The text is for the log, not for users (WR10).
    #[error("the database failed: {reason}")]
    Database {
        /// What it said.
        reason: String,
    },
}

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// Which log.
    pub epoch: Id,
    /// Its last entry.
    pub seq: u64,
}

/// A log's materialised state (WR8).
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Which log.
    pub epoch: Id,
    /// Its last entry.
    pub seq: u64,
    /// Every record of the scope, deleted ones included.
    pub records: Vec<(Table, Record)>,
}

/// Where a transaction stands in the logs (WR6).
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Whose log.
    pub scope: Scope,
    /// Its place there.
    pub seq: u64,
    /// The hash it was sent with.
    pub payload_hash: PayloadHash,
}

pub(crate) fn malformed(reason: impl Into<String>) -> CommitError {
    CommitError::Malformed { reason: reason.into() }
}

/// Whether a record may be written under this scope.
fn belongs(scope: &Scope, table: Table, record: &Record) -> bool {
    match (scope, table) {
        (Scope::User(user), Table::Users) => record.id() == user,
        (Scope::User(_), _) | (Scope::Project(_), Table::Users) => false,
        (Scope::Project(project), Table::Projects) => record.id() == project,
        (Scope::Project(project), _) => record.text("projectId") == Some(project.as_str()),
    }
}

impl Batch {
    /// Whether the batch agrees with itself: numbers without a gap, and only records of its scope.
    pub(crate) fn check(&self) -> Result<(), CommitError> {
        for (expected, new) in (self.expected_seq + 1..).zip(&self.commits) {
            if new.commit.seq != expected {
                return Err(malformed(format!("entry {} stands where {expected} belongs", new.commit.seq)));
            }
        }
        if self.commits.is_empty() && !self.records.is_empty() {
            return Err(malformed("records changed without an entry that says how"));
        }
        for (table, record) in &self.records {
            if !belongs(&self.scope, *table, record) {
                return Err(malformed(format!("{table}:{} belongs elsewhere", record.id())));
            }
        }
        Ok(())
    }
}
