//! Bytes in, at once: a signed URL, a stream to disk, a transaction and a job.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use model::{AudioFileState, Id, Timestamp};
use storage::{BlobKey, PartialName};
use tokio_util::sync::CancellationToken;

use super::access::{self, Found, Wish};
use super::limits::UPLOAD_EXPIRES_MS;
use super::receive::{blocking, check_length, length, receive, too_short};
use super::signing::Grant;
use super::under_way::UnderWay;
use super::{SignedUrl, arrived, content_path, quota, room};
use crate::accounts::Caller;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// Signs an upload: where to send the bytes of an audio file that awaits them, by one `PUT`, or in pieces by `HEAD` and `PATCH`.
#[utoipa::path(post, path = "/api/audio-files/{id}/upload", tag = "audio", params(("id" = String, Path)), responses(
    (status = 200, body = SignedUrl),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "The bytes are here already.", body = ProblemBody),
    (status = 413, description = "Your recordings take all the room that you have.", body = ProblemBody),
    (status = 507, description = "The server's disk is nearly full.", body = ProblemBody),
))]
pub(super) async fn sign(
    State(app): State<App>,
    Caller { user, .. }: Caller,
    Path(id): Path<Id>,
) -> Result<Json<SignedUrl>, Problem> {
    let found = access::find(&app, &id, &user, Wish::Write).await?;
    let file = model::AudioFile::from_record(&found.record);
    if file.state != AudioFileState::Awaiting {
        return Err(Problem::new(StatusCode::CONFLICT, "The bytes of this recording are here already."));
    }
    let blob = blob_of(&file)?;
    let name = PartialName { owner: user.clone(), of: id.clone() };
    quota::check(&app, &name, file.size_bytes).await?;
    room::check(&app, room::to_come(&app, &name, file.size_bytes).await?).await?;
    let path = content_path(&id);
    let expires = Timestamp(app.clock.now().0 + UPLOAD_EXPIRES_MS);
    let grant = Grant::sign(&app.signing_key, "PUT", &path, (&blob, file.size_bytes), &user, expires);
    Ok(Json(SignedUrl {
        url: grant.url(&path),
        method: "PUT",
        headers: [("content-type".to_owned(), "application/octet-stream".to_owned())].into(),
        expires_at: expires.to_string(),
    }))
}

fn blob_of(file: &model::AudioFile) -> Result<BlobKey, Problem> {
    file.content_hash.parse().map_err(|_| Problem::invalid("The recording's contentHash is not a SHA-256."))
}

/// Takes the bytes of an audio file at once. Size and SHA-256 must be those of its record; else nothing of them is kept.
#[utoipa::path(put, path = "/api/audio-files/{id}/content", tag = "audio", params(("id" = String, Path), Grant),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "The bytes are kept, and will be measured."),
    (status = 400, description = "Another size or another hash.", body = ProblemBody),
    (status = 403, description = "The link is not valid, has expired, or you may not.", body = ProblemBody),
    (status = 404, body = ProblemBody),
    (status = 408, description = "No bytes came for a while, or they came too slowly.", body = ProblemBody),
    (status = 413, description = "More bytes than were announced, or than you have room for.", body = ProblemBody),
    (status = 429, description = "Too many uploads at once.", body = ProblemBody),
    (status = 507, description = "The server's disk is nearly full.", body = ProblemBody),
))]
pub(super) async fn put(
    State(app): State<App>,
    Extension(under_way): Extension<UnderWay>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<Id>,
    Query(grant): Query<Grant>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let incoming = Incoming::admit(&app, id, grant, uri.path()).await?;
    let Some(incoming) = incoming else { return Ok(StatusCode::NO_CONTENT) };
    let size = incoming.size;
    check_length(&headers, size)?;
    if let Some(given) = length(&headers).filter(|given| *given < size) {
        return Err(too_short(given, size));
    }
    incoming.check_room(&app, size).await?;
    let _slot = under_way.enter(&incoming.name.owner)?;
    let blobs = Arc::clone(&app.blobs);
    let writer = blocking(move || blobs.create()).await?;
    let (writer, outcome) = receive(&app, body, writer, size, &CancellationToken::new()).await;
    let received = outcome?;
    if received < size {
        return Err(too_short(received, size));
    }
    let writer = writer.ok_or_else(Problem::internal)?;
    incoming.judge_again(&app).await?;
    let (blob, now) = (incoming.blob.clone(), app.clock.now());
    blocking(move || writer.finish(Some(&blob), now)).await?;
    incoming.announce(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bytes that someone is bringing, and may.
pub(super) struct Incoming {
    /// Who brings them, and for which recording.
    pub(super) name: PartialName,
    project: Id,
    pub(super) blob: BlobKey,
    /// How many there are in all.
    pub(super) size: u64,
}

impl Incoming {
    /// Judges a signed URL; `None` when the bytes are here already: the answer to the first time was lost, or somebody else
    /// has brought them, and what that did stands.
    pub(super) async fn admit(app: &App, id: Id, grant: Grant, path: &str) -> Result<Option<Incoming>, Problem> {
        let refused = |bad| Problem::new(StatusCode::FORBIDDEN, format!("{bad}"));
        let blob = grant.verify(&app.signing_key, "PUT", path, app.clock.now()).map_err(refused)?;
        let name = PartialName { owner: grant.user, of: id };
        let Found { project, record } = access::find(app, &name.of, &name.owner, Wish::Write).await?;
        let awaited = model::AudioFile::from_record(&record).state == AudioFileState::Awaiting;
        Ok(awaited.then_some(Incoming { name, project, blob, size: grant.size }))
    }

    /// Whether the bytes are awaited yet; somebody else may have brought them since they were.
    pub(super) async fn is_awaited(&self, app: &App) -> Result<bool, Problem> {
        let found = access::find(app, &self.name.of, &self.name.owner, Wish::Write).await?;
        Ok(model::AudioFile::from_record(&found.record).state == AudioFileState::Awaiting)
    }

    /// Refuses what there is no room for, when so much of it is to come yet.
    pub(super) async fn check_room(&self, app: &App, to_come: u64) -> Result<(), Problem> {
        quota::check(app, &self.name, self.size).await?;
        room::check(app, to_come).await
    }

    /// Judges again, now that the bytes are here: receiving them took its time.
    pub(super) async fn judge_again(&self, app: &App) -> Result<(), Problem> {
        access::find(app, &self.name.of, &self.name.owner, Wish::Write).await?;
        quota::check(app, &self.name, self.size).await
    }

    /// Makes it known that the bytes are kept. Whoever lost access while they were is still refused; what is kept then
    /// has no record, and goes in time.
    pub(super) async fn announce(&self, app: &App) -> Result<(), Problem> {
        access::find(app, &self.name.of, &self.name.owner, Wish::Write).await?;
        arrived::announce(app, &self.project, &self.name.of, &self.blob, &self.name.owner).await?;
        let (blobs, name) = (Arc::clone(&app.blobs), self.name.clone());
        // Pieces of the same, sent before or by another tab, are of no use any more.
        if let Err(error) = blocking(move || blobs.remove_partial(&name)).await {
            tracing::warn!(message = error.message(), "pieces of an upload are left, and will be forgotten in time");
        }
        Ok(())
    }
}
