//! How a song changes: operations and transactions; how they are checked, applied and inverted.
//!
//! **Invariant:** everything here is total and pure (OP1). The room, every replica and every test run the same code; the
//! clock and identities are arguments.

mod apply;
pub mod build;
mod collaborators;
mod commit;
mod difference;
mod invert;
mod operation;
mod order;
mod path;
mod refusal;
mod routing;
mod transact;

pub use apply::{apply, apply_committed};
pub use commit::Commit;
pub use difference::{difference, in_transactions};
pub use invert::invert;
pub use operation::{Change, Guard, Operation, Position, Transaction};
pub use path::{Path, Segments};
pub use refusal::Refusal;
pub use transact::{Accepted, Author, Scope, transact};
