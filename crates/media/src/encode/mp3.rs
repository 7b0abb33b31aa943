//! MP3, by `rusty_mp3`: variable bit rate around an average, which is written as it comes; at 320 kb/s every frame is full.

use std::io::{Seek, SeekFrom, Write};

use rusty_mp3::{Mp3Encoder, Mp3EncoderConfig};

use super::{Encoder, id3, interleave, stereo};
use crate::labels::Labels;
use crate::{Error, Result};

/// From here on the rate is constant. Below, the encoder's constant rate would keep the whole file in memory.
const CONSTANT_KBPS: u32 = 320;

pub(super) struct Writer<W> {
    file: W,
    encoder: Mp3Encoder,
    sample_rate: u32,
    /// Where the first frame begins, which tells the length and is written again in the end.
    first_frame: u64,
    interleaved: Vec<f32>,
}

impl<W: Write + Seek> Writer<W> {
    pub(super) fn new(mut file: W, sample_rate: u32, kbps: u32, labels: &Labels) -> Result<Self> {
        let constant = kbps >= CONSTANT_KBPS;
        let config = Mp3EncoderConfig { bitrate_kbps: kbps, vbr_quality: (!constant).then_some(kbps as f32) };
        file.write_all(&id3::tag(labels))?;
        let first_frame = file.stream_position()?;
        let mut encoder = Mp3Encoder::new(config);
        // The rate is refused here, and not when the sound comes.
        encoder
            .push_pcm_f32(&[], 2, sample_rate)
            .map_err(|_| Error::Option("MP3 files do not have this sample rate"))?;
        Ok(Self { file, encoder, sample_rate, first_frame, interleaved: Vec::new() })
    }

    fn drain(&mut self) -> Result<()> {
        // What ends the loop is that there is no further frame yet, or never.
        while let Ok(frame) = self.encoder.next_packet() {
            self.file.write_all(&frame)?;
        }
        Ok(())
    }
}

impl<W: Write + Seek> Encoder for Writer<W> {
    fn write(&mut self, planes: &[&[f32]]) -> Result<()> {
        let (left, right) = stereo(planes)?;
        self.interleaved.clear();
        interleave(left, right, &mut self.interleaved);
        self.encoder
            .push_pcm_f32(&self.interleaved, 2, self.sample_rate)
            .map_err(|_| Error::Option("MP3 files do not have this sample rate"))?;
        self.drain()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.encoder.finish();
        self.drain()?;
        if let Some(first) = self.encoder.lame_tag_frame() {
            self.file.seek(SeekFrom::Start(self.first_frame))?;
            self.file.write_all(first)?;
        }
        self.file.seek(SeekFrom::End(0))?;
        Ok(self.file.flush()?)
    }
}
