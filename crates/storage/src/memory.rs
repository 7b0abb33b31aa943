//! The store in memory, for tests and the simulator: the same semantics, nothing kept.

mod accounts;
mod exports;
mod invitations;
mod jobs;
mod log;
mod members;
mod recordings;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Id, Key, Record, Role, Table, Timestamp};
use operations::{Commit, Scope};

use self::exports::Place;
use self::jobs::Queued;
use self::log::{Log, project_of};
use crate::replay::Row;
use crate::turns::Turns;
use crate::{
    Account, Admission, Batch, BlobKey, CommitError, Export, ExportBytes, ExportFile, ExportPlaces, ExportState,
    Failed, Invitation, Job, JobState, Loaded, LogEntry, LogPosition, Logged, Materialisation, NewExport,
    NewInvitation, NewJob, NewSession, NewTicket, NewUser, Purpose, Queued as QueuedExport, Redeemed, Reply, Session,
    Snapshot, Store, StoreError, TokenHash,
};

type Answer<T> = Result<T, StoreError>;

/// A [`Store`] that ends with the process. Clones share their content; [`MemoryStore::fork`] copies it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>);

#[derive(Clone, Debug, Default)]
struct Content {
    rows: BTreeMap<Key, Row>,
    logs: BTreeMap<Scope, Log>,
    /// (author, transaction) → where it stands.
    written: HashMap<(Id, Id), Logged>,
    /// By user.
    accounts: BTreeMap<Id, Account>,
    sessions: HashMap<TokenHash, NewSession>,
    last_seen: HashMap<TokenHash, Timestamp>,
    tickets: HashMap<TokenHash, NewTicket>,
    invitations: BTreeMap<TokenHash, Invitation>,
    /// (invitation, user) → whether they have joined.
    invitation_uses: BTreeMap<(Id, Id), bool>,
    jobs: BTreeMap<Id, Queued>,
    exports: BTreeMap<Id, Export>,
    places: BTreeMap<Id, Place>,
    /// By user.
    turns: BTreeMap<Id, Turns>,
    secrets: HashMap<String, [u8; 32]>,
    fault: Option<DiskFault>,
    held: Held,
}

/// What a slow disk has yet to come to. A copy of the store waits for nothing.
#[derive(Default)]
struct Held(Vec<(Vec<Batch>, Reply)>);

impl Clone for Held {
    fn clone(&self) -> Held {
        Held::default()
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({})", self.0.len())
    }
}

/// What is wrong with the disk that a [`MemoryStore`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// It is full: commits fail.
    Full,
    /// Its driver is broken: commits end in a panic.
    Broken,
    /// What is on it cannot be read: projects, their records and logs.
    Unreadable,
    /// It is slow: commits wait until something else is wrong with it, or nothing.
    Slow,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// A copy of the store as it is now: what a disk held when the power went.
    #[must_use]
    pub fn fork(&self) -> MemoryStore {
        MemoryStore(Arc::new(Mutex::new(self.content().clone())))
    }

    /// Breaks the disk, or mends it: for tests of what happens when commits fail. What waited for a slow one goes on.
    pub fn set_fault(&self, fault: Option<DiskFault>) {
        let held = {
            let mut content = self.content();
            content.fault = fault;
            std::mem::take(&mut content.held.0)
        };
        held.into_iter().for_each(|(batches, reply)| self.submit(batches, reply));
    }

    /// How many groups wait for a slow disk.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.content().held.0.len()
    }

    /// The content, unless what is on the disk cannot be read.
    fn readable(&self) -> Answer<MutexGuard<'_, Content>> {
        let content = self.content();
        match content.fault {
            Some(DiskFault::Unreadable) => Err(StoreError("sector 7 of /dev/reel cannot be read".to_owned())),
            _ => Ok(content),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn table(&self, table: Table) -> impl Iterator<Item = &Record> {
        self.rows.values().filter(move |row| row.table == table).map(|row| &row.record)
    }
}

impl Store for MemoryStore {
    fn submit(&self, batches: Vec<Batch>, reply: Reply) {
        let results = {
            let mut content = self.content();
            match content.fault {
                Some(DiskFault::Full) => {
                    let full = || CommitError::Database { reason: "the disk is full".to_owned() };
                    batches.iter().map(|_| Err(full())).collect()
                }
                Some(DiskFault::Broken) => unreachable!("the disk's driver is broken"),
                Some(DiskFault::Slow) => return content.held.0.push((batches, reply)),
                Some(DiskFault::Unreadable) | None => batches.into_iter().map(|batch| content.commit(batch)).collect(),
            }
        };
        reply(results);
    }

    fn materialise(&self, rows: Materialisation) -> Answer<bool> {
        self.content().materialise(rows)
    }

    fn load(&self, scope: &Scope) -> Answer<Option<Loaded>> {
        self.readable()?.load(scope)
    }

    fn position(&self, scope: &Scope) -> Answer<Option<LogPosition>> {
        Ok(self.readable()?.position(scope))
    }

    fn renew_epoch(&self, scope: &Scope, epoch: &Id, fresh: &Id) -> Answer<bool> {
        Ok(self.content().renew_epoch(scope, epoch, fresh))
    }

