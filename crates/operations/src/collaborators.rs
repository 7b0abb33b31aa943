//! The guide's list of a project's collaborators, which stands for memberships (PE1).

use model::{Id, Record, Records, Role, Table, Value};

use crate::{Author, Change, Operation, Refusal, build};

/// The operations on memberships that a list operation on `collaborators` stands for: whoever is put in becomes an editor,
/// whoever is taken out is no member any more. None when `operation` is something else.
///
/// # Errors
/// 403 unless the author is an owner, also where nothing would change; 400 when the element names nobody.
pub(crate) fn memberships(
    records: &Records,
    (author, role): (&Author, Option<Role>),
    operation: &Operation,
    new_id: &mut dyn FnMut() -> Option<Id>,
) -> Result<Option<Vec<Operation>>, Refusal> {
    let named = match &operation.change {
        Change::ListInsert(named, _) | Change::ListRemove(named) => named,
        Change::Set(_) | Change::SetNow | Change::Unset => return Ok(None),
    };
    let project = records.project().filter(|project| *project.id() == operation.target.id);
    let (Table::Projects, ["collaborators"], Some(project)) =
        (operation.target.table, &*operation.path.segments(), project)
    else {
        return Ok(None);
    };
    if role != Some(Role::Owner) && *author != Author::System {
        return Err(Refusal::forbidden());
    }
    let user = named.as_str().and_then(|user| Id::new(user).ok());
    let user = user.ok_or_else(|| Refusal::invalid("collaborators: an element is the id of a user"))?;
    let theirs =
        || records.table(Table::ProjectMembers).filter(|membership| membership.text("userId") == Some(user.as_str()));
    let holding = theirs().find(|membership| !membership.is_deleted()).map(Record::id);
    let members = Table::ProjectMembers;
    Ok(Some(match (&operation.change, holding) {
        (Change::ListRemove(_), Some(id)) => vec![build::delete(members, id)],
        // A list is a set: who is in it already stays as they are (OP5).
        (Change::ListRemove(_), None) | (_, Some(_)) => Vec::new(),
        (_, None) => match theirs().next().map(Record::id) {
            Some(id) => vec![build::set(members, id, "role", "editor"), build::restore(members, id)],
            None => {
                let id =
                    new_id().ok_or_else(|| Refusal::invalid("the transaction's id is too long for a new member"))?;
                let fields = [
                    ("projectId", Value::from(project.id())),
                    ("userId", Value::from(&user)),
                    ("role", "editor".into()),
                ];
                vec![build::create(members, &id, model::fields(fields))]
            }
        },
    }))
}
