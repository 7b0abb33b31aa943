//! The description of the API, made from the routes themselves.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::{InfoBuilder, OpenApi};

use crate::App;

/// Adds `GET /api/openapi.json` to a router: the description of `api`.
pub(crate) fn serve(router: Router<App>, mut api: OpenApi) -> Router<App> {
    api.info = InfoBuilder::new()
        .title("Unisono")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("A studio in the browser where a band writes a song together."))
        .build();
    // The document is the same for everyone and for as long as the process lives.
    let text: Arc<str> = api.to_json().unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")).into();
    router.route(
        "/api/openapi.json",
        get(move || {
            let text = text.to_string();
            async move { ([(header::CONTENT_TYPE, "application/json")], text) }
        }),
    )
}
