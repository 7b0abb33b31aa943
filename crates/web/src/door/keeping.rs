//! How the door keeps edits and projects, and shares them with other tabs (CL2, CL4, CL5).

use std::future::Future;
use std::time::Duration;

use leptos::prelude::*;
use model::Id;
use sync::wire::{ClientMessage, Person, ServerMessage};
use sync::{Edit, Effect, Event, Kept, StepChange, TabMessage};

use super::outbox::Outbox;
use super::store::{Cached, Health, Listed, Loaded, Outcome, Store, Waiting};
use super::tabs::{TabEvent, Tabs};
use super::{CHANNEL, Door, api, audio_cache, clock, new_id, now};

/// Commits that gather before the project is cached anew.
const COMMITS_MAX: usize = 500;
/// Bytes of those.
const COMMIT_BYTES_MAX: usize = 1024 * 1024;
/// By then the project is on the screen, and there is time to cache it.
const CACHE_AFTER: Duration = Duration::from_millis(1_500);
/// A browser whose database does not answer is one that keeps nothing, until it does.
const OPEN_WAIT: Duration = Duration::from_secs(4);
/// How often a tab that does not send looks for the one that does, while edits wait; one that does, for edits that others have
/// kept and not told of; and whoever found no room for an edit, for room.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The name under which it is kept who can open a project.
fn people_of(project: &Id) -> String {
    format!("people:{project}")
}

/// What the door knows of what it keeps.
#[derive(Default)]
pub(super) struct Keeping {
    store: Option<Store>,
    tabs: Option<Tabs>,
    /// Commits in the cache beside the project as a whole, and their bytes.
    since: usize,
    since_bytes: usize,
    /// Whether the cache lacks something, and is to be made anew.
    is_stale: bool,
    /// Whether that is going to happen.
    is_asked: bool,
    leads: bool,
    /// Where edits go out, while this tab is the one that sends and others could be.
    outbox: Option<Outbox>,
    /// Edits of this tab that are nowhere else.
    unkept: Vec<Id>,
    /// Whether there was no room for an edit: what comes after it waits with it, so that all get their places in order.
    waits_for_room: bool,
    /// How often what is kept is being read; what other tabs say meanwhile is heard after that.
    reads: usize,
    heard: Vec<TabMessage>,
    /// Rows of which the user has been told that they cannot be read.
    unreadable: usize,
}

impl Keeping {
    /// There was no room for an edit.
    fn miss(&mut self, tx_id: &Id) {
        self.waits_for_room = true;
        if !self.unkept.contains(tx_id) {
            self.unkept.push(tx_id.clone());
        }
    }
}

impl Door {
    /// Shows what is kept, then joins the other tabs and the server.
    pub(super) async fn begin(self) {
        let (me, project) = (self.inner().me.clone(), self.inner().project.clone());
        let of = project.clone();
        let opened = Box::pin(async move { Store::open(&me, Some(&of), self.health).await });
        let late = Box::pin(clock::sleep(OPEN_WAIT));
        let store = match futures_util::future::select(opened, late).await {
            futures_util::future::Either::Left((store, _)) => Some(store),
            futures_util::future::Either::Right((_, opened)) => {
                leptos::task::spawn_local(async move { self.opened_late(opened.await).await });
                None
            }
        };
        let Some(inner) = self.alive() else { return };
        if let Some(store) = &store {
            inner.keeping.borrow_mut().store = Some(store.clone());
            if let Some(cached) = store.cached(&project).await {
                self.show_cached(cached);
                self.show_cached_people(store).await;
            }
            self.take_up(store.load(&project)).await;
        } else {
            self.health.set(Health::Fails);
        }
        if self.has_ended() {
            return;
        }
        self.join_tabs();
        self.connect();
        self.check_session();
        self.keep_looking();
    }

    /// The database has opened after all. What was done meanwhile is kept when it is looked for room; what waited there is sent now.
    async fn opened_late(self, store: Store) {
        let Some(inner) = self.alive().filter(|_| store.is_open()) else { return };
        inner.keeping.borrow_mut().store = Some(store.clone());
        let is_here = inner.replica.borrow().epoch().is_some();
        if is_here {
            inner.keeping.borrow_mut().is_stale = true;
        } else if let Some(cached) = store.cached(&inner.project).await {
            self.show_cached(cached);
            self.show_cached_people(&store).await;
        }
        let (leads, tabs) = (inner.keeping.borrow().leads, inner.keeping.borrow().tabs.clone());
        if !leads {
            self.take_up(store.load(&inner.project)).await;
        } else if self.outbox().is_none() {
            // It has begun to send before, and is not counted yet.
            self.lead(tabs).await;
        }
    }

