//! Ogg Vorbis, decoded packet by packet and cut to what was encoded.

use std::io::{Read, Seek};
use std::ops::Range;

use symphonia::core::codecs::audio::well_known::CODEC_ID_VORBIS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::default::codecs::VorbisDecoder;

use super::guarded::{DecodedPacket, Guarded};
use super::vorbis_setup::{Identification, check_setup};
use crate::decode::{Block, Slices};
use crate::limits::DAMAGED_PACKETS_IN_A_ROW_MAX;
use crate::ogg::{PacketInfo, Packets, VorbisHeaders};
use crate::sniff::{Format, Found};
use crate::stream_info::{Codec, StreamInfo};
use crate::window::Window;
use crate::{Error, Result, vorbis_comment};

const FORMAT: &str = "Ogg Vorbis";
/// Largest packet of sound: far beyond what an encoder makes of 8,192 frames of 8 channels.
const PACKET_BYTES_MAX: usize = 1024 * 1024;

/// What a stream's headers tell.
pub(crate) struct VorbisStream {
    pub(crate) info: StreamInfo,
    pub(crate) serial: u32,
    /// Identification and setup header, one after the other, as symphonia wants them.
    decoder_setup: Box<[u8]>,
}

impl VorbisStream {
    /// Reads and checks the headers at the front of `packets`.
    pub(crate) fn read<R: Read>(packets: &mut Packets<R>) -> Result<Self> {
        let headers = VorbisHeaders::read(packets)?;
        let identification = Identification::parse(&headers.identification)?;
        check_setup(&headers.setup)?;
        let info = StreamInfo {
            format: Format::OggVorbis,
            codec: Codec::Vorbis,
            sample_rate: identification.sample_rate,
            channels: u16::from(identification.channels),
            bit_depth: None,
            declared_frames: None,
            tags: vorbis_comment::read_tags(&headers.comment[7..]),
        };
        let serial = packets.serial().ok_or(Error::damaged(FORMAT, "its headers are missing or cut off"))?;
        let decoder_setup = [headers.identification, headers.setup].concat().into_boxed_slice();
        Ok(Self { info, serial, decoder_setup })
    }
}

/// Packets decoded one after the other, nothing cut off yet.
pub(crate) struct VorbisPackets<R> {
    packets: Packets<R>,
    decoder: Guarded,
    undecodable_in_a_row: u32,
}

impl<R: Read> VorbisPackets<R> {
    /// Decodes what `packets` delivers.
    pub(crate) fn new(stream: &VorbisStream, packets: Packets<R>) -> Result<Self> {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(CODEC_ID_VORBIS).with_extra_data(stream.decoder_setup.clone());
        // "Gapless" makes the first packet yield nothing, as the specification has it.
        let options = AudioDecoderOptions::default().gapless(true);
        let decoder =
            Guarded::new(|| Ok(Box::new(VorbisDecoder::try_new(&parameters, &options)?) as Box<dyn AudioDecoder>))
                .ok_or(Error::damaged(FORMAT, "its setup header makes no sense"))?;
        Ok(Self { packets, decoder, undecodable_in_a_row: 0 })
    }

    /// Where in the file the next page is looked for.
    pub(crate) fn offset(&self) -> u64 {
        self.packets.next_page_offset()
    }

    /// Decodes the next packet and returns how many frames it holds, to be had from [`VorbisPackets::last`]; `None` at the end. A packet
    /// that cannot be decoded holds none.
    pub(crate) fn next_packet(&mut self) -> Result<Option<(PacketInfo, usize)>> {
        let Some(info) = self.packets.next_packet(PACKET_BYTES_MAX)? else { return Ok(None) };
        if info.after_gap {
            self.decoder.reset();
        }
        if self.decoder.decode(self.packets.packet()) {
            self.undecodable_in_a_row = 0;
            return Ok(Some((info, self.decoder.last().map_or(0, DecodedPacket::frames))));
        }
        self.undecodable_in_a_row += 1;
        if self.undecodable_in_a_row > DAMAGED_PACKETS_IN_A_ROW_MAX {
            return Err(Error::damaged(FORMAT, "too much of it cannot be decoded"));
        }
        Ok(Some((info, 0)))
    }

    /// Frames of the packet that was decoded last.
    pub(crate) fn last(&self, range: Range<usize>) -> Slices<'_> {
        self.decoder.last().map(|packet| packet.slices(range)).unwrap_or_default()
    }
}

/// Frames after which a stream that gives no position is taken to start at its first frame.
const FRAMES_WITHOUT_POSITION_MAX: u64 = 1 << 20;

/// How decoded frames are cut to the granule positions that pages carry.
///
/// The first position tells how many frames to drop at the start: those that were decoded up to there beyond what it counts. The last
/// page's tells where the sound ends. Until the first position is known, frames are held back.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cut {
    /// Decoded frames before position 0, once known; negative where the stream starts later.
    origin: Option<i64>,
    /// Frames decoded so far.
    decoded: u64,
}

impl Cut {
    /// Frames to drop at the start, once known.
    pub(crate) fn skip(&self) -> Option<u64> {
        self.origin.map(|origin| u64::try_from(origin).unwrap_or(0))
    }

