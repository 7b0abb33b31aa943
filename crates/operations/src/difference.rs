//! What turns one state of a song into another: how an old state is restored as an ordinary, undoable change.

use model::limits::TRANSACTION_OPERATIONS_MAX;
use model::schema::{Field, Kind, Presence, TableSchema, Writer};
use model::{Key, List, Map, Record, Records, Table, Value};

use crate::{Change, Operation, Path, Position, build};

/// About how many bytes of values one transaction carries: well below what a frame may have, since numbers take more than they weigh.
const TRANSACTION_WEIGHT: usize = 2 * 1024 * 1024;

/// The operations that make of `from` what `to` is.
///
/// What people wrote becomes as it was, element by element where lists have elements with ids, so that what others do at the
/// same time merges with it. Left alone are members and their roles, named versions, who may open the project, the times, and
/// what only the server writes. Records that `to` does not have are deleted, and those that were live there are brought back;
/// recordings are never deleted, since one that no clip plays does no harm, and whoever takes the restoring back needs it.
///
/// The operations are in an order in which every one can be applied: what is referred to comes before what refers to it.
#[must_use]
pub fn difference(from: &Records, to: &Records) -> Vec<Operation> {
    let mut operations = Vec::new();
    for table in Table::ALL.into_iter().filter(|table| is_song(*table)) {
        for after in to.table(table) {
            match from.find(table, after.id()) {
                Some(before) => change(table, before, after, &mut operations),
                None => create(table, after, &mut operations),
            }
        }
        for before in from.table(table) {
            let gone = !before.is_deleted() && to.find(table, before.id()).is_none();
            if gone && may_be_deleted(table) {
                operations.push(build::delete(table, before.id()));
            }
        }
    }
    operations
}

/// Operations in transactions that are not too large to be sent: to be submitted in this order, under one gesture.
#[must_use]
pub fn in_transactions(operations: Vec<Operation>) -> Vec<Vec<Operation>> {
    let mut transactions: Vec<Vec<Operation>> = Vec::new();
    let mut weight = 0;
    for operation in operations {
        let own = match &operation.change {
            Change::Set(value) | Change::ListInsert(value, _) | Change::ListRemove(value) => value.weight(),
            Change::SetNow | Change::Unset => 0,
        };
        match transactions.last_mut() {
            Some(last) if last.len() < TRANSACTION_OPERATIONS_MAX && weight + own <= TRANSACTION_WEIGHT => {
                weight += own;
                last.push(operation);
            }
            _ => {
                weight = own;
                transactions.push(vec![operation]);
            }
        }
    }
    transactions
}

/// Whether a table holds what a song is; the others say who works on it and what its states are called.
fn is_song(table: Table) -> bool {
    match table {
        Table::Projects
        | Table::Tracks
        | Table::AudioFiles
        | Table::Clips
        | Table::Automation
        | Table::TempoChanges
        | Table::TimeSignatures => true,
        Table::Users | Table::ProjectMembers | Table::Versions => false,
    }
}

/// Whether restoring may delete records of this table.
fn may_be_deleted(table: Table) -> bool {
    matches!(table, Table::Tracks | Table::Clips | Table::Automation | Table::TempoChanges | Table::TimeSignatures)
}

