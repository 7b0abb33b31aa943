//! Writes, and the one transaction that a batch of them is.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use js_sys::{Reflect, Uint8Array};
use model::Id;
use sync::StepChange;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbRequest, IdbTransaction};

use super::database::{self, BY_TRANSACTION, COMMITS, Database, Failure, META, QUEUE, SENDERS, SNAPSHOTS, STEPS};
use super::rows::{self, Listed, Queued, Waiting};
use super::sender;
use super::{Outcome, Told, bytes_of, key_of};

/// Something that is to be kept, or not any longer.
pub(super) enum Write {
    /// An edit; `sender` is the number of the tab that keeps it, if it is the one that sends.
    Keep { project: Id, tx_id: Id, sender: Option<u64>, bytes: Vec<u8>, told: Vec<Told> },
    /// An edit is settled.
    Forget(Id),
    /// A step of undo.
    PutStep { project: Id, id: Id, bytes: Vec<u8> },
    /// A step that is no more.
    RemoveStep { project: Id, id: Id },
    /// Entries of a log.
    Since { project: Id, first: u64, bytes: Vec<u8> },
    /// A project as a whole, in the place of all that was cached of it.
    Snapshot { project: Id, bytes: Vec<u8> },
    /// Something small, by name.
    Note { name: String, value: JsValue },
}

impl Write {
    pub(super) fn keep(waiting: &Waiting, sender: Option<u64>, told: Told) -> Write {
        let (what, kept) = (waiting.what.clone(), waiting.kept.clone());
        let tx_id = kept.transaction.tx_id.clone();
        let bytes = rows::encode(&Queued { what, kept });
        Write::Keep { project: waiting.project.clone(), tx_id, sender, bytes, told: vec![told] }
    }

    pub(super) fn step(project: &Id, change: StepChange) -> Write {
        let project = project.clone();
        match change {
            StepChange::Put(step) => Write::PutStep { project, bytes: rows::encode(&*step), id: step.id.clone() },
            StepChange::Remove(id) => Write::RemoveStep { project, id },
        }
    }

    /// Whether it keeps this edit.
    pub(super) fn keeps(&self, wanted: &Id) -> bool {
        matches!(self, Write::Keep { tx_id, .. } if tx_id == wanted)
    }

    /// Takes the newer form of the same edit; all who wait are told.
    pub(super) fn replace(&mut self, newer: Write) {
        if let (Write::Keep { sender, bytes, told, .. }, Write::Keep { sender: now, bytes: newer, told: more, .. }) =
            (self, newer)
        {
            (*sender, *bytes) = (now, newer);
            told.extend(more);
        }
    }

    /// Whether it keeps an edit.
    pub(super) fn is_edit(&self) -> bool {
        matches!(self, Write::Keep { .. })
    }

    /// Whether the server has it, too.
    pub(super) fn is_cache(&self) -> bool {
        matches!(self, Write::Since { .. } | Write::Snapshot { .. } | Write::Note { .. })
    }

    fn store(&self) -> &'static str {
        match self {
            Write::Keep { .. } | Write::Forget(_) => QUEUE,
            Write::PutStep { .. } | Write::RemoveStep { .. } => STEPS,
            Write::Since { .. } => COMMITS,
            Write::Snapshot { .. } => SNAPSHOTS,
            Write::Note { .. } => META,
        }
    }

    /// Tells those who wait what has become of an edit.
    pub(super) fn tell(self, written: &Written) {
        if let Write::Keep { tx_id, told, .. } = self {
            told.into_iter().for_each(|told| told(written.outcome(&tx_id)));
        }
    }
}

/// What a batch has come to.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Where its edits are.
    places: HashMap<Id, u64>,
    /// Edits that were to be kept anew in their places by a tab in whose place another sends: they are as they were.
    overtaken: HashSet<Id>,
}

