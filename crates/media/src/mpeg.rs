//! MPEG audio frames: headers, finding the stream, the gapless information in the first frame.
//!
//! Sources: ISO/IEC 11172-3 and 13818-3 (frame header), "Mp3 info tag revision 1" (LAME extension).

/// Bytes of a frame's header.
pub(crate) const HEADER_BYTES: usize = 4;
/// Largest frame: 320 kbit/s (layer III) at 32 kHz, or layer II's 384, or layer I's 448; with padding.
pub(crate) const FRAME_BYTES_MAX: usize = 2_880;
/// The decoder's own delay in frames, which encoders' figures leave out.
const DECODER_DELAY: u32 = 529;

const BITRATES: [[u16; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448], // MPEG 1 layer I
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],    // MPEG 1 layer II
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],     // MPEG 1 layer III
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],    // MPEG 2 layer I
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],         // MPEG 2 layers II and III
];

/// One frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// 1, 2 or 3.
    pub(crate) layer: u8,
    /// Whether this is MPEG 1, as opposed to 2 and 2.5 with half the frames per frame.
    pub(crate) is_mpeg_1: bool,
    pub(crate) has_crc: bool,
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
    /// Bytes from this header to the next.
    pub(crate) bytes: usize,
}

impl FrameHeader {
    /// Parses four bytes; `None` when they are no header, or one of "free format", which nothing writes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, d] = *bytes.first_chunk::<HEADER_BYTES>()?;
        if a != 0xFF || b & 0xE0 != 0xE0 {
            return None;
        }
        let (version, layer) = (b >> 3 & 3, 4 - (b >> 1 & 3));
        let (bitrate_index, rate_index) = (usize::from(c >> 4), usize::from(c >> 2 & 3));
        if version == 1 || layer == 4 || bitrate_index == 0 || bitrate_index == 15 || rate_index == 3 || d & 3 == 2 {
            return None;
        }
        let is_mpeg_1 = version == 3;
        let table = match (is_mpeg_1, layer) {
            (true, layer) => usize::from(layer) - 1,
            (false, 1) => 3,
            (false, _) => 4,
        };
        let bitrate = u32::from(BITRATES[table][bitrate_index]) * 1000;
        let divisor = match version {
            3 => 1,
            2 => 2,
            _ => 4,
        };
        let sample_rate = [44_100, 48_000, 32_000][rate_index] / divisor;
        let padding = u32::from(c >> 1 & 1);
        let bytes = match (layer, is_mpeg_1) {
            (1, _) => (12 * bitrate / sample_rate + padding) * 4,
            (3, false) => 72 * bitrate / sample_rate + padding,
            _ => 144 * bitrate / sample_rate + padding,
        } as usize;
        let channels = if d >> 6 == 3 { 1 } else { 2 };
        Some(Self { layer, is_mpeg_1, has_crc: b & 1 == 0, sample_rate, channels, bytes })
    }

    /// Frames (samples per channel) that this MPEG frame decodes to.
    pub(crate) fn frames(self) -> usize {
        match (self.layer, self.is_mpeg_1) {
            (1, _) => 384,
            (3, false) => 576,
            _ => 1152,
        }
    }

    /// Whether a frame with this header may follow one with `other`.
    pub(crate) fn fits(self, other: Self) -> bool {
        (self.layer, self.is_mpeg_1, self.sample_rate, self.channels)
            == (other.layer, other.is_mpeg_1, other.sample_rate, other.channels)
    }

    /// Bytes that a frame of layer III adds to the reservoir of main data.
    pub(crate) fn main_data_bytes(self) -> usize {
        self.bytes.saturating_sub(self.side_end())
    }

    /// Bytes of header, CRC and side information, behind which layer III's main data begins.
    pub(crate) fn side_end(self) -> usize {
        let side = match (self.is_mpeg_1, self.channels) {
            (true, 1) => 17,
            (true, _) => 32,
            (false, 1) => 9,
            (false, _) => 17,
        };
        HEADER_BYTES + if self.has_crc { 2 } else { 0 } + side
    }
}

/// A stream that was found in the midst of other bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundStream {
    pub(crate) offset: usize,
    pub(crate) header: FrameHeader,
}

/// Finds the first place where at least three frames follow upon each other, or fewer that end exactly where `bytes` do.
pub(crate) fn find_stream(bytes: &[u8]) -> Option<FoundStream> {
    let last = bytes.len().checked_sub(HEADER_BYTES)?;
    (0..=last).filter(|offset| bytes[*offset] == 0xFF).find_map(|offset| {
        let header = FrameHeader::parse(&bytes[offset..])?;
        is_chain(bytes, offset, header).then_some(FoundStream { offset, header })
    })
}

fn is_chain(bytes: &[u8], offset: usize, first: FrameHeader) -> bool {
    let mut next = offset + first.bytes;
    for _ in 0..2 {
        if next == bytes.len() {
            return true;
        }
        match bytes.get(next..).and_then(FrameHeader::parse) {
            Some(header) if header.fits(first) => next += header.bytes,
            // A tag at the end ("TAG", "APETAGEX") ends the stream as well.
            _ => {
                return bytes.get(next..).is_some_and(|rest| rest.starts_with(b"TAG") || rest.starts_with(b"APETAGEX"));
            }
        }
    }
    true
}

/// What an encoder added before and after the sound, in frames, the decoder's delay included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Gapless {
    pub(crate) delay: u32,
    pub(crate) padding: u32,
}

/// The information frame that encoders put first; it holds no sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct InfoFrame {
    pub(crate) mpeg_frames: Option<u32>,
    pub(crate) gapless: Option<Gapless>,
}

/// Parses `frame` as an information frame ("Xing", "Info", "VBRI"); `None` when it is an ordinary one.
pub(crate) fn info_frame(frame: &[u8], header: FrameHeader) -> Option<InfoFrame> {
    if frame.get(HEADER_BYTES + 32..)?.starts_with(b"VBRI") {
        return Some(InfoFrame { mpeg_frames: be_u32(frame, HEADER_BYTES + 32 + 14), gapless: None });
    }
    // The tag ignores a CRC: it stands where the side information would end without one. Some writers count it.
    let without_crc = header.side_end() - if header.has_crc { 2 } else { 0 };
    let tag = [without_crc, header.side_end()].into_iter().filter_map(|at| frame.get(at..));
    let tag = tag.into_iter().find(|tag| tag.starts_with(b"Xing") || tag.starts_with(b"Info"))?;
    let flags = be_u32(tag, 4)?;
    let mpeg_frames = if flags & 1 != 0 { be_u32(tag, 8) } else { None };
    Some(InfoFrame { mpeg_frames, gapless: lame_gapless(tag) })
}

/// The delays in LAME's extension, 120 bytes after the tag's start (all four optional fields are always there then).
fn lame_gapless(tag: &[u8]) -> Option<Gapless> {
    let extension = tag.get(120..144)?;
    if !extension.starts_with(b"LAME") && !extension.starts_with(b"Lavc") && !extension.starts_with(b"Lavf") {
        return None;
    }
    let bits = u32::from(extension[21]) << 16 | u32::from(extension[22]) << 8 | u32::from(extension[23]);
    let (delay, padding) = (bits >> 12, bits & 0xFFF);
    Some(Gapless { delay: delay + DECODER_DELAY, padding: padding.saturating_sub(DECODER_DELAY) })
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
