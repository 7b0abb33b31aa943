//! What was is what the log says.

use model::{Id, Key, Record, Records, Role, Table, Timestamp, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, restore, set, unset};
use operations::{Author, Operation, Position, Scope, Transaction, apply_committed};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use storage::{MemoryStore, NewUser, Store};
use sync::Room;
use tokio_util::sync::CancellationToken;

use super::super::commit_group::{Submission, commit_group};
use super::super::limits::{HISTORY_VERSIONS_MAX, REWIND_COMMITS_MAX, SNAPSHOT_EVERY};
use super::page::page;
use super::rewind::rewind;
use super::snapshots::keep_if_due;

const NOW: Timestamp = Timestamp(1_795_470_240_000);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// One random edit: what, of which of a few records, and a number.
type Edit = (u8, u8, u8, u8);

/// The operations of an edit; many are refused, which is fine.
fn operations((what, a, b, n): Edit) -> Vec<Operation> {
    let track = id(&format!("t{}", a % 3));
    let clip = id(&format!("c{}", b % 3));
    let (number, whole) = (Value::number(f64::from(n) / 128.0), Value::number(f64::from(n % 8)));
    let note_id = format!("n{}", n % 5);
    let note = Value::map([
        ("id", note_id.as_str().into()),
        ("pitch", Value::number(f64::from(a % 100))),
        ("startBeat", whole.clone()),
        ("durationBeats", 1u32.into()),
    ]);
    let anchor = Value::map([("id", format!("n{}", a % 5).as_str().into())]);
    let place = match b % 4 {
        0 => Position::Prepend,
        1 => Position::Append,
        2 => Position::Before(anchor),
        _ => Position::After(anchor),
    };
    let new_track = || {
        let name = format!("Track {n}");
        fields([("projectId", "p".into()), ("name", name.as_str().into()), ("type", "audio".into())])
    };
    let new_clip = || {
        let given = [
            ("trackId", Value::from(&track)),
            ("name", "Take".into()),
            ("startBeat", whole.clone()),
            ("durationBeats", 4u32.into()),
        ];
        fields(given)
    };
    let member = |role: &str| fields([("projectId", "p".into()), ("userId", "bob".into()), ("role", role.into())]);
    let membership = id(&format!("m{}", b % 2));
    match what {
        0 => vec![create(Table::Tracks, &track, new_track())],
        1 => vec![create(Table::Tracks, &track, new_track()), create(Table::Clips, &clip, new_clip())],
        2 => vec![create(Table::Clips, &clip, new_clip())],
        3 => vec![set(Table::Tracks, &track, "volume", number)],
        4 => vec![set(Table::Tracks, &track, "orderIndex", whole), set(Table::Tracks, &track, "muted", n % 2 == 0)],
        5 => vec![delete(Table::Tracks, &track)],
        6 => vec![restore(Table::Tracks, &track)],
        7 => vec![set(Table::Clips, &clip, "trackId", Value::from(&track)), set(Table::Clips, &clip, "gain", number)],
        8 => vec![list_insert(Table::Clips, &clip, "midiData.notes", note, place)],
        9 => vec![list_remove(Table::Clips, &clip, "midiData.notes", note)],
        10 => vec![set(Table::Clips, &clip, &format!("midiData.notes.{note_id}.startBeat"), whole)],
        11 => vec![set(Table::Clips, &clip, "midiData", Value::map([("notes", Value::list([note]))]))],
        12 => vec![unset(Table::Clips, &clip, "midiData")],
        13 => vec![set(Table::Projects, &id("p"), "bpm", f64::from(60 + n))],
        14 => vec![create(Table::ProjectMembers, &membership, member("editor"))],
        15 => vec![delete(Table::ProjectMembers, &membership)],
        16 => vec![set(Table::ProjectMembers, &membership, "role", Role::Viewer.name())],
        17 => {
            let version = fields([("projectId", "p".into()), ("name", "Mix".into())]);
            vec![create(Table::Versions, &id(&format!("v{n}")), version), set(Table::Tracks, &track, "pan", number)]
        }
        _ => vec![delete(Table::Clips, &clip), restore(Table::Clips, &clip)],
    }
}

struct Song {
    store: MemoryStore,
    room: Room,
    count: u32,
}

impl Song {
    fn new() -> Song {
        let store = MemoryStore::new();
        for name in ["ann", "bob"] {
            let (email, password_hash, colour) = (format!("{name}@example.com"), String::new(), "#7c8cff".to_owned());
            let user =
                NewUser { id: id(name), email, name: name.to_owned(), colour, password_hash, demo: false, now: NOW };
            assert!(store.create_user(user).unwrap());
        }
        let room = Room::new(Scope::Project(id("p")), id("epoch"), 0, Records::new());
        let mut song = Song { store, room, count: 0 };
        song.write(vec![create(Table::Projects, &id("p"), fields([("name", "Song".into())]))]);
        assert_eq!(song.room.seq(), 1);
        song
    }

