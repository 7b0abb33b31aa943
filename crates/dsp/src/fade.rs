//! Linear fades: a weight that is a function of the frame's number, so that a fade cut into blocks is the same fade.

/// How a fade runs from silence to the full level, over the share `u` of its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// `u`: two of them over the same frames add up to 1, for sounds that are alike.
    #[default]
    Linear,
    /// `sin(u·π/2)`: the squares of two of them add up to 1, for sounds that are not alike.
    EqualPower,
    /// Begins slowly: [`crate::bend::bend`] by a half.
    Slow,
    /// Begins fast: the same to the other side.
    Fast,
    /// `u²·(3 - 2u)`: slow at both ends.
    Smooth,
}

impl Shape {
    /// The words for them in a record, in the order of [`Shape::ALL`].
    pub const IDS: &[&'static str] = &["linear", "equalPower", "slow", "fast", "smooth"];
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Linear, Self::EqualPower, Self::Slow, Self::Fast, Self::Smooth];

    /// The shape that a word names.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::IDS.iter().zip(Self::ALL).find(|(known, _)| **known == id).map(|(_, shape)| shape)
    }

    /// The factor, 0 to 1, at the share `u` of the way up.
    #[must_use]
    pub fn weight(self, u: f64) -> f64 {
        match self {
            Self::Linear => u,
            Self::EqualPower => libm::sin(u * core::f64::consts::FRAC_PI_2),
            Self::Slow => crate::bend::bend(u, 0.5),
            Self::Fast => crate::bend::bend(u, -0.5),
            Self::Smooth => u * u * (3.0 - 2.0 * u),
        }
    }
}

/// As [`rise`], by a shape: sample `i` by `f32(weight((first + i) / length))`.
pub fn rise_shaped(samples: &mut [f32], first: u32, length: u32, shape: Shape) {
    if shape == Shape::Linear {
        return rise(samples, first, length);
    }
    let length = f64::from(length.max(1));
    for (i, x) in samples.iter_mut().enumerate() {
        *x *= shape.weight(f64::from(first.wrapping_add(i as u32)) / length) as f32;
    }
}

/// As [`fall`], by a shape: a fade in turned around.
pub fn fall_shaped(samples: &mut [f32], left: u32, length: u32, shape: Shape) {
    if shape == Shape::Linear {
        return fall(samples, left, length);
    }
    let length = f64::from(length.max(1));
    for (i, x) in samples.iter_mut().enumerate() {
        *x *= shape.weight(f64::from(left.wrapping_sub(i as u32)) / length) as f32;
    }
}

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
    fn en3_shapes_rise_from_silence_to_the_full_level() {
        for (shape, id) in Shape::ALL.into_iter().zip(Shape::IDS) {
            assert_eq!(Shape::from_id(id), Some(shape));
            assert!(shape.weight(0.0).abs() < 1e-12 && (shape.weight(1.0) - 1.0).abs() < 1e-12, "{id}");
            let way: Vec<f64> = (0..=64).map(|n| shape.weight(f64::from(n) / 64.0)).collect();
            assert!(way.windows(2).all(|pair| pair[0] < pair[1]), "{id}");
        }
        assert!(Shape::Slow.weight(0.5) < 0.25 && Shape::Fast.weight(0.5) > 0.75);
        assert_eq!((Shape::Smooth.weight(0.5), Shape::from_id("wavy")), (0.5, None));
    }

    #[test]
    fn en3_equal_power_keeps_the_power_and_pieces_make_the_whole() {
        let (mut up, mut down) = (vec![1.0f32; 480], vec![1.0f32; 480]);
        rise_shaped(&mut up, 0, 480, Shape::EqualPower);
        fall_shaped(&mut down, 480, 480, Shape::EqualPower);
        assert!(up.iter().zip(&down).all(|(a, b)| (a * a + b * b - 1.0).abs() < 1e-6));
        let mut pieces = vec![1.0f32; 480];
        rise_shaped(&mut pieces[..77], 0, 480, Shape::EqualPower);
        rise_shaped(&mut pieces[77..], 77, 480, Shape::EqualPower);
        assert_eq!(up, pieces);
    }

    #[test]
    fn en3_rise_and_fall_together_are_one() {
        let (mut up, mut down) = (vec![1.0f32; 480], vec![1.0f32; 480]);
        rise(&mut up, 0, 480);
        fall(&mut down, 480, 480);
        assert!(up.iter().zip(&down).all(|(a, b)| (a + b - 1.0).abs() < 1e-6));
    }
}
