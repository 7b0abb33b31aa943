//! How much one person's recordings may take.
//!
//! What somebody has uploaded counts, with what was decoded of it, in whoever's project it lies, for as long as it lies on
//! the disk: what is deleted counts until it is let go (`jobs::prune`), since it can be brought back until then. Pieces of
//! unfinished uploads count as well.

use std::sync::Arc;

use axum::http::StatusCode;
use model::Id;
use storage::PartialName;

use super::receive::blocking;
use crate::{App, Problem};

/// Bytes that this person may still add, apart from what is here of the upload `but`.
pub(crate) async fn left(app: &App, user: &Id, but: Option<&PartialName>) -> Result<u64, Problem> {
    Ok(app.config.quota_per_user.saturating_sub(used(app, user, but).await?))
}

async fn used(app: &App, user: &Id, but: Option<&PartialName>) -> Result<u64, Problem> {
    let owner = user.clone();
    let stored = app.database.run(move |store| store.stored_bytes(&owner)).await?;
    let (blobs, owner, but) = (Arc::clone(&app.blobs), user.clone(), but.cloned());
    let pieces = blocking(move || {
        let own = but.map_or(Ok(0), |name| blobs.partial_size(&name))?;
        Ok(blobs.partials_of(&owner)?.bytes.saturating_sub(own))
    });
    Ok(stored.saturating_add(pieces.await?))
}

/// Refuses an upload of so many bytes when there is no room for it.
///
/// # Errors
/// 413, with the figures.
pub(super) async fn check(app: &App, name: &PartialName, bytes: u64) -> Result<(), Problem> {
    if app.config.quota_per_user == u64::MAX {
        return Ok(());
    }
    let used = used(app, &name.owner, Some(name)).await?;
    if used.saturating_add(bytes) <= app.config.quota_per_user {
        return Ok(());
    }
    let (size, used, quota) = (megabytes(bytes), megabytes(used), megabytes(app.config.quota_per_user));
    Err(Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "There is no room for this recording of {size}: your recordings take {used} of the {quota} that this server gives to each person."
        ),
    ))
}

/// A size for people.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(bytes: u64) -> String {
    if bytes >= 1_000_000_000 {
        format!("{:.1} GB", bytes as f64 / 1e9)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}
