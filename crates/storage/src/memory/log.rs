//! The logs and the records that follow them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::{Id, Key, Record, Table};
use operations::{Commit, Operation, Scope};

use super::{Answer, Content};
use crate::replay::{Replay, Row};
use crate::{
    Batch, CommitError, Loaded, LogEntry, LogPosition, Logged, Materialisation, NewCommit, Snapshot, StoreError,
    is_written_through,
};

#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) epoch: Id,
    pub(super) seq: u64,
    pub(super) materialised_seq: u64,
    pub(super) commits: Vec<Commit>,
    /// What undoes each of them.
    pub(super) inverses: Vec<Vec<Operation>>,
    pub(super) bytes: u64,
    /// By the entry that left the records so.
    pub(super) snapshots: BTreeMap<u64, Vec<u8>>,
}

impl Log {
    pub(super) fn new(epoch: Id) -> Log {
        Log {
            epoch,
            seq: 0,
            materialised_seq: 0,
            commits: Vec::new(),
            inverses: Vec::new(),
            bytes: 0,
            snapshots: BTreeMap::new(),
        }
    }
}

impl Content {
    /// Keeps a batch whole, or leaves everything as it was.
    pub(super) fn commit(&mut self, batch: Batch) -> Result<(), CommitError> {
        batch.check()?;
        self.check_position(&batch)?;
        let mut fresh = std::collections::HashSet::new();
        for new in &batch.commits {
            let name = (new.commit.author.clone(), new.commit.tx_id.clone());
            if self.written.contains_key(&name) || !fresh.insert(name.clone()) {
                return Err(CommitError::Duplicate { author: name.0, tx_id: name.1 });
            }
        }
        for (table, record) in &batch.records {
            let key = Key::new(*table, record.id().clone());
            let known = self.rows.get(&key).and_then(|known| project_of(*table, &known.record));
            if known.is_some() && known != project_of(*table, record) {
                return Err(CommitError::Taken { key });
            }
            if let Scope::Project(project) = &batch.scope {
                let root = Key::new(Table::Projects, project.clone());
                let comes = batch.records.iter().any(|(table, it)| *table == Table::Projects && it.id() == project);
                if !comes && !self.rows.contains_key(&root) {
                    return Err(crate::commit::malformed(format!("{key} has no project")));
                }
            }
        }
        self.append(batch);
        Ok(())
    }

    pub(super) fn check_position(&self, batch: &Batch) -> Result<(), CommitError> {
        let actual = self.position(&batch.scope);
        let fits = match &actual {
            None => batch.expected_seq == 0,
            Some(at) => at.epoch == batch.epoch && at.seq == batch.expected_seq,
        };
        if fits { Ok(()) } else { Err(CommitError::Stale { actual }) }
    }

    pub(super) fn append(&mut self, batch: Batch) {
        let (is_whole, seq) = (batch.is_whole(), batch.last_seq());
        let Batch { scope, epoch, commits, records, jobs, .. } = batch;
        let log = self.logs.entry(scope.clone()).or_insert_with(|| Log::new(epoch));
        if is_whole && log.materialised_seq == log.seq {
            log.materialised_seq = seq;
            log.bytes += commits.iter().map(bytes_of).sum::<u64>();
        }
        for new in commits {
            log.seq = new.commit.seq;
            let name = (new.commit.author.clone(), new.commit.tx_id.clone());
            let at = Logged { scope: scope.clone(), seq: new.commit.seq, payload_hash: new.payload_hash };
            self.written.insert(name, at);
            log.commits.push(new.commit);
            log.inverses.push(new.inverse);
        }
        for (table, record) in records {
            self.rows.insert(Key::new(table, record.id().clone()), Row { table, record, seq });
        }
        for job in jobs {
            self.enqueue(job);
        }
    }

    pub(super) fn materialise(&mut self, behind: Materialisation) -> Result<bool, StoreError> {
        behind.check().map_err(|error| StoreError(error.to_string()))?;
        let Materialisation { scope, epoch, since, seq, records, log_bytes } = behind;
        let Some(log) = self.logs.get_mut(&scope) else { return Ok(false) };
        if log.epoch != epoch || log.seq < seq || log.materialised_seq < since {
            return Ok(false);
        }
        if log.materialised_seq >= seq {
            return Ok(true);
        }
        log.materialised_seq = seq;
        log.bytes += log_bytes;
        for (table, record) in records {
            let key = Key::new(table, record.id().clone());
            if self.rows.get(&key).is_none_or(|row| row.seq < seq) {
                self.rows.insert(key, Row { table, record, seq });
            }
        }
        Ok(true)
    }

