//! Bytes by the hash of their content.

mod files;
mod memory;

use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::str::FromStr;

use model::{Id, Timestamp};

pub use files::{FileBlobs, sync_folder};
pub use memory::MemoryBlobs;

/// The name of a blob: SHA-256 of its bytes, lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(String);

/// The text is not the name of a blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a blob's key is 64 lower-case hexadecimal digits")]
pub struct InvalidBlobKey;

impl BlobKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of a digest.
    #[must_use]
    pub fn from_digest(digest: &[u8; 32]) -> BlobKey {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for byte in digest {
            let _ = write!(text, "{byte:02x}");
        }
        BlobKey(text)
    }
}

impl FromStr for BlobKey {
    type Err = InvalidBlobKey;
    fn from_str(text: &str) -> Result<BlobKey, InvalidBlobKey> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() == 64 && hex { Ok(BlobKey(text.to_owned())) } else { Err(InvalidBlobKey) }
    }
}

impl std::fmt::Display for BlobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What can be read from any place.
pub trait ReadSeek: Read + Seek + Send + Sync {}
impl<T: Read + Seek + Send + Sync> ReadSeek for T {}

/// A blob that has been kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub key: BlobKey,
    /// Its bytes.
    pub size: u64,
}

/// Bytes on their way into the store. Dropped before [`BlobWriter::finish`], nothing of them remains.
pub trait BlobWriter: Send {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk fails or is full.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Bytes so far.
    fn size(&self) -> u64;

    /// Makes the blob durable under the hash of its content, as kept since `now`. When `expected` is given and is another
    /// hash, nothing is kept.
    ///
    /// # Errors
    /// `InvalidData` when the hash is not the expected one; others when the disk fails.
    fn finish(self: Box<Self>, expected: Option<&BlobKey>, now: Timestamp) -> io::Result<Stored>;
}

/// Names an upload that comes in pieces: whose it is, and of what.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PartialName {
    /// Who sends it.
    pub owner: Id,
    /// What it will be.
    pub of: Id,
}

/// The pieces that are here of one person's uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partials {
    /// Uploads.
    pub count: usize,
    /// Their bytes, together.
    pub bytes: u64,
}

/// The end of an upload that comes in pieces. Dropped, what was written remains, as far as the disk has it. One at a time
/// for each upload: the caller sees to it.
pub trait PartialWriter: Send {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk fails or is full.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Bytes so far, those of earlier pieces included.
    fn size(&self) -> u64;

    /// Makes durable what is here; more may follow.
    ///
    /// # Errors
    /// When the disk fails.
    fn keep(self: Box<Self>, now: Timestamp) -> io::Result<()>;

    /// Makes a blob of all pieces, as [`BlobWriter::finish`] does. When the hash is not `expected`, nothing remains.
    ///
    /// # Errors
    /// `InvalidData` when the hash is not the expected one; others when the disk fails.
    fn finish(self: Box<Self>, expected: &BlobKey, now: Timestamp) -> io::Result<Stored>;
}

/// A blob as a walk through the store finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub key: BlobKey,
    /// Its bytes.
    pub size: u64,
    /// When it was put there for the last time.
    pub since: Timestamp,
}

/// A store of blobs: content-addressed, so that the same bytes are kept once, and never changed.
///
/// Every implementation passes one suite of contract tests (SI2).
pub trait Blobs: Send + Sync + 'static {
    /// Begins a blob.
    ///
    /// # Errors
    /// When the disk fails.
    fn create(&self) -> io::Result<Box<dyn BlobWriter>>;

    /// Opens a blob; `None` when there is none.
    ///
    /// # Errors
    /// When the disk fails.
    fn open(&self, key: &BlobKey) -> io::Result<Option<Box<dyn ReadSeek>>>;

    /// Bytes of a blob; `None` when there is none.
    ///
    /// # Errors
    /// When the disk fails.
    fn size(&self, key: &BlobKey) -> io::Result<Option<u64>>;

    /// Forgets a blob; false when there was none.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove(&self, key: &BlobKey) -> io::Result<bool>;

    /// Forgets a blob unless it was put there, or put there again, at `before` or later; false when it stays, or there was
    /// none. What is being put there meanwhile is not lost.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove_older(&self, key: &BlobKey, before: Timestamp) -> io::Result<bool>;

    /// Shows every blob, in no particular order; ends at the first error of `visit`. What comes or goes meanwhile may be
    /// missed.
    ///
    /// # Errors
    /// That of `visit`; others when the disk fails.
    fn each(&self, visit: &mut dyn FnMut(Kept) -> io::Result<()>) -> io::Result<()>;

    /// The file that holds a blob, where blobs are files; it may not exist.
    fn path(&self, key: &BlobKey) -> Option<PathBuf>;

    /// Bytes that are here of an upload in pieces; 0 when it has not begun.
    ///
    /// # Errors
    /// When the disk fails.
    fn partial_size(&self, name: &PartialName) -> io::Result<u64>;

    /// Goes on with an upload in pieces, where it stands; begins it when it has not begun.
    ///
    /// # Errors
    /// When the disk fails.
    fn append(&self, name: &PartialName, now: Timestamp) -> io::Result<Box<dyn PartialWriter>>;

    /// Forgets an upload in pieces; false when there was none.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove_partial(&self, name: &PartialName) -> io::Result<bool>;

    /// What is here of one person's uploads in pieces.
    ///
    /// # Errors
    /// When the disk fails.
    fn partials_of(&self, owner: &Id) -> io::Result<Partials>;

    /// Forgets uploads in pieces that have not grown since `before`; how many.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove_partials_older(&self, before: Timestamp) -> io::Result<usize>;
}
