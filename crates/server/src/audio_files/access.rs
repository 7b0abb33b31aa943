//! Who may touch which audio file.

use model::{Id, Key, Record, Role, Table};
use storage::{Store, StoreError};

use crate::{App, Problem};

/// An audio file's record and the project that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) project: Id,
    pub(super) record: Record,
}

/// What someone wants to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Hear it: any member.
    Read,
    /// Bring its bytes: an owner or an editor.
    Write,
}

/// The file, when this user may do that with it.
///
/// # Errors
/// 404 when there is no such file; 403 for strangers and, when writing, for viewers.
pub(super) async fn find(app: &App, file: &Id, user: &Id, wish: Wish) -> Result<Found, Problem> {
    let (key, user) = (Key::new(Table::AudioFiles, file.clone()), user.clone());
    let looked_up = app.database.run(move |store| look_up(store, &key, &user)).await?;
    let (found, role) = looked_up.ok_or_else(Problem::not_found)?;
    match (role, wish) {
        (Some(_), Wish::Read) | (Some(Role::Owner | Role::Editor), Wish::Write) => Ok(found),
        _ => Err(Problem::forbidden()),
    }
}

fn look_up(store: &dyn Store, key: &Key, user: &Id) -> Result<Option<(Found, Option<Role>)>, StoreError> {
    let Some(project) = store.project_of(key)? else { return Ok(None) };
    let Some((_, record)) = store.records(std::slice::from_ref(key))?.pop() else { return Ok(None) };
    let role = store.role_of(&project, user)?;
    Ok(Some((Found { project, record }, role)))
}
