//! Rooms and sockets, through the real router, a real SQLite database and real sockets on loopback.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::{SinkExt, StreamExt};
use model::{Id, Table};
use operations::build::{create, set};
use operations::{Author, Operation, Scope, Transaction};
use serde_json::{Value, json};
use server::config::Config;
use server::{App, router};
use sync::wire::{ClientMessage, Resume, SUBPROTOCOL, ServerMessage, decode, encode};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tower::ServiceExt;

struct Server {
    app: App,
    router: Router,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

struct User {
    id: String,
    cookie: String,
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

impl Server {
    async fn start() -> Server {
        Server::over(tempfile::tempdir().unwrap()).await
    }

    async fn over(folder: tempfile::TempDir) -> Server {
        let app = server::serve::open(Config::new(folder.path())).unwrap();
        let router = router::router(app.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Server { app, router, address, folder }
    }

    async fn call(
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

    async fn sign_up(&self, name: &str) -> User {
        let body = json!({"email": format!("{name}@example.com"), "password": "a long password", "name": name});
        let (status, body, cookie) = self.call(None, "POST", "/api/auth/signup", body).await;
        assert!(status.is_success(), "{status} {body}");
        let cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        User { id: body["user"]["id"].as_str().unwrap().to_owned(), cookie }
    }

    async fn write(&self, user: &User, tx: &str, operations: Vec<Operation>) -> (StatusCode, Value) {
        let body = json!({"txId": tx, "authorId": user.id, "operations": operations, "clientTimestamp": 0});
        let (status, body, _) = self.call(Some(user), "POST", "/api/realtime/write", body).await;
        (status, body)
    }

    /// A project `p` of this user's with the tracks `a` and `b`.
    async fn project(&self, owner: &User) {
        let track =
            |name: &str| model::fields([("projectId", "p".into()), ("name", name.into()), ("type", "audio".into())]);
        let operations = vec![
            create(Table::Projects, &id("p"), model::fields([("name", "Song".into())])),
            create(Table::Tracks, &id("a"), track("a")),
            create(Table::Tracks, &id("b"), track("b")),
        ];
        let (status, body) = self.write(owner, "make", operations).await;
        assert_eq!(status, 200, "{body}");
    }

    async fn add(&self, owner: &User, member: &str) {
        let body = json!({"email": format!("{member}@example.com"), "role": "editor"});
        let (status, body, _) = self.call(Some(owner), "POST", "/api/projects/p/members", body).await;
        assert!(status.is_success(), "{status} {body}");
    }

    async fn connect(&self, user: &User, protocol: Option<&str>, path: &str) -> Socket {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", user.cookie.parse().unwrap());
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        Socket(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    /// A socket of W4 that has opened `p` and received what came at once.
    async fn open(&self, user: &User, resume: Option<Resume>) -> (Socket, ServerMessage) {
        let mut socket = self.connect(user, Some(SUBPROTOCOL), "/api/realtime").await;
        socket.say(&ClientMessage::Hello { version: sync::wire::VERSION.into() }).await;
        assert!(matches!(socket.hear().await, ServerMessage::Hello { .. }));
        socket.say(&ClientMessage::Open { channel: 1, project: id("p"), resume }).await;
        let first = socket.hear().await;
        (socket, first)
    }
}

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn next(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.0.next()).await.expect("nothing came");
            match next {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                _ => return None,
            }
        }
    }

    async fn say(&mut self, message: &ClientMessage) {
        self.0.send(Message::Binary(encode(message).into())).await.unwrap();
    }

    async fn hear(&mut self) -> ServerMessage {
        match self.next().await {
            Some(Message::Binary(frame)) => decode(&frame).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message that is about commits: people and presence are passed over.
    async fn hear_edit(&mut self) -> ServerMessage {
        loop {
            match self.hear().await {
                ServerMessage::People { .. } | ServerMessage::Present { .. } => {}
                other => return other,
            }
        }
    }

    async fn submit(&mut self, user: &User, transactions: Vec<(&str, Vec<Operation>)>) {
        let transactions = transactions.into_iter().map(|(tx, operations)| transaction(user, tx, operations)).collect();
        self.say(&ClientMessage::Submit { channel: 1, transactions }).await;
    }

    async fn text(&mut self, message: Value) -> Value {
        self.0.send(Message::text(message.to_string())).await.unwrap();
        self.hear_text().await
    }

    async fn hear_text(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

fn transaction(user: &User, tx: &str, operations: Vec<Operation>) -> Transaction {
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

fn volume(value: f64) -> Vec<Operation> {
    vec![set(Table::Tracks, &id("a"), "volume", value)]
}

#[tokio::test]
async fn w1_a_write_answers_the_records_and_reads_find_them() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let (status, body) = server.write(&ann, "t1", volume(0.5)).await;
    assert_eq!(status, 200);
    assert_eq!(body["recordMap"]["tracks"]["a"]["volume"], 0.5);
    let pointers = json!({"pointers": [{"table": "tracks", "id": "a"}, {"table": "users", "id": ann.id}, {"table": "tracks", "id": "none"}]});
    let (status, body, _) = server.call(Some(&ann), "POST", "/api/realtime/getRecords", pointers.clone()).await;
    assert_eq!((status, &body["recordMap"]["tracks"]["a"]["version"]), (StatusCode::OK, &json!(2)));
    assert_eq!(body["recordMap"]["users"][&ann.id]["email"], "ann@example.com");
    assert_eq!(body["recordMap"]["tracks"].as_object().unwrap().len(), 1);
    let (status, _, _) = server.call(None, "POST", "/api/realtime/getRecords", pointers).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn w1_what_makes_no_sense_is_400_with_a_message() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    for operations in [
        json!([]),
        json!("nonsense"),
        json!([{"type": "set", "table": "secrets", "id": "x", "key": "a", "value": 1}]),
        json!([{"type": "set", "table": "tracks", "id": "nobody", "key": "volume", "value": 1}]),
        json!([{"type": "set", "table": "tracks", "id": "a", "key": "volume", "value": 9}]),
        json!([{"type": "set", "table": "tracks", "id": "../../etc", "key": "volume", "value": 1}]),
    ] {
        let body = json!({"txId": "bad", "authorId": ann.id, "operations": operations, "clientTimestamp": 0});
        let (status, body, _) = server.call(Some(&ann), "POST", "/api/realtime/write", body).await;
        assert_eq!(status, 400, "{body}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    let deep = json!({"txId": "deep", "authorId": ann.id, "clientTimestamp": 0, "operations": [
        {"type": "set", "table": "tracks", "id": "a", "key": "name", "value": serde_json::from_str::<Value>(&("[".repeat(100) + &"]".repeat(100))).unwrap()}]});
    let (status, _, _) = server.call(Some(&ann), "POST", "/api/realtime/write", deep).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn w5_a_project_can_be_found_and_read_whole() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    let (_, body, _) = server.call(Some(&ann), "GET", "/api/projects", Value::Null).await;
    assert_eq!(body["projects"][0]["id"], "p");
    let (status, body, _) = server.call(Some(&ann), "GET", "/api/projects/p/records", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!((&body["seq"], body["recordMap"]["tracks"].as_object().unwrap().len()), (&json!(1), 2));
    assert!(body["epoch"].is_string());
    for path in ["/api/projects/p/records", "/api/projects/none/records"] {
        let (status, body, _) = server.call(Some(&bob), "GET", path, Value::Null).await;
        assert_eq!((status, body["recordMap"].is_null()), (StatusCode::FORBIDDEN, true), "a stranger learns nothing");
    }
}

#[tokio::test]
async fn pe2_what_may_not_be_read_is_left_out_and_what_may_not_be_written_is_403() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    let pointers = json!({"pointers": [{"table": "tracks", "id": "a"}, {"table": "projects", "id": "p"}, {"table": "users", "id": ann.id}, {"table": "project_members", "id": "p"}]});
    let (_, body, _) = server.call(Some(&bob), "POST", "/api/realtime/getRecords", pointers.clone()).await;
    assert_eq!(body["recordMap"], json!({}));
    let (status, body) = server.write(&bob, "t", volume(0.1)).await;
    assert_eq!((status.as_u16(), body["message"].as_str()), (403, Some(operations::Refusal::FORBIDDEN)));
    server.add(&ann, "bob").await;
    let (_, body, _) = server.call(Some(&bob), "POST", "/api/realtime/getRecords", pointers).await;
    assert!(body["recordMap"]["users"][&ann.id]["email"].is_null(), "U3: an e-mail is for oneself");
    assert_eq!(server.write(&bob, "t", volume(0.1)).await.0, 200);
}

#[tokio::test]
async fn wr1_nobody_writes_as_another() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    let forged = User { id: ann.id.clone(), cookie: bob.cookie.clone() };
    assert_eq!(server.write(&forged, "t", volume(0.1)).await.0, 403);
    let system = User { id: "system".to_owned(), cookie: ann.cookie.clone() };
    assert_eq!(server.write(&system, "t", volume(0.1)).await.0, 403);
}

#[tokio::test]
async fn wr4_a_transaction_touches_one_project() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let other = vec![create(Table::Projects, &id("q"), model::fields([("name", "Other".into())]))];
    assert_eq!(server.write(&ann, "q", other).await.0, 200);
    let both = vec![set(Table::Projects, &id("p"), "bpm", 100.0), set(Table::Projects, &id("q"), "bpm", 100.0)];
    assert_eq!(server.write(&ann, "both", both).await.0, 400);
    let taken = vec![
        set(Table::Projects, &id("q"), "bpm", 90.0),
        create(
            Table::Tracks,
            &id("a"),
            model::fields([("projectId", "q".into()), ("name", "x".into()), ("type", "audio".into())]),
        ),
    ];
    let (status, body) = server.write(&ann, "taken", taken).await;
    assert_eq!(status, 400, "an id of another project's record: {body}");
    let (_, body, _) = server.call(Some(&ann), "GET", "/api/projects/q/records", Value::Null).await;
    assert_eq!(body["recordMap"]["projects"]["q"]["bpm"], 120);
}

#[tokio::test]
async fn wr2_a_member_is_someone_who_exists() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    let member = |user: &str| {
        let fields = [("projectId", "p".into()), ("userId", user.into()), ("role", "viewer".into())];
        vec![create(Table::ProjectMembers, &id("m"), model::fields(fields))]
    };
    assert_eq!(server.write(&ann, "t1", member("nobody")).await.0, 400);
    assert_eq!(server.write(&ann, "t2", member(&bob.id)).await.0, 200);
}

#[tokio::test]
async fn wr4_ones_own_user_record_can_be_written_and_no_others() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let rename = |user: &User| vec![set(Table::Users, &id(&user.id), "name", "New")];
    let (status, body) = server.write(&ann, "t1", rename(&ann)).await;
    assert_eq!((status.as_u16(), &body["recordMap"]["users"][&ann.id]["name"]), (200, &json!("New")));
    assert_eq!(server.write(&ann, "t2", rename(&bob)).await.0, 403);
    let email = vec![set(Table::Users, &id(&ann.id), "email", "other@example.com")];
    assert_eq!(server.write(&ann, "t3", email).await.0, 400);
}

#[tokio::test]
async fn wr5_a_stale_base_version_is_409_and_lists_the_records() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let body = |tx: &str| json!({"txId": tx, "authorId": ann.id, "operations": volume(0.3), "clientTimestamp": 0, "baseVersions": {"tracks:a": 1}});
    assert_eq!(server.call(Some(&ann), "POST", "/api/realtime/write", body("t1")).await.0, 200);
    let (status, answer, _) = server.call(Some(&ann), "POST", "/api/realtime/write", body("t2")).await;
    assert_eq!((status.as_u16(), &answer["conflicts"]), (409, &json!(["tracks:a"])));
}

#[tokio::test]
async fn wr6_a_repeat_changes_nothing_also_after_a_restart() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let (_, first) = server.write(&ann, "t", volume(0.5)).await;
    let (status, repeat) = server.write(&ann, "t", volume(0.5)).await;
    assert_eq!((status.as_u16(), &repeat), (200, &first));
    assert_eq!(server.write(&ann, "t", volume(0.6)).await.0, 400, "the same id with another payload");
    let Server { folder, app, router, .. } = server;
    app.database.store().checkpoint().unwrap();
    drop((app, router));
    let server = Server::over(folder).await;
    let (status, repeat) = server.write(&ann, "t", volume(0.5)).await;
    assert_eq!((status.as_u16(), repeat), (200, first));
}

