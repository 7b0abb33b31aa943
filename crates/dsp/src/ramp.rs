//! A parameter on its way from one value to another: linear over a fixed number of frames, counted from the frame of the
//! change, so that its value at a frame does not depend on block sizes.

/// A linear factor that moves to its target in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    from: f32,
    target: f32,
    began: u64,
    length: u32,
}

impl Ramp {
    /// A value at rest.
    #[must_use]
    pub const fn still(value: f32) -> Self {
        Self { from: value, target: value, began: 0, length: 0 }
    }

    /// The value at frame `now`, which is not before the last change.
    #[must_use]
    pub fn value(&self, now: u64) -> f32 {
        let elapsed = now.saturating_sub(self.began);
        if elapsed >= u64::from(self.length) { self.target } else { self.at(elapsed as u32) }
    }

    /// Where it is going.
    #[must_use]
    pub fn target(&self) -> f32 {
        self.target
    }

    /// How many frames from `now` on it still moves, or waits to.
    #[must_use]
    pub fn moving(&self, now: u64) -> u32 {
        u32::try_from((self.began + u64::from(self.length)).saturating_sub(now)).unwrap_or(u32::MAX)
    }

    /// How many frames before `now` it arrived; 0 while it moves.
    #[must_use]
    pub fn since_end(&self, now: u64) -> u64 {
        now.saturating_sub(self.began + u64::from(self.length))
    }

    /// From frame `now` on, move to `target` over `length` frames. A change that changes nothing is ignored. The frame may lie ahead of
    /// one that is at rest until then.
    pub fn set(&mut self, target: f32, now: u64, length: u32) {
        if target.to_bits() != self.target.to_bits() {
            *self = Self { from: self.value(now), target, began: now, length };
        }
    }

    /// Multiplies `samples`, the first of which is frame `now`, by the moving value. None of them lies behind the ramp.
    pub fn apply(&self, samples: &mut [f32], now: u64) {
        let waiting = self.began.saturating_sub(now).min(samples.len() as u64) as usize;
        let (before, samples) = samples.split_at_mut(waiting);
        before.iter_mut().for_each(|x| *x *= self.from);
        let first = (now + waiting as u64).saturating_sub(self.began) as u32;
        for (i, x) in samples.iter_mut().enumerate() {
            *x *= self.at(first.wrapping_add(i as u32));
        }
    }

    /// `from + (target - from) * (k / length)`, each operation rounded to f32.
    fn at(&self, elapsed: u32) -> f32 {
        self.from + (self.target - self.from) * (elapsed as i32 as f32 * (1.0 / self.length as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en7_it_goes_in_a_straight_line_and_stays() {
        let mut ramp = Ramp::still(1.0);
        ramp.set(0.0, 100, 4);
        let values: Vec<f32> = (100..106).map(|n| ramp.value(n)).collect();
        assert_eq!(values, [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
        assert_eq!((ramp.moving(100), ramp.moving(102), ramp.moving(104), ramp.moving(900)), (4, 2, 0, 0));
    }

    #[test]
    fn en7_a_new_target_starts_from_where_it_is() {
        let mut ramp = Ramp::still(1.0);
        ramp.set(0.0, 0, 4);
        ramp.set(1.0, 2, 4);
        assert_eq!(ramp.value(2), 0.5);
        assert_eq!(ramp.value(4), 0.75);
        assert_eq!(ramp.value(6), 1.0);
    }

    #[test]
    fn en7_one_that_begins_later_stays_until_then_and_applies_so() {
        let mut ramp = Ramp::still(0.5);
        ramp.set(1.0, 103, 4);
        let values: Vec<f32> = (100..109).map(|n| ramp.value(n)).collect();
        assert_eq!(values, [0.5, 0.5, 0.5, 0.5, 0.625, 0.75, 0.875, 1.0, 1.0]);
        assert_eq!((ramp.moving(100), ramp.moving(105), ramp.moving(107)), (7, 2, 0));
        for first in [100, 102, 103, 105] {
            let mut samples = vec![1.0; ramp.moving(first) as usize];
            ramp.apply(&mut samples, first);
            assert_eq!(samples, values[first as usize - 100..7], "from {first} on");
        }
    }

    #[test]
    fn en7_applying_in_pieces_is_applying_at_once() {
        let mut ramp = Ramp::still(0.3);
        ramp.set(0.9, 7, 960);
        let (mut whole, mut pieces) = (vec![0.7f32; 960], vec![0.7f32; 960]);
        ramp.apply(&mut whole, 7);
        for (i, piece) in pieces.chunks_mut(64).enumerate() {
            ramp.apply(piece, 7 + 64 * i as u64);
        }
        assert_eq!(whole, pieces);
        assert!(whole.iter().enumerate().all(|(i, x)| *x == 0.7 * ramp.value(7 + i as u64)));
    }
}
