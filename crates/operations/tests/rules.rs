//! The rules of operations and writing, each by its ID.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::{Id, Key, Map, Record, Records, Table, Timestamp, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, set, unset};
use operations::{Accepted, Author, Operation, Position, Refusal, Scope, Transaction, apply_committed, transact};
use proptest::prelude::*;

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

/// A project `p` with an owner `ann`, an editor `ed`, a viewer `vi`, tracks `a`, `b`, `c` in that order and a clip `k`.
struct World {
    records: Records,
}

impl World {
    fn new() -> World {
        let mut world = World { records: Records::new() };
        world.submit("ann", vec![create(Table::Projects, &id("p"), fields([("name", "Song".into())]))]).unwrap();
        for (user, role) in [("ed", "editor"), ("vi", "viewer")] {
            let member = fields([("projectId", "p".into()), ("userId", user.into()), ("role", role.into())]);
            world.submit("ann", vec![create(Table::ProjectMembers, &id(user), member)]).unwrap();
        }
        for name in ["a", "b", "c"] {
            world.submit("ann", vec![create(Table::Tracks, &id(name), track(name))]).unwrap();
        }
        world.submit("ann", vec![create(Table::Clips, &id("k"), clip("a"))]).unwrap();
        world
    }

    fn submit(&mut self, author: &str, operations: Vec<Operation>) -> Result<Accepted, Refusal> {
        self.submit_as(&Author::User(id(author)), operations)
    }

    fn submit_as(&mut self, author: &Author, operations: Vec<Operation>) -> Result<Accepted, Refusal> {
        let scope = Scope::Project(id("p"));
        transact(&mut self.records, &scope, author, &transaction(author.id().as_str(), operations), Timestamp(1_000))
    }

    fn get(&self, table: Table, name: &str) -> &Record {
        self.records.find(table, &id(name)).unwrap()
    }

    /// As if tracks had been put between two others until one of them had this key.
    fn key_has_become(&mut self, name: &str, key: &str) {
        let track = self.get(Table::Tracks, name).with("orderKey", Value::text(key));
        self.records.insert(Table::Tracks, track);
    }

    fn order(&self) -> Vec<&str> {
        self.records.tracks().iter().map(|track| track.id().as_str()).collect()
    }

    /// The reason why these operations are refused; also checks that nothing changed.
    fn refused(&mut self, author: &str, operations: Vec<Operation>) -> Refusal {
        let before = self.records.clone();
        let refusal = self.submit(author, operations).unwrap_err();
        assert_eq!(self.records, before, "a refusal changes nothing");
        refusal
    }
}

fn track(name: &str) -> Map {
    fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())])
}

fn clip(track: &str) -> Map {
    fields([
        ("trackId", track.into()),
        ("name", "Clip".into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 4u32.into()),
    ])
}

#[test]
fn op1_set_now_becomes_the_commits_time() {
    let mut world = World::new();
    let accepted = world.submit("ann", vec![delete(Table::Clips, &id("k"))]).unwrap();
    assert_eq!(accepted.operations, [set(Table::Clips, &id("k"), "deleted", "1970-01-01T00:00:01.000Z")]);
}

#[test]
fn op2_each_operation_raises_the_version_by_one() {
    let mut world = World::new();
    let volume = |v: f64| set(Table::Tracks, &id("a"), "volume", v);
    let before = world.get(Table::Tracks, "a").version();
    world.submit("ann", vec![volume(0.5), volume(0.25)]).unwrap();
    assert_eq!(world.get(Table::Tracks, "a").version(), before + 2);
    assert_eq!(world.get(Table::Tracks, "a").number("volume"), Some(0.25));
}

#[test]
fn op4_a_new_record_takes_defaults_and_the_servers_fields_are_overwritten() {
    let mut world = World::new();
    let mut given = clip("a");
    for (name, value) in [("id", "n"), ("createdAt", "2001-01-01T00:00:00Z"), ("projectId", "elsewhere")] {
        given.insert(name.into(), value.into());
    }
    given.insert("version".into(), 77u32.into());
    world.submit("ed", vec![create(Table::Clips, &id("n"), given)]).unwrap();
    let clip = world.get(Table::Clips, "n");
    assert_eq!((clip.version(), clip.text("projectId"), clip.number("gain")), (1, Some("p"), Some(1.0)));
    assert_eq!(clip.text("createdAt"), Some("1970-01-01T00:00:01.000Z"));
}

