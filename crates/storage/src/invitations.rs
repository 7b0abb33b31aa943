//! Links that let people into a project (PE4).

use model::{Id, Role, Timestamp};

use crate::TokenHash;

/// A link to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// Its id.
    pub id: Id,
    /// Where it leads.
    pub project: Id,
    /// BLAKE3 of the token in the link.
    pub token_hash: TokenHash,
    /// What one becomes by it.
    pub role: Role,
    /// How many people may join by it; `None`: as many as like.
    pub uses_max: Option<u32>,
    /// Who makes it.
    pub created_by: Id,
    /// When.
    pub now: Timestamp,
    /// Until when it may be used.
    pub expires: Timestamp,
}

/// A link, and how far it has been used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: Id,
    /// Where it leads.
    pub project: Id,
    /// What one becomes by it.
    pub role: Role,
    /// How many people may join by it; `None`: as many as like.
    pub uses_max: Option<u32>,
    /// How many have, or are about to.
    pub uses: u32,
    /// Who made it.
    pub created_by: Id,
    /// When.
    pub created: Timestamp,
    /// Until when it may be used.
    pub expires: Timestamp,
    /// Whether it has been revoked.
    pub revoked: bool,
}

/// Why a link lets nobody in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Someone took it back.
    Revoked,
    /// Its time has passed.
    Expired,
    /// As many have joined by it as may.
    UsedUp,
}

impl Invitation {
    /// Why it lets nobody in any more; `None` while it does.
    #[must_use]
    pub fn spent(&self, now: Timestamp) -> Option<Spent> {
        if self.revoked {
            Some(Spent::Revoked)
        } else if self.expires <= now {
            Some(Spent::Expired)
        } else if self.uses_max.is_some_and(|max| self.uses >= max) {
            Some(Spent::UsedUp)
        } else {
            None
        }
    }
}

/// What became of the wish to use a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It counts as used by this person, who may now be let in; asking again before [`crate::Store::settle_invitation`]
    /// changes nothing.
    Open(Invitation),
    /// It lets nobody in.
    Spent(Spent),
    /// This person has joined by it before. Whoever was removed does not come back by the same link.
    UsedBefore(Invitation),
    /// There is no such link.
    Unknown,
}
