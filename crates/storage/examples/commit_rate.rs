//! How many small edits a second SQLite keeps durably, by how many share a database transaction.
//!
//! `cargo run --release -p storage --example commit_rate [FOLDER]`
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement stops at the first surprise")]

use std::time::{Duration, Instant};

use model::{Id, Records, Table, Timestamp, Value, fields};
use operations::{Author, Operation, Scope, Transaction, build};
use storage::{Batch, NewCommit, SqliteStore, Store};
use sync::Room;

const LASTING: Duration = Duration::from_secs(2);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A batch of one transaction for each of `edits`.
fn batch(room: &mut Room, count: &mut u64, edits: Vec<Operation>) -> Batch {
    let expected_seq = room.seq();
    let mut commits = Vec::new();
    for operation in edits {
        *count += 1;
        let transaction = Transaction {
            tx_id: id(&format!("tx-{count}")),
            author_id: id("ada"),
            operations: vec![operation],
            client_timestamp: 0.0,
            base_versions: std::collections::BTreeMap::new(),
            gesture: None,
        };
        let submitted = room.submit(&Author::User(id("ada")), &transaction, Timestamp(1_795_470_240_000)).unwrap();
        commits.push(NewCommit { commit: submitted.commit, inverse: submitted.inverse, payload_hash: [0; 32] });
    }
    let records = Batch::written_through(&commits, room.records());
    Batch { scope: room.scope().clone(), epoch: room.epoch().clone(), expected_seq, commits, records, jobs: Vec::new() }
}

fn main() {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = folder.join(format!("unisono-commit-rate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store = SqliteStore::open(&folder.join("test.sqlite")).unwrap();
    let mut room = Room::new(Scope::Project(id("p")), id("epoch"), 0, Records::new());
    let mut count = 0;
    let mut setup = vec![build::create(Table::Projects, &id("p"), fields([("name", "A song".into())]))];
    for n in 0..8 {
        let track = fields([("projectId", "p".into()), ("name", "Track".into()), ("type", "audio".into())]);
        setup.push(build::create(Table::Tracks, &id(&format!("t{n}")), track));
    }
    assert_eq!(store.commit(vec![batch(&mut room, &mut count, setup)]), [Ok(())]);
    println!("edits per transaction | edits/s | µs of wall an edit | µs of that in the room");
    for size in [1_u64, 8, 64, 256, 1_024] {
        let (begun, mut edits, mut in_room) = (Instant::now(), 0, Duration::ZERO);
        while begun.elapsed() < LASTING {
            let at = Instant::now();
            let set = |n: u64| {
                let volume = Value::number(((edits + n) % 200) as f64 / 100.0);
                build::set(Table::Tracks, &id(&format!("t{}", n % 8)), "volume", volume)
            };
            let next = batch(&mut room, &mut count, (0..size).map(set).collect());
            in_room += at.elapsed();
            assert_eq!(store.commit(vec![next]), [Ok(())]);
            edits += size;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let each = |time: f64| time * 1e6 / edits as f64;
        println!("{size} | {:.0} | {:.1} | {:.1}", edits as f64 / seconds, each(seconds), each(in_room.as_secs_f64()));
    }
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}
