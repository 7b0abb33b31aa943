//! The store in memory, for tests and the simulator: the same semantics, nothing kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Id, Key, Record, Role, Table, Timestamp};
use operations::{Commit, Operation, Scope};

use crate::jobs::LOST;
use crate::replay::{Replay, Row};
use crate::store::last_changed_first;
use crate::stored::{StoredRecording, bytes_of};
use crate::{
    Account, Admission, Batch, BlobKey, CommitError, FORMER_MEMBER, Failed, Invitation, Job, JobState, Loaded,
    LogEntry, LogPosition, Logged, Materialisation, NewInvitation, NewJob, NewSession, NewTicket, NewUser, Purpose,
    Redeemed, Reply, SESSIONS_PER_USER_MAX, Session, Store, StoreError, TokenHash, is_written_through,
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
    secrets: HashMap<String, [u8; 32]>,
    fault: Option<DiskFault>,
}

/// What is wrong with the disk that a [`MemoryStore`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// It is full: commits fail.
    Full,
    /// Its driver is broken: commits end in a panic.
    Broken,
}

#[derive(Clone, Debug)]
struct Log {
    epoch: Id,
    seq: u64,
    materialised_seq: u64,
    commits: Vec<Commit>,
    /// What undoes each of them.
    inverses: Vec<Vec<Operation>>,
}

#[derive(Clone, Debug)]
struct Queued {
    job: Job,
    unique_key: Option<String>,
    priority: i32,
    lease: Option<Id>,
    updated: Timestamp,
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