    fn show_cached(self, cached: Cached) {
        let inner = self.inner();
        {
            let mut keeping = inner.keeping.borrow_mut();
            (keeping.since, keeping.since_bytes) = (cached.commits.len(), cached.commit_bytes);
        }
        let Cached { epoch, seq, records, commits, .. } = cached;
        let effects = inner.replica.borrow_mut().restore(epoch, seq, records, &commits);
        if commits.last().is_some_and(|last| last.seq != inner.replica.borrow().seq()) {
            // Something is missing in between: what follows would never be reached.
            inner.keeping.borrow_mut().is_stale = true;
        }
        self.perform(effects);
    }

    /// Who could open the project when the server said so last: their names are in no record.
    async fn show_cached_people(self, store: &Store) {
        let Some(text) = store.answer(&people_of(&self.inner().project)).await else { return };
        if let Ok(people) = serde_json::from_str::<Vec<Person>>(&text) {
            self.handle(Event::Message(ServerMessage::People { channel: CHANNEL, people }));
        }
    }

    /// Keeps who can open the project.
    pub(super) fn keep_people(self, people: &[Person]) {
        let inner = self.inner();
        if let (Some(store), Ok(text)) = (&inner.keeping.borrow().store, serde_json::to_string(people)) {
            store.keep_answer(&people_of(&inner.project), &text);
        }
    }

    /// Takes up the edits that wait and the steps of undo, which `read` reads.
    async fn take_up(self, read: impl Future<Output = Option<Loaded>>) {
        self.inner().keeping.borrow_mut().reads += 1;
        let loaded = read.await;
        let Some(inner) = self.alive() else { return };
        if let Some(loaded) = loaded {
            inner.labels.borrow_mut().extend(loaded.labels);
            if loaded.unreadable > std::mem::replace(&mut inner.keeping.borrow_mut().unreadable, loaded.unreadable) {
                self.toasts.error(
                    "Some edits that wait here cannot be read",
                    "They were made with another version of Unisono, and stay in this browser until that one opens them.",
                );
            }
            self.handle(Event::Stored(loaded.store));
        }
        let mut keeping = inner.keeping.borrow_mut();
        keeping.reads -= 1;
        let heard = if keeping.reads == 0 { std::mem::take(&mut keeping.heard) } else { Vec::new() };
        drop(keeping);
        heard.into_iter().for_each(|message| self.handle(Event::Tab(message)));
    }

    fn tab_event(self, event: TabEvent) {
        // A tab may hear something when its page is being left.
        let Some(inner) = self.alive() else { return };
        match event {
            TabEvent::Says(message) => self.hear(message),
            TabEvent::Left => leptos::task::spawn_local(self.look_for_news()),
            TabEvent::Leads(false) => self.follow(),
            TabEvent::Leads(true) => {
                let tabs = inner.keeping.borrow().tabs.clone();
                leptos::task::spawn_local(self.lead(tabs));
            }
        }
    }

    fn hear(self, message: TabMessage) {
        let inner = self.inner();
        let mut keeping = inner.keeping.borrow_mut();
        if let (TabMessage::Kept { place, kept }, Some(store)) = (&message, &keeping.store) {
            store.is_at(kept.transaction.tx_id.clone(), *place);
        }
        if keeping.reads > 0 {
            return keeping.heard.push(message);
        }
        drop(keeping);
        self.handle(Event::Tab(message));
    }

    /// This tab is to send: first it takes up what the one that sent before may have kept without telling.
    async fn lead(self, tabs: Option<Tabs>) {
        let Some(inner) = self.alive() else { return };
        let project = inner.project.clone();
        // As it is now: the database may have opened since the lock was granted.
        let store = inner.keeping.borrow().store.clone();
        // Where there are no locks every tab sends, and nobody counts.
        let counts = tabs.as_ref().is_some_and(Tabs::holds_lock);
        match &store {
            Some(store) if counts => {
                let took = async {
                    let (number, loaded) = store.take_over(&project).await?;
                    if let Some(inner) = self.alive().filter(|_| tabs.as_ref().is_some_and(Tabs::leads)) {
                        let overtaken = move || self.follow_unasked();
                        let send = move |message: &ClientMessage| self.send_now(message);
                        let outbox = Outbox::new(store.clone(), project.clone(), number, send, overtaken);
                        inner.keeping.borrow_mut().outbox = Some(outbox);
                    }
                    Some(loaded)
                };
                self.take_up(took).await;
            }
            Some(store) => self.take_up(store.load(&project)).await,
            None => {}
        }
        let Some(inner) = self.alive() else { return };
        // It may have been robbed meanwhile.
        if tabs.is_some_and(|tabs| !tabs.leads()) {
            return self.follow();
        }
        inner.keeping.borrow_mut().leads = true;
        self.handle(if counts { Event::Leads(true) } else { Event::SharesLead });
        self.cache_soon();
    }

