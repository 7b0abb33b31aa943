//! What has happened to a project, and how it was before (WR11, WR12).

mod page;
mod rewind;
pub(super) mod snapshots;
#[cfg(test)]
mod tests;

pub(super) use page::{HistoryBody, PageQuery, page};
pub(crate) use rewind::records_at;
