//! Ogg: pages, and the packets of the first Vorbis stream in them (RFC 3533; Vorbis I specification, appendix A).

use std::io::Read;

use crate::limits::{DAMAGED_PACKETS_MAX, OGG_HEADER_BYTES_MAX};
use crate::sniff::Format;
use crate::window::Window;
use crate::{Error, Result};

const FORMAT: &str = "Ogg Vorbis";
const PAGE_HEADER_BYTES: usize = 27;
/// Largest page: header, 255 lacing values, 255 segments of 255 bytes.
pub(crate) const PAGE_BYTES_MAX: usize = PAGE_HEADER_BYTES + 255 + 255 * 255;
/// Granule position of a page on which no packet ends.
const NO_GRANULE: u64 = u64::MAX;

/// Tells what the stream that `prefix` starts with holds.
pub(crate) fn identify(prefix: &[u8]) -> Result<Format> {
    let page = PageHeader::parse(prefix).ok_or(Error::damaged("Ogg", "its first page is cut off"))?;
    let packet = &prefix[page.body_start..];
    let is = |signature: &[u8]| packet.starts_with(signature);
    match () {
        () if is(b"\x01vorbis") => Ok(Format::OggVorbis),
        () if is(b"OpusHead") => Err(Error::NotSupportedYet { format: "Opus" }),
        () if is(b"\x7FFLAC") => Err(Error::NotSupportedYet { format: "FLAC in Ogg" }),
        () if is(b"Speex   ") => Err(Error::NotSupportedYet { format: "Speex" }),
        () if is(b"\x80theora") || is(b"fishead\0") => Err(Error::NotAudio { looks_like: "an Ogg video" }),
        () => Err(Error::NotSupportedYet { format: "Ogg with an unknown codec" }),
    }
}

/// A page's header; ranges are relative to the page's first byte.
#[derive(Debug, Clone)]
pub(crate) struct PageHeader {
    pub(crate) is_continued: bool,
    pub(crate) is_last: bool,
    /// Position in frames after the last packet that ends on this page, if one does.
    pub(crate) granule: Option<u64>,
    pub(crate) serial: u32,
    crc: u32,
    /// Packets that end on this page.
    pub(crate) packets: usize,
    body_start: usize,
    pub(crate) bytes: usize,
}

impl PageHeader {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..PAGE_HEADER_BYTES)?;
        if !header.starts_with(b"OggS\0") {
            return None;
        }
        let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let granule = u64::from(u32_at(10)) << 32 | u64::from(u32_at(6));
        let segments = usize::from(header[26]);
        let body_start = PAGE_HEADER_BYTES + segments;
        let lengths = bytes.get(PAGE_HEADER_BYTES..body_start)?;
        let body: usize = lengths.iter().map(|length| usize::from(*length)).sum();
        Some(Self {
            is_continued: header[5] & 1 != 0,
            is_last: header[5] & 4 != 0,
            granule: (granule != NO_GRANULE).then_some(granule),
            serial: u32_at(14),
            crc: u32_at(22),
            packets: lengths.iter().filter(|length| **length < 255).count(),
            body_start,
            bytes: body_start + body,
        })
    }
}

/// Pages, one after the other, with anything between them skipped.
pub(crate) struct Pages<R> {
    window: Window<R>,
    /// Pages whose check sum did not hold.
    damaged: u32,
}

impl<R: Read> Pages<R> {
    /// The pages that `window` shows.
    pub(crate) fn new(window: Window<R>) -> Self {
        Self { window, damaged: 0 }
    }

    /// Where in the file the next page is looked for.
    pub(crate) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The next page that is whole and whose check sum holds.
    pub(crate) fn next_page(&mut self) -> Result<Option<(PageHeader, &[u8])>> {
        loop {
            self.window.require(PAGE_BYTES_MAX)?;
            let rest = self.window.bytes();
            if rest.len() < PAGE_HEADER_BYTES {
                return Ok(None);
            }
            match PageHeader::parse(rest) {
                Some(page) if page.bytes <= rest.len() && page_crc(&rest[..page.bytes]) == page.crc => {
                    let bytes = self.window.consume(page.bytes);
                    return Ok(Some((page, bytes)));
                }
                page => {
                    // Each costs a check sum over up to 64 KB: a file of nothing else would take minutes.
                    self.damaged += u32::from(page.is_some());
                    if self.damaged > DAMAGED_PACKETS_MAX {
                        return Err(Error::damaged(FORMAT, "too much of it is missing"));
                    }
                    let next = rest[1..].iter().position(|byte| *byte == b'O').map_or(rest.len(), |at| at + 1);
                    self.window.consume(next);
                }
            }
        }
    }
}