    /// Breaks the disk, or mends it: for tests of what happens when commits fail.
    pub fn set_fault(&self, fault: Option<DiskFault>) {
        self.content().fault = fault;
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a recording takes; `None` while its bytes are not here.
fn stored_recording(file: &Record) -> Option<StoredRecording> {
    Some(StoredRecording {
        storage_key: file.text("storageKey")?.to_owned(),
        playback_key: file.text("playbackKey").map(str::to_owned),
        size_bytes: file.number("sizeBytes").unwrap_or(0.0),
        frames: file.number("frames"),
        channels: file.number("channels"),
        bit_depth: file.number("bitDepth"),
    })
}

/// The project of a record.
fn project_of(table: Table, record: &Record) -> Option<Id> {
    match table {
        Table::Users => None,
        Table::Projects => Some(record.id().clone()),
        _ => record.id_in("projectId"),
    }
}

impl Content {
    /// Keeps a batch whole, or leaves everything as it was.
    fn commit(&mut self, batch: Batch) -> Result<(), CommitError> {
        batch.check()?;
        self.check_position(&batch)?;
        let mut fresh = std::collections::HashSet::new();
        for new in &batch.commits {
            let name = (new.commit.author.clone(), new.commit.tx_id.clone());
            if self.written.contains_key(&name) || !fresh.insert(name.clone()) {
                return Err(CommitError::Duplicate { author: name.0, tx_id: name.1 });
            }
        }
        for (table, record) in &batch.records {
            let key = Key::new(*table, record.id().clone());
            let known = self.rows.get(&key).and_then(|known| project_of(*table, &known.record));
            if known.is_some() && known != project_of(*table, record) {
                return Err(CommitError::Taken { key });
            }
            if let Scope::Project(project) = &batch.scope {
                let root = Key::new(Table::Projects, project.clone());
                let comes = batch.records.iter().any(|(table, it)| *table == Table::Projects && it.id() == project);
                if !comes && !self.rows.contains_key(&root) {
                    return Err(crate::commit::malformed(format!("{key} has no project")));
                }
            }
        }
        self.append(batch);
        Ok(())
    }

    fn check_position(&self, batch: &Batch) -> Result<(), CommitError> {
        let actual = self.position(&batch.scope);
        let fits = match &actual {
            None => batch.expected_seq == 0,
            Some(at) => at.epoch == batch.epoch && at.seq == batch.expected_seq,
        };
        if fits { Ok(()) } else { Err(CommitError::Stale { actual }) }
    }

    fn append(&mut self, batch: Batch) {
        let (is_whole, seq) = (batch.is_whole(), batch.last_seq());
        let Batch { scope, epoch, commits, records, jobs, .. } = batch;
        let log = self.logs.entry(scope.clone()).or_insert_with(|| Log::new(epoch));
        if is_whole && log.materialised_seq == log.seq {
            log.materialised_seq = seq;
        }
        for new in commits {
            log.seq = new.commit.seq;
            let name = (new.commit.author.clone(), new.commit.tx_id.clone());
            let at = Logged { scope: scope.clone(), seq: new.commit.seq, payload_hash: new.payload_hash };
            self.written.insert(name, at);
            log.commits.push(new.commit);
            log.inverses.push(new.inverse);
        }
        for (table, record) in records {
            self.rows.insert(Key::new(table, record.id().clone()), Row { table, record, seq });
        }
        for job in jobs {
            self.enqueue(job);
        }
    }

    fn materialise(&mut self, behind: Materialisation) -> Result<bool, StoreError> {
        behind.check().map_err(|error| StoreError(error.to_string()))?;
        let Materialisation { scope, epoch, since, seq, records } = behind;
        let Some(log) = self.logs.get_mut(&scope) else { return Ok(false) };
        if log.epoch != epoch || log.seq < seq || log.materialised_seq < since {
            return Ok(false);
        }
        if log.materialised_seq >= seq {
            return Ok(true);
        }
        log.materialised_seq = seq;
        for (table, record) in records {
            let key = Key::new(table, record.id().clone());
            if self.rows.get(&key).is_none_or(|row| row.seq < seq) {
                self.rows.insert(key, Row { table, record, seq });
            }
        }
        Ok(true)
    }

    /// These rows, brought up to the end of their log.
    fn follow(&self, scope: &Scope, rows: Vec<Row>) -> Result<Replay, StoreError> {
        let mut replay = Replay::new(rows);
        if let Some(log) = self.logs.get(scope) {
            let tail = log.commits.iter().filter(|commit| commit.seq > log.materialised_seq);
            tail.cloned().try_for_each(|commit| replay.follow(commit))?;
        }
        Ok(replay)
    }

    fn records(&self, keys: &[Key]) -> Result<Vec<(Table, Record)>, StoreError> {
        let (mut found, mut following) = (Vec::with_capacity(keys.len()), BTreeMap::new());
        for row in keys.iter().filter_map(|key| self.rows.get(key)) {
            if is_written_through(row.table) {
                found.push((row.table, row.record.clone()));
            } else if let Some(project) = project_of(row.table, &row.record) {
                following.entry(project).or_insert_with(Vec::new).push(row.clone());
            }
        }
        for (project, rows) in following {
            found.extend(self.follow(&Scope::Project(project), rows)?.finish().0);
        }
        Ok(found)
    }

    /// A link and its uses as they are now.
    fn invitation(&self, token: &TokenHash) -> Option<Invitation> {
        let invitation = self.invitations.get(token)?;
        let uses = self.invitation_uses.keys().filter(|(of, _)| *of == invitation.id).count();
        Some(Invitation { uses: u32::try_from(uses).unwrap_or(u32::MAX), ..invitation.clone() })
    }

    fn position(&self, scope: &Scope) -> Option<LogPosition> {
        self.logs.get(scope).map(|log| LogPosition { epoch: log.epoch.clone(), seq: log.seq })
    }

    fn table(&self, table: Table) -> impl Iterator<Item = &Record> {
        self.rows.values().filter(move |row| row.table == table).map(|row| &row.record)
    }

    /// (project, user, role) of every membership that holds.
    fn memberships(&self) -> impl Iterator<Item = (Id, Id, Role)> {
        self.table(Table::ProjectMembers).filter(|member| !member.is_deleted()).filter_map(|member| {
            Some((member.id_in("projectId")?, member.id_in("userId")?, Role::from_name(member.text("role")?)?))
        })
    }

    fn create_user(&mut self, user: NewUser) -> bool {
        let key = Key::new(Table::Users, user.id.clone());
        let taken = self.table(Table::Users).any(|known| known.text("email") == Some(&user.email));
        if taken || self.rows.contains_key(&key) {
            return false;
        }
        self.rows.insert(key, Row { table: Table::Users, record: user.first_record(), seq: 0 });
        let log = Log::new(user.id.clone());
        self.logs.insert(Scope::User(user.id.clone()), log);
        let account = Account { user: user.id.clone(), password_hash: user.password_hash, demo: user.demo };
        self.accounts.insert(user.id, account);
        true
    }

    fn ticket(&self, token: &TokenHash, purpose: Purpose, now: Timestamp) -> Option<Option<Id>> {
        let ticket = self.tickets.get(token).filter(|it| it.purpose == purpose && it.expires > now);
        ticket.map(|ticket| ticket.user.clone())
    }

    fn set_password(&mut self, user: &Id, password_hash: &str, keep: Option<&TokenHash>) -> bool {
        let Some(account) = self.accounts.get_mut(user) else { return false };
        password_hash.clone_into(&mut account.password_hash);
        self.delete_sessions_of(user, keep);
        self.tickets.retain(|_, ticket| ticket.user.as_ref() != Some(user));
        true
    }

    fn session(&self, session: &NewSession) -> Session {
        Session {
            user: session.user.clone(),
            demo: self.accounts.get(&session.user).is_some_and(|account| account.demo),
            device: session.device.clone(),
            created: session.now,
            last_seen: self.last_seen.get(&session.token_hash).copied().unwrap_or(session.now),
            expires: session.expires,
        }
    }

    /// A user's sessions, ended or not, the last used first.
    fn sessions_of(&self, user: &Id) -> Vec<(TokenHash, Session)> {
        let own = self.sessions.values().filter(|session| session.user == *user);
        let mut own: Vec<_> = own.map(|session| (session.token_hash, self.session(session))).collect();
        own.sort_by_key(|(token, session)| std::cmp::Reverse((session.last_seen, *token)));
        own
    }

    fn delete_session(&mut self, token: &TokenHash) -> bool {
        self.last_seen.remove(token);
        self.sessions.remove(token).is_some()
    }

    fn delete_sessions_of(&mut self, user: &Id, keep: Option<&TokenHash>) -> usize {
        let own = self.sessions_of(user);
        own.iter().filter(|(token, _)| keep != Some(token)).filter(|(token, _)| self.delete_session(token)).count()
    }

    fn enqueue(&mut self, new: NewJob) -> bool {
        let same = |queued: &&mut Queued| new.unique_key.is_some() && queued.unique_key == new.unique_key;
        if self.jobs.contains_key(&new.id) {
            return false;
        }
        let known = self.jobs.values_mut().find(same);
        let id = match &known {
            Some(known) if known.job.state != JobState::Dead => return false,
            Some(known) => known.job.id.clone(),
            None => new.id,
        };
        let job = Job {
            id: id.clone(),
            kind: new.kind,
            payload: new.payload,
            state: JobState::Ready,
            attempts: 0,
            attempts_max: new.attempts_max,
            run_after: new.run_after,
            leased_until: None,
            error: None,
        };
        self.jobs.insert(
            id,
            Queued { job, unique_key: new.unique_key, priority: new.priority, lease: None, updated: new.now },
        );
        true
    }

    fn release_lost(&mut self, now: Timestamp) {
        for queued in self.jobs.values_mut() {
            if queued.job.state == JobState::Running && queued.job.leased_until.is_some_and(|until| until <= now) {
                let again = queued.job.attempts < queued.job.attempts_max;
                let state = if again { JobState::Ready } else { JobState::Dead };
                queued.release(state, Some(LOST.to_owned()), now);
                queued.job.run_after = now;
            }
        }
    }

    fn held(&mut self, job: &Id, lease: &Id) -> Option<&mut Queued> {
        self.jobs
            .get_mut(job)
            .filter(|queued| queued.job.state == JobState::Running && queued.lease.as_ref() == Some(lease))
    }
}

impl Log {
    fn new(epoch: Id) -> Log {
        Log { epoch, seq: 0, materialised_seq: 0, commits: Vec::new(), inverses: Vec::new() }
    }
}

impl Queued {
    fn release(&mut self, state: JobState, error: Option<String>, now: Timestamp) {
        self.updated = now;
        self.lease = None;
        self.job.leased_until = None;
        self.job.state = state;
        self.job.error = error;
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
                None => batches.into_iter().map(|batch| content.commit(batch)).collect(),
            }
        };
        reply(results);
    }

