//! The client's replica of a project: what is committed, and one's own edits on top of it (CL1).
//!
//! A replica that *keeps* has a store beside it (the browser's): edits go there before they are sent (CL2), and one of the
//! tabs that have the project open sends for all (CL4). One that does not keep sends at once.

mod edits;
mod following;
mod sending;
mod unseen;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::roles::role_of;
use model::{Id, Key, Records, Role, Timestamp};
use operations::{Author, Commit, Operation, Scope, Transaction};

use crate::pending::PendingQueue;
use crate::steps::{Step, StepChange, Steps};
use crate::tabs::{Kept, Store, TabMessage};
use crate::wire::{ClientMessage, Person, PresenceOf, ServerMessage};

/// Settled transactions whose ids are remembered, in case another tab tells of them late.
const SETTLED_MAX: usize = 4_096;

/// What happens to a replica from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The socket is open.
    Connected,
    /// The socket is gone.
    Disconnected,
    /// A message came on this replica's channel.
    Message(ServerMessage),
    /// What the browser keeps: at the beginning, before this tab becomes the one that sends, and now and then. A tab that
    /// died may have kept, or seen settled, what it could not tell of any more. All of it: what is missing counts as settled,
    /// so this must not be said of a store that could not be read.
    Stored(Store),
    /// The browser has kept a transaction at this place of the queue; at none when it cannot, and only this tab has it.
    Kept {
        /// Which.
        tx_id: Id,
        /// Where.
        place: Option<u64>,
    },
    /// The browser may have room again for what it could not keep.
    Room,
    /// Whether this tab is the one that sends (CL4). Before it begins to be, it has to be told what the other tabs have said
    /// so far, and then what is kept.
    Leads(bool),
    /// The same where a browser has no locks: this tab sends, and so does every other. What one has kept another may have sent.
    SharesLead,
    /// Another tab says something.
    Tab(TabMessage),
    /// The user wants what was set aside to be tried again.
    Retry,
    /// The user gives up an edit that waits.
    Discard(Id),
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
    /// [`Replica::presences`] answers otherwise now.
    PresenceChanged,
    /// Keep this durably, at a new place or where it is already, then say [`Event::Kept`].
    Keep(Kept),
    /// This need not be kept any longer.
    Forget(Id),
    /// Tell the other tabs.
    Tell(TabMessage),
    /// Keep these changes of steps; [`Replica::next_undo`] and [`Replica::next_redo`] answer otherwise now.
    Steps(Vec<StepChange>),
    /// The log has come on by these: keep them with what is cached (CL5).
    Followed(Vec<Commit>),
    /// Everything is new: cache [`Replica::committed`] anew (CL5).
    Replaced,
    /// Parts of an undo or redo were left out (UN3).
    Skipped {
        /// The transaction that they were part of.
        tx_id: Id,
        /// Those parts.
        operations: Vec<Operation>,
        /// Why, for people; none when others have written there since, or have deleted it.
        reason: Option<String>,
    },
    /// An undo has hidden what others have worked on; redo brings it back (UN3).
    HidOthersWork {
        /// A transaction of it.
        tx_id: Id,
        /// What it has hidden.
        keys: Vec<Key>,
    },
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
    /// How many of those are set aside.
    pub parked: usize,
    /// Whether the server has no room for them, as it said last.
    pub no_room: bool,
    /// Why it does not take them yet, in its words, as it said last.
    pub put_off: Option<String>,
    /// Why the project cannot be opened.
    pub denied: Option<String>,
}

impl Status {
    /// Whether edits wait that are not set aside.
    #[must_use]
    pub fn has_to_send(&self) -> bool {
        self.pending > self.parked
    }
}

/// What the server said when it put off what it was asked last to save.
#[derive(Clone, Debug)]
struct PutOff {
    /// Why, for people.
    message: String,
    /// Whether it has no room.
    no_room: bool,
    /// Whether the connection is given up for it, to ask again over another.
    gives_up: bool,
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
    steps: Steps,
    /// The view without the youngest pending transaction, as long as nothing else has changed it since.
    under_youngest: Option<Records>,
    /// Whether edits are kept before they are sent.
    keeps: bool,
    /// Whether this one sends.
    leads: bool,
    /// Whether others do so, too.
    shares_lead: bool,
    connected: bool,
    live: bool,
    /// Since the server has put off what it was asked last to save.
    put_off: Option<PutOff>,
    denied: Option<String>,
    /// Whether somebody else is logged in on this connection.
    foreign: bool,
    people: Vec<Person>,
    present: Vec<Id>,
    presences: BTreeMap<u64, PresenceOf>,
    /// One's own transactions that are settled, the last ones.
    settled: VecDeque<Id>,
    /// Of those that wait here: where another tab has heard that they stand in the log.
    committed_elsewhere: BTreeMap<Id, u64>,
}

