//! Logs, batches, records.

use model::{Key, Record, Table, Value, fields};
use operations::{Scope, build};
use storage::{CommitError, LogPosition, Materialisation, Snapshot};

use crate::given::{Song, create_project, create_track, id, lagging, one, record};

#[test]
fn wr4_a_batch_is_kept_whole_and_can_be_loaded() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        song.write(store, "ada", vec![create_track("p", "t"), build::set(Table::Projects, &id("p"), "bpm", 140.0)]);
        song.write(store, "ada", vec![build::delete(Table::Tracks, &id("t"))]);
        song.assert_kept(store);
        assert!(record(store, Table::Tracks, "t").unwrap().is_deleted(), "deleted records are still there");
        assert_eq!(store.project_of(&Key::new(Table::Tracks, id("t"))).unwrap(), Some(id("p")));
        assert_eq!(store.project_of(&Key::new(Table::Projects, id("p"))).unwrap(), Some(id("p")));
        assert_eq!(store.project_of(&Key::new(Table::Tracks, id("none"))).unwrap(), None);
        assert_eq!(store.load(&Scope::Project(id("none"))).unwrap(), None);
    });
}

#[test]
fn wr4_a_batch_for_another_place_is_stale_and_leaves_nothing() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let behind = song.room.clone();
        song.write(store, "ada", vec![create_track("p", "t")]);

        let mut late = Song::new("p");
        late.room = behind;
        let batch = late.batch_as(&id("late"), "ada", vec![create_track("p", "u")]);
        let actual = Some(LogPosition { epoch: song.room.epoch().clone(), seq: 2 });
        assert_eq!(one(store, batch), Err(CommitError::Stale { actual }));
        assert_eq!(store.find_transaction(&id("ada"), &id("late")).unwrap(), None);
        song.assert_kept(store);

        // A log that does not exist begins at 0.
        let mut other = Song::new("q");
        let _ = other.batch("ada", vec![create_project("q")]);
        let second = other.batch("ada", vec![create_track("q", "v")]);
        assert_eq!(one(store, second), Err(CommitError::Stale { actual: None }));
    });
}

#[test]
fn wr4_batches_of_one_group_stand_or_fall_each_by_itself() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let mut stale = song.batch_as(&id("a"), "ada", vec![create_track("p", "t")]);
        stale.expected_seq = 9;
        stale.commits[0].commit.seq = 10;
        let mut good = Song::new("q");
        let batch = good.batch("bob", vec![create_project("q")]);
        let results = store.commit(vec![stale, batch]);
        assert!(matches!(results[..], [Err(CommitError::Stale { .. }), Ok(())]), "{results:?}");
        good.assert_kept(store);
        assert_eq!(record(store, Table::Tracks, "t"), None);
    });
}

#[test]
fn wr4_a_record_of_another_project_is_taken() {
    crate::on_each_store(|store| {
        let mut ours = Song::of(store, "p", "ada");
        ours.write(store, "ada", vec![create_track("p", "t")]);
        let mut theirs = Song::of(store, "q", "eve");
        let before = record(store, Table::Tracks, "t");
        let batch = theirs.batch("eve", vec![create_track("q", "other"), create_track("q", "t")]);
        assert_eq!(one(store, batch), Err(CommitError::Taken { key: Key::new(Table::Tracks, id("t")) }));
        assert_eq!(record(store, Table::Tracks, "t"), before);
        assert_eq!(record(store, Table::Tracks, "other"), None, "all or nothing");
        assert_eq!(store.position(&Scope::Project(id("q"))).unwrap().unwrap().seq, 1);
    });
}

