//! Sends what waits of a project that is not open: the list of projects does so, one after the other.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use model::Id;
use sync::wire::ClientMessage;
use sync::{Effect, End, Event, Kept, Messenger, TabMessage};

use super::outbox::Outbox;
use super::socket::{Socket, SocketEvent};
use super::store::{Cached, Loaded, Outcome, Store, Waiting};
use super::tabs::{TabEvent, Tabs};
use super::{CHANNEL, an_edit, clock};
use crate::toast::undo_words;

/// A tab that has the project open sends by itself: whoever is not asked to send by then need not wait.
const LEAD_WAIT: Duration = Duration::from_secs(2);
/// A tab that sends and is silent has been robbed of its lock by then.
const ROB_WAIT: Duration = Duration::from_secs(3);

/// What comes of it.
pub(crate) enum Drained {
    /// The server has not taken an edit: what it was, and why, unless its author may not make it any more.
    Refused { what: String, why: Option<String> },
    /// Something that the user has to know of an undo, and more about it.
    Says(String, String),
    /// Something has been settled, or set aside.
    Changed,
    /// There is nothing left to do here.
    Done(End),
}

/// One project whose edits are being sent. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Drain(Rc<Inner>);

struct Inner {
    project: Id,
    store: Store,
    messenger: RefCell<Messenger>,
    socket: RefCell<Option<Socket>>,
    tabs: RefCell<Option<Tabs>>,
    outbox: RefCell<Option<Outbox>>,
    tell: Box<dyn Fn(Drained)>,
    /// What the user knows the edits as.
    labels: RefCell<HashMap<Id, String>>,
    /// How often what is kept is being read; what other tabs say meanwhile is heard after that.
    reads: Cell<usize>,
    heard: RefCell<Vec<TabMessage>>,
}

impl Drain {
    /// Begins to send what waits of `project`, and tells what comes of it.
    pub(crate) async fn begin(store: Store, me: Id, project: Id, tell: impl Fn(Drained) + 'static) -> Drain {
        let drain = Drain(Rc::new(Inner {
            messenger: RefCell::new(Messenger::new(me.clone(), project.clone(), CHANNEL)),
            project: project.clone(),
            store,
            socket: RefCell::new(None),
            tabs: RefCell::new(None),
            outbox: RefCell::new(None),
            tell: Box::new(tell),
            labels: RefCell::default(),
            reads: Cell::new(0),
            heard: RefCell::default(),
        }));
        if let Some(Cached { epoch, seq, records, commits, .. }) = drain.0.store.cached(&project).await {
            let effects = drain.0.messenger.borrow_mut().restore(epoch, seq, records, &commits);
            drain.perform(effects);
        }
        drain.take_up(drain.0.store.load(&project)).await;
        let heard = drain.clone();
        let tabs = Tabs::join(&me, &project, move |event| heard.tab_event(event));
        tabs.look_for_sender();
        *drain.0.tabs.borrow_mut() = Some(tabs);
        let late = drain.clone();
        clock::after(LEAD_WAIT, move || {
            let is_silent = late.0.tabs.borrow().as_ref().is_some_and(Tabs::waits_for_sender);
            if is_silent {
                clock::after(ROB_WAIT, move || late.end_unless_it_leads());
            } else {
                late.end_unless_it_leads();
            }
        });
        drain
    }

    /// Another tab sends for this project.
    fn end_unless_it_leads(&self) {
        let end = self.0.messenger.borrow_mut().has_waited();
        self.ended(end);
    }

    /// The project.
    pub(crate) fn project(&self) -> &Id {
        &self.0.project
    }

    /// Whether the server has failed on an edit too often.
    pub(crate) fn is_parked(&self, tx_id: &Id) -> bool {
        self.0.messenger.borrow().replica().is_parked(tx_id)
    }

    /// The user wants what was set aside to be tried again, and at once.
    pub(crate) fn retry(&self) {
        self.handle(Event::Retry);
        let is_live = self.0.messenger.borrow().replica().status().live;
        if let Some(socket) = self.0.socket.borrow().clone().filter(|_| !is_live) {
            socket.reconnect_now();
        }
    }

