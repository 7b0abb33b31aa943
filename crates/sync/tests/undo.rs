//! Undo and redo at the replica (UN1-UN3, UN5, CL8), and a queue that a browser keeps for its tabs (CL2-CL4).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::{Id, Records, Table, Timestamp, fields};
use operations::build::{create, delete, set};
use operations::{Author, Operation, Scope, Transaction};
use sync::wire::{ClientMessage, ServerMessage};
use sync::{Edit, Effect, Event, Kept, Replica, Room, Store, Submitted, TabMessage};

const CHANNEL: u32 = 1;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp(1_000_000 + ms)
}

fn volume(value: f64) -> Vec<Operation> {
    vec![set(Table::Tracks, &id("t"), "volume", value)]
}

fn named(label: &str) -> Edit {
    Edit { label: label.to_owned(), gesture: None }
}

/// A room with owner `ann`, editor `bob` and a track `t`, and tabs of ann's.
struct Band {
    room: Room,
    tabs: Vec<Tab>,
    ids: u32,
}

struct Tab {
    replica: Replica,
    keep: Vec<Kept>,
    forgotten: Vec<Id>,
    told: Vec<TabMessage>,
    sent: Vec<Transaction>,
    skipped: usize,
    hidden: usize,
    refused: usize,
}

impl Band {
    fn new(tabs: usize, keeping: bool) -> Band {
        let room = Room::new(Scope::Project(id("p")), id("e1"), 0, Records::new());
        let mut band = Band { room, tabs: Vec::new(), ids: 0 };
        let member = fields([("projectId", "p".into()), ("userId", "bob".into()), ("role", "editor".into())]);
        let track = fields([("projectId", "p".into()), ("name", "Bass".into()), ("type", "audio".into())]);
        band.foreign(
            "ann",
            vec![
                create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
                create(Table::ProjectMembers, &id("m"), member),
                create(Table::Tracks, &id("t"), track),
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

    fn snapshot(&self) -> ServerMessage {
        let records = self.room.records().iter().map(|(key, record)| (key.table, record.clone())).collect();
        ServerMessage::Snapshot { channel: CHANNEL, epoch: self.room.epoch().clone(), seq: self.room.seq(), records }
    }

    fn connect(&mut self, tab: usize) {
        self.happen(tab, Event::Connected);
        let snapshot = self.snapshot();
        self.happen(tab, Event::Message(snapshot));
    }

    fn happen(&mut self, tab: usize, event: Event) {
        let effects = self.tabs[tab].replica.handle(event);
        self.perform(tab, effects);
    }

    fn perform(&mut self, tab: usize, effects: Vec<Effect>) {
        let tab = &mut self.tabs[tab];
        for effect in effects {
            match effect {
                Effect::Keep(kept) => tab.keep.push(kept),
                Effect::Forget(tx_id) => tab.forgotten.push(tx_id),
                Effect::Tell(message) => tab.told.push(message),
                Effect::Send(ClientMessage::Submit { transactions, .. }) => tab.sent.extend(transactions),
                Effect::Skipped { operations, .. } => tab.skipped += operations.len(),
                Effect::HidOthersWork(keys) => tab.hidden += keys.len(),
                Effect::Refused { .. } => tab.refused += 1,
                _ => {}
            }
        }
    }

    fn new_id(&mut self) -> Id {
        self.ids += 1;
        id(&format!("tx{}", self.ids))
    }

    fn edit(&mut self, tab: usize, edit: &Edit, operations: Vec<Operation>, now: Timestamp) -> Id {
        let tx_id = self.new_id();
        let effects = self.tabs[tab].replica.edit(tx_id.clone(), edit, operations, now).unwrap();
        self.perform(tab, effects);
        tx_id
    }

    fn undo(&mut self, tab: usize) {
        let mut ids = self.ids;
        let mut new_id = || {
            ids += 1;
            id(&format!("tx{ids}"))
        };
        let effects = self.tabs[tab].replica.undo(at(90_000), &mut new_id).unwrap();
        self.ids = ids;
        self.perform(tab, effects);
    }

    fn redo(&mut self, tab: usize) {
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
    fn tell(&mut self, from: usize, to: usize) {
        for message in std::mem::take(&mut self.tabs[from].told) {
            self.happen(to, Event::Tab(message));
        }
    }

    /// Somebody's edit in the room; every tab that is connected hears of it.
    fn foreign(&mut self, author: &str, operations: Vec<Operation>) {
        let transaction = Transaction {
            tx_id: self.new_id(),
            author_id: id(author),
            operations,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        let submitted = self.room.submit(&Author::User(id(author)), &transaction, at(0)).unwrap();
        for tab in 0..self.tabs.len() {
            self.hear(tab, &submitted);
        }
    }

    fn hear(&mut self, tab: usize, submitted: &Submitted) {
        let commits = vec![submitted.commit.clone()];
        self.happen(tab, Event::Message(ServerMessage::Commits { channel: CHANNEL, commits }));
    }

    /// The room takes what a tab has sent, and every tab hears of it.
    fn serve(&mut self, tab: usize) {
        for transaction in std::mem::take(&mut self.tabs[tab].sent) {
            match self.room.submit(&Author::User(id("ann")), &transaction, at(50_000)) {
                Ok(submitted) => (0..self.tabs.len()).for_each(|tab| self.hear(tab, &submitted)),
                Err(refusal) => {
                    let (tx_id, status, message) = (transaction.tx_id, refusal.status, refusal.message);
                    let refused = ServerMessage::Refused { channel: CHANNEL, tx_id, status, message };
                    self.happen(tab, Event::Message(refused));
                }
            }
        }
    }

    fn shown(&self, tab: usize) -> f64 {
        self.tabs[tab].replica.view().find(Table::Tracks, &id("t")).unwrap().number("volume").unwrap()
    }

    fn settled(&self, tab: usize) {
        let replica = &self.tabs[tab].replica;
        assert_eq!(replica.status().pending, 0);
        assert_eq!(replica.view(), self.room.records());
        assert_eq!(replica.committed(), self.room.records());
    }
}

fn label(step: Option<&sync::Step>) -> Option<&str> {
    step.map(|step| step.label.as_str())
}

#[test]
fn un1_undo_and_redo_go_step_by_step_and_are_ordinary_transactions() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(10));
    band.serve(0);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Rename"));
    band.undo(0);
    band.undo(0);
    assert_eq!((band.shown(0), label(band.tabs[0].replica.next_undo())), (1.0, None));
    assert_eq!(label(band.tabs[0].replica.next_redo()), Some("Louder"));
    band.serve(0);
    band.redo(0);
    band.redo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 0.5);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Rename"));
    band.settled(0);
}

#[test]
fn un1_a_new_edit_ends_what_could_be_brought_again() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    band.edit(0, &named("Softer"), volume(0.2), at(5_000));
    assert_eq!(label(band.tabs[0].replica.next_redo()), None);
}

#[test]
fn un2_a_gesture_is_one_step_and_so_are_edits_of_one_field_within_a_second() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Fader"), volume(0.5), at(0));
    band.edit(0, &named("Fader"), volume(0.6), at(900));
    band.edit(0, &named("Fader"), volume(0.7), at(1_800));
    band.edit(0, &named("Fader"), volume(0.8), at(3_000));
    let gesture = Edit { label: "Spread".to_owned(), gesture: Some(id("g")) };
    band.edit(0, &gesture, vec![set(Table::Tracks, &id("t"), "pan", 0.5)], at(9_000));
    band.edit(0, &gesture, vec![set(Table::Tracks, &id("t"), "name", "Wide")], at(19_000));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    let track = band.room.records().find(Table::Tracks, &id("t")).unwrap().clone();
    assert_eq!((track.number("pan"), track.text("name")), (Some(0.0), Some("Bass")));
    band.undo(0);
    assert_eq!(band.shown(0), 0.7);
    band.undo(0);
    assert_eq!(band.shown(0), 1.0);
    band.serve(0);
    band.settled(0);
}

