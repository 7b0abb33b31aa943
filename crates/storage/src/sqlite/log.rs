//! The logs, and the batches that lengthen them.

use std::ops::Range;

use model::{Id, Key, Record, Table, Timestamp};
use operations::{Commit, Operation, Scope};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::columns::{Cell, Statements, as_sql, read_id, read_u64, unreadable};
use super::jobs::{self, PreparedJob};
use crate::commit::malformed;
use crate::{Batch, CommitError, LogEntry, LogPosition, Logged, Materialisation, PayloadHash, StoreError};

pub(super) const FIND_LOG: &str = "SELECT id, epoch, coalesce((SELECT place & 68719476735 FROM transactions \
    WHERE place > logs.id << 36 AND place <= (logs.id << 36) + 68719476735 ORDER BY place DESC LIMIT 1), 0), \
    materialised_seq, bytes FROM logs WHERE scope = ?1";
pub(super) const BEGIN_LOG: &str = "INSERT INTO logs (scope, epoch) VALUES (?1, ?2)";
pub(super) const RENEW_EPOCH: &str = "UPDATE logs SET epoch = ?3 WHERE scope = ?1 AND epoch = ?2";
pub(super) const MATERIALISE_LOG: &str = "UPDATE logs SET materialised_seq = ?2, bytes = bytes + ?3 WHERE id = ?1";
pub(super) const APPEND: &str = "INSERT INTO transactions (place, author_id, tx_id, time, payload_hash, gesture, \
    operations, inverse) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(super) const COMMITS_SINCE: &str = "SELECT place & 68719476735, tx_id, author_id, time, gesture, operations \
    FROM transactions WHERE place > ?1 AND place <= ?2 ORDER BY place LIMIT ?3";
pub(super) const ENTRIES_BEFORE: &str = "SELECT place & 68719476735, tx_id, author_id, time, gesture, operations, inverse \
    FROM transactions WHERE place >= ?1 AND place < ?2 ORDER BY place DESC LIMIT ?3";
pub(super) const FIND_TRANSACTION: &str = "SELECT logs.scope, transactions.place & 68719476735, transactions.payload_hash \
    FROM transactions JOIN logs ON logs.id = transactions.place >> 36 \
    WHERE transactions.author_id = ?1 AND transactions.tx_id = ?2";

/// About how many bytes a small edit and what undoes it take as text.
const ENTRY_BYTES: usize = 256;

/// Bits of a place that number an entry in its log; the others number the log.
const SEQ_BITS: u32 = 36;
/// Entries of one log: that many seconds are two thousand years. The statements have it as a number.
pub(super) const ENTRIES_MAX: u64 = (1 << SEQ_BITS) - 1;
/// Logs of one database, those of people and those of projects.
pub(super) const LOGS_MAX: i64 = (1 << (63 - SEQ_BITS)) - 1;

/// Where an entry lies: the entries of a log beside each other, in order.
pub(super) fn place(log: i64, seq: u64) -> Result<i64, String> {
    match i64::try_from(seq) {
        Ok(number) if seq <= ENTRIES_MAX && (0..=LOGS_MAX).contains(&log) => Ok((log << SEQ_BITS) + number),
        _ => Err(format!("entry {seq} of log {log} does not fit the database")),
    }
}

/// [`place`] for a statement.
pub(super) fn place_in(log: i64, seq: u64) -> rusqlite::Result<i64> {
    place(log, seq).map_err(|error| unreadable(0, StoreError(error)))
}

/// The places of a log's entries from `seq` on.
pub(super) fn places_from(log: i64, seq: u64) -> rusqlite::Result<[i64; 2]> {
    Ok([place_in(log, seq.min(ENTRIES_MAX))?, place_in(log, ENTRIES_MAX)?])
}

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

/// A log as its row has it.
pub(super) struct Log {
    pub(super) id: i64,
    pub(super) at: LogPosition,
    pub(super) materialised_seq: u64,
    /// About how many it takes up to there.
    pub(super) bytes: u64,
}

struct Entry {
    seq: u64,
    author: Id,
    tx_id: Id,
    time: Timestamp,
    payload_hash: PayloadHash,
    gesture: Option<Id>,
    /// Where in [`Prepared::text`].
    operations: Range<usize>,
    inverse: Range<usize>,
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
    last_seq: u64,
    /// What the entries say, one after the other.
    text: String,
    entries: Vec<Entry>,
    rows: Vec<PreparedRow>,
    /// Whether the rows are all that the entries change.
    is_whole: bool,
    jobs: Vec<PreparedJob>,
}

