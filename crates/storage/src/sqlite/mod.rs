//! The store on SQLite: one thread that writes, several connections that read.

mod accounts;
mod checkpoints;
mod columns;
mod copies;
mod exports;
mod invitations;
mod jobs;
mod log;
mod migrations;
mod readers;
mod recordings;
mod records;
mod snapshots;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use model::{Id, Key, Record, Role, Table, Timestamp};
use operations::{Commit, Scope};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use self::checkpoints::Checkpoints;
use self::jobs::PreparedJob;
use self::log::{Prepared, PreparedRows};
use self::readers::Readers;
use self::writer::{Work, Writer, attempt};
use crate::{
    Account, Admission, Batch, BlobKey, CommitError, Export, ExportBytes, ExportFile, ExportPlaces, ExportState,
    Failed, Invitation, Job, JobState, Loaded, LogEntry, LogPosition, Logged, Materialisation, NewExport,
    NewInvitation, NewJob, NewSession, NewTicket, NewUser, Purpose, Queued, Redeemed, Reply, Session, Snapshot, Store,
    StoreError, TokenHash,
};

/// How long a connection waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements that a connection keeps: more than there are.
const STATEMENTS_KEPT: usize = 128;
/// Bytes at which the write-ahead log's file is cut back once its content is in the database.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;

const KEEP_SECRET: &str = "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
const SECRET: &str = "SELECT value FROM secrets WHERE name = ?1";

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A later version of the program has written it.
    #[error("the database is of version {found}, this program knows versions up to {known}: use a newer program")]
    Newer {
        /// The database's version.
        found: u32,
        /// The greatest that this build knows.
        known: u32,
    },
    /// It would lose what it has acknowledged (WR7).
    #[error("the database does not keep what it acknowledges: {0}")]
    NotDurable(String),
    /// It is no database, or cannot be written.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// A copy of it is not good.
    #[error("the copy is not good: {0}")]
    Copy(String),
    /// No thread can be started.
    #[error("cannot start the writer: {0}")]
    Thread(std::io::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError(error.to_string())
    }
}

/// A [`Store`] in one SQLite file (with its write-ahead log beside it).
pub struct SqliteStore {
    path: PathBuf,
    readers: Readers,
    writer: Writer,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the database at `path`, making it if need be, and migrates it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<SqliteStore, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(path, flags)?;
        // Refused before anything of it is changed, its journal mode included.
        let found = migrations::version(&connection)?;
        if found > migrations::latest() {
            return Err(OpenError::Newer { found, known: migrations::latest() });
        }
        configure_writer(&connection)?;
        migrations::migrate(&mut connection)?;
        let readers = Readers::open(path)?;
        let checkpoints = Checkpoints::start(open_checkpointer(path)?).map_err(OpenError::Thread)?;
        let writer = Writer::start(connection, checkpoints).map_err(OpenError::Thread)?;
        Ok(SqliteStore { path: path.to_owned(), readers, writer })
    }

    /// The version of the schema that this build makes and needs.
    #[must_use]
    pub fn version(&self) -> u32 {
        migrations::latest()
    }

    /// The version of the schema in the file at `path`; `None` when there is no file.
    ///
    /// # Errors
    /// When it is no database.
    pub fn version_of(path: &Path) -> Result<Option<u32>, OpenError> {
        if !path.exists() {
            return Ok(None);
        }
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        Ok(Some(migrations::version(&connection)?))
    }

    fn read<T, E>(&self, read: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, StoreError>
    where
        E: From<rusqlite::Error>,
        StoreError: From<E>,
    {
        Ok(self.readers.read(read)?)
    }

    /// Writes in the next group, and waits until that is durable.
    fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = sync_channel(1);
        self.writer.send(Box::new(Task { write: Some(write), result: None, reply }));
        answer.recv().unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> StoreError {
    StoreError("the writer has stopped".to_owned())
}

/// WR7: what COMMIT has answered survives a loss of power. Read back, since SQLite ignores what it cannot do.
fn configure_writer(connection: &Connection) -> Result<(), OpenError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NotDurable(format!("its journal mode is {mode}, not wal")));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    // On macOS only this makes an fsync reach the disk; elsewhere it changes nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    // What many works of one group change is kept for their savepoints: not in a file that is made and deleted each time.
    connection.pragma_update(None, "temp_store", "memory")?;
    assert_durable(connection)
}