#[test]
fn un3_undo_respects_what_came_before_the_edit_was_committed_and_after() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    // Bob was first: the edit lands on his value, and its undo leads back to it.
    band.foreign("bob", volume(0.3));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 0.3);
    band.redo(0);
    band.serve(0);
    // Now bob is last: there is nothing to take back.
    band.foreign("bob", volume(0.9));
    band.undo(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (0.9, 1));
    assert_eq!(label(band.tabs[0].replica.next_undo()), None);
    band.settled(0);
}

#[test]
fn un3_an_undo_that_races_with_another_loses_and_says_so() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let edit = [volume(0.5), vec![set(Table::Tracks, &id("t"), "pan", 0.5)]].concat();
    band.edit(0, &named("Both"), edit, at(0));
    band.serve(0);
    band.undo(0);
    assert_eq!(band.shown(0), 1.0);
    band.foreign("bob", volume(0.9));
    assert_eq!(band.shown(0), 0.9, "the undo that waits gives way at once");
    band.serve(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (0.9, 1));
    band.settled(0);
}

#[test]
fn un3_undoing_a_creation_that_others_have_built_on_says_so_and_redo_brings_it_back() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let track = fields([("projectId", "p".into()), ("name", "New".into()), ("type", "audio".into())]);
    band.edit(0, &named("Add track"), vec![create(Table::Tracks, &id("n"), track)], at(0));
    band.serve(0);
    band.foreign("bob", vec![set(Table::Tracks, &id("n"), "volume", 0.4)]);
    band.undo(0);
    assert_eq!(band.tabs[0].hidden, 1);
    band.serve(0);
    assert!(band.room.records().find(Table::Tracks, &id("n")).unwrap().is_deleted());
    band.redo(0);
    band.serve(0);
    let back = band.room.records().find(Table::Tracks, &id("n")).unwrap();
    assert!(!back.is_deleted() && back.number("volume") == Some(0.4));
    band.settled(0);
}

