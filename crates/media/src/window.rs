//! A file read ahead through one buffer, of which parsers see a window.

use std::io::{Read, Seek, SeekFrom};

use crate::Result;
use crate::wav::read_up_to;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks are read to places aligned to this, from places in the file aligned to it: the kernel copies those several times as fast.
const ALIGNMENT: usize = 4_096;

/// A window on a file that moves forward.
#[derive(Debug)]
pub(crate) struct Window<R> {
    file: R,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// Where in the file the window ends.
    end_offset: u64,
    at_end: bool,
}

impl<R: Read + Seek> Window<R> {
    /// A window, empty yet, at `offset`.
    pub(crate) fn new(mut file: R, offset: u64) -> Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, buffer: Vec::new(), from: 0, to: 0, end_offset: offset, at_end: false })
    }
}

impl<R: Read> Window<R> {
    /// What the window shows.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    /// Where in the file the window begins.
    pub(crate) fn offset(&self) -> u64 {
        self.end_offset - (self.to - self.from) as u64
    }

    /// Whether nothing follows behind the window.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// Lets go of the first `count` bytes; returns them.
    pub(crate) fn consume(&mut self, count: usize) -> &[u8] {
        let start = self.from;
        self.from = (self.from + count).min(self.to);
        &self.buffer[start..self.from]
    }

    /// Shows at least `count` bytes, unless the file ends before.
    #[inline]
    pub(crate) fn require(&mut self, count: usize) -> Result<()> {
        while self.to - self.from < count && !self.at_end {
            self.fill()?;
        }
        Ok(())
    }

    /// Shows another chunk behind what is shown.
    pub(crate) fn fill(&mut self) -> Result<()> {
        let kept = self.to - self.from;
        // The first chunk is shorter, so that all others start aligned in the file.
        let chunk = CHUNK_BYTES - (self.end_offset % ALIGNMENT as u64) as usize;
        let head = kept.next_multiple_of(ALIGNMENT);
        if self.buffer.len() < head + CHUNK_BYTES {
            self.buffer.resize(head + CHUNK_BYTES, 0);
        }
        self.buffer.copy_within(self.from..self.to, head - kept);
        (self.from, self.to) = (head - kept, head);
        let count = read_up_to(&mut self.file, &mut self.buffer[head..head + chunk])?;
        self.at_end = count < chunk;
        self.to += count;
        self.end_offset += count as u64;
        Ok(())
    }
}
