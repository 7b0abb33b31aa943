//! The server's disk: a log whose last entries may not be there after a loss of power.

use model::{Id, Records};
use operations::{Commit, Operation, Refusal, apply_committed};

use crate::prng::Prng;

/// An entry of the log with all that is stored in the same database transaction.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) commit: Commit,
    /// What undoes it.
    pub(crate) inverse: Vec<Operation>,
    /// Of what was sent (WR6).
    pub(crate) payload_hash: u64,
}

impl Entry {
    /// For whoever reads what has happened.
    pub(crate) fn in_words(&self) -> String {
        let Commit { seq, tx_id, author, operations, .. } = &self.commit;
        let operations = serde_json::to_string(operations).unwrap_or_default();
        format!("entry {seq} is {author}'s {tx_id}: {operations}")
    }
}

/// The log of the one project, and which epoch it is.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) epoch: Id,
    log: Vec<Entry>,
    /// How many entries are safe.
    synced: usize,
}

impl Disk {
    pub(crate) fn new(epoch: Id) -> Disk {
        Disk { epoch, log: Vec::new(), synced: 0 }
    }

    pub(crate) fn append(&mut self, entry: Entry) {
        self.log.push(entry);
    }

    /// Makes everything safe.
    pub(crate) fn sync(&mut self) {
        self.synced = self.log.len();
    }

    /// The sync fails, and with it everything since the last one.
    pub(crate) fn fail_sync(&mut self) {
        self.log.truncate(self.synced);
    }

    /// The power goes: of what was not safe, any beginning may have reached the disk.
    pub(crate) fn lose_power(&mut self, prng: &mut Prng) {
        let kept = self.synced + prng.below(self.log.len() - self.synced + 1);
        self.log.truncate(kept);
        self.sync();
    }

    /// A copy of what is safe.
    pub(crate) fn backup(&self) -> Disk {
        let mut copy = self.clone();
        copy.log.truncate(self.synced);
        copy
    }

    /// What is safe.
    pub(crate) fn log(&self) -> &[Entry] {
        &self.log[..self.synced]
    }

    /// The records after the first `count` safe entries, from nothing (WR8).
    pub(crate) fn replay(&self, count: usize) -> Result<Records, Refusal> {
        let mut records = Records::new();
        for Entry { commit, .. } in &self.log()[..count] {
            apply_committed(&mut records, &commit.tx_id, &commit.operations, commit.time)?;
        }
        Ok(records)
    }
}
