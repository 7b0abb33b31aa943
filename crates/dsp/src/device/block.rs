//! Stereo blocks: what a device works on, and what it listens to.

/// Two channels that are processed in place, and perhaps two more that are listened to.
#[derive(Debug)]
pub struct Block<'a> {
    /// The left channel.
    pub left: &'a mut [f32],
    /// The right channel, as long as the left.
    pub right: &'a mut [f32],
    /// What a compressor or a gate listens to instead of its input; at least as long.
    pub sidechain: Option<Sidechain<'a>>,
}

/// Two channels that are only listened to.
#[derive(Clone, Copy, Debug)]
pub struct Sidechain<'a> {
    /// The left channel.
    pub left: &'a [f32],
    /// The right channel.
    pub right: &'a [f32],
}

impl<'a> Block<'a> {
    /// A block of as many frames as both channels have.
    #[must_use]
    pub fn new(left: &'a mut [f32], right: &'a mut [f32]) -> Self {
        let frames = left.len().min(right.len());
        Self { left: &mut left[..frames], right: &mut right[..frames], sidechain: None }
    }

    /// The same block with a sidechain; one that is shorter than the block is not listened to.
    #[must_use]
    pub fn with_sidechain(mut self, left: &'a [f32], right: &'a [f32]) -> Self {
        let frames = self.len();
        let long_enough = left.len() >= frames && right.len() >= frames;
        self.sidechain = long_enough.then(|| Sidechain { left: &left[..frames], right: &right[..frames] });
        self
    }

    /// Frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether there are no frames.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Some of its frames; what lies outside of it is left out.
    #[must_use]
    pub fn part(&mut self, from: usize, frames: usize) -> Block<'_> {
        let from = from.min(self.len());
        let to = self.len().min(from + frames);
        let sidechain = self.sidechain.map(|s| Sidechain { left: &s.left[from..to], right: &s.right[from..to] });
        Block { left: &mut self.left[from..to], right: &mut self.right[from..to], sidechain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_the_frames_that_both_channels_have() {
        let (mut left, mut right) = ([1.0; 5], [2.0; 3]);
        let mut block = Block::new(&mut left, &mut right);
        assert_eq!((block.len(), block.is_empty()), (3, false));
        assert_eq!((block.part(1, 9).len(), block.part(7, 1).len()), (2, 0));
    }

    #[test]
    fn a_sidechain_that_is_too_short_is_not_listened_to() {
        let (mut left, mut right) = ([0.0; 4], [0.0; 4]);
        assert!(Block::new(&mut left, &mut right).with_sidechain(&[0.0; 3], &[0.0; 4]).sidechain.is_none());
        let mut block = Block::new(&mut left, &mut right).with_sidechain(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0.0; 4]);
        assert_eq!(block.part(2, 2).sidechain.map(|s| s.left.to_vec()), Some(vec![3.0, 4.0]));
    }
}
