//! Songs that random edits change: what undo takes back, and what restoring an old state writes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod difference;
mod song;
mod undo;
