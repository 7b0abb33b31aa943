//! UN3, found out from the log alone: no undo changes a value that somebody else has written since. Nothing here looks at
//! stamps or guards.

use std::collections::{BTreeMap, BTreeSet};

use model::{Id, Key, Record, Records, Value};
use operations::{Change, Operation, apply_committed};

use super::{Failure, name_of};
use crate::disk::{Disk, Entry};

/// Undo and redo: which transaction (of the same author) each takes back; several when that is not certain.
#[derive(Debug, Default)]
pub(crate) struct Journeys {
    taken_back: BTreeMap<(Id, Id), BTreeSet<Id>>,
    /// What an edit was made upon: the log and how much of it its author had seen.
    bases: BTreeMap<(Id, Id), (Id, u64)>,
}

impl Journeys {
    /// An edit of any kind.
    pub(crate) fn made(&mut self, user: &Id, tx_id: &Id, base: Option<(Id, u64)>) {
        self.bases.extend(base.map(|base| ((user.clone(), tx_id.clone()), base)));
    }

    pub(crate) fn add(&mut self, user: &Id, tx_id: Id, takes_back: BTreeSet<Id>) {
        self.taken_back.insert((user.clone(), tx_id), takes_back);
    }

    pub(crate) fn len(&self) -> usize {
        self.taken_back.len()
    }

    /// The edits that were the first of a chain of undo and redo.
    fn roots(&self, user: &Id, tx_ids: &BTreeSet<Id>) -> BTreeSet<Id> {
        let mut roots = BTreeSet::new();
        let mut open: Vec<Id> = tx_ids.iter().cloned().collect();
        while let Some(tx_id) = open.pop() {
            match self.taken_back.get(&(user.clone(), tx_id.clone())) {
                Some(taken_back) => open.extend(taken_back.iter().cloned()),
                None => drop(roots.insert(tx_id)),
            }
        }
        roots
    }

    /// Whether an author knew an entry of the log when they made what an undo goes back to, or cannot have known it.
    fn was_known(&self, disk: &Disk, user: &Id, takes_back: &BTreeSet<Id>, seq: u64) -> bool {
        let knew = |tx_id: &Id| {
            let base = self.bases.get(&(user.clone(), tx_id.clone()));
            base.is_some_and(|(epoch, known)| *epoch != disk.epoch || seq <= *known)
        };
        let held = |tx_id: &Id| disk.log().iter().any(|entry| name_of(entry) == (user.clone(), tx_id.clone()));
        !takes_back.iter().any(held) && self.roots(user, takes_back).iter().all(knew)
    }

    /// Looks at every undo and redo that the log holds.
    pub(crate) fn check(&self, disk: &Disk) -> Result<(), Failure> {
        let log = disk.log();
        let mut states = vec![Records::new()];
        for Entry { commit, .. } in log {
            let mut after = states.last().cloned().unwrap_or_default();
            apply_committed(&mut after, &commit.tx_id, &commit.operations, commit.time)
                .map_err(|refusal| Failure::new("WR8", refusal.message))?;
            states.push(after);
        }
        let past = Past { disk, log, states: &states, journeys: self };
        for (index, entry) in log.iter().enumerate() {
            let Some(takes_back) = self.taken_back.get(&name_of(entry)) else { continue };
            let targets: BTreeSet<&Key> = entry.commit.operations.iter().map(|operation| &operation.target).collect();
            for key in targets {
                for place in differences(states[index].get(key), states[index + 1].get(key)) {
                    past.may_change(index, takes_back, key, &place)?;
                }
            }
        }
        Ok(())
    }
}

struct Past<'a> {
    disk: &'a Disk,
    log: &'a [Entry],
    /// The records before each entry.
    states: &'a [Records],
    journeys: &'a Journeys,
}

impl Past<'_> {
    /// Whether the undo that is entry `index` of the log may change this place.
    fn may_change(&self, index: usize, takes_back: &BTreeSet<Id>, key: &Key, place: &str) -> Result<(), Failure> {
        let author = &self.log[index].commit.author;
        let mut before = index;
        while let Some(writer) = self.writer(before, key, place) {
            let commit = &self.log[writer].commit;
            if commit.author == *author && takes_back.contains(&commit.tx_id) {
                return Ok(());
            }
            // What an undo has given back is as it was before what it took back.
            let given_back = self.journeys.taken_back.get(&name_of(&self.log[writer])).and_then(|undone| {
                let is_undone =
                    |entry: &Entry| entry.commit.author == commit.author && undone.contains(&entry.commit.tx_id);
                self.log[..writer].iter().position(is_undone)
            });
            match given_back {
                Some(undone) => before = undone,
                None if commit.author == *author => return Ok(()),
                // What it takes back is not in the log: lost with what a backup does not hold, or refused.
                None if self.journeys.was_known(self.disk, author, takes_back, commit.seq) => return Ok(()),
                None => {
                    let (undo, other, theirs) = (&self.log[index].commit.tx_id, &commit.author, &commit.tx_id);
                    let reason =
                        format!("{author}'s {undo} changes {key} {place}, which {other} has written since ({theirs})");
                    return Err(Failure::new("UN3", reason));
                }
            }
        }
        Ok(())
    }

    /// The last entry before entry `before` that has written this place.
    fn writer(&self, before: usize, key: &Key, place: &str) -> Option<usize> {
        (0..before).rev().find(|index| {
            let changed = || differences(self.states[*index].get(key), self.states[*index + 1].get(key));
            let writes = |operation: &Operation| operation.target == *key && touches(operation, place, &changed);
            self.log[*index].commit.operations.iter().any(writes)
        })
    }
}

/// Whether an operation writes a place, or what it lies in, or what lies in it. A creation writes nothing that an undo could
/// take back but the whole; taking out what is not there is nothing.
fn touches(operation: &Operation, place: &str, changed: &dyn Fn() -> BTreeSet<String>) -> bool {
    if operation.is_creation() {
        return false;
    }
    let written = operation.writes();
    let lies_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let removes = matches!(operation.change, Change::Unset | Change::ListRemove(_));
    let meets = lies_in(place, &written) || lies_in(&written, place);
    // Of an element without an id nobody knows which it is.
    let is_there = |changed: &String| match operation.change {
        Change::ListRemove(_) => lies_in(changed, place) || (lies_in(changed, &written) && lies_in(&written, place)),
        _ => lies_in(changed, &written),
    };
    meets && (!removes || changed().iter().any(is_there))
}

/// The places at which two states of a record differ, as far as people write them.
fn differences(before: Option<&Record>, after: Option<&Record>) -> BTreeSet<String> {
    let (before, after) = (before.map(leaves).unwrap_or_default(), after.map(leaves).unwrap_or_default());
    let places: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    places.into_iter().filter(|place| before.get(*place) != after.get(*place)).cloned().collect()
}

/// Every value of a record that holds no others, by its path.
fn leaves(record: &Record) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (name, value) in record.fields() {
        // The server's own.
        if !matches!(&**name, "updatedAt" | "collaborators") {
            collect(name.to_string(), value, &mut found);
        }
    }
    found
}

fn collect(place: String, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Map(map) => {
            map.iter().for_each(|(name, value)| collect(format!("{place}.{name}"), value, found));
        }
        Value::List(list) if list.is_keyed() || list.is_empty() => {
            for element in list.iter() {
                let id = element.get("id").and_then(Value::as_str).unwrap_or_default();
                collect(format!("{place}.{id}"), element, found);
            }
        }
        _ => drop(found.insert(place, value.clone())),
    }
}
