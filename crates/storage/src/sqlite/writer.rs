//! The one thread that writes: what waits together is kept with one fsync.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::checkpoints::Checkpoints;
use crate::StoreError;

/// Pieces of work that share one database transaction at most. More wait for the next: a reply should not wait for
/// everything that came after its request.
const GROUP_MAX: usize = 512;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// Work for the writer.
pub(super) trait Work: Send {
    /// Runs inside the group's transaction, with savepoints of its own unless it is alone there: true when what it wrote
    /// is to stay, which whoever is not alone always says. An error means that the database itself has failed: the whole
    /// group is then given up.
    fn run(&mut self, connection: &mut Connection, alone: bool) -> rusqlite::Result<bool>;

    /// Tells whoever waits, once the group is durable or has failed.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// The writer's thread.
pub(super) struct Writer {
    queue: Mutex<Option<Sender<Box<dyn Work>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, checkpoints: Checkpoints) -> std::io::Result<Writer> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("storage-writer".to_owned())
            .spawn(move || write(connection, &receiver, &checkpoints))?;
        Ok(Writer { queue: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Hands work over. When the thread is gone the work is dropped, and with it whatever it would answer through.
    pub(super) fn send(&self, work: Box<dyn Work>) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*queue {
            let _ = sender.send(work);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without a sender the thread finishes what is queued, closes the database and ends.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

fn write(mut connection: Connection, queue: &Receiver<Box<dyn Work>>, checkpoints: &Checkpoints) {
    checkpoints.count_pages(&connection);
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        group.extend(queue.try_iter().take(GROUP_MAX - 1));
        let outcome = write_group(&mut connection, &mut group);
        if let Err(error) = &outcome {
            tracing::error!(%error, writes = group.len(), "a group of writes was given up");
        }
        for work in group {
            work.finish(outcome.clone());
        }
        // Nobody has to wait for it.
        checkpoints.look(&connection);
    }
}

/// Runs a group in one transaction; an error means that nothing of it is kept (WR7).
fn write_group(connection: &mut Connection, group: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
    let alone = group.len() == 1;
    let mut run = || -> rusqlite::Result<()> {
        execute(connection, BEGIN)?;
        let mut stays = true;
        for work in &mut *group {
            stays = work.run(connection, alone)?;
        }
        if stays || !alone {
            return execute(connection, COMMIT);
        }
        // Some failures end the transaction by themselves.
        if connection.is_autocommit() { Ok(()) } else { execute(connection, ROLLBACK) }
    };
    let outcome = run();
    // A failed COMMIT may leave the transaction open; some failures end it by themselves.
    if outcome.is_err() && !connection.is_autocommit() {
        execute(connection, ROLLBACK)?;
    }
    Ok(outcome?)
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

/// Runs `step` so that nothing of it stays when it fails: in a savepoint; or, `alone` in its transaction, as it is: who runs
/// it has then to say that nothing stays. A savepoint keeps what each page was before it, for nothing when the whole
/// transaction can be taken back. The outer error is one of the database itself: the transaction is lost.
pub(super) fn attempt<T, E>(
    connection: &mut Connection,
    alone: bool,
    step: impl FnOnce(&Connection) -> Result<T, E>,
) -> rusqlite::Result<Result<T, E>> {
    if alone {
        return Ok(step(connection));
    }
    let mut savepoint = connection.savepoint()?;
    let result = step(&savepoint);
    if result.is_err() {
        // Where the failure has ended the whole transaction, there is no savepoint left to return to.
        savepoint.rollback()?;
    }
    savepoint.commit()?;
    Ok(result)
}
