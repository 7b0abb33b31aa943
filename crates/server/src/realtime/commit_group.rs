//! Several transactions of one room, made durable together (WR4, WR6, WR7).

use std::collections::{BTreeMap, BTreeSet};

use model::{Id, Key, Records, Table, Timestamp};
use operations::{Author, Change, Commit, Refusal, Scope, Transaction};
use storage::{Batch, CommitError, NewCommit, NewJob, PayloadHash, Store, StoreError};
use sync::{Room, Submitted};

use super::SubmitError;
use super::limits::STALE_RETRIES_MAX;

/// A transaction that asks to be committed.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) author: Author,
    pub(crate) transaction: Transaction,
    /// Jobs to enqueue in the same database transaction.
    pub(crate) jobs: Vec<NewJob>,
}

impl Submission {
    /// Whether it may change who can read the project.
    pub(crate) fn changes_members(&self) -> bool {
        self.transaction.operations.iter().any(|operation| operation.target.table == Table::ProjectMembers)
    }
}

/// What became of a submission.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// It is in the log.
    Committed(Submitted),
    /// It was in the log already, at this place (WR6).
    Repeat { seq: u64 },
}

pub(crate) type Verdicts = Vec<Result<Verdict, SubmitError>>;

/// A room as the store has it; empty, with the epoch `fresh`, when the store has none.
pub(crate) fn load(store: &dyn Store, scope: &Scope, fresh: Id) -> Result<Room, StoreError> {
    Ok(match store.load(scope)? {
        Some(loaded) => {
            Room::new(scope.clone(), loaded.epoch, loaded.seq, loaded.records.into_iter().collect::<Records>())
        }
        None => Room::new(scope.clone(), fresh, 0, Records::new()),
    })
}

/// Commits what can be committed of `submissions`, in order, durably, before it answers. The room is then as the store
/// has it.
pub(crate) fn commit_group(room: &mut Room, store: &dyn Store, submissions: &[Submission], now: Timestamp) -> Verdicts {
    for _ in 0..STALE_RETRIES_MAX {
        let before = room.clone();
        let (verdicts, batch) = match judge(room, store, submissions, now) {
            Ok(judged) => judged,
            Err(error) => return fail(room, before, submissions, &error.to_string()),
        };
        let Some(batch) = batch else { return verdicts };
        match store.commit(vec![batch]).pop() {
            Some(Ok(())) => return verdicts,
            // Another node has written meanwhile: look again, with its records.
            Some(Err(CommitError::Stale { .. } | CommitError::Duplicate { .. })) => {
                *room = before;
                if let Err(error) = reload(room, store) {
                    return fail(room, room.clone(), submissions, &error.to_string());
                }
            }
            Some(Err(CommitError::Taken { key })) => {
                tracing::warn!(%key, "a record's id was taken between the check and the commit");
                *room = before;
            }
            Some(Err(error)) => return fail(room, before, submissions, &error.to_string()),
            None => return fail(room, before, submissions, "the store did not answer"),
        }
    }
    let before = room.clone();
    fail(room, before, submissions, "the store kept moving on")
}

fn reload(room: &mut Room, store: &dyn Store) -> Result<(), StoreError> {
    *room = load(store, room.scope(), room.epoch().clone())?;
    Ok(())
}

/// The whole group is refused, and the room is rebuilt: nothing of it may be seen (WR7).
fn fail(room: &mut Room, before: Room, submissions: &[Submission], reason: &str) -> Verdicts {
    tracing::error!(reason, "a group of transactions could not be committed");
    *room = before;
    submissions.iter().map(|_| Err(SubmitError::Unavailable)).collect()
}

