//! Whether a request comes from our own pages (CSRF, and PS1 for sockets).

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{is_socket, is_unsafe};
use crate::{App, Problem};

/// Refuses what another site's page makes a browser send: requests that change something, and sockets.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let guarded = is_unsafe(&parts.method) || is_socket(&parts.headers);
    if guarded && !is_same_origin(&parts, app.config.public_origin.as_deref()) {
        return Problem::from_status(403, "This request came from another site.").into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Whether the request was made by one of our own pages, or by no browser at all.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, older ones and sockets in `Origin`. Neither header: not a
/// browser, so that no cookie was added behind anyone's back.
#[must_use]
pub fn is_same_origin(parts: &Parts, public_origin: Option<&str>) -> bool {
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin = text("origin");
    match text("sec-fetch-site") {
        // `none`: typed into the address bar.
        Some("same-origin" | "none") => true,
        // A browser behind a proxy that changes the host still says same-origin; everything else is another's page,
        // unless it is the page that the operator named.
        Some(_) => origin.is_some() && origin == public_origin,
        None => match origin {
            None => true,
            Some(origin) => Some(origin) == public_origin || host_of(origin) == own_host(&parts.uri, &parts.headers),
        },
    }
}

/// Host and port of an origin such as `https://example.com:8080`; `None` for `null` and other opaque ones.
fn host_of(origin: &str) -> Option<&str> {
    let (scheme, host) = origin.split_once("://")?;
    (matches!(scheme, "http" | "https") && !host.is_empty()).then_some(host)
}

/// The host that the request was sent to: HTTP/2 has it in the URI, HTTP/1 in a header.
fn own_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    uri.authority().map(|authority| authority.as_str()).or_else(|| headers.get(header::HOST)?.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;

    use super::*;

    fn allowed(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::post("/api/x").header("host", "band.example:4410");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_same_origin(&request.body(Body::empty()).unwrap().into_parts().0, Some("https://studio.example"))
    }

    #[test]
    fn our_own_pages_and_non_browsers_may() {
        assert!(allowed(&[]));
        assert!(allowed(&[("origin", "http://band.example:4410")]));
        assert!(allowed(&[("sec-fetch-site", "same-origin"), ("origin", "http://band.example:4410")]));
        assert!(allowed(&[("origin", "https://studio.example")]));
    }

    #[test]
    fn other_pages_may_not() {
        for other in ["http://evil.example", "null", "http://band.example", "file://", "http://band.example:4410.evil"]
        {
            assert!(!allowed(&[("origin", other)]), "{other}");
        }
        for site in ["cross-site", "same-site", "what"] {
            assert!(!allowed(&[("sec-fetch-site", site), ("origin", "http://band.example:4410")]), "{site}");
            assert!(!allowed(&[("sec-fetch-site", site)]), "{site}");
        }
    }
}
