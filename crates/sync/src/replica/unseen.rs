//! What an undo would write where nobody sees it, since somebody else has deleted it (UN3).

use std::collections::BTreeSet;

use model::{Id, Key, Records, Table, Timestamp, Value};
use operations::{Change, Operation, transact};

use super::Replica;

/// A transaction of an undo or redo, before it has an id.
pub(super) struct Leg {
    /// The transaction that it takes back.
    pub(super) of: Id,
    /// Whether it takes back all of it.
    pub(super) whole: bool,
    pub(super) operations: Vec<Operation>,
}

impl Leg {
    /// Takes out what changes `records`, but for their being deleted: about that a guard knows all.
    pub(super) fn leave_out(&mut self, records: &BTreeSet<Key>) -> Vec<Operation> {
        let stays = |operation: &Operation| says_if_deleted(operation) || !records.contains(&operation.target);
        let (stay, out) = std::mem::take(&mut self.operations).into_iter().partition(stays);
        self.operations = stay;
        out
    }
}

fn says_if_deleted(operation: &Operation) -> bool {
    operation.path.as_str() == "deleted"
}

/// The track on which an operation puts something.
fn put_on(operation: &Operation) -> Option<Key> {
    match &operation.change {
        Change::Set(Value::String(track)) if operation.path.as_str() == "trackId" => {
            Some(Key::new(Table::Tracks, Id::new(track).ok()?))
        }
        _ => None,
    }
}

fn is_deleted(records: &Records, key: &Key) -> bool {
    records.get(key).is_some_and(model::Record::is_deleted)
}

impl Replica {
    /// The records that nobody would see after these `legs`, because of something that somebody else has deleted before: a clip,
    /// say, or the track that it lies on or would be put on. To change them looks like nothing, and whoever brings them back
    /// wants them as they were.
    ///
    /// What the legs themselves bring back or hide is seen or hidden as ever, and what one has deleted oneself comes back with
    /// a step of one's own.
    pub(super) fn unseen_after(&self, legs: &[Leg], now: Timestamp) -> BTreeSet<Key> {
        let changes = legs.iter().flat_map(|leg| &leg.operations).filter(|operation| !says_if_deleted(operation));
        let may_be_unseen = |operation: &&Operation| {
            self.view.hidden_by(&operation.target).is_some()
                || put_on(operation).is_some_and(|track| is_deleted(&self.view, &track))
        };
        let mut unseen: BTreeSet<Key> =
            changes.filter(may_be_unseen).map(|operation| operation.target.clone()).collect();
        // Mostly there is nothing of the kind, and nothing has to be tried.
        if unseen.is_empty() {
            return unseen;
        }
        let mut after = self.view.clone();
        for leg in legs {
            let transaction = self.transaction(leg.of.clone(), None, leg.operations.clone(), now);
            // What is refused as a whole is so when it is done, too.
            let _ = transact(&mut after, &self.scope, &self.author, &transaction, now);
        }
        let own = self.steps.own_transactions();
        let is_own = |tx_id: &Id| own.contains(tx_id) || self.settled.contains(tx_id) || self.pending.contains(tx_id);
        let is_others = |key: &Key| {
            let deleter =
                self.view.get(key).filter(|record| record.is_deleted()).map(|it| it.stamps().writer("deleted"));
            deleter.is_some_and(|deleter| !deleter.is_some_and(is_own))
        };
        unseen.retain(|key| after.hidden_by(key).is_some_and(|deleted| is_others(&deleted)));
        unseen
    }
}
