//! The bytes of an export, by a signed URL.

use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mixdown::Settings;
use model::{Id, Timestamp};
use serde::Deserialize as _;
use storage::{Export, ExportFile, ExportState};

use super::limits::DOWNLOAD_EXPIRES_MS;
use crate::audio_files::{Content, Grant, send};
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// The ending of a file.
pub(super) fn extension(export: &Export) -> &'static str {
    match Settings::deserialize(&export.settings) {
        _ if export.stems => "zip",
        Ok(settings) => settings.format.encoded().extension(),
        Err(_) => "bin",
    }
}

/// Its type, fixed by its ending.
fn media_type(extension: &str) -> &'static str {
    match extension {
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "mp3" => "audio/mpeg",
        "opus" | "ogg" => "audio/ogg",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

/// Where its owner gets the file.
pub(super) fn url(app: &App, export: &Export, file: &ExportFile) -> String {
    let path = format!("/api/projects/{}/exports/{}/file", export.project, export.id);
    let expires = Timestamp((app.clock.now().0 / DOWNLOAD_EXPIRES_MS + 2) * DOWNLOAD_EXPIRES_MS);
    Grant::sign(&app.signing_key, "GET", &path, (&file.blob, file.bytes), &export.user, expires).url(&path)
}

/// Answers the file of an export, whole or in part. The URL is signed; whether its owner is still a member is judged now.
#[utoipa::path(get, path = "/api/projects/{id}/exports/{export}/file", tag = "exports",
    params(("id" = String, Path, description = "The project."), ("export" = String, Path, description = "Its id."), Grant),
    responses(
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
    Path((project, export)): Path<(Id, Id)>,
    Query(grant): Query<Grant>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let refused = |bad| Problem::new(StatusCode::FORBIDDEN, format!("{bad}"));
    let blob = grant.verify(&app.signing_key, "GET", uri.path(), app.clock.now()).map_err(refused)?;
    let (of, user) = (project.clone(), grant.user.clone());
    let found = app.database.run(move |store| Ok((store.role_of(&of, &user)?, store.export(&export)?))).await?;
    let (Some(_), found) = found else { return Err(Problem::forbidden()) };
    let same = |it: &Export| {
        it.project == project && it.user == grant.user && it.state == ExportState::Done && it.blob() == Some(&blob)
    };
    let export = found.filter(same).ok_or_else(Problem::not_found)?;
    let extension = extension(&export);
    let name = format!("{}.{extension}", export.name);
    let content = Content { media_type: media_type(extension), name: &name };
    send(&app, &headers, (&blob, grant.size), content).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_an_ending_and_a_type() {
        for format in [media::encode::Format::Wav, media::encode::Format::Flac, media::encode::Format::Mp3] {
            assert!(media_type(format.extension()).starts_with("audio/"));
        }
        assert_eq!(
            (media_type("opus"), media_type("ogg"), media_type("zip")),
            ("audio/ogg", "audio/ogg", "application/zip")
        );
        assert_eq!(media_type("html"), "application/octet-stream");
    }
}