#[test]
fn op4_what_cannot_be_created_or_changed_is_400() {
    let mut world = World::new();
    let without_name = fields([("projectId", "p".into()), ("type", "audio".into())]);
    let mut other_id = create(Table::Tracks, &id("x"), track("x"));
    other_id.target.id = id("y");
    for (operation, reason) in [
        (create(Table::Tracks, &id("x"), without_name), "tracks/x: name: it must not be missing"),
        (create(Table::Tracks, &id("a"), track("a")), "exists already"),
        (other_id, "id: a new record's id"),
        (set(Table::Tracks, &id("nobody"), "volume", 1.0), "does not exist"),
        (list_insert(Table::Tracks, &id("a"), "", 1.0, Position::Append), "needs a key"),
    ] {
        let refusal = world.refused("ann", vec![operation]);
        assert_eq!(refusal.status, 400);
        assert!(refusal.message.contains(reason), "{}", refusal.message);
    }
}

#[test]
fn op4_the_creator_of_a_project_becomes_its_owner() {
    let world = World::new();
    assert_eq!(world.get(Table::ProjectMembers, "p").text("role"), Some("owner"));
    assert_eq!(world.get(Table::Projects, "p").text("createdBy"), Some("ann"));
}

#[test]
fn op4_deleting_is_a_mark_that_can_be_unset() {
    let mut world = World::new();
    world.submit("ed", vec![delete(Table::Tracks, &id("a"))]).unwrap();
    assert_eq!(world.order(), ["b", "c"]);
    assert!(!world.get(Table::Clips, "k").is_deleted(), "its clips are hidden without being written");
    world.submit("ed", vec![unset(Table::Tracks, &id("a"), "deleted")]).unwrap();
    assert_eq!(world.order(), ["a", "b", "c"]);
}

#[test]
fn op6_bad_paths_and_lists_are_400_and_change_nothing() {
    let mut world = World::new();
    let clip = |key: &str, value: f64| set(Table::Clips, &id("k"), key, value);
    for operation in [
        clip("gain.deep", 1.0),
        clip("midiData.nothing", 1.0),
        clip("unknown", 1.0),
        clip("midiData.notes.n1.pitch", 60.0),
        list_insert(Table::Clips, &id("k"), "gain", 1.0, Position::Append),
        list_remove(Table::Clips, &id("k"), "name", "x"),
    ] {
        assert_eq!(world.refused("ann", vec![operation]).status, 400);
    }
}

fn note(name: &str, pitch: u32) -> Value {
    Value::map([
        ("id", name.into()),
        ("pitch", pitch.into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 1u32.into()),
    ])
}

#[test]
fn op7_two_people_editing_different_notes_both_keep_their_edits() {
    let mut world = World::new();
    let notes = |value| list_insert(Table::Clips, &id("k"), "midiData.notes", value, Position::Append);
    world.submit("ann", vec![notes(note("n1", 60)), notes(note("n2", 62))]).unwrap();
    world.submit("ann", vec![set(Table::Clips, &id("k"), "midiData.notes.n1.pitch", 61.0)]).unwrap();
    world.submit("ed", vec![set(Table::Clips, &id("k"), "midiData.notes.n2.velocity", 10.0)]).unwrap();
    world
        .submit("ed", vec![list_remove(Table::Clips, &id("k"), "midiData.notes", Value::map([("id", "n1".into())]))])
        .unwrap();
    let notes = world.get(Table::Clips, "k").get("midiData").get("notes").unwrap().as_list().unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes.get("n2").unwrap().get("velocity"), Some(&Value::Number(10.0)));
}

#[test]
fn op7_two_people_editing_the_tempo_both_keep_their_edits() {
    let mut world = World::new();
    let change = |name: &str, beat: u32| {
        let given = fields([("projectId", "p".into()), ("beat", beat.into()), ("bpm", 90u32.into())]);
        create(Table::TempoChanges, &id(name), given)
    };
    world.submit("ann", vec![change("one", 8), change("two", 16)]).unwrap();
    // Different changes, and different fields of one.
    world.submit("ann", vec![set(Table::TempoChanges, &id("one"), "bpm", 91.0)]).unwrap();
    world.submit("ed", vec![set(Table::TempoChanges, &id("two"), "bpm", 92.0)]).unwrap();
    world.submit("ed", vec![set(Table::TempoChanges, &id("one"), "curve", "ramp")]).unwrap();
    world.submit("ann", vec![set(Table::TempoChanges, &id("one"), "beat", 10.0)]).unwrap();
    let [one, two] = ["one", "two"].map(|name| world.get(Table::TempoChanges, name).clone());
    assert_eq!((one.number("beat"), one.number("bpm"), one.text("curve")), (Some(10.0), Some(91.0), Some("ramp")));
    assert_eq!((two.number("beat"), two.number("bpm"), two.text("curve")), (Some(16.0), Some(92.0), Some("jump")));
}

