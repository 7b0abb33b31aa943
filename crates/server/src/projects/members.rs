//! `POST /api/projects/:id/members`: adding people by e-mail (PE4).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::{Id, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::joining::membership;
use crate::accounts::{Brake, Caller, normalise_email};
use crate::json::JsonBody;
use crate::limits::INVITATIONS_PER_USER;
use crate::problem::ProblemBody;
use crate::state::new_id;
use crate::{App, Problem};

/// Whom to add.
#[derive(Deserialize, ToSchema)]
pub(super) struct MemberBody {
    /// The address of their account.
    email: String,
    /// `editor` or `viewer`.
    #[serde(default = "editor")]
    role: String,
}

fn editor() -> String {
    "editor".to_owned()
}

/// The answer, whoever has the address.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedBody {
    message: &'static str,
}

const ADDED: AddedBody =
    AddedBody { message: "If there is an account with this e-mail address, it can open the project now." };

/// Adds the person who has this address to a project; its owners may. The answer does not tell whether there is one.
#[utoipa::path(post, path = "/api/projects/{id}/members", tag = "projects",
    params(("id" = String, Path, description = "The project.")), request_body = MemberBody, responses(
    (status = 202, body = AddedBody),
    (status = 400, body = ProblemBody),
    (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody),
    (status = 429, body = ProblemBody),
    (status = 503, body = ProblemBody),
    (status = 507, description = "The server's disk is nearly full.", body = ProblemBody),
))]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<String>,
    JsonBody(body): JsonBody<MemberBody>,
) -> Result<(StatusCode, Json<AddedBody>), Problem> {
    let project = owned(&app, &caller, &project).await?;
    if !matches!(body.role.as_str(), "editor" | "viewer") {
        return Err(Problem::invalid("role: it must be editor or viewer"));
    }
    let email = normalise_email(&body.email)
        .ok_or_else(|| Problem::invalid("email: it does not look like an e-mail address"))?;
    let brake = Brake { kind: "invite", subject: caller.user.as_str(), free: INVITATIONS_PER_USER };
    app.accounts.brakes.attempt(brake).map_err(Problem::slow_down)?;

    let account = app.database.run(move |store| store.account(&email)).await?;
    let account = account.filter(|account| app.config.demo || !account.demo);
    if let Some(account) = account {
        let (asked, user, adder) = (project.clone(), account.user.clone(), caller.user.clone());
        let (role, known) = app
            .database
            .run(move |store| Ok((store.role_of(&asked, &user)?, store.are_fellows(&adder, &user)?)))
            .await?;
        // The brake is on guessing addresses; a band that starts one song after the other guesses nothing.
        if known {
            app.accounts.brakes.take_back(brake);
        }
        if role.is_none() {
            let role = Role::from_name(&body.role).unwrap_or(Role::Viewer);
            let room = app.realtime.look(&project).await?;
            let operations = membership(room.records(), &project, &account.user, role, &new_id());
            super::write_all(&app, &caller.user, operations).await?;
        }
    }
    Ok((StatusCode::ACCEPTED, Json(ADDED)))
}

/// The project of this name, when the caller is one of its owners; else 403, whether it exists or not.
pub(super) async fn owned(app: &App, caller: &Caller, project: &str) -> Result<Id, Problem> {
    let project = Id::new(project).map_err(|_| Problem::forbidden())?;
    let (asked, user) = (project.clone(), caller.user.clone());
    let role = app.database.run(move |store| store.role_of(&asked, &user)).await?;
    if role == Some(Role::Owner) { Ok(project) } else { Err(Problem::forbidden()) }
}
