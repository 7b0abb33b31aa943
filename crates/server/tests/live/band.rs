//! A server on a real socket, its musicians, and what they say and hear.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::{SinkExt, StreamExt};
use model::{Id, Table, fields};
use operations::build::{create, set};
use operations::{Operation, Transaction};
use serde_json::{Value, json};
use server::accounts::SESSION_COOKIE;
use server::config::Config;
use server::{App, router};
use storage::{NewSession, NewUser};
use sync::wire::{ClientMessage, Resume, SUBPROTOCOL, ServerMessage, VERSION, decode, encode};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt;

/// Longer than anything takes that comes at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) app: App,
    router: Router,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

pub(crate) struct User {
    pub(crate) id: String,
    cookie: String,
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

impl Server {
    pub(crate) async fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let app = server::serve::open(Config::new(folder.path())).unwrap();
        let router = router::router(app.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Server { app, router, address, _folder: folder }
    }

    /// Someone who is logged in, without the time that hashing a password takes.
    pub(crate) fn let_in(&self, name: &str) -> User {
        let (store, now) = (self.app.database.store(), self.app.clock.now());
        let (email, colour, password_hash) = (format!("{name}@example.com"), "#7c8cff".to_owned(), "none".to_owned());
        let user = NewUser { id: id(name), email, name: name.to_uppercase(), colour, password_hash, demo: false, now };
        assert!(store.create_user(user).unwrap());
        let token = format!("token-of-{name}");
        let token_hash = *blake3::hash(token.as_bytes()).as_bytes();
        let expires = model::Timestamp(now.0 + 3_600_000);
        store
            .create_session(NewSession { token_hash, user: id(name), device: "a test".to_owned(), now, expires })
            .unwrap();
        User { id: name.to_owned(), cookie: format!("{SESSION_COOKIE}={token}") }
    }

    pub(crate) async fn call(&self, user: &User, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header(header::COOKIE, &user.cookie);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, user: &User, path: &str) -> (StatusCode, Value) {
        self.call(user, "GET", path, Value::Null).await
    }

    pub(crate) async fn write(&self, user: &User, tx: &str, operations: Vec<Operation>) -> StatusCode {
        let body = json!({"txId": tx, "authorId": user.id, "operations": operations, "clientTimestamp": 0});
        self.call(user, "POST", "/api/realtime/write", body).await.0
    }

    /// A project `p` of Ann's with the tracks `a` and `b`; Bob is an editor, Vic a viewer, Eve nobody.
    pub(crate) async fn band(&self) -> [User; 4] {
        let [ann, bob, vic, eve] = ["ann", "bob", "vic", "eve"].map(|name| self.let_in(name));
        let track = |name: &str| fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
        let member = |user: &str, role: &str| {
            fields([("projectId", "p".into()), ("userId", user.into()), ("role", role.into())])
        };
        let operations = vec![
            create(Table::Projects, &id("p"), fields([("name", "Song".into())])),
            create(Table::Tracks, &id("a"), track("Bass")),
            create(Table::Tracks, &id("b"), track("Drums")),
            create(Table::ProjectMembers, &id("mb"), member("bob", "editor")),
            create(Table::ProjectMembers, &id("mv"), member("vic", "viewer")),
        ];
        assert_eq!(self.write(&ann, "make", operations).await, 200);
        [ann, bob, vic, eve]
    }

    pub(crate) async fn connect(&self, user: &User, protocol: Option<&str>) -> Socket {
        let mut request = format!("ws://{}/api/realtime", self.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", user.cookie.parse().unwrap());
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        Socket(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    /// A socket of W4 that has said hello.
    pub(crate) async fn greet(&self, user: &User) -> Socket {
        let mut socket = self.connect(user, Some(SUBPROTOCOL)).await;
        socket.say(&ClientMessage::Hello { version: u16::from(VERSION) }).await;
        assert!(matches!(socket.hear().await, ServerMessage::Hello { .. }));
        socket
    }

    /// A socket of W4 that has opened `p`, and the first answer.
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
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing came") {
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

    pub(crate) async fn submit(&mut self, user: &User, transactions: Vec<(String, Vec<Operation>)>) {
        let transactions =
            transactions.into_iter().map(|(tx, operations)| transaction(user, &tx, operations)).collect();
        self.say(&ClientMessage::Submit { channel: 1, transactions }).await;
    }

    pub(crate) async fn say_text(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn hear_text(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn transaction(user: &User, tx: &str, operations: Vec<Operation>) -> Transaction {
    let (tx_id, author_id, base_versions) = (id(tx), id(&user.id), Default::default());
    Transaction { tx_id, author_id, operations, client_timestamp: 0.0, base_versions, gesture: None }
}

pub(crate) fn volume(value: f64) -> Vec<Operation> {
    vec![set(Table::Tracks, &id("a"), "volume", value)]
}