    /// Another tab sends.
    fn follow(self) {
        let inner = self.inner();
        let mut keeping = inner.keeping.borrow_mut();
        keeping.leads = false;
        if let Some(outbox) = keeping.outbox.take() {
            outbox.clear();
        }
        drop(keeping);
        self.handle(Event::Leads(false));
    }

    /// Another tab sends, as the store says; this one has not heard of it.
    fn follow_unasked(self) {
        let Some(inner) = self.alive() else { return };
        let tabs = inner.keeping.borrow().tabs.clone();
        if let Some(tabs) = tabs.filter(Tabs::leads) {
            tabs.step_down();
            self.follow();
        }
    }

    /// Whether the browser has not answered yet for something that is to be kept.
    pub(super) fn is_writing(self) -> bool {
        self.alive().is_some_and(|inner| inner.keeping.borrow().store.as_ref().is_some_and(Store::is_writing))
    }

    pub(super) fn outbox(self) -> Option<Outbox> {
        self.alive()?.keeping.borrow().outbox.clone()
    }

    fn join_tabs(self) {
        let inner = self.inner();
        let tabs = Tabs::join(&inner.me, &inner.project, move |event| self.tab_event(event));
        inner.keeping.borrow_mut().tabs = Some(tabs);
    }

    /// The project has been closed to this user, or is open again. As long as it is closed this tab is none of those that have
    /// it open: one that is opened after the user was let in again sends for itself (CL4).
    pub(super) fn closed_or_opened(self, closed: bool) {
        // Later: this runs inside an event of the tabs' or the socket's.
        clock::after(Duration::ZERO, move || {
            let Some(inner) = self.alive() else { return };
            let joined = inner.keeping.borrow().tabs.is_some();
            match closed {
                true if joined => {
                    self.leave_tabs();
                    self.handle(Event::Leads(false));
                }
                false if !joined => {
                    self.join_tabs();
                    // What the others have said meanwhile is in the store.
                    let (store, project) = (inner.keeping.borrow().store.clone(), inner.project.clone());
                    if let Some(store) = store {
                        leptos::task::spawn_local(async move { self.take_up(store.load(&project)).await });
                    }
                }
                _ => {}
            }
        });
    }

    /// The song is left for good: another tab sends, when there is one.
    pub(super) fn leave_tabs(self) {
        let inner = self.inner();
        let mut keeping = inner.keeping.borrow_mut();
        keeping.leads = false;
        let (tabs, outbox) = (keeping.tabs.take(), keeping.outbox.take());
        drop(keeping);
        if let Some(outbox) = outbox {
            outbox.clear();
        }
        if let Some(tabs) = tabs {
            tabs.leave();
        }
    }

    /// The song is left for good: what has gathered is written.
    pub(super) fn leave_store(self) {
        if let Some(store) = &self.inner().keeping.borrow().store {
            store.leave();
        }
    }

    /// Now and then, while edits wait that another tab is to send: is it still there? And in the tab that sends: does more
    /// wait than it has heard of?
    fn keep_looking(self) {
        clock::after(LOOK_EVERY, move || {
            let Some(inner) = self.alive() else { return };
            let status = inner.replica.borrow().status();
            let (tabs, leads) = (inner.keeping.borrow().tabs.clone(), inner.keeping.borrow().leads);
            self.look_for_room();
            inner.watched.borrow_mut().tidy(now());
            if leads {
                leptos::task::spawn_local(self.look_for_news());
            } else if let Some(tabs) = tabs.filter(|_| status.live && status.has_to_send()) {
                tabs.look_for_sender();
            }
            self.keep_looking();
        });
    }

    /// The tab that sends takes up what others have kept and did not live to tell.
    async fn look_for_news(self) {
        let Some(inner) = self.alive() else { return };
        let (store, leads) = (inner.keeping.borrow().store.clone(), inner.keeping.borrow().leads);
        let (Some(store), true) = (store, leads) else { return };
        let project = inner.project.clone();
        if store.has_news(&project).await && !self.has_ended() {
            self.take_up(store.load(&project)).await;
        }
    }

    /// Tries again to keep what there was no room for.
    fn look_for_room(self) {
        let inner = self.inner();
        let mut keeping = inner.keeping.borrow_mut();
        if keeping.store.as_ref().is_some_and(Store::is_open) && std::mem::replace(&mut keeping.waits_for_room, false) {
            drop(keeping);
            self.handle(Event::Room);
        }
    }

