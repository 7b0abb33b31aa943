//! Rooms, sockets, `write` and `getRecords`: where edits come in and go out.

mod behind;
mod commit_group;
mod disk;
mod gate;
mod guards;
mod history;
pub mod limits;
mod outbox;
mod presence;
mod queue;
mod rates;
mod room_task;
mod routes;
mod scope;
mod snapshots;
mod socket;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::roles::role_of;
use model::{Id, RecordMap};
use operations::{Author, Refusal, Scope, Transaction};
use storage::{Database, NewJob, StoreError, TokenHash};
use sync::Room;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use commit_group::{Submission, Verdict};
use limits::{REWINDS_AT_ONCE_MAX, ROOM_BYTES_MAX, ROOM_QUEUE_MAX};
use rates::{Kind, Rates};
use room_task::{Request, RoomTask, SocketId};
use scope::scope_of;
use snapshots::Snapshots;
use sockets::Sockets;

pub use disk::Disk;
pub(crate) use history::records_at;
pub use routes::api;
pub(crate) use routes::room_of;
pub(crate) use socket::accept;

use crate::state::Clock;

/// Why a transaction was not committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// It may not be: 400, 403 or 409.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed; the log says how (WR10).
    #[error("the server cannot save at the moment; please try again")]
    Unavailable,
    /// The disk has no room for it: when the host has made some.
    #[error("the server's disk is nearly full; please tell whoever runs it")]
    DiskFull,
    /// The song's log has grown to what the host lets it grow to.
    #[error(
        "this song's history has grown as large as the server lets one grow; whoever runs the server can let it grow further \
         (--log-per-song)"
    )]
    LogFull,
    /// Its author asks for more than one person may: later.
    #[error("these edits come faster than the server allows; please wait a moment")]
    TooFast,
}

impl SubmitError {
    /// As an HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            SubmitError::Refused(refusal) => refusal.status,
            SubmitError::Unavailable => 503,
            SubmitError::DiskFull | SubmitError::LogFull => 507,
            SubmitError::TooFast => 429,
        }
    }

    /// For people.
    #[must_use]
    pub fn message(&self) -> String {
        self.to_string()
    }
}

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> SubmitError {
        tracing::error!(%error, "the store failed");
        SubmitError::Unavailable
    }
}

/// A transaction that is durable.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its place in the log.
    pub seq: u64,
    /// The records that it touched, as they are now.
    pub record_map: RecordMap,
}

/// The rooms of this process. Cheap to clone.
#[derive(Clone)]
pub struct Realtime(Arc<Rooms>);

struct Rooms {
    database: Database,
    clock: Clock,
    open: Mutex<HashMap<Scope, Door>>,
    sockets: Mutex<Sockets>,
    rates: Mutex<Rates>,
    next_socket: AtomicU64,
    rewinds: Arc<Semaphore>,
    snapshots: Snapshots,
    disk: Arc<Disk>,
    /// Bytes that the log of a song may grow to.
    log_per_song: u64,
}

/// How a room is reached.
#[derive(Clone)]
struct Door {
    requests: mpsc::Sender<Request>,
    /// How many more bytes may be on their way to it.
    bytes: Arc<Semaphore>,
}

