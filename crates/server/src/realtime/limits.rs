//! The limits of rooms and sockets (W6).

use std::time::Duration;

/// Frames that wait to be written to one socket.
pub const OUTBOX_FRAMES_MAX: usize = 1_024;
/// Bytes that wait to be written to one socket.
pub const OUTBOX_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Snapshots that are made at the same time; more wait.
pub const SNAPSHOTS_AT_ONCE_MAX: usize = 2;
/// Bytes of snapshots that one person's sockets have not read; another is made once they have.
pub const SNAPSHOT_BYTES_PER_USER_MAX: usize = 128 * 1024 * 1024;
/// Bytes that whoever says something writes to the socket at once; more are left to the socket's own task.
pub const WRITTEN_BY_ROOM_BYTES: usize = 64 * 1024;
/// Frames that wait for one socket beyond which presence is left out until it has read them.
pub const BEHIND_FRAMES: usize = 16;
/// How long what others did may wait for more of it, when some has just been written (PS5).
pub const NEWS_EVERY: Duration = Duration::from_millis(2);
/// How often presence is relayed.
pub const PRESENCE_EVERY: Duration = Duration::from_millis(50);
/// How often one socket may say where it points: more is not refused, the latest counts.
pub const PRESENCE_FROM_SOCKET_EVERY: Duration = Duration::from_millis(1_000 / 60);
/// Sessions in one frame of presence.
pub const PRESENCES_FRAME_MAX: usize = 64;
/// Bytes, as they were sent, of edits on their way to one room and not durable yet: so many are never in one group either. Whoever
/// sends more waits.
pub const ROOM_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Requests that wait for one room; whoever sends more waits.
pub const ROOM_QUEUE_MAX: usize = 1_024;
/// Transactions that one room commits together.
pub const GROUP_TRANSACTIONS_MAX: usize = 1_024;
/// Operations of a transaction that is judged by the room's own task, while the edits before it are being written; one of
/// more is judged elsewhere, and others wait for it.
pub const JUDGED_AT_ONCE_OPERATIONS: usize = 64;
/// How often a room's log may get another epoch because a client says that it has seen more of it (WR8): everybody who
/// follows gets a snapshot then. No longer than [`ROOM_IDLE`], for which the room remembers.
pub const EPOCH_RENEWED_EVERY: Duration = Duration::from_secs(60);
/// Commits that a client may catch up on; one that has missed more gets a snapshot (PS3).
pub const RESUME_COMMITS_MAX: u64 = 5_000;
/// Bytes of commits that a client may catch up on; a snapshot is smaller than more of them.
pub const RESUME_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of commits in one frame, beyond which the next frame begins.
pub const COMMITS_FRAME_BYTES: usize = 1024 * 1024;
/// Commits that are read from the log at a time.
pub const RESUME_READ_COMMITS: u64 = 16;
/// Keys that one guide-style socket may subscribe to (W3).
pub const SUBSCRIPTIONS_MAX: usize = 10_000;
/// Bytes of a text message (W3).
pub const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Sockets that one user may have open.
pub const SOCKETS_PER_USER_MAX: usize = 64;
/// Pointers in one `getRecords`.
pub const POINTERS_MAX: usize = 10_000;
/// How long a room without subscribers keeps its records in memory.
pub const ROOM_IDLE: Duration = Duration::from_secs(60);
/// How often a socket is asked whether it is still there.
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// How long a socket may be silent: a dead peer is gone from the list of who is here within 30 s.
pub const SILENCE_MAX: Duration = Duration::from_secs(25);
/// How often a room whose store moved on without it starts over before it gives up.
pub const STALE_RETRIES_MAX: usize = 5;
/// Looks at the log that the undos of one transaction may cost: for each transaction that they name, one for each person who may have
/// written it (UN3). What would take more is left out, as if somebody else had written there.
pub const GUARD_LOOKS_MAX: usize = 100_000;
/// Bytes of its author's own entries that are read for the same.
pub const GUARD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Commits after which the rows that they changed are written.
pub const MATERIALISE_COMMITS: u64 = 1_000;
/// Bytes of commits after which the rows that they changed are written.
pub const MATERIALISE_BYTES: usize = 4 * 1024 * 1024;
/// How long a row may lag behind the log before it is written.
pub const MATERIALISE_AFTER: Duration = Duration::from_secs(5);
/// Commits that rows may lag behind the log: whoever loads the project applies as many. More wait for the rows.
pub const TAIL_COMMITS_MAX: u64 = 16_384;
/// Bytes of commits beyond which further ones wait for the rows.
pub const TAIL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How fast one person may do something: so many a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Each second.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// Transactions of one person: what a fifth of a processor can commit, and far more than hands can play.
pub const EDIT_RATE: Rate = Rate { per_second: 20_000, burst: 60_000 };
/// Bytes of one person's edits: as they were sent, and again as they stand in the log where the room has filled something in. The
/// log keeps them for ever, each with what inverts it.
pub const EDIT_BYTES_RATE: Rate = Rate { per_second: 8 * 1024 * 1024, burst: 64 * 1024 * 1024 };
/// Projects that one person begins.
pub const FOUND_RATE: Rate = Rate { per_second: 1, burst: 100 };
/// Projects that one person has begun and is in.
pub const PROJECTS_PER_USER_MAX: usize = 1_000;
/// Bytes of the disk that edits, uploads and decoding leave free, unless the server was told otherwise: without any it cannot even write down what has
/// been deleted.
pub const KEEP_FREE_BYTES: u64 = 256_000_000;
/// Bytes that the log of one song may grow to, unless the server was told otherwise: it is kept for ever.
pub const LOG_PER_SONG_BYTES: u64 = 4_000_000_000;
/// How often is looked how much of the disk is free.
pub const DISK_LOOKED_AT_EVERY: Duration = Duration::from_secs(2);
/// Projects that one person opens: each may cost a snapshot.
pub const OPEN_RATE: Rate = Rate { per_second: 10, burst: 256 };
/// Guide-style subscriptions of one person (W3): a large project's at once, twice.
pub const SUBSCRIBE_RATE: Rate = Rate { per_second: 1_000, burst: 20_000 };
/// People whose rates are remembered.
pub const RATED_USERS_MAX: usize = 10_000;

