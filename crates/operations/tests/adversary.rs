//! Hostile and random transactions against a project: nothing panics, nothing is half done, nothing becomes unreadable.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::limits::{LIST_ELEMENTS_MAX, MAP_KEYS_MAX, PROJECT_CHANGES_MAX, PROJECT_MEMBERS_MAX, PROJECT_TRACKS_MAX};
use model::{Id, Key, Map, Record, Records, Table, Timestamp, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, set};
use operations::{
    Accepted, Author, Change, Operation, Path, Position, Refusal, Scope, Transaction, apply, apply_committed, invert,
    transact,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(7_000);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
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

fn submit(records: &mut Records, author: &str, operations: Vec<Operation>) -> Result<Accepted, Refusal> {
    transact(records, &Scope::Project(id("p")), &Author::User(id(author)), &transaction(author, operations), NOW)
}

fn note(name: &str) -> Value {
    Value::map([
        ("id", name.into()),
        ("pitch", 60u32.into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 1u32.into()),
    ])
}

/// A project `p` of `ann`, with an editor `ed`, tracks `a`, `b`, `c`, a clip `k` with two notes, a plugin `eq` on `a`.
fn project() -> Records {
    let mut records = Records::new();
    let track = |name: &str| fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
    let clip = fields([
        ("trackId", "a".into()),
        ("name", "Clip".into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 4u32.into()),
        ("midiData", Value::map([("notes", Value::list([note("n1"), note("n2")]))])),
    ]);
    let member = fields([("projectId", "p".into()), ("userId", "ed".into()), ("role", "editor".into())]);
    let operations = vec![
        create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
        create(Table::ProjectMembers, &id("ed"), member),
        create(Table::Tracks, &id("a"), track("a")),
        create(Table::Tracks, &id("b"), track("b")),
        create(Table::Tracks, &id("c"), track("c")),
        create(Table::Clips, &id("k"), clip),
        list_insert(
            Table::Tracks,
            &id("a"),
            "plugins",
            Value::map([("id", "eq".into()), ("type", "filter".into()), ("params", Value::map([]))]),
            Position::Append,
        ),
    ];
    submit(&mut records, "ann", operations).unwrap();
    records
}

#[test]
fn w6_parameters_that_a_device_does_not_have_are_refused() {
    let mut records = project();
    let names: Vec<String> = (0..=MAP_KEYS_MAX).map(|n| format!("p{n}")).collect();
    let many = Value::map(names.iter().map(|name| (name.as_str(), Value::number(1.0))));
    for (key, value, reason) in [
        ("plugins.eq.params.p1", Value::number(1.0), "Filter has no such parameter"),
        ("plugins.eq.params", many, "1024 parameters"),
    ] {
        let refusal = submit(&mut records, "ann", vec![set(Table::Tracks, &id("a"), key, value)]).unwrap_err();
        assert!(refusal.message.contains(reason), "{}", refusal.message);
    }
    submit(&mut records, "ann", vec![set(Table::Tracks, &id("a"), "plugins.eq.params.freq", 440u32)]).unwrap();
    round_trips(records.find(Table::Tracks, &id("a")).unwrap());
}

#[test]
fn w6_a_keyed_list_has_a_limit_when_it_grows_one_by_one() {
    let mut records = project();
    let notes = Value::list((0..LIST_ELEMENTS_MAX).map(|n| note(&format!("m{n}"))));
    submit(&mut records, "ann", vec![set(Table::Clips, &id("k"), "midiData.notes", notes)]).unwrap();
    let insert = |name: &str| list_insert(Table::Clips, &id("k"), "midiData.notes", note(name), Position::Append);
    assert!(submit(&mut records, "ann", vec![insert("n")]).unwrap_err().message.contains("50000 elements"));
    submit(&mut records, "ann", vec![insert("m7")]).unwrap();
}

#[test]
fn w6_tracks_members_and_changes_of_tempo_are_limited() {
    let track = |n: usize| {
        let given = fields([("projectId", "p".into()), ("name", "T".into()), ("type", "audio".into())]);
        create(Table::Tracks, &id(&format!("t{n}")), given)
    };
    let member = |n: usize| {
        let user = format!("u{n}");
        let given = fields([("projectId", "p".into()), ("userId", Value::text(&user)), ("role", "viewer".into())]);
        create(Table::ProjectMembers, &id(&user), given)
    };
    let mut records = project();
    submit(&mut records, "ann", (0..2_000).map(track).collect()).unwrap();
    submit(&mut records, "ann", (2_000..PROJECT_TRACKS_MAX - 3).map(track).collect()).unwrap();
    let refusal = submit(&mut records, "ann", vec![track(9_999)]).unwrap_err();
    assert!(refusal.message.contains("4000 tracks"), "{refusal}");
    submit(&mut records, "ann", (0..PROJECT_MEMBERS_MAX - 2).map(member).collect()).unwrap();
    assert!(submit(&mut records, "ann", vec![member(9_999)]).unwrap_err().message.contains("1000 members"));
    let change = |n: usize| {
        let given = fields([("projectId", "p".into()), ("beat", Value::number(1.0 + n as f64)), ("bpm", 90u32.into())]);
        create(Table::TempoChanges, &id(&format!("c{n}")), given)
    };
    for from in (0..PROJECT_CHANGES_MAX).step_by(1_024) {
        submit(&mut records, "ann", (from..from + 1_024).map(change).collect()).unwrap();
    }
    let refusal = submit(&mut records, "ann", vec![change(9_999)]).unwrap_err();
    assert!(refusal.message.contains("4096 changes of tempo"), "{refusal}");
    let metre = |n: usize| {
        let (beat, metre) = (Value::number(4.0 + n as f64), Value::text("4/4"));
        let given = fields([("projectId", "p".into()), ("beat", beat), ("timeSignature", metre)]);
        create(Table::TimeSignatures, &id(&format!("m{n}")), given)
    };
    for from in (0..PROJECT_CHANGES_MAX).step_by(1_024) {
        submit(&mut records, "ann", (from..from + 1_024).map(metre).collect()).unwrap();
    }
    let refusal = submit(&mut records, "ann", vec![metre(9_999)]).unwrap_err();
    assert!(refusal.message.contains("4096 changes of metre"), "{refusal}");
    // The dearest transaction that there is.
    let reorder = |n: usize| set(Table::Tracks, &id(&format!("t{n}")), "orderIndex", (n * 7_919 % 4_000) as f64);
    submit(&mut records, "ann", (0..2_000).map(reorder).collect()).unwrap();
}

#[test]
fn op7_putting_a_note_in_looks_at_no_other_note() {
    let broken = Value::map([("id", "broken".into()), ("pitch", 999u32.into())]);
    let mut records = project();
    let clip = records.find(Table::Clips, &id("k")).unwrap();
    let clip = clip.with("midiData", Value::map([("notes", Value::list([broken, note("n1")]))]));
    records.insert(Table::Clips, clip);
    let insert = |value| list_insert(Table::Clips, &id("k"), "midiData.notes", value, Position::Prepend);
    submit(&mut records, "ann", vec![insert(note("n2"))]).unwrap();
    submit(&mut records, "ann", vec![list_remove(Table::Clips, &id("k"), "midiData.notes", note("broken"))]).unwrap();
    for bad in [Value::map([("id", "n3".into()), ("pitch", 128u32.into())]), Value::Null, "n1".into()] {
        assert_eq!(submit(&mut records, "ann", vec![insert(bad)]).unwrap_err().status, 400);
    }
}

#[test]
fn pe2_a_stranger_is_told_nothing() {
    let mut records = project();
    let mut stale = transaction("eve", vec![set(Table::Tracks, &id("a"), "volume", 0.5)]);
    stale.base_versions.insert("tracks:a".into(), 99);
    let scope = Scope::Project(id("p"));
    assert_eq!(transact(&mut records, &scope, &Author::User(id("eve")), &stale, NOW), Err(Refusal::forbidden()));
    for operation in [
        set(Table::Tracks, &id("a"), "volume", 9.0),
        set(Table::Tracks, &id("a"), "name.first", "x"),
        set(Table::Clips, &id("k"), "midiData.notes.absent.pitch", 1.0),
        create(Table::Tracks, &id("a"), Map::new()),
        create(Table::Projects, &id("p"), fields([("name", "Mine".into())])),
        set(Table::Tracks, &id("nothing"), "volume", 1.0),
    ] {
        assert_eq!(submit(&mut records, "eve", vec![operation]), Err(Refusal::forbidden()));
    }
}

#[test]
fn wr3_each_operation_is_judged_by_the_roles_before_it() {
    let mut records = project();
    let volume = set(Table::Tracks, &id("a"), "volume", 0.5);
    let owner = set(Table::ProjectMembers, &id("ed"), "role", "owner");
    let resign = set(Table::ProjectMembers, &id("p"), "role", "viewer");
    assert_eq!(submit(&mut records, "ed", vec![owner.clone(), volume.clone()]).unwrap_err().status, 403);
    assert_eq!(
        submit(&mut records, "ann", vec![owner.clone(), resign.clone(), volume.clone()]).unwrap_err().status,
        403
    );
    submit(&mut records, "ann", vec![volume, owner, resign]).unwrap();
}

/// Undoes a transaction as its author, and compares every field but `updatedAt`.
fn assert_undone(operations: Vec<Operation>) {
    let mut records = project();
    let before = records.clone();
    let accepted = submit(&mut records, "ann", operations).unwrap();
    assert_ne!(records, before);
    submit(&mut records, "ann", accepted.inverse).unwrap();
    for (key, record) in before.iter() {
        let after = records.get(key).unwrap();
        assert_eq!(after.without("updatedAt").fields(), record.without("updatedAt").fields(), "{key}");
    }
}

#[test]
fn un4_u5_moving_a_track_by_its_order_index_is_undone() {
    let at = |track: &str, index: f64| set(Table::Tracks, &id(track), "orderIndex", index);
    assert_undone(vec![at("c", 1.0)]);
    assert_undone(vec![at("c", 0.0), at("a", 2.0), at("c", 1.0)]);
}

#[test]
fn un4_a_change_of_members_is_undone_by_its_author() {
    assert_undone(vec![delete(Table::ProjectMembers, &id("ed"))]);
    assert_undone(vec![set(Table::ProjectMembers, &id("ed"), "role", "viewer")]);
}

#[test]
fn un4_a_created_project_is_undone_by_deleting_it() {
    let mut records = Records::new();
    let accepted =
        submit(&mut records, "ann", vec![create(Table::Projects, &id("p"), fields([("name", "Song".into())]))])
            .unwrap();
    submit(&mut records, "ann", accepted.inverse).unwrap();
    assert!(records.project().unwrap().is_deleted());
    assert_eq!(model::roles::role_of(&records, &id("ann")), Some(model::Role::Owner));
}

#[test]
fn un4_a_list_that_holds_an_element_twice_is_put_back_as_it_was() {
    let twice = Value::list(["u".into(), "v".into(), "u".into()]);
    let before = Record::new(id("r"), 1, fields([("list", twice)]));
    for change in [
        Change::ListRemove("u".into()),
        Change::ListRemove("v".into()),
        Change::ListInsert("u".into(), Position::Append),
        Change::ListInsert("v".into(), Position::Append),
        Change::ListInsert("w".into(), Position::Prepend),
    ] {
        let target = Key::new(Table::Tracks, id("r"));
        let operation = Operation { target, path: Path::new("list").unwrap(), change, guard: None };
        let after = apply(&before, &operation, NOW).unwrap();
        let undone = apply(&after, &invert(Some(&before), &id("tx"), &operation).unwrap(), NOW).unwrap();
        assert_eq!(undone.fields(), before.fields(), "{operation:?}");
    }
}

fn round_trips(record: &Record) {
    let text = serde_json::to_string(record).unwrap();
    // The guide's object does not say who wrote what.
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record.with_stamps(Default::default()));
    assert_eq!(&postcard::from_bytes::<Record>(&postcard::to_stdvec(record).unwrap()).unwrap(), record);
}

