//! The order of tracks (U5).

use model::schema::{is_order_key, order_key_between};
use model::{Id, Record, Records, Table, Value};

/// Characters of a key that somebody writes; a longer one is taken for the place that it asks for. The rest of what a key may have
/// is for tracks that are put between the same two again and again: many hundred times, until all need new keys.
pub(crate) const ORDER_KEY_WRITTEN_MAX: usize = 64;

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

/// How many tracks stand before a key, counted without track `id`.
pub(crate) fn rank_of_key(records: &Records, id: &Id, key: &str) -> usize {
    let others = records.table(Table::Tracks).filter(|track| track.id() != id && !track.is_deleted());
    others.filter(|track| track.text("orderKey").is_some_and(|other| other < key)).count()
}

/// Whether this would be a key of an order if it were not so long.
pub(crate) fn is_too_long(key: &str) -> bool {
    !is_order_key(key) && order_key_between(Some(key), None).is_some()
}

/// Whether somebody asks for a place by a key that is longer than one should write.
pub(crate) fn is_too_long_to_write(key: &str) -> bool {
    key.len() > ORDER_KEY_WRITTEN_MAX && order_key_between(Some(key), None).is_some()
}

/// Keys for all tracks, deleted ones included, in the order that they have now: short ones, far from each other.
pub(crate) fn spread(records: &Records) -> Vec<(Id, String)> {
    let mut tracks: Vec<&Record> = records.table(Table::Tracks).collect();
    model::sort_by(&mut tracks, |a, b| (a.text("orderKey"), a.id()).cmp(&(b.text("orderKey"), b.id())));
    // There are far fewer tracks than numbers of two digits to the base 256.
    let step = 65_536 / (tracks.len() + 1);
    let key = |place: usize| match (place / 256, place % 256) {
        (high, 0) => format!("{high:02x}"),
        (high, low) => format!("{high:02x}{low:02x}"),
    };
    tracks.iter().zip(1..).map(|(track, place)| (track.id().clone(), key(place * step))).collect()
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
