//! A project's records of now and then, kept beside its log (WR12).

use operations::Scope;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::read_u64;
use super::log::{find_log, place_in, places_from, scope_name};
use crate::Snapshot;

pub(super) const KEEP: &str = "INSERT INTO snapshots (place, records) VALUES (?1, ?2) ON CONFLICT (place) DO NOTHING";
pub(super) const ADD_BYTES: &str = "UPDATE logs SET bytes = bytes + ?2 WHERE id = ?1";
pub(super) const FROM: &str = "SELECT place & 68719476735, records FROM snapshots \
    WHERE place >= ?1 AND place <= ?2 ORDER BY place LIMIT 1";
pub(super) const LAST: &str = "SELECT place & 68719476735 FROM snapshots \
    WHERE place >= ?1 AND place <= ?2 ORDER BY place DESC LIMIT 1";

/// See [`crate::Store::keep_snapshot`].
pub(super) fn keep(connection: &Connection, snapshot: &Snapshot) -> rusqlite::Result<bool> {
    let log = find_log(connection, &scope_name(&snapshot.scope))?;
    let Some(log) = log.filter(|log| log.at.epoch == snapshot.epoch && log.at.seq >= snapshot.seq) else {
        return Ok(false);
    };
    let place = place_in(log.id, snapshot.seq)?;
    if connection.prepare_cached(KEEP)?.execute(params![place, snapshot.records])? > 0 {
        let bytes = i64::try_from(snapshot.records.len()).unwrap_or(i64::MAX);
        connection.prepare_cached(ADD_BYTES)?.execute([log.id, bytes])?;
    }
    Ok(true)
}

/// See [`crate::Store::snapshot_from`].
pub(super) fn from(connection: &Connection, scope: &Scope, seq: u64) -> rusqlite::Result<Option<(u64, Vec<u8>)>> {
    let Some(log) = find_log(connection, &scope_name(scope))? else { return Ok(None) };
    let places = places_from(log.id, seq)?;
    let read = |row: &rusqlite::Row<'_>| Ok((read_u64(row, 0)?, row.get(1)?));
    connection.prepare_cached(FROM)?.query_row(places, read).optional()
}

/// See [`crate::Store::last_snapshot`].
pub(super) fn last(connection: &Connection, scope: &Scope) -> rusqlite::Result<Option<u64>> {
    let Some(log) = find_log(connection, &scope_name(scope))? else { return Ok(None) };
    connection.prepare_cached(LAST)?.query_row(places_from(log.id, 0)?, |row| read_u64(row, 0)).optional()
}
