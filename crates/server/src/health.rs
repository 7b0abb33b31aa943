//! Whether the server lives, and whether it can serve.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{App, Problem};

/// The routes of this module.
#[must_use]
pub fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = str)))]
async fn live() -> &'static str {
    "live\n"
}

/// The database answers too, and the server is not stopping.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, body = str),
    (status = 503, description = "Not now.", body = crate::problem::ProblemBody),
))]
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    let unready = |message: &str| Problem::from_status(503, message);
    if app.shutdown.is_cancelled() {
        return Err(unready("The server is stopping."));
    }
    app.database.run(|store| store.check()).await.map_err(|error| {
        tracing::error!(%error, "not ready");
        unready("The database does not answer.")
    })?;
    Ok("ready\n")
}
