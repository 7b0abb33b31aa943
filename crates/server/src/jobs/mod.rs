//! The workers: they take jobs from the durable queue and run them.
//!
//! A job may run more than once (its worker may die at any moment), so each is idempotent. A worker holds a lease and
//! prolongs it; when it dies, the lease runs out and another worker takes over.

mod backoff;
pub mod export;
pub mod limits;
pub mod measure;
mod prune;
#[cfg(test)]
mod prune_tests;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use model::Id;
use storage::{Failed, Job, JobState, LOST};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::App;
use crate::exports::limits::EXPORTS_AT_ONCE_MAX;
use crate::state::new_id;
use limits::{HEARTBEAT_EVERY, JOBS_AT_ONCE_MAX, LEASE_MS, LOOK_EVERY};
use measure::Measure;

/// How a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobError {
    /// It may go better later.
    Retry(String),
    /// It waits for the host, who may take any time: no attempt at all.
    Wait(String),
    /// It will never go better.
    GiveUp(String),
}

/// Starts the workers; they end when `app.shutdown` is cancelled.
#[must_use]
pub fn start(app: &App) -> JoinHandle<()> {
    if let Err(error) = clear(&folder(app)) {
        tracing::warn!(%error, "what an earlier process left half done could not be removed");
    }
    let (workers, schedule) = (start_with(app, &Measure::default()), tokio::spawn(prune::schedule(app.clone())));
    // Either ends when the server stops.
    tokio::spawn(async move { drop(tokio::join!(workers, schedule)) })
}

fn start_with(app: &App, measure: &Measure) -> JoinHandle<()> {
    let mut workers = JoinSet::new();
    let exports = Arc::new(Semaphore::new(EXPORTS_AT_ONCE_MAX));
    for _ in 0..JOBS_AT_ONCE_MAX {
        workers.spawn(work(app.clone(), measure.clone(), Arc::clone(&exports)));
    }
    tokio::spawn(async move { while workers.join_next().await.is_some() {} })
}

/// Workers that can be killed: they end when what this returns is aborted.
#[cfg(test)]
pub(crate) fn start_workers(app: &App) -> JoinHandle<()> {
    start_with(app, &Measure::default())
}

/// Lets go of all that is due, as the job of the hour does.
#[cfg(test)]
pub(crate) async fn prune_now(app: &App) {
    assert!(prune::run(app, &Measure::default()).await.is_ok());
}

/// Where jobs keep what they are making.
fn folder(app: &App) -> PathBuf {
    app.config.data.join("jobs")
}

fn clear(folder: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Every kind of job.
const KINDS: [&str; 3] = [measure::KIND, prune::KIND, export::KIND];

/// The kinds that a worker takes now: an export when there is a place for one, and what decodes recordings when the disk has room.
fn kinds(app: &App, has_place: bool) -> &'static [&'static str] {
    match (app.realtime.disk().has_room(), has_place) {
        (true, true) => &KINDS,
        (true, false) => &[measure::KIND, prune::KIND],
        // Exports look themselves, and leave more.
        (false, true) => &[prune::KIND, export::KIND],
        (false, false) => &[prune::KIND],
    }
}

/// One worker: one job at a time. It takes an export only when there is a place for one.
async fn work(app: App, measure: Measure, exports: Arc<Semaphore>) {
    while !app.shutdown.is_cancelled() {
        let lease = new_id();
        let place = exports.try_acquire();
        match take(&app, &lease, kinds(&app, place.is_ok())).await {
            Ok(Some(job)) => {
                let place = place.ok().filter(|_| job.kind == export::KIND);
                // There may be more: let another worker look.
                app.job_enqueued.notify_one();
                attempt(&app, &measure, &job, &lease).await;
                drop(place);
            }
            Ok(None) => {
                drop(place);
                idle(&app).await;
            }
            Err(error) => {
                drop(place);
                tracing::error!(%error, "the queue of jobs cannot be read");
                idle(&app).await;
            }
        }
    }
}

async fn take(app: &App, lease: &Id, kinds: &'static [&'static str]) -> Result<Option<Job>, storage::StoreError> {
    let (lease, now) = (lease.clone(), app.clock.now());
    app.database.run(move |store| store.lease_job(kinds, &lease, now, LEASE_MS)).await
}