/// What is known of the packet that [`Packets::next_packet`] delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PacketInfo {
    /// Position in frames at this packet's end, when it is the last that ends on its page.
    pub(crate) granule: Option<u64>,
    /// No other packet ends on its page.
    pub(crate) ends_page: bool,
    /// The granule position that the stream's last page gives, for packets on that page.
    pub(crate) stream_end: Option<u64>,
    /// Packets before this one were lost.
    pub(crate) after_gap: bool,
}

/// The packets of one logical stream: the first Vorbis one. Streams beside it or chained behind it are not read.
pub(crate) struct Packets<R> {
    pages: Pages<R>,
    serial: Option<u32>,
    page: Option<PageHeader>,
    page_bytes: Vec<u8>,
    segment: usize,
    body_at: usize,
    packet: Vec<u8>,
    /// The packet in `packet` lacks its beginning or goes on on the next page.
    open: bool,
    after_gap: bool,
    ended: bool,
    lost: u32,
}

impl<R: Read> Packets<R> {
    /// Packets from the first page on whose first packet is a Vorbis header, or of stream `serial` at once.
    pub(crate) fn new(window: Window<R>, serial: Option<u32>) -> Self {
        Self {
            pages: Pages::new(window),
            serial,
            page: None,
            page_bytes: Vec::with_capacity(PAGE_BYTES_MAX),
            segment: 0,
            body_at: 0,
            packet: Vec::new(),
            open: false,
            after_gap: false,
            ended: false,
            lost: 0,
        }
    }

    /// The stream that is followed.
    pub(crate) fn serial(&self) -> Option<u32> {
        self.serial
    }

    /// Where in the file the page behind the current one is looked for.
    pub(crate) fn next_page_offset(&self) -> u64 {
        self.pages.offset()
    }

    /// The packet that was delivered last.
    pub(crate) fn packet(&self) -> &[u8] {
        &self.packet
    }

    /// Moves on to the next packet of at most `bytes_max`; `None` at the end of the stream.
    pub(crate) fn next_packet(&mut self, bytes_max: usize) -> Result<Option<PacketInfo>> {
        if !self.open {
            self.packet.clear();
        }
        loop {
            let Some(page) = &self.page else {
                if !self.next_page()? {
                    return Ok(None);
                }
                continue;
            };
            let lengths = &self.page_bytes[PAGE_HEADER_BYTES..page.body_start];
            let Some(length) = lengths.get(self.segment).map(|length| usize::from(*length)) else {
                self.page = None;
                continue;
            };
            self.packet.extend_from_slice(&self.page_bytes[self.body_at..self.body_at + length]);
            self.body_at += length;
            self.segment += 1;
            self.open = length == 255;
            if self.packet.len() > bytes_max {
                return Err(Error::damaged(FORMAT, "one of its packets is far too large"));
            }
            if !self.open {
                let ends_page = lengths[self.segment..].iter().all(|length| *length == 255);
                return Ok(Some(PacketInfo {
                    granule: page.granule.filter(|_| ends_page),
                    ends_page,
                    stream_end: page.granule.filter(|_| page.is_last),
                    after_gap: std::mem::take(&mut self.after_gap),
                }));
            }
        }
    }

    fn next_page(&mut self) -> Result<bool> {
        loop {
            if self.ended {
                return Ok(false);
            }
            let Some((page, bytes)) = self.pages.next_page()? else { return Ok(false) };
            match self.serial {
                None if bytes[page.body_start..].starts_with(b"\x01vorbis") => self.serial = Some(page.serial),
                Some(serial) if serial == page.serial => {}
                _ => continue,
            }
            self.page_bytes.clear();
            self.page_bytes.extend_from_slice(bytes);
            self.ended = page.is_last;
            self.begin_page(page)?;
            return Ok(true);
        }
    }

