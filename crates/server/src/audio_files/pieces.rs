//! Bytes in, in pieces: how many are here, and more of them. An upload that broke off goes on from where it stood, also
//! after a restart of the server.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model::Id;
use storage::PartialWriter;

use super::limits::PARTIALS_PER_USER_MAX;
use super::receive::{blocking, check_length, receive};
use super::signing::Grant;
use super::turns::{Turn, Turns};
use super::under_way::UnderWay;
use super::upload::Incoming;
use crate::problem::ProblemBody;
use crate::{App, Problem};

const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// Says how many bytes of an audio file are here, in `Upload-Offset`, and how many there are in all, in `Upload-Length`.
#[utoipa::path(head, path = "/api/audio-files/{id}/content", tag = "audio", params(("id" = String, Path), Grant), responses(
    (status = 204, headers(("upload-offset" = u64), ("upload-length" = u64))),
    (status = 403, description = "The link is not valid, has expired, or you may not."),
    (status = 404),
))]
pub(super) async fn offset(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<Id>,
    Query(grant): Query<Grant>,
) -> Result<Response, Problem> {
    let size = grant.size;
    let Some(incoming) = Incoming::admit(&app, id, grant, uri.path()).await? else {
        return Ok(stands_at(StatusCode::NO_CONTENT, size, size));
    };
    let (blobs, name) = (Arc::clone(&app.blobs), incoming.name);
    let here = blocking(move || blobs.partial_size(&name)).await?;
    Ok(stands_at(StatusCode::NO_CONTENT, here, size))
}

fn stands_at(response: impl IntoResponse, offset: u64, size: u64) -> Response {
    let mut response = response.into_response();
    response.headers_mut().insert(UPLOAD_OFFSET, HeaderValue::from(offset));
    response.headers_mut().insert(UPLOAD_LENGTH, HeaderValue::from(size));
    response
}

/// Takes more bytes of an audio file: those from `Upload-Offset` on, which must be where it stands. What came of a piece that
/// broke off is kept. Once all are here, they are taken as `PUT` takes them.
#[utoipa::path(patch, path = "/api/audio-files/{id}/content", tag = "audio",
    params(("id" = String, Path), Grant, ("upload-offset" = u64, Header, description = "Where the piece belongs.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "The bytes are kept.", headers(("upload-offset" = u64), ("upload-length" = u64))),
    (status = 400, description = "No offset; or the last bytes are here, and their hash is another.", body = ProblemBody),
    (status = 403, description = "The link is not valid, has expired, or you may not.", body = ProblemBody),
    (status = 404, body = ProblemBody),
    (status = 408, description = "No bytes came for a while, or they came too slowly.", body = ProblemBody),
    (status = 409, description = "It does not stand at this offset, or another request continues it.", body = ProblemBody),
    (status = 413, description = "More bytes than were announced, or than you have room for.", body = ProblemBody),
    (status = 429, description = "Too many uploads at once, or too many unfinished ones.", body = ProblemBody),
    (status = 507, description = "The server's disk is nearly full.", body = ProblemBody),
))]
#[expect(clippy::too_many_arguments, reason = "a route is given its parts one by one")]
pub(super) async fn patch(
    State(app): State<App>,
    Extension(under_way): Extension<UnderWay>,
    Extension(turns): Extension<Turns>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<Id>,
    Query(grant): Query<Grant>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let from = read_offset(&headers)?;
    let size = grant.size;
    let Some(incoming) = Incoming::admit(&app, id, grant, uri.path()).await? else {
        return Ok(stands_at(StatusCode::NO_CONTENT, size, size));
    };
    check_length(&headers, size.saturating_sub(from))?;
    incoming.check_room(&app, size.saturating_sub(from)).await?;
    let turn = turns.take(&incoming.name).await?;
    let slot = under_way.enter(&incoming.name.owner)?;
    // Of its own, so that a connection that breaks off does not end it before what has come is kept.
    let work = tokio::spawn(async move {
        let _slot = slot;
        append(&app, incoming, turn, from, body).await
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a piece of an upload ended badly");
        Err(Problem::internal())
    })
}

fn read_offset(headers: &HeaderMap) -> Result<u64, Problem> {
    let given = headers.get(UPLOAD_OFFSET).and_then(|value| value.to_str().ok()?.parse().ok());
    given.ok_or_else(|| Problem::invalid("The header Upload-Offset must say where these bytes belong."))
}

async fn append(app: &App, incoming: Incoming, turn: Turn, from: u64, body: Body) -> Result<Response, Problem> {
    let size = incoming.size;
    if !incoming.is_awaited(app).await? {
        // Whoever had the turn before has brought all there is.
        return Ok(stands_at(StatusCode::NO_CONTENT, size, size));
    }
    let (blobs, name) = (Arc::clone(&app.blobs), incoming.name.clone());
    let here = blocking(move || blobs.partial_size(&name)).await?;
    if here != from {
        let message = format!("The upload stands at {here}, not at {from}.");
        return Ok(stands_at(Problem::new(StatusCode::CONFLICT, message), here, size));
    }
    let writer = open(app, &incoming, here).await?;
    let (writer, outcome) = receive(app, body, writer, size.saturating_sub(from), &turn.given_up).await;
    let writer = writer.ok_or_else(Problem::internal)?;
    let (here, now) = (writer.size(), app.clock.now());
    if outcome.is_err() || here < size {
        blocking(move || writer.keep(now)).await?;
        return outcome.map(|_| stands_at(StatusCode::NO_CONTENT, here, size));
    }
    if let Err(problem) = incoming.judge_again(app).await {
        drop(writer);
        forget(app, &incoming).await?;
        return Err(problem);
    }
    let blob = incoming.blob.clone();
    blocking(move || writer.finish(&blob, now)).await?;
    incoming.announce(app).await?;
    Ok(stands_at(StatusCode::NO_CONTENT, size, size))
}

/// Opens the upload where it stands; a new one only while its owner has not begun too many.
async fn open(app: &App, incoming: &Incoming, here: u64) -> Result<Box<dyn PartialWriter>, Problem> {
    let (blobs, name, now) = (Arc::clone(&app.blobs), incoming.name.clone(), app.clock.now());
    let opened = blocking(move || {
        if here == 0 && blobs.partials_of(&name.owner)?.count >= PARTIALS_PER_USER_MAX {
            return Ok(None);
        }
        blobs.append(&name, now).map(Some)
    });
    opened.await?.ok_or_else(|| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("{PARTIALS_PER_USER_MAX} uploads of yours are unfinished. Please finish some of them first."),
        )
    })
}

async fn forget(app: &App, incoming: &Incoming) -> Result<(), Problem> {
    let (blobs, name) = (Arc::clone(&app.blobs), incoming.name.clone());
    blocking(move || blobs.remove_partial(&name)).await.map(drop)
}
