//! A few connections that only read.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::configure_reader;

/// Connections at the same time. Reads are short; more would only contend for the processors.
const READERS: usize = 4;

/// A pool of connections that only read.
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Readers> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let idle = (0..READERS)
            .map(|_| {
                let connection = Connection::open_with_flags(path, flags)?;
                configure_reader(&connection)?;
                Ok(connection)
            })
            .collect::<rusqlite::Result<_>>()?;
        Ok(Readers { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Reads at one moment: what `read` sees does not change under it. Waits for a connection to be free.
    pub(super) fn read<T, E: From<rusqlite::Error>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let lent = Lent { readers: self, connection: Some(self.take()) };
        let Some(connection) = &lent.connection else { return Err(rusqlite::Error::InvalidQuery.into()) };
        let moment = connection.unchecked_transaction()?;
        let result = read(&moment);
        drop(moment);
        result
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(connection) => return connection,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// A connection that goes back to the pool, whatever happens.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            self.readers.returned.notify_one();
        }
    }
}
