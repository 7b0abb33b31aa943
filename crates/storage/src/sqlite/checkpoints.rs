//! What the write-ahead log holds is moved into the database while the writer goes on.
//!
//! SQLite by itself does it inside a COMMIT, whose author then waits for a thousand pages of others and two more syncs. Here a
//! thread with a connection of its own does it. While edits keep coming it cannot come to the end of a log that grows, and
//! only a log that is moved whole begins anew: when it has become too long the writer does it after all.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// Pages of 4 KiB that are added to the journal before they are moved into the database: a page that many commits change, as
/// the end of the log does, is then moved once. 16 MiB are read again after a crash.
const CHECKPOINT_PAGES: u32 = 4_000;
/// Pages in the journal at which the writer itself moves them, and what is to be written waits.
pub(super) const JOURNAL_PAGES_MAX: u32 = 4 * CHECKPOINT_PAGES;
/// How often what has been added meanwhile is moved as well, which may be nothing: then the journal begins anew.
const PASSES_MAX: usize = 3;

const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

thread_local! {
    /// Pages in the journal after the last commit of this thread's connection.
    static PAGES: Cell<u32> = const { Cell::new(0) };
}

/// The checkpointer's thread, as the writer has it.
pub(super) struct Checkpoints {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Pages in the journal when it was woken last.
    woken_at: Cell<u32>,
}

impl Checkpoints {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> std::io::Result<Checkpoints> {
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("storage-checkpoints".to_owned())
            .spawn(move || checkpoint_when_woken(&connection, &woken))?;
        Ok(Checkpoints { wake: Some(wake), thread: Some(thread), woken_at: Cell::new(0) })
    }

    /// From here on counts the pages of the journal, by the commits of this connection, which is this thread's only one.
    pub(super) fn count_pages(&self, connection: &Connection) {
        connection.wal_hook(Some(|_, pages| {
            PAGES.set(u32::try_from(pages).unwrap_or(0));
            Ok(())
        }));
    }

    /// Sees after a commit whether it is time.
    pub(super) fn look(&self, connection: &Connection) {
        let pages = PAGES.get();
        if pages < self.woken_at.get() {
            // The journal has begun anew.
            self.woken_at.set(0);
        }
        if pages < self.woken_at.get() + CHECKPOINT_PAGES {
            return;
        }
        self.woken_at.set(pages);
        match &self.wake {
            // When it is full the thread has yet to begin, and will see these pages as well.
            Some(wake) if pages < JOURNAL_PAGES_MAX => drop(wake.try_send(())),
            _ => {
                checkpoint(connection);
            }
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wake.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn checkpoint_when_woken(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        for _ in 0..PASSES_MAX {
            if checkpoint(connection) {
                break;
            }
        }
    }
}

/// Moves what can be moved without waiting for anybody; whether that was all.
fn checkpoint(connection: &Connection) -> bool {
    let moved = connection.query_row(CHECKPOINT, [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)));
    match moved {
        Ok((pages, moved)) => pages == moved,
        Err(error) => {
            // The journal has it all. The next one tries again.
            tracing::warn!(%error, "the write-ahead log could not be moved into the database");
            true
        }
    }
}
