//! Loss of power, and syncs that fail.

use std::path::{Path, PathBuf};

use storage::{CommitError, SqliteStore, Store as _};

use crate::disk::{self, random};
use crate::song::{check, empty_room, lagging, next, room_of, scope};

/// The database in `folder`, on the disk that forgets.
fn forgetful(folder: &Path) -> PathBuf {
    disk::register();
    let name = disk::NAME.to_str().unwrap();
    PathBuf::from(format!("file:{}?vfs={name}", folder.join("test.sqlite").display()))
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    // As SQLite names it.
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

/// Writes until the power goes after so many changes of files, and looks at what is left.
fn lose_power(seed: u64) -> (u64, u64) {
    let (_folder, path) = folder();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let store = SqliteStore::open(&forgetful(&path)).unwrap();
    let mut room = empty_room();
    disk::lose_power_after(&path, 1 + random(&mut state) % 3_000, random(&mut state) | 1);
    let (image, acknowledged) = loop {
        let group = (0..1 + random(&mut state) % 5).map(|_| next(&mut room)).collect();
        assert!(store.commit(group).iter().all(Result::is_ok));
        if let Some(lost) = disk::lost(&path) {
            break lost;
        }
        disk::acknowledge(&path, room.seq());
        if random(&mut state).is_multiple_of(4) {
            assert_eq!(store.materialise(lagging(&store)), Ok(true));
            if let Some(lost) = disk::lost(&path) {
                break lost;
            }
        }
    };
    let (_after, after_path) = folder();
    for (file, bytes) in image {
        std::fs::write(after_path.join(file.file_name().unwrap()), bytes).unwrap();
    }
    let store = SqliteStore::open(&after_path.join("test.sqlite")).unwrap();
    let kept = check(&store);
    assert!(kept >= acknowledged, "seed {seed}: acknowledged {acknowledged}, kept {kept}");
    // And it goes on from there.
    let mut room = room_of(&store);
    assert_eq!(store.commit(vec![next(&mut room)]), [Ok(())]);
    assert_eq!(check(&store), kept + 1);
    assert_eq!(store.materialise(lagging(&store)), Ok(true));
    assert_eq!(check(&store), kept + 1);
    (acknowledged, kept)
}

#[test]
fn wr7_wr8_what_was_acknowledged_survives_a_loss_of_power_whether_its_rows_were_written_or_not() {
    let outcomes: Vec<(u64, u64)> = (1..=40).map(lose_power).collect();
    assert!(outcomes.iter().any(|(acknowledged, _)| *acknowledged > 100), "{outcomes:?}");
    assert!(outcomes.iter().any(|(acknowledged, _)| *acknowledged < 50), "{outcomes:?}");
}

#[test]
fn wr7_a_failed_sync_refuses_the_whole_group_and_keeps_nothing_of_it() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&forgetful(&path)).unwrap();
    let mut room = empty_room();
    for _ in 0..10 {
        assert_eq!(store.commit(vec![next(&mut room)]), [Ok(())]);
    }
    let before = room.clone();
    disk::fail_syncs(&path, 1);
    let group: Vec<_> = (0..3).map(|_| next(&mut room)).collect();
    let results = store.commit(group);
    assert_eq!(results.len(), 3);
    for result in results {
        assert!(matches!(result, Err(CommitError::Database { .. })), "{result:?}");
    }
    assert_eq!(check(&store), before.seq());
    // Rebuilt from the store, the room goes on.
    let mut rebuilt = room_of(&store);
    assert!(rebuilt.records() == before.records());
    assert_eq!(store.commit(vec![next(&mut rebuilt)]), [Ok(())]);
    assert_eq!(check(&store), before.seq() + 1);
}

#[test]
fn wr7_wr8_a_failed_sync_while_rows_are_written_loses_nothing() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&forgetful(&path)).unwrap();
    let mut room = empty_room();
    for _ in 0..10 {
        assert_eq!(store.commit(vec![next(&mut room)]), [Ok(())]);
    }
    let rows = lagging(&store);
    assert!(!rows.records.is_empty());
    disk::fail_syncs(&path, 1);
    assert!(store.materialise(rows.clone()).is_err());
    assert!(store.load(&scope()).unwrap().unwrap().materialised_seq < 10, "nothing of it is kept");
    assert_eq!(check(&store), 10);
    assert_eq!(store.commit(vec![next(&mut room)]), [Ok(())]);
    assert_eq!(store.materialise(rows), Ok(true));
    assert_eq!(store.load(&scope()).unwrap().unwrap().materialised_seq, 10);
    assert_eq!(check(&store), 11);
}
