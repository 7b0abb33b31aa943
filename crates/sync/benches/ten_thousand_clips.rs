//! A project of 10,000 clips: what an optimistic edit, a remote commit and a snapshot cost.
//!
//! `cargo bench -p sync --bench ten_thousand_clips`. Times are of one thread, natively.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use model::{Id, Map, Records, Table, Timestamp, Value, fields};
use operations::build::{create, list_insert, set};
use operations::{Author, Operation, Position, Scope, Transaction};
use sync::wire::{ServerMessage, decode, encode};
use sync::{Event, Replica, Room};

const CLIPS: usize = 10_000;
const TRACKS: usize = 64;
const NOW: Timestamp = Timestamp(1_795_470_240_000);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// Ids as long as ours are: UUIDs.
fn uuid(kind: u32, n: usize) -> Id {
    id(&format!("0199a3b2-{kind:04x}-7000-8000-{n:012x}"))
}

fn transaction(author: &str, n: usize, operations: Vec<Operation>) -> Transaction {
    Transaction {
        tx_id: uuid(9, n),
        author_id: id(author),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    }
}

fn clip(n: usize) -> Map {
    fields([
        ("trackId", Value::from(&uuid(1, n % TRACKS))),
        ("name", Value::text(&format!("Take {n}"))),
        ("startBeat", Value::number((n / TRACKS * 4) as f64)),
        ("durationBeats", 4u32.into()),
        ("gain", Value::number(0.5)),
    ])
}

fn project() -> Room {
    let mut room = Room::new(Scope::Project(id("p")), id("epoch"), 0, Records::new());
    let mut submit = |n, operations| {
        room.submit(&Author::User(id("ann")), &transaction("ann", n, operations), NOW).unwrap();
    };
    let member = fields([("projectId", "p".into()), ("userId", "ed".into()), ("role", "editor".into())]);
    let founding = [
        create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
        create(Table::ProjectMembers, &id("ed"), member),
    ];
    let tracks = (0..TRACKS).map(|n| {
        let given = [("projectId", "p".into()), ("name", "Track".into()), ("type", "audio".into())];
        create(Table::Tracks, &uuid(1, n), fields(given))
    });
    submit(0, founding.into_iter().chain(tracks).collect());
    for from in (0..CLIPS).step_by(1_000) {
        submit(1 + from, (from..from + 1_000).map(|n| create(Table::Clips, &uuid(2, n), clip(n))).collect());
    }
    room
}

fn snapshot(room: &Room) -> ServerMessage {
    let records = room.records().iter().map(|(key, record)| (key.table, record.clone())).collect();
    ServerMessage::Snapshot { channel: 1, epoch: room.epoch().clone(), seq: room.seq(), records }
}

fn replica(room: &Room) -> Replica {
    let mut replica = Replica::new(id("ann"), id("p"), 1);
    replica.handle(Event::Connected);
    replica.handle(Event::Message(snapshot(room)));
    replica
}

fn move_clip(n: usize) -> Vec<Operation> {
    vec![set(Table::Clips, &uuid(2, n * 7_919 % CLIPS), "startBeat", (n % 400) as f64 * 0.25)]
}

/// Prints the median, the 99th percentile and the worst of so many runs.
fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!("{name:<52} p50 {:>10.1} us   p99 {:>10.1} us   max {:>10.1} us", at(50), at(99), at(100));
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn dispatches(room: &Room) {
    let mut replica = replica(room);
    let times = (0..2_000)
        .map(|n| {
            let operations = move_clip(n);
            timed(|| replica.dispatch(uuid(3, n), operations, NOW).unwrap())
        })
        .collect();
    report("optimistic edit: move a clip", times);
    let mut moved = 0;
    let times = (0..500)
        .map(|n| {
            let operations: Vec<Operation> = (0..100)
                .flat_map(|_| {
                    moved += 1;
                    move_clip(moved)
                })
                .collect();
            timed(|| replica.dispatch(uuid(4, n), operations, NOW).unwrap())
        })
        .collect();
    report("optimistic edit: move 100 clips", times);
    let times = (0..200)
        .map(|n| {
            let operations = vec![set(Table::Tracks, &uuid(1, n % TRACKS), "orderIndex", (n % 50) as f64)];
            timed(|| replica.dispatch(uuid(5, n), operations, NOW).unwrap())
        })
        .collect();
    report("optimistic edit: reorder a track", times);
}

