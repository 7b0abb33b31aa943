//! The replica, event by event, against a room that is played by hand (CL1, PS3).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::{Id, Key, Records, Role, Table, Timestamp, Value, fields};
use operations::build::{create, delete, list_insert, set};
use operations::{Author, Commit, Operation, Position, Scope, Transaction};
use sync::wire::{ClientMessage, Person, Presence, PresenceOf, Resume, ServerMessage, TRANSACTION_BYTES_MAX, encode};
use sync::{Effect, Event, Replica, Room, Submitted};

const CHANNEL: u32 = 1;
const MADE: Timestamp = Timestamp(1_000);
const COMMITTED: Timestamp = Timestamp(2_000);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn volume(track: &str, volume: f64) -> Operation {
    set(Table::Tracks, &id(track), "volume", volume)
}

fn new_track(name: &str) -> Operation {
    let given = fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
    create(Table::Tracks, &id(name), given)
}

/// A replica of `ann`, and the room that it follows.
struct Pair {
    replica: Replica,
    room: Room,
    made: u32,
}

impl Pair {
    /// A project with tracks `a` and `b`, an editor `ed`, and a replica that has nothing yet.
    fn offline() -> Pair {
        let room = Room::new(Scope::Project(id("p")), id("e1"), 0, Records::new());
        let mut pair = Pair { replica: Replica::new(id("ann"), id("p"), CHANNEL), room, made: 0 };
        let member = fields([("projectId", "p".into()), ("userId", "ed".into()), ("role", "editor".into())]);
        let project = create(Table::Projects, &id("p"), fields([("name", "Song".into())]));
        let ed = create(Table::ProjectMembers, &id("ed"), member);
        pair.commit("ann", vec![project, ed, new_track("a"), new_track("b")]);
        pair
    }

    /// The same, and the replica follows.
    fn live() -> Pair {
        let mut pair = Pair::offline();
        pair.connect();
        pair
    }

