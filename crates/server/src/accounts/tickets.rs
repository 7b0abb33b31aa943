//! Tokens: what a cookie, a code or a link says, and the hash by which alone it is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Id, Timestamp};
use storage::{NewTicket, Purpose, TokenHash};

use super::random_bytes;

/// A token that nobody can guess, and its hash.
///
/// # Errors
/// When the operating system has no random numbers.
pub fn new_token() -> Result<(String, TokenHash), getrandom::Error> {
    let token = URL_SAFE_NO_PAD.encode(random_bytes()?);
    let hash = token_hash(&token);
    Ok((token, hash))
}

/// The hash by which a token is kept and found.
#[must_use]
pub fn token_hash(token: &str) -> TokenHash {
    *blake3::hash(token.as_bytes()).as_bytes()
}

/// A new ticket, good for so many hours, and what to give away for it.
///
/// # Errors
/// When the operating system has no random numbers.
pub(super) fn new_ticket(
    purpose: Purpose,
    user: Option<Id>,
    now: Timestamp,
    hours: u32,
) -> Result<(String, NewTicket), getrandom::Error> {
    let (token, token_hash) = new_token()?;
    let expires = Timestamp(now.0 + i64::from(hours) * 60 * 60 * 1_000);
    Ok((token, NewTicket { token_hash, purpose, user, now, expires }))
}
