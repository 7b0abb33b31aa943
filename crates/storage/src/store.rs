//! The door to the database.

use std::sync::mpsc;

use model::{Id, Key, Record, Role, Table, Timestamp};
use operations::{Commit, Scope};

use crate::{
    Account, Admission, Batch, BlobKey, CommitError, Export, ExportBytes, ExportFile, ExportPlaces, ExportState,
    Failed, Invitation, Job, JobState, Loaded, LogEntry, LogPosition, Logged, Materialisation, NewExport,
    NewInvitation, NewJob, NewSession, NewTicket, NewUser, Purpose, Queued, Redeemed, Session, Snapshot, TokenHash,
};

/// The database failed. The text is for the log, not for users (WR10).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database failed: {0}")]
pub struct StoreError(pub String);

/// Called once with one result per batch, in their order, when all of them are durable or refused. Runs on the
/// writer's thread: it must only hand the results on.
pub type Reply = Box<dyn FnOnce(Vec<Result<(), CommitError>>) + Send>;

type Answer<T> = Result<T, StoreError>;

/// Records, logs, accounts, sessions and jobs, kept durably (WR7). Calls block; see [`crate::Database`] for async code.
///
/// Every implementation passes one suite of contract tests (SI2).
pub trait Store: Send + Sync + 'static {
    // The log and the records.

    /// Keeps batches, each whole or not at all (WR4). Batches that wait together share one database transaction and
    /// one fsync; when that fails, all of them are refused (WR7).
    fn submit(&self, batches: Vec<Batch>, reply: Reply);

    /// [`Store::submit`], waiting for the results.
    fn commit(&self, batches: Vec<Batch>) -> Vec<Result<(), CommitError>> {
        let count = batches.len();
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(batches, Box::new(move |results| drop(sender.send(results))));
        let gone = || CommitError::Database { reason: "the writer has stopped".to_owned() };
        receiver.recv().unwrap_or_else(|_| (0..count).map(|_| Err(gone())).collect())
    }

    /// Writes rows behind the log, all or none; false when they were not written: the log is another one, or its rows are
    /// not where `since` says. Rows that are as new already stay as they are, so that twice is as good as once.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; so in all that follow.
    fn materialise(&self, rows: Materialisation) -> Answer<bool>;

    /// A scope's log and records after its last entry, of one moment; `None` when it has none.
    fn load(&self, scope: &Scope) -> Answer<Option<Loaded>>;

    /// Where a scope's log is; `None` when it has none.
    fn position(&self, scope: &Scope) -> Answer<Option<LogPosition>>;

    /// Calls the log of a scope by another name, if it is still called `epoch`: for one that has lost entries (WR8). Entries
    /// and records stay. False when it is another log, or there is none.
    fn renew_epoch(&self, scope: &Scope, epoch: &Id, fresh: &Id) -> Answer<bool>;

    /// The log's entries after `seq`, in order, at most `limit`.
    fn commits_since(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<Commit>>;

    /// The log's entries before `seq`, the last one first, at most `limit`.
    fn entries_before(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<LogEntry>>;

    /// Keeps a project's records of one moment beside its log (WR12); one that is kept already stays. False when the log is
    /// another one, or does not go so far.
    fn keep_snapshot(&self, snapshot: Snapshot) -> Answer<bool>;

    /// The first snapshot that was kept of entry `seq` of a scope's log or of a later one: of which, and its records.
    fn snapshot_from(&self, scope: &Scope, seq: u64) -> Answer<Option<(u64, Vec<u8>)>>;

    /// The last entry of a scope's log of which a snapshot was kept.
    fn last_snapshot(&self, scope: &Scope) -> Answer<Option<u64>>;

    /// Where an author's transaction stands (WR6).
    fn find_transaction(&self, author: &Id, tx_id: &Id) -> Answer<Option<Logged>>;

    /// The project that a record belongs to; `None` for users and for what does not exist.
    fn project_of(&self, key: &Key) -> Answer<Option<Id>>;

    /// Those of the records that exist, deleted ones included, as the logs leave them.
    fn records(&self, keys: &[Key]) -> Answer<Vec<(Table, Record)>>;

    /// The projects that a user can open, deleted ones left out, the last changed first.
    fn projects_of(&self, user: &Id) -> Answer<Vec<(Record, Role)>>;

    /// What a user is in a project; `None` for a non-member.
    fn role_of(&self, project: &Id, user: &Id) -> Answer<Option<Role>>;

    /// The members of a project, as their `users` records (e-mail included: see `model::roles::visible`), ordered by id.
    fn people_of(&self, project: &Id) -> Answer<Vec<(Record, Role)>>;

    /// Whether two users are members of a common project (U3).
    fn are_fellows(&self, one: &Id, other: &Id) -> Answer<bool>;

    // Accounts and sessions.

    /// Adds a user, their record and their credentials; false when the address or id is taken.
    fn create_user(&self, user: NewUser) -> Answer<bool>;

    /// [`Store::create_user`] with a ticket for it, which is used up when the user is made; or with the token of an
    /// invitation link that lets somebody in, which counts as used by them, as after [`Store::redeem_invitation`].
    fn admit_user(&self, user: NewUser, ticket: &TokenHash) -> Answer<Admission>;

    /// Who has this (normalised) address.
    fn account(&self, email: &str) -> Answer<Option<Account>>;

    /// What logging in needs to know of a user; `None` for nobody, and for those who have deleted their account.
    fn account_of(&self, user: &Id) -> Answer<Option<Account>>;

    /// Puts another hash in the place of a user's password hash. Their sessions end, but for `keep`, and their tickets are
    /// no longer good. False when there is no such user.
    fn set_password(&self, user: &Id, password_hash: &str, keep: Option<&TokenHash>, now: Timestamp) -> Answer<bool>;

    /// Ends an account: credentials, sessions and tickets are deleted, the `users` record becomes a stub that says only
    /// [`crate::FORMER_MEMBER`], and its own log, which knew the name, begins anew in this epoch. False when there is no
    /// account. Memberships are the caller's business: they stand in the projects' logs.
    fn delete_account(&self, user: &Id, epoch: &Id, now: Timestamp) -> Answer<bool>;

    /// Keeps a ticket.
    fn create_ticket(&self, ticket: NewTicket) -> Answer<()>;

    /// Whether a ticket is good for this; inside, whose it is.
    fn ticket(&self, token: &TokenHash, purpose: Purpose, now: Timestamp) -> Answer<Option<Option<Id>>>;

    /// [`Store::set_password`] by a ticket, which is used up: whose password it was; `None` when the ticket is not good.
    fn reset_password(&self, ticket: &TokenHash, password_hash: &str, now: Timestamp) -> Answer<Option<Id>>;

    /// Begins a session; of more than [`crate::SESSIONS_PER_USER_MAX`] of this user, those used longest ago end.
    fn create_session(&self, session: NewSession) -> Answer<()>;

    /// The session of this token, unless it has ended.
    fn session(&self, token: &TokenHash, now: Timestamp) -> Answer<Option<Session>>;

    /// A user's sessions that have not ended, with their names, the last used first.
    fn sessions_of(&self, user: &Id, now: Timestamp) -> Answer<Vec<(TokenHash, Session)>>;

    /// Notes that a session was used, and moves its end.
    fn touch_session(&self, token: &TokenHash, now: Timestamp, expires: Timestamp) -> Answer<()>;

    /// Ends a session; false when there was none.
    fn delete_session(&self, token: &TokenHash) -> Answer<bool>;

    /// Ends a user's sessions, but for `keep`; how many.
    fn delete_sessions_of(&self, user: &Id, keep: Option<&TokenHash>) -> Answer<usize>;

    /// Forgets sessions that have ended and tickets that are no longer good; how many.
    fn delete_expired(&self, now: Timestamp) -> Answer<usize>;

    // Invitations (PE4).

    /// Keeps a link.
    fn create_invitation(&self, invitation: NewInvitation) -> Answer<()>;

    /// The link of this token, however it stands.
    fn invitation(&self, token: &TokenHash) -> Answer<Option<Invitation>>;

    /// Every link of a project that is still known, the oldest first.
    fn invitations_of(&self, project: &Id) -> Answer<Vec<Invitation>>;

    /// Uses a link, if it still lets people in: from here on the use counts, until [`Store::settle_invitation`] says how
    /// it ended.
    fn redeem_invitation(&self, token: &TokenHash, user: &Id, now: Timestamp) -> Answer<Redeemed>;

    /// Says how a use ended: they have joined, or could not and the use is given back.
    fn settle_invitation(&self, invitation: &Id, user: &Id, joined: bool) -> Answer<()>;

    /// Takes a link back; false when this project has no such link, or it has been taken back before.
    fn revoke_invitation(&self, project: &Id, invitation: &Id, now: Timestamp) -> Answer<bool>;

    /// Forgets the links of a project that had expired by this time; how many.
    fn forget_invitations(&self, project: &Id, expired_by: Timestamp) -> Answer<usize>;

    // Jobs.

    /// Enqueues a job; false when one of its unique key is there already.
    fn enqueue(&self, job: NewJob) -> Answer<bool>;

    /// Takes the first job of these kinds whose time has come, or whose worker has been silent past its lease, and
    /// leases it under the name `lease` for `lease_ms`. A job that has no attempts left dies instead.
    fn lease_job(&self, kinds: &[&str], lease: &Id, now: Timestamp, lease_ms: i64) -> Answer<Option<Job>>;

    /// Prolongs a lease; false when it is lost: another worker may have the job, and this one must stop.
    fn heartbeat_job(&self, job: &Id, lease: &Id, until: Timestamp) -> Answer<bool>;

    /// Ends a job well; false when the lease is lost.
    fn complete_job(&self, job: &Id, lease: &Id, now: Timestamp) -> Answer<bool>;

    /// Ends an attempt badly: the state that the job is in then; `None` when the lease is lost.
    fn fail_job(&self, job: &Id, lease: &Id, failed: Failed) -> Answer<Option<JobState>>;

    /// Ends the job of this unique key well if nobody has begun it, or if it waits to be tried again; false otherwise.
    fn withdraw_job(&self, unique_key: &str, now: Timestamp) -> Answer<bool>;

    /// A job, whatever its state.
    fn job(&self, job: &Id) -> Answer<Option<Job>>;

    /// How many jobs are in this state.
    fn count_jobs(&self, state: JobState) -> Answer<u64>;

    /// Jobs that have died, the last first, at most `limit`.
    fn dead_jobs(&self, limit: u32) -> Answer<Vec<Job>>;

    /// Forgets jobs that ended well before a time, at most `limit`; how many. Their unique keys are free then.
    fn delete_done_jobs(&self, before: Timestamp, limit: u32) -> Answer<usize>;

    // Exports.

    /// Keeps an export that waits, and enqueues the job that makes it, unless as many are under way as `places` allows. People take turns (EX7): in
    /// each round everybody has one, and within it who has had little made, by weight, comes before who has had much. The job's priority says so.
    fn create_export(&self, export: NewExport, job: NewJob, places: ExportPlaces) -> Answer<Queued>;

    /// An export, however it stands.
    fn export(&self, id: &Id) -> Answer<Option<Export>>;

    /// A person's exports of a project, removed ones left out, the newest first, at most `limit`.
    fn exports_of(&self, project: &Id, user: &Id, limit: u32) -> Answer<Vec<Export>>;

    /// Notes that an export is being made, from the beginning, whoever has begun it before; false when it is not under way.
    fn begin_export(&self, id: &Id) -> Answer<bool>;

    /// Notes that an export waits again; false when it was not being made.
    fn put_export_back(&self, id: &Id) -> Answer<bool>;

    /// Notes how far an export is; false when it is not being made any more: whoever makes it must stop.
    fn export_progress(&self, id: &Id, progress: f64) -> Answer<bool>;

    /// Ends an export well; false when it is not being made any more: nobody needs the file then.
    fn finish_export(&self, id: &Id, file: ExportFile, expires: Timestamp) -> Answer<bool>;

    /// Ends an export that is under way in another state, and says why; false when it is not under way. One that was never begun gives its turn back, and its person's later ones move up.
    fn end_export(&self, id: &Id, state: ExportState, error: Option<&str>, expires: Timestamp) -> Answer<bool>;

    /// Hides an export that has ended: what it takes may go from `now` on. False when it is under way or hidden.
    fn remove_export(&self, id: &Id, now: Timestamp) -> Answer<bool>;

    /// Exports whose time was over by then, at most `limit`.
    fn exports_ended(&self, by: Timestamp, limit: u32) -> Answer<Vec<Export>>;

    /// Forgets an export that has ended, and its job with it; false when there is none.
    fn forget_export(&self, id: &Id) -> Answer<bool>;

    /// Whether anything but this export refers to the blob: another export, or a recording.
    fn is_shared(&self, blob: &BlobKey, export: &Id) -> Answer<bool>;

    /// Bytes of the exports that are here.
    fn export_bytes(&self, user: &Id) -> Answer<ExportBytes>;

    // Recordings.

    /// Bytes that a user's recordings take: originals that they uploaded and what was decoded of them, deleted ones
    /// included, each original once.
    fn stored_bytes(&self, user: &Id) -> Answer<u64>;

    /// Recordings (project, id) whose bytes are here although they were refused before a time, or were deleted, or their
    /// project was, before another; at most `limit` of each kind.
    fn recordings_to_let_go(&self, refused: Timestamp, deleted: Timestamp, limit: u32) -> Answer<Vec<(Id, Id)>>;

    /// Those of the blobs that no recording and no export refers to, deleted recordings included.
    fn unreferenced(&self, keys: &[BlobKey]) -> Answer<Vec<BlobKey>>;

    // The rest.

    /// The server's secret of this name: `fresh` when there is none yet, which is then kept.
    fn secret(&self, name: &str, fresh: [u8; 32]) -> Answer<[u8; 32]>;

    /// Whether the database answers.
    fn check(&self) -> Answer<()>;

    /// Moves what the write-ahead log holds into the database file; at the end of a server's life.
    fn checkpoint(&self) -> Answer<()>;
}

/// The order of a list of projects: the last changed first, ties by id.
pub(crate) fn last_changed_first(projects: &mut [(Record, Role)]) {
    projects.sort_by(|(a, _), (b, _)| {
        let changed = |record: &Record| record.text("updatedAt").unwrap_or_default().to_owned();
        changed(b).cmp(&changed(a)).then_with(|| a.id().cmp(b.id()))
    });
}
