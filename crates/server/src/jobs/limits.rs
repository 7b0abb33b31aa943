//! The limits of jobs (W6).

use std::time::Duration;

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