/// A place for the bytes of edits that are on their way to a room, until it is given up.
pub(crate) type Place = Arc<OwnedSemaphorePermit>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while the map was held cannot leave it half changed: every change is one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Realtime {
    /// Rooms over this database, whose logs may grow to so many bytes each. Needs a Tokio runtime from the first request on.
    #[must_use]
    pub fn new(database: Database, clock: Clock, disk: Disk, log_per_song: u64) -> Realtime {
        let (open, sockets, rates) = (Mutex::default(), Mutex::default(), Mutex::default());
        let rewinds = Arc::new(Semaphore::new(REWINDS_AT_ONCE_MAX));
        Realtime(Arc::new(Rooms {
            database,
            clock,
            open,
            sockets,
            rates,
            next_socket: AtomicU64::new(1),
            rewinds,
            snapshots: Snapshots::default(),
            disk: Arc::new(disk),
            log_per_song,
        }))
    }

    /// How many rooms are in memory.
    #[must_use]
    pub fn rooms_open(&self) -> usize {
        lock(&self.0.open).len()
    }

    /// Counts what somebody asks for; false when it is more than one person may.
    fn allows(&self, user: &Id, kind: Kind, count: usize) -> bool {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        lock(&self.0.rates).take(user, kind, count, self.0.clock.now())
    }

    /// Commits a transaction durably; a repeat changes nothing and answers the same (WR6). The author is who is logged
    /// in, or the server itself.
    ///
    /// # Errors
    /// A refusal with its reason, or [`SubmitError::Unavailable`].
    pub async fn submit(&self, scope: Scope, author: Author, transaction: Transaction) -> Result<Outcome, SubmitError> {
        self.submit_with_jobs(scope, author, transaction, Vec::new()).await
    }

    /// Why a person's edits of so many bytes are put off: they come too fast, or the disk has no room for them.
    fn puts_off(&self, user: &Id, count: usize, bytes: usize) -> Option<SubmitError> {
        let asked = [(Kind::Edit, count), (Kind::EditByte, bytes)]
            .map(|(kind, count)| (kind, u32::try_from(count).unwrap_or(u32::MAX)));
        if !lock(&self.0.rates).take_all(user, &asked, self.0.clock.now()) {
            return Some(SubmitError::TooFast);
        }
        (!self.0.disk.has_room()).then_some(SubmitError::DiskFull)
    }

    /// How many of these that are put off, from the first one on, are in the log already: a repeat needs no room (WR6).
    async fn repeats(&self, reason: &SubmitError, user: &Id, tx_ids: Vec<Id>) -> usize {
        if *reason != SubmitError::DiskFull {
            return 0;
        }
        let user = user.clone();
        let known = self.0.database.run(move |store| {
            let mut known = 0;
            while let Some(tx_id) = tx_ids.get(known)
                && store.find_transaction(&user, tx_id)?.is_some()
            {
                known += 1;
            }
            Ok(known)
        });
        known.await.unwrap_or(0)
    }

    /// [`Realtime::submit`] to whatever the operations touch, as fast as one person may, and as long as the disk has room.
    ///
    /// # Errors
    /// As [`Realtime::submit`]; 400 when they touch nothing that exists, 429 or 507 when they are put off.
    pub async fn write(&self, author: Author, transaction: Transaction) -> Result<Outcome, SubmitError> {
        if transaction.author_id != author.id() {
            return Err(Refusal::forbidden().into());
        }
        let bytes = bytes_of(&transaction);
        if let Author::User(user) = &author {
            if let Some(reason) = self.puts_off(user, 1, bytes)
                && self.repeats(&reason, user, vec![transaction.tx_id.clone()]).await == 0
            {
                return Err(reason);
            }
            if transaction.operations.iter().any(gate::founds) && !self.allows(user, Kind::Found, 1) {
                return Err(SubmitError::TooFast);
            }
        }
        let (by, tx_id, operations) = (author.clone(), transaction.tx_id.clone(), transaction.operations.clone());
        let scope = self.0.database.run(move |store| {
            let scope = match scope_of(store, &operations)? {
                Ok(scope) => scope,
                Err(refusal) => return Ok(Err(refusal)),
            };
            Ok(gate::admits(store, &scope, &by, &tx_id, &operations)?.map(|()| scope))
        });
        let scope = scope.await??;
        self.hand_over(scope, author, transaction, Vec::new(), bytes).await
    }

    /// [`Realtime::submit`], enqueueing jobs in the same database transaction. A repeat enqueues nothing.
    ///
    /// # Errors
    /// As [`Realtime::submit`].
    pub async fn submit_with_jobs(
        &self,
        scope: Scope,
        author: Author,
        transaction: Transaction,
        jobs: Vec<NewJob>,
    ) -> Result<Outcome, SubmitError> {
        let bytes = bytes_of(&transaction);
        self.hand_over(scope, author, transaction, jobs, bytes).await
    }

    /// Hands a transaction of so many bytes over to its room, and waits for what becomes of it.
    async fn hand_over(
        &self,
        scope: Scope,
        author: Author,
        transaction: Transaction,
        jobs: Vec<NewJob>,
        bytes: usize,
    ) -> Result<Outcome, SubmitError> {
        let targets: Vec<model::Key> =
            transaction.operations.iter().map(|operation| operation.target.clone()).collect();
        let place = self.place(&scope, bytes).await;
        let submission = Submission { author: author.clone(), transaction, jobs, place };
        let (verdict, room) = self.ask(&scope, |reply| Request::Submit { submission, reply }).await?;
        let (seq, changed) = match verdict {
            Verdict::Committed(submitted) => (submitted.commit.seq, submitted.changed),
            // Who has lost access meanwhile may still learn that it is done, but not how things stand now (WR6).
            Verdict::Repeat { seq } if may_read(&room, &author) => (seq, targets),
            Verdict::Repeat { seq } => (seq, Vec::new()),
        };
        Ok(Outcome { seq, record_map: room.records().record_map(&changed) })
    }

    /// A project's records of one moment, whoever asks: the caller judges who may see them.
    ///
    /// # Errors
    /// [`SubmitError::Unavailable`] when the store fails.
    pub async fn look(&self, project: &Id) -> Result<Room, SubmitError> {
        self.ask(&Scope::Project(project.clone()), |reply| Request::Look { reply }).await
    }

    /// Has every open room write the rows that lag behind its log (WR8): at the end of the server's life, so that the next
    /// one need not follow the logs.
    pub async fn settle(&self) {
        let rooms: Vec<Door> = lock(&self.0.open).values().cloned().collect();
        let mut settled = Vec::with_capacity(rooms.len());
        for room in rooms {
            let (reply, answer) = oneshot::channel();
            // A room that has gone has written its rows.
            if room.requests.send(Request::Settle { reply }).await.is_ok() {
                settled.push(answer);
            }
        }
        for answer in settled {
            drop(answer.await);
        }
    }

    /// The disk, which has to have room for what edits write, and all else.
    pub(crate) fn disk(&self) -> &Arc<Disk> {
        &self.0.disk
    }

    /// How snapshots for sockets are made.
    fn snapshots(&self) -> &Snapshots {
        &self.0.snapshots
    }

    /// Waits until one of the few old states that are made at a time may be this one. None never comes: nobody closes the
    /// queue.
    async fn turn_to_rewind(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.rewinds).acquire_owned().await.ok()
    }

    async fn ask<T>(
        &self,
        scope: &Scope,
        request: impl FnOnce(oneshot::Sender<Result<T, SubmitError>>) -> Request,
    ) -> Result<T, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.send(scope, request(reply)).await;
        answer.await.unwrap_or(Err(SubmitError::Unavailable))
    }

    /// A place for so many bytes of edits on their way to the scope's room; waits while others take it up. None never comes:
    /// nobody closes the queue.
    async fn place(&self, scope: &Scope, bytes: usize) -> Option<Place> {
        let bytes = u32::try_from(bytes.min(ROOM_BYTES_MAX)).unwrap_or(u32::MAX);
        self.room(scope).bytes.acquire_many_owned(bytes).await.ok().map(Arc::new)
    }

    /// Hands a request to the scope's room, which is opened when it is not; waits while its queue is full.
    async fn send(&self, scope: &Scope, mut request: Request) {
        const TRIES_MAX: usize = 3;
        for _ in 0..TRIES_MAX {
            let room = self.room(scope);
            match room.requests.send(request).await {
                Ok(()) => return,
                // The room retired between the look-up and the sending: open it again.
                Err(returned) => request = returned.0,
            }
        }
        tracing::error!(?scope, "a room could not be opened");
    }

    fn room(&self, scope: &Scope) -> Door {
        let mut open = lock(&self.0.open);
        if let Some(room) = open.get(scope).filter(|room| !room.requests.is_closed()) {
            return room.clone();
        }
        let (sender, requests) = mpsc::channel(ROOM_QUEUE_MAX);
        let door = Door { requests: sender, bytes: Arc::new(Semaphore::new(ROOM_BYTES_MAX)) };
        open.insert(scope.clone(), door.clone());
        let (rooms, own) = (Arc::clone(&self.0), scope.clone());
        let retire = move |requests: &mpsc::Receiver<Request>| {
            let mut open = lock(&rooms.open);
            // The map holds one sender; more mean that a request is on its way.
            let unused = requests.is_empty() && requests.sender_strong_count() <= 1;
            if unused {
                open.remove(&own);
            }
            unused
        };
        let (database, clock) = (self.0.database.clone(), self.0.clock.clone());
        let neighbours = Neighbours(Arc::clone(&self.0));
        let log_bytes_max = self.0.log_per_song;
        let task = RoomTask::run(scope.clone(), (database, log_bytes_max), clock, neighbours, requests, retire);
        tokio::spawn(task);
        door
    }

    /// A number for a new socket of this user's session; none when they have too many open already. `ended` is cancelled when the
    /// session ends.
    fn socket_opened(&self, user: &Id, session: TokenHash, ended: &CancellationToken) -> Option<SocketId> {
        let number = self.0.next_socket.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.sockets).open(user, number, session, ended.clone()).then_some(number)
    }

    fn socket_closed(&self, user: &Id, number: SocketId) {
        lock(&self.0.sockets).close(user, number);
    }

    /// Ends those of a person's sockets whose session does not hold any more. Nothing that they send from now on is taken.
    pub(crate) fn end_sockets(&self, user: &Id, holds: impl Fn(&TokenHash) -> bool) {
        lock(&self.0.sockets).end(user, holds);
    }
}

