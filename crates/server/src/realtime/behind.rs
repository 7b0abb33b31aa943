//! Rows that lag behind the log, and when they are written (WR8).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use model::Key;
use operations::Commit;
use storage::{Database, Loaded, Materialisation, StoreError};
use sync::Room;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::history::snapshots;
use super::limits::{
    GROUP_TRANSACTIONS_MAX, MATERIALISE_AFTER, MATERIALISE_BYTES, MATERIALISE_COMMITS, TAIL_BYTES_MAX, TAIL_COMMITS_MAX,
};
use super::queue::commit_bytes;

/// What the rows of one room lack. A commit only notes it here; the rows are written by and by, many commits at once.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    /// The entry up to which all rows have been written.
    since: u64,
    /// The last entry that is noted.
    seq: u64,
    /// The records that entries after `since` have changed, apart from those that are being written.
    keys: BTreeSet<Key>,
    /// About how large those entries are.
    bytes: usize,
    /// When rows are to be written at the latest.
    due: Option<Instant>,
    /// About how many bytes the whole log takes.
    log_bytes: u64,
    under_way: Option<UnderWay>,
    /// Held while the records are being kept beside the log (WR12).
    snapshot: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct UnderWay {
    task: JoinHandle<Result<bool, StoreError>>,
    seq: u64,
    keys: BTreeSet<Key>,
}

/// What entries of so many bytes take in the log, about: what undoes them lies beside them, and is as large on the whole.
fn with_inverse(bytes: usize) -> u64 {
    2 * bytes as u64
}

impl Behind {
    /// What lags in a project as it was loaded.
    pub(crate) fn of(loaded: &Loaded) -> Behind {
        let (since, seq, log_bytes) = (loaded.materialised_seq, loaded.seq, loaded.log_bytes);
        let mut behind = Behind { since, seq, log_bytes, ..Behind::default() };
        behind.keys.clone_from(&loaded.behind);
        behind.set_due();
        behind
    }

