//! Bytes by the hash of their content.

mod files;
mod memory;

use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::str::FromStr;

pub use files::FileBlobs;
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

    /// Makes the blob durable under the hash of its content. When `expected` is given and is another hash, nothing is
    /// kept.
    ///
    /// # Errors
    /// `InvalidData` when the hash is not the expected one; others when the disk fails.
    fn finish(self: Box<Self>, expected: Option<&BlobKey>) -> io::Result<Stored>;
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

    /// The file that holds a blob, where blobs are files; it may not exist.
    fn path(&self, key: &BlobKey) -> Option<PathBuf>;
}
