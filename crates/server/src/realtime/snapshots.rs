//! How snapshots are made: few at a time, one for all who wait for the same, and not more of them for one person than may lie
//! in memory until they are read (W6).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, Weak};

use axum::body::Bytes;
use model::Id;
use operations::Scope;
use sync::Room;
use sync::wire::SnapshotBody;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, spawn_blocking};

use super::limits::{SNAPSHOT_BYTES_PER_USER_MAX, SNAPSHOTS_AT_ONCE_MAX};
use super::lock;

/// What the same snapshot is the same by.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Which {
    scope: Scope,
    epoch: Id,
    seq: u64,
    packs: bool,
}

type Shared = OnceCell<SnapshotBody>;

/// The frame of a snapshot for one channel.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) head: Vec<u8>,
    /// Shared with whoever else was told the same. Its place in what one person may have unread is given up with it.
    pub(crate) body: Bytes,
}

/// A body that somebody has not read yet.
struct Unread {
    body: Arc<Shared>,
    _share: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        self.body.get().map_or(&[], SnapshotBody::bytes)
    }
}

/// The snapshots of this process.
#[derive(Debug)]
pub(crate) struct Snapshots {
    turns: Arc<Semaphore>,
    /// Those that somebody waits for or has not read.
    shared: Mutex<HashMap<Which, Weak<Shared>>>,
    /// How many more bytes a person's sockets may have unread.
    shares: Mutex<HashMap<Id, Weak<Semaphore>>>,
    share_bytes: usize,
}

impl Default for Snapshots {
    fn default() -> Snapshots {
        Snapshots::new(SNAPSHOT_BYTES_PER_USER_MAX)
    }
}

impl Snapshots {
    fn new(share_bytes: usize) -> Snapshots {
        let turns = Arc::new(Semaphore::new(SNAPSHOTS_AT_ONCE_MAX));
        Snapshots { turns, shared: Mutex::default(), shares: Mutex::default(), share_bytes }
    }

    /// The frame that tells this person of `room` on a channel, packed for clients that can unpack. Waits while others are being
    /// made, and while this person has not read what they were sent before; may be given up at any time. None when it could not
    /// be made.
    pub(crate) async fn frame(&self, user: &Id, channel: u32, room: Room, packs: bool) -> Option<Frame> {
        // A frame takes about what its records weigh; how much exactly is known when it lies in memory already.
        let mut share = self.share(user, room.records().weight()).await;
        let body = self.shared(&room, packs);
        let made = body.get_or_try_init(|| self.make(room, packs)).await.ok()?;
        let (head, length) = (made.head(channel), made.bytes().len());
        if let Some(share) = &mut share {
            drop(share.split(share.num_permits().saturating_sub(length)));
        }
        Some(Frame { head, body: Bytes::from_owner(Unread { body, _share: share }) })
    }

    /// None never comes: nobody closes the queue.
    async fn share(&self, user: &Id, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let share = living(&self.shares, user.clone(), || Semaphore::new(self.share_bytes));
        let bytes = u32::try_from(bytes.min(self.share_bytes)).unwrap_or(u32::MAX);
        share.acquire_many_owned(bytes).await.ok()
    }

    fn shared(&self, room: &Room, packs: bool) -> Arc<Shared> {
        let (scope, epoch, seq) = (room.scope().clone(), room.epoch().clone(), room.seq());
        living(&self.shared, Which { scope, epoch, seq, packs }, Shared::new)
    }

    async fn make(&self, room: Room, packs: bool) -> Result<SnapshotBody, JoinError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        // A large project takes a while, which the sockets of this thread need not wait for.
        let made = spawn_blocking(move || {
            let records: Vec<_> = room.records().iter().map(|(key, record)| (key.table, record.clone())).collect();
            let body = SnapshotBody::of(room.epoch(), room.seq(), &records, packs);
            // Here, so that it counts until it is over, also when nobody waits for it any more.
            drop(turn);
            body
        });
        made.await
    }
}