#[tokio::test]
async fn ps2_subscribing_answers_the_current_version_at_once() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    server.write(&ann, "t", volume(0.5)).await;
    let mut socket = server.connect(&ann, None, "/api/realtime").await;
    let me = format!("users:{}", ann.id);
    for (key, version) in [("tracks:a", 2), ("tracks:b", 1), ("project-tracks:p", 2), (me.as_str(), 1)] {
        let notice = socket.text(json!({"type": "subscribe", "key": key})).await;
        assert_eq!(notice["updates"], json!([{"key": key, "version": version}]));
    }
}

#[tokio::test]
async fn wr9_the_guides_client_is_told_of_records_and_lists_after_the_commit() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let mut socket = server.connect(&ann, None, "/").await;
    for (key, version) in [("tracks:a", 1), ("project-tracks:p", 1), ("track-clips:a", 1)] {
        let notice = socket.text(json!({"type": "subscribe", "key": key})).await;
        assert_eq!(notice, json!({"type": "updates", "updates": [{"key": key, "version": version}]}), "PS2");
    }
    server.write(&ann, "t", volume(0.5)).await;
    let notice = socket.hear_text().await;
    assert_eq!(
        notice["updates"],
        json!([{"key": "tracks:a", "version": 2}, {"key": "project-tracks:p", "version": 2}])
    );
    let clip = model::fields([
        ("trackId", "a".into()),
        ("name", "c".into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 1u32.into()),
    ]);
    server.write(&ann, "t2", vec![create(Table::Clips, &id("c"), clip)]).await;
    assert_eq!(socket.hear_text().await["updates"], json!([{"key": "track-clips:a", "version": 3}]));
    let notice = socket.text(json!({"type": "nonsense"})).await;
    assert_eq!(notice["type"], "error");
}

