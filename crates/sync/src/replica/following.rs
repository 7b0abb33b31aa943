//! What the server says: the log, and how one's own edits fared in it.

use std::collections::BTreeSet;

use model::{Id, Key, Record, Records, Timestamp};
use operations::{Commit, Operation, Refusal, Transaction, apply_committed, transact};

use super::{Effect, PutOff, Replica};
use crate::pending::Settled;
use crate::steps::hides;
use crate::tabs::TabMessage;
use crate::wire::{ClientMessage, PresenceOf, Resume, ServerMessage};

/// The status of an edit for which the server has no room: its disk is nearly full, or the song's history as large as it may be.
const NO_ROOM: u16 = 507;

impl Replica {
    /// Takes up what was cached of the project (CL5): records as of `seq`, and the commits after it. Nothing happens when
    /// the server was faster.
    pub fn restore(&mut self, epoch: Id, seq: u64, records: Records, commits: &[Commit]) -> Vec<Effect> {
        if self.epoch.is_some() {
            return Vec::new();
        }
        let before = self.view.clone();
        let mut keys: BTreeSet<Key> = records.iter().map(|(key, _)| key.clone()).collect();
        (self.epoch, self.seq, self.committed) = (Some(epoch), seq, records);
        for commit in commits {
            if commit.seq > self.seq && self.follow(commit, &mut keys).is_err() {
                // The rest comes from the server.
                break;
            }
        }
        self.rebase(&before, keys)
    }

    pub(super) fn open(&self, epoch: Option<Id>) -> Effect {
        let resume = epoch.map(|epoch| Resume { epoch, seq: self.seq });
        Effect::Send(ClientMessage::Open { channel: self.channel, project: self.project.clone(), resume })
    }

    pub(super) fn message(&mut self, message: ServerMessage) -> Vec<Effect> {
        match message {
            ServerMessage::Hello { user, .. } => self.greeted(&user),
            _ if self.foreign => Vec::new(),
            ServerMessage::Snapshot { epoch, seq, records, .. } => {
                self.snapshot(epoch, seq, records.into_iter().collect())
            }
            ServerMessage::Resumed { epoch, seq, .. } => {
                if self.epoch.as_ref() != Some(&epoch) || self.seq != seq {
                    return vec![self.reload()];
                }
                self.now_live()
            }
            ServerMessage::Commits { commits, .. } => self.commits(&commits),
            ServerMessage::Acknowledged { tx_ids, seq, time, .. } => {
                (seq..).zip(&tx_ids).flat_map(|(seq, tx_id)| self.acknowledged(tx_id, seq, time)).collect()
            }
            ServerMessage::Refused { tx_id, status, message, .. } => self.refused(&tx_id, status, message),
            ServerMessage::Denied { status, message, .. } => self.denied(status, message),
            ServerMessage::People { people, .. } => {
                self.people = people;
                vec![Effect::PeopleChanged]
            }
            ServerMessage::Present { connected, .. } => {
                self.present = connected;
                vec![Effect::PeopleChanged]
            }
            ServerMessage::Presences { presences, .. } => self.others_do(presences),
            ServerMessage::Pong { .. } | ServerMessage::Error { .. } => Vec::new(),
        }
    }

    fn others_do(&mut self, presences: Vec<PresenceOf>) -> Vec<Effect> {
        for presence in presences {
            if presence.presence.is_some() {
                self.presences.insert(presence.session, presence);
            } else {
                self.presences.remove(&presence.session);
            }
        }
        vec![Effect::PresenceChanged]
    }

    fn denied(&mut self, status: u16, message: String) -> Vec<Effect> {
        self.live = false;
        if status == 429 || status >= 500 {
            return vec![Effect::StatusChanged, Effect::Reconnect];
        }
        self.denied = Some(message);
        vec![Effect::StatusChanged]
    }

    /// Another user of the same browser must neither send these edits, which would be refused, nor see them (CL3).
    fn greeted(&mut self, user: &Id) -> Vec<Effect> {
        if *user == self.author.id() {
            return Vec::new();
        }
        self.foreign = true;
        self.live = false;
        self.denied = Some("Somebody else has logged in on this browser.".to_owned());
        vec![Effect::StatusChanged]
    }