#[test]
fn wr4_records_outside_the_scope_are_malformed() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let elsewhere = Record::new(id("t"), 1, fields([("projectId", "q".into())]));
        let somebody = Record::new(id("bob"), 1, fields([("name", "Bob".into())]));
        for (table, stray) in [(Table::Tracks, elsewhere), (Table::Users, somebody)] {
            let room = song.room.clone();
            let mut batch = song.batch("ada", vec![build::set(Table::Projects, &id("p"), "bpm", 99.0)]);
            batch.records.push((table, stray));
            assert!(matches!(one(store, batch), Err(CommitError::Malformed { .. })));
            song.room = room;
            song.assert_kept(store);
        }
        // Children of a project that does not exist.
        let mut orphan = song.batch("ada", vec![create_track("p", "t")]);
        orphan.scope = Scope::Project(id("none"));
        orphan.expected_seq = 0;
        orphan.commits[0].commit.seq = 1;
        orphan.records.retain(|(table, _)| *table == Table::Tracks);
        orphan.records[0].1 = orphan.records[0].1.with("projectId", "none".into());
        assert!(matches!(one(store, orphan), Err(CommitError::Malformed { .. })));
        // A gap.
        let mut gap = song.batch("ada", vec![create_track("p", "u")]);
        gap.commits[0].commit.seq += 1;
        assert!(matches!(one(store, gap), Err(CommitError::Malformed { .. })));
    });
}

#[test]
fn wr6_a_transaction_id_is_used_once_per_author() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let first = song.batch_as(&id("same"), "ada", vec![create_track("p", "t")]);
        assert_eq!(one(store, first), Ok(()));
        let logged = store.find_transaction(&id("ada"), &id("same")).unwrap().unwrap();
        assert_eq!((logged.scope, logged.seq, logged.payload_hash), (Scope::Project(id("p")), 2, [7; 32]));

        let mut elsewhere = Song::of(store, "q", "ada");
        let again = elsewhere.batch_as(&id("same"), "ada", vec![create_track("q", "u")]);
        let duplicate = CommitError::Duplicate { author: id("ada"), tx_id: id("same") };
        assert_eq!(one(store, again), Err(duplicate), "in another project, too");
        assert_eq!(record(store, Table::Tracks, "u"), None);

        let mut others = Song::of(store, "r", "bob");
        let theirs = others.batch_as(&id("same"), "bob", vec![create_track("r", "v")]);
        assert_eq!(one(store, theirs), Ok(()), "another author's is another");
    });
}

#[test]
fn wr8_the_log_is_ordered_and_gap_free() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        for n in 0..5 {
            let bpm = 100.0 + f64::from(n);
            song.write(store, "ada", vec![build::set(Table::Projects, &id("p"), "bpm", bpm)]);
        }
        let scope = song.room.scope().clone();
        let seqs = |after, limit| -> Vec<u64> {
            store.commits_since(&scope, after, limit).unwrap().iter().map(|commit| commit.seq).collect()
        };
        assert_eq!(seqs(0, 100), [1, 2, 3, 4, 5, 6]);
        assert_eq!(seqs(2, 2), [3, 4]);
        assert!(seqs(6, 100).is_empty());
        assert!(seqs(u64::MAX, 100).is_empty());

        // Replaying the log gives the records (WR8).
        let mut records = model::Records::new();
        for commit in store.commits_since(&scope, 0, 100).unwrap() {
            operations::apply_committed(&mut records, &commit.tx_id, &commit.operations, commit.time).unwrap();
        }
        assert_eq!(records, *song.room.records());
    });
}

#[test]
fn wr8_the_log_can_be_read_backwards_with_what_undoes_it() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let bpm = |value: f64| build::set(Table::Projects, &id("p"), "bpm", value);
        let mut before = song.room.records().clone();
        for value in [100.0, 110.0, 90.0] {
            before = song.room.records().clone();
            song.write(store, "ada", vec![bpm(value)]);
        }
        let scope = song.room.scope().clone();
        let seqs = |before, limit| -> Vec<u64> {
            store.entries_before(&scope, before, limit).unwrap().iter().map(|entry| entry.commit.seq).collect()
        };
        assert_eq!(seqs(5, 100), [4, 3, 2, 1]);
        assert_eq!(seqs(4, 2), [3, 2]);
        assert_eq!(seqs(u64::MAX, 1), [4]);
        assert!(seqs(1, 100).is_empty());
        assert!(seqs(0, 100).is_empty());
        assert!(store.entries_before(&Scope::Project(id("none")), 9, 9).unwrap().is_empty());

        let last = store.entries_before(&scope, 5, 1).unwrap().pop().unwrap();
        assert_eq!(Some(&last.commit), store.commits_since(&scope, 3, 1).unwrap().first());
        let [inverse] = &last.inverse[..] else { panic!("{:?}", last.inverse) };
        let project = song.room.records().project().unwrap();
        let undone = operations::apply(project, inverse, last.commit.time).unwrap();
        assert_eq!(undone.get("bpm"), before.project().unwrap().get("bpm"));
    });
}

