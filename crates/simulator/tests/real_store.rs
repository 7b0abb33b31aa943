//! Worlds whose server keeps its log in SQLite as well, through the product's commit path (SI1, WR7, WR8).

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Id, Records};
use operations::Scope;
use simulator::{Holds, Shelf, Shelved, World};
use storage::{Batch, Materialisation, NewCommit, SqliteStore, Store};

const EVENTS: usize = 200;
const SEEDS: u64 = 24;

#[derive(Debug)]
struct Shelves {
    folder: tempfile::TempDir,
    /// The database that is in use.
    number: u32,
    appended: u64,
    store: Option<SqliteStoreBox>,
}

struct SqliteStoreBox(SqliteStore);

impl std::fmt::Debug for SqliteStoreBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a database")
    }
}

fn scope() -> Scope {
    Scope::Project(Id::new("song").unwrap())
}

impl Shelves {
    fn new() -> Shelves {
        let mut shelves = Shelves { folder: tempfile::tempdir().unwrap(), number: 0, appended: 0, store: None };
        shelves.open().unwrap();
        shelves
    }

    fn open(&mut self) -> Result<(), String> {
        // The old one goes first, as with a process.
        self.store = None;
        let path = self.folder.path().join(format!("{}.sqlite", self.number));
        self.store = Some(SqliteStoreBox(SqliteStore::open(&path).map_err(|error| error.to_string())?));
        Ok(())
    }

    fn store(&self) -> &SqliteStore {
        &self.store.as_ref().unwrap().0
    }
}

impl Shelf for Shelves {
    fn append(&mut self, epoch: &Id, seq: u64, entries: &[Shelved], records: &Records) -> Result<(), String> {
        let new = |entry: &Shelved| {
            let mut payload_hash = [0; 32];
            payload_hash[..8].copy_from_slice(&entry.payload_hash.to_le_bytes());
            NewCommit { commit: entry.commit.clone(), inverse: entry.inverse.clone(), payload_hash }
        };
        let commits: Vec<NewCommit> = entries.iter().map(new).collect();
        let (written, last) = (Batch::written_through(&commits, records), seq + commits.len() as u64);
        let batch =
            Batch { scope: scope(), epoch: epoch.clone(), expected_seq: seq, commits, records: written, jobs: vec![] };
        for result in self.store().commit(vec![batch]) {
            result.map_err(|error| error.to_string())?;
        }
        for entry in entries {
            let found = self.store().find_transaction(&entry.commit.author, &entry.commit.tx_id);
            let found = found.map_err(|error| error.to_string())?.map(|logged| logged.seq);
            if found != Some(entry.commit.seq) {
                return Err(format!("{} is found at {found:?}, not {}", entry.commit.tx_id, entry.commit.seq));
            }
        }
        // Rows follow now and then.
        self.appended += 1;
        if self.appended.is_multiple_of(4) {
            let since = self.store().load(&scope()).map_err(|error| error.to_string())?.unwrap().materialised_seq;
            let rows: Vec<_> = records.iter().map(|(key, record)| (key.table, record.clone())).collect();
            let rows =
                Materialisation { scope: scope(), epoch: epoch.clone(), since, seq: last, records: rows, log_bytes: 0 };
            if !self.store().materialise(rows).map_err(|error| error.to_string())? {
                return Err("rows were not written".to_owned());
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<Holds, String> {
        self.open()?;
        let loaded = self.store().load(&scope()).map_err(|error| error.to_string())?.ok_or("nothing is there")?;
        let commits = self.store().commits_since(&scope(), 0, usize::MAX >> 1).map_err(|error| error.to_string())?;
        Ok(Holds { epoch: loaded.epoch, commits, records: loaded.records.into_iter().collect() })
    }

    fn begin_anew(&mut self) -> Result<(), String> {
        self.number += 1;
        self.open()
    }
}

#[test]
fn si1_wr7_wr8_the_real_store_holds_what_the_worlds_say() {
    for seed in 0..SEEDS {
        let mut world = World::on_shelf(seed, Box::new(Shelves::new())).unwrap_or_else(|failure| panic!("{failure}"));
        if let Err(failure) = world.run(EVENTS) {
            panic!("seed {seed}: {failure}");
        }
    }
}