/// A connection that only makes checkpoints: it syncs as strictly as the writer's.
fn open_checkpointer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    assert_durable(&connection)?;
    Ok(connection)
}

fn assert_durable(connection: &Connection) -> Result<(), OpenError> {
    const FULL: i64 = 2;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if mode == "wal" && synchronous >= FULL {
        Ok(())
    } else {
        Err(OpenError::NotDurable(format!("journal_mode={mode}, synchronous={synchronous}")))
    }
}

fn configure_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "query_only", true)
}

/// One write that is no batch.
struct Task<T, F> {
    write: Option<F>,
    result: Option<rusqlite::Result<T>>,
    reply: SyncSender<Result<T, StoreError>>,
}

impl<T, F> Work for Task<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, connection: &mut Connection, alone: bool) -> rusqlite::Result<bool> {
        if let Some(write) = self.write.take() {
            self.result = Some(attempt(connection, alone, write)?);
        }
        Ok(!alone || matches!(self.result, Some(Ok(_))))
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Task { result, reply, .. } = *self;
        let result = outcome.and_then(|()| result.map_or_else(|| Err(stopped()), |it| Ok(it?)));
        // Whoever asked may have gone.
        let _ = reply.send(result);
    }
}

/// Batches for the logs.
struct CommitWork {
    batches: Vec<Result<Prepared, CommitError>>,
    results: Vec<Result<(), CommitError>>,
    reply: Reply,
}

impl Work for CommitWork {
    fn run(&mut self, connection: &mut Connection, alone: bool) -> rusqlite::Result<bool> {
        let alone = alone && self.batches.len() == 1;
        for batch in &self.batches {
            let result = match batch {
                Ok(batch) => attempt(connection, alone, |connection| batch.write(connection))?,
                Err(error) => Err(error.clone()),
            };
            self.results.push(result);
        }
        Ok(!alone || self.results.iter().all(Result::is_ok))
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let results = match outcome {
            Ok(()) => self.results,
            Err(StoreError(reason)) => {
                self.batches.iter().map(|_| Err(CommitError::Database { reason: reason.clone() })).collect()
            }
        };
        (self.reply)(results);
    }
}

impl Store for SqliteStore {
    fn submit(&self, batches: Vec<Batch>, reply: Reply) {
        let batches: Vec<_> = batches.into_iter().map(Prepared::new).collect();
        let results = Vec::with_capacity(batches.len());
        self.writer.send(Box::new(CommitWork { batches, results, reply }));
    }

    fn materialise(&self, rows: Materialisation) -> Result<bool, StoreError> {
        let rows = PreparedRows::new(&rows).map_err(|error| StoreError(error.to_string()))?;
        self.write(move |connection| rows.write(connection))
    }

    fn load(&self, scope: &Scope) -> Result<Option<Loaded>, StoreError> {
        self.read(|connection| records::load(connection, scope))
    }

    fn position(&self, scope: &Scope) -> Result<Option<LogPosition>, StoreError> {
        self.read(|connection| {
            Ok::<_, rusqlite::Error>(log::find_log(connection, &log::scope_name(scope))?.map(|log| log.at))
        })
    }

    fn renew_epoch(&self, scope: &Scope, epoch: &Id, fresh: &Id) -> Result<bool, StoreError> {
        let (scope, epoch, fresh) = (log::scope_name(scope), epoch.clone(), fresh.clone());
        self.write(move |connection| log::renew_epoch(connection, &scope, &epoch, &fresh))
    }

