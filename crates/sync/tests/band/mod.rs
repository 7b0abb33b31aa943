//! A band in a room, and the tabs of one of its members: what tests of undo and of the queue share.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    missing_docs,
    reason = "shared by test binaries that each use a part"
)]

use model::{Id, Records, Table, Timestamp, fields};
use operations::build::{create, set};
use operations::{Author, Operation, Scope, Transaction};
use sync::wire::{ClientMessage, ServerMessage};
use sync::{Edit, Effect, Event, Kept, Replica, Room, Submitted, TabMessage};

pub const CHANNEL: u32 = 1;

pub fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp(1_000_000 + ms)
}

pub fn volume(value: f64) -> Vec<Operation> {
    vec![set(Table::Tracks, &id("t"), "volume", value)]
}

pub fn named(label: &str) -> Edit {
    Edit { label: label.to_owned(), gesture: None }
}

pub fn new_track(track: &str, name: &str) -> Operation {
    let given = fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
    create(Table::Tracks, &id(track), given)
}

/// A clip `k`.
pub fn new_clip(track: &str) -> Operation {
    let given = fields([
        ("trackId", track.into()),
        ("name", "Riff".into()),
        ("startBeat", 0.0.into()),
        ("durationBeats", 4.0.into()),
    ]);
    create(Table::Clips, &id("k"), given)
}

/// The server refuses a transaction.
pub fn refused(tx_id: &Id, status: u16) -> Event {
    let (channel, message) = (CHANNEL, "no".to_owned());
    Event::Message(ServerMessage::Refused { channel, tx_id: tx_id.clone(), status, message })
}

/// A room with owner `ann`, editor `bob` and a track `t`, and tabs of ann's.
pub struct Band {
    pub room: Room,
    pub tabs: Vec<Tab>,
    pub ids: u32,
}

pub struct Tab {
    pub replica: Replica,
    pub keep: Vec<Kept>,
    pub forgotten: Vec<Id>,
    pub told: Vec<TabMessage>,
    pub sent: Vec<Transaction>,
    pub skipped: usize,
    pub hidden: usize,
    pub refused: usize,
}

impl Band {
    pub fn new(tabs: usize, keeping: bool) -> Band {
        let room = Room::new(Scope::Project(id("p")), id("e1"), 0, Records::new());
        let mut band = Band { room, tabs: Vec::new(), ids: 0 };
        let member = fields([("projectId", "p".into()), ("userId", "bob".into()), ("role", "editor".into())]);
        band.foreign(
            "ann",
            vec![
                create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
                create(Table::ProjectMembers, &id("m"), member),
                new_track("t", "Bass"),
            ],
        );
        for _ in 0..tabs {
            let make = if keeping { Replica::keeping } else { Replica::new };
            let replica = make(id("ann"), id("p"), CHANNEL);
            band.tabs.push(Tab {
                replica,
                keep: Vec::new(),
                forgotten: Vec::new(),
                told: Vec::new(),
                sent: Vec::new(),
                skipped: 0,
                hidden: 0,
                refused: 0,
            });
        }
        band
    }

    /// A band whose tabs are all connected.
    pub fn connected(tabs: usize, keeping: bool) -> Band {
        let mut band = Band::new(tabs, keeping);
        (0..tabs).for_each(|tab| band.connect(tab));
        band
    }

    /// A band whose tabs keep their edits and are all connected; the first one sends.
    pub fn sending(tabs: usize) -> Band {
        let mut band = Band::new(tabs, true);
        band.happen(0, Event::Leads(true));
        (0..tabs).for_each(|tab| band.connect(tab));
        band
    }

    pub fn snapshot(&self) -> ServerMessage {
        let records = self.room.records().iter().map(|(key, record)| (key.table, record.clone())).collect();
        ServerMessage::Snapshot { channel: CHANNEL, epoch: self.room.epoch().clone(), seq: self.room.seq(), records }
    }

    pub fn connect(&mut self, tab: usize) {
        self.happen(tab, Event::Connected);
        let snapshot = self.snapshot();
        self.happen(tab, Event::Message(snapshot));
    }

    pub fn happen(&mut self, tab: usize, event: Event) {
        let effects = self.tabs[tab].replica.handle(event);
        self.perform(tab, effects);
    }

