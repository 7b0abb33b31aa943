//! A stereo signal on its way through a track, and how long it has been silent.

/// Two channels in place. A silent one holds no samples yet: whoever needs zeros fills them in.
pub(super) struct Signal<'a> {
    pub(super) left: &'a mut [f32],
    pub(super) right: &'a mut [f32],
    pub(super) silent: bool,
}

impl Signal<'_> {
    pub(super) fn len(&self) -> usize {
        self.left.len()
    }

    /// Makes the samples of a silent signal zeros.
    pub(super) fn fill(&mut self) {
        if self.silent {
            self.left.fill(0.0);
            self.right.fill(0.0);
            self.silent = false;
        }
    }

    pub(super) fn channels(&mut self) -> [&mut [f32]; 2] {
        [self.left, self.right]
    }

    pub(super) fn view(&self) -> [&[f32]; 2] {
        [self.left, self.right]
    }
}

/// How many frames at the beginning are exactly zero in both channels.
pub(super) fn leading_zeros([left, right]: [&[f32]; 2]) -> usize {
    left.iter().zip(right).position(|(l, r)| *l != 0.0 || *r != 0.0).unwrap_or(left.len())
}

/// How many frames at the end are exactly zero in both channels.
pub(super) fn trailing_zeros([left, right]: [&[f32]; 2]) -> usize {
    left.iter().zip(right).rev().position(|(l, r)| *l != 0.0 || *r != 0.0).unwrap_or(left.len())
}

/// Counts frames of silence: so many lie behind what has been heard.
pub(super) fn count_quiet(quiet: u64, samples: [&[f32]; 2]) -> u64 {
    let zeros = trailing_zeros(samples);
    if zeros == samples[0].len() { quiet + zeros as u64 } else { zeros as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en32_silence_is_counted_to_the_frame_over_both_channels() {
        let (left, right) = ([0.0, 1.0, 0.0, 0.0, -0.0], [0.0, 0.0, 0.5, 0.0, 0.0]);
        assert_eq!((leading_zeros([&left, &right]), trailing_zeros([&left, &right])), (1, 2));
        assert_eq!(count_quiet(7, [&left, &right]), 2);
        assert_eq!(count_quiet(7, [&[0.0; 3], &[0.0; 3]]), 10);
    }
}