#[test]
fn op5_an_inserted_note_without_an_id_gets_one() {
    let mut world = World::new();
    let anonymous = Value::map([("pitch", 60u32.into()), ("startBeat", 0u32.into()), ("durationBeats", 1u32.into())]);
    let accepted = world
        .submit("ann", vec![list_insert(Table::Clips, &id("k"), "midiData.notes", anonymous, Position::Append)])
        .unwrap();
    let operations::Change::ListInsert(value, _) = &accepted.operations[0].change else { panic!("not an insertion") };
    assert_eq!(value.get("id"), Some(&"tx-0-0".into()));
}

#[test]
fn wr1_nobody_writes_as_another_or_into_the_servers_fields() {
    let mut world = World::new();
    let forged = transaction("ed", vec![set(Table::Tracks, &id("a"), "volume", 1.0)]);
    let refusal =
        transact(&mut world.records, &Scope::Project(id("p")), &Author::User(id("ann")), &forged, Timestamp(0));
    assert_eq!(refusal.unwrap_err().status, 403);
    for (table, name, field) in [
        (Table::Tracks, "a", "version"),
        (Table::Tracks, "a", "id"),
        (Table::Tracks, "a", "createdAt"),
        (Table::Tracks, "a", "updatedAt"),
        (Table::Tracks, "a", "projectId"),
        (Table::Clips, "k", "projectId"),
        (Table::Projects, "p", "createdBy"),
        (Table::Projects, "p", "collaborators"),
    ] {
        let refusal = world.refused("ann", vec![set(table, &id(name), field, "x")]);
        assert_eq!(refusal.status, 400, "{field}");
    }
    world.submit("ed", vec![set(Table::Clips, &id("k"), "trackId", "b")]).unwrap();
}

#[test]
fn wr2_the_record_after_is_checked() {
    let mut world = World::new();
    for (table, name, field, value) in [
        (Table::Tracks, "a", "volume", 2.5),
        (Table::Tracks, "a", "pan", -1.1),
        (Table::Projects, "p", "bpm", 19.0),
        (Table::Clips, "k", "durationBeats", -1.0),
        (Table::Projects, "p", "sampleRate", 12_345.0),
    ] {
        let refusal = world.refused("ann", vec![set(table, &id(name), field, value)]);
        assert!(
            refusal.status == 400 && refusal.message.contains(field) && refusal.message.contains(name),
            "{refusal}"
        );
    }
    world.refused("ann", vec![set(Table::Clips, &id("k"), "trackId", "elsewhere")]);
    world.submit("ann", vec![delete(Table::Tracks, &id("a"))]).unwrap();
    world.submit("ed", vec![create(Table::Clips, &id("late"), clip("a"))]).unwrap();
}

#[test]
fn wr3_permission_is_judged_per_row() {
    let mut world = World::new();
    for stranger in ["vi", "nobody"] {
        assert_eq!(world.refused(stranger, vec![set(Table::Tracks, &id("a"), "volume", 1.0)]).status, 403);
    }
    assert_eq!(world.refused("ed", vec![delete(Table::Projects, &id("p"))]).status, 403);
    assert_eq!(world.refused("ed", vec![set(Table::ProjectMembers, &id("ed"), "role", "owner")]).status, 403);
    world.submit("ed", vec![set(Table::Projects, &id("p"), "bpm", 140.0)]).unwrap();
    world.submit("vi", vec![delete(Table::ProjectMembers, &id("vi"))]).unwrap();
    assert_eq!(world.get(Table::Projects, "p").get("collaborators"), &Value::list(["ed".into()]));
}

#[test]
fn pe3_the_last_owner_stays() {
    let mut world = World::new();
    assert_eq!(world.refused("ann", vec![set(Table::ProjectMembers, &id("p"), "role", "editor")]).status, 400);
    assert_eq!(world.refused("ann", vec![delete(Table::ProjectMembers, &id("p"))]).status, 400);
}

