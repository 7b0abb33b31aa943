//! The room: where the transactions of one project are put in order.

use model::{Id, Key, Records, Timestamp};
use operations::{Accepted, Author, Commit, Operation, Refusal, Scope, Transaction, transact};

/// One project's records and how far its log has come. Cloning is O(1): to take a group of transactions back, put the
/// clone from before it in place (WR7).
#[derive(Clone, Debug)]
pub struct Room {
    scope: Scope,
    epoch: Id,
    seq: u64,
    records: Records,
}

/// A transaction that the room has taken, to be made durable and then published.
#[derive(Clone, Debug, PartialEq)]
pub struct Submitted {
    /// The entry of the log.
    pub commit: Commit,
    /// What undoes it.
    pub inverse: Vec<Operation>,
    /// The records that changed, each once; their new contents are in [`Room::records`].
    pub changed: Vec<Key>,
    /// Whether the log carries exactly the operations that the author sent.
    pub verbatim: bool,
}

impl Room {
    /// A room of these records, which are the log's state after `seq`.
    #[must_use]
    pub fn new(scope: Scope, epoch: Id, seq: u64, records: Records) -> Room {
        Room { scope, epoch, seq, records }
    }

    /// What it is the room of.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Which log this is; a restored backup is another one (WR8).
    #[must_use]
    pub fn epoch(&self) -> &Id {
        &self.epoch
    }

    /// The last entry of the log.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The records as the log leaves them.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// What it would leave out of a transaction, since somebody else has written there since (UN3), in order. Nothing changes.
    ///
    /// # Errors
    /// As [`Room::submit`].
    pub fn left_out(
        &self,
        author: &Author,
        transaction: &Transaction,
        now: Timestamp,
    ) -> Result<Vec<Operation>, Refusal> {
        let accepted = transact(&mut self.records.clone(), &self.scope, author, transaction, now)?;
        Ok(accepted.skipped)
    }

    /// Checks, permits and applies a transaction, and gives it the next place in the log.
    ///
    /// The caller has made sure that it is no repeat (WR6), makes the commit durable, and only then tells anyone (WR9).
    ///
    /// # Errors
    /// 400, 403 or 409; the room is then unchanged.
    pub fn submit(&mut self, author: &Author, transaction: &Transaction, now: Timestamp) -> Result<Submitted, Refusal> {
        let Accepted { operations, inverse, changed, .. } =
            transact(&mut self.records, &self.scope, author, transaction, now)?;
        self.seq += 1;
        let verbatim = operations == transaction.operations;
        let (tx_id, gesture) = (transaction.tx_id.clone(), transaction.gesture.clone());
        let commit = Commit { seq: self.seq, tx_id, author: author.id(), time: now, gesture, operations };
        Ok(Submitted { commit, inverse, changed, verbatim })
    }
}
