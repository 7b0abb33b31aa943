//! What only the queue itself can tell: which commits were foreseen, what may take in another edit, what must not change any more.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::slice;

use model::{Id, Key, Records, Table, Timestamp, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, set, unset};
use operations::{Accepted, Author, Guard, Operation, Position, Scope, Transaction};

use super::{FAILURES_MAX, PendingQueue, Settled};
use crate::Room;
use crate::tabs::Kept;
use crate::wire::SUBMIT_TRANSACTIONS_MAX;

const SHOWN: Timestamp = Timestamp(1_000);
const COMMITTED: Timestamp = Timestamp(2_000);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn transaction(tx_id: &str, operations: Vec<Operation>) -> Transaction {
    Transaction {
        tx_id: id(tx_id),
        author_id: id("ann"),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    }
}

/// What was shown is committed as `committed`.
fn foreseen(shown: &[Operation], committed: &[Operation]) -> bool {
    let transaction = transaction("t", shown.to_vec());
    let oldest_applied = Some(shown.to_vec());
    let (inverse, built_on) = (Vec::new(), BTreeSet::new());
    Settled { transaction, inverse, skipped: 0, built_on, oldest_applied, time: SHOWN }
        .was_foreseen(committed, COMMITTED)
}

fn name(value: impl Into<Value>) -> Operation {
    set(Table::Tracks, &id("a"), "name", value)
}

fn made(name: &str, created: Timestamp) -> Operation {
    create(Table::Tracks, &id("a"), fields([("name", name.into()), ("createdAt", (&*created.to_string()).into())]))
}

#[test]
fn cl1_a_commit_that_does_what_was_shown_was_foreseen_and_only_times_may_differ() {
    let insert = |at: &str| list_insert(Table::Tracks, &id("a"), "tags", at, Position::Append);
    for (shown, committed, expected) in [
        (name("x"), name("x"), true),
        (name("x"), name("y"), false),
        (name(&*SHOWN.to_string()), name(&*COMMITTED.to_string()), true),
        // Another time than the one that was shown, or another than the commit's.
        (name(&*Timestamp(1).to_string()), name(&*COMMITTED.to_string()), false),
        (name(&*SHOWN.to_string()), name(&*Timestamp(3).to_string()), false),
        (name(&*COMMITTED.to_string()), name(&*SHOWN.to_string()), false),
        (made("n", SHOWN), made("n", COMMITTED), true),
        (made("n", SHOWN), made("m", COMMITTED), false),
        (made("n", SHOWN), made("n", Timestamp(3)), false),
        (insert("x"), insert("x"), true),
        (insert("x"), insert("y"), false),
        (insert("x"), list_remove(Table::Tracks, &id("a"), "tags", "x"), false),
        // The same value elsewhere.
        (name("x"), set(Table::Tracks, &id("b"), "name", "x"), false),
        (name("x"), set(Table::Tracks, &id("a"), "colour", "x"), false),
        (name("x"), Operation { guard: Some(Guard::default()), ..name("x") }, false),
    ] {
        assert_eq!(
            foreseen(slice::from_ref(&shown), slice::from_ref(&committed)),
            expected,
            "{shown:?} committed as {committed:?}"
        );
    }
}

