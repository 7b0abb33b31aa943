//! `write` and `getRecords` over HTTP (W1, WR1-WR6).

use axum::http::StatusCode;
use model::Table;
use operations::build::{create, set};
use operations::{Author, Scope};
use serde_json::{Value, json};
use storage::DiskFault;

use crate::band::{Server, User, id, transaction, volume};

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

#[tokio::test]
async fn wr10_what_a_store_that_fails_says_is_told_to_nobody() {
    for fault in [DiskFault::Full, DiskFault::Broken, DiskFault::Unreadable] {
        let (server, store, _) = Server::in_memory().await;
        let ann = server.let_in("ann");
        server.project(&ann).await;
        assert_eq!(server.write(&ann, "before", volume(0.5)).await.0, 200);
        store.set_fault(Some(fault));
        let mut answers = vec![("write", server.write(&ann, "t", volume(0.6)).await)];
        if fault == DiskFault::Unreadable {
            for path in
                ["/api/projects", "/api/projects/p/records", "/api/projects/p/records?seq=1", "/api/projects/p/history"]
            {
                answers.push((path, server.get(&ann, path).await));
            }
            let body = json!({"pointers": [{"table": "tracks", "id": "a"}]});
            let (status, body, _) = server.call(Some(&ann), "POST", "/api/realtime/getRecords", body).await;
            answers.push(("getRecords", (status, body)));
        }
        for (what, (status, body)) in answers {
            assert!(matches!(status.as_u16(), 500 | 503), "{fault:?} {what}: {status} {body}");
            let said = body.as_object().unwrap_or_else(|| panic!("{what}: {body}"));
            assert_eq!(said.keys().collect::<Vec<_>>(), ["message"], "{what}");
            let words = body["message"].as_str().unwrap().to_lowercase();
            for inside in ["sector", "reel", "disk", "database", "store", "sqlite", "panic", "driver"] {
                assert!(!words.contains(inside), "{fault:?} {what}: {words}");
            }
        }
        store.set_fault(None);
        assert_eq!(server.write(&ann, "t", volume(0.6)).await.0, 200, "and afterwards it goes on");
    }
}
