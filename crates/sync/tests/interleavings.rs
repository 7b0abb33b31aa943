//! A replica against a room under any interleaving: also those that an orderly server never makes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, VecDeque};

use model::{Id, Key, Record, Records, Table, Timestamp, fields};
use operations::build::{create, delete, set};
use operations::{Author, Commit, Operation, Scope, Transaction, transact};
use proptest::prelude::*;
use sync::wire::ServerMessage;
use sync::{Effect, Event, Replica, Room};

const CHANNEL: u32 = 1;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn scope() -> Scope {
    Scope::Project(id("p"))
}

struct World {
    replica: Replica,
    room: Room,
    log: Vec<Commit>,
    states: Vec<Records>,
    queue: VecDeque<ServerMessage>,
    last: Option<ServerMessage>,
    shown: BTreeMap<Key, Record>,
    clock: i64,
}

impl World {
    fn new() -> World {
        let mut world = World {
            replica: Replica::new(id("ann"), id("p"), CHANNEL),
            room: Room::new(scope(), id("e"), 0, Records::new()),
            log: Vec::new(),
            states: vec![Records::new()],
            queue: VecDeque::new(),
            last: None,
            shown: BTreeMap::new(),
            clock: 0,
        };
        let member = fields([("projectId", "p".into()), ("userId", "ed".into()), ("role", "editor".into())]);
        let mut operations = vec![
            create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
            create(Table::ProjectMembers, &id("ed"), member),
        ];
        operations.extend(["a", "b", "c"].map(new_track));
        world.commit("ann", "founding", operations);
        world.queue.clear();
        world.reconnect(false);
        world
    }

    fn now(&mut self) -> Timestamp {
        self.clock += 1;
        Timestamp(self.clock * 1_000)
    }

