//! What waits to be written to one socket: bounded, so that a slow reader costs others nothing (PS4).
//!
//! A reader that falls behind is first told less often: commits that wait together become one frame, and of a key of W3
//! only its last version waits. When even that is too much, it is cut off, and may resume.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use axum::body::Bytes;
use operations::{Change, Commit, Operation};
use sync::Room;
use sync::wire::text::{Notice, Update};
use sync::wire::{self, ServerMessage};

use super::limits::{COMMITS_FRAME_BYTES, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, SUBSCRIPTIONS_MAX};
use crate::web_socket::frames::{HEAD_BYTES_MAX, Kind, put_head};

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
    /// A snapshot of this room, which the socket's own task has made: the room must not wait for it.
    Snapshot { channel: u32, room: Room },
    /// Asks the other side whether it is there.
    Ping,
    /// Answers when the other side asks so.
    Pong(Bytes),
    /// The last: close the socket.
    Goodbye,
}

impl Outgoing {
    fn bytes(&self) -> usize {
        match self {
            Outgoing::Binary(bytes) | Outgoing::Pong(bytes) => bytes.len(),
            Outgoing::Commits { runs, .. } => runs.iter().map(Run::bytes).sum(),
            Outgoing::Text(text) => text.len(),
            // Versions are counted by their number; records are shared with the room until they are written.
            Outgoing::Updates(_) | Outgoing::Snapshot { .. } | Outgoing::Ping | Outgoing::Goodbye => 0,
        }
    }

    /// Whether it takes so long that only the socket's own task may do it.
    pub(super) fn is_for_the_task(&self) -> bool {
        matches!(self, Outgoing::Snapshot { .. } | Outgoing::Goodbye)
    }

    /// What kind of frame it is, and its payload; none for what is for the task.
    pub(super) fn frame(self) -> Option<(Kind, Bytes)> {
        Some(match self {
            Outgoing::Binary(frame) => (Kind::Binary, frame),
            Outgoing::Commits { channel, runs } => (Kind::Binary, Bytes::from(commits_frame(channel, &runs))),
            Outgoing::Text(text) => (Kind::Text, Bytes::from(text)),
            Outgoing::Updates(updates) => {
                // Keys and numbers serialise without fail.
                let text = serde_json::to_string(&Notice::Updates { updates }).unwrap_or_default();
                (Kind::Text, Bytes::from(text))
            }
            Outgoing::Ping => (Kind::Ping, Bytes::new()),
            Outgoing::Pong(payload) => (Kind::Pong, payload),
            Outgoing::Snapshot { .. } | Outgoing::Goodbye => return None,
        })
    }

