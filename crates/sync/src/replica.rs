//! The client's replica of a project: what is committed, and one's own edits on top of it (CL1).

use std::collections::{BTreeSet, VecDeque};

use model::roles::role_of;
use model::{Id, Key, Records, Role, Timestamp};
use operations::{Author, Commit, Operation, Refusal, Scope, Transaction, apply_committed, transact};

use crate::wire::{ClientMessage, Person, Resume, SUBMIT_TRANSACTIONS_MAX, ServerMessage};

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

/// One's own transaction that the server has not confirmed.
#[derive(Clone, Debug)]
struct Pending {
    transaction: Transaction,
    /// The time that `set-now` shows until the commit's is known.
    time: Timestamp,
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
    pending: VecDeque<Pending>,
    connected: bool,
    live: bool,
    denied: Option<String>,
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
            pending: VecDeque::new(),
            connected: false,
            live: false,
            denied: None,
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
    /// What the server would refuse is refused here, and nothing changes.
    pub fn dispatch(&mut self, tx_id: Id, operations: Vec<Operation>, now: Timestamp) -> Result<Vec<Effect>, Refusal> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        let transaction = Transaction {
            tx_id,
            author_id: self.author.id(),
            operations,
            client_timestamp: now.0 as f64,
            base_versions: std::collections::BTreeMap::new(),
        };
        let accepted = transact(&mut self.view, &self.scope, &self.author, &transaction, now)?;
        let mut effects = vec![Effect::Changed(accepted.changed), Effect::StatusChanged];
        if self.live {
            effects.push(Effect::Send(ClientMessage::Submit {
                channel: self.channel,
                transactions: vec![transaction.clone()],
            }));
        }
        self.pending.push_back(Pending { transaction, time: now });
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
            ServerMessage::Denied { message, .. } => {
                self.denied = Some(message);
                self.live = false;
                vec![Effect::StatusChanged]
            }
            ServerMessage::People { people, .. } => {
                self.people = people;
                vec![Effect::PeopleChanged]
            }
            ServerMessage::Present { connected, .. } => {
                self.present = connected;
                vec![Effect::PeopleChanged]
            }
            ServerMessage::Hello { .. } | ServerMessage::Pong { .. } | ServerMessage::Error { .. } => Vec::new(),
        }
    }

    fn snapshot(&mut self, epoch: Id, seq: u64, records: Records) -> Vec<Effect> {
        // Within an epoch records never go back (CL1): a snapshot older than what is here is a late answer.
        if self.epoch.as_ref() == Some(&epoch) && seq < self.seq {
            return Vec::new();
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
        let waiting: Vec<Transaction> = self.pending.iter().map(|pending| pending.transaction.clone()).collect();
        let batches = waiting
            .chunks(SUBMIT_TRANSACTIONS_MAX)
            .map(|batch| Effect::Send(ClientMessage::Submit { channel: self.channel, transactions: batch.to_vec() }));
        batches.chain([Effect::StatusChanged]).collect()
    }

    /// Something is missing or does not fit: ask for everything.
    fn reload(&mut self) -> Effect {
        self.live = false;
        self.open(None)
    }

    fn commits(&mut self, commits: &[Commit]) -> Vec<Effect> {
        let before = self.view.clone();
        let mut keys = BTreeSet::new();
        for commit in commits {
            if commit.seq <= self.seq {
                continue;
            }
            if self.follow(commit, &mut keys).is_err() {
                let mut effects = self.rebase(&before, keys);
                effects.push(self.reload());
                return effects;
            }
            if commit.author == self.author.id() {
                self.settle(&commit.tx_id, &mut keys);
            }
        }
        self.rebase(&before, keys)
    }

    /// Applies the next commit; an error means that this replica is no longer a prefix of the log.
    fn follow(&mut self, commit: &Commit, keys: &mut BTreeSet<Key>) -> Result<(), Refusal> {
        if commit.seq != self.seq + 1 {
            return Err(Refusal::invalid("a gap in the log"));
        }
        keys.extend(apply_committed(&mut self.committed, &commit.operations, commit.time)?);
        self.seq = commit.seq;
        Ok(())
    }

    /// Takes a transaction out of the pending ones.
    fn settle(&mut self, tx_id: &Id, keys: &mut BTreeSet<Key>) -> Option<Transaction> {
        let index = self.pending.iter().position(|pending| pending.transaction.tx_id == *tx_id)?;
        let transaction = self.pending.remove(index)?.transaction;
        keys.extend(transaction.operations.iter().map(|operation| operation.target.clone()));
        Some(transaction)
    }

    fn acknowledged(&mut self, tx_id: &Id, seq: u64, time: Timestamp) -> Vec<Effect> {
        let before = self.view.clone();
        let mut keys = BTreeSet::new();
        let Some(transaction) = self.settle(tx_id, &mut keys) else { return Vec::new() };
        let mut effects = Vec::new();
        // A repeat is acknowledged with its old place, which this replica has passed already.
        if seq > self.seq {
            let author = self.author.id();
            let commit = Commit { seq, tx_id: tx_id.clone(), author, time, operations: transaction.operations };
            if self.follow(&commit, &mut keys).is_err() {
                effects.push(self.reload());
            }
        }
        effects.extend(self.rebase(&before, keys));
        effects
    }

    fn refused(&mut self, tx_id: &Id, status: u16, message: String) -> Vec<Effect> {
        if !matches!(status, 400 | 403 | 409) {
            self.live = false;
            return vec![Effect::StatusChanged, Effect::Reconnect];
        }
        let before = self.view.clone();
        let mut keys = BTreeSet::new();
        if self.settle(tx_id, &mut keys).is_none() {
            return Vec::new();
        }
        let mut effects = self.rebase(&before, keys);
        effects.push(Effect::Refused { tx_id: tx_id.clone(), status, message });
        effects
    }

    /// Makes the view anew: committed, then what is pending. `keys` are those that may have changed beside the pending
    /// ones' own. What no longer applies is left out of the view, and stays pending until the server has judged it.
    fn rebase(&mut self, before: &Records, mut keys: BTreeSet<Key>) -> Vec<Effect> {
        let mut view = self.committed.clone();
        for Pending { transaction, time } in &self.pending {
            keys.extend(transaction.operations.iter().map(|operation| operation.target.clone()));
            if let Ok(accepted) = transact(&mut view, &self.scope, &self.author, transaction, *time) {
                keys.extend(accepted.changed);
            }
        }
        self.view = view;
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
