//! Who can open the project, as names come from the server and roles from the records.

use leptos::prelude::*;
use model::{Id, Role, Table};
use sync::wire::Person;

use super::Door;

/// Someone who can open the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) person: Person,
    /// Their membership, when it is here.
    pub(crate) membership: Option<Id>,
    /// What they may do; ahead of the server, as all that is on the screen.
    pub(crate) role: Role,
    /// Whether they have it open now.
    pub(crate) here: bool,
    /// Whether it is the user of this page.
    pub(crate) me: bool,
}

impl Door {
    pub(super) fn people_changed(self) {
        let inner = self.inner();
        let replica = inner.replica.borrow();
        let here = replica.connected_users();
        let memberships = || replica.view().table(Table::ProjectMembers).filter(|membership| !membership.is_deleted());
        let membership_of =
            |person: &Person| memberships().find(|membership| membership.text("userId") == Some(person.id.as_str()));
        // Names come from the server, roles from the records: those are ahead of it.
        let present = |person: &Person| {
            let membership = membership_of(person);
            let role = membership.and_then(|it| Role::from_name(it.text("role")?)).unwrap_or(person.role);
            Presence {
                here: here.contains(&person.id),
                me: person.id == inner.me,
                membership: membership.map(|membership| membership.id().clone()),
                role,
                person: person.clone(),
            }
        };
        let mut people: Vec<Presence> = replica.people().iter().map(present).collect();
        people.retain(|presence| presence.membership.is_some() || memberships().next().is_none());
        let role = replica.role();
        model::sort_by(&mut people, |a, b| (!a.here, !a.me, &a.person.name).cmp(&(!b.here, !b.me, &b.person.name)));
        drop(replica);
        if self.role.get_untracked() != role {
            self.role.set(role);
        }
        if *self.people.read_untracked() != people {
            self.people.set(people);
        }
    }
}
