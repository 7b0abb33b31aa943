//! The playback asset: a WAV file that the engine and the browser read instead of a compressed original.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use crate::peaks::PyramidBuilder;
use crate::stream_info::Codec;
use crate::wav::{BitDepth, Writer};
use crate::{Decoder, Metadata, Result};

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
/// `progress` is called with 0 to 1 now and then. On an error `output` is removed.
///
/// # Errors
/// Any [`Error`](crate::Error): see there.
pub fn make_playback_asset(input: &Path, output: &Path, mut progress: impl FnMut(f32)) -> Result<PlaybackAsset> {
    let mut decoder = Decoder::open(input)?;
    let info = decoder.info().clone();
    let mut pyramid = PyramidBuilder::new(info.sample_rate, info.channels)?;
    let Some(bit_depth) = asset_bit_depth(info.codec, info.bit_depth) else {
        while let Some(block) = decoder.next_block()? {
            pyramid.push(&block.slices())?;
            progress(decoder.progress());
        }
        return Ok(PlaybackAsset {
            metadata: Metadata::new(&info, decoder.frames()),
            written: false,
            pyramid: pyramid.finish()?,
        });
    };
    let written = write_asset(&mut decoder, &mut pyramid, output, bit_depth, &mut progress);
    if let Err(error) = written {
        // Best effort: the error that matters is the one at hand.
        let _ = std::fs::remove_file(output);
        return Err(error);
    }
    Ok(PlaybackAsset { metadata: Metadata::new(&info, decoder.frames()), written: true, pyramid: pyramid.finish()? })
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
    progress: &mut dyn FnMut(f32),
) -> Result<()> {
    let info = decoder.info();
    let file = BufWriter::with_capacity(256 * 1024, File::create(output)?);
    let mut writer = Writer::new(file, info.sample_rate, info.channels, bit_depth, None)?;
    while let Some(block) = decoder.next_block()? {
        writer.write_planar(&block.slices())?;
        pyramid.push(&block.slices())?;
        progress(decoder.progress());
    }
    writer.finish()?.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    Ok(())
}
