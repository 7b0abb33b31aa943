//! Asking for an export.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use mixdown::{Effort, Settings};
use model::Records;
use serde::Deserialize;
use storage::{NewExport, NewJob, Queued};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::limits::{
    BYTES_MAX, BYTES_PER_USER_MAX, JUDGED_AT_ONCE_MAX, KNOWN_PER_USER_MAX, NAME_CHARACTERS_MAX, PLACES,
    PLAYED_HOURS_MAX, TRACK_HOURS_MAX, UNDER_WAY_PER_USER_MAX,
};
use super::material::Material;
use super::routes::{ExportData, data};
use crate::accounts::Caller;
use crate::jobs::export;
use crate::json::JsonBody;
use crate::problem::ProblemBody;
use crate::realtime::room_of;
use crate::state::new_id;
use crate::{App, Problem};

/// What is called so when its name leaves nothing of it.
const NAMELESS: &str = "Export";

/// Songs are compiled to judge a request: few at the same time, so that many requests are no load.
static JUDGED_AT_ONCE: Semaphore = Semaphore::const_new(JUDGED_AT_ONCE_MAX);

/// An export to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExportBody {
    settings: Settings,
    /// One ZIP archive with a file for each track that goes to the master, and no mix.
    #[serde(default)]
    stems: bool,
    /// The file's name without its ending, at most 100 characters; the project's when it is left out.
    name: Option<String>,
}

/// Has the server make a file of the project as it is now. Any member may.
#[utoipa::path(post, path = "/api/projects/{id}/exports", tag = "exports",
    params(("id" = String, Path, description = "The project.")), request_body = ExportBody, responses(
    (status = 201, body = ExportData),
    (status = 400, description = "That cannot be made.", body = ProblemBody),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 409, description = "A recording is not here yet, or too many exports wait on this server.", body = ProblemBody),
    (status = 413, description = "One's exports take as much room as they may.", body = ProblemBody),
    (status = 429, description = "Too many of one's own are under way.", body = ProblemBody),
    (status = 507, description = "All exports take as much room as they may.", body = ProblemBody),
))]
pub(super) async fn order(
    State(app): State<App>,
    caller: Caller,
    Path(project): Path<String>,
    JsonBody(body): JsonBody<ExportBody>,
) -> Result<(StatusCode, Json<ExportData>), Problem> {
    let (project, room) = room_of(&app, &caller, &project).await?;
    let ExportBody { settings, stems, name } = body;
    settings.check().map_err(|error| Problem::invalid(format!("settings: {error}")))?;
    let project_name = room.records().project().and_then(|project| project.text("name")).unwrap_or_default();
    let name = file_name(name.as_deref(), project_name)?;
    check_room(&app, &caller).await?;

    let (seq, records, judged) = (room.seq(), room.records().clone(), settings.clone());
    drop(room);
    // Never closed.
    let turn = JUDGED_AT_ONCE.acquire().await.map_err(|_| Problem::internal())?;
    let judged = tokio::task::spawn_blocking(move || {
        let verdict = judge(&records, &judged, stems);
        drop(turn);
        verdict
    });
    let judged = judged.await;
    let weight = judged.map_err(|error| {
        tracing::error!(%error, "an export could not be judged");
        Problem::internal()
    })??;

    let settings = serde_json::to_value(&settings).map_err(|error| Problem::invalid(format!("settings: {error}")))?;
    let id = new_id();
    let now = app.clock.now();
    let new = NewExport { id: id.clone(), project, user: caller.user, name, settings, stems, seq, weight, now };
    let job = NewJob {
        id: new_id(),
        kind: export::KIND.to_owned(),
        unique_key: Some(export::unique_key(&id)),
        payload: export::payload(&id),
        // Its turn decides.
        priority: 0,
        run_after: now,
        attempts_max: export::ATTEMPTS_MAX,
        now,
    };
    let made = app.database.run(move |store| Ok((store.create_export(new, job, PLACES)?, store.export(&id)?)));
    match made.await? {
        (Queued::Waiting, Some(made)) => {
            app.job_enqueued.notify_one();
            Ok((StatusCode::CREATED, Json(data(&app, made))))
        }
        (Queued::UserFull, _) => Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "At most {UNDER_WAY_PER_USER_MAX} of your exports may be under way, and {KNOWN_PER_USER_MAX} be asked for in a day. Wait for one of them, or cancel it."
            ),
        )),
        (Queued::ServerFull, _) => Err(Problem::new(
            StatusCode::CONFLICT,
            "As many exports wait on this server as it takes. Please try again later, or export on your device.",
        )),
        (Queued::Waiting, None) => Err(Problem::internal()),
    }
}