async fn idle(app: &App) {
    tokio::select! {
        () = app.job_enqueued.notified() => {}
        () = tokio::time::sleep(LOOK_EVERY) => {}
        () = app.shutdown.cancelled() => {}
    }
}

/// Runs a job once and tells the queue how it went.
async fn attempt(app: &App, measure: &Measure, job: &Job, lease: &Id) {
    let outcome = tokio::select! {
        outcome = run(app, measure, job) => outcome,
        () = keep_lease(app, &job.id, lease) => {
            tracing::warn!(job = %job.id, "a job's lease was lost; another worker has it");
            return;
        }
        () = app.shutdown.cancelled() => Err(JobError::Retry("the server was stopped".to_owned())),
    };
    if let Err(error) = settle(app, measure, job, lease, outcome).await {
        // The lease will run out, and the job will run again.
        tracing::error!(%error, job = %job.id, "how a job went could not be noted");
    }
}

async fn run(app: &App, measure: &Measure, job: &Job) -> Result<(), JobError> {
    if job.attempts >= job.attempts_max && job.error.as_deref() == Some(LOST) {
        // The worker before has died without a word; nobody would be left to say so if this one did, too.
        return Err(JobError::GiveUp("workers that took this job have died".to_owned()));
    }
    match job.kind.as_str() {
        measure::KIND => measure.run(app, &job.payload).await,
        prune::KIND => prune::run(app, measure).await.map(drop),
        export::KIND => export::run(app, &job.payload).await,
        other => Err(JobError::GiveUp(format!("there is no kind of job '{other}'"))),
    }
}

/// Sees to it that nobody waits for what a dead job should have made.
async fn give_up(app: &App, measure: &Measure, job: &Job) {
    match job.kind.as_str() {
        measure::KIND => measure.given_up(app, &job.payload).await,
        export::KIND => export::given_up(app, &job.payload).await,
        _ => {}
    }
}

/// Prolongs a lease for as long as it can be prolonged.
async fn keep_lease(app: &App, job: &Id, lease: &Id) {
    loop {
        tokio::time::sleep(HEARTBEAT_EVERY).await;
        let (job, lease) = (job.clone(), lease.clone());
        let until = model::Timestamp(app.clock.now().0 + LEASE_MS);
        match app.database.run(move |store| store.heartbeat_job(&job, &lease, until)).await {
            Ok(true) => {}
            Ok(false) => return,
            // The lease may outlast a short trouble with the database.
            Err(error) => tracing::warn!(%error, "a job's lease could not be prolonged"),
        }
    }
}

async fn settle(
    app: &App,
    measure: &Measure,
    job: &Job,
    lease: &Id,
    outcome: Result<(), JobError>,
) -> Result<(), storage::StoreError> {
    let (id, lease, now) = (job.id.clone(), lease.clone(), app.clock.now());
    let (error, retry_at, is_counted) = match outcome {
        Ok(()) => {
            app.database.run(move |store| store.complete_job(&id, &lease, now)).await?;
            return Ok(());
        }
        Err(JobError::Retry(error)) => (error, Some(backoff::retry_at(&id, job.attempts, now)), true),
        Err(JobError::Wait(error)) => (error, Some(backoff::retry_at(&id, u32::MAX, now)), false),
        Err(JobError::GiveUp(error)) => (error, None, true),
    };
    let failed = Failed { error, retry_at, is_counted, now };
    tracing::warn!(job = %id, kind = job.kind, attempts = job.attempts, error = failed.error, "a job failed");
    let (own, held, until) = (id.clone(), lease.clone(), model::Timestamp(now.0 + LEASE_MS));
    if !app.database.run(move |store| store.heartbeat_job(&own, &held, until)).await? {
        // Another worker has it, who will say how it went.
        return Ok(());
    }
    if failed.retry_at.is_none() || (is_counted && job.attempts >= job.attempts_max) {
        // Told first: should this fail, the job is still alive and says it later.
        give_up(app, measure, job).await;
    } else if job.kind == export::KIND {
        export::put_back(app, &job.payload).await;
    }
    let state = app.database.run(move |store| store.fail_job(&id, &lease, failed)).await?;
    if state == Some(JobState::Dead) {
        tracing::error!(job = %job.id, kind = job.kind, "a job is dead");
    }
    Ok(())
}
