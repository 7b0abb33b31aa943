//! Copies of a database, and how one is told from what it was copied from (WR8).

use std::fs::File;
use std::path::Path;

use model::Id;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::columns::unreadable;
use super::{BUSY_TIMEOUT, OpenError, SqliteStore};
use crate::{BlobKey, StoreError};

/// The name of the secret that says in which file the database lay when it was opened last.
const FILE: &str = "file";

const COPY: &str = "VACUUM INTO ?1";
const CHECK: &str = "PRAGMA integrity_check(1)";
const RENEW_EPOCHS: &str = "UPDATE logs SET epoch = ?1 || '-' || id";
const FILE_OF: &str = "SELECT value FROM secrets WHERE name = ?1";
const KEEP_FILE: &str = "INSERT INTO secrets (name, value) VALUES (?1, ?2) \
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const ALL_BLOBS: &str = "SELECT storage_key FROM audio_files WHERE storage_key IS NOT NULL \
    UNION SELECT playback_key FROM audio_files WHERE playback_key IS NOT NULL \
    UNION SELECT waveform_key FROM audio_files WHERE waveform_key IS NOT NULL";

impl SqliteStore {
    /// Writes what the database at `from` holds at this moment into a new file, durably, and reads it through for damage; while
    /// others write to it, too.
    ///
    /// # Errors
    /// When it cannot be read or written, or is damaged.
    pub fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(from, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let target = to.to_str().ok_or_else(|| damaged(to, "its name is no text"))?;
        connection.execute(COPY, [target])?;
        File::open(to).and_then(|file| file.sync_all()).map_err(|error| damaged(to, &error.to_string()))?;
        let copy = Connection::open_with_flags(to, flags)?;
        match copy.query_row(CHECK, [], |row| row.get::<_, String>(0))?.as_str() {
            "ok" => Ok(()),
            damage => Err(damaged(to, damage)),
        }
    }

    /// Gives every log another epoch, made of `fresh`, which nobody has used before (WR8); how many.
    ///
    /// # Errors
    /// When the database fails: none of them has then.
    pub fn renew_epochs(&self, fresh: &Id) -> Result<usize, StoreError> {
        let fresh = fresh.clone();
        self.write(move |connection| renew_epochs(connection, &fresh))
    }

    /// Notes in which file the database lies. When it lay in another one before it is a copy, which may lack what the other
    /// has acknowledged: then [`SqliteStore::renew_epochs`], in the same transaction. How many, if so.
    ///
    /// # Errors
    /// When the database fails.
    pub fn note_file(&self, file: [u8; 32], fresh: &Id) -> Result<Option<usize>, StoreError> {
        if self.read(file_of)? == Some(file) {
            return Ok(None);
        }
        let fresh = fresh.clone();
        self.write(move |connection| {
            let known = file_of(connection)?;
            connection.prepare_cached(KEEP_FILE)?.execute(params![FILE, file])?;
            let is_copy = known.is_some_and(|known| known != file);
            is_copy.then(|| renew_epochs(connection, &fresh)).transpose()
        })
    }

    /// The blobs that recordings of the database at `path` refer to, of whatever version it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn blobs_of_recordings(path: &Path) -> Result<Vec<BlobKey>, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(all_blobs(&Connection::open_with_flags(path, flags)?)?)
    }
}

fn damaged(path: &Path, reason: &str) -> OpenError {
    OpenError::Copy(format!("{}: {reason}", path.display()))
}

fn renew_epochs(connection: &Connection, fresh: &Id) -> rusqlite::Result<usize> {
    connection.execute(RENEW_EPOCHS, [fresh.as_str()])
}

fn file_of(connection: &Connection) -> rusqlite::Result<Option<[u8; 32]>> {
    connection.prepare_cached(FILE_OF)?.query_row([FILE], |row| row.get(0)).optional()
}

fn all_blobs(connection: &Connection) -> rusqlite::Result<Vec<BlobKey>> {
    let mut statement = connection.prepare(ALL_BLOBS)?;
    let keys =
        statement.query_map([], |row| row.get_ref(0)?.as_str()?.parse().map_err(|error| unreadable(0, error)))?;
    keys.collect()
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use operations::Scope;

    use super::*;
    use crate::{NewUser, Store};

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn let_in(store: &SqliteStore, name: &str) {
        let user = NewUser {
            id: id(name),
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            colour: "#7c8cff".to_owned(),
            password_hash: "none".to_owned(),
            demo: false,
            now: Timestamp(0),
        };
        assert!(store.create_user(user).unwrap());
    }

    fn epoch(store: &SqliteStore, name: &str) -> Id {
        store.position(&Scope::User(id(name))).unwrap().unwrap().epoch
    }

    #[test]
    fn wr8_a_database_that_lies_in_another_file_than_before_gets_new_epochs_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("test.sqlite")).unwrap();
        ["ann", "bob"].iter().for_each(|name| let_in(&store, name));
        let before = epoch(&store, "ann");
        assert_eq!(store.note_file([1; 32], &id("first")).unwrap(), None, "it was nowhere before");
        assert_eq!(store.note_file([1; 32], &id("again")).unwrap(), None);
        assert_eq!(epoch(&store, "ann"), before);
        assert_eq!(store.note_file([2; 32], &id("copied")).unwrap(), Some(2));
        let copied = epoch(&store, "ann");
        assert!(copied != before && copied != epoch(&store, "bob"), "each log has its own");
        assert_eq!(store.note_file([2; 32], &id("again")).unwrap(), None);
        assert_eq!(epoch(&store, "ann"), copied);
    }

    #[test]
    fn a_copy_holds_what_the_journal_holds_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to, bad, worse] = ["from", "to", "bad", "worse"].map(|name| folder.path().join(name));
        let store = SqliteStore::open(&from).unwrap();
        let_in(&store, "ann");
        SqliteStore::copy(&from, &to).unwrap();
        assert!(SqliteStore::copy(&from, &to).is_err(), "nothing is written over");
        let copy = SqliteStore::open(&to).unwrap();
        assert!(copy.account("ann@example.com").unwrap().is_some());
        copy.checkpoint().unwrap();
        let mut bytes = std::fs::read(&to).unwrap();
        let half = bytes.len() / 2;
        bytes[half..].fill(0xa5);
        std::fs::write(&bad, bytes).unwrap();
        assert!(SqliteStore::copy(&bad, &worse).is_err());
    }
}
