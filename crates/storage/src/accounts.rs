//! People who can log in, and their sessions.

use model::{Id, Record, Timestamp, Value};

/// BLAKE3 of a session's token: the token itself is never kept.
pub type TokenHash = [u8; 32];

/// A person to be added. Their `users` record is written with version 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Their id.
    pub id: Id,
    /// Their address, normalised; unique.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Their colour, `#rrggbb`.
    pub colour: String,
    /// The password's hash, as a PHC string. Kept in a table that no pointer names (U3).
    pub password_hash: String,
    /// Whether it is a demo account, which may log in only where demos are switched on.
    pub demo: bool,
    /// When.
    pub now: Timestamp,
}

impl NewUser {
    /// The `users` record that they begin with.
    pub(crate) fn first_record(&self) -> Record {
        let now = Value::text(&self.now.to_string());
        let fields = model::fields([
            ("name", Value::text(&self.name)),
            ("colour", Value::text(&self.colour)),
            ("email", Value::text(&self.email)),
            ("createdAt", now.clone()),
            ("updatedAt", now),
        ]);
        Record::new(self.id.clone(), 1, fields)
    }
}

/// What logging in needs to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub user: Id,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
    /// Whether it is a demo account.
    pub demo: bool,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("user", &self.user).field("demo", &self.demo).finish_non_exhaustive()
    }
}

/// A session to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Names it.
    pub token_hash: TokenHash,
    /// Whose.
    pub user: Id,
    /// When it begins.
    pub now: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user: Id,
    /// Whether that is a demo account.
    pub demo: bool,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to within the caller's habit of noting it.
    pub last_seen: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}