#[test]
fn wr4_one_transaction_is_all_or_nothing() {
    let mut world = World::new();
    let good = set(Table::Tracks, &id("a"), "volume", 0.5);
    world.refused("ann", vec![good.clone(), set(Table::Tracks, &id("b"), "volume", 9.0)]);
    world.refused("ann", vec![good, set(Table::Users, &id("ann"), "name", "Ann")]);
}

#[test]
fn wr5_a_stale_base_version_is_409_and_names_the_record() {
    let mut world = World::new();
    let mut stale = transaction("ann", vec![set(Table::Tracks, &id("a"), "volume", 0.5)]);
    stale.base_versions.insert("tracks:a".into(), 1);
    let scope = Scope::Project(id("p"));
    let author = Author::User(id("ann"));
    transact(&mut world.records, &scope, &author, &stale, Timestamp(0)).unwrap();
    let refusal = transact(&mut world.records, &scope, &author, &stale, Timestamp(0)).unwrap_err();
    assert_eq!((refusal.status, refusal.conflicts), (409, vec![Key::new(Table::Tracks, id("a"))]));
}

#[test]
fn u4_beats_and_tempo_are_stored_rounded() {
    let mut world = World::new();
    world.submit("ann", vec![set(Table::Clips, &id("k"), "startBeat", 1.0 / 3.0)]).unwrap();
    world.submit("ann", vec![set(Table::Projects, &id("p"), "bpm", 123.456_7)]).unwrap();
    assert_eq!(world.get(Table::Clips, "k").number("startBeat"), Some(322_560.0 / 967_680.0));
    assert_eq!(world.get(Table::Projects, "p").number("bpm"), Some(123.457));
}

#[test]
fn u5_a_written_order_index_moves_the_track_to_that_rank() {
    let mut world = World::new();
    world.submit("ann", vec![set(Table::Tracks, &id("c"), "orderIndex", 0.0)]).unwrap();
    assert_eq!(world.order(), ["c", "a", "b"]);
    world.submit("ann", vec![set(Table::Tracks, &id("c"), "orderIndex", 1.0)]).unwrap();
    assert_eq!(world.order(), ["a", "c", "b"]);
    world.submit("ann", vec![set(Table::Tracks, &id("a"), "orderIndex", 99.0)]).unwrap();
    assert_eq!(world.order(), ["c", "b", "a"]);
}

#[test]
fn u5_there_is_room_for_a_track_whatever_keys_the_others_have() {
    let longest = "ff".repeat(128);
    let mut world = World::new();
    world.key_has_become("c", &longest);
    let replica = world.records.clone();
    let accepted = world.submit("ann", vec![create(Table::Tracks, &id("d"), track("d"))]).unwrap();
    assert_eq!(world.order(), ["a", "b", "c", "d"]);
    assert!(world.records.tracks().iter().all(|track| track.text("orderKey").unwrap().len() <= 4));
    // The log says it all.
    let mut followed = replica;
    apply_committed(&mut followed, &id("tx"), &accepted.operations, Timestamp(1_000)).unwrap();
    assert_eq!(followed, world.records);
    world.submit("ann", accepted.inverse).unwrap();
    assert!(world.get(Table::Tracks, "d").is_deleted());
    assert_eq!(world.order(), ["a", "b", "c"]);
    world.key_has_become("c", &longest);
    let further = format!("{longest}80");
    let refused = world.submit("vi", vec![set(Table::Tracks, &id("a"), "orderKey", further.as_str())]).unwrap_err();
    assert_eq!(refused.status, 403);
    world.submit("ann", vec![set(Table::Tracks, &id("a"), "orderKey", further.as_str())]).unwrap();
    assert_eq!(world.order(), ["b", "c", "a"], "a browser's own key may come out too long as well");
    assert!(world.submit("ann", vec![set(Table::Tracks, &id("a"), "orderKey", "8G")]).is_err());
}

