//! One task per open project: it puts transactions in order, makes them durable, and tells whoever listens.

use std::collections::{BTreeMap, BTreeSet};

use model::roles::role_of;
use model::{Id, Key, Record, Role, Table};
use operations::{Commit, Refusal, Scope};
use storage::{Database, Store, StoreError};
use sync::Room;
use sync::wire::text::{Notice, Update};
use sync::wire::{Person, Presence, Resume, ServerMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

use super::behind::Behind;
use super::commit_group::{Group, Submission, Verdict, Verdicts, commit_group, commits, load};
use super::limits::{GROUP_TRANSACTIONS_MAX, RESUME_BYTES_MAX, RESUME_COMMITS_MAX, RESUME_READ_COMMITS, ROOM_IDLE};
use super::outbox::Outbox;
use super::presence::Presences;
use super::queue::{EncodedCommits, Outgoing, Queue, commit_bytes};
use super::{Neighbours, SubmitError};
use crate::state::{Clock, new_id};

/// Names a socket among all of this process.
pub(crate) type SocketId = u64;

/// What a room is asked.
pub(crate) enum Request {
    /// Commit this, and answer on the socket's channel.
    SubmitFromSocket { socket: SocketId, channel: u32, submission: Submission },
    /// Commit this, and answer here: the verdict, and the room as it then is.
    Submit { submission: Submission, reply: oneshot::Sender<Result<(Verdict, Room), SubmitError>> },
    /// Tell this socket of everything (W4).
    Open { socket: SocketId, user: Id, channel: u32, resume: Option<Resume>, outbox: Outbox },
    /// No longer.
    Close { socket: SocketId, channel: u32 },
    /// Let the others on the project know what this socket does (PR1).
    Presence { socket: SocketId, channel: u32, presence: Presence },
    /// Tell this socket of versions of this key (W3), and at once of the current one (PS2).
    Watch { socket: SocketId, user: Id, key: String, outbox: Outbox },
    /// No longer; all of its keys when none is named.
    Unwatch { socket: SocketId, key: Option<String> },
    /// Write the rows that lag behind the log.
    Settle { reply: oneshot::Sender<()> },
    /// This socket asks for more than one person may: refuse these, and what it sends after them until it opens the
    /// project again, so that nothing overtakes what was put off.
    SlowDown { socket: SocketId, channel: u32, tx_ids: Vec<Id> },
    /// People may have stopped being fellows of this room's person: look again at who may listen.
    Review,
    /// The room as it is.
    Look { reply: oneshot::Sender<Result<Room, SubmitError>> },
}

/// A socket that follows the project (W4).
pub(super) struct Follower {
    pub(super) socket: SocketId,
    pub(super) user: Id,
    pub(super) channel: u32,
    pub(super) outbox: Outbox,
    /// Why its transactions are put off until it opens the project again: what comes after one that was put off may build
    /// on it, and must not be judged without it.
    put_off: Option<SubmitError>,
}

impl Follower {
    fn refuse(&self, tx_id: Id, error: &SubmitError) {
        let (channel, status, message) = (self.channel, error.status(), error.message());
        self.outbox.message(&ServerMessage::Refused { channel, tx_id, status, message });
    }
}

/// A socket that wants to know of versions (W3).
struct Watcher {
    socket: SocketId,
    user: Id,
    outbox: Outbox,
}

pub(crate) struct RoomTask {
    room: Room,
    behind: Behind,
    database: Database,
    clock: Clock,
    neighbours: Neighbours,
    requests: mpsc::Receiver<Request>,
    followers: Vec<Follower>,
    watchers: BTreeMap<String, Vec<Watcher>>,
    presences: Presences,
}

/// Reads the room from the store; the error has been logged.
async fn load_room(database: &Database, scope: &Scope) -> Result<(Room, Behind), SubmitError> {
    let (scope, fresh) = (scope.clone(), new_id());
    database.run(move |store| load(store, &scope, fresh)).await.map_err(SubmitError::from)
}

impl RoomTask {
    /// Serves requests until there are none for a while and nobody listens. `retire` is asked whether the room may go:
    /// it answers no when another request has come in meanwhile.
    pub(crate) async fn run(
        scope: Scope,
        database: Database,
        clock: Clock,
        neighbours: Neighbours,
        mut requests: mpsc::Receiver<Request>,
        retire: impl Fn(&mpsc::Receiver<Request>) -> bool,
    ) {
        let (room, behind) = match load_room(&database, &scope).await {
            Ok(loaded) => loaded,
            Err(_) => return refuse_all(&mut requests),
        };
        let (followers, watchers, presences) = (Vec::new(), BTreeMap::new(), Presences::default());
        let mut task = RoomTask { room, behind, database, clock, neighbours, requests, followers, watchers, presences };
        let mut ahead = None;
        loop {
            let due = task.presences.due();
            let request = match ahead.take() {
                Some(request) => request,
                None => tokio::select! {
                    biased;
                    request = task.requests.recv() => match request {
                        Some(request) => request,
                        None => return,
                    },
                    () = task.behind.wait() => {
                        task.behind.go_on(&task.room, &task.database);
                        continue;
                    }
                    () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                        task.presences.tell(&mut task.followers);
                        continue;
                    }
                    () = tokio::time::sleep(ROOM_IDLE), if task.is_unheard() => {
                        // The log has it all: a room whose rows cannot be written may go as well.
                        task.behind.finish(&task.room, &task.database).await;
                        if retire(&task.requests) {
                            return;
                        }
                        continue;
                    }
                },
            };
            ahead = task.handle(request).await;
            task.presences.tell(&mut task.followers);
        }
    }

    fn is_unheard(&self) -> bool {
        self.followers.is_empty() && self.watchers.is_empty()
    }

    /// Deals with a request; with submissions, also with those that wait behind it. What had to be taken out of the
    /// queue to see that comes back.
    async fn handle(&mut self, request: Request) -> Option<Request> {
        match request {
            Request::SubmitFromSocket { .. } | Request::Submit { .. } => return self.commit_waiting(request).await,
            Request::Open { socket, user, channel, resume, outbox } => {
                self.open(Follower { socket, user, channel, outbox, put_off: None }, resume).await;
            }
            Request::Close { socket, channel } => {
                self.followers.retain(|f| (f.socket, f.channel) != (socket, channel));
                self.tell_presence();
            }
            Request::Presence { socket, channel, presence } => self.said(socket, channel, presence),
            Request::Watch { socket, user, key, outbox } => self.watch(key, Watcher { socket, user, outbox }).await,
            Request::Unwatch { socket, key } => self.unwatch(socket, key.as_deref()),
            Request::Settle { reply } => {
                self.behind.finish(&self.room, &self.database).await;
                let _ = reply.send(());
            }
            Request::SlowDown { socket, channel, tx_ids } => self.slow_down(socket, channel, tx_ids),
            Request::Review => self.review().await,
            Request::Look { reply } => drop(reply.send(self.refresh().await.map(|()| self.room.clone()))),
        }
        None
    }

    /// Another node may have written: the store's position decides.
    async fn refresh(&mut self) -> Result<(), SubmitError> {
        let scope = self.room.scope().clone();
        let position = self.database.run(move |store| store.position(&scope)).await?;
        let here = position.is_none_or(|at| at.seq == self.room.seq() && at.epoch == *self.room.epoch());
        if !here {
            (self.room, self.behind) = load_room(&self.database, &self.room.scope().clone()).await?;
        }
        Ok(())
    }

    async fn commit_waiting(&mut self, first: Request) -> Option<Request> {
        let mut submissions = Vec::new();
        let mut replies = Vec::new();
        let (mut next, mut ahead) = (Some(first), None);
        while let Some(request) = next.take() {
            match request {
                Request::SubmitFromSocket { socket, channel, submission } => {
                    if let Some(follower) = self.follower(socket, channel)
                        && let Some(reason) = &follower.put_off
                    {
                        follower.refuse(submission.transaction.tx_id, reason);
                        next = self.requests.try_recv().ok();
                        continue;
                    }
                    replies.push(ReplyTo::Socket(socket, channel, submission.transaction.tx_id.clone()));
                    submissions.push(submission);
                }
                Request::Submit { submission, reply } => {
                    submissions.push(submission);
                    replies.push(ReplyTo::Caller(reply));
                }
                // It changes nothing that is committed: it need not end the group.
                Request::Presence { socket, channel, presence } => {
                    self.said(socket, channel, presence);
                    next = self.requests.try_recv().ok();
                    continue;
                }
                other => {
                    ahead = Some(other);
                    break;
                }
            }
            // Who loses access with a transaction must not be told of the next: a group ends there (PS1).
            let ends = submissions.last().is_some_and(Submission::changes_members);
            if submissions.len() < GROUP_TRANSACTIONS_MAX && !ends {
                next = self.requests.try_recv().ok();
            }
        }
        if submissions.is_empty() {
            return ahead;
        }
        let old = self.room.clone();
        let verdicts = self.commit(submissions).await;
        self.publish(&old, &verdicts, &replies).await;
        self.answer(verdicts, replies);
        ahead
    }

    /// Commits on a thread that may block, and comes back when it is durable.
    async fn commit(&mut self, submissions: Vec<Submission>) -> Verdicts {
        let count = submissions.len();
        if self.behind.is_full() && !self.behind.finish(&self.room, &self.database).await {
            return (0..count).map(|_| Err(SubmitError::Unavailable)).collect();
        }
        let (mut room, database, now) = (self.room.clone(), self.database.clone(), self.clock.now());
        let work = tokio::task::spawn_blocking(move || {
            let group = commit_group(&mut room, &**database.store(), &submissions, now);
            (room, group)
        });
        match work.await {
            Ok((room, Group { verdicts, lagging, reloaded })) => {
                self.room = room;
                if let Some(behind) = reloaded {
                    self.behind = behind;
                }
                self.behind.note(commits(&verdicts), lagging);
                self.behind.go_on(&self.room, &self.database);
                verdicts
            }
            Err(error) => {
                tracing::error!(%error, "a commit ended badly");
                (0..count).map(|_| Err(SubmitError::Unavailable)).collect()
            }
        }
    }

    /// Tells everyone of what has just become durable (WR9), once per changed record and list.
    async fn publish(&mut self, old: &Room, verdicts: &Verdicts, replies: &[ReplyTo]) {
        let committed: Vec<Commit> = commits(verdicts).cloned().collect();
        if committed.is_empty() {
            return;
        }
        // Each of these writes is tried once and waits for nothing: they are not what a task's budget of polls is for, and
        // with it followers beyond the hundredth would be left to their own tasks.
        unconstrained(async { self.tell_followers(&committed, verdicts, replies) }).await;
        let changed: BTreeSet<&Key> = verdicts
            .iter()
            .filter_map(|verdict| match verdict {
                Ok(Verdict::Committed(submitted)) => Some(submitted.changed.iter()),
                _ => None,
            })
            .flatten()
            .collect();
        self.tell_watchers(old, &changed);
        if changed.iter().any(|key| key.table == Table::ProjectMembers) {
            self.review_neighbours(old);
            self.end_lost_access();
            self.tell_people().await;
        }
    }

    /// Each follower gets every commit, in order: its own that the log carries verbatim as an acknowledgement only.
    fn tell_followers(&mut self, committed: &[Commit], verdicts: &Verdicts, replies: &[ReplyTo]) {
        let authors: BTreeSet<SocketId> = replies.iter().filter_map(ReplyTo::socket).collect();
        let encoded = EncodedCommits::of(committed);
        self.followers.retain(|follower| {
            if authors.contains(&follower.socket) {
                return follower.outbox.say(|queue| tell_author(queue, follower, &encoded, verdicts, replies));
            }
            follower.outbox.commits(follower.channel, &encoded, 0..encoded.len())
        });
    }

    fn tell_watchers(&mut self, old: &Room, changed: &BTreeSet<&Key>) {
        if self.watchers.is_empty() {
            return;
        }
        let mut by_socket: BTreeMap<SocketId, (Outbox, Vec<Update>)> = BTreeMap::new();
        for (key, version) in updates(old, &self.room, changed) {
            for watcher in self.watchers.get(&key).into_iter().flatten() {
                let entry = by_socket.entry(watcher.socket).or_insert_with(|| (watcher.outbox.clone(), Vec::new()));
                entry.1.push(Update { key: key.clone(), version });
            }
        }
        for (outbox, updates) in by_socket.into_values() {
            outbox.notice(&Notice::Updates { updates });
        }
    }

    /// Whoever has left is perhaps no fellow of the others any more, nor they of them (U3).
    fn review_neighbours(&self, old: &Room) {
        let before = members(old);
        if before.iter().any(|user| !may_read(&self.room, user)) {
            self.neighbours.review(before.into_iter().collect());
        }
    }

    /// Ends what those listen to who are no fellows of this room's person any more (PS1).
    async fn review(&mut self) {
        let Scope::User(own) = self.room.scope().clone() else { return };
        let listening: BTreeSet<Id> = self.watchers.values().flatten().map(|watcher| watcher.user.clone()).collect();
        let fellows = self.database.run(move |store| {
            let mut fellows = BTreeSet::new();
            for user in listening {
                if user == own || store.are_fellows(&own, &user)? {
                    fellows.insert(user);
                }
            }
            Ok(fellows)
        });
        match fellows.await {
            Ok(fellows) => self.end_watching(|watcher| fellows.contains(&watcher.user)),
            Err(error) => tracing::error!(%error, "it could not be seen who may listen"),
        }
    }

    fn end_watching(&mut self, stays: impl Fn(&Watcher) -> bool) {
        for (key, watchers) in &mut self.watchers {
            watchers.retain(|watcher| {
                let stays = stays(watcher);
                if !stays {
                    watcher.outbox.notice(&forbidden(key));
                }
                stays
            });
        }
        self.watchers.retain(|_, watchers| !watchers.is_empty());
    }

    fn follower(&self, socket: SocketId, channel: u32) -> Option<&Follower> {
        self.followers.iter().find(|follower| (follower.socket, follower.channel) == (socket, channel))
    }

    fn slow_down(&mut self, socket: SocketId, channel: u32, tx_ids: Vec<Id>) {
        let mine = |follower: &&mut Follower| (follower.socket, follower.channel) == (socket, channel);
        let Some(follower) = self.followers.iter_mut().find(mine) else { return };
        for tx_id in tx_ids {
            follower.refuse(tx_id, &SubmitError::TooFast);
        }
        follower.put_off = Some(SubmitError::TooFast);
    }

    /// Whoever is no longer a member hears no more (PS1).
    fn end_lost_access(&mut self) {
        let room = &self.room;
        self.followers.retain(|follower| {
            let stays = may_read(room, &follower.user);
            if !stays {
                follower.outbox.message(&denied(follower.channel));
            }
            stays
        });
        let members = members(room);
        self.end_watching(|watcher| members.contains(&watcher.user));
        self.tell_presence();
    }

    fn answer(&mut self, verdicts: Verdicts, replies: Vec<ReplyTo>) {
        for (verdict, reply) in verdicts.into_iter().zip(replies) {
            match reply {
                ReplyTo::Caller(reply) => drop(reply.send(verdict.map(|verdict| (verdict, self.room.clone())))),
                ReplyTo::Socket(socket, channel, tx_id) => {
                    let mine = |f: &&mut Follower| (f.socket, f.channel) == (socket, channel);
                    let Some(follower) = self.followers.iter_mut().find(mine) else { continue };
                    match verdict {
                        // Told by `tell_author`, in the order of the log.
                        Ok(Verdict::Committed(_)) => {}
                        Ok(Verdict::Repeat { seq }) => {
                            let time = self.clock.now();
                            follower.outbox.message(&ServerMessage::Acknowledged { channel, tx_id, seq, time });
                        }
                        Err(error) => {
                            follower.refuse(tx_id, &error);
                            if matches!(error, SubmitError::Unavailable) {
                                follower.put_off = Some(error);
                            }
                        }
                    }
                }
            }
        }
    }

    async fn open(&mut self, follower: Follower, resume: Option<Resume>) {
        if self.refresh().await.is_err() {
            let message = SubmitError::Unavailable.message();
            follower.outbox.message(&ServerMessage::Denied { channel: follower.channel, status: 503, message });
            return;
        }
        if !may_read(&self.room, &follower.user) {
            follower.outbox.message(&denied(follower.channel));
            return;
        }
        self.followers.retain(|f| (f.socket, f.channel) != (follower.socket, follower.channel));
        let channel = follower.channel;
        match self.missed(resume).await {
            Some((seq, commits)) => {
                let epoch = self.room.epoch().clone();
                follower.outbox.message(&ServerMessage::Resumed { channel, epoch, seq });
                let encoded = EncodedCommits::of(&commits);
                follower.outbox.commits(channel, &encoded, 0..encoded.len());
            }
            None => drop(follower.outbox.push(Outgoing::Snapshot { channel, room: self.room.clone() })),
        }
        if let Ok(people) = self.people().await {
            follower.outbox.message(&ServerMessage::People { channel, people });
        }
        self.presences.greet(&follower);
        self.followers.push(follower);
        self.tell_presence();
    }

    fn said(&mut self, socket: SocketId, channel: u32, presence: Presence) {
        // Whoever does not follow, or no longer may, has nobody to tell.
        if let Some(follower) = self.followers.iter().find(|f| (f.socket, f.channel) == (socket, channel)) {
            self.presences.said(follower, presence);
        }
    }

    /// What a client that has come so far has missed; none when it has to start over (PS3).
    async fn missed(&self, resume: Option<Resume>) -> Option<(u64, Vec<Commit>)> {
        let Resume { epoch, seq } = resume?;
        let missing = self.room.seq().checked_sub(seq)?;
        if epoch != *self.room.epoch() || missing > RESUME_COMMITS_MAX {
            return None;
        }
        let scope = self.room.scope().clone();
        let commits = self.database.run(move |store| read_missed(store, &scope, seq, missing)).await.ok()??;
        Some((seq, commits))
    }

    async fn people(&self) -> Result<Vec<Person>, StoreError> {
        let Scope::Project(project) = self.room.scope().clone() else { return Ok(Vec::new()) };
        let people = self.database.run(move |store| store.people_of(&project)).await?;
        Ok(people.into_iter().map(|(record, role)| person(&record, role)).collect())
    }

    async fn tell_people(&mut self) {
        let Ok(people) = self.people().await else { return };
        self.followers.retain(|follower| {
            let (channel, people) = (follower.channel, people.clone());
            follower.outbox.message(&ServerMessage::People { channel, people })
        });
    }

    /// Who has the project open, to everyone who has.
    fn tell_presence(&mut self) {
        self.presences.keep(&self.followers);
        let users: BTreeSet<Id> = self.followers.iter().map(|follower| follower.user.clone()).collect();
        let connected: Vec<Id> = users.into_iter().collect();
        self.followers.retain(|follower| {
            let (channel, connected) = (follower.channel, connected.clone());
            follower.outbox.message(&ServerMessage::Present { channel, connected })
        });
    }

    async fn watch(&mut self, key: String, watcher: Watcher) {
        let may = match self.room.scope() {
            Scope::Project(_) => may_read(&self.room, &watcher.user),
            Scope::User(own) if *own == watcher.user => true,
            // Asked again here: whoever stops being a fellow after this is found by the review that follows (U3).
            Scope::User(own) => {
                let (own, user) = (own.clone(), watcher.user.clone());
                self.database.run(move |store| store.are_fellows(&own, &user)).await.unwrap_or(false)
            }
        };
        if !may {
            watcher.outbox.notice(&forbidden(&key));
            return;
        }
        let updates = vec![Update { version: version(&self.room, &key), key: key.clone() }];
        if watcher.outbox.notice(&Notice::Updates { updates }) {
            let watchers = self.watchers.entry(key).or_default();
            watchers.retain(|other| other.socket != watcher.socket);
            watchers.push(watcher);
        }
    }

    fn unwatch(&mut self, socket: SocketId, key: Option<&str>) {
        for (name, watchers) in &mut self.watchers {
            if key.is_none_or(|key| key == name) {
                watchers.retain(|watcher| watcher.socket != socket);
            }
        }
        self.watchers.retain(|_, watchers| !watchers.is_empty());
    }
}

