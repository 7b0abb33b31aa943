//! What an operation does to a record (OP1-OP6): total, pure, and without knowledge of any schema.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Id, Key, List, Map, Record, Records, Stamps, Timestamp, Value};

use crate::{Change, Operation, Path, Position, Refusal};

/// Applies an operation to an existing record: the record after it, its version raised by one (OP2).
///
/// The input does not change; what the two share is not copied (OP3). `now` is what `set-now` writes. Who has written is
/// not noted.
///
/// # Errors
/// 400 for a path through null or a scalar, a list operation on what is no list, an element that is not there, a change
/// of the record's or an element's identity, or a whole-record `set` (the record exists).
pub fn apply(record: &Record, operation: &Operation, now: Timestamp) -> Result<Record, Refusal> {
    Ok(record.next(fields_after(record, operation, now)?, record.stamps().clone()))
}

/// The fields of the record after an operation.
fn fields_after(record: &Record, operation: &Operation, now: Timestamp) -> Result<Map, Refusal> {
    if operation.path.is_whole() {
        return Err(match operation.change {
            Change::Set(_) => Refusal::invalid("the record exists already"),
            _ => Refusal::invalid(format!("{} needs a key", operation.type_name())),
        });
    }
    let segments = operation.path.segments();
    if matches!(segments[0], "id" | "version") {
        return Err(Refusal::invalid(format!("{} cannot be changed", segments[0])));
    }
    let mut fields = record.fields().clone();
    change_in_map(&mut fields, &segments, &operation.change, now)?;
    Ok(fields)
}

/// Applies what a commit carries to `records`: the keys that changed, each once, in order. `tx_id` and `time` are the
/// commit's.
///
/// This is how every replica, and the log's replay, advances: no permission is asked and nothing is filled in, since the
/// room has done both.
///
/// # Errors
/// 400 when an operation does not fit the record that it meets; `records` is then unchanged. A replica that meets this has
/// diverged and must reload.
pub fn apply_committed(
    records: &mut Records,
    tx_id: &Id,
    operations: &[Operation],
    time: Timestamp,
) -> Result<Vec<Key>, Refusal> {
    let mut after = records.clone();
    let mut changed = Changed::default();
    for operation in operations {
        apply_one(&mut after, tx_id, operation, time)?;
        changed.add(&operation.target);
    }
    *records = after;
    Ok(changed.in_order)
}

/// The keys of records that changed, each once, in the order in which they first did.
#[derive(Default)]
pub(crate) struct Changed {
    pub(crate) in_order: Vec<Key>,
    /// The same, once there are many.
    seen: BTreeSet<Key>,
}

impl Changed {
    pub(crate) fn add(&mut self, key: &Key) {
        const FEW: usize = 8;
        let is_new = if self.in_order.len() < FEW {
            !self.in_order.contains(key)
        } else {
            if self.seen.is_empty() {
                self.seen.extend(self.in_order.iter().cloned());
            }
            self.seen.insert(key.clone())
        };
        if is_new {
            self.in_order.push(key.clone());
        }
    }
}

/// Applies one checked operation, creation included; notes when in `updatedAt`, and who in the record's stamps.
pub(crate) fn apply_one(
    records: &mut Records,
    tx_id: &Id,
    operation: &Operation,
    time: Timestamp,
) -> Result<(), Refusal> {
    let key = &operation.target;
    let updated = |mut fields: Map| {
        put(&mut fields, "updatedAt", Value::text(&time.to_string()));
        fields
    };
    let after = match (records.get(key), operation.is_creation(), &operation.change) {
        (Some(before), _, _) => {
            before.next(updated(fields_after(before, operation, time)?), stamps_after(before, tx_id, operation))
        }
        (None, true, Change::Set(Value::Map(fields))) => Record::new(key.id.clone(), 1, updated((**fields).clone())),
        _ => return Err(Refusal::invalid("the record does not exist")),
    };
    records.insert(key.table, after);
    Ok(())
}

/// Sets an entry; the name of one that is there stays the same allocation, shared with the record before.
fn put(map: &mut Map, name: &str, value: Value) {
    match map.get_mut(name) {
        Some(present) => *present = value,
        None => drop(map.insert(Arc::from(name), value)),
    }
}