fn notes(room: &Room) {
    let mut replica = replica(room);
    let note = |n: usize| {
        Value::map([
            ("id", Value::from(&uuid(6, n))),
            ("pitch", 60u32.into()),
            ("startBeat", 0u32.into()),
            ("durationBeats", 1u32.into()),
        ])
    };
    for count in [100, 20_000] {
        let clip = uuid(2, count % 7);
        let all = Value::map([("notes", Value::list((0..count).map(note)))]);
        let whole =
            timed(|| replica.dispatch(uuid(7, count), vec![set(Table::Clips, &clip, "midiData", all)], NOW).unwrap());
        println!("a clip of {count} notes at once: {:.1} ms", whole.as_secs_f64() * 1e3);
        let edit = |kind: u32, operation: &dyn Fn(usize) -> Operation, replica: &mut Replica| {
            (0..500)
                .map(|n| timed(|| replica.dispatch(uuid(kind, n + count), vec![operation(n)], NOW).unwrap()))
                .collect()
        };
        let pitch = |n: usize| set(Table::Clips, &clip, &format!("midiData.notes.{}.pitch", uuid(6, n % count)), 61.0);
        report(&format!("one note's pitch, of {count}"), edit(8, &pitch, &mut replica));
        let insert = |n: usize| {
            list_insert(Table::Clips, &clip, "midiData.notes", note(count + n), Position::After(note(n % count)))
        };
        report(&format!("one note put in, to {count}"), edit(10, &insert, &mut replica));
    }
}

fn rebases(room: &Room) {
    for pending in [0, 10, 1_000] {
        let (mut room, mut replica) = (room.clone(), replica(room));
        (0..pending).for_each(|n| drop(replica.dispatch(uuid(3, n), move_clip(n), NOW).unwrap()));
        let rounds = if pending == 1_000 { 100 } else { 1_000 };
        let times = (0..rounds)
            .map(|n| {
                let theirs = transaction("ed", 20_000 + n, vec![set(Table::Clips, &uuid(2, n), "gain", 0.25)]);
                let commit = room.submit(&Author::User(id("ed")), &theirs, NOW).unwrap().commit;
                let message = ServerMessage::Commits { channel: 1, commits: vec![commit] };
                timed(|| replica.handle(Event::Message(message)))
            })
            .collect();
        report(&format!("a remote commit, with {pending} edits pending"), times);
    }
}

fn acknowledgements(room: &Room) {
    let (mut room, mut replica) = (room.clone(), replica(room));
    (0..1_000).for_each(|n| drop(replica.dispatch(uuid(3, n), move_clip(n), NOW).unwrap()));
    let transactions: Vec<Transaction> = replica.pending().map(|(transaction, _)| transaction.clone()).collect();
    let times: Vec<Duration> = transactions
        .iter()
        .map(|transaction| {
            let commit = room.submit(&Author::User(id("ann")), transaction, NOW).unwrap().commit;
            let (tx_ids, seq, time) = (vec![commit.tx_id], commit.seq, commit.time);
            timed(|| replica.handle(Event::Message(ServerMessage::Acknowledged { channel: 1, tx_ids, seq, time })))
        })
        .collect();
    assert_eq!(replica.status().pending, 0);
    assert_eq!(replica.view(), room.records());
    let total: Duration = times.iter().sum();
    report("an acknowledgement, 1,000 edits pending at first", times);
    println!("all 1,000 acknowledgements: {:.1} ms", total.as_secs_f64() * 1e3);
}

fn snapshots(room: &Room) {
    let message = snapshot(room);
    let frame = encode(&message);
    println!("a snapshot: {} records, {:.2} MB", room.records().len(), frame.len() as f64 / 1e6);
    report("a snapshot encoded", (0..20).map(|_| timed(|| encode(&snapshot(room)))).collect());
    report("a snapshot decoded", (0..20).map(|_| timed(|| decode::<ServerMessage>(&frame).unwrap())).collect());
    report(
        "a snapshot taken in by an empty replica",
        (0..20)
            .map(|_| {
                let message = message.clone();
                let mut replica = Replica::new(id("ann"), id("p"), 1);
                replica.handle(Event::Connected);
                timed(|| replica.handle(Event::Message(message)))
            })
            .collect(),
    );
    let json = serde_json::to_string(&room.records().record_map(room.records().iter().map(|(key, _)| key))).unwrap();
    println!("the same as JSON (W5): {:.2} MB", json.len() as f64 / 1e6);
}

fn rooms(room: &Room) {
    let mut room = room.clone();
    let times = (0..5_000)
        .map(|n| {
            let transaction = transaction("ann", 50_000 + n, move_clip(n));
            timed(|| room.submit(&Author::User(id("ann")), &transaction, NOW).unwrap())
        })
        .collect();
    report("the room takes one edit", times);
}

fn main() {
    let room = project();
    dispatches(&room);
    notes(&room);
    rebases(&room);
    acknowledgements(&room);
    snapshots(&room);
    rooms(&room);
}
