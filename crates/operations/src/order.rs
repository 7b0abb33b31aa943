//! The order of tracks (U5).

use model::schema::order_key_between;
use model::{Id, Records, Table, Value};

/// The key of a track that stands after all others.
pub(crate) fn last_key(records: &Records) -> Option<String> {
    let last = records.table(Table::Tracks).filter_map(|track| track.text("orderKey")).max();
    order_key_between(last, None)
}

/// The key that puts track `id` at `rank` among the tracks that are not deleted, counted without itself. Keys of
/// neighbours may be equal (ties go by id); then the next greater one bounds the gap.
pub(crate) fn key_at_rank(records: &Records, id: &Id, rank: usize) -> Option<String> {
    let others = records.table(Table::Tracks).filter(|track| track.id() != id && !track.is_deleted());
    // A selection, not a sort: a transaction may hold thousands of these.
    let mut others: Vec<(&str, &Id)> = others.filter_map(|track| Some((track.text("orderKey")?, track.id()))).collect();
    let low = rank.min(others.len()).checked_sub(1).map(|last| others.select_nth_unstable(last).1.0);
    let high = others.iter().map(|(key, _)| *key).filter(|key| low.is_none_or(|low| *key > low)).min();
    order_key_between(low, high)
}

/// The rank that a written `orderIndex` asks for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-int cast saturates, and the rank is clamped"
)]
pub(crate) fn rank(index: &Value) -> Option<usize> {
    index.as_number().map(|number| number as usize)
}
