//! Decoded packets of lossy formats into pixels.

use crate::Result;
use crate::peaks::extent::{extent_by, extent_of};
use crate::peaks::sums::{clip, clipped_sums_extent};
use crate::peaks::waveform::WaveformPixels;

/// Takes frames. Each channel is clipped before the channels are added, as they are where 16-bit samples are mixed.
pub(super) fn push(pixels: &mut WaveformPixels<f32>, planes: &[&[f32]]) -> Result<()> {
    let frames = planes.first().map_or(0, |plane| plane.len());
    pixels.push(frames, |part| match planes {
        [mono] => extent_of(&mono[part], clip),
        [left, right] => clipped_sums_extent(&left[part.clone()], &right[part]),
        _ => extent_by(part.len(), |at| planes.iter().map(|plane| clip(plane[part.start + at])).sum()),
    })
}
