//! A log that grows by known entries.

use model::{Id, Key, Record, Records, Table, Timestamp, Value};
use operations::{Author, Scope, Transaction, apply_committed, build};
use storage::{Batch, Materialisation, NewCommit, SqliteStore, Store};
use sync::Room;

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

pub(crate) fn scope() -> Scope {
    Scope::Project(id("p"))
}

pub(crate) fn empty_room() -> Room {
    Room::new(scope(), id("epoch"), 0, Records::new())
}

pub(crate) fn room_of(store: &dyn Store) -> Room {
    let loaded = store.load(&scope()).unwrap();
    loaded.map_or_else(empty_room, |it| Room::new(scope(), it.epoch, it.seq, it.records.into_iter().collect()))
}

/// The batch of the room's next transaction: first the project, then tracks and changes of them in turn. The transaction
/// is called after its place in the log.
pub(crate) fn next(room: &mut Room) -> Batch {
    let seq = room.seq() + 1;
    let track = |n: u64| id(&format!("t{n}"));
    let operation = match seq {
        1 => build::create(Table::Projects, &id("p"), model::fields([("name", "A song".into())])),
        n if n % 2 == 0 => {
            let name = format!("Track {n} {}", "x".repeat((n % 97) as usize));
            let fields =
                [("projectId", Value::text("p")), ("name", name.as_str().into()), ("type", Value::text("audio"))];
            build::create(Table::Tracks, &track(n), model::fields(fields))
        }
        n => build::set(Table::Tracks, &track(n - 1), "volume", 1.0 / f64::from(u32::try_from(n).unwrap())),
    };
    let transaction = Transaction {
        tx_id: id(&format!("tx-{seq}")),
        author_id: id("ada"),
        operations: vec![operation],
        client_timestamp: 0.0,
        base_versions: std::collections::BTreeMap::new(),
        gesture: None,
    };
    let expected_seq = room.seq();
    let submitted = room.submit(&Author::User(id("ada")), &transaction, Timestamp(1_795_470_240_000)).unwrap();
    let commits = vec![NewCommit { commit: submitted.commit, inverse: submitted.inverse, payload_hash: [0; 32] }];
    let records = Batch::written_through(&commits, room.records());
    Batch { scope: scope(), epoch: room.epoch().clone(), expected_seq, commits, records, jobs: Vec::new() }
}

/// The rows that lag behind the log.
pub(crate) fn lagging(store: &dyn Store) -> Materialisation {
    let loaded = store.load(&scope()).unwrap().unwrap();
    let lags = |(table, record): &(Table, Record)| loaded.behind.contains(&Key::new(*table, record.id().clone()));
    Materialisation {
        scope: scope(),
        epoch: loaded.epoch,
        since: loaded.materialised_seq,
        seq: loaded.seq,
        records: loaded.records.into_iter().filter(lags).collect(),
        log_bytes: 1_000,
    }
}

/// The log has no gap, its ids are all there, and the records are what it says; its last entry.
pub(crate) fn check(store: &SqliteStore) -> u64 {
    let Some(loaded) = store.load(&scope()).unwrap() else { return 0 };
    let mut records = Records::new();
    let mut expected = 1;
    for commit in store.commits_since(&scope(), 0, usize::MAX).unwrap() {
        assert_eq!(commit.seq, expected);
        let logged = store.find_transaction(&commit.author, &commit.tx_id).unwrap().unwrap();
        assert_eq!(logged.seq, expected);
        apply_committed(&mut records, &commit.tx_id, &commit.operations, commit.time).unwrap();
        expected += 1;
    }
    assert_eq!(loaded.seq + 1, expected);
    assert!(loaded.records.into_iter().collect::<Records>() == records, "the records are the log's state");
    loaded.seq
}
