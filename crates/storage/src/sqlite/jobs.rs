//! The queue of jobs.

use model::{Id, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{read_id, read_u64, unreadable};
use crate::jobs::LOST;
use crate::{Failed, Job, JobState, NewJob};

pub(super) const ENQUEUE: &str = "INSERT INTO jobs (id, kind, unique_key, payload, state, priority, run_after, \
    attempts_max, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, 'ready', ?5, ?6, ?7, ?8, ?8) \
    ON CONFLICT (id) DO NOTHING \
    ON CONFLICT (unique_key) DO UPDATE SET kind = excluded.kind, payload = excluded.payload, state = 'ready', \
    priority = excluded.priority, run_after = excluded.run_after, attempts = 0, attempts_max = excluded.attempts_max, \
    error = NULL, updated_at = excluded.updated_at WHERE jobs.state = 'dead'";
pub(super) const RELEASE_LOST: &str = "UPDATE jobs SET \
    state = CASE WHEN attempts < attempts_max THEN 'ready' ELSE 'dead' END, \
    run_after = ?1, lease = NULL, leased_until = NULL, error = ?2, updated_at = ?1 \
    WHERE state = 'running' AND leased_until <= ?1";
pub(super) const NEXT: &str = "SELECT id, priority, run_after FROM jobs \
    WHERE state = 'ready' AND kind = ?1 AND run_after <= ?2 ORDER BY priority DESC, run_after, id LIMIT 1";
pub(super) const LEASE: &str = "UPDATE jobs SET state = 'running', attempts = attempts + 1, lease = ?2, \
    leased_until = ?3, updated_at = ?4 WHERE id = ?1";
pub(super) const HEARTBEAT: &str =
    "UPDATE jobs SET leased_until = ?3 WHERE id = ?1 AND lease = ?2 AND state = 'running'";
pub(super) const COMPLETE: &str = "UPDATE jobs SET state = 'done', lease = NULL, leased_until = NULL, error = NULL, \
    updated_at = ?3 WHERE id = ?1 AND lease = ?2 AND state = 'running'";
pub(super) const WITHDRAW: &str = "UPDATE jobs SET state = 'done', error = NULL, updated_at = ?2 \
    WHERE unique_key = ?1 AND state = 'ready'";
pub(super) const SET_PRIORITY: &str = "UPDATE jobs SET priority = ?2 WHERE id = ?1 AND state = 'ready'";
pub(super) const FAIL: &str = "UPDATE jobs SET state = ?3, run_after = ?4, lease = NULL, leased_until = NULL, \
    error = ?5, updated_at = ?6, attempts = attempts - ?7 WHERE id = ?1 AND lease = ?2 AND state = 'running'";
pub(super) const JOB: &str = "SELECT id, kind, payload, state, attempts, attempts_max, run_after, leased_until, error \
    FROM jobs WHERE id = ?1";
pub(super) const COUNT: &str = "SELECT COUNT(*) FROM jobs WHERE state = ?1";
pub(super) const DEAD: &str = "SELECT id, kind, payload, state, attempts, attempts_max, run_after, leased_until, error \
    FROM jobs WHERE state = 'dead' ORDER BY updated_at DESC LIMIT ?1";
pub(super) const DELETE_DONE: &str =
    "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'done' AND updated_at < ?1 LIMIT ?2)";
pub(super) const ATTEMPTS: &str =
    "SELECT attempts, attempts_max FROM jobs WHERE id = ?1 AND lease = ?2 AND state = 'running'";

/// A job whose payload is written out already.
pub(super) struct PreparedJob {
    new: NewJob,
    payload: String,
}

impl PreparedJob {
    pub(super) fn new(new: NewJob) -> PreparedJob {
        let payload = new.payload.to_string();
        PreparedJob { new, payload }
    }

    pub(super) fn id(&self) -> &str {
        self.new.id.as_str()
    }
}

pub(super) fn insert(connection: &Connection, job: &PreparedJob) -> rusqlite::Result<bool> {
    insert_with(connection, job, job.new.priority)
}

/// Inserts a job of which only now is known how urgent it is.
pub(super) fn insert_with(connection: &Connection, job: &PreparedJob, priority: i64) -> rusqlite::Result<bool> {
    let PreparedJob { new, payload } = job;
    let values = params![
        new.id.as_str(),
        new.kind,
        new.unique_key,
        payload,
        priority,
        new.run_after.0,
        new.attempts_max,
        new.now.0
    ];
    Ok(connection.prepare_cached(ENQUEUE)?.execute(values)? > 0)
}

pub(super) fn lease(
    connection: &Connection,
    kinds: &[String],
    lease: &Id,
    now: Timestamp,
    lease_ms: i64,
) -> rusqlite::Result<Option<Job>> {
    connection.prepare_cached(RELEASE_LOST)?.execute(params![now.0, LOST])?;
    let mut next = connection.prepare_cached(NEXT)?;
    let mut best: Option<(i64, i64, Id)> = None;
    for kind in kinds {
        let candidate = next
            .query_row(params![kind, now.0], |row| Ok((-row.get::<_, i64>(1)?, row.get(2)?, read_id(row, 0)?)))
            .optional()?;
        best = match (best, candidate) {
            (Some(best), Some(candidate)) => Some(best.min(candidate)),
            (best, candidate) => best.or(candidate),
        };
    }
    let Some((_, _, id)) = best else { return Ok(None) };
    let until = now.0.saturating_add(lease_ms);
    connection.prepare_cached(LEASE)?.execute(params![id.as_str(), lease.as_str(), until, now.0])?;
    job(connection, &id)
}

pub(super) fn heartbeat(connection: &Connection, job: &Id, lease: &Id, until: Timestamp) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(HEARTBEAT)?.execute(params![job.as_str(), lease.as_str(), until.0])? > 0)
}