fn create(table: Table, after: &Record, operations: &mut Vec<Operation>) {
    if table == Table::Projects {
        return;
    }
    let given = |name: &str| {
        let writer = TableSchema::of(table).field(name).map(|field| field.writer);
        name != "deleted" && matches!(writer, Some(Writer::Client | Writer::Creation))
    };
    let mut fields: Map = after
        .fields()
        .iter()
        .filter(|(name, _)| given(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // A record leaves out what is null, which its creation has to say.
    for field in TableSchema::of(table).fields.iter().filter(|field| matches!(field.presence, Presence::Stated)) {
        fields.entry(field.name.into()).or_insert(Value::Null);
    }
    operations.push(build::create(table, after.id(), fields));
    if after.is_deleted() && may_be_deleted(table) {
        operations.push(build::delete(table, after.id()));
    }
}

fn change(table: Table, before: &Record, after: &Record, operations: &mut Vec<Operation>) {
    if before.is_same(after) {
        return;
    }
    let mut differ = Differ { target: Key::new(table, after.id().clone()), operations };
    for field in TableSchema::of(table).fields.iter().filter(|field| field.writer == Writer::Client) {
        let (old, new) = (before.get(field.name), after.get(field.name));
        if field.name == "deleted" {
            continue;
        }
        // A new rank brings an order key of its own; the old key has to be said again after it (U5).
        let ranked = field.name == "orderKey" && before.get("orderIndex") != after.get("orderIndex");
        if ranked && !new.is_null() {
            differ.push(Path::new(field.name).ok(), Change::Set(new.clone()));
        } else {
            differ.field(None, field, old, new);
        }
    }
    match (before.is_deleted(), after.is_deleted()) {
        _ if table == Table::Projects => {}
        (true, false) => operations.push(build::restore(table, after.id())),
        (false, true) if may_be_deleted(table) => operations.push(build::delete(table, after.id())),
        _ => {}
    }
}

/// Gathers the operations on one record.
struct Differ<'a> {
    target: Key,
    operations: &'a mut Vec<Operation>,
}

impl Differ<'_> {
    fn push(&mut self, path: Option<Path>, change: Change) {
        if let Some(path) = path {
            self.operations.push(Operation { target: self.target.clone(), path, change, guard: None });
        }
    }

    /// One field, in the record or in the object or element at `parent`.
    fn field(&mut self, parent: Option<&Path>, field: &Field, old: &Value, new: &Value) {
        if old != new {
            self.value(below(parent, field.name), field, old, new);
        }
    }

    fn value(&mut self, path: Option<Path>, field: &Field, old: &Value, new: &Value) {
        let Some(path) = path else { return };
        let inner = match (field.kind, old, new) {
            (Kind::Elements(fields), Value::List(old), Value::List(new)) => self.elements(&path, fields, old, new),
            (Kind::Object(fields), Value::Map(old), Value::Map(new)) => self.object(&path, fields, old, new),
            (Kind::Parameters, Value::Map(old), Value::Map(new)) => self.parameters(&path, old, new),
            _ => None,
        };
        if inner.is_none() {
            let change = if new.is_null() { Change::Unset } else { Change::Set(new.clone()) };
            self.push(Some(path), change);
        }
    }

    fn object(&mut self, path: &Path, fields: &[Field], old: &Map, new: &Map) -> Option<()> {
        for field in fields.iter().filter(|field| field.name != "id") {
            self.field(Some(path), field, at(old, field.name), at(new, field.name));
        }
        Some(())
    }

    /// Numbers by name; none when a name cannot be said as a part of a path.
    fn parameters(&mut self, path: &Path, old: &Map, new: &Map) -> Option<()> {
        let names = || old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
        if names().any(|name| below(Some(path), name).is_none()) {
            return None;
        }
        for name in names() {
            let path = below(Some(path), name);
            match new.get(name) {
                Some(value) if old.get(name) != Some(value) => self.push(path, Change::Set(value.clone())),
                None => self.push(path, Change::Unset),
                Some(_) => {}
            }
        }
        Some(())
    }

    /// Notes, points, plugins: each by its id. None when the elements of either list have no ids.
    fn elements(&mut self, path: &Path, fields: &'static [Field], old: &List, new: &List) -> Option<()> {
        if !(old.is_keyed() || old.is_empty()) || !(new.is_keyed() || new.is_empty()) {
            return None;
        }
        for element in old.iter().filter(|element| new.find(element).is_none()) {
            self.push(Some(path.clone()), Change::ListRemove(name_of(element)));
        }
        let stays = in_place(old, new);
        let mut previous: Option<&Value> = None;
        for (element, stays) in new.iter().zip(stays) {
            match old.find(element) {
                Some(before) if stays => {
                    let at = element.get("id").and_then(Value::as_str).and_then(|id| below(Some(path), id));
                    if let (Some(at), Some(before), Some(after)) = (at, before.as_map(), element.as_map()) {
                        self.object(&at, fields, before, after);
                    }
                }
                _ => {
                    let place = previous.map_or(Position::Prepend, |previous| Position::After(name_of(previous)));
                    self.push(Some(path.clone()), Change::ListInsert(element.clone(), place));
                }
            }
            previous = Some(element);
        }
        Some(())
    }
}

