//! Invitation links (PE4): making, listing and revoking them. Using them is in `joining`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Id, Key, Role, Table, Timestamp};
use serde::{Deserialize, Serialize};
use storage::{Invitation, NewInvitation, Store, StoreError, TokenHash};
use utoipa::ToSchema;

use super::members::owned;
use crate::accounts::{Brake, Caller, random_bytes};
use crate::json::JsonBody;
use crate::limits::INVITATIONS_PER_USER;
use crate::problem::ProblemBody;
use crate::state::new_id;
use crate::{App, Problem};

/// Links of one project that let people in at the same time.
pub const INVITATIONS_OPEN_MAX: usize = 100;
/// The longest that a link may last, in hours: 90 days.
pub const INVITATION_HOURS_MAX: u32 = 90 * 24;
/// How long a link lasts that does not say, in hours: a week.
const INVITATION_HOURS: u32 = 7 * 24;
/// How long a link is remembered after it has expired, so that its page can say so.
pub const INVITATION_MEMORY_MS: i64 = 30 * 24 * HOUR_MS;
/// Bytes of a link's token, at most: those that are made have 43.
const TOKEN_BYTES_MAX: usize = 128;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A link to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InvitationBody {
    /// What one becomes by it: `editor` (when it does not say), `viewer` or `owner`.
    role: Option<String>,
    /// How many people may join by it: 1 (when it does not say) or `"many"`.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    uses: Uses,
    /// How long it lasts: 1 to 2,160; a week when it does not say.
    expires_in_hours: Option<u32>,
}

/// How many people may join by a link.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(untagged)]
enum Uses {
    #[default]
    Once,
    Number(u32),
    Word(Many),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Many {
    Many,
}

impl Uses {
    fn max(self) -> Result<Option<u32>, Problem> {
        match self {
            Uses::Once | Uses::Number(1) => Ok(Some(1)),
            Uses::Word(Many::Many) => Ok(None),
            Uses::Number(_) => Err(Problem::invalid("uses: it must be 1 or \"many\"")),
        }
    }
}

/// A link.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitationData {
    id: String,
    /// What one becomes by it.
    role: &'static str,
    /// How many people may join by it; null: as many as like.
    uses_max: Option<u32>,
    /// How many have.
    uses: u32,
    /// Who made it.
    created_by: String,
    /// ISO 8601, UTC.
    created_at: String,
    /// ISO 8601, UTC.
    expires_at: String,
}

/// The links that let people in.
#[derive(Serialize, ToSchema)]
pub(super) struct InvitationsBody {
    /// The oldest first.
    invitations: Vec<InvitationData>,
}

/// A link that has just been made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeBody {
    invitation: InvitationData,
    /// Its path on this server. It is told this once: the server keeps only a hash of it.
    url: String,
}

fn data(invitation: &Invitation) -> InvitationData {
    InvitationData {
        id: invitation.id.to_string(),
        role: invitation.role.name(),
        uses_max: invitation.uses_max,
        uses: invitation.uses,
        created_by: invitation.created_by.to_string(),
        created_at: invitation.created.to_string(),
        expires_at: invitation.expires.to_string(),
    }
}

/// What is kept of a token; `None` when it cannot be one.
pub(super) fn token_hash(token: &str) -> Option<TokenHash> {
    (token.len() <= TOKEN_BYTES_MAX).then(|| *blake3::hash(token.as_bytes()).as_bytes())
}

/// The link of this token. One whose maker is no owner any more, or whose project is deleted, counts as revoked: nobody
/// keeps a back door to what they were removed from.
pub(super) fn look_up(store: &dyn Store, token: &TokenHash) -> Result<Option<Invitation>, StoreError> {
    store.invitation(token)?.map(|invitation| judged(store, invitation)).transpose()
}

fn judged(store: &dyn Store, invitation: Invitation) -> Result<Invitation, StoreError> {
    let owner = store.role_of(&invitation.project, &invitation.created_by)? == Some(Role::Owner);
    let project = store.records(&[Key::new(Table::Projects, invitation.project.clone())])?;
    let stands = owner && project.iter().any(|(_, project)| !project.is_deleted());
    Ok(Invitation { revoked: invitation.revoked || !stands, ..invitation })
}

/// Whether this is the token of a link that lets somebody in: for sign-up by invitation.
///
/// # Errors
/// 500 when the database fails.
pub async fn invitation_is_open(app: &App, token: &str) -> Result<bool, Problem> {
    let Some(hash) = token_hash(token) else { return Ok(false) };
    let invitation = app.database.run(move |store| look_up(store, &hash)).await?;
    Ok(invitation.is_some_and(|invitation| invitation.spent(app.clock.now()).is_none()))
}

