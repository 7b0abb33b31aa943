//! What a browser keeps of one user: edits that wait, steps of undo, and projects to show before the server answers (CL2, CL5).
//!
//! Writes gather while the one before them is under way, and go together. Edits are on the disk before anybody is told
//! that they are kept. When the browser has no room, what is only cached gives way first: other projects, then recordings.

mod cache;
mod database;
mod rows;
mod sender;
mod write;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use leptos::prelude::{GetUntracked, RwSignal, Set, WindowListenerHandle, window_event_listener_untyped};
use model::Id;
use operations::Commit;
use sync::{Kept, Step, StepChange};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbKeyRange, IdbRequest, IdbTransaction};

use super::{audio_cache, clock};
use database::{BY_PROJECT, Database, QUEUE, SNAPSHOTS, STEPS};
use write::{Write, Written};

pub(crate) use cache::Cached;
pub(crate) use database::SCHEMA_VERSION;
pub(crate) use rows::{Listed, Waiting};

/// What need not be kept at once waits this long for more of it.
const GATHER: Duration = Duration::from_millis(250);

/// How well edits are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// They are.
    #[default]
    Keeps,
    /// There is no room left in this browser.
    Full,
    /// This browser keeps nothing for this site, or fails.
    Fails,
}

/// What has become of an edit that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is, at this place.
    At(u64),
    /// It could not be.
    Nowhere,
    /// It was, and stays as it was: another tab sends now in the place of this one (CL4).
    Overtaken,
}

type Told = Box<dyn FnOnce(Outcome)>;

/// What is kept of one user. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store(Rc<Inner>);

struct Inner {
    user: Id,
    /// The project of the page that has opened it.
    project: Option<Id>,
    database: Option<Database>,
    health: RwSignal<Health>,
    batch: RefCell<Vec<Write>>,
    is_writing: Cell<bool>,
    is_gathering: Cell<bool>,
    leaving: RefCell<Option<WindowListenerHandle>>,
    /// Where edits are.
    places: RefCell<HashMap<Id, u64>>,
    /// The places of all rows that were there when edits were loaded last.
    seen: RefCell<HashSet<u64>>,
}

impl Store {
    /// Whether something is on its way to the disk, or about to be.
    pub(crate) fn is_writing(&self) -> bool {
        self.0.is_writing.get() || self.0.is_gathering.get()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

impl Inner {
    /// Does not hear any more that the page is left.
    fn stop_listening(&self) {
        if let Some(leaving) = self.leaving.take() {
            leaving.remove();
        }
    }
}

/// Edits and steps of one project.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// What the replica takes.
    pub(crate) store: sync::Store,
    /// What the user knows the edits as.
    pub(crate) labels: Vec<(Id, String)>,
    /// Rows that this build cannot read; they stay where they are.
    pub(crate) unreadable: usize,
    /// The places of all rows.
    places: HashSet<u64>,
}

impl Store {
    /// Opens what is kept of `user`, on the page of a `project`, if it is one. A browser that keeps nothing gives a store that says so of each edit.
    /// `health` is told how well it keeps.
    pub(crate) async fn open(user: &Id, project: Option<&Id>, health: RwSignal<Health>) -> Store {
        let database = Database::open(user).await.ok();
        // The song may have been left meanwhile.
        let _ = health.try_set(if database.is_some() { Health::Keeps } else { Health::Fails });
        let store = Store(Rc::new(Inner {
            user: user.clone(),
            project: project.cloned(),
            database,
            health,
            batch: RefCell::default(),
            is_writing: Cell::new(false),
            is_gathering: Cell::new(false),
            leaving: RefCell::new(None),
            places: RefCell::default(),
            seen: RefCell::default(),
        }));
        // What has gathered when the page is left is written still.
        let last = Rc::downgrade(&store.0);
        let leaving = window_event_listener_untyped("pagehide", move |_| {
            if let Some(inner) = last.upgrade() {
                Store(inner).write_now();
            }
        });
        *store.0.leaving.borrow_mut() = Some(leaving);
        store
    }

    /// Whether this browser keeps anything.
    pub(crate) fn is_open(&self) -> bool {
        self.0.database.is_some()
    }

    /// Keeps an edit, in its place when it has one already, and tells when that is done. `sender` is the number of a tab that
    /// sends.
    pub(crate) fn keep(&self, waiting: &Waiting, sender: Option<u64>, told: impl FnOnce(Outcome) + 'static) {
        if self.0.database.is_none() {
            return told(Outcome::Nowhere);
        }
        let write = Write::keep(waiting, sender, Box::new(told));
        let mut batch = self.0.batch.borrow_mut();
        // What is not kept yet takes the newer form.
        let same = batch.iter_mut().find(|other| other.keeps(&waiting.kept.transaction.tx_id));
        match same {
            Some(same) => same.replace(write),
            None => batch.push(write),
        }
        drop(batch);
        self.write_now();
    }

