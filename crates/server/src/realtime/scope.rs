//! What a transaction touches, for writers who do not say it.

use model::{Id, Key, Table};
use operations::{Operation, Refusal, Scope};
use storage::{Store, StoreError};

/// What a transaction touches: the project of the first operation that tells.
pub(super) fn scope_of(store: &dyn Store, operations: &[Operation]) -> Result<Result<Scope, Refusal>, StoreError> {
    for operation in operations {
        let key = &operation.target;
        match key.table {
            Table::Users => return Ok(Ok(Scope::User(key.id.clone()))),
            Table::Projects => return Ok(Ok(Scope::Project(key.id.clone()))),
            _ => {}
        }
        let project = match parent(operation) {
            Some(parent) if parent.table == Table::Projects => Some(parent.id),
            Some(parent) => store.project_of(&parent)?,
            None => store.project_of(key)?,
        };
        if let Some(project) = project {
            return Ok(Ok(Scope::Project(project)));
        }
    }
    let message = match operations.first() {
        Some(operation) => format!("{}/{}: the record does not exist", operation.target.table, operation.target.id),
        None => "a transaction has at least one operation".to_owned(),
    };
    Ok(Err(Refusal::invalid(message)))
}

/// The parent that a creation names.
fn parent(operation: &Operation) -> Option<Key> {
    let operations::Change::Set(value) = &operation.change else { return None };
    let named = |field: &str| operation.is_creation().then(|| Id::new(value.get(field)?.as_str()?).ok()).flatten();
    let by_track = || named("trackId").map(|id| Key::new(Table::Tracks, id));
    let by_project = || named("projectId").map(|id| Key::new(Table::Projects, id));
    match operation.target.table {
        Table::Clips => by_track(),
        Table::Automation => by_track().or_else(by_project),
        _ => by_project(),
    }
}
