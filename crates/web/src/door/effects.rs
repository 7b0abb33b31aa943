//! What the replica wants done.

use std::time::Duration;

use leptos::prelude::*;
use sync::Effect;

use super::{Door, an_edit, clock, is_closed, past, unsaved};
use crate::toast::undo_words;

impl Door {
    pub(super) fn perform(self, effects: Vec<Effect>) {
        // One message for all parts of a step.
        let mut skipped = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(message) => self.send(message),
                Effect::Changed(keys) => self.changed(&keys),
                Effect::Refused { tx_id, status, message } => {
                    let what = self.inner().labels.borrow_mut().remove(&tx_id).unwrap_or_else(an_edit);
                    if what == past::RESTORE && status != 403 {
                        self.restored_in_part(what, message);
                    } else {
                        let why = (status != 403).then_some(message.as_str());
                        self.unsaved.update(|unsaved| unsaved::add(unsaved, &what, why));
                    }
                }
                Effect::Reconnect => {
                    if let Some(socket) = self.inner().socket.borrow().clone() {
                        // Later: this runs inside the socket's own event.
                        clock::after(Duration::ZERO, move || socket.reconnect());
                    }
                }
                Effect::StatusChanged => {
                    let status = self.inner().replica.borrow().status();
                    if status.live {
                        self.logged_out.set(false);
                    }
                    if *self.status.read_untracked() != status {
                        if is_closed(&status) != is_closed(&self.status.read_untracked()) {
                            self.closed_or_opened(is_closed(&status));
                        }
                        if is_closed(&status) {
                            self.list_pending();
                        }
                        self.status.set(status);
                    }
                }
                Effect::PeopleChanged => self.people_changed(),
                Effect::PresenceChanged => {
                    let presences = self.inner().replica.borrow().presences().cloned().collect();
                    self.presences.set(presences);
                }
                Effect::Steps(changes) => self.steps_changed(changes),
                Effect::Skipped { operations, reason: None, .. } => skipped.extend(operations),
                Effect::Skipped { operations, reason: Some(reason), .. } => {
                    let words = self.read(|records| undo_words::left_out(records, &operations));
                    self.toasts.info(words, reason);
                }
                Effect::HidOthersWork { tx_id, keys } => self.hid_others_work(&tx_id, &keys),
                Effect::Keep(kept) => self.keep(kept),
                Effect::Forget(tx_id) => self.forget(tx_id),
                Effect::Tell(message) => self.tell(message),
                Effect::Followed(commits) => self.cache_commits(commits),
                Effect::Replaced => self.cache_anew(),
            }
        }
        if !skipped.is_empty() {
            self.toasts.info(self.read(|records| undo_words::left_alone(records, &skipped)), "");
        }
    }

    /// The project is closed to this user: what is still waiting will not be saved, and is listed (PE5).
    fn list_pending(self) {
        let inner = self.inner();
        let labels = inner.labels.borrow();
        let replica = inner.replica.borrow();
        let mut unsaved = self.unsaved.get_untracked();
        unsaved.retain(|one| !one.waits);
        let refused = unsaved.len();
        for (transaction, _) in replica.pending() {
            let what = labels.get(&transaction.tx_id).cloned().unwrap_or_else(an_edit);
            unsaved::add(&mut unsaved, &what, None);
        }
        for one in unsaved.iter_mut().skip(refused) {
            one.waits = true;
        }
        self.unsaved.set(unsaved);
    }
}
