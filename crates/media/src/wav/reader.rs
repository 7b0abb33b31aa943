//! Frames out of a WAV file, from anywhere in it, with one fixed window of memory.

use std::io::{Read, Seek, SeekFrom};

use super::convert::decode_planar;
use super::header::{Header, read_up_to};
use crate::{Error, Result};

/// Bytes read ahead at a time.
const WINDOW_BYTES: usize = 64 * 1024;

/// Random access to the frames of a WAV file.
///
/// Sequential reads cost one system call per 64 KiB window; a jump costs one seek. Nothing is allocated after `new`.
#[derive(Debug)]
pub struct Reader<R> {
    file: R,
    header: Header,
    window: Vec<u8>,
    /// Offset of the window's first byte in the samples, and how many of its bytes are valid.
    window_start: u64,
    window_filled: usize,
    /// Where in the file the next read starts, so that sequential reads need no seek.
    position: Option<u64>,
}

impl<R: Read + Seek> Reader<R> {
    /// Opens a WAV file.
    ///
    /// # Errors
    /// As [`Header::read`].
    pub fn new(mut file: R) -> Result<Self> {
        let header = Header::read(&mut file)?;
        let frame_bytes = header.frame_bytes();
        let window = vec![0; WINDOW_BYTES - WINDOW_BYTES % frame_bytes];
        Ok(Self { file, header, window, window_start: 0, window_filled: 0, position: None })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads frames from `start` on into one slice per channel; returns how many there were, which is fewer than asked for
    /// only at the end of the file. The rest of `out` is left as it was.
    ///
    /// # Errors
    /// [`Error::Io`] when reading fails, [`Error::Option`] when `out` has another number of channels than the file.
    pub fn read_frames(&mut self, start: u64, out: &mut [&mut [f32]]) -> Result<usize> {
        if out.len() != usize::from(self.header.channels) {
            return Err(Error::Option("the number of output channels differs from the file's"));
        }
        let room = out.iter().map(|plane| plane.len()).min().unwrap_or(0);
        let wanted = self.header.frames().saturating_sub(start).min(room as u64) as usize;
        let mut done = 0;
        while done < wanted {
            let bytes = self.window_at((start + done as u64) * self.header.frame_bytes() as u64)?;
            let (from, to) = bytes;
            let take = ((to - from) / self.header.frame_bytes()).min(wanted - done);
            if take == 0 {
                break; // The file became shorter under us.
            }
            let to = from + take * self.header.frame_bytes();
            decode_window(&self.header, &self.window[from..to], out, done);
            done += take;
        }
        Ok(done)
    }

    /// Makes the window hold byte `offset` of the samples; returns the range of the window from there on.
    fn window_at(&mut self, offset: u64) -> Result<(usize, usize)> {
        let inside = offset >= self.window_start && offset < self.window_start + self.window_filled as u64;
        if !inside {
            let left = self.header.data_bytes - offset;
            let count = (self.window.len() as u64).min(left) as usize;
            let place = self.header.data_offset + offset;
            if self.position != Some(place) {
                self.file.seek(SeekFrom::Start(place))?;
            }
            self.position = None;
            self.window_filled = 0;
            let filled = read_up_to(&mut self.file, &mut self.window[..count])?;
            self.window_filled = filled - filled % self.header.frame_bytes();
            self.window_start = offset;
            self.position = Some(place + filled as u64);
        }
        Ok(((offset - self.window_start) as usize, self.window_filled))
    }
}

/// Decodes into `out` from frame `done` on, without allocating for the usual mono and stereo.
fn decode_window(header: &Header, bytes: &[u8], out: &mut [&mut [f32]], done: usize) {
    match out {
        [mono] => {
            decode_planar(header.sample_format, bytes, &mut [&mut mono[done..]]);
        }
        [left, right] => {
            decode_planar(header.sample_format, bytes, &mut [&mut left[done..], &mut right[done..]]);
        }
        _ => {
            let mut rest: Vec<&mut [f32]> = out.iter_mut().map(|plane| &mut plane[done..]).collect();
            decode_planar(header.sample_format, bytes, &mut rest);
        }
    }
}
