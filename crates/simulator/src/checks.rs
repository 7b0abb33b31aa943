//! What the world must never show.

mod fates;
mod merging;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::roles::{Role, role_of};
use model::{Id, Records, Table};
use operations::apply_committed;

use crate::disk::{Disk, Entry};

pub(crate) use fates::{Fates, is_same_payload};
pub(crate) use merging::check_merging;
pub(crate) use undo::Journeys;

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub rule: &'static str,
    /// What was seen.
    pub reason: String,
}

impl Failure {
    pub(crate) fn new(rule: &'static str, reason: impl Into<String>) -> Failure {
        Failure { rule, reason: reason.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.reason)
    }
}

/// Every state that has ever been durable, by epoch and place in the log.
#[derive(Debug, Default)]
pub(crate) struct History(BTreeMap<(Id, u64), Records>);

impl History {
    /// Takes up the states that the disk's log leads to and that are not here yet.
    pub(crate) fn record(&mut self, disk: &Disk) -> Result<(), Failure> {
        let log = disk.log();
        let known = log.iter().rposition(|entry| self.0.contains_key(&(disk.epoch.clone(), entry.commit.seq)));
        let first = known.map_or(0, |index| index + 1);
        let mut records = match known.and_then(|index| self.0.get(&(disk.epoch.clone(), log[index].commit.seq))) {
            Some(records) => records.clone(),
            None => Records::new(),
        };
        self.0.entry((disk.epoch.clone(), 0)).or_default();
        for Entry { commit, .. } in &log[first..] {
            apply_committed(&mut records, &commit.tx_id, &commit.operations, commit.time).map_err(|refusal| {
                Failure::new("WR8", format!("entry {} cannot be replayed: {refusal}", commit.seq))
            })?;
            self.0.insert((disk.epoch.clone(), commit.seq), records.clone());
        }
        Ok(())
    }

    /// Whether a committed state is one of them.
    pub(crate) fn explains(&self, place: &(Id, u64), records: &Records) -> Result<(), String> {
        match self.0.get(place) {
            None => Err(format!("shows {}:{}, which was never durable", place.0, place.1)),
            Some(known) if known != records => Err(format!(
                "shows at {}:{} what the log does not explain: {}",
                place.0,
                place.1,
                crate::tab::difference(known, records)
            )),
            Some(_) => Ok(()),
        }
    }
}

/// What clients have been told, to be found in the log, or not.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// (author, transaction).
    acknowledged: BTreeSet<(Id, Id)>,
    /// The same, with what a restored backup has lost.
    ever: BTreeSet<(Id, Id)>,
    /// (author, transaction) and the hash of the payload.
    refused: BTreeSet<(Id, Id, u64)>,
}

impl Promises {
    pub(crate) fn acknowledge(&mut self, author: &Id, tx_id: &Id) {
        self.acknowledged.insert((author.clone(), tx_id.clone()));
        self.ever.insert((author.clone(), tx_id.clone()));
    }

    pub(crate) fn refuse(&mut self, author: &Id, tx_id: &Id, payload_hash: u64) {
        self.refused.insert((author.clone(), tx_id.clone(), payload_hash));
    }

    pub(crate) fn has_acknowledged(&self, name: &(Id, Id)) -> bool {
        self.ever.contains(name)
    }

    /// A restored backup keeps only what it holds: that is what restoring means. What it has lost; a tab that has not heard that
    /// it was saved may send it once more.
    pub(crate) fn keep_only_of(&mut self, disk: &Disk) -> Vec<(Id, Id)> {
        let held: BTreeSet<(Id, Id)> = disk.log().iter().map(name_of).collect();
        let (kept, lost) = std::mem::take(&mut self.acknowledged).into_iter().partition(|name| held.contains(name));
        self.acknowledged = kept;
        self.refused.clear();
        Vec::from_iter::<BTreeSet<_>>(lost)
    }

    /// Acknowledged: once in the log. Refused: not there.
    pub(crate) fn check(&self, disk: &Disk) -> Result<(), Failure> {
        let mut held: BTreeMap<(Id, Id), usize> = BTreeMap::new();
        for entry in disk.log() {
            *held.entry(name_of(entry)).or_default() += 1;
        }
        if let Some(((author, tx_id), times)) = held.iter().find(|(_, times)| **times > 1) {
            return Err(Failure::new("WR6", format!("{author}'s {tx_id} is in the log {times} times")));
        }
        if let Some((author, tx_id)) = self.acknowledged.iter().find(|name| !held.contains_key(*name)) {
            return Err(Failure::new("WR7", format!("{author}'s {tx_id} was acknowledged and is not in the log")));
        }
        let refused = |entry: &&Entry| {
            let (author, tx_id) = name_of(entry);
            self.refused.contains(&(author, tx_id, entry.payload_hash))
        };
        match disk.log().iter().find(refused) {
            Some(entry) => Err(Failure::new("CL3", format!("{} was refused and is in the log", entry.commit.tx_id))),
            None => Ok(()),
        }
    }
}

fn name_of(entry: &Entry) -> (Id, Id) {
    (entry.commit.author.clone(), entry.commit.tx_id.clone())
}

/// What must hold of a log by itself: no gaps (WR8), replayed from nothing it gives `records`, and nobody wrote without a
/// role that allows writing (WR3).
pub(crate) fn check_log(disk: &Disk, records: &Records) -> Result<(), Failure> {
    let mut replayed = Records::new();
    for (index, Entry { commit, inverse, .. }) in disk.log().iter().enumerate() {
        if commit.seq != index as u64 + 1 {
            return Err(Failure::new("WR8", format!("entry {} stands in place {}", commit.seq, index + 1)));
        }
        let role = role_of(&replayed, &commit.author);
        let leaves = role.is_some()
            && commit
                .operations
                .iter()
                .all(|op| op.target.table == Table::ProjectMembers || op.target.table == Table::Projects);
        if index > 0 && role < Some(Role::Editor) && !leaves {
            return Err(Failure::new("WR3", format!("{} wrote entry {} as {role:?}", commit.author, commit.seq)));
        }
        apply_committed(&mut replayed, &commit.tx_id, &commit.operations, commit.time)
            .map_err(|refusal| Failure::new("WR8", format!("entry {} cannot be replayed: {refusal}", commit.seq)))?;
        if inverse.iter().any(|operation| replayed.get(&operation.target).is_none()) {
            return Err(Failure::new("UN4", format!("the inverse of entry {} is about no record", commit.seq)));
        }
    }
    if replayed != *records {
        let difference = crate::tab::difference(&replayed, records);
        return Err(Failure::new("WR8", format!("the records are not what the log leads to: {difference}")));
    }
    Ok(())
}
