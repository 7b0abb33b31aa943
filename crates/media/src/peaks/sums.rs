//! Extents of left + right, the commonest case by far: with SSE2 where there is SSE2, which is on every x86-64 processor.
//!
//! Sums of integers are made floats: exact up to 24 bits, and SSE2 finds the minimum and maximum of floats, but not of 32-bit integers. The
//! plain loops beside give the same results; tests compare them.

use super::extent::{Extent, extent_of_pairs, whole_numbers};

/// Extent of left + right.
pub(crate) fn sums_extent(left: &[f32], right: &[f32]) -> Extent<f32> {
    #[cfg(target_arch = "x86_64")]
    return sse2::floats(left, right, f32::INFINITY);
    #[cfg(not(target_arch = "x86_64"))]
    plain_sums(left, right)
}

/// Extent of left + right, each clipped to -1..1 before.
pub(crate) fn clipped_sums_extent(left: &[f32], right: &[f32]) -> Extent<f32> {
    #[cfg(target_arch = "x86_64")]
    return sse2::floats(left, right, 1.0);
    #[cfg(not(target_arch = "x86_64"))]
    plain_clipped_sums(left, right)
}

/// Extent of left + right of integers, each shifted right by `down` and left by `up` before, which makes 16 bits of them.
pub(crate) fn shifted_sums_extent(left: &[i32], right: &[i32], down: u32, up: u32) -> Extent<i32> {
    #[cfg(target_arch = "x86_64")]
    return sse2::integers(left, right, down, up);
    #[cfg(not(target_arch = "x86_64"))]
    plain_shifted_sums(left, right, down, up)
}

/// Extent of left + right of 16-bit stereo frames as stored, little-endian.
pub(crate) fn stored_sums_extent(frames: &[[u8; 4]]) -> Extent<i32> {
    #[cfg(target_arch = "x86_64")]
    return sse2::stored(frames);
    #[cfg(not(target_arch = "x86_64"))]
    plain_stored_sums(frames)
}

/// To -1..1.
#[inline(always)]
pub(crate) fn clip(sample: f32) -> f32 {
    let low = if sample > -1.0 { sample } else { -1.0 };
    if low < 1.0 { low } else { 1.0 }
}

fn plain_sums(left: &[f32], right: &[f32]) -> Extent<f32> {
    extent_of_pairs(left, right, |l, r| l + r)
}

fn plain_clipped_sums(left: &[f32], right: &[f32]) -> Extent<f32> {
    extent_of_pairs(left, right, |l, r| clip(l) + clip(r))
}

fn plain_shifted_sums(left: &[i32], right: &[i32], down: u32, up: u32) -> Extent<i32> {
    whole_numbers(extent_of_pairs(left, right, |l, r| ((l >> down << up) + (r >> down << up)) as f32))
}