    /// Keeps an edit before it is sent.
    pub(super) fn keep(self, kept: Kept) {
        let inner = self.inner();
        let tx_id = kept.transaction.tx_id.clone();
        let what = inner.labels.borrow().get(&tx_id).cloned().unwrap_or_default();
        let store = inner.keeping.borrow().store.clone().filter(Store::is_open);
        let told = move |outcome: Outcome| {
            let Some(inner) = self.alive() else { return };
            match outcome {
                Outcome::At(place) => {
                    inner.keeping.borrow_mut().unkept.retain(|other| *other != tx_id);
                    self.handle(Event::Kept { tx_id, place: Some(place) });
                }
                Outcome::Nowhere => {
                    inner.keeping.borrow_mut().miss(&tx_id);
                    self.warn_of_full_disk();
                    self.handle(Event::Kept { tx_id, place: None });
                }
                Outcome::Overtaken => self.do_again_behind(&tx_id),
            }
        };
        let waits = inner.keeping.borrow().waits_for_room;
        match store.filter(|_| !waits) {
            Some(store) => {
                let sender = self.outbox().map(|outbox| outbox.number());
                store.keep(&Waiting { project: inner.project.clone(), what, kept }, sender, told);
                self.ask_to_persist();
            }
            // Later: this runs inside the edit.
            None => clock::after(Duration::ZERO, move || told(Outcome::Nowhere)),
        }
    }

    /// This tab has added to an edit that another sends as it was before: what is newer becomes an edit of its own.
    fn do_again_behind(self, tx_id: &Id) {
        self.follow_unasked();
        let inner = self.inner();
        let effects = inner.replica.borrow_mut().handle(Event::Kept { tx_id: tx_id.clone(), place: None });
        let mut newer = None;
        for effect in effects {
            match effect {
                // Nobody is told of what is kept nowhere.
                Effect::Tell(TabMessage::Kept { kept, .. }) if kept.transaction.tx_id == *tx_id => newer = Some(kept),
                other => self.perform(vec![other]),
            }
        }
        // What an undo takes back is up to the tab that sends.
        let Some(newer) = newer.filter(|newer| newer.takes_back.is_none()) else { return };
        let what = inner.labels.borrow().get(tx_id).cloned().unwrap_or_default();
        let (store, project) = (inner.keeping.borrow().store.clone(), inner.project.clone());
        leptos::task::spawn_local(async move {
            if let Some(store) = store {
                self.take_up(store.load(&project)).await;
            }
            let Some(inner) = self.alive() else { return };
            let tx_id = new_id();
            let edit = Edit { label: what.clone(), gesture: None };
            let again = inner.replica.borrow_mut().edit(tx_id.clone(), &edit, newer.transaction.operations, now());
            match again {
                Ok(effects) => {
                    self.label(tx_id, what);
                    self.perform(effects);
                }
                Err(refusal) => self.toasts.error(format!("{what} was undone"), refusal.message),
            }
        });
    }

    /// Says once that edits are not kept for want of room.
    fn warn_of_full_disk(self) {
        if self.health.get_untracked() == Health::Full && !self.inner().has_warned.replace(true) {
            self.toasts.error(
                "This browser has no room left for edits",
                "What you do is sent as before, but until then it is in this tab only. Free some space on the disk, or clear the data of other sites.",
            );
        }
    }

    /// An edit is settled.
    pub(super) fn forget(self, tx_id: Id) {
        let inner = self.inner();
        let mut keeping = inner.keeping.borrow_mut();
        keeping.unkept.retain(|other| *other != tx_id);
        if let Some(store) = &keeping.store {
            store.forget(tx_id);
        }
    }

    /// Keeps steps of undo.
    pub(super) fn keep_steps(self, changes: Vec<StepChange>) {
        let inner = self.inner();
        if let Some(store) = &inner.keeping.borrow().store {
            store.keep_steps(&inner.project, changes);
        }
    }

    /// Says something to the other tabs.
    pub(super) fn tell(self, message: sync::TabMessage) {
        if let Some(tabs) = &self.inner().keeping.borrow().tabs {
            tabs.tell(message);
        }
    }

