//! The sound of a file: its waveform, and its samples in chunks.

use media::decode::Source;
use media::peaks::PyramidBuilder;
use media::{Decoder, Result};

/// Frames in a chunk, as the audio thread wants them.
pub const CHUNK_FRAMES: usize = 65_536;

/// Decodes a file for its waveform: the pyramid's bytes.
///
/// # Errors
/// What is wrong with the file; the server will say the same.
pub fn waveform(file: impl Source + 'static) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(file)?;
    let mut builder = PyramidBuilder::new(decoder.info().sample_rate, decoder.info().channels)?;
    while let Some(block) = decoder.next_block()? {
        builder.push(&block.slices())?;
    }
    builder.finish()
}

/// A file's samples, a chunk at a time: the very ones that the server will make of it.
pub struct Samples {
    decoder: Decoder,
    /// Decoded and not given yet; one or two channels.
    planes: Vec<Vec<f32>>,
}

impl Samples {
    /// Opens a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(file: impl Source + 'static) -> Result<Self> {
        let decoder = Decoder::new(file)?;
        let planes = vec![Vec::new(); usize::from(decoder.info().channels.clamp(1, 2))];
        Ok(Self { decoder, planes })
    }

    /// The next chunk: [`CHUNK_FRAMES`] of the left channel and as many of the right one, if there is one; the last has fewer. None after it.
    ///
    /// # Errors
    /// What is wrong with the file from here on.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>> {
        while self.planes[0].len() < CHUNK_FRAMES {
            let Some(block) = self.decoder.next_block()? else { break };
            for (plane, samples) in self.planes.iter_mut().zip(block.slices().iter()) {
                plane.extend_from_slice(samples);
            }
        }
        let frames = self.planes[0].len().min(CHUNK_FRAMES);
        let chunk = self.planes.iter_mut().flat_map(|plane| plane.drain(..frames)).flat_map(f32::to_le_bytes).collect();
        Ok((frames > 0).then_some(chunk))
    }
}
