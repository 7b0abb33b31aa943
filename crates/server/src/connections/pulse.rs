//! Whether bytes still go over a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::counts::Place;

/// When a connection was last heard of.
#[derive(Debug)]
pub(super) struct Pulse {
    began: Instant,
    /// When the last byte went, in milliseconds since it began.
    last_ms: AtomicU64,
    heard: AtomicBool,
}

/// A connection whose pulse is felt, and which keeps its place until it is dropped, whoever has it then.
#[derive(Debug)]
pub(super) struct Watched<I> {
    io: I,
    pulse: Arc<Pulse>,
    place: Place,
}

impl<I> Watched<I> {
    /// The connection, whose pulse nobody feels any more, and its place.
    pub(super) fn into_parts(self) -> (I, Place) {
        (self.io, self.place)
    }
}

impl Pulse {
    /// The connection, and its pulse.
    pub(super) fn watch<I>(io: I, place: Place) -> (Watched<I>, Arc<Pulse>) {
        let pulse =
            Arc::new(Pulse { began: Instant::now(), last_ms: AtomicU64::new(0), heard: AtomicBool::new(false) });
        (Watched { io, pulse: Arc::clone(&pulse), place }, pulse)
    }

    /// Whether the other side has ever sent a byte.
    pub(super) fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Waits until no byte has gone either way for `silence`; or for `idle` while the other side has not sent any.
    pub(super) async fn stops(&self, idle: Duration, silence: Duration) {
        loop {
            let limit = if self.was_heard() { silence } else { idle };
            let end = self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed)) + limit;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    fn beat(&self) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms, Ordering::Relaxed);
    }

    fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.beat();
        }
        written
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.heard.store(true, Ordering::Relaxed);
            self.pulse.beat();
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.pulse.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.pulse.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
