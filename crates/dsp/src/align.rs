//! A delay of so many frames and nothing else: what lets two signals meet that came different ways.

/// A stereo delay of a fixed, whole number of frames. The silence inside a new one has not been written anywhere: it costs nothing to make
/// one and to clear it, however long it is.
#[derive(Debug)]
pub struct Align {
    /// What is inside; as long as they are shorter than the delay, silence comes out. There is room for all.
    rings: [Vec<f32>; 2],
    frames: usize,
    at: usize,
}

impl Align {
    /// Of so many frames, with silence inside.
    #[must_use]
    pub fn new(frames: usize) -> Self {
        Self { rings: [Vec::with_capacity(frames), Vec::with_capacity(frames)], frames, at: 0 }
    }

    /// Its length.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Holds silence again.
    pub fn clear(&mut self) {
        self.rings.iter_mut().for_each(Vec::clear);
        self.at = 0;
    }

    /// Delays a block in place: what went in comes out, bit by bit, so many frames later.
    pub fn process(&mut self, left: &mut [f32], right: &mut [f32]) {
        let frames = left.len().min(right.len());
        let new = frames.min(self.frames - self.rings[0].len());
        for (ring, samples) in self.rings.iter_mut().zip([&mut *left, &mut *right]) {
            ring.extend_from_slice(&samples[..new]);
            samples[..new].fill(0.0);
        }
        if self.frames == 0 {
            return;
        }
        let mut done = new;
        while done < frames {
            let count = (frames - done).min(self.frames - self.at);
            for (ring, samples) in self.rings.iter_mut().zip([&mut *left, &mut *right]) {
                ring[self.at..self.at + count].swap_with_slice(&mut samples[done..done + count]);
            }
            self.at = (self.at + count) % self.frames;
            done += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en32_what_goes_in_comes_out_so_many_frames_later() {
        for length in [0usize, 1, 3, 64, 100] {
            for block in [1usize, 7, 64, 333] {
                let mut line = Align::new(length);
                let input: Vec<f32> = (1..=700).map(|n| n as f32).collect();
                let (mut left, mut right) = (input.clone(), input.iter().map(|x| -x).collect::<Vec<f32>>());
                for (l, r) in left.chunks_mut(block).zip(right.chunks_mut(block)) {
                    line.process(l, r);
                }
                let expected: Vec<f32> = core::iter::repeat_n(0.0, length).chain(input).take(700).collect();
                assert_eq!(left, expected, "{length} frames in blocks of {block}");
                assert!(left.iter().zip(&right).all(|(l, r)| *r == -*l));
                line.clear();
                let mut left = [1.0; 50];
                line.process(&mut left, &mut [1.0; 50]);
                assert!(left[..length.min(50)].iter().all(|x| *x == 0.0));
            }
        }
    }
}
