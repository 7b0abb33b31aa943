//! The server's limits (W6). Those on what a song may hold are in `model::limits`, those of frames in `sync::wire`.

use std::time::Duration;

/// Bytes of a JSON body, but for those of the realtime routes.
pub const JSON_BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a form's body.
pub const FORM_BODY_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the body of a realtime route (`write`, `getRecords`); those check their own numbers as well.
pub const REALTIME_BODY_BYTES_MAX: usize = sync::wire::CLIENT_FRAME_BYTES_MAX;
/// Bytes of a request's head.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// How long a connection may take to send a request's head, and how long it may then lie idle, unless `--idle-timeout`
/// says otherwise.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest `--idle-timeout`.
pub const HEADER_TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);
/// How long no byte may go over a connection in either direction while a request is answered: longer than requests and
/// uploads may be silent by themselves.
pub const CONNECTION_SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long the handshake of TLS may take.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections at the same time; fewer where the system lets the process open fewer files.
pub const CONNECTIONS_MAX: usize = 8_192;
/// Connections of one address at the same time; a band may sit behind one. Those of trusted proxies are not counted.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 1_024;
/// File descriptors that connections leave to the database and the recordings; half of them where there are few.
pub const FILES_KEPT_FREE: usize = 256;
/// How long the server waits before it accepts again when it has run out of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
/// Networks that may be named as trusted proxies.
pub const TRUSTED_PROXIES_MAX: usize = 64;
/// Hops that are looked at in `X-Forwarded-For` or `Forwarded`, from the last one back.
pub const FORWARDED_HOPS_MAX: usize = 32;
/// How long an API request may take: 408 when its body has not come by then, else 503.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests that are under way may take to finish once the server is told to stop.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// How long threads that decode or wait for a disk may then take to finish.
pub const THREADS_GRACE: Duration = Duration::from_secs(2);

/// Bytes of an e-mail address.
pub const EMAIL_BYTES_MAX: usize = 254;
/// Characters of a password, at least.
pub const PASSWORD_CHARACTERS_MIN: usize = 8;
/// Bytes of a password, at most.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Passwords that are hashed at the same time: each takes 19 MiB.
pub const HASHES_AT_ONCE_MAX: usize = 2;
/// Requests that may wait for their turn to hash; more are told to come back.
pub const HASHES_WAITING_MAX: usize = 64;
/// How long a session lasts without being used.
pub const SESSION_LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// How old the note of a session's last use may grow before it is written again.
pub const SESSION_TOUCH_MS: i64 = 60 * 60 * 1_000;

/// Characters of an invitation code in its field.
pub const CODE_CHARACTERS_MAX: usize = 128;

/// Failed tries for one account before its brake bites.
pub const TRIES_PER_ACCOUNT: u32 = 5;
/// Failed tries from one address before its brake bites; many people may share one.
pub const TRIES_PER_ADDRESS: u32 = 50;
/// Accounts that one address may make before its brake bites.
pub const SIGNUPS_PER_ADDRESS: u32 = 100;
/// Taken addresses that one network address may ask about by signing up before its brake bites.
pub const TAKEN_PER_ADDRESS: u32 = 5;
/// The longest time that a code of `unisono invite` may be good for, in hours.
pub const INVITE_HOURS_MAX: u32 = 365 * 24;
/// The longest time that a link of `unisono reset-password` may be good for, in hours.
pub const RESET_HOURS_MAX: u32 = 7 * 24;
/// Addresses that one person may add as members before their brake bites; those of people with whom they share a song
/// already do not count. And the links that they may make before another does (PE4).
pub const INVITATIONS_PER_USER: u32 = 50;
/// The longest wait that a brake asks for.
pub const BRAKE_MS_MAX: i64 = 60_000;
/// How long a brake remembers.
pub const BRAKE_MEMORY_MS: i64 = 60 * 60 * 1_000;
/// Accounts and addresses that the brakes remember.
pub const BRAKES_MAX: usize = 50_000;
