//! Whether what an undo says is true (UN3).
//!
//! Stamps name transactions by ids that their authors choose, each unique for its author only (WR6), and a guarded operation says
//! itself whose stamps it leaves. So that nobody's value passes for somebody else's, and is overwritten by their undo without a
//! word, what a guard says is compared with the log before the room takes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Id, Table};
use operations::{Author, Change, Guard, Operation, Transaction};
use storage::{LogEntry, PayloadHash, Store, StoreError};
use sync::Room;

/// Where no record has a path: whoever must find somebody there never does.
const NOWHERE: &str = ".";

/// The transaction as the room may take it; none when all that it says is true. `here` names those that are judged together with
/// it, which the store does not know yet.
pub(super) fn corrected(
    store: &dyn Store,
    room: &Room,
    here: &HashMap<(Id, Id), (u64, PayloadHash)>,
    author: &Author,
    transaction: &Transaction,
) -> Result<Option<Transaction>, StoreError> {
    if !transaction.operations.iter().any(is_guarded) {
        return Ok(None);
    }
    let mut log = Log { store, room, here, own: author.id(), people: people(room), known: BTreeMap::new() };
    let mut corrected = transaction.clone();
    for operation in &mut corrected.operations {
        let Some(guard) = operation.guard.clone() else { continue };
        let (finds, leaves) = (log.finds(&guard)?, log.leaves(operation, &guard, &transaction.tx_id)?);
        operation.guard = Some(Guard { finds, leaves });
    }
    Ok((corrected != *transaction).then_some(corrected))
}

/// Whether it takes another one back.
pub(super) fn is_guarded(operation: &Operation) -> bool {
    operation.guard.is_some()
}

/// Everyone who may have written to the project.
fn people(room: &Room) -> BTreeSet<Id> {
    let members = room.records().table(Table::ProjectMembers).filter_map(|member| member.id_in("userId"));
    members.chain([Id::system()]).collect()
}

/// What the log knows of a transaction id.
#[derive(Default)]
struct Known {
    /// How many have used it.
    authors: usize,
    /// The one of whoever asks.
    own: Option<LogEntry>,
}

struct Log<'a> {
    store: &'a dyn Store,
    room: &'a Room,
    here: &'a HashMap<(Id, Id), (u64, PayloadHash)>,
    own: Id,
    people: BTreeSet<Id>,
    known: BTreeMap<Id, Known>,
}

impl Log<'_> {
    fn look_up(&mut self, tx_id: &Id) -> Result<&Known, StoreError> {
        if !self.known.contains_key(tx_id) {
            let mut known = Known::default();
            for person in &self.people {
                let logged = self.store.find_transaction(person, tx_id)?;
                let seq = logged.filter(|logged| logged.scope == *self.room.scope()).map(|logged| logged.seq);
                if seq.is_some() || self.here.contains_key(&(person.clone(), tx_id.clone())) {
                    known.authors += 1;
                }
                if let Some(seq) = seq.filter(|_| *person == self.own) {
                    known.own = self.store.entries_before(self.room.scope(), seq + 1, 1)?.pop();
                }
            }
            self.known.insert(tx_id.clone(), known);
        }
        Ok(&self.known[tx_id])
    }

    /// Whom the operation must find: nobody that there is, when two have used one of the ids. Nobody knows then whose value is
    /// there.
    fn finds(&mut self, guard: &Guard) -> Result<BTreeMap<Box<str>, Id>, StoreError> {
        let mut finds = guard.finds.clone();
        for tx_id in guard.finds.values() {
            if self.look_up(tx_id)?.authors > 1 {
                finds.insert(NOWHERE.into(), tx_id.clone());
            }
        }
        Ok(finds)
    }

    /// Whose stamps it leaves: its own, unless the log knows better.
    fn leaves(
        &mut self,
        operation: &Operation,
        guard: &Guard,
        tx_id: &Id,
    ) -> Result<BTreeMap<Box<str>, Id>, StoreError> {
        // What takes a creation back, and brings it again, knows of nobody.
        let of_creation = operation.path.as_str() == "deleted" && guard.finds.is_empty() && guard.leaves.is_empty();
        if of_creation || self.does_own_again(operation, guard)? || self.is_in_the_log(operation, guard)? {
            return Ok(guard.leaves.clone());
        }
        Ok(BTreeMap::from([("".into(), tx_id.clone())]))
    }

    /// Whether it does again what a transaction of its author's has done, whose stamp it leaves: as a redo does.
    fn does_own_again(&mut self, operation: &Operation, guard: &Guard) -> Result<bool, StoreError> {
        let leaves = (guard.leaves.len() == 1).then(|| guard.leaves.get("")).flatten();
        let Some(tx_id) = leaves else { return Ok(false) };
        let own = &self.look_up(tx_id)?.own;
        Ok(own.as_ref().is_some_and(|entry| entry.commit.operations.iter().any(|done| is_again(operation, done))))
    }

    /// Whether this is what undoes an operation of its author's, as the log has it.
    fn is_in_the_log(&mut self, operation: &Operation, guard: &Guard) -> Result<bool, StoreError> {
        for tx_id in guard.finds.values() {
            if self.look_up(tx_id)?.own.as_ref().is_some_and(|entry| entry.inverse.contains(operation)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether one operation makes the same of its place as another has.
fn is_again(operation: &Operation, done: &Operation) -> bool {
    let same = match (&operation.change, &done.change) {
        (Change::Set(value), Change::Set(before)) => value == before,
        (Change::ListInsert(element, _), Change::ListInsert(before, _)) => element == before,
        (Change::ListRemove(_), Change::ListRemove(_)) | (Change::Unset, Change::Unset) => true,
        _ => false,
    };
    same && operation.target == done.target && operation.path == done.path && operation.writes() == done.writes()
}