    /// An edit need not be kept any longer.
    pub(crate) fn forget(&self, tx_id: Id) {
        self.add(Write::Forget(tx_id), true);
    }

    /// Steps of undo have changed. They are made ready as soon as this turn of the page's is over: what a hand does goes first, and a
    /// step of many edits is long.
    pub(crate) fn keep_steps(&self, project: &Id, changes: Vec<StepChange>) {
        let (store, project) = (self.clone(), project.clone());
        leptos::task::spawn_local(async move {
            for change in changes {
                store.add(Write::step(&project, change), false);
            }
        });
    }

    /// The log of a project has come on.
    pub(crate) fn follow(&self, project: &Id, epoch: &Id, commits: Vec<Commit>) -> usize {
        let Some(first) = commits.first().map(|commit| commit.seq) else { return 0 };
        let bytes = rows::encode(&rows::Since { epoch: epoch.clone(), commits });
        let size = bytes.len();
        self.add(Write::Since { project: project.clone(), first, bytes }, false);
        size
    }

    /// Notes where an edit of another tab is.
    pub(crate) fn is_at(&self, tx_id: Id, place: u64) {
        self.0.places.borrow_mut().insert(tx_id, place);
    }

    fn add(&self, write: Write, at_once: bool) {
        if self.0.database.is_none() {
            return;
        }
        self.0.batch.borrow_mut().push(write);
        if at_once {
            self.write_now();
        } else if !self.0.is_writing.get() && !self.0.is_gathering.replace(true) {
            let store = self.clone();
            clock::after(GATHER, move || {
                store.0.is_gathering.set(false);
                store.write_now();
            });
        }
    }

    /// The song is left for good: what has gathered is written now, and the page may go without asking here.
    pub(crate) fn leave(&self) {
        self.write_now();
        self.0.stop_listening();
    }

    /// Writes what has gathered, as soon as this turn of the page's is over.
    pub(crate) fn write_now(&self) {
        if self.0.is_writing.replace(true) {
            return;
        }
        let store = self.clone();
        leptos::task::spawn_local(async move {
            loop {
                let batch = std::mem::take(&mut *store.0.batch.borrow_mut());
                if batch.is_empty() {
                    break;
                }
                store.write(batch).await;
            }
            store.0.is_writing.set(false);
        });
    }

    /// Writes a batch; tells each edit's place, or that it has none.
    async fn write(&self, mut batch: Vec<Write>) {
        let mut written = self.try_write(&batch).await;
        if written.is_err() && batch.iter().any(Write::is_cache) {
            // The queue matters more than what is cached.
            batch.retain(|write| !write.is_cache());
            written = self.try_write(&batch).await;
        }
        let is_full =
            |written: &Result<Written, database::Failure>| written.as_ref().is_err_and(|failure| failure.is_full);
        if is_full(&written) && self.make_room().await {
            written = self.try_write(&batch).await;
        }
        // Recordings can be fetched again; edits are nowhere else.
        while is_full(&written) && audio_cache::give_way(&self.0.user).await {
            written = self.try_write(&batch).await;
        }
        let health = match &written {
            // Room for a step or a note is no room for an edit: that only an edit shows.
            Ok(_) if !batch.iter().any(Write::is_edit) => self.0.health.try_get_untracked().unwrap_or_default(),
            Ok(_) => Health::Keeps,
            Err(failure) if failure.is_full => Health::Full,
            Err(_) => Health::Fails,
        };
        // The page may have been left.
        let _ = self.0.health.try_set(health);
        let written = written.unwrap_or_default();
        for write in batch {
            write.tell(&written);
        }
    }

    async fn try_write(&self, batch: &[Write]) -> Result<Written, database::Failure> {
        let Some(database) = &self.0.database else { return Ok(Written::default()) };
        if batch.is_empty() {
            return Ok(Written::default());
        }
        write::write(database, batch, &self.0.places).await
    }

