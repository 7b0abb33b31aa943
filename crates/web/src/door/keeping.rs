//! How the door keeps edits and projects, and shares them with other tabs (CL2, CL4, CL5).

use std::time::Duration;

use leptos::prelude::*;
use model::Id;
use sync::{Event, Kept, StepChange};

use super::store::{Cached, Health, Listed, Store, Waiting};
use super::tabs::{TabEvent, Tabs};
use super::{Door, api, audio_cache, clock};

/// Commits that gather before the project is cached anew.
const COMMITS_MAX: usize = 500;
/// Bytes of those.
const COMMIT_BYTES_MAX: usize = 1024 * 1024;
/// By then the project is on the screen, and there is time to cache it.
const CACHE_AFTER: Duration = Duration::from_millis(1_500);
/// A browser whose database does not answer is one that keeps nothing.
const OPEN_WAIT: Duration = Duration::from_secs(4);
/// How often a tab that does not send looks for the one that does, while edits wait.
const LOOK_EVERY: Duration = Duration::from_secs(5);

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
    /// Edits of this tab that are nowhere else.
    unkept: Vec<Id>,
}

impl Door {
    /// Shows what is kept, then joins the other tabs and the server.
    pub(super) async fn begin(self) {
        let (me, project) = (self.inner().me.clone(), self.inner().project.clone());
        let opened = Store::open(&me, self.health);
        let late = clock::sleep(OPEN_WAIT);
        futures_util::pin_mut!(opened, late);
        let store = match futures_util::future::select(opened, late).await {
            futures_util::future::Either::Left((store, _)) => Some(store),
            futures_util::future::Either::Right(_) => None,
        };
        let Some(inner) = self.inner.try_get_value() else { return };
        if let Some(store) = &store {
            inner.keeping.borrow_mut().store = Some(store.clone());
            if let Some(cached) = store.cached(&project).await {
                self.show_cached(cached);
            }
            self.take_kept(store).await;
        } else {
            self.health.set(Health::Fails);
        }
        if self.inner.try_get_value().is_none() {
            return;
        }
        let tabs = Tabs::join(&me, &project, move |event| self.tab_event(event));
        inner.keeping.borrow_mut().tabs = Some(tabs);
        self.connect();
        self.check_session();
        self.look_for_sender();
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

    /// Takes up the edits that wait and the steps of undo.
    async fn take_kept(self, store: &Store) {
        let project = self.inner().project.clone();
        let Some(loaded) = store.load(&project).await else { return };
        let Some(inner) = self.inner.try_get_value() else { return };
        inner.labels.borrow_mut().extend(loaded.labels);
        if loaded.unreadable > 0 {
            self.toasts.error(
                "Some edits that wait here cannot be read",
                "They were made with another version of Unisono, and stay in this browser until that one opens them.",
            );
        }
        let effects = inner.replica.borrow_mut().handle(Event::Stored(loaded.store));
        self.perform(effects);
    }

    fn tab_event(self, event: TabEvent) {
        // A tab may hear something when its page is being left.
        let Some(inner) = self.inner.try_get_value() else { return };
        match event {
            TabEvent::Says(message) => {
                if let sync::TabMessage::Kept { place, kept } = &message
                    && let Some(store) = &inner.keeping.borrow().store
                {
                    store.is_at(kept.transaction.tx_id.clone(), *place);
                }
                self.handle(Event::Tab(message));
            }
            TabEvent::Leads(false) => {
                inner.keeping.borrow_mut().leads = false;
                self.handle(Event::Leads(false));
            }
            TabEvent::Leads(true) => {
                let store = inner.keeping.borrow().store.clone();
                leptos::task::spawn_local(async move {
                    // The tab that sent before may have kept what this one has not heard of.
                    if let Some(store) = store {
                        self.take_kept(&store).await;
                    }
                    let Some(inner) = self.inner.try_get_value() else { return };
                    inner.keeping.borrow_mut().leads = true;
                    self.handle(Event::Leads(true));
                    self.cache_soon();
                });
            }
        }
    }

    /// While edits wait that another tab is to send: is it still there?
    fn look_for_sender(self) {
        clock::after(LOOK_EVERY, move || {
            let Some(inner) = self.inner.try_get_value() else { return };
            let status = inner.replica.borrow().status();
            let tabs = inner.keeping.borrow().tabs.clone();
            if let Some(tabs) = tabs.filter(|_| status.live && status.pending > status.parked) {
                tabs.look_for_sender();
            }
            self.look_for_sender();
        });
    }

    /// Keeps an edit before it is sent.
    pub(super) fn keep(self, kept: Kept) {
        let inner = self.inner();
        let tx_id = kept.transaction.tx_id.clone();
        let what = inner.labels.borrow().get(&tx_id).cloned().unwrap_or_default();
        let store = inner.keeping.borrow().store.clone();
        let told = move |place: Option<u64>| {
            let Some(inner) = self.inner.try_get_value() else { return };
            if place.is_none() {
                inner.keeping.borrow_mut().unkept.push(tx_id.clone());
                self.warn_of_full_disk();
            }
            self.handle(Event::Kept { tx_id, place });
        };
        match store {
            Some(store) => {
                store.keep(&Waiting { project: inner.project.clone(), what, kept }, told);
                self.ask_to_persist();
            }
            // Later: this runs inside the edit.
            None => clock::after(Duration::ZERO, move || told(None)),
        }
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
        let Some(inner) = self.inner.try_get_value() else { return };
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

    /// Tries again to send what was set aside.
    pub(crate) fn retry(self) {
        self.handle(Event::Retry);
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
        if let Some(socket) = self.inner().socket.borrow().clone() {
            clock::after(Duration::ZERO, move || socket.reconnect_now());
        }
    }

    /// Keeps who is logged in, for when the server does not say.
    pub(super) fn keep_me(self, text: &str) {
        if let Some(inner) = self.inner.try_get_value()
            && let Some(store) = &inner.keeping.borrow().store
        {
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