    /// The user gives an edit up, or something else has happened.
    pub(crate) fn handle(&self, event: Event) {
        let (effects, end) = self.0.messenger.borrow_mut().handle(event);
        self.perform(effects);
        self.ended(end);
    }

    fn has_ended(&self) -> bool {
        self.0.messenger.borrow().has_ended()
    }

    /// Takes up the edits that wait, which `read` reads.
    async fn take_up(&self, read: impl Future<Output = Option<Loaded>>) {
        self.0.reads.set(self.0.reads.get() + 1);
        if let Some(loaded) = read.await {
            self.0.labels.borrow_mut().extend(loaded.labels);
            self.handle(Event::Stored(loaded.store));
        }
        self.0.reads.set(self.0.reads.get() - 1);
        if self.0.reads.get() == 0 {
            let heard = self.0.heard.take();
            heard.into_iter().for_each(|message| self.handle(Event::Tab(message)));
        }
    }

    /// The same, as the tab that sends from now on.
    async fn take_over(&self) {
        let (store, project) = (&self.0.store, &self.0.project);
        if !self.0.tabs.borrow().as_ref().is_some_and(Tabs::holds_lock) {
            return self.take_up(store.load(project)).await;
        }
        let took = async {
            let Some((number, loaded)) = store.take_over(project).await else { return store.load(project).await };
            let (sending, ending) = (self.clone(), self.clone());
            let send = move |message: &ClientMessage| sending.send(message);
            let outbox = Outbox::new(store.clone(), project.clone(), number, send, move || ending.end(End::Elsewhere));
            *self.0.outbox.borrow_mut() = Some(outbox);
            Some(loaded)
        };
        self.take_up(took).await;
    }

    fn hear(&self, message: TabMessage) {
        if let TabMessage::Kept { place, kept } = &message {
            self.0.store.is_at(kept.transaction.tx_id.clone(), *place);
        }
        if self.0.reads.get() > 0 {
            return self.0.heard.borrow_mut().push(message);
        }
        self.handle(Event::Tab(message));
    }

    /// An undo does something else now, since what it takes back has met others' edits: that is kept before it is sent.
    fn keep(&self, kept: Kept) {
        let tx_id = kept.transaction.tx_id.clone();
        let what = self.0.labels.borrow().get(&tx_id).cloned().unwrap_or_default();
        let sender = self.0.outbox.borrow().as_ref().map(Outbox::number);
        let drain = self.clone();
        let told = move |outcome: Outcome| match outcome {
            _ if drain.has_ended() => {}
            Outcome::At(place) => drain.handle(Event::Kept { tx_id, place: Some(place) }),
            Outcome::Nowhere => drain.handle(Event::Kept { tx_id, place: None }),
            Outcome::Overtaken => drain.end(End::Elsewhere),
        };
        self.0.store.keep(&Waiting { project: self.0.project.clone(), what, kept }, sender, told);
    }

    fn send(&self, message: &ClientMessage) {
        if let Some(socket) = self.0.socket.borrow().as_ref() {
            socket.send(message);
        }
    }

    fn tab_event(&self, event: TabEvent) {
        match event {
            TabEvent::Says(message) => self.hear(message),
            TabEvent::Leads(true) => {
                let drain = self.clone();
                leptos::task::spawn_local(async move { drain.lead().await });
            }
            TabEvent::Left => {}
            TabEvent::Leads(false) => self.handle(Event::Leads(false)),
        }
    }

    /// It is this one's turn to send.
    async fn lead(&self) {
        self.0.messenger.borrow_mut().takes_turn();
        self.take_over().await;
        // Ended meanwhile, it opens nothing; what it has taken holds it.
        if self.has_ended() {
            drop(self.0.outbox.borrow_mut().take());
            return;
        }
        let (heard, sends) = (self.clone(), self.clone());
        let has_to_send = move || sends.0.messenger.borrow().replica().status().has_to_send();
        let socket = Socket::open(move |event| heard.socket_event(event), has_to_send);
        *self.0.socket.borrow_mut() = Some(socket);
        let has_lock = self.0.tabs.borrow().as_ref().is_some_and(Tabs::holds_lock);
        self.handle(if has_lock { Event::Leads(true) } else { Event::SharesLead });
    }

