//! Blobs in memory, for tests and the simulator.

use std::collections::HashMap;
use std::io::{self, Cursor};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::{BlobKey, BlobWriter, Blobs, ReadSeek, Stored};

type Kept = HashMap<BlobKey, Arc<[u8]>>;

/// Blobs that end with the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<Kept>>);

impl MemoryBlobs {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves the map whole: each change of it is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryWriter {
    blobs: MemoryBlobs,
    bytes: Vec<u8>,
}

impl BlobWriter for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn finish(self: Box<Self>, expected: Option<&BlobKey>) -> io::Result<Stored> {
        let key = BlobKey::from_digest(&Sha256::digest(&self.bytes).into());
        if expected.is_some_and(|expected| *expected != key) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes have another hash"));
        }
        let size = self.size();
        self.blobs.kept().insert(key.clone(), Arc::from(self.bytes));
        Ok(Stored { key, size })
    }
}

impl Blobs for MemoryBlobs {
    fn create(&self) -> io::Result<Box<dyn BlobWriter>> {
        Ok(Box::new(MemoryWriter { blobs: self.clone(), bytes: Vec::new() }))
    }

    fn open(&self, key: &BlobKey) -> io::Result<Option<Box<dyn ReadSeek>>> {
        Ok(self.kept().get(key).map(|bytes| Box::new(Cursor::new(Arc::clone(bytes))) as Box<dyn ReadSeek>))
    }

    fn size(&self, key: &BlobKey) -> io::Result<Option<u64>> {
        Ok(self.kept().get(key).map(|bytes| bytes.len() as u64))
    }

    fn remove(&self, key: &BlobKey) -> io::Result<bool> {
        Ok(self.kept().remove(key).is_some())
    }

    fn path(&self, _key: &BlobKey) -> Option<PathBuf> {
        None
    }
}