impl Written {
    fn outcome(&self, tx_id: &Id) -> Outcome {
        match self.places.get(tx_id) {
            Some(place) => Outcome::At(*place),
            None if self.overtaken.contains(tx_id) => Outcome::Overtaken,
            None => Outcome::Nowhere,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "places and sequence numbers are far below 2^53")]
pub(super) fn number(number: u64) -> JsValue {
    JsValue::from_f64(number as f64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counted up from 1")]
pub(super) fn place(value: &JsValue) -> Option<u64> {
    value.as_f64().map(|number| number as u64)
}

fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// The edit in a row of the queue.
pub(super) fn queued(row: &JsValue) -> Option<Queued> {
    rows::decode(&bytes_of(&Reflect::get(row, &JsValue::from_str("bytes")).ok()?))
}

/// The same, for a list. A row that this build cannot read is listed, too.
pub(super) fn listed(row: &JsValue, at: &JsValue) -> Option<Listed> {
    let text = |name: &str| Id::new(&Reflect::get(row, &JsValue::from_str(name)).ok()?.as_string()?).ok();
    let queued = queued(row);
    let made = queued.as_ref().map_or(model::Timestamp(0), |queued| queued.kept.time);
    let what = queued.map_or_else(|| "An edit of another version of Unisono".to_owned(), |queued| queued.what);
    let (project, tx_id) = (text("project")?, text("transaction")?);
    Some(Listed { place: place(at), project, tx_id, what, made, is_parked: false })
}

/// Writes a batch, all of it or nothing, but for edits that another tab is sending; the places of the edits in it.
pub(super) async fn write(
    database: &Database,
    batch: &[Write],
    places: &RefCell<HashMap<Id, u64>>,
) -> Result<Written, Failure> {
    let unknown = find_unknown(database, batch, places).await?;
    let changed = changed_edits(batch, &places.borrow());
    let mut stores: Vec<&str> = batch.iter().map(Write::store).collect();
    if !changed.is_empty() {
        stores.push(SENDERS);
    }
    if stores.contains(&SNAPSHOTS) {
        stores.push(COMMITS);
    }
    stores.sort_unstable();
    stores.dedup();
    // Nothing but edits is lost for good when the power goes.
    let strict = batch.iter().any(|write| matches!(write, Write::Keep { .. }));
    let transaction = database.writing(&stores, strict)?;
    let overtaken = find_overtaken(&transaction, changed).await?;
    let asked = match ask(&transaction, batch, &places.borrow(), (&unknown, &overtaken)) {
        Ok(asked) => asked,
        Err(error) => {
            // It may have aborted by itself.
            let _ = transaction.abort();
            return Err(Failure::of(&error));
        }
    };
    database::complete(&transaction).await?;

    let mut places = places.borrow_mut();
    for write in batch {
        if let Write::Forget(tx_id) = write {
            places.remove(tx_id);
        }
    }
    let kept = asked.into_iter().filter_map(|(tx_id, request)| Some((tx_id, place(&request.result().ok()?)?)));
    let kept: HashMap<Id, u64> = kept.collect();
    places.extend(kept.clone());
    Ok(Written { places: kept, overtaken })
}

/// The edits of a batch that have a place already: which, of which project, and as whose.
fn changed_edits(batch: &[Write], places: &HashMap<Id, u64>) -> Vec<(Id, Id, u64)> {
    let changed = batch.iter().filter_map(|write| match write {
        Write::Keep { project, tx_id, sender: Some(sender), .. } if places.contains_key(tx_id) => {
            Some((tx_id.clone(), project.clone(), *sender))
        }
        _ => None,
    });
    changed.collect()
}

/// Those of which another tab is the sender now: it may have sent them as they were.
async fn find_overtaken(transaction: &IdbTransaction, changed: Vec<(Id, Id, u64)>) -> Result<HashSet<Id>, Failure> {
    let mut overtaken = HashSet::new();
    for (tx_id, project, sender) in changed {
        if sender::number_in(transaction, &project).await? != sender {
            overtaken.insert(tx_id);
        }
    }
    Ok(overtaken)
}

/// The places of edits that other tabs have kept and this one has not heard of.
async fn find_unknown(
    database: &Database,
    batch: &[Write],
    places: &RefCell<HashMap<Id, u64>>,
) -> Result<HashMap<Id, JsValue>, Failure> {
    let unknown: Vec<&Id> = batch
        .iter()
        .filter_map(|write| match write {
            Write::Forget(tx_id) if !places.borrow().contains_key(tx_id) => Some(tx_id),
            _ => None,
        })
        .collect();
    if unknown.is_empty() {
        return Ok(HashMap::new());
    }
    let transaction = database.reading(&[QUEUE])?;
    let index = database::store(&transaction, QUEUE)?.index(BY_TRANSACTION).map_err(|error| Failure::of(&error))?;
    let asked: Vec<(Id, IdbRequest)> = unknown
        .into_iter()
        .filter_map(|tx_id| Some((tx_id.clone(), index.get_key(&JsValue::from_str(tx_id.as_str())).ok()?)))
        .collect();
    database::complete(&transaction).await?;
    let found = asked.into_iter().filter_map(|(tx_id, request)| Some((tx_id, request.result().ok()?)));
    Ok(found.filter(|(_, place)| place.as_f64().is_some()).collect())
}

/// Asks for everything in a batch; the requests that give the places of edits.
fn ask(
    transaction: &IdbTransaction,
    batch: &[Write],
    places: &HashMap<Id, u64>,
    (unknown, overtaken): (&HashMap<Id, JsValue>, &HashSet<Id>),
) -> Result<Vec<(Id, IdbRequest)>, JsValue> {
    let mut asked = Vec::new();
    for write in batch {
        let store = transaction.object_store(write.store())?;
        match write {
            Write::Keep { tx_id, .. } if overtaken.contains(tx_id) => {}
            Write::Keep { project, tx_id, bytes: row, .. } => {
                let text = |id: &Id| JsValue::from_str(id.as_str());
                let row = [("project", text(project)), ("transaction", text(tx_id)), ("bytes", bytes(row))];
                let row = database::object(&row);
                let request = match places.get(tx_id) {
                    Some(place) => store.put_with_key(&row, &number(*place))?,
                    None => store.add(&row)?,
                };
                asked.push((tx_id.clone(), request));
            }
            Write::Forget(tx_id) => {
                let known = places.get(tx_id).map(|place| number(*place));
                if let Some(place) = known.or_else(|| unknown.get(tx_id).cloned()) {
                    store.delete(&place)?;
                }
            }
            Write::PutStep { project, id, bytes: step } => {
                store.put_with_key(&bytes(step), &key_of(project, JsValue::from_str(id.as_str())))?;
            }
            Write::RemoveStep { project, id } => {
                store.delete(&key_of(project, JsValue::from_str(id.as_str())))?;
            }
            Write::Since { project, first, bytes: since } => {
                store.put_with_key(&bytes(since), &key_of(project, number(*first)))?;
            }
            Write::Snapshot { project, bytes: snapshot } => {
                store.put_with_key(&bytes(snapshot), &JsValue::from_str(project.as_str()))?;
                if let Some(all) = super::all_of(project) {
                    // What was followed before lies in the snapshot.
                    transaction.object_store(COMMITS)?.delete(&all)?;
                }
            }
            Write::Note { name, value } => {
                store.put_with_key(value, &JsValue::from_str(name))?;
            }
        }
    }
    Ok(asked)
}

/// The field of a row.
pub(super) fn field(row: &JsValue, name: &str) -> JsValue {
    Reflect::get(row, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// Whether a request has given something.
pub(super) fn given(request: &IdbRequest) -> Option<JsValue> {
    request.result().ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// Numbers and texts of notes.
pub(super) fn as_text(value: &JsValue) -> Option<String> {
    value.dyn_ref::<js_sys::JsString>().map(String::from)
}
