//! One's own account: the password, the sessions, the end of it; and new passwords and accounts by a link.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use model::{Id, Key, Table, Timestamp};
use serde_json::json;
use server::accounts::commands::{Place, ResetArgs};
use server::accounts::{commands, new_token};
use server::config::Signup;
use server::limits::{TAKEN_PER_ADDRESS, TRIES_PER_ACCOUNT};
use storage::{NewTicket, NewUser, Purpose, SqliteStore, Store as _};

use crate::client::{Answer, Server};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn delete(server: &Server, path: &str, cookie: &str) -> Answer {
    let request = Request::delete(path).header(header::COOKIE, cookie);
    server.send(request.body(Body::empty()).unwrap()).await
}

async fn is_logged_in(server: &Server, cookie: &str) -> bool {
    server.get("/api/auth/me", cookie).await.status == StatusCode::OK
}

async fn change_password(server: &Server, cookie: &str, old: &str, new: &str) -> Answer {
    server.post("/api/account/password", cookie, json!({ "oldPassword": old, "newPassword": new })).await
}

/// A ticket in the store; what to give away for it.
pub(crate) async fn ticket(server: &Server, purpose: Purpose, user: Option<&str>) -> String {
    let (token, token_hash) = new_token().unwrap();
    let now = server.clock.now();
    let expires = Timestamp(now.0 + 1_000);
    let user = user.map(|user| Id::new(user).unwrap());
    let ticket = NewTicket { token_hash, purpose, user, now, expires };
    server.app.database.run(move |store| store.create_ticket(ticket)).await.unwrap();
    token
}

async fn id_of(server: &Server, cookie: &str) -> String {
    server.get("/api/auth/me", cookie).await.json()["user"]["id"].as_str().unwrap().to_owned()
}

async fn demo_user(server: &Server) -> NewUser {
    NewUser {
        id: Id::new("demo").unwrap(),
        email: "user1@example.com".to_owned(),
        name: "Mara".to_owned(),
        colour: "#7c8cff".to_owned(),
        password_hash: server.app.accounts.passwords.hash("password".to_owned()).await.unwrap(),
        demo: true,
        now: server.clock.now(),
    }
}

/// A demo account; its cookie.
async fn demo_account(server: &Server) -> String {
    let user = demo_user(server).await;
    assert!(server.app.database.run(move |store| store.create_user(user)).await.unwrap());
    server.log_in("user1@example.com", "password").await.cookie()
}