/// Who has written the record once `tx_id` has applied this operation to it.
pub(crate) fn stamps_after(before: &Record, tx_id: &Id, operation: &Operation) -> Stamps {
    let (mut stamps, version) = (before.stamps().clone(), before.version() + 1);
    if takes_nothing(before, operation) {
        return stamps;
    }
    match &operation.guard {
        Some(guard) => stamps.give_back(&operation.writes(), &guard.leaves, version),
        None => stamps.write(&operation.writes(), tx_id, version),
    }
    stamps
}

/// Whether an operation takes out what is not there: it has no inverse, and writes nothing.
pub(crate) fn takes_nothing(before: &Record, operation: &Operation) -> bool {
    match &operation.change {
        Change::Unset => value_at(before, &operation.path).is_none(),
        Change::ListRemove(value) => {
            let list = value_at(before, &operation.path).and_then(Value::as_list);
            list.is_none_or(|list| list.find(value).is_none())
        }
        Change::Set(_) | Change::SetNow | Change::ListInsert(..) => false,
    }
}

/// Whether a change may bring containers about on its way.
fn creates(change: &Change) -> bool {
    matches!(change, Change::Set(_) | Change::SetNow | Change::ListInsert(..))
}

fn change_in_map(map: &mut Map, segments: &[&str], change: &Change, now: Timestamp) -> Result<(), Refusal> {
    let (first, rest) = (segments[0], &segments[1..]);
    if rest.is_empty() {
        return change_entry(map, first, change, now);
    }
    match map.get_mut(first) {
        Some(Value::Map(inner)) => change_in_map(Arc::make_mut(inner), rest, change, now),
        Some(Value::List(list)) => change_in_list(list, rest, change, now),
        Some(other) => Err(Refusal::invalid(format!("'{first}' is {}: no path leads through it", other.kind()))),
        None if creates(change) => {
            let mut inner = Map::new();
            change_in_map(&mut inner, rest, change, now)?;
            map.insert(Arc::from(first), Value::from(inner));
            Ok(())
        }
        None => Ok(()),
    }
}

fn change_in_list(list: &mut List, segments: &[&str], change: &Change, now: Timestamp) -> Result<(), Refusal> {
    let (id, rest) = (segments[0], &segments[1..]);
    let absent = || Refusal::invalid(format!("the list has no element '{id}'; elements are named by their id"));
    let element = list.get(id).ok_or_else(absent)?;
    let after = if rest.is_empty() {
        match change {
            Change::Set(value) => value.clone(),
            _ => return Err(Refusal::invalid("an element is put in with listInsert and taken out with listRemove")),
        }
    } else {
        let mut fields = element.as_map().cloned().unwrap_or_default();
        change_in_map(&mut fields, rest, change, now)?;
        Value::from(fields)
    };
    if list.replace(id, after) { Ok(()) } else { Err(Refusal::invalid("an element keeps its id")) }
}

fn change_entry(map: &mut Map, name: &str, change: &Change, now: Timestamp) -> Result<(), Refusal> {
    match change {
        Change::Set(value) => put(map, name, value.clone()),
        Change::SetNow => put(map, name, Value::text(&now.to_string())),
        Change::Unset => {
            map.remove(name);
        }
        Change::ListInsert(value, position) => {
            let mut list = list_at(map, name)?.unwrap_or_default();
            match position {
                Position::Prepend => list.insert_first(value.clone()),
                Position::Append => list.insert_last(value.clone()),
                Position::Before(anchor) => list.insert_before(value.clone(), anchor),
                Position::After(anchor) => list.insert_after(value.clone(), anchor),
            }
            put(map, name, Value::List(list));
        }
        Change::ListRemove(value) => {
            if let Some(mut list) = list_at(map, name)? {
                list.remove(value);
                put(map, name, Value::List(list));
            }
        }
    }
    Ok(())
}

/// The list in a field; none when it is null or absent.
fn list_at(map: &Map, name: &str) -> Result<Option<List>, Refusal> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::List(list)) => Ok(Some(list.clone())),
        Some(other) => Err(Refusal::invalid(format!("'{name}' is {}, not a list", other.kind()))),
    }
}

/// The value at a path, through maps and the elements of keyed lists.
pub(crate) fn value_at<'a>(record: &'a Record, path: &Path) -> Option<&'a Value> {
    let segments = path.segments();
    let (first, rest) = segments.split_first()?;
    rest.iter().try_fold(record.fields().get(*first)?, |value, segment| match value {
        Value::Map(map) => map.get(*segment),
        Value::List(list) => list.get(segment),
        _ => None,
    })
}
