//! A server on a real socket, its musicians, and what they say and hear.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::{SinkExt, StreamExt};
use model::{Id, Table, Timestamp, fields};
use operations::build::{create, set};
use operations::{Operation, Transaction};
use serde_json::{Value, json};
use server::accounts::SESSION_COOKIE;
use server::config::Config;
use server::state::Clock;
use server::{App, router};
use storage::blobs::MemoryBlobs;
use storage::{Database, MemoryStore, NewSession, NewUser};
use sync::wire::{ClientMessage, Resume, SUBPROTOCOL, ServerMessage, VERSION, decode, encode};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt;

/// Longer than anything takes that comes at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) address: SocketAddr,
    pub(crate) folder: tempfile::TempDir,
    _serving: Serving,
}

/// Ends with its server: a test of many worlds leaves none of them running.
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) cookie: String,
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::over(tempfile::tempdir().unwrap()).await
    }

    pub(crate) async fn over(folder: tempfile::TempDir) -> Server {
        let app = server::serve::open(Config::new(folder.path())).unwrap();
        Server::of(app, folder).await
    }

    /// A server in memory, by a clock that stands still until it is moved, over a disk that can be broken.
    pub(crate) async fn in_memory() -> (Server, MemoryStore, Clock) {
        let folder = tempfile::tempdir().unwrap();
        let (store, clock) = (MemoryStore::new(), Clock::manual(Timestamp(1_795_470_240_000)));
        let (database, blobs) = (Database::new(Arc::new(store.clone())), Arc::new(MemoryBlobs::default()));
        let app = App::new(Config::new(folder.path()), database, blobs, clock.clone()).unwrap();
        (Server::of(app, folder).await, store, clock)
    }

    pub(crate) async fn of(app: App, folder: tempfile::TempDir) -> Server {
        let router = router::router(app.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        let serving = Serving(tokio::spawn(async move { axum::serve(listener, service).await.unwrap() }));
        Server { app, router, address, folder, _serving: serving }
    }

    pub(crate) async fn call(
        &self,
        user: Option<&User>,
        method: &str,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value, Option<String>) {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(user) = user {
            request = request.header(header::COOKIE, &user.cookie);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let cookie = response.headers().get(header::SET_COOKIE).map(|value| value.to_str().unwrap().to_owned());
        let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null), cookie)
    }

    pub(crate) async fn get(&self, user: &User, path: &str) -> (StatusCode, Value) {
        let (status, body, _) = self.call(Some(user), "GET", path, Value::Null).await;
        (status, body)
    }

    /// The status of sending bytes somewhere.
    pub(crate) async fn send_bytes(&self, method: &str, path: &str, bytes: &'static [u8]) -> StatusCode {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_LENGTH, bytes.len());
        // For those that go on where an upload stands.
        let request = request.header("upload-offset", 0);
        self.router.clone().oneshot(request.body(Body::from(bytes)).unwrap()).await.unwrap().status()
    }

    pub(crate) async fn sign_up(&self, name: &str) -> User {
        let body = json!({"email": format!("{name}@example.com"), "password": "a long password", "name": name});
        let (status, body, cookie) = self.call(None, "POST", "/api/auth/signup", body).await;
        assert!(status.is_success(), "{status} {body}");
        let cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        User { id: body["user"]["id"].as_str().unwrap().to_owned(), cookie }
    }

    pub(crate) async fn write(&self, user: &User, tx: &str, operations: Vec<Operation>) -> (StatusCode, Value) {
        let body = json!({"txId": tx, "authorId": user.id, "operations": operations, "clientTimestamp": 0});
        let (status, body, _) = self.call(Some(user), "POST", "/api/realtime/write", body).await;
        (status, body)
    }

    /// Someone who is logged in, without the time that hashing a password takes.
    pub(crate) fn let_in(&self, name: &str) -> User {
        let (store, now) = (self.app.database.store(), self.app.clock.now());
        let user = NewUser {
            id: id(name),
            email: format!("{name}@example.com"),
            name: name.to_owned(),
            colour: "#7c8cff".to_owned(),
            password_hash: "none".to_owned(),
            demo: false,
            now,
        };
        assert!(store.create_user(user).unwrap());
        let token = format!("token of {name}").replace(' ', "-");
        let token_hash = *blake3::hash(token.as_bytes()).as_bytes();
        let expires = Timestamp(now.0 + 365 * 24 * 60 * 60 * 1_000);
        store.create_session(NewSession { token_hash, user: id(name), now, expires, device: String::new() }).unwrap();
        User { id: name.to_owned(), cookie: format!("{SESSION_COOKIE}={token}") }
    }

    /// A project `p` of this user's with the tracks `a` and `b`.
    pub(crate) async fn project(&self, owner: &User) {
        let (status, body) = self.write(owner, "make", song()).await;
        assert_eq!(status, 200, "{body}");
    }

    /// A project `p` of Ann's with the tracks `a` and `b`; Bob is an editor, Vic a viewer, Eve nobody.
    pub(crate) async fn band(&self) -> [User; 4] {
        let [ann, bob, vic, eve] = ["ann", "bob", "vic", "eve"].map(|name| self.let_in(name));
        let member = |name: &str, user: &str, role: &str| {
            let values = [("projectId", "p".into()), ("userId", user.into()), ("role", role.into())];
            create(Table::ProjectMembers, &id(name), fields(values))
        };
        let mut operations = song();
        operations.extend([member("mb", "bob", "editor"), member("mv", "vic", "viewer")]);
        let (status, body) = self.write(&ann, "make", operations).await;
        assert_eq!(status, 200, "{body}");
        [ann, bob, vic, eve]
    }

    pub(crate) async fn add(&self, owner: &User, member: &str) {
        let body = json!({"email": format!("{member}@example.com"), "role": "editor"});
        let (status, body, _) = self.call(Some(owner), "POST", "/api/projects/p/members", body).await;
        assert!(status.is_success(), "{status} {body}");
    }

    pub(crate) async fn connect(&self, user: &User, protocol: Option<&str>, path: &str) -> Socket {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", user.cookie.parse().unwrap());
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        Socket(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    /// A socket of W4 that has said hello.
    pub(crate) async fn greet(&self, user: &User) -> Socket {
        let mut socket = self.connect(user, Some(SUBPROTOCOL), "/api/realtime").await;
        socket.say(&ClientMessage::Hello { version: u16::from(VERSION) }).await;
        assert!(matches!(socket.hear().await, ServerMessage::Hello { .. }));
        socket
    }

    /// A socket of W4 that has opened `p` and received what came at once.
    pub(crate) async fn open(&self, user: &User, resume: Option<Resume>) -> (Socket, ServerMessage) {
        let mut socket = self.greet(user).await;
        socket.say(&ClientMessage::Open { channel: 1, project: id("p"), resume }).await;
        let first = socket.hear().await;
        (socket, first)
    }
}

pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing came");
            match next {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                _ => return None,
            }
        }
    }

    pub(crate) async fn say(&mut self, message: &ClientMessage) {
        self.0.send(Message::Binary(encode(message).into())).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> ServerMessage {
        match self.next().await {
            Some(Message::Binary(frame)) => decode(&frame).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message of which `pick` makes something; others are passed over.
    pub(crate) async fn wait_for<T>(&mut self, mut pick: impl FnMut(ServerMessage) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.hear().await) {
                return picked;
            }
        }
    }

    /// What becomes of so many transactions, as `ok` or a status and their ids.
    pub(crate) async fn hear_verdicts(&mut self, count: usize) -> Vec<String> {
        let mut heard = Vec::new();
        while heard.len() < count {
            match self.hear_edit().await {
                ServerMessage::Acknowledged { tx_ids, .. } => {
                    heard.extend(tx_ids.iter().map(|tx_id| format!("ok {tx_id}")));
                }
                // The log says more than was sent.
                ServerMessage::Commits { commits, .. } => {
                    heard.extend(commits.iter().map(|commit| format!("ok {}", commit.tx_id)));
                }
                ServerMessage::Refused { tx_id, status, .. } => heard.push(format!("{status} {tx_id}")),
                other => panic!("{other:?}"),
            }
        }
        heard
    }

    /// The next message that is about commits: people and presence are passed over.
    pub(crate) async fn hear_edit(&mut self) -> ServerMessage {
        loop {
            match self.hear().await {
                ServerMessage::People { .. } | ServerMessage::Present { .. } => {}
                other => return other,
            }
        }
    }

    pub(crate) async fn submit(&mut self, user: &User, transactions: Vec<(impl AsRef<str>, Vec<Operation>)>) {
        let transactions = transactions.into_iter();
        let transactions = transactions.map(|(tx, operations)| transaction(user, tx.as_ref(), operations)).collect();
        self.say(&ClientMessage::Submit { channel: 1, transactions }).await;
    }

    pub(crate) async fn say_text(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn text(&mut self, message: Value) -> Value {
        self.say_text(message).await;
        self.hear_text().await
    }

    pub(crate) async fn hear_text(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

/// Makes the project `p` with the tracks `a` and `b`.
fn song() -> Vec<Operation> {
    let track = |name: &str| {
        let values = [("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())];
        create(Table::Tracks, &id(name), fields(values))
    };
    vec![create(Table::Projects, &id("p"), fields([("name", "Song".into())])), track("a"), track("b")]
}

pub(crate) fn transaction(user: &User, tx: &str, operations: Vec<Operation>) -> Transaction {
    let base_versions = Default::default();
    Transaction {
        tx_id: id(tx),
        author_id: id(&user.id),
        operations,
        client_timestamp: 0.0,
        base_versions,
        gesture: None,
    }
}

/// The membership of this user in what a snapshot holds.
pub(crate) fn membership(snapshot: &ServerMessage, user: &User) -> Id {
    let ServerMessage::Snapshot { records, .. } = snapshot else { panic!("{snapshot:?}") };
    records.iter().find(|(_, record)| record.text("userId") == Some(&user.id)).unwrap().1.id().clone()
}

pub(crate) fn volume(value: f64) -> Vec<Operation> {
    vec![set(Table::Tracks, &id("a"), "volume", value)]
}