impl Prepared {
    pub(super) fn new(batch: Batch) -> Result<Prepared, CommitError> {
        batch.check()?;
        let (last_seq, is_whole) = (batch.last_seq(), batch.is_whole());
        let rows = prepare(&batch.records, last_seq)?;
        let mut entries = Vec::with_capacity(batch.commits.len());
        let mut text = Vec::with_capacity(batch.commits.len() * ENTRY_BYTES);
        let mut write = |operations: &[Operation]| {
            let begin = text.len();
            serde_json::to_writer(&mut text, operations).map_err(|error| malformed(error.to_string()))?;
            Ok::<_, CommitError>(begin..text.len())
        };
        for new in batch.commits {
            entries.push(Entry {
                seq: new.commit.seq,
                operations: write(&new.commit.operations)?,
                inverse: write(&new.inverse)?,
                author: new.commit.author,
                tx_id: new.commit.tx_id,
                time: new.commit.time,
                gesture: new.commit.gesture,
                payload_hash: new.payload_hash,
            });
        }
        Ok(Prepared {
            scope: scope_name(&batch.scope),
            epoch: batch.epoch,
            expected_seq: batch.expected_seq,
            last_seq,
            text: String::from_utf8(text).map_err(|error| malformed(error.to_string()))?,
            entries,
            rows,
            is_whole,
            jobs: batch.jobs.into_iter().map(PreparedJob::new).collect(),
        })
    }

    /// Writes the batch; the caller takes back what was written when it fails.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), CommitError> {
        let log = self.log(connection)?;
        let mut append = connection.prepare_cached(APPEND)?;
        for entry in &self.entries {
            let values = params![
                place(log.id, entry.seq).map_err(malformed)?,
                entry.author.as_str(),
                entry.tx_id.as_str(),
                entry.time.0,
                entry.payload_hash,
                entry.gesture.as_ref().map(Id::as_str),
                &self.text[entry.operations.clone()],
                &self.text[entry.inverse.clone()]
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
            // The log stands before these entries, so no row is newer: this one is another project's.
            if !row.write(connection)? {
                return Err(CommitError::Taken { key: row.key.clone() });
            }
        }
        for job in &self.jobs {
            jobs::insert(connection, job)?;
        }
        if self.is_whole && log.materialised_seq == self.expected_seq {
            connection.prepare_cached(MATERIALISE_LOG)?.execute([
                log.id,
                number(self.last_seq)?,
                number(self.text.len() as u64)?,
            ])?;
        }
        Ok(())
    }

    /// The log, if it stands where the batch expects it.
    fn log(&self, connection: &Connection) -> Result<Log, CommitError> {
        match find_log(connection, &self.scope)? {
            None if self.expected_seq == 0 => {
                let id = begin_log(connection, &self.scope, &self.epoch)?;
                Ok(Log { id, at: LogPosition { epoch: self.epoch.clone(), seq: 0 }, materialised_seq: 0, bytes: 0 })
            }
            None => Err(CommitError::Stale { actual: None }),
            Some(log) if log.at.epoch == self.epoch && log.at.seq == self.expected_seq => Ok(log),
            Some(log) => Err(CommitError::Stale { actual: Some(log.at) }),
        }
    }
}

fn number(number: u64) -> Result<i64, CommitError> {
    as_sql(number).map_err(malformed)
}

/// Rows of these records, as entry `seq` leaves them.
fn prepare(records: &[(Table, Record)], seq: u64) -> Result<Vec<PreparedRow>, CommitError> {
    let mut rows = Vec::with_capacity(records.len());
    for (table, record) in records {
        let cells = Statements::of(*table).values(record, seq).map_err(malformed)?;
        rows.push(PreparedRow { key: Key::new(*table, record.id().clone()), cells });
    }
    // Parents before children, as the references between the tables ask.
    rows.sort_by_key(|row| row.key.table);
    Ok(rows)
}

impl PreparedRow {
    /// False when the row was left alone: it is as new already, or another project's.
    fn write(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let mut upsert = connection.prepare_cached(&Statements::of(self.key.table).upsert)?;
        Ok(upsert.execute(params_from_iter(&self.cells))? > 0)
    }
}

/// Rows behind a log, written out already.
pub(super) struct PreparedRows {
    scope: String,
    epoch: Id,
    since: u64,
    seq: u64,
    rows: Vec<PreparedRow>,
    log_bytes: u64,
}

