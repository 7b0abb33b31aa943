//! One's own transactions that the server has not confirmed, in the order in which they go to it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use model::{Id, Key, Records, Table, Timestamp, Value};
use operations::{Accepted, Author, Change, Operation, Refusal, Scope, Transaction, apply_committed, transact};

use crate::steps::hides;
use crate::tabs::Kept;
use crate::wire::{SUBMIT_TRANSACTIONS_MAX, TRANSACTION_BYTES_MAX, encode};

/// How often the server may fail on a transaction before it is seen whether it fails on that one alone (CL3).
const FAILURES_MAX: u32 = 5;

/// The queue: what the browser keeps in the order of its places, then what it has not kept yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct PendingQueue(VecDeque<Pending>);

#[derive(Clone, Debug)]
struct Pending {
    transaction: Transaction,
    /// The time that `set-now` shows until the commit's is known.
    time: Timestamp,
    /// Of an undo or redo: the transaction that it takes back. While that waits too, this one waits for it, and does what
    /// takes it back as things stand.
    takes_back: Option<Id>,
    /// What it did when it was kept, if that is something else.
    kept_operations: Option<Vec<Operation>>,
    /// Bytes in a frame.
    bytes: usize,
    /// What it does to the view; nothing while it does not fit the state that it meets there.
    applied: Vec<Operation>,
    /// What takes that back.
    inverse: Vec<Operation>,
    /// How many operations were left out of it, as the user knows.
    skipped: usize,
    /// What it hides, as an undo, and others have worked on since it was made.
    built_on: BTreeSet<Key>,
    /// Where the browser keeps it; none until it does.
    place: Option<u64>,
    sending: Sending,
    /// Writes of it that the browser has not ended.
    writes: u32,
    /// Whether it may have left this machine, or another tab may send it: it must not change any more (WR6).
    fixed: bool,
    /// Whether it has been sent from here: then it does what it did.
    sent: bool,
    /// How often the server has failed on it.
    failures: u32,
    /// Whether it has let others go before it for that.
    stepped_aside: bool,
    /// Whether the server has committed something since it failed on this one last.
    passed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// The browser is still keeping it.
    Keeping,
    Ready,
    Sent,
    /// The server fails on it, or on everything: what comes behind it and does not depend on it goes first.
    Aside,
    /// Set aside until the user says what to do with it.
    Parked,
}

/// A transaction that has left the queue.
pub(crate) struct Settled {
    pub(crate) transaction: Transaction,
    /// What took back what it did to the view.
    pub(crate) inverse: Vec<Operation>,
    /// How many operations the user knows to be left out.
    pub(crate) skipped: usize,
    /// What it hides and others have worked on since it was made.
    pub(crate) built_on: BTreeSet<Key>,
    /// What it did to the view, when it was the oldest.
    oldest_applied: Option<Vec<Operation>>,
    time: Timestamp,
}

impl Settled {
    /// Whether there is something to take back: where there is not, what waits to do so does something else than the view shows.
    pub(crate) fn can_be_taken_back(&self) -> bool {
        !self.inverse.is_empty()
    }

