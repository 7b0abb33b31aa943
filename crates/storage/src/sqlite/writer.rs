//! The one thread that writes: what waits together is kept with one fsync.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::StoreError;

/// Pieces of work that share one database transaction at most. More wait for the next: a reply should not wait for
/// everything that came after its request.
const GROUP_MAX: usize = 512;

/// Work for the writer.
pub(super) trait Work: Send {
    /// Runs inside the group's transaction, with savepoints of its own. An error means that the database itself has
    /// failed: the whole group is then given up.
    fn run(&mut self, connection: &mut Connection) -> rusqlite::Result<()>;

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
    pub(super) fn start(connection: Connection) -> std::io::Result<Writer> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("storage-writer".to_owned())
            .spawn(move || write(connection, &receiver))?;
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

fn write(mut connection: Connection, queue: &Receiver<Box<dyn Work>>) {
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
    }
}

/// Runs a group in one transaction; an error means that nothing of it is kept (WR7).
fn write_group(connection: &mut Connection, group: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
    let mut run = || -> rusqlite::Result<()> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for work in &mut *group {
            work.run(connection)?;
        }
        connection.execute_batch("COMMIT")
    };
    let outcome = run();
    // A failed COMMIT may leave the transaction open; some failures end it by themselves.
    if outcome.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    Ok(outcome?)
}

/// Runs `step` in a savepoint, which is taken back when it fails. The outer error is one of the database itself: the
/// transaction that holds the savepoint is lost.
pub(super) fn in_savepoint<T, E>(
    connection: &mut Connection,
    step: impl FnOnce(&Connection) -> Result<T, E>,
) -> rusqlite::Result<Result<T, E>> {
    let mut savepoint = connection.savepoint()?;
    let result = step(&savepoint);
    if result.is_err() {
        // Where the failure has ended the whole transaction, there is no savepoint left to return to.
        savepoint.rollback()?;
    }
    savepoint.commit()?;
    Ok(result)
}
