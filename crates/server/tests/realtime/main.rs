//! Rooms and sockets, presence, history and slow readers, through the real router, a real SQLite database and real sockets on loopback.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

mod access;
mod band;
mod following;
mod guide;
mod history;
mod permissions;
mod presence;
mod restored;
mod slow;
mod undo;
mod writing;
