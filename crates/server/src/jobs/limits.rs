//! The limits of jobs (W6).

use std::time::Duration;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Jobs that run at the same time: decoding is work for the processor, and requests must be served meanwhile.
pub const JOBS_AT_ONCE_MAX: usize = 2;
/// How long a worker may be silent before another may take its job.
pub const LEASE_MS: i64 = 15_000;
/// How often a worker says that it is still at work.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);
/// How often an idle worker looks for jobs that nobody told it of: retries, and those of dead workers.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The wait before the second attempt; each further one is twice as long.
pub const BACKOFF_MS: i64 = 5_000;
/// The longest wait between attempts.
pub const BACKOFF_MS_MAX: i64 = 10 * 60 * 1_000;
/// How often what nobody needs is pruned.
pub const PRUNE_EVERY_MS: i64 = HOUR_MS;
/// How long a blob that nothing refers to is kept: its record may be on its way.
pub const BLOB_GRACE_MS: i64 = 24 * HOUR_MS;
/// How long the bytes of a recording that was refused are kept.
pub const REFUSED_KEPT_MS: i64 = 24 * HOUR_MS;
/// How long the bytes of a deleted recording, or of a deleted project's, are kept: until then it can be brought back.
pub const DELETED_KEPT_MS: i64 = 30 * 24 * HOUR_MS;
/// How long the queue remembers jobs that went well.
pub const DONE_KEPT_MS: i64 = 7 * 24 * HOUR_MS;
/// Rows or blobs that pruning looks at in one go.
pub const PRUNE_BATCH: u32 = 500;
/// Dead jobs that the log names each time; their number is told as well.
pub const DEAD_TOLD_MAX: u32 = 20;