/// How a project's room reaches the rooms of people.
pub(crate) struct Neighbours(Arc<Rooms>);

impl Neighbours {
    /// Counts bytes towards this person's edits that they have not sent.
    pub(crate) fn owes(&self, user: &Id, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        lock(&self.0.rates).owe(user, Kind::EditByte, bytes, self.0.clock.now());
    }

    /// Has the rooms of these people, those that are open, look again at who may listen there.
    pub(crate) fn review(&self, people: Vec<Id>) {
        let rooms: Vec<Door> = {
            let open = lock(&self.0.open);
            people.into_iter().filter_map(|user| open.get(&Scope::User(user)).cloned()).collect()
        };
        if rooms.is_empty() {
            return;
        }
        // Not by the room that asks: two rooms that wait for each other's queues would wait for ever.
        tokio::spawn(async move {
            for room in rooms {
                // One that has gone in the meantime has nobody listening.
                drop(room.requests.send(Request::Review).await);
            }
        });
    }
}

/// What a transaction takes as it is sent.
fn bytes_of(transaction: &Transaction) -> usize {
    sync::wire::encode(&transaction.operations).len()
}

fn may_read(room: &Room, author: &Author) -> bool {
    match (author, room.scope()) {
        (Author::System, _) => true,
        (Author::User(user), Scope::User(own)) => user == own,
        (Author::User(user), Scope::Project(_)) => role_of(room.records(), user).is_some(),
    }
}
