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

/// Sessions that one user may have; the one used longest ago makes room for another.
pub const SESSIONS_PER_USER_MAX: usize = 100;

/// The name of whoever has deleted their account: the log still says that somebody did what they did.
pub const FORMER_MEMBER: &str = "Former member";

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
    /// What it is shown as: browser and system.
    pub device: String,
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
    /// What it is shown as: browser and system.
    pub device: String,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to within the caller's habit of noting it.
    pub last_seen: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// What a ticket is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Making an account where sign-up is by invitation.
    SignUp,
    /// Setting a new password without knowing the old one.
    ResetPassword,
}

impl Purpose {
    /// As the database names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Purpose::SignUp => "sign-up",
            Purpose::ResetPassword => "reset-password",
        }
    }
}

/// A token that is good once, until its time. The token itself is never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTicket {
    /// Names it.
    pub token_hash: TokenHash,
    /// What it is good for.
    pub purpose: Purpose,
    /// Whose password it resets; nobody's for signing up.
    pub user: Option<Id>,
    /// When it was made.
    pub now: Timestamp,
    /// When it is no longer good.
    pub expires: Timestamp,
}

/// How signing up with a ticket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There is a new account, and the ticket is used up.
    Admitted,
    /// The address or the id is taken; the ticket is still good.
    Taken,
    /// The ticket is not good (any more).
    NoTicket,
}
