//! Mistakes to put into the world on purpose: a check that finds none of them proves nothing.

/// A mistake in the server, its disk, or a client's driver. Never in the crates under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server takes every repeat for a new transaction (WR6).
    NoIdempotency,
    /// The server remembers transactions in memory only (WR6).
    IdempotencyLostAtRestart,
    /// Commits are told before they are durable (WR7, WR9).
    PublishBeforeSync,
    /// A snapshot holds what is not durable yet (WR7).
    SnapshotAhead,
    /// After a failed sync the room goes on from the state that was not saved (WR7).
    RoomKeptAfterFailedSync,
    /// A restored backup goes by the old epoch (WR8).
    EpochKeptAtRestore,
    /// The log carries what was sent instead of what was done (WR8, OP1).
    LoggedAsSent,
    /// A transaction is acknowledged as it was sent although the room rewrote it (W4).
    RewrittenButAcknowledged,
    /// What does not fit into a slow reader's queue is dropped, and the reader not cut off (PS4).
    DroppedForSlowReader,
    /// Roles are not looked at (WR3).
    NoPermission,
    /// Somebody who has lost access goes on receiving commits (PS1).
    SubscriptionOutlivesAccess,
    /// A new subscription is not told the current version (PS2).
    SilentSubscription,
    /// A client shows what the server sent, not its own pending edits on top of it (CL1).
    NoRebase,
    /// A client does not notice refusals (CL3).
    RefusalSwallowed,
}
