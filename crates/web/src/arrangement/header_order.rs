//! The order of tracks: which key puts a track between two others (U5).

use model::schema::order_key_between;
use model::{Id, Record};

use super::rows::Rows;

/// The key that puts `id` at `rank` among the other tracks, which are in their order; none when it is there already.
pub(super) fn key_for(tracks: &[&Record], id: &Id, rank: usize) -> Option<String> {
    if tracks.iter().position(|track| track.id() == id) == Some(rank) {
        return None;
    }
    let others: Vec<&Record> = tracks.iter().copied().filter(|track| track.id() != id).collect();
    let rank = rank.min(others.len());
    let key = |index: usize| others.get(index).and_then(|track| track.text("orderKey"));
    let low = rank.checked_sub(1).and_then(key);
    // Neighbours may have equal keys (two people added at once): then the next greater one bounds the gap.
    let high = (rank..others.len()).filter_map(key).find(|high| low.is_none_or(|low| *high > low));
    order_key_between(low, high)
}

/// The rank at which a header that is dragged to `y` pixels from the top of the list would land.
pub(super) fn rank_at(y: f64, rows: &Rows, count: usize) -> usize {
    rows.row_at(y).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use model::{Value, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn order(moved: &str, rank: usize) -> Vec<String> {
        let mut last = None;
        let mut tracks: Vec<Record> = ["a", "b", "c", "d"]
            .iter()
            .map(|name| {
                let key = order_key_between(last.as_deref(), None).unwrap();
                last = Some(key.clone());
                Record::new(id(name), 1, fields([("orderKey", Value::text(&key))]))
            })
            .collect();
        let key = key_for(&tracks.iter().collect::<Vec<_>>(), &id(moved), rank);
        if let Some(key) = key {
            let index = tracks.iter().position(|track| track.id() == &id(moved)).unwrap();
            tracks[index] = tracks[index].with("orderKey", Value::text(&key));
        }
        tracks.sort_by(|a, b| a.text("orderKey").cmp(&b.text("orderKey")));
        tracks.iter().map(|track| track.id().to_string()).collect()
    }

    #[test]
    fn u5_a_track_lands_where_it_is_dropped() {
        assert_eq!(order("a", 2), ["b", "c", "a", "d"]);
        assert_eq!(order("d", 0), ["d", "a", "b", "c"]);
        assert_eq!(order("b", 3), ["a", "c", "d", "b"]);
        assert_eq!(order("b", 99), ["a", "c", "d", "b"]);
        assert_eq!(order("b", 1), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_header_lands_within_the_list() {
        let rows = Rows::new(76.0, 64.0, [0, 0, 1, 0]);
        assert_eq!([-50.0, 160.0, 280.0, 300.0, 9_999.0].map(|y| rank_at(y, &rows, 4)), [0, 2, 2, 3, 3]);
    }
}