    /// Whether these operations, committed at `time`, do what the view showed when this one was the oldest: then the
    /// younger ones, which were applied on top of it, do what they did. Only times may differ; no operation reads one.
    pub(crate) fn was_foreseen(&self, operations: &[Operation], time: Timestamp) -> bool {
        let Some(applied) = &self.oldest_applied else { return false };
        let (shown, committed) = (self.time.to_string(), time.to_string());
        let is_same = |a: &Value, b: &Value| a == b || (a.as_str() == Some(&shown) && b.as_str() == Some(&committed));
        let is_alike = |(a, b): (&Operation, &Operation)| {
            let same_place = a.target == b.target && a.path == b.path && a.guard == b.guard;
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

impl Pending {
    fn take_in(&mut self, accepted: Accepted) -> Vec<Key> {
        (self.applied, self.inverse) = (accepted.operations, accepted.inverse);
        accepted.changed
    }

    /// Whether it is about one of these records, or names one of them.
    fn depends_on(&self, keys: &BTreeSet<Key>) -> bool {
        let names = |value: &Value| value.as_str().is_some_and(|text| keys.iter().any(|key| key.id.as_str() == text));
        self.transaction.operations.iter().any(|operation| {
            let named = match &operation.change {
                Change::Set(Value::Map(fields)) => fields.values().any(names),
                Change::Set(value) => names(value),
                _ => false,
            };
            named || keys.contains(&operation.target)
        })
    }

    fn to_keep(&self) -> Kept {
        let mut transaction = self.transaction.clone();
        if let Some(operations) = &self.kept_operations {
            transaction.operations.clone_from(operations);
        }
        Kept { transaction, time: self.time, takes_back: self.takes_back.clone() }
    }

    /// Does something else than when it was kept.
    fn does(&mut self, operations: &[Operation]) {
        if !self.sent && self.transaction.operations != operations {
            let kept = std::mem::replace(&mut self.transaction.operations, operations.to_vec());
            self.kept_operations.get_or_insert(kept);
            self.bytes = encode(&self.transaction).len();
        }
    }

    fn targets(&self) -> impl Iterator<Item = Key> {
        self.transaction.operations.iter().map(|operation| operation.target.clone())
    }
}

impl PendingQueue {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn parked(&self) -> usize {
        self.0.iter().filter(|pending| pending.sending == Sending::Parked).count()
    }

    pub(crate) fn stepping_aside(&self) -> usize {
        self.0.iter().filter(|pending| pending.sending == Sending::Aside).count()
    }

    /// Whether one is set aside.
    pub(crate) fn is_parked(&self, tx_id: &Id) -> bool {
        self.0.iter().any(|pending| pending.transaction.tx_id == *tx_id && pending.sending == Sending::Parked)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Transaction, Timestamp)> {
        self.0.iter().map(|pending| (&pending.transaction, pending.time))
    }

    pub(crate) fn contains(&self, tx_id: &Id) -> bool {
        self.0.iter().any(|pending| pending.transaction.tx_id == *tx_id)
    }

    /// Applies a new transaction to the view and queues it. `keeping` says that the browser has to keep it first,
    /// `takes_back` which one it takes back.
    ///
    /// # Errors
    /// 400 when no frame could carry it, or what [`transact`] says; nothing changes then.
    pub(crate) fn push(
        &mut self,
        transaction: Transaction,
        view: &mut Records,
        (scope, author): (&Scope, &Author),
        time: Timestamp,
        (keeping, takes_back): (bool, Option<Id>),
    ) -> Result<Accepted, Refusal> {
        let bytes = encode(&transaction).len();
        if bytes > TRANSACTION_BYTES_MAX {
            let message = format!("a transaction has at most {TRANSACTION_BYTES_MAX} bytes, not {bytes}");
            return Err(Refusal::invalid(message));
        }
        let accepted = transact(view, scope, author, &transaction, time)?;
        let sending = if keeping { Sending::Keeping } else { Sending::Ready };
        self.0.push_back(Pending {
            transaction,
            time,
            takes_back,
            kept_operations: None,
            bytes,
            applied: accepted.operations.clone(),
            inverse: accepted.inverse.clone(),
            skipped: accepted.skipped.len(),
            built_on: BTreeSet::new(),
            place: None,
            sending,
            writes: u32::from(keeping),
            fixed: false,
            sent: false,
            failures: 0,
            stepped_aside: false,
            passed: false,
        });
        Ok(accepted)
    }

    /// Whether `operations` could stand in the place of the youngest transaction's: that is `tx_id`, is still to be sent for
    /// the first time, and only sets what these set (CL8).
    pub(crate) fn may_coalesce(&self, tx_id: &Id, operations: &[Operation]) -> bool {
        let Some(last) = self.0.back() else { return false };
        let open = last.transaction.tx_id == *tx_id && !last.fixed && last.sending != Sending::Parked;
        let old = &last.transaction.operations;
        let is_set = |operation: &Operation| {
            operation.guard.is_none() && !operation.is_creation() && matches!(operation.change, Change::Set(_))
        };
        let alike =
            |(a, b): (&Operation, &Operation)| a.target == b.target && a.path == b.path && is_set(a) && is_set(b);
        open && old.len() == operations.len() && old.iter().zip(operations).all(alike)
    }

    /// Puts them there, with what they do to the view. `keeping` says that the browser has to keep that first.
    pub(crate) fn coalesce(
        &mut self,
        operations: Vec<Operation>,
        accepted: Accepted,
        time: Timestamp,
        keeping: bool,
    ) -> Option<Kept> {
        let last = self.0.back_mut()?;
        (last.transaction.operations, last.time) = (operations, time);
        if keeping {
            (last.sending, last.writes) = (Sending::Keeping, last.writes + 1);
        }
        last.take_in(accepted);
        last.bytes = encode(&last.transaction).len();
        Some(last.to_keep())
    }

    /// The browser has kept a transaction, or cannot (then it has no place, and goes out all the same). `shared` says that
    /// another tab is going to send it. False when it is not here any more.
    pub(crate) fn kept(&mut self, tx_id: &Id, place: Option<u64>, shared: bool) -> bool {
        let Some(pending) = self.0.iter_mut().find(|pending| pending.transaction.tx_id == *tx_id) else { return false };
        pending.place = place.or(pending.place);
        pending.fixed |= shared;
        pending.writes = pending.writes.saturating_sub(1);
        // As long as a later write of it goes on, what the browser has is not what is here.
        if pending.sending == Sending::Keeping && pending.writes == 0 {
            pending.sending = Sending::Ready;
        }
        true
    }

    /// What the browser could not keep, to be kept now: the end of the queue. What comes before an edit that is kept would get
    /// a place behind it, and goes on being in this tab only.
    pub(crate) fn keep_again(&mut self) -> Vec<Kept> {
        let last_kept = self.0.iter().rposition(|pending| pending.place.is_some() || pending.writes > 0);
        let unkept = self.0.iter_mut().skip(last_kept.map_or(0, |last| last + 1));
        let keep = |pending: &mut Pending| {
            pending.writes += 1;
            pending.to_keep()
        };
        unkept.map(keep).collect()
    }

    /// A transaction as the browser keeps it now, with its place; none while it does not.
    pub(crate) fn kept_at(&self, tx_id: &Id) -> Option<(u64, Kept)> {
        let pending = self.0.iter().find(|pending| pending.transaction.tx_id == *tx_id && pending.writes == 0)?;
        Some((pending.place?, pending.to_keep()))
    }

    /// Who sends has changed: any of these may be on its way already.
    pub(crate) fn fix(&mut self) {
        self.0.iter_mut().for_each(|pending| pending.fixed = true);
    }

    /// Takes out what the browser kept and does not keep any more: another tab has seen it settled.
    pub(crate) fn retain_kept(&mut self, places: &BTreeSet<u64>, keys: &mut BTreeSet<Key>) {
        let mut gone = Vec::new();
        self.0.retain(|pending| {
            let stays = pending.place.is_none_or(|place| places.contains(&place));
            if !stays {
                keys.extend(pending.applied.iter().map(|operation| operation.target.clone()));
                gone.push(pending.transaction.tx_id.clone());
            }
            stays
        });
        for tx_id in gone {
            self.based(&tx_id, None, false);
        }
    }

    /// The first transaction that waits to take this one back.
    pub(crate) fn taker_back_of(&self, tx_id: &Id) -> Option<Transaction> {
        let taker = self.0.iter().find(|pending| pending.takes_back.as_ref() == Some(tx_id) && !pending.sent)?;
        Some(taker.transaction.clone())
    }

    /// A transaction that another tab has made or made other, or that was kept before this one was opened. The caller
    /// sorts, and makes the view anew.
    pub(crate) fn adopt(&mut self, place: u64, kept: Kept) {
        let bytes = encode(&kept.transaction).len();
        if let Some(known) = self.0.iter_mut().find(|known| known.transaction.tx_id == kept.transaction.tx_id) {
            if known.place == Some(place) && known.sending == Sending::Ready {
                (known.transaction, known.bytes, known.kept_operations) = (kept.transaction, bytes, None);
            }
            return;
        }
        self.0.push_back(Pending {
            transaction: kept.transaction,
            time: kept.time,
            takes_back: kept.takes_back,
            kept_operations: None,
            bytes,
            applied: Vec::new(),
            inverse: Vec::new(),
            skipped: usize::MAX,
            built_on: BTreeSet::new(),
            place: Some(place),
            sending: Sending::Ready,
            writes: 0,
            fixed: true,
            sent: false,
            failures: 0,
            stepped_aside: false,
            passed: false,
        });
    }

    /// Puts what is kept in the order of its places; what is not kept stays before what this tab made after it. True when
    /// something moved.
    pub(crate) fn sort(&mut self) -> bool {
        let mut next = u64::MAX;
        let mut ranks: Vec<u64> = Vec::with_capacity(self.0.len());
        for pending in self.0.iter().rev() {
            next = pending.place.unwrap_or(next);
            ranks.push(next);
        }
        ranks.reverse();
        if ranks.is_sorted() {
            return false;
        }
        let mut ranked: Vec<(u64, Pending)> = ranks.into_iter().zip(std::mem::take(&mut self.0)).collect();
        model::sort_by(&mut ranked, |a, b| a.0.cmp(&b.0));
        self.0 = ranked.into_iter().map(|(_, pending)| pending).collect();
        true
    }

    /// What can go to the server now, in batches that are each small enough for one frame: in order, up to the first that
    /// the browser is still keeping, without what is set aside or steps aside and what depends on that. When all step aside,
    /// they have their turns again. Without `leads` only what the browser could not keep, which no other tab can send, up to
    /// the first that another tab sends.
    pub(crate) fn take_ready(&mut self, leads: bool) -> Vec<Vec<Transaction>> {
        let ready = self.take_what_is_ready(leads);
        let may_pass = |pending: &Pending| matches!(pending.sending, Sending::Sent | Sending::Keeping);
        if !ready.is_empty() || self.0.iter().any(may_pass) || !self.let_all_go_again() {
            return ready;
        }
        self.take_what_is_ready(leads)
    }

    fn take_what_is_ready(&mut self, leads: bool) -> Vec<Vec<Transaction>> {
        let mut batches: Vec<Vec<Transaction>> = Vec::new();
        let mut bytes = 0;
        let (mut parked, mut aside): (BTreeSet<Key>, BTreeSet<Key>) = Default::default();
        let mut earlier: BTreeSet<Id> = BTreeSet::new();
        for pending in &mut self.0 {
            let waits = pending.takes_back.as_ref().is_some_and(|tx_id| earlier.contains(tx_id));
            earlier.insert(pending.transaction.tx_id.clone());
            if pending.sending == Sending::Keeping || (!leads && pending.place.is_some()) {
                break;
            }
            let waits_for = |keys: &BTreeSet<Key>| !keys.is_empty() && pending.depends_on(keys);
            let is_free = pending.sending == Sending::Ready;
            let (is_behind_parked, is_behind_aside) = (is_free && waits_for(&parked), is_free && waits_for(&aside));
            if is_behind_parked {
                pending.sending = Sending::Parked;
            }
            if pending.sending == Sending::Parked {
                parked.extend(pending.targets());
            }
            if pending.sending == Sending::Aside || is_behind_aside {
                aside.extend(pending.targets());
            }
            if pending.sending != Sending::Ready || is_behind_aside {
                continue;
            }
            // What it takes back may come to stand elsewhere than it seems.
            if waits {
                break;
            }
            (pending.sending, pending.fixed, pending.sent) = (Sending::Sent, true, true);
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

    /// What steps aside has its turn again; whether anything did.
    fn let_all_go_again(&mut self) -> bool {
        let aside = self.0.iter_mut().filter(|pending| pending.sending == Sending::Aside);
        aside.map(|pending| pending.sending = Sending::Ready).count() > 0
    }

    /// The connection is another one: what was sent over the old one may not have arrived.
    pub(crate) fn send_again(&mut self) {
        for pending in self.0.iter_mut().filter(|pending| pending.sending == Sending::Sent) {
            pending.sending = Sending::Ready;
        }
    }

    /// The server has failed on a transaction. That may be the server's fault, for a while, or the transaction's: when it has
    /// failed often, others go first. One on which it fails once more after it has taken others is set aside.
    pub(crate) fn failed(&mut self, tx_id: &Id) {
        // Where one steps aside already, the next that fails has to be asked no longer.
        let others_step_aside = self.0.iter().any(|pending| pending.sending == Sending::Aside);
        let Some(pending) = self.0.iter_mut().find(|pending| pending.transaction.tx_id == *tx_id) else { return };
        pending.failures = pending.failures.saturating_add(1);
        let is_often = pending.failures >= FAILURES_MAX;
        if std::mem::take(&mut pending.passed) && (is_often || pending.stepped_aside) {
            pending.sending = Sending::Parked;
        } else if is_often || others_step_aside {
            (pending.sending, pending.stepped_aside) = (Sending::Aside, true);
        }
    }

    /// The server has committed something: what it has failed on has its turn again.
    pub(crate) fn something_passed(&mut self) {
        for pending in self.0.iter_mut().filter(|pending| pending.failures > 0) {
            pending.passed = true;
        }
        self.let_all_go_again();
    }

    /// What was set aside is to be tried again.
    pub(crate) fn unpark(&mut self) {
        let is_aside = |pending: &&mut Pending| matches!(pending.sending, Sending::Aside | Sending::Parked);
        for pending in self.0.iter_mut().filter(is_aside) {
            (pending.sending, pending.failures) = (Sending::Ready, 0);
            (pending.stepped_aside, pending.passed) = (false, false);
        }
    }

    /// A transaction has been committed, and this is what takes it back now; none when that is not known. Whatever waits to
    /// take it back does so, and is kept like that before it is sent if `keeping`.
    pub(crate) fn based(&mut self, tx_id: &Id, inverse: Option<&[Operation]>, keeping: bool) -> Vec<Kept> {
        let mut kept = Vec::new();
        for pending in self.0.iter_mut().filter(|pending| pending.takes_back.as_ref() == Some(tx_id)) {
            match inverse.filter(|inverse| !inverse.is_empty()) {
                Some(inverse) => pending.does(inverse),
                None => {
                    if let Some(operations) = pending.kept_operations.take() {
                        pending.does(&operations);
                    }
                    pending.kept_operations = None;
                }
            }
            if let Some(operations) = pending.kept_operations.take()
                && operations != pending.transaction.operations
                && keeping
                // What could not be kept would get a place behind what came after it.
                && (pending.place.is_some() || pending.writes > 0)
            {
                (pending.sending, pending.writes) = (Sending::Keeping, pending.writes + 1);
                kept.push(pending.to_keep());
            }
        }
        kept
    }

    /// The records that they create, or hide again: one's own.
    pub(crate) fn creations(&self) -> impl Iterator<Item = &Key> {
        let operations = self.0.iter().flat_map(|pending| &pending.transaction.operations);
        operations.filter(|operation| operation.is_creation() || hides(operation)).map(|operation| &operation.target)
    }

    /// Others have worked on the records of `keys`, which are like this in `records` now: whoever waits to hide one of them, or
    /// the track of one, will hide what they did (UN3).
    pub(crate) fn others_worked_on(&mut self, keys: &BTreeSet<Key>, records: &Records) {
        for pending in &mut self.0 {
            let hidden = pending.transaction.operations.iter().filter(|operation| hides(operation));
            let is_built_on = |target: &&Key| {
                let lies_on = |key: &Key| {
                    let track = || records.get(key).and_then(|clip| clip.text("trackId"));
                    key.table == Table::Clips && track() == Some(target.id.as_str())
                };
                keys.contains(*target) || (target.table == Table::Tracks && keys.iter().any(lies_on))
            };
            pending.built_on.extend(hidden.map(|operation| &operation.target).filter(is_built_on).cloned());
        }
    }

    /// Takes one out. `keys` takes up the records that it touched.
    pub(crate) fn settle(&mut self, tx_id: &Id, keys: &mut BTreeSet<Key>) -> Option<Settled> {
        let index = self.0.iter().position(|pending| pending.transaction.tx_id == *tx_id)?;
        let Pending { transaction, time, applied, inverse, skipped, built_on, .. } = self.0.remove(index)?;
        keys.extend(applied.iter().map(|operation| operation.target.clone()));
        let oldest_applied = (index == 0).then_some(applied);
        Some(Settled { transaction, inverse, skipped, built_on, oldest_applied, time })
    }

    /// Does all of them on `view`, and takes up in `keys` what they touch now and touched before. What does not apply is
    /// left out, and stays in the queue until the server has judged it.
    pub(crate) fn replay(&mut self, view: &mut Records, (scope, author): (&Scope, &Author), keys: &mut BTreeSet<Key>) {
        for index in 0..self.0.len() {
            let (earlier, rest) = self.0.make_contiguous().split_at_mut(index);
            let Some(pending) = rest.first_mut() else { return };
            let taken_back = pending.takes_back.as_ref().and_then(|tx_id| {
                earlier.iter().find(|earlier| earlier.transaction.tx_id == *tx_id && !earlier.inverse.is_empty())
            });
            if let Some(taken_back) = taken_back {
                pending.does(&taken_back.inverse);
            }
            keys.extend(std::mem::take(&mut pending.applied).into_iter().map(|operation| operation.target));
            pending.inverse.clear();
            if let Ok(accepted) = transact(view, scope, author, &pending.transaction, pending.time) {
                // What another tab has made, that tab has told of.
                pending.skipped = if pending.skipped == usize::MAX { accepted.skipped.len() } else { pending.skipped };
                keys.extend(pending.take_in(accepted));
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
            && self.0.iter().all(|pending| {
                let whole = pending.applied.len() >= pending.transaction.operations.len();
                whole && pending.applied.iter().all(is_free)
            })
    }

    /// Does again on `view` what they did to the records of `keys`. False when something does not fit.
    pub(crate) fn redo(&self, view: &mut Records, keys: &BTreeSet<Key>) -> bool {
        self.0.iter().all(|pending| {
            let touched = |operation: &&Operation| keys.contains(&operation.target);
            let again: Vec<Operation> = pending.applied.iter().filter(touched).cloned().collect();
            again.is_empty() || apply_committed(view, &pending.transaction.tx_id, &again, pending.time).is_ok()
        })
    }

    /// What takes back what a transaction does to the view now; none when it is not here, or does nothing.
    pub(crate) fn inverse_of(&self, tx_id: &Id) -> Option<&[Operation]> {
        let pending = self.0.iter().rev().find(|pending| pending.transaction.tx_id == *tx_id)?;
        (!pending.inverse.is_empty()).then_some(&*pending.inverse)
    }
}
