//! Hashing and verifying passwords: argon2id, off the async threads, a few at a time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::Problem;
use crate::limits::{HASHES_AT_ONCE_MAX, HASHES_WAITING_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN};

/// A well-formed hash of the usual cost that no password has: verifying against it takes as long as against any other.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The recommended least cost of argon2id (OWASP, "Password Storage Cheat Sheet"): 19 MiB, two passes, one lane. It is
/// also the crate's default; the test below holds it to that.
fn argon2() -> Argon2<'static> {
    Argon2::default()
}

/// Hashes and verifies passwords, at most [`HASHES_AT_ONCE_MAX`] at the same time.
#[derive(Debug)]
pub struct Passwords {
    turns: Semaphore,
    /// At work and in the queue together, at most.
    present_max: usize,
    present: AtomicUsize,
    verified: AtomicU64,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords::new()
    }
}

impl Passwords {
    /// With all turns free.
    #[must_use]
    pub fn new() -> Passwords {
        Passwords::with_limits(HASHES_AT_ONCE_MAX, HASHES_WAITING_MAX)
    }

    fn with_limits(at_once: usize, waiting: usize) -> Passwords {
        Passwords {
            turns: Semaphore::new(at_once),
            present_max: at_once + waiting,
            present: AtomicUsize::new(0),
            verified: AtomicU64::new(0),
        }
    }

    /// Whether a new password may be used.
    ///
    /// # Errors
    /// 400 with the reason.
    pub fn check(password: &str) -> Result<(), Problem> {
        if password.chars().count() < PASSWORD_CHARACTERS_MIN {
            return Err(Problem::invalid(format!("The password needs at least {PASSWORD_CHARACTERS_MIN} characters.")));
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(Problem::invalid(format!("The password has more than {PASSWORD_BYTES_MAX} bytes.")));
        }
        Ok(())
    }

    /// The hash of a password with a fresh salt, as a PHC string.
    ///
    /// # Errors
    /// 503 when too many wait; 500 when the system has no random numbers.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        self.take_turn(move || match argon2().hash_password(password.as_bytes()) {
            Ok(hash) => Ok(hash.to_string()),
            Err(error) => {
                tracing::error!(%error, "a password could not be hashed");
                Err(Problem::internal())
            }
        })
        .await?
    }

    /// Whether `password` has this hash. With `None`, for a user that does not exist, the same work is done for nothing:
    /// the time must not tell. What is too long for a password is nobody's, and no work.
    ///
    /// # Errors
    /// 503 when too many wait.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let known = hash.is_some();
        self.verified.fetch_add(1, Ordering::Relaxed);
        let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
        let right = self.take_turn(move || verify(&password, &hash)).await?;
        Ok(known && right)
    }

    /// How many verifications have been asked for, of users that exist and of others.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        struct Present<'a>(&'a AtomicUsize);
        impl Drop for Present<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let busy = || Problem::from_status(503, "The server is busy. Please try again in a moment.");
        let ahead = self.present.fetch_add(1, Ordering::Relaxed);
        let _present = Present(&self.present);
        if ahead >= self.present_max {
            return Err(busy());
        }
        let _turn = self.turns.acquire().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "hashing ended badly");
            Problem::internal()
        })
    }
}

fn verify(password: &str, hash: &str) -> bool {
    argon2().verify_password(password.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_has_its_hash_and_no_other() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".to_owned()).await.unwrap(), "salts differ");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf".to_owned(), Some(hash.clone())).await.unwrap());
        let verified = passwords.verified();
        assert!(!passwords.verify("x".repeat(PASSWORD_BYTES_MAX + 1), Some(hash)).await.unwrap());
        assert_eq!(passwords.verified(), verified, "what is too long is no work");
    }

    #[tokio::test]
    async fn a_user_that_does_not_exist_costs_as_much() {
        let passwords = Passwords::new();
        assert!(!passwords.verify("password".to_owned(), None).await.unwrap());
        assert_eq!(passwords.verified(), 1);
        // It is a real hash of the real cost: a malformed one would be refused at once.
        let parsed = argon2::password_hash::phc::PasswordHash::new(NOBODYS).unwrap();
        let cost = |params: &argon2::Params| (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(cost(&argon2::Params::try_from(&parsed).unwrap()), cost(argon2().params()));
    }

    #[tokio::test]
    async fn w6_so_many_hash_and_so_many_wait() {
        let passwords = std::sync::Arc::new(Passwords::with_limits(1, 1));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let passwords = std::sync::Arc::clone(&passwords);
                tokio::spawn(async move { passwords.verify("password".to_owned(), None).await })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            refused += usize::from(task.await.unwrap().is_err_and(|problem| problem.status() == 503));
        }
        assert_eq!(refused, 6);
        assert!(passwords.verify("password".to_owned(), None).await.is_ok(), "there is room again");
    }

    #[test]
    fn w6_passwords_have_a_least_and_a_greatest_length() {
        assert!(Passwords::check("short").is_err());
        assert!(Passwords::check("password").is_ok());
        assert!(Passwords::check(&"x".repeat(PASSWORD_BYTES_MAX)).is_ok());
        assert!(Passwords::check(&"x".repeat(PASSWORD_BYTES_MAX + 1)).is_err());
    }
}