/// JSON as an attacker writes it: odd numbers, deep values, keys that JavaScript takes for its own.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "0",
            "-0.0",
            "1e308",
            "-1e308",
            "1e-320",
            "0.3333333333333333",
            "9007199254740993",
            "63.5",
            "\"\"",
            "\"a\"",
            "\"p\"",
            "\"k\"",
            "\"4/4\"",
            "\"#ffffff\"",
            "\"80\"",
            "\"ff\"",
            "\"7f80\"",
            "\"constructor\"",
            "\"2026-01-01T00:00:00Z\"",
            "\"\\u0000\"",
            "\"\\ud83c\\udfb5\"",
            "\"ready\"",
            "\"owner\"",
        ])
        .prop_map(str::to_owned),
        any::<f64>().prop_filter("JSON has only finite numbers", |n| n.is_finite()).prop_map(|n| n.to_string()),
        ".{0,8}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let name = prop::sample::select(vec![
            "id",
            "__proto__",
            "pitch",
            "startBeat",
            "durationBeats",
            "notes",
            "params",
            "type",
            "velocity",
            "version",
            "projectId",
            "trackId",
            "name",
            "orderKey",
            "deleted",
            "",
            "a.b",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|list| format!("[{}]", list.join(","))),
            prop::collection::vec((name, inner), 0..6).prop_map(|entries| {
                let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec![
        "volume",
        "name",
        "orderIndex",
        "orderKey",
        "bpm",
        "startBeat",
        "durationBeats",
        "deleted",
        "midiData",
        "notes",
        "n1",
        "n2",
        "tx-0-0",
        "pitch",
        "id",
        "version",
        "plugins",
        "eq",
        "params",
        "freq",
        "trackId",
        "audioFileId",
        "collaborators",
        "role",
        "userId",
        "type",
        "updatedAt",
        "__proto__",
        "",
        "0",
    ]);
    prop_oneof![
        prop::collection::vec(segment, 0..6).prop_map(|segments| segments.join(".")),
        prop::sample::select(vec![
            "midiData.notes",
            "midiData.notes.n1.pitch",
            "midiData.notes.n1",
            "plugins",
            "plugins.eq.params",
            "plugins.eq.params.freq",
            "orderIndex",
            "trackId",
            "role",
            "deleted",
            "",
        ])
        .prop_map(str::to_owned),
    ]
}

