//! What a browser keeps of a user beyond the project that is open: all edits that wait, and the server's last answers.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use model::{Id, Records, Table};
use serde::de::DeserializeOwned;
use sync::{End, Event, TabMessage};

use super::api::{self, Failure, MeAnswer};
use super::audio_cache;
use super::clock;
use super::drain::{Drain, Drained};
use super::exports;
use super::songs;
use super::store::{Health, Listed, Store};
use super::tabs::Tabs;
use super::turns::Turns;
use super::unsaved::{self, Unsaved};
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
    unsaved: RwSignal<Vec<Unsaved>>,
    toasts: Toasts,
}

struct Inner {
    me: Id,
    store: Store,
    drain: RefCell<Option<Drain>>,
    /// Whether the next one is about to be there.
    begins: Cell<bool>,
    /// Whether what waits is to be sent from here.
    drains: Cell<bool>,
    /// Whether it is going to be looked what is kept.
    looks: Cell<bool>,
    turns: RefCell<Turns>,
}

impl Inner {
    /// Gives an edit up, also in the tabs that have its project open: one of them would send it.
    fn forget(&self, edit: &Listed) {
        self.store.forget(edit.tx_id.clone());
        Tabs::tell_from_outside(&self.me, &edit.project, TabMessage::Dropped { tx_id: edit.tx_id.clone() });
    }
}

/// What a list tells of a song that this browser keeps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptSong {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) bpm: f64,
    /// That of the user; empty when they are no member.
    pub(crate) role: String,
    pub(crate) updated_at: Option<String>,
}

impl KeptSong {
    /// None of a song that is deleted.
    fn of(records: &Records, me: &Id) -> Option<KeptSong> {
        let record = records.project().filter(|record| !record.is_deleted())?;
        let mut members = records.table(Table::ProjectMembers).filter(|member| !member.is_deleted());
        let own = members.find(|member| member.text("userId") == Some(me.as_str()));
        Some(KeptSong {
            id: record.id().clone(),
            name: record.text("name").unwrap_or_default().to_owned(),
            bpm: record.number("bpm").unwrap_or_default(),
            role: own.and_then(|member| member.text("role")).unwrap_or_default().to_owned(),
            updated_at: record.text("updatedAt").map(str::to_owned),
        })
    }
}

