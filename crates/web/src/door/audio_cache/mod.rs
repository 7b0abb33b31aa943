//! Recordings that an opened project uses, kept on this device (CL5): by the hash of their bytes, each user's apart, up to a quota;
//! those that were not used for longest go first. Where the browser has no files for us, nothing is kept, and nothing else changes.

mod bytes;
mod fill;
pub(in crate::door) mod folder;
mod in_use;
mod ledger;
mod settings;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use model::Id;
use sha2::{Digest, Sha256};
use web_sys::File;

use super::locks::{self, Held};
pub(in crate::door) use bytes::Bytes;
pub(in crate::door) use fill::fill;
use folder::{Folder, Writing};
use ledger::Entry;
pub(crate) use settings::{QUOTAS_BYTES, choose_bytes, chosen_bytes};

/// The folder of all users' recordings.
const FOLDER: &str = "audio";
/// Bytes that are left to what matters more: edits, and recordings that wait to be uploaded.
const RESERVE_BYTES: f64 = 50_000_000.0;
/// Bytes that go at once when edits need the room: edits are small, and what goes is fetched again some day.
const GIVEN_WAY_BYTES: u64 = 16_000_000;
/// What was begun so long ago will not be finished.
const STALE_MS: f64 = 24.0 * 3_600.0 * 1_000.0;

/// What is kept for one user.
pub(crate) struct AudioCache {
    user: Id,
    /// What is being written now.
    coming: RefCell<HashSet<String>>,
    /// Says to all tabs what the project that is open here uses: it does not go to make room for the rest of it, nor for another's.
    in_use: RefCell<Option<Held>>,
}

/// Bytes that are on this device. They have to be checked while they are read: [`Check`].
pub(in crate::door) struct Kept {
    entry: Entry,
    file: File,
}

impl Kept {
    /// How many there are.
    pub(in crate::door) fn size(&self) -> u64 {
        self.entry.size
    }

    /// The bytes, and what tells at their end whether they are the right ones.
    pub(in crate::door) fn open(&self) -> (Bytes, Check) {
        (Bytes::of_file(&self.file), Check::new(&self.entry.hash, Some(self.entry.size)))
    }
}

/// Watches bytes go by, and tells whether they were those that were meant.
pub(in crate::door) struct Check {
    hash: String,
    size: Option<u64>,
    seen: u64,
    hasher: Sha256,
}

impl Check {
    fn new(hash: &str, size: Option<u64>) -> Check {
        Check { hash: hash.to_owned(), size, seen: 0, hasher: Sha256::new() }
    }

    pub(in crate::door) fn add(&mut self, bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        self.hasher.update(bytes);
    }

    /// Whether size and hash are right.
    pub(in crate::door) fn holds(self) -> bool {
        let hash: String = self.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        hash == self.hash && self.size.is_none_or(|size| size == self.seen)
    }
}

/// Bytes on their way to the device.
pub(in crate::door) struct Keeping {
    hash: String,
    writing: Writing,
    check: Check,
}

impl AudioCache {
    /// What is kept for `user`.
    pub(in crate::door) fn of(user: Id) -> AudioCache {
        AudioCache { user, coming: RefCell::default(), in_use: RefCell::default() }
    }

    /// Where it lies in what the browser gives this app.
    pub(in crate::door) fn path(&self) -> [&str; 2] {
        [FOLDER, self.user.as_str()]
    }

    /// Notes that what has this hash is used now, by whoever reads it.
    pub(in crate::door) fn note_use(&self, hash: &str) {
        settings::touch(&self.user, hash);
    }

    async fn folder(&self) -> Option<Folder> {
        Folder::open(&self.path()).await
    }

    /// The bytes of this hash, if they are here; a file that is not as long as it should be goes.
    pub(in crate::door) async fn find(&self, hash: &str) -> Option<Kept> {
        let folder = self.folder().await?;
        let names = folder.names().await;
        let entry = names.iter().filter_map(|name| Entry::of_name(name)).find(|entry| entry.hash == hash)?;
        let file = folder.file(&entry.name()).await?;
        #[expect(clippy::cast_precision_loss, reason = "a recording has far fewer than 2^53 bytes")]
        if file.size() != entry.size as f64 {
            folder.remove(&entry.name()).await;
            return None;
        }
        settings::touch(&self.user, hash);
        Some(Kept { entry, file })
    }

