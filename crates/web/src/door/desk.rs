//! What a browser keeps of a user beyond the project that is open: all edits that wait, and the server's last answers.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use model::Id;
use serde::de::DeserializeOwned;
use sync::{Event, TabMessage};

use super::api::{self, Failure};
use super::audio_cache;
use super::clock;
use super::drain::{Drain, Drained};
use super::exports;
use super::songs;
use super::store::{Health, Listed, Store};
use super::tabs::Tabs;
use crate::toast::Toasts;

/// How often it is looked what still waits.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What changes is looked at this much later.
const LOOK_AFTER: Duration = Duration::from_millis(150);

/// A user's desk in this browser. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    waiting: RwSignal<Vec<Listed>>,
    cached: RwSignal<HashSet<Id>>,
    closed: RwSignal<HashMap<Id, String>>,
    toasts: Toasts,
}

struct Inner {
    me: Id,
    store: Store,
    drain: RefCell<Option<Drain>>,
    /// Whether what waits is to be sent from here.
    drains: Cell<bool>,
    /// Whether it is going to be looked what is kept.
    looks: Cell<bool>,
    /// Projects that have been drained, or are not this page's to drain.
    done: RefCell<HashSet<Id>>,
}

impl Inner {
    /// Gives an edit up, also in the tabs that have its project open: one of them would send it.
    fn forget(&self, edit: &Listed) {
        self.store.forget(edit.tx_id.clone());
        Tabs::tell_from_outside(&self.me, &edit.project, TabMessage::Dropped { tx_id: edit.tx_id.clone() });
    }
}

impl Desk {
    /// Opens the desk of `me`, for as long as its `owner`, a page, is there.
    pub(crate) async fn open(me: Id, toasts: Toasts, owner: Owner) -> Desk {
        let health = owner.with(|| RwSignal::new(Health::default()));
        let store = Store::open(&me, health).await;
        let inner = Inner {
            me,
            store,
            drain: RefCell::new(None),
            drains: Cell::new(false),
            looks: Cell::new(false),
            done: RefCell::default(),
        };
        let desk = owner.with(|| {
            let desk = Desk {
                inner: StoredValue::new_local(Rc::new(inner)),
                waiting: RwSignal::new(Vec::new()),
                cached: RwSignal::new(HashSet::new()),
                closed: RwSignal::new(HashMap::new()),
                toasts,
            };
            on_cleanup(move || desk.leave());
            desk
        });
        desk.look().await;
        desk.keep_looking();
        desk
    }

    /// The page is left: whoever opens a song sends what waits for it.
    fn leave(self) {
        if let Some(drain) = self.inner().and_then(|inner| inner.drain.take()) {
            drain.end();
        }
    }

    /// Another tab may send what waits, or a song that was left here just now.
    fn keep_looking(self) {
        clock::after(LOOK_EVERY, move || {
            let Some(inner) = self.inner() else { return };
            if self.waiting.with_untracked(|waiting| !waiting.is_empty()) {
                leptos::task::spawn_local(async move {
                    self.look().await;
                    if inner.drains.get() {
                        self.drain();
                    }
                });
            }
            self.keep_looking();
        });
    }

    fn inner(self) -> Option<Rc<Inner>> {
        self.inner.try_get_value()
    }

    /// All edits that wait, in order.
    pub(crate) fn waiting(self) -> ReadSignal<Vec<Listed>> {
        self.waiting.read_only()
    }

    /// The projects that can be opened without the server.
    pub(crate) fn cached(self) -> ReadSignal<HashSet<Id>> {
        self.cached.read_only()
    }

    /// Projects that are closed to this user although edits wait for them, and why.
    pub(crate) fn closed(self) -> ReadSignal<HashMap<Id, String>> {
        self.closed.read_only()
    }

    /// Looks at what is kept.
    pub(crate) async fn look(self) {
        let Some(inner) = self.inner() else { return };
        let mut waiting = inner.store.waiting().await;
        if let Some(drain) = inner.drain.borrow().as_ref() {
            for edit in waiting.iter_mut().filter(|edit| edit.project == *drain.project()) {
                edit.is_parked = drain.is_parked(&edit.tx_id);
            }
        }
        let cached = inner.store.cached_projects().await.into_iter().collect();
        // The page may have been left.
        drop(self.waiting.try_set(waiting));
        drop(self.cached.try_set(cached));
    }