#[test]
fn un1_what_is_deleted_again_after_an_undo_comes_back_again() {
    let mut band = Band::new(1, false);
    band.connect(0);
    for _ in 0..3 {
        band.edit(0, &named("Delete track"), vec![delete(Table::Tracks, &id("t"))], at(0));
        band.serve(0);
        assert!(band.room.records().find(Table::Tracks, &id("t")).unwrap().is_deleted());
        band.undo(0);
        band.serve(0);
        assert_eq!((band.tabs[0].skipped, band.tabs[0].refused), (0, 0));
        assert!(!band.room.records().find(Table::Tracks, &id("t")).unwrap().is_deleted());
        band.settled(0);
    }
}

#[test]
fn cl8_unsent_sets_of_one_field_become_one_transaction() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.happen(0, Event::Disconnected);
    for n in 0..9 {
        band.edit(0, &named("Fader"), volume(f64::from(n) / 10.0), at(i64::from(n) * 100));
    }
    assert_eq!((band.tabs[0].replica.status().pending, band.shown(0)), (1, 0.8));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(1_000));
    assert_eq!(band.tabs[0].replica.status().pending, 2);
    band.happen(0, Event::Connected);
    band.happen(0, Event::Message(ServerMessage::Resumed { channel: CHANNEL, epoch: id("e1"), seq: band.room.seq() }));
    band.serve(0);
    band.undo(0);
    band.undo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 1.0, "one undo takes all of them back");
    band.settled(0);
}

#[test]
fn cl2_an_edit_is_kept_before_it_is_sent_and_goes_without_when_it_cannot_be() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    let first = band.edit(0, &named("Louder"), volume(0.5), at(0));
    let second = band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(1));
    assert!(band.tabs[0].sent.is_empty() && band.tabs[0].keep.len() == 2);
    band.happen(0, Event::Kept { tx_id: second, place: Some(2) });
    assert!(band.tabs[0].sent.is_empty(), "in order: the first is not kept yet");
    band.happen(0, Event::Kept { tx_id: first.clone(), place: None });
    assert_eq!(band.tabs[0].sent.len(), 2);
    band.serve(0);
    assert!(band.tabs[0].forgotten.contains(&first));
    band.settled(0);
}

#[test]
fn cl2_what_could_not_be_kept_is_kept_in_its_order_when_there_is_room() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    band.happen(0, Event::Disconnected);
    let volumes = [0.1, 0.2, 0.3, 0.4];
    let edits: Vec<Id> = volumes
        .iter()
        .zip(0..)
        .map(|(value, n)| band.edit(0, &named("Volume"), volume(*value), at(n * 5_000)))
        .collect();
    for (tx_id, place) in edits.iter().zip([None, Some(1), None, None]) {
        band.happen(0, Event::Kept { tx_id: tx_id.clone(), place });
    }
    let kept_again = |band: &mut Band| {
        band.tabs[0].keep.clear();
        band.happen(0, Event::Room);
        band.tabs[0].keep.iter().map(|kept| kept.transaction.tx_id.clone()).collect::<Vec<Id>>()
    };
    assert_eq!(kept_again(&mut band), edits[2..], "the first would get a place behind the second");
    assert!(kept_again(&mut band).is_empty(), "they are being kept");
    for (tx_id, place) in edits[2..].iter().zip([Some(2), None]) {
        band.happen(0, Event::Kept { tx_id: tx_id.clone(), place });
    }
    assert_eq!(kept_again(&mut band), edits[3..]);
    band.connect(0);
    assert_eq!(band.tabs[0].sent.len(), 4, "whether it is kept or not");
    band.serve(0);
    assert_eq!(band.shown(0), 0.4);
    band.settled(0);
}

#[test]
fn cl2_what_was_kept_survives_a_reload_and_shows_at_once() {
    let mut band = Band::new(2, true);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    let (queue, steps) = (vec![(1, band.tabs[0].keep[0].clone())], band.tabs[0].replica.next_undo().cloned());
    let (records, seq) = (band.room.records().clone(), band.room.seq());
    let effects = band.tabs[1].replica.restore(id("e1"), seq, records, &[]);
    band.perform(1, effects);
    band.happen(1, Event::Stored(Store { queue, steps: steps.into_iter().collect() }));
    assert_eq!(band.shown(1), 0.5, "before there is any connection");
    assert_eq!(label(band.tabs[1].replica.next_undo()), Some("Louder"));
    band.happen(1, Event::Leads(true));
    band.connect(1);
    band.serve(1);
    band.undo(1);
    let kept = band.tabs[1].keep.pop().unwrap();
    band.happen(1, Event::Kept { tx_id: kept.transaction.tx_id, place: Some(2) });
    band.serve(1);
    assert_eq!(band.shown(1), 1.0, "undo after a reload");
    band.settled(1);
}

