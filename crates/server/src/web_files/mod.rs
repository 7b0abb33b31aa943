//! The web app's files, embedded and precompressed.

mod encoding;

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use crate::{App, Problem};
use encoding::Encoding;

/// What `cargo xtask wasm` has built. A debug build reads the folder each time.
#[derive(RustEmbed)]
#[folder = "../../dist"]
#[allow_missing = true]
struct Dist;

/// What the page says where the server was built without the web app.
const NOT_BUILT: &str = "This server was built without its web app.\n\n\
    Build the app with `cargo xtask wasm`, then build the server again; `./run` does both.\n";

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The files that keep their names. A service worker at the root may serve every page.
const NAMED: [&str; 4] = ["index.html", "manifest.json", "manifest.webmanifest", "service_worker.js"];

/// Files by name, with the hash of their content.
pub(crate) type Lookup = fn(&str) -> Option<(Cow<'static, [u8]>, [u8; 32])>;

fn embedded(name: &str) -> Option<(Cow<'static, [u8]>, [u8; 32])> {
    Dist::get(name).map(|file| (file.data, file.metadata.sha256_hash()))
}

/// The routes of this module: hashed files, which never change, and those that keep their names.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route(
            "/assets/{*path}",
            get(|Path(path): Path<String>, headers: HeaderMap| async move {
                serve(embedded, &format!("assets/{path}"), &headers, IMMUTABLE)
            }),
        )
        // The page for the service worker, which keeps it: the same for everybody, logged in or not.
        .merge(NAMED.into_iter().fold(Router::new(), |router, name| {
            let answer = move |headers: HeaderMap| async move { serve(embedded, name, &headers, REVALIDATE) };
            router.route(&format!("/{name}"), get(answer))
        }))
}

/// The web app's page.
pub(crate) fn index(headers: &HeaderMap) -> Response {
    if Dist::get("index.html").is_none() {
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        return (StatusCode::SERVICE_UNAVAILABLE, plain, NOT_BUILT).into_response();
    }
    serve(embedded, "index.html", headers, REVALIDATE)
}

/// The address of a file by its name before hashing, such as `style.css`.
pub(crate) fn asset(name: &str) -> Option<String> {
    let manifest = Dist::get("manifest.json")?;
    let manifest: BTreeMap<String, String> = serde_json::from_slice(&manifest.data).ok()?;
    manifest.get(name).cloned()
}

/// What no route knows: a browser that goes there gets the web app's page, which says so in its own words and leads back; programs
/// get JSON, and so does everything that is asked for below `/api` and `/assets`.
pub(crate) async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    nothing_at(embedded, uri.path(), &headers)
}

fn nothing_at(files: Lookup, path: &str, headers: &HeaderMap) -> Response {
    let takes_pages = || {
        let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
        accepted.is_some_and(|accepted| accepted.contains("text/html"))
    };
    let is_for_programs = ["/api", "/assets"]
        .iter()
        .any(|part| path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if is_for_programs || !takes_pages() {
        return Problem::not_found().into_response();
    }
    // What the browser has already is sent again: "not modified" would be another status.
    let mut headers = headers.clone();
    headers.remove(header::IF_NONE_MATCH);
    let mut response = serve(files, "index.html", &headers, REVALIDATE);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// A file in the smallest form that the client takes, or "not modified" when it has it.
fn serve(files: Lookup, name: &str, headers: &HeaderMap, cache: HeaderValue) -> Response {
    // The variants of a file are reached by encoding only, under the name of the file.
    let hidden = Encoding::ALL.iter().any(|encoding| name.ends_with(encoding.suffix()));
    let Some((plain, hash)) = files(name).filter(|_| !hidden) else {
        return Problem::not_found().into_response();
    };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let variant = encoding::preferred(accepted)
        .find_map(|encoding| Some((encoding, files(&format!("{name}{}", encoding.suffix()))?.0)));
    let (encoding, bytes) = match variant {
        Some((encoding, bytes)) => (Some(encoding), bytes),
        None => (None, plain),
    };
    let tag = etag(&hash, encoding);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut response = if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = bytes.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
        if let Some(encoding) = encoding {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        response
    };
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, cache);
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.insert(header::ETAG, tag);
    }
    response
}