    fn commits_since(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<Commit>, StoreError> {
        self.read(|connection| log::commits_since(connection, scope, seq, limit))
    }

    fn entries_before(&self, scope: &Scope, seq: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        self.read(|connection| log::entries_before(connection, scope, seq, limit))
    }

    fn keep_snapshot(&self, snapshot: Snapshot) -> Result<bool, StoreError> {
        self.write(move |connection| snapshots::keep(connection, &snapshot))
    }

    fn snapshot_from(&self, scope: &Scope, seq: u64) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        self.read(|connection| snapshots::from(connection, scope, seq))
    }

    fn last_snapshot(&self, scope: &Scope) -> Result<Option<u64>, StoreError> {
        self.read(|connection| snapshots::last(connection, scope))
    }

    fn find_transaction(&self, author: &Id, tx_id: &Id) -> Result<Option<Logged>, StoreError> {
        self.read(|connection| log::find_transaction(connection, author, tx_id))
    }

    fn project_of(&self, key: &Key) -> Result<Option<Id>, StoreError> {
        self.read(|connection| records::project_of(connection, key))
    }

    fn records(&self, keys: &[Key]) -> Result<Vec<(Table, Record)>, StoreError> {
        self.read(|connection| records::records(connection, keys))
    }

    fn projects_of(&self, user: &Id) -> Result<Vec<(Record, Role)>, StoreError> {
        self.read(|connection| records::projects_of(connection, user))
    }

    fn role_of(&self, project: &Id, user: &Id) -> Result<Option<Role>, StoreError> {
        self.read(|connection| records::role_of(connection, project, user))
    }

    fn people_of(&self, project: &Id) -> Result<Vec<(Record, Role)>, StoreError> {
        self.read(|connection| records::people_of(connection, project))
    }

    fn are_fellows(&self, one: &Id, other: &Id) -> Result<bool, StoreError> {
        self.read(|connection| records::are_fellows(connection, one, other))
    }

    fn create_user(&self, user: NewUser) -> Result<bool, StoreError> {
        self.write(move |connection| accounts::create_user(connection, &user))
    }

    fn admit_user(&self, user: NewUser, ticket: &TokenHash) -> Result<Admission, StoreError> {
        let ticket = *ticket;
        self.write(move |connection| accounts::admit_user(connection, &user, &ticket))
    }

    fn account(&self, email: &str) -> Result<Option<Account>, StoreError> {
        self.read(|connection| accounts::account(connection, email))
    }

    fn account_of(&self, user: &Id) -> Result<Option<Account>, StoreError> {
        self.read(|connection| accounts::account_of(connection, user))
    }

    fn set_password(
        &self,
        user: &Id,
        password_hash: &str,
        keep: Option<&TokenHash>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (user, password_hash, keep) = (user.clone(), password_hash.to_owned(), keep.copied());
        self.write(move |connection| accounts::set_password(connection, &user, &password_hash, keep.as_ref(), now))
    }

    fn delete_account(&self, user: &Id, epoch: &Id, now: Timestamp) -> Result<bool, StoreError> {
        let (user, epoch) = (user.clone(), epoch.clone());
        self.write(move |connection| accounts::delete_account(connection, &user, &epoch, now))
    }

    fn create_ticket(&self, ticket: NewTicket) -> Result<(), StoreError> {
        self.write(move |connection| accounts::create_ticket(connection, &ticket))
    }

    fn ticket(&self, token: &TokenHash, purpose: Purpose, now: Timestamp) -> Result<Option<Option<Id>>, StoreError> {
        self.read(|connection| accounts::ticket(connection, token, purpose, now))
    }

    fn reset_password(
        &self,
        ticket: &TokenHash,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<Id>, StoreError> {
        let (ticket, password_hash) = (*ticket, password_hash.to_owned());
        self.write(move |connection| accounts::reset_password(connection, &ticket, &password_hash, now))
    }

    fn create_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.write(move |connection| accounts::create_session(connection, &session))
    }