#[tokio::test]
async fn ps1_a_stranger_hears_nothing_and_who_loses_access_hears_no_more() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    let (_, denied) = server.open(&bob, None).await;
    assert!(matches!(denied, ServerMessage::Denied { status: 403, .. }));
    let mut guide = server.connect(&bob, None, "/api/realtime").await;
    for key in ["tracks:a", "projects:p", "project-tracks:p", "tracks:none", "users:none", "nonsense", "x:y"] {
        assert_eq!(guide.text(json!({"type": "subscribe", "key": key})).await["type"], "error", "{key}");
    }
    server.add(&ann, "bob").await;
    let (mut bobs, snapshot) = server.open(&bob, None).await;
    let ServerMessage::Snapshot { records, .. } = snapshot else { panic!("{snapshot:?}") };
    let membership = records.iter().find(|(_, r)| r.text("userId") == Some(bob.id.as_str())).unwrap().1.id().clone();
    let leave = vec![operations::build::delete(Table::ProjectMembers, &membership)];
    assert_eq!(server.write(&ann, "out", leave).await.0, 200);
    loop {
        match bobs.hear_edit().await {
            ServerMessage::Denied { .. } => break,
            ServerMessage::Commits { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    server.write(&ann, "secret", volume(0.9)).await;
    bobs.say(&ClientMessage::Ping { nonce: 7 }).await;
    assert_eq!(bobs.hear_edit().await, ServerMessage::Pong { nonce: 7 }, "the secret edit did not come");
}

#[tokio::test]
async fn ps1_sockets_need_a_session_and_our_own_origin() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    let refused = async |cookie: &str, origin: Option<&str>| {
        let mut request = format!("ws://{}/api/realtime", server.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        tokio_tungstenite::connect_async(request).await.is_err()
    };
    assert!(refused("unisono_session=forged", None).await);
    assert!(refused(&ann.cookie, Some("https://evil.example")).await);
    assert!(!refused(&ann.cookie, Some(&format!("http://{}", server.address))).await);
    assert!(!refused(&ann.cookie, None).await);
}

#[tokio::test]
async fn w4_own_edits_are_acknowledged_and_others_get_the_commit() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    server.add(&ann, "bob").await;
    let (mut anns, _) = server.open(&ann, None).await;
    let (mut bobs, _) = server.open(&bob, None).await;
    anns.submit(&ann, vec![("t1", volume(0.5)), ("t2", volume(9.0)), ("t3", volume(0.7))]).await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(match anns.hear_edit().await {
            ServerMessage::Acknowledged { tx_id, .. } => format!("ok {tx_id}"),
            ServerMessage::Refused { tx_id, status, .. } => format!("{status} {tx_id}"),
            other => panic!("{other:?}"),
        });
    }
    heard.sort();
    assert_eq!(heard, ["400 t2", "ok t1", "ok t3"]);
    let mut volumes = Vec::new();
    while volumes.len() < 2 {
        let ServerMessage::Commits { commits, .. } = bobs.hear_edit().await else { panic!("no commits") };
        volumes.extend(commits.into_iter().map(|commit| commit.operations));
    }
    assert_eq!(volumes, [volume(0.5), volume(0.7)]);
}