pub(super) fn complete(connection: &Connection, job: &Id, lease: &Id, now: Timestamp) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(COMPLETE)?.execute(params![job.as_str(), lease.as_str(), now.0])? > 0)
}

pub(super) fn withdraw(connection: &Connection, unique_key: &str, now: Timestamp) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(WITHDRAW)?.execute(params![unique_key, now.0])? > 0)
}

pub(super) fn fail(
    connection: &Connection,
    job: &Id,
    lease: &Id,
    failed: &Failed,
) -> rusqlite::Result<Option<JobState>> {
    let names = [job.as_str(), lease.as_str()];
    let attempts: Option<(u32, u32)> =
        connection.prepare_cached(ATTEMPTS)?.query_row(names, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((attempts, attempts_max)) = attempts else { return Ok(None) };
    let retry_at = failed.retry_at.filter(|_| attempts < attempts_max || !failed.is_counted);
    let state = if retry_at.is_some() { JobState::Ready } else { JobState::Dead };
    let run_after = retry_at.unwrap_or(failed.now);
    let uncounted = u32::from(!failed.is_counted);
    let values = params![names[0], names[1], state.name(), run_after.0, failed.error, failed.now.0, uncounted];
    connection.prepare_cached(FAIL)?.execute(values)?;
    Ok(Some(state))
}

pub(super) fn job(connection: &Connection, id: &Id) -> rusqlite::Result<Option<Job>> {
    connection.prepare_cached(JOB)?.query_row([id.as_str()], read_job).optional()
}

pub(super) fn count(connection: &Connection, state: JobState) -> rusqlite::Result<u64> {
    connection.prepare_cached(COUNT)?.query_row([state.name()], |row| read_u64(row, 0))
}

pub(super) fn dead(connection: &Connection, limit: u32) -> rusqlite::Result<Vec<Job>> {
    connection.prepare_cached(DEAD)?.query_map([limit], read_job)?.collect()
}

pub(super) fn delete_done(connection: &Connection, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    connection.prepare_cached(DELETE_DONE)?.execute(params![before.0, limit])
}

fn read_job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let state = row.get_ref(3)?.as_str()?;
    let unknown = || std::io::Error::other(format!("there is no state '{state}'"));
    Ok(Job {
        id: read_id(row, 0)?,
        kind: row.get(1)?,
        payload: serde_json::from_str(row.get_ref(2)?.as_str()?).map_err(|error| unreadable(2, error))?,
        state: JobState::from_name(state).ok_or_else(|| unreadable(3, unknown()))?,
        attempts: row.get(4)?,
        attempts_max: row.get(5)?,
        run_after: Timestamp(row.get(6)?),
        leased_until: row.get::<_, Option<i64>>(7)?.map(Timestamp),
        error: row.get(8)?,
    })
}