/// The file's name, without its ending.
fn file_name(wanted: Option<&str>, project: &str) -> Result<String, Problem> {
    let wanted = wanted.map(str::trim).filter(|name| !name.is_empty());
    if wanted.is_some_and(|name| name.chars().count() > NAME_CHARACTERS_MAX) {
        return Err(Problem::invalid(format!("name: it must have at most {NAME_CHARACTERS_MAX} characters")));
    }
    let name: String = wanted.unwrap_or(project).chars().take(NAME_CHARACTERS_MAX).collect();
    let name = media::file_name(&name);
    Ok(if name.is_empty() { NAMELESS.to_owned() } else { name })
}

/// Refuses when what is kept takes as much as it may.
async fn check_room(app: &App, caller: &Caller) -> Result<(), Problem> {
    let user = caller.user.clone();
    let bytes = app.database.run(move |store| store.export_bytes(&user)).await?;
    if bytes.of_user >= BYTES_PER_USER_MAX {
        let message = "Your exports take all the room that they may. Please remove one that you have downloaded.";
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    if bytes.of_all >= BYTES_MAX {
        let message = "There is no room for exports on this server at the moment. Please export on your device, or try again tomorrow.";
        return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, message));
    }
    Ok(())
}

/// Whether it can be made, before anybody waits for it, and how much there is to do: minutes of one track at 48 kHz.
fn judge(records: &Records, settings: &Settings, stems: bool) -> Result<u32, Problem> {
    let material = Material::of(records).map_err(|reason| Problem::new(StatusCode::CONFLICT, reason))?;
    let Material { song, track_names, .. } = &material;
    let export = mixdown::Export { song, track_names, settings, stems };
    let Effort { seconds, track_seconds } = export.effort().map_err(|error| Problem::invalid(error.to_string()))?;
    let (hours, track_hours) = (seconds / 3_600.0, track_seconds / 3_600.0);
    if hours > PLAYED_HOURS_MAX {
        return Err(Problem::invalid(format!(
            "The engine would have to play {hours:.0} hours for this export, and {PLAYED_HOURS_MAX} are the most. Choose a shorter range, or the mix."
        )));
    }
    if track_hours > TRACK_HOURS_MAX {
        return Err(Problem::invalid(format!(
            "This export is too much for one: {track_hours:.0} hours of a track would have to be played, counted as at 48 kHz, and {TRACK_HOURS_MAX} are the most. Choose a shorter range, a lower sample rate, or the mix."
        )));
    }
    Ok((track_seconds / 60.0).ceil().max(1.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w6_a_name_has_a_limit_and_no_path() {
        let name = |wanted| file_name(wanted, "Our/song").unwrap();
        assert_eq!(
            (name(None), name(Some("  ")), name(Some("../x"))),
            ("Our song".into(), "Our song".into(), ".. x".into())
        );
        assert_eq!((name(Some("...")), name(Some("take 2 "))), (NAMELESS.to_owned(), "take 2".to_owned()));
        assert_eq!(file_name(None, &"é".repeat(150)).unwrap().chars().count(), NAME_CHARACTERS_MAX);
        assert_eq!(name(Some(&"é".repeat(NAME_CHARACTERS_MAX))).chars().count(), NAME_CHARACTERS_MAX);
        assert!(file_name(Some(&"e".repeat(NAME_CHARACTERS_MAX + 1)), "").is_err());
    }
}
