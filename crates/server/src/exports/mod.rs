//! Exports: files that the server makes of a project, one after the other, for who asks.
//!
//! A request is a row of its own and a job in the queue. The job (`jobs::export`) takes the song as it was at the request, renders it into a
//! file, and keeps that by content for a day. Who asked looks at the row, cancels it, or downloads the file by a signed URL.

mod download;
mod let_go;
pub mod limits;
mod material;
mod ordering;
mod routes;
#[cfg(test)]
mod tests;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

pub(crate) use let_go::let_go;
pub(crate) use material::Material;

/// The routes whose requests and answers are small JSON.
#[must_use]
pub fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ordering::order, routes::list)).routes(routes!(routes::look, routes::end))
}

/// The route that moves the bytes.
#[must_use]
pub fn transfers() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(download::get))
}