/// An operation as JSON text; many are malformed.
fn any_operation() -> impl Strategy<Value = String> {
    let kind =
        prop::sample::select(vec!["set", "set", "set-now", "unset", "listInsert", "listInsert", "listRemove", "drop"]);
    let target = prop::sample::select(vec![
        ("projects", "p"),
        ("tracks", "a"),
        ("tracks", "b"),
        ("clips", "k"),
        ("project_members", "ed"),
        ("project_members", "p"),
        ("tracks", "new"),
        ("clips", "new"),
        ("users", "ann"),
        ("audio_files", "new"),
        ("automation", "new"),
        ("secrets", "x"),
        ("tracks", "../etc"),
    ]);
    (kind, target, any_key(), any_json(), any_json(), 0u8..4).prop_map(|(kind, (table, id), key, value, anchor, place)| {
        let position = match place {
            0 => "\"prepend\"".to_owned(),
            1 => "\"append\"".to_owned(),
            2 => format!("{{\"before\":{anchor}}}"),
            _ => format!("{{\"after\":{anchor}}}"),
        };
        format!(r#"{{"type":"{kind}","table":"{table}","id":"{id}","key":"{key}","value":{value},"position":{position}}}"#)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn op6_wr4_hostile_transactions_change_all_or_nothing(
        texts in prop::collection::vec(any_operation(), 1..8),
        author in prop::sample::select(vec!["ann", "ed", "eve"]),
    ) {
        let operations: Vec<Operation> = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        let before = project();
        let (mut records, mut again, mut replica) = (before.clone(), before.clone(), before.clone());
        for operation in operations {
            let start = records.clone();
            let result = submit(&mut records, author, vec![operation.clone()]);
            prop_assert_eq!(&submit(&mut again, author, vec![operation]), &result, "the same in, the same out");
            match result {
                Err(refusal) => {
                    prop_assert!(matches!(refusal.status, 400 | 403));
                    prop_assert_eq!(&records, &start);
                }
                Ok(accepted) => {
                    let bytes = postcard::to_stdvec(&accepted.operations).unwrap();
                    let logged: Vec<Operation> = postcard::from_bytes(&bytes).unwrap();
                    prop_assert_eq!(apply_committed(&mut replica, &id("tx"), &logged, NOW).unwrap(), accepted.changed);
                }
            }
            prop_assert_eq!(&replica, &records);
        }
        for (key, record) in records.iter() {
            round_trips(record);
            prop_assert!(before.get(key).is_none_or(|before| before.version() <= record.version()));
        }
    }

    #[test]
    fn op1_the_order_of_keys_in_json_does_not_matter(
        entries in prop::collection::btree_map("[a-e]", any_json(), 0..5), rotation in 0usize..5
    ) {
        let object = |entries: Vec<(&String, &String)>| {
            let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
            format!(r#"{{"type":"set","table":"tracks","id":"r","key":"x","value":{{{}}}}}"#, entries.join(","))
        };
        let mut rotated: Vec<_> = entries.iter().collect();
        rotated.rotate_left(rotation % entries.len().max(1));
        let parse = |text: String| serde_json::from_str::<Operation>(&text).ok();
        let (one, other) = (parse(object(entries.iter().collect())), parse(object(rotated)));
        prop_assert_eq!(&one, &other);
        if let (Some(one), Some(other)) = (one, other) {
            let record = Record::new(id("r"), 1, Map::new());
            let text = |operation| serde_json::to_string(&apply(&record, operation, NOW).unwrap()).unwrap();
            prop_assert_eq!(text(&one), text(&other));
        }
    }

    #[test]
    fn un4_the_inverse_of_whatever_was_accepted_undoes_it(texts in prop::collection::vec(any_operation(), 1..6)) {
        let mut records = project();
        let operations: Vec<Operation> = texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect();
        // Those that fit, as one transaction.
        let mut trial = records.clone();
        let fitting: Vec<Operation> =
            operations.into_iter().filter(|op| submit(&mut trial, "ann", vec![op.clone()]).is_ok()).collect();
        let before = records.clone();
        if let Ok(accepted) = submit(&mut records, "ann", fitting)
            && !accepted.inverse.is_empty()
        {
            submit(&mut records, "ann", accepted.inverse).unwrap();
            for (key, record) in before.iter() {
                let after = records.get(key).unwrap();
                let (after, record) = (after.without("updatedAt"), record.without("updatedAt"));
                prop_assert_eq!(after.fields(), record.fields(), "{}", key);
            }
            prop_assert!(records.iter().all(|(key, record)| before.get(key).is_some() || record.is_deleted()));
        }
    }
}
