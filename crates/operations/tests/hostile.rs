//! What anybody may send, read by everybody: nonsense is refused, and nothing panics (SI3).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Id, Records, Table, Timestamp, fields};
use operations::build::{create, list_insert, set};
use operations::{Author, Operation, Position, Scope, Transaction, transact};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn transaction(operations: Vec<Operation>) -> Transaction {
    Transaction {
        tx_id: id("t"),
        author_id: id("ann"),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    }
}

/// A song with a track, and what a client would send to change it.
fn song() -> (Records, Scope, Transaction) {
    let (mut records, scope, ann) = (Records::new(), Scope::Project(id("p")), Author::User(id("ann")));
    let track = fields([("projectId", "p".into()), ("name", "Bass".into()), ("type", "audio".into())]);
    let made = transaction(vec![
        create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
        create(Table::Tracks, &id("a"), track),
    ]);
    transact(&mut records, &scope, &ann, &made, Timestamp(5)).unwrap();
    let plugin = model::Value::map([("id", "eq".into()), ("type", "filter".into())]);
    let next = transaction(vec![
        set(Table::Tracks, &id("a"), "volume", 0.5),
        set(Table::Projects, &id("p"), "bpm", 99.5),
        list_insert(Table::Tracks, &id("a"), "plugins", plugin, Position::Append),
        set(Table::Tracks, &id("a"), "plugins.eq.bypassed", true),
    ]);
    (records, scope, next)
}

/// Damage: at a place, so many bytes give way to others.
fn damage() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    let bits: Vec<&[u8]> = vec![
        b"\"",
        b"{",
        b"[",
        b"]}",
        b"null",
        b"-1e308",
        b"1e-320",
        b"\\ud800",
        b"\xff",
        b",",
        b":",
        b"__proto__",
        b".",
    ];
    let with =
        prop_oneof![prop::sample::select(bits).prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 0..4),];
    (any::<usize>(), 0..12usize, with)
}

fn damaged(mut bytes: Vec<u8>, damages: Vec<(usize, usize, Vec<u8>)>) -> Vec<u8> {
    for (at, count, with) in damages {
        let at = at % (bytes.len() + 1);
        let to = (at + count).min(bytes.len());
        bytes.splice(at..to, with);
    }
    bytes
}

/// What is read is judged as well: either all of it happens or nothing.
fn judge(read: Option<Transaction>) {
    let Some(read) = read else { return };
    let (mut records, scope, _) = song();
    let before = records.clone();
    if transact(&mut records, &scope, &Author::User(id("ann")), &read, Timestamp(9)).is_err() {
        assert_eq!(records, before, "refused, and yet something has changed");
    }
}

/// As many cases as `FUZZ_CASES` says; a thousand in a run of all tests.
fn bounded() -> ProptestConfig {
    let cases = std::env::var("FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(5), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn si3_wr4_damaged_json_is_refused_or_done_and_nothing_panics(damages in prop::collection::vec(damage(), 1..5)) {
        let text = serde_json::to_vec(&song().2).unwrap();
        judge(serde_json::from_slice(&damaged(text, damages)).ok());
    }

    #[test]
    fn si3_wr4_damaged_frames_are_refused_or_done_and_nothing_panics(damages in prop::collection::vec(damage(), 1..5)) {
        let bytes = postcard::to_stdvec(&song().2).unwrap();
        judge(postcard::from_bytes(&damaged(bytes, damages)).ok());
    }

    #[test]
    fn si3_arbitrary_text_is_no_operation_or_one(text in r#"[\[\]{}",:a-z0-9. ]{0,200}"#) {
        let _ = serde_json::from_str::<Operation>(&text);
        let _ = serde_json::from_str::<Transaction>(&text);
    }
}

#[test]
fn the_undamaged_transaction_is_taken() {
    let (mut records, scope, next) = song();
    transact(&mut records, &scope, &Author::User(id("ann")), &next, Timestamp(9)).unwrap();
}
