//! Exports.

use model::{Id, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{read_id, read_u64, unreadable};
use super::jobs::{self, PreparedJob};
use super::recordings;
use crate::{BlobKey, Export, ExportBytes, ExportFile, ExportPlaces, ExportState, NewExport, Queued};

pub(super) const ADD: &str = "INSERT INTO exports \
    (id, project_id, user_id, name, settings, stems, seq, state, created_at, turn, turn_end) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', ?8, ?9, ?10)";
pub(super) const UNDER_WAY: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE user_id = ?1) FROM exports \
    WHERE state IN ('waiting', 'running')";
pub(super) const KNOWN: &str = "SELECT COUNT(*) FROM exports WHERE user_id = ?1";
pub(super) const EARLIEST_TURN: &str = "SELECT MIN(turn) FROM exports WHERE state = ?1";
pub(super) const LAST_TURN: &str = "SELECT MAX(turn_end) FROM exports";
pub(super) const LAST_TURN_OF: &str = "SELECT MAX(turn_end) FROM exports WHERE user_id = ?1";
pub(super) const BY_ID: &str = "SELECT id, project_id, user_id, name, settings, stems, seq, state, progress, error, \
    blob, bytes, created_at, expires_at FROM exports WHERE id = ?1";
pub(super) const BY_OWNER: &str = "SELECT id, project_id, user_id, name, settings, stems, seq, state, progress, error, \
    blob, bytes, created_at, expires_at FROM exports WHERE user_id = ?1 AND project_id = ?2 AND state <> 'removed' \
    ORDER BY created_at DESC, id DESC LIMIT ?3";
pub(super) const BEGIN: &str = "UPDATE exports SET state = 'running', progress = 0 \
    WHERE id = ?1 AND state IN ('waiting', 'running')";
pub(super) const PUT_BACK: &str =
    "UPDATE exports SET state = 'waiting', progress = 0 WHERE id = ?1 AND state = 'running'";
pub(super) const PROGRESS: &str = "UPDATE exports SET progress = ?2 WHERE id = ?1 AND state = 'running'";
pub(super) const FINISH: &str = "UPDATE exports SET state = 'done', progress = 1, blob = ?2, bytes = ?3, \
    expires_at = ?4 WHERE id = ?1 AND state = 'running'";
pub(super) const MADE_IN_VAIN: &str = "UPDATE exports SET blob = ?2, bytes = ?3 WHERE id = ?1 AND blob IS NULL";
pub(super) const END: &str = "UPDATE exports SET state = ?2, error = ?3, expires_at = ?4, \
    turn = CASE state WHEN 'waiting' THEN 0 ELSE turn END, turn_end = CASE state WHEN 'waiting' THEN 0 ELSE turn_end END \
    WHERE id = ?1 AND state IN ('waiting', 'running')";
pub(super) const REMOVE: &str = "UPDATE exports SET state = 'removed', expires_at = ?2 \
    WHERE id = ?1 AND state IN ('done', 'failed', 'cancelled')";
pub(super) const ENDED: &str = "SELECT id, project_id, user_id, name, settings, stems, seq, state, progress, error, \
    blob, bytes, created_at, expires_at FROM exports WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
pub(super) const FORGET: &str = "DELETE FROM exports WHERE id = ?1 AND expires_at IS NOT NULL";
pub(super) const REFERS: &str = "SELECT 1 FROM exports WHERE blob = ?1 LIMIT 1";
pub(super) const SHARED: &str = "SELECT 1 FROM exports WHERE blob = ?1 AND id <> ?2 LIMIT 1";
pub(super) const BYTES: &str = "SELECT SUM(bytes), SUM(bytes) FILTER (WHERE user_id = ?1) FROM exports \
    WHERE bytes > 0";

/// An export whose settings are written out already, and its job.
pub(super) struct Prepared {
    new: NewExport,
    settings: String,
    job: PreparedJob,
}

impl Prepared {
    pub(super) fn new(new: NewExport, job: crate::NewJob) -> Prepared {
        let settings = new.settings.to_string();
        Prepared { new, settings, job: PreparedJob::new(job) }
    }
}

pub(super) fn create(connection: &Connection, prepared: &Prepared, places: ExportPlaces) -> rusqlite::Result<Queued> {
    let Prepared { new, settings, job } = prepared;
    let count = |row: &Row<'_>| Ok((read_u64(row, 0)?, read_u64(row, 1)?));
    let (of_all, of_user) = connection.prepare_cached(UNDER_WAY)?.query_row([new.user.as_str()], count)?;
    let known = connection.prepare_cached(KNOWN)?.query_row([new.user.as_str()], |row| read_u64(row, 0))?;
    if of_user >= places.of_user || known >= places.known_of_user {
        return Ok(Queued::UserFull);
    }
    if of_all >= places.of_all {
        return Ok(Queued::ServerFull);
    }
    let turn = turn_of(connection, &new.user)?;
    let turn_end = turn.saturating_add(i64::from(new.weight));
    let seq = i64::try_from(new.seq).unwrap_or(i64::MAX);
    let [id, project, user] = [&new.id, &new.project, &new.user].map(Id::as_str);
    let values = params![id, project, user, new.name, settings, new.stems, seq, new.now.0, turn, turn_end];
    connection.prepare_cached(ADD)?.execute(values)?;
    jobs::insert_with(connection, job, turn.saturating_neg())?;
    Ok(Queued::Waiting)
}

