//! What a browser keeps of one's own edits, and what its tabs tell each other (CL2, CL4).

use model::{Id, Timestamp};
use operations::Transaction;
use serde::{Deserialize, Serialize};

use crate::steps::{Step, StepChange};

/// One's own transaction as the browser keeps it until the server has confirmed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What to send.
    pub transaction: Transaction,
    /// When it was made.
    pub time: Timestamp,
    /// Of an undo or redo: the transaction that it takes back.
    pub takes_back: Option<Id>,
}

/// All that a browser keeps of one user's edits in one project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    /// The queue, each transaction with its place.
    pub queue: Vec<(u64, Kept)>,
    /// What can be undone and redone.
    pub steps: Vec<Step>,
}

/// What a tab tells the others that have the same project open for the same user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TabMessage {
    /// An edit has been made and kept.
    Kept {
        /// Its place in the queue.
        place: u64,
        /// The edit.
        kept: Kept,
    },
    /// The server has committed an edit.
    Committed {
        /// Which.
        tx_id: Id,
        /// Its place in the log.
        seq: u64,
    },
    /// The server has refused an edit, or the user has given it up; whoever was told says so to the user.
    Dropped {
        /// Which.
        tx_id: Id,
    },
    /// Steps of undo have changed.
    Steps(Vec<StepChange>),
}
