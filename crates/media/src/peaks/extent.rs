//! Minimum and maximum of runs of samples: the loops that everything else waits for.
//!
//! Each keeps eight lanes, which the compiler turns into vectors. Comparisons with NaN are false, so NaNs are passed over.

use super::sums::sums_extent;
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

/// Lanes of minima and of maxima, apart, so that each is a vector.
struct Lanes<V> {
    min: [V; LANES],
    max: [V; LANES],
}

impl<V: Value> Lanes<V> {
    const NOTHING: Self = Self { min: [V::NOTHING.min; LANES], max: [V::NOTHING.max; LANES] };

    #[inline(always)]
    fn add(&mut self, values: [V; LANES]) {
        for (min, value) in self.min.iter_mut().zip(values) {
            *min = if value < *min { value } else { *min };
        }
        for (max, value) in self.max.iter_mut().zip(values) {
            *max = if value > *max { value } else { *max };
        }
    }

    #[inline(always)]
    fn join(self) -> Extent<V> {
        self.min.into_iter().zip(self.max).fold(V::NOTHING, |mut all, (min, max)| {
            all.join(Extent { min, max });
            all
        })
    }
}

/// Extent of `count` values, the i-th of which is `value(i)`.
#[inline(always)]
pub(crate) fn extent_by<V: Value>(count: usize, value: impl Fn(usize) -> V) -> Extent<V> {
    let mut lanes = Lanes::NOTHING;
    let whole = count - count % LANES;
    for at in (0..whole).step_by(LANES) {
        lanes.add(std::array::from_fn(|lane| value(at + lane)));
    }
    let mut all = lanes.join();
    (whole..count).for_each(|at| all.add(value(at)));
    all
}

/// Extent of one channel's values.
#[inline(always)]
pub(crate) fn extent_of<S: Copy, V: Value>(samples: &[S], value: impl Fn(S) -> V) -> Extent<V> {
    let (blocks, rest) = samples.as_chunks::<LANES>();
    let mut lanes = Lanes::NOTHING;
    blocks.iter().for_each(|block| lanes.add(block.map(&value)));
    let mut all = lanes.join();
    rest.iter().for_each(|sample| all.add(value(*sample)));
    all
}

/// Extent of what two channels, of equal length, make together.
#[inline(always)]
pub(crate) fn extent_of_pairs<S: Copy, V: Value>(left: &[S], right: &[S], mix: impl Fn(S, S) -> V) -> Extent<V> {
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut lanes = Lanes::NOTHING;
    for (left, right) in left.iter().zip(right) {
        lanes.add(std::array::from_fn(|lane| mix(left[lane], right[lane])));
    }
    let mut all = lanes.join();
    left_rest.iter().zip(right_rest).for_each(|(l, r)| all.add(mix(*l, *r)));
    all
}

/// Back to integers, for sums that were made floats because processors find the extent of those sooner. Exact up to 24 bits.
#[inline(always)]
pub(crate) fn whole_numbers(extent: Extent<f32>) -> Extent<i32> {
    if extent.is_nothing() { i32::NOTHING } else { Extent { min: extent.min as i32, max: extent.max as i32 } }
}

/// Extent of the mono mix: channels added in order, divided by their number.
pub(crate) fn mix_extent(planes: &[&[f32]]) -> Extent<f32> {
    match planes {
        [] => f32::NOTHING,
        [mono] => extent_of(mono, |sample| sample),
        [left, right] => {
            let sums = sums_extent(left, right);
            Extent { min: sums.min * 0.5, max: sums.max * 0.5 }
        }
        _ => {
            let channels = planes.len() as f32;
            extent_by(planes[0].len(), |at| planes.iter().map(|plane| plane[at]).fold(0.0, |sum, x| sum + x) / channels)
        }
    }
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