    fn socket_event(&self, event: SocketEvent) {
        if self.has_ended() {
            return;
        }
        self.handle(match event {
            SocketEvent::Opened => Event::Connected,
            SocketEvent::Closed => {
                if let Some(outbox) = self.0.outbox.borrow().as_ref() {
                    outbox.clear();
                }
                Event::Disconnected
            }
            SocketEvent::Message(message) => Event::Message(message),
        });
    }

    fn perform(&self, effects: Vec<Effect>) {
        // One message for all parts of a step.
        let mut skipped = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(message) => match self.0.outbox.borrow().as_ref() {
                    Some(outbox) if matches!(message, ClientMessage::Submit { .. }) => outbox.submit(message),
                    _ => self.send(&message),
                },
                Effect::Keep(kept) => self.keep(kept),
                Effect::Forget(tx_id) => self.0.store.forget(tx_id),
                Effect::Tell(message) => {
                    if let Some(tabs) = self.0.tabs.borrow().as_ref() {
                        tabs.tell(message);
                    }
                }
                Effect::Steps(changes) => self.0.store.keep_steps(&self.0.project, changes),
                Effect::Refused { tx_id, status, message } => {
                    let what = self.0.labels.borrow_mut().remove(&tx_id).filter(|what| !what.is_empty());
                    let (what, why) = (what.unwrap_or_else(an_edit), (status != 403).then_some(message));
                    (self.0.tell)(Drained::Refused { what, why });
                }
                Effect::Reconnect => {
                    if let Some(socket) = self.0.socket.borrow().clone() {
                        // Later: this runs inside the socket's own event.
                        clock::after(Duration::ZERO, move || socket.reconnect());
                    }
                }
                Effect::StatusChanged => (self.0.tell)(Drained::Changed),
                Effect::Skipped { operations, reason: None, .. } => skipped.extend(operations),
                Effect::Skipped { operations, reason: Some(reason), .. } => {
                    let words = undo_words::left_out(self.0.messenger.borrow().replica().view(), &operations);
                    (self.0.tell)(Drained::Says(words, reason));
                }
                Effect::HidOthersWork { keys, .. } => {
                    let words = undo_words::hidden(self.0.messenger.borrow().replica().view(), &keys);
                    (self.0.tell)(Drained::Says(words, "Redo brings it back, in the song.".to_owned()));
                }
                // Nobody looks at the records, and what is cached stays as it is.
                Effect::Changed(_)
                | Effect::PeopleChanged
                | Effect::PresenceChanged
                | Effect::Followed(_)
                | Effect::Replaced => {}
            }
        }
        if !skipped.is_empty() {
            let words = undo_words::left_alone(self.0.messenger.borrow().replica().view(), &skipped);
            (self.0.tell)(Drained::Says(words, String::new()));
        }
    }

    /// Leaves the project, for this reason.
    pub(crate) fn end(&self, end: End) {
        let end = self.0.messenger.borrow_mut().leave(end);
        self.ended(end);
    }

    fn ended(&self, end: Option<End>) {
        let Some(end) = end else { return };
        if let Some(tabs) = self.0.tabs.borrow_mut().take() {
            tabs.leave();
        }
        // It holds this.
        if let Some(outbox) = self.0.outbox.borrow_mut().take() {
            outbox.clear();
        }
        // Later: this may run inside the socket's own event.
        let drain = self.clone();
        clock::after(Duration::ZERO, move || {
            if let Some(socket) = drain.0.socket.borrow_mut().take() {
                socket.close();
            }
            (drain.0.tell)(Drained::Done(end));
        });
    }
}
