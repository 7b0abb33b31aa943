//! People: signing up, logging in, sessions, and what they do with their own account.

mod address;
mod brakes;
mod caller;
pub mod commands;
mod deletion;
mod device;
mod own;
mod own_routes;
mod passwords;
mod routes;
mod sign_in;
mod tickets;
mod visitor;

use std::sync::Arc;

use model::Id;

pub use address::Address;
pub use brakes::{Brake, Brakes};
pub use caller::{Caller, SESSION_COOKIE, USER_COOKIE};
pub use deletion::delete_account;
pub use device::device_of;
pub use own::{
    OwnSession, change_password, end_other_sessions, end_session, may_reset, reset_password, sessions, void_link,
};
pub use passwords::Passwords;
pub use routes::{UserBody, api};
pub use sign_in::{Cookies, SignUp, is_invited, log_in, log_out, no_cookies, renewed_cookies, sign_up};
pub use tickets::{new_token, token_hash};
pub use visitor::Visitor;

use crate::state::Clock;

/// Passwords, and the brakes on guessing them.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// Hashes and verifies.
    pub passwords: Arc<Passwords>,
    /// Slow guessing down.
    pub brakes: Arc<Brakes>,
}

impl Accounts {
    /// With no memory of any try.
    #[must_use]
    pub fn new(clock: Clock) -> Accounts {
        Accounts { passwords: Arc::new(Passwords::new()), brakes: Arc::new(Brakes::new(clock)) }
    }
}

/// 32 random bytes from the operating system.
///
/// # Errors
/// When it has none to give.
pub fn random_bytes() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// An address in the one form in which it is kept: without space around it, ASCII letters small. `None` when it cannot be
/// one.
#[must_use]
pub fn normalise_email(text: &str) -> Option<String> {
    let email = text.trim().to_ascii_lowercase();
    let (local, domain) = email.split_once('@')?;
    let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    let fits = email.len() <= crate::limits::EMAIL_BYTES_MAX;
    (plain && fits && !local.is_empty() && !domain.is_empty() && !domain.contains('@')).then_some(email)
}

/// A colour for a person, the same for the same id: all legible on dark and on light.
#[must_use]
pub fn colour_of(user: &Id) -> &'static str {
    const COLOURS: [&str; 8] = ["#7c8cff", "#ff7a90", "#3fc8a0", "#f2a541", "#b784f0", "#4ab6e8", "#e86fc0", "#9bc53d"];
    let digest = blake3::hash(user.as_str().as_bytes());
    COLOURS[usize::from(digest.as_bytes()[0]) % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        assert_eq!(normalise_email("  Ada@Example.COM ").as_deref(), Some("ada@example.com"));
        for bad in ["", "@", "a@", "@b", "a b@c", "a@b@c", "a", "a@b\u{0}", &format!("a@{}", "b".repeat(254))] {
            assert_eq!(normalise_email(bad), None, "{bad:?}");
        }
    }
}
