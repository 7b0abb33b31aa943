//! A browser: who is logged in on it, what it keeps, and which of its tabs sends.

mod store;

use std::collections::BTreeMap;

use model::Id;

pub(crate) use store::{Cache, Ended, Store, Write};

use crate::fault::Fault;

/// The number of a tab; a tab that was closed and opened again is another one.
pub(crate) type TabId = u32;

#[derive(Debug)]
pub(crate) struct Browser {
    /// The people who use it, by turns.
    pub(crate) users: Vec<Id>,
    /// Who has logged in last.
    pub(crate) user: Id,
    /// Whether that is still so for the server.
    pub(crate) has_session: bool,
    /// How far its clock is off, in milliseconds.
    pub(crate) skew: i64,
    /// Whether edits are kept; a browser without storage sends at once.
    pub(crate) keeps: bool,
    /// Whether its tabs share locks: without, each of them sends.
    pub(crate) has_locks: bool,
    /// What it keeps, for each user apart (CL3).
    stores: BTreeMap<Id, Store>,
    /// What makes the transactions' ids of this browser its own.
    name: String,
    made: u32,
    fault: Option<Fault>,
}

impl Browser {
    pub(crate) fn new(
        name: &str,
        users: Vec<Id>,
        skew: i64,
        (keeps, has_locks): (bool, bool),
        fault: Option<Fault>,
    ) -> Browser {
        let user = users.first().cloned().unwrap_or_else(Id::system);
        Browser {
            users,
            user,
            has_session: true,
            skew,
            keeps,
            has_locks,
            stores: BTreeMap::new(),
            name: name.to_owned(),
            made: 0,
            fault,
        }
    }

    /// What is kept of this user's.
    pub(crate) fn store(&mut self, user: &Id) -> &mut Store {
        let whose = if self.fault == Some(Fault::OneQueueForAll) { self.users.first().unwrap_or(user) } else { user };
        self.stores.entry(whose.clone()).or_default()
    }

    /// The same, to look at.
    pub(crate) fn stores(&self) -> impl Iterator<Item = (&Id, &Store)> {
        self.stores.iter()
    }

    pub(crate) fn stores_mut(&mut self) -> impl Iterator<Item = &mut Store> {
        self.stores.values_mut()
    }

    /// An id that no transaction has had.
    pub(crate) fn new_id(&mut self) -> Id {
        self.made += 1;
        Id::new(&format!("{}-{}", self.name, self.made)).unwrap_or_else(|_| Id::system())
    }
}