    fn materialise(&self, rows: Materialisation) -> Answer<bool> {
        self.content().materialise(rows)
    }

    fn load(&self, scope: &Scope) -> Answer<Option<Loaded>> {
        let content = self.content();
        let Some(log) = content.logs.get(scope) else { return Ok(None) };
        let ours = |row: &&Row| match scope {
            Scope::User(user) => row.table == Table::Users && row.record.id() == user,
            Scope::Project(project) => project_of(row.table, &row.record).as_ref() == Some(project),
        };
        let rows = content.rows.values().filter(ours).cloned().collect();
        let (records, behind) = content.follow(scope, rows)?.finish();
        let Log { epoch, seq, materialised_seq, .. } = log.clone();
        Ok(Some(Loaded { epoch, seq, records, materialised_seq, behind }))
    }

    fn position(&self, scope: &Scope) -> Answer<Option<LogPosition>> {
        Ok(self.content().position(scope))
    }

    fn commits_since(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<Commit>> {
        let content = self.content();
        let commits = content.logs.get(scope).map_or(&[][..], |log| &log.commits);
        Ok(commits.iter().filter(|commit| commit.seq > seq).take(limit).cloned().collect())
    }

    fn entries_before(&self, scope: &Scope, seq: u64, limit: usize) -> Answer<Vec<LogEntry>> {
        let content = self.content();
        let Some(log) = content.logs.get(scope) else { return Ok(Vec::new()) };
        let entries = log.commits.iter().zip(&log.inverses).rev().filter(|(commit, _)| commit.seq < seq);
        let entry = |(commit, inverse): (&Commit, &Vec<Operation>)| LogEntry {
            commit: commit.clone(),
            inverse: inverse.clone(),
        };
        Ok(entries.take(limit).map(entry).collect())
    }

    fn find_transaction(&self, author: &Id, tx_id: &Id) -> Answer<Option<Logged>> {
        Ok(self.content().written.get(&(author.clone(), tx_id.clone())).cloned())
    }

    fn project_of(&self, key: &Key) -> Answer<Option<Id>> {
        Ok(self.content().rows.get(key).and_then(|row| project_of(key.table, &row.record)))
    }

    fn records(&self, keys: &[Key]) -> Answer<Vec<(Table, Record)>> {
        self.content().records(keys)
    }

    fn projects_of(&self, user: &Id) -> Answer<Vec<(Record, Role)>> {
        let content = self.content();
        let mut projects: Vec<(Record, Role)> = content
            .memberships()
            .filter(|(_, member, _)| member == user)
            .filter_map(|(project, _, role)| {
                let project = &content.rows.get(&Key::new(Table::Projects, project))?.record;
                (!project.is_deleted()).then(|| (project.clone(), role))
            })
            .collect();
        last_changed_first(&mut projects);
        Ok(projects)
    }

    fn role_of(&self, project: &Id, user: &Id) -> Answer<Option<Role>> {
        let content = self.content();
        let roles = content.memberships().filter(|(p, u, _)| p == project && u == user);
        Ok(roles.map(|(_, _, role)| role).max())
    }

    fn people_of(&self, project: &Id) -> Answer<Vec<(Record, Role)>> {
        let content = self.content();
        let mut people: Vec<(Record, Role)> = content
            .memberships()
            .filter(|(p, _, _)| p == project)
            .filter_map(|(_, user, role)| Some((content.rows.get(&Key::new(Table::Users, user))?.record.clone(), role)))
            .collect();
        people.sort_by(|(a, _), (b, _)| a.id().cmp(b.id()));
        Ok(people)
    }

    fn are_fellows(&self, one: &Id, other: &Id) -> Answer<bool> {
        let content = self.content();
        let projects = |user: &Id| -> Vec<Id> {
            content.memberships().filter(|(_, member, _)| member == user).map(|(project, _, _)| project).collect()
        };
        let others = projects(other);
        Ok(projects(one).iter().any(|project| others.contains(project)))
    }

    fn create_user(&self, user: NewUser) -> Answer<bool> {
        Ok(self.content().create_user(user))
    }

    fn admit_user(&self, user: NewUser, ticket: &TokenHash) -> Answer<Admission> {
        let mut content = self.content();
        let link = match content.ticket(ticket, Purpose::SignUp, user.now) {
            Some(_) => None,
            None => match content.invitation(ticket) {
                Some(link) if link.spent(user.now).is_none() => Some((link.id, user.id.clone())),
                _ => return Ok(Admission::NoTicket),
            },
        };
        if !content.create_user(user) {
            return Ok(Admission::Taken);
        }
        match link {
            Some(name) => drop(content.invitation_uses.insert(name, false)),
            None => drop(content.tickets.remove(ticket)),
        }
        Ok(Admission::Admitted)
    }

    fn account(&self, email: &str) -> Answer<Option<Account>> {
        let content = self.content();
        let user = content.table(Table::Users).find(|user| user.text("email") == Some(email));
        Ok(user.and_then(|user| content.accounts.get(user.id())).cloned())
    }

    fn account_of(&self, user: &Id) -> Answer<Option<Account>> {
        Ok(self.content().accounts.get(user).cloned())
    }

    fn set_password(&self, user: &Id, password_hash: &str, keep: Option<&TokenHash>, _now: Timestamp) -> Answer<bool> {
        Ok(self.content().set_password(user, password_hash, keep))
    }

    fn delete_account(&self, user: &Id, epoch: &Id, now: Timestamp) -> Answer<bool> {
        let mut content = self.content();
        if content.accounts.remove(user).is_none() {
            return Ok(false);
        }
        content.delete_sessions_of(user, None);
        content.tickets.retain(|_, ticket| ticket.user.as_ref() != Some(user));
        if let Some(row) = content.rows.get_mut(&Key::new(Table::Users, user.clone())) {
            let mut fields = row.record.without("email").fields().clone();
            fields.insert("name".into(), model::Value::text(FORMER_MEMBER));
            fields.insert("updatedAt".into(), model::Value::text(&now.to_string()));
            row.record = Record::new(user.clone(), row.record.version() + 1, fields);
            row.seq = 0;
        }
        let scope = Scope::User(user.clone());
        content.written.retain(|_, at| at.scope != scope);
        content.logs.insert(scope, Log::new(epoch.clone()));
        Ok(true)
    }

    fn create_ticket(&self, ticket: NewTicket) -> Answer<()> {
        self.content().tickets.insert(ticket.token_hash, ticket);
        Ok(())
    }

    fn ticket(&self, token: &TokenHash, purpose: Purpose, now: Timestamp) -> Answer<Option<Option<Id>>> {
        Ok(self.content().ticket(token, purpose, now))
    }

    fn reset_password(&self, ticket: &TokenHash, password_hash: &str, now: Timestamp) -> Answer<Option<Id>> {
        let mut content = self.content();
        let user = content.ticket(ticket, Purpose::ResetPassword, now).flatten();
        Ok(user.filter(|user| content.set_password(user, password_hash, None)))
    }

    fn create_session(&self, session: NewSession) -> Answer<()> {
        let mut content = self.content();
        let user = session.user.clone();
        content.last_seen.insert(session.token_hash, session.now);
        content.sessions.insert(session.token_hash, session);
        for (token, _) in content.sessions_of(&user).iter().skip(SESSIONS_PER_USER_MAX) {
            content.delete_session(token);
        }
        Ok(())
    }

    fn session(&self, token: &TokenHash, now: Timestamp) -> Answer<Option<Session>> {
        let content = self.content();
        Ok(content.sessions.get(token).filter(|session| session.expires > now).map(|session| content.session(session)))
    }

    fn sessions_of(&self, user: &Id, now: Timestamp) -> Answer<Vec<(TokenHash, Session)>> {
        let mut sessions = self.content().sessions_of(user);
        sessions.retain(|(_, session)| session.expires > now);
        Ok(sessions)
    }

    fn touch_session(&self, token: &TokenHash, now: Timestamp, expires: Timestamp) -> Answer<()> {
        let mut content = self.content();
        if let Some(session) = content.sessions.get_mut(token).filter(|session| session.expires > now) {
            session.expires = expires;
            content.last_seen.insert(*token, now);
        }
        Ok(())
    }

    fn delete_session(&self, token: &TokenHash) -> Answer<bool> {
        Ok(self.content().delete_session(token))
    }

    fn delete_sessions_of(&self, user: &Id, keep: Option<&TokenHash>) -> Answer<usize> {
        Ok(self.content().delete_sessions_of(user, keep))
    }

    fn delete_expired(&self, now: Timestamp) -> Answer<usize> {
        let mut content = self.content();
        let before = content.sessions.len() + content.tickets.len();
        content.sessions.retain(|_, session| session.expires > now);
        content.tickets.retain(|_, ticket| ticket.expires > now);
        let Content { sessions, last_seen, tickets, .. } = &mut *content;
        last_seen.retain(|token, _| sessions.contains_key(token));
        Ok(before - sessions.len() - tickets.len())
    }

    fn create_invitation(&self, new: NewInvitation) -> Answer<()> {
        let invitation = Invitation {
            id: new.id,
            project: new.project,
            role: new.role,
            uses_max: new.uses_max,
            uses: 0,
            created_by: new.created_by,
            created: new.now,
            expires: new.expires,
            revoked: false,
        };
        self.content().invitations.insert(new.token_hash, invitation);
        Ok(())
    }

    fn invitation(&self, token: &TokenHash) -> Answer<Option<Invitation>> {
        Ok(self.content().invitation(token))
    }

    fn invitations_of(&self, project: &Id) -> Answer<Vec<Invitation>> {
        let content = self.content();
        let all = content.invitations.keys().filter_map(|token| content.invitation(token));
        let mut invitations: Vec<Invitation> = all.filter(|invitation| invitation.project == *project).collect();
        invitations.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(invitations)
    }

    fn redeem_invitation(&self, token: &TokenHash, user: &Id, now: Timestamp) -> Answer<Redeemed> {
        let mut content = self.content();
        let Some(invitation) = content.invitation(token) else { return Ok(Redeemed::Unknown) };
        let name = (invitation.id.clone(), user.clone());
        let joined = content.invitation_uses.get(&name).copied();
        if joined == Some(true) {
            return Ok(Redeemed::UsedBefore(invitation));
        }
        let others = Invitation { uses: invitation.uses - u32::from(joined.is_some()), ..invitation };
        if let Some(spent) = others.spent(now) {
            return Ok(Redeemed::Spent(spent));
        }
        content.invitation_uses.insert(name, false);
        Ok(Redeemed::Open(Invitation { uses: others.uses + 1, ..others }))
    }

    fn settle_invitation(&self, invitation: &Id, user: &Id, joined: bool) -> Answer<()> {
        let mut content = self.content();
        let name = (invitation.clone(), user.clone());
        match content.invitation_uses.get(&name) {
            Some(_) if joined => drop(content.invitation_uses.insert(name, true)),
            Some(false) => drop(content.invitation_uses.remove(&name)),
            _ => {}
        }
        Ok(())
    }

    fn revoke_invitation(&self, project: &Id, invitation: &Id, _now: Timestamp) -> Answer<bool> {
        let mut content = self.content();
        let theirs = |it: &&mut Invitation| it.project == *project && it.id == *invitation && !it.revoked;
        Ok(content.invitations.values_mut().find(theirs).map(|invitation| invitation.revoked = true).is_some())
    }

    fn forget_invitations(&self, project: &Id, expired_by: Timestamp) -> Answer<usize> {
        let mut content = self.content();
        let before = content.invitations.len();
        content.invitations.retain(|_, it| it.project != *project || it.expires > expired_by);
        let Content { invitations, invitation_uses, .. } = &mut *content;
        let known: std::collections::BTreeSet<Id> =
            invitations.values().map(|invitation| invitation.id.clone()).collect();
        invitation_uses.retain(|(invitation, _), _| known.contains(invitation));
        Ok(before - content.invitations.len())
    }

    fn enqueue(&self, job: NewJob) -> Answer<bool> {
        Ok(self.content().enqueue(job))
    }

    fn lease_job(&self, kinds: &[&str], lease: &Id, now: Timestamp, lease_ms: i64) -> Answer<Option<Job>> {
        let mut content = self.content();
        content.release_lost(now);
        let ripe = |queued: &&mut Queued| {
            let job = &queued.job;
            job.state == JobState::Ready && job.run_after <= now && kinds.contains(&job.kind.as_str())
        };
        let order = |queued: &&mut Queued| (-i64::from(queued.priority), queued.job.run_after, queued.job.id.clone());
        Ok(content.jobs.values_mut().filter(ripe).min_by_key(order).map(|queued| {
            queued.lease = Some(lease.clone());
            queued.job.state = JobState::Running;
            queued.job.attempts += 1;
            queued.job.leased_until = Some(Timestamp(now.0.saturating_add(lease_ms)));
            queued.job.clone()
        }))
    }

    fn heartbeat_job(&self, job: &Id, lease: &Id, until: Timestamp) -> Answer<bool> {
        let mut content = self.content();
        Ok(content.held(job, lease).map(|queued| queued.job.leased_until = Some(until)).is_some())
    }

    fn complete_job(&self, job: &Id, lease: &Id, now: Timestamp) -> Answer<bool> {
        let mut content = self.content();
        Ok(content.held(job, lease).map(|queued| queued.release(JobState::Done, None, now)).is_some())
    }

    fn fail_job(&self, job: &Id, lease: &Id, failed: Failed) -> Answer<Option<JobState>> {
        let mut content = self.content();
        Ok(content.held(job, lease).map(|queued| {
            let retry_at = failed.retry_at.filter(|_| queued.job.attempts < queued.job.attempts_max);
            let state = if retry_at.is_some() { JobState::Ready } else { JobState::Dead };
            queued.release(state, Some(failed.error), failed.now);
            queued.job.run_after = retry_at.unwrap_or(failed.now);
            state
        }))
    }

    fn job(&self, job: &Id) -> Answer<Option<Job>> {
        Ok(self.content().jobs.get(job).map(|queued| queued.job.clone()))
    }

    fn count_jobs(&self, state: JobState) -> Answer<u64> {
        Ok(self.content().jobs.values().filter(|queued| queued.job.state == state).count() as u64)
    }

    fn dead_jobs(&self, limit: u32) -> Answer<Vec<Job>> {
        let content = self.content();
        let mut dead: Vec<&Queued> =
            content.jobs.values().filter(|queued| queued.job.state == JobState::Dead).collect();
        dead.sort_by_key(|queued| std::cmp::Reverse(queued.updated));
        Ok(dead.into_iter().take(limit as usize).map(|queued| queued.job.clone()).collect())
    }

    fn delete_done_jobs(&self, before: Timestamp, limit: u32) -> Answer<usize> {
        let mut content = self.content();
        let old = |queued: &&Queued| queued.job.state == JobState::Done && queued.updated < before;
        let ids: Vec<Id> =
            content.jobs.values().filter(old).take(limit as usize).map(|queued| queued.job.id.clone()).collect();
        content.jobs.retain(|id, _| !ids.contains(id));
        Ok(ids.len())
    }

    fn stored_bytes(&self, user: &Id) -> Answer<u64> {
        let content = self.content();
        let own = content.table(Table::AudioFiles).filter(|file| file.text("uploadedBy") == Some(user.as_str()));
        Ok(bytes_of(own.filter_map(stored_recording)))
    }

    fn recordings_to_let_go(&self, refused: Timestamp, deleted: Timestamp, limit: u32) -> Answer<Vec<(Id, Id)>> {
        let content = self.content();
        let before = |record: &Record, field: &str, time: Timestamp| {
            record.text(field).is_some_and(|text| *text < *time.to_string())
        };
        let gone: std::collections::HashSet<&Id> =
            content.table(Table::Projects).filter(|it| before(it, "deleted", deleted)).map(Record::id).collect();
        let here = content.table(Table::AudioFiles).filter(|it| it.text("storageKey").is_some());
        let named: Vec<(Id, &Record)> = here.filter_map(|it| Some((it.id_in("projectId")?, it))).collect();
        let mut found = Vec::new();
        let mut add = |is_due: &dyn Fn(&Id, &Record) -> bool| {
            let due = named.iter().filter(|(project, it)| is_due(project, it)).take(limit as usize);
            found.extend(due.map(|(project, it)| (project.clone(), it.id().clone())));
        };
        add(&|_, it| it.text("state") == Some("refused") && before(it, "updatedAt", refused));
        add(&|_, it| before(it, "deleted", deleted));
        add(&|project, _| gone.contains(project));
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn unreferenced(&self, keys: &[BlobKey]) -> Answer<Vec<BlobKey>> {
        let content = self.content();
        let named: std::collections::HashSet<&str> = content
            .table(Table::AudioFiles)
            .flat_map(|file| {
                ["storageKey", "playbackKey", "waveformKey"].into_iter().filter_map(|field| file.text(field))
            })
            .collect();
        Ok(keys.iter().filter(|key| !named.contains(key.as_str())).cloned().collect())
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
