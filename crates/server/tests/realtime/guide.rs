//! The guide's text protocol (W3).

use futures_util::SinkExt as _;
use model::Table;
use operations::build::create;
use serde_json::json;
use server::realtime::limits::SUBSCRIBE_RATE;
use tokio_tungstenite::tungstenite::Message;

use crate::band::{Server, id, volume};

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
async fn w6_subscriptions_that_come_too_fast_are_refused() {
    let (server, _, clock) = Server::in_memory().await;
    let ann = server.let_in("ann");
    server.project(&ann).await;
    let mut socket = server.connect(&ann, None, "/").await;
    let subscribe = json!({"type": "subscribe", "key": "tracks:a"});
    for _ in 0..=SUBSCRIBE_RATE.burst {
        socket.0.feed(Message::text(subscribe.to_string())).await.unwrap();
    }
    // Answers to one key may come together, refusals do not: those are counted, up to the answer to something else.
    socket.say_text(json!({"type": "nonsense"})).await;
    let mut refused = 0;
    loop {
        let answer = socket.hear_text().await;
        match answer["message"].as_str() {
            None => assert_eq!(answer["updates"], json!([{"key": "tracks:a", "version": 1}])),
            Some(message) if message.contains("wait a moment") => refused += 1,
            Some(_) => break,
        }
    }
    assert_eq!(refused, 1, "the one beyond the burst");
    clock.advance_ms(1_000);
    socket.say_text(json!({"type": "subscribe", "key": "tracks:b"})).await;
    loop {
        let answer = socket.hear_text().await;
        let updates = answer["updates"].as_array().unwrap_or_else(|| panic!("{answer}"));
        if updates.contains(&json!({"key": "tracks:b", "version": 1})) {
            break;
        }
    }
}
