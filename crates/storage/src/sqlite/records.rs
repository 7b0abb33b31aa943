//! Reading records.

use std::collections::BTreeMap;

use model::{Id, Key, Record, Role, Table};
use operations::Scope;
use rusqlite::{Connection, OptionalExtension};

use super::columns::{Statements, read_id, unreadable};
use super::log::{find_log, for_each_commit, scope_name};
use crate::replay::{Replay, Row};
use crate::{Loaded, LogPosition, StoreError, is_written_through};

pub(super) const ROLE_OF: &str = "SELECT role FROM project_members \
    WHERE project_id = ?1 AND user_id = ?2 AND deleted IS NULL";
pub(super) const ARE_FELLOWS: &str = "SELECT 1 FROM project_members AS one \
    JOIN project_members AS other ON other.project_id = one.project_id \
    WHERE one.user_id = ?1 AND other.user_id = ?2 AND one.deleted IS NULL AND other.deleted IS NULL LIMIT 1";
pub(super) const MEMBERSHIPS_OF: &str = "SELECT project_id, role FROM project_members \
    WHERE user_id = ?1 AND deleted IS NULL";
pub(super) const MEMBERS_OF: &str = "SELECT user_id, role FROM project_members \
    WHERE project_id = ?1 AND deleted IS NULL ORDER BY user_id";

/// A scope's rows, brought up to the end of its log.
pub(super) fn load(connection: &Connection, scope: &Scope) -> Result<Option<Loaded>, StoreError> {
    let Some(log) = find_log(connection, &scope_name(scope))? else { return Ok(None) };
    let mut rows = Vec::new();
    match scope {
        Scope::User(user) => rows.extend(row(connection, Table::Users, user)?),
        Scope::Project(project) => {
            for table in Table::ALL.into_iter().filter(|table| *table != Table::Users) {
                let statements = Statements::of(table);
                let mut statement = connection.prepare_cached(&statements.by_project)?;
                for row in statement.query_map([project.as_str()], |row| statements.row(table, row))? {
                    rows.push(row?);
                }
            }
        }
    }
    let mut replay = Replay::new(rows);
    for_each_commit(connection, &log, log.materialised_seq, usize::MAX, |commit| replay.follow(commit))?;
    let (records, behind) = replay.finish();
    let LogPosition { epoch, seq } = log.at;
    Ok(Some(Loaded { epoch, seq, records, materialised_seq: log.materialised_seq, behind, log_bytes: log.bytes }))
}

fn row(connection: &Connection, table: Table, id: &Id) -> rusqlite::Result<Option<Row>> {
    let statements = Statements::of(table);
    connection.prepare_cached(&statements.by_id)?.query_row([id.as_str()], |row| statements.row(table, row)).optional()
}

/// A record of a table that is written through.
fn record(connection: &Connection, table: Table, id: &Id) -> rusqlite::Result<Option<Record>> {
    Ok(row(connection, table, id)?.map(|row| row.record))
}

pub(super) fn records(connection: &Connection, keys: &[Key]) -> Result<Vec<(Table, Record)>, StoreError> {
    let (mut found, mut following) = (Vec::with_capacity(keys.len()), BTreeMap::new());
    for key in keys {
        let Some(row) = row(connection, key.table, &key.id)? else { continue };
        if is_written_through(key.table) {
            found.push((key.table, row.record));
        } else if let Some(project) = row.record.text("projectId") {
            following.entry(project.to_owned()).or_insert_with(Vec::new).push(row);
        }
    }
    for (project, rows) in following {
        let Some(log) = find_log(connection, &project)? else { continue };
        let mut replay = Replay::new(rows);
        for_each_commit(connection, &log, log.materialised_seq, usize::MAX, |commit| replay.follow(commit))?;
        found.extend(replay.finish().0);
    }
    Ok(found)
}

pub(super) fn project_of(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Id>> {
    if key.table == Table::Users {
        return Ok(None);
    }
    let statement = &Statements::of(key.table).project_of;
    connection.prepare_cached(statement)?.query_row([key.id.as_str()], |row| read_id(row, 0)).optional()
}

fn read_role(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Role> {
    let name = row.get_ref(index)?.as_str()?;
    let unknown = || std::io::Error::other(format!("there is no role '{name}'"));
    Role::from_name(name).ok_or_else(|| unreadable(index, unknown()))
}

pub(super) fn role_of(connection: &Connection, project: &Id, user: &Id) -> rusqlite::Result<Option<Role>> {
    let mut statement = connection.prepare_cached(ROLE_OF)?;
    let roles = statement.query_map([project.as_str(), user.as_str()], |row| read_role(row, 0))?;
    Ok(roles.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().max())
}

pub(super) fn are_fellows(connection: &Connection, one: &Id, other: &Id) -> rusqlite::Result<bool> {
    connection.prepare_cached(ARE_FELLOWS)?.exists([one.as_str(), other.as_str()])
}

fn id_and_role(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Id, Role)> {
    Ok((read_id(row, 0)?, read_role(row, 1)?))
}

pub(super) fn projects_of(connection: &Connection, user: &Id) -> rusqlite::Result<Vec<(Record, Role)>> {
    let mut statement = connection.prepare_cached(MEMBERSHIPS_OF)?;
    let memberships: Vec<_> = statement.query_map([user.as_str()], id_and_role)?.collect::<rusqlite::Result<_>>()?;
    let mut projects = Vec::with_capacity(memberships.len());
    for (project, role) in memberships {
        let project = record(connection, Table::Projects, &project)?.filter(|project| !project.is_deleted());
        projects.extend(project.map(|project| (project, role)));
    }
    crate::store::last_changed_first(&mut projects);
    Ok(projects)
}

pub(super) fn people_of(connection: &Connection, project: &Id) -> rusqlite::Result<Vec<(Record, Role)>> {
    let mut statement = connection.prepare_cached(MEMBERS_OF)?;
    let members: Vec<_> = statement.query_map([project.as_str()], id_and_role)?.collect::<rusqlite::Result<_>>()?;
    let mut people = Vec::with_capacity(members.len());
    for (user, role) in members {
        people.extend(record(connection, Table::Users, &user)?.map(|user| (user, role)));
    }
    Ok(people)
}