    /// The room commits what `author` sends over another connection.
    fn commit(&mut self, author: &str, operations: Vec<Operation>) -> Submitted {
        self.made += 1;
        let transaction = Transaction {
            tx_id: id(&format!("room-{}", self.made)),
            author_id: id(author),
            operations,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        self.room.submit(&Author::User(id(author)), &transaction, COMMITTED).unwrap()
    }

    fn connect(&mut self) -> Vec<Effect> {
        self.replica.handle(Event::Connected);
        self.hear(self.snapshot())
    }

    fn snapshot(&self) -> ServerMessage {
        let records = self.room.records().iter().map(|(key, record)| (key.table, record.clone())).collect();
        ServerMessage::Snapshot { channel: CHANNEL, epoch: self.room.epoch().clone(), seq: self.room.seq(), records }
    }

    fn hear(&mut self, message: ServerMessage) -> Vec<Effect> {
        self.replica.handle(Event::Message(message))
    }

    fn hear_resumed(&mut self, seq: u64) -> Vec<Effect> {
        self.hear(ServerMessage::Resumed { channel: CHANNEL, epoch: id("e1"), seq })
    }

    fn hear_commits(&mut self, submitted: &[&Submitted]) -> Vec<Effect> {
        let commits = submitted.iter().map(|submitted| submitted.commit.clone()).collect();
        self.hear(ServerMessage::Commits { channel: CHANNEL, commits })
    }

    /// An edit of one's own: its id.
    fn edit(&mut self, operations: Vec<Operation>) -> Id {
        self.made += 1;
        let tx_id = id(&format!("own-{}", self.made));
        self.replica.dispatch(tx_id.clone(), operations, MADE).unwrap();
        tx_id
    }

    /// The room commits the oldest edit that is pending.
    fn commit_oldest(&mut self) -> Submitted {
        let (transaction, _) = self.replica.pending().next().unwrap();
        self.room.submit(&Author::User(id("ann")), &transaction.clone(), COMMITTED).unwrap()
    }

    fn acknowledge(&mut self, submitted: &Submitted) -> Vec<Effect> {
        assert!(submitted.verbatim);
        let (tx_ids, seq) = (vec![submitted.commit.tx_id.clone()], submitted.commit.seq);
        self.hear(ServerMessage::Acknowledged { channel: CHANNEL, tx_ids, seq, time: COMMITTED })
    }

    fn refuse(&mut self, tx_id: &Id, status: u16) -> Vec<Effect> {
        self.hear(ServerMessage::Refused { channel: CHANNEL, tx_id: tx_id.clone(), status, message: "no".to_owned() })
    }

    fn shown(&self, track: &str) -> f64 {
        self.replica.view().find(Table::Tracks, &id(track)).unwrap().number("volume").unwrap()
    }

    fn pending(&self) -> usize {
        self.replica.status().pending
    }

    /// Everything is confirmed, and both have the same.
    fn assert_settled(&self) {
        assert_eq!(self.pending(), 0);
        assert_eq!(self.replica.committed(), self.room.records());
        assert_eq!(self.replica.view(), self.room.records());
    }
}

fn sent(effects: &[Effect]) -> Vec<&ClientMessage> {
    effects.iter().filter_map(|effect| if let Effect::Send(message) = effect { Some(message) } else { None }).collect()
}

fn changed(effects: &[Effect]) -> Vec<Key> {
    let keys =
        effects.iter().filter_map(|effect| if let Effect::Changed(keys) = effect { Some(keys.clone()) } else { None });
    keys.flatten().collect()
}

/// The transactions in the `Submit`s among these, in order, by batch.
fn submitted(effects: &[Effect]) -> Vec<Vec<Id>> {
    let batch = |message: &&ClientMessage| match message {
        ClientMessage::Submit { transactions, .. } => Some(transactions.iter().map(|t| t.tx_id.clone()).collect()),
        _ => None,
    };
    sent(effects).iter().filter_map(batch).collect()
}

fn asks_for_all(effects: &[Effect]) -> bool {
    sent(effects).iter().any(|message| matches!(message, ClientMessage::Open { resume: None, .. }))
}

#[test]
fn cl1_ones_own_edit_shows_at_once_and_stays_after_its_acknowledgement() {
    let mut pair = Pair::live();
    pair.edit(vec![volume("a", 0.5)]);
    assert_eq!((pair.shown("a"), pair.pending()), (0.5, 1));
    assert_eq!(pair.replica.committed().find(Table::Tracks, &id("a")).unwrap().number("volume"), Some(1.0));
    let committed = pair.commit_oldest();
    pair.acknowledge(&committed);
    pair.assert_settled();
}

#[test]
fn cl1_a_remote_commit_goes_under_ones_own_edit() {
    let mut pair = Pair::live();
    pair.edit(vec![volume("a", 0.5)]);
    let theirs = pair.commit("ed", vec![volume("a", 0.1), volume("b", 0.2)]);
    let effects = pair.hear_commits(&[&theirs]);
    assert_eq!((pair.shown("a"), pair.shown("b")), (0.5, 0.2));
    assert!(changed(&effects).contains(&Key::new(Table::Tracks, id("b"))));
    let mine = pair.commit_oldest();
    pair.acknowledge(&mine);
    assert_eq!(pair.shown("a"), 0.5);
    pair.assert_settled();
}

#[test]
fn cl1_a_late_snapshot_does_not_take_anything_back() {
    let mut pair = Pair::live();
    let late = pair.snapshot();
    let theirs = pair.commit("ed", vec![volume("a", 0.1)]);
    pair.hear_commits(&[&theirs]);
    assert_eq!(pair.hear(late), []);
    assert_eq!(pair.shown("a"), 0.1);
    pair.assert_settled();
}

#[test]
fn ps3_a_server_that_forgot_what_it_told_is_not_believed_and_asked_again() {
    let mut pair = Pair::live();
    let old = pair.snapshot();
    let theirs = pair.commit("ed", vec![volume("a", 0.1)]);
    pair.hear_commits(&[&theirs]);
    pair.replica.handle(Event::Disconnected);
    pair.replica.handle(Event::Connected);
    assert_eq!(pair.hear(old), [Effect::Reconnect]);
    assert!(!pair.replica.status().live);
    assert_eq!(pair.shown("a"), 0.1);
}

#[test]
fn ps3_a_gap_asks_for_everything_once_and_keeps_what_is_pending() {
    let mut pair = Pair::live();
    let first = pair.commit("ed", vec![volume("a", 0.1)]);
    let second = pair.commit("ed", vec![volume("b", 0.2)]);
    pair.edit(vec![new_track("c")]);
    assert!(asks_for_all(&pair.hear_commits(&[&second])));
    assert!(!pair.replica.status().live);
    assert_eq!(pair.hear_commits(&[&first]), [], "the snapshot that comes has it");
    let effects = pair.hear(pair.snapshot());
    assert_eq!(submitted(&effects).len(), 1);
    assert!(pair.replica.view().find(Table::Tracks, &id("c")).is_some());
    assert_eq!((pair.shown("a"), pair.shown("b"), pair.pending()), (0.1, 0.2, 1));
}

#[test]
fn ps3_commits_that_do_not_fit_ask_for_everything() {
    let mut pair = Pair::live();
    let mut strange = pair.commit("ed", vec![volume("a", 0.1)]);
    strange.commit.operations = vec![volume("nobody", 0.1)];
    assert!(asks_for_all(&pair.hear_commits(&[&strange])));
    pair.hear(pair.snapshot());
    pair.assert_settled();
}

#[test]
fn ps3_a_reconnect_resumes_and_gets_exactly_what_it_missed() {
    let mut pair = Pair::live();
    pair.replica.handle(Event::Disconnected);
    let missed = [pair.commit("ed", vec![volume("a", 0.1)]), pair.commit("ed", vec![volume("b", 0.2)])];
    let effects = pair.replica.handle(Event::Connected);
    let resume = Some(Resume { epoch: id("e1"), seq: 1 });
    assert_eq!(sent(&effects), [&ClientMessage::Open { channel: CHANNEL, project: id("p"), resume }]);
    pair.hear_resumed(1);
    pair.hear_commits(&[&missed[0], &missed[1]]);
    pair.assert_settled();
}

#[test]
fn ps3_what_waited_is_sent_again_in_order() {
    let mut pair = Pair::live();
    let first = pair.edit(vec![new_track("c")]);
    pair.replica.handle(Event::Disconnected);
    let second = pair.edit(vec![volume("c", 0.5)]);
    let third = pair.edit(vec![volume("c", 0.6)]);
    pair.replica.handle(Event::Connected);
    assert_eq!(submitted(&pair.hear_resumed(1)), [[first, second, third]]);
}

#[test]
fn ps3_wr8_another_epoch_brings_everything_anew_and_keeps_what_is_pending() {
    let mut pair = Pair::live();
    for _ in 0..3 {
        let theirs = pair.commit("ed", vec![volume("b", 0.2)]);
        pair.hear_commits(&[&theirs]);
    }
    pair.replica.handle(Event::Disconnected);
    pair.edit(vec![volume("a", 0.5)]);
    // A backup from before those three.
    let backup = Pair::offline().room;
    pair.room = Room::new(Scope::Project(id("p")), id("e2"), backup.seq(), backup.records().clone());
    pair.replica.handle(Event::Connected);
    let effects = pair.hear(pair.snapshot());
    assert_eq!((pair.replica.epoch(), pair.replica.seq()), (Some(&id("e2")), 1));
    assert_eq!(submitted(&effects).len(), 1);
    assert_eq!((pair.shown("a"), pair.shown("b")), (0.5, 1.0));
}

#[test]
fn wr6_an_acknowledgement_that_comes_twice_counts_once() {
    let mut pair = Pair::live();
    pair.edit(vec![volume("a", 0.5)]);
    let committed = pair.commit_oldest();
    pair.acknowledge(&committed);
    assert_eq!(pair.acknowledge(&committed), []);
    assert_eq!(changed(&pair.hear_commits(&[&committed])), []);
    pair.assert_settled();
}

#[test]
fn wr6_a_repeat_is_acknowledged_with_its_old_place() {
    let mut pair = Pair::live();
    pair.edit(vec![volume("a", 0.5)]);
    let committed = pair.commit_oldest();
    pair.commit("ed", vec![volume("a", 0.7)]);
    // The acknowledgement was lost with the connection; the snapshot has the edit, and the client cannot know.
    pair.replica.handle(Event::Disconnected);
    pair.connect();
    assert_eq!(pair.pending(), 1);
    pair.acknowledge(&committed);
    assert_eq!(pair.shown("a"), 0.7);
    pair.assert_settled();
}

#[test]
fn wr6_an_unknown_acknowledgement_leaves_no_hole() {
    let mut pair = Pair::live();
    let unknown = pair.commit("ann", vec![volume("a", 0.5)]);
    let (tx_ids, seq) = (vec![unknown.commit.tx_id], unknown.commit.seq);
    let effects = pair.hear(ServerMessage::Acknowledged { channel: CHANNEL, tx_ids, seq, time: COMMITTED });
    assert!(asks_for_all(&effects));
}

#[test]
fn cl3_a_refusal_takes_back_what_depended_on_it_and_nothing_else() {
    let mut pair = Pair::live();
    let creation = pair.edit(vec![new_track("c")]);
    let dependant = pair.edit(vec![volume("c", 0.5)]);
    pair.edit(vec![volume("a", 0.3)]);
    let effects = pair.refuse(&creation, 403);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Refused { tx_id, .. } if *tx_id == creation)));
    assert!(changed(&effects).contains(&Key::new(Table::Tracks, id("c"))));
    assert!(pair.replica.view().find(Table::Tracks, &id("c")).is_none());
    assert_eq!((pair.shown("a"), pair.pending()), (0.3, 2), "the dependant waits for its own verdict");
    pair.refuse(&dependant, 400);
    let mine = pair.commit_oldest();
    pair.acknowledge(&mine);
    pair.assert_settled();
}

