//! How much of a disk is free.

use std::io;
use std::path::Path;

/// Bytes that are free, for others than the system's administrator, on the disk of this folder.
///
/// # Errors
/// When the folder is not there, or the system does not say.
#[cfg(unix)]
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes that are free: not known on this system.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub(crate) fn free_bytes(_folder: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}