    /// The same, read and checked as a whole; for what is small.
    pub(in crate::door) async fn read(&self, hash: &str) -> Option<Vec<u8>> {
        let kept = self.find(hash).await?;
        let (mut bytes, mut check) = kept.open();
        let mut all = Vec::new();
        while let Ok(Some(part)) = bytes.next().await {
            check.add(&part);
            all.extend_from_slice(&part);
        }
        if check.holds() {
            return Some(all);
        }
        self.forget(kept).await;
        None
    }

    /// Removes bytes that turned out not to be the right ones.
    pub(in crate::door) async fn forget(&self, kept: Kept) {
        if let Some(folder) = self.folder().await {
            folder.remove(&kept.entry.name()).await;
        }
    }

    /// Begins to keep bytes, once there is room for them; none when there is none, or they are being kept already.
    pub(in crate::door) async fn keep(&self, hash: &str, size: u64) -> Option<Keeping> {
        let entry = Entry { hash: hash.to_owned(), size };
        // Only what can be found again.
        Entry::of_name(&entry.name())?;
        if !self.coming.borrow_mut().insert(hash.to_owned()) {
            return None;
        }
        let writing = self.begin(&entry).await;
        if writing.is_none() {
            self.coming.borrow_mut().remove(hash);
        }
        Some(Keeping { hash: hash.to_owned(), writing: writing?, check: Check::new(hash, Some(size)) })
    }

    async fn begin(&self, entry: &Entry) -> Option<Writing> {
        let folder = self.folder().await?;
        self.make_room(&folder, entry).await?;
        folder.write(&entry.name()).await.ok()
    }

    async fn make_room(&self, folder: &Folder, newcomer: &Entry) -> Option<()> {
        folder.sweep(STALE_MS).await;
        let kept: Vec<Entry> = folder.names().await.iter().filter_map(|name| Entry::of_name(name)).collect();
        if kept.iter().any(|entry| entry.hash == newcomer.hash) {
            return None;
        }
        let total: u64 = kept.iter().map(|entry| entry.size).sum();
        let quota = within(quota_bytes().await, total, folder::free_bytes().await);
        let last_used = settings::last_used(&self.user);
        let in_use = in_use::of(&locks::held().await.unwrap_or_default(), &self.user, &kept);
        let gone = ledger::make_room(&kept, &last_used, &in_use, newcomer.size, quota)?;
        for entry in &gone {
            folder.remove(&entry.name()).await;
        }
        let stays = |hash: &str| hash == newcomer.hash || kept.iter().any(|e| e.hash == hash && !gone.contains(e));
        settings::used(&self.user, &newcomer.hash, &last_used, stays);
        Some(())
    }

    /// What says to all tabs that the project that is open uses these.
    async fn use_of(&self, hashes: &HashSet<String>) -> Option<Held> {
        if hashes.is_empty() { None } else { Some(locks::share(&in_use::name(&self.user, hashes)).await) }
    }

    /// The project was left: it uses nothing any more.
    pub(in crate::door) fn leave(&self) {
        self.in_use.take();
    }

    /// Adds bytes to what is being kept; false when that has come to nothing.
    pub(in crate::door) async fn add(&self, keeping: &mut Option<Keeping>, bytes: &[u8]) {
        let Some(one) = keeping else { return };
        one.check.add(bytes);
        if one.writing.add(bytes).await.is_err()
            && let Some(one) = keeping.take()
        {
            self.give_up(one).await;
        }
    }

    /// Keeps what has come, if it is what was meant.
    pub(in crate::door) async fn finish(&self, keeping: Option<Keeping>) {
        let Some(Keeping { hash, writing, check }) = keeping else { return };
        if check.holds() {
            // It was only to be kept: without it one has what one had.
            let _ = writing.finish().await;
        } else {
            writing.give_up().await;
        }
        self.coming.borrow_mut().remove(&hash);
    }