/// When it is this person's turn: not before those that are under way, and when their own last one has ended.
fn turn_of(connection: &Connection, user: &Id) -> rusqlite::Result<i64> {
    let turn = |sql: &str, of: &[&str]| -> rusqlite::Result<Option<i64>> {
        connection.prepare_cached(sql)?.query_row(rusqlite::params_from_iter(of), |row| row.get(0))
    };
    let states = [ExportState::Waiting, ExportState::Running];
    let [waiting, running] = states.map(|state| turn(EARLIEST_TURN, &[state.name()]));
    let under_way = [waiting?, running?].into_iter().flatten().min();
    let (ended, own) = (turn(LAST_TURN, &[])?, turn(LAST_TURN_OF, &[user.as_str()])?);
    Ok(under_way.or(ended).max(own).unwrap_or(0))
}

pub(super) fn by_id(connection: &Connection, id: &Id) -> rusqlite::Result<Option<Export>> {
    connection.prepare_cached(BY_ID)?.query_row([id.as_str()], read).optional()
}

pub(super) fn by_owner(connection: &Connection, project: &Id, user: &Id, limit: u32) -> rusqlite::Result<Vec<Export>> {
    connection.prepare_cached(BY_OWNER)?.query_map(params![user.as_str(), project.as_str(), limit], read)?.collect()
}

pub(super) fn begin(connection: &Connection, id: &Id) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(BEGIN)?.execute([id.as_str()])? > 0)
}

pub(super) fn put_back(connection: &Connection, id: &Id) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(PUT_BACK)?.execute([id.as_str()])? > 0)
}

pub(super) fn progress(connection: &Connection, id: &Id, progress: f64) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(PROGRESS)?.execute(params![id.as_str(), progress])? > 0)
}

pub(super) fn finish(
    connection: &Connection,
    id: &Id,
    file: &ExportFile,
    expires: Timestamp,
) -> rusqlite::Result<bool> {
    let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
    let values = params![id.as_str(), file.blob.as_str(), bytes, expires.0];
    if connection.prepare_cached(FINISH)?.execute(values)? > 0 {
        return Ok(true);
    }
    connection.prepare_cached(MADE_IN_VAIN)?.execute(params![id.as_str(), file.blob.as_str(), bytes])?;
    Ok(false)
}

pub(super) fn end(
    connection: &Connection,
    id: &Id,
    state: ExportState,
    error: Option<&str>,
    expires: Timestamp,
) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(END)?.execute(params![id.as_str(), state.name(), error, expires.0])? > 0)
}

pub(super) fn remove(connection: &Connection, id: &Id, now: Timestamp) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(REMOVE)?.execute(params![id.as_str(), now.0])? > 0)
}

pub(super) fn ended(connection: &Connection, by: Timestamp, limit: u32) -> rusqlite::Result<Vec<Export>> {
    connection.prepare_cached(ENDED)?.query_map(params![by.0, limit], read)?.collect()
}

pub(super) fn forget(connection: &Connection, id: &Id) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(FORGET)?.execute([id.as_str()])? > 0)
}

pub(super) fn is_shared(connection: &Connection, blob: &BlobKey, export: &Id) -> rusqlite::Result<bool> {
    let of_another = connection.prepare_cached(SHARED)?.exists([blob.as_str(), export.as_str()])?;
    Ok(of_another || connection.prepare_cached(recordings::REFERS)?.exists([blob.as_str()])?)
}

pub(super) fn bytes(connection: &Connection, user: &Id) -> rusqlite::Result<ExportBytes> {
    let sum = |sum: Option<i64>| sum.unwrap_or(0).unsigned_abs();
    connection
        .prepare_cached(BYTES)?
        .query_row([user.as_str()], |row| Ok(ExportBytes { of_all: sum(row.get(0)?), of_user: sum(row.get(1)?) }))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Export> {
    let state = row.get_ref(7)?.as_str()?;
    let unknown = || unreadable(7, std::io::Error::other(format!("there is no state '{state}'")));
    let blob = row.get::<_, Option<String>>(10)?;
    let blob = blob.map(|key| key.parse().map_err(|error| unreadable(10, error))).transpose()?;
    let file = match blob {
        Some(blob) => Some(ExportFile { blob, bytes: read_u64(row, 11)? }),
        None => None,
    };
    Ok(Export {
        id: read_id(row, 0)?,
        project: read_id(row, 1)?,
        user: read_id(row, 2)?,
        name: row.get(3)?,
        settings: serde_json::from_str(row.get_ref(4)?.as_str()?).map_err(|error| unreadable(4, error))?,
        stems: row.get(5)?,
        seq: read_u64(row, 6)?,
        state: ExportState::from_name(state).ok_or_else(unknown)?,
        progress: row.get(8)?,
        error: row.get(9)?,
        file,
        created: Timestamp(row.get(12)?),
        expires: row.get::<_, Option<i64>>(13)?.map(Timestamp),
    })
}