    /// These rows, brought up to the end of their log.
    pub(super) fn follow(&self, scope: &Scope, rows: Vec<Row>) -> Result<Replay, StoreError> {
        let mut replay = Replay::new(rows);
        if let Some(log) = self.logs.get(scope) {
            let tail = log.commits.iter().filter(|commit| commit.seq > log.materialised_seq);
            tail.cloned().try_for_each(|commit| replay.follow(commit))?;
        }
        Ok(replay)
    }

    pub(super) fn records(&self, keys: &[Key]) -> Result<Vec<(Table, Record)>, StoreError> {
        let (mut found, mut following) = (Vec::with_capacity(keys.len()), BTreeMap::new());
        for row in keys.iter().filter_map(|key| self.rows.get(key)) {
            if is_written_through(row.table) {
                found.push((row.table, row.record.clone()));
            } else if let Some(project) = project_of(row.table, &row.record) {
                following.entry(project).or_insert_with(Vec::new).push(row.clone());
            }
        }
        for (project, rows) in following {
            found.extend(self.follow(&Scope::Project(project), rows)?.finish().0);
        }
        Ok(found)
    }

    pub(super) fn position(&self, scope: &Scope) -> Option<LogPosition> {
        self.logs.get(scope).map(|log| LogPosition { epoch: log.epoch.clone(), seq: log.seq })
    }

    pub(super) fn renew_epoch(&mut self, scope: &Scope, epoch: &Id, fresh: &Id) -> bool {
        let Some(log) = self.logs.get_mut(scope).filter(|log| log.epoch == *epoch) else { return false };
        log.epoch = fresh.clone();
        true
    }

    pub(super) fn load(&self, scope: &Scope) -> Answer<Option<Loaded>> {
        let Some(log) = self.logs.get(scope) else { return Ok(None) };
        let ours = |row: &&Row| match scope {
            Scope::User(user) => row.table == Table::Users && row.record.id() == user,
            Scope::Project(project) => project_of(row.table, &row.record).as_ref() == Some(project),
        };
        let rows = self.rows.values().filter(ours).cloned().collect();
        let (records, behind) = self.follow(scope, rows)?.finish();
        let Log { epoch, seq, materialised_seq, bytes: log_bytes, .. } = log.clone();
        Ok(Some(Loaded { epoch, seq, records, materialised_seq, behind, log_bytes }))
    }

    pub(super) fn keep_snapshot(&mut self, snapshot: Snapshot) -> bool {
        let Snapshot { scope, epoch, seq, records } = snapshot;
        let Some(log) = self.logs.get_mut(&scope).filter(|log| log.epoch == epoch && log.seq >= seq) else {
            return false;
        };
        if let Entry::Vacant(vacant) = log.snapshots.entry(seq) {
            log.bytes += records.len() as u64;
            vacant.insert(records);
        }
        true
    }

    pub(super) fn snapshot_from(&self, scope: &Scope, seq: u64) -> Option<(u64, Vec<u8>)> {
        let (seq, records) = self.logs.get(scope)?.snapshots.range(seq..).next()?;
        Some((*seq, records.clone()))
    }

    pub(super) fn last_snapshot(&self, scope: &Scope) -> Option<u64> {
        self.logs.get(scope)?.snapshots.keys().next_back().copied()
    }

    pub(super) fn commits_since(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<Commit>> {
        let commits = self.logs.get(scope).map_or(&[][..], |log| &log.commits);
        Ok(commits.iter().filter(|commit| commit.seq > seq).take(limit).cloned().collect())
    }

    pub(super) fn entries_before(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<LogEntry>> {
        let Some(log) = self.logs.get(scope) else { return Ok(Vec::new()) };
        let entries = log.commits.iter().zip(&log.inverses).rev().filter(|(commit, _)| commit.seq < seq);
        let entry = |(commit, inverse): (&Commit, &Vec<Operation>)| LogEntry {
            commit: commit.clone(),
            inverse: inverse.clone(),
        };
        Ok(entries.take(limit).map(entry).collect())
    }
}

/// What an entry takes in the other store.
fn bytes_of(new: &NewCommit) -> u64 {
    let text = |operations: &[Operation]| serde_json::to_vec(operations).map_or(0, |text| text.len() as u64);
    text(&new.commit.operations) + text(&new.inverse)
}

/// The project of a record.
pub(super) fn project_of(table: Table, record: &Record) -> Option<Id> {
    match table {
        Table::Users => None,
        Table::Projects => Some(record.id().clone()),
        _ => record.id_in("projectId"),
    }
}
