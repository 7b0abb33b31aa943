//! Mistakes to put into the world on purpose: a check that finds none of them proves nothing.

/// A mistake in the server, its disk, or a browser's driver. Never in the crates under test.
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
    /// What comes after a transaction that was put off overtakes it (W4).
    PutOffAndOvertaken,
    /// The room takes an undo for any other edit (UN3).
    GuardIgnoredInRoom,
    /// Whoever goes is not said to have gone (PR1).
    GoneUnsaid,
    /// An edit is sent before it is kept (CL2).
    SentBeforeKept,
    /// An edit is forgotten when it is sent, not when it is confirmed (CL2).
    ForgottenWhenSent,
    /// That an edit could not be kept is said to nobody (CL2).
    FullStorageUnsaid,
    /// After a reload the queue is taken in a wrong order (CL2).
    QueueUpsideDown,
    /// Who has to log in again loses the queue (CL3).
    QueueLostAt401,
    /// Another user of the browser gets one's queue (CL3).
    OneQueueForAll,
    /// A tab does not notice that somebody else has logged in (CL3).
    UserNotNoticed,
    /// What was set aside is not tried again, however often the user asks (CL3).
    ParkedForEver,
    /// A tab from which the lock was stolen goes on sending (CL4).
    TwoSenders,
    /// Tabs do not tell each other (CL4).
    TabsNotTold,
    /// Where a browser has no locks, an edit takes in another although a second tab sends, too (CL4, CL8).
    TakesInWithoutLocks,
    /// The list of songs does not keep anew what an undo does now, and waits for that for ever (CL4).
    ListIgnoresKeep,
    /// The cache of one log is taken for that of another (WR8, CL5).
    CacheOfAnotherEpoch,
    /// What could be undone is lost with the page (UN1).
    StepsLostAtReload,
    /// An undo is kept like any other edit (UN3).
    GuardNotKept,
}
