//! `write`, `getRecords`, and a project's records: the guide's HTTP (W1, W5).

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::roles::{role_of, visible};
use model::{Id, Key, RecordMap, Table};
use operations::{Author, Refusal, Transaction};
use serde::{Deserialize, Serialize};
use storage::{Store, StoreError};
use sync::Room;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::SubmitError;
use super::history::{HistoryBody, PageQuery, page, records_at};
use super::limits::POINTERS_MAX;
use crate::accounts::Caller;
use crate::json::JsonBody;
use crate::limits::REALTIME_BODY_BYTES_MAX;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// The routes of this folder.
pub fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(write))
        .routes(routes!(get_records))
        .routes(routes!(project_records))
        .routes(routes!(project_history))
        .layer(axum::extract::DefaultBodyLimit::max(REALTIME_BODY_BYTES_MAX))
}

/// A transaction, as the guide writes it (for the documentation; `operations::Transaction` is what is read).
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes a body")]
struct WriteBody {
    /// Chosen by the author; a repeat changes nothing.
    tx_id: String,
    /// Who is logged in.
    author_id: String,
    /// `set`, `set-now`, `unset`, `listInsert`, `listRemove`; see specs/operations.md.
    operations: Vec<serde_json::Value>,
    /// Milliseconds since 1970 by the author's clock.
    client_timestamp: f64,
    /// Versions on which the author insists, by `table:id`; 409 when one no longer holds.
    base_versions: Option<HashMap<String, u64>>,
}

/// Records by table and id.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct RecordsBody {
    /// `{table: {id: record}}`
    #[schema(value_type = HashMap<String, HashMap<String, serde_json::Value>>)]
    record_map: RecordMap,
}

/// A refusal; `conflicts` only with 409.
#[derive(Serialize, utoipa::ToSchema)]
struct RefusalBody {
    /// Why, for people.
    message: String,
    /// The records that have changed since, as `table:id`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<String>,
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Problem {
        Problem::from_status(error.status(), error.message())
    }
}

impl IntoResponse for SubmitError {
    fn into_response(self) -> Response {
        match self {
            SubmitError::Refused(Refusal { status, message, conflicts }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                let conflicts = conflicts.iter().map(ToString::to_string).collect();
                (status, Json(RefusalBody { message, conflicts })).into_response()
            }
            SubmitError::DiskFull | SubmitError::LogFull => {
                Problem::new(StatusCode::INSUFFICIENT_STORAGE, self.to_string()).into_response()
            }
            SubmitError::Unavailable => Problem::new(StatusCode::SERVICE_UNAVAILABLE, self.to_string()).into_response(),
            SubmitError::TooFast => Problem::slow_down(1).into_response(),
        }
    }
}

/// Commits a transaction: all of it or nothing (W1).
#[utoipa::path(post, path = "/api/realtime/write", request_body = WriteBody, responses(
    (status = 200, body = RecordsBody), (status = 400, body = RefusalBody), (status = 401, body = ProblemBody),
    (status = 403, body = RefusalBody), (status = 409, body = RefusalBody), (status = 429, body = ProblemBody),
    (status = 503, body = ProblemBody), (status = 507, body = ProblemBody)))]
async fn write(State(app): State<App>, caller: Caller, JsonBody(transaction): JsonBody<Transaction>) -> Response {
    match app.realtime.write(Author::User(caller.user), transaction).await {
        Ok(outcome) => Json(RecordsBody { record_map: outcome.record_map }).into_response(),
        Err(error) => error.into_response(),
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
struct PointersBody {
    /// At most 10,000.
    pointers: Vec<Pointer>,
}

#[derive(Deserialize, utoipa::ToSchema)]
struct Pointer {
    #[schema(value_type = String)]
    table: Table,
    #[schema(value_type = String)]
    id: Id,
}

/// Reads records by name; those that the caller may not read are left out (PE2).
#[utoipa::path(post, path = "/api/realtime/getRecords", request_body = PointersBody, responses(
    (status = 200, body = RecordsBody), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody)))]
