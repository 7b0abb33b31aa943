//! Whether what an undo says is true (UN3).
//!
//! Stamps name transactions by ids that their authors choose, each unique for its author only (WR6), and a guarded operation says
//! itself whose stamps it leaves. So that nobody's value passes for somebody else's, and is overwritten by their undo without a
//! word, what a guard says is compared with the log before the room takes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Id, Key, Table, Timestamp};
use operations::{Author, Change, Guard, Operation, Transaction};
use storage::{LogEntry, PayloadHash, Store, StoreError};
use sync::Room;

use super::limits::{GUARD_BYTES_MAX, GUARD_LOOKS_MAX};
use super::queue::operations_bytes;

/// Where no record has a path: whoever must find somebody there never does.
const NOWHERE: &str = ".";

/// What an operation finds that is to be left out: somebody who is not there, in place of all whom it names, who may be as many as a
/// guard takes.
fn nobody(tx_id: &Id) -> BTreeMap<Box<str>, Id> {
    BTreeMap::from([(NOWHERE.into(), tx_id.clone())])
}

/// The transaction as the room may take it; none when all that it says is true, or the room refuses it as it is. `here` names those
/// that are judged together with it, which the store does not know yet.
pub(super) fn corrected(
    store: &dyn Store,
    room: &Room,
    here: &HashMap<(Id, Id), (u64, PayloadHash)>,
    author: &Author,
    transaction: &Transaction,
    now: Timestamp,
) -> Result<Option<Transaction>, StoreError> {
    if !transaction.operations.iter().any(is_guarded) {
        return Ok(None);
    }
    // What the room refuses costs no look at the log; nor does what it leaves out.
    let Ok(left_out) = room.left_out(author, transaction, now) else { return Ok(None) };
    let mut left_out = left_out.iter().peekable();
    let mut claims = Vec::new();
    let mut corrected = transaction.clone();
    for (place, operation) in corrected.operations.iter_mut().enumerate() {
        let Some(guard) = &mut operation.guard else { continue };
        if left_out.next_if(|it| **it == transaction.operations[place]).is_some() {
            // It stays left out, whatever becomes of those before it.
            guard.finds = nobody(&transaction.tx_id);
        } else {
            claims.push(Claim::of(&transaction.operations[place], guard.clone(), place));
        }
    }
    let mut log = Log { store, room, here, own: author.id(), people: people(room), looks: 0, bytes: 0 };
    log.judge(&mut claims)?;
    for Claim { guard, place, is_doubtful, leaves_are_true, .. } in claims {
        let Guard { mut finds, mut leaves } = guard;
        if is_doubtful {
            finds = nobody(&transaction.tx_id);
        }
        if !leaves_are_true {
            leaves = BTreeMap::from([("".into(), transaction.tx_id.clone())]);
        }
        corrected.operations[place].guard = Some(Guard { finds, leaves });
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

/// What one operation says of others' transactions.
struct Claim<'a> {
    operation: &'a Operation,
    guard: Guard,
    /// Where it stands in its transaction.
    place: usize,
    /// Two have used one of the ids, or more is named than is looked at: nobody knows then whose value is there, and it must find
    /// somebody that there is not.
    is_doubtful: bool,
    /// Whether the stamps that it leaves are those that the log has; else they are its own.
    leaves_are_true: bool,
}

impl Claim<'_> {
    fn of(operation: &Operation, guard: Guard, place: usize) -> Claim<'_> {
        // What takes a creation back, and brings it again, knows of nobody.
        let of_creation = operation.path.as_str() == "deleted" && guard.finds.is_empty() && guard.leaves.is_empty();
        Claim { operation, guard, place, is_doubtful: false, leaves_are_true: of_creation }
    }

    /// The one transaction whose stamp it leaves, as a redo does.
    fn leaves(&self) -> Option<&Id> {
        (self.guard.leaves.len() == 1).then(|| self.guard.leaves.get("")).flatten()
    }

    /// Whether the log bears out the stamps that it leaves: it is what undoes an operation of its author's, or does again what that
    /// transaction has done. Both are what the entry says of the same record.
    fn is_borne_out(&self, tx_id: &Id, done: &[&Operation], inverse: &[&Operation]) -> bool {
        let undoes = || self.guard.finds.values().any(|it| it == tx_id) && inverse.contains(&self.operation);
        let does_again = || self.leaves() == Some(tx_id) && done.iter().any(|done| is_again(self.operation, done));
        undoes() || does_again()
    }
}