    /// Waits until all that was asked so far is written.
    pub(crate) async fn settled(&self) {
        self.write_now();
        while self.0.is_writing.get() {
            clock::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The edits that wait and the steps of `project`; none when they could not be read, which says nothing of what is there.
    pub(crate) async fn load(&self, project: &Id) -> Option<Loaded> {
        let transaction = self.0.database.as_ref()?.reading(&[QUEUE, STEPS]).ok()?;
        let rows = Rows::ask(&transaction, project)?;
        database::complete(&transaction).await.ok()?;
        Some(self.noted(rows.loaded()))
    }

    /// Notes where the edits are that have been loaded.
    fn noted(&self, loaded: Loaded) -> Loaded {
        let placed = loaded.store.queue.iter().map(|(place, kept)| (kept.transaction.tx_id.clone(), *place));
        self.0.places.borrow_mut().extend(placed);
        self.0.seen.replace(loaded.places.clone());
        loaded
    }

    /// Whether edits of `project` wait that this tab has neither kept nor heard of.
    pub(crate) async fn has_news(&self, project: &Id) -> bool {
        self.read_places(project).await.is_some_and(|places| {
            let (known, seen) = (self.0.places.borrow(), self.0.seen.borrow());
            let known: HashSet<u64> = known.values().copied().collect();
            places.iter().any(|place| !known.contains(place) && !seen.contains(place))
        })
    }

    async fn read_places(&self, project: &Id) -> Option<HashSet<u64>> {
        let transaction = self.0.database.as_ref()?.reading(&[QUEUE]).ok()?;
        let queue = transaction.object_store(QUEUE).ok()?.index(BY_PROJECT).ok()?;
        let places = queue.get_all_keys_with_key(&JsValue::from_str(project.as_str())).ok()?;
        database::complete(&transaction).await.ok()?;
        Some(results(&places).iter().filter_map(|at| write::place(&at)).collect())
    }

    /// All edits that wait, of whatever project, in order.
    pub(crate) async fn waiting(&self) -> Vec<Listed> {
        self.read_waiting().await.unwrap_or_default()
    }

    async fn read_waiting(&self) -> Option<Vec<Listed>> {
        let database = self.0.database.as_ref()?;
        let transaction = database.reading(&[QUEUE]).ok()?;
        let queue = transaction.object_store(QUEUE).ok()?;
        let (rows, places) = (queue.get_all().ok()?, queue.get_all_keys().ok()?);
        database::complete(&transaction).await.ok()?;
        let rows = results(&rows);
        let places = results(&places);
        let listed = rows.iter().zip(places.iter()).filter_map(|(row, place)| write::listed(&row, &place));
        Some(listed.collect())
    }

    /// The projects that can be shown without the server.
    pub(crate) async fn cached_projects(&self) -> Vec<Id> {
        let Some(database) = &self.0.database else { return Vec::new() };
        let Ok(transaction) = database.reading(&[SNAPSHOTS]) else { return Vec::new() };
        let keys = transaction.object_store(SNAPSHOTS).and_then(|snapshots| snapshots.get_all_keys());
        let (Ok(keys), Ok(())) = (keys, database::complete(&transaction).await) else { return Vec::new() };
        results(&keys).iter().filter_map(|key| Id::new(&key.as_string()?).ok()).collect()
    }
}

/// What has been asked for of one project.
struct Rows {
    rows: IdbRequest,
    places: IdbRequest,
    steps: IdbRequest,
}

impl Rows {
    fn ask(transaction: &IdbTransaction, project: &Id) -> Option<Rows> {
        let queue = transaction.object_store(QUEUE).ok()?.index(BY_PROJECT).ok()?;
        let of_project = JsValue::from_str(project.as_str());
        Some(Rows {
            rows: queue.get_all_with_key(&of_project).ok()?,
            places: queue.get_all_keys_with_key(&of_project).ok()?,
            steps: transaction.object_store(STEPS).ok()?.get_all_with_key(&all_of(project)?).ok()?,
        })
    }

    /// What came of it, once the transaction is complete.
    fn loaded(&self) -> Loaded {
        let mut loaded = Loaded::default();
        let mut queue: Vec<(u64, Kept)> = Vec::new();
        for (row, at) in results(&self.rows).iter().zip(results(&self.places).iter()) {
            let place = write::place(&at);
            loaded.places.extend(place);
            match (write::queued(&row), place) {
                (Some(queued), Some(place)) => {
                    loaded.labels.push((queued.kept.transaction.tx_id.clone(), queued.what));
                    queue.push((place, queued.kept));
                }
                _ => loaded.unreadable += 1,
            }
        }
        model::sort_by(&mut queue, |a, b| a.0.cmp(&b.0));
        let steps = results(&self.steps).iter().filter_map(|row| rows::decode::<Step>(&bytes_of(&row))).collect();
        loaded.store = sync::Store { queue, steps };
        loaded
    }
}

/// The results of a request for all of something.
fn results(request: &IdbRequest) -> Array {
    request.result().ok().and_then(|result| result.dyn_into().ok()).unwrap_or_default()
}

/// The bytes in a row.
fn bytes_of(row: &JsValue) -> Vec<u8> {
    row.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default()
}

/// The key of something of a project.
fn key_of(project: &Id, rest: JsValue) -> JsValue {
    [JsValue::from_str(project.as_str()), rest].iter().collect::<Array>().into()
}

/// Everything of a project; a list comes after all that is no list.
fn all_of(project: &Id) -> Option<JsValue> {
    let lower: Array = [JsValue::from_str(project.as_str())].iter().collect();
    Some(IdbKeyRange::bound(&lower.into(), &key_of(project, Array::new().into())).ok()?.into())
}
