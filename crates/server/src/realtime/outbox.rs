//! What waits to be written to one socket: bounded, so that a slow reader costs others nothing (PS4).
//!
//! A reader that falls behind is first told less often: commits that wait together become one frame, and of a key of W3
//! only its last version waits. When even that is too much, it is cut off, and may resume.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use operations::{Change, Commit};
use sync::Room;
use sync::wire::text::{Notice, Update};
use sync::wire::{self, ServerMessage};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::limits::{
    BEHIND_FRAMES, COMMITS_FRAME_BYTES, NEWS_EVERY, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, SUBSCRIPTIONS_MAX,
};

/// One thing to write.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A frame of W4.
    Binary(Bytes),
    /// Commits of W4, to be put into one frame.
    Commits { channel: u32, runs: Vec<Run> },
    /// A message of W3.
    Text(String),
    /// Versions of W3.
    Updates(Vec<Update>),
    /// A snapshot of this room, encoded by the socket's own task: the room must not wait for it.
    Snapshot { channel: u32, room: Room },
    /// The last: close the socket.
    Goodbye,
}

impl Outgoing {
    fn bytes(&self) -> usize {
        match self {
            Outgoing::Binary(frame) => frame.len(),
            Outgoing::Commits { runs, .. } => runs.iter().map(Run::bytes).sum(),
            Outgoing::Text(text) => text.len(),
            // Versions are counted by their number; records are shared with the room until they are written.
            Outgoing::Updates(_) | Outgoing::Snapshot { .. } | Outgoing::Goodbye => 0,
        }
    }

    /// Whether it may wait for more of its kind (PS5): it tells of what others did, and answers nobody.
    fn is_news(&self) -> bool {
        matches!(self, Outgoing::Commits { .. } | Outgoing::Updates(_))
    }
}

/// Commits that follow each other in the log, encoded once for everyone who is told of them.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    body: Bytes,
    count: usize,
}

impl Run {
    fn bytes(&self) -> usize {
        self.body.len() + size_of::<Run>()
    }
}

/// A group of commits, encoded.
#[derive(Clone, Debug)]
pub(crate) struct EncodedCommits {
    body: Bytes,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl EncodedCommits {
    /// Encodes them, in order.
    pub(crate) fn of<'a>(commits: impl IntoIterator<Item = &'a Commit>) -> EncodedCommits {
        let (mut body, mut ends) = (Vec::new(), Vec::new());
        for commit in commits {
            body = wire::encode_commit(body, commit);
            ends.push(body.len());
        }
        EncodedCommits { body: Bytes::from(body), ends }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Some of them, in runs of about [`COMMITS_FRAME_BYTES`] at most or of one commit.
    fn runs(&self, range: Range<usize>) -> Vec<Run> {
        let start = |at: usize| if at == 0 { 0 } else { self.ends[at - 1] };
        let mut runs = Vec::new();
        let mut from = range.start;
        while from < range.end {
            let fits = self.ends[from..range.end].partition_point(|end| end - start(from) <= COMMITS_FRAME_BYTES);
            let to = from + fits.max(1);
            runs.push(Run { body: self.body.slice(start(from)..self.ends[to - 1]), count: to - from });
            from = to;
        }
        runs
    }
}

/// Versions of W3 that wait, of each key the last one, in the order in which the keys came.
#[derive(Debug, Default)]
struct Versions {
    updates: Vec<Update>,
    place: HashMap<String, usize>,
}

impl Versions {
    fn put(&mut self, update: Update) {
        match self.place.get(&update.key) {
            Some(place) => self.updates[*place].version = update.version,
            None => {
                self.place.insert(update.key.clone(), self.updates.len());
                self.updates.push(update);
            }
        }
    }

    fn take(&mut self) -> Vec<Update> {
        self.place.clear();
        std::mem::take(&mut self.updates)
    }
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Outgoing>,
    bytes: usize,
    /// How many of the items answer somebody, and so do not wait.
    urgent: usize,
    /// What an `Updates` among the items stands for.
    versions: Versions,
}

impl Queue {
    /// False when there is no room for it.
    fn push(&mut self, outgoing: Outgoing) -> bool {
        let bytes = outgoing.bytes();
        // One frame alone always fits: who has read everything else is not slow.
        let fits = self.bytes == 0 || self.bytes + bytes <= OUTBOX_BYTES_MAX;
        if !fits || self.items.len() >= OUTBOX_FRAMES_MAX {
            return false;
        }
        self.bytes += bytes;
        self.urgent += usize::from(!outgoing.is_news());
        self.items.push_back(outgoing);
        true
    }

