//! Lists of projects, and members.

use axum::http::StatusCode;
use serde_json::{Value, json};
use server::limits::INVITATIONS_PER_USER;

use crate::client::Server;

fn ids(projects: &Value) -> Vec<&str> {
    projects["projects"].as_array().unwrap().iter().map(|project| project["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn w5_one_sees_what_one_can_open_and_nothing_else() {
    let server = Server::new();
    assert_eq!(server.get("/api/projects", "").await.status, StatusCode::UNAUTHORIZED);
    let (ada, bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    let first = server.create_project(&ada, "first").await;
    server.clock.advance_ms(1_000);
    let second = server.create_project(&ada, "second").await;
    let listed = server.get("/api/projects", &ada).await.json();
    assert_eq!(ids(&listed), [second.as_str(), first.as_str()], "the last changed first");
    let project = &listed["projects"][0];
    assert_eq!((project["bpm"].as_f64(), project["role"].as_str()), (Some(120.0), Some("owner")));
    assert!(project["createdAt"].is_string() && project["updatedAt"].is_string());
    assert!(ids(&server.get("/api/projects", &bob).await.json()).is_empty());
}

#[tokio::test]
async fn pe4_a_member_is_added_by_address() {
    let server = Server::new();
    let (ada, bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    let project = server.create_project(&ada, "song").await;
    let path = format!("/api/projects/{project}/members");
    let body = json!({ "email": " BOB@example.com", "role": "editor" });
    let known = server.post(&path, &ada, body.clone()).await;
    assert_eq!(known.status, StatusCode::ACCEPTED, "{}", known.text);
    let listed = server.get("/api/projects", &bob).await.json();
    assert_eq!((ids(&listed), listed["projects"][0]["role"].as_str()), (vec![project.as_str()], Some("editor")));

    let again = server.post(&path, &ada, body).await;
    let unknown = server.post(&path, &ada, json!({ "email": "nobody@example.com", "role": "editor" })).await;
    for other in [again, unknown] {
        assert_eq!((other.status, &other.text), (known.status, &known.text), "it does not tell who has an account");
    }
}

#[tokio::test]
async fn pe3_only_an_owner_adds_members() {
    let server = Server::new();
    let (ada, bob, eve) = (server.sign_up("ada").await, server.sign_up("bob").await, server.sign_up("eve").await);
    let project = server.create_project(&ada, "song").await;
    let path = format!("/api/projects/{project}/members");
    let body = |name: &str| json!({ "email": format!("{name}@example.com"), "role": "editor" });
    assert_eq!(server.post(&path, "", body("bob")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.post(&path, &ada, body("bob")).await.status, StatusCode::ACCEPTED);
    let editor = server.post(&path, &bob, body("eve")).await;
    let stranger = server.post(&path, &eve, body("eve")).await;
    let nowhere = server.post("/api/projects/none/members", &eve, body("eve")).await;
    let nonsense = server.post("/api/projects/%20/members", &eve, body("eve")).await;
    for refused in [editor, stranger, nowhere, nonsense] {
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(refused.message(), operations::Refusal::FORBIDDEN, "one constant text (PE2)");
    }
    assert!(ids(&server.get("/api/projects", &eve).await.json()).is_empty());
    for (email, role) in [("bob@example.com", "owner"), ("bob@example.com", "king"), ("nonsense", "editor")] {
        let answer = server.post(&path, &ada, json!({ "email": email, "role": role })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{email} {role}");
    }
}

#[tokio::test]
async fn w6_pe4_adding_members_is_throttled() {
    let server = Server::new();
    let ada = server.sign_up("ada").await;
    let project = server.create_project(&ada, "song").await;
    let path = format!("/api/projects/{project}/members");
    for n in 0..INVITATIONS_PER_USER {
        let body = json!({ "email": format!("guess{n}@example.com"), "role": "editor" });
        assert_eq!(server.post(&path, &ada, body).await.status, StatusCode::ACCEPTED);
    }
    let answer = server.post(&path, &ada, json!({ "email": "one@example.com", "role": "editor" })).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
}

#[tokio::test]
async fn pe4_somebody_one_plays_with_is_added_to_any_number_of_songs() {
    let server = Server::new();
    let (ada, _bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    for n in 0..INVITATIONS_PER_USER + 10 {
        let project = server.create_project(&ada, &format!("song {n}")).await;
        let body = json!({ "email": "bob@example.com", "role": "editor" });
        let answer = server.post(&format!("/api/projects/{project}/members"), &ada, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "song {n}: {}", answer.text);
    }
}