#[test]
fn cl4_one_tab_sends_for_all_and_they_see_each_others_edits_at_once() {
    let mut band = Band::new(2, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    band.connect(1);
    let tx_id = band.edit(1, &named("Louder"), volume(0.5), at(0));
    band.happen(1, Event::Kept { tx_id, place: Some(1) });
    assert!(band.tabs[1].sent.is_empty(), "it is not the one that sends");
    band.tell(1, 0);
    assert_eq!((band.shown(0), band.tabs[0].sent.len()), (0.5, 1));
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"), "undo is shared by the tabs (UN1)");
    band.serve(0);
    band.settled(0);
    band.settled(1);
}

#[test]
fn cl4_a_tab_that_takes_over_sends_again_what_may_be_lost() {
    let mut band = Band::new(2, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    band.connect(1);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id, place: Some(1) });
    band.tell(0, 1);
    // The first tab dies with what it was sending.
    band.happen(1, Event::Leads(true));
    assert_eq!(band.tabs[1].sent.len(), 1);
    band.tabs.remove(0);
    band.serve(0);
    band.settled(0);
}

#[test]
fn cl4_a_snapshot_in_the_place_of_a_commit_does_not_leave_an_edit_waiting() {
    let mut band = Band::new(2, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    band.connect(1);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id, place: Some(1) });
    band.tell(0, 1);
    band.happen(1, Event::Disconnected);
    band.serve(0);
    band.tell(0, 1);
    assert_eq!(band.tabs[1].replica.status().pending, 1);
    band.connect(1);
    band.settled(1);
}

#[test]
fn cl3_what_the_server_keeps_failing_on_is_set_aside_with_what_depends_on_it() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let track = fields([("projectId", "p".into()), ("name", "New".into()), ("type", "audio".into())]);
    let bad = band.edit(0, &named("Add track"), vec![create(Table::Tracks, &id("n"), track)], at(0));
    for _ in 0..5 {
        let (channel, message) = (CHANNEL, "no".to_owned());
        let refused = ServerMessage::Refused { channel, tx_id: bad.clone(), status: 503, message };
        band.happen(0, Event::Message(refused));
        band.happen(0, Event::Disconnected);
        band.connect(0);
    }
    assert_eq!(band.tabs[0].replica.status().parked, 1);
    band.tabs[0].sent.clear();
    band.edit(0, &named("Pan"), vec![set(Table::Tracks, &id("n"), "pan", 0.5)], at(5_000));
    band.edit(0, &named("Louder"), volume(0.5), at(9_000));
    assert_eq!((band.tabs[0].sent.len(), band.tabs[0].replica.status().parked), (1, 2), "the rest goes on");
    band.serve(0);
    band.happen(0, Event::Retry);
    assert_eq!(band.tabs[0].sent.len(), 2);
    band.serve(0);
    band.settled(0);
}

#[test]
fn cl3_what_is_given_up_is_gone_from_view_and_store() {
    let mut band = Band::new(1, true);
    band.connect(0);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id: tx_id.clone(), place: Some(1) });
    band.happen(0, Event::Discard(tx_id.clone()));
    assert_eq!((band.shown(0), &band.tabs[0].forgotten), (1.0, &vec![tx_id]));
    assert_eq!(label(band.tabs[0].replica.next_undo()), None);
    band.settled(0);
}

fn kept_store(tab: &Tab, places: &[u64]) -> Store {
    let rows = places.iter().copied().zip(tab.keep.iter().cloned());
    Store { queue: rows.collect(), steps: Vec::new() }
}

#[test]
fn cl2_an_edit_that_takes_in_another_is_kept_again_before_it_is_sent() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    let (epoch, seq) = (id("e1"), band.room.seq());
    let records = band.room.records().clone();
    let effects = band.tabs[0].replica.restore(epoch.clone(), seq, records, &[]);
    band.perform(0, effects);
    let tx_id = band.edit(0, &named("Fader"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id: tx_id.clone(), place: Some(1) });
    band.edit(0, &named("Fader"), volume(0.6), at(100));
    assert_eq!((band.tabs[0].replica.status().pending, band.tabs[0].keep.len()), (1, 2), "one transaction, kept twice");
    band.happen(0, Event::Connected);
    band.happen(0, Event::Message(ServerMessage::Resumed { channel: CHANNEL, epoch, seq }));
    assert!(band.tabs[0].sent.is_empty(), "what is kept is not what is here");
    band.happen(0, Event::Kept { tx_id, place: Some(1) });
    assert_eq!(band.tabs[0].sent.len(), 1);
    assert_eq!(band.tabs[0].sent[0].operations, volume(0.6));
}

#[test]
fn cl4_cl8_only_the_tab_that_sends_lets_an_edit_take_in_another() {
    let mut band = Band::new(2, true);
    band.happen(0, Event::Leads(true));
    band.connect(1);
    band.edit(1, &named("Fader"), volume(0.5), at(0));
    band.edit(1, &named("Fader"), volume(0.6), at(100));
    assert_eq!(band.tabs[1].replica.status().pending, 2, "the other tab may be sending the first one already");
}

