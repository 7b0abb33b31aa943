//! The only way out of the screens: the replica and its socket, calls to the server, files, sound.
//!
//! A screen calls [`Door::dispatch`] with operations and reads signals: [`Door::record`], [`Door::project`], [`Door::tracks`],
//! [`Door::status`], [`Door::people`]. What a commit did not touch does not run again.

pub(crate) mod api;
mod assets;
pub(crate) mod audio_cache;
mod backoff;
pub(crate) mod clock;
mod desk;
mod drain;
mod effects;
pub(crate) mod exports;
mod hands;
pub(crate) mod history;
mod identity;
pub(crate) mod imports;
mod intake;
mod keeping;
mod leaving;
mod locks;
mod outbox;
pub(crate) mod past;
pub(crate) mod peaks;
mod people;
mod socket;
mod songs;
pub(crate) mod sound;
pub(crate) mod store;
mod tabs;
pub(crate) mod times;
mod turns;
mod undo;
mod unsaved;
mod upload;
pub(crate) mod user;
pub(crate) mod waiting;
mod warm_up;
mod watched;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use leptos::prelude::*;
use model::{Id, Key, Project, Record, Records, Role, Table, Ticks};
use operations::{Operation, Refusal, in_transactions};
use sync::wire::{ClientMessage, Presence as Doing, PresenceOf, ServerMessage};
use sync::{Edit, Event, Replica, Status};

pub(crate) use desk::{Desk, KeptSong};
pub(crate) use identity::{new_id, now};
pub(crate) use imports::upload_what_waits;
pub(crate) use people::Presence;
pub(crate) use store::{Health, Listed};
pub(crate) use unsaved::{Unsaved, in_words, refused};

use crate::toast::Toasts;
use keeping::Keeping;
use socket::{Socket, SocketEvent};
use sound::LoopRegion;
use times::Times;

/// The channel of the one project that a page has open.
const CHANNEL: u32 = 1;
/// Labels of edits that are remembered, to say what was undone.
const LABELS_MAX: usize = 4_096;
/// Why somebody who may only listen cannot do what they tried.
pub(crate) const ONLY_LISTENS: &str =
    "You can listen to this project and look at it, not change it. An owner can make you an editor.";

type Listener = Rc<dyn Fn(&[Key])>;

/// The door to one project. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Door {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    status: RwSignal<Status>,
    logged_out: RwSignal<bool>,
    people: RwSignal<Vec<Presence>>,
    role: RwSignal<Option<Role>>,
    unsaved: RwSignal<Vec<Unsaved>>,
    leaving: RwSignal<bool>,
    tracks: RwSignal<Vec<Id>>,
    project: RwSignal<Option<Project>>,
    times: RwSignal<Times>,
    undo: undo::Names,
    presences: RwSignal<Vec<PresenceOf>>,
    past: past::Past,
    health: RwSignal<Health>,
    missing: RwSignal<bool>,
    puts_off_login: RwSignal<bool>,
    toasts: Toasts,
}

struct Inner {
    me: Id,
    project: Id,
    replica: RefCell<Replica>,
    socket: RefCell<Option<Socket>>,
    watched: RefCell<watched::Watched>,
    listeners: RefCell<Vec<(u32, Listener)>>,
    next_listener: Cell<u32>,
    hands: hands::Hands,
    /// Where the song stood when it was left last.
    stood: Cell<(Ticks, LoopRegion)>,
    leaving: leaving::Leaving,
    /// What each of one's own transactions was, in words.
    labels: RefCell<HashMap<Id, String>>,
    keeping: RefCell<Keeping>,
    /// Whether the browser has been asked to keep things for good.
    has_asked: Cell<bool>,
    /// Whether the user has been told that there is no room left.
    has_warned: Cell<bool>,
    peaks: Rc<peaks::Peaks>,
    imports: Rc<imports::Imports>,
    audio: Rc<audio_cache::AudioCache>,
}

/// Whether the project is closed to this user: not when somebody else has logged in, whose edits wait for them.
fn is_closed(status: &Status) -> bool {
    status.denied.as_deref() == Some(Refusal::FORBIDDEN)
}

fn an_edit() -> String {
    "An edit".to_owned()
}