#[tokio::test]
async fn w4_present_says_who_is_connected() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    server.add(&ann, "bob").await;
    let (mut anns, _) = server.open(&ann, None).await;
    let (bobs, _) = server.open(&bob, None).await;
    let both = async |anns: &mut Socket, count: usize| loop {
        if let ServerMessage::Present { connected, .. } = anns.hear().await
            && connected.len() == count
        {
            return;
        }
    };
    both(&mut anns, 2).await;
    drop(bobs);
    both(&mut anns, 1).await;
}

#[tokio::test]
async fn ps3_after_a_reconnect_exactly_what_was_missed_comes() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let (socket, snapshot) = server.open(&ann, None).await;
    let ServerMessage::Snapshot { epoch, seq, .. } = snapshot else { panic!("{snapshot:?}") };
    drop(socket);
    for n in 0..3 {
        server.write(&ann, &format!("t{n}"), volume(f64::from(n) / 10.0)).await;
    }
    let (mut socket, resumed) = server.open(&ann, Some(Resume { epoch: epoch.clone(), seq })).await;
    assert!(matches!(resumed, ServerMessage::Resumed { seq: at, .. } if at == seq));
    let ServerMessage::Commits { commits, .. } = socket.hear_edit().await else { panic!("no commits") };
    assert_eq!(commits.iter().map(|c| c.seq).collect::<Vec<_>>(), [seq + 1, seq + 2, seq + 3]);
    for resume in [Resume { epoch: id("other"), seq }, Resume { epoch, seq: seq + 99 }] {
        let (_, answer) = server.open(&ann, Some(resume)).await;
        assert!(matches!(answer, ServerMessage::Snapshot { .. }), "another epoch, or a future: start over");
    }
}