    /// The answer that the server gave last to this.
    pub(crate) async fn last_answer<T: DeserializeOwned>(self, path: &str) -> Option<T> {
        serde_json::from_str(&self.inner()?.store.answer(path).await?).ok()
    }

    /// Asks the server, and keeps the answer.
    pub(crate) async fn get<T: DeserializeOwned>(self, path: &str) -> Result<T, Failure> {
        let text = api::get_text(path).await?;
        let answer = serde_json::from_str(&text).map_err(|_| Failure::nonsense())?;
        if let Some(inner) = self.inner() {
            inner.store.keep_answer(path, &text);
        }
        Ok(answer)
    }

    /// Sends what waits, one project after the other; those that another tab has open are that tab's.
    pub(crate) fn drain(self) {
        let Some(inner) = self.inner() else { return };
        inner.drains.set(true);
        if inner.drain.borrow().is_some() {
            return;
        }
        let done = inner.done.borrow();
        let next = self.waiting.with_untracked(|waiting| {
            let is_due = |project: &&Id| !done.contains(*project) && !songs::is_open_here(&inner.me, project);
            waiting.iter().map(|edit| &edit.project).find(is_due).cloned()
        });
        drop(done);
        let Some(project) = next else { return };
        leptos::task::spawn_local(async move {
            let (store, me) = (inner.store.clone(), inner.me.clone());
            let of = project.clone();
            let drain = Drain::begin(store, me, project, move |drained| self.drained(&of, drained)).await;
            if self.inner().is_none() {
                return drain.end();
            }
            *inner.drain.borrow_mut() = Some(drain);
        });
    }

    fn drained(self, project: &Id, drained: Drained) {
        let Some(inner) = self.inner() else { return };
        match drained {
            Drained::Changed => {}
            Drained::Refused(tx_id, why) => {
                let what = self.waiting.with_untracked(|waiting| {
                    waiting
                        .iter()
                        .find(|edit| edit.tx_id == tx_id)
                        .map_or("An edit".to_owned(), |edit| edit.what.clone())
                });
                self.toasts.error(format!("{what} was undone"), why);
            }
            Drained::Denied(why) => drop(self.closed.try_update(|closed| closed.insert(project.clone(), why))),
            Drained::Done => {
                inner.done.borrow_mut().insert(project.clone());
                inner.drain.borrow_mut().take();
                leptos::task::spawn_local(async move {
                    self.look().await;
                    self.drain();
                });
                return;
            }
        }
        self.look_soon(&inner);
    }

    /// A thousand edits that are settled one after the other are looked at a few times.
    fn look_soon(self, inner: &Inner) {
        if !inner.looks.replace(true) {
            clock::after(LOOK_AFTER, move || {
                let Some(inner) = self.inner() else { return };
                inner.looks.set(false);
                leptos::task::spawn_local(self.look());
            });
        }
    }

    /// Tries again to send what was set aside, and what could not be sent before.
    pub(crate) fn retry(self) {
        let Some(inner) = self.inner() else { return };
        inner.done.borrow_mut().clear();
        if let Some(drain) = inner.drain.borrow().clone() {
            drain.handle(Event::Retry);
        }
        self.drain();
    }

    /// Gives an edit up.
    pub(crate) fn discard(self, edit: &Listed) {
        let Some(inner) = self.inner() else { return };
        let drain = inner.drain.borrow().clone().filter(|drain| *drain.project() == edit.project);
        match drain {
            Some(drain) => drain.handle(Event::Discard(edit.tx_id.clone())),
            None => inner.forget(edit),
        }
        leptos::task::spawn_local(async move {
            inner.store.settled().await;
            self.look().await;
        });
    }

    /// Gives all edits up.
    pub(crate) async fn discard_all(self) {
        let Some(inner) = self.inner() else { return };
        for edit in self.waiting.get_untracked() {
            inner.forget(&edit);
        }
        inner.store.settled().await;
    }

    /// The user logs out: what the server has, too, leaves this browser.
    pub(crate) async fn clear(self) {
        if let Some(inner) = self.inner() {
            inner.store.forget_cache().await;
            // Recordings that only wait to be uploaded stay, like the edits.
            audio_cache::clear(&inner.me).await;
            exports::clear(&inner.me).await;
        }
    }
}
