//! What only a mutated program gets wrong (SI4): each of these was a mutation that no other test of this crate noticed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::limits::STAMPS_PER_RECORD_MAX;
use model::{Id, Key, List, Map, Record, Records, Table, Timestamp, Value, fields};
use operations::build::{create, list_remove, set};
use operations::{
    Author, Change, Guard, Operation, Path, Refusal, Scope, Transaction, apply, apply_committed, invert, transact,
};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn element(name: &str, n: u32) -> Value {
    Value::map([("id", name.into()), ("n", n.into())])
}

fn record(name: &str) -> Record {
    let list = Value::list([element("e1", 1), element("e2", 2)]);
    Record::new(id(name), 7, fields([("list", list)]))
}

fn transaction(author: &str, operations: Vec<Operation>) -> Transaction {
    Transaction {
        tx_id: id("tx"),
        author_id: id(author),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    }
}

#[test]
fn un3_a_stamp_says_which_version_the_write_made() {
    let mut records = Records::new();
    records.insert(Table::Tracks, record("r"));
    let operations = [set(Table::Tracks, &id("r"), "volume", 0.5)];
    apply_committed(&mut records, &id("tx"), &operations, Timestamp(0)).unwrap();
    let after = records.find(Table::Tracks, &id("r")).unwrap();
    let stamps: Vec<(&str, u64)> = after.stamps().iter().map(|(path, _, version)| (path, version)).collect();
    assert_eq!((after.version(), stamps), (8, vec![("volume", 8)]));
}

#[test]
fn op5_an_element_can_be_set_as_a_whole_by_its_id() {
    let operation = set(Table::Tracks, &id("r"), "list.e1", element("e1", 9));
    let after = apply(&record("r"), &operation, Timestamp(0)).unwrap();
    assert_eq!(*after.get("list"), Value::list([element("e1", 9), element("e2", 2)]));
}

#[test]
fn op4_what_is_there_already_is_named_as_the_reason() {
    let refused = apply(&record("r"), &create(Table::Tracks, &id("r"), fields([])), Timestamp(0)).unwrap_err();
    assert!(refused.message.contains("exists already"), "{refused}");
    let keyless = Operation { change: Change::Unset, ..create(Table::Tracks, &id("r"), fields([])) };
    assert!(apply(&record("r"), &keyless, Timestamp(0)).unwrap_err().message.contains("needs a key"));
}

#[test]
fn wr9_changed_records_are_named_once_in_the_order_of_their_first_change() {
    let mut records = Records::new();
    ["a", "b"].iter().for_each(|name| records.insert(Table::Tracks, record(name)));
    let write = |name: &str, n: u32| set(Table::Tracks, &id(name), "n", n);
    let operations = [write("b", 1), write("a", 2), write("b", 3), write("a", 4)];
    let changed = apply_committed(&mut records, &id("tx"), &operations, Timestamp(0)).unwrap();
    assert_eq!(changed, [Key::new(Table::Tracks, id("b")), Key::new(Table::Tracks, id("a"))]);
}

#[test]
fn un3_taking_back_a_creation_insists_that_nobody_has_deleted_it() {
    let creation = create(Table::Tracks, &id("n"), fields([]));
    let inverse = invert(None, &id("tx"), &creation).unwrap();
    assert_eq!((inverse.path.as_str(), inverse.guard), ("deleted", Some(Guard::default())));
}

#[test]
fn un4_an_element_goes_back_to_its_place_and_a_list_that_holds_it_twice_comes_back_whole() {
    let remove = list_remove(Table::Tracks, &id("r"), "list", "u");
    let with =
        |names: &[&str]| Record::new(id("r"), 1, fields([("list", Value::list(names.iter().map(|n| (*n).into())))]));
    let once = invert(Some(&with(&["v", "u"])), &id("tx"), &remove).unwrap();
    assert!(matches!(once.change, Change::ListInsert(..)), "{once:?}");
    let twice = invert(Some(&with(&["u", "v", "u"])), &id("tx"), &remove).unwrap();
    let whole = List::from_iter(["u", "v", "u"].map(Value::from));
    assert_eq!(twice.change, Change::Set(Value::List(whole)));
}

#[test]
fn w2_wr5_base_versions_are_read_and_written() {
    let text = r#"{"txId":"t","authorId":"a","operations":[],"baseVersions":{"tracks:x":3}}"#;
    let read: Transaction = serde_json::from_str(text).unwrap();
    assert_eq!(read.base_versions.iter().collect::<Vec<_>>(), [(&"tracks:x".to_owned(), &3)]);
    let bytes = postcard::to_stdvec(&read).unwrap();
    assert_eq!(postcard::from_bytes::<Transaction>(&bytes).unwrap(), read);
    let none: Transaction = serde_json::from_str(&text.replace("{\"tracks:x\":3}", "null")).unwrap();
    assert!(none.base_versions.is_empty());
}

#[test]
fn w2_a_path_is_shown_as_it_is_written() {
    assert_eq!(Path::new("plugins.eq1.params.freq").unwrap().to_string(), "plugins.eq1.params.freq");
}

#[test]
fn w6_a_transaction_has_operations_and_not_too_many() {
    let (mut records, scope, ann) = (Records::new(), Scope::Project(id("p")), Author::User(id("ann")));
    let write = set(Table::Tracks, &id("t"), "volume", 0.5);
    for count in [0, model::limits::TRANSACTION_OPERATIONS_MAX + 1] {
        let many = transaction("ann", vec![write.clone(); count]);
        let refused = transact(&mut records, &scope, &ann, &many, Timestamp(0)).unwrap_err();
        assert!(refused.message.contains("a transaction has 1 to"), "{refused}");
    }
}

