//! The MPEG frames of a file, one after the other.

use std::io::Read;

use crate::Result;
use crate::mpeg::{FRAME_BYTES_MAX, FrameHeader, HEADER_BYTES};
use crate::wav::read_up_to;

const WINDOW_BYTES: usize = 64 * 1024;

/// Frames of layer III, from where reading began, with anything between them skipped.
pub(crate) struct Mp3Frames<R> {
    file: R,
    window: Vec<u8>,
    from: usize,
    to: usize,
    end_offset: u64,
    /// What every frame has to fit, once there was one.
    first: Option<FrameHeader>,
    in_sync: bool,
    frame: std::ops::Range<usize>,
}

impl<R: Read> Mp3Frames<R> {
    /// Reads from the current position of `file`. `first` is the header that every frame must fit, if it is known.
    pub(crate) fn new(file: R, first: Option<FrameHeader>) -> Self {
        Self { file, window: vec![0; WINDOW_BYTES], from: 0, to: 0, end_offset: 0, first, in_sync: true, frame: 0..0 }
    }

    /// Bytes of the frame that was found last.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.window[self.frame.clone()]
    }

    /// Bytes from where reading began to the end of the frame that was found last.
    pub(crate) fn offset(&self) -> u64 {
        self.end_offset - (self.to - self.from) as u64
    }

    /// Finds the next whole frame; `None` at the end.
    pub(crate) fn next_frame(&mut self) -> Result<Option<FrameHeader>> {
        loop {
            // Room for a frame and the header behind it.
            if self.to - self.from < FRAME_BYTES_MAX + HEADER_BYTES {
                self.fill()?;
            }
            let rest = &self.window[self.from..self.to];
            if rest.len() < HEADER_BYTES {
                return Ok(None);
            }
            let Some(header) = FrameHeader::parse(rest).filter(|header| self.may_start(*header, rest)) else {
                let next = rest[1..].iter().position(|byte| *byte == 0xFF).map_or(rest.len(), |at| at + 1);
                self.from += next;
                self.in_sync = false;
                continue;
            };
            if rest.len() < header.bytes {
                return Ok(None);
            }
            self.frame = self.from..self.from + header.bytes;
            self.from += header.bytes;
            self.in_sync = true;
            self.first.get_or_insert(header);
            return Ok(Some(header));
        }
    }

    /// Where the last frame led here, a fitting header is enough; otherwise another must follow it, or the end.
    fn may_start(&self, header: FrameHeader, rest: &[u8]) -> bool {
        let fits = header.layer == 3 && self.first.is_none_or(|first| header.fits(first));
        fits && (self.in_sync || {
            let behind = rest.get(header.bytes..).unwrap_or(&[]);
            behind.len() < HEADER_BYTES || FrameHeader::parse(behind).is_some_and(|next| next.fits(header))
        })
    }

    fn fill(&mut self) -> Result<()> {
        self.window.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        let count = read_up_to(&mut self.file, &mut self.window[self.to..])?;
        self.to += count;
        self.end_offset += count as u64;
        Ok(())
    }
}
