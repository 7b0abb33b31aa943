//! Rows that lag behind their log (WR8).

use model::{Key, Table};
use operations::{Operation, Scope, build};
use storage::{CommitError, Store};

use crate::given::{Song, create_track, id, lagging, one, record};

fn volume(track: &str, volume: f64) -> Operation {
    build::set(Table::Tracks, &id(track), "volume", volume)
}

fn rename(name: &str) -> Operation {
    build::set(Table::Projects, &id("p"), "name", name)
}

/// A song with a track whose row lags two entries behind.
fn lagging_song(store: &dyn Store) -> Song {
    let mut song = Song::of(store, "p", "ada");
    song.write(store, "ada", vec![create_track("p", "t")]);
    song.write(store, "ada", vec![volume("t", 0.25)]);
    song.write(store, "ada", vec![volume("t", 0.5), rename("Written through")]);
    song
}

#[test]
fn wr8_nobody_sees_that_rows_lag_behind() {
    crate::on_each_store(|store| {
        let song = lagging_song(store);
        let loaded = store.load(song.room.scope()).unwrap().unwrap();
        assert_eq!((loaded.materialised_seq, loaded.seq), (2, 4), "what writes all of its rows needs no more");
        assert_eq!(loaded.behind.into_iter().collect::<Vec<_>>(), [Key::new(Table::Tracks, id("t"))]);
        song.assert_kept(store);
        let keys = [Key::new(Table::Tracks, id("t")), Key::new(Table::Projects, id("p"))];
        for (table, found) in store.records(&keys).unwrap() {
            assert_eq!(Some(&found), song.room.records().find(table, found.id()));
        }
        let projects = store.projects_of(&id("ada")).unwrap();
        assert_eq!(projects[0].0.text("name"), Some("Written through"));
    });
}

#[test]
fn wr8_rows_are_written_behind_the_log_and_twice_is_as_good_as_once() {
    crate::on_each_store(|store| {
        let mut song = lagging_song(store);
        let behind = lagging(store, song.room.scope());
        assert_eq!(behind.records.len(), 1);
        assert_eq!(store.materialise(behind.clone()), Ok(true));
        let loaded = store.load(song.room.scope()).unwrap().unwrap();
        assert_eq!((loaded.materialised_seq, loaded.behind.len()), (4, 0));
        song.assert_kept(store);
        assert_eq!(store.materialise(behind), Ok(true));
        song.assert_kept(store);
        let again = store.load(song.room.scope()).unwrap().unwrap();
        assert_eq!(again.log_bytes, loaded.log_bytes, "counted once");
        song.write(store, "ada", vec![volume("t", 0.75)]);
        song.assert_kept(store);
    });
}

#[test]
fn wr8_rows_of_an_earlier_entry_do_not_take_the_place_of_later_ones() {
    crate::on_each_store(|store| {
        let mut song = lagging_song(store);
        let early = lagging(store, song.room.scope());
        song.write(store, "ada", vec![volume("t", 0.75)]);
        let late = lagging(store, song.room.scope());
        assert_eq!(store.materialise(late), Ok(true));
        assert_eq!(store.materialise(early), Ok(true));
        song.assert_kept(store);
        assert_eq!(record(store, Table::Tracks, "t").unwrap().number("volume"), Some(0.75));
    });
}

#[test]
fn wr8_rows_that_would_leave_a_gap_or_belong_to_another_log_are_not_written() {
    crate::on_each_store(|store| {
        let song = lagging_song(store);
        let good = lagging(store, song.room.scope());
        let mut gap = good.clone();
        gap.since = 3;
        let mut beyond = good.clone();
        beyond.seq = 5;
        let mut other = good.clone();
        other.epoch = id("another");
        let mut nowhere = good.clone();
        nowhere.scope = Scope::Project(id("none"));
        nowhere.records.clear();
        for bad in [gap, beyond, other, nowhere] {
            assert_eq!(store.materialise(bad), Ok(false));
        }
        let mut stray = good;
        stray.records[0].1 = stray.records[0].1.with("projectId", "q".into());
        assert!(store.materialise(stray).is_err());
        let loaded = store.load(song.room.scope()).unwrap().unwrap();
        assert_eq!((loaded.materialised_seq, loaded.behind.len()), (2, 1));
        song.assert_kept(store);
    });
}

#[test]
fn wr8_what_others_look_for_has_to_be_written_with_its_commit() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        for operation in [create_track("p", "t"), rename("New")] {
            let room = song.room.clone();
            let mut batch = song.batch("ada", vec![operation]);
            assert_eq!(batch.records.len(), 1);
            batch.records.clear();
            assert!(matches!(one(store, batch), Err(CommitError::Malformed { .. })));
            song.room = room;
        }
        song.assert_kept(store);
    });
}