#[test]
fn cl3_what_a_refused_edit_derived_is_told_as_changed() {
    let mut pair = Pair::live();
    let member = fields([("projectId", "p".into()), ("userId", "flo".into()), ("role", "editor".into())]);
    let invited = pair.edit(vec![create(Table::ProjectMembers, &id("flo"), member)]);
    let collaborators = |pair: &Pair| pair.replica.view().project().unwrap().get("collaborators").clone();
    assert_eq!(collaborators(&pair), Value::list(["ed".into(), "flo".into()]));
    let effects = pair.refuse(&invited, 403);
    assert_eq!(collaborators(&pair), Value::list(["ed".into()]));
    assert!(changed(&effects).contains(&Key::new(Table::Projects, id("p"))));
}

#[test]
fn cl3_a_server_in_trouble_keeps_the_queue() {
    let mut pair = Pair::live();
    let tx_id = pair.edit(vec![volume("a", 0.5)]);
    assert!(pair.refuse(&tx_id, 503).contains(&Effect::Reconnect));
    assert_eq!((pair.pending(), pair.shown("a")), (1, 0.5));
    let unavailable = ServerMessage::Denied { channel: CHANNEL, status: 503, message: "later".to_owned() };
    assert!(pair.hear(unavailable).contains(&Effect::Reconnect));
    assert_eq!(pair.replica.status().denied, None);
}