#[test]
fn cl1_a_creation_with_other_fields_was_not_foreseen() {
    let created = |given: &[(&str, &str)]| {
        create(Table::Tracks, &id("a"), given.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    };
    let shown = created(&[("name", "n"), ("type", "audio")]);
    assert!(foreseen(slice::from_ref(&shown), &[created(&[("name", "n"), ("type", "audio")])]));
    assert!(!foreseen(slice::from_ref(&shown), &[created(&[("name", "n")])]));
    assert!(!foreseen(&[created(&[("name", "n")])], slice::from_ref(&shown)));
    assert!(!foreseen(&[shown], &[created(&[("name", "n"), ("colour", "audio")])]));
}

#[test]
fn cl1_what_did_nothing_or_something_more_was_not_foreseen() {
    assert!(!foreseen(&[], &[]));
    assert!(!foreseen(&[name("x")], &[]));
    assert!(!foreseen(&[name("x")], &[name("x"), name("y")]));
    assert!(foreseen(&[name("x"), name("y")], &[name("x"), name("y")]));
}

/// A queue of ann's, on a song with tracks `a` and `b`, and a clip `k`.
struct Waiting {
    queue: PendingQueue,
    view: Records,
}

impl Waiting {
    fn new() -> Waiting {
        let mut room = Room::new(Scope::Project(id("p")), id("e1"), 0, Records::new());
        let track = |name: &str| fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
        let clip = fields([
            ("trackId", "a".into()),
            ("name", "Riff".into()),
            ("startBeat", 0.0.into()),
            ("durationBeats", 4.0.into()),
        ]);
        let song = vec![
            create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
            create(Table::Tracks, &id("a"), track("A")),
            create(Table::Tracks, &id("b"), track("B")),
            create(Table::Clips, &id("k"), clip),
        ];
        room.submit(&Author::User(id("ann")), &transaction("song", song), SHOWN).unwrap();
        Waiting { queue: PendingQueue::default(), view: room.records().clone() }
    }

    fn push(&mut self, tx_id: &str, operations: Vec<Operation>, takes_back: Option<&str>) {
        let by = (&Scope::Project(id("p")), &Author::User(id("ann")));
        let how = (false, takes_back.map(id));
        self.queue.push(transaction(tx_id, operations), &mut self.view, by, SHOWN, how).unwrap();
    }

    /// With these waiting as `t`.
    fn with(operations: Vec<Operation>) -> Waiting {
        let mut waiting = Waiting::new();
        waiting.push("t", operations, None);
        waiting
    }

    fn replay(&mut self, mut onto: Records) {
        let by = (&Scope::Project(id("p")), &Author::User(id("ann")));
        self.queue.replay(&mut onto, by, &mut BTreeSet::new());
    }

    fn takes_in(&self, tx_id: &str, operations: &[Operation]) -> bool {
        self.queue.may_coalesce(&id(tx_id), operations)
    }

    fn operations(&self, tx_id: &str) -> Vec<Operation> {
        let mut found = self.queue.iter().filter(|(transaction, _)| transaction.tx_id == id(tx_id));
        found.next().unwrap().0.operations.clone()
    }
}

#[test]
fn cl2_what_is_being_kept_waits_until_all_of_it_is_kept_and_is_sent_once() {
    let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
    waiting.queue.take_ready(true);
    assert!(waiting.queue.kept(&id("t"), Some(1), false));
    assert!(waiting.queue.take_ready(true).is_empty(), "it is on its way");

    let mut again = Waiting::with(vec![volume("a", 0.5)]);
    assert_eq!(again.queue.keep_again().len(), 1);
    let accepted = Accepted { operations: Vec::new(), inverse: Vec::new(), changed: Vec::new(), skipped: Vec::new() };
    again.queue.coalesce(vec![volume("a", 0.6)], accepted, SHOWN, true);
    assert!(again.queue.kept(&id("t"), Some(1), false));
    assert!(again.queue.take_ready(true).is_empty(), "what is kept is the former");
    assert!(again.queue.kept_at(&id("t")).is_none());
    assert!(again.queue.kept(&id("t"), Some(1), false));
    assert_eq!(again.queue.kept_at(&id("t")).unwrap().0, 1);
    assert_eq!(again.queue.take_ready(true).len(), 1);
}

#[test]
fn cl4_what_another_tab_is_going_to_send_stays_as_it_is() {
    let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
    assert!(waiting.queue.kept(&id("t"), Some(1), false));
    assert!(waiting.takes_in("t", &[volume("a", 0.6)]));
    assert!(waiting.queue.kept(&id("t"), Some(1), true));
    assert!(!waiting.takes_in("t", &[volume("a", 0.6)]));
    assert!(waiting.queue.kept(&id("t"), Some(1), false));
    assert!(!waiting.takes_in("t", &[volume("a", 0.6)]), "for ever");
}

#[test]
fn cl4_what_is_not_kept_any_more_goes_with_what_it_touched_and_the_rest_stays() {
    let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
    waiting.push("u", vec![volume("b", 0.5)], None);
    waiting.push("v", vec![volume("a", 1.0)], Some("t"));
    for (tx_id, place) in [("t", 1), ("u", 2), ("v", 3)] {
        assert!(waiting.queue.kept(&id(tx_id), Some(place), false));
        let (at, kept) = waiting.queue.kept_at(&id(tx_id)).unwrap();
        assert_eq!((at, kept.transaction.tx_id), (place, id(tx_id)));
    }
    waiting.queue.based(&id("t"), Some(&[volume("a", 0.3)]), false);
    let mut keys = BTreeSet::new();
    waiting.queue.retain_kept(&BTreeSet::from([1, 2, 3]), &mut keys);
    assert_eq!((waiting.queue.len(), keys.len()), (3, 0));
    waiting.queue.retain_kept(&BTreeSet::from([2, 3]), &mut keys);
    assert_eq!(keys, BTreeSet::from([Key::new(Table::Tracks, id("a"))]));
    assert!(!waiting.queue.contains(&id("t")) && waiting.queue.contains(&id("u")));
    waiting.push("w", vec![volume("b", 0.7)], None);
    waiting.queue.retain_kept(&BTreeSet::new(), &mut keys);
    assert!(waiting.queue.contains(&id("w")), "it was never kept");
}

#[test]
fn un3_what_waits_to_take_an_edit_back_is_known_until_it_is_sent() {
    let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
    waiting.push("u", vec![volume("b", 0.5)], None);
    waiting.push("v", vec![volume("a", 1.0)], Some("t"));
    let taker = |waiting: &Waiting, of: &str| waiting.queue.taker_back_of(&id(of)).map(|taker| taker.tx_id);
    assert_eq!(taker(&waiting, "t"), Some(id("v")));
    assert_eq!(taker(&waiting, "u"), None);
    waiting.queue.settle(&id("t"), &mut BTreeSet::new());
    waiting.queue.take_ready(true);
    assert_eq!(taker(&waiting, "t"), None);
}

/// As another tab has kept it.
fn kept(tx_id: &str, operations: Vec<Operation>) -> Kept {
    Kept { transaction: transaction(tx_id, operations), time: SHOWN, takes_back: None }
}

#[test]
fn cl4_what_another_tab_has_made_other_is_so_here_unless_it_is_on_its_way() {
    let mut waiting = Waiting::new();
    waiting.queue.adopt(1, kept("t", vec![volume("a", 0.5)]));
    waiting.queue.adopt(2, kept("u", vec![volume("b", 0.5)]));
    waiting.queue.adopt(1, kept("t", vec![volume("a", 0.6)]));
    assert_eq!((waiting.queue.len(), waiting.operations("t")), (2, vec![volume("a", 0.6)]));
    assert_eq!(waiting.operations("u"), [volume("b", 0.5)]);
    waiting.queue.adopt(3, kept("t", vec![volume("a", 0.7)]));
    assert_eq!(waiting.operations("t"), [volume("a", 0.6)], "what is kept elsewhere is older");
    assert_eq!(waiting.queue.take_ready(true).len(), 1);
    waiting.queue.adopt(1, kept("t", vec![volume("a", 0.8)]));
    assert_eq!(
        (waiting.queue.len(), waiting.operations("t")),
        (2, vec![volume("a", 0.6)]),
        "it has been sent like this"
    );
}

#[test]
fn cl2_the_queue_is_in_the_order_of_its_places() {
    let mut waiting = Waiting::with(vec![volume("a", 0.1)]);
    for (tx_id, place) in [("u", 7), ("v", 5)] {
        waiting.queue.adopt(place, kept(tx_id, vec![volume("a", 0.2)]));
    }
    waiting.push("w", vec![volume("a", 0.3)], None);
    assert!(waiting.queue.sort());
    assert!(!waiting.queue.sort(), "it is in order");
    let order: Vec<&str> = waiting.queue.iter().map(|(transaction, _)| transaction.tx_id.as_str()).collect();
    assert_eq!(order, ["v", "t", "u", "w"], "what is not kept stays before what came after it");
}

/// The browser gave a write up, or ended it, of what waits to take `t` back; then `t` meets another value.
fn met_another(waiting: &mut Waiting) -> Vec<Kept> {
    waiting.queue.based(&id("t"), Some(&[volume("a", 0.3)]), true)
}

#[test]
fn un3_an_undo_that_does_something_else_is_kept_again_if_it_is_kept_or_being_kept() {
    let undo = || {
        let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
        waiting.push("v", vec![volume("a", 1.0)], Some("t"));
        waiting
    };
    let mut unkept = undo();
    assert!(met_another(&mut unkept).is_empty(), "it would get a place behind what came after it");
    assert_eq!(unkept.operations("v"), [volume("a", 0.3)]);

    let mut placed = undo();
    assert!(placed.queue.kept(&id("v"), Some(2), false));
    let again = met_another(&mut placed);
    assert_eq!(again.iter().map(|kept| &kept.transaction.operations).collect::<Vec<_>>(), [&vec![volume("a", 0.3)]]);
    assert!(met_another(&mut placed).is_empty(), "nothing else than before");

    let mut being_kept = undo();
    assert_eq!(being_kept.queue.keep_again().len(), 2);
    assert_eq!(met_another(&mut being_kept).len(), 1);
    being_kept.queue.settle(&id("t"), &mut BTreeSet::new());
    assert!(being_kept.queue.kept(&id("v"), Some(2), false));
    assert!(being_kept.queue.take_ready(true).is_empty(), "the second write of it goes on");
    assert!(being_kept.queue.kept(&id("v"), Some(2), false));
    assert_eq!(being_kept.queue.take_ready(true).len(), 1);
}

#[test]
fn un3_an_undo_takes_back_its_own_edit_and_no_other_that_waits() {
    let mut waiting = Waiting::with(vec![volume("b", 0.5)]);
    waiting.push("u", vec![volume("a", 0.5)], None);
    let inverse = waiting.queue.inverse_of(&id("u")).unwrap().to_vec();
    assert_eq!(inverse.iter().map(|operation| &operation.change).collect::<Vec<_>>(), [&volume("a", 1.0).change]);
    assert!(waiting.queue.inverse_of(&id("nobody")).is_none());
    waiting.push("v", inverse, Some("u"));
    waiting.replay(Waiting::new().view);
    let done = waiting.operations("v");
    assert_eq!((&done[0].target.id, done.len()), (&id("a"), 1));
    waiting.replay(Records::new());
    assert!(waiting.queue.inverse_of(&id("u")).is_none(), "it does nothing there");
}

#[test]
fn cl1_what_others_did_elsewhere_leaves_what_waits_as_it_is() {
    let independent = |operations: &[Operation], table: Table, of: &str| {
        Waiting::with(operations.to_vec()).queue.is_independent_of(&BTreeSet::from([Key::new(table, id(of))]))
    };
    let on_track = [volume("a", 0.5)];
    let on_clip = [set(Table::Clips, &id("k"), "startBeat", 8.0)];
    assert!(independent(&on_track, Table::Clips, "k"));
    assert!(independent(&on_clip, Table::Tracks, "a"));
    assert!(independent(&on_clip, Table::Clips, "l"));
    assert!(!independent(&on_clip, Table::Clips, "k"));
    assert!(!independent(&on_track, Table::Tracks, "a"));
    assert!(!independent(&on_track, Table::Tracks, "b"), "tracks have an order among them");
    assert!(!independent(&on_clip, Table::Projects, "p"), "roles are looked up there");
    assert!(!independent(&on_clip, Table::ProjectMembers, "m"));
    let mut in_part = Waiting::with(on_clip.to_vec());
    in_part.replay(Records::new());
    let elsewhere = BTreeSet::from([Key::new(Table::Clips, id("l"))]);
    assert!(!in_part.queue.is_independent_of(&elsewhere), "what does not fit now may fit then");
}

#[test]
fn cl1_what_waits_is_done_again_where_something_was_replaced_and_only_there() {
    let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
    waiting.push("u", vec![volume("b", 0.5)], None);
    // Of the two records only one is there.
    let a = Key::new(Table::Tracks, id("a"));
    let mut view = Records::new();
    view.insert(Table::Tracks, Waiting::new().view.get(&a).unwrap().clone());
    assert!(waiting.queue.redo(&mut view, &BTreeSet::from([a.clone()])));
    assert_eq!(view.get(&a).unwrap().number("volume"), Some(0.5));
    assert!(!waiting.queue.redo(&mut view, &BTreeSet::from([Key::new(Table::Tracks, id("b"))])), "it is not there");
}

#[test]
fn cl3_what_the_server_has_failed_on_is_sent_again_until_it_has_too_often() {
    let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
    waiting.push("u", vec![volume("b", 0.5)], None);
    let sent = |queue: &mut PendingQueue| queue.take_ready(true).iter().map(Vec::len).sum::<usize>();
    for failures in 1..=FAILURES_MAX {
        assert_eq!(sent(&mut waiting.queue), 2, "after {failures} failures less one");
        waiting.queue.failed(&id("t"));
        waiting.queue.send_again();
    }
    assert_eq!(sent(&mut waiting.queue), 1, "the other goes first");
    assert_eq!(waiting.queue.parked(), 0);
    waiting.queue.something_passed();
    waiting.queue.failed(&id("t"));
    assert!(waiting.queue.is_parked(&id("t")) && !waiting.queue.is_parked(&id("u")));
    waiting.queue.send_again();
    waiting.queue.unpark();
    assert!(!waiting.queue.is_parked(&id("t")));
    assert_eq!(sent(&mut waiting.queue), 2);
    waiting.queue.something_passed();
    waiting.queue.failed(&id("t"));
    waiting.queue.send_again();
    assert!(!waiting.queue.is_parked(&id("t")), "it is counted anew");
}

#[test]
fn w6_a_frame_has_as_many_transactions_as_it_may_and_not_one_more() {
    let mut waiting = Waiting::new();
    for n in 0..=SUBMIT_TRANSACTIONS_MAX {
        waiting.push(&format!("t{n}"), vec![volume("a", 0.5)], None);
    }
    assert_eq!(waiting.queue.take_ready(true).iter().map(Vec::len).collect::<Vec<_>>(), [SUBMIT_TRANSACTIONS_MAX, 1]);
}

fn volume(track: &str, value: f64) -> Operation {
    set(Table::Tracks, &id(track), "volume", value)
}

#[test]
fn cl8_an_edit_takes_in_another_of_the_same_places_only() {
    let waiting = Waiting::with(vec![volume("a", 0.5)]);
    assert!(waiting.takes_in("t", &[volume("a", 0.6)]));
    assert!(!waiting.takes_in("u", &[volume("a", 0.6)]), "that one is not the youngest");
    assert!(!waiting.takes_in("t", &[volume("b", 0.6)]));
    assert!(!waiting.takes_in("t", &[set(Table::Tracks, &id("a"), "pan", 0.6)]));
    assert!(!waiting.takes_in("t", &[volume("a", 0.6), volume("b", 0.6)]));
    assert!(!waiting.takes_in("t", &[Operation { guard: Some(Guard::default()), ..volume("a", 0.6) }]));
    assert!(!waiting.takes_in("t", &[unset(Table::Tracks, &id("a"), "volume")]));
    assert!(!PendingQueue::default().may_coalesce(&id("t"), &[]));
}

#[test]
fn cl8_an_edit_that_does_more_than_set_takes_in_nothing() {
    let colour = |value: &str| set(Table::Tracks, &id("a"), "colour", value);
    let set_first = Waiting::with(vec![colour("#112233")]);
    assert!(set_first.takes_in("t", &[colour("#445566")]));
    let unset_first = Waiting::with(vec![unset(Table::Tracks, &id("a"), "colour")]);
    assert!(!unset_first.takes_in("t", &[colour("#445566")]));
    let track = || fields([("projectId", "p".into()), ("name", "C".into()), ("type", "audio".into())]);
    let creation = create(Table::Tracks, &id("c"), track());
    assert!(!Waiting::with(vec![creation.clone()]).takes_in("t", &[creation]));
    let deletion = delete(Table::Tracks, &id("a"));
    assert!(!Waiting::with(vec![deletion]).takes_in("t", &[volume("a", 0.6)]));
}

#[test]
fn wr6_cl8_what_may_be_on_its_way_takes_in_nothing_more() {
    let mut sent = Waiting::with(vec![volume("a", 0.5)]);
    assert_eq!(sent.queue.take_ready(true).len(), 1);
    assert!(!sent.takes_in("t", &[volume("a", 0.6)]));
    sent.queue.send_again();
    assert!(!sent.takes_in("t", &[volume("a", 0.6)]), "it may have arrived");

    let mut shared = Waiting::with(vec![volume("a", 0.5)]);
    shared.queue.fix();
    assert!(!shared.takes_in("t", &[volume("a", 0.6)]), "another tab may be sending it");

    let mut parked = Waiting::with(vec![volume("a", 0.5)]);
    parked.queue.take_ready(true);
    (0..FAILURES_MAX).for_each(|_| parked.queue.failed(&id("t")));
    parked.queue.something_passed();
    parked.queue.failed(&id("t"));
    parked.push("u", vec![volume("a", 0.6)], None);
    assert!(parked.takes_in("u", &[volume("a", 0.7)]));
    assert!(parked.queue.take_ready(true).is_empty(), "it depends on what is set aside");
    assert!(!parked.takes_in("u", &[volume("a", 0.7)]));
}

#[test]
fn wr6_what_was_sent_does_what_it_did_whatever_it_takes_back_has_met() {
    let mut waiting = Waiting::with(vec![volume("a", 0.5)]);
    waiting.push("u", vec![volume("a", 1.0)], Some("t"));
    waiting.queue.based(&id("t"), Some(&[volume("a", 0.3)]), false);
    assert_eq!(waiting.operations("u"), [volume("a", 0.3)], "it has not been sent");
    waiting.queue.settle(&id("t"), &mut Default::default());
    assert_eq!(waiting.queue.take_ready(true).len(), 1);
    waiting.queue.based(&id("t"), Some(&[volume("a", 0.2)]), false);
    assert_eq!(waiting.operations("u"), [volume("a", 0.3)]);
}