#[test]
fn wr8_another_epoch_is_stale() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let mut batch = song.batch("ada", vec![create_track("p", "t")]);
        let actual = LogPosition { epoch: batch.epoch.clone(), seq: 1 };
        batch.epoch = id("another");
        assert_eq!(one(store, batch), Err(CommitError::Stale { actual: Some(actual) }));
    });
}

/// Every field of every table of a project, each with a value of its kind.
#[test]
fn every_kind_of_field_comes_back_as_it_was() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let plugin = Value::map([
            ("id", "eq".into()),
            ("type", "filter".into()),
            ("bypassed", true.into()),
            ("params", Value::map([("freq", Value::number(1e3 / 3.0))])),
        ]);
        let note = Value::map([
            ("id", "n".into()),
            ("pitch", 60u32.into()),
            ("startBeat", Value::number(1.0 / 3.0)),
            ("durationBeats", 1u32.into()),
        ]);
        let clip = fields([
            ("trackId", "t".into()),
            ("name", "Ü \u{1f3b8} 'quoted'".into()),
            ("startBeat", Value::number(1.0 / 3.0)),
            ("durationBeats", Value::number(4.0)),
            ("midiData", Value::map([("notes", Value::list([note]))])),
        ]);
        let point = Value::map([("id", "a".into()), ("beat", 0u32.into()), ("value", Value::number(-0.25))]);
        let lane = fields([("trackId", "t".into()), ("parameter", "volume".into()), ("points", Value::list([point]))]);
        let hash = "0123456789abcdef".repeat(4);
        let file = fields([
            ("projectId", "p".into()),
            ("filename", "take 1.wav".into()),
            ("contentHash", hash.as_str().into()),
            ("sizeBytes", Value::number(524_288_000.0)),
        ]);
        let change = |name: &'static str, value: Value| {
            fields([("projectId", "p".into()), ("beat", Value::number(4.0 / 3.0)), (name, value)])
        };
        let (tempo, metre) = (change("bpm", Value::number(93.251)), change("timeSignature", "7/8".into()));
        song.write(
            store,
            "ada",
            vec![
                create_track("p", "t"),
                build::set(Table::Tracks, &id("t"), "plugins", Value::list([plugin])),
                build::set(Table::Tracks, &id("t"), "muted", true),
                build::set(Table::Tracks, &id("t"), "colour", "#ff8800"),
                build::create(Table::Clips, &id("c"), clip),
                build::create(Table::Automation, &id("l"), lane),
                build::create(Table::AudioFiles, &id("f"), file),
                build::create(Table::TempoChanges, &id("tempo"), tempo),
                build::create(Table::TimeSignatures, &id("metre"), metre),
            ],
        );
        let peaks = Value::list((0..2_000).map(|n| Value::number(f64::from(n) / 2_000.0)));
        song.write(
            store,
            "system",
            vec![
                build::set(Table::AudioFiles, &id("f"), "peaksData", peaks),
                build::set(Table::AudioFiles, &id("f"), "frames", Value::number(9_007_199_254_740_991.0_f64.min(9e15))),
                build::set(Table::AudioFiles, &id("f"), "state", "ready"),
                build::set(Table::AudioFiles, &id("f"), "storageKey", hash.as_str()),
            ],
        );
        song.assert_kept(store);
    });
}

