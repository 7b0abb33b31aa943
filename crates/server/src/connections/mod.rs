//! Connections: how many there may be, how long each may be silent, and how they end.
//!
//! The loop is our own, over hyper's connections: what a ready-made server cannot do is close a connection that never sends
//! anything, count those of one address, and outlive running out of file descriptors.

mod counts;
mod open_files;
mod pulse;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(crate) use open_files::connections_max;
pub(crate) use tls::load as load_tls;

use crate::accounts::Address;
use crate::config::Network;
use crate::limits::{
    ACCEPT_PAUSE, CONNECTION_SILENCE_MAX, CONNECTIONS_PER_ADDRESS_MAX, HEADER_BYTES_MAX, HEADER_TIMEOUT,
    SHUTDOWN_GRACE, TLS_HANDSHAKE_TIMEOUT,
};
use counts::{Counts, Place};
use pulse::{Pulse, Watched};

/// What plain http says to one connection too many. Over TLS there is nobody to say it to before the handshake.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 55\r\n\
    connection: close\r\n\r\n{\"message\":\"There are too many connections just now.\"}\n";

/// What a connection may do.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) all: usize,
    /// Connections of one address.
    pub(crate) per_address: usize,
    /// How long one may take to send the head of a request, the first or the next.
    pub(crate) idle: Duration,
    /// How long no byte may go either way while a request is answered.
    pub(crate) silence: Duration,
    /// Proxies: the connections of all visitors come from them, so they are not counted by address.
    pub(crate) trusted: Vec<Network>,
}

impl Limits {
    /// The limits of a server that may have so many connections.
    pub(crate) fn new(all: usize) -> Limits {
        Limits {
            all,
            per_address: CONNECTIONS_PER_ADDRESS_MAX,
            idle: HEADER_TIMEOUT,
            silence: CONNECTION_SILENCE_MAX,
            trusted: Vec::new(),
        }
    }
}

/// What every connection shares.
struct House {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    stop: CancellationToken,
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

/// Serves what `accept` brings until `stop` is cancelled; then no connection is accepted any more, and those that are there
/// have [`SHUTDOWN_GRACE`] to finish what they are at.
pub(crate) async fn serve(
    mut accept: impl AsyncFnMut() -> io::Result<(TcpStream, SocketAddr)>,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let (http1, http2) = (http1(limits.idle), http2());
    let house = Arc::new(House { router, tls, limits, stop: stop.clone(), http1, http2 });
    let counts = Counts::default();
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = open.join_next() => continue,
            accepted = accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(place) = house.place(&counts, &stream, peer) {
                    open.spawn(Arc::clone(&house).attend(stream, peer, place));
                }
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory: those that are there will end, and then there is room again.
                tracing::warn!(%error, connections = counts.all(), "no connection can be accepted just now");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(accept);
    let ended = async {
        while open.join_next().await.is_some() {}
        // WebSockets have left their tasks, but not their places.
        counts.empty().await;
    };
    if tokio::time::timeout(SHUTDOWN_GRACE, ended).await.is_err() {
        tracing::warn!(connections = counts.all(), "some connections did not end in time");
        open.shutdown().await;
    }
}

/// What a connection without TLS is once it has been upgraded: the stream, what has been read of it already, and its place,
/// which it keeps until that is dropped. With TLS, and whatever else is not this server's own, it comes back as it is.
pub(crate) fn unwrapped(upgraded: Upgraded) -> Result<(TcpStream, Bytes, impl Sized + Send), Upgraded> {
    let parts = downcast::<TokioIo<Watched<TcpStream>>>(upgraded)?;
    let (stream, place) = parts.io.into_inner().into_parts();
    Ok((stream, parts.read_buf, place))
}

/// HTTP/1.1, and what is upgraded from it.
fn http1(idle: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEADER_BYTES_MAX);
    builder
}

/// HTTP/2. Without pings: a connection on which nothing goes either way is closed, as one of HTTP/1.1 is.
fn http2() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new()).http2_only();
    let head_max = u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(head_max);
    builder
}

/// Whether a connection broke before it was accepted: nothing that the server has to wait for.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

impl House {
    /// A place for a new connection; none, and a word to it, when it is one too many.
    fn place(&self, counts: &Counts, stream: &TcpStream, peer: SocketAddr) -> Option<Place> {
        let trusted = self.limits.trusted.iter().any(|network| network.contains(peer.ip()));
        let per_address = if trusted { usize::MAX } else { self.limits.per_address };
        let place = counts.enter(Address::from(peer.ip()), self.limits.all, per_address);
        if place.is_none() && self.tls.is_none() {
            // A fresh connection takes so few bytes at once, or is not worth the wait.
            let _ = stream.try_write(FULL);
        }
        place
    }

    async fn attend(self: Arc<House>, stream: TcpStream, peer: SocketAddr, place: Place) {
        // What is said in a song is small and urgent.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.http(stream, peer, place, &self.http1).await };
        let patience = TLS_HANDSHAKE_TIMEOUT.min(self.limits.idle);
        let shaken = tokio::select! {
            () = self.stop.cancelled() => return,
            shaken = tokio::time::timeout(patience, tls.accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2);
                let builder = if http2 { &self.http2 } else { &self.http1 };
                self.http(stream, peer, place, builder).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, %peer, "no TLS came about"),
            Err(_) => tracing::debug!(%peer, "a handshake of TLS took too long"),
        }
    }

    async fn http<I>(&self, io: I, peer: SocketAddr, place: Place, builder: &Builder<TokioExecutor>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (io, pulse) = Pulse::watch(io, place);
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            self.router.clone().oneshot(request.map(Body::new))
        });
        let mut connection = std::pin::pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
        let mut silent = std::pin::pin!(pulse.stops(self.limits.idle, self.limits.silence));
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(error, %peer, "a connection ended badly");
                    }
                    return;
                }
                () = &mut silent => return tracing::debug!(%peer, "a silent connection was closed"),
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    if !pulse.was_heard() {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
