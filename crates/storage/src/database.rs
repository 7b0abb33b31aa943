//! The store, for async code.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{Batch, CommitError, Store, StoreError};

/// A [`Store`] that async code can wait for. Cheap to clone.
#[derive(Clone)]
pub struct Database(Arc<dyn Store>);

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

impl Database {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Database {
        Database(store)
    }

    /// The store itself, for code that may block.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0
    }

    /// Runs a short piece of work on a thread that may block.
    ///
    /// # Errors
    /// The work's own error; or a [`StoreError`] when the runtime is shutting down or the work panicked.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || work(&*store)).await {
            Ok(result) => result,
            Err(error) => Err(StoreError(format!("a database task ended badly: {error}"))),
        }
    }

    /// Keeps batches durably, see [`Store::submit`]; waits without a thread.
    pub async fn commit(&self, batches: Vec<Batch>) -> Vec<Result<(), CommitError>> {
        let count = batches.len();
        let (sender, receiver) = oneshot::channel();
        self.0.submit(batches, Box::new(move |results| drop(sender.send(results))));
        let gone = || CommitError::Database { reason: "the writer has stopped".to_owned() };
        receiver.await.unwrap_or_else(|_| (0..count).map(|_| Err(gone())).collect())
    }
}