#[test]
fn wr8_a_log_gets_another_epoch_and_keeps_its_entries() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let other = Song::of(store, "q", "bob");
        let (scope, old, fresh) = (song.room.scope().clone(), song.room.epoch().clone(), id("fresh"));
        assert!(!store.renew_epoch(&scope, &fresh, &id("late")).unwrap(), "it is not called so");
        assert!(!store.renew_epoch(&Scope::Project(id("none")), &old, &fresh).unwrap());
        assert!(store.renew_epoch(&scope, &old, &fresh).unwrap());
        assert!(!store.renew_epoch(&scope, &old, &id("late")).unwrap(), "once");
        other.assert_kept(store);

        let (seq, records) = (song.room.seq(), song.room.records().clone());
        let actual = Some(LogPosition { epoch: fresh.clone(), seq });
        let behind = song.batch("ada", vec![create_track("p", "t")]);
        assert_eq!(one(store, behind), Err(CommitError::Stale { actual }), "who knows the old one is told");
        song.room = sync::Room::new(scope, fresh, seq, records);
        song.write(store, "ada", vec![create_track("p", "u")]);
        song.assert_kept(store);
    });
}

#[test]
fn wr12_snapshots_are_kept_beside_the_log_that_they_are_of() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let other = Song::of(store, "q", "bob");
        for track in ["t", "u", "v"] {
            song.write(store, "ada", vec![create_track("p", track)]);
        }
        let (scope, epoch, end) = (song.room.scope().clone(), song.room.epoch().clone(), song.room.seq());
        let of = |seq: u64, records: &[u8]| Snapshot {
            scope: scope.clone(),
            epoch: epoch.clone(),
            seq,
            records: records.to_vec(),
        };
        assert_eq!((store.snapshot_from(&scope, 0), store.last_snapshot(&scope)), (Ok(None), Ok(None)));
        assert_eq!(store.keep_snapshot(of(end + 1, b"not yet")), Ok(false));
        assert_eq!(store.keep_snapshot(Snapshot { epoch: id("another"), ..of(1, b"not this") }), Ok(false));
        assert_eq!(store.keep_snapshot(Snapshot { scope: Scope::Project(id("none")), ..of(1, b"none") }), Ok(false));
        assert_eq!(store.keep_snapshot(of(end, b"the end")), Ok(true));
        assert_eq!(store.keep_snapshot(of(2, b"early")), Ok(true));
        assert_eq!(store.keep_snapshot(of(2, b"again")), Ok(true), "the first stays");
        let from = |seq: u64| store.snapshot_from(&scope, seq).unwrap();
        for seq in 0..=2 {
            assert_eq!(from(seq), Some((2, b"early".to_vec())));
        }
        assert_eq!(from(3), Some((end, b"the end".to_vec())));
        assert_eq!((from(end + 1), store.last_snapshot(&scope)), (None, Ok(Some(end))));
        assert_eq!(store.snapshot_from(other.room.scope(), 0), Ok(None), "another project's are its own");
    });
}

#[test]
fn w6_a_log_knows_about_how_many_bytes_it_takes() {
    let counted = std::cell::RefCell::new(Vec::new());
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let scope = song.room.scope().clone();
        let bytes = || store.load(&scope).unwrap().unwrap().log_bytes;
        let founded = bytes();
        song.write(store, "ada", vec![create_track("p", "t")]);
        let with_track = bytes();
        assert!(founded > 50 && with_track > founded, "{founded}, {with_track}: all of it was written through");
        song.write(store, "ada", vec![build::set(Table::Tracks, &id("t"), "volume", 0.5)]);
        assert_eq!(bytes(), with_track, "its rows lag");
        let rows = Materialisation { log_bytes: 7, ..lagging(store, &scope) };
        assert_eq!(store.materialise(rows), Ok(true));
        assert_eq!(bytes(), with_track + 7);
        let (epoch, seq) = (song.room.epoch().clone(), song.room.seq());
        for _ in 0..2 {
            let snapshot = Snapshot { scope: scope.clone(), epoch: epoch.clone(), seq, records: vec![1; 1_000] };
            assert_eq!(store.keep_snapshot(snapshot), Ok(true));
            assert_eq!(bytes(), with_track + 1_007, "kept once");
        }
        counted.borrow_mut().push(bytes());
    });
    let counted = counted.into_inner();
    assert_eq!(counted[0], counted[1]);
}
