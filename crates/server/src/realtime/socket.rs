//! The WebSocket, in both of its languages: the guide's text (W3) and our own frames (W4).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::response::Response;
use model::{Id, Key, Table};
use operations::{Author, Refusal, Scope};
use sync::wire::text::{Notice, Request as TextRequest};
use sync::wire::{
    self, CHANNELS_MAX, CLIENT_FRAME_BYTES_MAX, ClientMessage, PRESENCE_HELD_MAX, PRESENCE_SELECTION_MAX, Presence,
    SUBMIT_TRANSACTIONS_MAX, ServerMessage,
};
use tokio::time::{Instant, interval_at, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::SubmitError;
use super::commit_group::Submission;
use super::limits::{PING_EVERY, PRESENCE_FROM_SOCKET_EVERY, SILENCE_MAX, SUBSCRIPTIONS_MAX, TEXT_BYTES_MAX};
use super::outbox::{Outbox, OutboxTask, Work, outbox};
use super::queue::Outgoing;
use super::rates::Kind;
use super::room_task::{Request, SocketId};
use super::snapshots::Frame;
use crate::App;
use crate::accounts::Caller;
use crate::web_socket::{Incoming, Received, Upgrade, WriteHalf};

/// Why a socket is closed, for the other side (RFC 6455, section 7.4).
mod close_code {
    pub(super) const NORMAL: u16 = 1000;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const RESTART: u16 = 1012;
    pub(super) const AGAIN: u16 = 1013;
}

/// What a socket is told that is cut off.
const TOO_SLOW: (u16, &str) = (close_code::AGAIN, "this connection reads too slowly, or has ended; please resume");
/// What a socket is told whose session has ended.
const LOGGED_OUT: (u16, &str) = (close_code::POLICY, "please log in again");
/// How long the goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// Turns a request into a socket. The caller has made sure who it is, and that the origin is our own (PS1).
pub(crate) fn accept(app: App, user: Caller, upgrade: Upgrade) -> Response {
    let ours = [wire::SUBPROTOCOL_PACKED, wire::SUBPROTOCOL];
    let protocol = ours.into_iter().find(|protocol| upgrade.offers(protocol));
    let attend = move |incoming, wire| serve(app, user, protocol, incoming, wire);
    upgrade.accept(protocol, CLIENT_FRAME_BYTES_MAX, attend)
}

async fn serve(app: App, user: Caller, protocol: Option<&str>, incoming: Incoming, wire: WriteHalf) {
    let (binary, packs) = (protocol.is_some(), protocol == Some(wire::SUBPROTOCOL_PACKED));
    // Whoever ends the session cuts the socket off with it.
    let ended = CancellationToken::new();
    let cut = ended.child_token();
    let (sender, task) = outbox(wire, cut.clone());
    let Some(number) = app.realtime.socket_opened(&user.user, user.session, &ended) else {
        let goodbye = task.close(close_code::POLICY, "you have too many connections open");
        drop(tokio::time::timeout(GOODBYE_MAX, goodbye).await);
        return;
    };
    // It may have ended since the request was let in.
    if !still_logged_in(&app, &user).await {
        ended.cancel();
    }
    let mut writer = tokio::spawn(write(task, packs, cut.clone(), ended, app.clone(), user.clone()));
    let mut session = Session {
        app: app.clone(),
        user: user.user.clone(),
        number,
        outbox: sender,
        cut: cut.clone(),
        rooms: Rooms::default(),
        pointing: Pointing::default(),
        greeted: false,
    };
    session.read(incoming, binary).await;
    session.leave().await;
    // What is queued, an error's reason above all, is still written.
    session.outbox.push(Outgoing::Goodbye);
    if tokio::time::timeout(GOODBYE_MAX, &mut writer).await.is_err() {
        cut.cancel();
        drop(writer.await);
    }
    app.realtime.socket_closed(&user.user, number);
}

/// Whether the session with which the socket was opened still holds; a database that does not answer ends nothing.
async fn still_logged_in(app: &App, caller: &Caller) -> bool {
    !matches!(Caller::of_session(app, caller.session).await, Ok(None))
}

type Making = Pin<Box<dyn Future<Output = Option<Frame>> + Send>>;

/// What has become of the snapshot that is being made; none when there is none.
async fn whole(making: &mut Option<Making>) -> Option<Option<Frame>> {
    Some(making.as_mut()?.await)
}

/// Writes what the rooms cannot write themselves, asks whether the other side is still there, and says goodbye.
async fn write(
    mut outbox: OutboxTask,
    packs: bool,
    cut: CancellationToken,
    ended: CancellationToken,
    app: App,
    user: Caller,
) {
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    // It may have to wait for others, while the other side is asked whether it is still there.
    let mut making: Option<Making> = None;
    // Made once: each would take its place in a list of listeners each time.
    let (mut cut_off, mut stopping) = (pin!(cut.cancelled()), pin!(app.shutdown.cancelled()));
    let (code, reason) = loop {
        let work = tokio::select! {
            biased;
            () = &mut cut_off => break if ended.is_cancelled() { LOGGED_OUT } else { TOO_SLOW },
            () = &mut stopping => break (close_code::RESTART, "the server is stopping"),
            _ = ping.tick() => {
                if !still_logged_in(&app, &user).await {
                    break LOGGED_OUT;
                }
                outbox.ping();
                continue;
            }
            Some(frame) = whole(&mut making) => {
                making = None;
                match frame {
                    Some(Frame { head, body }) => outbox.made(&head, body),
                    None => break TOO_SLOW,
                }
                continue;
            }
            work = outbox.work() => work,
        };
        match work {
            Work::Snapshot { channel, room } => {
                let (app, user) = (app.clone(), user.user.clone());
                making =
                    Some(Box::pin(async move { app.realtime.snapshots().frame(&user, channel, room, packs).await }));
            }
            Work::Goodbye => break (close_code::NORMAL, "goodbye"),
            Work::Broken => break TOO_SLOW,
        }
    };
    cut.cancel();
    drop(tokio::time::timeout(GOODBYE_MAX, outbox.close(code, reason)).await);
}

/// Which rooms a socket listens to.
#[derive(Default)]
struct Rooms {
    /// By channel (W4).
    channels: HashMap<u32, Scope>,
    /// By subscription key (W3).
    keys: HashMap<String, Scope>,
}

/// What the client says of where it points, on its way to the rooms.
#[derive(Default)]
struct Pointing {
    /// What came too soon after the last, by channel: the latest.
    held: BTreeMap<u32, Presence>,
    passed_on_at: Option<Instant>,
}

impl Pointing {
    /// When the rooms are to hear what is held.
    fn due(&self) -> Option<Instant> {
        let due = || self.passed_on_at.map_or_else(Instant::now, |at| at + PRESENCE_FROM_SOCKET_EVERY);
        (!self.held.is_empty()).then(due)
    }
}

struct Session {
    app: App,
    user: Id,
    number: SocketId,
    outbox: Outbox,
    /// Cancelled when the socket is to end: what comes after that is not taken.
    cut: CancellationToken,
    rooms: Rooms,
    pointing: Pointing,
    greeted: bool,
}

impl Session {
    /// Reads until the other side leaves, is silent for too long, or makes no sense.
    async fn read(&mut self, mut incoming: Incoming, binary: bool) {
        let mut heard_at = Instant::now();
        loop {
            let due = self.pointing.due();
            let next = tokio::select! {
                biased;
                () = self.cut.cancelled() => return,
                () = sleep_until(due.unwrap_or(heard_at)), if due.is_some() => {
                    self.pass_on().await;
                    continue;
                }
                next = timeout_at(heard_at + SILENCE_MAX, incoming.next()) => next,
            };
            heard_at = Instant::now();
            let Ok(Some(received)) = next else { return };
            let sense = match received {
                Received::Binary(frame) if binary => self.frame(&frame).await,
                Received::Text(text) if !binary => self.text(&text).await,
                Received::Ping(payload) => {
                    self.outbox.push(Outgoing::Pong(payload));
                    Ok(())
                }
                Received::Pong => Ok(()),
                Received::Binary(_) | Received::Text(_) => {
                    Err(format!("text is the guide's protocol, binary frames are {}", wire::SUBPROTOCOL))
                }
            };
            if let Err(message) = sense {
                if binary {
                    self.outbox.message(&ServerMessage::Error { message });
                    return;
                }
                // The guide's clients go on after an error.
                self.outbox.notice(&Notice::Error { message });
            }
        }
    }

    async fn frame(&mut self, frame: &[u8]) -> Result<(), String> {
        let message: ClientMessage = wire::decode(frame).map_err(|bad| bad.to_string())?;
        match message {
            ClientMessage::Hello { version } if version == u16::from(wire::VERSION) => {
                self.greeted = true;
                let (user, now) = (self.user.clone(), self.app.clock.now());
                self.outbox.message(&ServerMessage::Hello { version, user, now });
                Ok(())
            }
            ClientMessage::Hello { version } => {
                Err(format!("this server speaks version {}, not {version}: please reload", wire::VERSION))
            }
            _ if !self.greeted => Err("hello comes first".to_owned()),
            ClientMessage::Open { channel, project, resume } => self.open(channel, project, resume).await,
            ClientMessage::Submit { channel, transactions } => self.submit(channel, transactions, frame.len()).await,
            ClientMessage::Presence { channel, presence } => self.presence(channel, presence).await,
            ClientMessage::Close { channel } => {
                self.pointing.held.remove(&channel);
                if let Some(scope) = self.rooms.channels.remove(&channel) {
                    self.app.realtime.send(&scope, Request::Close { socket: self.number, channel }).await;
                }
                Ok(())
            }
            ClientMessage::Ping { nonce } => {
                self.outbox.message(&ServerMessage::Pong { nonce });
                Ok(())
            }
        }
    }

    async fn open(&mut self, channel: u32, project: Id, resume: Option<wire::Resume>) -> Result<(), String> {
        if !self.app.realtime.allows(&self.user, Kind::Open, 1) {
            // As one that may be tried again (W4).
            let message = "projects are opened faster than the server allows; please wait a moment".to_owned();
            self.outbox.message(&ServerMessage::Denied { channel, status: 503, message });
            return Ok(());
        }
        let (asked, user) = (project.clone(), self.user.clone());
        let member = self.app.database.run(move |store| Ok(store.role_of(&asked, &user)?.is_some()));
        // Before a room is opened: strangers must not make rooms of projects that do not exist.
        match member.await {
            Ok(true) => {}
            Ok(false) => {
                let message = Refusal::FORBIDDEN.to_owned();
                self.outbox.message(&ServerMessage::Denied { channel, status: 403, message });
                return Ok(());
            }
            Err(error) => {
                tracing::error!(%error, "a project could not be opened");
                let message = SubmitError::Unavailable.message();
                self.outbox.message(&ServerMessage::Denied { channel, status: 503, message });
                return Ok(());
            }
        }
        let scope = Scope::Project(project);
        let other = self.rooms.channels.get(&channel).is_some_and(|open| *open != scope);
        if other || (self.rooms.channels.len() >= CHANNELS_MAX && !self.rooms.channels.contains_key(&channel)) {
            return Err(format!("a connection has at most {CHANNELS_MAX} channels, each with one project"));
        }
        self.rooms.channels.insert(channel, scope.clone());
        let (socket, user, outbox) = (self.number, self.user.clone(), self.outbox.clone());
        self.app.realtime.send(&scope, Request::Open { socket, user, channel, resume, outbox }).await;
        Ok(())
    }

    /// Passes transactions on that have come in a frame of so many bytes.
    async fn submit(
        &mut self,
        channel: u32,
        mut transactions: Vec<operations::Transaction>,
        bytes: usize,
    ) -> Result<(), String> {
        let scope = self.rooms.channels.get(&channel).cloned().ok_or("this channel is not open")?;
        if transactions.len() > SUBMIT_TRANSACTIONS_MAX {
            return Err(format!("at most {SUBMIT_TRANSACTIONS_MAX} transactions at once"));
        }
        let mut late = None;
        if let Some(reason) = self.app.realtime.puts_off(&self.user, transactions.len(), bytes) {
            let mut tx_ids: Vec<Id> = transactions.iter().map(|transaction| transaction.tx_id.clone()).collect();
            let repeats = self.app.realtime.repeats(&reason, &self.user, tx_ids.clone()).await;
            transactions.truncate(repeats);
            late = Some((tx_ids.split_off(repeats), reason));
        }
        let author = Author::User(self.user.clone());
        let hand_over = async {
            if !transactions.is_empty() {
                let place = self.app.realtime.place(&scope, bytes).await;
                let submission = |transaction| {
                    let (author, place) = (author.clone(), place.clone());
                    Submission { author, transaction, jobs: Vec::new(), place }
                };
                let submissions = transactions.into_iter().map(submission).collect();
                let request = Request::SubmitFromSocket { socket: self.number, channel, submissions };
                self.app.realtime.send(&scope, request).await;
            }
            if let Some((tx_ids, reason)) = late.filter(|(tx_ids, _)| !tx_ids.is_empty()) {
                let request = Request::PutOff { socket: self.number, channel, tx_ids, reason };
                self.app.realtime.send(&scope, request).await;
            }
        };
        // While it waits for its place the session may end.
        tokio::select! {
            biased;
            () = self.cut.cancelled() => {}
            () = hand_over => {}
        }
        Ok(())
    }

    async fn presence(&mut self, channel: u32, presence: Presence) -> Result<(), String> {
        if !presence.is_sound() {
            return Err(format!(
                "presence names finite places, at most {PRESENCE_SELECTION_MAX} clips and {PRESENCE_HELD_MAX} values"
            ));
        }
        // A channel that is not open may just have been denied: there is nobody to tell.
        if self.rooms.channels.contains_key(&channel) {
            self.pointing.held.insert(channel, presence);
            if self.pointing.due().is_some_and(|due| due <= Instant::now()) {
                self.pass_on().await;
            }
        }
        Ok(())
    }

    /// Lets the rooms know what is held.
    async fn pass_on(&mut self) {
        self.pointing.passed_on_at = Some(Instant::now());
        for (channel, presence) in std::mem::take(&mut self.pointing.held) {
            let Some(scope) = self.rooms.channels.get(&channel).cloned() else { continue };
            let request = Request::Presence { socket: self.number, channel, presence };
            self.app.realtime.send(&scope, request).await;
        }
    }

    async fn text(&mut self, text: &str) -> Result<(), String> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("a message has at most {TEXT_BYTES_MAX} bytes"));
        }
        match serde_json::from_str(text).map_err(|error| error.to_string())? {
            TextRequest::Subscribe { key } => self.subscribe(key).await,
            TextRequest::Unsubscribe { key } => {
                if let Some(scope) = self.rooms.keys.remove(&key) {
                    let request = Request::Unwatch { socket: self.number, key: Some(key) };
                    self.app.realtime.send(&scope, request).await;
                }
                Ok(())
            }
        }
    }

    async fn subscribe(&mut self, key: String) -> Result<(), String> {
        if self.rooms.keys.len() >= SUBSCRIPTIONS_MAX && !self.rooms.keys.contains_key(&key) {
            return Err(format!("at most {SUBSCRIPTIONS_MAX} subscriptions"));
        }
        if !self.app.realtime.allows(&self.user, Kind::Subscribe, 1) {
            return Err(format!("{key}: subscriptions come faster than the server allows; please wait a moment"));
        }
        let scope = self.scope_of(&key).await.ok_or_else(|| format!("{key}: {}", Refusal::FORBIDDEN))?;
        self.rooms.keys.insert(key.clone(), scope.clone());
        let (socket, user, outbox) = (self.number, self.user.clone(), self.outbox.clone());
        self.app.realtime.send(&scope, Request::Watch { socket, user, key, outbox }).await;
        Ok(())
    }

    /// The room that knows of this key; none when there is none, or it is a stranger's.
    async fn scope_of(&self, key: &str) -> Option<Scope> {
        let (list, id) = key.split_once(':')?;
        let id = Id::new(id).ok()?;
        let (table, id) = match list {
            "project-tracks" => (Table::Projects, id),
            "track-clips" => (Table::Tracks, id),
            name => (Table::from_name(name)?, id),
        };
        let me = self.user.clone();
        let found = self.app.database.run(move |store| {
            let project = match table {
                Table::Projects => Some(id),
                Table::Users => {
                    return Ok((id == me || store.are_fellows(&me, &id)?).then_some(Scope::User(id)));
                }
                _ => store.project_of(&Key::new(table, id))?,
            };
            let Some(project) = project else { return Ok(None) };
            Ok(store.role_of(&project, &me)?.map(|_| Scope::Project(project)))
        });
        found.await.ok().flatten()
    }

    /// Lets go of every room.
    async fn leave(&mut self) {
        let rooms = std::mem::take(&mut self.rooms);
        for (channel, scope) in rooms.channels {
            self.app.realtime.send(&scope, Request::Close { socket: self.number, channel }).await;
        }
        let watched: HashSet<Scope> = rooms.keys.into_values().collect();
        for scope in watched {
            self.app.realtime.send(&scope, Request::Unwatch { socket: self.number, key: None }).await;
        }
    }
}
