//! What undo may and may not do (UN3-UN5), among random edits of two people.

use model::{Records, Table, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, restore, set, unset};
use operations::{Accepted, Author, Operation, Position, Refusal, apply_committed, transact};
use proptest::prelude::*;

use crate::song::{id, note, scope, transaction};

struct Song {
    records: Records,
    count: u32,
}

impl Song {
    /// A project with owner `ann` and editor `bob`, a track with two plugins and a clip with three notes.
    fn new() -> Song {
        let mut song = Song { records: Records::new(), count: 0 };
        let member = fields([("projectId", "p".into()), ("userId", "bob".into()), ("role", "editor".into())]);
        let plugin = |id: &str| Value::map([("id", id.into()), ("type", "filter".into())]);
        let track = fields([
            ("projectId", "p".into()),
            ("name", "Bass".into()),
            ("type", "midi".into()),
            ("plugins", Value::list([plugin("eq"), plugin("comp")])),
        ]);
        let notes = Value::list((0..3).map(|n| note(&format!("n{n}"), 60)));
        let clip = fields([
            ("trackId", "t".into()),
            ("name", "Clip".into()),
            ("startBeat", 0u32.into()),
            ("durationBeats", 4u32.into()),
            ("midiData", Value::map([("notes", notes)])),
        ]);
        let operations = vec![
            create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
            create(Table::ProjectMembers, &id("m"), member),
            create(Table::Tracks, &id("t"), track),
            create(Table::Clips, &id("k"), clip),
        ];
        song.submit("ann", operations).unwrap();
        song
    }

    fn submit(&mut self, author: &str, operations: Vec<Operation>) -> Result<Accepted, Refusal> {
        self.count += 1;
        let (transaction, now) = transaction(self.count, author, operations);
        let mut replica = self.records.clone();
        let accepted = transact(&mut self.records, &scope(), &Author::User(id(author)), &transaction, now)?;
        // Whoever only follows the log arrives at the same, stamps included.
        apply_committed(&mut replica, &transaction.tx_id, &accepted.operations, now).unwrap();
        assert_eq!(replica, self.records);
        Ok(accepted)
    }

    fn json(&self) -> serde_json::Value {
        let mut all = serde_json::to_value(self.records.record_map(self.records.iter().map(|(key, _)| key))).unwrap();
        for table in all.as_object_mut().unwrap().values_mut() {
            for record in table.as_object_mut().unwrap().values_mut() {
                let record = record.as_object_mut().unwrap();
                // When, not what.
                record.remove("version");
                record.remove("updatedAt");
            }
        }
        all
    }

    /// Every stamp without the version that it was made at.
    fn stamps(&self) -> Vec<(String, String, String)> {
        let records = self.records.iter();
        let stamps = records.flat_map(|(key, record)| {
            record.stamps().iter().map(|(path, tx, _)| (key.to_string(), path.to_owned(), tx.to_string()))
        });
        stamps.collect()
    }