    fn commits_since(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<Commit>> {
        self.content().commits_since(scope, seq, limit)
    }

    fn entries_before(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<LogEntry>> {
        self.readable()?.entries_before(scope, seq, limit)
    }

    fn keep_snapshot(&self, snapshot: Snapshot) -> Answer<bool> {
        Ok(self.content().keep_snapshot(snapshot))
    }

    fn snapshot_from(&self, scope: &Scope, seq: u64) -> Answer<Option<(u64, Vec<u8>)>> {
        Ok(self.readable()?.snapshot_from(scope, seq))
    }

    fn last_snapshot(&self, scope: &Scope) -> Answer<Option<u64>> {
        Ok(self.readable()?.last_snapshot(scope))
    }

    fn find_transaction(&self, author: &Id, tx_id: &Id) -> Answer<Option<Logged>> {
        Ok(self.content().written.get(&(author.clone(), tx_id.clone())).cloned())
    }

    fn project_of(&self, key: &Key) -> Answer<Option<Id>> {
        Ok(self.content().rows.get(key).and_then(|row| project_of(key.table, &row.record)))
    }

    fn records(&self, keys: &[Key]) -> Answer<Vec<(Table, Record)>> {
        self.readable()?.records(keys)
    }

    fn projects_of(&self, user: &Id) -> Answer<Vec<(Record, Role)>> {
        self.readable()?.projects_of(user)
    }

    fn role_of(&self, project: &Id, user: &Id) -> Answer<Option<Role>> {
        self.readable()?.role_of(project, user)
    }

    fn people_of(&self, project: &Id) -> Answer<Vec<(Record, Role)>> {
        self.content().people_of(project)
    }

    fn are_fellows(&self, one: &Id, other: &Id) -> Answer<bool> {
        self.content().are_fellows(one, other)
    }

    fn create_user(&self, user: NewUser) -> Answer<bool> {
        Ok(self.content().create_user(user))
    }

    fn admit_user(&self, user: NewUser, ticket: &TokenHash) -> Answer<Admission> {
        self.content().admit_user(user, ticket)
    }

    fn account(&self, email: &str) -> Answer<Option<Account>> {
        self.content().account(email)
    }

    fn account_of(&self, user: &Id) -> Answer<Option<Account>> {
        Ok(self.content().accounts.get(user).cloned())
    }

    fn set_password(&self, user: &Id, password_hash: &str, keep: Option<&TokenHash>, _now: Timestamp) -> Answer<bool> {
        Ok(self.content().set_password(user, password_hash, keep))
    }

    fn delete_account(&self, user: &Id, epoch: &Id, now: Timestamp) -> Answer<bool> {
        self.content().delete_account(user, epoch, now)
    }

    fn create_ticket(&self, ticket: NewTicket) -> Answer<()> {
        self.content().tickets.insert(ticket.token_hash, ticket);
        Ok(())
    }

    fn ticket(&self, token: &TokenHash, purpose: Purpose, now: Timestamp) -> Answer<Option<Option<Id>>> {
        Ok(self.content().ticket(token, purpose, now))
    }

    fn reset_password(&self, ticket: &TokenHash, password_hash: &str, now: Timestamp) -> Answer<Option<Id>> {
        self.content().reset_password(ticket, password_hash, now)
    }

    fn create_session(&self, session: NewSession) -> Answer<()> {
        self.content().create_session(session)
    }

    fn session(&self, token: &TokenHash, now: Timestamp) -> Answer<Option<Session>> {
        self.content().live_session(token, now)
    }

    fn sessions_of(&self, user: &Id, now: Timestamp) -> Answer<Vec<(TokenHash, Session)>> {
        self.content().live_sessions_of(user, now)
    }

    fn touch_session(&self, token: &TokenHash, now: Timestamp, expires: Timestamp) -> Answer<()> {
        self.content().touch_session(token, now, expires)
    }

    fn delete_session(&self, token: &TokenHash) -> Answer<bool> {
        Ok(self.content().delete_session(token))
    }

    fn delete_sessions_of(&self, user: &Id, keep: Option<&TokenHash>) -> Answer<usize> {
        Ok(self.content().delete_sessions_of(user, keep))
    }

    fn delete_expired(&self, now: Timestamp) -> Answer<usize> {
        self.content().delete_expired(now)
    }

    fn create_invitation(&self, new: NewInvitation) -> Answer<()> {
        self.content().create_invitation(new)
    }

    fn invitation(&self, token: &TokenHash) -> Answer<Option<Invitation>> {
        Ok(self.content().invitation(token))
    }

    fn invitations_of(&self, project: &Id) -> Answer<Vec<Invitation>> {
        self.content().invitations_of(project)
    }

    fn redeem_invitation(&self, token: &TokenHash, user: &Id, now: Timestamp) -> Answer<Redeemed> {
        self.content().redeem_invitation(token, user, now)
    }

    fn settle_invitation(&self, invitation: &Id, user: &Id, joined: bool) -> Answer<()> {
        self.content().settle_invitation(invitation, user, joined)
    }

    fn revoke_invitation(&self, project: &Id, invitation: &Id, _now: Timestamp) -> Answer<bool> {
        self.content().revoke_invitation(project, invitation, _now)
    }

    fn forget_invitations(&self, project: &Id, expired_by: Timestamp) -> Answer<usize> {
        self.content().forget_invitations(project, expired_by)
    }

    fn enqueue(&self, job: NewJob) -> Answer<bool> {
        Ok(self.content().enqueue(job))
    }

    fn lease_job(&self, kinds: &[&str], lease: &Id, now: Timestamp, lease_ms: i64) -> Answer<Option<Job>> {
        self.content().lease_job(kinds, lease, now, lease_ms)
    }

    fn heartbeat_job(&self, job: &Id, lease: &Id, until: Timestamp) -> Answer<bool> {
        self.content().heartbeat_job(job, lease, until)
    }

    fn complete_job(&self, job: &Id, lease: &Id, now: Timestamp) -> Answer<bool> {
        self.content().complete_job(job, lease, now)
    }

    fn withdraw_job(&self, unique_key: &str, now: Timestamp) -> Answer<bool> {
        Ok(self.content().withdraw_job(unique_key, now))
    }

    fn fail_job(&self, job: &Id, lease: &Id, failed: Failed) -> Answer<Option<JobState>> {
        self.content().fail_job(job, lease, failed)
    }

    fn job(&self, job: &Id) -> Answer<Option<Job>> {
        Ok(self.content().jobs.get(job).map(|queued| queued.job.clone()))
    }

    fn count_jobs(&self, state: JobState) -> Answer<u64> {
        Ok(self.content().jobs.values().filter(|queued| queued.job.state == state).count() as u64)
    }

    fn dead_jobs(&self, limit: u32) -> Answer<Vec<Job>> {
        self.content().dead_jobs(limit)
    }

    fn delete_done_jobs(&self, before: Timestamp, limit: u32) -> Answer<usize> {
        self.content().delete_done_jobs(before, limit)
    }

    fn create_export(&self, export: NewExport, job: NewJob, places: ExportPlaces) -> Answer<QueuedExport> {
        Ok(self.content().create_export(export, job, places))
    }

    fn export(&self, id: &Id) -> Answer<Option<Export>> {
        Ok(self.content().exports.get(id).cloned())
    }

    fn exports_of(&self, project: &Id, user: &Id, limit: u32) -> Answer<Vec<Export>> {
        Ok(self.content().exports_of(project, user, limit))
    }

    fn begin_export(&self, id: &Id) -> Answer<bool> {
        Ok(self.content().begin_export(id))
    }

    fn put_export_back(&self, id: &Id) -> Answer<bool> {
        Ok(self.content().put_export_back(id))
    }

    fn export_progress(&self, id: &Id, progress: f64) -> Answer<bool> {
        Ok(self.content().running_export(id).map(|export| export.progress = progress).is_some())
    }

    fn finish_export(&self, id: &Id, file: ExportFile, expires: Timestamp) -> Answer<bool> {
        Ok(self.content().finish_export(id, file, expires))
    }

    fn end_export(&self, id: &Id, state: ExportState, error: Option<&str>, expires: Timestamp) -> Answer<bool> {
        Ok(self.content().end_export(id, state, error, expires))
    }

    fn remove_export(&self, id: &Id, now: Timestamp) -> Answer<bool> {
        Ok(self.content().remove_export(id, now))
    }

    fn exports_ended(&self, by: Timestamp, limit: u32) -> Answer<Vec<Export>> {
        Ok(self.content().exports_ended(by, limit))
    }

    fn forget_export(&self, id: &Id) -> Answer<bool> {
        let mut content = self.content();
        Ok(content.forget_export(id))
    }

    fn is_shared(&self, blob: &BlobKey, export: &Id) -> Answer<bool> {
        let content = self.content();
        let of_another = content.exports.values().any(|it| it.id != *export && it.blob() == Some(blob));
        Ok(of_another || content.blobs_of_recordings().contains(blob.as_str()))
    }

    fn export_bytes(&self, user: &Id) -> Answer<ExportBytes> {
        Ok(self.content().export_bytes(user))
    }

    fn stored_bytes(&self, user: &Id) -> Answer<u64> {
        self.content().stored_bytes(user)
    }

    fn recordings_to_let_go(&self, refused: Timestamp, deleted: Timestamp, limit: u32) -> Answer<Vec<(Id, Id)>> {
        self.content().recordings_to_let_go(refused, deleted, limit)
    }

    fn unreferenced(&self, keys: &[BlobKey]) -> Answer<Vec<BlobKey>> {
        self.content().unreferenced(keys)
    }

    fn secret(&self, name: &str, fresh: [u8; 32]) -> Answer<[u8; 32]> {
        Ok(*self.content().secrets.entry(name.to_owned()).or_insert(fresh))
    }

    fn check(&self) -> Answer<()> {
        Ok(())
    }

    fn checkpoint(&self) -> Answer<()> {
        Ok(())
    }
}