/// What lives under this key, or something new; what nobody uses any more is forgotten.
fn living<K: Eq + Hash, T>(all: &Mutex<HashMap<K, Weak<T>>>, key: K, fresh: impl FnOnce() -> T) -> Arc<T> {
    let mut all = lock(all);
    if let Some(found) = all.get(&key).and_then(Weak::upgrade) {
        return found;
    }
    all.retain(|_, other| other.strong_count() > 0);
    let fresh = Arc::new(fresh());
    all.insert(key, Arc::downgrade(&fresh));
    fresh
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use model::{Record, Records, Table};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn room(seq: u64) -> Room {
        let mut records = Records::new();
        records.insert(
            Table::Projects,
            Record::new(id("p"), 1, model::fields([("name", "la ".repeat(50_000).as_str().into())])),
        );
        Room::new(Scope::Project(id("p")), id("epoch"), seq, records)
    }

    #[tokio::test]
    async fn w6_one_snapshot_is_made_for_all_who_wait_for_the_same() {
        let snapshots = Snapshots::default();
        let users: Vec<Id> = (0..20).map(|n| id(&format!("u{n}"))).collect();
        let told = users.iter().zip(0..).map(|(user, channel)| snapshots.frame(user, channel, room(5), true));
        let frames: Vec<Frame> = join_all(told).await.into_iter().map(Option::unwrap).collect();
        assert!(frames.iter().all(|frame| frame.body.as_ptr() == frames[0].body.as_ptr()), "the same bytes in memory");
        assert_ne!(frames[0].head, frames[1].head, "each on its own channel");
        let later = snapshots.frame(&users[0], 0, room(6), true).await.unwrap();
        assert_ne!(later.body, frames[0].body, "another state is another one");
        assert_eq!(snapshots.shared.lock().unwrap().len(), 2);
        drop((frames, later));
        drop(snapshots.frame(&users[0], 0, room(7), true).await);
        let left = (snapshots.shared.lock().unwrap().len(), snapshots.shares.lock().unwrap().len());
        assert_eq!(left, (1, 1), "those that were read are forgotten");
    }

    #[tokio::test]
    async fn w6_few_snapshots_are_made_at_a_time() {
        let snapshots = Snapshots::default();
        let user = id("ann");
        let turns = Arc::clone(&snapshots.turns).try_acquire_many_owned(2).unwrap();
        let mut waits = pin!(snapshots.frame(&user, 1, room(1), false));
        assert!(waits.as_mut().now_or_never().is_none());
        let shared = Arc::clone(snapshots.shared.lock().unwrap().values().next().unwrap().upgrade().as_ref().unwrap());
        assert!(!shared.initialized() && snapshots.turns.available_permits() == 0);
        drop(turns);
        assert!(waits.await.is_some() && shared.initialized());
        assert_eq!(snapshots.turns.available_permits(), SNAPSHOTS_AT_ONCE_MAX);
    }

    #[tokio::test]
    async fn w6_what_one_person_has_not_read_is_bounded_and_holds_nobody_else_up() {
        let weight = room(1).records().weight();
        let snapshots = Snapshots::new(weight * 2);
        let (ann, bob) = (id("ann"), id("bob"));
        let all = snapshots.share(&ann, weight * 2).await;
        let mut waits = pin!(snapshots.frame(&ann, 1, room(1), true));
        assert!(waits.as_mut().now_or_never().is_none());
        assert!(snapshots.frame(&bob, 1, room(1), true).await.is_some());
        assert!(waits.as_mut().now_or_never().is_none());
        drop(all);
        let unread = waits.await.unwrap();
        assert!(unread.body.len() < weight / 10, "it is packed");
        let share = snapshots.shares.lock().unwrap()[&ann].upgrade().unwrap();
        assert_eq!(share.available_permits(), weight * 2 - unread.body.len(), "as much as it takes");
        drop(unread);
        assert_eq!(share.available_permits(), weight * 2, "until it is read");
    }
}
