//! The MPEG frames of a file, one after the other.

use std::io::Read;

use crate::Result;
use crate::mpeg::{FRAME_BYTES_MAX, FrameHeader, HEADER_BYTES};
use crate::window::Window;

/// Frames of layer III, with anything between them skipped.
pub(crate) struct Mp3Frames<R> {
    window: Window<R>,
    /// What every frame has to fit, once there was one.
    first: Option<FrameHeader>,
    in_sync: bool,
    frame: Vec<u8>,
    /// Frames that start at or behind this place in the file are not delivered.
    stop_offset: u64,
}

impl<R: Read> Mp3Frames<R> {
    /// The frames that `window` shows. `first` is the header that every frame must fit, if it is known.
    pub(crate) fn new(window: Window<R>, first: Option<FrameHeader>) -> Self {
        Self { window, first, in_sync: true, frame: Vec::with_capacity(FRAME_BYTES_MAX), stop_offset: u64::MAX }
    }

    /// Stops before the frame that starts at or behind `offset`.
    pub(crate) fn until(self, offset: u64) -> Self {
        Self { stop_offset: offset, ..self }
    }

    /// Bytes of the frame that was found last.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Where in the file the frame that was found last ends.
    pub(crate) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Finds the next whole frame; `None` at the end.
    pub(crate) fn next_frame(&mut self) -> Result<Option<FrameHeader>> {
        loop {
            // Room for a frame and the header behind it.
            self.window.require(FRAME_BYTES_MAX + HEADER_BYTES)?;
            let rest = self.window.bytes();
            if rest.len() < HEADER_BYTES {
                return Ok(None);
            }
            let Some(header) = FrameHeader::parse(rest).filter(|header| self.may_start(*header, rest)) else {
                let next = rest[1..].iter().position(|byte| *byte == 0xFF).map_or(rest.len(), |at| at + 1);
                self.window.consume(next);
                self.in_sync = false;
                continue;
            };
            if rest.len() < header.bytes || self.window.offset() >= self.stop_offset {
                return Ok(None);
            }
            self.frame.clear();
            self.frame.extend_from_slice(self.window.consume(header.bytes));
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
}
