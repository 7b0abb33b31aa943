//! Where things are kept: the database, the blobs, the jobs.
//!
//! **Invariant:** SQL is written nowhere else. Time, identifiers and secrets are arguments: nothing here reads a clock or
//! makes a random number, so that the simulator can drive it.

mod accounts;
pub mod blobs;
mod commit;
mod database;
mod exports;
mod invitations;
mod jobs;
mod memory;
mod replay;
mod sqlite;
mod store;
mod stored;
mod turns;

pub use accounts::{
    Account, Admission, FORMER_MEMBER, NewSession, NewTicket, NewUser, Purpose, SESSIONS_PER_USER_MAX, Session,
    TokenHash,
};
pub use blobs::{BlobKey, BlobWriter, Blobs, Kept, PartialName, PartialWriter, Partials, ReadSeek, Stored};
pub use commit::{
    Batch, CommitError, Loaded, LogEntry, LogPosition, Logged, Materialisation, NewCommit, PayloadHash, Snapshot,
    is_written_through,
};
pub use database::Database;
pub use exports::{Export, ExportBytes, ExportFile, ExportPlaces, ExportState, NewExport, Queued};
pub use invitations::{Invitation, NewInvitation, Redeemed, Spent};
pub use jobs::{Failed, Job, JobState, LOST, NewJob};
pub use memory::{DiskFault, MemoryStore};
pub use sqlite::{OpenError, SqliteStore};
pub use store::{Reply, Store, StoreError};
pub use turns::USED_HALVES_MS;
