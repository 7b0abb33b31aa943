//! Restoring an old state: the difference of two states, applied to the one, gives the other.

use model::limits::TRANSACTION_OPERATIONS_MAX;
use model::{Records, Table, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, restore, set, unset};
use operations::{Author, Operation, Position, Refusal, difference, transact};
use proptest::prelude::*;

use crate::song::{id, note, scope, transaction};

struct Song {
    records: Records,
    count: u32,
}

impl Song {
    /// A project with two tracks, a recording, a clip with notes and an automation lane.
    fn new() -> Song {
        let mut song = Song { records: Records::new(), count: 0 };
        let lane = fields([("trackId", "t0".into()), ("parameter", "volume".into())]);
        song.submit(&[
            create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
            new_track("t0"),
            new_track("t1"),
            new_recording("f0"),
            new_clip("k0"),
            create(Table::Automation, &id("a0"), lane),
        ])
        .unwrap();
        song
    }

    fn submit(&mut self, operations: &[Operation]) -> Result<(), Refusal> {
        for operations in operations.chunks(TRANSACTION_OPERATIONS_MAX) {
            self.count += 1;
            let (transaction, now) = transaction(self.count, "ann", operations.to_vec());
            transact(&mut self.records, &scope(), &Author::User(id("ann")), &transaction, now)?;
        }
        Ok(())
    }
}

fn new_track(name: &str) -> Operation {
    let plugin = Value::map([("id", "eq".into()), ("type", "filter".into())]);
    let given =
        [("projectId", "p".into()), ("name", name.into()), ("type", "midi".into()), ("plugins", Value::list([plugin]))];
    create(Table::Tracks, &id(name), fields(given))
}

fn new_recording(name: &str) -> Operation {
    let hash = "ab".repeat(32);
    let given = [
        ("projectId", "p".into()),
        ("filename", name.into()),
        ("contentHash", hash.as_str().into()),
        ("sizeBytes", 9u32.into()),
    ];
    create(Table::AudioFiles, &id(name), fields(given))
}

fn new_clip(name: &str) -> Operation {
    let notes = Value::list((0..3).map(|n| note(&format!("n{n}"), 60)));
    let given = [
        ("trackId", "t0".into()),
        ("name", name.into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 4u32.into()),
        ("midiData", Value::map([("notes", notes)])),
    ];
    create(Table::Clips, &id(name), fields(given))
}

fn point(n: u32, value: u32) -> Value {
    let name = format!("q{n}");
    Value::map([("id", name.as_str().into()), ("beat", n.into()), ("value", value.into())])
}

