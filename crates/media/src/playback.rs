//! The playback asset: a WAV file that the engine and the browser read instead of a compressed original.

use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::Path;

use crate::limits::{ASSET_BYTES_SMALL, ASSET_RATIO_MAX};
use crate::peaks::PyramidBuilder;
use crate::stream_info::{Codec, StreamInfo};
use crate::wav::{BitDepth, Writer};
use crate::{Decoder, Error, Metadata, Result};

/// What [`make_playback_asset`] found and made.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaybackAsset {
    /// Facts about the original, measured.
    pub metadata: Metadata,
    /// Whether a file was written. A WAV file with PCM needs none: it is its own asset.
    pub written: bool,
    /// The peaks pyramid of the sound, made on the way.
    pub pyramid: Vec<u8>,
}

/// Decodes `input` once, completely; makes its peaks; and, unless it is a WAV file already, writes it to `output` as one: 16 bits
/// for lossless audio of up to 16 bits and 24 bits for deeper (exactly the original's samples), 32-bit floating point for lossy audio.
///
/// At most `bytes_max` of samples are written, and no more than is plausible for a file of that size. `watch` is called with 0
/// to 1 after each block, and stops the work when it says so. On an error `output` is removed.
///
/// # Errors
/// [`Error::NoRoom`], [`Error::Implausible`], [`Error::Stopped`]; any other [`Error`]: see there.
pub fn make_playback_asset(
    input: &Path,
    output: &Path,
    bytes_max: u64,
    mut watch: impl FnMut(f32) -> ControlFlow<()>,
) -> Result<PlaybackAsset> {
    let mut decoder = Decoder::open(input)?;
    let info = decoder.info().clone();
    let mut pyramid = PyramidBuilder::new(info.sample_rate, info.channels)?;
    let Some(bit_depth) = asset_bit_depth(info.codec, info.bit_depth) else {
        while let Some(block) = decoder.next_block()? {
            pyramid.push(&block.slices())?;
            go_on(watch(decoder.progress()))?;
        }
        return Ok(PlaybackAsset {
            metadata: Metadata::new(&info, decoder.frames()),
            written: false,
            pyramid: pyramid.finish()?,
        });
    };
    let mut room = Room::new(&info, bit_depth, std::fs::metadata(input)?.len(), bytes_max)?;
    let written = write_asset(&mut decoder, &mut pyramid, output, bit_depth, &mut room, &mut watch);
    if let Err(error) = written {
        // Best effort: the error that matters is the one at hand.
        let _ = std::fs::remove_file(output);
        return Err(error);
    }
    Ok(PlaybackAsset { metadata: Metadata::new(&info, decoder.frames()), written: true, pyramid: pyramid.finish()? })
}

fn go_on(flow: ControlFlow<()>) -> Result<()> {
    if flow.is_break() { Err(Error::Stopped) } else { Ok(()) }
}

/// The room that an asset may still take.
struct Room {
    left: u64,
    frame_bytes: u64,
    /// What may be written in all, and whether that is the caller's limit or what is plausible.
    bytes_max: u64,
    is_plausible_max: bool,
}

impl Room {
    /// For the asset of a file of `file_bytes`. Refuses at once what its header announces, if that is too much already.
    fn new(info: &StreamInfo, bit_depth: BitDepth, file_bytes: u64, bytes_max: u64) -> Result<Self> {
        let plausible = file_bytes.saturating_mul(ASSET_RATIO_MAX).max(ASSET_BYTES_SMALL);
        let room = Self {
            left: plausible.min(bytes_max),
            frame_bytes: u64::from(info.channels) * bit_depth.bytes() as u64,
            bytes_max: plausible.min(bytes_max),
            is_plausible_max: plausible <= bytes_max,
        };
        let announced = info.declared_frames.unwrap_or(0).saturating_mul(room.frame_bytes);
        if announced > room.left { Err(room.refusal()) } else { Ok(room) }
    }

    fn take(&mut self, frames: usize) -> Result<()> {
        self.left = self.left.checked_sub(frames as u64 * self.frame_bytes).ok_or_else(|| self.refusal())?;
        Ok(())
    }

    fn refusal(&self) -> Error {
        let bytes_max = self.bytes_max;
        if self.is_plausible_max { Error::Implausible { bytes_max } } else { Error::NoRoom { bytes_max } }
    }
}

/// `None` for what needs no asset.
fn asset_bit_depth(codec: Codec, bit_depth: Option<u16>) -> Option<BitDepth> {
    match codec {
        Codec::Pcm | Codec::PcmFloat => None,
        Codec::Flac if bit_depth.is_some_and(|bits| bits <= 16) => Some(BitDepth::I16),
        Codec::Flac => Some(BitDepth::I24),
        Codec::Mp3 | Codec::Vorbis => Some(BitDepth::F32),
    }
}

fn write_asset(
    decoder: &mut Decoder,
    pyramid: &mut PyramidBuilder,
    output: &Path,
    bit_depth: BitDepth,
    room: &mut Room,
    watch: &mut dyn FnMut(f32) -> ControlFlow<()>,
) -> Result<()> {
    let info = decoder.info();
    let file = BufWriter::with_capacity(256 * 1024, File::create(output)?);
    let mut writer = Writer::new(file, info.sample_rate, info.channels, bit_depth, None)?;
    while let Some(block) = decoder.next_block()? {
        room.take(block.frames())?;
        writer.write_planar(&block.slices())?;
        pyramid.push(&block.slices())?;
        go_on(watch(decoder.progress()))?;
    }
    writer.finish()?.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    Ok(())
}
