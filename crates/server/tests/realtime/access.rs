//! Who hears what, and until when (PS1).

use axum::http::StatusCode;
use futures_util::SinkExt as _;
use model::Table;
use operations::build::{create, delete, set};
use serde_json::{Value, json};
use sync::wire::{ClientMessage, SUBPROTOCOL, ServerMessage, VERSION, encode};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::band::{Server, User, id, membership, transaction, volume};

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
    let leave = vec![delete(Table::ProjectMembers, &membership(&snapshot, &bob))];
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
async fn ps1_a_commit_group_ends_where_somebody_loses_access() {
    let (server, _, _) = Server::in_memory().await;
    let (ann, bob) = (server.let_in("ann"), server.let_in("bob"));
    server.project(&ann).await;
    server.add(&ann, "bob").await;
    let (mut anns, snapshot) = server.open(&ann, None).await;
    let (mut bobs, _) = server.open(&bob, None).await;
    let removal = vec![delete(Table::ProjectMembers, &membership(&snapshot, &bob))];
    // All of them wait when the room looks, so that they would make one group.
    anns.submit(&ann, vec![("before", volume(0.5)), ("out", removal), ("secret", volume(0.9))]).await;
    assert_eq!(anns.hear_verdicts(3).await.len(), 3);
    let mut heard = Vec::new();
    loop {
        match bobs.hear_edit().await {
            ServerMessage::Commits { commits, .. } => heard.extend(commits.into_iter().map(|it| it.tx_id.to_string())),
            ServerMessage::Denied { status: 403, .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, ["before", "out"]);
    bobs.say(&ClientMessage::Ping { nonce: 7 }).await;
    assert_eq!(bobs.hear_edit().await, ServerMessage::Pong { nonce: 7 }, "the secret edit did not come");
}

#[tokio::test]
async fn pe1_a_collaborator_taken_out_of_the_guides_list_hears_nothing_of_what_follows() {
    let (server, _, _) = Server::in_memory().await;
    let (ann, bob) = (server.let_in("ann"), server.let_in("bob"));
    server.project(&ann).await;
    let list = |user: &str, put: bool| {
        let (table, project) = (Table::Projects, id("p"));
        vec![if put {
            operations::build::list_insert(table, &project, "collaborators", user, operations::Position::Append)
        } else {
            operations::build::list_remove(table, &project, "collaborators", user)
        }]
    };
    assert_eq!(server.write(&ann, "nobody", list("nobody", true)).await.0, StatusCode::BAD_REQUEST);
    let (status, body) = server.write(&ann, "in", list("bob", true)).await;
    assert_eq!((status, &body["recordMap"]["projects"]["p"]["collaborators"]), (StatusCode::OK, &json!(["bob"])));
    let (mut bobs, _) = server.open(&bob, None).await;
    let (mut anns, _) = server.open(&ann, None).await;
    anns.submit(&ann, vec![("out", list("bob", false)), ("secret", volume(0.9))]).await;
    loop {
        match bobs.hear_edit().await {
            ServerMessage::Commits { commits, .. } => assert!(commits.iter().all(|it| it.tx_id == id("out"))),
            ServerMessage::Denied { status: 403, .. } => break,
            other => panic!("{other:?}"),
        }
    }
    bobs.say(&ClientMessage::Ping { nonce: 7 }).await;
    assert_eq!(bobs.hear_edit().await, ServerMessage::Pong { nonce: 7 });
}

#[tokio::test]
async fn ps1_no_room_is_opened_for_strangers_or_for_projects_that_do_not_exist() {
    let (server, _, _) = Server::in_memory().await;
    let (ann, eve) = (server.let_in("ann"), server.let_in("eve"));
    // A room may go when nobody uses it: what has been opened for its owner is not counted.
    server.project(&ann).await;
    let before = server.app.realtime.rooms_open();
    let (_, denied) = server.open(&eve, None).await;
    assert!(matches!(denied, ServerMessage::Denied { status: 403, .. }));
    let mut socket = server.connect(&eve, Some(SUBPROTOCOL), "/api/realtime").await;
    socket.say(&ClientMessage::Hello { version: u16::from(VERSION) }).await;
    socket.hear().await;
    for n in 0..20 {
        socket.say(&ClientMessage::Open { channel: 1, project: id(&format!("none{n}")), resume: None }).await;
        assert!(matches!(socket.hear().await, ServerMessage::Denied { status: 403, .. }));
    }
    let mut guide = server.connect(&eve, None, "/").await;
    for key in ["projects:none", "project-tracks:none", "tracks:none", "users:none", "users:ann", "projects:p"] {
        assert_eq!(guide.text(json!({"type": "subscribe", "key": key})).await["type"], "error", "{key}");
    }
    for path in ["/api/projects/none2/records", "/api/projects/p/records"] {
        assert_eq!(server.call(Some(&eve), "GET", path, Value::Null).await.0, StatusCode::FORBIDDEN);
    }
    for (tx, operation, status) in [
        ("t1", set(Table::Projects, &id("none3"), "bpm", 90.0), 400),
        ("t2", set(Table::Tracks, &id("none4"), "volume", 1.0), 400),
        ("t3", set(Table::Users, &id("none5"), "name", "x"), 403),
        ("t4", set(Table::Users, &id("ann"), "name", "x"), 403),
    ] {
        assert_eq!(server.write(&eve, tx, vec![operation]).await.0, status, "{tx}");
    }
    assert_eq!(server.app.realtime.rooms_open(), before);
}

#[tokio::test]
async fn pe2_a_stranger_who_writes_opens_no_room_of_a_project_at_rest() {
    let server = Server::start().await;
    let (ann, eve) = (server.let_in("ann"), server.let_in("eve"));
    server.project(&ann).await;
    // Started anew, so that no room is open.
    let server = Server::over(server.folder).await;
    assert_eq!(server.write(&eve, "t", volume(0.1)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(server.app.realtime.rooms_open(), 0);
    assert_eq!(server.write(&ann, "t", volume(0.1)).await.0, StatusCode::OK);
    assert_eq!(server.app.realtime.rooms_open(), 1);
}

#[tokio::test]
async fn wr6_who_is_no_member_any_more_may_learn_that_it_was_done_and_nothing_else() {
    let (server, _, _) = Server::in_memory().await;
    let (ann, bob) = (server.let_in("ann"), server.let_in("bob"));
    server.project(&ann).await;
    server.add(&ann, "bob").await;
    let (_, snapshot) = server.open(&ann, None).await;
    assert_eq!(server.write(&bob, "mine", volume(0.5)).await.0, StatusCode::OK);
    let removal = vec![delete(Table::ProjectMembers, &membership(&snapshot, &bob))];
    assert_eq!(server.write(&ann, "out", removal).await.0, StatusCode::OK);
    let (status, body) = server.write(&bob, "mine", volume(0.5)).await;
    assert_eq!((status, &body["recordMap"]), (StatusCode::OK, &json!({})));
    assert_eq!(server.write(&bob, "new", volume(0.5)).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn u3_a_subscription_to_a_person_ends_when_they_are_no_fellow_any_more() {
    let (server, _, _) = Server::in_memory().await;
    let (ann, bob, cy) = (server.let_in("ann"), server.let_in("bob"), server.let_in("cy"));
    server.project(&ann).await;
    server.add(&ann, "bob").await;
    server.add(&ann, "cy").await;
    let (_, snapshot) = server.open(&ann, None).await;
    let (mut anns, mut bobs, mut cys) = (
        server.connect(&ann, None, "/").await,
        server.connect(&bob, None, "/").await,
        server.connect(&cy, None, "/").await,
    );
    let asked = |key: &str| json!({"type": "subscribe", "key": key});
    assert_eq!(anns.text(asked("users:bob")).await["type"], "updates");
    assert_eq!(bobs.text(asked("users:ann")).await["type"], "updates");
    assert_eq!(bobs.text(asked("users:bob")).await["type"], "updates");
    assert_eq!(cys.text(asked("users:ann")).await["type"], "updates");
    let removal = vec![delete(Table::ProjectMembers, &membership(&snapshot, &bob))];
    assert_eq!(server.write(&ann, "out", removal).await.0, StatusCode::OK);
    let ended = |key: &str| json!({"type": "error", "message": format!("{key}: {}", operations::Refusal::FORBIDDEN)});
    assert_eq!(anns.hear_text().await, ended("users:bob"), "she hears no more of him");
    assert_eq!(bobs.hear_text().await, ended("users:ann"), "and he no more of her");
    server.write(&ann, "name", vec![set(Table::Users, &id("ann"), "name", "Ann L.")]).await;
    assert_eq!(cys.hear_text().await["updates"], json!([{"key": "users:ann", "version": 2}]), "a fellow still does");
    server.write(&bob, "name", vec![set(Table::Users, &id("bob"), "name", "Bob")]).await;
    assert_eq!(bobs.hear_text().await["updates"], json!([{"key": "users:bob", "version": 2}]), "oneself always");
    let again = anns.text(asked("users:bob")).await;
    assert_eq!(again["type"], "error");
}

#[tokio::test]
async fn op4_an_id_that_is_taken_is_400_for_members_and_tells_strangers_nothing() {
    let (server, _, _) = Server::in_memory().await;
    let (ann, eve) = (server.let_in("ann"), server.let_in("eve"));
    server.project(&ann).await;
    let found = |project: &str| vec![create(Table::Projects, &id(project), model::fields([("name", "Mine".into())]))];
    let (status, body) = server.write(&ann, "again", found("p")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    assert!(body["message"].as_str().unwrap().contains("exists already"), "{body}");
    let (status, body) = server.write(&eve, "hers", found("p")).await;
    assert_eq!((status, body["message"].as_str()), (StatusCode::FORBIDDEN, Some(operations::Refusal::FORBIDDEN)));
    // A project brings a membership of its own id; here that is taken by one of another project.
    let fields = [("projectId", "p".into()), ("userId", "eve".into()), ("role", "viewer".into())];
    let member = vec![create(Table::ProjectMembers, &id("q"), model::fields(fields))];
    assert_eq!(server.write(&ann, "member", member).await.0, StatusCode::OK);
    let (status, body) = server.write(&eve, "q", found("q")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    assert_eq!(server.call(Some(&eve), "GET", "/api/projects/q/records", Value::Null).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn pe4_everybody_sees_at_once_who_has_joined_by_a_link() {
    let (server, _, _) = Server::in_memory().await;
    let (ann, bob) = (server.let_in("ann"), server.let_in("bob"));
    server.project(&ann).await;
    let (mut anns, _) = server.open(&ann, None).await;
    let (status, made, _) =
        server.call(Some(&ann), "POST", "/api/projects/p/invitations", json!({"role": "viewer"})).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (status, _, _) = server.call(Some(&bob), "POST", made["url"].as_str().unwrap(), Value::Null).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let ServerMessage::Commits { commits, .. } = anns.hear_edit().await else { panic!("no commit") };
    assert_eq!(
        (commits[0].author.as_str(), &commits[0].operations[0].target.table),
        ("system", &Table::ProjectMembers)
    );
    loop {
        if let ServerMessage::People { people, .. } = anns.hear().await {
            let roles: Vec<_> = people.iter().map(|person| (person.id.as_str(), person.role.name())).collect();
            assert_eq!(roles, [("ann", "owner"), ("bob", "viewer")]);
            break;
        }
    }
}

/// Ends a session that somebody has on another device; `here` is the one that stays, if any does.
async fn end_session(server: &Server, how: &str, here: &User, there: &User) -> StatusCode {
    let password = "a long password";
    let (user, method, path, body) = match how {
        "log out" => (there, "POST", "/api/auth/logout".to_owned(), Value::Null),
        "log out there" => {
            let (_, sessions) = server.get(here, "/api/account/sessions").await;
            let other = sessions["sessions"].as_array().unwrap().iter().find(|session| session["current"] == false);
            (here, "DELETE", format!("/api/account/sessions/{}", other.unwrap()["id"].as_str().unwrap()), Value::Null)
        }
        "log out elsewhere" => (here, "DELETE", "/api/account/sessions".to_owned(), Value::Null),
        "change the password" => {
            let body = json!({"oldPassword": password, "newPassword": "another long one"});
            (here, "POST", "/api/account/password".to_owned(), body)
        }
        "log in anew" => {
            let body = json!({"email": "ann@example.com", "password": password});
            (there, "POST", "/api/auth/login".to_owned(), body)
        }
        _ => (here, "POST", "/api/account/delete".to_owned(), json!({"password": password})),
    };
    server.call(Some(user), method, &path, body).await.0
}

#[tokio::test]
async fn ps1_a_socket_ends_with_its_session_and_nothing_that_it_sends_is_taken_any_more() {
    const DELETE: &str = "delete the account";
    for how in ["log out", "log out there", "log out elsewhere", "change the password", "log in anew", DELETE] {
        let (server, _, _) = Server::in_memory().await;
        let (here, bob) = (server.sign_up("ann").await, server.let_in("bob"));
        server.project(&here).await;
        server.add(&here, "bob").await;
        let body = json!({"email": "ann@example.com", "password": "a long password"});
        let (_, _, cookie) = server.call(None, "POST", "/api/auth/login", body).await;
        let cookie = cookie.unwrap().split(';').next().unwrap().to_owned();
        let there = User { id: here.id.clone(), cookie };
        let (mut stays, _) = server.open(&here, None).await;
        let (mut ends, _) = server.open(&there, None).await;
        assert!(end_session(&server, how, &here, &there).await.is_success(), "{how}");
        // No ping of the server's has asked for the session yet: the edit would have been taken.
        let transactions = vec![transaction(&there, "late", volume(0.9))];
        let late = encode(&ClientMessage::Submit { channel: 1, transactions });
        // The socket may be closed already.
        drop(ends.0.send(Message::Binary(late.into())).await);
        let closing = loop {
            match ends.next().await {
                Some(Message::Close(Some(closing))) => break closing,
                Some(_) => {}
                None => panic!("{how}: no reason"),
            }
        };
        assert_eq!((u16::from(closing.code), closing.reason.as_str()), (1008, "please log in again"), "{how}");
        let (_, project) = server.get(&bob, "/api/projects/p/records").await;
        assert_ne!(project["recordMap"]["tracks"]["a"]["volume"], 0.9, "{how}");
        if how != DELETE {
            stays.say(&ClientMessage::Ping { nonce: 7 }).await;
            stays.wait_for(|message| (message == ServerMessage::Pong { nonce: 7 }).then_some(())).await;
        }
    }
}
