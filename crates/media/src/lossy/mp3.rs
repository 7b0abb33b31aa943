//! MP3, decoded packet by packet and cut to what was encoded.

use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nanomp3_core::{Decoder, MAX_SAMPLES_PER_FRAME};

use super::mp3_frames::Mp3Frames;
use crate::decode::Block;
use crate::limits::{DAMAGED_PACKETS_IN_A_ROW_MAX, SNIFF_BYTES};
use crate::mpeg::{FrameHeader, Gapless, InfoFrame, info_frame};
use crate::sniff::{Format, Found};
use crate::stream_info::{Codec, StreamInfo};
use crate::wav::read_up_to;
use crate::window::Window;
use crate::{Error, Result, id3};

const FORMAT: &str = "MP3";

/// MPEG frames decoded one after the other, nothing cut off yet.
pub(crate) struct Mp3Packets<R> {
    frames: Mp3Frames<R>,
    decoder: Box<Decoder>,
    /// A panic in the decoder was caught; nothing more is decoded.
    broken: bool,
    interleaved: Box<[f32; MAX_SAMPLES_PER_FRAME]>,
    block: Block,
    undecodable_in_a_row: u32,
}

impl<R: Read> Mp3Packets<R> {
    /// Decodes what `frames` delivers, which is of so many `channels`.
    pub(crate) fn new(frames: Mp3Frames<R>, channels: u16) -> Self {
        Self {
            frames,
            decoder: Box::new(Decoder::new()),
            broken: false,
            interleaved: Box::new([0.0; MAX_SAMPLES_PER_FRAME]),
            block: Block::new(usize::from(channels)),
            undecodable_in_a_row: 0,
        }
    }

    /// Where in the file the frame that was decoded last ends.
    pub(crate) fn offset(&self) -> u64 {
        self.frames.offset()
    }

    /// Decodes the next frame that can be decoded; `None` at the end. Frames whose beginning lies in frames that are not here
    /// (the first ones of a file cut from another) yield nothing.
    pub(crate) fn next_packet(&mut self) -> Result<Option<&Block>> {
        while let Some(is_sound) = self.step()? {
            if is_sound {
                self.undecodable_in_a_row = 0;
                return Ok(Some(&self.block));
            }
            self.undecodable_in_a_row += 1;
            if self.undecodable_in_a_row > DAMAGED_PACKETS_IN_A_ROW_MAX {
                return Err(Error::damaged(FORMAT, "too much of it cannot be decoded"));
            }
        }
        Ok(None)
    }

    /// Decodes frames up to `offset` without delivering them, so that what follows comes out as if decoding had begun earlier.
    pub(crate) fn warm_up(&mut self, offset: u64) -> Result<()> {
        while self.offset() < offset && self.step()?.is_some() {}
        Ok(())
    }

    /// Decodes one frame into the block; whether it is sound, and `None` at the end.
    fn step(&mut self) -> Result<Option<bool>> {
        if self.frames.next_frame()?.is_none() {
            return Ok(None);
        }
        let (decoder, frame, out) = (&mut *self.decoder, self.frames.frame(), &mut self.interleaved[..]);
        if self.broken {
            return Ok(Some(false));
        }
        // Hostile files are the decoder's as much as ours: should it panic, that is this file's end and not the program's.
        let Ok((_, decoded)) = catch_unwind(AssertUnwindSafe(move || decoder.decode(frame, out))) else {
            self.broken = true;
            return Ok(Some(false));
        };
        Ok(Some(decoded.is_ok_and(|info| {
            self.block.fill_interleaved(&self.interleaved[..], usize::from(info.channels.num()), info.samples_produced);
            info.samples_produced > 0
        })))
    }
}

/// Furthest back that a frame's main data can begin, in bytes.
pub(crate) const RESERVOIR_BYTES_MAX: usize = 511;

/// An MP3 file, cut to what was encoded where its first frame tells.
pub(crate) struct Mp3<R> {
    packets: Mp3Packets<R>,
    /// Frames still to drop at the start.
    skip: usize,
    /// Frames to drop at the end, which are held back until more come.
    padding: usize,
    held: Block,
}

/// What the first frames of an MP3 file tell.
#[derive(Debug, Clone)]
pub(crate) struct Mp3Start {
    pub(crate) header: FrameHeader,
    pub(crate) gapless: Gapless,
    /// Where in the file the first frame with sound is.
    pub(crate) offset: u64,
    pub(crate) info: StreamInfo,
}

impl Mp3Start {
    /// Reads them.
    pub(crate) fn read<R: Read + Seek>(file: &mut R, found: Found) -> Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut prefix = vec![0; SNIFF_BYTES];
        let filled = read_up_to(file, &mut prefix)?;
        let tags = id3::read_tags(&prefix[..filled]);
        let mut frames = Mp3Frames::new(Window::new(file, found.audio_offset)?, None);
        let header = frames.next_frame()?.ok_or(Error::NoSound { format: "an MP3" })?;
        let first = info_frame(frames.frame(), header);
        let offset = if first.is_some() { frames.offset() } else { frames.offset() - header.bytes as u64 };
        let InfoFrame { mpeg_frames, gapless } = first.unwrap_or_default();
        let gapless = gapless.unwrap_or_default();
        let declared_frames = mpeg_frames.map(|count| {
            (u64::from(count) * header.frames() as u64).saturating_sub(u64::from(gapless.delay + gapless.padding))
        });
        let info = StreamInfo {
            format: Format::Mp3,
            codec: Codec::Mp3,
            sample_rate: header.sample_rate,
            channels: header.channels,
            bit_depth: None,
            declared_frames,
            tags,
        };
        Ok(Self { header, gapless, offset, info })
    }
}

impl<R: Read + Seek> Mp3<R> {
    /// Opens the MP3 stream that was found.
    pub(crate) fn open(mut file: R, found: Found) -> Result<(Self, StreamInfo)> {
        let start = Mp3Start::read(&mut file, found)?;
        let frames = Mp3Frames::new(Window::new(file, start.offset)?, Some(start.header));
        let packets = Mp3Packets::new(frames, start.info.channels);
        let held = Block::new(usize::from(start.info.channels));
        let (skip, padding) = (start.gapless.delay as usize, start.gapless.padding as usize);
        Ok((Self { packets, skip, padding, held }, start.info))
    }

    /// Where in the file decoding has come to.
    pub(crate) fn offset(&self) -> u64 {
        self.packets.offset()
    }

    /// Decodes into `block`; `false` at the end.
    pub(crate) fn next_block(&mut self, block: &mut Block) -> Result<bool> {
        while let Some(packet) = self.packets.next_packet()? {
            let skipped = self.skip.min(packet.frames());
            self.skip -= skipped;
            self.held.append(&packet.slices_of(skipped..packet.frames()));
            if self.held.frames() > self.padding {
                let count = self.held.frames() - self.padding;
                block.take_front(&mut self.held, count);
                return Ok(true);
            }
        }
        Ok(false)
    }
}
