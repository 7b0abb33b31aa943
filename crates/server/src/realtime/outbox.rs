//! What waits to be written to one socket: bounded, so that a slow reader costs others nothing (PS4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use operations::{Change, Commit};
use sync::Room;
use sync::wire::ServerMessage;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::limits::{COMMITS_FRAME_BYTES, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX};

/// One thing to write.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A frame of W4.
    Binary(Bytes),
    /// A message of W3.
    Text(String),
    /// A snapshot of this room, encoded by the socket's own task: the room must not wait for it.
    Snapshot { channel: u32, room: Room },
    /// The last: close the socket.
    Goodbye,
}

impl Outgoing {
    fn bytes(&self) -> usize {
        match self {
            Outgoing::Binary(frame) => frame.len(),
            Outgoing::Text(text) => text.len(),
            // The records are shared with the room until they are written.
            Outgoing::Snapshot { .. } | Outgoing::Goodbye => 0,
        }
    }
}

/// The rooms' end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sender: mpsc::Sender<Outgoing>,
    queued: Arc<AtomicUsize>,
    cut: CancellationToken,
}

/// The socket's end.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    receiver: mpsc::Receiver<Outgoing>,
    queued: Arc<AtomicUsize>,
}

/// A box and its reader. `cut` is cancelled when the reader is too slow.
pub(crate) fn outbox(cut: CancellationToken) -> (Outbox, OutboxReader) {
    let (sender, receiver) = mpsc::channel(OUTBOX_FRAMES_MAX);
    let queued = Arc::new(AtomicUsize::new(0));
    (Outbox { sender, queued: Arc::clone(&queued), cut }, OutboxReader { receiver, queued })
}

impl Outbox {
    /// Queues something to write. False when the socket is gone, or has just been cut off because it reads too slowly:
    /// nothing more will be written to it, and it may resume on a new one.
    pub(crate) fn push(&self, outgoing: Outgoing) -> bool {
        let bytes = outgoing.bytes();
        // One frame alone always fits: who has read everything else is not slow.
        let queued = self.queued.fetch_add(bytes, Ordering::Relaxed);
        let fits = queued == 0 || queued + bytes <= OUTBOX_BYTES_MAX;
        if !self.cut.is_cancelled() && fits && self.sender.try_send(outgoing).is_ok() {
            return true;
        }
        self.cut.cancel();
        false
    }

    /// Queues a message of W4.
    pub(crate) fn message(&self, message: &ServerMessage) -> bool {
        self.push(Outgoing::Binary(Bytes::from(sync::wire::encode(message))))
    }

    /// Queues commits, in as many frames as their size asks for.
    pub(crate) fn commits(&self, channel: u32, commits: &[Commit]) -> bool {
        commits_frames(channel, commits).into_iter().all(|frame| self.push(Outgoing::Binary(frame)))
    }

    /// Queues a message of W3.
    pub(crate) fn notice(&self, notice: &sync::wire::text::Notice) -> bool {
        serde_json::to_string(notice).is_ok_and(|text| self.push(Outgoing::Text(text)))
    }
}

/// Frames of W4 that carry these commits, each of about [`COMMITS_FRAME_BYTES`] at most or of one commit.
pub(crate) fn commits_frames(channel: u32, commits: &[Commit]) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut rest = commits;
    while !rest.is_empty() {
        let mut bytes = 0;
        let more = rest.iter().take_while(|commit| {
            bytes += commit_bytes(commit);
            bytes <= COMMITS_FRAME_BYTES
        });
        let (now, later) = rest.split_at(more.count().max(1));
        let message = ServerMessage::Commits { channel, commits: now.to_vec() };
        frames.push(Bytes::from(sync::wire::encode(&message)));
        rest = later;
    }
    frames
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

impl OutboxReader {
    /// The next thing to write; none when every room has let go of the box.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        let outgoing = self.receiver.recv().await?;
        self.queued.fetch_sub(outgoing.bytes(), Ordering::Relaxed);
        Some(outgoing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ps4_a_slow_reader_is_cut_off_and_its_queue_is_bounded() {
        let cut = CancellationToken::new();
        let (sender, mut reader) = outbox(cut.clone());
        let pushed = (0..OUTBOX_FRAMES_MAX * 2).filter(|_| sender.push(Outgoing::Text("x".to_owned()))).count();
        assert_eq!(pushed, OUTBOX_FRAMES_MAX);
        assert!(cut.is_cancelled());
        assert!(reader.next().await.is_some());
        assert!(!sender.push(Outgoing::Text("x".to_owned())), "once cut, always cut: what was lost cannot be skipped");
    }

    #[test]
    fn ps4_large_commits_go_in_several_frames_in_order() {
        let id = model::Id::system();
        let text = "x".repeat(60_000);
        let commit = |seq| Commit {
            seq,
            tx_id: id.clone(),
            author: id.clone(),
            time: model::Timestamp(0),
            gesture: None,
            operations: (0..10)
                .map(|_| operations::build::set(model::Table::Clips, &id, "name", text.as_str()))
                .collect(),
        };
        let frames = commits_frames(1, &[commit(1), commit(2), commit(3)]);
        assert_eq!(frames.len(), 3);
        let seqs = frames.iter().map(|frame| match sync::wire::decode(frame) {
            Ok(ServerMessage::Commits { commits, .. }) => commits[0].seq,
            other => panic!("{other:?}"),
        });
        assert_eq!(seqs.collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn ps4_the_bytes_of_a_queue_are_bounded() {
        let cut = CancellationToken::new();
        let (sender, _reader) = outbox(cut.clone());
        let frame = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 4]);
        assert_eq!((0..10).filter(|_| sender.push(Outgoing::Binary(frame.clone()))).count(), 4);
        assert!(cut.is_cancelled());
    }
}