    /// What lies at a written path, elements found by their ids.
    fn at(&self, operation: &Operation) -> Option<serde_json::Value> {
        let record = serde_json::to_value(self.records.get(&operation.target).unwrap()).unwrap();
        operation.writes().split('.').try_fold(record, |value, segment| match value {
            serde_json::Value::Array(list) => list.into_iter().find(|element| element["id"] == segment),
            other => other.get(segment).cloned(),
        })
    }
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let (t, k) = (id("t"), id("k"));
    prop_oneof![
        (0u32..20).prop_map({
            let t = t.clone();
            move |v| set(Table::Tracks, &t, "volume", f64::from(v) / 10.0)
        }),
        (0u32..3).prop_map({
            let t = t.clone();
            move |i| set(Table::Tracks, &t, "orderIndex", i)
        }),
        (0u32..9).prop_map({
            let k = k.clone();
            move |b| set(Table::Clips, &k, "startBeat", b)
        }),
        (0u32..4, 40u32..80).prop_map({
            let k = k.clone();
            move |(n, pitch)| set(Table::Clips, &k, &format!("midiData.notes.n{n}.pitch"), pitch)
        }),
        (0u32..6, 40u32..80, any::<bool>()).prop_map({
            let k = k.clone();
            move |(n, pitch, first)| {
                let place = if first { Position::Prepend } else { Position::After(note("n1", 60)) };
                list_insert(Table::Clips, &k, "midiData.notes", note(&format!("n{n}"), pitch), place)
            }
        }),
        (0u32..6).prop_map({
            let k = k.clone();
            move |n| list_remove(Table::Clips, &k, "midiData.notes", note(&format!("n{n}"), 1))
        }),
        prop::sample::select(vec!["eq", "comp"])
            .prop_flat_map(|p| (Just(p), prop::sample::select(vec!["freq", "mix"]), 20u32..29))
            .prop_map({
                let t = t.clone();
                move |(plugin, name, v)| set(Table::Tracks, &t, &format!("plugins.{plugin}.params.{name}"), v)
            }),
        prop::sample::select(vec!["eq", "comp"]).prop_map(move |plugin| unset(
            Table::Tracks,
            &t,
            &format!("plugins.{plugin}.params")
        )),
        Just(delete(Table::Clips, &k)),
        Just(restore(Table::Clips, &k)),
    ]
}

fn any_step() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(any_operation(), 1..4)
}

#[test]
fn un3_undo_leaves_what_another_has_written_and_does_the_rest() {
    let mut song = Song::new();
    let (t, k) = (id("t"), id("k"));
    let mine =
        song.submit("ann", vec![set(Table::Tracks, &t, "volume", 0.5), set(Table::Clips, &k, "startBeat", 8u32)]);
    song.submit("bob", vec![set(Table::Tracks, &t, "volume", 0.25)]).unwrap();
    let undone = song.submit("ann", mine.unwrap().inverse).unwrap();
    assert_eq!(undone.skipped.len(), 1);
    assert_eq!(song.records.find(Table::Tracks, &t).unwrap().number("volume"), Some(0.25));
    assert_eq!(song.records.find(Table::Clips, &k).unwrap().number("startBeat"), Some(0.0));
}

#[test]
fn un3_an_undo_of_which_nothing_is_left_is_refused_with_409() {
    let mut song = Song::new();
    let mine = song.submit("ann", vec![set(Table::Tracks, &id("t"), "volume", 0.5)]).unwrap();
    song.submit("bob", vec![set(Table::Tracks, &id("t"), "volume", 0.5)]).unwrap();
    let refusal = song.submit("ann", mine.inverse).unwrap_err();
    assert_eq!((refusal.status, refusal.conflicts.len()), (409, 1), "the same value, but of another's hand");
}

#[test]
fn un3_paths_conflict_when_one_is_a_prefix_of_the_other() {
    let mut song = Song::new();
    let t = id("t");
    let inner = song.submit("ann", vec![set(Table::Tracks, &t, "plugins.eq.params.freq", 100u32)]).unwrap();
    let eq = Value::map([("id", "eq".into()), ("type", "filter".into())]);
    song.submit("bob", vec![list_insert(Table::Tracks, &t, "plugins", eq, Position::Append)]).unwrap();
    assert_eq!(song.submit("ann", inner.inverse).unwrap_err().status, 409);
    let outer =
        song.submit("ann", vec![list_remove(Table::Tracks, &t, "plugins", Value::map([("id", "comp".into())]))]);
    song.submit("ann", outer.unwrap().inverse).unwrap();
    let again = song.submit("ann", vec![unset(Table::Tracks, &t, "plugins.comp.params")]);
    song.submit("bob", vec![set(Table::Tracks, &t, "plugins.comp.params.q", 1u32)]).unwrap();
    assert!(again.unwrap().inverse.is_empty(), "what changed nothing has no inverse");
}