    fn write(&mut self, operations: Vec<Operation>) {
        self.count += 1;
        let transaction = Transaction {
            tx_id: id(&format!("tx{}", self.count)),
            author_id: id("ann"),
            operations,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        let submission = Submission { author: Author::User(id("ann")), transaction, jobs: Vec::new(), place: None };
        // The clock of the server may stand still: nothing may depend on it.
        let now = Timestamp(NOW.0 + i64::from(self.count / 3));
        let _ = commit_group(&mut self.room, &self.store, &[submission], now, false);
    }

    /// Takes an earlier transaction back, as undo does.
    fn undo(&mut self, n: u8) {
        let seq = 2 + u64::from(n) % self.room.seq();
        let entry = self.store.entries_before(self.room.scope(), seq, 1).unwrap().pop();
        self.write(entry.map(|entry| entry.inverse).unwrap_or_default());
    }

    fn rewound(&self, seq: u64) -> Records {
        rewind(&self.store, &self.room, seq, &CancellationToken::new()).unwrap().unwrap()
    }
}

/// Every record without when it was changed, which an old state does not know.
fn timeless(records: &Records) -> Vec<(Key, Record)> {
    let plain = |record: &Record| {
        let record = record.without("updatedAt");
        Record::new(record.id().clone(), record.version(), record.fields().clone())
    };
    records.iter().map(|(key, record)| (key.clone(), plain(record))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, rng_seed: RngSeed::Fixed(11), ..ProptestConfig::default() })]

    #[test]
    fn wr12_an_old_state_is_what_the_log_gives_up_to_there(
        edits in prop::collection::vec((0u8..22, any::<u8>(), any::<u8>(), any::<u8>()), 1..80)
    ) {
        let mut song = Song::new();
        for edit in edits {
            match edit {
                (20.., _, _, n) => song.undo(n),
                edit => song.write(operations(edit)),
            }
        }
        let log = song.store.commits_since(song.room.scope(), 0, 1_000).unwrap();
        let mut records = Records::new();
        prop_assert_eq!(timeless(&song.rewound(0)), timeless(&records));
        for commit in log {
            apply_committed(&mut records, &commit.tx_id, &commit.operations, commit.time).unwrap();
            prop_assert_eq!(timeless(&song.rewound(commit.seq)), timeless(&records), "at {}", commit.seq);
        }
        prop_assert_eq!(&records, song.room.records());
    }
}

#[test]
fn wr12_the_work_ends_when_nobody_waits_for_it() {
    let mut song = Song::new();
    song.write(operations((0, 0, 0, 0)));
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(rewind(&song.store, &song.room, 1, &stop).is_err());
}

#[test]
fn w6_wr13_the_history_lists_so_many_versions_the_newest() {
    let song = Song::new();
    let many = HISTORY_VERSIONS_MAX + 7;
    let version = |n: usize| {
        let created_at = Timestamp(i64::try_from(n).unwrap()).to_string();
        let given = [
            ("name", Value::text(&n.to_string())),
            ("txId", "tx1".into()),
            ("createdBy", "ann".into()),
            ("createdAt", Value::text(&created_at)),
        ];
        (Table::Versions, Record::new(id(&format!("v{n}")), 1, fields(given)))
    };
    let here = song.room.records().iter().map(|(key, record)| (key.table, record.clone()));
    let records: Records = here.chain((0..many).map(version)).collect();
    let room = Room::new(song.room.scope().clone(), song.room.epoch().clone(), song.room.seq(), records);
    let query = serde_json::from_value(serde_json::json!({})).unwrap();
    let body = page(&song.store, &room, query).unwrap().unwrap();
    let body = serde_json::to_value(&body).unwrap();
    let listed: Vec<&str> = body["versions"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    let newest: Vec<String> = (many - HISTORY_VERSIONS_MAX..many).rev().map(|n| n.to_string()).collect();
    assert_eq!(listed, newest);
}

#[test]
fn w6_wr12_wr13_an_old_state_and_a_named_version_stay_however_many_entries_follow() {
    let mut song = Song::new();
    for edit in [(1, 0, 0, 1), (8, 0, 0, 2), (8, 0, 1, 3), (17, 1, 0, 4), (9, 0, 0, 2), (5, 0, 0, 0), (14, 0, 0, 0)] {
        song.write(operations(edit));
    }
    let old: Vec<_> = (0..=song.room.seq()).map(|seq| song.rewound(seq)).collect();
    let (at_work, end) = (std::sync::Mutex::new(()), song.room.seq() + REWIND_COMMITS_MAX + SNAPSHOT_EVERY);
    let without = song.store.fork();
    let mut n = 0_u8;
    while song.room.seq() < end {
        n = n.wrapping_add(1);
        song.write(operations((13, 0, 0, n)));
        // A room does so whenever it has written rows.
        if song.room.seq().is_multiple_of(1_000) {
            keep_if_due(&song.store, &song.room, &at_work);
        }
    }
    let kept = (0..6).map(|nth| song.store.snapshot_from(song.room.scope(), nth * SNAPSHOT_EVERY + 1));
    let kept: Vec<u64> = kept.map(|kept| kept.unwrap().unwrap().0).collect();
    assert_eq!(kept, (1..=6).map(|nth| nth * SNAPSHOT_EVERY).collect::<Vec<_>>(), "and no others");
    for (seq, then) in (0..).zip(&old) {
        assert_eq!(timeless(&song.rewound(seq)), timeless(then), "entry {seq}");
    }
    let far = rewind(&without, &song.room, 1, &CancellationToken::new()).unwrap();
    assert!(far.is_none(), "where nothing was kept they are gone");
}
