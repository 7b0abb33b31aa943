//! Old states that are near (WR12): now and then a project's records are kept beside its log, so that no old state, and no
//! named version, is further back than can be taken back.

use std::sync::Mutex;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use model::{Record, Records, Table};
use operations::Scope;
use storage::{Snapshot, Store, StoreError};
use sync::Room;

use super::super::limits::{
    GROUP_TRANSACTIONS_MAX, REWIND_COMMITS_MAX, SNAPSHOT_BYTES_MAX, SNAPSHOT_EVERY, SNAPSHOT_WEIGHT_PER_ENTRY,
    TAIL_COMMITS_MAX,
};

/// How hard the packing tries, of 10: songs are full of the same words.
const PACKED_BY: u8 = 6;

/// The most entries after which another snapshot is due. One is made when rows are written, which lag behind the log, and not while
/// another is being made: what is left of the way that can be taken back is for that.
const DUE_AFTER_MAX: u64 = REWIND_COMMITS_MAX / 2;
const _: () = assert!(DUE_AFTER_MAX + TAIL_COMMITS_MAX + GROUP_TRANSACTIONS_MAX as u64 <= REWIND_COMMITS_MAX);

/// After how many entries of the log another snapshot is due. Of a heavy song later: it should not take far more than the
/// entries themselves.
fn due_after(room: &Room) -> u64 {
    let weight = u64::try_from(room.records().weight()).unwrap_or(u64::MAX);
    (weight / SNAPSHOT_WEIGHT_PER_ENTRY).clamp(SNAPSHOT_EVERY, DUE_AFTER_MAX)
}

/// Whether the room's log is long enough for one at all; to ask the store is for [`keep_if_due`].
pub(in super::super) fn may_be_due(room: &Room) -> bool {
    matches!(room.scope(), Scope::Project(_)) && room.seq() >= SNAPSHOT_EVERY
}

/// Keeps a room's records when the last that were kept are old enough, unless that is being done: while `at_work` is held. What
/// goes wrong is logged: the log has everything, and the next one is not far.
pub(in super::super) fn keep_if_due(store: &dyn Store, room: &Room, at_work: &Mutex<()>) {
    let Ok(_at_work) = at_work.try_lock() else { return };
    if let Err(error) = keep(store, room) {
        tracing::warn!(%error, seq = room.seq(), "a project's records could not be kept beside its log");
    }
}

fn keep(store: &dyn Store, room: &Room) -> Result<(), StoreError> {
    let last = store.last_snapshot(room.scope())?.unwrap_or(0);
    if room.seq() < last.saturating_add(due_after(room)) {
        return Ok(());
    }
    let (scope, epoch, seq) = (room.scope().clone(), room.epoch().clone(), room.seq());
    // False: the log has become another one meanwhile.
    store.keep_snapshot(Snapshot { scope, epoch, seq, records: pack(room.records())? }).map(drop)
}

/// The records near entry `seq`, at it or later: of which entry they are. None when the log's end is as near, or nothing was kept.
pub(super) fn nearest(store: &dyn Store, room: &Room, seq: u64) -> Result<Option<(u64, Records)>, StoreError> {
    if room.seq() <= seq.saturating_add(SNAPSHOT_EVERY) {
        return Ok(None);
    }
    match store.snapshot_from(room.scope(), seq)?.filter(|(at, _)| *at <= room.seq()) {
        Some((at, packed)) => Ok(Some((at, unpack(&packed)?))),
        None => Ok(None),
    }
}

/// As JSON, whose shape is that of the log: what binary formats look like changes with the wire. Stamps stay away: of old states
/// nobody asks for them.
fn pack(records: &Records) -> Result<Vec<u8>, StoreError> {
    let all: Vec<(Table, &Record)> = records.iter().map(|(key, record)| (key.table, record)).collect();
    let json = serde_json::to_vec(&all).map_err(|error| StoreError(error.to_string()))?;
    Ok(compress_to_vec(&json, PACKED_BY))
}

fn unpack(packed: &[u8]) -> Result<Records, StoreError> {
    let json = decompress_to_vec_with_limit(packed, SNAPSHOT_BYTES_MAX)
        .map_err(|error| StoreError(format!("a snapshot cannot be unpacked: {error:?}")))?;
    let all: Vec<(Table, Record)> =
        serde_json::from_slice(&json).map_err(|error| StoreError(format!("a snapshot cannot be read: {error}")))?;
    Ok(all.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use model::{Id, Value, fields};

    use super::*;

    #[test]
    fn w6_wr12_a_heavy_song_is_kept_less_often_but_never_too_seldom() {
        let of = |bytes: usize| {
            let name = Value::text(&"x".repeat(bytes));
            let records = Records::from_iter([(Table::Tracks, Record::new(Id::system(), 1, fields([("name", name)])))]);
            due_after(&Room::new(Scope::Project(Id::system()), Id::system(), 0, records))
        };
        assert_eq!(of(10), SNAPSHOT_EVERY);
        assert_eq!(of(20 << 20), 20 << 10);
        assert_eq!(of(60 << 20), REWIND_COMMITS_MAX / 2, "rows lag behind the log by as much at most");
    }

    #[test]
    fn what_is_no_snapshot_is_an_error() {
        let records =
            Records::from_iter([(Table::Tracks, Record::new(Id::system(), 3, fields([("volume", 0.1.into())])))]);
        let packed = pack(&records).unwrap();
        assert_eq!(unpack(&packed), Ok(records));
        assert!(unpack(&packed[..packed.len() / 2]).is_err() && unpack(&compress_to_vec(b"[1]", 1)).is_err());
    }
}
