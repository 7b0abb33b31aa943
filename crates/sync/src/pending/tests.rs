//! What only the queue itself can tell: which commits are told apart from what the view showed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Id, Table, Timestamp, Value, fields};
use operations::build::{create, list_insert, list_remove, set};
use operations::{Guard, Operation, Position, Transaction};

use super::Settled;

const SHOWN: Timestamp = Timestamp(1_000);
const COMMITTED: Timestamp = Timestamp(2_000);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// What was shown is committed as `committed`.
fn foreseen(shown: &[Operation], committed: &[Operation]) -> bool {
    let transaction = Transaction {
        tx_id: id("t"),
        author_id: id("ann"),
        operations: shown.to_vec(),
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    };
    let oldest_applied = Some(shown.to_vec());
    Settled { transaction, inverse: Vec::new(), skipped: 0, oldest_applied, time: SHOWN }
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
        (name("x"), set(Table::Tracks, &id("a"), "color", "x"), false),
        (name("x"), Operation { guard: Some(Guard::default()), ..name("x") }, false),
    ] {
        assert_eq!(foreseen(&[shown.clone()], &[committed.clone()]), expected, "{shown:?} committed as {committed:?}");
    }
}

#[test]
fn cl1_a_creation_with_other_fields_was_not_foreseen() {
    let created = |given: &[(&str, &str)]| {
        create(Table::Tracks, &id("a"), given.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    };
    let shown = created(&[("name", "n"), ("type", "audio")]);
    assert!(foreseen(&[shown.clone()], &[created(&[("name", "n"), ("type", "audio")])]));
    assert!(!foreseen(&[shown.clone()], &[created(&[("name", "n")])]));
    assert!(!foreseen(&[created(&[("name", "n")])], &[shown.clone()]));
    assert!(!foreseen(&[shown], &[created(&[("name", "n"), ("color", "audio")])]));
}

#[test]
fn cl1_what_did_nothing_or_something_more_was_not_foreseen() {
    assert!(!foreseen(&[], &[]));
    assert!(!foreseen(&[name("x")], &[]));
    assert!(!foreseen(&[name("x")], &[name("x"), name("y")]));
    assert!(foreseen(&[name("x"), name("y")], &[name("x"), name("y")]));
}