impl Door {
    /// Opens `project` for `me` and stays connected.
    fn open(me: Id, project: Id, toasts: Toasts) -> Door {
        let inner = Rc::new(Inner {
            audio: Rc::new(audio_cache::AudioCache::of(me.clone())),
            me: me.clone(),
            project: project.clone(),
            replica: RefCell::new(Replica::keeping(me, project, CHANNEL)),
            socket: RefCell::new(None),
            watched: RefCell::default(),
            listeners: RefCell::default(),
            next_listener: Cell::default(),
            hands: hands::Hands::default(),
            stood: Cell::default(),
            leaving: leaving::Leaving::default(),
            labels: RefCell::default(),
            keeping: RefCell::default(),
            has_asked: Cell::new(false),
            has_warned: Cell::new(false),
            peaks: Rc::new(peaks::Peaks::new()),
            imports: Rc::default(),
        });
        let door = Door {
            inner: StoredValue::new_local(inner),
            status: RwSignal::new(Status::default()),
            logged_out: RwSignal::new(false),
            people: RwSignal::new(Vec::new()),
            role: RwSignal::new(None),
            unsaved: RwSignal::new(Vec::new()),
            leaving: RwSignal::new(false),
            tracks: RwSignal::new(Vec::new()),
            project: RwSignal::new(None),
            times: RwSignal::new(Times::default()),
            undo: undo::Names::new(),
            presences: RwSignal::new(Vec::new()),
            past: past::Past::new(),
            health: RwSignal::new(Health::default()),
            missing: RwSignal::new(false),
            puts_off_login: RwSignal::new(false),
            toasts,
        };
        leptos::task::spawn_local(door.begin());
        door.warn_before_leaving();
        audio_cache::fill(door);
        door.go_on_uploading();
        door
    }

    fn connect(self) {
        let has_to_send = move || self.alive().is_some_and(|inner| inner.replica.borrow().status().has_to_send());
        let socket = Socket::open(move |event| self.socket_event(event), has_to_send);
        *self.inner().socket.borrow_mut() = Some(socket);
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }

    /// Where messages go.
    pub(crate) fn toasts(self) -> Toasts {
        self.toasts
    }

    /// The waveforms of the recordings.
    pub(crate) fn peaks(self) -> Rc<peaks::Peaks> {
        Rc::clone(&self.inner().peaks)
    }

    /// The uploads of this tab.
    pub(crate) fn imports(self) -> Rc<imports::Imports> {
        Rc::clone(&self.inner().imports)
    }

    /// The recordings that are kept on this device.
    fn audio(self) -> Rc<audio_cache::AudioCache> {
        Rc::clone(&self.inner().audio)
    }

    /// Applies operations at once and sends them; `what` names the edit: on the button that undoes it, and should it be refused ("Move clip").
    /// True when it was applied.
    pub(crate) fn dispatch(self, what: &'static str, operations: Vec<Operation>) -> bool {
        if self.past.is_shown() {
            self.toasts.error(format!("{what} is not possible"), past::LOOKING_BACK);
            return false;
        }
        let mut parts = in_transactions(operations);
        match parts.len() {
            0 | 1 => self.dispatch_gesture(what, None, parts.pop().unwrap_or_default()),
            _ => self.dispatch_parts(what, new_id(), parts),
        }
    }

    /// The same of more operations, or heavier ones, than one transaction takes: several, which are one step of undo. All of them are
    /// applied, or none.
    fn dispatch_parts(self, what: &'static str, gesture: Id, parts: Vec<Vec<Operation>>) -> bool {
        if let Err(refusal) = self.try_out(&gesture, &parts) {
            self.toasts.error(format!("{what} is not possible"), self.reason(refusal));
            return false;
        }
        parts.into_iter().all(|operations| self.dispatch_gesture(what, Some(gesture.clone()), operations))
    }

    /// Does all parts of a gesture in a copy: half of them would be neither the one nor the other.
    fn try_out(self, gesture: &Id, parts: &[Vec<Operation>]) -> Result<(), Refusal> {
        let mut copy = self.inner().replica.borrow().clone();
        let edit = Edit { label: String::new(), gesture: Some(gesture.clone()) };
        for operations in parts {
            copy.edit(new_id(), &edit, operations.clone(), now())?;
        }
        Ok(())
    }

    /// The same as a part of a gesture: edits of one `gesture` are one step of undo (UN2).
    pub(crate) fn dispatch_gesture(self, what: &'static str, gesture: Option<Id>, operations: Vec<Operation>) -> bool {
        if operations.is_empty() {
            return true;
        }
        let inner = self.inner();
        let tx_id = new_id();
        let edit = Edit { label: what.to_owned(), gesture };
        let result = inner.replica.borrow_mut().edit(tx_id.clone(), &edit, operations, now());
        match result {
            Ok(effects) => {
                self.label(tx_id, what.to_owned());
                self.perform(effects);
                true
            }
            Err(refusal) => {
                self.toasts.error(format!("{what} is not possible"), self.reason(refusal));
                false
            }
        }
    }

