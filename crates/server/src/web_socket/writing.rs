//! What goes out over a socket.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

/// Hands bytes to the system without asking the runtime whether the socket takes them: its note of that is one more cold line
/// of memory for each socket, and the system says so itself.
#[cfg(target_os = "linux")]
fn straight(half: &OwnedWriteHalf, bytes: &[u8]) -> io::Result<usize> {
    use rustix::net::SendFlags;

    let stream: &tokio::net::TcpStream = half.as_ref();
    Ok(rustix::net::send(stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
}

#[cfg(not(target_os = "linux"))]
fn straight(half: &OwnedWriteHalf, bytes: &[u8]) -> io::Result<usize> {
    half.try_write(bytes)
}

/// The way out: frames are written to it whole, one after the other.
pub(crate) enum WriteHalf {
    /// Straight to the system. A room that tells two hundred sockets of an edit finds each of them cold: every layer between
    /// costs as much as a part of the system's own work.
    Plain(OwnedWriteHalf),
    /// Through TLS, or whatever else is around the connection.
    Wrapped(Pin<Box<dyn AsyncWrite + Send>>),
}

impl WriteHalf {
    /// Writes what the system takes at this moment; how much that was. None when only [`WriteHalf::poll_write`] can say how
    /// things stand.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            WriteHalf::Plain(half) => straight(half, bytes).ok().filter(|taken| *taken > 0),
            WriteHalf::Wrapped(_) => None,
        }
    }

    /// Writes what the system takes, or has the task of `cx` woken once it takes more.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            WriteHalf::Plain(half) => match straight(half, bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Pin::new(half).poll_write(cx, bytes),
                written => Poll::Ready(written),
            },
            WriteHalf::Wrapped(half) => half.as_mut().poll_write(cx, bytes),
        }
    }

    /// Writes what is held back on the way.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            // Nothing is held back.
            WriteHalf::Plain(_) => Poll::Ready(Ok(())),
            WriteHalf::Wrapped(half) => half.as_mut().poll_flush(cx),
        }
    }
}
