//! Signing up, logging in and out.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use model::Id;
use serde_json::json;
use server::config::Signup;
use server::limits::{
    PASSWORD_BYTES_MAX, SESSION_LIFETIME_MS, SIGNUPS_PER_ADDRESS, TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS,
};
use storage::NewUser;

use crate::client::Server;

#[tokio::test]
async fn signing_up_logs_in() {
    let server = Server::new();
    let body = json!({ "email": " Ada@Example.com ", "password": "password", "name": "Ada" });
    let answer = server.post("/api/auth/signup", "", body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let user = &answer.json()["user"];
    assert_eq!((user["email"].as_str(), user["name"].as_str()), (Some("ada@example.com"), Some("Ada")));
    let me = server.get("/api/auth/me", &answer.cookie()).await;
    assert_eq!(me.json(), answer.json());
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let server = Server::new();
    server.sign_up("ada").await;
    let cookie = server.log_in("ada@example.com", "password").await.header("set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "there is no TLS");
    let secure = Server::with(|config| config.public_origin = Some("https://band.example".to_owned()));
    secure.sign_up("ada").await;
    let cookie = secure.log_in("ada@example.com", "password").await.header("set-cookie").to_owned();
    assert!(cookie.contains("; Secure"), "{cookie}");
}

#[tokio::test]
async fn the_token_itself_is_not_kept() {
    let server = Server::new();
    let cookie = server.sign_up("ada").await;
    let token = cookie.split_once('=').unwrap().1;
    server.app.database.run(|store| store.checkpoint()).await.unwrap();
    let bytes = std::fs::read(server.folder.path().join("test.sqlite")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("ada@example.com"), "the test looks at the right file");
    assert!(!holds(token));
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let server = Server::new();
    let cookie = server.sign_up("ada").await;
    let answer = server.post("/api/auth/logout", &cookie, json!({})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(server.get("/api/auth/me", &cookie).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.post("/api/auth/logout", "", json!({})).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn cl3_the_browser_is_told_who_has_logged_in_until_they_log_out() {
    let server = Server::new();
    let cookie = server.sign_up("ada").await;
    let user = server.get("/api/auth/me", &cookie).await.json()["user"]["id"].as_str().unwrap().to_owned();
    let told = server.log_in("ada@example.com", "password").await.cookies();
    let [_, told] = &told[..] else { panic!("{told:?}") };
    assert!(told.starts_with(&format!("unisono_user={user}; Path=/; SameSite=Lax; Max-Age=")), "{told}");
    assert!(!told.contains("HttpOnly"), "the web app reads it");
    let told = server.post("/api/auth/logout", &cookie, json!({})).await.cookies();
    assert!(told[1].starts_with("unisono_user=;") && told[1].contains("Max-Age=0"), "{told:?}");
    // It proves nothing.
    assert_eq!(server.get("/api/auth/me", &format!("unisono_user={user}")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sessions_end_when_they_are_not_used() {
    let server = Server::new();
    let cookie = server.sign_up("ada").await;
    server.clock.advance_ms(SESSION_LIFETIME_MS - 1);
    assert_eq!(server.get("/api/auth/me", &cookie).await.status, StatusCode::OK);
    server.clock.advance_ms(SESSION_LIFETIME_MS - 1);
    assert_eq!(server.get("/api/auth/me", &cookie).await.status, StatusCode::OK, "being used moves the end");
    server.clock.advance_ms(SESSION_LIFETIME_MS);
    assert_eq!(server.get("/api/auth/me", &cookie).await.status, StatusCode::UNAUTHORIZED);
    for nonsense in ["unisono_session=", "unisono_session=x", "a=b", &format!("unisono_session={}", "x".repeat(5_000))]
    {
        assert_eq!(server.get("/api/auth/me", nonsense).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_look_the_same_and_cost_the_same() {
    let server = Server::new();
    server.sign_up("ada").await;
    let verified = || server.app.accounts.passwords.verified();
    let before = verified();
    let wrong = server.log_in("ada@example.com", "not the password").await;
    assert_eq!(verified() - before, 1);
    let unknown = server.log_in("eve@example.com", "not the password").await;
    assert_eq!(verified() - before, 2, "the same work is done for nobody");
    let nonsense = server.log_in("no address", "not the password").await;
    assert_eq!(verified() - before, 3);
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!((wrong.status, &wrong.text), (unknown.status, &unknown.text));
    assert_eq!((wrong.status, &wrong.text), (nonsense.status, &nonsense.text));
    assert_eq!(wrong.header("set-cookie"), "");
}

#[tokio::test]
async fn guessing_is_slowed_down_for_known_and_unknown_accounts_alike() {
    let server = Server::new();
    server.sign_up("ada").await;
    for email in ["ada@example.com", "nobody@example.com"] {
        for _ in 0..TRIES_PER_ACCOUNT {
            assert_eq!(server.log_in(email, "guess").await.status, StatusCode::UNAUTHORIZED);
        }
        let braked = server.log_in(email, "guess").await;
        assert_eq!((braked.status, braked.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"), "{email}");
    }
    let right = server.log_in("ADA@example.com", "password").await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "the right one waits too, or guessing would go on");
    server.clock.advance_ms(1_000);
    assert_eq!(server.log_in("ada@example.com", "password").await.status, StatusCode::OK);
    assert_eq!(server.log_in("ada@example.com", "guess").await.status, StatusCode::UNAUTHORIZED, "forgiven");
}

#[tokio::test]
async fn w6_one_address_guesses_at_so_many_accounts() {
    let server = Server::new();
    server.sign_up("ada").await;
    for n in 0..TRIES_PER_ADDRESS {
        // Being right now and then does not buy more guesses at others.
        assert_eq!(server.log_in("ada@example.com", "password").await.status, StatusCode::OK);
        let guess = server.log_in(&format!("u{n}@example.com"), "guess").await;
        assert_eq!(guess.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(server.log_in("next@example.com", "guess").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_the_accounts_brake_refuses_is_not_held_against_the_address() {
    let server = Server::new();
    for _ in 0..TRIES_PER_ACCOUNT {
        assert_eq!(server.log_in("ada@example.com", "guess").await.status, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..TRIES_PER_ADDRESS {
        assert_eq!(server.log_in("ada@example.com", "guess").await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    server.sign_up("bob").await;
    assert_eq!(server.log_in("bob@example.com", "password").await.status, StatusCode::OK, "from the same address");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_visitor_has_brakes_of_their_own() {
    let server = Server::with(|config| config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]);
    let guess = async |peer: &str, client: &str, n: u32| {
        let body = json!({ "email": format!("u{n}@example.com"), "password": "guess" }).to_string();
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        let request = Request::post("/api/auth/login").header("content-type", "application/json");
        let request = request.header("x-forwarded-for", client).extension(ConnectInfo(peer));
        server.send(request.body(Body::from(body)).unwrap()).await.status
    };
    for n in 0..TRIES_PER_ADDRESS {
        assert_eq!(guess("10.0.0.1:1", "6.6.6.6, 192.0.2.1", n).await, StatusCode::UNAUTHORIZED);
    }
    let next = TRIES_PER_ADDRESS;
    assert_eq!(guess("10.0.0.2:1", "7.7.7.7, 192.0.2.1", next).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(guess("10.0.0.1:1", "192.0.2.2", next).await, StatusCode::UNAUTHORIZED, "another visitor");
    // Whoever comes by themselves cannot say who they are.
    for n in 0..TRIES_PER_ADDRESS {
        assert_eq!(guess("192.0.2.9:1", &format!("192.0.2.{n}"), n).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(guess("192.0.2.9:1", "192.0.2.99", next).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn logging_in_over_a_session_ends_the_one_before() {
    let server = Server::new();
    let first = server.sign_up("ada").await;
    let other = server.log_in("ada@example.com", "password").await.cookie();
    let body = json!({ "email": "ada@example.com", "password": "password" });
    let second = server.post("/api/auth/login", &first, body).await.cookie();
    assert_eq!(server.get("/api/auth/me", &first).await.status, StatusCode::UNAUTHORIZED);
    for cookie in [&second, &other] {
        assert_eq!(server.get("/api/auth/me", cookie).await.status, StatusCode::OK);
    }
    let wrong = json!({ "email": "ada@example.com", "password": "wrong password" });
    assert_eq!(server.post("/api/auth/login", &second, wrong).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.get("/api/auth/me", &second).await.status, StatusCode::OK, "a wrong password ends nothing");
}

#[tokio::test]
async fn w6_one_address_makes_so_many_accounts() {
    let server = Server::new();
    let sign_up = async |n: u32| {
        let body = json!({ "email": format!("u{n}@example.com"), "password": "short", "name": "U" });
        server.post("/api/auth/signup", "", body).await.status
    };
    // Refused ones are not counted.
    for n in 0..SIGNUPS_PER_ADDRESS * 2 {
        assert_eq!(sign_up(n).await, StatusCode::BAD_REQUEST);
    }
    let brake = server::accounts::Brake { kind: "signup-address", subject: "unknown", free: SIGNUPS_PER_ADDRESS };
    for _ in 0..SIGNUPS_PER_ADDRESS {
        server.app.accounts.brakes.attempt(brake).unwrap();
    }
    let body = json!({ "email": "last@example.com", "password": "password", "name": "U" });
    assert_eq!(server.post("/api/auth/signup", "", body).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused_with_a_reason() {
    let server = Server::new();
    server.sign_up("ada").await;
    let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
    let name = "x".repeat(201);
    for (email, password, name, status, word) in [
        ("ada@example.com", "password", "Ada", 409, "already"),
        ("ADA@example.com", "password", "Ada", 409, "already"),
        ("not an address", "password", "Ada", 400, "e-mail"),
        ("b@example.com", "short", "Bob", 400, "8 characters"),
        ("b@example.com", long.as_str(), "Bob", 400, "1024 bytes"),
        ("b@example.com", "password", "  ", 400, "name"),
        ("b@example.com", "password", "a\u{7}b", 400, "name"),
        ("b@example.com", "password", name.as_str(), 400, "200 bytes"),
    ] {
        let body = json!({ "email": email, "password": password, "name": name });
        let answer = server.post("/api/auth/signup", "", body).await;
        assert_eq!(answer.status.as_u16(), status, "{email} {name}");
        assert!(answer.message().contains(word), "{}", answer.text);
    }
    for body in [json!({}), json!([]), json!({ "email": 1, "password": "password", "name": "x" }), json!(null)] {
        assert_eq!(server.post("/api/auth/signup", "", body).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn sign_up_can_be_closed() {
    let server = Server::with(|config| config.signup = Signup::Closed);
    let body = json!({ "email": "ada@example.com", "password": "password", "name": "Ada" });
    assert_eq!(server.post("/api/auth/signup", "", body).await.status, StatusCode::FORBIDDEN);
    assert!(!server.get("/login", "").await.text.contains("/signup"));
}

#[tokio::test]
async fn demo_accounts_are_nobody_where_demos_are_switched_off() {
    let demo = Server::with(|config| config.demo = true);
    let password_hash = demo.app.accounts.passwords.hash("password".to_owned()).await.unwrap();
    let user = NewUser {
        id: Id::new("demo").unwrap(),
        email: "user1@example.com".to_owned(),
        name: "User 1".to_owned(),
        colour: "#7c8cff".to_owned(),
        password_hash,
        demo: true,
        now: demo.clock.now(),
    };
    assert!(demo.app.database.run(move |store| store.create_user(user)).await.unwrap());
    assert!(demo.get("/login", "").await.text.contains("user1@example.com"), "the page says whom one can be");
    let answer = demo.log_in("user1@example.com", "password").await;
    assert_eq!(answer.status, StatusCode::OK);
    let cookie = answer.cookie();
    assert_eq!(demo.get("/api/auth/me", &cookie).await.status, StatusCode::OK);

    let Server { app, folder, .. } = demo;
    drop(app);
    let plain = Server::over(folder, |_| {});
    assert!(!plain.get("/login", "").await.text.contains("user1"));
    let refused = plain.log_in("user1@example.com", "password").await;
    let wrong = plain.log_in("user1@example.com", "wrong password").await;
    assert_eq!((refused.status, &refused.text), (StatusCode::UNAUTHORIZED, &wrong.text));
    assert_eq!(plain.get("/api/auth/me", &cookie).await.status, StatusCode::UNAUTHORIZED, "old sessions neither");
}

#[tokio::test]
async fn cl5_whoever_opens_the_studio_stays_logged_in_and_their_device_knows_them() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
    let server = Server::new();
    server.sign_up("ada").await;
    let given = server.log_in("ada@example.com", "password").await;
    let (cookie, remembered) = (given.cookie(), given.cookies());
    assert_eq!(remembered.len(), 2, "the session's and the user's: {remembered:?}");
    let for_a_month = format!("Max-Age={}", SESSION_LIFETIME_MS / 1_000);
    assert!(remembered.iter().all(|cookie| cookie.contains(&for_a_month)), "{remembered:?}");
    // On day 25, and on day 50.
    for _ in 0..2 {
        server.clock.advance_ms(25 * DAY_MS);
        let me = server.get("/api/auth/me", &cookie).await;
        assert_eq!((me.status, me.cookies()), (StatusCode::OK, remembered.clone()), "for a month from here");
    }
    server.clock.advance_ms(31 * DAY_MS);
    let gone = server.get("/api/auth/me", &cookie).await;
    assert_eq!((gone.status, gone.cookies().len()), (StatusCode::UNAUTHORIZED, 0));
}