fn any_position(name: &'static str) -> impl Strategy<Value = Position> {
    prop_oneof![
        Just(Position::Prepend),
        Just(Position::Append),
        (0u32..6).prop_map(move |n| Position::After(Value::map([("id", format!("{name}{n}").as_str().into())]))),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let track = || prop::sample::select(vec!["t0", "t1", "t2"]).prop_map(id);
    let clip = || prop::sample::select(vec!["k0", "k1", "k2"]).prop_map(id);
    let named = || {
        prop::sample::select(vec![
            (Table::Tracks, "t0"),
            (Table::Tracks, "t2"),
            (Table::Clips, "k0"),
            (Table::Clips, "k2"),
            (Table::AudioFiles, "f0"),
            (Table::Automation, "a0"),
        ])
    };
    prop_oneof![
        prop::sample::select(vec!["t1", "t2"]).prop_map(new_track),
        prop::sample::select(vec!["k1", "k2"]).prop_map(new_clip),
        Just(new_recording("f1")),
        named().prop_map(|(table, name)| delete(table, &id(name))),
        named().prop_map(|(table, name)| restore(table, &id(name))),
        (0u32..300).prop_map(|bpm| set(Table::Projects, &id("p"), "bpm", bpm)),
        (track(), 0u32..20).prop_map(|(t, v)| set(Table::Tracks, &t, "volume", f64::from(v) / 10.0)),
        (track(), 0u32..3).prop_map(|(t, rank)| set(Table::Tracks, &t, "orderIndex", rank)),
        track().prop_map(|t| set(Table::Tracks, &t, "colour", "#123456")),
        track().prop_map(|t| unset(Table::Tracks, &t, "colour")),
        (track(), prop::sample::select(vec!["freq", "mix"]), 20u32..29).prop_map(|(t, name, v)| set(
            Table::Tracks,
            &t,
            &format!("plugins.eq.params.{name}"),
            v
        )),
        track().prop_map(|t| unset(Table::Tracks, &t, "plugins.eq.params.freq")),
        track().prop_map(|t| list_remove(Table::Tracks, &t, "plugins", Value::map([("id", "eq".into())]))),
        (clip(), 0u32..9).prop_map(|(k, beat)| set(Table::Clips, &k, "startBeat", beat)),
        (clip(), track()).prop_map(|(k, t)| set(Table::Clips, &k, "trackId", &t)),
        clip().prop_map(|k| set(Table::Clips, &k, "audioFileId", "f0")),
        clip().prop_map(|k| unset(Table::Clips, &k, "midiData")),
        (clip(), 0u32..6, 40u32..80, any_position("n")).prop_map(|(k, n, pitch, place)| list_insert(
            Table::Clips,
            &k,
            "midiData.notes",
            note(&format!("n{n}"), pitch),
            place
        )),
        (clip(), 0u32..6).prop_map(|(k, n)| list_remove(Table::Clips, &k, "midiData.notes", note(&format!("n{n}"), 1))),
        (clip(), 0u32..6, 40u32..80).prop_map(|(k, n, pitch)| set(
            Table::Clips,
            &k,
            &format!("midiData.notes.n{n}.pitch"),
            pitch
        )),
        (0u32..6, 0u32..9, any_position("q")).prop_map(|(n, v, place)| list_insert(
            Table::Automation,
            &id("a0"),
            "points",
            point(n, v),
            place
        )),
        (0u32..6).prop_map(|n| list_remove(Table::Automation, &id("a0"), "points", point(n, 1))),
    ]
}

/// What a song is, without what restoring leaves alone. A record that `only` does not have counts as deleted: nothing is ever
/// removed.
fn song(records: &Records, only: &Records) -> serde_json::Value {
    let mut all = serde_json::Map::new();
    for (key, record) in records.iter() {
        let deleted = record.is_deleted() && key.table != Table::AudioFiles;
        if only.get(key).is_none() && (deleted || key.table == Table::AudioFiles) {
            continue;
        }
        let mut fields = serde_json::to_value(record).unwrap();
        let object = fields.as_object_mut().unwrap();
        object.retain(|name, value| !value.is_null() && !matches!(&**name, "version" | "createdAt" | "updatedAt"));
        object.remove("deleted");
        object.insert("deleted".into(), deleted.into());
        all.insert(key.to_string(), fields);
    }
    all.into()
}

proptest! {
    #[test]
    fn un6_the_difference_of_two_states_makes_the_one_the_other(
        first in prop::collection::vec(any_operation(), 0..40),
        then in prop::collection::vec(any_operation(), 0..40),
    ) {
        let mut old = Song::new();
        for operation in first {
            let _ = old.submit(&[operation]);
        }
        let mut new = Song { records: old.records.clone(), count: old.count };
        for operation in then {
            let _ = new.submit(&[operation]);
        }
        for (from, to) in [(&new, &old), (&old, &new)] {
            let mut restored = Song { records: from.records.clone(), count: 1_000 };
            let operations = difference(&from.records, &to.records);
            restored.submit(&operations).unwrap();
            prop_assert_eq!(song(&restored.records, &to.records), song(&to.records, &to.records));
            // And then nothing differs any more.
            prop_assert_eq!(difference(&restored.records, &to.records), []);
        }
    }
}

#[test]
fn un6_equal_states_do_not_differ() {
    let song = Song::new();
    assert_eq!(difference(&song.records, &song.records), []);
}

#[test]
fn un6_one_changed_note_is_one_operation() {
    let old = Song::new();
    let mut new = Song { records: old.records.clone(), count: old.count };
    new.submit(&[set(Table::Clips, &id("k0"), "midiData.notes.n1.pitch", 72u32)]).unwrap();
    let back = difference(&new.records, &old.records);
    assert_eq!(back, [set(Table::Clips, &id("k0"), "midiData.notes.n1.pitch", 60u32)]);
}

#[test]
fn un6_members_versions_and_recordings_stay() {
    let old = Song::new();
    let mut new = Song { records: old.records.clone(), count: old.count };
    let member = fields([("projectId", "p".into()), ("userId", "bob".into()), ("role", "editor".into())]);
    let version = fields([("projectId", "p".into()), ("name", "Mix 1".into())]);
    new.submit(&[
        create(Table::ProjectMembers, &id("m"), member),
        create(Table::Versions, &id("v"), version),
        new_recording("f1"),
        new_clip("k1"),
    ])
    .unwrap();
    assert_eq!(difference(&new.records, &old.records), [delete(Table::Clips, &id("k1"))]);
}

#[test]
fn un6_what_was_deleted_since_comes_back_with_what_it_plays() {
    let mut old = Song::new();
    old.submit(&[set(Table::Clips, &id("k0"), "audioFileId", "f0")]).unwrap();
    let mut new = Song { records: old.records.clone(), count: old.count };
    new.submit(&[
        delete(Table::Clips, &id("k0")),
        delete(Table::AudioFiles, &id("f0")),
        delete(Table::Tracks, &id("t0")),
    ])
    .unwrap();
    let back = difference(&new.records, &old.records);
    let expected = [(Table::Tracks, "t0"), (Table::AudioFiles, "f0"), (Table::Clips, "k0")]
        .map(|(table, name)| restore(table, &id(name)));
    assert_eq!(back, expected);
}

/// A song that came from `old`, and what was done to it since.
fn since(old: &Song, operations: &[Operation]) -> Song {
    let mut new = Song { records: old.records.clone(), count: old.count };
    new.submit(operations).unwrap();
    new
}

#[test]
fn un6_one_changed_parameter_is_one_operation() {
    let freq = |value: u32| set(Table::Tracks, &id("t0"), "plugins.eq.params.freq", value);
    let mix = |value: f64| set(Table::Tracks, &id("t0"), "plugins.eq.params.mix", value);
    let mut old = Song::new();
    old.submit(&[freq(200), mix(0.5)]).unwrap();
    let new = since(&old, &[freq(300)]);
    assert_eq!(difference(&new.records, &old.records), [freq(200)]);
    let gone = since(&old, &[unset(Table::Tracks, &id("t0"), "plugins.eq.params.mix")]);
    assert_eq!(difference(&gone.records, &old.records), [mix(0.5)]);
    let back = difference(&old.records, &gone.records);
    assert_eq!(back, [unset(Table::Tracks, &id("t0"), "plugins.eq.params.mix")]);
}

#[test]
fn un6_roles_and_names_of_versions_stay_as_they_are() {
    let member = fields([("projectId", "p".into()), ("userId", "bob".into()), ("role", "editor".into())]);
    let version = fields([("projectId", "p".into()), ("name", "Mix 1".into())]);
    let mut old = Song::new();
    old.submit(&[create(Table::ProjectMembers, &id("m"), member), create(Table::Versions, &id("v"), version)]).unwrap();
    let new = since(
        &old,
        &[
            set(Table::ProjectMembers, &id("m"), "role", "viewer"),
            set(Table::Versions, &id("v"), "name", "Mix 2"),
            delete(Table::Versions, &id("v")),
        ],
    );
    assert_eq!(difference(&new.records, &old.records), []);
    assert_eq!(
        difference(&Records::new(), &old.records).iter().filter(|made| made.target.table == Table::Versions).count(),
        0
    );
}

#[test]
fn un6_what_is_made_again_is_given_what_people_wrote_and_nothing_else() {
    let old = Song::new();
    let new = since(&old, &[new_clip("k1"), delete(Table::Clips, &id("k1"))]);
    let made = difference(&old.records, &new.records);
    assert_eq!(made.len(), 2);
    assert_eq!(made[1], delete(Table::Clips, &id("k1")));
    let operations::Change::Set(Value::Map(given)) = &made[0].change else { panic!("{made:?}") };
    for name in ["createdAt", "updatedAt", "deleted", "version"] {
        assert!(!given.contains_key(name), "{name}");
    }
    assert!(given.contains_key("trackId") && given.contains_key("midiData"));
}

#[test]
fn un6_a_project_is_neither_deleted_nor_brought_back_and_a_recording_is_not_deleted() {
    let old = Song::new();
    let deleted = since(&old, &[delete(Table::Projects, &id("p"))]);
    assert_eq!(difference(&deleted.records, &old.records), []);
    assert_eq!(difference(&old.records, &deleted.records), []);
    let without = since(&old, &[delete(Table::AudioFiles, &id("f0"))]);
    assert_eq!(difference(&old.records, &without.records), []);
}

#[test]
fn un6_w6_transactions_are_not_too_heavy_to_be_sent() {
    let heavy = |name: &str| set(Table::Tracks, &id(name), "name", &*"x".repeat(1_000_000));
    let parts = operations::in_transactions(vec![heavy("a"), heavy("b"), heavy("c")]);
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let many = vec![set(Table::Tracks, &id("a"), "volume", 0.5); TRANSACTION_OPERATIONS_MAX + 1];
    let parts = operations::in_transactions(many);
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [TRANSACTION_OPERATIONS_MAX, 1]);
}
