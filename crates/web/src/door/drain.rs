//! Sends what waits of a project that is not open: the list of projects does so, one after the other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use model::Id;
use sync::wire::{ClientMessage, ServerMessage};
use sync::{Effect, Event, Replica};

use super::outbox::Outbox;
use super::socket::{Socket, SocketEvent};
use super::store::Store;
use super::tabs::{TabEvent, Tabs};
use super::{CHANNEL, clock};

/// A tab that has the project open sends by itself: whoever is not asked to send by then need not wait.
const LEAD_WAIT: Duration = Duration::from_secs(2);

/// What comes of it.
pub(crate) enum Drained {
    /// The server has not taken an edit; why.
    Refused(Id, String),
    /// Something has been settled, or set aside.
    Changed,
    /// The project is closed to this user, for this reason.
    Denied(String),
    /// There is nothing left to do here.
    Done,
}

/// One project whose edits are being sent. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Drain(Rc<Inner>);

struct Inner {
    project: Id,
    store: Store,
    replica: RefCell<Replica>,
    socket: RefCell<Option<Socket>>,
    tabs: RefCell<Option<Tabs>>,
    outbox: RefCell<Option<Outbox>>,
    tell: Box<dyn Fn(Drained)>,
    leads: Cell<bool>,
    is_done: Cell<bool>,
}

impl Drain {
    /// Begins to send what waits of `project`, and tells what comes of it.
    pub(crate) async fn begin(store: Store, me: Id, project: Id, tell: impl Fn(Drained) + 'static) -> Drain {
        let drain = Drain(Rc::new(Inner {
            replica: RefCell::new(Replica::keeping(me.clone(), project.clone(), CHANNEL)),
            project: project.clone(),
            store,
            socket: RefCell::new(None),
            tabs: RefCell::new(None),
            outbox: RefCell::new(None),
            tell: Box::new(tell),
            leads: Cell::new(false),
            is_done: Cell::new(false),
        }));
        drain.take_kept().await;
        let heard = drain.clone();
        *drain.0.tabs.borrow_mut() = Some(Tabs::join(&me, &project, move |event| heard.tab_event(event)));
        let late = drain.clone();
        clock::after(LEAD_WAIT, move || {
            if !late.0.leads.get() {
                late.end();
            }
        });
        drain
    }

    /// The project.
    pub(crate) fn project(&self) -> &Id {
        &self.0.project
    }

    /// Whether the server has failed on an edit too often.
    pub(crate) fn is_parked(&self, tx_id: &Id) -> bool {
        self.0.replica.borrow().is_parked(tx_id)
    }

    /// The user wants what was set aside to be tried again, or an edit to be given up.
    pub(crate) fn handle(&self, event: Event) {
        let effects = self.0.replica.borrow_mut().handle(event);
        self.perform(effects);
    }

    async fn take_kept(&self) {
        if let Some(loaded) = self.0.store.load(&self.0.project).await {
            self.handle(Event::Stored(loaded.store));
        }
    }

    /// The same, as the tab that sends from now on.
    async fn take_over(&self) {
        let is_counted = self.0.tabs.borrow().as_ref().is_some_and(Tabs::holds_lock);
        let taken = if is_counted { self.0.store.take_over(&self.0.project).await } else { None };
        let Some((number, loaded)) = taken else { return self.take_kept().await };
        let (sending, ending) = (self.clone(), self.clone());
        let send = move |message: &ClientMessage| sending.send(message);
        let outbox = Outbox::new(self.0.store.clone(), self.0.project.clone(), number, send, move || ending.end());
        *self.0.outbox.borrow_mut() = Some(outbox);
        self.handle(Event::Stored(loaded.store));
    }

    fn send(&self, message: &ClientMessage) {
        if let Some(socket) = self.0.socket.borrow().as_ref() {
            socket.send(message);
        }
    }

    fn tab_event(&self, event: TabEvent) {
        match event {
            TabEvent::Says(message) => self.handle(Event::Tab(message)),
            TabEvent::Leads(true) => {
                self.0.leads.set(true);
                let drain = self.clone();
                leptos::task::spawn_local(async move {
                    drain.take_over().await;
                    // Ended meanwhile, it opens nothing; what it has taken holds it.
                    if drain.0.is_done.get() {
                        drop(drain.0.outbox.borrow_mut().take());
                        return;
                    }
                    let heard = drain.clone();
                    *drain.0.socket.borrow_mut() = Some(Socket::open(move |event| heard.socket_event(event)));
                    drain.handle(Event::Leads(true));
                });
            }
            TabEvent::Left => {}
            TabEvent::Leads(false) => {
                self.handle(Event::Leads(false));
                self.end();
            }
        }
    }

    fn socket_event(&self, event: SocketEvent) {
        if self.0.is_done.get() {
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
            // What others do is of no use here.
            SocketEvent::Message(ServerMessage::Presences { .. } | ServerMessage::Present { .. }) => return,
            SocketEvent::Message(message) => Event::Message(message),
        });
    }

    fn perform(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(message) => match self.0.outbox.borrow().as_ref() {
                    Some(outbox) if matches!(message, ClientMessage::Submit { .. }) => outbox.submit(message),
                    _ => self.send(&message),
                },
                Effect::Forget(tx_id) => self.0.store.forget(tx_id),
                Effect::Tell(message) => {
                    if let Some(tabs) = self.0.tabs.borrow().as_ref() {
                        tabs.tell(message);
                    }
                }
                Effect::Steps(changes) => self.0.store.keep_steps(&self.0.project, changes),
                Effect::Refused { tx_id, message, .. } => (self.0.tell)(Drained::Refused(tx_id, message)),
                Effect::Reconnect => {
                    if let Some(socket) = self.0.socket.borrow().clone() {
                        // Later: this runs inside the socket's own event.
                        clock::after(Duration::ZERO, move || socket.reconnect());
                    }
                }
                Effect::StatusChanged => self.look(),
                // Nobody looks at the records, and what is cached stays as it is.
                Effect::Changed(_)
                | Effect::Keep(_)
                | Effect::PeopleChanged
                | Effect::PresenceChanged
                | Effect::Followed(_)
                | Effect::Replaced
                | Effect::Skipped { .. }
                | Effect::HidOthersWork(_) => {}
            }
        }
    }

    fn look(&self) {
        let status = self.0.replica.borrow().status();
        (self.0.tell)(Drained::Changed);
        if let Some(reason) = status.denied {
            (self.0.tell)(Drained::Denied(reason));
            return self.end();
        }
        if self.0.leads.get() && status.live && status.pending == 0 {
            self.end();
        }
    }

    /// Leaves the project.
    pub(crate) fn end(&self) {
        if self.0.is_done.replace(true) {
            return;
        }
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
            (drain.0.tell)(Drained::Done);
        });
    }
}
