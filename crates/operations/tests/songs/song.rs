//! What the songs of these tests are made of.

use model::{Id, Timestamp, Value};
use operations::{Operation, Scope, Transaction};

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// Where everything is written: project `p`.
pub(crate) fn scope() -> Scope {
    Scope::Project(id("p"))
}

/// The song's transaction of this number, and when it is made.
pub(crate) fn transaction(number: u32, author: &str, operations: Vec<Operation>) -> (Transaction, Timestamp) {
    let transaction = Transaction {
        tx_id: id(&format!("tx{number}")),
        author_id: id(author),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    };
    (transaction, Timestamp(1_000 * i64::from(number)))
}

/// A beat of one pitch at the clip's beginning.
pub(crate) fn note(id: &str, pitch: u32) -> Value {
    Value::map([("id", id.into()), ("pitch", pitch.into()), ("startBeat", 0u32.into()), ("durationBeats", 1u32.into())])
}
