//! Blobs as files: `blobs/ab/cdef…`, written aside, synced, and renamed into place.

mod partials;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::{Id, Timestamp};
use sha2::{Digest, Sha256};

use super::{BlobKey, BlobWriter, Blobs, Kept, PartialName, PartialWriter, Partials, ReadSeek, Stored};

/// Where blobs are written before they are whole.
const INCOMING: &str = "incoming";
/// Where uploads in pieces wait for their next piece.
const PARTIAL: &str = "partial";
/// Where files cannot be locked: a half-written one that has not grown for so long has no writer any more. An upload is cut off after far less
/// silence.
const LEFT_BEHIND: Duration = Duration::from_secs(10 * 60);

/// Blobs in a folder. One process at a time puts blobs there and removes them.
#[derive(Debug)]
pub struct FileBlobs {
    place: Place,
    /// Whether the folder of what is half written was made when this was opened: without it, all of the store is away.
    was_made: bool,
    next: AtomicU64,
}

/// The folder, and what puts removal and renewal of one name in order.
#[derive(Clone, Debug)]
struct Place {
    root: Arc<Path>,
    /// Held while a file is moved into place, and while one is judged by its age and removed.
    gate: Arc<Mutex<()>>,
}

impl Place {
    fn new(root: &Path) -> Place {
        Place { root: Arc::from(root), gate: Arc::default() }
    }

    fn of(&self, key: &BlobKey) -> PathBuf {
        let (folder, name) = key.as_str().split_at(2);
        self.root.join(folder).join(name)
    }

    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a blob of a file that is whole, durably.
    fn take_in(&self, file: &File, path: &Path, key: &BlobKey, now: Timestamp) -> io::Result<()> {
        let target = self.of(key);
        let folder = target.parent().unwrap_or(&self.root);
        file.set_modified(system_time(now))?;
        file.sync_all()?;
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            sync_folder(&self.root)?;
        }
        {
            let _gate = self.gate();
            // What is there already may have come later, by another clock or while this was on its way: it never gets older.
            let known = absent_is_none(fs::metadata(&target))?.map(|metadata| since(&metadata)).transpose()?;
            if let Some(known) = known.filter(|known| *known > now) {
                file.set_modified(system_time(known))?;
                file.sync_all()?;
            }
            fs::rename(path, &target)?;
        }
        sync_folder(folder)
    }
}

impl FileBlobs {
    /// Opens the folder `root`, making it if need be. What a process that is gone has left half written is removed; what
    /// somebody writes yet is not, as another process may be at work here now. Uploads in pieces stay.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn open(root: &Path) -> io::Result<FileBlobs> {
        let incoming = root.join(INCOMING);
        fs::create_dir_all(&incoming)?;
        for entry in fs::read_dir(&incoming)? {
            let path = entry?.path();
            // What nobody may look at (a copy of a folder, by another user) is nobody's harm: the server starts all the same.
            match left_behind(&path) {
                Ok(Some(_locked)) => drop(absent_is_none(fs::remove_file(path))?),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "what is half written could not be looked at");
                }
            }
        }
        Ok(FileBlobs { was_made: true, ..FileBlobs::attach(root) })
    }

    /// The folder `root` as it is, for reading what another process keeps there: nothing is made or removed.
    #[must_use]
    pub fn attach(root: &Path) -> FileBlobs {
        FileBlobs { place: Place::new(root), was_made: false, next: AtomicU64::new(0) }
    }
}

/// A file that nobody writes any more: who does holds a lock on it, and so does whoever has this, until it is removed. Where the
/// system has no locks, its age has to tell.
fn left_behind(path: &Path) -> io::Result<Option<File>> {
    let Some(file) = absent_is_none(File::open(path))? else { return Ok(None) };
    let is_left = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => file.metadata()?.modified()?.elapsed().unwrap_or_default() > LEFT_BEHIND,
    };
    Ok(is_left.then_some(file))
}

/// Makes names in a folder durable: those of files that were renamed or linked there.
///
/// # Errors
/// When the folder cannot be opened, or the disk fails.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn system_time(time: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(time.0).unwrap_or(0))
}

