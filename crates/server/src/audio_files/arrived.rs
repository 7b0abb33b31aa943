//! What follows once the bytes of a recording are here: the record says so, and a job to measure them stands in the queue.

use model::{Id, Table, Timestamp, Value};
use operations::build::set;
use operations::{Author, Operation, Scope, Transaction};
use storage::{BlobKey, NewJob};

use crate::jobs::measure;
use crate::realtime::SubmitError;
use crate::state::new_id;
use crate::{App, Problem};

/// Tells the room, and enqueues the job in the same database transaction. Twice is as good as once.
///
/// # Errors
/// What the room says.
pub(crate) async fn announce(app: &App, project: &Id, file: &Id, blob: &BlobKey, by: &Id) -> Result<(), Problem> {
    let field = |name: &str, value: Value| set(Table::AudioFiles, file, name, value);
    let operations = vec![
        field("state", Value::text("uploaded")),
        field("storageKey", Value::text(blob.as_str())),
        field("uploadedBy", Value::from(by)),
    ];
    let job = measure_job(project, file, app.clock.now());
    let transaction = by_system(file, "uploaded", operations);
    app.realtime
        .submit_with_jobs(Scope::Project(project.clone()), Author::System, transaction, vec![job])
        .await
        .map_err(|error| problem(&error))?;
    app.job_enqueued.notify_one();
    Ok(())
}

fn measure_job(project: &Id, file: &Id, now: Timestamp) -> NewJob {
    NewJob {
        id: new_id(),
        kind: measure::KIND.to_owned(),
        unique_key: Some(format!("{}:{file}", measure::KIND)),
        payload: measure::payload(project, file),
        priority: 0,
        run_after: now,
        attempts_max: measure::ATTEMPTS_MAX,
        now,
    }
}

/// A transaction of the server's about one file. Its id says which step this is, so that a repeat changes nothing (WR6).
pub(crate) fn by_system(file: &Id, step: &str, operations: Vec<Operation>) -> Transaction {
    let hash = blake3::hash(file.as_str().as_bytes()).to_hex();
    Transaction {
        // A word, a hyphen and 32 hexadecimal digits: always an id.
        tx_id: Id::new(&format!("{step}-{}", &hash[..32])).unwrap_or_else(|_| new_id()),
        author_id: Id::system(),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    }
}

fn problem(error: &SubmitError) -> Problem {
    Problem::from_status(error.status(), error.message())
}
