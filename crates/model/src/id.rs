//! Identifiers of records, users, transactions and list elements.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::ID_BYTES_MAX;

/// An identifier: 1 to 64 characters of `[A-Za-z0-9_-]`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

/// The text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'")]
pub struct InvalidId;

impl Id {
    /// The author of what the server itself writes (jobs, derived values). No user can have it: user ids are UUIDs.
    pub const SYSTEM: &'static str = "system";

    /// Checks `text` and makes it an identifier.
    ///
    /// # Errors
    /// [`InvalidId`] when it is empty, too long, or holds another character.
    pub fn new(text: &str) -> Result<Id, InvalidId> {
        if Id::is_valid(text) { Ok(Id(Arc::from(text))) } else { Err(InvalidId) }
    }

    /// The same of a text that is shared, without a copy.
    ///
    /// # Errors
    /// As [`Id::new`].
    pub fn of_shared(text: &Arc<str>) -> Result<Id, InvalidId> {
        if Id::is_valid(text) { Ok(Id(Arc::clone(text))) } else { Err(InvalidId) }
    }

    /// Whether `text` could be an identifier.
    #[must_use]
    pub fn is_valid(text: &str) -> bool {
        (1..=ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
            && !matches!(text, "__proto__" | "constructor" | "prototype")
    }

    /// The reserved author `system`.
    #[must_use]
    pub fn system() -> Id {
        Id(Arc::from(Id::SYSTEM))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier as shared text.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Id {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Id, InvalidId> {
        Id::new(text)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
                Id::new(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}
