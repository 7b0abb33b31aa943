//! A project as it was: today's records, with what undoes each entry of the log applied from the last one back.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use model::{Key, Record, Records, Table, Value};
use operations::{Scope, apply};
use storage::{LogEntry, Store, StoreError};
use sync::Room;
use tokio_util::sync::CancellationToken;

use super::super::limits::{HISTORY_READ_ENTRIES, REWIND_COMMITS_MAX};
use super::snapshots::nearest;
use crate::{App, Problem};

/// The records of `room` as entry `seq` of its log left them. The work ends early when the caller goes.
///
/// # Errors
/// 400 when the log has not come so far, 410 when nothing that was kept is near, 500 when the log cannot be read.
pub(crate) async fn records_at(app: &App, room: Room, seq: u64) -> Result<Records, Problem> {
    if room.seq() < seq {
        return Err(Problem::invalid(format!("seq: the project's log has {} entries so far", room.seq())));
    }
    let stop = CancellationToken::new();
    let _stops_when_dropped = stop.clone().drop_guard();
    let turn = app.realtime.turn_to_rewind().await;
    let rewound = app.database.run(move |store| {
        let rewound = rewind(store, &room, seq, &stop);
        drop(turn);
        rewound
    });
    rewound.await?.ok_or_else(|| {
        let message =
            format!("seq: that is more than {REWIND_COMMITS_MAX} changes before anything that was kept of this song");
        Problem::new(StatusCode::GONE, message)
    })
}

/// None when nothing that was kept is near.
pub(super) fn rewind(
    store: &dyn Store,
    room: &Room,
    seq: u64,
    stop: &CancellationToken,
) -> Result<Option<Records>, StoreError> {
    let near = nearest(store, room, seq)?;
    let (at, records) = near.unwrap_or_else(|| (room.seq(), room.records().clone()));
    if at - seq > REWIND_COMMITS_MAX {
        return Ok(None);
    }
    take_back_to(store, room.scope(), (at, records), seq, stop).map(Some)
}

/// The records that entry `at` left, as entry `seq` did.
fn take_back_to(
    store: &dyn Store,
    scope: &Scope,
    (mut at, records): (u64, Records),
    seq: u64,
    stop: &CancellationToken,
) -> Result<Records, StoreError> {
    let mut past = Past { records, unborn: BTreeSet::new(), steps: BTreeMap::new() };
    while at > seq {
        if stop.is_cancelled() {
            return Err(StoreError("whoever asked for an old state has gone".to_owned()));
        }
        let left = usize::try_from(at - seq).unwrap_or(usize::MAX);
        let entries = store.entries_before(scope, at + 1, HISTORY_READ_ENTRIES.min(left))?;
        if entries.is_empty() {
            return Err(StoreError(format!("entry {at} of the log is missing")));
        }
        for entry in &entries {
            if entry.commit.seq != at {
                return Err(StoreError(format!("entry {at} of the log is missing")));
            }
            past.take_back(entry)?;
            at -= 1;
        }
    }
    Ok(past.finish())
}

/// Records on their way back.
struct Past {
    records: Records,
    /// What does not exist yet.
    unborn: BTreeSet<Key>,
    /// By how much the version of each record has to be less than it is here: one for each operation that was taken back
    /// (OP2), and one for each that took it back, since applying raises it.
    steps: BTreeMap<Key, u64>,
}

impl Past {
    fn take_back(&mut self, LogEntry { commit, inverse }: &LogEntry) -> Result<(), StoreError> {
        for operation in &commit.operations {
            if operation.is_creation() {
                self.unborn.insert(operation.target.clone());
            }
            *self.steps.entry(operation.target.clone()).or_default() += 1;
        }
        for operation in inverse.iter().filter(|operation| !self.unborn.contains(&operation.target)) {
            let key = &operation.target;
            let misfit =
                |reason: &str| StoreError(format!("what undoes entry {} does not fit {key}: {reason}", commit.seq));
            let record = self.records.get(key).ok_or_else(|| misfit("there is no such record"))?;
            let before = apply(record, operation, commit.time).map_err(|refusal| misfit(&refusal.message))?;
            self.records.insert(key.table, before);
            *self.steps.entry(key.clone()).or_default() += 1;
        }
        Ok(())
    }

    fn finish(self) -> Records {
        let Past { records, unborn, steps } = self;
        let here = records.iter().filter(|(key, _)| !unborn.contains(key));
        let mut then: Records = here
            .map(|(key, record)| match steps.get(key) {
                Some(steps) => {
                    let version = record.version().saturating_sub(*steps);
                    (key.table, Record::new(record.id().clone(), version, record.fields().clone()))
                }
                None => (key.table, record.clone()),
            })
            .collect();
        if let Some(project) = then.project().cloned() {
            then.insert(Table::Projects, with_collaborators(&project, &then));
        }
        then
    }
}

/// The list is derived from the memberships (PE1), and what undoes those does not name it.
fn with_collaborators(project: &Record, records: &Records) -> Record {
    let members = records.table(Table::ProjectMembers).filter(|member| !member.is_deleted());
    let users: BTreeSet<_> = members.filter_map(|member| member.id_in("userId")).collect();
    let others = users.iter().filter(|user| project.text("createdBy") != Some(user.as_str()));
    project.with("collaborators", Value::list(others.map(Value::from)))
}
