//! What follows once the bytes of a recording are here: the record says so, and a job to measure them stands in the queue.

use model::{AudioFile, AudioFileState, Id, Key, Table, Timestamp, Value};
use operations::build::set;
use operations::{Author, Operation, Scope, Transaction};
use storage::{BlobKey, NewJob};

use crate::jobs::measure;
use crate::realtime::SubmitError;
use crate::state::new_id;
use crate::{App, Problem};

/// Tells the room, and enqueues the job in the same database transaction. Twice is as good as once, whoever brought the bytes
/// first.
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
    let scope = Scope::Project(project.clone());
    match app.realtime.submit_with_jobs(scope, Author::System, transaction, vec![job]).await {
        Ok(_) => app.job_enqueued.notify_one(),
        // This step is another's already, whose transaction names them. The bytes are the same: the record says which.
        Err(SubmitError::Refused(_)) if is_here(app, file).await? => {}
        Err(error) => return Err(problem(&error)),
    }
    Ok(())
}

async fn is_here(app: &App, file: &Id) -> Result<bool, Problem> {
    let key = Key::new(Table::AudioFiles, file.clone());
    let record = app.database.run(move |store| store.records(&[key])).await?.pop();
    Ok(record.is_some_and(|(_, record)| AudioFile::from_record(&record).state != AudioFileState::Awaiting))
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