/// Names the bytes of one variant of one content.
fn etag(hash: &[u8; 32], encoding: Option<Encoding>) -> String {
    use std::fmt::Write as _;
    let mut tag = String::from("\"");
    for byte in &hash[..12] {
        let _ = write!(tag, "{byte:02x}");
    }
    if let Some(encoding) = encoding {
        tag.push_str(encoding.suffix());
    }
    tag.push('"');
    tag
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(name: &str) -> Option<(Cow<'static, [u8]>, [u8; 32])> {
        let content: &'static [u8] = match name {
            "assets/app.js" => b"plain",
            "assets/app.js.br" => b"brotli",
            "assets/app.js.gz" => b"gzip",
            "assets/logo.png" => b"png",
            "index.html" => b"page",
            _ => return None,
        };
        Some((content.into(), *blake3::hash(content).as_bytes()))
    }

    async fn get(name: &str, headers: &[(header::HeaderName, &str)]) -> (StatusCode, HeaderMap, String) {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let (parts, body) = serve(files, name, &headers, IMMUTABLE).into_parts();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_smallest_form_that_the_client_takes() {
        for (accept, encoding, body) in
            [("gzip, deflate, br", Some("br"), "brotli"), ("gzip", Some("gzip"), "gzip"), ("", None, "plain")]
        {
            let (status, headers, text) = get("assets/app.js", &[(header::ACCEPT_ENCODING, accept)]).await;
            assert_eq!((status, text.as_str()), (StatusCode::OK, body));
            assert_eq!(headers.get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap()), encoding);
            assert_eq!(headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
            assert_eq!(headers[header::VARY], "accept-encoding");
        }
        let (_, headers, text) = get("assets/logo.png", &[(header::ACCEPT_ENCODING, "br")]).await;
        assert_eq!((text.as_str(), headers.get(header::CONTENT_ENCODING)), ("png", None));
    }

    #[tokio::test]
    async fn what_the_client_has_is_not_sent_again() {
        let (_, headers, _) = get("assets/app.js", &[(header::ACCEPT_ENCODING, "br")]).await;
        let tag = headers[header::ETAG].to_str().unwrap().to_owned();
        let again = [(header::ACCEPT_ENCODING, "br"), (header::IF_NONE_MATCH, tag.as_str())];
        let (status, _, body) = get("assets/app.js", &again).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
        let other = [(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, tag.as_str())];
        assert_eq!(get("assets/app.js", &other).await.0, StatusCode::OK, "another encoding is another entity");
    }

    #[tokio::test]
    async fn what_is_not_there_is_404() {
        for name in ["assets/none.js", "assets/app.js.br", "assets/../index.html"] {
            assert_eq!(get(name, &[]).await.0, StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[tokio::test]
    async fn an_unknown_address_is_a_page_for_browsers_and_json_for_programs() {
        let page = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (path, accept, expected) in [
            ("/nonsense", page, "page"),
            ("/apiary", page, "page"),
            ("/api/nonsense", page, "There is nothing here."),
            ("/assets", page, "There is nothing here."),
            ("/nonsense", "*/*", "There is nothing here."),
            ("/nonsense", "application/json", "There is nothing here."),
        ] {
            let known = etag(&files("index.html").unwrap().1, None);
            let headers = [(header::ACCEPT, accept), (header::IF_NONE_MATCH, known.as_str())];
            let headers = headers.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
            let (parts, body) = nothing_at(files, path, &headers).into_parts();
            let body = axum::body::to_bytes(body, 1_000).await.unwrap();
            assert_eq!(parts.status, StatusCode::NOT_FOUND, "{path} {accept}");
            assert!(String::from_utf8(body.to_vec()).unwrap().contains(expected), "{path} {accept}");
        }
    }
}
