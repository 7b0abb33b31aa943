//! What a browser keeps of one user's work on the project (CL2, CL5): a database whose writes end in their order, some time
//! after they were begun. The queue is written strictly; the rest a loss of power may take back.

use std::collections::{BTreeMap, VecDeque};

use model::{Id, Records};
use operations::Commit;
use sync::{Kept, Step, StepChange};

use super::TabId;
use crate::prng::Prng;

/// What a tab has written.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// A transaction for the queue, or one in the place of what it was.
    Keep(Kept),
    /// A transaction that is to leave the queue.
    Forget(Id),
    /// Steps of undo.
    Steps(Vec<StepChange>),
    /// The log has come on.
    Followed { epoch: Id, commits: Vec<Commit> },
    /// The whole project.
    Replaced(Cache),
}

/// A write that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whose it was.
    pub(crate) tab: TabId,
    /// Of which transaction, if it was one for the queue.
    pub(crate) tx_id: Option<Id>,
    /// Its place there; none when there was no room.
    pub(crate) place: Option<u64>,
}

/// The project as it was seen last.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) epoch: Id,
    pub(crate) seq: u64,
    pub(crate) records: Records,
    /// What came after `seq`.
    pub(crate) commits: BTreeMap<u64, Commit>,
}

/// The tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) queue: BTreeMap<u64, Kept>,
    last_place: u64,
    pub(crate) steps: BTreeMap<Id, Step>,
    pub(crate) cache: Option<Cache>,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    /// What whoever reads finds.
    pub(crate) now: Tables,
    /// What a loss of power leaves.
    pub(crate) safe: Tables,
    /// Writes since then that have ended.
    recent: Vec<Write>,
    /// Writes that have been begun, in order, and by whom.
    waiting: VecDeque<(TabId, Write)>,
    /// Whether nothing more fits.
    pub(crate) is_full: bool,
    /// The tab that holds the lock and sends (CL4).
    pub(crate) holder: Option<TabId>,
    /// How often the lock has changed hands: what fences off a holder from whom it was stolen.
    pub(crate) reign: u64,
}

impl Tables {
    /// Where a transaction is; none when it is not.
    pub(crate) fn place_of(&self, tx_id: &Id) -> Option<u64> {
        self.queue.iter().find(|(_, kept)| kept.transaction.tx_id == *tx_id).map(|(place, _)| *place)
    }

    /// The place of what was kept.
    fn write(&mut self, write: &Write) -> Option<u64> {
        match write {
            Write::Keep(kept) => {
                let place = self.place_of(&kept.transaction.tx_id).unwrap_or(self.last_place + 1);
                self.last_place = self.last_place.max(place);
                self.queue.insert(place, kept.clone());
                return Some(place);
            }
            Write::Forget(tx_id) => {
                if let Some(place) = self.place_of(tx_id) {
                    self.queue.remove(&place);
                }
            }
            Write::Steps(changes) => {
                for change in changes {
                    match change {
                        StepChange::Put(step) => drop(self.steps.insert(step.id.clone(), (**step).clone())),
                        StepChange::Remove(id) => drop(self.steps.remove(id)),
                    }
                }
            }
            Write::Followed { epoch, commits } => {
                if let Some(cache) = self.cache.as_mut().filter(|cache| cache.epoch == *epoch) {
                    let new = commits.iter().filter(|commit| commit.seq > cache.seq);
                    cache.commits.extend(new.map(|commit| (commit.seq, commit.clone())));
                }
            }
            Write::Replaced(cache) => {
                let is_older = |known: &Cache| known.epoch == cache.epoch && known.seq > cache.seq;
                if !self.cache.as_ref().is_some_and(is_older) {
                    self.cache = Some(cache.clone());
                }
            }
        }
        None
    }
}

impl Store {
    pub(crate) fn begin(&mut self, tab: TabId, write: Write) {
        self.waiting.push_back((tab, write));
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a transaction is kept, or on its way there.
    pub(crate) fn holds(&self, tx_id: &Id) -> bool {
        let is_it = |write: &Write| matches!(write, Write::Keep(kept) if kept.transaction.tx_id == *tx_id);
        self.now.place_of(tx_id).is_some() || self.waiting.iter().any(|(_, write)| is_it(write))
    }

    /// The place that the next transaction will have: only a mistake wants to know it beforehand.
    pub(crate) fn next_place(&self) -> u64 {
        let keeps = self.waiting.iter().filter(|(_, write)| matches!(write, Write::Keep(_)));
        self.now.last_place + 1 + keeps.count() as u64
    }

    /// The oldest write ends.
    pub(crate) fn end_write(&mut self) -> Option<Ended> {
        let (tab, write) = self.waiting.pop_front()?;
        let tx_id = match &write {
            Write::Keep(kept) => Some(kept.transaction.tx_id.clone()),
            _ => None,
        };
        if self.is_full && !matches!(write, Write::Forget(_)) {
            return Some(Ended { tab, tx_id, place: None });
        }
        let place = self.now.write(&write);
        if tx_id.is_some() {
            self.safe = self.now.clone();
            self.recent.clear();
        } else {
            self.recent.push(write);
        }
        Some(Ended { tab, tx_id, place })
    }

    /// A tab dies: of what it had begun, any beginning gets done.
    pub(crate) fn lose_tab(&mut self, tab: TabId, prng: &mut Prng) {
        let begun = self.waiting.iter().filter(|(whose, _)| *whose == tab).count();
        let mut left = prng.below(begun + 1);
        self.waiting.retain(|(whose, _)| {
            let stays = *whose != tab || left > 0;
            left -= usize::from(*whose == tab && left > 0);
            stays
        });
        self.release(tab);
    }

    /// A tab goes, and lets go of the lock.
    pub(crate) fn release(&mut self, tab: TabId) {
        if self.holder == Some(tab) {
            self.holder = None;
        }
    }

    /// The machine loses power: what is safe stays, and of the rest any beginning.
    pub(crate) fn lose_power(&mut self, prng: &mut Prng) {
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|(_, write)| write);
        let begun: Vec<Write> = std::mem::take(&mut self.recent).into_iter().chain(waiting).collect();
        let done = prng.below(begun.len() + 1);
        self.now = self.safe.clone();
        for write in &begun[..done] {
            if !self.is_full || matches!(write, Write::Forget(_)) {
                self.now.write(write);
            }
        }
        self.safe = self.now.clone();
        self.holder = None;
    }

    /// Everything is gone.
    pub(crate) fn wipe_queue(&mut self) {
        self.now.queue.clear();
        self.safe.queue.clear();
        self.recent.clear();
        self.waiting.clear();
    }
}