    pub fn perform(&mut self, tab: usize, effects: Vec<Effect>) {
        let tab = &mut self.tabs[tab];
        for effect in effects {
            match effect {
                Effect::Keep(kept) => tab.keep.push(kept),
                Effect::Forget(tx_id) => tab.forgotten.push(tx_id),
                Effect::Tell(message) => tab.told.push(message),
                Effect::Send(ClientMessage::Submit { transactions, .. }) => tab.sent.extend(transactions),
                Effect::Skipped { operations, .. } => tab.skipped += operations.len(),
                Effect::HidOthersWork { keys, .. } => tab.hidden += keys.len(),
                Effect::Refused { .. } => tab.refused += 1,
                _ => {}
            }
        }
    }

    /// The tab's store has an edit in this place, or has no room for it.
    pub fn kept(&mut self, tab: usize, tx_id: &Id, place: Option<u64>) {
        self.happen(tab, Event::Kept { tx_id: tx_id.clone(), place });
    }

    pub fn new_id(&mut self) -> Id {
        self.ids += 1;
        id(&format!("tx{}", self.ids))
    }

    pub fn edit(&mut self, tab: usize, edit: &Edit, operations: Vec<Operation>, now: Timestamp) -> Id {
        let tx_id = self.new_id();
        let effects = self.tabs[tab].replica.edit(tx_id.clone(), edit, operations, now).unwrap();
        self.perform(tab, effects);
        tx_id
    }

    pub fn undo(&mut self, tab: usize) {
        let mut ids = self.ids;
        let mut new_id = || {
            ids += 1;
            id(&format!("tx{ids}"))
        };
        let effects = self.tabs[tab].replica.undo(at(90_000), &mut new_id).unwrap();
        self.ids = ids;
        self.perform(tab, effects);
    }

    pub fn redo(&mut self, tab: usize) {
        let mut ids = self.ids;
        let mut new_id = || {
            ids += 1;
            id(&format!("tx{ids}"))
        };
        let effects = self.tabs[tab].replica.redo(at(90_000), &mut new_id).unwrap();
        self.ids = ids;
        self.perform(tab, effects);
    }

    /// One tab hears what another has said.
    pub fn tell(&mut self, from: usize, to: usize) {
        for message in std::mem::take(&mut self.tabs[from].told) {
            self.happen(to, Event::Tab(message));
        }
    }

    /// Somebody's edit in the room, of which nobody hears yet.
    pub fn commit(&mut self, author: &str, operations: Vec<Operation>) -> Submitted {
        let transaction = Transaction {
            tx_id: self.new_id(),
            author_id: id(author),
            operations,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        self.room.submit(&Author::User(id(author)), &transaction, at(0)).unwrap()
    }

    /// Somebody's edit in the room; every tab that is connected hears of it.
    pub fn foreign(&mut self, author: &str, operations: Vec<Operation>) {
        let submitted = self.commit(author, operations);
        for tab in 0..self.tabs.len() {
            self.hear(tab, &submitted);
        }
    }

    pub fn hear(&mut self, tab: usize, submitted: &Submitted) {
        let commits = vec![submitted.commit.clone()];
        self.happen(tab, Event::Message(ServerMessage::Commits { channel: CHANNEL, commits }));
    }

    /// The room takes what a tab has sent, and every tab hears of it.
    pub fn serve(&mut self, tab: usize) {
        for transaction in std::mem::take(&mut self.tabs[tab].sent) {
            match self.room.submit(&Author::User(id("ann")), &transaction, at(50_000)) {
                Ok(submitted) => (0..self.tabs.len()).for_each(|tab| self.hear(tab, &submitted)),
                Err(refusal) => {
                    self.happen(tab, refused(&transaction.tx_id, refusal.status));
                }
            }
        }
    }

    pub fn shown(&self, tab: usize) -> f64 {
        self.tabs[tab].replica.view().find(Table::Tracks, &id("t")).unwrap().number("volume").unwrap()
    }

    pub fn settled(&self, tab: usize) {
        let replica = &self.tabs[tab].replica;
        assert_eq!(replica.status().pending, 0);
        assert_eq!(replica.view(), self.room.records());
        assert_eq!(replica.committed(), self.room.records());
    }
}

pub fn label(step: Option<&sync::Step>) -> Option<&str> {
    step.map(|step| step.label.as_str())
}
