//! Presence, history and slow readers, through the real router, a real SQLite database and real sockets on loopback.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

mod band;
mod history;
mod presence;
mod slow;