    fn commit(&mut self, author: &str, tx_id: &str, operations: Vec<Operation>) {
        let transaction = Transaction {
            tx_id: id(tx_id),
            author_id: id(author),
            operations,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        self.submit(author, &transaction, false);
    }

    /// The room takes a transaction, if it does, and news of it go on their way.
    fn submit(&mut self, author: &str, transaction: &Transaction, own: bool) {
        let now = self.now();
        let Ok(submitted) = self.room.submit(&Author::User(id(author)), transaction, now) else { return };
        self.log.push(submitted.commit.clone());
        self.states.push(self.room.records().clone());
        let Commit { seq, tx_id, time, .. } = submitted.commit.clone();
        self.queue.push_back(if own && submitted.verbatim {
            ServerMessage::Acknowledged { channel: CHANNEL, tx_ids: vec![tx_id], seq, time }
        } else {
            ServerMessage::Commits { channel: CHANNEL, commits: vec![submitted.commit] }
        });
    }

    /// The server takes up any of the pending transactions, not only the oldest; a repeat is acknowledged.
    fn take_pending(&mut self, n: usize, refuse: bool) {
        let pending: Vec<Transaction> = self.replica.pending().map(|(transaction, _)| transaction.clone()).collect();
        if pending.is_empty() {
            return;
        }
        let transaction = &pending[n % pending.len()];
        let tx_id = transaction.tx_id.clone();
        let logged = self.log.iter().find(|commit| commit.tx_id == tx_id);
        if let Some(Commit { seq, time, .. }) = logged {
            let tx_ids = vec![tx_id];
            self.queue.push_back(ServerMessage::Acknowledged { channel: CHANNEL, tx_ids, seq: *seq, time: *time });
        } else if refuse {
            self.queue.push_back(ServerMessage::Refused {
                channel: CHANNEL,
                tx_id,
                status: 400,
                message: String::new(),
            });
        } else {
            self.submit("ann", transaction, true);
        }
    }

    fn reconnect(&mut self, resume: bool) {
        self.hear(Event::Disconnected);
        self.hear(Event::Connected);
        self.answer_open(resume);
    }

    fn answer_open(&mut self, resume: bool) {
        self.queue.clear();
        let seq = self.replica.seq();
        if resume {
            self.queue.push_back(ServerMessage::Resumed { channel: CHANNEL, epoch: id("e"), seq });
            let commits = self.log[usize::try_from(seq).unwrap()..].to_vec();
            self.queue.push_back(ServerMessage::Commits { channel: CHANNEL, commits });
        } else {
            let records = self.room.records().iter().map(|(key, record)| (key.table, record.clone())).collect();
            let (epoch, seq) = (id("e"), self.room.seq());
            self.queue.push_back(ServerMessage::Snapshot { channel: CHANNEL, epoch, seq, records });
        }
    }

    fn deliver(&mut self) {
        if let Some(message) = self.queue.pop_front() {
            self.last = Some(message.clone());
            self.hear(Event::Message(message));
        }
    }

    fn hear(&mut self, event: Event) {
        let effects = self.replica.handle(event);
        self.see(effects);
    }

    fn edit(&mut self, n: usize) {
        let (tx_id, now) = (id(&format!("own-{}", self.clock)), self.now());
        if let Ok(effects) = self.replica.dispatch(tx_id, vec![any_edit(n)], now) {
            self.see(effects);
        }
    }

    fn see(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Changed(keys) => {
                    for key in keys {
                        match self.replica.view().get(&key) {
                            Some(record) => drop(self.shown.insert(key, record.clone())),
                            None => drop(self.shown.remove(&key)),
                        }
                    }
                }
                // A gap: the server's next answer is a snapshot.
                Effect::Send(sync::wire::ClientMessage::Open { resume: None, .. }) => self.answer_open(false),
                _ => {}
            }
        }
    }

    fn check(&self) {
        let seq = usize::try_from(self.replica.seq()).unwrap();
        assert_eq!(self.replica.committed(), &self.states[seq], "a prefix of the log");
        let mut expected = self.replica.committed().clone();
        for (transaction, time) in self.replica.pending() {
            let _ = transact(&mut expected, &scope(), &Author::User(id("ann")), transaction, time);
        }
        assert_eq!(self.replica.view(), &expected, "committed and pending");
        let shown: Records = self.shown.iter().map(|(key, record)| (key.table, record.clone())).collect();
        assert_eq!(shown, expected, "what was told as changed");
    }
}

fn new_track(name: &str) -> Operation {
    let given = fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
    create(Table::Tracks, &id(name), given)
}

fn any_edit(n: usize) -> Operation {
    let track = id(["a", "b", "c", "new"][n % 4]);
    match n / 4 % 7 {
        0 | 1 => set(Table::Tracks, &track, "volume", (n % 9) as f64 / 8.0),
        2 | 3 => set(Table::Tracks, &track, "orderIndex", (n % 4) as f64),
        4 => new_track("new"),
        5 => delete(Table::Tracks, &track),
        _ => set(Table::Projects, &id("p"), "bpm", 100.0 + n as f64),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_200))]
    #[test]
    fn cl1_ps3_wr6_any_interleaving_keeps_view_and_log_together(
        steps in prop::collection::vec((0u8..14, 0usize..64), 1..60)
    ) {
        let mut world = World::new();
        for (kind, n) in steps {
            match kind {
                0..4 => world.edit(n),
                4 | 5 => { let tx_id = format!("room-{}", world.clock); world.commit("ed", &tx_id, vec![any_edit(n)]); }
                6 | 7 => world.take_pending(n % 3, false),
                8 => world.take_pending(n, true),
                9 => world.reconnect(n % 2 == 0),
                10 => if let Some(again) = world.last.clone() { world.hear(Event::Message(again)); },
                _ => world.deliver(),
            }
            world.check();
        }
        world.reconnect(true);
        while !world.queue.is_empty() { world.deliver(); world.check(); }
        prop_assert_eq!(world.replica.seq(), world.room.seq());
        prop_assert_eq!(world.replica.committed(), world.room.records());
    }
}
