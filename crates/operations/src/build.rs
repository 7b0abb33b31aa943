//! Operations, said shortly.

use model::{Id, Key, Map, Table, Value};

use crate::{Change, Operation, Path, Position};

/// A path that is known to be well-formed; a malformed one names the whole record, which every check refuses.
fn path(text: &str) -> Path {
    Path::new(text).unwrap_or_default()
}

/// Sets a field.
#[must_use]
pub fn set(table: Table, id: &Id, field: &str, value: impl Into<Value>) -> Operation {
    Operation { target: Key::new(table, id.clone()), path: path(field), change: Change::Set(value.into()), guard: None }
}

/// Makes a field absent.
#[must_use]
pub fn unset(table: Table, id: &Id, field: &str) -> Operation {
    Operation { target: Key::new(table, id.clone()), path: path(field), change: Change::Unset, guard: None }
}

/// Creates a record of these fields (OP4).
#[must_use]
pub fn create(table: Table, id: &Id, mut fields: Map) -> Operation {
    fields.insert("id".into(), Value::from(id));
    let change = Change::Set(Value::from(fields));
    Operation { target: Key::new(table, id.clone()), path: Path::default(), change, guard: None }
}

/// Marks a record as deleted.
#[must_use]
pub fn delete(table: Table, id: &Id) -> Operation {
    Operation { target: Key::new(table, id.clone()), path: path("deleted"), change: Change::SetNow, guard: None }
}

/// Takes the mark of deletion away.
#[must_use]
pub fn restore(table: Table, id: &Id) -> Operation {
    unset(table, id, "deleted")
}

/// Inserts an element into a list, or moves it.
#[must_use]
pub fn list_insert(table: Table, id: &Id, field: &str, value: impl Into<Value>, position: Position) -> Operation {
    Operation {
        target: Key::new(table, id.clone()),
        path: path(field),
        change: Change::ListInsert(value.into(), position),
        guard: None,
    }
}

/// Removes an element from a list.
#[must_use]
pub fn list_remove(table: Table, id: &Id, field: &str, value: impl Into<Value>) -> Operation {
    let change = Change::ListRemove(value.into());
    Operation { target: Key::new(table, id.clone()), path: path(field), change, guard: None }
}
