//! Invitation links, over HTTP alone (PE4).

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use server::config::Signup;
use server::limits::INVITATIONS_PER_USER;
use server::projects::{INVITATION_HOURS_MAX, INVITATION_MEMORY_MS, INVITATIONS_OPEN_MAX, invitation_is_open};

use storage::Purpose;

use crate::account::ticket;
use crate::client::{Answer, Server};

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// A project of ada's, and its links.
struct Song {
    server: Server,
    ada: String,
    project: String,
}

impl Song {
    async fn new() -> Song {
        let server = Server::new();
        let ada = server.sign_up("ada").await;
        Song::of(server, ada).await
    }

    async fn of(server: Server, ada: String) -> Song {
        let project = server.create_project(&ada, "song").await;
        Song { server, ada, project }
    }

    fn path(&self) -> String {
        format!("/api/projects/{}/invitations", self.project)
    }

    async fn make(&self, body: Value) -> Answer {
        self.server.post(&self.path(), &self.ada, body).await
    }

    /// A link's address and id.
    async fn link(&self, body: Value) -> (String, String) {
        let answer = self.make(body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let made = answer.json();
        (made["url"].as_str().unwrap().to_owned(), made["invitation"]["id"].as_str().unwrap().to_owned())
    }

    async fn revoke(&self, cookie: &str, invitation: &str) -> StatusCode {
        let request = Request::delete(format!("{}/{invitation}", self.path())).header(header::COOKIE, cookie);
        self.server.send(request.body(Body::empty()).unwrap()).await.status
    }

    async fn join(&self, cookie: &str, url: &str) -> Answer {
        self.server.post_form(url, cookie, "").await
    }

    async fn user(&self, cookie: &str) -> Value {
        self.server.get("/api/auth/me", cookie).await.json()["user"]["id"].clone()
    }

    /// Ends somebody's membership, as ada.
    async fn remove(&self, cookie: &str) {
        let records = self.server.get(&format!("/api/projects/{}/records", self.project), &self.ada).await.json();
        let (user, ada) = (self.user(cookie).await, self.user(&self.ada).await);
        let members = records["recordMap"]["project_members"].as_object().unwrap();
        let id = members.iter().find(|(_, it)| it["userId"] == user).unwrap().0;
        let operation = json!({"type": "set-now", "table": "project_members", "id": id, "key": "deleted"});
        let body = json!({"txId": "out", "authorId": ada, "operations": [operation], "clientTimestamp": 0});
        assert_eq!(self.server.post("/api/realtime/write", &self.ada, body).await.status, StatusCode::OK);
    }

    /// What somebody is in the project; null for who is no member.
    async fn role(&self, cookie: &str) -> Value {
        let listed = self.server.get("/api/projects", cookie).await.json();
        let projects = listed["projects"].as_array().unwrap();
        projects
            .iter()
            .find(|project| project["id"] == self.project.as_str())
            .map_or(Value::Null, |it| it["role"].clone())
    }
}

#[tokio::test]
async fn pe4_a_link_lets_somebody_in_and_leads_to_the_project() {
    let song = Song::new().await;
    let (bob, url) = (song.server.sign_up("bob").await, song.link(json!({})).await.0);
    let page = song.server.get(&url, &bob).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Join “song”") && page.text.contains("ada invites you to play along"), "{}", page.text);
    assert_eq!(song.role(&bob).await, Value::Null, "looking at it joins nobody");
    let joined = song.join(&bob, &url).await;
    assert_eq!(joined.status, StatusCode::SEE_OTHER, "{}", joined.text);
    assert_eq!(joined.header("location"), format!("/projects/{}", song.project));
    assert_eq!(song.role(&bob).await, "editor");
    let again = song.server.get(&url, &bob).await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, joined.header("location")));
}

