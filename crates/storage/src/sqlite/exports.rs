//! Exports.

use model::{Id, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{read_id, read_u64, unreadable};
use super::jobs::{self, PreparedJob};
use super::recordings;
use crate::turns::{Turn, Turns};
use crate::{BlobKey, Export, ExportBytes, ExportFile, ExportPlaces, ExportState, NewExport, Queued};

pub(super) const ADD: &str = "INSERT INTO exports \
    (id, project_id, user_id, name, settings, stems, seq, state, created_at, turn, weight, job_id) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting', ?8, ?9, ?10, ?11)";
pub(super) const UNDER_WAY: &str = "SELECT COUNT(*), COUNT(*) FILTER (WHERE user_id = ?1) FROM exports \
    WHERE state IN ('waiting', 'running')";
pub(super) const KNOWN: &str = "SELECT COUNT(*) FROM exports WHERE user_id = ?1";
pub(super) const EARLIEST_TURN: &str = "SELECT MIN(turn) FROM exports WHERE state = ?1";
pub(super) const LAST_ROUND: &str = "SELECT MAX(round) FROM export_turns";
pub(super) const TURNS_OF: &str = "SELECT round, used, halved_at FROM export_turns WHERE user_id = ?1";
pub(super) const KEEP_TURNS: &str = "INSERT INTO export_turns (user_id, round, used, halved_at) VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (user_id) DO UPDATE SET round = excluded.round, used = excluded.used, halved_at = excluded.halved_at";
pub(super) const FORGET_TURNS: &str = "DELETE FROM export_turns WHERE user_id = ?1";
pub(super) const WAITING_OF: &str = "SELECT id, turn, weight, begun, job_id FROM exports \
    WHERE state = 'waiting' AND user_id = ?1 ORDER BY turn";
pub(super) const UNBEGUN: &str = "SELECT user_id, turn FROM exports WHERE id = ?1 AND state = 'waiting' AND begun = 0";
pub(super) const CHARGE: &str = "UPDATE export_turns SET used = used + (SELECT weight FROM exports WHERE id = ?1) \
    WHERE user_id = (SELECT user_id FROM exports WHERE id = ?1 AND begun = 0 AND state IN ('waiting', 'running'))";
pub(super) const MOVE_UP: &str = "UPDATE exports SET turn = ?2 WHERE id = ?1";
pub(super) const BY_ID: &str = "SELECT id, project_id, user_id, name, settings, stems, seq, state, progress, error, \
    blob, bytes, created_at, expires_at FROM exports WHERE id = ?1";
pub(super) const BY_OWNER: &str = "SELECT id, project_id, user_id, name, settings, stems, seq, state, progress, error, \
    blob, bytes, created_at, expires_at FROM exports WHERE user_id = ?1 AND project_id = ?2 AND state <> 'removed' \
    ORDER BY created_at DESC, id DESC LIMIT ?3";
pub(super) const BEGIN: &str = "UPDATE exports SET state = 'running', begun = 1, progress = 0 \
    WHERE id = ?1 AND state IN ('waiting', 'running')";
pub(super) const PUT_BACK: &str =
    "UPDATE exports SET state = 'waiting', progress = 0 WHERE id = ?1 AND state = 'running'";
pub(super) const PROGRESS: &str = "UPDATE exports SET progress = ?2 WHERE id = ?1 AND state = 'running'";
pub(super) const FINISH: &str = "UPDATE exports SET state = 'done', progress = 1, blob = ?2, bytes = ?3, \
    expires_at = ?4 WHERE id = ?1 AND state = 'running'";
pub(super) const MADE_IN_VAIN: &str = "UPDATE exports SET blob = ?2, bytes = ?3 WHERE id = ?1 AND blob IS NULL";
pub(super) const END: &str = "UPDATE exports SET state = ?2, error = ?3, expires_at = ?4 \
    WHERE id = ?1 AND state IN ('waiting', 'running')";
pub(super) const REMOVE: &str = "UPDATE exports SET state = 'removed', expires_at = ?2 \
    WHERE id = ?1 AND state IN ('done', 'failed', 'cancelled')";
pub(super) const ENDED: &str = "SELECT id, project_id, user_id, name, settings, stems, seq, state, progress, error, \
    blob, bytes, created_at, expires_at FROM exports WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
pub(super) const FORGET: &str = "DELETE FROM exports WHERE id = ?1 AND expires_at IS NOT NULL";
/// Nobody asks any more how it went, but for what is dead; a worker that still has it finds its lease gone.
pub(super) const FORGET_JOB: &str = "DELETE FROM jobs \
    WHERE id = (SELECT job_id FROM exports WHERE id = ?1 AND expires_at IS NOT NULL) AND state <> 'dead'";
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
    let mut turns = turns_of(connection, &new.user)?.map_or_else(|| Turns::none(new.now), |turns| turns.at(new.now));
    let waiting = waiting_of(connection, &new.user)?;
    let (round, priority) = turns.take(current_round(connection)?, waiting.iter().map(|it| it.turn));
    keep_turns(connection, &new.user, turns)?;
    let seq = i64::try_from(new.seq).unwrap_or(i64::MAX);
    let [id, project, user] = [&new.id, &new.project, &new.user].map(Id::as_str);
    let values = params![id, project, user, new.name, settings, new.stems, seq, new.now.0, round, new.weight, job.id()];
    connection.prepare_cached(ADD)?.execute(values)?;
    jobs::insert_with(connection, job, priority)?;
    Ok(Queued::Waiting)
}

