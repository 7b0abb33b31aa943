//! What recordings' records say of the blobs.

use model::{Id, Timestamp};
use rusqlite::{Connection, params};

use super::columns::read_id;
use super::exports;
use crate::BlobKey;
use crate::stored::{StoredRecording, bytes_of};

pub(super) const STORED_BY: &str = "SELECT storage_key, playback_key, size_bytes, frames, channels, bit_depth \
    FROM audio_files WHERE uploaded_by = ?1 AND storage_key IS NOT NULL";
pub(super) const REFERS: &str = "SELECT 1 FROM audio_files \
    WHERE storage_key = ?1 OR playback_key = ?1 OR waveform_key = ?1 LIMIT 1";
pub(super) const REFUSED: &str = "SELECT project_id, id FROM audio_files \
    WHERE state = 'refused' AND storage_key IS NOT NULL AND updated_at < ?1 LIMIT ?2";
pub(super) const DELETED: &str = "SELECT project_id, id FROM audio_files \
    WHERE deleted < ?1 AND storage_key IS NOT NULL LIMIT ?2";
pub(super) const OF_DELETED_PROJECTS: &str = "SELECT audio_files.project_id, audio_files.id FROM projects \
    JOIN audio_files ON audio_files.project_id = projects.id \
    WHERE projects.deleted < ?1 AND audio_files.storage_key IS NOT NULL LIMIT ?2";

pub(super) fn to_let_go(
    connection: &Connection,
    refused: Timestamp,
    deleted: Timestamp,
    limit: u32,
) -> rusqlite::Result<Vec<(Id, Id)>> {
    let mut found = Vec::new();
    for (sql, before) in [(REFUSED, refused), (DELETED, deleted), (OF_DELETED_PROJECTS, deleted)] {
        let mut statement = connection.prepare_cached(sql)?;
        // Times of records are text of one length, so that they sort as the times do.
        let rows =
            statement.query_map(params![before.to_string(), limit], |row| Ok((read_id(row, 0)?, read_id(row, 1)?)))?;
        found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

pub(super) fn stored_bytes(connection: &Connection, user: &Id) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(STORED_BY)?;
    let recordings = statement.query_map([user.as_str()], |row| {
        Ok(StoredRecording {
            storage_key: row.get(0)?,
            playback_key: row.get(1)?,
            size_bytes: row.get::<_, Option<f64>>(2)?.unwrap_or(0.0),
            frames: row.get(3)?,
            channels: row.get(4)?,
            bit_depth: row.get(5)?,
        })
    })?;
    Ok(bytes_of(recordings.collect::<rusqlite::Result<Vec<_>>>()?))
}

pub(super) fn unreferenced(connection: &Connection, keys: &[BlobKey]) -> rusqlite::Result<Vec<BlobKey>> {
    let mut recordings = connection.prepare_cached(REFERS)?;
    let mut exports = connection.prepare_cached(exports::REFERS)?;
    let mut found = Vec::new();
    for key in keys {
        if !recordings.exists([key.as_str()])? && !exports.exists([key.as_str()])? {
            found.push(key.clone());
        }
    }
    Ok(found)
}
