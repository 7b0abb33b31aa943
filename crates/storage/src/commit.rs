//! What is written to a log, and what is read from one.

use std::collections::BTreeSet;

use model::{Id, Key, Record, Records, Table};
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

/// Entries for the end of one log, the records that must be found in their tables at once, and the jobs that the entries
/// ask for: kept together or not at all (WR4).
///
/// The log is what is kept; rows follow (WR8). A record that others than its room look for is written through, see
/// [`Batch::written_through`]; every other one waits for [`crate::Store::materialise`].
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
    /// The records that are written through, each once, as the last entry leaves them.
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

/// A log's state after its last entry (WR8): the rows, and what the log's tail has changed since.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Which log.
    pub epoch: Id,
    /// Its last entry.
    pub seq: u64,
    /// Every record of the scope, deleted ones included.
    pub records: Vec<(Table, Record)>,
    /// The entry up to which every row has been written.
    pub materialised_seq: u64,
    /// The records whose rows lack something of the entries after that.
    pub behind: BTreeSet<Key>,
    /// About how many bytes the log takes up to that entry, with the snapshots beside it.
    pub log_bytes: u64,
}

/// Rows to be written behind the log (WR8).
#[derive(Clone, Debug, PartialEq)]
pub struct Materialisation {
    /// Whose.
    pub scope: Scope,
    /// Of which log.
    pub epoch: Id,
    /// The records are all that the entries after this one have changed, but for those that were written through.
    pub since: u64,
    /// The entry after which the records are as they are here.
    pub seq: u64,
    /// The records.
    pub records: Vec<(Table, Record)>,
    /// About how many bytes those entries take in the log, with what undoes them.
    pub log_bytes: u64,
}

/// A project's records of one moment, to be kept beside its log (WR12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose.
    pub scope: Scope,
    /// Of which log.
    pub epoch: Id,
    /// The entry that left the records so.
    pub seq: u64,
    /// The records, in whatever form the caller reads again.
    pub records: Vec<u8>,
}

/// An entry of the log, with what undoes it: what going back through the history needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// The entry.
    pub commit: Commit,
    /// What undoes it.
    pub inverse: Vec<Operation>,
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

/// Whether rows of this table are written with every commit: people, projects, members and recordings are looked for by
/// those who have no room at hand, and are small.
#[must_use]
pub fn is_written_through(table: Table) -> bool {
    matches!(table, Table::Users | Table::Projects | Table::ProjectMembers | Table::AudioFiles)
}

/// Whether the row that this operation changes is written with its commit. A new record's is: its id must be found to
/// belong to its project.
fn writes_through(operation: &Operation) -> bool {
    is_written_through(operation.target.table) || operation.is_creation()
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
    /// The records that these entries write through; `records` is the state that the last of them leaves.
    #[must_use]
    pub fn written_through(commits: &[NewCommit], records: &Records) -> Vec<(Table, Record)> {
        let operations = commits.iter().flat_map(|new| &new.commit.operations);
        let keys: BTreeSet<&Key> = operations.filter(|it| writes_through(it)).map(|it| &it.target).collect();
        keys.into_iter().filter_map(|key| Some((key.table, records.get(key)?.clone()))).collect()
    }

    /// The last entry.
    pub(crate) fn last_seq(&self) -> u64 {
        self.commits.last().map_or(self.expected_seq, |new| new.commit.seq)
    }

    /// Whether the records are all that the entries change.
    pub(crate) fn is_whole(&self) -> bool {
        let written: BTreeSet<(Table, &Id)> = self.records.iter().map(|(table, it)| (*table, it.id())).collect();
        let mut operations = self.commits.iter().flat_map(|new| &new.commit.operations);
        operations.all(|it| written.contains(&(it.target.table, &it.target.id)))
    }

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
        check_belonging(&self.scope, &self.records)?;
        let written: BTreeSet<(Table, &Id)> = self.records.iter().map(|(table, it)| (*table, it.id())).collect();
        for operation in self.commits.iter().flat_map(|new| &new.commit.operations) {
            let key = &operation.target;
            if writes_through(operation) && !written.contains(&(key.table, &key.id)) {
                return Err(malformed(format!("{key} has to be written with its commit")));
            }
        }
        Ok(())
    }
}

impl Materialisation {
    /// Whether it agrees with itself.
    pub(crate) fn check(&self) -> Result<(), CommitError> {
        check_belonging(&self.scope, &self.records)
    }
}

fn check_belonging(scope: &Scope, records: &[(Table, Record)]) -> Result<(), CommitError> {
    match records.iter().find(|(table, record)| !belongs(scope, *table, record)) {
        Some((table, record)) => Err(malformed(format!("{table}:{} belongs elsewhere", record.id()))),
        None => Ok(()),
    }
}
