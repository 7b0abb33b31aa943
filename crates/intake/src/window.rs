//! A file of which one stretch is in memory.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of a stretch: large enough that asking for the next one costs nothing beside decoding it.
const WINDOW_BYTES: usize = 1_048_576;

/// Reads through `fetch(offset, buffer)`, which fills the buffer from that offset on as far as the file goes, and gives how many
/// bytes that were.
pub struct Window<F> {
    fetch: F,
    size: u64,
    /// Where the next byte is read.
    at: u64,
    /// Where `bytes` begin.
    start: u64,
    bytes: Vec<u8>,
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<usize>> Window<F> {
    /// A file of `size` bytes.
    pub fn new(size: u64, fetch: F) -> Self {
        Self { fetch, size, at: 0, start: 0, bytes: Vec::new() }
    }

    /// What is in memory from `at` on; the next stretch is fetched when that is nothing. Empty at the end of the file.
    fn here(&mut self) -> io::Result<&[u8]> {
        let end = self.start + self.bytes.len() as u64;
        if !(self.start..end).contains(&self.at) && self.at < self.size {
            let wanted = (self.size - self.at).min(WINDOW_BYTES as u64) as usize;
            self.bytes.resize(wanted, 0);
            self.start = self.at;
            let filled = (self.fetch)(self.at, &mut self.bytes);
            self.bytes.truncate(*filled.as_ref().unwrap_or(&0));
            filled?;
        }
        let from = self.at.saturating_sub(self.start).min(self.bytes.len() as u64) as usize;
        Ok(&self.bytes[from..])
    }
}

impl<F: FnMut(u64, &mut [u8]) -> io::Result<usize>> Read for Window<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let here = self.here()?;
        let length = here.len().min(buffer.len());
        buffer[..length].copy_from_slice(&here[..length]);
        self.at += length as u64;
        Ok(length)
    }
}

impl<F> Seek for Window<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = media::sought(to, self.at, self.size)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(data: &[u8]) -> Window<impl FnMut(u64, &mut [u8]) -> io::Result<usize> + '_> {
        Window::new(data.len() as u64, move |offset, buffer| {
            let from = &data[offset as usize..];
            let length = from.len().min(buffer.len());
            buffer[..length].copy_from_slice(&from[..length]);
            Ok(length)
        })
    }

    #[test]
    fn what_is_read_is_the_file_wherever_one_goes() {
        let data: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let mut window = over(&data);
        let mut all = Vec::new();
        assert_eq!(window.read_to_end(&mut all).unwrap(), data.len());
        assert!(all == data, "read in one go");
        let mut some = [0; 7];
        for at in [2_999_993, 0, 1_048_570, 1_048_576, 5] {
            assert_eq!(window.seek(SeekFrom::Start(at)).unwrap(), at);
            window.read_exact(&mut some).unwrap();
            assert_eq!(some, data[at as usize..at as usize + 7]);
        }
        assert_eq!(window.seek(SeekFrom::End(-3)).unwrap(), 2_999_997);
        assert_eq!(window.seek(SeekFrom::Current(-1)).unwrap(), 2_999_996);
        assert!(window.seek(SeekFrom::End(-3_000_001)).is_err());
        window.seek(SeekFrom::End(10)).unwrap();
        assert_eq!(window.read(&mut some).unwrap(), 0, "nothing lies behind the end");
    }

    #[test]
    fn a_file_that_cannot_be_read_says_so_each_time() {
        let mut window = Window::new(10, |_, _: &mut [u8]| Err(io::Error::other("gone")));
        for _ in 0..2 {
            assert_eq!(window.read(&mut [0; 4]).unwrap_err().to_string(), "gone");
        }
    }
}
