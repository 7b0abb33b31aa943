//! WebSockets (RFC 6455): the handshake, what comes in, and the frames that go out.
//!
//! A ready-made socket is one thing that one task holds. Here the two directions are apart: messages are read by a library
//! (tungstenite), and frames are written by whoever has something to say, under the lock of `realtime`'s outbox.

pub(crate) mod frames;
mod reading;
pub(crate) mod together;
mod writing;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) use reading::{Incoming, Received};
pub(crate) use writing::WriteHalf;

use crate::{Problem, connections};

/// A request that asks for a socket, as it should.
pub(crate) struct Upgrade {
    accept: HeaderValue,
    protocols: Vec<String>,
    on_upgrade: OnUpgrade,
}

/// Whether a header that is a list has this element.
fn lists(headers: &HeaderMap, name: HeaderName, element: &str) -> bool {
    elements(headers, name).any(|value| value.eq_ignore_ascii_case(element))
}

fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Upgrade, Problem> {
        let headers = &parts.headers;
        if parts.method != Method::GET {
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "A socket is asked for by GET."));
        }
        let asks = lists(headers, header::CONNECTION, "upgrade") && lists(headers, header::UPGRADE, "websocket");
        if !asks || !lists(headers, header::SEC_WEBSOCKET_VERSION, "13") {
            return Err(Problem::invalid("A socket is asked for by an upgrade to websocket, version 13."));
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY);
        let key = key.ok_or_else(|| Problem::invalid("Sec-WebSocket-Key is missing."))?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| Problem::internal())?;
        let protocols = elements(headers, header::SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        let on_upgrade = on_upgrade
            .ok_or_else(|| Problem::new(StatusCode::UPGRADE_REQUIRED, "This connection cannot become a socket."))?;
        Ok(Upgrade { accept, protocols, on_upgrade })
    }
}

impl Upgrade {
    /// Whether the client speaks this subprotocol.
    pub(crate) fn offers(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|offered| offered == protocol)
    }

    /// Answers that the connection becomes a socket that speaks `protocol`, if any, and has `attend` serve it once it is
    /// one. Messages have at most `message_bytes_max` bytes.
    pub(crate) fn accept<F>(
        self,
        protocol: Option<&'static str>,
        message_bytes_max: usize,
        attend: impl FnOnce(Incoming, WriteHalf) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Upgrade { accept, on_upgrade, .. } = self;
        tokio::spawn(async move {
            let upgraded = match on_upgrade.await {
                Ok(upgraded) => upgraded,
                Err(error) => return tracing::debug!(%error, "a connection did not become a socket"),
            };
            match connections::unwrapped(upgraded) {
                // Its place is kept until it has been attended to, although nothing of the connection is left then.
                Ok((stream, begun, _place)) => {
                    let (read, write) = stream.into_split();
                    let incoming = Incoming::new(read, begun, message_bytes_max).await;
                    attend(incoming, WriteHalf::Plain(write)).await;
                }
                Err(upgraded) => {
                    let (read, write) = tokio::io::split(TokioIo::new(upgraded));
                    let incoming = Incoming::new(read, Bytes::new(), message_bytes_max).await;
                    attend(incoming, WriteHalf::Wrapped(Box::pin(write))).await;
                }
            }
        });
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        response
    }
}
