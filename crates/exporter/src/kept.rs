//! Whether what a browser keeps is what it was.

use std::io;

use sha2::{Digest as _, Sha256};

use crate::{Disk, Place};

/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;

/// The SHA-256 of all bytes of a file, lower-case hexadecimal: a recording is called so where it is kept.
///
/// # Errors
/// As [`Disk::read`]; [`io::ErrorKind::NotFound`].
pub fn hash(disk: &impl Disk, place: Place) -> io::Result<String> {
    let size = disk.size(place).ok_or(io::ErrorKind::NotFound)?;
    let (mut hasher, mut part, mut at) = (Sha256::new(), vec![0; READ_BYTES], 0);
    while at < size {
        match disk.read(place, at, &mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                hasher.update(&part[..count]);
                at += count as u64;
            }
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
