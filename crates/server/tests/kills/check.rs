//! What a killed server has left.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use model::Records;
use operations::{Scope, apply_committed};
use storage::{SqliteStore, Store as _};

use crate::id;

/// What earlier kills have left and was looked at: the log as it was, and the records that it gives.
#[derive(Default)]
pub(crate) struct Checked {
    seq: u64,
    records: Records,
    seen: HashSet<String>,
    unanswered: u64,
}

impl Checked {
    /// Looks at the log's new entries: every acknowledged one is there, in its place, once and whole, and the records are
    /// what the log says.
    pub(crate) fn look(&mut self, data: &Path, acknowledged: &HashMap<String, u64>) {
        let store = SqliteStore::open(&data.join("unisono.sqlite")).unwrap();
        let scope = Scope::Project(id("p"));
        let mut places = HashMap::new();
        for commit in store.commits_since(&scope, self.seq, usize::MAX).unwrap() {
            self.seq += 1;
            assert_eq!(commit.seq, self.seq, "the log has no gap");
            assert!(self.seen.insert(commit.tx_id.to_string()), "{} is there twice", commit.tx_id);
            if commit.tx_id.as_str().starts_with('k') {
                assert_eq!(commit.operations.len(), 2, "{} is half there", commit.tx_id);
                places.insert(commit.tx_id.to_string(), commit.seq);
            }
            apply_committed(&mut self.records, &commit.tx_id, &commit.operations, commit.time).unwrap();
        }
        for (tx_id, seq) in acknowledged {
            assert_eq!(places.get(tx_id), Some(seq), "{tx_id} was acknowledged as entry {seq}");
        }
        self.unanswered += (places.len() - acknowledged.len()) as u64;
        let loaded = store.load(&scope).unwrap().unwrap();
        assert_eq!(loaded.seq, self.seq);
        assert!(loaded.records.into_iter().collect::<Records>() == self.records, "the records are the log's state");
    }

    /// How many entries nobody had been told of.
    pub(crate) fn unanswered(&self) -> u64 {
        self.unanswered
    }
}
