//! What stands in front of every route: isolation headers, the check of origins, request ids, timeouts, a net for panics.

mod origin;

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
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

/// Puts everything of this module in front of `router`.
pub(crate) fn protect(router: Router<App>, app: &App) -> Router<App> {
    router
        .layer(middleware::from_fn_with_state(app.clone(), origin::check))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn(trace))
        .layer(middleware::from_fn_with_state(app.clone(), add_headers))
}

/// Answers 503 for requests that take too long.
pub(crate) fn with_timeout(router: Router<App>) -> Router<App> {
    router.layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
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
    // The query is left out: it may hold a signature.
    let span = tracing::info_span!("request", %id, method = %request.method(), path = request.uri().path());
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
    use axum::routing::get;
    use storage::{Database, MemoryStore};
    use tower::ServiceExt as _;

    use super::*;
    use crate::config::Config;
    use crate::state::Clock;

    async fn ask(path: &str) -> (StatusCode, String, axum::http::HeaderMap) {
        let database = Database::new(Arc::new(MemoryStore::new()));
        let blobs = Arc::new(storage::blobs::MemoryBlobs::default());
        let app = App::new(Config::new(std::path::Path::new("nowhere")), database, blobs, Clock::system()).unwrap();
        let faulty: fn() -> std::future::Ready<()> = || panic!("the secret of the inside");
        let routes = Router::new().route("/faulty", get(faulty)).route("/slow", get(std::future::pending::<()>));
        let router = protect(with_timeout(routes), &app).with_state(app);
        let answer = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
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
        let (status, _, _) = ask("/slow").await;
        assert_eq!((status, begun.elapsed().as_secs()), (StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT.as_secs()));
    }
}
