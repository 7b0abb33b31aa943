//! What stands in front of every route: isolation headers, the check of origins, request ids, timeouts, a net for panics.

mod origin;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use futures_util::stream::poll_fn;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

pub use origin::is_same_origin;

use crate::limits::REQUEST_TIMEOUT;
use crate::state::new_id;
use crate::{App, Problem};

/// No inline script, no frame, nothing from elsewhere. `wasm-unsafe-eval` compiles WebAssembly and nothing else; inline
/// `style` attributes (not sheets) place what a script has measured.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
    media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// The headers that every answer carries, unless its route set another value.
const HEADERS: [(&str, &str); 9] = [
    // Cross-origin isolation: without it there is no SharedArrayBuffer.
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), payment=(), microphone=(self), midi=(self)"),
    ("cache-control", "no-store"),
];

/// Bytes of a reason that a library gives for refusing a request.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// Puts everything of this module in front of `router`.
pub(crate) fn protect(router: Router<App>, app: &App) -> Router<App> {
    router
        .layer(middleware::from_fn_with_state(app.clone(), origin::check))
        .layer(middleware::from_fn(explain))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn(trace))
        .layer(middleware::from_fn_with_state(app.clone(), add_headers))
}

/// Ends requests that take too long: 408 when the client has not sent the whole body, else 503.
pub(crate) fn with_timeout(router: Router<App>) -> Router<App> {
    router.layer(middleware::from_fn(in_time))
}

async fn in_time(request: Request, next: Next) -> Response {
    let (request, waiting) = watched(request);
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) if waiting.load(Ordering::Relaxed) => Problem::too_slow().into_response(),
        Err(_) => Problem::from_status(503, "This took too long. Please try again.").into_response(),
    }
}

/// The request with a body that notes whether somebody waits for more of it.
fn watched(request: Request) -> (Request, Arc<AtomicBool>) {
    let waiting = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&waiting);
    let request = request.map(|body| {
        // A body that is there as a whole, or empty, is never waited for.
        if body.is_end_stream() {
            return body;
        }
        let mut chunks = body.into_data_stream();
        Body::from_stream(poll_fn(move |cx| {
            let next = chunks.poll_next_unpin(cx);
            note.store(next.is_pending(), Ordering::Relaxed);
            next
        }))
    });
    (request, waiting)
}

/// Gives the errors of the API that come from no route of ours (another method, a path or a query that cannot be read) the
/// shape of all others.
async fn explain(request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let status = response.status();
    let erroneous = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b"text/plain"[..], HeaderValue::as_bytes);
    if !api || !erroneous || !kind.starts_with(b"text/plain") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, REASON_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let reason = if text.trim().is_empty() { status.canonical_reason().unwrap_or("Error") } else { text.trim() };
    let problem = Problem::new(status, reason).into_response();
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        parts.headers.remove(&name);
    }
    parts.headers.extend(problem.headers().clone());
    Response::from_parts(parts, problem.into_body())
}

async fn add_headers(State(_app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Gives the request an id, which stands in every line of the log and in the answer.
async fn trace(request: Request, next: Next) -> Response {
    let id = new_id();
    // The query is left out: it may hold a signature. So is what lets people in (PE4).
    let path = request.uri().path();
    let path = if path.starts_with("/invitations/") { "/invitations/…" } else { path };
    let span = tracing::info_span!("request", %id, method = %request.method(), path);
    let begun = Instant::now();
    async move {
        let mut response = next.run(request).await;
        let status = response.status();
        let ms = begun.elapsed().as_millis();
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), ms, "answered");
        } else {
            tracing::debug!(status = status.as_u16(), ms, "answered");
        }
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert("x-request-id", id);
        }
        response
    }
    .instrument(span)
    .await
}

/// The request dies, the server does not, and the answer says nothing of the inside (WR10).
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    tracing::error!(message, "a request panicked");
    Problem::internal().into_response()
}

/// Whether a method may change something.
fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether the request asks for a WebSocket. Browsers send those with cookies from any page.
pub(crate) fn is_socket(headers: &axum::http::HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::routing::get;
    use storage::{Database, MemoryStore};
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Config;
    use crate::state::Clock;

    async fn ask(path: &str) -> (StatusCode, String, axum::http::HeaderMap) {
        send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn send(request: Request) -> (StatusCode, String, axum::http::HeaderMap) {
        let database = Database::new(Arc::new(MemoryStore::new()));
        let blobs = Arc::new(storage::blobs::MemoryBlobs::default());
        let app = App::new(Config::new(std::path::Path::new("nowhere")), database, blobs, Clock::system()).unwrap();
        let faulty: fn() -> std::future::Ready<()> = || panic!("the secret of the inside");
        let routes = Router::new()
            .route("/faulty", get(faulty))
            .route("/slow", get(std::future::pending::<()>).post(async |_: String| std::future::pending::<()>().await));
        let router = protect(with_timeout(routes), &app).with_state(app);
        let answer = router.oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8(to_bytes(body, 10_000).await.unwrap().to_vec()).unwrap();
        (parts.status, text, parts.headers)
    }

    #[tokio::test]
    async fn wr10_a_panic_is_a_500_that_says_nothing_of_the_inside() {
        let (status, text, headers) = ask("/faulty").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(text.contains("\"message\"") && !text.contains("secret"), "{text}");
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
    }

    #[tokio::test(start_paused = true)]
    async fn w6_a_request_that_takes_too_long_ends() {
        let begun = tokio::time::Instant::now();
        let (status, text, _) = ask("/slow").await;
        assert_eq!((status, begun.elapsed().as_secs()), (StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT.as_secs()));
        assert!(text.contains("\"message\""), "{text}");
        let (status, ..) = send(Request::post("/slow").body(Body::from("all of it")).unwrap()).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "the body was here: it is not the client who is slow");
    }

    #[tokio::test(start_paused = true)]
    async fn w6_a_body_that_comes_too_slowly_is_408() {
        let begun = tokio::time::Instant::now();
        let trickle = futures_util::stream::unfold((), async |()| {
            tokio::time::sleep(REQUEST_TIMEOUT / 10).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        let (status, text, _) = send(Request::post("/slow").body(Body::from_stream(trickle)).unwrap()).await;
        assert_eq!((status, begun.elapsed().as_secs()), (StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT.as_secs()));
        assert!(text.contains("\"message\""), "{text}");
    }
}
