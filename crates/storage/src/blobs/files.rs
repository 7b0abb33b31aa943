//! Blobs as files: `blobs/ab/cdef…`, written aside, synced, and renamed into place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{BlobKey, BlobWriter, Blobs, ReadSeek, Stored};

/// Where blobs are written before they are whole.
const INCOMING: &str = "incoming";
/// A half-written file that has not grown for so long has no writer any more: an upload is cut off after far less silence.
const LEFT_BEHIND: Duration = Duration::from_secs(10 * 60);

/// Blobs in a folder.
#[derive(Debug)]
pub struct FileBlobs {
    root: Arc<Path>,
    next: AtomicU64,
}

impl FileBlobs {
    /// Opens the folder `root`, making it if need be. What was left half written some time ago is removed; what
    /// grows yet is not, as another process may be writing here now.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn open(root: &Path) -> io::Result<FileBlobs> {
        let incoming = root.join(INCOMING);
        fs::create_dir_all(&incoming)?;
        for entry in fs::read_dir(&incoming)? {
            let entry = entry?;
            let age =
                entry.metadata().and_then(|metadata| metadata.modified()).map(|at| at.elapsed().unwrap_or_default());
            if age.is_ok_and(|age| age > LEFT_BEHIND) {
                absent_is_none(fs::remove_file(entry.path()))?;
            }
        }
        Ok(FileBlobs { root: Arc::from(root), next: AtomicU64::new(0) })
    }

    /// The folder `root` as it is, for reading what another process keeps there: nothing is made or removed.
    #[must_use]
    pub fn attach(root: &Path) -> FileBlobs {
        FileBlobs { root: Arc::from(root), next: AtomicU64::new(0) }
    }

    fn place(&self, key: &BlobKey) -> PathBuf {
        place(&self.root, key)
    }
}

fn place(root: &Path, key: &BlobKey) -> PathBuf {
    let (folder, name) = key.as_str().split_at(2);
    root.join(folder).join(name)
}

/// A rename is durable once the folder that holds the name is synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

struct FileWriter {
    root: Arc<Path>,
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

    fn finish(mut self: Box<Self>, expected: Option<&BlobKey>) -> io::Result<Stored> {
        let key = BlobKey::from_digest(&std::mem::take(&mut self.hash).finalize().into());
        if expected.is_some_and(|expected| *expected != key) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes have another hash"));
        }
        let target = place(&self.root, &key);
        let folder = target.parent().unwrap_or(&self.root);
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            sync_folder(&self.root)?;
        }
        fs::rename(&self.path, &target)?;
        self.file = None;
        sync_folder(folder)?;
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
            let path = self.root.join(INCOMING).join(format!("{}-{number}.part", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => break (path, file),
                // Left behind by an earlier process of the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        Ok(Box::new(FileWriter { root: Arc::clone(&self.root), path, file: Some(file), hash: Sha256::new(), size: 0 }))
    }

    fn open(&self, key: &BlobKey) -> io::Result<Option<Box<dyn ReadSeek>>> {
        Ok(absent_is_none(File::open(self.place(key)))?.map(|file| Box::new(file) as Box<dyn ReadSeek>))
    }

    fn size(&self, key: &BlobKey) -> io::Result<Option<u64>> {
        Ok(absent_is_none(fs::metadata(self.place(key)))?.map(|metadata| metadata.len()))
    }

    fn remove(&self, key: &BlobKey) -> io::Result<bool> {
        Ok(absent_is_none(fs::remove_file(self.place(key)))?.is_some())
    }

    fn path(&self, key: &BlobKey) -> Option<PathBuf> {
        Some(self.place(key))
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
