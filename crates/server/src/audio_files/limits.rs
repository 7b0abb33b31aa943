//! The limits of uploads and downloads (W6). How large an audio file may be is in `model::limits`.

use std::time::Duration;

/// How long a signed upload may be begun.
pub const UPLOAD_EXPIRES_MS: i64 = 60 * 60 * 1_000;
/// How long a signed download lasts at least. It ends at a multiple of this, so that whoever asks again within that time
/// gets the same URL, and their browser's cache knows it.
pub const DOWNLOAD_EXPIRES_MS: i64 = 6 * 60 * 60 * 1_000;
/// Uploads under way at the same time.
pub const UPLOADS_AT_ONCE_MAX: usize = 32;
/// Uploads under way at the same time, of one user.
pub const UPLOADS_PER_USER_MAX: usize = 4;
/// How long an upload may be silent.
pub const UPLOAD_SILENCE_MAX: Duration = Duration::from_secs(30);
/// Bytes that an upload gathers before it writes them.
pub const UPLOAD_BUFFER_BYTES: usize = 256 * 1024;
/// Bytes that a download reads at a time.
pub const DOWNLOAD_CHUNK_BYTES: usize = 128 * 1024;
/// Bytes a second that an upload must bring, averaged since it began.
pub const UPLOAD_RATE_BYTES_MIN: u64 = 16 * 1024;
/// How long an upload may be slower than that at its beginning.
pub const UPLOAD_RATE_GRACE: Duration = Duration::from_secs(30);
/// How long a request that continues an upload waits for an earlier one to let go of it.
pub const UPLOAD_HANDOVER_MAX: Duration = Duration::from_secs(20);
/// Uploads in pieces that one user may have begun and not finished.
pub const PARTIALS_PER_USER_MAX: usize = 256;
/// How long the pieces of an upload are kept once no more come.
pub const PARTIAL_KEPT_MS: i64 = 3 * 24 * 60 * 60 * 1_000;
/// Bytes that one person's recordings may take, unless the server was told otherwise (`--quota-per-user`).
pub const QUOTA_PER_USER_BYTES: u64 = 20_000_000_000;