async fn get_records(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<PointersBody>,
) -> Result<Json<RecordsBody>, Problem> {
    let PointersBody { pointers } = body;
    if pointers.len() > POINTERS_MAX {
        return Err(Problem::invalid(format!("at most {POINTERS_MAX} pointers")));
    }
    let keys: Vec<Key> = pointers.into_iter().map(|pointer| Key::new(pointer.table, pointer.id)).collect();
    let record_map = app.database.run(move |store| readable(store, &keys, &caller.user)).await?;
    Ok(Json(RecordsBody { record_map }))
}

fn readable(store: &dyn Store, keys: &[Key], reader: &Id) -> Result<RecordMap, StoreError> {
    let mut member: HashMap<Id, bool> = HashMap::new();
    let mut map = RecordMap::default();
    for (table, record) in store.records(keys)? {
        let project = match table {
            Table::Users => {
                if record.id() == reader || store.are_fellows(reader, record.id())? {
                    map.insert(table, visible(table, &record, reader));
                }
                continue;
            }
            Table::Projects => Some(record.id().clone()),
            _ => store.project_of(&Key::new(table, record.id().clone()))?,
        };
        let Some(project) = project else { continue };
        let may = match member.get(&project) {
            Some(may) => *may,
            None => store.role_of(&project, reader)?.is_some(),
        };
        member.insert(project, may);
        if may {
            map.insert(table, visible(table, &record, reader));
        }
    }
    Ok(map)
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProjectRecordsBody {
    /// `{table: {id: record}}`: everything in the project, deleted records included, and its members as users.
    #[schema(value_type = HashMap<String, HashMap<String, serde_json::Value>>)]
    record_map: RecordMap,
    /// The entry of the project's log that left the records so.
    seq: u64,
    /// Which log.
    #[schema(value_type = String)]
    epoch: Id,
}

/// Of which moment.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MomentQuery {
    /// As this entry of the log left it; as it is now when it is left out.
    seq: Option<u64>,
}

/// Everything in a project, of one moment: now (W5) or earlier (WR12). What does not exist and what is forbidden answer
/// alike.
#[utoipa::path(get, path = "/api/projects/{id}/records", params(("id" = String, Path), MomentQuery), responses(
    (status = 200, body = ProjectRecordsBody), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 410, body = ProblemBody)))]
async fn project_records(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    moment: Result<Query<MomentQuery>, QueryRejection>,
) -> Result<Json<ProjectRecordsBody>, Problem> {
    let Query(moment) = moment.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    let (project, room) = room_of(&app, &caller, &id).await?;
    let (now, epoch) = (room.seq(), room.epoch().clone());
    let records = match moment.seq {
        Some(seq) => records_at(&app, room, seq).await?,
        None => room.records().clone(),
    };
    let mut record_map = RecordMap::default();
    for (key, record) in records.iter() {
        record_map.insert(key.table, record.clone());
    }
    for (person, _) in app.database.run(move |store| store.people_of(&project)).await? {
        record_map.insert(Table::Users, visible(Table::Users, &person, &caller.user));
    }
    Ok(Json(ProjectRecordsBody { record_map, seq: moment.seq.unwrap_or(now), epoch }))
}

/// What has happened to a project (WR11), the newest first, and its named versions.
#[utoipa::path(get, path = "/api/projects/{id}/history", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = HistoryBody), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody)))]
async fn project_history(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<HistoryBody>, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    let (_, room) = room_of(&app, &caller, &id).await?;
    app.database.run(move |store| page(store, &room, query)).await?.map(Json)
}

/// The room of a project that the caller may read.
pub(crate) async fn room_of(app: &App, caller: &Caller, id: &str) -> Result<(Id, Room), Problem> {
    let project = Id::new(id).map_err(|_| Problem::forbidden())?;
    let (asked, reader) = (project.clone(), caller.user.clone());
    // Before a room is opened: strangers must not make rooms of projects that do not exist.
    if app.database.run(move |store| store.role_of(&asked, &reader)).await?.is_none() {
        return Err(Problem::forbidden());
    }
    let room = app.realtime.look(&project).await?;
    if role_of(room.records(), &caller.user).is_none() {
        return Err(Problem::forbidden());
    }
    Ok((project, room))
}
