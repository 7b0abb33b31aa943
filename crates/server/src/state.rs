//! What every route shares.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use model::{Id, Timestamp};
use storage::{Blobs, Database};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::realtime::{Disk, Realtime};

/// The server: everything that a route can reach. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What an [`App`] shares.
pub struct Shared {
    /// How the server was started.
    pub config: Config,
    /// The database.
    pub database: Database,
    /// The bytes of audio files.
    pub blobs: Arc<dyn Blobs>,
    /// The time.
    pub clock: Clock,
    /// Signs URLs. Kept in the database, so that a restart does not invalidate them.
    pub signing_key: SigningKey,
    /// The rooms.
    pub realtime: Realtime,
    /// Passwords, sessions and the brakes on guessing.
    pub accounts: Accounts,
    /// Told when a job has been enqueued, so that a worker need not wait for its next look.
    pub job_enqueued: Notify,
    /// Cancelled when the server is to stop: sockets close, workers finish.
    pub shutdown: CancellationToken,
}

/// A secret for signing URLs.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> SigningKey {
        SigningKey(bytes)
    }

    /// The key for one purpose, so that what is signed for one cannot be used for another.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, purpose.as_bytes()).as_bytes()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl App {
    /// A server over these stores.
    ///
    /// # Errors
    /// When the database fails.
    pub fn new(
        config: Config,
        database: Database,
        blobs: Arc<dyn Blobs>,
        clock: Clock,
    ) -> Result<App, storage::StoreError> {
        let fresh = crate::accounts::random_bytes()
            .map_err(|error| storage::StoreError(format!("no random numbers: {error}")))?;
        let signing_key = SigningKey::new(database.store().secret("signing", fresh)?);
        let disk = Disk::new(&config.data, config.keep_free);
        let realtime = Realtime::new(database.clone(), clock.clone(), disk, config.log_per_song);
        let accounts = Accounts::new(clock.clone());
        Ok(App(Arc::new(Shared {
            config,
            database,
            blobs,
            clock,
            signing_key,
            realtime,
            accounts,
            job_enqueued: Notify::new(),
            shutdown: CancellationToken::new(),
        })))
    }
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

/// The time: the system's, or one that a test sets.
#[derive(Clone, Debug)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's time.
    #[must_use]
    pub fn system() -> Clock {
        Clock(None)
    }

    /// A time that stands still until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Clock {
        Clock(Some(Arc::new(AtomicI64::new(start.0))))
    }

    /// Moves a manual clock; does nothing to the system's.
    pub fn advance_ms(&self, by_ms: i64) {
        if let Some(now) = &self.0 {
            now.fetch_add(by_ms, Ordering::SeqCst);
        }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(now) => Timestamp(now.load(Ordering::SeqCst)),
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// A new id: a UUID of version 7, so that ids sort by when they were made.
#[must_use]
pub fn new_id() -> Id {
    // A UUID's text is 36 characters of hexadecimal digits and hyphens: always an id.
    Id::new(&uuid::Uuid::now_v7().to_string()).unwrap_or_else(|_| Id::system())
}
