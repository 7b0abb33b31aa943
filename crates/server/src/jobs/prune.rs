//! The job that lets go of what nobody needs: bytes of recordings that were refused or deleted long ago, uploads that were
//! never finished, exports whose time is over, blobs that nothing refers to, jobs that went well. Dead jobs are kept, and told of.

use std::io;
use std::sync::Arc;

use model::{Id, Table, Timestamp, Value};
use operations::build::{set, unset};
use operations::{Author, Scope};
use storage::{BlobKey, Blobs, Export, ExportState, JobState, Kept, NewJob, Store};
use tokio_util::sync::CancellationToken;

use super::limits::{
    BLOB_GRACE_MS, DEAD_TOLD_MAX, DELETED_KEPT_MS, DONE_KEPT_MS, PRUNE_BATCH, PRUNE_EVERY_MS, REFUSED_KEPT_MS,
};
use super::{JobError, measure};
use crate::audio_files::arrived::by_system;
use crate::audio_files::limits::PARTIAL_KEPT_MS;
use crate::exports::limits::DOWNLOAD_EXPIRES_MS;
use crate::realtime::SubmitError;
use crate::state::new_id;
use crate::{App, exports};

/// The name of this kind of job.
pub(super) const KIND: &str = "prune";

const LET_GO: &str = "It was deleted long ago, and its sound is no longer kept.";

/// What one run let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    pub(super) recordings: usize,
    pub(super) blobs: usize,
    pub(super) bytes: u64,
    pub(super) partials: usize,
    pub(super) jobs: usize,
    pub(super) exports: usize,
}

/// The job of this hour: whichever node enqueues it, it is one.
pub(super) fn job(now: Timestamp) -> NewJob {
    NewJob {
        id: new_id(),
        kind: KIND.to_owned(),
        unique_key: Some(format!("{KIND}:{}", now.0 / PRUNE_EVERY_MS)),
        payload: serde_json::json!({}),
        // Recordings that somebody waits for go first.
        priority: -1,
        run_after: now,
        attempts_max: 2,
        now,
    }
}