    /// Whether it may wait for more of its kind (PS5): it tells of what others did, and answers nobody.
    pub(super) fn is_news(&self) -> bool {
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

    /// The whole frame that tells of them on this channel, its head included; none when they need several.
    pub(crate) fn ready_frame(&self, channel: u32) -> Option<Bytes> {
        let runs = self.runs(0..self.len());
        let [run] = &*runs else { return None };
        let payload = commits_frame(channel, std::slice::from_ref(run));
        let mut frame = Vec::with_capacity(HEAD_BYTES_MAX + payload.len());
        put_head(&mut frame, Kind::Binary, payload.len());
        frame.extend_from_slice(&payload);
        Some(Bytes::from(frame))
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

/// What waits, in order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    items: VecDeque<Outgoing>,
    bytes: usize,
    /// Bytes that have been taken out and not been written.
    beside: usize,
    /// How many of the items answer somebody, and so do not wait.
    urgent: usize,
    /// What an `Updates` among the items stands for.
    versions: Versions,
    /// Whether one of these versions answers somebody.
    answers: bool,
}

impl Queue {
    /// Queues something; false when there is no room for it.
    pub(crate) fn push(&mut self, outgoing: Outgoing) -> bool {
        let bytes = outgoing.bytes();
        // One frame alone always fits: who has read everything else is not slow.
        let fits = self.bytes == 0 || self.bytes + self.beside + bytes <= OUTBOX_BYTES_MAX;
        if !fits || self.items.len() >= OUTBOX_FRAMES_MAX {
            return false;
        }
        self.bytes += bytes;
        self.urgent += usize::from(!outgoing.is_news());
        self.items.push_back(outgoing);
        true
    }

    /// Queues a message of W4.
    pub(crate) fn message(&mut self, message: &ServerMessage) -> bool {
        self.push(Outgoing::Binary(Bytes::from(wire::encode(message))))
    }

    /// Queues some of these commits, in as many frames as their size asks for.
    pub(crate) fn commits(&mut self, channel: u32, commits: &EncodedCommits, range: Range<usize>) -> bool {
        commits.runs(range).into_iter().all(|run| self.push_run(channel, run))
    }

    /// Queues a message of W3.
    pub(crate) fn notice(&mut self, notice: &Notice) -> bool {
        match notice {
            Notice::Updates { updates } => self.push_updates(updates.clone()),
            Notice::Error { .. } => serde_json::to_string(notice).is_ok_and(|text| self.push(Outgoing::Text(text))),
        }
    }

    /// Queues versions of W3 for somebody who has asked for them (PS2): they go with those that wait, which wait no longer.
    pub(crate) fn answer(&mut self, updates: Vec<Update>) -> bool {
        self.answers = true;
        self.push_updates(updates)
    }

    /// Adds to the commits that wait last, when they are of the same channel and one frame can take both.
    fn push_run(&mut self, channel: u32, run: Run) -> bool {
        let bytes = run.bytes();
        match self.items.back_mut() {
            Some(Outgoing::Commits { channel: last, runs }) if *last == channel => {
                let waiting: usize = runs.iter().map(Run::bytes).sum();
                if waiting + bytes <= COMMITS_FRAME_BYTES {
                    let fits = self.bytes + self.beside + bytes <= OUTBOX_BYTES_MAX;
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

    /// Counts so many bytes that were taken out as if they still waited. Half of the room is left to what comes meanwhile: a
    /// large project would never be read to its end.
    pub(super) fn set_beside(&mut self, bytes: usize) {
        self.beside = bytes.min(OUTBOX_BYTES_MAX / 2);
    }

    /// How many frames wait.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// About how many bytes wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What comes next.
    pub(super) fn first(&self) -> Option<&Outgoing> {
        self.items.front()
    }

    /// Whether nothing waits but news.
    pub(super) fn has_only_news(&self) -> bool {
        self.urgent == 0 && !self.answers
    }

    /// Takes out what comes next.
    pub(super) fn pop(&mut self) -> Option<Outgoing> {
        let outgoing = self.items.pop_front()?;
        self.bytes -= outgoing.bytes();
        self.urgent -= usize::from(!outgoing.is_news());
        Some(match outgoing {
            Outgoing::Updates(_) => {
                self.answers = false;
                Outgoing::Updates(self.versions.take())
            }
            other => other,
        })
    }
}

/// A frame of W4 of these runs.
fn commits_frame(channel: u32, runs: &[Run]) -> Vec<u8> {
    let count = runs.iter().map(|run| run.count).sum();
    wire::commits_frame(channel, count, runs.iter().map(|run| &run.body[..]))
}

/// About how many bytes a commit takes in a frame.
pub(crate) fn commit_bytes(commit: &Commit) -> usize {
    operations_bytes(&commit.operations)
}

/// About how many bytes operations take.
pub(crate) fn operations_bytes(operations: &[Operation]) -> usize {
    const OPERATION_BYTES: usize = 100;
    let weight = |change: &Change| match change {
        Change::Set(value) | Change::ListInsert(value, _) | Change::ListRemove(value) => value.weight(),
        Change::SetNow | Change::Unset => 0,
    };
    operations.iter().map(|operation| OPERATION_BYTES + weight(&operation.change)).sum()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn commit(seq: u64, bytes: usize) -> Commit {
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

    fn drain(queue: &mut Queue) -> Vec<Outgoing> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    fn update(key: &str, version: u64) -> Update {
        Update { key: key.to_owned(), version }
    }

    #[test]
    fn ps4_the_frames_of_a_queue_are_bounded() {
        let mut queue = Queue::default();
        let pushed = (0..OUTBOX_FRAMES_MAX * 2).filter(|_| queue.push(Outgoing::Text("x".to_owned()))).count();
        assert_eq!((pushed, queue.len()), (OUTBOX_FRAMES_MAX, OUTBOX_FRAMES_MAX));
    }

    #[test]
    fn ps4_large_commits_go_in_several_frames_in_order() {
        let mut queue = Queue::default();
        let commits = [commit(1, 600_000), commit(2, 600_000), commit(3, 600_000)];
        assert!(queue.commits(1, &EncodedCommits::of(&commits), 0..3));
        let frames = drain(&mut queue);
        assert_eq!(frames.iter().map(seqs).collect::<Vec<_>>(), [[1], [2], [3]]);
    }

    #[test]
    fn ps4_commits_that_wait_together_become_one_frame() {
        let mut queue = Queue::default();
        for seq in 1..=10_000 {
            assert!(queue.commits(1, &EncodedCommits::of([&commit(seq, 10)]), 0..1), "more than there are frames");
        }
        let frames = drain(&mut queue);
        assert!(frames.len() < 4, "{}", frames.len());
        assert_eq!(frames.iter().flat_map(seqs).collect::<Vec<_>>(), (1..=10_000).collect::<Vec<_>>());
        // What comes between stays between, and channels stay apart.
        let three = EncodedCommits::of(&[commit(1, 1), commit(2, 1), commit(3, 1)]);
        assert!(queue.commits(1, &three, 0..1) && queue.message(&ServerMessage::Pong { nonce: 0 }));
        assert!(queue.commits(1, &three, 1..3) && queue.commits(2, &three, 0..3));
        let frames = drain(&mut queue);
        assert_eq!([&frames[0], &frames[2], &frames[3]].map(seqs), [vec![1], vec![2, 3], vec![1, 2, 3]]);
        assert!(matches!(frames[1], Outgoing::Binary(_)));
    }

    #[test]
    fn ps4_of_a_key_only_the_last_version_waits() {
        let mut queue = Queue::default();
        let tell = |queue: &mut Queue, updates: Vec<Update>| queue.notice(&Notice::Updates { updates });
        for version in 1..=100_000 {
            assert!(tell(&mut queue, vec![update("tracks:b", version), update("tracks:a", version)]));
        }
        assert!(queue.notice(&Notice::Error { message: "later".to_owned() }));
        assert!(tell(&mut queue, vec![update("tracks:a", 100_001)]));
        let told = drain(&mut queue);
        let expected = [update("tracks:b", 100_000), update("tracks:a", 100_001)];
        assert!(
            matches!(&told[..], [Outgoing::Updates(updates), Outgoing::Text(_)] if *updates == expected),
            "{told:?}"
        );
        let mut many = |n: usize| tell(&mut queue, (0..n).map(|n| update(&format!("clips:{n}"), 1)).collect());
        assert!(many(SUBSCRIPTIONS_MAX));
        assert!(!many(SUBSCRIPTIONS_MAX + 1), "more than can be subscribed to");
    }

    #[test]
    fn ps4_the_bytes_of_a_queue_are_bounded() {
        let mut queue = Queue::default();
        let frame = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 4]);
        assert_eq!((0..10).filter(|_| queue.push(Outgoing::Binary(frame.clone()))).count(), 4);
        let mut queue = Queue::default();
        queue.set_beside(usize::MAX);
        assert_eq!((0..10).filter(|_| queue.push(Outgoing::Binary(frame.clone()))).count(), 2, "beside a snapshot");

        let mut queue = Queue::default();
        let one = EncodedCommits::of([&commit(1, 10_000)]);
        let pushed = (0..OUTBOX_BYTES_MAX).take_while(|_| queue.commits(1, &one, 0..1)).count();
        assert!(pushed > OUTBOX_FRAMES_MAX && pushed * 10_000 <= OUTBOX_BYTES_MAX, "{pushed}");
        assert_eq!(drain(&mut queue).iter().map(|frame| seqs(frame).len()).sum::<usize>(), pushed);
    }
}