    /// Why something is refused, for people.
    fn reason(self, refusal: Refusal) -> String {
        let listens = refusal.status == 403 && self.role.get_untracked() == Some(Role::Viewer);
        if listens { ONLY_LISTENS.to_owned() } else { refusal.message }
    }

    fn label(self, tx_id: Id, what: String) {
        let inner = self.inner();
        let mut labels = inner.labels.borrow_mut();
        if labels.len() >= LABELS_MAX {
            labels.clear();
        }
        labels.insert(tx_id, what);
    }

    /// What others point at and do.
    pub(crate) fn presences(self) -> ReadSignal<Vec<PresenceOf>> {
        self.presences.read_only()
    }

    /// Tells the others where this user points and what they do. The caller keeps to a rate.
    pub(crate) fn present(self, doing: Doing) {
        let effect = self.inner().replica.borrow().present(doing);
        self.perform(effect.into_iter().collect());
    }

    /// The record of this name, now and whenever it changes; none when it is not there. For as long as whoever asks is on the
    /// screen (CL7).
    pub(crate) fn record(self, table: Table, id: &Id) -> ReadSignal<Option<Record>> {
        let inner = self.inner();
        let key = Key::new(table, id.clone());
        let current = self.read(|records| records.get(&key).cloned());
        let signal = inner.watched.borrow_mut().watch(&key, current);
        on_cleanup(move || {
            if let Some(inner) = self.alive() {
                inner.watched.borrow_mut().leave(&key, now());
            }
        });
        signal.read_only().into()
    }

    /// The project; none until it is here.
    pub(crate) fn project(self) -> ReadSignal<Option<Project>> {
        self.project.read_only()
    }

    /// Tempo and metre of the song.
    pub(crate) fn times(self) -> ReadSignal<Times> {
        self.times.read_only()
    }

    /// The tracks that are not deleted, in their order.
    pub(crate) fn tracks(self) -> ReadSignal<Vec<Id>> {
        self.tracks.read_only()
    }

    /// How it stands with the server.
    pub(crate) fn status(self) -> ReadSignal<Status> {
        self.status.read_only()
    }

    /// Whether the session has ended while the page was open.
    pub(crate) fn logged_out(self) -> ReadSignal<bool> {
        self.logged_out.read_only()
    }

    /// How well edits are kept in this browser.
    pub(crate) fn health(self) -> ReadSignal<Health> {
        self.health.read_only()
    }

    /// Whether the server could not be reached when the project was opened: it is here only if this browser has kept it.
    pub(crate) fn is_missing(self) -> ReadSignal<bool> {
        self.missing.read_only()
    }

    /// Whether the user has put off to log in again.
    pub(crate) fn puts_off_login(self) -> RwSignal<bool> {
        self.puts_off_login
    }

    /// Who can open the project, and who has it open.
    pub(crate) fn people(self) -> ReadSignal<Vec<Presence>> {
        self.people.read_only()
    }

    /// What this user may do; none before the project is here, and for who is no member any more.
    pub(crate) fn role(self) -> ReadSignal<Option<Role>> {
        self.role.read_only()
    }

    /// Edits that the server did not take, until the user has dismissed them (CL3, PE5).
    pub(crate) fn unsaved(self) -> RwSignal<Vec<Unsaved>> {
        self.unsaved
    }

    /// Whether this user is on their way out: then the page is not one that was closed to them.
    pub(crate) fn leaving(self) -> RwSignal<bool> {
        self.leaving
    }

    /// Reads all records that are shown at once; not tracked.
    pub(crate) fn read<T>(self, read: impl FnOnce(&Records) -> T) -> T {
        let shown = self.past.shown(self.inner().replica.borrow().view());
        read(&shown)
    }

    /// Whether the server has confirmed that this record exists.
    pub(crate) fn is_committed(self, table: Table, id: &Id) -> bool {
        self.inner().replica.borrow().committed().find(table, id).is_some()
    }

    /// Whether this user may edit.
    pub(crate) fn may_edit(self) -> bool {
        !self.past.is_shown() && self.inner().replica.borrow().role().is_some_and(|role| role >= Role::Editor)
    }