    /// Adds commits to the cache; the tab that sends does so for all.
    pub(super) fn cache_commits(self, commits: Vec<operations::Commit>) {
        let inner = self.inner();
        let mut keeping = inner.keeping.borrow_mut();
        let (Some(store), Some(epoch)) = (keeping.store.clone(), inner.replica.borrow().epoch().cloned()) else {
            return;
        };
        if !keeping.leads || keeping.is_stale {
            keeping.is_stale = true;
            return;
        }
        keeping.since += commits.len();
        keeping.since_bytes += store.follow(&inner.project, &epoch, commits);
        if keeping.since > COMMITS_MAX || keeping.since_bytes > COMMIT_BYTES_MAX {
            drop(keeping);
            self.cache_anew();
        }
    }

    /// What is cached of the project is another one's past.
    pub(super) fn cache_anew(self) {
        self.inner().keeping.borrow_mut().is_stale = true;
        self.cache_soon();
    }

    fn cache_soon(self) {
        let inner = self.inner();
        let mut keeping = inner.keeping.borrow_mut();
        if !keeping.is_stale || !keeping.leads || std::mem::replace(&mut keeping.is_asked, true) {
            return;
        }
        clock::after(CACHE_AFTER, move || self.cache_now());
    }

    fn cache_now(self) {
        let Some(inner) = self.alive() else { return };
        let mut keeping = inner.keeping.borrow_mut();
        keeping.is_asked = false;
        let replica = inner.replica.borrow();
        let (Some(store), Some(epoch), true) = (keeping.store.clone(), replica.epoch(), keeping.leads) else { return };
        store.cache(&inner.project, epoch, replica.seq(), replica.committed());
        (keeping.is_stale, keeping.since, keeping.since_bytes) = (false, 0, 0);
        leptos::task::spawn_local(async move { store.trim().await });
    }

    /// Edits that closing this page would lose.
    pub(super) fn has_unkept(self) -> bool {
        let inner = self.inner();
        let keeping = inner.keeping.borrow();
        let replica = inner.replica.borrow();
        replica.pending().any(|(transaction, _)| keeping.unkept.contains(&transaction.tx_id))
    }

    /// One's own edits that the server has not confirmed, in order; runs again when their number changes.
    pub(crate) fn waiting(self) -> Vec<Listed> {
        self.status().track();
        let inner = self.inner();
        let (replica, labels, keeping) = (inner.replica.borrow(), inner.labels.borrow(), inner.keeping.borrow());
        let listed = |(transaction, made): (&operations::Transaction, model::Timestamp)| {
            let tx_id = transaction.tx_id.clone();
            Listed {
                place: (!keeping.unkept.contains(&tx_id)).then_some(0),
                project: inner.project.clone(),
                what: labels.get(&tx_id).cloned().unwrap_or_default(),
                made,
                is_parked: replica.is_parked(&tx_id),
                tx_id,
            }
        };
        replica.pending().map(listed).collect()
    }

    /// Tries again to send what was set aside, and at once.
    pub(crate) fn retry(self) {
        self.handle(Event::Retry);
        if !self.status.with_untracked(|status| status.live) {
            self.connect_now();
        }
    }

    fn connect_now(self) {
        if let Some(socket) = self.inner().socket.borrow().clone() {
            clock::after(Duration::ZERO, move || socket.reconnect_now());
        }
    }

    /// Gives up an edit that waits.
    pub(crate) fn discard(self, tx_id: Id) {
        self.handle(Event::Discard(tx_id));
    }

    /// The address that the user logged in with last.
    pub(crate) async fn known_email(self) -> Option<String> {
        let store = self.inner().keeping.borrow().store.clone()?;
        let answer: api::MeAnswer = serde_json::from_str(&store.answer(api::ME).await?).ok()?;
        Some(answer.user.email)
    }

    /// Somebody has logged in on this page.
    pub(crate) fn logged_in(self, user: &Id) {
        if *user != self.inner().me {
            // What waits here is not theirs, and this page is not either.
            let _ = location().reload();
            return;
        }
        self.logged_out.set(false);
        self.connect_now();
    }

    /// The server says who is logged in: that is kept for when it does not say. Nothing of somebody else is, and for whom this
    /// song is open they are not logged in.
    pub(super) fn is_logged_in(self, text: &str) {
        let Some(inner) = self.alive() else { return };
        if api::MeAnswer::of(text, &inner.me).is_none() {
            return;
        }
        self.logged_out.set(false);
        if let Some(store) = &inner.keeping.borrow().store {
            store.keep_answer(api::ME, text);
        }
    }

    /// Asks the browser, once, not to throw away what is kept when room gets scarce.
    fn ask_to_persist(self) {
        if !self.inner().has_asked.replace(true) {
            leptos::task::spawn_local(audio_cache::folder::ask_to_persist());
        }
    }

    fn handle(self, event: Event) {
        let effects = self.inner().replica.borrow_mut().handle(event);
        self.perform(effects);
    }
}
