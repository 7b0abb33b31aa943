//! The limits of exports (W6). How long a range and a tail may be is in `mixdown::limits`.

use storage::ExportPlaces;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Exports that are made at the same time: edits and uploads need the processor, too.
pub const EXPORTS_AT_ONCE_MAX: usize = 1;
/// Requests for exports that are judged at the same time; more wait.
pub const JUDGED_AT_ONCE_MAX: usize = 2;
/// Exports of one person that wait or are being made.
pub const UNDER_WAY_PER_USER_MAX: u64 = 5;
/// Exports of all that wait or are being made.
pub const UNDER_WAY_MAX: u64 = 100;
/// Exports of one person, with those that have ended and are not forgotten yet: asking and cancelling is no way to fill the database.
pub const KNOWN_PER_USER_MAX: u64 = 200;
/// Bytes of the disk that exports leave to everything else.
pub const FREE_BYTES_MIN: u64 = 1_000_000_000;
/// Exports of one project that one person is shown: the newest.
pub const LISTED_MAX: u32 = 100;
/// Characters of a file's name, without its ending.
pub const NAME_CHARACTERS_MAX: usize = 100;
/// Hours of sound that one export may have the engine play: its length times the number of its stems, and once more for its loudness.
pub const PLAYED_HOURS_MAX: f64 = 100.0;
/// Hours of one track at 48 kHz that one export may have the engine play: `PLAYED_HOURS_MAX` times the number of tracks, which are all heard for
/// each stem, and times the sample rate. An hour of 64 stems is 4,096 at 48 kHz.
pub const TRACK_HOURS_MAX: f64 = 5_000.0;
/// Bytes of one export.
pub const EXPORT_BYTES_MAX: u64 = 20_000_000_000;
/// Bytes of one person's exports that are kept.
pub const BYTES_PER_USER_MAX: u64 = 20_000_000_000;
/// Bytes of all exports that are kept.
pub const BYTES_MAX: u64 = 100_000_000_000;
/// How long an export is kept once it has ended.
pub const KEPT_MS: i64 = 24 * HOUR_MS;
/// How long a signed download lasts at least; its file is kept as long. It ends at a multiple of this, so that who asks again gets the same URL.
pub const DOWNLOAD_EXPIRES_MS: i64 = HOUR_MS;
/// How long bytes that were put in the store are left there, even if nothing seems to refer to them: who does may be about to say so.
pub const SETTLED_MS: i64 = 5 * 60 * 1_000;
/// How often an export's progress is written down, and looked whether it is still wanted.
pub const PROGRESS_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

/// How many may be under way.
pub const PLACES: ExportPlaces =
    ExportPlaces { of_user: UNDER_WAY_PER_USER_MAX, of_all: UNDER_WAY_MAX, known_of_user: KNOWN_PER_USER_MAX };
