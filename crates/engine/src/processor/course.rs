//! Where playing has been: what arrives late at the desk belongs to the place at which it was played, also when the position has
//! jumped meanwhile.

/// How many jumps are known. A loop is no shorter than 10 ms, so that reaches 160 ms back; what is later than that is taken as if it had
/// been played on the way to the oldest jump that is known.
const KNOTS: usize = 16;

/// The places from which playing went on, or at which it stood still, and the frames of the clock since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    knots: [Knot; KNOTS],
    /// How many there have been; the last is number `count - 1`.
    count: u64,
    /// The number of the oldest that is known.
    oldest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Knot {
    clock: u64,
    position: i64,
    moves: bool,
}

/// What of the song arrives somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its frame, and whether it moves.
    pub(super) frame: i64,
    pub(super) moves: bool,
    /// For how many frames that goes on.
    pub(super) frames: usize,
    /// Which jump this is behind, from 1.
    pub(super) jump: u64,
}

impl Course {
    /// At rest at frame 0.
    pub(super) fn new() -> Self {
        Self { knots: [Knot { clock: 0, position: 0, moves: false }; KNOTS], count: 1, oldest: 0 }
    }

    /// From a frame of the clock on, playing goes on from a position, or stands still there.
    pub(super) fn jump(&mut self, clock: u64, position: i64, moves: bool) {
        // Behind one at the same frame nothing was played: this stands in its place.
        if self.knot(self.count - 1).clock != clock {
            self.count += 1;
            self.oldest = self.oldest.max(self.count.saturating_sub(KNOTS as u64));
        }
        self.knots[place_of(self.count - 1)] = Knot { clock, position, moves };
    }

    /// The same, and as if it had always been so: the frames of before belong to another plan.
    pub(super) fn restart(&mut self, clock: u64, position: i64, moves: bool) {
        self.jump(clock, position, moves);
        self.oldest = self.count - 1;
    }

    /// What arrives at a frame of the clock where the sound is late by so many frames.
    pub(super) fn at(&self, clock: u64, late: u32) -> Place {
        let played = clock as i64 - i64::from(late);
        let mut number = self.count - 1;
        while number > self.oldest && self.knot(number).clock as i64 > played {
            number -= 1;
        }
        let knot = self.knot(number);
        let frame = if knot.moves { knot.position + (played - knot.clock as i64) } else { knot.position };
        let frames = if number + 1 < self.count {
            usize::try_from(self.knot(number + 1).clock as i64 - played).unwrap_or(usize::MAX)
        } else {
            usize::MAX
        };
        Place { frame, moves: knot.moves, frames, jump: number + 1 }
    }

    fn knot(&self, number: u64) -> Knot {
        self.knots[place_of(number)]
    }
}

fn place_of(number: u64) -> usize {
    (number % KNOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(course: &Course, clocks: core::ops::Range<u64>, late: u32) -> Vec<i64> {
        clocks.map(|clock| course.at(clock, late).frame).collect()
    }

    #[test]
    fn en33_what_is_late_belongs_to_where_it_was_played_also_behind_jumps() {
        let mut course = Course::new();
        course.jump(0, 100, true);
        assert_eq!(frames(&course, 0..3, 2), [98, 99, 100], "before the first there was nothing else");
        course.jump(10, 50, true);
        course.jump(13, 50, false);
        course.jump(20, 70, false);
        course.jump(20, 80, true);
        assert_eq!(frames(&course, 8..23, 0), [108, 109, 50, 51, 52, 50, 50, 50, 50, 50, 50, 50, 80, 81, 82]);
        assert_eq!(frames(&course, 12..27, 4), frames(&course, 8..23, 0));
        let jumps: Vec<u64> = [9, 10, 13, 20].map(|clock| course.at(clock, 0).jump).into();
        assert_eq!(jumps, [1, 2, 3, 4]);
        assert_eq!((course.at(9, 4).frames, course.at(13, 4).frames, course.at(30, 4).frames), (5, 1, usize::MAX));
        course.restart(30, 1_000, true);
        assert_eq!(frames(&course, 30..32, 7), [993, 994]);
    }

    #[test]
    fn en33_more_jumps_than_are_known_are_as_one_way() {
        let mut course = Course::new();
        for n in 1..=100 {
            course.jump(10 * n, 0, true);
        }
        assert_eq!(course.at(1_000, 145).frame, 5);
        assert_eq!(course.at(1_000, 1_000).frame, -850, "the oldest that is known began at 850");
    }
}
