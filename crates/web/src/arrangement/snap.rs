//! Where things land when they are let go.

use model::{TICKS_PER_BEAT, Ticks};

/// The grid: a quarter of a beat.
pub(crate) const GRID: Ticks = Ticks(TICKS_PER_BEAT / 4);

/// The nearest line of the grid, not before the song's start; halves go up.
pub(crate) fn nearest(place: Ticks, grid: Ticks) -> Ticks {
    let steps = (place.0 + grid.0 / 2).div_euclid(grid.0);
    Ticks((steps * grid.0).max(0))
}

/// By how much a selection moves when what is held, now at `start`, is dragged by `by`: what is held lands on the grid
/// (if there is one), and nothing of the selection, which begins at `first`, leaves the song.
pub(crate) fn shift(start: Ticks, first: Ticks, by: Ticks, grid: Option<Ticks>) -> Ticks {
    let wanted = match grid {
        Some(grid) => nearest(start + by, grid) - start,
        None => by,
    };
    wanted.max(Ticks(-first.0))
}

/// One step of an arrow key: to the next line of the grid in that direction.
pub(crate) fn step(place: Ticks, direction: i64, grid: Ticks) -> Ticks {
    let floor = place.0.div_euclid(grid.0);
    let line = if direction > 0 {
        floor + 1
    } else if place.0 % grid.0 == 0 {
        floor - 1
    } else {
        floor
    };
    Ticks((line * grid.0).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: i64 = TICKS_PER_BEAT;

    #[test]
    fn places_snap_to_quarter_beats() {
        assert_eq!(nearest(Ticks(BEAT * 3 + BEAT / 9), GRID), Ticks(BEAT * 3));
        assert_eq!(nearest(Ticks(BEAT * 3 + BEAT / 8), GRID), Ticks(BEAT * 3 + BEAT / 4));
        assert_eq!(nearest(Ticks(-BEAT), GRID), Ticks(0));
    }

    #[test]
    fn what_is_held_lands_on_the_grid_and_nothing_leaves_the_song() {
        let off_grid = Ticks(BEAT + 7);
        assert_eq!(off_grid + shift(off_grid, off_grid, Ticks(BEAT), Some(GRID)), Ticks(BEAT * 2));
        assert_eq!(shift(Ticks(BEAT * 4), Ticks(BEAT), Ticks(-BEAT * 9), Some(GRID)), Ticks(-BEAT));
        assert_eq!(shift(off_grid, off_grid, Ticks(5), None), Ticks(5));
    }

    #[test]
    fn arrows_go_from_line_to_line() {
        assert_eq!(step(Ticks(0), -1, GRID), Ticks(0));
        assert_eq!(step(Ticks(BEAT), -1, GRID), Ticks(BEAT * 3 / 4));
        assert_eq!(step(Ticks(BEAT + 1), -1, GRID), Ticks(BEAT));
        assert_eq!(step(Ticks(BEAT + 1), 1, GRID), Ticks(BEAT + BEAT / 4));
    }
}