/// When a file was written for the last time.
fn since(metadata: &fs::Metadata) -> io::Result<Timestamp> {
    let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

struct FileWriter {
    place: Place,
    path: PathBuf,
    /// None once it has been moved into place.
    file: Option<File>,
    hash: Sha256,
    size: u64,
}

impl BlobWriter for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn finish(mut self: Box<Self>, expected: Option<&BlobKey>, now: Timestamp) -> io::Result<Stored> {
        let key = BlobKey::from_digest(&std::mem::take(&mut self.hash).finalize().into());
        if expected.is_some_and(|expected| *expected != key) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes have another hash"));
        }
        if let Some(file) = &self.file {
            self.place.take_in(file, &self.path, &key, now)?;
        }
        self.file = None;
        Ok(Stored { key, size: self.size })
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing refers to it; a file that cannot be removed now is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Blobs for FileBlobs {
    fn create(&self) -> io::Result<Box<dyn BlobWriter>> {
        let (path, file) = loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let path = self.place.root.join(INCOMING).join(format!("{}-{number}.part", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => {
                    // Held until it is closed; where there are no locks, it is young.
                    let _ = file.lock();
                    // Another process may have taken it for left behind before it was locked.
                    if path.try_exists()? {
                        break (path, file);
                    }
                }
                // Left behind by an earlier process of the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        Ok(Box::new(FileWriter { place: self.place.clone(), path, file: Some(file), hash: Sha256::new(), size: 0 }))
    }

    fn open(&self, key: &BlobKey) -> io::Result<Option<Box<dyn ReadSeek>>> {
        let file = absent_is_none(File::open(self.place.of(key)))?;
        if file.is_none() && self.was_made && !self.place.root.join(INCOMING).try_exists()? {
            // A disk that is not mounted at the moment has lost nothing.
            return Err(io::Error::other("the folder of all recordings is not there"));
        }
        Ok(file.map(|file| Box::new(file) as Box<dyn ReadSeek>))
    }

    fn size(&self, key: &BlobKey) -> io::Result<Option<u64>> {
        Ok(absent_is_none(fs::metadata(self.place.of(key)))?.map(|metadata| metadata.len()))
    }

    fn remove(&self, key: &BlobKey) -> io::Result<bool> {
        Ok(absent_is_none(fs::remove_file(self.place.of(key)))?.is_some())
    }

    fn remove_older(&self, key: &BlobKey, before: Timestamp) -> io::Result<bool> {
        let _gate = self.place.gate();
        remove_file_older(&self.place.of(key), before)
    }

    fn each(&self, visit: &mut dyn FnMut(Kept) -> io::Result<()>) -> io::Result<()> {
        for folder in fs::read_dir(&self.place.root)? {
            let folder = folder?;
            let name = folder.file_name();
            let Some(start) = name.to_str().filter(|name| name.len() == 2) else { continue };
            for entry in fs::read_dir(folder.path())? {
                let entry = entry?;
                let rest = entry.file_name();
                let key = rest.to_str().and_then(|rest| format!("{start}{rest}").parse::<BlobKey>().ok());
                let (Some(key), Some(metadata)) = (key, absent_is_none(entry.metadata())?) else { continue };
                visit(Kept { key, size: metadata.len(), since: since(&metadata)? })?;
            }
        }
        Ok(())
    }

    fn path(&self, key: &BlobKey) -> Option<PathBuf> {
        Some(self.place.of(key))
    }

    fn partial_size(&self, name: &PartialName) -> io::Result<u64> {
        partials::size(&self.place, name)
    }

    fn append(&self, name: &PartialName, now: Timestamp) -> io::Result<Box<dyn PartialWriter>> {
        Ok(Box::new(partials::FilePartial::open(&self.place, name, now)?))
    }

    fn remove_partial(&self, name: &PartialName) -> io::Result<bool> {
        Ok(absent_is_none(fs::remove_file(partials::path(&self.place, name)))?.is_some())
    }

    fn partials_of(&self, owner: &Id) -> io::Result<Partials> {
        partials::of(&self.place, owner)
    }

    fn remove_partials_older(&self, before: Timestamp) -> io::Result<usize> {
        partials::remove_older(&self.place, before)
    }
}

/// Removes a file that was last written before a time; the gate must be held.
fn remove_file_older(path: &Path, before: Timestamp) -> io::Result<bool> {
    match absent_is_none(fs::metadata(path))? {
        Some(metadata) if since(&metadata)? < before => Ok(absent_is_none(fs::remove_file(path))?.is_some()),
        _ => Ok(false),
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
