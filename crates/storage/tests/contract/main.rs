//! One suite for every implementation of each trait (SI2).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod alike;
mod behind;
mod blobs;
mod exports;
mod given;
mod invitations;
mod jobs;
mod logs;
mod recordings;

use std::sync::Arc;

use storage::blobs::{FileBlobs, MemoryBlobs};
use storage::{Blobs, MemoryStore, SqliteStore, Store};

/// A store of each kind, empty, and the folder that must outlive it.
pub(crate) fn each_store() -> [(&'static str, Arc<dyn Store>, Option<tempfile::TempDir>); 2] {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("test.sqlite")).unwrap();
    [("memory", Arc::new(MemoryStore::new()), None), ("SQLite", Arc::new(sqlite), Some(folder))]
}

/// Runs a test on every implementation of [`Store`].
pub(crate) fn on_each_store(promise: impl Fn(&dyn Store)) {
    for (name, store, _folder) in each_store() {
        println!("on {name}:");
        promise(&*store);
    }
}

/// Runs a test on every implementation of [`Blobs`].
pub(crate) fn on_each_blobs(promise: impl Fn(&dyn Blobs)) {
    println!("in memory:");
    promise(&MemoryBlobs::default());
    println!("in files:");
    let folder = tempfile::tempdir().unwrap();
    promise(&FileBlobs::open(folder.path()).unwrap());
}
