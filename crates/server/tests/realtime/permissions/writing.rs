//! The matrix of writing.

use std::collections::BTreeSet;

use model::Table;
use model::schema::TableSchema;
use operations::build::{create, delete, list_insert, list_remove, restore, set, unset};
use operations::{Change, Operation, Position};

use super::{CONTENT, World, askers, content, fields, member, membership_of, table};
use crate::band::id;

/// An operation that has no row would not compile.
fn kind(change: &Change) -> &'static str {
    match change {
        Change::Set(_) => "set",
        Change::SetNow => "set-now",
        Change::Unset => "unset",
        Change::ListInsert(..) => "listInsert",
        Change::ListRemove(_) => "listRemove",
    }
}

const KINDS: [&str; 5] = ["set", "set-now", "unset", "listInsert", "listRemove"];

/// What somebody tries in a row of the table, and what has to be so before they do.
fn attempt(table: Table, operation: &str, case: &str, me: &str) -> (Vec<Operation>, Operation) {
    let (whose, states) = case.rsplit_once(": ").unwrap_or(("", case));
    let (before, after) = states.split_once(" → ").unwrap();
    let (members, p) = (Table::ProjectMembers, id("p"));
    let only_owner = || vec![set(members, &p, "role", "viewer")];
    let operation = match (table, operation, whose) {
        (Table::Users, "set", "one's own") if before == "none" => {
            create(table, &id(me), fields([("name", "Me".into())]))
        }
        (Table::Users, "set", "nobody's") => create(table, &id("nobody-yet"), fields([("name", "X".into())])),
        (Table::Users, _, "one's own" | "a fellow's") => {
            let user = id(if whose == "one's own" { me } else { "ada" });
            match operation {
                "set" => set(table, &user, "name", "New"),
                "set-now" => delete(table, &user),
                "unset" => unset(table, &user, "name"),
                "listInsert" => list_insert(table, &user, "name", "x", Position::Append),
                _ => list_remove(table, &user, "name", "x"),
            }
        }
        (Table::Projects, "set", "a new one") => {
            create(table, &id(&format!("new-{me}")), fields([("name", "N".into())]))
        }
        (Table::Projects, "set", "this one again") => create(table, &p, fields([("name", "N".into())])),
        (Table::Projects, "set", "") => set(table, &p, "name", "New"),
        (Table::Projects, "set-now", "") => delete(table, &p),
        (Table::Projects, "unset", "") => restore(table, &p),
        (Table::Projects, "listInsert", whose) => {
            let user = match whose {
                "a new collaborator" => "new",
                "a collaborator already" => "another",
                _ => me,
            };
            list_insert(table, &p, "collaborators", user, Position::Append)
        }
        (Table::Projects, "listRemove", "a collaborator") => list_remove(table, &p, "collaborators", "another"),
        (Table::Projects, "listRemove", "the last owner") => {
            return (only_owner(), list_remove(table, &p, "collaborators", "owner"));
        }
        (Table::ProjectMembers, "set", "another's") => member("m-new", "p", "new", "viewer"),
        (Table::ProjectMembers, "set", "another's, as an owner") => member("m-new", "p", "new", "owner"),
        (Table::ProjectMembers, "set", "one's own, as an owner") => member("m-mine", "p", me, "owner"),
        (Table::ProjectMembers, "set", "another's role") => {
            set(table, &id(if before == "deleted" { "m-gone" } else { "m-another" }), "role", "owner")
        }
        (Table::ProjectMembers, "set", "one's own role, to owner") => set(table, &membership_of(me), "role", "owner"),
        (Table::ProjectMembers, "set", "one's own role, to viewer") => set(table, &membership_of(me), "role", "viewer"),
        (Table::ProjectMembers, "set", "the last owner's role") => {
            return (only_owner(), set(table, &id("m-owner"), "role", "editor"));
        }
        (Table::ProjectMembers, "set-now", "the last owner's") => return (only_owner(), delete(table, &id("m-owner"))),
        (Table::ProjectMembers, "set-now", "another's") => {
            delete(table, &id(if before == "deleted" { "m-gone" } else { "m-another" }))
        }
        (Table::ProjectMembers, "set-now", "one's own") => delete(table, &membership_of(me)),
        (Table::ProjectMembers, "unset", "another's") => restore(table, &id("m-gone")),
        (Table::ProjectMembers, "unset", "one's own, beside one that holds") => {
            restore(table, &if me == "owner" { id("m-owner-old") } else { membership_of(me) })
        }
        (Table::ProjectMembers, "unset", "one's own") => restore(table, &membership_of(me)),
        (Table::ProjectMembers, "listInsert", "") => {
            list_insert(table, &id("m-another"), "role", "x", Position::Append)
        }
        (Table::ProjectMembers, "listRemove", "") => list_remove(table, &id("m-another"), "role", "x"),
        (Table::Clips, "set", "under a deleted track") => content(table, "fresh", "gone-tracks"),
        (Table::Clips, "set", "to another track") => set(table, &id("live-clips"), "trackId", "second"),
        (Table::Clips, "set", "to another project's track") => set(table, &id("live-clips"), "trackId", "elsewhere"),
        (_, "set", "") if before == "none" => content(table, "fresh", "live-tracks"),
        (table, _, "") if CONTENT.contains(&table) => {
            let target = id(&format!("{}-{table}", if before == "deleted" { "gone" } else { "live" }));
            let (name, list, element) = match table {
                Table::Tracks => ("name", "plugins", fields([("id", "e".into()), ("type", "eq".into())])),
                Table::Clips => (
                    "name",
                    "midiData.notes",
                    fields([
                        ("id", "n".into()),
                        ("pitch", 60u32.into()),
                        ("startBeat", 0u32.into()),
                        ("durationBeats", 1u32.into()),
                    ]),
                ),
                Table::Automation => {
                    ("points", "points", fields([("id", "b".into()), ("beat", 0u32.into()), ("value", 1u32.into())]))
                }
                Table::Versions => ("name", "name", fields([("id", "x".into())])),
                Table::TempoChanges => ("curve", "curve", fields([("id", "x".into())])),
                Table::TimeSignatures => ("timeSignature", "timeSignature", fields([("id", "x".into())])),
                _ => ("filename", "filename", fields([("id", "x".into())])),
            };
            match operation {
                "set" if table == Table::Automation => set(table, &target, name, model::Value::list([])),
                "set" if table == Table::TempoChanges => set(table, &target, name, "ramp"),
                "set" if table == Table::TimeSignatures => set(table, &target, name, "6/8"),
                "set" => set(table, &target, name, "New"),
                "set-now" => delete(table, &target),
                "unset" => restore(table, &target),
                "listInsert" => list_insert(table, &target, list, model::Value::from(element), Position::Append),
                _ => list_remove(table, &target, list, model::Value::from(element)),
            }
        }
        other => panic!("this test cannot try {other:?}"),
    };
    let mut given = Vec::new();
    if table == Table::Projects && before == "deleted" {
        given.push(delete(Table::Projects, &p));
    }
    assert!(!after.is_empty());
    (given, operation)
}