#[test]
fn w6_u5_a_long_key_asks_for_a_place_and_all_tracks_seldom_get_new_ones() {
    let mut world = World::new();
    let longest = "ff".repeat(128);
    let further = format!("{longest}80");
    let mut logged = 0;
    for _ in 0..500 {
        for (name, key) in [("c", &longest), ("a", &further)] {
            let move_to = set(Table::Tracks, &id(name), "orderKey", key.as_str());
            logged += world.submit("ed", vec![move_to]).unwrap().operations.len();
        }
        assert_eq!(world.order(), ["b", "c", "a"]);
    }
    assert_eq!(logged, 1_000, "each is one operation in the log");
    // A new track with such a key as well; and what takes a move back leaves nobody's name behind.
    let mut given = track("d");
    given.insert("orderKey".into(), Value::text(&longest));
    let made = world.submit("ed", vec![create(Table::Tracks, &id("d"), given)]).unwrap();
    assert_eq!((world.order(), made.operations.len()), (vec!["b", "c", "a", "d"], 1));
    let as_long_as_can_be = "7f".repeat(60);
    world.key_has_become("b", &as_long_as_can_be);
    let before = world.get(Table::Tracks, "b").stamps().writers("orderKey");
    let moved = world.submit("ed", vec![set(Table::Tracks, &id("b"), "orderIndex", 3.0)]).unwrap();
    assert_eq!(world.order(), ["c", "a", "d", "b"]);
    world.submit("ed", moved.inverse).unwrap();
    assert_eq!(world.order(), ["b", "c", "a", "d"]);
    assert_eq!(world.get(Table::Tracks, "b").stamps().writers("orderKey"), before);
}

#[test]
fn u5_a_thousand_tracks_go_into_the_same_gap() {
    let mut world = World::new();
    for n in 0..1_200 {
        let mut given = track("n");
        given.insert("orderIndex".into(), Value::number(1.0));
        world.submit("ann", vec![create(Table::Tracks, &id(&format!("n{n}")), given)]).unwrap();
    }
    let order = world.order();
    assert_eq!((order[0], order[1], order[1_200], order[1_201]), ("a", "n1199", "n0", "b"));
}

#[test]
fn w6_who_wrote_what_counts_towards_a_projects_bytes() {
    let mut world = World::new();
    let long = "x".repeat(56);
    let before = world.records.weight();
    // Notes that come and go leave nothing but who took them out.
    for n in 0..100 {
        let name = format!("n{n}-{long}");
        let insert = list_insert(Table::Clips, &id("k"), "midiData.notes", note(&name, 60), Position::Append);
        let remove = list_remove(Table::Clips, &id("k"), "midiData.notes", note(&name, 60));
        world.submit("ann", vec![insert, remove]).unwrap();
    }
    assert!(world.records.weight() > before + 100 * long.len());
}

#[test]
fn w6_a_full_project_takes_no_more_but_can_be_emptied() {
    let mut world = World::new();
    let filled = |name: String| {
        let mut clip = clip("a");
        let notes = (0..20_000).map(|n| note(&format!("n{n}"), 60));
        clip.insert("midiData".into(), Value::map([("notes", Value::list(notes))]));
        create(Table::Clips, &id(&name), clip)
    };
    let refusal = (0..1_000).find_map(|n| world.submit("ann", vec![filled(format!("k{n}"))]).err()).unwrap();
    assert!(refusal.message.contains("a project has at most"), "{refusal}");
    assert!(world.records.weight() <= model::limits::PROJECT_BYTES_MAX);
    world.submit("ann", vec![delete(Table::Clips, &id("k1"))]).unwrap();
    world.submit("ann", vec![set(Table::Clips, &id("k0"), "midiData", Value::Null)]).unwrap();
    world.submit("ann", vec![filled("again".to_owned())]).unwrap();
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let target = prop::sample::select(vec![
        (Table::Tracks, "a"),
        (Table::Tracks, "b"),
        (Table::Clips, "k"),
        (Table::Projects, "p"),
    ]);
    let key = prop::sample::select(vec![
        "volume",
        "name",
        "orderIndex",
        "bpm",
        "startBeat",
        "deleted",
        "midiData.notes",
        "midiData.notes.n1.pitch",
        "trackId",
        "plugins",
    ]);
    let value = prop_oneof![
        (0.0..200.0f64).prop_map(Value::number),
        Just(Value::Null),
        "[ab]".prop_map(|t| Value::text(&t)),
        "n[1-3]".prop_map(|n| note(&n, 60)),
        Just(Value::list([note("n1", 1), note("n2", 2)])),
    ];
    (target, key, value, 0u8..5).prop_map(|((table, name), key, value, kind)| match kind {
        0 | 1 => set(table, &id(name), key, value),
        2 => unset(table, &id(name), key),
        3 => list_insert(table, &id(name), key, value, Position::Append),
        _ => list_remove(table, &id(name), key, value),
    })
}

