//! Packets into pages of Ogg (RFC 3533).

use std::io::Write;

use crate::Result;
use crate::ogg::page_crc;

/// Segments of one page at most.
const SEGMENTS_MAX: usize = 255;
/// Says that a page is the first; the last.
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// The pages of one stream.
#[derive(Debug)]
pub(super) struct Pages {
    serial: u32,
    number: u32,
    segments: Vec<u8>,
    body: Vec<u8>,
    page: Vec<u8>,
}

impl Pages {
    /// For a stream of this number.
    pub(super) fn new(serial: u32) -> Self {
        Self { serial, number: 0, segments: Vec::new(), body: Vec::new(), page: Vec::new() }
    }

    /// Whether a packet fits onto the page that is being filled. Longer ones than a page holds are none that this crate writes.
    pub(super) fn fits(&self, packet: &[u8]) -> bool {
        self.segments.len() + packet.len() / 255 < SEGMENTS_MAX
    }

    /// Appends a whole packet, which must fit.
    pub(super) fn put(&mut self, packet: &[u8]) {
        debug_assert!(self.fits(packet));
        self.segments.resize(self.segments.len() + packet.len() / 255, 255);
        self.segments.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
    }

    /// Writes the page, the sound ending at `granule` with its last packet.
    pub(super) fn write<W: Write>(&mut self, file: &mut W, granule: u64, last: bool) -> Result<()> {
        let kind = if self.number == 0 { FIRST } else { 0 } | if last { LAST } else { 0 };
        self.page.clear();
        self.page.extend_from_slice(b"OggS\0");
        self.page.push(kind);
        self.page.extend_from_slice(&granule.to_le_bytes());
        self.page.extend_from_slice(&self.serial.to_le_bytes());
        self.page.extend_from_slice(&self.number.to_le_bytes());
        self.page.extend_from_slice(&[0; 4]);
        self.page.push(self.segments.len() as u8);
        self.page.extend_from_slice(&self.segments);
        self.page.extend_from_slice(&self.body);
        let crc = page_crc(&self.page);
        self.page[22..26].copy_from_slice(&crc.to_le_bytes());
        file.write_all(&self.page)?;
        self.number += 1;
        self.segments.clear();
        self.body.clear();
        Ok(())
    }
}