    /// The same, for screens: runs again when the role may have changed.
    pub(crate) fn may_edit_now(self) -> bool {
        self.role.get() >= Some(Role::Editor) && !self.past.is_shown_now()
    }

    /// Why a control does nothing, for its title; `what` it does where it does.
    pub(crate) fn title(self, what: &'static str) -> &'static str {
        match (self.may_edit_now(), self.past.is_shown_now()) {
            (true, _) => what,
            (false, true) => past::LOOKING_BACK,
            (false, false) => ONLY_LISTENS,
        }
    }

    /// Calls `listener` with the keys of what changed, for what is no DOM: the canvas, the engine. For as long as whoever asks is on
    /// the screen.
    pub(crate) fn listen(self, listener: impl Fn(&[Key]) + 'static) {
        let inner = self.inner();
        let number = inner.next_listener.get();
        inner.next_listener.set(number.wrapping_add(1));
        inner.listeners.borrow_mut().push((number, Rc::new(listener)));
        on_cleanup(move || {
            if let Some(inner) = self.alive() {
                inner.listeners.borrow_mut().retain(|(other, _)| *other != number);
            }
        });
    }

    fn socket_event(self, event: SocketEvent) {
        let inner = self.inner();
        let event = match event {
            SocketEvent::Opened => Event::Connected,
            SocketEvent::Closed => {
                if let Some(outbox) = self.outbox() {
                    outbox.clear();
                }
                self.check_session();
                Event::Disconnected
            }
            SocketEvent::Message(message) => Event::Message(message),
        };
        match &event {
            Event::Message(ServerMessage::Error { message }) => {
                self.toasts.error("The connection was closed", message.clone());
            }
            // Of another user's session nothing is kept here.
            Event::Message(ServerMessage::People { people, .. }) if people.iter().any(|one| one.id == inner.me) => {
                self.keep_people(people);
            }
            _ => {}
        }
        let effects = inner.replica.borrow_mut().handle(event);
        self.perform(effects);
    }

    /// A browser does not say why a socket was refused: ask whether the session has ended.
    fn check_session(self) {
        leptos::task::spawn_local(async move {
            let answer = api::get_text(api::ME).await;
            if self.has_ended() {
                return;
            }
            match answer {
                Err(failure) if failure.status == 401 => self.logged_out.set(true),
                Ok(me) => self.is_logged_in(&me),
                Err(_) => self.missing.set(true),
            }
        });
    }

    fn send(self, message: ClientMessage) {
        match self.outbox() {
            Some(outbox) if matches!(message, ClientMessage::Submit { .. }) => outbox.submit(message),
            _ => self.send_now(&message),
        }
    }

    fn send_now(self, message: &ClientMessage) {
        let Some(inner) = self.alive() else { return };
        if let Some(socket) = inner.socket.borrow().as_ref() {
            socket.send(message);
        }
    }

    /// The present has changed; behind an old state most of that is not shown.
    fn changed(self, keys: &[Key]) {
        let keys = self.past.let_through(self.inner().replica.borrow().view(), keys);
        if !keys.is_empty() {
            self.show(&keys);
        }
    }

    /// Has the screens look again at these records.
    fn show(self, keys: &[Key]) {
        let inner = self.inner();
        let view = self.read(Records::clone);
        for key in keys {
            let signal = inner.watched.borrow().signal(key);
            if let Some(signal) = signal {
                signal.set(view.get(key).cloned());
            }
        }
        if keys.iter().any(|key| key.table == Table::Projects) {
            let opens = self.project.with_untracked(Option::is_none);
            self.project.set(view.project().map(Project::from_record));
            if opens {
                warm_up::soon(self);
                intake::soon();
            }
        }
        if keys.iter().any(|key| Times::depend_on(key.table)) {
            let times = Times::of(&view);
            if *self.times.read_untracked() != times {
                self.times.set(times);
            }
        }
        if keys.iter().any(|key| key.table == Table::Tracks) {
            let tracks: Vec<Id> = view.tracks().iter().map(|track| track.id().clone()).collect();
            if *self.tracks.read_untracked() != tracks {
                self.tracks.set(tracks);
            }
        }
        if keys.iter().any(|key| key.table == Table::ProjectMembers) {
            self.people_changed();
        }
        let listeners: Vec<Listener> =
            inner.listeners.borrow().iter().map(|(_, listener)| Rc::clone(listener)).collect();
        for listener in listeners {
            listener(keys);
        }
    }
}