    /// Notes entries that are durable, and the records whose rows were not written with them.
    pub(crate) fn note<'a>(&mut self, commits: impl Iterator<Item = &'a Commit>, lagging: BTreeSet<Key>) {
        let had_nothing = self.since == self.seq && self.under_way.is_none();
        for commit in commits {
            self.seq = commit.seq;
            let bytes = commit_bytes(commit);
            self.bytes += bytes;
            self.log_bytes += with_inverse(bytes);
        }
        if had_nothing && lagging.is_empty() {
            // All was written through: the store has moved its mark along.
            (self.since, self.bytes) = (self.seq, 0);
        }
        self.keys.extend(lagging);
        self.set_due();
    }

    /// Whether the log has grown to so many bytes.
    pub(crate) fn log_has(&self, bytes: u64) -> bool {
        self.log_bytes >= bytes
    }

    fn set_due(&mut self) {
        if self.since < self.seq && self.due.is_none() {
            self.due = Some(Instant::now() + MATERIALISE_AFTER);
        }
    }

    /// Whether the log's tail, with so many entries that are still under way, is so long that rows have to be written before
    /// it may grow by another group.
    pub(crate) fn is_full(&self, under_way: u64) -> bool {
        let commits = self.seq - self.since + under_way + GROUP_TRANSACTIONS_MAX as u64;
        commits > TAIL_COMMITS_MAX || self.bytes > TAIL_BYTES_MAX
    }

    /// Ends when there is something to do for [`Behind::go_on`]; may be given up at any time.
    pub(crate) async fn wait(&mut self) {
        match (&mut self.under_way, self.due) {
            (Some(under_way), _) => {
                let outcome = (&mut under_way.task).await;
                self.settle(outcome.unwrap_or_else(|error| Err(StoreError(error.to_string()))));
            }
            (None, Some(due)) => tokio::time::sleep_until(due).await,
            (None, None) => std::future::pending().await,
        }
    }

    /// Begins to write rows if it is time: enough commits, or old ones.
    pub(crate) fn go_on(&mut self, room: &Room, database: &Database) {
        let enough = self.seq - self.since >= MATERIALISE_COMMITS || self.bytes >= MATERIALISE_BYTES;
        let old = self.due.is_some_and(|due| due <= Instant::now());
        if self.under_way.is_none() && self.since < self.seq && (enough || old) {
            self.start(room, database);
        }
    }

    /// Writes all that lags, and waits for it; false when the store could not.
    pub(crate) async fn finish(&mut self, room: &Room, database: &Database) -> bool {
        // What is under way may be from before the last commits.
        for _ in 0..2 {
            if self.under_way.is_none() && self.since < self.seq {
                self.start(room, database);
            }
            if self.under_way.is_some() {
                self.wait().await;
            }
        }
        self.since == self.seq
    }

    fn start(&mut self, room: &Room, database: &Database) {
        let (room, database, since) = (room.clone(), database.clone(), self.since);
        let (seq, keys) = (room.seq(), std::mem::take(&mut self.keys));
        let log_bytes = with_inverse(self.bytes);
        (self.bytes, self.due) = (0, None);
        let (wanted, snapshot, kept) = (keys.clone(), Arc::clone(&self.snapshot), room.clone());
        let task = tokio::spawn(async move {
            let rows = move |store: &dyn storage::Store| {
                let found = wanted.iter().filter_map(|key| Some((key.table, room.records().get(key)?.clone())));
                let records = found.collect();
                let (scope, epoch) = (room.scope().clone(), room.epoch().clone());
                store.materialise(Materialisation { scope, epoch, since, seq, records, log_bytes })
            };
            let written = database.run(rows).await;
            if matches!(written, Ok(true)) && snapshots::may_be_due(&kept) {
                // Nobody waits for it.
                let store = Arc::clone(database.store());
                tokio::task::spawn_blocking(move || snapshots::keep_if_due(&*store, &kept, &snapshot));
            }
            written
        });
        self.under_way = Some(UnderWay { task, seq, keys });
    }

    fn settle(&mut self, outcome: Result<bool, StoreError>) {
        let Some(UnderWay { seq, keys, .. }) = self.under_way.take() else { return };
        match outcome {
            Ok(true) => self.since = seq,
            other => {
                // Nothing is lost: the log has it all. Another node may have replaced it by a backup, which the next
                // commit or opening will notice.
                tracing::warn!(?other, seq, "rows could not be written behind the log; they will be tried again");
                self.keys.extend(keys);
            }
        }
        self.set_due();
    }
}

#[cfg(test)]
mod tests {
    use model::{Id, Records, Table, Timestamp};
    use operations::{Author, Scope, Transaction, build};
    use storage::{Batch, MemoryStore, NewCommit};

    use super::super::limits::SNAPSHOT_EVERY;

    use super::super::queue::tests::commit;
    use super::*;

    /// Notes entries up to this one, each of about so many bytes, whose rows are not written.
    fn note(behind: &mut Behind, to: u64, bytes: usize) {
        let entries: Vec<Commit> = (behind.seq + 1..=to).map(|seq| commit(seq, bytes)).collect();
        behind.note(entries.iter(), BTreeSet::from([Key::new(Table::Clips, Id::system())]));
    }

    #[test]
    fn w6_wr8_rows_lag_behind_the_log_by_so_many_entries_and_bytes() {
        const LAST: u64 = TAIL_COMMITS_MAX - GROUP_TRANSACTIONS_MAX as u64;
        let mut many = Behind::default();
        note(&mut many, LAST, 1);
        assert!(!many.is_full(0), "a group has its place");
        assert!(many.is_full(1), "but not beside what is under way");
        note(&mut many, LAST + 1, 1);
        assert!(many.is_full(0));

        let mut large = Behind::default();
        let entries = TAIL_BYTES_MAX / 1_000_000 + 1;
        note(&mut large, entries as u64 - 2, 1_000_000);
        assert!(!large.is_full(0));
        note(&mut large, entries as u64, 1_000_000);
        assert!(large.is_full(0));
    }

