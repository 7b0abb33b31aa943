//! The limits on what a song may hold (W6). The server's own limits (rates, queues) are in `server::limits`.

/// Bytes of an [`Id`](crate::Id).
pub const ID_BYTES_MAX: usize = 64;
/// Nesting of a [`Value`](crate::Value): a list or map inside another counts one.
pub const VALUE_DEPTH_MAX: usize = 16;
/// Bytes of one string inside a record.
pub const STRING_BYTES_MAX: usize = 64 * 1024;
/// Elements of one list inside a record (notes of a clip, points of a lane).
pub const LIST_ELEMENTS_MAX: usize = 50_000;
/// Keys of one map inside a record.
pub const MAP_KEYS_MAX: usize = 1_024;
/// Approximate bytes of one record, see [`Record::weight`](crate::Record::weight).
pub const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Approximate bytes of all records of one project, deleted ones and what is known of who wrote them included: ten thousand
/// clips take about 4 MiB.
pub const PROJECT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Approximate bytes by which a full project may grow while something is taken out of it or deleted: who did it is noted.
pub const PROJECT_TIDYING_BYTES: usize = 4 * 1024 * 1024;
/// Paths of one record of which is known who wrote them last, see [`Stamps`](crate::Stamps).
pub const STAMPS_PER_RECORD_MAX: usize = 4_096;
/// Segments of a dotted path.
pub const PATH_SEGMENTS_MAX: usize = VALUE_DEPTH_MAX;
/// Bytes of a dotted path.
pub const PATH_BYTES_MAX: usize = 512;
/// Operations in one transaction.
pub const TRANSACTION_OPERATIONS_MAX: usize = 2_000;
/// Records in one project, deleted ones included.
pub const PROJECT_RECORDS_MAX: usize = 200_000;
/// Tracks in one project, deleted ones included.
pub const PROJECT_TRACKS_MAX: usize = 4_000;
/// Effects of one track, and of the master.
pub const TRACK_PLUGINS_MAX: usize = 32;
/// Sends of one track.
pub const TRACK_SENDS_MAX: usize = 32;
/// Changes of tempo in one project, and of metre, deleted ones included.
pub const PROJECT_CHANGES_MAX: usize = 4_096;
/// The first beat at which tempo or metre may change: a 256th note behind the start, where the project's own are.
pub const CHANGE_BEAT_MIN: f64 = 1.0 / 64.0;
/// Memberships in one project, ended ones included.
pub const PROJECT_MEMBERS_MAX: usize = 1_000;
/// Bytes of an uploaded audio file.
pub const AUDIO_FILE_BYTES_MAX: u64 = 500 * 1024 * 1024;
/// Values of `peaksData`, the overview that travels inside the record (U5).
pub const PEAKS_OVERVIEW_VALUES_MAX: usize = 2_000;
/// The last beat that a clip may start or end at: about two and a half days at 300 bpm.
pub const BEAT_MAX: f64 = 1_000_000.0;
/// Bytes of a name (project, track, clip, file, user).
pub const NAME_BYTES_MAX: usize = 200;
