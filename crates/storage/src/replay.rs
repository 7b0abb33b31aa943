//! From rows to records: what the log's tail has changed since the rows were written (WR8).

use std::collections::{BTreeMap, BTreeSet};

use model::{Key, Record, Records, Table};
use operations::{Commit, apply_committed};

use crate::StoreError;

/// A record as its table has it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) table: Table,
    pub(crate) record: Record,
    /// The entry of the log after which the record was so.
    pub(crate) seq: u64,
}

/// Records on their way from rows to the log's end.
pub(crate) struct Replay {
    records: Records,
    /// What each row has already.
    seqs: BTreeMap<Key, u64>,
    behind: BTreeSet<Key>,
}

impl Replay {
    pub(crate) fn new(rows: Vec<Row>) -> Replay {
        let mut replay = Replay { records: Records::new(), seqs: BTreeMap::new(), behind: BTreeSet::new() };
        for Row { table, record, seq } in rows {
            replay.seqs.insert(Key::new(table, record.id().clone()), seq);
            replay.records.insert(table, record);
        }
        replay
    }

    /// Applies what an entry does to the rows that are here and do not have it yet.
    ///
    /// # Errors
    /// When it does not fit: the rows are then not this log's.
    pub(crate) fn follow(&mut self, mut commit: Commit) -> Result<(), StoreError> {
        commit.operations.retain(|it| self.seqs.get(&it.target).is_some_and(|seq| *seq < commit.seq));
        if commit.operations.is_empty() {
            return Ok(());
        }
        let changed = apply_committed(&mut self.records, &commit.tx_id, &commit.operations, commit.time)
            .map_err(|refusal| StoreError(format!("entry {} does not fit the rows: {refusal}", commit.seq)))?;
        self.behind.extend(changed);
        Ok(())
    }

    /// The records, and which of them their rows lag behind.
    pub(crate) fn finish(self) -> (Vec<(Table, Record)>, BTreeSet<Key>) {
        (self.records.iter().map(|(key, record)| (key.table, record.clone())).collect(), self.behind)
    }
}