impl PreparedRows {
    pub(super) fn new(behind: &Materialisation) -> Result<PreparedRows, CommitError> {
        behind.check()?;
        Ok(PreparedRows {
            scope: scope_name(&behind.scope),
            epoch: behind.epoch.clone(),
            since: behind.since,
            seq: behind.seq,
            rows: prepare(&behind.records, behind.seq)?,
            log_bytes: behind.log_bytes,
        })
    }

    /// See [`crate::Store::materialise`].
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let Some(log) = find_log(connection, &self.scope)? else { return Ok(false) };
        if log.at.epoch != self.epoch || log.at.seq < self.seq || log.materialised_seq < self.since {
            return Ok(false);
        }
        if log.materialised_seq >= self.seq {
            return Ok(true);
        }
        for row in &self.rows {
            row.write(connection)?;
        }
        // No more than the log's own, which the database holds already.
        let [seq, bytes] = [self.seq, self.log_bytes].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        connection.prepare_cached(MATERIALISE_LOG)?.execute([log.id, seq, bytes])?;
        Ok(true)
    }
}

pub(super) fn begin_log(connection: &Connection, scope: &str, epoch: &Id) -> rusqlite::Result<i64> {
    connection.prepare_cached(BEGIN_LOG)?.execute(params![scope, epoch.as_str()])?;
    Ok(connection.last_insert_rowid())
}

/// See [`crate::Store::renew_epoch`].
pub(super) fn renew_epoch(connection: &Connection, scope: &str, epoch: &Id, fresh: &Id) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(RENEW_EPOCH)?.execute([scope, epoch.as_str(), fresh.as_str()])? > 0)
}

pub(super) fn find_log(connection: &Connection, scope: &str) -> rusqlite::Result<Option<Log>> {
    connection
        .prepare_cached(FIND_LOG)?
        .query_row([scope], |row| {
            let at = LogPosition { epoch: read_id(row, 1)?, seq: read_u64(row, 2)? };
            Ok(Log { id: row.get(0)?, at, materialised_seq: read_u64(row, 3)?, bytes: read_u64(row, 4)? })
        })
        .optional()
}

pub(super) fn commits_since(
    connection: &Connection,
    scope: &Scope,
    seq: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Commit>> {
    let Some(log) = find_log(connection, &scope_name(scope))? else { return Ok(Vec::new()) };
    let mut commits = Vec::new();
    for_each_commit(connection, &log, seq, limit, |commit| {
        commits.push(commit);
        Ok::<(), rusqlite::Error>(())
    })?;
    Ok(commits)
}

/// Hands over the log's entries after `seq` one by one.
pub(super) fn for_each_commit<E: From<rusqlite::Error>>(
    connection: &Connection,
    log: &Log,
    seq: u64,
    limit: usize,
    mut each: impl FnMut(Commit) -> Result<(), E>,
) -> Result<(), E> {
    let [after, last] = places_from(log.id, seq)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(COMMITS_SINCE)?;
    let mut rows = statement.query([after, last, limit])?;
    while let Some(row) = rows.next()? {
        each(read_commit(row)?)?;
    }
    Ok(())
}

pub(super) fn entries_before(
    connection: &Connection,
    scope: &Scope,
    seq: u64,
    limit: usize,
) -> rusqlite::Result<Vec<LogEntry>> {
    let Some(log) = find_log(connection, &scope_name(scope))? else { return Ok(Vec::new()) };
    let ([first, _], [before, _]) = (places_from(log.id, 0)?, places_from(log.id, seq)?);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(ENTRIES_BEFORE)?;
    let entries = statement.query_map([first, before, limit], |row| {
        Ok(LogEntry { commit: read_commit(row)?, inverse: read_operations(row, 6)? })
    })?;
    entries.collect()
}

/// The entry that a row of `seq, tx_id, author_id, time, gesture, operations` is.
fn read_commit(row: &Row<'_>) -> rusqlite::Result<Commit> {
    Ok(Commit {
        seq: read_u64(row, 0)?,
        tx_id: read_id(row, 1)?,
        author: read_id(row, 2)?,
        time: Timestamp(row.get(3)?),
        gesture: row.get_ref(4)?.as_str_or_null()?.map(|_| read_id(row, 4)).transpose()?,
        operations: read_operations(row, 5)?,
    })
}

fn read_operations(row: &Row<'_>, index: usize) -> rusqlite::Result<Vec<Operation>> {
    serde_json::from_str(row.get_ref(index)?.as_str()?).map_err(|error| unreadable(index, error))
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
