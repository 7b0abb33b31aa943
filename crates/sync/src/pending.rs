//! One's own transactions that the server has not confirmed, in the order in which they were made.

use std::collections::{BTreeSet, VecDeque};

use model::{Id, Key, Records, Table, Timestamp, Value};
use operations::{Author, Change, Operation, Refusal, Scope, Transaction, apply_committed, transact};

use crate::wire::{SUBMIT_TRANSACTIONS_MAX, TRANSACTION_BYTES_MAX, encode};

/// The queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct PendingQueue(VecDeque<Pending>);

#[derive(Clone, Debug)]
struct Pending {
    transaction: Transaction,
    /// The time that `set-now` shows until the commit's is known.
    time: Timestamp,
    /// Bytes in a frame.
    bytes: usize,
    /// What it does to the view; nothing while it does not fit the state that it meets there.
    applied: Vec<Operation>,
}

/// A transaction that has left the queue.
pub(crate) struct Settled {
    pub(crate) transaction: Transaction,
    /// What it did to the view, when it was the oldest.
    oldest_applied: Option<Vec<Operation>>,
    time: Timestamp,
}

impl Settled {
    /// Whether these operations, committed at `time`, do what the view showed when this one was the oldest: then the
    /// younger ones, which were applied on top of it, do what they did. Only times may differ; no operation reads one.
    pub(crate) fn was_foreseen(&self, operations: &[Operation], time: Timestamp) -> bool {
        let Some(applied) = &self.oldest_applied else { return false };
        let (shown, committed) = (self.time.to_string(), time.to_string());
        let is_same = |a: &Value, b: &Value| a == b || (a.as_str() == Some(&shown) && b.as_str() == Some(&committed));
        let is_alike = |(a, b): (&Operation, &Operation)| {
            let same_place = a.target == b.target && a.path == b.path;
            same_place
                && match (&a.change, &b.change) {
                    (Change::Set(Value::Map(a)), Change::Set(Value::Map(b))) => {
                        a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && is_same(a.1, b.1))
                    }
                    (Change::Set(a), Change::Set(b)) => is_same(a, b),
                    (a, b) => a == b,
                }
        };
        !applied.is_empty() && applied.len() == operations.len() && applied.iter().zip(operations).all(is_alike)
    }
}

impl PendingQueue {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Transaction, Timestamp)> {
        self.0.iter().map(|pending| (&pending.transaction, pending.time))
    }

    /// Applies a new transaction to the view and queues it: the records that changed.
    ///
    /// # Errors
    /// 400 when no frame could carry it, or what [`transact`] says; nothing changes then.
    pub(crate) fn push(
        &mut self,
        transaction: Transaction,
        view: &mut Records,
        (scope, author): (&Scope, &Author),
        time: Timestamp,
    ) -> Result<Vec<Key>, Refusal> {
        let bytes = encode(&transaction).len();
        if bytes > TRANSACTION_BYTES_MAX {
            let message = format!("a transaction has at most {TRANSACTION_BYTES_MAX} bytes, not {bytes}");
            return Err(Refusal::invalid(message));
        }
        let accepted = transact(view, scope, author, &transaction, time)?;
        self.0.push_back(Pending { transaction, time, bytes, applied: accepted.operations });
        Ok(accepted.changed)
    }

    /// All of them in batches, each small enough for one frame.
    pub(crate) fn batches(&self) -> Vec<Vec<Transaction>> {
        let mut batches: Vec<Vec<Transaction>> = Vec::new();
        let mut bytes = 0;
        for pending in &self.0 {
            bytes += pending.bytes;
            match batches.last_mut() {
                Some(batch) if bytes <= TRANSACTION_BYTES_MAX && batch.len() < SUBMIT_TRANSACTIONS_MAX => {
                    batch.push(pending.transaction.clone());
                }
                _ => {
                    bytes = pending.bytes;
                    batches.push(vec![pending.transaction.clone()]);
                }
            }
        }
        batches
    }

    /// Takes one out. `keys` takes up the records that it touched.
    pub(crate) fn settle(&mut self, tx_id: &Id, keys: &mut BTreeSet<Key>) -> Option<Settled> {
        let index = self.0.iter().position(|pending| pending.transaction.tx_id == *tx_id)?;
        let Pending { transaction, time, applied, .. } = self.0.remove(index)?;
        keys.extend(applied.iter().map(|operation| operation.target.clone()));
        Some(Settled { transaction, oldest_applied: (index == 0).then_some(applied), time })
    }

    /// Does all of them on `view`, and takes up in `keys` what they touch now and touched before. What does not apply is
    /// left out, and stays in the queue until the server has judged it.
    pub(crate) fn replay(&mut self, view: &mut Records, (scope, author): (&Scope, &Author), keys: &mut BTreeSet<Key>) {
        for pending in &mut self.0 {
            keys.extend(std::mem::take(&mut pending.applied).into_iter().map(|operation| operation.target));
            if let Ok(accepted) = transact(view, scope, author, &pending.transaction, pending.time) {
                keys.extend(accepted.changed);
                pending.applied = accepted.operations;
            }
        }
    }

    /// Whether all of them do the same whether these records have changed or not: none is about them, or looks at them for
    /// a role or for the order of tracks.
    pub(crate) fn is_independent_of(&self, keys: &BTreeSet<Key>) -> bool {
        let tracks = keys.iter().any(|key| key.table == Table::Tracks);
        let is_settled = |key: &Key| matches!(key.table, Table::Projects | Table::ProjectMembers);
        let is_free = |operation: &Operation| {
            let orders = tracks && operation.target.table == Table::Tracks;
            !orders && !keys.contains(&operation.target)
        };
        !keys.iter().any(is_settled)
            && self.0.iter().all(|pending| !pending.applied.is_empty() && pending.applied.iter().all(is_free))
    }

    /// Does again on `view` what they did to the records of `keys`. False when something does not fit.
    pub(crate) fn redo(&self, view: &mut Records, keys: &BTreeSet<Key>) -> bool {
        self.0.iter().all(|pending| {
            let touched = |operation: &&Operation| keys.contains(&operation.target);
            let again: Vec<Operation> = pending.applied.iter().filter(touched).cloned().collect();
            again.is_empty() || apply_committed(view, &pending.transaction.tx_id, &again, pending.time).is_ok()
        })
    }
}
