//! Bytes in: a signed URL, a stream to disk, a transaction and a job.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use model::{AudioFileState, Id, Timestamp};
use storage::{BlobKey, BlobWriter};

use super::access::{self, Wish};
use super::limits::{
    UPLOAD_BUFFER_BYTES, UPLOAD_EXPIRES_MS, UPLOAD_SILENCE_MAX, UPLOADS_AT_ONCE_MAX, UPLOADS_PER_USER_MAX,
};
use super::signing::Grant;
use super::{SignedUrl, arrived, content_path};
use crate::accounts::Caller;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// Signs an upload: where to `PUT` the bytes of an audio file that awaits them.
#[utoipa::path(post, path = "/api/audio-files/{id}/upload", tag = "audio", params(("id" = String, Path)), responses(
    (status = 200, body = SignedUrl),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "The bytes are here already.", body = ProblemBody),
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

/// Takes the bytes of an audio file. Size and SHA-256 must be those of its record; else nothing of them is kept.
#[utoipa::path(put, path = "/api/audio-files/{id}/content", tag = "audio", params(("id" = String, Path), Grant),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "The bytes are kept, and will be measured."),
    (status = 400, description = "Another size or another hash.", body = ProblemBody),
    (status = 403, description = "The link is not valid, has expired, or you may not.", body = ProblemBody),
    (status = 404, body = ProblemBody),
    (status = 408, description = "No bytes came for a while.", body = ProblemBody),
    (status = 413, description = "More bytes than were announced.", body = ProblemBody),
    (status = 429, description = "Too many uploads at once.", body = ProblemBody),
    (status = 507, description = "The server's disk is full.", body = ProblemBody),
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
    let refused = |bad| Problem::new(StatusCode::FORBIDDEN, format!("{bad}"));
    let blob = grant.verify(&app.signing_key, "PUT", uri.path(), app.clock.now()).map_err(refused)?;
    let found = access::find(&app, &id, &grant.user, Wish::Write).await?;
    if model::AudioFile::from_record(&found.record).state != AudioFileState::Awaiting {
        // The answer to the first time was lost: what it did stands.
        return Ok(StatusCode::NO_CONTENT);
    }
    check_length(&headers, grant.size)?;
    let _slot = under_way.enter(&grant.user)?;
    receive(&app, body, &blob, grant.size).await?;
    arrived::announce(&app, &found.project, &id, &blob, &grant.user).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_length(headers: &HeaderMap, size: u64) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match given {
        Some(given) if given > size => Err(too_long(size)),
        Some(given) if given < size => Err(too_short(given, size)),
        _ => Ok(()),
    }
}

fn too_long(size: u64) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("More bytes came than the {size} that were announced."))
}

fn too_short(given: u64, size: u64) -> Problem {
    Problem::invalid(format!("Only {given} bytes came, of {size} that were announced."))
}

/// Streams a body into the blob store. On an error, or when the sender hangs up, nothing of it remains.
async fn receive(app: &App, body: Body, expected: &BlobKey, size: u64) -> Result<(), Problem> {
    let blobs = Arc::clone(&app.blobs);
    let mut writer = blocking(move || blobs.create()).await?;
    let mut stream = body.into_data_stream();
    let mut gathered = Vec::with_capacity(UPLOAD_BUFFER_BYTES);
    let mut received = 0;
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(UPLOAD_SILENCE_MAX, stream.next()) => next,
            () = app.shutdown.cancelled() => {
                return Err(Problem::from_status(503, "The server is stopping. Please try again in a moment."));
            }
        };
        let chunk: Bytes = match next {
            Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "No bytes came for a while.")),
            Ok(Some(Err(_))) => return Err(Problem::invalid("The upload broke off.")),
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => break,
        };
        received += chunk.len() as u64;
        if received > size {
            return Err(too_long(size));
        }
        gathered.extend_from_slice(&chunk);
        if gathered.len() >= UPLOAD_BUFFER_BYTES {
            (writer, gathered) = write(writer, gathered).await?;
        }
    }
    if received < size {
        return Err(too_short(received, size));
    }
    (writer, _) = write(writer, gathered).await?;
    let expected = expected.clone();
    blocking(move || writer.finish(Some(&expected))).await?;
    Ok(())
}

type Writer = Box<dyn BlobWriter>;

/// Writes what was gathered, and gives both back, the latter empty.
async fn write(mut writer: Writer, mut gathered: Vec<u8>) -> Result<(Writer, Vec<u8>), Problem> {
    blocking(move || {
        writer.write(&gathered)?;
        gathered.clear();
        Ok((writer, gathered))
    })
    .await
}

/// Runs a piece of work that waits for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let outcome = tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a piece of an upload ended badly");
        Problem::internal()
    })?;
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            Problem::invalid("The bytes are others than the record announces (SHA-256 differs).")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            tracing::error!(%error, "an upload found no room");
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, "The server's disk is full.")
        }
        _ => {
            tracing::error!(%error, "an upload could not be written");
            Problem::internal()
        }
    })
}

/// The uploads under way, by user.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<Id, usize>>>);

impl UnderWay {
    /// Counts one more, until the slot is dropped.
    fn enter(&self, user: &Id) -> Result<Slot, Problem> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = users.get(user).copied().unwrap_or(0);
        if own >= UPLOADS_PER_USER_MAX || users.values().sum::<usize>() >= UPLOADS_AT_ONCE_MAX {
            return Err(Problem::slow_down(2));
        }
        users.insert(user.clone(), own + 1);
        Ok(Slot { under_way: self.clone(), user: user.clone() })
    }
}

struct Slot {
    under_way: UnderWay,
    user: Id,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut users = self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner);
        match users.get_mut(&self.user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(users.remove(&self.user)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w6_uploads_at_once_are_limited_by_user_and_in_all() {
        let under_way = UnderWay::default();
        let user = |n: usize| Id::new(&format!("u{n}")).unwrap();
        let mut slots: Vec<Slot> = (0..UPLOADS_PER_USER_MAX).map(|_| under_way.enter(&user(0)).unwrap()).collect();
        assert_eq!(under_way.enter(&user(0)).err().unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
        slots.pop();
        slots.push(under_way.enter(&user(0)).unwrap());
        while slots.len() < UPLOADS_AT_ONCE_MAX {
            slots.push(under_way.enter(&user(slots.len())).unwrap());
        }
        assert!(under_way.enter(&user(99)).is_err());
        slots.clear();
        assert!(under_way.enter(&user(0)).is_ok());
    }
}
