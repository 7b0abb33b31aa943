//! Runs of sound to pixels of equal width, also when the sound arrives in parts that start in the middle of a pixel.

use super::extent::{Extent, Value};
use crate::{Error, Result};

/// Pairs collected so far, of sums over channels.
#[derive(Debug)]
pub(crate) struct Pixels<V, P> {
    samples_per_pixel: usize,
    /// What makes a stored pair of an extent.
    store: fn(Extent<V>, f32) -> P,
    scale: f32,
    pairs_max: usize,
    current: Extent<V>,
    /// Samples that the current pixel still takes.
    left: usize,
    /// The first pixel began in the part before this one, and ends here.
    head: Option<Extent<V>>,
    head_is_open: bool,
    pairs: Vec<P>,
}

impl<V: Value, P> Pixels<V, P> {
    /// For sound that begins at frame `start`. Stored pairs are `store(extent, scale)`.
    pub(crate) fn new(
        samples_per_pixel: usize,
        start: u64,
        store: fn(Extent<V>, f32) -> P,
        scale: f32,
        pairs_max: usize,
    ) -> Self {
        let inside = (start % samples_per_pixel as u64) as usize;
        Self {
            samples_per_pixel,
            store,
            scale,
            pairs_max,
            current: V::NOTHING,
            left: samples_per_pixel - inside,
            head: None,
            head_is_open: inside > 0,
            pairs: Vec::new(),
        }
    }

    /// Takes `frames`; `extent(range)` is the extent of a part of them.
    #[inline(always)]
    pub(crate) fn push(&mut self, frames: usize, extent: impl Fn(std::ops::Range<usize>) -> Extent<V>) -> Result<()> {
        let mut from = 0;
        while from < frames {
            let take = self.left.min(frames - from);
            self.current.join(extent(from..from + take));
            from += take;
            self.left -= take;
            if self.left == 0 {
                self.end_pixel()?;
            }
        }
        Ok(())
    }

    fn end_pixel(&mut self) -> Result<()> {
        let extent = std::mem::replace(&mut self.current, V::NOTHING);
        self.left = self.samples_per_pixel;
        if std::mem::take(&mut self.head_is_open) {
            self.head = Some(extent);
            return Ok(());
        }
        if self.pairs.len() >= self.pairs_max {
            return Err(Error::Option("that many points are not written: use more samples per pixel"));
        }
        self.pairs.push((self.store)(extent, self.scale));
        Ok(())
    }

    /// Appends what `next` collected, which must have begun where this ends.
    pub(crate) fn append(&mut self, next: Self) -> Result<()> {
        if next.head_is_open {
            // `next` lies within one pixel.
            self.current.join(next.current);
            self.left = next.left;
            return Ok(());
        }
        if let Some(head) = next.head {
            self.current.join(head);
            self.end_pixel()?;
        }
        if self.pairs.len() + next.pairs.len() > self.pairs_max {
            return Err(Error::Option("that many points are not written: use more samples per pixel"));
        }
        self.pairs.extend(next.pairs);
        (self.current, self.left) = (next.current, next.left);
        Ok(())
    }

    /// Ends the last pixel, be it whole or not, and hands out the pairs.
    pub(crate) fn finish(mut self) -> Result<Vec<P>> {
        if self.left < self.samples_per_pixel {
            self.end_pixel()?;
        }
        Ok(self.pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::extent::extent_by;
    use super::*;
    use proptest::prelude::*;

    fn collect(samples: &[i32], samples_per_pixel: usize, cuts: &[usize]) -> Vec<(i32, i32)> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (samples.len() + 1)).chain([0, samples.len()]).collect();
        cuts.sort_unstable();
        let mut all: Option<Pixels<i32, (i32, i32)>> = None;
        for ends in cuts.windows(2) {
            let part = &samples[ends[0]..ends[1]];
            let mut pixels = Pixels::new(samples_per_pixel, ends[0] as u64, |e, _| (e.min, e.max), 1.0, usize::MAX);
            pixels.push(part.len(), |range| extent_by(range.len(), |at| part[range.start + at])).unwrap();
            match &mut all {
                Some(all) => all.append(pixels).unwrap(),
                None => all = Some(pixels),
            }
        }
        all.unwrap().finish().unwrap()
    }

    proptest! {
        #[test]
        fn pk6_parts_join_to_the_same_pairs(samples in prop::collection::vec(-99..99, 0..200), width in 1usize..40, cuts in prop::collection::vec(0usize..200, 0..5)) {
            let plain: Vec<(i32, i32)> = samples.chunks(width).map(|c| (*c.iter().min().unwrap(), *c.iter().max().unwrap())).collect();
            prop_assert_eq!(collect(&samples, width, &cuts), plain);
        }
    }
}
