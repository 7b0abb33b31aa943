//! The job that makes an export: the song as it was at the request, rendered into a file, kept by content.
//!
//! The engine plays on a thread of its own, which the system lets wait for all others. This task asks twice a second how far it is, writes
//! that down, and hears so whether the export is still wanted.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mixdown::{Settings, Unreadable};
use model::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use storage::{Blobs, Export, ExportFile, ExportState};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::bounded::Bounded;
use super::JobError;
use crate::App;
use crate::exports::Material;
use crate::exports::limits::{
    BYTES_MAX, BYTES_PER_USER_MAX, EXPORT_BYTES_MAX, FREE_BYTES_MIN, KEPT_MS, PROGRESS_EVERY,
};
use crate::free_space::free_bytes;
use crate::realtime::records_at;
use crate::state::Clock;

mod bounded;

/// The name of this kind of job.
pub const KIND: &str = "export";
/// How often it is begun before it is given up: each stop of the server in the middle of it counts.
pub const ATTEMPTS_MAX: u32 = 5;

/// How much the thread lets others go first, as `nice` counts.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;
/// Bytes of the file that are read at a time to be kept.
const READ_BYTES: usize = 256 * 1024;

const FAILED: &str = "The server failed while it made this file. Please try again, or export on your device.";
const DISK_FULL: &str = "The server's disk is full. Please export on your device, or try again later.";
const TOO_LARGE: &str = "The file became larger than the room that is left for exports. Choose a shorter range or another format, or remove exports that you have downloaded.";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    export_id: Id,
}

/// What to work on.
pub(crate) fn payload(export: &Id) -> serde_json::Value {
    serde_json::json!({ "exportId": export })
}

/// The key of an export's job.
pub(crate) fn unique_key(export: &Id) -> String {
    format!("{KIND}:{export}")
}

fn read_payload(payload: &serde_json::Value) -> Result<Id, JobError> {
    let payload = Payload::deserialize(payload).map_err(|error| JobError::GiveUp(format!("the payload: {error}")))?;
    Ok(payload.export_id)
}

fn retry(error: impl std::fmt::Display) -> JobError {
    JobError::Retry(error.to_string())
}

/// Why no file came of it.
enum Trouble {
    /// Nobody wants it any more.
    Stopped,
    /// For who asked: another try would not go better.
    Refused(String),
    /// It may go better later.
    Failed(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::StorageFull => Trouble::Refused(DISK_FULL.to_owned()),
            _ => Trouble::Failed(error.to_string()),
        }
    }
}

/// Everything that the thread needs.
struct Work {
    material: Material,
    settings: Settings,
    stems: bool,
    blobs: Arc<dyn Blobs>,
    folder: PathBuf,
    bytes_max: u64,
    /// Bytes of the disk that it leaves free.
    leaves: u64,
    clock: Clock,
    /// From 0 to 1: the bits of an `f32`.
    progress: Arc<AtomicU32>,
    stop: CancellationToken,
}

/// Makes the file, unless nobody wants it any more. Dropped, it stops the engine.
pub(super) async fn run(app: &App, payload: &serde_json::Value) -> Result<(), JobError> {
    let id = read_payload(payload)?;
    let asked = id.clone();
    let begun = app.database.run(move |store| {
        let Some(export) = store.export(&asked)? else { return Ok(None) };
        let member = store.role_of(&export.project, &export.user)?.is_some();
        let bytes = store.export_bytes(&export.user)?;
        Ok(store.begin_export(&asked)?.then_some((export, member, bytes)))
    });
    let Some((export, member, bytes)) = begun.await.map_err(retry)? else { return Ok(()) };
    if !member {
        return end(app, &id, ExportState::Cancelled, None).await;
    }
    let room = app.realtime.look(&export.project).await.map_err(retry)?;
    let records = match records_at(app, room, export.seq).await {
        Ok(records) => records,
        Err(problem) if problem.status().is_server_error() => return Err(retry(problem.message())),
        Err(_) => {
            let reason = "The project has changed so often since that its old state cannot be had any more. Please export again.";
            return end(app, &id, ExportState::Failed, Some(reason.to_owned())).await;
        }
    };
    let settings = Settings::deserialize(&export.settings);
    // Large songs take their time, and letting go of them does, too.
    let prepared = tokio::task::spawn_blocking(move || {
        settings.map_err(|error| error.to_string()).and_then(|it| Ok((it, Material::of(&records)?)))
    });
    let (settings, material) = match prepared.await.map_err(retry)? {
        Ok(prepared) => prepared,
        Err(reason) => return end(app, &id, ExportState::Failed, Some(reason)).await,
    };
    let left = (BYTES_PER_USER_MAX.saturating_sub(bytes.of_user)).min(BYTES_MAX.saturating_sub(bytes.of_all));
    let work = Work {
        material,
        settings,
        stems: export.stems,
        blobs: Arc::clone(&app.blobs),
        folder: super::folder(app),
        bytes_max: EXPORT_BYTES_MAX.min(left),
        // Its own gigabyte, or what the host wants: edits stop at that.
        leaves: FREE_BYTES_MIN.max(app.config.keep_free),
        clock: app.clock.clone(),
        progress: Arc::default(),
        stop: CancellationToken::new(),
    };
    match on_a_thread(app, &export, work).await? {
        Ok(file) => {
            let expires = Timestamp(app.clock.now().0 + KEPT_MS);
            // False when it was cancelled in the last moment: the row remembers the file all the same, and both are pruned.
            app.database.run(move |store| store.finish_export(&id, file, expires)).await.map(drop).map_err(retry)
        }
        Err(Trouble::Stopped) => Ok(()),
        Err(Trouble::Refused(reason)) => end(app, &id, ExportState::Failed, Some(reason)).await,
        Err(Trouble::Failed(reason)) => Err(JobError::Retry(reason)),
    }
}

