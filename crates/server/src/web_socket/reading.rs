//! What comes in over a socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// What each socket reads at a time: most of them send a pointer's place and now and then an edit.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// What the other side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A message of bytes.
    Binary(Bytes),
    /// A message of text.
    Text(String),
    /// It asks for a pong of this.
    Ping(Bytes),
    /// It is there.
    Pong,
}

/// The messages of the other side.
pub(crate) struct Incoming(WebSocketStream<ReadOnly>);

impl Incoming {
    /// Messages of at most `message_bytes_max` bytes, whole or in frames; `begun` has been read of them already.
    pub(crate) async fn new(
        read: impl AsyncRead + Send + Unpin + 'static,
        begun: Bytes,
        message_bytes_max: usize,
    ) -> Incoming {
        let config = WebSocketConfig::default()
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max))
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0);
        let read = ReadOnly(Box::new(read));
        Incoming(WebSocketStream::from_partially_read(read, begun.into(), Role::Server, Some(config)).await)
    }

    /// What comes next; none when the other side has left or makes no sense.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        Some(match self.0.next().await?.ok()? {
            Message::Binary(bytes) => Received::Binary(bytes),
            Message::Text(text) => Received::Text(text.as_str().to_owned()),
            Message::Ping(payload) => Received::Ping(payload),
            Message::Pong(_) | Message::Frame(_) => Received::Pong,
            Message::Close(_) => return None,
        })
    }
}

/// The reading half as the library wants to have it: what it would answer by itself, pongs and closing frames, goes nowhere.
/// Frames are written in one place only, and that is not here.
struct ReadOnly(Box<dyn AsyncRead + Send + Unpin>);

impl AsyncRead for ReadOnly {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for ReadOnly {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
