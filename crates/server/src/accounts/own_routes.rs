//! `/api/account/…`: one's own password, sessions, and the end of the account.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Caller, deletion, own, sign_in};
use crate::json::JsonBody;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// The routes of this file.
pub(super) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(change_password))
        .routes(routes!(reset_password))
        .routes(routes!(sessions, end_other_sessions))
        .routes(routes!(end_session))
        .routes(routes!(delete))
}

/// What changing the password takes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangePasswordBody {
    old_password: String,
    /// 8 characters to 1,024 bytes.
    new_password: String,
}

/// What setting a new password by a link takes.
#[derive(Deserialize, ToSchema)]
struct ResetPasswordBody {
    /// What the link of `unisono reset-password` carries.
    token: String,
    /// 8 characters to 1,024 bytes.
    password: String,
}

/// What deleting the account takes.
#[derive(Deserialize, ToSchema)]
struct DeleteAccountBody {
    password: String,
}

/// The caller's sessions, the last used first.
#[derive(Serialize, ToSchema)]
struct SessionsBody {
    sessions: Vec<SessionData>,
}

/// One of the caller's sessions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionData {
    id: String,
    /// Browser and system.
    #[schema(example = "Firefox on Linux")]
    device: String,
    /// ISO 8601, UTC.
    created_at: String,
    /// ISO 8601, UTC; to within an hour.
    last_seen_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// How many sessions have ended.
#[derive(Serialize, ToSchema)]
struct EndedBody {
    ended: usize,
}

/// Changes the password. All other sessions end.
#[utoipa::path(post, path = "/api/account/password", tag = "accounts", request_body = ChangePasswordBody, responses(
    (status = 204),
    (status = 400, body = ProblemBody),
    (status = 401, body = ProblemBody),
    (status = 403, description = "The old password is wrong, or it is a demo account.", body = ProblemBody),
    (status = 429, body = ProblemBody),
))]
async fn change_password(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<ChangePasswordBody>,
) -> Result<StatusCode, Problem> {
    own::change_password(&app, &caller, body.old_password, body.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets a new password by a link of `unisono reset-password`. All sessions end.
#[utoipa::path(post, path = "/api/account/reset-password", tag = "accounts", request_body = ResetPasswordBody, responses(
    (status = 204),
    (status = 400, body = ProblemBody),
    (status = 403, description = "The link is not good (any more).", body = ProblemBody),
))]
async fn reset_password(
    State(app): State<App>,
    JsonBody(body): JsonBody<ResetPasswordBody>,
) -> Result<StatusCode, Problem> {
    own::reset_password(&app, &body.token, body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's sessions.
#[utoipa::path(get, path = "/api/account/sessions", tag = "accounts", responses(
    (status = 200, body = SessionsBody),
    (status = 401, body = ProblemBody),
))]
async fn sessions(State(app): State<App>, caller: Caller) -> Result<Json<SessionsBody>, Problem> {
    let sessions = own::sessions(&app, &caller).await?;
    let data = |session: own::OwnSession| SessionData {
        id: session.name,
        device: session.device,
        created_at: session.created.to_string(),
        last_seen_at: session.last_seen.to_string(),
        current: session.current,
    };
    Ok(Json(SessionsBody { sessions: sessions.into_iter().map(data).collect() }))
}

/// Ends all sessions but the one that asks.
#[utoipa::path(delete, path = "/api/account/sessions", tag = "accounts", responses(
    (status = 200, body = EndedBody),
    (status = 401, body = ProblemBody),
))]
async fn end_other_sessions(State(app): State<App>, caller: Caller) -> Result<Json<EndedBody>, Problem> {
    Ok(Json(EndedBody { ended: own::end_other_sessions(&app, &caller).await? }))
}

/// Ends one session.
#[utoipa::path(delete, path = "/api/account/sessions/{id}", tag = "accounts", params(("id" = String, Path)), responses(
    (status = 204),
    (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody),
))]
async fn end_session(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    own::end_session(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes the account. A song that others have a part in stays with them; one that nobody else has is deleted.
#[utoipa::path(post, path = "/api/account/delete", tag = "accounts", request_body = DeleteAccountBody, responses(
    (status = 204),
    (status = 400, body = ProblemBody),
    (status = 401, body = ProblemBody),
    (status = 403, description = "The password is wrong, or it is a demo account.", body = ProblemBody),
    (status = 429, body = ProblemBody),
    (status = 503, body = ProblemBody),
    (status = 507, description = "The server's disk is nearly full.", body = ProblemBody),
))]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    JsonBody(body): JsonBody<DeleteAccountBody>,
) -> Result<Response, Problem> {
    deletion::delete_account(&app, &caller, body.password).await?;
    let cookies = sign_in::no_cookies(&app)?;
    Ok((cookies, StatusCode::NO_CONTENT).into_response())
}