struct Log<'a> {
    store: &'a dyn Store,
    room: &'a Room,
    here: &'a HashMap<(Id, Id), (u64, PayloadHash)>,
    own: Id,
    people: BTreeSet<Id>,
    /// How often the log was asked.
    looks: usize,
    /// About how many bytes of its entries were read.
    bytes: usize,
}

impl Log<'_> {
    /// Compares what is claimed with the log: each transaction that is named is looked at once.
    fn judge(&mut self, claims: &mut [Claim<'_>]) -> Result<(), StoreError> {
        let mut named: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
        for (index, claim) in claims.iter().enumerate() {
            let ids: BTreeSet<&Id> = claim.guard.finds.values().chain(claim.leaves()).collect();
            for tx_id in ids {
                named.entry(tx_id.clone()).or_default().push(index);
            }
        }
        for (tx_id, by) in named {
            if self.looks > GUARD_LOOKS_MAX || self.bytes > GUARD_BYTES_MAX {
                by.iter().for_each(|index| claims[*index].is_doubtful = true);
                continue;
            }
            let (authors, own) = self.look_up(&tx_id)?;
            for index in &by {
                let finds = claims[*index].guard.finds.values().any(|it| *it == tx_id);
                claims[*index].is_doubtful |= authors > 1 && finds;
            }
            let Some(LogEntry { commit, inverse }) = own else { continue };
            self.bytes += operations_bytes(&commit.operations) + operations_bytes(&inverse);
            let (done, inverse) = (by_target(&commit.operations), by_target(&inverse));
            for index in by {
                let claim = &mut claims[index];
                let [done, inverse] =
                    [&done, &inverse].map(|by| by.get(&claim.operation.target).map_or(&[][..], Vec::as_slice));
                claim.leaves_are_true |= claim.is_borne_out(&tx_id, done, inverse);
            }
        }
        Ok(())
    }

    /// How many have used a transaction id, and the entry of whoever asks.
    fn look_up(&mut self, tx_id: &Id) -> Result<(usize, Option<LogEntry>), StoreError> {
        let (mut authors, mut own) = (0, None);
        for person in &self.people {
            self.looks += 1;
            let logged = self.store.find_transaction(person, tx_id)?;
            let seq = logged.filter(|logged| logged.scope == *self.room.scope()).map(|logged| logged.seq);
            if seq.is_some() || self.here.contains_key(&(person.clone(), tx_id.clone())) {
                authors += 1;
            }
            if let Some(seq) = seq.filter(|_| *person == self.own) {
                own = self.store.entries_before(self.room.scope(), seq + 1, 1)?.pop();
            }
        }
        Ok((authors, own))
    }
}

type ByTarget<'a> = HashMap<&'a Key, Vec<&'a Operation>>;

fn by_target(operations: &[Operation]) -> ByTarget<'_> {
    let mut by = ByTarget::new();
    for operation in operations {
        by.entry(&operation.target).or_default().push(operation);
    }
    by
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

#[cfg(test)]
mod tests {
    use operations::Scope;
    use operations::build::{create, set};
    use storage::{Batch, DiskFault, MemoryStore, NewCommit};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn transaction(author: &str, tx: &str, operations: Vec<Operation>) -> Transaction {
        let (tx_id, author_id) = (id(tx), id(author));
        Transaction {
            tx_id,
            author_id,
            operations,
            client_timestamp: 0.0,
            base_versions: BTreeMap::new(),
            gesture: None,
        }
    }

    fn member(user: &str, role: &str) -> Operation {
        let fields = [("projectId", "p".into()), ("userId", user.into()), ("role", role.into())];
        create(Table::ProjectMembers, &id(&format!("m-{user}")), model::fields(fields))
    }

    fn track(name: &str) -> Operation {
        let fields = [("projectId", "p".into()), ("name", "T".into()), ("type", "audio".into())];
        create(Table::Tracks, &id(name), model::fields(fields))
    }