#[test]
fn cl2_what_could_not_be_kept_is_sent_by_the_tab_that_has_it_in_its_turn() {
    let mut band = Band::new(2, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    band.connect(1);
    let first = band.edit(1, &named("Louder"), volume(0.5), at(0));
    let second = band.edit(1, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    band.happen(1, Event::Kept { tx_id: first, place: Some(1) });
    band.happen(1, Event::Kept { tx_id: second, place: None });
    assert!(band.tabs[1].sent.is_empty(), "another tab sends what is older");
    band.tell(1, 0);
    band.serve(0);
    assert_eq!(band.tabs[1].sent.len(), 1, "nobody else can send it");
    band.serve(1);
    band.settled(0);
    band.settled(1);
}

#[test]
fn cl3_what_is_put_off_with_another_is_not_set_aside_with_it() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let track = fields([("projectId", "p".into()), ("name", "New".into()), ("type", "audio".into())]);
    let bad = band.edit(0, &named("Add track"), vec![create(Table::Tracks, &id("n"), track)], at(0));
    let good = band.edit(0, &named("Louder"), volume(0.5), at(5_000));
    for _ in 0..5 {
        for tx_id in [&bad, &good] {
            let (channel, message) = (CHANNEL, "no".to_owned());
            let refused = ServerMessage::Refused { channel, tx_id: tx_id.clone(), status: 503, message };
            band.happen(0, Event::Message(refused));
        }
        band.happen(0, Event::Disconnected);
        band.tabs[0].sent.clear();
        band.connect(0);
    }
    assert_eq!(band.tabs[0].replica.status().parked, 1);
    assert_eq!(band.tabs[0].sent.iter().map(|sent| &sent.tx_id).collect::<Vec<_>>(), [&good]);
}

#[test]
fn cl4_what_is_not_kept_any_more_has_been_settled_by_another_tab() {
    let mut band = Band::new(2, true);
    band.connect(0);
    band.connect(1);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id, place: Some(1) });
    let store = kept_store(&band.tabs[0], &[1]);
    band.happen(1, Event::Stored(store));
    assert_eq!((band.shown(1), band.tabs[1].replica.status().pending), (0.5, 1));
    band.happen(1, Event::Stored(Store::default()));
    band.happen(1, Event::Leads(true));
    assert_eq!((band.shown(1), band.tabs[1].sent.len()), (1.0, 0), "it is not sent again");
}

#[test]
fn cl4_a_tab_that_has_lost_the_lead_sends_again_when_it_gets_it_back() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id, place: Some(1) });
    assert_eq!(band.tabs[0].sent.len(), 1);
    band.happen(0, Event::Leads(false));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    assert_eq!(band.tabs[0].sent.len(), 1);
    band.happen(0, Event::Leads(true));
    assert_eq!(band.tabs[0].sent.len(), 2, "how the first one went nobody has heard");
}

#[test]
fn un3_an_undo_waits_for_its_edit_and_goes_back_to_what_that_has_met() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    band.redo(0);
    band.undo(0);
    assert_eq!((band.tabs[0].sent.len(), band.shown(0)), (1, 1.0));
    // Bob was first, and nobody here had seen it.
    band.foreign("bob", volume(0.3));
    assert_eq!(band.shown(0), 0.3, "at once");
    for _ in 0..4 {
        band.serve(0);
    }
    assert_eq!((band.shown(0), band.tabs[0].skipped, band.tabs[0].refused), (0.3, 0, 0));
    band.redo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 0.5);
    band.settled(0);
}

#[test]
fn un3_an_undo_that_waited_is_kept_as_it_is_sent() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id: edit.clone(), place: Some(1) });
    band.undo(0);
    let undo = band.tabs[0].keep[1].transaction.tx_id.clone();
    band.happen(0, Event::Kept { tx_id: undo.clone(), place: Some(2) });
    assert_eq!(band.tabs[0].keep[1].takes_back, Some(edit));
    band.foreign("bob", volume(0.3));
    band.serve(0);
    assert!(band.tabs[0].sent.is_empty(), "it does something else now, which is not kept yet");
    let again = band.tabs[0].keep[2].transaction.clone();
    assert_eq!(again.tx_id, undo);
    band.happen(0, Event::Kept { tx_id: undo, place: Some(2) });
    assert_eq!(band.tabs[0].sent, [again]);
    band.serve(0);
    assert_eq!(band.shown(0), 0.3);
    band.settled(0);
}

#[test]
fn un1_steps_keep_their_order_when_the_clock_is_set_back() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(9_000));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(0));
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Rename"));
    band.undo(0);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"));
}

#[test]
fn un1_what_was_undone_before_something_new_in_another_tab_is_over() {
    let mut band = Band::new(2, true);
    band.connect(0);
    band.connect(1);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    // The second tab has heard nothing of it yet.
    band.edit(1, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    band.tell(0, 1);
    assert_eq!(label(band.tabs[1].replica.next_redo()), None);
    band.undo(1);
    assert_eq!(label(band.tabs[1].replica.next_redo()), Some("Rename"));
}

#[test]
fn cl3_only_what_is_set_aside_is_said_to_be() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let track = fields([("projectId", "p".into()), ("name", "New".into()), ("type", "audio".into())]);
    let bad = band.edit(0, &named("Add track"), vec![create(Table::Tracks, &id("n"), track)], at(0));
    let good = band.edit(0, &named("Louder"), volume(0.5), at(5_000));
    fail(&mut band, &bad, 5);
    assert!(band.tabs[0].replica.is_parked(&bad));
    assert!(!band.tabs[0].replica.is_parked(&good));
    assert!(!band.tabs[0].replica.is_parked(&id("another")));
}