#[tokio::test]
async fn changing_the_password_ends_the_other_sessions() {
    let server = Server::new();
    let here = server.sign_up("ada").await;
    let there = server.log_in("ada@example.com", "password").await.cookie();
    let wrong = change_password(&server, &here, "not the password", "new password").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let short = change_password(&server, &here, "password", "short").await;
    assert_eq!((short.status, short.message().contains("8 characters")), (StatusCode::BAD_REQUEST, true));
    assert!(is_logged_in(&server, &there).await, "nothing has happened yet");

    assert_eq!(change_password(&server, &here, "password", "new password").await.status, StatusCode::NO_CONTENT);
    assert!(is_logged_in(&server, &here).await);
    assert!(!is_logged_in(&server, &there).await);
    assert_eq!(server.log_in("ada@example.com", "password").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.log_in("ada@example.com", "new password").await.status, StatusCode::OK);
    assert_eq!(change_password(&server, "", "a", "b").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_the_old_password_in_an_open_browser_is_slowed_down() {
    let server = Server::new();
    let ada = server.sign_up("ada").await;
    for _ in 0..TRIES_PER_ACCOUNT {
        assert_eq!(change_password(&server, &ada, "guess", "new password").await.status, StatusCode::FORBIDDEN);
    }
    let braked = change_password(&server, &ada, "password", "new password").await;
    assert_eq!((braked.status, braked.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    let deletion = server.post("/api/account/delete", &ada, json!({ "password": "password" })).await;
    assert_eq!(deletion.status, StatusCode::TOO_MANY_REQUESTS, "it is one brake");
    assert_eq!(server.log_in("ada@example.com", "password").await.status, StatusCode::OK, "its owner can still log in");
}

#[tokio::test]
async fn sessions_are_listed_with_their_devices_and_can_be_ended() {
    let server = Server::new();
    let here = server.sign_up("ada").await;
    server.clock.advance_ms(1_000);
    let body = json!({ "email": "ada@example.com", "password": "password" });
    let request = Request::post("/api/auth/login").header("content-type", "application/json");
    let request = request.header("user-agent", FIREFOX).body(Body::from(body.to_string())).unwrap();
    let there = server.send(request).await.cookie();
    let bob = server.sign_up("bob").await;

    let listed = server.get("/api/account/sessions", &here).await;
    let sessions = listed.json()["sessions"].clone();
    let of = |n: usize, field: &str| sessions[n][field].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2, "{sessions}");
    assert_eq!((of(0, "device"), of(0, "current")), (json!("Firefox on Linux"), json!(false)));
    assert_eq!((of(1, "device"), of(1, "current")), (json!("Unknown device"), json!(true)));
    assert!(of(0, "lastSeenAt").as_str().unwrap() > of(1, "lastSeenAt").as_str().unwrap());
    let token = there.split_once('=').unwrap().1;
    assert!(!listed.text.contains(token) && !listed.text.contains("rv:140"), "{}", listed.text);

    let path = format!("/api/account/sessions/{}", of(0, "id").as_str().unwrap());
    assert_eq!(delete(&server, &path, &bob).await.status, StatusCode::NOT_FOUND, "it is not his");
    assert_eq!(delete(&server, &path, "").await.status, StatusCode::UNAUTHORIZED);
    assert!(is_logged_in(&server, &there).await);
    assert_eq!(delete(&server, &path, &here).await.status, StatusCode::NO_CONTENT);
    assert!(!is_logged_in(&server, &there).await);
    assert_eq!(delete(&server, &path, &here).await.status, StatusCode::NOT_FOUND);

    for _ in 0..3 {
        server.log_in("ada@example.com", "password").await;
    }
    assert_eq!(delete(&server, "/api/account/sessions", &here).await.json(), json!({ "ended": 3 }));
    assert!(is_logged_in(&server, &here).await && is_logged_in(&server, &bob).await);
}

/// The ids of the projects that someone can open, and what they are in them.
async fn projects(server: &Server, cookie: &str) -> Vec<(String, String)> {
    let listed = server.get("/api/projects", cookie).await.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    listed["projects"].as_array().unwrap().iter().map(|it| (text(&it["id"]), text(&it["role"]))).collect()
}

#[tokio::test]
async fn a_deleted_account_leaves_its_songs_to_those_who_play_in_them() {
    let server = Server::new();
    let (ada, bob) = (server.sign_up("ada").await, server.sign_up("bob").await);
    let ada_id = id_of(&server, &ada).await;
    let shared = server.create_project(&ada, "Shared").await;
    let alone = server.create_project(&ada, "Alone").await;
    let path = format!("/api/projects/{shared}/members");
    let added = server.post(&path, &ada, json!({ "email": "bob@example.com", "role": "editor" })).await;
    assert_eq!(added.status, StatusCode::ACCEPTED);

    let delete = async |password: &str| server.post("/api/account/delete", &ada, json!({ "password": password })).await;
    assert_eq!(delete("not the password").await.status, StatusCode::FORBIDDEN);
    assert_eq!(projects(&server, &ada).await.len(), 2, "nothing has happened yet");
    let gone = delete("password").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    assert!(!is_logged_in(&server, &ada).await);
    assert_eq!(server.log_in("ada@example.com", "password").await.status, StatusCode::UNAUTHORIZED);

    assert_eq!(projects(&server, &bob).await, [(shared, "owner".to_owned())]);
    let alone = Key::new(Table::Projects, Id::new(&alone).unwrap());
    let user = Key::new(Table::Users, Id::new(&ada_id).unwrap());
    let records = server.app.database.run(move |store| store.records(&[alone, user])).await.unwrap();
    assert!(records[0].1.is_deleted(), "nobody else had it");
    assert_eq!((records[1].1.text("name"), records[1].1.text("email")), (Some("Former member"), None));
    // Nothing of the person is left in the database's tables of people, and the address is free.
    let again = server.sign_up("ada").await;
    assert_ne!(id_of(&server, &again).await, ada_id);
    assert!(projects(&server, &again).await.is_empty());
}

#[tokio::test]
async fn demo_accounts_stay_as_they_are() {
    let server = Server::with(|config| config.demo = true);
    let demo = demo_account(&server).await;
    for answer in [
        change_password(&server, &demo, "password", "new password").await,
        server.post("/api/account/delete", &demo, json!({ "password": "password" })).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.message().contains("demo account"), "{}", answer.text);
    }
    let page = server.get("/account", &demo).await;
    assert!(page.text.contains("demo account") && !page.text.contains("/account/delete"), "{}", page.text);
    assert_eq!(server.log_in("user1@example.com", "password").await.status, StatusCode::OK);

    // Nor is there a link for them: the command looks into the same kind of folder as the server.
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("unisono.sqlite")).unwrap();
    assert!(store.create_user(demo_user(&server).await).unwrap());
    let place = Place { data: folder.path().to_owned(), public_origin: None, json: false };
    let args = ResetArgs { email: "user1@example.com".to_owned(), hours: 1, place };
    assert!(commands::reset_password(&args).unwrap_err().0.contains("demo account"));
}

#[tokio::test]
async fn a_link_sets_a_new_password_once() {
    let server = Server::new();
    let ada = server.sign_up("ada").await;
    let id = id_of(&server, &ada).await;
    let token = ticket(&server, Purpose::ResetPassword, Some(&id)).await;
    let path = format!("/reset-password?token={token}");
    assert!(server.get(&path, "").await.text.contains("name=\"password\""));
    let short = server.post_form(&path, "", "password=short").await;
    assert_eq!(short.status, StatusCode::BAD_REQUEST);
    assert!(short.text.contains("name=\"password\"") && short.text.contains("role=\"alert\""), "{}", short.text);

    let set = server.post_form(&path, "", "password=new+password").await;
    assert_eq!((set.status, set.header("location")), (StatusCode::SEE_OTHER, "/login?done=reset"));
    assert!(server.get("/login?done=reset", "").await.text.contains("new password is set"));
    assert!(!is_logged_in(&server, &ada).await, "whoever was in is out");
    assert_eq!(server.log_in("ada@example.com", "new password").await.status, StatusCode::OK);

    let page = server.get(&path, "").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("no longer good") && !page.text.contains("name=\"password\""), "{}", page.text);
    assert_eq!(server.post_form(&path, "", "password=another+one").await.status, StatusCode::FORBIDDEN);
    let by_json = json!({ "token": token, "password": "another one" });
    assert_eq!(server.post("/api/account/reset-password", "", by_json).await.status, StatusCode::FORBIDDEN);

    let late = ticket(&server, Purpose::ResetPassword, Some(&id)).await;
    server.clock.advance_ms(1_000);
    let by_json = json!({ "token": late, "password": "another one" });
    assert_eq!(server.post("/api/account/reset-password", "", by_json).await.status, StatusCode::FORBIDDEN);
    let fresh = ticket(&server, Purpose::ResetPassword, Some(&id)).await;
    let by_json = json!({ "token": fresh, "password": "another one" });
    assert_eq!(server.post("/api/account/reset-password", "", by_json).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.log_in("ada@example.com", "another one").await.status, StatusCode::OK);
}

