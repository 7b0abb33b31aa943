//! Looking at exports, and ending them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use mixdown::Settings;
use model::{Id, Timestamp};
use serde::Serialize;
use storage::{Export, ExportState};
use utoipa::ToSchema;

use super::download::{self, extension};
use super::let_go::let_go;
use super::limits::{KEPT_MS, LISTED_MAX};
use crate::accounts::Caller;
use crate::jobs::export::unique_key;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// An export.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportData {
    id: String,
    project_id: String,
    /// Who asked for it.
    user_id: String,
    /// ISO 8601, UTC.
    created_at: String,
    /// The file's name, without its ending.
    name: String,
    #[schema(value_type = Settings)]
    settings: serde_json::Value,
    /// Whether it is an archive of stems.
    stems: bool,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    state: &'static str,
    /// From 0 to 1.
    progress: f64,
    /// Why it failed, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileData>,
    /// Until when it is kept, once it is over: ISO 8601, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// What was made.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportFile)]
struct FileData {
    /// With its ending.
    name: String,
    bytes: u64,
    /// Hexadecimal.
    sha256: String,
    /// Path and query on this server, signed for whoever asked, good for at least an hour.
    url: String,
}

/// Exports.
#[derive(Serialize, ToSchema)]
pub(super) struct ExportsBody {
    /// The newest first.
    exports: Vec<ExportData>,
}

/// An export as its owner sees it.
pub(super) fn data(app: &App, export: Export) -> ExportData {
    let file = export.file.as_ref().filter(|_| export.state == ExportState::Done).map(|file| FileData {
        name: format!("{}.{}", export.name, extension(&export)),
        bytes: file.bytes,
        sha256: file.blob.to_string(),
        url: download::url(app, &export, file),
    });
    ExportData {
        id: export.id.to_string(),
        project_id: export.project.to_string(),
        user_id: export.user.to_string(),
        created_at: export.created.to_string(),
        name: export.name,
        settings: export.settings,
        stems: export.stems,
        state: export.state.name(),
        progress: export.progress,
        error: export.error,
        file,
        expires_at: export.expires.map(|expires| expires.to_string()),
    }
}

/// A project that the caller is a member of. What does not exist and what is forbidden answer alike.
async fn member_of(app: &App, caller: &Caller, project: &str) -> Result<Id, Problem> {
    let project = Id::new(project).map_err(|_| Problem::forbidden())?;
    let (of, user) = (project.clone(), caller.user.clone());
    match app.database.run(move |store| store.role_of(&of, &user)).await? {
        Some(_) => Ok(project),
        None => Err(Problem::forbidden()),
    }
}

/// Whether people still see it.
pub(super) fn is_seen(export: &Export, now: Timestamp) -> bool {
    export.state != ExportState::Removed && export.expires.is_none_or(|expires| expires > now)
}

/// The caller's own export.
async fn own(app: &App, caller: &Caller, project: &str, export: &str) -> Result<Export, Problem> {
    let project = member_of(app, caller, project).await?;
    let id = Id::new(export).map_err(|_| Problem::not_found())?;
    let found = app.database.run(move |store| store.export(&id)).await?;
    let now = app.clock.now();
    let own = |it: &Export| it.project == project && it.user == caller.user && is_seen(it, now);
    found.filter(own).ok_or_else(Problem::not_found)
}

/// One's own exports of the project that wait, are being made, or are kept.
#[utoipa::path(get, path = "/api/projects/{id}/exports", tag = "exports",
    params(("id" = String, Path, description = "The project.")), responses(
    (status = 200, body = ExportsBody),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<ExportsBody>, Problem> {
    let project = member_of(&app, &caller, &project).await?;
    let exports = app.database.run(move |store| store.exports_of(&project, &caller.user, LISTED_MAX)).await?;
    let now = app.clock.now();
    let exports = exports.into_iter().filter(|export| is_seen(export, now)).map(|export| data(&app, export)).collect();
    Ok(Json(ExportsBody { exports }))
}

/// How one's own export stands.
#[utoipa::path(get, path = "/api/projects/{id}/exports/{export}", tag = "exports",
    params(("id" = String, Path, description = "The project."), ("export" = String, Path, description = "Its id.")),
    responses(
    (status = 200, body = ExportData),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
))]
pub(super) async fn look(
    State(app): State<App>,
    caller: Caller,
    Path((project, export)): Path<(String, String)>,
) -> Result<Json<ExportData>, Problem> {
    let export = own(&app, &caller, &project, &export).await?;
    Ok(Json(data(&app, export)))
}

/// Cancels one's own export that waits or is being made; removes one that is over.
#[utoipa::path(delete, path = "/api/projects/{id}/exports/{export}", tag = "exports",
    params(("id" = String, Path, description = "The project."), ("export" = String, Path, description = "Its id.")),
    responses(
    (status = 204),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
))]
pub(super) async fn end(
    State(app): State<App>,
    caller: Caller,
    Path((project, export)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let export = own(&app, &caller, &project, &export).await?;
    let now = app.clock.now();
    let blobs = Arc::clone(&app.blobs);
    app.database
        .run(move |store| {
            // It may end by itself meanwhile: then it is removed.
            if store.end_export(&export.id, ExportState::Cancelled, None, Timestamp(now.0 + KEPT_MS))? {
                // Should this fail, a worker will find that there is nothing to do.
                return store.withdraw_job(&unique_key(&export.id), now).map(drop);
            }
            if store.remove_export(&export.id, now)?
                && let Some(removed) = store.export(&export.id)?
            {
                let_go(store, &*blobs, &removed, now)?;
            }
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