#[test]
fn un3_the_undo_of_a_creation_hides_it_and_redo_brings_others_work_back() {
    let mut song = Song::new();
    let track = fields([("projectId", "p".into()), ("name", "New".into()), ("type", "audio".into())]);
    let made = song.submit("ann", vec![create(Table::Tracks, &id("new"), track)]).unwrap();
    song.submit("bob", vec![set(Table::Tracks, &id("new"), "volume", 0.3)]).unwrap();
    let undone = song.submit("ann", made.inverse).unwrap();
    assert!(song.records.find(Table::Tracks, &id("new")).unwrap().is_deleted());
    song.submit("ann", undone.inverse).unwrap();
    let back = song.records.find(Table::Tracks, &id("new")).unwrap();
    assert!(!back.is_deleted() && back.number("volume") == Some(0.3));
}

#[test]
fn un5_a_transaction_that_writes_in_what_it_has_written_is_undone_after_another() {
    let mut song = Song::new();
    let (t, freq) = (id("t"), "plugins.comp.params.freq");
    let params = "plugins.comp.params";
    let twice = vec![
        set(Table::Tracks, &t, freq, 21u32),
        unset(Table::Tracks, &t, params),
        set(Table::Tracks, &t, freq, 21u32),
    ];
    let start = song.json();
    let first = song.submit("ann", twice).unwrap();
    let second = song.submit("ann", vec![unset(Table::Tracks, &t, params)]).unwrap();
    assert!(song.submit("ann", second.inverse).unwrap().skipped.is_empty());
    assert!(song.submit("ann", first.inverse).unwrap().skipped.is_empty());
    assert_eq!(song.json(), start);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn un3_undo_never_changes_what_another_has_written_since(
        before in prop::collection::vec(any_step(), 0..3),
        mine in any_step(),
        others in prop::collection::vec(any_step(), 1..4),
    ) {
        let mut song = Song::new();
        for step in before {
            let _ = song.submit("ann", step);
        }
        let Ok(mine) = song.submit("ann", mine) else { return Ok(()) };
        let mut written = Vec::new();
        for operation in others.into_iter().flatten() {
            // What takes out what is not there writes nothing.
            let accepted = song.submit("bob", vec![operation]).into_iter().filter(|it| !it.inverse.is_empty());
            written.extend(accepted.flat_map(|accepted| accepted.operations));
        }
        let values: Vec<_> = written.iter().map(|operation| song.at(operation)).collect();
        if mine.inverse.is_empty() { return Ok(()) }
        if let Ok(undone) = song.submit("ann", mine.inverse) {
            for (operation, value) in written.iter().zip(values) {
                prop_assert_eq!(song.at(operation), value, "{:?} was changed", operation.writes());
            }
            if !undone.inverse.is_empty() {
                let _ = song.submit("ann", undone.inverse);
            }
        }
    }

    #[test]
    fn un5_undo_then_redo_is_the_identity_when_nobody_else_wrote(steps in prop::collection::vec(any_step(), 1..8)) {
        let mut song = Song::new();
        let mut states = vec![(song.json(), song.stamps())];
        let mut inverses = Vec::new();
        for step in steps {
            let Ok(accepted) = song.submit("ann", step) else { continue };
            inverses.push(accepted.inverse);
            states.push((song.json(), song.stamps()));
        }
        let mut redos = Vec::new();
        for (at, inverse) in inverses.into_iter().enumerate().rev() {
            let undone = (!inverse.is_empty()).then(|| song.submit("ann", inverse).unwrap());
            prop_assert!(undone.as_ref().is_none_or(|undone| undone.skipped.is_empty()));
            prop_assert_eq!(&song.json(), &states[at].0);
            redos.push((at + 1, undone.map(|undone| undone.inverse).unwrap_or_default()));
        }
        for (at, redo) in redos.into_iter().rev() {
            if !redo.is_empty() {
                prop_assert!(song.submit("ann", redo).unwrap().skipped.is_empty());
            }
            prop_assert_eq!(&song.json(), &states[at].0);
        }
    }
}