#[tokio::test]
async fn ps5_malformed_frames_get_an_error_or_a_close_and_harm_nobody() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    for frame in [vec![], vec![1], vec![9, 9, 9], vec![1, 2, 255, 255, 255, 255], vec![1; 1000]] {
        let mut socket = server.connect(&ann, Some(SUBPROTOCOL), "/api/realtime").await;
        socket.0.send(Message::Binary(frame.into())).await.unwrap();
        assert!(matches!(socket.hear().await, ServerMessage::Error { .. }));
    }
    let (_, snapshot) = server.open(&ann, None).await;
    assert!(matches!(snapshot, ServerMessage::Snapshot { .. }));
}

#[tokio::test]
async fn wr4_many_writers_at_once_all_land_once_and_in_order() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let realtime = server.app.realtime.clone();
    let writes = (0..200).map(|n: u32| {
        let (realtime, transaction) = (realtime.clone(), transaction(&ann, &format!("t{n}"), volume(f64::from(n % 2))));
        let author = Author::User(id(&ann.id));
        tokio::spawn(async move { realtime.submit(Scope::Project(id("p")), author, transaction).await })
    });
    let mut seqs = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        seqs.push(write.await.unwrap().unwrap().seq);
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (2..202).collect::<Vec<u64>>());
    let log = server.app.database.store().commits_since(&Scope::Project(id("p")), 0, 1_000).unwrap();
    assert_eq!(log.iter().map(|commit| commit.seq).collect::<Vec<_>>(), (1..202).collect::<Vec<u64>>());
}
