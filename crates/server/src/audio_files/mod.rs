//! Audio files: signed uploads and downloads.
//!
//! A client makes the record by an ordinary transaction, asks here for a signed URL, and sends the bytes there: at once, or
//! in pieces that may come hours apart. They are streamed to disk, and kept only if they are those that the record
//! announces. Then the record changes and a job is enqueued, in one database transaction.

mod access;
pub(crate) mod arrived;
mod download;
#[cfg(test)]
pub(crate) mod fixture;
pub mod limits;
mod pieces;
#[cfg(test)]
mod pieces_tests;
pub(crate) mod quota;
mod ranges;
mod receive;
mod room;
mod signing;
#[cfg(test)]
mod tests;
mod turns;
mod under_way;
mod upload;

use std::collections::BTreeMap;

use axum::extract::{DefaultBodyLimit, Extension};
use model::Id;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

pub use download::Part;
pub(crate) use download::{Content, send};
pub(crate) use signing::Grant;

/// A URL that may be used until a time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedUrl {
    /// Path and query on this server.
    url: String,
    /// The method that it is good for.
    method: &'static str,
    /// Headers to send along.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// ISO 8601, UTC.
    expires_at: String,
}

/// The routes whose requests and answers are small JSON.
#[must_use]
pub fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(upload::sign)).routes(routes!(download::sign))
}

/// The routes that move the bytes: no limit on the body and no timeout but their own.
#[must_use]
pub fn transfers() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(upload::put, pieces::offset, pieces::patch))
        .routes(routes!(download::get))
        .layer(Extension(under_way::UnderWay::default()))
        .layer(Extension(turns::Turns::default()))
        .layer(DefaultBodyLimit::disable())
}

fn content_path(file: &Id) -> String {
    format!("/api/audio-files/{file}/content")
}

fn part_path(file: &Id, part: Part) -> String {
    format!("/api/audio-files/{file}/content/{}", part.name())
}
