//! A file that does not grow beyond a limit.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A file of at most so many bytes.
pub(super) struct Bounded {
    file: File,
    at: u64,
    bytes_max: u64,
    full: bool,
}

impl Bounded {
    /// Over an empty file.
    pub(super) fn new(file: File, bytes_max: u64) -> Bounded {
        Bounded { file, at: 0, bytes_max, full: false }
    }

    /// Whether more was to be written than it may hold.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn into_inner(self) -> File {
        self.file
    }
}

impl Read for Bounded {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.at.saturating_add(bytes.len() as u64) > self.bytes_max {
            self.full = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let count = self.file.write(bytes)?;
        self.at += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w6_an_export_does_not_grow_beyond_its_limit() {
        let mut file = Bounded::new(tempfile::tempfile().unwrap(), 10);
        file.write_all(b"0123456789").unwrap();
        file.seek(SeekFrom::Start(2)).unwrap();
        file.write_all(b"ab").unwrap();
        assert!(!file.is_full());
        file.seek(SeekFrom::End(0)).unwrap();
        assert!(file.write_all(b"x").is_err() && file.is_full());
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "01ab456789");
    }
}
