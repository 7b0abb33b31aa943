//! Automation: where a lane is at a frame of the song, and the next frame at which somebody has to look again.

use dsp::device::{Curve, Parameter};

use crate::PlanView;
use crate::plan::{HOLD, LaneRecord};

/// What lies between two points of a lane (or before the first, or behind the last).
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) to: i64,
    first: f32,
    last: f32,
    way: f32,
}

/// Frames between two places at which a bent way is computed, counted from the song's frame 0.
const BENT_STRIDE: i64 = 64;
/// The same for a straight one: so far does one line go at most.
const STRAIGHT_STRIDE: i64 = 1 << 20;

impl Stretch {
    /// The stretch that a frame lies in; its first frame belongs to it, its last does not.
    pub(super) fn at(plan: PlanView<'_>, lane: &LaneRecord, frame: i64) -> Stretch {
        let (mut low, mut high) = (0, lane.points);
        while low < high {
            let middle = low.midpoint(high);
            if plan.point(lane, middle).frame <= frame { low = middle + 1 } else { high = middle }
        }
        let after = (low < lane.points).then(|| plan.point(lane, low));
        let before = low.checked_sub(1).map(|place| plan.point(lane, place));
        let to = after.map_or(i64::MAX, |point| point.frame);
        match (before, after) {
            (Some(a), Some(b)) => Stretch { from: a.frame, to, first: a.value, last: b.value, way: a.way },
            (Some(point), None) => Stretch { from: point.frame, to, first: point.value, last: point.value, way: HOLD },
            (None, Some(point)) => Stretch { from: i64::MIN, to, first: point.value, last: point.value, way: HOLD },
            (None, None) => Stretch { from: i64::MIN, to, first: 0.0, last: 0.0, way: HOLD },
        }
    }

    pub(super) fn is_still(&self) -> bool {
        self.way == HOLD || self.first.to_bits() == self.last.to_bits()
    }

    /// The value at a frame from `from` to `to`, that one included: what the way comes to.
    pub(super) fn value(&self, frame: i64, logarithmic: bool) -> f32 {
        if self.is_still() {
            return self.first;
        }
        if frame >= self.to {
            return self.last;
        }
        let u = (frame - self.from) as f64 / (self.to - self.from) as f64;
        let u = dsp::bend::bend(u, f64::from(self.way));
        let (first, last) = (f64::from(self.first), f64::from(self.last));
        if logarithmic {
            let (first, last) = (libm::log2(first), libm::log2(last));
            libm::exp2(first + (last - first) * u) as f32
        } else {
            (first + (last - first) * u) as f32
        }
    }

    /// The same stretch for a parameter: what cannot lie between two values holds.
    pub(super) fn of(self, parameter: &Parameter) -> Stretch {
        let jumps = matches!(parameter.curve, Curve::Choice(_) | Curve::Switch);
        if jumps { Stretch { way: HOLD, ..self } } else { self }
    }

    /// Where the line that begins at a frame ends.
    pub(super) fn line_end(&self, frame: i64) -> i64 {
        if self.is_still() {
            return self.to;
        }
        let stride = if self.way == 0.0 { STRAIGHT_STRIDE } else { BENT_STRIDE };
        self.to.min((frame.div_euclid(stride) + 1) * stride)
    }

    /// Whether a line begins at a frame.
    pub(super) fn line_begins(&self, frame: i64) -> bool {
        let stride = if self.way == 0.0 { STRAIGHT_STRIDE } else { BENT_STRIDE };
        frame == self.from || (!self.is_still() && frame.rem_euclid(stride) == 0)
    }
}

/// Frames of the song between two places at which moving levels are computed.
const LEVEL_STRIDE: i64 = 16;

/// Writes one number for each frame of the song from `frame` on: at every 16th frame and at points it is what `level` says, in
/// between it lies on a straight line. Numbers do not depend on where the row begins.
pub(super) fn write_levels<const K: usize>(
    mut rows: [&mut [f32]; K],
    frame: i64,
    stretches: &impl Fn(i64) -> [Option<Stretch>; 2],
    level: &impl Fn([Option<f32>; 2]) -> [f32; K],
) {
    let count = rows[0].len();
    let mut done = 0;
    while done < count {
        let now = frame + done as i64;
        let both = stretches(now);
        let lanes = || both.iter().flatten();
        let still = lanes().all(Stretch::is_still);
        let grid = now.div_euclid(LEVEL_STRIDE) * LEVEL_STRIDE;
        let from = lanes().map(|stretch| stretch.from).fold(grid, i64::max);
        let point = lanes().map(|stretch| stretch.to).fold(i64::MAX, i64::min);
        let to = if still { point } else { point.min(grid + LEVEL_STRIDE) };
        let length = (to.saturating_sub(now)).min((count - done) as i64) as usize;
        let first = level(both.map(|stretch| stretch.map(|s| s.value(from, false))));
        if still {
            rows.iter_mut().zip(first).for_each(|(row, value)| row[done..done + length].fill(value));
        } else {
            let last = level(both.map(|stretch| stretch.map(|s| s.value(to, false))));
            let step = 1.0 / (to - from) as f32;
            for (row, (first, last)) in rows.iter_mut().zip(first.into_iter().zip(last)) {
                for (n, x) in row[done..done + length].iter_mut().enumerate() {
                    *x = first + (last - first) * ((now - from + n as i64) as f32 * step);
                }
            }
        }
        done += length;
    }
}