#[tokio::test]
async fn sign_up_by_invitation_takes_a_good_code_once() {
    let server = Server::with(|config| config.signup = Signup::Invitation);
    let sign_up = async |name: &str, code: &str| {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": "password", "name": name, "code": code });
        server.post("/api/auth/signup", "", body).await
    };
    let code = ticket(&server, Purpose::SignUp, None).await;
    assert_eq!(sign_up("ada", &code).await.status, StatusCode::OK);
    for code in [code.as_str(), "", "nonsense"] {
        // The same for an address that has an account and for one that has none.
        let (known, unknown) = (sign_up("ada", code).await, sign_up("eve", code).await);
        assert_eq!((known.status, &known.text), (StatusCode::FORBIDDEN, &unknown.text));
    }
    let body = json!({ "email": "eve@example.com", "password": "password", "name": "Eve" });
    assert_eq!(server.post("/api/auth/signup", "", body).await.status, StatusCode::FORBIDDEN);

    let late = ticket(&server, Purpose::SignUp, None).await;
    server.clock.advance_ms(1_000);
    assert_eq!(sign_up("eve", &late).await.status, StatusCode::FORBIDDEN);
    let code = ticket(&server, Purpose::SignUp, None).await;
    assert_eq!(sign_up("ada", &code).await.status, StatusCode::CONFLICT);
    assert_eq!(sign_up("eve", &code).await.status, StatusCode::OK, "a slip has not used it up");

    assert!(server.get("/login", "").await.text.contains("got an invitation"));
    let code = ticket(&server, Purpose::SignUp, None).await;
    let page = server.get(&format!("/signup?code={code}"), "").await.text;
    assert!(page.contains(&format!("name=\"code\" type=\"text\" value=\"{code}\"")), "{page}");
    let form = format!("name=Bob&email=bob%40example.com&password=password&code=+{code}");
    assert_eq!(server.post_form("/signup", "", &form).await.status, StatusCode::SEE_OTHER);
    let refused = server.post_form("/signup", "", &form).await;
    assert!(refused.text.contains("by invitation") && refused.text.contains("value=\"Bob\""), "{}", refused.text);
}

