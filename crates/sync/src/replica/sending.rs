//! What goes to the server, when, and by which tab (CL2-CL4).

use std::collections::BTreeSet;

use model::{Id, Key};

use super::{Effect, Replica};
use crate::tabs::{Store, TabMessage};
use crate::wire::{ClientMessage, Presence};

impl Replica {
    /// Tells the others where this user points and what they do; nothing while nobody would hear it.
    #[must_use]
    pub fn present(&self, presence: Presence) -> Option<Effect> {
        self.live.then(|| Effect::Send(ClientMessage::Presence { channel: self.channel, presence }))
    }

    /// Sends what can be sent, if it is this replica's to send.
    pub(super) fn send_ready(&mut self) -> Vec<Effect> {
        if !self.live {
            return Vec::new();
        }
        let channel = self.channel;
        let batches = self.pending.take_ready(self.leads).into_iter();
        batches.map(|transactions| Effect::Send(ClientMessage::Submit { channel, transactions })).collect()
    }

    pub(super) fn leads(&mut self, leads: bool, shares: bool) -> Vec<Effect> {
        (self.leads, self.shares_lead) = (leads, shares);
        self.pending.fix();
        if !leads {
            // Who sends now sends it again, and hears how it went.
            self.pending.send_again();
        }
        self.send_ready()
    }

    pub(super) fn kept(&mut self, tx_id: &Id, place: Option<u64>) -> Vec<Effect> {
        if !self.pending.kept(tx_id, place, !self.leads || self.shares_lead) {
            // It was settled before it was kept.
            return if place.is_some() { vec![Effect::Forget(tx_id.clone())] } else { Vec::new() };
        }
        let mut effects = Vec::new();
        if self.pending.sort() {
            effects.extend(self.rebase(&self.view.clone(), BTreeSet::new()));
        }
        if let Some((place, kept)) = self.pending.kept_at(tx_id) {
            effects.push(Effect::Tell(TabMessage::Kept { place, kept }));
        }
        effects.extend(self.step_changes());
        effects.extend(self.send_ready());
        effects
    }

    /// Has kept what could not be kept before.
    pub(super) fn keep_again(&mut self) -> Vec<Effect> {
        self.pending.keep_again().into_iter().map(Effect::Keep).collect()
    }

    /// Takes up what the browser keeps. What is not there any more has been settled by another tab.
    pub(super) fn stored(&mut self, store: Store) -> Vec<Effect> {
        for step in store.steps {
            self.steps.follow(crate::StepChange::Put(step.into()));
        }
        let mut effects = vec![Effect::Steps(Vec::new())];
        let (before, mut keys) = (self.view.clone(), BTreeSet::new());
        self.pending.retain_kept(&store.queue.iter().map(|(place, _)| *place).collect(), &mut keys);
        for (place, kept) in store.queue {
            if self.settled.contains(&kept.transaction.tx_id) {
                effects.push(Effect::Forget(kept.transaction.tx_id));
            } else {
                self.pending.adopt(place, kept);
            }
        }
        self.pending.sort();
        effects.extend(self.rebase(&before, keys));
        effects.extend(self.step_changes());
        effects.extend(self.send_ready());
        effects
    }

    pub(super) fn tab(&mut self, message: TabMessage) -> Vec<Effect> {
        match message {
            TabMessage::Kept { place, kept } => {
                if self.settled.contains(&kept.transaction.tx_id) {
                    return Vec::new();
                }
                self.pending.adopt(place, kept);
                self.pending.sort();
                let mut effects = self.rebase(&self.view.clone(), BTreeSet::new());
                effects.extend(self.send_ready());
                effects
            }
            TabMessage::Committed { tx_id, seq } => {
                // Usually the commit itself comes over this tab's own socket; where a snapshot has taken its place, this
                // is how the tab knows.
                if self.pending.contains(&tx_id) {
                    if seq <= self.seq {
                        return self.drop_pending(&tx_id, false);
                    }
                    self.committed_elsewhere.insert(tx_id, seq);
                }
                Vec::new()
            }
            TabMessage::Dropped { tx_id } => self.drop_pending(&tx_id, false),
            TabMessage::Steps(changes) => {
                for change in changes {
                    self.steps.follow(change);
                }
                let mut effects = vec![Effect::Steps(Vec::new())];
                effects.extend(self.step_changes());
                effects
            }
        }
    }

    /// Takes a transaction out of the queue that will not be, or is already, in the log. `tell` says that this tab is the
    /// one that knows.
    pub(super) fn drop_pending(&mut self, tx_id: &Id, tell: bool) -> Vec<Effect> {
        let (before, mut keys) = (self.view.clone(), BTreeSet::<Key>::new());
        if self.pending.settle(tx_id, &mut keys).is_none() {
            return Vec::new();
        }
        self.note_settled(tx_id);
        self.pending.based(tx_id, None, false);
        let mut effects = Vec::new();
        if tell {
            self.steps.dropped(tx_id);
            if self.keeps {
                effects.push(Effect::Forget(tx_id.clone()));
                effects.push(Effect::Tell(TabMessage::Dropped { tx_id: tx_id.clone() }));
            }
        }
        effects.extend(self.rebase(&before, keys));
        effects.extend(self.step_changes());
        effects.extend(self.send_ready());
        effects
    }

    /// What a snapshot has in it already, as other tabs have told.
    pub(super) fn drop_committed_elsewhere(&mut self, keys: &mut BTreeSet<Key>) {
        let here: Vec<Id> =
            self.committed_elsewhere.iter().filter(|(_, seq)| **seq <= self.seq).map(|(id, _)| id.clone()).collect();
        for tx_id in here {
            self.pending.settle(&tx_id, keys);
            self.pending.based(&tx_id, None, false);
            self.note_settled(&tx_id);
        }
    }
}
