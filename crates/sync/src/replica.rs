//! The client's replica of a project: what is committed, and one's own edits on top of it (CL1).

use std::collections::BTreeSet;

use model::roles::role_of;
use model::{Id, Key, Records, Role, Timestamp};
use operations::{Author, Commit, Operation, Refusal, Scope, Transaction, apply_committed};

use crate::pending::{PendingQueue, Settled};
use crate::wire::{ClientMessage, Person, Resume, ServerMessage};

/// What happens to a replica from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The socket is open.
    Connected,
    /// The socket is gone.
    Disconnected,
    /// A message came on this replica's channel.
    Message(ServerMessage),
}

/// What a replica wants done, or has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send this.
    Send(ClientMessage),
    /// These records look different now, or came or went.
    Changed(Vec<Key>),
    /// One's own transaction was refused and has been taken back.
    Refused {
        /// Which.
        tx_id: Id,
        /// As an HTTP status.
        status: u16,
        /// Why, for people.
        message: String,
    },
    /// Close the socket and connect again after a while: the server cannot take transactions at the moment.
    Reconnect,
    /// [`Replica::status`] answers otherwise now.
    StatusChanged,
    /// [`Replica::people`] or [`Replica::connected_users`] answers otherwise now.
    PeopleChanged,
}

/// How it stands between the replica and the server.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether commits are coming in.
    pub live: bool,
    /// Whether the project has been here at all.
    pub loaded: bool,
    /// How many of one's own transactions the server has not confirmed.
    pub pending: usize,
    /// Why the project cannot be opened.
    pub denied: Option<String>,
}

/// A project as one client sees it.
#[derive(Clone, Debug)]
pub struct Replica {
    scope: Scope,
    project: Id,
    author: Author,
    channel: u32,
    epoch: Option<Id>,
    seq: u64,
    committed: Records,
    view: Records,
    pending: PendingQueue,
    connected: bool,
    live: bool,
    denied: Option<String>,
    /// Whether somebody else is logged in on this connection.
    foreign: bool,
    people: Vec<Person>,
    present: Vec<Id>,
}

impl Replica {
    /// A replica that has nothing yet.
    #[must_use]
    pub fn new(user: Id, project: Id, channel: u32) -> Replica {
        Replica {
            scope: Scope::Project(project.clone()),
            project,
            author: Author::User(user),
            channel,
            epoch: None,
            seq: 0,
            committed: Records::new(),
            view: Records::new(),
            pending: PendingQueue::default(),
            connected: false,
            live: false,
            denied: None,
            foreign: false,
            people: Vec::new(),
            present: Vec::new(),
        }
    }

    /// What the screen shows: committed state and one's own pending transactions, replayed in order (CL1).
    #[must_use]
    pub fn view(&self) -> &Records {
        &self.view
    }

    /// What the server has confirmed.
    #[must_use]
    pub fn committed(&self) -> &Records {
        &self.committed
    }

    /// The last commit that is here.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Of which log; none before the project has been here.
    #[must_use]
    pub fn epoch(&self) -> Option<&Id> {
        self.epoch.as_ref()
    }

