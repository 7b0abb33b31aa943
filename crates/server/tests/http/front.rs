//! What stands in front of every route.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;
use server::limits::{FORM_BODY_BYTES_MAX, JSON_BODY_BYTES_MAX};

use crate::client::Server;

#[tokio::test]
async fn every_answer_isolates_the_page() {
    let server = Server::new();
    for path in ["/login", "/", "/api/auth/me", "/nothing/here", "/health/ready", "/api/openapi.json", "/projects"] {
        let answer = server.get(path, "").await;
        for (name, value) in [
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path} {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{path}");
        assert!(!policy.contains("'unsafe-eval'") && !policy.contains("script-src 'unsafe-inline'"), "{path}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
    }
}

#[tokio::test]
async fn other_sites_cannot_make_a_browser_write() {
    let server = Server::new();
    let ada = server.sign_up("ada").await;
    let post = |headers: &[(&str, &str)]| {
        let mut request = Request::post("/projects/new")
            .header(header::HOST, "127.0.0.1:4410")
            .header(header::COOKIE, &ada)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from("name=x")).unwrap()
    };
    for foreign in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:4410")],
    ] {
        assert_eq!(server.send(post(foreign)).await.status, StatusCode::FORBIDDEN, "{foreign:?}");
    }
    for own in [
        &[][..],
        &[("origin", "http://127.0.0.1:4410")],
        &[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:4410")],
    ] {
        assert_eq!(server.send(post(own)).await.status, StatusCode::SEE_OTHER, "{own:?}");
    }
}

#[tokio::test]
async fn ps1_other_sites_cannot_open_a_socket() {
    let server = Server::new();
    let ada = server.sign_up("ada").await;
    for path in ["/", "/api/realtime"] {
        let socket = |origin: &str, cookie: &str| {
            Request::get(path)
                .header(header::HOST, "127.0.0.1:4410")
                .header(header::UPGRADE, "websocket")
                .header(header::CONNECTION, "upgrade")
                .header(header::ORIGIN, origin)
                .header(header::COOKIE, cookie)
                .body(Body::empty())
                .unwrap()
        };
        let foreign = server.send(socket("https://evil.example", &ada)).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{path}");
        let nobody = server.send(socket("http://127.0.0.1:4410", "")).await;
        assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_json_route_takes_json_only() {
    let server = Server::new();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let request = Request::post("/api/auth/login").header(header::CONTENT_TYPE, kind);
        let body = json!({ "email": "a@b", "password": "x" }).to_string();
        let answer = server.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind:?}");
        assert!(answer.message().contains("application/json"));
    }
    for broken in ["", "{", "\u{0}", "{\"email\":}", &"[".repeat(10_000)] {
        let request = Request::post("/api/auth/login").header(header::CONTENT_TYPE, "application/json");
        let answer = server.send(request.body(Body::from(broken.to_owned())).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{broken:.20}");
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn w6_bodies_are_limited() {
    let server = Server::new();
    let body = json!({ "email": "a@b.c", "password": "x".repeat(JSON_BODY_BYTES_MAX) });
    let answer = server.post("/api/auth/login", "", body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let form = format!("email=a%40b.c&password={}", "x".repeat(FORM_BODY_BYTES_MAX));
    assert_eq!(server.post_form("/login", "", &form).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn health_tells_whether_it_can_serve() {
    let server = Server::new();
    assert_eq!(server.get("/health/live", "").await.status, StatusCode::OK);
    assert_eq!(server.get("/health/ready", "").await.status, StatusCode::OK);
    server.app.shutdown.cancel();
    assert_eq!(server.get("/health/ready", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.get("/health/live", "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_cannot_be_done_405() {
    let server = Server::new();
    for path in ["/nothing", "/api/nothing", "/assets/none.js", "/assets/../Cargo.toml", "/projects/a/b", "/%00"] {
        let answer = server.get(path, "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let request = Request::builder().method(Method::DELETE).uri("/api/projects").body(Body::empty()).unwrap();
    assert_eq!(server.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn every_error_of_the_api_has_one_shape() {
    let server = Server::new();
    let ada = server.sign_up("ada").await;
    let too_long = format!("/api/audio-files/{}/upload", "x".repeat(100));
    let nothing = |method: Method, path: &str| {
        Request::builder().method(method).uri(path).header(header::COOKIE, &ada).body(Body::empty()).unwrap()
    };
    for (request, status) in [
        (nothing(Method::DELETE, "/api/projects"), StatusCode::METHOD_NOT_ALLOWED),
        (nothing(Method::POST, &too_long), StatusCode::BAD_REQUEST),
        (nothing(Method::PUT, "/api/audio-files/a/content"), StatusCode::BAD_REQUEST),
        (nothing(Method::PUT, "/api/audio-files/a/content?expires=x"), StatusCode::BAD_REQUEST),
        (nothing(Method::GET, "/api/realtime"), StatusCode::BAD_REQUEST),
        (nothing(Method::GET, "/api/nothing"), StatusCode::NOT_FOUND),
    ] {
        let path = request.uri().to_string();
        let answer = server.send(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/json"), "{path}");
        assert!(!answer.message().is_empty(), "{path}");
    }
    let answer = server.send(nothing(Method::DELETE, "/api/projects")).await;
    assert!(answer.header("allow").contains("GET"), "what else it says stays");
}
