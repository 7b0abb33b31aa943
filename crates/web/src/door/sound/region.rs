//! The stretch that is repeated.

use model::{TICKS_PER_BEAT, Ticks};

/// A loop is at least this long, so that it stays a loop at any tempo.
const LENGTH_MIN: Ticks = Ticks(TICKS_PER_BEAT / 4);

/// Where a loop lies, and whether it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoopRegion {
    pub(crate) start: Ticks,
    pub(crate) end: Ticks,
    pub(crate) on: bool,
}

impl Default for LoopRegion {
    fn default() -> LoopRegion {
        LoopRegion { start: Ticks(0), end: Ticks(TICKS_PER_BEAT * 16), on: false }
    }
}

impl LoopRegion {
    /// The region between two places in either order, switched on.
    pub(crate) fn between(a: Ticks, b: Ticks) -> LoopRegion {
        let start = Ticks(a.min(b).0.max(0));
        LoopRegion { start, end: a.max(b).max(start + LENGTH_MIN), on: true }
    }

    /// The region with another start; its length stays where the start would come behind the end.
    pub(crate) fn from(self, start: Ticks) -> LoopRegion {
        let end = if start < self.end { self.end } else { start + (self.end - self.start) };
        LoopRegion::between(start, end)
    }

    /// The region with another end; its length stays where the end would come before the start.
    pub(crate) fn until(self, end: Ticks) -> LoopRegion {
        let start = if end > self.start { self.start } else { end - (self.end - self.start) };
        LoopRegion::between(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_an_order_and_a_length() {
        let region = LoopRegion::between(Ticks(TICKS_PER_BEAT * 8), Ticks(TICKS_PER_BEAT * 4));
        assert_eq!((region.start, region.end), (Ticks(TICKS_PER_BEAT * 4), Ticks(TICKS_PER_BEAT * 8)));
        assert_eq!(region.from(Ticks(TICKS_PER_BEAT * 12)).end, Ticks(TICKS_PER_BEAT * 16));
        assert_eq!(region.until(Ticks(TICKS_PER_BEAT * 6)).start, region.start);
        assert_eq!(region.until(Ticks(TICKS_PER_BEAT * 2)).start, Ticks(0));
        assert_eq!(LoopRegion::between(Ticks(-9), Ticks(-9)).end, LENGTH_MIN);
    }
}
