//! An entry of a project's log.

use model::{Id, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Operation;

/// A transaction as the log carries it (WR8): ordered, complete, and enough for every replica to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// Its place in the log, from 1, without gaps.
    pub seq: u64,
    /// The author's id for it.
    pub tx_id: Id,
    /// Who wrote it.
    pub author: Id,
    /// When it was committed, by the server's clock.
    pub time: Timestamp,
    /// What it has in common with others of the same gesture (UN2).
    #[serde(default)]
    pub gesture: Option<Id>,
    /// What it does, as rewritten by [`crate::transact()`].
    pub operations: Vec<Operation>,
}