#[test]
fn ps1_lost_access_is_said_and_nothing_more_is_sent() {
    let mut pair = Pair::live();
    pair.hear(ServerMessage::Denied { channel: CHANNEL, status: 403, message: "no".to_owned() });
    assert_eq!(pair.replica.status().denied.as_deref(), Some("no"));
    let effects = pair.replica.dispatch(id("own"), vec![volume("a", 0.5)], MADE).unwrap();
    assert!(sent(&effects).is_empty());
}

#[test]
fn cl3_somebody_elses_session_neither_gets_nor_shows_these_edits() {
    let mut pair = Pair::live();
    pair.replica.handle(Event::Disconnected);
    pair.edit(vec![volume("a", 0.5)]);
    pair.replica.handle(Event::Connected);
    pair.hear(ServerMessage::Hello { version: 1, user: id("ed"), now: COMMITTED });
    assert_eq!(pair.hear(pair.snapshot()), []);
    assert!(pair.replica.status().denied.is_some());
    pair.replica.handle(Event::Disconnected);
    pair.replica.handle(Event::Connected);
    pair.hear(ServerMessage::Hello { version: 1, user: id("ann"), now: COMMITTED });
    let effects = pair.hear(pair.snapshot());
    assert_eq!((submitted(&effects).len(), pair.replica.status().denied), (1, None));
}