    /// Adds to the commits that wait last, when they are of the same channel and one frame can take both.
    fn push_run(&mut self, channel: u32, run: Run) -> bool {
        let bytes = run.bytes();
        match self.items.back_mut() {
            Some(Outgoing::Commits { channel: last, runs }) if *last == channel => {
                let waiting: usize = runs.iter().map(Run::bytes).sum();
                if waiting + bytes <= COMMITS_FRAME_BYTES {
                    let fits = self.bytes + bytes <= OUTBOX_BYTES_MAX;
                    if fits {
                        self.bytes += bytes;
                        runs.push(run);
                    }
                    return fits;
                }
            }
            _ => {}
        }
        self.push(Outgoing::Commits { channel, runs: vec![run] })
    }

    fn push_updates(&mut self, updates: Vec<Update>) -> bool {
        let announced = !self.versions.updates.is_empty();
        updates.into_iter().for_each(|update| self.versions.put(update));
        // More keys than a socket may be subscribed to: it subscribes anew and anew without reading.
        self.versions.updates.len() <= SUBSCRIPTIONS_MAX && (announced || self.push(Outgoing::Updates(Vec::new())))
    }

    fn pop(&mut self) -> Option<Outgoing> {
        let outgoing = self.items.pop_front()?;
        self.bytes -= outgoing.bytes();
        self.urgent -= usize::from(!outgoing.is_news());
        Some(match outgoing {
            Outgoing::Updates(_) => Outgoing::Updates(self.versions.take()),
            other => other,
        })
    }
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    pushed: Notify,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that is done under the lock can panic half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rooms' end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    shared: Arc<Shared>,
    cut: CancellationToken,
}

/// The socket's end.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    shared: Arc<Shared>,
    cut: CancellationToken,
    /// When news were taken out last.
    news_at: Option<Instant>,
}

/// A box and its reader. `cut` is cancelled when the reader is too slow.
pub(crate) fn outbox(cut: CancellationToken) -> (Outbox, OutboxReader) {
    let shared = Arc::new(Shared::default());
    (Outbox { shared: Arc::clone(&shared), cut: cut.clone() }, OutboxReader { shared, cut, news_at: None })
}

impl Outbox {
    /// Queues something. False when the socket is gone, or has just been cut off because it reads too slowly: nothing more
    /// will be written to it, and it may resume on a new one.
    fn put(&self, push: impl FnOnce(&mut Queue) -> bool) -> bool {
        // Once cut, always cut: what was lost cannot be skipped.
        if !self.cut.is_cancelled() && push(&mut self.shared.queue()) {
            self.shared.pushed.notify_one();
            return true;
        }
        self.cut.cancel();
        false
    }

    /// Queues something to write.
    pub(crate) fn push(&self, outgoing: Outgoing) -> bool {
        self.put(|queue| queue.push(outgoing))
    }

    /// Queues a message of W4.
    pub(crate) fn message(&self, message: &ServerMessage) -> bool {
        self.push(Outgoing::Binary(Bytes::from(wire::encode(message))))
    }

    /// Queues some of these commits, in as many frames as their size asks for.
    pub(crate) fn commits(&self, channel: u32, commits: &EncodedCommits, range: Range<usize>) -> bool {
        let runs = commits.runs(range);
        self.put(|queue| runs.into_iter().all(|run| queue.push_run(channel, run)))
    }

    /// Queues a message of W3.
    pub(crate) fn notice(&self, notice: &Notice) -> bool {
        match notice {
            Notice::Updates { updates } => self.put(|queue| queue.push_updates(updates.clone())),
            Notice::Error { .. } => serde_json::to_string(notice).is_ok_and(|text| self.push(Outgoing::Text(text))),
        }
    }

    /// Whether so much waits that what can be left out should be.
    pub(crate) fn is_behind(&self) -> bool {
        self.shared.queue().items.len() >= BEHIND_FRAMES
    }
}