    /// Has the room and its store take a transaction: what undoes it.
    fn take(store: &MemoryStore, room: &mut Room, transaction: &Transaction) -> Vec<Operation> {
        let author = Author::User(transaction.author_id.clone());
        let taken = room.submit(&author, transaction, Timestamp(1)).unwrap();
        let inverse = taken.inverse.clone();
        let commits = vec![NewCommit { commit: taken.commit, inverse: taken.inverse, payload_hash: [0; 32] }];
        let (scope, epoch, expected_seq) = (room.scope().clone(), room.epoch().clone(), room.seq() - 1);
        let records = Batch::written_through(&commits, room.records());
        store.commit(vec![Batch { scope, epoch, expected_seq, commits, records, jobs: Vec::new() }]).remove(0).unwrap();
        inverse
    }

    /// A project of ann's with two tracks, where vic is a viewer; and what undoes the volumes that ann has set as `t`.
    fn song() -> (MemoryStore, Room, Vec<Operation>) {
        let store = MemoryStore::new();
        let mut room = Room::new(Scope::Project(id("p")), id("epoch"), 0, model::Records::new());
        let project = create(Table::Projects, &id("p"), model::fields([("name", "P".into())]));
        let made = vec![project, member("vic", "viewer"), track("a"), track("b")];
        take(&store, &mut room, &transaction("ann", "make", made));
        let set = ["a", "b"].map(|track| set(Table::Tracks, &id(track), "volume", 0.5)).to_vec();
        let undo = take(&store, &mut room, &transaction("ann", "t", set));
        (store, room, undo)
    }

    fn corrected_of(
        store: &MemoryStore,
        room: &Room,
        author: &str,
        operations: Vec<Operation>,
    ) -> Result<Option<Transaction>, StoreError> {
        let author_of = Author::User(id(author));
        let asked = transaction(author, "undo", operations);
        corrected(store, room, &HashMap::new(), &author_of, &asked, Timestamp(2))
    }

    #[test]
    fn w6_pe4_what_the_room_refuses_costs_no_look_at_the_log() {
        let (store, room, undo) = song();
        store.set_fault(Some(DiskFault::Unreadable));
        assert!(corrected_of(&store, &room, "ann", undo.clone()).is_err(), "it is looked up");
        for stranger in ["vic", "zoe"] {
            assert_eq!(corrected_of(&store, &room, stranger, undo.clone()), Ok(None), "{stranger} may not write");
        }
        let too_many = vec![undo[0].clone(); model::limits::TRANSACTION_OPERATIONS_MAX + 1];
        assert_eq!(corrected_of(&store, &room, "ann", too_many), Ok(None));
    }

    #[test]
    fn un3_w6_what_is_left_out_stays_left_out_and_costs_no_look_at_the_log() {
        let (store, mut room, undo) = song();
        take(&store, &mut room, &transaction("ann", "later", vec![set(Table::Tracks, &id("a"), "volume", 0.6)]));
        let mut corrected = corrected_of(&store, &room, "ann", undo.clone()).unwrap().unwrap();
        // What was done last is undone first.
        let of_a = corrected.operations.pop().unwrap();
        assert!(of_a.target.id == id("a") && of_a.guard.as_ref().unwrap().finds.contains_key(NOWHERE), "{of_a:?}");
        assert_eq!(corrected.operations, [undo[0].clone()], "what is true is taken as it is said");
    }

    #[test]
    fn un3_w6_only_so_much_is_looked_up_for_one_transaction_and_the_rest_is_left_out() {
        let (store, room, undo) = song();
        let here = HashMap::new();
        let log = |looks, bytes| {
            let mut claims: Vec<Claim<'_>> =
                undo.iter().enumerate().map(|(n, it)| Claim::of(it, it.guard.clone().unwrap(), n)).collect();
            let mut log =
                Log { store: &store, room: &room, here: &here, own: id("ann"), people: people(&room), looks, bytes };
            log.judge(&mut claims).unwrap();
            (log.looks - looks, log.bytes - bytes, claims.iter().map(|it| it.is_doubtful).collect::<Vec<_>>())
        };
        let (looks, bytes, doubtful) = log(0, 0);
        assert_eq!(
            (looks, doubtful),
            (3, vec![false, false]),
            "one transaction, which ann, vic or the server may have written"
        );
        assert!(bytes > 0);
        assert_eq!(log(GUARD_LOOKS_MAX + 1, 0), (0, 0, vec![true, true]));
        assert_eq!(log(0, GUARD_BYTES_MAX + 1), (0, 0, vec![true, true]));
    }
}
