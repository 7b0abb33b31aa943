//! One task per open project: it puts transactions in order, makes them durable, and tells whoever listens.

mod ahead;
mod committing;
mod following;
mod renewing;
mod telling;
mod watching;

use std::collections::{BTreeMap, BTreeSet};

use model::roles::role_of;
use model::{Id, Table};
use operations::Scope;
use storage::Database;
use sync::Room;
use sync::wire::{Presence, Resume, ServerMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::behind::Behind;
use super::commit_group::{Submission, Verdict, load};
use super::limits::ROOM_IDLE;
use super::outbox::Outbox;
use super::presence::Presences;
use super::{Neighbours, SubmitError};
use crate::state::{Clock, new_id};
use ahead::Ahead;
pub(super) use following::Follower;
use watching::Watcher;

/// Names a socket among all of this process.
pub(crate) type SocketId = u64;

/// What a room is asked.
pub(crate) enum Request {
    /// Commit these in this order, each on its own, and answer on the socket's channel.
    SubmitFromSocket { socket: SocketId, channel: u32, submissions: Vec<Submission> },
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
    /// This socket asks for more than one person may, or than the disk has room for: refuse these, and what it sends after them
    /// until it opens the project again, so that nothing overtakes what was put off.
    PutOff { socket: SocketId, channel: u32, tx_ids: Vec<Id>, reason: SubmitError },
    /// People may have stopped being fellows of this room's person: look again at who may listen.
    Review,
    /// The room as it is.
    Look { reply: oneshot::Sender<Result<Room, SubmitError>> },
}

pub(crate) struct RoomTask {
    /// As the log leaves it: what is under way is not in it.
    room: Room,
    ahead: Ahead,
    behind: Behind,
    /// Bytes that the log may grow to.
    log_bytes_max: u64,
    database: Database,
    clock: Clock,
    neighbours: Neighbours,
    requests: mpsc::Receiver<Request>,
    followers: Vec<Follower>,
    watchers: BTreeMap<String, Vec<Watcher>>,
    presences: Presences,
    /// When the log was given another epoch.
    renewed_at: Option<Instant>,
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
        (database, log_bytes_max): (Database, u64),
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
        let (ahead, renewed_at) = (Ahead::default(), None);
        let mut task = RoomTask {
            room,
            ahead,
            behind,
            log_bytes_max,
            database,
            clock,
            neighbours,
            requests,
            followers,
            watchers,
            presences,
            renewed_at,
        };
        // What has to wait until all that was judged before it is durable.
        let mut held = None;
        loop {
            if task.ahead.is_empty()
                && let Some(request) = held.take()
            {
                held = task.handle(request).await.and_then(|next| task.judge_waiting(next));
                task.presences.tell(&mut task.followers);
                continue;
            }
            let due = task.presences.due();
            tokio::select! {
                biased;
                outcome = task.ahead.outcome() => task.settle(outcome).await,
                request = task.requests.recv(), if held.is_none() && task.ahead.has_room() => match request {
                    Some(request) => held = task.judge_waiting(request),
                    None => return,
                },
                () = task.behind.wait() => {
                    task.behind.go_on(&task.room, &task.database);
                    continue;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = tokio::time::sleep(ROOM_IDLE), if task.is_unheard() && task.ahead.is_empty() => {
                    // The log has it all: a room whose rows cannot be written may go as well.
                    task.behind.finish(&task.room, &task.database).await;
                    if retire(&task.requests) {
                        return;
                    }
                    continue;
                }
            }
            task.presences.tell(&mut task.followers);
        }
    }

    fn is_unheard(&self) -> bool {
        self.followers.is_empty() && self.watchers.is_empty()
    }

    /// Deals with a request while nothing is under way; with submissions, also with those that wait behind it. What had to be
    /// taken out of the queue to see that comes back.
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
            Request::PutOff { socket, channel, tx_ids, reason } => self.put_off(socket, channel, tx_ids, reason),
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
            let epoch = self.room.epoch().clone();
            (self.room, self.behind) = load_room(&self.database, &self.room.scope().clone()).await?;
            self.begin_anew_after(&epoch);
        }
        Ok(())
    }
}

fn may_read(room: &Room, user: &Id) -> bool {
    role_of(room.records(), user).is_some()
}

/// Everyone who is a member.
fn members(room: &Room) -> BTreeSet<Id> {
    let memberships = room.records().table(Table::ProjectMembers).filter(|membership| !membership.is_deleted());
    memberships.filter_map(|membership| membership.id_in("userId")).collect()
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
