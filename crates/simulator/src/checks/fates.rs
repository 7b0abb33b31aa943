//! What becomes of edits: each is in the end committed or refused visibly, and never forgotten before (CL2, CL3).

use std::collections::{BTreeMap, BTreeSet};

use model::Id;

use super::{Failure, Promises, name_of};
use crate::browser::TabId;
use crate::disk::Disk;
use crate::server::payload_hash;

/// An edit that somebody has made.
#[derive(Debug)]
struct Fate {
    tab: TabId,
    /// In which order its tab has made it.
    number: usize,
    /// Whether the browser has kept it safely.
    is_kept: bool,
    /// Whether it may be missing in the log: committed and lost with a restored backup, refused, given up, or gone with a tab
    /// that could not keep it.
    may_miss: bool,
    /// Whether what came later may stand before it: it was set aside, had to go without being kept, or was lost with a restored
    /// backup.
    may_be_late: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Fates(BTreeMap<(Id, Id), Fate>);

impl Fates {
    pub(crate) fn made(&mut self, user: &Id, tx_id: &Id, tab: TabId) {
        let number = self.0.len();
        let fate = Fate { tab, number, is_kept: false, may_miss: false, may_be_late: false };
        self.0.insert((user.clone(), tx_id.clone()), fate);
    }

    fn note(&mut self, user: &Id, tx_id: &Id, note: impl FnOnce(&mut Fate)) {
        if let Some(fate) = self.0.get_mut(&(user.clone(), tx_id.clone())) {
            note(fate);
        }
    }

    pub(crate) fn kept(&mut self, user: &Id, tx_id: &Id) {
        self.note(user, tx_id, |fate| fate.is_kept = true);
    }

    /// The browser could not keep it, and the user knows.
    pub(crate) fn not_kept(&mut self, user: &Id, tx_id: &Id) {
        self.note(user, tx_id, |fate| fate.may_be_late = true);
    }

    /// The user knows that it is not saved, or that it was.
    pub(crate) fn ended(&mut self, user: &Id, tx_id: &Id) {
        self.note(user, tx_id, |fate| fate.may_miss = true);
    }

    pub(crate) fn set_aside(&mut self, user: &Id, tx_id: &Id) {
        self.note(user, tx_id, |fate| fate.may_be_late = true);
    }

    /// Its tab has died: only what is not kept may be lost with it.
    pub(crate) fn orphaned(&mut self, user: &Id, tx_id: &Id) {
        self.note(user, tx_id, |fate| fate.may_miss |= !fate.is_kept);
    }

    /// All edits of a user that are neither kept nor ended.
    pub(crate) fn unkept(&self, user: &Id) -> Vec<Id> {
        let open = self.0.iter().filter(|((whose, _), fate)| whose == user && !fate.is_kept && !fate.may_miss);
        open.map(|((_, tx_id), _)| tx_id.clone()).collect()
    }

    /// The tab that has made it.
    pub(crate) fn maker(&self, user: &Id, tx_id: &Id) -> Option<TabId> {
        Some(self.0.get(&(user.clone(), tx_id.clone()))?.tab)
    }

    /// Whether a browser may forget it.
    pub(crate) fn is_over(&self, user: &Id, tx_id: &Id, disk: &Disk) -> bool {
        let name = (user.clone(), tx_id.clone());
        self.0.get(&name).is_none_or(|fate| fate.may_miss) || disk.log().iter().any(|entry| name_of(entry) == name)
    }

    /// Everything has come to rest: each edit is in the log, or may miss, or waits for somebody to whom the project is
    /// closed; and those of one tab stand in the order in which they were made.
    pub(crate) fn check(
        &self,
        disk: &Disk,
        promises: &Promises,
        waits: &BTreeSet<(Id, Id)>,
        refused: &BTreeSet<Id>,
    ) -> Result<(), Failure> {
        let log: BTreeMap<(Id, Id), usize> =
            disk.log().iter().enumerate().map(|(index, entry)| (name_of(entry), index)).collect();
        let mut last: BTreeMap<TabId, (usize, usize, &Id)> = BTreeMap::new();
        let mut fates: Vec<(&(Id, Id), &Fate)> = self.0.iter().collect();
        fates.sort_by_key(|(_, fate)| fate.number);
        for (name @ (user, tx_id), fate) in fates {
            let Some(index) = log.get(name) else {
                if fate.may_miss || waits.contains(name) || promises.has_acknowledged(name) {
                    continue;
                }
                return Err(Failure::new("CL2", format!("{user}'s {tx_id} is neither in the log nor refused")));
            };
            if fate.may_be_late || fate.may_miss || !fate.is_kept || refused.contains(tx_id) {
                continue;
            }
            if let Some((_, before, other)) = last.get(&fate.tab)
                && before > index
            {
                return Err(Failure::new("CL2", format!("{user}'s {tx_id} stands before {other}, which is older")));
            }
            last.insert(fate.tab, (fate.number, *index, tx_id));
        }
        Ok(())
    }
}

/// A transaction that leaves a browser has been kept just so, or cannot be kept.
pub(crate) fn is_same_payload(one: &operations::Transaction, other: &operations::Transaction) -> bool {
    payload_hash(one) == payload_hash(other)
}
