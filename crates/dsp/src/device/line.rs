//! What is computed from parameters, on its way: straight lines over a few frames, told frame by frame.

use super::controls::SEGMENT;

/// `K` numbers that move together in straight lines. The value at a frame is `start + step · frames`, so it does not depend
/// on how the frames were counted off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<const K: usize> {
    start: [f64; K],
    step: [f64; K],
    target: [f64; K],
    elapsed: u32,
    length: u32,
}

impl<const K: usize> Line<K> {
    /// At rest.
    pub(crate) fn still(target: [f64; K]) -> Self {
        Self { start: target, step: [0.0; K], target, elapsed: 0, length: 0 }
    }

    /// Is at `target` from here on.
    pub(crate) fn jump(&mut self, target: [f64; K]) {
        *self = Self::still(target);
    }

    /// Goes to `target`, where it is at the last of `length` frames.
    pub(crate) fn aim(&mut self, target: [f64; K], length: u32) {
        let start = core::array::from_fn(|k| self.current(k));
        let step = core::array::from_fn(|k| (target[k] - start[k]) / f64::from(length.max(1)));
        *self = Self { start, step, target, elapsed: 0, length };
    }

    pub(crate) fn is_moving(&self) -> bool {
        self.elapsed < self.length
    }

    /// Number `k` at the `n`-th of the coming frames, counted from 0.
    #[inline]
    pub(crate) fn at(&self, k: usize, n: usize) -> f64 {
        let elapsed = self.elapsed + n as u32 + 1;
        if elapsed >= self.length { self.target[k] } else { self.start[k] + self.step[k] * f64::from(elapsed) }
    }

    /// Number `k` at the frame before the coming one.
    pub(crate) fn current(&self, k: usize) -> f64 {
        if self.is_moving() { self.start[k] + self.step[k] * f64::from(self.elapsed) } else { self.target[k] }
    }

    /// Where number `k` is going.
    pub(crate) fn target(&self, k: usize) -> f64 {
        self.target[k]
    }

    /// Writes number `k` at each of the coming frames.
    pub(crate) fn write(&self, k: usize, values: &mut [f32]) {
        if self.is_moving() {
            for (n, value) in values.iter_mut().enumerate() {
                *value = self.at(k, n) as f32;
            }
        } else {
            values.fill(self.target[k] as f32);
        }
    }

    /// Goes on by some frames.
    pub(crate) fn skip(&mut self, frames: usize) {
        self.elapsed = self.length.min(self.elapsed.saturating_add(frames as u32));
    }
}

/// The numbers of a line at each frame of a segment, number by number; filled again only when they have moved.
#[derive(Clone, Debug)]
pub(crate) struct Rows<const K: usize> {
    values: [[f32; SEGMENT]; K],
    still: Option<[f64; K]>,
}

impl<const K: usize> Rows<K> {
    pub(crate) fn new() -> Self {
        Self { values: [[0.0; SEGMENT]; K], still: None }
    }

    /// The coming frames of a line, which goes on by them.
    pub(crate) fn next(&mut self, line: &mut Line<K>, frames: usize) -> &[[f32; SEGMENT]; K] {
        let moving = line.is_moving();
        if moving || self.still != Some(line.target) {
            let frames = if moving { frames } else { SEGMENT };
            for (k, row) in self.values.iter_mut().enumerate() {
                line.write(k, &mut row[..frames]);
            }
            self.still = if moving { None } else { Some(line.target) };
        }
        line.skip(frames);
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en18_a_line_arrives_exactly_and_does_not_depend_on_pieces() {
        let mut line = Line::still([1.0, 10.0]);
        line.aim([2.0, 0.3], 16);
        let whole: Vec<f64> = (0..20).map(|n| line.at(1, n)).collect();
        let mut pieces = Vec::new();
        for _ in 0..20 {
            pieces.push(line.at(1, 0));
            line.skip(1);
        }
        assert_eq!(whole, pieces);
        assert_eq!((whole[15], whole[19], line.current(0)), (0.3, 0.3, 2.0));
        assert!((whole[7] - 5.15).abs() < 1e-12);
    }

    #[test]
    fn en18_rows_are_the_line_s_numbers_still_or_moving() {
        let (mut line, mut rows) = (Line::still([0.5]), Rows::new());
        assert_eq!(rows.next(&mut line, 3)[0], [0.5; SEGMENT]);
        line.jump([0.25]);
        assert_eq!(rows.next(&mut line, 3)[0], [0.25; SEGMENT]);
        line.aim([1.25], 4);
        assert_eq!(rows.next(&mut line, 3)[0][..3], [0.5, 0.75, 1.0]);
        assert_eq!(rows.next(&mut line, 3)[0][..3], [1.25; 3]);
        assert_eq!(rows.next(&mut line, 9)[0], [1.25; SEGMENT]);
    }
}