/// Sees to it that a job of this kind is in the queue for every hour in which the server runs.
pub(super) async fn schedule(app: App) {
    loop {
        let job = job(app.clock.now());
        match app.database.run(move |store| store.enqueue(job)).await {
            Ok(true) => app.job_enqueued.notify_one(),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "pruning could not be enqueued"),
        }
        let pause = std::time::Duration::from_millis(PRUNE_EVERY_MS.unsigned_abs());
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Lets go of all that is due.
pub(super) async fn run(app: &App, measure: &measure::Measure) -> Result<Pruned, JobError> {
    let mut pruned = Pruned { recordings: let_recordings_go(app).await?, ..Pruned::default() };
    let stop = CancellationToken::new();
    // Whatever ends this future ends the thread as well.
    let _stops = stop.clone().drop_guard();
    let (store, blobs, now) = (Arc::clone(app.database.store()), Arc::clone(&app.blobs), app.clock.now());
    let work = tokio::task::spawn_blocking(move || sweep(&*store, &*blobs, now, &stop));
    let swept = work.await.map_err(|error| JobError::Retry(error.to_string()))?;
    let swept = swept.map_err(|error| JobError::Retry(error.to_string()))?;
    pruned = Pruned { recordings: pruned.recordings, ..swept };
    if pruned != Pruned::default() {
        let Pruned { recordings, blobs, bytes, partials, jobs, exports } = pruned;
        tracing::info!(recordings, blobs, bytes, partials, jobs, exports, "pruned");
    }
    tell_of_the_dead(app, measure).await?;
    Ok(pruned)
}

/// Takes the bytes from the records of recordings that nobody will hear; the blobs go once nothing refers to them.
async fn let_recordings_go(app: &App) -> Result<usize, JobError> {
    let now = app.clock.now().0;
    let (refused, deleted) = (Timestamp(now - REFUSED_KEPT_MS), Timestamp(now - DELETED_KEPT_MS));
    let due = app.database.run(move |store| store.recordings_to_let_go(refused, deleted, PRUNE_BATCH)).await;
    let due = due.map_err(|error| JobError::Retry(error.to_string()))?;
    let mut count = 0;
    for (project, file) in due {
        match let_go(app, &project, &file).await {
            Ok(()) => count += 1,
            Err(SubmitError::Refused(refusal)) => tracing::error!(%file, %refusal, "a recording could not be let go"),
            Err(error) => return Err(JobError::Retry(error.to_string())),
        }
    }
    Ok(count)
}

async fn let_go(app: &App, project: &Id, file: &Id) -> Result<(), SubmitError> {
    let key = model::Key::new(Table::AudioFiles, file.clone());
    let record = app.database.run(move |store| store.records(&[key])).await?.pop();
    let mut operations = vec![unset(Table::AudioFiles, file, "storageKey")];
    operations.extend(["playbackKey", "waveformKey"].map(|field| unset(Table::AudioFiles, file, field)));
    if record.is_some_and(|(_, record)| record.text("state") != Some("refused")) {
        operations.push(set(Table::AudioFiles, file, "state", Value::text("refused")));
        operations.push(set(Table::AudioFiles, file, "refusal", Value::text(LET_GO)));
    }
    let scope = Scope::Project(project.clone());
    app.realtime.submit(scope, Author::System, by_system(file, "let-go", operations)).await.map(drop)
}

fn sweep(store: &dyn Store, blobs: &dyn Blobs, now: Timestamp, stop: &CancellationToken) -> io::Result<Pruned> {
    let mut pruned =
        Pruned { partials: blobs.remove_partials_older(Timestamp(now.0 - PARTIAL_KEPT_MS))?, ..Pruned::default() };
    loop {
        let ended = store.exports_ended(now, PRUNE_BATCH).map_err(io::Error::other)?;
        let (count, before) = (ended.len(), pruned.exports);
        for export in ended.iter().filter(|export| is_due(export, now)) {
            go_on(stop)?;
            pruned.exports += usize::from(exports::let_go(store, blobs, export, now).map_err(io::Error::other)?);
        }
        if count < PRUNE_BATCH as usize || pruned.exports == before {
            break;
        }
    }
    let before = Timestamp(now.0 - BLOB_GRACE_MS);
    let mut old: Vec<Kept> = Vec::new();
    blobs.each(&mut |kept| {
        go_on(stop)?;
        if kept.since < before {
            old.push(kept);
        }
        if old.len() >= PRUNE_BATCH as usize {
            remove_unreferenced(store, blobs, &mut old, before, &mut pruned)?;
        }
        Ok(())
    })?;
    remove_unreferenced(store, blobs, &mut old, before, &mut pruned)?;
    let before = Timestamp(now.0 - DONE_KEPT_MS);
    loop {
        go_on(stop)?;
        let count = store.delete_done_jobs(before, PRUNE_BATCH).map_err(io::Error::other)?;
        pruned.jobs += count;
        if count < PRUNE_BATCH as usize {
            return Ok(pruned);
        }
    }
}

/// A URL that was signed in an export's last minute is good for its time.
fn is_due(export: &Export, now: Timestamp) -> bool {
    let signed = Timestamp(now.0 - 2 * DOWNLOAD_EXPIRES_MS);
    export.state == ExportState::Removed || export.expires.is_some_and(|expires| expires <= signed)
}

fn go_on(stop: &CancellationToken) -> io::Result<()> {
    if stop.is_cancelled() { Err(io::Error::other("pruning was stopped")) } else { Ok(()) }
}

/// Removes those of `old` that nothing refers to. One that is put there again meanwhile is young, and stays.
fn remove_unreferenced(
    store: &dyn Store,
    blobs: &dyn Blobs,
    old: &mut Vec<Kept>,
    before: Timestamp,
    pruned: &mut Pruned,
) -> io::Result<()> {
    let keys: Vec<BlobKey> = old.iter().map(|kept| kept.key.clone()).collect();
    let free: std::collections::HashSet<BlobKey> =
        store.unreferenced(&keys).map_err(io::Error::other)?.into_iter().collect();
    for kept in old.drain(..).filter(|kept| free.contains(&kept.key)) {
        if blobs.remove_older(&kept.key, before)? {
            pruned.blobs += 1;
            pruned.bytes += kept.size;
        }
    }
    Ok(())
}

/// Names the dead in the log, as long as they are kept; and sees to it that nobody waits for what they should have made.
async fn tell_of_the_dead(app: &App, measure: &measure::Measure) -> Result<(), JobError> {
    let read = app.database.run(|store| Ok((store.count_jobs(JobState::Dead)?, store.dead_jobs(DEAD_TOLD_MAX)?)));
    let (count, dead) = read.await.map_err(|error| JobError::Retry(error.to_string()))?;
    for job in &dead {
        let error = job.error.as_deref().unwrap_or_default();
        tracing::warn!(job = %job.id, kind = job.kind, payload = %job.payload, attempts = job.attempts, error, "a dead job");
        super::give_up(app, measure, job).await;
    }
    if count > 0 {
        tracing::warn!(count, "dead jobs are kept");
    }
    Ok(())
}