#[tokio::test]
async fn pe6_every_cell_of_the_matrix_of_writing_holds() {
    let (header, rows) = table("Writing");
    let askers = askers(&header, 3);
    let mut wrong = Vec::new();
    for row in &rows {
        let table = Table::from_name(row[0]).unwrap_or_else(|| panic!("there is no table {}", row[0]));
        for (cell, asker) in &askers {
            let world = World::new().await;
            let me = asker.name();
            let (given, operation) = attempt(table, row[1], row[2], me);
            assert_eq!(kind(&operation.change), row[1], "{row:?}");
            if !given.is_empty() {
                world.done("ada", given).await;
            }
            world.clock.advance_ms(1);
            let before = world.role(me);
            let (status, message) = world.write(me, vec![operation]).await;
            let expected: u16 = if row[*cell] == "yes" { 200 } else { row[*cell].parse().unwrap() };
            if status != expected {
                wrong.push(format!("{row:?}, {me}: {status} {message}"));
            }
            if status != 200 {
                assert_eq!(world.role(me), before, "a refusal changes nothing");
            }
            if status == 403 {
                assert_eq!(message, operations::Refusal::FORBIDDEN, "PE2: one text for all");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pe6_no_cell_is_missing_from_the_matrix_of_writing() {
    let (header, rows) = table("Writing");
    askers(&header, 3);
    let named: BTreeSet<(&str, &str)> = rows.iter().map(|row| (row[0], row[1])).collect();
    for table in Table::ALL {
        for kind in KINDS {
            assert!(named.contains(&(table.name(), kind)), "{table}, {kind} has no row");
        }
        let goes: BTreeSet<&str> =
            rows.iter().filter(|row| row[0] == table.name()).map(|row| row[2].rsplit(": ").next().unwrap()).collect();
        let mut expected = BTreeSet::from(["none → live", "live → live"]);
        if TableSchema::of(table).field("deleted").is_some() {
            expected.extend(["live → deleted", "deleted → deleted", "deleted → live"]);
        }
        assert_eq!(goes, expected, "{table}");
    }
    let cases: BTreeSet<&[&str]> = rows.iter().map(|row| &row[..3]).collect();
    assert_eq!(cases.len(), rows.len(), "no case stands there twice");
    for row in &rows {
        for cell in &row[3..] {
            assert!(["yes", "400", "403"].contains(cell), "{row:?}");
        }
    }
}
