//! Whether the disk has room for what is to be kept, beside what is to be left free.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::limits::DISK_LOOKED_AT_EVERY;
use crate::free_space::free_bytes;

/// The disk that the data lie on.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    keep_free: u64,
    /// When it was looked at, and whether there was room.
    looked: Mutex<Option<(Instant, bool)>>,
}

impl Disk {
    /// The disk of this folder, of which so many bytes are to be left.
    #[must_use]
    pub fn new(folder: &Path, keep_free: u64) -> Disk {
        Disk { folder: folder.to_owned(), keep_free, looked: Mutex::default() }
    }

    /// Bytes that may be written at this moment; for whoever may wait for the disk. One that does not say is tried.
    pub(crate) fn room(&self) -> u64 {
        free_bytes(&self.folder).map_or(u64::MAX, |free| free.saturating_sub(self.keep_free))
    }

    /// Whether anything may be written, as of a moment ago.
    pub(crate) fn has_room(&self) -> bool {
        // A panic while it was held cannot leave it half changed.
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, had_room)) = *looked
            && at.elapsed() < DISK_LOOKED_AT_EVERY
        {
            return had_room;
        }
        let has_room = !free_bytes(&self.folder).is_ok_and(|free| free < self.keep_free);
        if !has_room && looked.is_none_or(|(_, had_room)| had_room) {
            tracing::error!(folder = %self.folder.display(), "the disk is nearly full: edits and uploads are refused until there is room");
        }
        *looked = Some((Instant::now(), has_room));
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn w6_the_disk_is_looked_at_now_and_then_and_tried_where_it_does_not_say() {
        let folder = tempfile::tempdir().unwrap();
        let empty = Disk::new(folder.path(), 0);
        assert!(empty.has_room() && empty.room() > 0);
        let mut disk = Disk::new(folder.path(), u64::MAX);
        assert!(!disk.has_room() && disk.room() == 0);
        disk.keep_free = 0;
        assert!(!disk.has_room(), "it was looked at just now");
        tokio::time::advance(DISK_LOOKED_AT_EVERY).await;
        assert!(disk.has_room());
        assert!(Disk::new(&folder.path().join("absent"), u64::MAX).has_room());
    }
}
