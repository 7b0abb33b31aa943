//! From floating point to the integers that files store.

use dsp::dither::Dither;

/// The noise of a file: none without a seed, else one for each pair of channels; channels 2 and 3 have the next seed, and so on (EN16).
pub(crate) fn dithers(seed: Option<u32>, channels: u16) -> Vec<Dither> {
    let pairs = seed.map_or(0, |_| channels.div_ceil(2));
    (0..pairs).map(|pair| Dither::new(seed.unwrap_or(0).wrapping_add(u32::from(pair)))).collect()
}

/// Fills `quantised` with the dithered frames of `range`, the first of which is `first_frame` in the whole file.
pub(crate) fn quantise(
    planes: &[&[f32]],
    range: std::ops::Range<usize>,
    first_frame: u64,
    dither: &[Dither],
    quantised: &mut Vec<i16>,
) {
    quantised.resize(range.len() * planes.len(), 0);
    if let ([left, right], [dither]) = (planes, dither) {
        return dither.stereo_16(&left[range.clone()], &right[range], first_frame, quantised);
    }
    for ((frame, samples), n) in range.zip(quantised.chunks_exact_mut(planes.len())).zip(first_frame..) {
        for ((channel, sample), plane) in samples.iter_mut().enumerate().zip(planes) {
            *sample = dither[channel / 2].sample_16(plane[frame], n, (channel % 2) as u32);
        }
    }
}

/// To nearest, ties to even, clipped; what is not a number is silence. Adding 1.5·2^23 leaves an f32 no bits after the point, which every
/// vector unit does at once, unlike `round_ties_even`.
#[inline(always)]
pub(crate) fn to_i16(x: f32) -> i16 {
    const MAGIC: f32 = 12_582_912.0;
    let steps = if x.is_nan() { 0.0 } else { x * 32_768.0 };
    let above = if steps > -32_768.0 { steps } else { -32_768.0 };
    let clipped = if above < 32_767.0 { above } else { 32_767.0 };
    ((clipped + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32) as i16
}

pub(crate) fn to_i24(x: f32) -> i32 {
    ((x * 8_388_608.0).round_ties_even() as i32).clamp(-8_388_608, 8_388_607)
}