    fn snapshot(&mut self, epoch: Id, seq: u64, records: Records) -> Vec<Effect> {
        // Within an epoch records never go back (CL1): a snapshot older than what is here is a late answer, or the server
        // has lost what it had acknowledged. Asking again is all that is left then, and it must not look live meanwhile.
        if self.epoch.as_ref() == Some(&epoch) && seq < self.seq {
            return if self.live { Vec::new() } else { vec![Effect::Reconnect] };
        }
        let before = self.view.clone();
        // In order, so that the set is not put together one by one; mostly nothing was here before.
        let mut keys: BTreeSet<Key> = records.iter().map(|(key, _)| key.clone()).collect();
        keys.extend(before.iter().filter(|(key, _)| records.get(key).is_none()).map(|(key, _)| key.clone()));
        if self.epoch.as_ref() != Some(&epoch) {
            // Another log says nothing about what is in this one.
            self.committed_elsewhere.clear();
            self.settled.clear();
        }
        let others = self.changed_by_others(&records);
        (self.epoch, self.seq, self.committed) = (Some(epoch), seq, records);
        self.drop_committed_elsewhere(&mut keys);
        self.pending.others_worked_on(&others, &self.committed);
        let mut effects = self.rebase(&before, keys);
        effects.push(Effect::Replaced);
        effects.extend(self.step_changes());
        effects.extend(self.now_live());
        effects
    }

    /// What in a snapshot has come or been written since what is here, and is not known to be one's own. Whoever created a
    /// record left no stamp on it.
    fn changed_by_others(&self, snapshot: &Records) -> BTreeSet<Key> {
        if self.pending.len() == 0 {
            return BTreeSet::new();
        }
        let (steps, mut created) = (self.steps.own_transactions(), self.steps.own_creations());
        created.extend(self.pending.creations());
        let is_own = |tx_id: &Id| steps.contains(tx_id) || self.settled.contains(tx_id) || self.pending.contains(tx_id);
        let is_others = |(key, record): &(&Key, &Record)| {
            let known = self.committed.get(key);
            let is_known =
                |tx_id: &Id| known.is_some_and(|known| known.stamps().iter().any(|(_, old, _)| old == tx_id));
            let is_older = known.is_some_and(|known| known.version() >= record.version());
            let is_written = || record.stamps().iter().any(|(_, tx_id, _)| !is_own(tx_id) && !is_known(tx_id));
            !is_older && ((known.is_none() && !created.contains(key)) || is_written())
        };
        snapshot.iter().filter(is_others).map(|(key, _)| key.clone()).collect()
    }

    /// Commits are coming in from here on: send what is waiting.
    fn now_live(&mut self) -> Vec<Effect> {
        self.live = true;
        self.denied = None;
        self.pending.send_again();
        let mut effects = self.send_ready();
        effects.push(Effect::StatusChanged);
        effects
    }

    /// Something is missing or does not fit: ask for everything.
    fn reload(&mut self) -> Effect {
        self.live = false;
        self.open(None)
    }

    fn commits(&mut self, commits: &[Commit]) -> Vec<Effect> {
        // What comes after a reload was asked for is in the snapshot that will answer.
        if !self.live {
            return Vec::new();
        }
        let before = self.view.clone();
        let (mut keys, mut effects) = (BTreeSet::new(), Vec::new());
        let mut foreseen = true;
        let first = self.seq;
        for commit in commits {
            let mut touched = BTreeSet::new();
            let is_next = commit.seq > self.seq;
            let is_own = commit.author == self.author.id();
            let own = if is_own { self.pending.settle(&commit.tx_id, &mut touched) } else { None };
            let was_foreseen = match &own {
                Some(settled) => {
                    is_next && settled.can_be_taken_back() && settled.was_foreseen(&commit.operations, commit.time)
                }
                None => true,
            };
            if let Some(settled) = &own {
                // What came before it in this message is in no inverse of the view's yet.
                effects.extend(self.settled(settled, commit, was_foreseen && foreseen, &mut touched));
            } else if is_own {
                self.note_settled(&commit.tx_id);
            }
            if is_next && self.follow(commit, &mut touched).is_err() {
                keys.append(&mut touched);
                effects.extend(self.rebase(&before, keys));
                effects.extend([self.reload(), Effect::StatusChanged]);
                return effects;
            }
            if !is_own {
                self.pending.others_worked_on(&touched, &self.committed);
            }
            foreseen &= was_foreseen && (own.is_some() || self.pending.is_independent_of(&touched));
            keys.append(&mut touched);
        }
        effects.extend(self.update(&before, keys, foreseen));
        let new = commits.iter().filter(|commit| commit.seq > first).cloned().collect();
        effects.push(Effect::Followed(new));
        effects.extend(self.step_changes());
        effects.extend(self.send_ready());
        effects
    }

