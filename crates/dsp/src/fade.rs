//! Linear fades: a weight that is a function of the frame's number, so that a fade cut into blocks is the same fade.

/// Multiplies `samples` by a rising ramp: sample `i` by `(first + i) / length`.
///
/// `first` is the number of the first sample within the fade, in frames, `0 ≤ first`; `length` in frames, ≥ 1. The caller
/// passes no sample outside the fade. The weight is `f32(k) * (1 / f32(length))`, each step rounded to f32.
pub fn rise(samples: &mut [f32], first: u32, length: u32) {
    let step = 1.0 / length.max(1) as f32;
    for (i, x) in samples.iter_mut().enumerate() {
        *x *= (first.wrapping_add(i as u32) as i32) as f32 * step;
    }
}

/// Multiplies `samples` by a falling ramp: sample `i` by `(left - i) / length`, `left` being the frames that are left at the
/// first sample, that one included (so the last frame of a fade has weight `1 / length`).
///
/// A rise over the same frames and this fall add up to one at every frame where `f32` can say so.
pub fn fall(samples: &mut [f32], left: u32, length: u32) {
    let step = 1.0 / length.max(1) as f32;
    for (i, x) in samples.iter_mut().enumerate() {
        *x *= (left.wrapping_sub(i as u32) as i32) as f32 * step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en3_a_rise_goes_from_zero_towards_one() {
        let mut samples = [1.0; 4];
        rise(&mut samples, 0, 4);
        assert_eq!(samples, [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn en3_a_fall_ends_one_step_above_zero() {
        let mut samples = [1.0; 4];
        fall(&mut samples, 4, 4);
        assert_eq!(samples, [1.0, 0.75, 0.5, 0.25]);
    }

    #[test]
    fn en3_a_fade_cut_in_two_is_the_same_fade() {
        let (mut whole, mut halves) = (vec![0.3f32; 1000], vec![0.3f32; 1000]);
        rise(&mut whole, 5, 1005);
        rise(&mut halves[..333], 5, 1005);
        rise(&mut halves[333..], 338, 1005);
        assert_eq!(whole, halves);
    }

    #[test]
    fn en3_rise_and_fall_together_are_one() {
        let (mut up, mut down) = (vec![1.0f32; 480], vec![1.0f32; 480]);
        rise(&mut up, 0, 480);
        fall(&mut down, 480, 480);
        assert!(up.iter().zip(&down).all(|(a, b)| (a + b - 1.0).abs() < 1e-6));
    }
}
