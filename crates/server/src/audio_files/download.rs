//! Bytes out: a signed URL; ranges, validators, a fixed type.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::{Id, Record, Timestamp};
use serde::Deserialize;
use storage::{BlobKey, ReadSeek};

use super::access::{self, Wish};
use super::limits::{DOWNLOAD_CHUNK_BYTES, DOWNLOAD_EXPIRES_MS};
use super::ranges::{self, Answer};
use super::signing::Grant;
use super::{SignedUrl, part_path};
use crate::accounts::Caller;
use crate::json::JsonBody;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// What of an audio file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The file as it was uploaded.
    Original,
    /// The WAV file that engines read; the original when that is one.
    Playback,
    /// The peaks pyramid, see `specs/peaks.md`.
    Peaks,
}

impl Part {
    /// Its name in a path.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Original => "original",
            Part::Playback => "playback",
            Part::Peaks => "peaks",
        }
    }

    fn key_field(self) -> &'static str {
        match self {
            Part::Original => "storageKey",
            Part::Playback => "playbackKey",
            Part::Peaks => "waveformKey",
        }
    }

    /// The type under which it is served, whatever the uploader called it.
    fn media_type(self, record: &Record) -> HeaderValue {
        let measured = match self {
            Part::Original => record.text("mimeType").filter(|media_type| media_type.starts_with("audio/")),
            Part::Playback => Some("audio/wav"),
            Part::Peaks => None,
        };
        measured
            .and_then(|text| HeaderValue::from_str(text).ok())
            .unwrap_or(HeaderValue::from_static("application/octet-stream"))
    }
}

/// The body of a request for a download.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(super) struct Wanted {
    kind: Part,
}

/// Signs a download of an audio file, of what engines play, or of its peaks.
#[utoipa::path(post, path = "/api/audio-files/{id}/download", tag = "audio", params(("id" = String, Path)),
    request_body = Wanted, responses(
    (status = 200, body = SignedUrl),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "It is not here yet.", body = ProblemBody),
))]
pub(super) async fn sign(
    State(app): State<App>,
    Caller { user, .. }: Caller,
    Path(id): Path<Id>,
    JsonBody(Wanted { kind }): JsonBody<Wanted>,
) -> Result<Json<SignedUrl>, Problem> {
    let found = access::find(&app, &id, &user, Wish::Read).await?;
    let not_yet = || Problem::new(StatusCode::CONFLICT, "This part of the recording is not here yet.");
    let blob: BlobKey = found.record.text(kind.key_field()).and_then(|key| key.parse().ok()).ok_or_else(not_yet)?;
    let (blobs, key) = (Arc::clone(&app.blobs), blob.clone());
    let size = blocking(move || blobs.size(&key)).await?.ok_or_else(not_yet)?;
    let path = part_path(&id, kind);
    let expires = Timestamp((app.clock.now().0 / DOWNLOAD_EXPIRES_MS + 2) * DOWNLOAD_EXPIRES_MS);
    let grant = Grant::sign(&app.signing_key, "GET", &path, (&blob, size), &user, expires);
    Ok(Json(SignedUrl {
        url: grant.url(&path),
        method: "GET",
        headers: Default::default(),
        expires_at: expires.to_string(),
    }))
}

/// Answers bytes, whole or in part.
#[utoipa::path(get, path = "/api/audio-files/{id}/content/{part}", tag = "audio",
    params(("id" = String, Path), ("part" = Part, Path), Grant), responses(
    (status = 200, content_type = "application/octet-stream", body = Vec<u8>),
    (status = 206, content_type = "application/octet-stream", body = Vec<u8>),
    (status = 304, description = "You have it."),
    (status = 403, description = "The link is not valid, has expired, or you may not.", body = ProblemBody),
    (status = 404, body = ProblemBody),
    (status = 416, description = "There are no such bytes."),
))]
pub(super) async fn get(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path((id, part)): Path<(Id, Part)>,
    Query(grant): Query<Grant>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let refused = |bad| Problem::new(StatusCode::FORBIDDEN, format!("{bad}"));
    let blob = grant.verify(&app.signing_key, "GET", uri.path(), app.clock.now()).map_err(refused)?;
    let found = access::find(&app, &id, &grant.user, Wish::Read).await?;
    let mut response = bytes(&app, &headers, &blob, grant.size).await?;
    let name = (part == Part::Original).then(|| found.record.text("filename").unwrap_or("recording"));
    describe(response.headers_mut(), part.media_type(&found.record), name);
    Ok(response)
}

