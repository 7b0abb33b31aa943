//! Deleting one's account: what becomes of the songs, and of the name.
//!
//! A song that others have a part in stays with them: when its only owner goes, the editor who has been in it longest
//! becomes its owner, or the viewer when there is no editor. A song that nobody else has is deleted (softly, as any other).
//! The log keeps what was done, by somebody whose name it no longer knows.

use model::{Id, Record, Role, Table};
use operations::{Operation, build};

use super::{Caller, own};
use crate::state::new_id;
use crate::{App, Problem, projects};

/// Ends the caller's memberships, sessions and account.
///
/// Each project is one transaction. When one cannot be written the account stays, without those that could: the next try
/// goes on from there.
///
/// # Errors
/// 403 when the password is wrong, or for a demo account; 429 after wrong tries; 503 when a project cannot be written.
pub async fn delete_account(app: &App, caller: &Caller, password: String) -> Result<(), Problem> {
    own::confirmed(app, caller, password).await?;
    let user = caller.user.clone();
    let joined = app.database.run(move |store| store.projects_of(&user)).await?;
    for (project, _) in joined {
        leave(app, &caller.user, project.id()).await?;
    }
    let (user, epoch, now) = (caller.user.clone(), new_id(), app.clock.now());
    app.database.run(move |store| store.delete_account(&user, &epoch, now)).await?;
    app.realtime.end_sockets(&caller.user, |_| false);
    tracing::info!(user = %caller.user, "an account was deleted by its owner");
    Ok(())
}

async fn leave(app: &App, user: &Id, project: &Id) -> Result<(), Problem> {
    let room = app.realtime.look(project).await?;
    let members: Vec<&Record> =
        room.records().table(Table::ProjectMembers).filter(|member| !member.is_deleted()).collect();
    let farewell = farewell(project, &members, user);
    if farewell.is_empty() { Ok(()) } else { projects::write_all(app, user, farewell).await }
}

/// What `user` does to a project before they are gone.
fn farewell(project: &Id, members: &[&Record], user: &Id) -> Vec<Operation> {
    let role = |member: &Record| member.text("role").and_then(Role::from_name);
    let (own, others): (Vec<&Record>, Vec<&Record>) =
        members.iter().partition(|member| member.text("userId") == Some(user.as_str()));
    let last_owner = own.iter().any(|member| role(member) == Some(Role::Owner))
        && !others.iter().any(|member| role(member) == Some(Role::Owner));
    let mut operations = Vec::new();
    if last_owner {
        // The greatest role first, then the longest membership; ids decide between two that began together.
        let rank = |member: &&&Record| {
            (
                std::cmp::Reverse(role(member)),
                member.text("createdAt").unwrap_or_default().to_owned(),
                member.id().clone(),
            )
        };
        let Some(heir) = others.iter().min_by_key(rank) else {
            return vec![build::delete(Table::Projects, project)];
        };
        operations.push(build::set(Table::ProjectMembers, heir.id(), "role", Role::Owner.name()));
    }
    operations.extend(own.iter().map(|member| build::delete(Table::ProjectMembers, member.id())));
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    /// What happens when "me" leaves a project of these members: (user, role, when they came).
    fn left(members: &[(&str, &str, &str)]) -> String {
        let records: Vec<Record> = members
            .iter()
            .map(|(user, role, since)| {
                let fields = model::fields([
                    ("userId", (*user).into()),
                    ("role", (*role).into()),
                    ("createdAt", (*since).into()),
                ]);
                Record::new(id(&format!("m-{user}")), 1, fields)
            })
            .collect();
        let operations = farewell(&id("p"), &records.iter().collect::<Vec<_>>(), &id("me"));
        let said = operations.iter().map(|operation| format!("{}.{}", operation.target.id, operation.path));
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_song_goes_to_whoever_has_the_greatest_part_in_it() {
        let me = ("me", "owner", "1");
        assert_eq!(left(&[me]), "p.deleted", "nobody else has it");
        assert_eq!(left(&[me, ("a", "owner", "9")]), "m-me.deleted", "it has another owner");
        assert_eq!(left(&[me, ("a", "viewer", "2"), ("b", "editor", "9")]), "m-b.role m-me.deleted");
        assert_eq!(left(&[me, ("a", "editor", "5"), ("b", "editor", "4")]), "m-b.role m-me.deleted");
        assert_eq!(left(&[me, ("a", "viewer", "5"), ("b", "viewer", "5")]), "m-a.role m-me.deleted");
        assert_eq!(left(&[("me", "editor", "1"), ("a", "owner", "2")]), "m-me.deleted");
        assert_eq!(left(&[("a", "owner", "2")]), "");
    }
}