    /// Gives up waiting for a position.
    pub(crate) fn settle(&mut self) {
        self.origin.get_or_insert(0);
    }

    /// Takes note of a packet of `frames`; returns how many of them lie behind the end of the sound.
    pub(crate) fn advance(&mut self, info: PacketInfo, frames: usize) -> usize {
        self.decoded += frames as u64;
        let decoded = self.decoded as i64;
        if let (None, Some(granule)) = (self.origin, info.granule) {
            // On a stream of one page the position tells the end, not the start.
            let is_last = info.stream_end.is_some();
            self.origin = Some(if is_last { 0 } else { decoded.saturating_sub_unsigned(granule) });
        }
        if self.decoded > FRAMES_WITHOUT_POSITION_MAX {
            self.settle();
        }
        let Some(end) = info.stream_end else { return 0 };
        let end = self.origin.unwrap_or(0).saturating_add_unsigned(end);
        usize::try_from(decoded.saturating_sub(end)).map_or(0, |behind| behind.min(frames))
    }
}

/// An Ogg Vorbis file, cut to what was encoded.
pub(crate) struct Vorbis<R> {
    packets: VorbisPackets<R>,
    cut: Cut,
    /// What was decoded before it was known how many frames to drop at the start.
    held: Block,
    settled: bool,
    /// Decoding ends with the page that ends at or behind this place in the file.
    stop_offset: u64,
    page_ended: bool,
}

impl<R: Read + Seek> Vorbis<R> {
    /// Opens the stream that was found.
    pub(crate) fn open(file: R, found: Found) -> Result<(Self, VorbisStream)> {
        let mut packets = Packets::new(Window::new(file, found.audio_offset)?, None);
        let stream = VorbisStream::read(&mut packets)?;
        let packets = VorbisPackets::new(&stream, packets)?;
        Ok((Self::with(&stream, packets), stream))
    }

    /// Resumes behind the page at `offset`, which at least two packets must end on: those are decoded, as each overlaps into the next. `origin` is what
    /// [`Vorbis::origin`] says of the whole stream. `None` when the page does not end at position `granule`.
    pub(crate) fn resume(
        file: R,
        stream: &VorbisStream,
        offset: u64,
        granule: u64,
        origin: i64,
    ) -> Result<Option<Self>> {
        let packets = Packets::new(Window::new(file, offset)?, Some(stream.serial));
        let mut packets = VorbisPackets::new(stream, packets)?;
        while let Some((info, _)) = packets.next_packet()? {
            if let Some(position) = info.granule {
                let decoded = origin.saturating_add_unsigned(granule);
                let cut = Cut { origin: Some(origin), decoded: u64::try_from(decoded).unwrap_or(0) };
                let resumed = Self { cut, settled: true, ..Self::with(stream, packets) };
                return Ok((position == granule).then_some(resumed));
            }
        }
        Ok(None)
    }

    fn with(stream: &VorbisStream, packets: VorbisPackets<R>) -> Self {
        let held = Block::new(usize::from(stream.info.channels));
        Self { packets, cut: Cut::default(), held, settled: false, stop_offset: u64::MAX, page_ended: false }
    }

    /// Ends with the page that ends at or behind `offset`.
    pub(crate) fn stop_at(&mut self, offset: u64) {
        self.stop_offset = offset;
    }

    /// Decoded frames before position 0, once the first position is known; negative where the stream starts later.
    pub(crate) fn origin(&self) -> Option<i64> {
        self.cut.origin
    }

    /// Where in the file decoding has come to.
    pub(crate) fn offset(&self) -> u64 {
        self.packets.offset()
    }

    /// Decodes the next frames, at least one; `None` at the end.
    pub(crate) fn next_slices(&mut self) -> Result<Option<Slices<'_>>> {
        if self.settled {
            self.held.clear();
        }
        while let Some((info, frames)) = self.next_packet()? {
            let frames = frames - self.cut.advance(info, frames);
            if self.settled {
                if frames > 0 {
                    return Ok(Some(self.packets.last(0..frames)));
                }
                continue;
            }
            self.held.append(&self.packets.last(0..frames));
            if self.settle() {
                return Ok(Some(self.held.slices()));
            }
        }
        // A file that ends before its first position.
        self.cut.settle();
        Ok(if !self.settled && self.settle() { Some(self.held.slices()) } else { None })
    }

    fn next_packet(&mut self) -> Result<Option<(PacketInfo, usize)>> {
        if self.page_ended && self.packets.offset() >= self.stop_offset {
            return Ok(None);
        }
        let packet = self.packets.next_packet()?;
        self.page_ended = packet.is_some_and(|(info, _)| info.ends_page);
        Ok(packet)
    }

    /// Once it is known how many frames to drop at the start, drops them; returns whether any are left to deliver.
    fn settle(&mut self) -> bool {
        let Some(skip) = self.cut.skip() else { return false };
        self.settled = true;
        self.held.drop_front(usize::try_from(skip).unwrap_or(usize::MAX));
        self.held.frames() > 0
    }
}
