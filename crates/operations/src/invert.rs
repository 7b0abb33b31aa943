//! What undoes an operation (UN4).

use model::{Id, List, Record, Stamps, Value};

use crate::apply::{stamps_after, value_at};
use crate::{Change, Guard, Operation, Path, Position};

/// The operation that turns the record after `operation` back into `before`, apart from `version` and `updatedAt`; none
/// when the operation changed nothing. `before` is none for a creation, whose inverse is a soft deletion.
///
/// The inverse is guarded: it insists that nobody has written there after `tx_id`, the transaction of the operation (UN3),
/// and leaves as the last writers those who were it before. (A record's creation writes no path: its inverse insists that
/// nobody has deleted the record or brought it back.)
///
/// The operations of a transaction are inverted each against the state that it met, and applied in reverse.
#[must_use]
pub fn invert(before: Option<&Record>, tx_id: &Id, operation: &Operation) -> Option<Operation> {
    let Some(before) = before else {
        let deletion = crate::build::delete(operation.target.table, &operation.target.id);
        return Some(Operation { guard: Some(Guard::default()), ..deletion });
    };
    invert_to(before, &stamps_after(before, tx_id, operation), operation)
}

/// [`invert`] of a record that was there; `after` says who have written it since the operation.
pub(crate) fn invert_to(before: &Record, after: &Stamps, operation: &Operation) -> Option<Operation> {
    let mut inverse = unguarded(before, operation)?;
    let place = inverse.writes().into_owned();
    inverse.guard = Some(Guard { finds: after.writers(&place), leaves: before.stamps().writers(&place) });
    Some(inverse)
}

fn unguarded(before: &Record, operation: &Operation) -> Option<Operation> {
    let old = value_at(before, &operation.path);
    let change = match &operation.change {
        Change::Set(_) | Change::SetNow => return Some(put_back(before, operation, old)),
        Change::Unset => Change::Set(old?.clone()),
        Change::ListInsert(value, _) => match old.and_then(Value::as_list) {
            None => return Some(put_back(before, operation, old)),
            Some(list) => match list.find(value) {
                Some(present) => put_in_again(list, present),
                None => Change::ListRemove(value.clone()),
            },
        },
        Change::ListRemove(value) => {
            let list = old?.as_list()?;
            put_in_again(list, list.find(value)?)
        }
    };
    Some(Operation { target: operation.target.clone(), path: operation.path.clone(), change, guard: None })
}

/// Sets the old value again, or unsets what was not there: the first container that the operation had to create.
fn put_back(before: &Record, operation: &Operation, old: Option<&Value>) -> Operation {
    let target = operation.target.clone();
    match old {
        Some(value) => {
            Operation { target, path: operation.path.clone(), change: Change::Set(value.clone()), guard: None }
        }
        None => Operation { target, path: first_absent(before, &operation.path), change: Change::Unset, guard: None },
    }
}

fn first_absent(before: &Record, path: &Path) -> Path {
    let count = path.segments().len();
    (1..=count)
        .map(|n| path.prefix(n))
        .find(|prefix| value_at(before, prefix).is_none())
        .unwrap_or_else(|| path.clone())
}

/// Puts a present element in its old place again. In a list that holds an element twice (a `set` can bring one about) no
/// place is certain: there the whole list is put back.
fn put_in_again(list: &List, element: &Value) -> Change {
    let previous = list.predecessor(element);
    if !list.holds_once(element) || !previous.is_none_or(|previous| list.holds_once(previous)) {
        return Change::Set(Value::List(list.clone()));
    }
    let position = previous.map_or(Position::Prepend, |previous| Position::After(previous.clone()));
    Change::ListInsert(element.clone(), position)
}

#[cfg(test)]
mod tests {
    use model::{Id, Key, Table, Timestamp, fields};
    use proptest::prelude::*;

    use super::*;
    use crate::apply;

    fn element(id: &str) -> Value {
        Value::map([("id", id.into()), ("n", 1u32.into())])
    }

    fn any_path() -> impl Strategy<Value = String> {
        prop::sample::select(vec![
            "a",
            "b",
            "a.x",
            "a.x.y",
            "b.z",
            "list",
            "keyed",
            "keyed.e1",
            "keyed.e1.n",
            "keyed.e2.m.k",
        ])
        .prop_map(str::to_owned)
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            (0u32..4).prop_map(Value::from),
            "[uvw]".prop_map(|t| Value::text(&t)),
            "e[1-4]".prop_map(|id| element(&id)),
            prop::collection::vec("e[1-4]".prop_map(|id| element(&id)), 0..3).prop_map(Value::list),
            Just(Value::map([("x", 1u32.into())])),
        ]
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let position = prop_oneof![
            Just(Position::Prepend),
            Just(Position::Append),
            any_value().prop_map(Position::Before),
            any_value().prop_map(Position::After),
        ];
        prop_oneof![
            any_value().prop_map(Change::Set),
            Just(Change::SetNow),
            Just(Change::Unset),
            (any_value(), position).prop_map(|(v, p)| Change::ListInsert(v, p)),
            any_value().prop_map(Change::ListRemove),
        ]
    }

    fn start() -> Record {
        let list = Value::list(["u".into(), "v".into()]);
        let keyed = Value::list([element("e1"), element("e2"), element("e3")]);
        Record::new(Id::new("r").unwrap(), 1, fields([("b", Value::Null), ("list", list), ("keyed", keyed)]))
    }

    proptest! {
        #[test]
        fn un4_a_transaction_and_its_inverse_leave_the_record_as_it_was(
            steps in prop::collection::vec((any_path(), any_change()), 1..12)
        ) {
            let (mut record, mut inverses) = (start(), Vec::new());
            for (path, change) in steps {
                let target = Key::new(Table::Tracks, record.id().clone());
                let operation = Operation { target, path: Path::new(&path).unwrap(), change, guard: None };
                if let Ok(after) = apply(&record, &operation, Timestamp(5)) {
                    inverses.extend(invert(Some(&record), &Id::system(), &operation));
                    record = after;
                }
            }
            for inverse in inverses.iter().rev() {
                record = apply(&record, inverse, Timestamp(9)).unwrap();
            }
            let start = start();
            prop_assert_eq!(record.fields(), start.fields());
        }

        #[test]
        fn op3_applying_never_changes_its_input(path in any_path(), change in any_change()) {
            let before = start();
            let target = Key::new(Table::Tracks, before.id().clone());
            let _ = apply(&before, &Operation { target, path: Path::new(&path).unwrap(), change, guard: None }, Timestamp(0));
            prop_assert_eq!(before, start());
        }
    }
}
