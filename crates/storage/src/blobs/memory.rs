//! Blobs in memory, for tests and the simulator.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Id, Timestamp};
use sha2::{Digest, Sha256};

use super::{BlobKey, BlobWriter, Blobs, Kept, PartialName, PartialWriter, Partials, ReadSeek, Stored};

#[derive(Debug, Default)]
struct Content {
    blobs: HashMap<BlobKey, (Arc<[u8]>, Timestamp)>,
    partials: BTreeMap<PartialName, (Vec<u8>, Timestamp)>,
}

/// Blobs that end with the process.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<Content>>);

impl MemoryBlobs {
    fn content(&self) -> MutexGuard<'_, Content> {
        // A panic elsewhere leaves the maps whole: each change of them is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, bytes: &[u8], expected: Option<&BlobKey>, now: Timestamp) -> io::Result<Stored> {
        let key = BlobKey::from_digest(&Sha256::digest(bytes).into());
        if expected.is_some_and(|expected| *expected != key) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes have another hash"));
        }
        let mut content = self.content();
        let since = content.blobs.get(&key).map_or(now, |(_, since)| now.max(*since));
        content.blobs.insert(key.clone(), (Arc::from(bytes), since));
        Ok(Stored { key, size: bytes.len() as u64 })
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

    fn finish(self: Box<Self>, expected: Option<&BlobKey>, now: Timestamp) -> io::Result<Stored> {
        self.blobs.keep(&self.bytes, expected, now)
    }
}

struct MemoryPartial {
    blobs: MemoryBlobs,
    name: PartialName,
}

impl PartialWriter for MemoryPartial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((partial, _)) = self.blobs.content().partials.get_mut(&self.name) {
            partial.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.blobs.content().partials.get(&self.name).map_or(0, |(bytes, _)| bytes.len() as u64)
    }

    fn keep(self: Box<Self>, now: Timestamp) -> io::Result<()> {
        if let Some((_, since)) = self.blobs.content().partials.get_mut(&self.name) {
            *since = now;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, expected: &BlobKey, now: Timestamp) -> io::Result<Stored> {
        let taken = self.blobs.content().partials.remove(&self.name);
        let (bytes, _) = taken.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.blobs.keep(&bytes, Some(expected), now)
    }
}

impl Blobs for MemoryBlobs {
    fn create(&self) -> io::Result<Box<dyn BlobWriter>> {
        Ok(Box::new(MemoryWriter { blobs: self.clone(), bytes: Vec::new() }))
    }

    fn open(&self, key: &BlobKey) -> io::Result<Option<Box<dyn ReadSeek>>> {
        let content = self.content();
        Ok(content.blobs.get(key).map(|(bytes, _)| Box::new(Cursor::new(Arc::clone(bytes))) as Box<dyn ReadSeek>))
    }

    fn size(&self, key: &BlobKey) -> io::Result<Option<u64>> {
        Ok(self.content().blobs.get(key).map(|(bytes, _)| bytes.len() as u64))
    }

    fn remove(&self, key: &BlobKey) -> io::Result<bool> {
        Ok(self.content().blobs.remove(key).is_some())
    }

    fn remove_older(&self, key: &BlobKey, before: Timestamp) -> io::Result<bool> {
        let mut content = self.content();
        let old = content.blobs.get(key).is_some_and(|(_, since)| *since < before);
        Ok(old && content.blobs.remove(key).is_some())
    }

    fn each(&self, visit: &mut dyn FnMut(Kept) -> io::Result<()>) -> io::Result<()> {
        let kept = |(key, (bytes, since)): (&BlobKey, &(Arc<[u8]>, Timestamp))| Kept {
            key: key.clone(),
            size: bytes.len() as u64,
            since: *since,
        };
        // Copied first: `visit` may call this store.
        let all: Vec<Kept> = self.content().blobs.iter().map(kept).collect();
        all.into_iter().try_for_each(visit)
    }

    fn path(&self, _key: &BlobKey) -> Option<PathBuf> {
        None
    }

    fn partial_size(&self, name: &PartialName) -> io::Result<u64> {
        Ok(self.content().partials.get(name).map_or(0, |(bytes, _)| bytes.len() as u64))
    }

    fn append(&self, name: &PartialName, now: Timestamp) -> io::Result<Box<dyn PartialWriter>> {
        self.content().partials.entry(name.clone()).or_default().1 = now;
        Ok(Box::new(MemoryPartial { blobs: self.clone(), name: name.clone() }))
    }

    fn remove_partial(&self, name: &PartialName) -> io::Result<bool> {
        Ok(self.content().partials.remove(name).is_some())
    }

    fn partials_of(&self, owner: &Id) -> io::Result<Partials> {
        let content = self.content();
        let own = content.partials.iter().filter(|(name, _)| name.owner == *owner);
        Ok(own.fold(Partials::default(), |sum, (_, (bytes, _))| Partials {
            count: sum.count + 1,
            bytes: sum.bytes + bytes.len() as u64,
        }))
    }

    fn remove_partials_older(&self, before: Timestamp) -> io::Result<usize> {
        let mut content = self.content();
        let count = content.partials.len();
        content.partials.retain(|_, (_, since)| *since >= before);
        Ok(count - content.partials.len())
    }
}
