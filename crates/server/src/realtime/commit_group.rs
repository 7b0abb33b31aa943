//! Several transactions of one room, made durable together (WR4, WR6, WR7).

use std::collections::{BTreeSet, HashMap};

use model::{Id, Key, Records, Table, Timestamp, Value};
use operations::{Author, Change, Commit, Operation, Refusal, Scope, Transaction};
use storage::{Batch, CommitError, NewCommit, NewJob, PayloadHash, Store, StoreError};
use sync::{Room, Submitted};

use super::behind::Behind;
use super::guards;
use super::limits::STALE_RETRIES_MAX;
use super::{Place, SubmitError};

/// What stands before a payload when it is hashed. Hashes are kept for ever, so that it never changes, whatever version the
/// wire has.
const PAYLOAD_VERSION: u8 = 2;
/// Bytes that the payload of a small edit takes at most.
const SMALL_PAYLOAD_BYTES: usize = 160;

/// A transaction that asks to be committed.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    pub(crate) author: Author,
    pub(crate) transaction: Transaction,
    /// Jobs to enqueue in the same database transaction.
    pub(crate) jobs: Vec<NewJob>,
    /// Its place among the bytes that are on their way to the room: given up with it, once it is durable or refused.
    #[expect(dead_code, reason = "it is kept, and given up by being dropped")]
    pub(crate) place: Option<Place>,
}

impl Submission {
    /// Whether it may change who can read the project.
    pub(crate) fn changes_members(&self) -> bool {
        self.transaction
            .operations
            .iter()
            .any(|operation| operation.target.table == Table::ProjectMembers || collaborator(operation).is_some())
    }

    /// Whether a log takes it that has grown as large as it may: what the server has to say, who may open the song, and that it is
    /// deleted.
    pub(crate) fn is_taken_by_a_full_log(&self) -> bool {
        let admits = |operation: &Operation| match operation.target.table {
            Table::ProjectMembers => true,
            Table::Projects => operation.path.as_str() == "deleted" || collaborator(operation).is_some(),
            _ => false,
        };
        self.author == Author::System || self.transaction.operations.iter().all(admits)
    }

    /// Whether the room can judge it by its own records alone: it makes nothing, and nobody a member, and takes nothing back.
    pub(crate) fn is_plain(&self) -> bool {
        let is_special = |operation: &Operation| operation.is_creation() || guards::is_guarded(operation);
        let asks = self.transaction.operations.iter().any(is_special);
        !asks && self.jobs.is_empty() && !self.changes_members()
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

/// What became of a group.
#[derive(Debug)]
pub(crate) struct Group {
    /// One for each submission.
    pub(crate) verdicts: Verdicts,
    /// The records that changed and whose rows were not written with the commits (WR8).
    pub(crate) lagging: BTreeSet<Key>,
    /// What lagged before these commits, when the room had to be loaded anew.
    pub(crate) reloaded: Option<Behind>,
}

/// A room as the store has it, and what lags behind it; empty, with the epoch `fresh`, when the store has none.
pub(crate) fn load(store: &dyn Store, scope: &Scope, fresh: Id) -> Result<(Room, Behind), StoreError> {
    Ok(match store.load(scope)? {
        Some(loaded) => {
            let behind = Behind::of(&loaded);
            let records = loaded.records.into_iter().collect::<Records>();
            (Room::new(scope.clone(), loaded.epoch, loaded.seq, records), behind)
        }
        None => (Room::new(scope.clone(), fresh, 0, Records::new()), Behind::default()),
    })
}

/// Commits what can be committed of `submissions`, in order, durably, before it answers. The room is then as the store
/// has it. A log that is full takes little, see [`Submission::is_taken_by_a_full_log`].
pub(crate) fn commit_group(
    room: &mut Room,
    store: &dyn Store,
    submissions: &[Submission],
    now: Timestamp,
    log_is_full: bool,
) -> Group {
    let mut reloaded = None;
    let mut repeats = Repeats::Unlikely;
    for _ in 0..STALE_RETRIES_MAX {
        let before = room.clone();
        let (verdicts, batch) = match judge(room, store, submissions, now, (repeats, log_is_full)) {
            Ok(judged) => judged,
            Err(error) => return fail(room, before, submissions, reloaded, &error.to_string()),
        };
        let Some((batch, lagging)) = batch else { return Group { verdicts, lagging: BTreeSet::new(), reloaded } };
        match store.commit(vec![batch]).pop() {
            Some(Ok(())) => return Group { verdicts, lagging, reloaded },
            // Another node has written meanwhile: look again, with its records.
            Some(Err(error @ (CommitError::Stale { .. } | CommitError::Duplicate { .. }))) => {
                repeats = if matches!(error, CommitError::Duplicate { .. }) { Repeats::Likely } else { repeats };
                *room = before;
                match load(store, room.scope(), room.epoch().clone()) {
                    Ok((fresh, behind)) => (*room, reloaded) = (fresh, Some(behind)),
                    Err(error) => return fail(room, room.clone(), submissions, reloaded, &error.to_string()),
                }
            }
            Some(Err(CommitError::Taken { key })) => {
                tracing::warn!(%key, "a record's id was taken between the check and the commit");
                *room = before;
            }
            Some(Err(error)) => return fail(room, before, submissions, reloaded, &error.to_string()),
            None => return fail(room, before, submissions, reloaded, "the store did not answer"),
        }
    }
    let before = room.clone();
    fail(room, before, submissions, reloaded, "the store kept moving on")
}

/// The whole group is refused, and the room is rebuilt: nothing of it may be seen (WR7).
fn fail(room: &mut Room, before: Room, submissions: &[Submission], reloaded: Option<Behind>, reason: &str) -> Group {
    tracing::error!(reason, "a group of transactions could not be committed");
    *room = before;
    let verdicts = submissions.iter().map(|_| Err(SubmitError::Unavailable)).collect();
    Group { verdicts, lagging: BTreeSet::new(), reloaded }
}

/// Whether some of a group may stand in the log already. The log itself refuses what does (WR6), so that it is only asked
/// beforehand where that has happened, and where a repeat would look like a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    Likely,
    Unlikely,
}

/// What is to be kept, and the records whose rows are not among it.
type Kept = (Batch, BTreeSet<Key>);

/// Transactions that a room has judged one after the other.
#[derive(Default)]
pub(crate) struct Taken {
    verdicts: Verdicts,
    commits: Vec<NewCommit>,
    jobs: Vec<NewJob>,
    /// The records that they change.
    changed: BTreeSet<Key>,
}

impl Taken {
    /// Takes a plain transaction, see [`Submission::is_plain`]; false, and nothing has changed, when the room would refuse
    /// it: that may be since it is in the log already, which the store knows.
    pub(crate) fn take_plain(&mut self, room: &mut Room, submission: &Submission, now: Timestamp) -> bool {
        let Submission { author, transaction, .. } = submission;
        let Ok(submitted) = room.submit(author, transaction, now) else { return false };
        self.add(submitted, hash(transaction), &[]);
        true
    }