/// The server fails so often on a transaction, and the tab connects again each time.
fn fail(band: &mut Band, tx_id: &Id, times: usize) {
    for _ in 0..times {
        let (channel, message) = (CHANNEL, "no".to_owned());
        let refused = ServerMessage::Refused { channel, tx_id: tx_id.clone(), status: 503, message };
        band.happen(0, Event::Message(refused));
        band.happen(0, Event::Disconnected);
        band.connect(0);
    }
}

#[test]
fn cl3_what_names_or_changes_a_record_that_waits_is_set_aside_with_it_and_nothing_else_is() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let track = |name: &str| fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
    let bad = band.edit(0, &named("Add track"), vec![create(Table::Tracks, &id("n"), track("New"))], at(0));
    fail(&mut band, &bad, 5);
    band.tabs[0].sent.clear();
    let clip = fields([
        ("trackId", "n".into()),
        ("name", "Riff".into()),
        ("startBeat", 0.0.into()),
        ("durationBeats", 4.0.into()),
    ]);
    let made = band.edit(0, &named("Add clip"), vec![create(Table::Clips, &id("c"), clip)], at(5_000));
    let changed = band.edit(0, &named("Pan"), vec![set(Table::Tracks, &id("n"), "pan", 0.5)], at(9_000));
    let free = band.edit(0, &named("Louder"), volume(0.5), at(13_000));
    let routed = band.edit(0, &named("Name"), vec![set(Table::Tracks, &id("t"), "name", "n")], at(17_000));
    let other = band.edit(0, &named("Add"), vec![create(Table::Tracks, &id("o"), track("Other"))], at(21_000));
    let is_parked = |tx_id: &Id| band.tabs[0].replica.is_parked(tx_id);
    assert!(is_parked(&made), "a clip on the track that waits");
    assert!(is_parked(&changed));
    assert!(is_parked(&routed), "whatever has its id for a value");
    let sent: Vec<&Id> = band.tabs[0].sent.iter().map(|transaction| &transaction.tx_id).collect();
    assert_eq!(sent, [&free, &other]);
}

#[test]
fn cl3_a_refusal_of_what_does_not_wait_here_is_nobodys_news() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let refused = |tx_id: &Id| {
        Event::Message(ServerMessage::Refused {
            channel: CHANNEL,
            tx_id: tx_id.clone(),
            status: 409,
            message: "no".to_owned(),
        })
    };
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    assert_eq!(band.tabs[0].replica.handle(refused(&id("another"))), []);
    assert!(!band.tabs[0].replica.handle(refused(&edit)).is_empty());
    assert_eq!(band.tabs[0].replica.handle(refused(&edit)), [], "it is told once");
}

#[test]
fn un3_only_what_others_have_built_on_and_undo_hides_is_said() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.serve(0);
    band.foreign("bob", vec![set(Table::Tracks, &id("t"), "pan", 0.4)]);
    band.undo(0);
    assert_eq!((band.tabs[0].hidden, band.tabs[0].skipped), (0, 0));
}

#[test]
fn cl4_what_was_settled_is_not_taken_up_again_from_a_store_or_a_tab_that_is_late() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    let first = band.edit(0, &named("Louder"), volume(0.5), at(0));
    let second = band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    for (tx_id, place) in [(&first, 1), (&second, 2)] {
        band.happen(0, Event::Kept { tx_id: tx_id.clone(), place: Some(place) });
    }
    let store = kept_store(&band.tabs[0], &[1, 2]);
    let late = TabMessage::Kept { place: 1, kept: band.tabs[0].keep[0].clone() };
    band.serve(0);
    band.settled(0);
    band.tabs[0].forgotten.clear();
    band.happen(0, Event::Tab(late));
    band.happen(0, Event::Stored(store));
    assert_eq!(band.tabs[0].forgotten, [first, second], "they are in the log");
    assert!(band.tabs[0].sent.is_empty());
    band.settled(0);
}

#[test]
fn cl1_only_records_that_look_different_are_told() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let changed = |effects: Vec<Effect>| -> usize {
        let keys = effects.into_iter().map(|effect| if let Effect::Changed(keys) = effect { keys.len() } else { 0 });
        keys.sum()
    };
    let edit = band.new_id();
    let made = band.tabs[0].replica.edit(edit.clone(), &named("Louder"), volume(0.5), at(0)).unwrap();
    assert_eq!(changed(made), 1);
    let (seq, time) = (band.room.seq() + 1, at(0));
    let acknowledged = ServerMessage::Acknowledged { channel: CHANNEL, tx_ids: vec![edit], seq, time };
    assert_eq!(changed(band.tabs[0].replica.handle(Event::Message(acknowledged))), 0, "it was on the screen already");
}

