//! Why a transaction is refused.

use model::Key;
use serde::{Deserialize, Serialize};

/// A transaction (or a part of one) that may not be applied, with the HTTP status that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// 400 (invalid), 403 (forbidden) or 409 (a version asked for no longer holds).
    pub status: u16,
    /// The reason, for people: table, id, field and what is wrong.
    pub message: String,
    /// The records whose version no longer holds (WR5).
    pub conflicts: Vec<Key>,
}

impl Refusal {
    /// The one text of every 403: it must not tell what exists (PE2).
    pub const FORBIDDEN: &'static str = "You do not have permission to do this.";

    /// 400 with a reason.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Refusal {
        Refusal { status: 400, message: message.into(), conflicts: Vec::new() }
    }

    /// 403.
    #[must_use]
    pub fn forbidden() -> Refusal {
        Refusal { status: 403, message: Refusal::FORBIDDEN.to_owned(), conflicts: Vec::new() }
    }

    /// 409: these records have changed since (WR5).
    #[must_use]
    pub fn conflict(conflicts: Vec<Key>) -> Refusal {
        let list = conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Refusal { status: 409, message: format!("These records have changed since: {list}"), conflicts }
    }

    /// 409: every part of an undo would have changed what somebody else has written since (UN3).
    #[must_use]
    pub(crate) fn overtaken<'a>(conflicts: impl Iterator<Item = &'a Key>) -> Refusal {
        let mut conflicts: Vec<Key> = conflicts.cloned().collect();
        model::sort_by(&mut conflicts, Key::cmp);
        conflicts.dedup();
        let message = "Somebody else has changed this since.".to_owned();
        Refusal { status: 409, message, conflicts }
    }

    /// The same refusal, saying which record it is about.
    #[must_use]
    pub(crate) fn about(mut self, key: &Key) -> Refusal {
        if self.status == 400 {
            self.message = format!("{}/{}: {}", key.table, key.id, self.message);
        }
        self
    }
}
