//! All routes, and what stands in front of them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use crate::limits::JSON_BODY_BYTES_MAX;
use crate::{App, accounts, audio_files, exports, health, openapi, pages, projects, realtime, security, web_files};

/// Every documented route, without what stands in front.
fn documented() -> (OpenApiRouter<App>, OpenApiRouter<App>) {
    let api = OpenApiRouter::new()
        .merge(health::api())
        .merge(accounts::api())
        .merge(projects::api())
        .merge(realtime::api())
        .merge(audio_files::api())
        .merge(exports::api());
    (api, audio_files::transfers().merge(exports::transfers()))
}

/// The whole server as a service.
pub fn router(app: App) -> Router {
    let (api, transfers) = documented();
    let (api, mut document) = api.split_for_parts();
    let (transfers, transfers_document) = transfers.split_for_parts();
    document.merge(transfers_document);

    let quick = api
        .merge(pages::router())
        .merge(web_files::router())
        .route("/api/realtime", get(pages::socket))
        .layer(DefaultBodyLimit::max(JSON_BODY_BYTES_MAX));
    let quick = security::with_timeout(openapi::serve(quick, document));
    security::protect(quick.merge(transfers).fallback(web_files::not_found), &app).with_state(app)
}