    /// One's own transaction has been committed: what takes it back, and what of it was left out, is known now. Called
    /// before the commit is followed, unless it has been already.
    fn settled(&mut self, settled: &Settled, commit: &Commit, foreseen: bool, keys: &mut BTreeSet<Key>) -> Vec<Effect> {
        let tx_id = &commit.tx_id;
        self.note_settled(tx_id);
        let inverse = if foreseen {
            Some(settled.inverse.clone())
        } else if commit.seq == self.seq + 1 {
            let again =
                transact(&mut self.committed.clone(), &self.scope, &self.author, &settled.transaction, commit.time);
            Some(again.map(|accepted| accepted.inverse).unwrap_or_default())
        } else {
            None
        };
        if let Some(inverse) = &inverse {
            self.steps.set_inverse(tx_id, inverse);
        }
        // What waits to take it back is kept before this is forgotten: with it, what it does would be.
        let kept = self.pending.based(tx_id, inverse.as_deref(), self.keeps && self.leads);
        let mut effects: Vec<Effect> = kept.into_iter().map(Effect::Keep).collect();
        if inverse.is_none() && self.leads {
            effects.extend(self.give_up_taking_back(tx_id, keys));
        }
        if self.keeps {
            effects.push(Effect::Forget(tx_id.clone()));
            if self.leads {
                effects.push(Effect::Tell(TabMessage::Committed { tx_id: tx_id.clone(), seq: commit.seq }));
            }
        }
        let is_done = |operation: &Operation| {
            let same = |done: &&Operation| done.target == operation.target && done.path == operation.path;
            // Whose stamps it leaves the room may know better.
            let finds = |operation: &Operation| operation.guard.as_ref().map(|guard| guard.finds.clone());
            commit.operations.iter().any(|done| same(&done) && finds(done) == finds(operation))
        };
        let guarded = settled.transaction.operations.iter().filter(|operation| operation.guard.is_some());
        let skipped: Vec<Operation> = guarded.filter(|operation| !is_done(operation)).cloned().collect();
        if skipped.len() > settled.skipped {
            effects.push(Effect::Skipped { tx_id: tx_id.clone(), operations: skipped, reason: None });
        }
        // What waits to bring it back does so.
        if self.pending.taker_back_of(tx_id).is_none() {
            let is_hidden = |key: &&Key| commit.operations.iter().any(|done| hides(done) && done.target == **key);
            let keys: Vec<Key> = settled.built_on.iter().filter(is_hidden).cloned().collect();
            if !keys.is_empty() {
                effects.push(Effect::HidOthersWork { tx_id: tx_id.clone(), keys });
            }
        }
        effects
    }

    /// Nobody knows any more what a transaction has met where it stands in the log: what waits to take it back could bring
    /// back what another has overwritten since. It is left out, and the user told (UN3).
    fn give_up_taking_back(&mut self, tx_id: &Id, keys: &mut BTreeSet<Key>) -> Vec<Effect> {
        let (mut effects, mut taken_back) = (Vec::new(), tx_id.clone());
        while let Some(taker) = self.pending.taker_back_of(&taken_back) {
            self.pending.settle(&taker.tx_id, keys);
            self.note_settled(&taker.tx_id);
            self.steps.dropped(&taker.tx_id);
            if self.keeps {
                effects.push(Effect::Forget(taker.tx_id.clone()));
                effects.push(Effect::Tell(TabMessage::Dropped { tx_id: taker.tx_id.clone() }));
            }
            let reason = Some("it is not known any more what was there before".to_owned());
            effects.push(Effect::Skipped { tx_id: taker.tx_id.clone(), operations: taker.operations, reason });
            taken_back = taker.tx_id;
        }
        effects
    }

