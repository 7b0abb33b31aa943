//! The forms, as a browser without scripts uses them.

use axum::http::StatusCode;
use serde_json::json;

use crate::client::Server;

#[tokio::test]
async fn logging_in_by_the_form_answers_cookie_and_way_on_at_once() {
    let server = Server::new();
    server.sign_up("ada").await;
    let page = server.get("/login", "").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for part in ["name=\"email\"", "name=\"password\"", "<form method=\"post\"", "<button type=\"submit\""] {
        assert!(page.text.contains(part), "{part}");
    }
    let answer = server.post_form("/login", "", "email=ada%40example.com&password=password").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/projects"));
    let cookie = answer.cookie();
    assert_eq!(server.get("/login", &cookie).await.header("location"), "/projects", "already here");
    // The very next request of the browser, whatever it is, is logged in.
    assert_eq!(server.get("/projects/new", &cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refused_form_comes_back_with_what_was_typed_but_the_password() {
    let server = Server::new();
    let answer = server.post_form("/login", "", "email=%22%3Ceve%3E%40x.org&password=my+secret+one").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.text.contains("role=\"alert\"") && answer.text.contains("is wrong"), "{}", answer.text);
    assert!(answer.text.contains("value=\"&quot;&lt;eve&gt;@x.org\""), "{}", answer.text);
    assert!(!answer.text.contains("my secret one"));
    assert_eq!(answer.header("set-cookie"), "");

    let answer = server.post_form("/signup", "", "name=Eve&email=eve%40x.org&password=short").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("value=\"Eve\"") && answer.text.contains("value=\"eve@x.org\""), "{}", answer.text);
    assert!(!answer.text.contains("short"));
}

#[tokio::test]
async fn signing_up_by_the_form_goes_where_one_wanted() {
    let server = Server::new();
    let wanted = server.get("/projects/p1", "").await;
    assert_eq!((wanted.status, wanted.header("location")), (StatusCode::SEE_OTHER, "/login?next=/projects/p1"));
    let login = server.get("/login?next=/projects/p1", "").await;
    assert!(login.text.contains("href=\"/signup?next=/projects/p1\""), "{}", login.text);
    let form = "name=Ada&email=ada%40example.com&password=password";
    let answer = server.post_form("/signup?next=/projects/p1", "", form).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/projects/p1"));
    assert_eq!(server.get("/api/auth/me", &answer.cookie()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let server = Server::new();
    server.sign_up("ada").await;
    for next in ["//evil.example", "https://evil.example", "/%5Cevil.example", "%2F%2Fevil.example"] {
        let path = format!("/login?next={next}");
        let answer = server.post_form(&path, "", "email=ada%40example.com&password=password").await;
        assert_eq!(answer.header("location"), "/projects", "{next}");
    }
}

#[tokio::test]
async fn a_project_is_created_by_the_form_and_owned_by_who_sent_it() {
    let server = Server::new();
    assert_eq!(server.get("/projects/new", "").await.header("location"), "/login?next=/projects/new");
    let answer = server.post_form("/projects/new", "", "name=x").await;
    assert_eq!(answer.header("location"), "/login?next=/projects/new");

    let ada = server.sign_up("ada").await;
    let id = server.create_project(&ada, "My+%3Csong%3E").await;
    let projects = server.get("/api/projects", &ada).await.json();
    assert_eq!(projects["projects"][0]["id"], json!(id));
    assert_eq!(projects["projects"][0]["name"], json!("My <song>"));
    assert_eq!(projects["projects"][0]["role"], json!("owner"));

    let long = "x".repeat(201);
    for (name, word) in [("", "name"), ("++", "name"), (long.as_str(), "200 bytes"), ("a%07b", "control")] {
        let answer = server.post_form("/projects/new", &ada, &format!("name={name}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert!(answer.text.contains("role=\"alert\"") && answer.text.contains(word), "{}", answer.text);
    }
    assert_eq!(server.get("/api/projects", &ada).await.json()["projects"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_front_door_leads_on() {
    let server = Server::new();
    assert_eq!(server.get("/", "").await.header("location"), "/login");
    let ada = server.sign_up("ada").await;
    assert_eq!(server.get("/", &ada).await.header("location"), "/projects");
    let answer = server.post_form("/logout", &ada, "").await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/login"));
    assert_eq!(server.get("/", &ada).await.header("location"), "/login");
}
