//! How high each track's row is and where it begins: its clips, and below them the lanes of its automation. Last come those of the master.

/// The rows, from the top, in pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    lane: f64,
    automation: f64,
    /// Where each row begins, and where the last one ends.
    tops: Vec<f64>,
    /// How many lanes the master shows.
    master: usize,
}

impl Rows {
    /// Rows of clips `lane` high, each with so many lanes of automation, `automation` high.
    pub(crate) fn new(lane: f64, automation: f64, lanes: impl IntoIterator<Item = usize>) -> Rows {
        let mut tops = vec![0.0];
        let mut top = 0.0;
        for count in lanes {
            top += lane + automation * count as f64;
            tops.push(top);
        }
        Rows { lane, automation, tops, master: 0 }
    }

    /// The same with so many lanes of the master's automation below the tracks.
    pub(crate) fn with_master(self, lanes: usize) -> Rows {
        Rows { master: lanes, ..self }
    }

    /// Where a row begins; of one behind the last, where it would.
    pub(crate) fn top(&self, row: usize) -> f64 {
        let last = self.tops.len() - 1;
        self.tops.get(row).copied().unwrap_or_else(|| self.tracks_end() + (row - last) as f64 * self.lane)
    }

    /// Where a lane of automation begins.
    pub(crate) fn automation_top(&self, row: usize, rank: usize) -> f64 {
        self.top(row) + self.lane + rank as f64 * self.automation
    }

    /// Where a lane of the master's automation begins.
    pub(crate) fn master_top(&self, rank: usize) -> f64 {
        self.tracks_end() + rank as f64 * self.automation
    }

    /// How high all rows are.
    pub(crate) fn height(&self) -> f64 {
        self.master_top(self.master)
    }

    fn tracks_end(&self) -> f64 {
        self.tops.last().copied().unwrap_or(0.0)
    }

    /// The row at a pixel: 0 above the first, their number below the last.
    pub(crate) fn row_at(&self, y: f64) -> usize {
        self.tops.partition_point(|top| *top <= y).saturating_sub(1)
    }

    /// The row whose clips are at a pixel.
    pub(crate) fn clips_at(&self, y: f64) -> Option<usize> {
        let row = self.row_at(y);
        (y >= 0.0 && row + 1 < self.tops.len() && y < self.top(row) + self.lane).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automation_lies_between_the_clips_of_its_track_and_the_next() {
        let rows = Rows::new(80.0, 60.0, [0, 2, 1]);
        assert_eq!([0, 1, 2, 3, 5].map(|row| rows.top(row)), [0.0, 80.0, 280.0, 420.0, 580.0]);
        assert_eq!((rows.automation_top(1, 1), rows.height()), (220.0, 420.0));
        assert_eq!([-5.0, 79.0, 80.0, 279.0, 999.0].map(|y| rows.row_at(y)), [0, 0, 1, 1, 3]);
        assert_eq!(
            [-5.0, 10.0, 150.0, 170.0, 300.0, 370.0, 999.0].map(|y| rows.clips_at(y)),
            [None, Some(0), Some(1), None, Some(2), None, None]
        );
        assert_eq!(Rows::new(80.0, 60.0, []).top(0), 0.0);
    }

    #[test]
    fn en33_the_masters_automation_lies_below_the_tracks_and_moves_none_of_them() {
        let rows = Rows::new(80.0, 60.0, [0, 1]);
        let with = rows.clone().with_master(2);
        assert_eq!((with.master_top(0), with.master_top(1), with.height()), (220.0, 280.0, 340.0));
        assert_eq!([0, 1, 2].map(|row| with.top(row)), [0, 1, 2].map(|row| rows.top(row)));
        assert_eq!([219.0, 230.0, 999.0].map(|y| with.row_at(y)), [1, 2, 2]);
        assert_eq!(with.clips_at(230.0), None);
    }
}
