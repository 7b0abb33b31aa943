//! What undo and redo take back and bring again: one's own edits as steps (UN1, UN2).

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Id, Key, Table, Timestamp};
use operations::{Change, Operation};
use serde::{Deserialize, Serialize};

/// Steps that are remembered.
pub const STEPS_MAX: usize = 300;
/// Operations of all remembered steps together.
pub const STEP_OPERATIONS_MAX: usize = 50_000;
/// Edits of the same places within this time are one step (UN2).
pub const MERGE_MS: i64 = 1_000;

/// Something that the user did and can take back, or has taken back and can bring again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The id of the first transaction that it was made by.
    pub id: Id,
    /// What it was, in words.
    pub label: String,
    /// What its transactions have in common, when they are one gesture.
    pub gesture: Option<Id>,
    /// When it was first made, but later than what was made before it.
    pub made: Timestamp,
    /// When something was last added to it.
    pub touched: Timestamp,
    /// Whether it has been taken back.
    pub undone: bool,
    /// The transactions that did it (or, of an undone one, that took it back), in their order.
    pub parts: Vec<Part>,
}

/// One transaction of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its id.
    pub tx_id: Id,
    /// What takes it back, as things stood when it was applied last.
    pub inverse: Vec<Operation>,
}

/// How the steps have changed: what to store, and to tell other tabs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum StepChange {
    /// This one is new, or different now. Shared, not copied: edits of a moment are one step, which has a part for each of them.
    Put(Arc<Step>),
    /// This one is no more.
    Remove(Id),
}

/// What an edit is, beside its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// In words, for the button that takes it back: "Move clip".
    pub label: String,
    /// What it has in common with others of the same gesture.
    pub gesture: Option<Id>,
}

/// The steps of one user in one project, oldest first; those that are undone come last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    steps: Vec<Arc<Step>>,
    changes: Vec<StepChange>,
}

/// The places that operations write.
fn places(operations: &[Operation]) -> BTreeSet<(&Key, String)> {
    operations.iter().map(|operation| (&operation.target, operation.writes().into_owned())).collect()
}

/// Whether taking this back hides what was created.
pub(crate) fn hides(operation: &Operation) -> bool {
    let deletes = matches!(operation.change, Change::Set(_) | Change::SetNow) && operation.path.as_str() == "deleted";
    deletes && operation.guard.as_ref().is_some_and(|guard| guard.finds.is_empty())
}

impl Steps {
    /// What has changed since this was asked last.
    pub(crate) fn take_changes(&mut self) -> Vec<StepChange> {
        std::mem::take(&mut self.changes)
    }

    /// The step that undo takes back.
    pub(crate) fn next_undo(&self) -> Option<&Step> {
        self.steps.iter().rev().find(|step| !step.undone).map(Arc::as_ref)
    }

