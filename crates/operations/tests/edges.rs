//! What only a mutated program gets wrong (SI4): each of these was a mutation that no other test of this crate noticed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Id, Key, List, Record, Records, Table, Timestamp, Value, fields};
use operations::build::{create, list_remove, set};
use operations::{
    Author, Change, Guard, Operation, Path, Scope, Transaction, apply, apply_committed, invert, transact,
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