#[test]
fn un3_ones_own_work_on_what_one_has_created_is_not_somebody_elses() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let track = fields([("projectId", "p".into()), ("name", "New".into()), ("type", "audio".into())]);
    let clip = fields([
        ("trackId", "n".into()),
        ("name", "Riff".into()),
        ("startBeat", 0.0.into()),
        ("durationBeats", 4.0.into()),
    ]);
    let gesture = Edit { label: "Add track".to_owned(), gesture: Some(id("g")) };
    band.edit(0, &gesture, vec![create(Table::Tracks, &id("n"), track)], at(0));
    band.edit(0, &gesture, vec![set(Table::Tracks, &id("n"), "volume", 0.4)], at(1));
    band.edit(0, &gesture, vec![create(Table::Clips, &id("k"), clip)], at(2));
    band.serve(0);
    band.undo(0);
    assert_eq!(band.tabs[0].hidden, 0);
    band.serve(0);
    assert!(band.room.records().find(Table::Tracks, &id("n")).unwrap().is_deleted());
    band.settled(0);
}

/// A track `n` of ann's.
fn new_track() -> Operation {
    create(
        Table::Tracks,
        &id("n"),
        fields([("projectId", "p".into()), ("name", "New".into()), ("type", "audio".into())]),
    )
}

fn commit(band: &mut Band, author: &str, operations: Vec<Operation>) -> Submitted {
    let transaction = Transaction {
        tx_id: band.new_id(),
        author_id: id(author),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    };
    band.room.submit(&Author::User(id(author)), &transaction, at(0)).unwrap()
}

/// The room takes what tab 0 has sent, and tab 0 hears of it in one message with what came before.
fn serve_together(band: &mut Band, mut before: Vec<Submitted>) {
    for transaction in std::mem::take(&mut band.tabs[0].sent) {
        before.push(band.room.submit(&Author::User(id("ann")), &transaction, at(50_000)).unwrap());
    }
    let commits = before.into_iter().map(|submitted| submitted.commit).collect();
    band.happen(0, Event::Message(ServerMessage::Commits { channel: CHANNEL, commits }));
}

#[test]
fn si4_un3_undo_leads_back_to_what_came_in_the_same_message_as_the_edit() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    let bobs = commit(&mut band, "bob", volume(0.3));
    serve_together(&mut band, vec![bobs]);
    band.undo(0);
    band.serve(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (0.3, 0));
    band.settled(0);
}

#[test]
fn un3_an_undo_waits_for_an_edit_that_the_room_made_other() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Add track"), vec![new_track()], at(0));
    band.undo(0);
    // Both made a track at the end of the list: the second one gets another place than it had on the screen.
    let other = fields([("projectId", "p".into()), ("name", "Other".into()), ("type", "audio".into())]);
    let bobs = commit(&mut band, "bob", vec![create(Table::Tracks, &id("o"), other)]);
    serve_together(&mut band, vec![bobs]);
    assert_eq!((band.tabs[0].sent.len(), band.tabs[0].skipped), (1, 0));
    band.serve(0);
    assert!(band.room.records().find(Table::Tracks, &id("n")).unwrap().is_deleted());
    band.settled(0);
}

#[test]
fn un3_what_others_put_on_a_track_is_said_when_undo_hides_it() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Add track"), vec![new_track()], at(0));
    band.serve(0);
    let clip = fields([
        ("trackId", "n".into()),
        ("name", "Riff".into()),
        ("startBeat", 0.0.into()),
        ("durationBeats", 4.0.into()),
    ]);
    band.foreign("bob", vec![create(Table::Clips, &id("k"), clip)]);
    band.undo(0);
    assert_eq!(band.tabs[0].hidden, 1);
}

#[test]
fn un3_parts_that_others_have_changed_are_left_out_and_said_at_once() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let edit = [volume(0.5), vec![set(Table::Tracks, &id("t"), "pan", 0.5)]].concat();
    band.edit(0, &named("Both"), edit, at(0));
    band.serve(0);
    band.foreign("bob", volume(0.9));
    let effects = band.tabs[0].replica.undo(at(90_000), &mut || id("undo")).unwrap();
    let skipped = effects.iter().filter_map(|effect| match effect {
        Effect::Skipped { operations, .. } => Some(operations.len()),
        _ => None,
    });
    assert_eq!(skipped.collect::<Vec<_>>(), [1]);
    let again = band.tabs[0].replica.redo(at(91_000), &mut || id("redo")).unwrap();
    assert!(!again.iter().any(|effect| matches!(effect, Effect::Skipped { .. })), "nothing is left out of that");
}

fn role(member: &Id, role: &str) -> Vec<Operation> {
    vec![set(Table::ProjectMembers, member, "role", role)]
}