    fn begin_page(&mut self, page: PageHeader) -> Result<()> {
        self.segment = 0;
        self.body_at = page.body_start;
        if page.is_continued != self.open {
            // Either the beginning of a packet is missing, or its end: what is left of it is skipped.
            self.packet.clear();
            self.lose()?;
            if page.is_continued {
                let lengths = &self.page_bytes[PAGE_HEADER_BYTES..page.body_start];
                let skipped = lengths.iter().position(|length| *length < 255).map_or(lengths.len(), |at| at + 1);
                self.body_at += lengths[..skipped].iter().map(|length| usize::from(*length)).sum::<usize>();
                self.segment = skipped;
            }
            self.open = false;
        }
        self.page = Some(page);
        Ok(())
    }

    fn lose(&mut self) -> Result<()> {
        self.after_gap = true;
        self.lost += 1;
        if self.lost > DAMAGED_PACKETS_MAX {
            return Err(Error::damaged(FORMAT, "too much of it is missing"));
        }
        Ok(())
    }
}

/// The three packets that a Vorbis stream begins with.
pub(crate) struct VorbisHeaders {
    pub(crate) identification: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    pub(crate) setup: Vec<u8>,
}

impl VorbisHeaders {
    /// Reads them from the front of `packets`.
    pub(crate) fn read<R: Read>(packets: &mut Packets<R>) -> Result<Self> {
        let mut headers = [Vec::new(), Vec::new(), Vec::new()];
        for (header, kind) in headers.iter_mut().zip([1, 3, 5]) {
            let info = packets.next_packet(OGG_HEADER_BYTES_MAX)?;
            let packet = packets.packet();
            let is_header = packet.first() == Some(&kind) && packet[1..].starts_with(b"vorbis");
            if info.is_none_or(|info| info.after_gap) || !is_header {
                return Err(Error::damaged(FORMAT, "its headers are missing or cut off"));
            }
            header.extend_from_slice(packet);
        }
        let [identification, comment, setup] = headers;
        Ok(Self { identification, comment, setup })
    }
}

/// A page's check sum, with the field that holds it taken as zero.
pub(crate) fn page_crc(page: &[u8]) -> u32 {
    let crc = crc32(0, &page[..22]);
    crc32(crc32(crc, &[0; 4]), &page[26..])
}

/// CRC-32 as Ogg has it: polynomial 0x04C11DB7, highest bit first, start 0, not inverted. Eight bytes at a time.
fn crc32(start: u32, bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let crc = chunks.iter().fold(start, |crc, c| {
        let [a, b, d, e] = crc.to_be_bytes();
        CRC32[7][usize::from(c[0] ^ a)]
            ^ CRC32[6][usize::from(c[1] ^ b)]
            ^ CRC32[5][usize::from(c[2] ^ d)]
            ^ CRC32[4][usize::from(c[3] ^ e)]
            ^ CRC32[3][usize::from(c[4])]
            ^ CRC32[2][usize::from(c[5])]
            ^ CRC32[1][usize::from(c[6])]
            ^ CRC32[0][usize::from(c[7])]
    });
    rest.iter().fold(crc, |crc, byte| crc << 8 ^ CRC32[0][usize::from((crc >> 24) as u8 ^ byte)])
}

static CRC32: [[u32; 256]; 8] = crc32_tables();

const fn crc32_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000_0000 != 0 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 };
            bit += 1;
        }
        tables[0][index] = crc;
        index += 1;
    }
    let mut power = 1;
    while power < 8 {
        let mut index = 0;
        while index < 256 {
            let before = tables[power - 1][index];
            tables[power][index] = before << 8 ^ tables[0][(before >> 24) as usize];
            index += 1;
        }
        power += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_sum_is_the_plain_polynomial_division() {
        let bytes: Vec<u8> = (0..77u32).map(|i| (i * 37 + 11) as u8).collect();
        let mut slow = 0u32;
        for byte in &bytes {
            slow ^= u32::from(*byte) << 24;
            for _ in 0..8 {
                slow = if slow & 0x8000_0000 != 0 { slow << 1 ^ 0x04C1_1DB7 } else { slow << 1 };
            }
        }
        assert_eq!(crc32(0, &bytes), slow);
    }
}