proptest! {
    /// A replica that only applies what the log carries has the same records as the room.
    #[test]
    fn wr8_records_are_the_logs_materialised_state(batch in prop::collection::vec(any_operation(), 1..40)) {
        let mut world = World::new();
        let mut replica = world.records.clone();
        for operation in batch {
            if let Ok(accepted) = world.submit("ann", vec![operation]) {
                let changed = apply_committed(&mut replica, &id("tx"), &accepted.operations, Timestamp(1_000)).unwrap();
                prop_assert_eq!(changed, accepted.changed);
            }
            prop_assert_eq!(&replica, &world.records);
        }
    }

    /// The inverse of a whole transaction restores every field but `version` and `updatedAt`.
    #[test]
    fn un4_the_inverse_of_a_transaction_undoes_it(batch in prop::collection::vec(any_operation(), 1..8)) {
        let mut world = World::new();
        let before = world.records.clone();
        if let Ok(accepted) = world.submit("ann", batch) {
            world.submit_as(&Author::System, accepted.inverse.clone()).or_else(|refusal| {
                if accepted.inverse.is_empty() { Ok(accepted) } else { Err(refusal) }
            }).unwrap();
            for (key, record) in before.iter() {
                let after = world.records.get(key).unwrap();
                let (after, before) = (after.without("updatedAt"), record.without("updatedAt"));
                prop_assert_eq!(after.fields(), before.fields());
            }
        }
    }
}

#[test]
fn u1_levels_and_offsets_have_their_units_and_ranges() {
    let mut world = World::new();
    let track = world.get(Table::Tracks, "a");
    assert_eq!((track.number("volume"), track.number("pan")), (Some(1.0), Some(0.0)));
    let clip = world.get(Table::Clips, "k");
    let defaults = ["gain", "audioStartOffset", "audioEndOffset", "fadeIn", "fadeOut"].map(|name| clip.number(name));
    assert_eq!(defaults, [Some(1.0), Some(0.0), Some(0.0), Some(0.0), Some(0.0)]);
    for (table, name, field, fits, does_not) in [
        (Table::Tracks, "a", "volume", 2.0, 2.001),
        (Table::Tracks, "a", "pan", -1.0, -1.001),
        (Table::Clips, "k", "gain", 0.0, -0.001),
        (Table::Projects, "p", "masterVolume", 2.0, 2.001),
        (Table::Clips, "k", "audioStartOffset", 0.25, -0.25),
        (Table::Clips, "k", "audioEndOffset", 0.25, -0.25),
        (Table::Clips, "k", "fadeIn", 0.5, -0.5),
    ] {
        world.submit("ann", vec![set(table, &id(name), field, fits)]).unwrap();
        world.refused("ann", vec![set(table, &id(name), field, does_not)]);
    }
}