    /// The batch that keeps them; `room` is as the last of them leaves it. Those whose rows it does not write stay
    /// behind as what [`Taken::into_verdicts`] calls lagging.
    pub(crate) fn batch(&mut self, room: &Room) -> Batch {
        let (scope, epoch) = (room.scope().clone(), room.epoch().clone());
        let expected_seq = room.seq() - self.commits.len() as u64;
        let (commits, jobs) = (std::mem::take(&mut self.commits), std::mem::take(&mut self.jobs));
        let records = Batch::written_through(&commits, room.records());
        for (table, record) in &records {
            self.changed.remove(&Key::new(*table, record.id().clone()));
        }
        Batch { scope, epoch, expected_seq, commits, records, jobs }
    }

    /// What became of each, once the batch is durable; and the records that lag behind the log.
    pub(crate) fn into_verdicts(self) -> (Verdicts, BTreeSet<Key>) {
        (self.verdicts, self.changed)
    }

    fn add(&mut self, mut submitted: Submitted, payload_hash: PayloadHash, jobs: &[NewJob]) {
        for key in &submitted.changed {
            // Most edits of a group are of the same few records.
            if !self.changed.contains(key) {
                self.changed.insert(key.clone());
            }
        }
        self.jobs.extend(jobs.iter().cloned());
        // What undoes it is for the log alone.
        let (commit, inverse) = (submitted.commit.clone(), std::mem::take(&mut submitted.inverse));
        self.commits.push(NewCommit { commit, inverse, payload_hash });
        self.verdicts.push(Ok(Verdict::Committed(submitted)));
    }
}

/// Runs every submission through the room: verdicts, and the batch to be kept, if any.
fn judge(
    room: &mut Room,
    store: &dyn Store,
    submissions: &[Submission],
    now: Timestamp,
    (repeats, log_is_full): (Repeats, bool),
) -> Result<(Verdicts, Option<Kept>), StoreError> {
    let mut taken = Taken::default();
    let mut here: HashMap<(Id, Id), (u64, PayloadHash)> = HashMap::new();
    for submission in submissions {
        let Submission { author, transaction, jobs, .. } = submission;
        let has_no_place = log_is_full && !submission.is_taken_by_a_full_log();
        let payload_hash = hash(transaction);
        let name = (author.id(), transaction.tx_id.clone());
        let earlier = match here.get(&name) {
            Some(earlier) => Some(*earlier),
            None if repeats == Repeats::Likely || has_no_place => find(store, room, &name)?,
            None => None,
        };
        if let Some((seq, earlier_hash)) = earlier {
            taken.verdicts.push(repeat(seq, earlier_hash == payload_hash));
            continue;
        }
        if has_no_place {
            taken.verdicts.push(Err(SubmitError::LogFull));
            continue;
        }
        let refusal = match refused_by_store(room, store, transaction)? {
            Some(refusal) => refusal,
            None => match submit(room, store, &here, author, transaction, now)? {
                Ok(submitted) => {
                    here.insert(name, (submitted.commit.seq, payload_hash));
                    taken.add(submitted, payload_hash, jobs);
                    continue;
                }
                Err(refusal) => refusal,
            },
        };
        // What has been done already often cannot be done again.
        let earlier = if repeats == Repeats::Likely { None } else { find(store, room, &name)? };
        taken.verdicts.push(match earlier {
            Some((seq, earlier_hash)) => repeat(seq, earlier_hash == payload_hash),
            None => Err(refusal.into()),
        });
    }
    let batch = (!taken.commits.is_empty()).then(|| taken.batch(room));
    let (verdicts, lagging) = taken.into_verdicts();
    Ok((verdicts, batch.map(|batch| (batch, lagging))))
}

/// Has the room take a transaction, as far as what it says is true.
fn submit(
    room: &mut Room,
    store: &dyn Store,
    here: &HashMap<(Id, Id), (u64, PayloadHash)>,
    author: &Author,
    transaction: &Transaction,
    now: Timestamp,
) -> Result<Result<Submitted, Refusal>, StoreError> {
    Ok(match guards::corrected(store, room, here, author, transaction, now)? {
        Some(corrected) => {
            // The log carries something else than was sent.
            room.submit(author, &corrected, now).map(|submitted| Submitted { verbatim: false, ..submitted })
        }
        None => room.submit(author, transaction, now),
    })
}

/// Where a transaction stands in this room's log, 0 for another log, and the hash that it was sent with.
fn find(store: &dyn Store, room: &Room, name: &(Id, Id)) -> Result<Option<(u64, PayloadHash)>, StoreError> {
    let found = store.find_transaction(&name.0, &name.1)?;
    Ok(found.map(|logged| (if logged.scope == *room.scope() { logged.seq } else { 0 }, logged.payload_hash)))
}

/// Why records of other projects, or the want of a person, forbid a transaction.
fn refused_by_store(room: &Room, store: &dyn Store, transaction: &Transaction) -> Result<Option<Refusal>, StoreError> {
    if let Some(key) = taken(room, store, transaction)? {
        return Ok(Some(Refusal::invalid(format!("{}/{}: the record exists already", key.table, key.id))));
    }
    let stranger = stranger(store, transaction)?;
    Ok(stranger.map(|key| Refusal::invalid(format!("{}/{}: userId: there is no such person", key.table, key.id))))
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
    for operation in &transaction.operations {
        if let Some(user) = new_member(operation)
            && store.records(&[Key::new(Table::Users, user)])?.is_empty()
        {
            return Ok(Some(operation.target.clone()));
        }
    }
    Ok(None)
}

/// Whom an operation makes a member, by a membership or by the guide's list (PE1).
fn new_member(operation: &Operation) -> Option<Id> {
    let user = match (&operation.change, operation.target.table) {
        (Change::Set(value), Table::ProjectMembers) if operation.is_creation() => value.get("userId"),
        (Change::ListInsert(..), _) => collaborator(operation),
        _ => None,
    };
    Id::new(user?.as_str()?).ok()
}

/// Whom an operation puts into the guide's list of collaborators, or takes out of it.
fn collaborator(operation: &Operation) -> Option<&Value> {
    let theirs = operation.target.table == Table::Projects && operation.path.as_str() == "collaborators";
    match &operation.change {
        Change::ListInsert(user, _) | Change::ListRemove(user) if theirs => Some(user),
        _ => None,
    }
}

/// What a repeat must have in common with the first sending: the operations and what they insist on.
fn hash(transaction: &Transaction) -> PayloadHash {
    let mut payload = Vec::with_capacity(SMALL_PAYLOAD_BYTES);
    payload.push(PAYLOAD_VERSION);
    blake3::hash(&sync::wire::append(payload, &(&transaction.operations, &transaction.base_versions))).into()
}

/// The commits among the verdicts, in order.
pub(crate) fn commits(verdicts: &Verdicts) -> impl Iterator<Item = &Commit> {
    verdicts.iter().filter_map(|verdict| match verdict {
        Ok(Verdict::Committed(submitted)) => Some(&submitted.commit),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wr6_the_hash_of_a_payload_does_not_know_the_version_of_the_wire() {
        let id = Id::system();
        let transaction = Transaction {
            tx_id: id.clone(),
            author_id: id.clone(),
            operations: vec![operations::build::set(Table::Tracks, &id, "volume", 0.5)],
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        let of_the_second = sync::wire::append(vec![2], &(&transaction.operations, &transaction.base_versions));
        assert_eq!(hash(&transaction), *blake3::hash(&of_the_second).as_bytes());
    }
}