impl OutboxReader {
    /// The next thing to write. News wait a little when others have just gone, so that more of them go together (PS5);
    /// whatever answers somebody takes them along at once.
    pub(crate) async fn next(&mut self) -> Outgoing {
        loop {
            let due = {
                let queue = self.shared.queue();
                match (queue.items.is_empty(), self.news_at) {
                    (true, _) => None,
                    (false, Some(at)) if queue.urgent == 0 && at.elapsed() < NEWS_EVERY => Some(at + NEWS_EVERY),
                    (false, _) => {
                        drop(queue);
                        if let Some(outgoing) = self.ready() {
                            return outgoing;
                        }
                        None
                    }
                }
            };
            match due {
                Some(due) => tokio::select! { () = self.shared.pushed.notified() => {}, () = sleep_until(due) => {} },
                None => self.shared.pushed.notified().await,
            }
        }
    }

    /// The next thing to write, if there is something.
    pub(crate) fn ready(&mut self) -> Option<Outgoing> {
        let outgoing = self.shared.queue().pop()?;
        if outgoing.is_news() {
            self.news_at = Some(Instant::now());
        }
        Some(outgoing)
    }
}

impl Drop for OutboxReader {
    /// Nobody reads any more: whoever pushes is told.
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

/// A frame of W4 of these runs.
pub(crate) fn commits_frame(channel: u32, runs: &[Run]) -> Vec<u8> {
    let count = runs.iter().map(|run| run.count).sum();
    wire::commits_frame(channel, count, runs.iter().map(|run| &run.body[..]))
}

/// About how many bytes a commit takes in a frame.
pub(crate) fn commit_bytes(commit: &Commit) -> usize {
    const OPERATION_BYTES: usize = 100;
    let weight = |change: &Change| match change {
        Change::Set(value) | Change::ListInsert(value, _) | Change::ListRemove(value) => value.weight(),
        Change::SetNow | Change::Unset => 0,
    };
    commit.operations.iter().map(|operation| OPERATION_BYTES + weight(&operation.change)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(seq: u64, bytes: usize) -> Commit {
        let id = model::Id::system();
        let (tx_id, author, time) = (id.clone(), id.clone(), model::Timestamp(0));
        let text = |bytes: usize| model::Value::text(&"x".repeat(bytes));
        // One text has at most 64 KiB.
        let lengths = (0..bytes).step_by(60_000).map(|from| (bytes - from).min(60_000));
        let operations =
            lengths.map(|bytes| operations::build::set(model::Table::Clips, &id, "name", text(bytes))).collect();
        Commit { seq, tx_id, author, time, gesture: None, operations }
    }

    /// The numbers of the commits in a frame.
    fn seqs(outgoing: &Outgoing) -> Vec<u64> {
        let Outgoing::Commits { channel, runs } = outgoing else { panic!("{outgoing:?}") };
        match wire::decode(&commits_frame(*channel, runs)) {
            Ok(ServerMessage::Commits { commits, .. }) => commits.iter().map(|commit| commit.seq).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn drain(reader: &mut OutboxReader) -> Vec<Outgoing> {
        std::iter::from_fn(|| reader.ready()).collect()
    }

    fn update(key: &str, version: u64) -> Update {
        Update { key: key.to_owned(), version }
    }

    #[tokio::test]
    async fn ps4_a_slow_reader_is_cut_off_and_its_queue_is_bounded() {
        let cut = CancellationToken::new();
        let (sender, mut reader) = outbox(cut.clone());
        let pushed = (0..OUTBOX_FRAMES_MAX * 2).filter(|_| sender.push(Outgoing::Text("x".to_owned()))).count();
        assert_eq!(pushed, OUTBOX_FRAMES_MAX);
        assert!(cut.is_cancelled());
        assert!(matches!(reader.next().await, Outgoing::Text(_)));
        assert!(!sender.push(Outgoing::Text("x".to_owned())), "once cut, always cut: what was lost cannot be skipped");
    }

    #[test]
    fn ps4_large_commits_go_in_several_frames_in_order() {
        let (sender, mut reader) = outbox(CancellationToken::new());
        let commits = [commit(1, 600_000), commit(2, 600_000), commit(3, 600_000)];
        assert!(sender.commits(1, &EncodedCommits::of(&commits), 0..3));
        let frames = drain(&mut reader);
        assert_eq!(frames.iter().map(seqs).collect::<Vec<_>>(), [[1], [2], [3]]);
    }

    #[test]
    fn ps4_commits_that_wait_together_become_one_frame() {
        let (sender, mut reader) = outbox(CancellationToken::new());
        for seq in 1..=10_000 {
            assert!(sender.commits(1, &EncodedCommits::of([&commit(seq, 10)]), 0..1), "more than there are frames");
        }
        let frames = drain(&mut reader);
        assert!(frames.len() < 4, "{}", frames.len());
        assert_eq!(frames.iter().flat_map(seqs).collect::<Vec<_>>(), (1..=10_000).collect::<Vec<_>>());
        // What comes between stays between, and channels stay apart.
        let three = EncodedCommits::of(&[commit(1, 1), commit(2, 1), commit(3, 1)]);
        assert!(sender.commits(1, &three, 0..1) && sender.message(&ServerMessage::Pong { nonce: 0 }));
        assert!(sender.commits(1, &three, 1..3) && sender.commits(2, &three, 0..3));
        let frames = drain(&mut reader);
        assert_eq!([&frames[0], &frames[2], &frames[3]].map(seqs), [vec![1], vec![2, 3], vec![1, 2, 3]]);
        assert!(matches!(frames[1], Outgoing::Binary(_)));
    }

    #[test]
    fn ps4_of_a_key_only_the_last_version_waits() {
        let (sender, mut reader) = outbox(CancellationToken::new());
        let tell = |updates: Vec<Update>| sender.notice(&Notice::Updates { updates });
        for version in 1..=100_000 {
            assert!(tell(vec![update("tracks:b", version), update("tracks:a", version)]));
        }
        assert!(sender.notice(&Notice::Error { message: "later".to_owned() }));
        assert!(tell(vec![update("tracks:a", 100_001)]));
        let told = drain(&mut reader);
        let expected = [update("tracks:b", 100_000), update("tracks:a", 100_001)];
        assert!(
            matches!(&told[..], [Outgoing::Updates(updates), Outgoing::Text(_)] if *updates == expected),
            "{told:?}"
        );
        let many = |n: usize| tell((0..n).map(|n| update(&format!("clips:{n}"), 1)).collect());
        assert!(many(SUBSCRIPTIONS_MAX));
        assert!(!many(SUBSCRIPTIONS_MAX + 1), "more than can be subscribed to");
    }

    #[test]
    fn ps4_the_bytes_of_a_queue_are_bounded() {
        let cut = CancellationToken::new();
        let (sender, _reader) = outbox(cut.clone());
        let frame = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 4]);
        assert_eq!((0..10).filter(|_| sender.push(Outgoing::Binary(frame.clone()))).count(), 4);
        assert!(cut.is_cancelled());

        let cut = CancellationToken::new();
        let (sender, mut reader) = outbox(cut.clone());
        let one = EncodedCommits::of([&commit(1, 10_000)]);
        let pushed = (0..OUTBOX_BYTES_MAX).take_while(|_| sender.commits(1, &one, 0..1)).count();
        assert!(cut.is_cancelled() && pushed > OUTBOX_FRAMES_MAX && pushed * 10_000 <= OUTBOX_BYTES_MAX, "{pushed}");
        assert_eq!(drain(&mut reader).iter().map(|frame| seqs(frame).len()).sum::<usize>(), pushed);
    }

    #[tokio::test(start_paused = true)]
    async fn ps5_news_go_at_once_when_idle_and_together_when_there_are_many() {
        let (sender, mut reader) = outbox(CancellationToken::new());
        let start = Instant::now();
        let one = |seq| EncodedCommits::of([&commit(seq, 1)]);
        sender.commits(1, &one(1), 0..1);
        assert_eq!(seqs(&reader.next().await), [1]);
        assert_eq!(start.elapsed(), std::time::Duration::ZERO, "nobody waits for company that may not come");
        sender.commits(1, &one(2), 0..1);
        let second = tokio::spawn(async move { (reader.next().await, reader) });
        tokio::task::yield_now().await;
        sender.commits(1, &one(3), 0..1);
        let (frame, mut reader) = second.await.unwrap();
        assert_eq!((seqs(&frame), start.elapsed()), (vec![2, 3], NEWS_EVERY));
        // An answer does not wait, nor what is before it.
        sender.commits(1, &one(4), 0..1);
        sender.message(&ServerMessage::Pong { nonce: 1 });
        assert_eq!(seqs(&reader.next().await), [4]);
        assert!(matches!(reader.next().await, Outgoing::Binary(_)));
        assert_eq!(start.elapsed(), NEWS_EVERY);
    }
}
