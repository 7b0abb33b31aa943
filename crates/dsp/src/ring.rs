//! A ring of samples: what a delay remembers.

/// The last samples of one channel.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    samples: Vec<f32>,
    head: usize,
}

impl Ring {
    /// Remembers at least so many frames beside the block that is being written.
    pub(crate) fn new(frames: usize) -> Self {
        let size = (frames + crate::device::controls::SEGMENT).next_power_of_two();
        Self { samples: vec![0.0; size], head: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.samples.fill(0.0);
        self.head = 0;
    }

    /// Remembers a block.
    pub(crate) fn write(&mut self, block: &[f32]) {
        let (first, second) = block.split_at(block.len().min(self.samples.len() - self.head));
        self.samples[self.head..self.head + first.len()].copy_from_slice(first);
        self.samples[..second.len()].copy_from_slice(second);
        self.head = (self.head + block.len()) & (self.samples.len() - 1);
    }

    /// Reads a block whose first sample was written `back` samples ago: 1 is the last one. Not more than it remembers.
    pub(crate) fn read(&self, back: usize, block: &mut [f32]) {
        let at = self.head.wrapping_sub(back) & (self.samples.len() - 1);
        let length = block.len();
        let (first, second) = block.split_at_mut(length.min(self.samples.len() - at));
        first.copy_from_slice(&self.samples[at..at + first.len()]);
        second.copy_from_slice(&self.samples[..second.len()]);
    }

    /// Adds a block, times a factor, whose first sample was written `back` samples ago.
    pub(crate) fn add(&self, back: usize, factor: f32, sum: &mut [f32]) {
        let at = self.head.wrapping_sub(back) & (self.samples.len() - 1);
        let length = sum.len();
        let (first, second) = sum.split_at_mut(length.min(self.samples.len() - at));
        crate::mix::add(first, &self.samples[at..], factor);
        crate::mix::add(second, &self.samples, factor);
    }

    /// Four samples, latest first; the first was written `back` samples ago.
    #[inline(always)]
    pub(crate) fn four(&self, back: usize) -> [f32; 4] {
        let mask = self.samples.len() - 1;
        let at = self.head.wrapping_sub(back);
        core::array::from_fn(|i| self.samples.get(at.wrapping_sub(i) & mask).copied().unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_wherever_the_ring_ends() {
        let mut ring = Ring::new(100);
        let mut written = 0u32;
        for block in [7usize, 64, 1, 33, 64, 64, 50, 64, 2].into_iter().cycle().take(90) {
            let samples: Vec<f32> = (0..block as u32).map(|n| (written + n) as f32).collect();
            ring.write(&samples);
            written += block as u32;
            for back in [1, 2, 64, 100].into_iter().filter(|back| *back <= written) {
                let mut read = vec![0.0; (back as usize).min(40)];
                ring.read(back as usize, &mut read);
                let expected: Vec<f32> = (0..read.len() as u32).map(|n| (written - back + n) as f32).collect();
                assert_eq!(read, expected);
                ring.add(back as usize, -1.0, &mut read);
                assert!(read.iter().all(|x| *x == 0.0));
                if back > 3 {
                    let last = (written - back + 3) as f32;
                    assert_eq!(ring.four(back as usize - 3), [last, last - 1.0, last - 2.0, last - 3.0]);
                }
            }
        }
    }
}
