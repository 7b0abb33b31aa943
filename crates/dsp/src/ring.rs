//! A ring of samples: what a delay remembers.

/// The last samples of one channel. What has not been written yet is silence that nobody has had to write either: to make a ring and to clear it
/// costs nothing, however long it is, and a delay of seconds is made or forgotten between two blocks.
#[derive(Debug)]
pub(crate) struct Ring {
    /// As many as have been written, until there are `size`; there is always room for all.
    samples: Vec<f32>,
    /// A power of two.
    size: usize,
    head: usize,
}

impl Clone for Ring {
    /// With room for all, which a copy of the samples alone would not have.
    fn clone(&self) -> Self {
        let mut samples = Vec::with_capacity(self.size);
        samples.extend_from_slice(&self.samples);
        Self { samples, ..*self }
    }
}

impl Ring {
    /// Remembers at least so many frames beside the block that is being written.
    pub(crate) fn new(frames: usize) -> Self {
        let size = (frames + crate::device::controls::SEGMENT).next_power_of_two();
        Self { samples: Vec::with_capacity(size), size, head: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.samples.clear();
        self.head = 0;
    }

    /// Remembers a block, no longer than what it remembers.
    pub(crate) fn write(&mut self, block: &[f32]) {
        let (first, second) = block.split_at(block.len().min(self.size - self.head));
        self.put(self.head, first);
        self.put(0, second);
        self.head = (self.head + block.len()) & (self.size - 1);
    }

    /// The first time round there is nothing to be overwritten: what comes is appended, for which there is room.
    fn put(&mut self, at: usize, block: &[f32]) {
        let (over, new) = block.split_at(block.len().min(self.samples.len() - at));
        self.samples[at..at + over.len()].copy_from_slice(over);
        self.samples.extend_from_slice(new);
    }

    /// What lies from a place on, where something does.
    fn from(&self, at: usize) -> &[f32] {
        self.samples.get(at..).unwrap_or(&[])
    }

    /// Reads a block whose first sample was written `back` samples ago: 1 is the last one. Not more than it remembers.
    pub(crate) fn read(&self, back: usize, block: &mut [f32]) {
        let at = self.head.wrapping_sub(back) & (self.size - 1);
        let length = block.len();
        let (first, second) = block.split_at_mut(length.min(self.size - at));
        for (part, from) in [(first, self.from(at)), (second, self.from(0))] {
            let (known, silent) = part.split_at_mut(part.len().min(from.len()));
            known.copy_from_slice(&from[..known.len()]);
            silent.fill(0.0);
        }
    }

    /// Adds a block, times a factor, whose first sample was written `back` samples ago.
    pub(crate) fn add(&self, back: usize, factor: f32, sum: &mut [f32]) {
        let at = self.head.wrapping_sub(back) & (self.size - 1);
        let length = sum.len();
        let (first, second) = sum.split_at_mut(length.min(self.size - at));
        crate::mix::add(first, self.from(at), factor);
        crate::mix::add(second, &self.samples, factor);
    }

    /// Four samples, latest first; the first was written `back` samples ago.
    #[inline(always)]
    pub(crate) fn four(&self, back: usize) -> [f32; 4] {
        let mask = self.size - 1;
        let at = self.head.wrapping_sub(back);
        core::array::from_fn(|i| self.samples.get(at.wrapping_sub(i) & mask).copied().unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_written_is_silence_and_there_is_room_for_all() {
        let mut ring = Ring::new(100);
        let room = ring.samples.as_ptr();
        for _ in 0..2 {
            let mut read = [9.0; 50];
            ring.read(50, &mut read);
            assert_eq!((read, ring.four(3)), ([0.0; 50], [0.0; 4]));
            for n in 1..=100usize {
                ring.write(&[n as f32; 3]);
                // The border between what was written and what was not.
                let written = (3 * n).min(140);
                let (mut read, mut sum) = ([9.0; 60], [1.0; 60]);
                let back = written.min(80) + 20;
                ring.read(back, &mut read);
                ring.add(back, 2.0, &mut sum);
                for (k, x) in read.into_iter().enumerate().take(back) {
                    let age = back - k;
                    let expected = if age > 3 * n { 0.0 } else { (n - (age - 1) / 3) as f32 };
                    assert_eq!((x, sum[k]), (expected, 1.0 + 2.0 * expected), "{n} blocks, {age} ago");
                }
            }
            ring.clear();
        }
        assert_eq!((ring.samples.as_ptr(), ring.clone().samples.capacity() >= ring.size), (room, true));
    }

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