/// Entries in one page of the history, when the reader does not say how many.
pub const HISTORY_ENTRIES: usize = 50;
/// Entries in one page of the history.
pub const HISTORY_ENTRIES_MAX: usize = 200;
/// Operations of one entry that the history shows.
pub const HISTORY_OPERATIONS_MAX: usize = 50;
/// Bytes of a value that the history shows; of larger ones it says how large they are.
pub const HISTORY_VALUE_BYTES_MAX: usize = 2 * 1024;
/// Bytes of operations beyond which a page of the history ends early.
pub const HISTORY_BYTES_MAX: usize = 512 * 1024;
/// Named versions that the history lists.
pub const HISTORY_VERSIONS_MAX: usize = 1_000;
/// Entries, with what undoes them, that are read from the log at a time.
pub const HISTORY_READ_ENTRIES: usize = 16;
/// Entries of a project's log after which its records are kept beside it, so that old states are near (WR12).
pub const SNAPSHOT_EVERY: u64 = 10_000;
/// Weight of a project's records for each entry that lies between two such snapshots: a heavy song is kept less often.
pub const SNAPSHOT_WEIGHT_PER_ENTRY: u64 = 1_024;
/// Bytes that a snapshot may unpack to.
pub const SNAPSHOT_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Commits that are taken back to show an old state, from the snapshot or the end of the log that follows it (WR12).
pub const REWIND_COMMITS_MAX: u64 = 50_000;
/// Old states that are made at the same time; more wait.
pub const REWINDS_AT_ONCE_MAX: usize = 2;