/// The `missing` commits after `seq`, read a few at a time; none when they are more than a snapshot would be.
fn read_missed(store: &dyn Store, scope: &Scope, seq: u64, missing: u64) -> Result<Option<Vec<Commit>>, StoreError> {
    let (mut commits, mut bytes) = (Vec::new(), 0);
    let mut at = seq;
    while at < seq + missing {
        let count = RESUME_READ_COMMITS.min(seq + missing - at);
        let more = store.commits_since(scope, at, usize::try_from(count).unwrap_or(usize::MAX))?;
        bytes += more.iter().map(commit_bytes).sum::<usize>();
        if bytes > RESUME_BYTES_MAX || more.len() as u64 != count {
            return Ok(None);
        }
        at += count;
        commits.extend(more);
    }
    Ok(Some(commits))
}

/// Who waits for a verdict.
enum ReplyTo {
    Socket(SocketId, u32, Id),
    Caller(oneshot::Sender<Result<(Verdict, Room), SubmitError>>),
}

impl ReplyTo {
    fn socket(&self) -> Option<SocketId> {
        if let ReplyTo::Socket(socket, ..) = self { Some(*socket) } else { None }
    }
}

/// The commits of a group for a follower that wrote some of them; false when it does not fit.
fn tell_author(
    queue: &mut Queue,
    follower: &Follower,
    encoded: &EncodedCommits,
    verdicts: &Verdicts,
    replies: &[ReplyTo],
) -> bool {
    let channel = follower.channel;
    // Commits that others wrote and that it has not been told: from here up to where the loop is.
    let (mut from, mut at) = (0, 0);
    for (verdict, reply) in verdicts.iter().zip(replies) {
        let Ok(Verdict::Committed(submitted)) = verdict else { continue };
        let own = matches!(reply, ReplyTo::Socket(socket, on, _) if (*socket, *on) == (follower.socket, channel));
        if own && submitted.verbatim {
            let Commit { seq, tx_id, time, .. } = &submitted.commit;
            let (tx_id, seq, time) = (tx_id.clone(), *seq, *time);
            let told = from == at || queue.commits(channel, encoded, from..at);
            if !told || !queue.message(&ServerMessage::Acknowledged { channel, tx_id, seq, time }) {
                return false;
            }
            from = at + 1;
        }
        at += 1;
    }
    from == at || queue.commits(channel, encoded, from..at)
}

