//! 16-bit samples to floats, as `dsp::pcm` has them, to the bit: full scale is 1.0 = 2^15.
//!
//! Here they are loops, which become vectors: asked for sample by sample from another crate each was a call in WASM, and those calls were
//! most of what a plain track cost.

const SCALE: f32 = 1.0 / 32_768.0;

/// One sample.
#[inline]
pub(crate) fn sample(sample: i16) -> f32 {
    f32::from(sample) * SCALE
}

/// Samples of one channel; as many as both slices have.
pub(crate) fn mono(samples: &[i16], output: &mut [f32]) {
    output.iter_mut().zip(samples).for_each(|(x, from)| *x = sample(*from));
}

/// Two channels, interleaved; of an empty `right` nobody wants anything.
pub(crate) fn stereo(frames: &[[i16; 2]], left: &mut [f32], right: &mut [f32]) {
    if right.is_empty() {
        left.iter_mut().zip(frames).for_each(|(l, frame)| *l = sample(frame[0]));
    }
    for ((l, r), frame) in left.iter_mut().zip(right).zip(frames) {
        (*l, *r) = (sample(frame[0]), sample(frame[1]));
    }
}

/// The same out of words, the left sample in the lower half.
pub(crate) fn stereo_words(words: &[u32], left: &mut [f32], right: &mut [f32]) {
    if right.is_empty() {
        left.iter_mut().zip(words).for_each(|(l, word)| *l = sample(*word as i16));
    }
    for ((l, r), word) in left.iter_mut().zip(right).zip(words) {
        // Plain vector shifts, no shuffles.
        *l = ((word.cast_signed() << 16) >> 16) as f32 * SCALE;
        *r = (word.cast_signed() >> 16) as f32 * SCALE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_that_of_the_conversion_of_whole_files() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let frames: Vec<[i16; 2]> = all.iter().map(|x| [*x, x.wrapping_mul(31)]).collect();
        let words: Vec<u32> = frames.iter().map(|[l, r]| u32::from(*l as u16) | u32::from(*r as u16) << 16).collect();
        let expected: [Vec<f32>; 2] =
            [0, 1].map(|k| frames.iter().map(|frame| dsp::pcm::sample_i16(frame[k])).collect());
        let mut heard = [vec![9.0f32; all.len()], vec![9.0; all.len()]];
        let [left, right] = &mut heard;
        stereo(&frames, left, right);
        assert_eq!(heard, expected);
        let [left, right] = &mut heard;
        left.fill(9.0);
        stereo(&frames, left, &mut []);
        right.fill(9.0);
        assert_eq!(heard[0], expected[0]);
        let [left, right] = &mut heard;
        stereo_words(&words, left, right);
        assert_eq!(heard, expected);
        heard[0].fill(9.0);
        stereo_words(&words, &mut heard[0], &mut []);
        assert_eq!(heard[0], expected[0]);
        mono(&all, &mut heard[0]);
        assert_eq!(heard[0], expected[0]);
    }
}
