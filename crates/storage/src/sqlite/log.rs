//! The logs, and the batches that lengthen them.

use model::{Id, Key, Timestamp};
use operations::{Commit, Scope};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::columns::{Cell, Statements, as_sql, read_id, read_u64, unreadable};
use super::jobs::{self, PreparedJob};
use crate::commit::malformed;
use crate::{Batch, CommitError, LogPosition, Logged, PayloadHash};

pub(super) const FIND_LOG: &str = "SELECT id, epoch, seq FROM logs WHERE scope = ?1";
pub(super) const BEGIN_LOG: &str = "INSERT INTO logs (scope, epoch, seq) VALUES (?1, ?2, 0)";
pub(super) const MOVE_LOG: &str = "UPDATE logs SET seq = ?2 WHERE id = ?1";
pub(super) const APPEND: &str = "INSERT INTO transactions (log_id, seq, author_id, tx_id, time, payload_hash, gesture, \
    operations, inverse) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
pub(super) const COMMITS_SINCE: &str = "SELECT seq, tx_id, author_id, time, gesture, operations FROM transactions \
    WHERE log_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
pub(super) const FIND_TRANSACTION: &str = "SELECT logs.scope, transactions.seq, transactions.payload_hash \
    FROM transactions JOIN logs ON logs.id = transactions.log_id \
    WHERE transactions.author_id = ?1 AND transactions.tx_id = ?2";

/// A scope as the database names it. An id holds no colon: users and projects cannot be mistaken for each other.
pub(super) fn scope_name(scope: &Scope) -> String {
    match scope {
        Scope::Project(id) => id.to_string(),
        Scope::User(id) => format!("user:{id}"),
    }
}

fn read_scope(row: &Row<'_>, index: usize) -> rusqlite::Result<Scope> {
    let name = row.get_ref(index)?.as_str()?;
    let (is_user, id) = name.strip_prefix("user:").map_or((false, name), |id| (true, id));
    let id = Id::new(id).map_err(|error| unreadable(index, error))?;
    Ok(if is_user { Scope::User(id) } else { Scope::Project(id) })
}

struct Entry {
    seq: i64,
    author: Id,
    tx_id: Id,
    time: Timestamp,
    payload_hash: PayloadHash,
    gesture: Option<Id>,
    operations: String,
    inverse: String,
}

struct PreparedRow {
    key: Key,
    cells: Vec<Cell>,
}

/// A batch whose contents are written out already: done by whoever submits it, so that the writer's thread need not.
pub(super) struct Prepared {
    scope: String,
    epoch: Id,
    expected_seq: u64,
    last_seq: i64,
    entries: Vec<Entry>,
    rows: Vec<PreparedRow>,
    jobs: Vec<PreparedJob>,
}

impl Prepared {
    pub(super) fn new(batch: Batch) -> Result<Prepared, CommitError> {
        batch.check()?;
        let mut entries = Vec::with_capacity(batch.commits.len());
        for new in batch.commits {
            let text = |operations: &Vec<_>| serde_json::to_string(operations).map_err(|e| malformed(e.to_string()));
            entries.push(Entry {
                seq: as_sql(new.commit.seq).map_err(malformed)?,
                operations: text(&new.commit.operations)?,
                inverse: text(&new.inverse)?,
                author: new.commit.author,
                tx_id: new.commit.tx_id,
                time: new.commit.time,
                gesture: new.commit.gesture,
                payload_hash: new.payload_hash,
            });
        }
        let mut rows = Vec::with_capacity(batch.records.len());
        for (table, record) in &batch.records {
            let cells = Statements::of(*table).values(record).map_err(malformed)?;
            rows.push(PreparedRow { key: Key::new(*table, record.id().clone()), cells });
        }
        // Parents before children, as the references between the tables ask.
        rows.sort_by_key(|row| row.key.table);
        let last_seq = entries.last().map_or_else(|| as_sql(batch.expected_seq).map_err(malformed), |e| Ok(e.seq))?;
        Ok(Prepared {
            scope: scope_name(&batch.scope),
            epoch: batch.epoch,
            expected_seq: batch.expected_seq,
            last_seq,
            entries,
            rows,
            jobs: batch.jobs.into_iter().map(PreparedJob::new).collect(),
        })
    }