impl Replica {
    /// A replica that has nothing yet, sends at once, and keeps nothing.
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
            steps: Steps::default(),
            under_youngest: None,
            keeps: false,
            leads: true,
            shares_lead: false,
            connected: false,
            live: false,
            put_off: None,
            denied: None,
            foreign: false,
            people: Vec::new(),
            present: Vec::new(),
            presences: BTreeMap::new(),
            settled: VecDeque::new(),
            committed_elsewhere: BTreeMap::new(),
        }
    }

    /// A replica whose edits are kept before they are sent, and that does not send before [`Event::Leads`].
    #[must_use]
    pub fn keeping(user: Id, project: Id, channel: u32) -> Replica {
        Replica { keeps: true, leads: false, ..Replica::new(user, project, channel) }
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
        let put_off = self.put_off.as_ref().filter(|_| self.pending.len() > 0);
        Status {
            live: self.live,
            loaded: self.epoch.is_some(),
            pending: self.pending.len(),
            parked: self.pending.parked(),
            no_room: put_off.is_some_and(|put_off| put_off.no_room),
            put_off: put_off.map(|put_off| put_off.message.clone()),
            denied: self.denied.clone(),
        }
    }

    /// One's own transactions that the server has not confirmed, in order, each with the time at which it was made.
    pub fn pending(&self) -> impl Iterator<Item = (&Transaction, Timestamp)> {
        self.pending.iter()
    }

    /// Whether one of those is set aside, since the server has failed on it too often (CL3).
    #[must_use]
    pub fn is_parked(&self, tx_id: &Id) -> bool {
        self.pending.is_parked(tx_id)
    }

    /// How many of those let others go before them for now, since the server has failed on them (CL3).
    #[must_use]
    pub fn stepping_aside(&self) -> usize {
        self.pending.stepping_aside()
    }

    /// The step that undo would take back.
    #[must_use]
    pub fn next_undo(&self) -> Option<&Step> {
        self.steps.next_undo()
    }

    /// Whether redo would bring again what this transaction has taken back.
    #[must_use]
    pub fn would_redo(&self, tx_id: &Id) -> bool {
        self.next_redo().is_some_and(|step| step.parts.iter().any(|part| part.tx_id == *tx_id))
    }

    /// The step that redo would bring again.
    #[must_use]
    pub fn next_redo(&self) -> Option<&Step> {
        self.steps.next_redo()
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

    /// What others point at and do, one for each of their sessions.
    pub fn presences(&self) -> impl Iterator<Item = &PresenceOf> {
        self.presences.values()
    }

    /// Takes in what happened, and says what follows.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Connected => {
                self.connected = true;
                vec![self.open(self.epoch.clone()), Effect::StatusChanged]
            }
            Event::Disconnected => self.disconnected(),
            Event::Message(message) => self.message(message),
            Event::Stored(store) => self.stored(store),
            Event::Kept { tx_id, place } => self.kept(&tx_id, place),
            Event::Room => self.keep_again(),
            Event::Leads(leads) => self.leads(leads, false),
            Event::SharesLead => self.leads(true, true),
            Event::Tab(message) => self.tab(message),
            Event::Retry => {
                self.pending.unpark();
                let mut effects = self.send_ready();
                effects.push(Effect::StatusChanged);
                effects
            }
            Event::Discard(tx_id) => self.drop_pending(&tx_id, true),
        }
    }

    fn disconnected(&mut self) -> Vec<Effect> {
        self.connected = false;
        self.live = false;
        // A connection that is given up to ask again later brings no news. One that breaks, or cannot be made, does: now the server
        // cannot be reached, and nobody knows whether it would still put them off.
        if !self.put_off.as_mut().is_some_and(|put_off| std::mem::take(&mut put_off.gives_up)) {
            self.put_off = None;
        }
        if std::mem::take(&mut self.foreign) {
            self.denied = None;
        }
        self.present.clear();
        self.presences.clear();
        vec![Effect::StatusChanged, Effect::PeopleChanged, Effect::PresenceChanged]
    }

    /// Makes the view anew: committed, then what is pending. `keys` are those that may have changed beside the pending
    /// ones' own.
    fn rebase(&mut self, before: &Records, mut keys: BTreeSet<Key>) -> Vec<Effect> {
        self.under_youngest = None;
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
        // Where nothing was before, all that is here now has come: of a large project it need not be asked of each record.
        let changed: Vec<Key> = if before.is_empty() {
            self.view.iter().map(|(key, _)| key.clone()).collect()
        } else {
            keys.into_iter().filter(differs).collect()
        };
        let mut effects = vec![Effect::StatusChanged];
        if !changed.is_empty() {
            effects.push(Effect::Changed(changed));
        }
        effects
    }

    /// Steps that have changed meanwhile: to be stored, and told to other tabs.
    fn step_changes(&mut self) -> Vec<Effect> {
        let changes = self.steps.take_changes();
        if changes.is_empty() {
            return Vec::new();
        }
        let mut effects = vec![Effect::Steps(changes.clone())];
        if self.keeps {
            effects.push(Effect::Tell(TabMessage::Steps(changes)));
        }
        effects
    }

    fn note_settled(&mut self, tx_id: &Id) {
        if self.settled.len() >= SETTLED_MAX {
            self.settled.pop_front();
        }
        self.settled.push_back(tx_id.clone());
        self.committed_elsewhere.remove(tx_id);
    }
}