fn at<'a>(map: &'a Map, name: &str) -> &'a Value {
    map.get(name).unwrap_or(&Value::Null)
}

/// The path of a part; none when the name is no segment of a path.
fn below(parent: Option<&Path>, name: &str) -> Option<Path> {
    if name.is_empty() || name.contains('.') {
        return None;
    }
    match parent {
        Some(parent) => Path::new(&format!("{parent}.{name}")).ok(),
        None => Path::new(name).ok(),
    }
}

/// As much of an element as it takes to say which one is meant.
fn name_of(element: &Value) -> Value {
    Value::map([("id", element.get("id").cloned().unwrap_or_default())])
}

/// For each element of `new`, whether it can stay where it is in `old` while the others move around it: the longest run of
/// elements that are in the same order in both, found by patience sorting, so that a moved note costs one operation.
fn in_place(old: &List, new: &List) -> Vec<bool> {
    let mut ranks = std::collections::BTreeMap::new();
    for (rank, element) in old.iter().enumerate() {
        if let Some(id) = element.get("id").and_then(Value::as_str) {
            ranks.insert(id, rank);
        }
    }
    let old_rank: Vec<Option<usize>> = new
        .iter()
        .map(|element| element.get("id").and_then(Value::as_str).and_then(|id| ranks.get(id)).copied())
        .collect();
    // For each length, the last element of the best run of that length: its old rank and its place in `new`.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; old_rank.len()];
    for (index, rank) in old_rank.iter().enumerate() {
        let Some(rank) = *rank else { continue };
        let length = ends.partition_point(|(end, _)| *end < rank);
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter].1);
        match ends.get_mut(length) {
            Some(end) => *end = (rank, index),
            None => ends.push((rank, index)),
        }
    }
    let mut stays = vec![false; old_rank.len()];
    let mut next = ends.last().map(|(_, index)| *index);
    while let Some(index) = next {
        stays[index] = true;
        next = before[index];
    }
    stays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &str) -> List {
        ids.chars().map(|id| Value::map([("id", Value::text(&id.to_string()))])).collect()
    }

    fn moved(old: &str, new: &str) -> String {
        let (old, new) = (list(old), list(new));
        let stays = in_place(&old, &new);
        let all = new.iter().zip(stays).filter(|(_, stays)| !stays);
        all.filter_map(|(element, _)| element.get("id")?.as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn transactions_hold_so_many_operations_and_so_many_bytes() {
        let id = model::Id::system();
        let small = vec![build::set(Table::Tracks, &id, "volume", 1.0); TRANSACTION_OPERATIONS_MAX + 1];
        let counts = |operations| in_transactions(operations).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(counts(small), [TRANSACTION_OPERATIONS_MAX, 1]);
        let text = "x".repeat(TRANSACTION_WEIGHT / 2 - 3);
        let large = vec![build::set(Table::Tracks, &id, "name", text.as_str()); 5];
        assert_eq!(counts(large), [2, 2, 1]);
        assert_eq!(counts(Vec::new()), [0; 0]);
    }

    #[test]
    fn only_what_left_its_place_moves() {
        assert_eq!(moved("abcde", "abcde"), "");
        assert_eq!(moved("abcde", "bcdea"), "a");
        assert_eq!(moved("abcde", "eabcd"), "e");
        assert_eq!(moved("abcde", "axcbe"), "xc");
        assert_eq!(moved("", "ab"), "ab");
        assert_eq!(moved("ab", ""), "");
    }
}