fn plain_stored_sums(frames: &[[u8; 4]]) -> Extent<i32> {
    whole_numbers(super::extent::extent_of(frames, |[a, b, c, d]| {
        f32::from(i16::from_le_bytes([a, b])) + f32::from(i16::from_le_bytes([c, d]))
    }))
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the compiler wants to be told that every x86-64 processor has SSE2")]
mod sse2 {
    use std::arch::x86_64::*;

    use super::super::extent::{Extent, Value, whole_numbers};
    use super::{plain_clipped_sums, plain_shifted_sums, plain_stored_sums, plain_sums};

    /// Two vectors at a time hide that each minimum waits for the one before.
    const VECTORS: usize = 2;

    pub(super) fn floats(left: &[f32], right: &[f32], limit: f32) -> Extent<f32> {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { floats_inner(left, right, limit) }
    }

    pub(super) fn integers(left: &[i32], right: &[i32], down: u32, up: u32) -> Extent<i32> {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { integers_inner(left, right, down, up) }
    }

    pub(super) fn stored(frames: &[[u8; 4]]) -> Extent<i32> {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { stored_inner(frames) }
    }

    /// Minima and maxima so far. Where a new value is NaN, the instructions keep the old one.
    struct Lanes {
        min: [__m128; VECTORS],
        max: [__m128; VECTORS],
    }

    impl Lanes {
        #[target_feature(enable = "sse2")]
        fn new() -> Self {
            Self { min: [_mm_set1_ps(f32::INFINITY); VECTORS], max: [_mm_set1_ps(f32::NEG_INFINITY); VECTORS] }
        }

        #[inline]
        #[target_feature(enable = "sse2")]
        fn add(&mut self, at: usize, values: __m128) {
            self.min[at] = _mm_min_ps(values, self.min[at]);
            self.max[at] = _mm_max_ps(values, self.max[at]);
        }

        #[inline]
        #[target_feature(enable = "sse2")]
        fn join(self) -> Extent<f32> {
            let min = _mm_min_ps(self.min[0], self.min[1]);
            let min = _mm_min_ps(min, _mm_movehl_ps(min, min));
            let max = _mm_max_ps(self.max[0], self.max[1]);
            let max = _mm_max_ps(max, _mm_movehl_ps(max, max));
            let mut all = f32::NOTHING;
            for pair in
                [Extent { min, max }, Extent { min: _mm_shuffle_ps::<1>(min, min), max: _mm_shuffle_ps::<1>(max, max) }]
            {
                all.join(Extent { min: _mm_cvtss_f32(pair.min), max: _mm_cvtss_f32(pair.max) });
            }
            all
        }
    }

    #[target_feature(enable = "sse2")]
    fn floats_inner(left: &[f32], right: &[f32], limit: f32) -> Extent<f32> {
        let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
        let (low, high) = (_mm_set1_ps(-limit), _mm_set1_ps(limit));
        let clip = |values: __m128| _mm_min_ps(_mm_max_ps(values, low), high);
        let mut lanes = Lanes::new();
        for (l, r) in left.iter().zip(right) {
            for at in 0..VECTORS {
                let from = at * 4;
                let l = _mm_set_ps(l[from + 3], l[from + 2], l[from + 1], l[from]);
                let r = _mm_set_ps(r[from + 3], r[from + 2], r[from + 1], r[from]);
                let sums = if limit < f32::INFINITY { _mm_add_ps(clip(l), clip(r)) } else { _mm_add_ps(l, r) };
                lanes.add(at, sums);
            }
        }
        let mut all = lanes.join();
        let plain = if limit < f32::INFINITY { plain_clipped_sums } else { plain_sums };
        all.join(plain(left_rest, right_rest));
        all
    }

    #[target_feature(enable = "sse2")]
    fn integers_inner(left: &[i32], right: &[i32], down: u32, up: u32) -> Extent<i32> {
        let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
        let (down_by, up_by) = (_mm_cvtsi32_si128(down as i32), _mm_cvtsi32_si128(up as i32));
        let shift = |values: __m128i| _mm_sll_epi32(_mm_sra_epi32(values, down_by), up_by);
        let mut lanes = Lanes::new();
        for (l, r) in left.iter().zip(right) {
            for at in 0..VECTORS {
                let from = at * 4;
                let l = _mm_set_epi32(l[from + 3], l[from + 2], l[from + 1], l[from]);
                let r = _mm_set_epi32(r[from + 3], r[from + 2], r[from + 1], r[from]);
                let sums = if down | up == 0 { _mm_add_epi32(l, r) } else { _mm_add_epi32(shift(l), shift(r)) };
                lanes.add(at, _mm_cvtepi32_ps(sums));
            }
        }
        let mut all = whole_numbers(lanes.join());
        all.join(plain_shifted_sums(left_rest, right_rest, down, up));
        all
    }

    #[target_feature(enable = "sse2")]
    fn stored_inner(frames: &[[u8; 4]]) -> Extent<i32> {
        let (blocks, rest) = frames.as_chunks::<8>();
        let word = |[a, b, c, d]: [u8; 4]| i32::from_le_bytes([a, b, c, d]);
        let ones = _mm_set1_epi16(1);
        let mut lanes = Lanes::new();
        for block in blocks {
            for at in 0..VECTORS {
                let from = at * 4;
                let samples = _mm_set_epi32(
                    word(block[from + 3]),
                    word(block[from + 2]),
                    word(block[from + 1]),
                    word(block[from]),
                );
                // One instruction adds each frame's two samples.
                lanes.add(at, _mm_cvtepi32_ps(_mm_madd_epi16(samples, ones)));
            }
        }
        let mut all = whole_numbers(lanes.join());
        all.join(plain_stored_sums(rest));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn vectors_and_plain_loops_agree(frames in prop::collection::vec(any::<[i16; 2]>(), 0..100), down in 0u32..9, up in 0u32..9, scale in 0.5f32..3.0) {
            let integers = [0, 1].map(|c| frames.iter().map(|frame| i32::from(frame[c])).collect::<Vec<i32>>());
            let floats = integers.clone().map(|plane| plane.iter().map(|x| *x as f32 / 32_768.0 * scale).collect::<Vec<f32>>());
            let stored: Vec<[u8; 4]> = frames.iter().map(|[l, r]| {
                let ([a, b], [c, d]) = (l.to_le_bytes(), r.to_le_bytes());
                [a, b, c, d]
            }).collect();
            prop_assert_eq!(sums_extent(&floats[0], &floats[1]), plain_sums(&floats[0], &floats[1]));
            prop_assert_eq!(clipped_sums_extent(&floats[0], &floats[1]), plain_clipped_sums(&floats[0], &floats[1]));
            prop_assert_eq!(shifted_sums_extent(&integers[0], &integers[1], down, up), plain_shifted_sums(&integers[0], &integers[1], down, up));
            prop_assert_eq!(stored_sums_extent(&stored), plain_stored_sums(&stored));
        }
    }

    #[test]
    fn nan_is_passed_over() {
        let left = [1.0, f32::NAN, -1.0, 0.5, f32::NAN, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(sums_extent(&left, &[0.25; 9]), Extent { min: -0.75, max: 1.25 });
        assert!(sums_extent(&[f32::NAN; 20], &[0.0; 20]).is_nothing());
    }
}
