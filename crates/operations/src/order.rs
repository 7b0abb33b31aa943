//! The order of tracks (U5).

use model::schema::order_key_between;
use model::{Id, Record, Records, Table, Value};

/// The key of a track that stands after all others.
pub(crate) fn last_key(records: &Records) -> Option<String> {
    let last = records.table(Table::Tracks).filter_map(|track| track.text("orderKey")).max();
    order_key_between(last, None)
}

/// The key that puts track `id` at `rank` among the tracks that are not deleted, counted without itself. Keys of
/// neighbours may be equal (ties go by id); then the next greater one bounds the gap.
pub(crate) fn key_at_rank(records: &Records, id: &Id, rank: usize) -> Option<String> {
    let others: Vec<&Record> = records.tracks().into_iter().filter(|track| track.id() != id).collect();
    let rank = rank.min(others.len());
    let key = |index: usize| others.get(index).and_then(|track| track.text("orderKey"));
    let low = rank.checked_sub(1).and_then(key);
    let high = (rank..others.len()).filter_map(key).find(|high| low.is_none_or(|low| *high > low));
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
