//! Seeded sequences of transactions, and what they leave, encoded: run natively and in WASM they must give the same bytes
//! (OP1).

use model::{Id, Records, Role, Table, Timestamp, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, restore, set, unset};
use operations::{Accepted, Author, Operation, Position, Scope, Transaction, transact};

/// Transactions in a sequence.
pub const TRANSACTIONS: usize = 40;

/// SplitMix64 (Steele, Lea, Flood, 2014): integers only, so that it counts the same everywhere.
struct Chance(u64);

impl Chance {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let fraction = (self.bits() >> 11) as f64 / (1u64 << 53) as f64;
        fraction
    }

    fn id(&mut self, names: &[&str]) -> Id {
        #[expect(clippy::cast_possible_truncation, reason = "it is below the number of names")]
        let index = self.below(names.len() as u64) as usize;
        named(names[index])
    }

    fn note(&mut self) -> Value {
        let id = if self.below(5) == 0 { Value::Null } else { Value::from(&self.id(&["n1", "n2", "n3", "n4"])) };
        let start = Value::number(self.unit() * 16.0);
        let length = Value::number(self.unit() + 0.001);
        Value::map([("id", id), ("pitch", 60u32.into()), ("startBeat", start), ("durationBeats", length)])
    }

    fn position(&mut self) -> Position {
        match self.below(4) {
            0 => Position::Prepend,
            1 => Position::Append,
            2 => Position::Before(self.note()),
            _ => Position::After(self.note()),
        }
    }

    fn operation(&mut self) -> Operation {
        let track = self.id(&["t1", "t2", "t3", "t4"]);
        let clip = self.id(&["c1", "c2", "c3", "c4"]);
        match self.below(18) {
            0 => create(Table::Tracks, &track, new_track()),
            1 => create(Table::Clips, &clip, new_clip(&track, self.unit() * 64.0)),
            2 => set(Table::Projects, &named("song"), "bpm", 20.0 + self.unit() * 280.0),
            3 => set(Table::Tracks, &track, "volume", self.unit() * 2.1),
            4 => set(Table::Tracks, &track, "pan", self.unit() * 2.0 - 1.0),
            5 => set(Table::Tracks, &track, "orderIndex", f64::from(u8::try_from(self.below(6)).unwrap_or_default())),
            6 => set(Table::Clips, &clip, "startBeat", self.unit() * 64.0),
            7 => set(Table::Clips, &clip, "trackId", &track),
            8..11 => list_insert(Table::Clips, &clip, "midiData.notes", self.note(), self.position()),
            11 => list_remove(Table::Clips, &clip, "midiData.notes", self.note()),
            12 => set(Table::Clips, &clip, "midiData.notes.n1.startBeat", self.unit() * 16.0),
            13 => delete(Table::Clips, &clip),
            14 => restore(Table::Clips, &clip),
            15 => unset(Table::Clips, &clip, "midiData"),
            16 => list_insert(Table::Projects, &named("song"), "collaborators", "vi", Position::Append),
            _ => set(Table::Tracks, &track, "name", self.below(1_000).to_string().as_str()),
        }
    }
}

fn named(name: &str) -> Id {
    Id::new(name).unwrap_or_else(|_| Id::system())
}

fn new_track() -> model::Map {
    fields([("projectId", "song".into()), ("name", "Track".into()), ("type", "midi".into())])
}

fn new_clip(track: &Id, start: f64) -> model::Map {
    let start = Value::number(start);
    fields([("trackId", track.into()), ("name", "Clip".into()), ("startBeat", start), ("durationBeats", 4u32.into())])
}

fn founding() -> Vec<Operation> {
    let editor = [("projectId", "song".into()), ("userId", "ed".into()), ("role", Role::Editor.name().into())];
    let mut operations = vec![
        create(Table::Projects, &named("song"), fields([("name", "Song".into())])),
        create(Table::ProjectMembers, &named("ed"), fields(editor)),
    ];
    for number in ["1", "2", "3"] {
        let (track, clip) = (named(&format!("t{number}")), named(&format!("c{number}")));
        operations.push(create(Table::Tracks, &track, new_track()));
        operations.push(create(Table::Clips, &clip, new_clip(&track, 0.1)));
    }
    operations
}

/// What the sequence of this seed does: of each transaction what was committed, what takes it back and what was left out, or
/// why it was refused; then all records. Encoded as they travel.
#[must_use]
pub fn run(seed: u32) -> Vec<u8> {
    let mut chance = Chance(u64::from(seed));
    let scope = Scope::Project(named("song"));
    let (mut records, mut bytes) = (Records::new(), Vec::new());
    let mut done: Vec<(Id, Vec<Operation>)> = Vec::new();
    for number in 0..TRANSACTIONS {
        let (author, operations) = match number {
            0 => (named("ann"), founding()),
            // Somebody takes back what they have done, and others may have written there since.
            _ if chance.below(3) == 0 && !done.is_empty() => {
                #[expect(clippy::cast_possible_truncation, reason = "it is below a length")]
                let index = chance.below(done.len() as u64) as usize;
                done.swap_remove(index)
            }
            _ => {
                let author = chance.id(&["ann", "ed"]);
                (author, (0..1 + chance.below(3)).map(|_| chance.operation()).collect())
            }
        };
        let transaction = Transaction {
            tx_id: named(&format!("tx{number}")),
            author_id: author.clone(),
            operations,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        let now = Timestamp(1_795_470_240_000 + 250 * i64::try_from(number).unwrap_or_default());
        match transact(&mut records, &scope, &Author::User(author.clone()), &transaction, now) {
            Ok(Accepted { operations, inverse, skipped, .. }) => {
                add(&mut bytes, &(operations, &inverse, skipped));
                if !inverse.is_empty() && number > 0 {
                    done.push((author, inverse));
                }
            }
            Err(refusal) => add(&mut bytes, &(refusal.status, refusal.message)),
        }
    }
    for (key, record) in records.iter() {
        add(&mut bytes, &(key.table, record));
    }
    bytes
}

fn add(bytes: &mut Vec<u8>, value: &impl serde::Serialize) {
    *bytes = postcard::to_extend(value, std::mem::take(bytes)).unwrap_or_default();
}

/// How many bytes, and what they hash to (FNV-1a, 64 bits).
#[must_use]
pub fn digest(seed: u32) -> String {
    let bytes = run(seed);
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{} bytes {hash:016x}", bytes.len())
}
