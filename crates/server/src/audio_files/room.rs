//! Whether the disk has room for recordings: it is not filled to the last byte, without which nobody could write at all.

use std::sync::Arc;

use axum::http::StatusCode;
use storage::PartialName;

use super::receive::blocking;
use crate::realtime::SubmitError;
use crate::{App, Problem};

/// Refuses so many more bytes when there is no room for them.
///
/// # Errors
/// 507.
pub(super) async fn check(app: &App, to_come: u64) -> Result<(), Problem> {
    let disk = Arc::clone(app.realtime.disk());
    let room = blocking(move || Ok(disk.room())).await?;
    if to_come <= room { Ok(()) } else { Err(none()) }
}

/// What is to come yet of an upload of so many bytes in all.
pub(super) async fn to_come(app: &App, name: &PartialName, size: u64) -> Result<u64, Problem> {
    let (blobs, name) = (Arc::clone(&app.blobs), name.clone());
    Ok(size.saturating_sub(blocking(move || blobs.partial_size(&name)).await?))
}

/// What whoever uploads is told.
pub(super) fn none() -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, SubmitError::DiskFull.message())
}
