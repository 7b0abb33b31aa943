//! `GET /api/projects/:id/history`: what was changed, by whom and when, the newest first.

use std::collections::{BTreeMap, BTreeSet};

use model::{Id, Key, Record, Records, Table};
use operations::{Change, Operation, Position};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use storage::{Store, StoreError};
use sync::Room;
use utoipa::{IntoParams, ToSchema};

use super::super::limits::{
    HISTORY_BYTES_MAX, HISTORY_ENTRIES, HISTORY_ENTRIES_MAX, HISTORY_OPERATIONS_MAX, HISTORY_READ_ENTRIES,
    HISTORY_VALUE_BYTES_MAX, HISTORY_VERSIONS_MAX,
};
use crate::Problem;

/// Which part of the history.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct PageQuery {
    /// Entries before this one; the newest when it is left out.
    before: Option<u64>,
    /// How many at most: 1 to 200, 50 when it is left out. There may be fewer, see `next`.
    limit: Option<usize>,
}

/// A part of a project's history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct HistoryBody {
    /// The newest first.
    entries: Vec<EntryData>,
    /// What to ask for as `before` to go on; absent when this is the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    /// What the records that the entries touch are called today, by `table:id`.
    names: BTreeMap<String, String>,
    /// The named versions that are not deleted, the newest first; only with the newest entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<VersionData>>,
    /// The last entry of the project's log.
    seq: u64,
    /// Which log.
    epoch: String,
}

/// A transaction as the log has it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EntryData {
    seq: u64,
    tx_id: String,
    author: PersonData,
    /// ISO 8601, UTC, by the server's clock.
    time: String,
    /// What it has in common with others of the same gesture.
    gesture: Option<String>,
    /// The first 50 operations, as in `write`. Instead of a `value` that is larger than 2 KB there is `cutBytes`, about how
    /// large it is; `takesBack` is true for those that undo something.
    #[schema(value_type = Vec<Object>)]
    operations: Vec<Json>,
    /// How many operations there are.
    operation_count: usize,
}

/// Somebody, perhaps no member any more.
#[derive(Clone, Serialize, ToSchema)]
struct PersonData {
    id: String,
    /// Null for somebody whose account is gone.
    name: Option<String>,
    /// `#rrggbb`
    colour: Option<String>,
}

/// A named version.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VersionData {
    id: String,
    name: String,
    /// The entry that named it: the song is meant as that one left it.
    seq: u64,
    /// ISO 8601, UTC.
    created_at: Option<String>,
    created_by: PersonData,
}

/// The part of the history that `query` asks for.
///
/// # Errors
/// 400 for a limit that cannot be.
pub(in super::super) fn page(
    store: &dyn Store,
    room: &Room,
    query: PageQuery,
) -> Result<Result<HistoryBody, Problem>, StoreError> {
    let limit = query.limit.unwrap_or(HISTORY_ENTRIES);
    if !(1..=HISTORY_ENTRIES_MAX).contains(&limit) {
        return Ok(Err(Problem::invalid(format!("limit: 1 to {HISTORY_ENTRIES_MAX} entries"))));
    }
    let before = query.before.unwrap_or(u64::MAX).min(room.seq().saturating_add(1));
    let mut reading = Reading { store, room, people: BTreeMap::new(), touched: BTreeSet::new() };
    let entries = reading.entries(before, limit)?;
    let oldest = entries.last().map(|entry| entry.seq);
    let versions = query.before.is_none().then(|| reading.versions()).transpose()?;
    Ok(Ok(HistoryBody {
        entries,
        next: oldest.filter(|seq| *seq > 1),
        names: reading.names()?,
        versions,
        seq: room.seq(),
        epoch: room.epoch().to_string(),
    }))
}

struct Reading<'a> {
    store: &'a dyn Store,
    room: &'a Room,
    people: BTreeMap<Id, PersonData>,
    touched: BTreeSet<Key>,
}