    /// The step that redo brings again.
    pub(crate) fn next_redo(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.undone).map(Arc::as_ref)
    }

    /// The last step, if an edit may join it: of the same gesture, or of the same name a moment later.
    fn open(&self, edit: &Edit, now: Timestamp) -> Option<&Step> {
        let last = self.steps.last().filter(|step| !step.undone)?;
        let soon = (0..=MERGE_MS).contains(&now.0.saturating_sub(last.touched.0));
        let joins = match (&edit.gesture, &last.gesture) {
            // An edit without a name stands for itself.
            (None, None) => soon && !edit.label.is_empty() && last.label == edit.label,
            (edit, last) => edit == last,
        };
        joins.then_some(last)
    }

    /// The transaction that an edit might stand in the place of.
    pub(crate) fn open_transaction(&self, edit: &Edit, now: Timestamp) -> Option<&Id> {
        Some(&self.open(edit, now)?.parts.last()?.tx_id)
    }

    /// Whether an edit joins the last step: the same gesture, or the same places a moment later (UN2).
    fn merges(&self, edit: &Edit, inverse: &[Operation], now: Timestamp) -> bool {
        // What creates or deletes is a step of its own.
        let is_set = |operation: &Operation| {
            operation.path.as_str() != "deleted" && matches!(operation.change, Change::Set(_) | Change::Unset)
        };
        self.open(edit, now).is_some_and(|last| {
            let again = |part: &Part| places(&part.inverse) == places(inverse) && inverse.iter().all(is_set);
            edit.gesture.is_some() || last.parts.last().is_some_and(again)
        })
    }

    /// The last step has been added to, by a transaction that it has already.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.forget_undone();
        if let Some(last) = self.steps.last_mut() {
            Arc::make_mut(last).touched = now;
        }
    }

    /// Notes an edit that was made; what was undone can no longer be brought again.
    pub(crate) fn made(&mut self, edit: &Edit, tx_id: &Id, inverse: Vec<Operation>, now: Timestamp) {
        // Who may open the project is no step of the song: whoever was removed must not come back with a clip (UN1). Nor is the name
        // of a version, which a spree of undo would take from everybody without a sound.
        let is_no_step =
            |operation: &Operation| matches!(operation.target.table, Table::ProjectMembers | Table::Versions);
        if inverse.iter().all(is_no_step) {
            return;
        }
        let merges = self.merges(edit, &inverse, now);
        self.forget_undone();
        let part = Part { tx_id: tx_id.clone(), inverse };
        match self.steps.last_mut().filter(|_| merges) {
            Some(last) => {
                let step = Arc::make_mut(last);
                step.touched = now;
                step.parts.push(part);
                self.changes.push(StepChange::Put(Arc::clone(last)));
            }
            None => {
                // Clocks stand still and are set back; the steps' order is that in which they were made.
                let made = self.steps.last().map_or(now, |last| now.max(Timestamp(last.made.0.saturating_add(1))));
                let step = Step {
                    id: tx_id.clone(),
                    label: edit.label.clone(),
                    gesture: edit.gesture.clone(),
                    made,
                    touched: now,
                    undone: false,
                    parts: vec![part],
                };
                self.put(step);
            }
        }
        self.forget_oldest();
    }

    fn forget_undone(&mut self) {
        let undone = self.steps.iter().filter(|step| step.undone).map(|step| StepChange::Remove(step.id.clone()));
        self.changes.extend(undone.collect::<Vec<_>>());
        self.steps.retain(|step| !step.undone);
    }

    fn forget_oldest(&mut self) {
        let size = |step: &Arc<Step>| step.parts.iter().map(|part| part.inverse.len()).sum::<usize>();
        let mut operations: usize = self.steps.iter().map(size).sum();
        let mut count = self.steps.len();
        let old = self.steps.iter().take_while(|step| {
            let goes = count > STEPS_MAX || (operations > STEP_OPERATIONS_MAX && count > 1);
            if goes {
                count -= 1;
                operations -= size(step);
            }
            goes
        });
        let old = old.count();
        self.changes.extend(self.steps.drain(..old).map(|step| StepChange::Remove(step.id.clone())));
    }

    /// Adds a step, or puts it in the place of the one of its id.
    pub(crate) fn put(&mut self, step: Step) {
        let step = Arc::new(step);
        self.changes.push(StepChange::Put(Arc::clone(&step)));
        self.adopt(step);
    }

    fn adopt(&mut self, step: Arc<Step>) {
        self.steps.retain(|other| other.id != step.id);
        let at = self.steps.partition_point(|other| (other.made, &other.id) < (step.made, &step.id));
        self.steps.insert(at, step);
    }

    /// Forgets a step.
    pub(crate) fn remove(&mut self, id: &Id) {
        self.steps.retain(|step| step.id != *id);
        self.changes.push(StepChange::Remove(id.clone()));
    }

    /// Another tab has changed it; that tab stores it, too. What was undone there while something new was made here can no
    /// longer be brought again.
    pub(crate) fn follow(&mut self, change: StepChange) {
        match change {
            StepChange::Put(step) => self.adopt(step),
            StepChange::Remove(id) => self.steps.retain(|step| step.id != id),
        }
        let done = self.steps.iter().rposition(|step| !step.undone).unwrap_or(0);
        let overtaken = self.steps[..done].iter().filter(|step| step.undone).map(|step| step.id.clone());
        for id in overtaken.collect::<Vec<_>>() {
            self.remove(&id);
        }
    }

    /// What takes a transaction back is this now: it was committed after others' edits.
    pub(crate) fn set_inverse(&mut self, tx_id: &Id, inverse: &[Operation]) {
        for step in self.steps.iter_mut().rev() {
            if let Some(at) = step.parts.iter().position(|part| part.tx_id == *tx_id) {
                if step.parts[at].inverse != inverse {
                    Arc::make_mut(step).parts[at].inverse = inverse.to_vec();
                    self.changes.push(StepChange::Put(Arc::clone(step)));
                }
                return;
            }
        }
    }

    /// A transaction was taken back by the server: there is nothing left of it to undo.
    pub(crate) fn dropped(&mut self, tx_id: &Id) {
        let Some(step) = self.steps.iter_mut().find(|step| step.parts.iter().any(|part| part.tx_id == *tx_id)) else {
            return;
        };
        Arc::make_mut(step).parts.retain(|part| part.tx_id != *tx_id);
        let (id, rest) = (step.id.clone(), Arc::clone(step));
        if rest.parts.is_empty() { self.remove(&id) } else { self.changes.push(StepChange::Put(rest)) }
    }

    /// Every transaction that is known to be one's own.
    pub(crate) fn own_transactions(&self) -> BTreeSet<&Id> {
        let own = self.steps.iter().flat_map(|step| step.parts.iter().map(|part| &part.tx_id).chain([&step.id]));
        own.collect()
    }

    /// The records that one has created oneself.
    pub(crate) fn own_creations(&self) -> BTreeSet<&Key> {
        let inverses = self.steps.iter().flat_map(|step| step.parts.iter().flat_map(|part| &part.inverse));
        inverses.filter(|operation| hides(operation)).map(|operation| &operation.target).collect()
    }
}