/// Runs every submission through the room: verdicts, and the batch to be kept, if any.
fn judge(
    room: &mut Room,
    store: &dyn Store,
    submissions: &[Submission],
    now: Timestamp,
) -> Result<(Verdicts, Option<Batch>), StoreError> {
    let expected_seq = room.seq();
    let (mut commits, mut jobs, mut changed) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut here: BTreeMap<(Id, Id), (u64, PayloadHash)> = BTreeMap::new();
    let mut verdicts = Vec::with_capacity(submissions.len());
    for Submission { author, transaction, jobs: wanted } in submissions {
        let payload_hash = hash(transaction);
        let name = (author.id(), transaction.tx_id.clone());
        let earlier = match here.get(&name) {
            Some(earlier) => Some(*earlier),
            None => store
                .find_transaction(&name.0, &name.1)?
                .map(|logged| (if logged.scope == *room.scope() { logged.seq } else { 0 }, logged.payload_hash)),
        };
        if let Some((seq, earlier_hash)) = earlier {
            verdicts.push(repeat(seq, earlier_hash == payload_hash));
            continue;
        }
        if let Some(key) = taken(room, store, transaction)? {
            verdicts.push(Err(Refusal::invalid(format!("{}/{}: the record exists already", key.table, key.id)).into()));
            continue;
        }
        if let Some(key) = stranger(store, transaction)? {
            verdicts.push(Err(
                Refusal::invalid(format!("{}/{}: userId: there is no such person", key.table, key.id)).into()
            ));
            continue;
        }
        verdicts.push(room.submit(author, transaction, now).map_err(SubmitError::from).map(|submitted| {
            here.insert(name, (submitted.commit.seq, payload_hash));
            changed.extend(submitted.changed.iter().cloned());
            jobs.extend(wanted.iter().cloned());
            let (commit, inverse) = (submitted.commit.clone(), submitted.inverse.clone());
            commits.push(NewCommit { commit, inverse, payload_hash });
            Verdict::Committed(submitted)
        }));
    }
    let (scope, epoch) = (room.scope().clone(), room.epoch().clone());
    let records = changed.into_iter().filter_map(|key| Some((key.table, room.records().get(&key)?.clone()))).collect();
    let batch = (!commits.is_empty()).then_some(Batch { scope, epoch, expected_seq, commits, records, jobs });
    Ok((verdicts, batch))
}

fn repeat(seq: u64, same: bool) -> Result<Verdict, SubmitError> {
    if same {
        Ok(Verdict::Repeat { seq })
    } else {
        Err(Refusal::invalid("this txId was used for another transaction").into())
    }
}

/// A new record's id that a record of another project has: ids are unique across projects. With a project comes the
/// first membership, which has the project's id.
fn taken(room: &Room, store: &dyn Store, transaction: &Transaction) -> Result<Option<Key>, StoreError> {
    for operation in transaction.operations.iter().filter(|operation| operation.is_creation()) {
        let key = &operation.target;
        let membership = (key.table == Table::Projects).then(|| Key::new(Table::ProjectMembers, key.id.clone()));
        for key in [Some(key.clone()), membership].into_iter().flatten() {
            if room.records().get(&key).is_none() && !store.records(std::slice::from_ref(&key))?.is_empty() {
                return Ok(Some(key));
            }
        }
    }
    Ok(None)
}

/// A membership of someone who does not exist.
fn stranger(store: &dyn Store, transaction: &Transaction) -> Result<Option<Key>, StoreError> {
    for operation in transaction.operations.iter().filter(|operation| operation.is_creation()) {
        let Change::Set(value) = &operation.change else { continue };
        let user = value.get("userId").and_then(|id| Id::new(id.as_str()?).ok());
        if let (Table::ProjectMembers, Some(user)) = (operation.target.table, user)
            && store.records(&[Key::new(Table::Users, user)])?.is_empty()
        {
            return Ok(Some(operation.target.clone()));
        }
    }
    Ok(None)
}

/// What a repeat must have in common with the first sending: the operations and what they insist on.
fn hash(transaction: &Transaction) -> PayloadHash {
    blake3::hash(&sync::wire::encode(&(&transaction.operations, &transaction.base_versions))).into()
}

/// The commits among the verdicts, in order.
pub(crate) fn commits(verdicts: &Verdicts) -> impl Iterator<Item = &Commit> {
    verdicts.iter().filter_map(|verdict| match verdict {
        Ok(Verdict::Committed(submitted)) => Some(&submitted.commit),
        _ => None,
    })
}