#[test]
fn wr4_ones_own_user_record_is_a_scope_of_its_own() {
    let mut records = Records::new();
    for name in ["ann", "bob"] {
        let person = [("name", Value::text(name)), ("colour", "#112233".into()), ("email", "a@example.org".into())];
        records.insert(Table::Users, Record::new(id(name), 1, fields(person)));
    }
    let (scope, ann) = (Scope::User(id("ann")), Author::User(id("ann")));
    let mut attempt = |table: Table, name: &str| {
        let rename = transaction("ann", vec![set(table, &id(name), "name", "New")]);
        transact(&mut records, &scope, &ann, &rename, Timestamp(0)).map_err(|refusal| refusal.message)
    };
    assert!(attempt(Table::Users, "ann").is_ok());
    for (table, name) in [(Table::Users, "bob"), (Table::Tracks, "ann")] {
        assert!(attempt(table, name).unwrap_err().contains("touches one project"), "{table:?} {name}");
    }
}

/// A project `p` of ann's with the editor ed and the track `t`.
fn song() -> Records {
    let mut records = Records::new();
    let founded = transaction(
        "ann",
        vec![
            create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
            create(Table::Tracks, &id("t"), track("Bass")),
            create(Table::ProjectMembers, &id("m"), member("ed")),
        ],
    );
    submit(&mut records, &Author::User(id("ann")), &founded).unwrap();
    records
}

fn submit(records: &mut Records, author: &Author, transaction: &Transaction) -> Result<(), Refusal> {
    transact(records, &Scope::Project(id("p")), author, transaction, Timestamp(7_000)).map(drop)
}

fn track(name: &str) -> Map {
    fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())])
}

fn member(user: &str) -> Map {
    fields([("projectId", "p".into()), ("userId", user.into()), ("role", "editor".into())])
}

/// One field of a record that this author has created with this given besides what it needs.
fn created(author: &Author, table: Table, given: Map, extra: (&str, Value), field: &str) -> Value {
    let mut records = song();
    let mut given = given;
    given.insert(extra.0.into(), extra.1);
    let creation = transaction(author.id().as_str(), vec![create(table, &id("n"), given)]);
    submit(&mut records, author, &creation).unwrap();
    records.find(table, &id("n")).unwrap().get(field).clone()
}

fn recording() -> Map {
    fields([
        ("projectId", "p".into()),
        ("filename", "a.wav".into()),
        ("contentHash", Value::text(&"0".repeat(64))),
        ("sizeBytes", 100.into()),
    ])
}

#[test]
fn si4_wr1_op4_what_the_server_writes_it_may_give_and_nobody_else() {
    let ann = Author::User(id("ann"));
    let state = |author: &Author| created(author, Table::AudioFiles, recording(), ("state", "ready".into()), "state");
    assert_eq!(state(&ann), Value::text("awaiting"));
    assert_eq!(state(&Author::System), Value::text("ready"));
    let null = created(&ann, Table::Tracks, track("New"), ("volume", Value::Null), "volume");
    assert_eq!(null, Value::from(1.0), "nothing is as good as not given");
    let version = || fields([("projectId", "p".into()), ("name", "Mix".into())]);
    let of = |table, given: Map, field: &str| created(&ann, table, given, ("name", "N".into()), field);
    assert_eq!(of(Table::Versions, version(), "createdBy"), Value::text("ann"));
    assert_eq!(of(Table::Versions, version(), "txId"), Value::text("tx"));
    let named = created(&ann, Table::AudioFiles, recording(), ("filename", "b.wav".into()), "uploadedBy");
    assert_eq!(named, Value::text("ann"));
}

#[test]
fn si4_pe3_an_editor_makes_nobody_a_member_whatever_comes_before_it() {
    let ed = Author::User(id("ed"));
    let invite = || create(Table::ProjectMembers, &id("n"), member("eve"));
    let before: [&[Operation]; 4] = [
        &[],
        &[create(Table::Tracks, &id("n"), track("New"))],
        &[create(Table::Tracks, &id("o"), track("New"))],
        &[set(Table::Projects, &id("p"), "name", "Mine")],
    ];
    for first in before {
        let mut records = song();
        let attempt = transaction("ed", [first, &[invite()]].concat());
        assert_eq!(submit(&mut records, &ed, &attempt).unwrap_err().status, 403, "{first:?}");
        let raised = transaction("ed", [first, &[set(Table::ProjectMembers, &id("m"), "role", "owner")]].concat());
        assert_eq!(submit(&mut records, &ed, &raised).unwrap_err().status, 403, "{first:?}");
    }
}

#[test]
fn si4_un3_w6_a_guard_names_places_and_not_too_many() {
    let places = |count: usize| (0..count).map(|n| (format!("p{n}").into(), id("x"))).collect();
    let attempt = |guard: Guard| {
        let guarded = Operation { guard: Some(guard), ..set(Table::Tracks, &id("t"), "volume", 0.5) };
        submit(&mut song(), &Author::User(id("ann")), &transaction("ann", vec![guarded])).unwrap_err().message
    };
    for count in [STAMPS_PER_RECORD_MAX + 1, 2 * STAMPS_PER_RECORD_MAX] {
        assert!(attempt(Guard { finds: places(count), ..Guard::default() }).contains("at most"));
        assert!(attempt(Guard { leaves: places(count), ..Guard::default() }).contains("at most"));
    }
    let full = attempt(Guard { finds: places(STAMPS_PER_RECORD_MAX), ..Guard::default() });
    assert!(!full.contains("at most"), "{full}");
    let nowhere = Guard { leaves: [("a..b".into(), id("x"))].into(), ..Guard::default() };
    let wrong = attempt(nowhere);
    let why = Path::new("a..b").unwrap_err().message;
    assert!(wrong.ends_with(&why), "{wrong}");
}
