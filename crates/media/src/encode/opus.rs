//! Opus in Ogg (RFC 7845), by `rusty-opus`: 48 kHz, packets of 20 ms, a page a second.

use std::io::{Seek, Write};

use rusty_opus::{Application, OpusEncoder};

use super::ogg_pages::Pages;
use super::{Encoder, interleave, stereo};
use crate::labels::Labels;
use crate::{Error, Result, vorbis_comment};

/// Frames of a packet.
const PACKET_FRAMES: usize = 960;
/// Frames by which what is decoded is late, which players leave out at the beginning: the overlap of the transform. (libopus has 312, as its
/// encoder waits another 192 for modes that this rate never chooses.)
const PRE_SKIP: u16 = 120;
/// Packets of a page.
const PAGE_PACKETS: usize = 50;
/// Bytes of a packet of 20 ms at most (RFC 6716, section 3.4), with room to spare.
const PACKET_BYTES_MAX: usize = 4_000;
/// The stream's number. There is only one in the file, so it need not be another each time.
const SERIAL: u32 = 0x756e_6973;

pub(super) struct Writer<W> {
    file: W,
    encoder: OpusEncoder,
    pages: Pages,
    /// Frames that wait for a packet, interleaved.
    waiting: Vec<f32>,
    packet: Vec<u8>,
    page_packets: usize,
    /// Frames taken, and frames that have become packets.
    frames: u64,
    encoded: u64,
}

impl<W: Write + Seek> Writer<W> {
    pub(super) fn new(mut file: W, kbps: u32, labels: &Labels) -> Result<Self> {
        let mut encoder = OpusEncoder::new(48_000, 2, Application::Audio)
            .map_err(|_| Error::Option("the encoder for Opus could not be made"))?;
        encoder.bitrate_bps = (kbps * 1_000) as i32;
        encoder.complexity = 10;
        let mut pages = Pages::new(SERIAL);
        let mut head = b"OpusHead\x01\x02".to_vec();
        head.extend_from_slice(&PRE_SKIP.to_le_bytes());
        head.extend_from_slice(&48_000u32.to_le_bytes());
        head.extend_from_slice(&[0, 0, 0]);
        pages.put(&head);
        pages.write(&mut file, 0, false)?;
        pages.put(&[&b"OpusTags"[..], &vorbis_comment::write(labels)].concat());
        pages.write(&mut file, 0, false)?;
        Ok(Self {
            file,
            encoder,
            pages,
            waiting: Vec::with_capacity(4 * PACKET_FRAMES),
            packet: vec![0; PACKET_BYTES_MAX],
            page_packets: 0,
            frames: 0,
            encoded: 0,
        })
    }

    /// Makes packets of all that waits and is enough for one.
    fn encode(&mut self) -> Result<()> {
        let packets = self.waiting.len() / (2 * PACKET_FRAMES);
        for at in 0..packets {
            let samples = &self.waiting[at * 2 * PACKET_FRAMES..(at + 1) * 2 * PACKET_FRAMES];
            let bytes = self
                .encoder
                .encode(samples, PACKET_FRAMES, &mut self.packet)
                .map_err(|_| Error::Option("the encoder for Opus failed"))?;
            // A page is written when its successor begins: the last one must be known as such.
            if self.page_packets == PAGE_PACKETS || !self.pages.fits(&self.packet[..bytes]) {
                self.pages.write(&mut self.file, self.encoded, false)?;
                self.page_packets = 0;
            }
            self.pages.put(&self.packet[..bytes]);
            self.page_packets += 1;
            self.encoded += PACKET_FRAMES as u64;
        }
        self.waiting.drain(..packets * 2 * PACKET_FRAMES);
        Ok(())
    }
}

impl<W: Write + Seek> Encoder for Writer<W> {
    fn write(&mut self, planes: &[&[f32]]) -> Result<()> {
        let (left, right) = stereo(planes)?;
        self.frames += left.len() as u64;
        interleave(left, right, &mut self.waiting);
        self.encode()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        // Silence pushes out what is late and fills the last packet; the last page says where the sound really ends.
        let end = self.frames + u64::from(PRE_SKIP);
        let missing = end.div_ceil(PACKET_FRAMES as u64) * PACKET_FRAMES as u64 - self.frames;
        self.waiting.resize(self.waiting.len() + 2 * missing as usize, 0.0);
        self.encode()?;
        self.pages.write(&mut self.file, end, true)?;
        Ok(self.file.flush()?)
    }
}