impl Reading<'_> {
    fn entries(&mut self, before: u64, limit: usize) -> Result<Vec<EntryData>, StoreError> {
        let (mut entries, mut bytes, mut at) = (Vec::new(), 0, before);
        while entries.len() < limit && bytes < HISTORY_BYTES_MAX {
            let count = HISTORY_READ_ENTRIES.min(limit - entries.len());
            let read = self.store.entries_before(self.room.scope(), at, count)?;
            let Some(last) = read.last() else { break };
            at = last.commit.seq;
            for commit in read.into_iter().map(|entry| entry.commit) {
                if bytes >= HISTORY_BYTES_MAX {
                    break;
                }
                let shown = commit.operations.iter().take(HISTORY_OPERATIONS_MAX);
                self.touched.extend(shown.clone().map(|operation| operation.target.clone()));
                let operations: Vec<Json> = shown.map(operation_data).collect();
                bytes += operations.iter().map(|operation| operation.to_string().len()).sum::<usize>();
                entries.push(EntryData {
                    seq: commit.seq,
                    tx_id: commit.tx_id.to_string(),
                    author: self.person(&commit.author)?,
                    time: commit.time.to_string(),
                    gesture: commit.gesture.as_ref().map(Id::to_string),
                    operations,
                    operation_count: commit.operations.len(),
                });
            }
        }
        Ok(entries)
    }

    fn person(&mut self, id: &Id) -> Result<PersonData, StoreError> {
        if let Some(known) = self.people.get(id) {
            return Ok(known.clone());
        }
        let record = self.store.records(&[Key::new(Table::Users, id.clone())])?.pop();
        let text = |field: &str| record.as_ref().and_then(|(_, record)| Some(record.text(field)?.to_owned()));
        // What the server does by itself is done by nobody who has a record.
        let name = if *id == Id::system() { Some("Unisono".to_owned()) } else { text("name") };
        let person = PersonData { id: id.to_string(), name, colour: text("colour") };
        self.people.insert(id.clone(), person.clone());
        Ok(person)
    }

    fn names(&mut self) -> Result<BTreeMap<String, String>, StoreError> {
        let mut names = BTreeMap::new();
        for key in std::mem::take(&mut self.touched) {
            let Some(record) = self.room.records().get(&key) else { continue };
            let name = match record.id_in("userId").filter(|_| key.table == Table::ProjectMembers) {
                Some(user) => self.person(&user)?.name,
                None => name_of(self.room.records(), key.table, record),
            };
            names.extend(name.map(|name| (key.to_string(), name)));
        }
        Ok(names)
    }

    fn versions(&mut self) -> Result<Vec<VersionData>, StoreError> {
        let records = self.room.records().table(Table::Versions).filter(|version| !version.is_deleted());
        let mut records: Vec<&Record> = records.collect();
        records.sort_by_key(|version| std::cmp::Reverse(version.text("createdAt").unwrap_or_default()));
        let mut versions = Vec::new();
        for record in records.into_iter().take(HISTORY_VERSIONS_MAX) {
            let (Some(author), Some(tx_id)) = (record.id_in("createdBy"), record.id_in("txId")) else { continue };
            let logged = self.store.find_transaction(&author, &tx_id)?;
            let Some(logged) = logged.filter(|logged| logged.scope == *self.room.scope()) else { continue };
            versions.push(VersionData {
                id: record.id().to_string(),
                name: record.text("name").unwrap_or_default().to_owned(),
                seq: logged.seq,
                created_at: record.text("createdAt").map(str::to_owned),
                created_by: self.person(&author)?,
            });
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.seq));
        Ok(versions)
    }
}

/// What people call a record.
fn name_of(records: &Records, table: Table, record: &Record) -> Option<String> {
    let text = |field: &str| record.text(field).map(str::to_owned);
    match table {
        Table::AudioFiles => text("filename"),
        Table::Automation => {
            let owner = match record.id_in("trackId") {
                Some(track) => records.find(Table::Tracks, &track)?.text("name")?,
                None => "Master",
            };
            Some(format!("{owner}: {}", record.text("parameter")?))
        }
        _ => text("name"),
    }
}

/// An operation as `write` takes it, without the bulk.
fn operation_data(operation: &Operation) -> Json {
    let mut data = Map::new();
    let mut put = |name: &str, value: Json| drop(data.insert(name.to_owned(), value));
    put("type", json!(operation.type_name()));
    put("table", json!(operation.target.table));
    put("id", json!(operation.target.id));
    put("key", json!(operation.path));
    let fits = |value: &model::Value| value.weight() <= HISTORY_VALUE_BYTES_MAX;
    match &operation.change {
        Change::Set(value) | Change::ListInsert(value, _) | Change::ListRemove(value) => match fits(value) {
            true => put("value", json!(value)),
            false => put("cutBytes", json!(value.weight())),
        },
        Change::SetNow | Change::Unset => {}
    }
    if let Change::ListInsert(_, position) = &operation.change
        && match position {
            Position::Before(anchor) | Position::After(anchor) => fits(anchor),
            Position::Prepend | Position::Append => true,
        }
    {
        put("position", json!(position));
    }
    if operation.guard.is_some() {
        put("takesBack", json!(true));
    }
    Json::Object(data)
}
