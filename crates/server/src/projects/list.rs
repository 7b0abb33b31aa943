//! `GET /api/projects` (W5).

use axum::Json;
use axum::extract::State;
use model::{Project, Record, Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Caller;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// The projects that the caller can open.
#[derive(Serialize, ToSchema)]
pub(super) struct ProjectsBody {
    /// The last changed first.
    projects: Vec<ProjectData>,
}

/// A project, shortly.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProjectData {
    id: String,
    name: String,
    /// Beats per minute.
    bpm: f64,
    /// What the caller is in it: `owner`, `editor` or `viewer`.
    role: &'static str,
    /// ISO 8601, UTC.
    created_at: Option<String>,
    /// ISO 8601, UTC.
    updated_at: Option<String>,
}

/// The projects that the caller can open, the last changed first.
#[utoipa::path(get, path = "/api/projects", tag = "projects", responses(
    (status = 200, body = ProjectsBody),
    (status = 401, body = ProblemBody),
))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<ProjectsBody>, Problem> {
    let projects = app.database.run(move |store| store.projects_of(&caller.user)).await?;
    Ok(Json(ProjectsBody { projects: projects.iter().map(|(record, role)| data(record, *role)).collect() }))
}

fn data(record: &Record, role: Role) -> ProjectData {
    let project = Project::from_record(record);
    let time = |field: &str| record.text(field).map(str::to_owned);
    ProjectData {
        id: project.id.to_string(),
        name: project.name,
        bpm: project.bpm.value(),
        role: role.name(),
        created_at: time("createdAt"),
        updated_at: time("updatedAt"),
    }
}