async fn open_invitations(app: &App, project: &Id) -> Result<Vec<Invitation>, Problem> {
    let (project, now) = (project.clone(), app.clock.now());
    let invitations = app.database.run(move |store| {
        store.invitations_of(&project)?.into_iter().map(|invitation| judged(store, invitation)).collect()
    });
    let mut invitations: Vec<Invitation> = invitations.await?;
    invitations.retain(|invitation| invitation.spent(now).is_none());
    Ok(invitations)
}

/// Makes a link that lets people into the project; its owners may.
#[utoipa::path(post, path = "/api/projects/{id}/invitations", tag = "projects",
    params(("id" = String, Path, description = "The project.")), request_body = InvitationBody, responses(
    (status = 201, body = MadeBody),
    (status = 400, body = ProblemBody),
    (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody),
    (status = 429, body = ProblemBody),
))]
pub(super) async fn make(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<String>,
    JsonBody(body): JsonBody<InvitationBody>,
) -> Result<(StatusCode, Json<MadeBody>), Problem> {
    let project = owned(&app, &caller, &project).await?;
    let role = body.role.as_deref().map_or(Some(Role::Editor), Role::from_name);
    let role = role.ok_or_else(|| Problem::invalid("role: it must be owner, editor or viewer"))?;
    let uses_max = body.uses.max()?;
    let hours = body.expires_in_hours.unwrap_or(INVITATION_HOURS);
    if !(1..=INVITATION_HOURS_MAX).contains(&hours) {
        return Err(Problem::invalid(format!("expiresInHours: it must be 1 to {INVITATION_HOURS_MAX}")));
    }
    let brake = Brake { kind: "invite-link", subject: caller.user.as_str(), free: INVITATIONS_PER_USER };
    app.accounts.brakes.attempt(brake).map_err(Problem::slow_down)?;
    let now = app.clock.now();
    let (of, expired_by) = (project.clone(), Timestamp(now.0 - INVITATION_MEMORY_MS));
    app.database.run(move |store| store.forget_invitations(&of, expired_by)).await?;
    if open_invitations(&app, &project).await?.len() >= INVITATIONS_OPEN_MAX {
        let message = format!("A project has at most {INVITATIONS_OPEN_MAX} open links. Please revoke one.");
        return Err(Problem::invalid(message));
    }

    let bytes = random_bytes().map_err(|error| {
        tracing::error!(%error, "no random numbers");
        Problem::internal()
    })?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let new = NewInvitation {
        id: new_id(),
        project,
        token_hash: *blake3::hash(token.as_bytes()).as_bytes(),
        role,
        uses_max,
        created_by: caller.user,
        now,
        expires: Timestamp(now.0 + i64::from(hours) * HOUR_MS),
    };
    let hash = new.token_hash;
    let kept = app.database.run(move |store| {
        store.create_invitation(new)?;
        store.invitation(&hash)
    });
    let invitation = kept.await?.ok_or_else(Problem::internal)?;
    let url = format!("/invitations/{token}");
    Ok((StatusCode::CREATED, Json(MadeBody { invitation: data(&invitation), url })))
}

/// The links that let people into the project; its owners may see them.
#[utoipa::path(get, path = "/api/projects/{id}/invitations", tag = "projects",
    params(("id" = String, Path, description = "The project.")), responses(
    (status = 200, body = InvitationsBody),
    (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody),
))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Json<InvitationsBody>, Problem> {
    let project = owned(&app, &caller, &project).await?;
    let invitations = open_invitations(&app, &project).await?.iter().map(data).collect();
    Ok(Json(InvitationsBody { invitations }))
}

/// Takes a link back: from now on it lets nobody in. Who has joined by it stays. The project's owners may.
#[utoipa::path(delete, path = "/api/projects/{id}/invitations/{invitation}", tag = "projects",
    params(("id" = String, Path, description = "The project."), ("invitation" = String, Path, description = "The link's id.")),
    responses(
    (status = 204),
    (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody),
    (status = 404, description = "There is no such link, or it has been revoked.", body = ProblemBody),
))]
pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path((project, invitation)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let project = owned(&app, &caller, &project).await?;
    let invitation = Id::new(&invitation).map_err(|_| Problem::not_found())?;
    let now = app.clock.now();
    let revoked = app.database.run(move |store| store.revoke_invitation(&project, &invitation, now)).await?;
    if revoked { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
