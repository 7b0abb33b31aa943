//! Letting go of exports whose time is over.

use std::io;

use model::Timestamp;
use storage::{Blobs, Export, Store, StoreError};

use super::limits::SETTLED_MS;

/// Removes an export's bytes, unless something else refers to them, and then forgets it; false when the bytes have come too recently for that,
/// and a later try will do.
///
/// # Errors
/// When the database or the disk fails.
pub(crate) fn let_go(
    store: &dyn Store,
    blobs: &dyn Blobs,
    export: &Export,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let failed = |error: io::Error| StoreError(format!("the bytes of an export: {error}"));
    if let Some(blob) = export.blob()
        && !store.is_shared(blob, &export.id)?
        && !blobs.remove_older(blob, Timestamp(now.0 - SETTLED_MS)).map_err(failed)?
        && blobs.size(blob).map_err(failed)?.is_some()
    {
        return Ok(false);
    }
    store.forget_export(&export.id)
}