#[tokio::test]
async fn pe4_who_is_logged_out_logs_in_or_signs_up_and_comes_back() {
    let song = Song::new().await;
    let url = song.link(json!({"role": "viewer"})).await.0;
    let page = song.server.get(&url, "").await;
    assert!(page.text.contains("ada invites you to listen"), "{}", page.text);
    for way in ["login", "signup"] {
        assert!(page.text.contains(&format!("href=\"/{way}?next={url}\"")), "{}", page.text);
    }
    assert!(!page.text.contains("<button"), "nobody can press what does nothing");
    let early = song.join("", &url).await;
    assert_eq!(
        (early.status, early.header("location")),
        (StatusCode::SEE_OTHER, format!("/login?next={url}").as_str())
    );
    let form = "name=Bob&email=bob%40example.com&password=password";
    let signed_up = song.server.post_form(&format!("/signup?next={url}"), "", form).await;
    assert_eq!((signed_up.status, signed_up.header("location")), (StatusCode::SEE_OTHER, url.as_str()));
    let bob = signed_up.cookie();
    assert_eq!(song.join(&bob, &url).await.status, StatusCode::SEE_OTHER);
    assert_eq!(song.role(&bob).await, "viewer");
}

#[tokio::test]
async fn pe4_a_link_says_when_it_is_used_up_expired_revoked_or_none() {
    let song = Song::new().await;
    let (bob, cy) = (song.server.sign_up("bob").await, song.server.sign_up("cy").await);
    let once = song.link(json!({"uses": 1})).await.0;
    let many = song.link(json!({"uses": "many", "expiresInHours": 1})).await.0;
    let (revoked, id) = song.link(json!({})).await;
    assert_eq!(song.join(&bob, &once).await.status, StatusCode::SEE_OTHER);
    assert_eq!(song.revoke(&song.ada, &id).await, StatusCode::NO_CONTENT);
    assert_eq!(song.revoke(&song.ada, &id).await, StatusCode::NOT_FOUND);
    for (url, words) in [(&once, "has been used"), (&revoked, "was taken back")] {
        for answer in [song.server.get(url, &cy).await, song.server.get(url, "").await, song.join(&cy, url).await] {
            assert_eq!(answer.status, StatusCode::GONE);
            assert!(answer.text.contains(words), "{}", answer.text);
        }
    }
    song.server.clock.advance_ms(HOUR_MS);
    let late = song.join(&cy, &many).await;
    assert_eq!(late.status, StatusCode::GONE);
    assert!(late.text.contains("has expired"), "{}", late.text);
    for url in ["/invitations/none", &format!("/invitations/{}", "x".repeat(1_000))] {
        for answer in [song.server.get(url, &cy).await, song.join(&cy, url).await] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            assert!(answer.text.contains("no such invitation"), "{}", answer.text);
        }
    }
    assert_eq!(song.role(&cy).await, Value::Null);
}

