//! Vorbis in Ogg, by libvorbis (`vorbis_rs`, which brings the C source): natively only.

use std::io::Write;
use std::num::{NonZeroU8, NonZeroU32};

use vorbis_rs::{VorbisBitrateManagementStrategy, VorbisEncoder, VorbisEncoderBuilder, VorbisError};

use super::{Encoder, stereo};
use crate::labels::Labels;
use crate::{Error, Result};

/// The stream's number. There is only one in the file, so it need not be another each time.
const SERIAL: i32 = 0x756e_6973;

pub(super) struct Writer<W: Write> {
    encoder: VorbisEncoder<W>,
    planes: [Vec<f32>; 2],
}

impl<W: Write> Writer<W> {
    pub(super) fn new(file: W, sample_rate: u32, kbps: u32, labels: &Labels) -> Result<Self> {
        let wrong = Error::Option("Ogg Vorbis files do not have this sample rate and bit rate");
        let Some(rate) = NonZeroU32::new(sample_rate) else { return Err(wrong) };
        let mut builder = VorbisEncoderBuilder::new_with_serial(rate, NonZeroU8::MIN.saturating_add(1), file, SERIAL);
        builder
            .bitrate_management_strategy(VorbisBitrateManagementStrategy::QualityVbr { target_quality: quality(kbps) });
        builder.comment_tags(labels.fields()).map_err(failed)?;
        let encoder = builder.build().map_err(|error| match error {
            VorbisError::LibraryError(_) => wrong,
            other => failed(other),
        })?;
        Ok(Self { encoder, planes: [Vec::new(), Vec::new()] })
    }
}

impl<W: Write> Encoder for Writer<W> {
    fn write(&mut self, planes: &[&[f32]]) -> Result<()> {
        let (left, right) = stereo(planes)?;
        for (plane, from) in self.planes.iter_mut().zip([left, right]) {
            plane.clear();
            // The library's search has no end for what is no number, and none in sight for what is enormous.
            plane.extend(from.iter().map(|x| if x.is_finite() { x.clamp(-16.0, 16.0) } else { 0.0 }));
        }
        self.encoder.encode_audio_block(&self.planes).map_err(failed)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.encoder.finish().map_err(failed)?.flush()?)
    }
}

/// The quality, in tenths, at which stereo at 44.1 kHz has so many kilobits a second on average, as the encoder's authors give it.
fn quality(kbps: u32) -> f32 {
    const KBPS: [u32; 11] = [64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 480];
    let above = KBPS.iter().position(|at| *at >= kbps).unwrap_or(KBPS.len() - 1).max(1);
    let (low, high) = (KBPS[above - 1] as f32, KBPS[above] as f32);
    ((above - 1) as f32 + ((kbps as f32 - low) / (high - low)).clamp(0.0, 1.0)) / 10.0
}

fn failed(error: VorbisError) -> Error {
    match error {
        VorbisError::Io(error) => Error::Io(error),
        _ => Error::Option("the encoder for Ogg Vorbis failed"),
    }
}
