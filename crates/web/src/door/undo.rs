//! Undo and redo, and what people are told of them (UN1-UN3).

use leptos::prelude::*;
use model::{Id, Key, Role, Table};
use operations::{Operation, Refusal, build};
use sync::{Effect, Step, StepChange};

use super::{Door, ONLY_LISTENS, new_id, now};
use crate::toast::undo_words;

/// What undo would take back, and redo bring again, in words.
#[derive(Clone, Copy)]
pub(super) struct Names {
    undo: RwSignal<Option<String>>,
    redo: RwSignal<Option<String>>,
}

impl Names {
    pub(super) fn new() -> Names {
        Names { undo: RwSignal::new(None), redo: RwSignal::new(None) }
    }

    fn show(self, undo: Option<String>, redo: Option<String>) {
        // Mostly the same as before: whoever shows them is not called for nothing at every edit.
        for (name, now) in [(self.undo, undo), (self.redo, redo)] {
            if *name.read_untracked() != now {
                name.set(now);
            }
        }
    }
}

impl Door {
    /// Takes the last step back (UN1); nothing when there is none.
    pub(crate) fn undo(self) {
        if self.past.is_shown() {
            return;
        }
        self.let_go();
        if self.only_listens() {
            return;
        }
        let Some(label) = self.undo.undo.get_untracked() else { return };
        let result = self.inner().replica.borrow_mut().undo(now(), &mut new_id);
        self.travelled(format!("Undo {label}"), result);
    }

    /// Brings the step again that was taken back last; nothing when there is none.
    pub(crate) fn redo(self) {
        if self.past.is_shown() {
            return;
        }
        self.let_go();
        if self.only_listens() {
            return;
        }
        let Some(label) = self.undo.redo.get_untracked() else { return };
        let result = self.inner().replica.borrow_mut().redo(now(), &mut new_id);
        self.travelled(format!("Redo {label}"), result);
    }

    /// Says to a viewer that nothing can be changed. Their steps stay, for when they may again.
    fn only_listens(self) -> bool {
        let listens = self.role.get_untracked() == Some(Role::Viewer);
        if listens {
            self.toasts.info("You can only listen now", ONLY_LISTENS);
        }
        listens
    }

    fn travelled(self, what: String, result: Result<Vec<Effect>, Refusal>) {
        match result {
            Ok(effects) => {
                for effect in &effects {
                    if let Effect::Keep(kept) = effect {
                        self.label(kept.transaction.tx_id.clone(), what.clone());
                    }
                }
                self.perform(effects);
            }
            Err(refusal) => self.toasts.error(format!("{what} is not possible"), self.reason(refusal)),
        }
    }

    /// The step that undo would take back now; for [`Door::take_back`].
    pub(crate) fn last_step(self) -> Option<Id> {
        self.inner().replica.borrow().next_undo().map(|step| step.id.clone())
    }

    /// The step that redo would bring again now.
    fn undone_step(self) -> Option<Id> {
        self.inner().replica.borrow().next_redo().map(|step| step.id.clone())
    }

    /// Takes a step back by undo while it is still the last one, and else by an edit of its own.
    pub(crate) fn take_back(self, step: Option<&Id>, what: &'static str, otherwise: Vec<Operation>) {
        // What is in the hand is written before: it may be the last step then.
        self.let_go();
        if step.is_some() && self.last_step().as_ref() == step {
            self.undo();
        } else {
            self.dispatch(what, otherwise);
        }
    }

    /// Says what an undo has hidden of others' work, and offers to bring it back.
    pub(super) fn hid_others_work(self, tx_id: &Id, keys: &[Key]) {
        // It may have been undone a while ago, without the server.
        let undone = self.undone_step().filter(|_| self.inner().replica.borrow().would_redo(tx_id));
        // Nobody works on a recording's record but the server, which prepares it.
        let keys: Vec<Key> = keys.iter().filter(|key| key.table != Table::AudioFiles).cloned().collect();
        if keys.is_empty() {
            return;
        }
        let restore: Vec<Operation> = keys.iter().map(|key| build::restore(key.table, &key.id)).collect();
        let words = self.read(|records| undo_words::hidden(records, &keys));
        self.toasts.info_with(words, "Bring back", move || {
            if self.has_ended() {
                return;
            }
            self.let_go();
            if undone.is_some() && self.undone_step() == undone {
                self.redo();
            } else {
                self.dispatch("Bring back", restore.clone());
            }
        });
    }

    /// What undo would take back, in words.
    pub(crate) fn next_undo(self) -> ReadSignal<Option<String>> {
        self.undo.undo.read_only()
    }

    /// What redo would bring again, in words.
    pub(crate) fn next_redo(self) -> ReadSignal<Option<String>> {
        self.undo.redo.read_only()
    }

    /// Steps are new, or different now, or no more.
    pub(super) fn steps_changed(self, changes: Vec<StepChange>) {
        for change in &changes {
            if let StepChange::Put(step) = change
                && step.undone
            {
                self.toasts.undone(&step.id);
            }
        }
        self.keep_steps(changes);
        let label = |step: Option<&Step>| step.map(|step| step.label.clone());
        let (undo, redo) = {
            let inner = self.inner();
            let replica = inner.replica.borrow();
            (label(replica.next_undo()), label(replica.next_redo()))
        };
        self.undo.show(undo, redo);
    }
}