    /// Writes the batch; the caller takes back what was written when it fails.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), CommitError> {
        let log = self.log(connection)?;
        let mut append = connection.prepare_cached(APPEND)?;
        for entry in &self.entries {
            let values = params![
                log,
                entry.seq,
                entry.author.as_str(),
                entry.tx_id.as_str(),
                entry.time.0,
                entry.payload_hash,
                entry.gesture.as_ref().map(Id::as_str),
                entry.operations,
                entry.inverse
            ];
            append.execute(values).map_err(|error| {
                // The place in the log has been checked: what is there already is this author's transaction id.
                if is_unique_violation(&error) {
                    CommitError::Duplicate { author: entry.author.clone(), tx_id: entry.tx_id.clone() }
                } else {
                    error.into()
                }
            })?;
        }
        for row in &self.rows {
            let mut upsert = connection.prepare_cached(&Statements::of(row.key.table).upsert)?;
            if upsert.execute(params_from_iter(&row.cells))? == 0 {
                return Err(CommitError::Taken { key: row.key.clone() });
            }
        }
        for job in &self.jobs {
            jobs::insert(connection, job)?;
        }
        connection.prepare_cached(MOVE_LOG)?.execute(params![log, self.last_seq])?;
        Ok(())
    }

    /// The log's number in the database, if it stands where the batch expects it.
    fn log(&self, connection: &Connection) -> Result<i64, CommitError> {
        let found = find_log(connection, &self.scope)?;
        match found {
            None if self.expected_seq == 0 => Ok(begin_log(connection, &self.scope, &self.epoch)?),
            None => Err(CommitError::Stale { actual: None }),
            Some((log, at)) if at.epoch == self.epoch && at.seq == self.expected_seq => Ok(log),
            Some((_, at)) => Err(CommitError::Stale { actual: Some(at) }),
        }
    }
}

pub(super) fn begin_log(connection: &Connection, scope: &str, epoch: &Id) -> rusqlite::Result<i64> {
    connection.prepare_cached(BEGIN_LOG)?.execute(params![scope, epoch.as_str()])?;
    Ok(connection.last_insert_rowid())
}

pub(super) fn find_log(connection: &Connection, scope: &str) -> rusqlite::Result<Option<(i64, LogPosition)>> {
    connection
        .prepare_cached(FIND_LOG)?
        .query_row([scope], |row| Ok((row.get(0)?, LogPosition { epoch: read_id(row, 1)?, seq: read_u64(row, 2)? })))
        .optional()
}

pub(super) fn commits_since(
    connection: &Connection,
    scope: &Scope,
    seq: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Commit>> {
    let Some((log, _)) = find_log(connection, &scope_name(scope))? else { return Ok(Vec::new()) };
    let after = i64::try_from(seq).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(COMMITS_SINCE)?;
    let commits = statement.query_map(params![log, after, limit], |row| {
        Ok(Commit {
            seq: read_u64(row, 0)?,
            tx_id: read_id(row, 1)?,
            author: read_id(row, 2)?,
            time: Timestamp(row.get(3)?),
            gesture: row.get_ref(4)?.as_str_or_null()?.map(|_| read_id(row, 4)).transpose()?,
            operations: serde_json::from_str(row.get_ref(5)?.as_str()?).map_err(|error| unreadable(5, error))?,
        })
    })?;
    commits.collect()
}

pub(super) fn find_transaction(connection: &Connection, author: &Id, tx_id: &Id) -> rusqlite::Result<Option<Logged>> {
    connection
        .prepare_cached(FIND_TRANSACTION)?
        .query_row([author.as_str(), tx_id.as_str()], |row| {
            Ok(Logged { scope: read_scope(row, 0)?, seq: read_u64(row, 1)?, payload_hash: row.get(2)? })
        })
        .optional()
}

fn is_unique_violation(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> CommitError {
        match error.sqlite_error_code() {
            // A record without its project, for one: the caller's batch is at fault, not the database.
            Some(rusqlite::ErrorCode::ConstraintViolation) => CommitError::Malformed { reason: error.to_string() },
            _ => CommitError::Database { reason: error.to_string() },
        }
    }
}
