//! What waits to be written to one socket: bounded, so that a slow reader costs others nothing (PS4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use sync::Room;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::limits::{OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX};

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
        let fits = self.queued.fetch_add(bytes, Ordering::Relaxed) + bytes <= OUTBOX_BYTES_MAX;
        if !self.cut.is_cancelled() && fits && self.sender.try_send(outgoing).is_ok() {
            return true;
        }
        self.cut.cancel();
        false
    }

    /// Queues a message of W4.
    pub(crate) fn message(&self, message: &sync::wire::ServerMessage) -> bool {
        self.push(Outgoing::Binary(Bytes::from(sync::wire::encode(message))))
    }

    /// Queues a message of W3.
    pub(crate) fn notice(&self, notice: &sync::wire::text::Notice) -> bool {
        serde_json::to_string(notice).is_ok_and(|text| self.push(Outgoing::Text(text)))
    }
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
    fn ps4_the_bytes_of_a_queue_are_bounded() {
        let cut = CancellationToken::new();
        let (sender, _reader) = outbox(cut.clone());
        let frame = Bytes::from(vec![0; OUTBOX_BYTES_MAX / 4]);
        assert_eq!((0..10).filter(|_| sender.push(Outgoing::Binary(frame.clone()))).count(), 4);
        assert!(cut.is_cancelled());
    }
}