    /// Applies the next commit; an error means that this replica is no longer a prefix of the log.
    fn follow(&mut self, commit: &Commit, keys: &mut BTreeSet<Key>) -> Result<(), Refusal> {
        if commit.seq != self.seq + 1 {
            return Err(Refusal::invalid("a gap in the log"));
        }
        keys.extend(apply_committed(&mut self.committed, &commit.tx_id, &commit.operations, commit.time)?);
        self.seq = commit.seq;
        self.put_off = None;
        self.pending.something_passed();
        Ok(())
    }

    fn acknowledged(&mut self, tx_id: &Id, seq: u64, time: Timestamp) -> Vec<Effect> {
        if !self.live {
            return Vec::new();
        }
        let before = self.view.clone();
        let mut keys = BTreeSet::new();
        let Some(settled) = self.pending.settle(tx_id, &mut keys) else {
            // Not ours to apply any more, but in the log: without it the next commit would not fit.
            return if seq > self.seq { vec![self.reload(), Effect::StatusChanged] } else { Vec::new() };
        };
        let Transaction { operations, gesture, .. } = settled.transaction.clone();
        let foreseen = settled.can_be_taken_back() && settled.was_foreseen(&operations, time);
        let commit = Commit { seq, tx_id: tx_id.clone(), author: self.author.id(), time, gesture, operations };
        let mut effects = self.settled(&settled, &commit, foreseen && seq > self.seq, &mut keys);
        // A repeat is acknowledged with its old place, which this replica has passed already.
        if seq <= self.seq {
            effects.extend(self.rebase(&before, keys));
            effects.extend(self.step_changes());
            effects.extend(self.send_ready());
            return effects;
        }
        if self.follow(&commit, &mut keys).is_err() {
            effects.extend(self.rebase(&before, keys));
            effects.extend([self.reload(), Effect::StatusChanged]);
            return effects;
        }
        effects.extend(self.update(&before, keys, foreseen));
        effects.push(Effect::Followed(vec![commit]));
        effects.extend(self.step_changes());
        effects.extend(self.send_ready());
        effects
    }

    /// Brings the view up to date after commits that changed the records of `keys`. When they were foreseen, the pending
    /// transactions do what they did before, and it is enough to do again what they did to those records: to confirm a
    /// thousand edits takes a thousand steps, not half a million.
    fn update(&mut self, before: &Records, keys: BTreeSet<Key>, foreseen: bool) -> Vec<Effect> {
        if foreseen && self.patch(&keys) { self.changes(before, keys) } else { self.rebase(before, keys) }
    }

    fn patch(&mut self, keys: &BTreeSet<Key>) -> bool {
        self.under_youngest = None;
        for key in keys {
            match self.committed.get(key) {
                Some(record) => self.view.insert(key.table, record.clone()),
                None => return false,
            }
        }
        self.pending.redo(&mut self.view, keys)
    }

    fn refused(&mut self, tx_id: &Id, status: u16, message: String) -> Vec<Effect> {
        if !matches!(status, 400 | 403 | 409) {
            // What comes after it on this connection is put off with it, and no failure of its own.
            if !std::mem::take(&mut self.live) {
                return Vec::new();
            }
            let no_room = status == NO_ROOM;
            self.put_off = Some(PutOff { message, no_room, gives_up: true });
            // Where there is no room, there is none for any other edit either.
            if status >= 500 && !no_room {
                self.pending.failed(tx_id);
            }
            return vec![Effect::StatusChanged, Effect::Reconnect];
        }
        if !self.pending.contains(tx_id) {
            return Vec::new();
        }
        let mut effects = self.drop_pending(tx_id, true);
        effects.push(Effect::Refused { tx_id: tx_id.clone(), status, message });
        effects
    }
}