    /// Keeps nothing of what has come.
    pub(in crate::door) async fn give_up(&self, keeping: Keeping) {
        keeping.writing.give_up().await;
        self.coming.borrow_mut().remove(&keeping.hash);
    }

    fn is_coming(&self, hash: &str) -> bool {
        self.coming.borrow().contains(hash)
    }
}

/// The quota, or less where the browser gives less: `free` bytes more than what there is, of which some are left to others.
fn within(quota: u64, kept: u64, free: Option<f64>) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-int cast saturates")]
    let room = free.map_or(u64::MAX, |free| (free - RESERVE_BYTES) as u64);
    quota.min(kept.saturating_add(room))
}

/// Bytes of recordings that may be kept on this device: those that somebody has chosen, else those that follow from it.
async fn quota_bytes() -> u64 {
    match chosen_bytes() {
        Some(chosen) => chosen,
        None => device_bytes().await,
    }
}

/// Bytes of recordings that may be kept where nobody has chosen otherwise.
pub(crate) async fn device_bytes() -> u64 {
    settings::of_device(folder::granted_bytes().await)
}

/// Bytes that are kept for a user.
pub(crate) async fn bytes_kept(user: &Id) -> u64 {
    let Some(folder) = Folder::open(&[FOLDER, user.as_str()]).await else { return 0 };
    folder.names().await.iter().filter_map(|name| Entry::of_name(name)).map(|entry| entry.size).sum()
}

/// Lets go what is beyond the quota, which may have been made smaller; all of it where it is nothing.
pub(crate) async fn shrink(user: &Id) {
    let quota = quota_bytes().await;
    let_go_beyond(user, |_| quota).await;
}

/// Lets some recordings go, those that were not used for longest first, in use or not: edits need the room. True when there were any.
pub(in crate::door) async fn give_way(user: &Id) -> bool {
    let_go_beyond(user, |total| total.saturating_sub(GIVEN_WAY_BYTES)).await
}

/// Lets go of what is more than so many bytes of all, those first that were not used for longest. True when there were any.
async fn let_go_beyond(user: &Id, bytes: impl FnOnce(u64) -> u64) -> bool {
    let Some(folder) = Folder::open(&[FOLDER, user.as_str()]).await else { return false };
    let kept: Vec<Entry> = folder.names().await.iter().filter_map(|name| Entry::of_name(name)).collect();
    let left = bytes(kept.iter().map(|entry| entry.size).sum());
    let gone = ledger::make_room(&kept, &settings::last_used(user), &HashSet::new(), 0, left).unwrap_or_default();
    for entry in &gone {
        folder.remove(&entry.name()).await;
    }
    !gone.is_empty()
}

/// Lets go everything that is kept for a user: they have logged out.
pub(crate) async fn clear(user: &Id) {
    Folder::remove_all(&[FOLDER], user.as_str()).await;
    settings::forget(user);
}

type Times = HashMap<String, f64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl5_bytes_are_checked_by_hash_and_size() {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let holds = |bytes: &[&[u8]], size| {
            let mut check = Check::new(hash, size);
            bytes.iter().for_each(|part| check.add(part));
            check.holds()
        };
        assert!(holds(&[b"a", b"bc"], Some(3)) && holds(&[b"abc"], None));
        assert!(!holds(&[b"abd"], Some(3)), "another hash");
        assert!(!holds(&[b"abc"], Some(4)), "another size");
        assert!(!holds(&[b"ab"], Some(3)), "broken off");
    }

    #[test]
    fn the_quota_is_no_more_than_the_browser_gives() {
        assert_eq!(within(500, 0, None), 500);
        assert_eq!(within(500, 100, Some(RESERVE_BYTES + 1_000.0)), 500);
        assert_eq!(within(500, 100, Some(RESERVE_BYTES + 50.0)), 150);
        assert_eq!(within(500, 100, Some(0.0)), 100, "what there is may stay");
    }
}