async fn end(app: &App, id: &Id, state: ExportState, reason: Option<String>) -> Result<(), JobError> {
    let (id, expires) = (id.clone(), Timestamp(app.clock.now().0 + KEPT_MS));
    let ended = app.database.run(move |store| store.end_export(&id, state, reason.as_deref(), expires));
    ended.await.map(drop).map_err(retry)
}

/// Says that the job is given up.
pub(super) async fn given_up(app: &App, payload: &serde_json::Value) {
    let Ok(id) = read_payload(payload) else { return };
    if let Err(error) = end(app, &id, ExportState::Failed, Some(FAILED.to_owned())).await {
        tracing::error!(?error, export = %id, "an export could not be marked as failed");
    }
}

/// Says that it waits again.
pub(super) async fn put_back(app: &App, payload: &serde_json::Value) {
    let Ok(id) = read_payload(payload) else { return };
    let export = id.clone();
    if let Err(error) = app.database.run(move |store| store.put_export_back(&export)).await {
        tracing::error!(%error, export = %id, "an export could not be marked as waiting");
    }
}

/// Has the file made, and tells how far it is. Dropped, it stops the thread.
async fn on_a_thread(app: &App, export: &Export, work: Work) -> Result<Result<ExportFile, Trouble>, JobError> {
    let (progress, stop) = (Arc::clone(&work.progress), work.stop.clone());
    let _stops = stop.clone().drop_guard();
    let (sender, mut made) = oneshot::channel();
    let thread = std::thread::Builder::new().name("export".to_owned());
    let spawned = thread.spawn(move || {
        let_others_go_first();
        // Whoever asked may have gone.
        let _ = sender.send(make(&work));
    });
    spawned.map_err(retry)?;
    let mut ticks = tokio::time::interval(PROGRESS_EVERY);
    loop {
        tokio::select! {
            made = &mut made => return made.map_err(|_| JobError::GiveUp("the engine panicked".to_owned())),
            _ = ticks.tick() => {
                let (id, done) = (export.id.clone(), f64::from(f32::from_bits(progress.load(Ordering::Relaxed))));
                match app.database.run(move |store| store.export_progress(&id, done)).await {
                    Ok(true) => {}
                    // Cancelled. The thread ends within a block.
                    Ok(false) => stop.cancel(),
                    // It may outlast a short trouble with the database.
                    Err(error) => tracing::warn!(%error, "an export's progress could not be written down"),
                }
            }
        }
    }
}

/// Edits and uploads are waited for; an export can wait.
fn let_others_go_first() {
    // On Linux this is the thread's own niceness. Elsewhere it would be the whole process's, which is no gain.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "an export runs as urgently as all else");
    }
}

/// Bytes that a file in this folder may have: it is there twice while it is put into the store.
fn room_on_disk(folder: &Path, leaves: u64) -> io::Result<u64> {
    Ok(free_bytes(folder)?.saturating_sub(leaves) / 2)
}

fn make(work: &Work) -> Result<ExportFile, Trouble> {
    std::fs::create_dir_all(&work.folder)?;
    let room = room_on_disk(&work.folder, work.leaves)?;
    if room == 0 {
        return Err(Trouble::Refused(DISK_FULL.to_owned()));
    }
    let mut file = Bounded::new(tempfile::tempfile_in(&work.folder)?, work.bytes_max.min(room));
    let Material { song, track_names, .. } = &work.material;
    let export = mixdown::Export { song, track_names, settings: &work.settings, stems: work.stems };
    let mut recordings = work.material.recordings(Arc::clone(&work.blobs));
    let made = export.write(&mut recordings, &mut file, &mut |done| {
        work.progress.store(done.to_bits(), Ordering::Relaxed);
        if work.stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match made {
        Ok(_) => keep(file.into_inner(), work),
        Err(mixdown::Error::Stopped) => Err(Trouble::Stopped),
        Err(mixdown::Error::File(_)) if file.is_full() => Err(Trouble::Refused(TOO_LARGE.to_owned())),
        Err(mixdown::Error::File(media::Error::Io(error))) => Err(error.into()),
        Err(mixdown::Error::Recording(Unreadable { reason, lasting })) => {
            tracing::error!(reason, lasting, "a recording cannot be read for an export");
            Err(if lasting {
                Trouble::Refused(format!("A recording cannot be read on the server: {reason}."))
            } else {
                Trouble::Failed(reason)
            })
        }
        Err(error) => Err(Trouble::Refused(error.to_string())),
    }
}

/// Puts a file into the store of blobs.
fn keep(mut file: File, work: &Work) -> Result<ExportFile, Trouble> {
    file.seek(SeekFrom::Start(0))?;
    let (mut writer, mut chunk) = (work.blobs.create()?, vec![0; READ_BYTES]);
    loop {
        if work.stop.is_cancelled() {
            return Err(Trouble::Stopped);
        }
        match file.read(&mut chunk)? {
            0 => break,
            count => writer.write(&chunk[..count])?,
        }
    }
    let stored = writer.finish(None, work.clock.now())?;
    Ok(ExportFile { blob: stored.key, bytes: stored.size })
}
