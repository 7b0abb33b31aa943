//! A browser without a screen, and a server without a socket.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use model::Timestamp;
use serde_json::{Value, json};
use server::config::Config;
use server::state::Clock;
use server::{App, router};
use std::sync::Arc;
use storage::{Database, SqliteStore};
use tower::ServiceExt as _;

pub(crate) const BYTES_MAX: usize = 10_000_000;

/// A server over a folder that lasts as long as it.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) folder: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    /// All that the browser is told to remember.
    pub(crate) fn cookies(&self) -> Vec<String> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    /// The session's cookie as a browser would send it back.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

impl Server {
    pub(crate) fn new() -> Server {
        Server::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Server {
        Server::over(tempfile::tempdir().unwrap(), change)
    }

    /// A server over a folder that another one has left.
    pub(crate) fn over(folder: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::new(folder.path());
        change(&mut config);
        let store = SqliteStore::open(&folder.path().join("test.sqlite")).unwrap();
        let clock = Clock::manual(Timestamp(1_795_470_240_000));
        let blobs = Arc::new(storage::blobs::FileBlobs::open(&folder.path().join("blobs")).unwrap());
        let app = App::new(config, Database::new(Arc::new(store)), blobs, clock.clone()).unwrap();
        Server { app, clock, folder }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = router::router(self.app.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, BYTES_MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, cookie: &str, body: Value) -> Answer {
        let request = Request::post(path).header(header::COOKIE, cookie);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn post_form(&self, path: &str, cookie: &str, form: &str) -> Answer {
        let request = Request::post(path).header(header::COOKIE, cookie);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Signs someone up; their cookie.
    pub(crate) async fn sign_up(&self, name: &str) -> String {
        let body = json!({ "email": format!("{name}@example.com"), "password": "password", "name": name });
        let answer = self.post("/api/auth/signup", "", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.cookie()
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.post("/api/auth/login", "", json!({ "email": email, "password": password })).await
    }

    /// Creates a project; its id.
    pub(crate) async fn create_project(&self, cookie: &str, name: &str) -> String {
        let answer = self.post_form("/projects/new", cookie, &format!("name={name}")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        answer.header("location").strip_prefix("/projects/").unwrap().to_owned()
    }
}