/// The round that is under way; when nothing is, the next one.
fn current_round(connection: &Connection) -> rusqlite::Result<i64> {
    let round = |sql: &str, of: &[&str]| -> rusqlite::Result<Option<i64>> {
        connection.prepare_cached(sql)?.query_row(rusqlite::params_from_iter(of), |row| row.get(0))
    };
    let [waiting, running] =
        [ExportState::Waiting, ExportState::Running].map(|state| round(EARLIEST_TURN, &[state.name()]));
    let under_way = [waiting?, running?].into_iter().flatten().min();
    Ok(match under_way {
        Some(round) => round,
        None => round(LAST_ROUND, &[])?.map_or(0, |last| last + 1),
    })
}

fn turns_of(connection: &Connection, user: &Id) -> rusqlite::Result<Option<Turns>> {
    let read = |row: &Row<'_>| Ok(Turns { round: row.get(0)?, used: row.get(1)?, halved: Timestamp(row.get(2)?) });
    connection.prepare_cached(TURNS_OF)?.query_row([user.as_str()], read).optional()
}

fn keep_turns(connection: &Connection, user: &Id, turns: Turns) -> rusqlite::Result<()> {
    let values = params![user.as_str(), turns.round, turns.used, turns.halved.0];
    connection.prepare_cached(KEEP_TURNS)?.execute(values).map(drop)
}

/// An export that waits.
struct Waiting {
    id: Id,
    turn: Turn,
    job: Option<String>,
}

/// A person's exports that wait, in order.
fn waiting_of(connection: &Connection, user: &Id) -> rusqlite::Result<Vec<Waiting>> {
    let read = |row: &Row<'_>| {
        let turn = Turn { round: row.get(1)?, weight: row.get(2)?, begun: row.get(3)? };
        Ok(Waiting { id: read_id(row, 0)?, turn, job: row.get(4)? })
    };
    connection.prepare_cached(WAITING_OF)?.query_map([user.as_str()], read)?.collect()
}

/// Moves a person's later exports up: one of this round, which waited, is over.
fn give_back(connection: &Connection, user: &Id, round: i64) -> rusqlite::Result<()> {
    let Some(mut turns) = turns_of(connection, user)? else { return Ok(()) };
    let mut waiting = waiting_of(connection, user)?;
    let priorities = turns.give_back(round, waiting.iter_mut().map(|it| &mut it.turn));
    keep_turns(connection, user, turns)?;
    for (Waiting { id, turn, job }, priority) in waiting.iter().zip(priorities) {
        let Some(priority) = priority else { continue };
        connection.prepare_cached(MOVE_UP)?.execute(params![id.as_str(), turn.round])?;
        connection.prepare_cached(jobs::SET_PRIORITY)?.execute(params![job, priority])?;
    }
    Ok(())
}

pub(super) fn by_id(connection: &Connection, id: &Id) -> rusqlite::Result<Option<Export>> {
    connection.prepare_cached(BY_ID)?.query_row([id.as_str()], read).optional()
}

pub(super) fn by_owner(connection: &Connection, project: &Id, user: &Id, limit: u32) -> rusqlite::Result<Vec<Export>> {
    connection.prepare_cached(BY_OWNER)?.query_map(params![user.as_str(), project.as_str(), limit], read)?.collect()
}

pub(super) fn begin(connection: &Connection, id: &Id) -> rusqlite::Result<bool> {
    connection.prepare_cached(CHARGE)?.execute([id.as_str()])?;
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
    let unbegun = connection
        .prepare_cached(UNBEGUN)?
        .query_row([id.as_str()], |row| Ok((read_id(row, 0)?, row.get(1)?)))
        .optional()?;
    let ended = connection.prepare_cached(END)?.execute(params![id.as_str(), state.name(), error, expires.0])? > 0;
    if let Some((user, round)) = unbegun.filter(|_| ended) {
        give_back(connection, &user, round)?;
    }
    Ok(ended)
}

pub(super) fn remove(connection: &Connection, id: &Id, now: Timestamp) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(REMOVE)?.execute(params![id.as_str(), now.0])? > 0)
}

pub(super) fn ended(connection: &Connection, by: Timestamp, limit: u32) -> rusqlite::Result<Vec<Export>> {
    connection.prepare_cached(ENDED)?.query_map(params![by.0, limit], read)?.collect()
}

pub(super) fn forget(connection: &Connection, id: &Id) -> rusqlite::Result<bool> {
    connection.prepare_cached(FORGET_JOB)?.execute([id.as_str()])?;
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
