//! What is acknowledged survives: `kill -9`, loss of power, a disk that fails to sync (WR7).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
// The virtual file system between SQLite and the disk is C's.
#![allow(unsafe_code, reason = "SQLite asks for its file system as C functions")]

mod disk;
mod killed;
mod power;
mod song;
