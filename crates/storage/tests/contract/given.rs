//! What the tests are about, said shortly.

use model::{Id, Key, Record, Records, Table, Timestamp, Value};
use operations::{Author, Operation, Scope, Transaction, build};
use storage::{Batch, CommitError, Materialisation, NewCommit, NewJob, NewUser, Store};
use sync::Room;

pub(crate) const NOW: Timestamp = Timestamp(1_795_470_240_000);

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

pub(crate) fn later(ms: i64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

/// A room that writes what it accepts.
pub(crate) struct Song {
    pub(crate) room: Room,
    count: u32,
}

impl Song {
    /// A project of `owner`, not yet kept.
    pub(crate) fn new(project: &str) -> Song {
        let room = Room::new(Scope::Project(id(project)), id(&format!("epoch-{project}")), 0, Records::new());
        Song { room, count: 0 }
    }

    /// The batch of one transaction of `user`; the room has taken it.
    pub(crate) fn batch(&mut self, user: &str, operations: Vec<Operation>) -> Batch {
        self.count += 1;
        let Scope::Project(project) = self.room.scope().clone() else { panic!("a song is a project") };
        let tx_id = id(&format!("tx-{project}-{}", self.count));
        self.batch_as(&tx_id, user, operations)
    }

    pub(crate) fn batch_as(&mut self, tx_id: &Id, user: &str, operations: Vec<Operation>) -> Batch {
        self.try_batch(tx_id, user, operations).unwrap()
    }

    /// The batch of one transaction, if the room takes it.
    pub(crate) fn try_batch(&mut self, tx_id: &Id, user: &str, operations: Vec<Operation>) -> Option<Batch> {
        let transaction = Transaction {
            tx_id: tx_id.clone(),
            author_id: id(user),
            operations,
            client_timestamp: 0.0,
            base_versions: std::collections::BTreeMap::new(),
            gesture: None,
        };
        let expected_seq = self.room.seq();
        let author = if user == "system" { Author::System } else { Author::User(id(user)) };
        let submitted = self.room.submit(&author, &transaction, NOW).ok()?;
        let commits = vec![NewCommit { commit: submitted.commit, inverse: submitted.inverse, payload_hash: [7; 32] }];
        let records = Batch::written_through(&commits, self.room.records());
        Some(Batch {
            scope: self.room.scope().clone(),
            epoch: self.room.epoch().clone(),
            expected_seq,
            commits,
            records,
            jobs: Vec::new(),
        })
    }

    /// Puts the room where the store is.
    pub(crate) fn reload(&mut self, store: &dyn Store) {
        let scope = self.room.scope().clone();
        self.room = match store.load(&scope).unwrap() {
            Some(it) => Room::new(scope, it.epoch, it.seq, it.records.into_iter().collect()),
            None => Room::new(scope, self.room.epoch().clone(), 0, Records::new()),
        };
    }

    /// Commits one transaction of `user`.
    pub(crate) fn write(&mut self, store: &dyn Store, user: &str, operations: Vec<Operation>) {
        let batch = self.batch(user, operations);
        assert_eq!(store.commit(vec![batch]), [Ok(())]);
    }

    /// A project of `owner`, kept.
    pub(crate) fn of(store: &dyn Store, project: &str, owner: &str) -> Song {
        let mut song = Song::new(project);
        song.write(store, owner, vec![create_project(project)]);
        song
    }

    /// What the store says must be what the room holds.
    pub(crate) fn assert_kept(&self, store: &dyn Store) {
        let loaded = store.load(self.room.scope()).unwrap().unwrap();
        assert_eq!((&loaded.epoch, loaded.seq), (self.room.epoch(), self.room.seq()));
        assert_eq!(loaded.records.into_iter().collect::<Records>(), *self.room.records());
    }
}

/// What lags behind a log, as whoever loads it writes it.
pub(crate) fn lagging(store: &dyn Store, scope: &Scope) -> Materialisation {
    let loaded = store.load(scope).unwrap().unwrap();
    let lags = |(table, record): &(Table, Record)| loaded.behind.contains(&Key::new(*table, record.id().clone()));
    Materialisation {
        scope: scope.clone(),
        epoch: loaded.epoch,
        since: loaded.materialised_seq,
        seq: loaded.seq,
        records: loaded.records.into_iter().filter(lags).collect(),
        log_bytes: 1_000,
    }
}

pub(crate) fn create_project(project: &str) -> Operation {
    build::create(Table::Projects, &id(project), model::fields([("name", "A song".into())]))
}

pub(crate) fn create_track(project: &str, track: &str) -> Operation {
    let fields = model::fields([
        ("projectId", Value::text(project)),
        ("name", "Bass".into()),
        ("type", "audio".into()),
        ("volume", Value::number(0.1 + 0.2)),
    ]);
    build::create(Table::Tracks, &id(track), fields)
}

pub(crate) fn add_member(project: &str, member: &str, user: &str, role: &str) -> Operation {
    let fields =
        model::fields([("projectId", Value::text(project)), ("userId", Value::text(user)), ("role", role.into())]);
    build::create(Table::ProjectMembers, &id(member), fields)
}

pub(crate) fn person(name: &str) -> NewUser {
    NewUser {
        id: id(name),
        email: format!("{name}@example.com"),
        name: name.to_owned(),
        colour: "#7c8cff".to_owned(),
        password_hash: format!("hash of {name}"),
        demo: false,
        now: NOW,
    }
}

pub(crate) fn job(name: &str) -> NewJob {
    NewJob {
        id: id(name),
        kind: "peaks".to_owned(),
        unique_key: None,
        payload: serde_json::json!({ "file": name }),
        priority: 0,
        run_after: NOW,
        attempts_max: 3,
        now: NOW,
    }
}

pub(crate) fn one(store: &dyn Store, batch: Batch) -> Result<(), CommitError> {
    store.commit(vec![batch]).pop().unwrap()
}

pub(crate) fn record(store: &dyn Store, table: Table, name: &str) -> Option<Record> {
    store.records(&[Key::new(table, id(name))]).unwrap().pop().map(|(_, record)| record)
}
