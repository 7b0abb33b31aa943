//! Who may have a room opened for a transaction: strangers must not fill the memory with rooms, of others' projects or of
//! projects that do not exist.

use model::{Id, Key, Record, Role, Table};
use operations::{Author, Operation, Refusal, Scope};
use storage::{Store, StoreError};

use super::limits::PROJECTS_PER_USER_MAX;

/// Whether the room of `scope` is to judge this transaction; else what it would answer.
pub(super) fn admits(
    store: &dyn Store,
    scope: &Scope,
    author: &Author,
    tx_id: &Id,
    operations: &[Operation],
) -> Result<Result<(), Refusal>, StoreError> {
    let Author::User(user) = author else { return Ok(Ok(())) };
    let project = match scope {
        Scope::User(own) => return Ok(if own == user { Ok(()) } else { Err(Refusal::forbidden()) }),
        Scope::Project(project) => project,
    };
    if store.role_of(project, user)?.is_some() {
        return Ok(Ok(()));
    }
    if store.position(scope)?.is_some() {
        // Who is no member any more may still learn that their transaction is in the log (WR6).
        let repeats = store.find_transaction(user, tx_id)?.is_some();
        return Ok(if repeats { Ok(()) } else { Err(Refusal::forbidden()) });
    }
    let root = Key::new(Table::Projects, project.clone());
    if !operations.iter().any(|operation| founds(operation) && operation.target == root) {
        return Ok(Err(Refusal::invalid(format!("{}/{}: the record does not exist", root.table, root.id))));
    }
    // Those that others have made somebody an owner of are not theirs to answer for.
    let begun = |(project, _): &&(Record, Role)| project.text("createdBy") == Some(user.as_str());
    Ok(if store.projects_of(user)?.iter().filter(begun).count() < PROJECTS_PER_USER_MAX {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "one person is in at most {PROJECTS_PER_USER_MAX} projects that they have begun; please hand one over and leave it first"
        )))
    })
}

/// Whether this begins a project.
pub(super) fn founds(operation: &Operation) -> bool {
    operation.is_creation() && operation.target.table == Table::Projects
}