#[test]
fn u2_notes_points_plugins_and_members_have_their_shapes() {
    let mut world = World::new();
    let short_note = Value::map([("pitch", 60u32.into()), ("startBeat", 0u32.into()), ("durationBeats", 1u32.into())]);
    let point = Value::map([("beat", 2u32.into()), ("value", Value::number(0.5))]);
    let lane = fields([("trackId", "a".into()), ("parameter", "volume".into()), ("points", Value::list([point]))]);
    let eq =
        Value::map([("id", "eq".into()), ("type", "filter".into()), ("params", Value::map([("freq", 440u32.into())]))]);
    let notes = Value::map([("notes", Value::list([short_note]))]);
    world
        .submit(
            "ed",
            vec![
                set(Table::Clips, &id("k"), "midiData", notes),
                create(Table::Automation, &id("lane"), lane),
                list_insert(Table::Tracks, &id("a"), "plugins", eq, Position::Append),
            ],
        )
        .unwrap();
    let text = |record: &Record, field: &str| serde_json::to_string(record.get(field)).unwrap();
    assert_eq!(
        text(world.get(Table::Clips, "k"), "midiData"),
        r#"{"notes":[{"durationBeats":1,"id":"tx-0-0","pitch":60,"startBeat":0,"velocity":100}]}"#
    );
    assert_eq!(
        text(world.get(Table::Automation, "lane"), "points"),
        r#"[{"beat":2,"curve":"linear","id":"tx-1-0","value":0.5}]"#
    );
    assert_eq!(
        text(world.get(Table::Tracks, "a"), "plugins"),
        r#"[{"bypassed":false,"id":"eq","params":{"freq":440},"type":"filter"}]"#
    );
    assert_eq!(world.get(Table::Projects, "p").number("sampleRate"), Some(48_000.0));
    let member = world.get(Table::ProjectMembers, "ed");
    assert_eq!(
        ["projectId", "userId", "role"].map(|field| member.text(field)),
        [Some("p"), Some("ed"), Some("editor")]
    );
    // Automation of the master: it lies on no track, and the project is known.
    let lane = fields([("trackId", Value::Null), ("parameter", "volume".into())]);
    world.submit("ed", vec![create(Table::Automation, &id("master"), lane)]).unwrap();
    let lane = world.get(Table::Automation, "master");
    assert_eq!((lane.text("trackId"), lane.text("projectId")), (None, Some("p")));
    // Whoever has forgotten the track does not mean the master.
    let forgotten = fields([("projectId", "p".into()), ("parameter", "volume".into())]);
    let refusal = world.refused("ed", vec![create(Table::Automation, &id("forgotten"), forgotten)]);
    assert_eq!(refusal.status, 400);
    assert!(refusal.message.contains("trackId"), "{refusal:?}");
    for (table, name, key, value) in [
        (Table::Clips, "k", "midiData", Value::map([("sheet", 1u32.into())])),
        (Table::Clips, "k", "midiData.notes.tx-0-0.pitch", 128u32.into()),
        (Table::Automation, "lane", "points.tx-1-0.curve", "wavy".into()),
        (Table::Tracks, "a", "plugins.eq.params.freq", "high".into()),
        (Table::ProjectMembers, "ed", "role", "king".into()),
    ] {
        world.refused("ann", vec![set(table, &id(name), key, value)]);
    }
}

#[test]
fn u2_changes_of_tempo_and_metre_have_their_shapes() {
    let mut world = World::new();
    let of = |beat: f64, name: &'static str, value: Value| {
        fields([("projectId", "p".into()), ("beat", Value::number(beat)), (name, value)])
    };
    let tempo = create(Table::TempoChanges, &id("t"), of(8.0 + 1e-9, "bpm", Value::number(93.250_4)));
    let metre = create(Table::TimeSignatures, &id("m"), of(1.0 / 64.0, "timeSignature", "7/8".into()));
    world.submit("ed", vec![tempo, metre]).unwrap();
    let change = world.get(Table::TempoChanges, "t");
    assert_eq!(
        (change.number("beat"), change.number("bpm"), change.text("curve")),
        (Some(8.0), Some(93.25), Some("jump"))
    );
    let change = world.get(Table::TimeSignatures, "m");
    assert_eq!((change.number("beat"), change.text("timeSignature")), (Some(1.0 / 64.0), Some("7/8")));
    for (table, name, key, fits, does_not) in [
        (Table::TempoChanges, "t", "bpm", Value::number(300.0), Value::number(300.1)),
        (Table::TempoChanges, "t", "curve", "ramp".into(), "bend".into()),
        // At the start the project's own tempo and metre are.
        (Table::TempoChanges, "t", "beat", Value::number(1_000_000.0), Value::number(0.0)),
        (Table::TimeSignatures, "m", "beat", Value::number(4.0), Value::number(1.0 / 65.0)),
        (Table::TimeSignatures, "m", "timeSignature", "12/16".into(), "4/3".into()),
    ] {
        world.submit("ann", vec![set(table, &id(name), key, fits)]).unwrap();
        world.refused("ann", vec![set(table, &id(name), key, does_not)]);
    }
    world.refused("ann", vec![set(Table::TempoChanges, &id("t"), "projectId", "q")]);
    let other = fields([("projectId", "q".into()), ("beat", 4u32.into()), ("bpm", 90u32.into())]);
    world.refused("ann", vec![create(Table::TempoChanges, &id("o"), other)]);
}

#[test]
fn u3_an_email_is_read_by_its_owner_only() {
    let user = Record::new(id("ann"), 1, fields([("name", "Ann".into()), ("email", "ann@example.com".into())]));
    let seen = |reader: &str| model::roles::visible(Table::Users, &user, &id(reader));
    assert_eq!(seen("ann"), user);
    assert_eq!((seen("ed").text("name"), seen("ed").text("email")), (Some("Ann"), None));
}
