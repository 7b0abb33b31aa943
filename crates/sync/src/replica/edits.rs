//! One's own edits: made, taken back, brought again.

use std::collections::{BTreeMap, BTreeSet};

use model::limits::TRANSACTION_OPERATIONS_MAX;
use model::{Id, Key, Table, Timestamp};
use operations::{Accepted, Operation, Refusal, Transaction, transact};

use super::unseen::Leg;
use super::{Effect, Replica};
use crate::steps::{Edit, Part, Step, hides};
use crate::tabs::Kept;

/// Which way through the steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Undo,
    Redo,
}

impl Replica {
    /// Applies one's own edit at once, and sends it when it can: a step of undo without a name.
    ///
    /// # Errors
    /// As [`Replica::edit`].
    pub fn dispatch(&mut self, tx_id: Id, operations: Vec<Operation>, now: Timestamp) -> Result<Vec<Effect>, Refusal> {
        self.edit(tx_id, &Edit::default(), operations, now)
    }

    /// Applies one's own edit at once, and has it kept and sent when that can be. It becomes a step of undo, or joins the
    /// last one (UN2); an edit that has not been sent yet may take it in (CL8), and then `tx_id` is not used.
    ///
    /// # Errors
    /// What the server would refuse, or would not even read, is refused here, and nothing changes.
    pub fn edit(
        &mut self,
        tx_id: Id,
        edit: &Edit,
        operations: Vec<Operation>,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Refusal> {
        if let Some(coalesced) = self.coalesce(edit, &operations, now)? {
            return Ok(coalesced);
        }
        let transaction = self.transaction(tx_id, edit.gesture.clone(), operations, now);
        let (accepted, mut effects) = self.push(transaction.clone(), now, None)?;
        self.steps.made(edit, &transaction.tx_id, accepted.inverse, now);
        effects.extend(self.step_changes());
        effects.extend(self.keep_and_send(transaction, now, None));
        Ok(effects)
    }

    /// Takes the last step back that is not undone yet. `new_id` gives ids for transactions.
    ///
    /// What others have changed since, or deleted, is left out ([`Effect::Skipped`]); a step of which nothing is left is
    /// forgotten.
    ///
    /// # Errors
    /// 400 when there is none; else what the server would say.
    pub fn undo(&mut self, now: Timestamp, new_id: &mut dyn FnMut() -> Id) -> Result<Vec<Effect>, Refusal> {
        self.travel(Way::Undo, now, new_id)
    }

    /// Brings the step again that was undone last.
    ///
    /// # Errors
    /// As [`Replica::undo`].
    pub fn redo(&mut self, now: Timestamp, new_id: &mut dyn FnMut() -> Id) -> Result<Vec<Effect>, Refusal> {
        self.travel(Way::Redo, now, new_id)
    }

    pub(super) fn transaction(
        &self,
        tx_id: Id,
        gesture: Option<Id>,
        operations: Vec<Operation>,
        now: Timestamp,
    ) -> Transaction {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        let client_timestamp = now.0 as f64;
        let author_id = self.author.id();
        Transaction { tx_id, author_id, operations, client_timestamp, base_versions: BTreeMap::new(), gesture }
    }

    fn push(
        &mut self,
        transaction: Transaction,
        now: Timestamp,
        takes_back: Option<Id>,
    ) -> Result<(Accepted, Vec<Effect>), Refusal> {
        let before = self.view.clone();
        let by = (&self.scope, &self.author);
        let accepted = self.pending.push(transaction, &mut self.view, by, now, (self.keeps, takes_back))?;
        self.under_youngest = Some(before);
        let effects = vec![Effect::Changed(accepted.changed.clone()), Effect::StatusChanged];
        Ok((accepted, effects))
    }

    fn keep_and_send(&mut self, transaction: Transaction, time: Timestamp, takes_back: Option<Id>) -> Vec<Effect> {
        if self.keeps { vec![Effect::Keep(Kept { transaction, time, takes_back })] } else { self.send_ready() }
    }

    /// Lets an edit that still waits for its first sending take in this one (CL8); none when it cannot.
    fn coalesce(
        &mut self,
        edit: &Edit,
        operations: &[Operation],
        now: Timestamp,
    ) -> Result<Option<Vec<Effect>>, Refusal> {
        // Another tab may be sending already what this one has kept.
        if !self.leads || self.shares_lead {
            return Ok(None);
        }
        let target = self.steps.open_transaction(edit, now);
        let Some(target) = target.filter(|target| self.pending.may_coalesce(target, operations)) else {
            return Ok(None);
        };
        let trial = self.transaction(target.clone(), edit.gesture.clone(), operations.to_vec(), now);
        let before = self.view.clone();
        let mut view = self.under_youngest.clone().unwrap_or_else(|| before.clone());
        let accepted = transact(&mut view, &self.scope, &self.author, &trial, now)?;
        let fresh = self.under_youngest.is_some();
        let keys: BTreeSet<Key> = accepted.changed.iter().cloned().collect();
        let kept = self.pending.coalesce(trial.operations, accepted, now, self.keeps);
        self.steps.touch(now);
        let mut effects = if fresh {
            self.view = view;
            self.changes(&before, keys)
        } else {
            self.rebase(&before, keys)
        };
        effects.extend(self.step_changes());
        effects.extend(kept.filter(|_| self.keeps).map(Effect::Keep));
        Ok(Some(effects))
    }

    fn travel(&mut self, way: Way, now: Timestamp, new_id: &mut dyn FnMut() -> Id) -> Result<Vec<Effect>, Refusal> {
        let step = match way {
            Way::Undo => self.steps.next_undo().cloned(),
            Way::Redo => self.steps.next_redo().cloned(),
        };
        let step = step.ok_or_else(|| Refusal::invalid("There is nothing left to take back."))?;
        let mut effects = Vec::new();
        let hidden = if way == Way::Undo { self.others_work_in(&step) } else { Vec::new() };
        let mut parts: Vec<Part> = Vec::new();
        let legs = self.legs(&step);
        let unseen = self.unseen_after(&legs, now);
        for mut leg in legs {
            let (left_out, tx_id) = (leg.leave_out(&unseen), new_id());
            if !left_out.is_empty() {
                effects.push(Effect::Skipped { tx_id: tx_id.clone(), operations: left_out, reason: None });
            }
            if leg.operations.is_empty() {
                continue;
            }
            let takes_back = leg.whole.then_some(leg.of);
            let transaction = self.transaction(tx_id.clone(), Some(step.id.clone()), leg.operations, now);
            match self.push(transaction.clone(), now, takes_back.clone()) {
                Ok((accepted, told)) => {
                    effects.extend(told);
                    if !accepted.skipped.is_empty() {
                        let operations = accepted.skipped;
                        effects.push(Effect::Skipped { tx_id: tx_id.clone(), operations, reason: None });
                    }
                    parts.push(Part { tx_id, inverse: accepted.inverse });
                    effects.extend(self.keep_and_send(transaction, now, takes_back));
                }
                Err(Refusal { status: 409, .. }) => {
                    effects.push(Effect::Skipped { tx_id, operations: transaction.operations, reason: None });
                }
                Err(refusal) if parts.is_empty() => return Err(refusal),
                Err(refusal) => {
                    let (operations, reason) = (transaction.operations, Some(refusal.message));
                    effects.push(Effect::Skipped { tx_id, operations, reason });
                }
            }
        }
        if parts.is_empty() {
            self.steps.remove(&step.id);
            effects.extend(self.step_changes());
            return Ok(effects);
        }
        if let (Some(part), false) = (parts.first(), hidden.is_empty()) {
            effects.push(Effect::HidOthersWork { tx_id: part.tx_id.clone(), keys: hidden });
        }
        self.steps.put(Step { undone: way == Way::Undo, touched: now, parts, ..step });
        effects.extend(self.step_changes());
        Ok(effects)
    }

    /// What takes a step back, in transactions of no more operations than one may have.
    fn legs(&self, step: &Step) -> Vec<Leg> {
        let mut legs = Vec::new();
        for part in step.parts.iter().rev() {
            // What waits may have been applied to something else since it was made.
            let inverse = self.pending.inverse_of(&part.tx_id).unwrap_or(&part.inverse);
            let whole = inverse.len() <= TRANSACTION_OPERATIONS_MAX;
            let operations = inverse.chunks(TRANSACTION_OPERATIONS_MAX);
            legs.extend(operations.map(|part_of| Leg { of: part.tx_id.clone(), whole, operations: part_of.to_vec() }));
        }
        legs
    }

    /// What the undo of a step hides although others have worked on it.
    fn others_work_in(&self, step: &Step) -> Vec<Key> {
        let (own, created) = (self.steps.own_transactions(), self.steps.own_creations());
        let inverses = step.parts.iter().flat_map(|part| &part.inverse);
        let built_on = |key: &&Key| {
            // What another has deleted meanwhile is not hidden by this.
            let Some(record) = self.view.get(key).filter(|record| !record.is_deleted()) else { return false };
            let written = record.stamps().iter().any(|(_, tx_id, _)| !own.contains(tx_id));
            let held = key.table == Table::Tracks
                && self.view.clips(&key.id).any(|clip| !created.contains(&Key::new(Table::Clips, clip.id().clone())));
            written || held
        };
        inverses
            .filter(|operation| hides(operation))
            .map(|operation| &operation.target)
            .filter(built_on)
            .cloned()
            .collect()
    }
}