#[test]
fn op1_set_now_shows_ones_own_time_until_the_commits_is_known() {
    let mut pair = Pair::live();
    pair.edit(vec![delete(Table::Tracks, &id("a"))]);
    let deleted =
        |pair: &Pair| pair.replica.view().find(Table::Tracks, &id("a")).unwrap().text("deleted").map(str::to_owned);
    assert_eq!(deleted(&pair).as_deref(), Some("1970-01-01T00:00:01.000Z"));
    let committed = pair.commit_oldest();
    assert!(!committed.verbatim);
    pair.hear_commits(&[&committed]);
    assert_eq!(deleted(&pair).as_deref(), Some("1970-01-01T00:00:02.000Z"));
    pair.assert_settled();
}

#[test]
fn op5_an_element_has_the_same_id_before_and_after_the_commit() {
    let mut pair = Pair::live();
    let plugin = Value::map([("type", "eq".into())]);
    pair.edit(vec![list_insert(Table::Tracks, &id("a"), "plugins", plugin, Position::Append)]);
    let plugins = |pair: &Pair| pair.replica.view().find(Table::Tracks, &id("a")).unwrap().get("plugins").clone();
    let shown = plugins(&pair);
    let committed = pair.commit_oldest();
    pair.hear_commits(&[&committed]);
    assert_eq!(plugins(&pair), shown);
    pair.assert_settled();
}

fn clip_with_notes(n: usize, count: usize) -> Operation {
    let note = |n: usize| {
        let name = format!("note-{n:08}");
        Value::map([
            ("id", Value::text(&name)),
            ("pitch", 60u32.into()),
            ("startBeat", 0u32.into()),
            ("durationBeats", 1u32.into()),
        ])
    };
    let notes = Value::map([("notes", Value::list((0..count).map(note)))]);
    let given = [
        ("trackId", "a".into()),
        ("name", "Notes".into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 4u32.into()),
        ("midiData", notes),
    ];
    create(Table::Clips, &id(&format!("clip-{n}")), fields(given))
}

#[test]
fn w6_every_batch_fits_into_a_frame() {
    let mut pair = Pair::live();
    pair.replica.handle(Event::Disconnected);
    for n in 0..6 {
        pair.edit(vec![clip_with_notes(n, 40_000)]);
    }
    (0..600).for_each(|n| drop(pair.edit(vec![volume("a", f64::from(n) / 600.0)])));
    let too_much = (6..10).map(|n| clip_with_notes(n, 50_000)).collect();
    assert!(pair.replica.dispatch(id("big"), too_much, MADE).unwrap_err().message.contains("bytes"));
    pair.replica.handle(Event::Connected);
    let effects = pair.hear_resumed(1);
    let frames: Vec<usize> = sent(&effects).into_iter().map(|message| encode(message).len()).collect();
    assert!(frames.iter().all(|bytes| *bytes <= sync::wire::CLIENT_FRAME_BYTES_MAX), "{frames:?}");
    assert!(frames[0] > TRANSACTION_BYTES_MAX / 3, "{frames:?}");
    let batches = submitted(&effects);
    assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 606);
    assert!(batches.iter().all(|batch| batch.len() <= sync::wire::SUBMIT_TRANSACTIONS_MAX));
}

#[test]
fn pr1_the_replica_says_who_can_open_the_project_who_has_and_what_they_do() {
    let mut pair = Pair::live();
    assert_eq!(pair.replica.role(), Some(Role::Owner));
    let person = Person { id: id("ed"), name: "Ed".to_owned(), colour: "#112233".to_owned(), role: Role::Editor };
    pair.hear(ServerMessage::People { channel: CHANNEL, people: vec![person.clone()] });
    assert_eq!(pair.replica.people(), [person]);
    pair.hear(ServerMessage::Present { channel: CHANNEL, connected: vec![id("ann"), id("ed")] });
    assert_eq!(pair.replica.connected_users(), [id("ann"), id("ed")]);
    let presence =
        Presence { pointer: None, selection: vec![id("c")], playhead: None, dragging: Vec::new(), held: Vec::new() };
    let doing = PresenceOf { session: 7, user: id("ed"), presence: Some(presence) };
    let gone = PresenceOf { presence: None, ..doing.clone() };
    let heard = pair.hear(ServerMessage::Presences { channel: CHANNEL, presences: vec![doing.clone()] });
    assert_eq!(heard, [Effect::PresenceChanged]);
    assert_eq!(pair.replica.presences().collect::<Vec<_>>(), [&doing]);
    pair.hear(ServerMessage::Presences { channel: CHANNEL, presences: vec![gone] });
    assert_eq!(pair.replica.presences().count(), 0);
}