#[tokio::test]
async fn w6_asking_for_taken_addresses_by_signing_up_is_slowed_down() {
    let server = Server::new();
    server.sign_up("ada").await;
    let sign_up = async |name: &str| {
        let body = json!({ "email": format!("{name}@example.com"), "password": "password", "name": "X" });
        server.post("/api/auth/signup", "", body).await.status
    };
    for _ in 0..TAKEN_PER_ADDRESS {
        assert_eq!(sign_up("ada").await, StatusCode::CONFLICT);
    }
    assert_eq!(sign_up("ada").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_up("eve").await, StatusCode::TOO_MANY_REQUESTS, "a free address looks the same");
    server.clock.advance_ms(1_000);
    assert_eq!(sign_up("eve").await, StatusCode::OK);
}

#[tokio::test]
async fn the_page_of_the_account_works_without_scripts() {
    let server = Server::new();
    assert_eq!(server.get("/account", "").await.header("location"), "/login?next=/account");
    let here = server.sign_up("ada").await;
    let page = server.get("/account", &here).await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    for part in ["ada@example.com", "name=\"old_password\"", "This device, now", "action=\"/account/delete\""] {
        assert!(page.text.contains(part), "{part}");
    }
    assert!(!page.text.contains("everywhere else"), "there is nowhere else");

    let wrong = server.post_form("/account/password", &here, "old_password=nope&new_password=new+password").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(wrong.text.matches("role=\"alert\"").count(), 1);
    assert!(!wrong.text.contains("nope") && !wrong.text.contains("new password"), "what was typed is not sent back");
    let done = server.post_form("/account/password", &here, "old_password=password&new_password=new+password").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/account?done=password"));
    assert!(server.get("/account?done=password", &here).await.text.contains("role=\"status\""));
    assert!(!server.get("/account?done=%3Cb%3E", &here).await.text.contains("role=\"status\""));

    let there = server.log_in("ada@example.com", "new password").await.cookie();
    let page = server.get("/account", &here).await.text;
    let path = page.split("action=\"").find(|part| part.starts_with("/account/sessions/") && part.contains("/end\""));
    let path = path.unwrap().split('"').next().unwrap().to_owned();
    let ended = server.post_form(&path, &here, "").await;
    assert_eq!((ended.status, ended.header("location")), (StatusCode::SEE_OTHER, "/account?done=session"));
    assert!(!is_logged_in(&server, &there).await);
    assert_eq!(server.post_form(&path, &here, "").await.status, StatusCode::SEE_OTHER, "it is over already");

    let there = server.log_in("ada@example.com", "new password").await.cookie();
    let ended = server.post_form("/account/sessions/end-others", &here, "").await;
    assert_eq!(ended.header("location"), "/account?done=sessions");
    assert!(!is_logged_in(&server, &there).await && is_logged_in(&server, &here).await);

    assert_eq!(server.post_form("/account/delete", &here, "password=nope").await.status, StatusCode::FORBIDDEN);
    let gone = server.post_form("/account/delete", &here, "password=new+password").await;
    assert_eq!((gone.status, gone.header("location")), (StatusCode::SEE_OTHER, "/login?done=deleted"));
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    for path in ["/account/password", "/account/delete", "/account/sessions/end-others", "/account/sessions/x/end"] {
        let answer = server.post_form(path, &here, "").await;
        assert_eq!(answer.header("location"), "/login?next=/account", "{path}");
    }
}