    fn session(&self, token: &TokenHash, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.read(|connection| accounts::session(connection, token, now))
    }

    fn touch_session(&self, token: &TokenHash, now: Timestamp, expires: Timestamp) -> Result<(), StoreError> {
        let token = *token;
        self.write(move |connection| accounts::touch_session(connection, &token, now, expires))
    }

    fn delete_session(&self, token: &TokenHash) -> Result<bool, StoreError> {
        let token = *token;
        self.write(move |connection| accounts::delete_session(connection, &token))
    }

    fn sessions_of(&self, user: &Id, now: Timestamp) -> Result<Vec<(TokenHash, Session)>, StoreError> {
        self.read(|connection| accounts::sessions_of(connection, user, now))
    }

    fn delete_sessions_of(&self, user: &Id, keep: Option<&TokenHash>) -> Result<usize, StoreError> {
        let (user, keep) = (user.clone(), keep.copied());
        self.write(move |connection| accounts::delete_sessions_of(connection, &user, keep.as_ref()))
    }

    fn delete_expired(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |connection| accounts::delete_expired(connection, now))
    }

    fn create_invitation(&self, invitation: NewInvitation) -> Result<(), StoreError> {
        self.write(move |connection| invitations::create(connection, &invitation))
    }

    fn invitation(&self, token: &TokenHash) -> Result<Option<Invitation>, StoreError> {
        self.read(|connection| invitations::by_token(connection, token))
    }

    fn invitations_of(&self, project: &Id) -> Result<Vec<Invitation>, StoreError> {
        self.read(|connection| invitations::by_project(connection, project))
    }

    fn redeem_invitation(&self, token: &TokenHash, user: &Id, now: Timestamp) -> Result<Redeemed, StoreError> {
        let (token, user) = (*token, user.clone());
        self.write(move |connection| invitations::redeem(connection, &token, &user, now))
    }

    fn settle_invitation(&self, invitation: &Id, user: &Id, joined: bool) -> Result<(), StoreError> {
        let (invitation, user) = (invitation.clone(), user.clone());
        self.write(move |connection| invitations::settle(connection, &invitation, &user, joined))
    }

    fn revoke_invitation(&self, project: &Id, invitation: &Id, now: Timestamp) -> Result<bool, StoreError> {
        let (project, invitation) = (project.clone(), invitation.clone());
        self.write(move |connection| invitations::revoke(connection, &project, &invitation, now))
    }

    fn forget_invitations(&self, project: &Id, expired_by: Timestamp) -> Result<usize, StoreError> {
        let project = project.clone();
        self.write(move |connection| invitations::forget(connection, &project, expired_by))
    }

    fn enqueue(&self, job: NewJob) -> Result<bool, StoreError> {
        let job = PreparedJob::new(job);
        self.write(move |connection| jobs::insert(connection, &job))
    }

    fn lease_job(&self, kinds: &[&str], lease: &Id, now: Timestamp, lease_ms: i64) -> Result<Option<Job>, StoreError> {
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let lease = lease.clone();
        self.write(move |connection| jobs::lease(connection, &kinds, &lease, now, lease_ms))
    }

    fn heartbeat_job(&self, job: &Id, lease: &Id, until: Timestamp) -> Result<bool, StoreError> {
        let (job, lease) = (job.clone(), lease.clone());
        self.write(move |connection| jobs::heartbeat(connection, &job, &lease, until))
    }

    fn complete_job(&self, job: &Id, lease: &Id, now: Timestamp) -> Result<bool, StoreError> {
        let (job, lease) = (job.clone(), lease.clone());
        self.write(move |connection| jobs::complete(connection, &job, &lease, now))
    }

    fn fail_job(&self, job: &Id, lease: &Id, failed: Failed) -> Result<Option<JobState>, StoreError> {
        let (job, lease) = (job.clone(), lease.clone());
        self.write(move |connection| jobs::fail(connection, &job, &lease, &failed))
    }

    fn withdraw_job(&self, unique_key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let unique_key = unique_key.to_owned();
        self.write(move |connection| jobs::withdraw(connection, &unique_key, now))
    }

    fn job(&self, job: &Id) -> Result<Option<Job>, StoreError> {
        self.read(|connection| jobs::job(connection, job))
    }

    fn count_jobs(&self, state: JobState) -> Result<u64, StoreError> {
        self.read(|connection| jobs::count(connection, state))
    }

    fn dead_jobs(&self, limit: u32) -> Result<Vec<Job>, StoreError> {
        self.read(|connection| jobs::dead(connection, limit))
    }

    fn delete_done_jobs(&self, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.write(move |connection| jobs::delete_done(connection, before, limit))
    }

    fn create_export(&self, export: NewExport, job: NewJob, places: ExportPlaces) -> Result<Queued, StoreError> {
        let prepared = exports::Prepared::new(export, job);
        self.write(move |connection| exports::create(connection, &prepared, places))
    }

    fn export(&self, id: &Id) -> Result<Option<Export>, StoreError> {
        self.read(|connection| exports::by_id(connection, id))
    }

    fn exports_of(&self, project: &Id, user: &Id, limit: u32) -> Result<Vec<Export>, StoreError> {
        self.read(|connection| exports::by_owner(connection, project, user, limit))
    }

    fn begin_export(&self, id: &Id) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| exports::begin(connection, &id))
    }

    fn put_export_back(&self, id: &Id) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| exports::put_back(connection, &id))
    }

    fn export_progress(&self, id: &Id, progress: f64) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| exports::progress(connection, &id, progress))
    }

    fn finish_export(&self, id: &Id, file: ExportFile, expires: Timestamp) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| exports::finish(connection, &id, &file, expires))
    }

    fn end_export(
        &self,
        id: &Id,
        state: ExportState,
        error: Option<&str>,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        let (id, error) = (id.clone(), error.map(str::to_owned));
        self.write(move |connection| exports::end(connection, &id, state, error.as_deref(), expires))
    }

    fn remove_export(&self, id: &Id, now: Timestamp) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| exports::remove(connection, &id, now))
    }

    fn exports_ended(&self, by: Timestamp, limit: u32) -> Result<Vec<Export>, StoreError> {
        self.read(|connection| exports::ended(connection, by, limit))
    }

    fn forget_export(&self, id: &Id) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| exports::forget(connection, &id))
    }

    fn is_shared(&self, blob: &BlobKey, export: &Id) -> Result<bool, StoreError> {
        self.read(|connection| exports::is_shared(connection, blob, export))
    }

    fn export_bytes(&self, user: &Id) -> Result<ExportBytes, StoreError> {
        self.read(|connection| exports::bytes(connection, user))
    }

    fn stored_bytes(&self, user: &Id) -> Result<u64, StoreError> {
        self.read(|connection| recordings::stored_bytes(connection, user))
    }

    fn recordings_to_let_go(
        &self,
        refused: Timestamp,
        deleted: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Id, Id)>, StoreError> {
        self.read(|connection| recordings::to_let_go(connection, refused, deleted, limit))
    }

    fn unreferenced(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>, StoreError> {
        self.read(|connection| recordings::unreferenced(connection, keys))
    }

    fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        if let Some(secret) = self.read(|connection| secret(connection, name))? {
            return Ok(secret);
        }
        let name = name.to_owned();
        self.write(move |connection| {
            connection.prepare_cached(KEEP_SECRET)?.execute(params![name, fresh])?;
            secret(connection, &name)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| connection.query_row("SELECT 1", [], |_| Ok(())))?;
        self.write(|_| Ok(()))
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        // A connection of its own: the writer's is inside a transaction whenever it works.
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }
}

fn secret(connection: &Connection, name: &str) -> rusqlite::Result<Option<[u8; 32]>> {
    connection.prepare_cached(SECRET)?.query_row([name], |row| row.get(0)).optional()
}