impl Desk {
    /// Opens the desk of `me`, for as long as its `owner`, a page, is there.
    pub(crate) async fn open(me: Id, toasts: Toasts, owner: Owner) -> Desk {
        let health = owner.with(|| RwSignal::new(Health::default()));
        let store = Store::open(&me, None, health).await;
        let inner = Inner {
            me,
            store,
            drain: RefCell::new(None),
            begins: Cell::new(false),
            drains: Cell::new(false),
            looks: Cell::new(false),
            turns: RefCell::default(),
        };
        let desk = owner.with(|| {
            let desk = Desk {
                inner: StoredValue::new_local(Rc::new(inner)),
                waiting: RwSignal::new(Vec::new()),
                cached: RwSignal::new(HashSet::new()),
                closed: RwSignal::new(HashMap::new()),
                unsaved: RwSignal::new(Vec::new()),
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
            drain.end(End::Left);
        }
    }

    /// Another tab may send what waits, or a song that was left here just now; or leave it to be sent from here.
    fn keep_looking(self) {
        clock::after(LOOK_EVERY, move || {
            let Some(inner) = self.inner() else { return };
            leptos::task::spawn_local(async move {
                self.look().await;
                if inner.drains.get() {
                    self.send_next();
                }
            });
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

    /// Edits that the server did not take, until the user has dismissed them.
    pub(crate) fn unsaved(self) -> RwSignal<Vec<Unsaved>> {
        self.unsaved
    }

    /// Looks at what is kept.
    pub(crate) async fn look(self) {
        let Some(inner) = self.inner() else { return };
        let mut waiting = inner.store.waiting().await;
        let drain = inner.drain.borrow().clone();
        for edit in &mut waiting {
            edit.is_parked = match drain.as_ref().filter(|drain| edit.project == *drain.project()) {
                Some(drain) => drain.is_parked(&edit.tx_id),
                None => inner.turns.borrow().is_parked(&edit.project, &edit.tx_id),
            };
        }
        let cached: HashSet<Id> = inner.store.cached_projects().await.into_iter().collect();
        // The page may have been left, and mostly nothing has changed.
        if self.waiting.try_with_untracked(|known| *known != waiting) == Some(true) {
            self.waiting.set(waiting);
        }
        if self.cached.try_with_untracked(|known| *known != cached) == Some(true) {
            self.cached.set(cached);
        }
    }

    /// The answer that the server gave last to this.
    pub(crate) async fn last_answer<T: DeserializeOwned>(self, path: &str) -> Option<T> {
        serde_json::from_str(&self.inner()?.store.answer(path).await?).ok()
    }

    /// The songs that this browser keeps, of those that are `wanted`, as they were when they were followed last.
    pub(crate) async fn kept_songs(self, wanted: impl Fn(&Id) -> bool) -> Vec<KeptSong> {
        let Some(inner) = self.inner() else { return Vec::new() };
        let mut songs = Vec::new();
        for id in inner.store.cached_projects().await.into_iter().filter(|id| wanted(id)) {
            if let Some(cached) = inner.store.cached(&id).await {
                songs.extend(KeptSong::of(&cached.records, &inner.me));
            }
        }
        songs
    }

    /// Asks the server, and keeps the answer: who somebody else is, who has logged in meanwhile, is not kept among this user's.
    pub(crate) async fn get<T: DeserializeOwned>(self, path: &str) -> Result<T, Failure> {
        let text = api::get_text(path).await?;
        let answer = serde_json::from_str(&text).map_err(|_| Failure::nonsense())?;
        let is_ours = |inner: &Rc<Inner>| path != api::ME || MeAnswer::of(&text, &inner.me).is_some();
        if let Some(inner) = self.inner().filter(is_ours) {
            inner.store.keep_answer(path, &text);
        }
        Ok(answer)
    }

    /// Sends what waits, one project after the other; those that another tab has open are that tab's.
    pub(crate) fn drain(self) {
        let Some(inner) = self.inner() else { return };
        inner.drains.set(true);
        leptos::task::spawn_local(async move {
            self.look().await;
            self.send_next();
        });
    }

    fn send_next(self) {
        let Some(inner) = self.inner() else { return };
        if inner.drain.borrow().is_some() || inner.begins.get() {
            return;
        }
        let next = self.waiting.with_untracked(|waiting| {
            let elsewhere = |edit: &&Listed| !songs::is_open_here(&inner.me, &edit.project);
            let waiting = waiting.iter().filter(elsewhere).map(|edit| (&edit.project, &edit.tx_id));
            inner.turns.borrow_mut().next(waiting, clock::milliseconds())
        });
        let Some(project) = next else { return };
        inner.begins.set(true);
        leptos::task::spawn_local(async move {
            let (store, me) = (inner.store.clone(), inner.me.clone());
            let of = project.clone();
            let drain = Drain::begin(store, me, project, move |drained| self.drained(&of, drained)).await;
            inner.begins.set(false);
            if self.inner().is_none() {
                return drain.end(End::Left);
            }
            *inner.drain.borrow_mut() = Some(drain);
        });
    }

    fn drained(self, project: &Id, drained: Drained) {
        let Some(inner) = self.inner() else { return };
        match drained {
            Drained::Changed => {}
            Drained::Refused { what, why } => {
                self.unsaved.update(|unsaved| unsaved::add(unsaved, &what, why.as_deref()));
            }
            Drained::Says(title, more) => self.toasts.info(title, more),
            Drained::Done(end) => return self.ended(&inner, project, end),
        }
        self.look_soon(&inner);
    }

    /// One project has had its turn.
    fn ended(self, inner: &Inner, project: &Id, end: End) {
        inner.drain.borrow_mut().take();
        let now = clock::milliseconds();
        let mut turns = inner.turns.borrow_mut();
        match end {
            End::Left => return,
            End::Elsewhere => turns.is_elsewhere(project, now),
            End::Failed => turns.has_failed(project, now),
            End::Sent(stay) => {
                turns.is_over(project, stay, false, now);
                // It may have been closed, and is open again.
                if self.closed.with_untracked(|closed| closed.contains_key(project)) {
                    self.closed.update(|closed| drop(closed.remove(project)));
                }
            }
            End::Closed(why, stay) => {
                turns.is_over(project, stay, true, now);
                self.closed.update(|closed| drop(closed.insert(project.clone(), why)));
            }
        }
        drop(turns);
        leptos::task::spawn_local(async move {
            self.look().await;
            self.send_next();
        });
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
        inner.turns.borrow_mut().begin_anew();
        let drain = inner.drain.borrow().clone();
        if let Some(drain) = drain {
            drain.retry();
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