/// What a file is, to who downloads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    pub(crate) media_type: &'static str,
    /// What it is called when it is saved.
    pub(crate) name: &'a str,
}

/// Answers a blob of so many bytes as a file to be saved, whole or in part.
///
/// # Errors
/// 404 when it is not there.
pub(crate) async fn send(
    app: &App,
    headers: &HeaderMap,
    (blob, size): (&BlobKey, u64),
    content: Content<'_>,
) -> Result<Response, Problem> {
    let mut response = bytes(app, headers, blob, size).await?;
    describe(response.headers_mut(), HeaderValue::from_static(content.media_type), Some(content.name));
    Ok(response)
}

/// The bytes of a blob that a request asks for.
async fn bytes(app: &App, headers: &HeaderMap, blob: &BlobKey, size: u64) -> Result<Response, Problem> {
    let etag = format!("\"{blob}\"");
    let (status, range) = match ranges::answer(headers, &etag, size) {
        Answer::NotModified => (StatusCode::NOT_MODIFIED, None),
        Answer::Whole => (StatusCode::OK, Some((0, size))),
        Answer::Part { first, last } => (StatusCode::PARTIAL_CONTENT, Some((first, last - first + 1))),
        Answer::Unsatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, None),
    };
    let body = match range {
        None => Body::empty(),
        Some((first, length)) => read(app, blob, first, length).await?,
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    set(headers, header::ETAG, &etag);
    if let Some((first, length)) = range {
        set(headers, header::CONTENT_LENGTH, &length.to_string());
        if status == StatusCode::PARTIAL_CONTENT {
            set(headers, header::CONTENT_RANGE, &format!("bytes {first}-{}/{size}", first + length - 1));
        }
    } else if status == StatusCode::RANGE_NOT_SATISFIABLE {
        set(headers, header::CONTENT_RANGE, &format!("bytes */{size}"));
    }
    Ok(response)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What is said of bytes beside what they are; with a name they are saved, not shown.
fn describe(headers: &mut HeaderMap, media_type: HeaderValue, name: Option<&str>) {
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // The URL names the content's hash: what it answers never changes.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if let Some(name) = name {
        set(headers, header::CONTENT_DISPOSITION, &format!("attachment; filename*=UTF-8''{}", percent_encoded(name)));
    }
}

/// As an `ext-value` has it (RFC 8187).
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A body that reads the blob as it is sent: never more than a chunk of it is in memory.
async fn read(app: &App, blob: &BlobKey, first: u64, length: u64) -> Result<Body, Problem> {
    let (blobs, key) = (Arc::clone(&app.blobs), blob.clone());
    let opened = blocking(move || {
        let Some(mut reader) = blobs.open(&key)? else { return Ok(None) };
        reader.seek(SeekFrom::Start(first))?;
        Ok(Some(reader))
    });
    let reader = opened.await?.ok_or_else(Problem::not_found)?;
    Ok(Body::from_stream(stream::try_unfold((reader, length), next_chunk)))
}

type Rest = (Box<dyn ReadSeek>, u64);

async fn next_chunk((mut reader, rest): Rest) -> io::Result<Option<(Bytes, Rest)>> {
    if rest == 0 {
        return Ok(None);
    }
    let wanted = usize::try_from(rest).map_or(DOWNLOAD_CHUNK_BYTES, |rest| rest.min(DOWNLOAD_CHUNK_BYTES));
    let read = tokio::task::spawn_blocking(move || {
        let mut chunk = vec![0; wanted];
        reader.read_exact(&mut chunk)?;
        Ok::<_, io::Error>((chunk, reader))
    });
    let (chunk, reader) = read.await.map_err(io::Error::other)??;
    Ok(Some((Bytes::from(chunk), (reader, rest - wanted as u64))))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let outcome = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    outcome.map_err(|error| {
        tracing::error!(%error, "a blob could not be read");
        Problem::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filename_cannot_break_out_of_its_header() {
        assert_eq!(percent_encoded("Ä \"x\"\r\n;.wav"), "%C3%84%20%22x%22%0D%0A%3B.wav");
    }

    #[test]
    fn only_audio_types_are_served_as_themselves() {
        let record = |media_type: &str| {
            Record::new(Id::new("a").unwrap(), 1, model::fields([("mimeType", model::Value::text(media_type))]))
        };
        assert_eq!(Part::Original.media_type(&record("audio/flac")), "audio/flac");
        assert_eq!(Part::Original.media_type(&record("text/html")), "application/octet-stream");
        assert_eq!(Part::Peaks.media_type(&record("audio/flac")), "application/octet-stream");
    }
}
