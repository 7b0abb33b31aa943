//! Minimum and maximum of runs of samples: the loops that everything else waits for.
//!
//! Each keeps eight lanes, which the compiler turns into vectors. Comparisons with NaN are false, so NaNs are passed over.

use crate::decode::Slices;

const LANES: usize = 8;

/// A minimum and a maximum; `min > max` means that there was nothing to look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extent<V> {
    pub(crate) min: V,
    pub(crate) max: V,
}

/// What an [`Extent`] can be of.
pub(crate) trait Value: Copy + PartialOrd {
    /// The extent of nothing.
    const NOTHING: Extent<Self>;
}

impl Value for f32 {
    const NOTHING: Extent<Self> = Extent { min: f32::INFINITY, max: f32::NEG_INFINITY };
}

impl Value for i32 {
    const NOTHING: Extent<Self> = Extent { min: i32::MAX, max: i32::MIN };
}

impl<V: Value> Extent<V> {
    /// Widens so as to hold `value`.
    #[inline(always)]
    pub(crate) fn add(&mut self, value: V) {
        self.min = if value < self.min { value } else { self.min };
        self.max = if value > self.max { value } else { self.max };
    }

    /// Widens so as to hold `other`.
    pub(crate) fn join(&mut self, other: Self) {
        self.min = if other.min < self.min { other.min } else { self.min };
        self.max = if other.max > self.max { other.max } else { self.max };
    }

    /// Whether nothing was looked at, or nothing but NaNs.
    pub(crate) fn is_nothing(&self) -> bool {
        self.min > self.max
    }
}

/// Extent of `count` values, the i-th of which is `value(i)`.
#[inline(always)]
pub(crate) fn extent_by<V: Value>(count: usize, value: impl Fn(usize) -> V) -> Extent<V> {
    let mut lanes = [V::NOTHING; LANES];
    let whole = count - count % LANES;
    for at in (0..whole).step_by(LANES) {
        for (lane, extent) in lanes.iter_mut().enumerate() {
            extent.add(value(at + lane));
        }
    }
    let mut all = lanes.into_iter().fold(V::NOTHING, |mut all, lane| {
        all.join(lane);
        all
    });
    (whole..count).for_each(|at| all.add(value(at)));
    all
}

/// Extent of the mono mix: channels added in order, divided by their number.
pub(crate) fn mix_extent(planes: &[&[f32]]) -> Extent<f32> {
    match planes {
        [] => f32::NOTHING,
        [mono] => extent_by(mono.len(), |at| mono[at]),
        [left, right] => {
            let right = &right[..left.len()];
            extent_by(left.len(), |at| (left[at] + right[at]) * 0.5)
        }
        _ => {
            let channels = planes.len() as f32;
            extent_by(planes[0].len(), |at| planes.iter().map(|plane| plane[at]).fold(0.0, |sum, x| sum + x) / channels)
        }
    }
}

/// Extent of left + right of 16-bit stereo frames as stored, little-endian.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn stereo_i16_extent(frames: &[[u8; 4]]) -> Extent<i32> {
    plain_stereo_i16_extent(frames)
}

fn plain_stereo_i16_extent(frames: &[[u8; 4]]) -> Extent<i32> {
    extent_by(frames.len(), |at| {
        let [a, b, c, d] = frames[at];
        i32::from(i16::from_le_bytes([a, b])) + i32::from(i16::from_le_bytes([c, d]))
    })
}

/// Extent of left + right of 16-bit stereo frames as stored, little-endian.
#[cfg(target_arch = "x86_64")]
pub(crate) fn stereo_i16_extent(frames: &[[u8; 4]]) -> Extent<i32> {
    #[allow(unsafe_code, reason = "the compiler wants to be told that every x86-64 processor has SSE2")]
    // SAFETY: SSE2 is part of x86-64.
    unsafe {
        sse2_stereo_i16_extent(frames)
    }
}

/// One instruction adds the pairs; sums of 17 bits are exact as floats, whose minimum and maximum SSE2 has instructions for and those of integers it
/// has not.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn sse2_stereo_i16_extent(frames: &[[u8; 4]]) -> Extent<i32> {
    use std::arch::x86_64::*;
    let (blocks, rest) = frames.as_chunks::<8>();
    let mut all = plain_stereo_i16_extent(rest);
    if blocks.is_empty() {
        return all;
    }
    let word = |block: &[[u8; 4]; 8], at: usize| {
        let [[a, b, c, d], [e, f, g, h]] = [block[at], block[at + 1]];
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    };
    let ones = _mm_set1_epi16(1);
    let sums = |block: &[[u8; 4]; 8], at: usize| {
        let samples = _mm_set_epi64x(word(block, at + 2), word(block, at));
        _mm_cvtepi32_ps(_mm_madd_epi16(samples, ones))
    };
    let nothing = (_mm_set1_ps(f32::INFINITY), _mm_set1_ps(f32::NEG_INFINITY));
    let (mut low, mut high) = ([nothing.0; 2], [nothing.1; 2]);
    for block in blocks {
        for half in 0..2 {
            let sums = sums(block, half * 4);
            low[half] = _mm_min_ps(low[half], sums);
            high[half] = _mm_max_ps(high[half], sums);
        }
    }
    all.join(Extent { min: lowest(_mm_min_ps(low[0], low[1])), max: -lowest(negated(_mm_max_ps(high[0], high[1]))) });
    all
}

/// The least of four whole numbers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn lowest(values: std::arch::x86_64::__m128) -> i32 {
    use std::arch::x86_64::*;
    let pairs = _mm_min_ps(values, _mm_movehl_ps(values, values));
    _mm_cvttss_si32(_mm_min_ss(pairs, _mm_shuffle_ps::<1>(pairs, pairs)))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn negated(values: std::arch::x86_64::__m128) -> std::arch::x86_64::__m128 {
    use std::arch::x86_64::*;
    _mm_sub_ps(_mm_setzero_ps(), values)
}

/// Minimum and maximum of the mono mix for each of `out.len()` pixels, `frames_per_pixel` wide, from frame `start` on; (0, 0) outside of the sound.
///
/// For zooms closer than a pyramid goes, from samples in memory: a pixel narrower than a frame shows the frame it lies in.
pub fn samples_extent(planes: &[&[f32]], start: f64, frames_per_pixel: f64, out: &mut [(f32, f32)]) {
    let frames = planes.iter().map(|plane| plane.len()).min().unwrap_or(0);
    for (pixel, pair) in out.iter_mut().enumerate() {
        let from = (start + pixel as f64 * frames_per_pixel).floor();
        let to = (start + (pixel + 1) as f64 * frames_per_pixel).ceil();
        // `as` saturates: what lies before the start becomes 0.
        let (first, last) = (from as usize, (to as usize).min(frames));
        *pair = (0.0, 0.0);
        if to > 0.0 && first < last {
            let extent = mix_extent(&Slices::new(planes.iter().map(|plane| &plane[first..last])));
            if !extent.is_nothing() {
                *pair = (extent.min, extent.max);
            }
        }
    }
}