#[test]
fn cl5_what_was_cached_is_taken_up_with_the_commits_that_come_after_it_and_no_others() {
    let mut pair = Pair::offline();
    let (epoch, seq, records) = (pair.room.epoch().clone(), pair.room.seq(), pair.room.records().clone());
    let mut commits = vec![pair.commit("ed", vec![volume("a", 0.1)]).commit];
    let after_the_first = pair.room.records().clone();
    commits.extend([0.2, 0.3].iter().map(|value| pair.commit("ed", vec![volume("a", *value)]).commit));
    let restored = |records: &Records, seq: u64, commits: &[Commit]| {
        let mut replica = Replica::new(id("ann"), id("p"), CHANNEL);
        replica.restore(epoch.clone(), seq, records.clone(), commits);
        let volume = replica.view().find(Table::Tracks, &id("a")).unwrap().number("volume");
        (replica.seq() - seq, volume)
    };
    assert_eq!(restored(&records, seq, &commits), (3, Some(0.3)));
    assert_eq!(restored(&records, seq, &commits[..1]), (1, Some(0.1)));
    assert_eq!(restored(&records, seq, &commits[1..]), (0, Some(1.0)), "the rest comes from the server");
    assert_eq!(restored(&after_the_first, seq + 1, &commits), (2, Some(0.3)), "it has the first already");
    let later = pair.room.records();
    assert_eq!(restored(later, seq + 3, &commits), (0, Some(0.3)), "it has them already");
}

#[test]
fn ps3_a_resumption_of_another_log_or_place_asks_for_everything() {
    for (epoch, ahead) in [("e2", 0), ("e1", 1)] {
        let mut pair = Pair::live();
        pair.replica.handle(Event::Disconnected);
        pair.replica.handle(Event::Connected);
        let seq = pair.replica.seq() + ahead;
        let effects = pair.hear(ServerMessage::Resumed { channel: CHANNEL, epoch: id(epoch), seq });
        let open = ClientMessage::Open { channel: CHANNEL, project: id("p"), resume: None };
        assert_eq!(effects, [Effect::Send(open)], "{epoch} {ahead}");
        assert!(!pair.replica.status().live);
    }
}

#[test]
fn wr6_a_commit_that_comes_twice_counts_once_and_is_told_once() {
    let mut pair = Pair::live();
    let commit = pair.commit("ed", vec![volume("a", 0.3)]).commit;
    let followed = |effects: &[Effect]| -> Vec<Vec<Commit>> {
        let all = effects.iter().filter_map(|effect| match effect {
            Effect::Followed(commits) => Some(commits.clone()),
            _ => None,
        });
        all.collect()
    };
    let message = ServerMessage::Commits { channel: CHANNEL, commits: vec![commit.clone()] };
    assert_eq!(followed(&pair.hear(message.clone())), [vec![commit]]);
    assert_eq!(followed(&pair.hear(message)), [vec![]]);
    assert!(pair.replica.status().live);
    assert_eq!(pair.replica.committed(), pair.room.records());
}

#[test]
fn pr1_what_one_does_is_told_while_somebody_can_hear_it() {
    let mut pair = Pair::live();
    let presence =
        Presence { pointer: None, selection: Vec::new(), playhead: None, dragging: Vec::new(), held: Vec::new() };
    let told = Effect::Send(ClientMessage::Presence { channel: CHANNEL, presence: presence.clone() });
    assert_eq!(pair.replica.present(presence.clone()), Some(told));
    pair.replica.handle(Event::Disconnected);
    assert_eq!(pair.replica.present(presence), None);
}