fn may_read(room: &Room, user: &Id) -> bool {
    role_of(room.records(), user).is_some()
}

/// Everyone who is a member.
fn members(room: &Room) -> BTreeSet<Id> {
    let memberships = room.records().table(Table::ProjectMembers).filter(|membership| !membership.is_deleted());
    memberships.filter_map(|membership| membership.id_in("userId")).collect()
}

fn forbidden(key: &str) -> Notice {
    Notice::Error { message: format!("{key}: {}", Refusal::FORBIDDEN) }
}

fn denied(channel: u32) -> ServerMessage {
    ServerMessage::Denied { channel, status: 403, message: Refusal::FORBIDDEN.to_owned() }
}

fn person(record: &Record, role: Role) -> Person {
    Person {
        id: record.id().clone(),
        name: record.text("name").unwrap_or_default().to_owned(),
        colour: record.text("colour").unwrap_or_default().to_owned(),
        role,
    }
}

/// The keys of W3 that changed between two states, with their versions.
fn updates(old: &Room, new: &Room, changed: &BTreeSet<&Key>) -> Vec<(String, u64)> {
    let mut lists = BTreeSet::new();
    let mut updates = Vec::new();
    for key in changed {
        let (before, after) = (old.records().get(key), new.records().get(key));
        updates.push((key.to_string(), after.map_or(0, Record::version)));
        if key.table == Table::Tracks
            && let Scope::Project(project) = new.scope()
        {
            lists.insert(format!("project-tracks:{project}"));
        }
        if key.table == Table::Clips {
            let tracks = [before, after].into_iter().flatten().filter_map(|clip| clip.text("trackId"));
            lists.extend(tracks.map(|track| format!("track-clips:{track}")));
        }
    }
    updates.extend(lists.into_iter().map(|list| (list, new.seq())));
    updates
}

/// The current version of a key of W3; 0 for a record that does not exist.
fn version(room: &Room, key: &str) -> u64 {
    match key.split_once(':') {
        Some(("project-tracks" | "track-clips", _)) => room.seq(),
        Some((table, id)) => {
            let key = Table::from_name(table).zip(Id::new(id).ok()).map(|(table, id)| Key::new(table, id));
            key.and_then(|key| room.records().get(&key)).map_or(0, Record::version)
        }
        None => 0,
    }
}

/// The room could not be read: whoever asked is told to try again later.
fn refuse_all(requests: &mut mpsc::Receiver<Request>) {
    requests.close();
    while let Ok(request) = requests.try_recv() {
        match request {
            Request::Submit { reply, .. } => drop(reply.send(Err(SubmitError::Unavailable))),
            Request::Look { reply } => drop(reply.send(Err(SubmitError::Unavailable))),
            Request::Settle { reply } => {
                let _ = reply.send(());
            }
            Request::Open { channel, outbox, .. } => {
                let message = SubmitError::Unavailable.message();
                outbox.message(&ServerMessage::Denied { channel, status: 503, message });
            }
            _ => {}
        }
    }
}