#[tokio::test]
async fn pe4_many_join_by_a_link_for_many_and_it_raises_but_never_lowers() {
    let song = Song::new().await;
    let (bob, cy) = (song.server.sign_up("bob").await, song.server.sign_up("cy").await);
    let viewers = song.link(json!({"role": "viewer", "uses": "many"})).await.0;
    let editors = song.link(json!({"role": "editor", "uses": "many"})).await.0;
    for cookie in [&bob, &cy] {
        assert_eq!(song.join(cookie, &viewers).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(song.join(&bob, &editors).await.status, StatusCode::SEE_OTHER);
    assert_eq!((song.role(&bob).await, song.role(&cy).await), (json!("editor"), json!("viewer")));
    assert_eq!(song.join(&song.ada, &viewers).await.status, StatusCode::SEE_OTHER);
    assert_eq!(song.role(&song.ada).await, "owner");
    let listed = song.server.get(&song.path(), &song.ada).await.json();
    let uses: Vec<_> =
        listed["invitations"].as_array().unwrap().iter().map(|it| it["uses"].as_u64().unwrap()).collect();
    assert_eq!(uses, [3, 1]);
}

#[tokio::test]
async fn pe4_who_was_removed_does_not_come_back_by_the_same_link() {
    let song = Song::new().await;
    let bob = song.server.sign_up("bob").await;
    let many = song.link(json!({"uses": "many"})).await.0;
    assert_eq!(song.join(&bob, &many).await.status, StatusCode::SEE_OTHER);
    song.remove(&bob).await;
    let back = song.join(&bob, &many).await;
    assert_eq!(back.status, StatusCode::GONE);
    assert!(back.text.contains("used this invitation before"), "{}", back.text);
    assert_eq!(song.role(&bob).await, Value::Null);
    let fresh = song.link(json!({"role": "viewer"})).await.0;
    assert_eq!(song.join(&bob, &fresh).await.status, StatusCode::SEE_OTHER);
    assert_eq!(song.role(&bob).await, "viewer", "a new one lets him in, as it says");
}

#[tokio::test]
async fn pe4_only_owners_make_see_and_revoke_links_and_roles_are_chosen() {
    let song = Song::new().await;
    let bob = song.server.sign_up("bob").await;
    let made = song.make(json!({})).await.json();
    assert_eq!(made["invitation"]["role"], "editor", "an owner only where it says so");
    assert_eq!((&made["invitation"]["usesMax"], &made["invitation"]["uses"]), (&json!(1), &json!(0)));
    let id = made["invitation"]["id"].as_str().unwrap();
    for member in [false, true] {
        if member {
            let url = song.link(json!({"role": "editor"})).await.0;
            assert_eq!(song.join(&bob, &url).await.status, StatusCode::SEE_OTHER);
        }
        assert_eq!(song.server.post(&song.path(), &bob, json!({})).await.status, StatusCode::FORBIDDEN);
        assert_eq!(song.server.get(&song.path(), &bob).await.status, StatusCode::FORBIDDEN);
        assert_eq!(song.revoke(&bob, id).await, StatusCode::FORBIDDEN);
    }
    let owners = song.link(json!({"role": "owner"})).await.0;
    assert_eq!(song.join(&bob, &owners).await.status, StatusCode::SEE_OTHER);
    assert_eq!(song.role(&bob).await, "owner");
    let other = song.server.create_project(&bob, "other").await;
    let elsewhere = Request::delete(format!("/api/projects/{other}/invitations/{id}")).header(header::COOKIE, &bob);
    let status = song.server.send(elsewhere.body(Body::empty()).unwrap()).await.status;
    assert_eq!(status, StatusCode::NOT_FOUND, "a link of another project");
}

#[tokio::test]
async fn pe4_what_makes_no_sense_is_400() {
    let song = Song::new().await;
    for body in [
        json!({"role": "king"}),
        json!({"role": 1}),
        json!({"uses": 0}),
        json!({"uses": 2}),
        json!({"uses": "few"}),
        json!({"expiresInHours": 0}),
        json!({"expiresInHours": INVITATION_HOURS_MAX + 1}),
        json!({"expiresInHours": -1}),
        json!({"expires": 1}),
    ] {
        assert_eq!(song.make(body.clone()).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(song.make(json!({"expiresInHours": INVITATION_HOURS_MAX})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn w6_open_links_are_limited_throttled_and_forgotten() {
    let song = Song::new().await;
    let first = song.link(json!({"expiresInHours": 1})).await.0;
    for _ in 1..INVITATIONS_PER_USER {
        song.link(json!({"expiresInHours": 10})).await;
    }
    assert_eq!(song.make(json!({})).await.status, StatusCode::TOO_MANY_REQUESTS);
    for _ in INVITATIONS_PER_USER as usize..INVITATIONS_OPEN_MAX {
        song.server.clock.advance_ms(60_000);
        song.link(json!({"expiresInHours": 100})).await;
    }
    song.server.clock.advance_ms(60_000);
    let open = song.server.get(&song.path(), &song.ada).await.json()["invitations"].as_array().unwrap().len();
    assert!((INVITATIONS_OPEN_MAX - 1..=INVITATIONS_OPEN_MAX).contains(&open), "{open}");
    for _ in open..INVITATIONS_OPEN_MAX {
        song.link(json!({"expiresInHours": 100})).await;
        song.server.clock.advance_ms(60_000);
    }
    let full = song.make(json!({})).await;
    assert_eq!(full.status, StatusCode::BAD_REQUEST);
    assert!(full.message().contains("at most"), "{}", full.text);
    song.server.clock.advance_ms(INVITATION_MEMORY_MS - HOUR_MS);
    assert_eq!(song.server.get(&first, "").await.status, StatusCode::GONE);
    song.server.clock.advance_ms(10 * HOUR_MS);
    let ada = song.server.log_in("ada@example.com", "password").await.cookie();
    assert_eq!(song.server.post(&song.path(), &ada, json!({})).await.status, StatusCode::CREATED);
    assert_eq!(song.server.get(&first, "").await.status, StatusCode::NOT_FOUND, "forgotten");
}

#[tokio::test]
async fn pe4_sign_up_can_ask_whether_a_token_is_good() {
    let song = Song::new().await;
    let (url, id) = song.link(json!({})).await;
    let token = url.strip_prefix("/invitations/").unwrap();
    assert_eq!(token.len(), 43, "32 random bytes");
    assert_eq!(invitation_is_open(&song.server.app, token).await, Ok(true));
    assert_eq!(invitation_is_open(&song.server.app, "none").await, Ok(false));
    song.revoke(&song.ada, &id).await;
    assert_eq!(invitation_is_open(&song.server.app, token).await, Ok(false));
}

#[tokio::test]
async fn pe4_a_link_is_an_invitation_to_the_studio_too_once() {
    let server = Server::with(|config| config.signup = Signup::Invitation);
    let code = ticket(&server, Purpose::SignUp, None).await;
    let ada = json!({ "email": "ada@example.com", "password": "password", "name": "ada", "code": code });
    let ada = server.post("/api/auth/signup", "", ada).await.cookie();
    let song = Song::of(server, ada).await;
    let url = song.link(json!({"uses": 1})).await.0;
    let token = url.strip_prefix("/invitations/").unwrap();
    let page = song.server.get(&url, "").await;
    assert!(page.text.contains(&format!("href=\"/signup?next={url}&amp;code={token}\"")), "{}", page.text);
    let form = song.server.get(&format!("/signup?next={url}&code={token}"), "").await;
    assert!(form.text.contains(&format!("value=\"{token}\"")), "{}", form.text);
    let sign_up = async |name: &str| {
        let typed = format!("name={name}&email={name}%40example.com&password=password&code={token}");
        song.server.post_form(&format!("/signup?next={url}"), "", &typed).await
    };
    let bob = sign_up("bob").await;
    assert_eq!((bob.status, bob.header("location")), (StatusCode::SEE_OTHER, url.as_str()), "{}", bob.text);
    let cy = sign_up("cy").await;
    assert_eq!(cy.status, StatusCode::FORBIDDEN, "the one use was bob's");
    let led_on = song.server.get(&url, &bob.cookie()).await;
    assert_eq!(led_on.header("location"), format!("/projects/{}", song.project));
    assert_eq!(song.role(&bob.cookie()).await, "editor");
}

#[tokio::test]
async fn pe4_a_link_ends_when_its_maker_is_no_owner_any_more() {
    let song = Song::new().await;
    let (bob, cy) = (song.server.sign_up("bob").await, song.server.sign_up("cy").await);
    let url = song.link(json!({"role": "owner"})).await.0;
    assert_eq!(song.join(&bob, &url).await.status, StatusCode::SEE_OTHER);
    let made = song.server.post(&song.path(), &bob, json!({"role": "owner", "uses": "many"})).await.json();
    let door = made["url"].as_str().unwrap();
    assert_eq!(song.server.get(door, &cy).await.status, StatusCode::OK);
    song.remove(&bob).await;
    for answer in [song.server.get(door, &cy).await, song.join(&cy, door).await, song.join(&bob, door).await] {
        assert_eq!(answer.status, StatusCode::GONE, "{}", answer.text);
        assert!(answer.text.contains("no owner any more"), "{}", answer.text);
    }
    assert_eq!((song.role(&cy).await, song.role(&bob).await), (Value::Null, Value::Null));
    assert_eq!(song.server.get(&song.path(), &song.ada).await.json()["invitations"], json!([]));
}
