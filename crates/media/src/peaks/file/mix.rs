//! Decoded packets of lossy formats into pixels.

use crate::Result;
use crate::peaks::extent::extent_by;
use crate::peaks::waveform::WaveformPixels;

/// Takes frames. Each channel is clipped before the channels are added, as they are where 16-bit samples are mixed.
pub(super) fn push(pixels: &mut WaveformPixels<f32>, planes: &[&[f32]]) -> Result<()> {
    let frames = planes.first().map_or(0, |plane| plane.len());
    pixels.push(frames, |part| match planes {
        [mono] => {
            let mono = &mono[part];
            extent_by(mono.len(), |at| clip(mono[at]))
        }
        [left, right] => {
            let (left, right) = (&left[part.clone()], &right[part]);
            let right = &right[..left.len()];
            extent_by(left.len(), |at| clip(left[at]) + clip(right[at]))
        }
        _ => extent_by(part.len(), |at| planes.iter().map(|plane| clip(plane[part.start + at])).sum()),
    })
}

#[inline(always)]
fn clip(sample: f32) -> f32 {
    let low = if sample > -1.0 { sample } else { -1.0 };
    if low < 1.0 { low } else { 1.0 }
}
