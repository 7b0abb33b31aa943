//! Who is a member of what.

use model::{Id, Key, Record, Role, Table};

use super::{Answer, Content};
use crate::store::last_changed_first;

impl Content {
    /// (project, user, role) of every membership that holds.
    pub(super) fn memberships(&self) -> impl Iterator<Item = (Id, Id, Role)> {
        self.table(Table::ProjectMembers).filter(|member| !member.is_deleted()).filter_map(|member| {
            Some((member.id_in("projectId")?, member.id_in("userId")?, Role::from_name(member.text("role")?)?))
        })
    }

    pub(super) fn projects_of(&self, user: &Id) -> Answer<Vec<(Record, Role)>> {
        let mut projects: Vec<(Record, Role)> = self
            .memberships()
            .filter(|(_, member, _)| member == user)
            .filter_map(|(project, _, role)| {
                let project = &self.rows.get(&Key::new(Table::Projects, project))?.record;
                (!project.is_deleted()).then(|| (project.clone(), role))
            })
            .collect();
        last_changed_first(&mut projects);
        Ok(projects)
    }

    pub(super) fn role_of(&self, project: &Id, user: &Id) -> Answer<Option<Role>> {
        let roles = self.memberships().filter(|(p, u, _)| p == project && u == user);
        Ok(roles.map(|(_, _, role)| role).max())
    }

    pub(super) fn people_of(&self, project: &Id) -> Answer<Vec<(Record, Role)>> {
        let mut people: Vec<(Record, Role)> = self
            .memberships()
            .filter(|(p, _, _)| p == project)
            .filter_map(|(_, user, role)| Some((self.rows.get(&Key::new(Table::Users, user))?.record.clone(), role)))
            .collect();
        people.sort_by(|(a, _), (b, _)| a.id().cmp(b.id()));
        Ok(people)
    }

    pub(super) fn are_fellows(&self, one: &Id, other: &Id) -> Answer<bool> {
        let projects = |user: &Id| -> Vec<Id> {
            self.memberships().filter(|(_, member, _)| member == user).map(|(project, _, _)| project).collect()
        };
        let others = projects(other);
        Ok(projects(one).iter().any(|project| others.contains(project)))
    }
}