fn anns_membership(band: &Band) -> Id {
    let mut members = band.room.records().iter().filter(|(key, _)| key.table == Table::ProjectMembers);
    members.find(|(_, record)| record.text("userId") == Some("ann")).unwrap().0.id.clone()
}

#[test]
fn un2_pe3_of_an_undo_what_is_not_permitted_any_more_is_left_out_and_said() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let gesture = Edit { label: "Trust bob".to_owned(), gesture: Some(id("g")) };
    band.edit(0, &gesture, role(&id("m"), "owner"), at(0));
    band.edit(0, &gesture, volume(0.5), at(1));
    band.serve(0);
    let ann = anns_membership(&band);
    band.foreign("bob", role(&ann, "editor"));
    band.undo(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (1.0, 1), "an editor may turn a fader and give no roles");
    band.serve(0);
    assert_eq!(band.room.records().find(Table::ProjectMembers, &id("m")).unwrap().text("role"), Some("owner"));
    assert_eq!(label(band.tabs[0].replica.next_redo()), Some("Trust bob"));
    band.settled(0);
}

#[test]
fn un1_pe3_an_undo_that_is_not_permitted_any_more_is_refused_and_can_be_had_later() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.serve(0);
    let ann = anns_membership(&band);
    band.foreign("ann", role(&id("m"), "owner"));
    band.foreign("bob", role(&ann, "viewer"));
    let refused = band.tabs[0].replica.undo(at(90_000), &mut || id("undo")).unwrap_err();
    assert_eq!(refused.status, 403);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"));
    band.foreign("bob", role(&ann, "editor"));
    band.undo(0);
    assert_eq!(band.shown(0), 1.0);
}

#[test]
fn un2_an_edit_joins_what_was_brought_again_a_moment_before() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    band.redo(0);
    band.serve(0);
    band.edit(0, &named("Louder"), volume(0.6), at(90_500));
    band.serve(0);
    band.undo(0);
    assert_eq!((band.shown(0), label(band.tabs[0].replica.next_undo())), (1.0, None));
}

#[test]
fn cl4_only_the_tab_that_sends_keeps_an_undo_anew() {
    let mut band = Band::new(2, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    band.connect(1);
    let edit = band.edit(1, &named("Louder"), volume(0.5), at(0));
    band.happen(1, Event::Kept { tx_id: edit, place: Some(1) });
    band.undo(1);
    let undo = band.tabs[1].keep[1].transaction.tx_id.clone();
    band.happen(1, Event::Kept { tx_id: undo, place: Some(2) });
    band.tell(1, 0);
    band.foreign("bob", volume(0.3));
    band.serve(0);
    assert_eq!((band.tabs[0].keep.len(), band.tabs[1].keep.len()), (1, 2), "the one that sends has kept it anew");
}

/// Ann's edit and its undo, of which the edit has reached the log and no answer has come; then she connects again.
fn acknowledged_late(bob_first: bool) -> Band {
    let mut band = Band::new(1, false);
    band.connect(0);
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    band.happen(0, Event::Disconnected);
    if bob_first {
        commit(&mut band, "bob", volume(0.3));
    }
    let sent = band.tabs[0].sent.remove(0);
    let submitted = band.room.submit(&Author::User(id("ann")), &sent, at(0)).unwrap();
    if !bob_first {
        commit(&mut band, "bob", volume(0.9));
    }
    band.connect(0);
    let seq = submitted.commit.seq;
    band.tabs[0].sent.clear();
    let acknowledged = ServerMessage::Acknowledged { channel: CHANNEL, tx_ids: vec![edit], seq, time: at(0) };
    band.happen(0, Event::Message(acknowledged));
    band
}

#[test]
fn un3_an_undo_of_what_nobody_knows_the_place_of_is_left_out_and_said() {
    for (bob_first, volume) in [(true, 0.5), (false, 0.9)] {
        let band = acknowledged_late(bob_first);
        assert_eq!((band.tabs[0].skipped, band.tabs[0].sent.len()), (1, 0));
        assert_eq!(band.shown(0), volume);
        band.settled(0);
    }
}

#[test]
fn un3_what_was_left_out_is_said_once() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let edit = [volume(0.5), vec![set(Table::Tracks, &id("t"), "pan", 0.5)]].concat();
    band.edit(0, &named("Both"), edit, at(0));
    band.serve(0);
    band.foreign("bob", volume(0.9));
    band.undo(0);
    assert_eq!(band.tabs[0].skipped, 1);
    let undo = band.tabs[0].sent[0].clone();
    let submitted = band.room.submit(&Author::User(id("ann")), &undo, at(0)).unwrap();
    let commits = ServerMessage::Commits { channel: CHANNEL, commits: vec![submitted.commit] };
    let effects = band.tabs[0].replica.handle(Event::Message(commits));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Skipped { .. })));
    band.settled(0);
}

#[test]
fn cl4_a_tab_that_goes_on_sending_sends_nothing_twice() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    band.connect(0);
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id: edit, place: Some(1) });
    band.happen(0, Event::Leads(true));
    assert_eq!(band.tabs[0].sent.len(), 1);
}
