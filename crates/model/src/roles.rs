//! Who may do what (PE3).

use crate::{Id, Record, Records, Table};

/// What a member is in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Writes all but members, roles and the deletion of the project.
    Editor,
    /// Does everything.
    Owner,
}

impl Role {
    /// Every role, from the least to the greatest.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Editor, Role::Owner];

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Role> {
        match name {
            "viewer" => Some(Role::Viewer),
            "editor" => Some(Role::Editor),
            "owner" => Some(Role::Owner),
            _ => None,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Owner => "owner",
        }
    }
}

/// The role of `user` in the project whose records these are; `None` for a non-member.
#[must_use]
pub fn role_of(records: &Records, user: &Id) -> Option<Role> {
    records.role(user)
}

/// Whether `user` with `role` may turn `before` into `after` (WR3: judged per row). `before` is none for a creation.
#[must_use]
pub fn may_change(role: Option<Role>, user: &Id, table: Table, before: Option<&Record>, after: &Record) -> bool {
    let Some(role) = role else { return false };
    match table {
        Table::Users => before.is_some_and(|record| record.id() == user),
        Table::ProjectMembers => role == Role::Owner || before.is_some_and(|before| leaves(user, before, after)),
        Table::Projects => {
            let deletion = before.is_some_and(|before| before.get("deleted") != after.get("deleted"));
            role == Role::Owner || (role == Role::Editor && !deletion)
        }
        Table::Tracks
        | Table::Clips
        | Table::AudioFiles
        | Table::Automation
        | Table::Versions
        | Table::TempoChanges
        | Table::TimeSignatures => role >= Role::Editor,
    }
}

/// Whether the change is `user` leaving: their own membership becomes deleted, and nothing else of it changes.
fn leaves(user: &Id, before: &Record, after: &Record) -> bool {
    let own = before.text("userId") == Some(user.as_str());
    own && !before.is_deleted() && after.is_deleted() && before.get("role") == after.get("role")
}

/// Whether a project that exists still has an owner.
#[must_use]
pub fn has_owner(records: &Records) -> bool {
    records.project().is_none()
        || records
            .table(Table::ProjectMembers)
            .any(|member| !member.is_deleted() && member.text("role") == Some("owner"))
}

/// A record as `reader` may see it: the e-mail of a user is shown to that user only (U3).
#[must_use]
pub fn visible(table: Table, record: &Record, reader: &Id) -> Record {
    if table == Table::Users && record.id() != reader { record.without("email") } else { record.clone() }
}
