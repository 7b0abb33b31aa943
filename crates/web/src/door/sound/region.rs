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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_an_order_and_a_length() {
        let region = LoopRegion::between(Ticks(TICKS_PER_BEAT * 8), Ticks(TICKS_PER_BEAT * 4));
        assert_eq!((region.start, region.end), (Ticks(TICKS_PER_BEAT * 4), Ticks(TICKS_PER_BEAT * 8)));
        assert_eq!(LoopRegion::between(Ticks(-9), Ticks(-9)).end, LENGTH_MIN);
    }
}