    /// How it stands between the replica and the server.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            live: self.live,
            loaded: self.epoch.is_some(),
            pending: self.pending.len(),
            denied: self.denied.clone(),
        }
    }

    /// One's own transactions that the server has not confirmed, in order, each with the time at which it was made.
    pub fn pending(&self) -> impl Iterator<Item = (&Transaction, Timestamp)> {
        self.pending.iter()
    }

    /// What this user may do.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        role_of(&self.view, &self.author.id())
    }

    /// Who can open the project.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Who has it open now.
    #[must_use]
    pub fn connected_users(&self) -> &[Id] {
        &self.present
    }

    /// Applies one's own edit at once, and sends it when it can.
    ///
    /// # Errors
    /// What the server would refuse, or would not even read, is refused here, and nothing changes.
    pub fn dispatch(&mut self, tx_id: Id, operations: Vec<Operation>, now: Timestamp) -> Result<Vec<Effect>, Refusal> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        let transaction = Transaction {
            tx_id,
            author_id: self.author.id(),
            operations,
            client_timestamp: now.0 as f64,
            base_versions: std::collections::BTreeMap::new(),
            gesture: None,
        };
        let sent = self.live.then(|| self.submit(vec![transaction.clone()]));
        let changed = self.pending.push(transaction, &mut self.view, (&self.scope, &self.author), now)?;
        let mut effects = vec![Effect::Changed(changed), Effect::StatusChanged];
        effects.extend(sent);
        Ok(effects)
    }

    /// Takes in what happened, and says what follows.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Connected => {
                self.connected = true;
                vec![self.open(self.epoch.clone()), Effect::StatusChanged]
            }
            Event::Disconnected => {
                self.connected = false;
                self.live = false;
                if std::mem::take(&mut self.foreign) {
                    self.denied = None;
                }
                self.present.clear();
                vec![Effect::StatusChanged, Effect::PeopleChanged]
            }
            Event::Message(message) => self.message(message),
        }
    }

    fn open(&self, epoch: Option<Id>) -> Effect {
        let resume = epoch.map(|epoch| Resume { epoch, seq: self.seq });
        Effect::Send(ClientMessage::Open { channel: self.channel, project: self.project.clone(), resume })
    }

    fn message(&mut self, message: ServerMessage) -> Vec<Effect> {
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
            ServerMessage::Acknowledged { tx_id, seq, time, .. } => self.acknowledged(&tx_id, seq, time),
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
            ServerMessage::Presences { .. } | ServerMessage::Pong { .. } | ServerMessage::Error { .. } => Vec::new(),
        }
    }

    fn denied(&mut self, status: u16, message: String) -> Vec<Effect> {
        self.live = false;
        if status >= 500 {
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
        let mut keys: BTreeSet<Key> = before.iter().map(|(key, _)| key.clone()).collect();
        keys.extend(records.iter().map(|(key, _)| key.clone()));
        (self.epoch, self.seq, self.committed) = (Some(epoch), seq, records);
        let mut effects = self.rebase(&before, keys);
        effects.extend(self.now_live());
        effects
    }

    /// Commits are coming in from here on: send what is waiting.
    fn now_live(&mut self) -> Vec<Effect> {
        self.live = true;
        self.denied = None;
        let mut effects: Vec<Effect> = self.pending.batches().into_iter().map(|batch| self.submit(batch)).collect();
        effects.push(Effect::StatusChanged);
        effects
    }

    fn submit(&self, transactions: Vec<Transaction>) -> Effect {
        Effect::Send(ClientMessage::Submit { channel: self.channel, transactions })
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
        let mut keys = BTreeSet::new();
        let mut foreseen = true;
        for commit in commits {
            let mut touched = BTreeSet::new();
            let is_next = commit.seq > self.seq;
            if is_next && self.follow(commit, &mut touched).is_err() {
                let mut effects = self.rebase(&before, keys);
                effects.extend([self.reload(), Effect::StatusChanged]);
                return effects;
            }
            let own = (commit.author == self.author.id()).then(|| self.pending.settle(&commit.tx_id, &mut touched));
            foreseen &= match own.flatten() {
                Some(settled) => is_next && settled.was_foreseen(&commit.operations, commit.time),
                None => self.pending.is_independent_of(&touched),
            };
            keys.append(&mut touched);
        }
        self.update(&before, keys, foreseen)
    }

    /// Applies the next commit; an error means that this replica is no longer a prefix of the log.
    fn follow(&mut self, commit: &Commit, keys: &mut BTreeSet<Key>) -> Result<(), Refusal> {
        if commit.seq != self.seq + 1 {
            return Err(Refusal::invalid("a gap in the log"));
        }
        keys.extend(apply_committed(&mut self.committed, &commit.tx_id, &commit.operations, commit.time)?);
        self.seq = commit.seq;
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
        // A repeat is acknowledged with its old place, which this replica has passed already.
        if seq <= self.seq {
            return self.rebase(&before, keys);
        }
        let foreseen = settled.was_foreseen(&settled.transaction.operations, time);
        let Settled { transaction: Transaction { operations, gesture, .. }, .. } = settled;
        let commit = Commit { seq, tx_id: tx_id.clone(), author: self.author.id(), time, gesture, operations };
        if self.follow(&commit, &mut keys).is_err() {
            let mut effects = self.rebase(&before, keys);
            effects.extend([self.reload(), Effect::StatusChanged]);
            return effects;
        }
        self.update(&before, keys, foreseen)
    }

    /// Brings the view up to date after commits that changed the records of `keys`. When they were foreseen, the pending
    /// transactions do what they did before, and it is enough to do again what they did to those records: to confirm a
    /// thousand edits takes a thousand steps, not half a million.
    fn update(&mut self, before: &Records, keys: BTreeSet<Key>, foreseen: bool) -> Vec<Effect> {
        if foreseen && self.patch(&keys) { self.changes(before, keys) } else { self.rebase(before, keys) }
    }

    fn patch(&mut self, keys: &BTreeSet<Key>) -> bool {
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
            self.live = false;
            return vec![Effect::StatusChanged, Effect::Reconnect];
        }
        let before = self.view.clone();
        let mut keys = BTreeSet::new();
        if self.pending.settle(tx_id, &mut keys).is_none() {
            return Vec::new();
        }
        let mut effects = self.rebase(&before, keys);
        effects.push(Effect::Refused { tx_id: tx_id.clone(), status, message });
        effects
    }

    /// Makes the view anew: committed, then what is pending. `keys` are those that may have changed beside the pending
    /// ones' own.
    fn rebase(&mut self, before: &Records, mut keys: BTreeSet<Key>) -> Vec<Effect> {
        self.view = self.committed.clone();
        self.pending.replay(&mut self.view, (&self.scope, &self.author), &mut keys);
        self.changes(before, keys)
    }

    /// What to tell about `keys`, of which some look different than `before`.
    fn changes(&self, before: &Records, keys: BTreeSet<Key>) -> Vec<Effect> {
        let differs = |key: &Key| match (before.get(key), self.view.get(key)) {
            (Some(old), Some(new)) => !old.is_same(new) && old != new,
            (None, None) => false,
            _ => true,
        };
        let changed: Vec<Key> = keys.into_iter().filter(differs).collect();
        let mut effects = vec![Effect::StatusChanged];
        if !changed.is_empty() {
            effects.push(Effect::Changed(changed));
        }
        effects
    }
}