    #[tokio::test(start_paused = true)]
    async fn w6_wr8_rows_are_written_after_so_many_entries_or_bytes_or_so_long() {
        let database = Database::new(Arc::new(MemoryStore::new()));
        let room = || Room::new(Scope::Project(Id::system()), Id::system(), 1, Records::new());
        let begins = |behind: &mut Behind| {
            behind.go_on(&room(), &database);
            behind.under_way.is_some()
        };
        let mut many = Behind::default();
        note(&mut many, MATERIALISE_COMMITS - 1, 1);
        assert!(!begins(&mut many));
        note(&mut many, MATERIALISE_COMMITS, 1);
        assert!(begins(&mut many));

        let mut large = Behind::default();
        note(&mut large, 1, MATERIALISE_BYTES / 2);
        assert!(!begins(&mut large));
        note(&mut large, 2, MATERIALISE_BYTES / 2);
        assert!(begins(&mut large));

        let mut old = Behind::default();
        note(&mut old, 1, 1);
        tokio::time::advance(MATERIALISE_AFTER / 2).await;
        assert!(!begins(&mut old));
        tokio::time::advance(MATERIALISE_AFTER / 2).await;
        assert!(begins(&mut old));
    }

    /// A log of so many entries, in a store that has it.
    fn long_log(store: &MemoryStore, entries: u64) -> Room {
        let project = Id::new("p").unwrap();
        let mut room = Room::new(Scope::Project(project.clone()), Id::system(), 0, Records::new());
        let commits = (0..entries).map(|n| {
            let operation = match n {
                0 => build::create(Table::Projects, &project, model::fields([("name", "Song".into())])),
                _ => build::set(Table::Projects, &project, "bpm", 60.0 + (n % 100) as f64),
            };
            let transaction = Transaction {
                tx_id: Id::new(&format!("t{n}")).unwrap(),
                author_id: project.clone(),
                operations: vec![operation],
                client_timestamp: 0.0,
                base_versions: Default::default(),
                gesture: None,
            };
            let submitted = room.submit(&Author::User(project.clone()), &transaction, Timestamp(0)).unwrap();
            NewCommit { commit: submitted.commit, inverse: submitted.inverse, payload_hash: [0; 32] }
        });
        let commits: Vec<NewCommit> = commits.collect();
        let records = Batch::written_through(&commits, room.records());
        let (scope, epoch) = (room.scope().clone(), room.epoch().clone());
        let batch = Batch { scope, epoch, expected_seq: 0, commits, records, jobs: Vec::new() };
        assert_eq!(storage::Store::commit(store, vec![batch]), [Ok(())]);
        room
    }

    #[tokio::test]
    async fn w6_wr12_a_long_log_has_its_records_kept_when_rows_are_written_behind_it() {
        let store = MemoryStore::new();
        let room = long_log(&store, SNAPSHOT_EVERY);
        let database = Database::new(Arc::new(store.clone()));
        let mut behind = Behind { since: SNAPSHOT_EVERY - 1, seq: SNAPSHOT_EVERY, ..Behind::default() };
        assert!(behind.finish(&room, &database).await);
        // Whoever keeps them is not waited for.
        while storage::Store::last_snapshot(&store, room.scope()).unwrap() != Some(SNAPSHOT_EVERY) {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn w6_wr12_a_log_that_is_not_long_yet_has_no_records_kept() {
        for (entries, kept) in [(SNAPSHOT_EVERY - 1, None), (SNAPSHOT_EVERY, Some(SNAPSHOT_EVERY))] {
            let store = MemoryStore::new();
            let room = long_log(&store, entries);
            assert_eq!(snapshots::may_be_due(&room), kept.is_some(), "{entries}");
            snapshots::keep_if_due(&store, &room, &Mutex::default());
            assert_eq!(storage::Store::last_snapshot(&store, room.scope()).unwrap(), kept, "{entries}");
        }
    }
}
