//! Slow readers and nonsense: PS4, PS5.

use futures_util::{SinkExt, StreamExt};
use model::Id;
use operations::Commit;
use serde_json::json;
use sync::wire::{ClientMessage, Resume, SUBPROTOCOL, ServerMessage, VERSION, encode};
use tokio_tungstenite::tungstenite::Message;

use crate::band::{PATIENCE, Server, Socket, id, volume};

/// Asks without ever reading an answer, until the server has enough of it; whether it had.
async fn flood(socket: &mut Socket) -> bool {
    let ping = Message::Binary(encode(&ClientMessage::Ping { nonce: u32::MAX }).into());
    // More answers than the queue and the system's buffers hold.
    let cut_off = async {
        for n in 0..20_000_000u32 {
            let sent = if n % 256 == 0 { socket.0.send(ping.clone()).await } else { socket.0.feed(ping.clone()).await };
            if sent.is_err() {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(PATIENCE, cut_off).await.unwrap()
}

#[tokio::test]
async fn ps3_ps4_a_reader_who_does_not_read_is_cut_off_holds_up_nobody_and_resumes() {
    let server = Server::start().await;
    let [ann, bob, ..] = server.band().await;
    let (mut deaf, answer) = server.open(&ann, None).await;
    let ServerMessage::Snapshot { epoch, seq, .. } = answer else { panic!("{answer:?}") };
    let (mut reading, _) = server.open(&bob, None).await;
    let missed = ["unread", "meanwhile", "after"];
    assert_eq!(server.write(&bob, missed[0], volume(0.1)).await.0, 200);
    assert!(flood(&mut deaf).await);
    drop(deaf);
    for (n, tx) in missed.into_iter().enumerate().skip(1) {
        assert_eq!(server.write(&bob, tx, volume(n as f64 / 4.0)).await.0, 200);
    }
    let mut heard = Vec::new();
    while heard.len() < missed.len() {
        heard.extend(reading.wait_for(commits).await);
    }
    assert_eq!(ids(&heard), missed, "whoever reads has all of it");

    let (mut back, answer) = server.open(&ann, Some(Resume { epoch: epoch.clone(), seq })).await;
    assert!(matches!(answer, ServerMessage::Resumed { seq: at, .. } if at == seq), "{answer:?}");
    let mut caught_up = Vec::new();
    while caught_up.len() < missed.len() {
        caught_up.extend(back.wait_for(commits).await);
    }
    assert_eq!(caught_up, heard, "exactly what it missed");
}

fn commits(message: ServerMessage) -> Option<Vec<Commit>> {
    match message {
        ServerMessage::Commits { commits, .. } => Some(commits),
        _ => None,
    }
}

fn ids(commits: &[Commit]) -> Vec<&str> {
    commits.iter().map(|commit| commit.tx_id.as_str()).collect()
}

#[tokio::test]
async fn ps4_ps5_a_guides_client_that_is_behind_hears_of_the_last_versions() {
    let server = Server::start().await;
    let [ann, bob, ..] = server.band().await;
    let mut guide = server.connect(&bob, None, "/api/realtime").await;
    guide.say_text(json!({"type": "subscribe", "key": "tracks:a"})).await;
    assert_eq!(guide.hear_text().await["updates"], json!([{"key": "tracks:a", "version": 1}]));
    let (mut writer, _) = server.open(&ann, None).await;
    const EDITS: u64 = 5_000;
    for first in (0..EDITS).step_by(250) {
        let some = (first..first + 250).map(|n| (format!("t{n}"), volume(f64::from(u32::try_from(n % 2).unwrap()))));
        writer.submit(&ann, some.collect()).await;
    }
    let last = format!("t{}", EDITS - 1);
    writer
        .wait_for(|message| {
            let ServerMessage::Acknowledged { tx_ids, .. } = message else { return None };
            tx_ids.iter().any(|tx_id| tx_id.as_str() == last).then_some(())
        })
        .await;
    let (mut versions, mut notices) = (vec![1], 0);
    while versions.last() != Some(&(EDITS + 1)) {
        let notice = guide.hear_text().await;
        notices += 1;
        for update in notice["updates"].as_array().unwrap() {
            versions.push(update["version"].as_u64().unwrap());
        }
    }
    assert!(versions.is_sorted(), "{versions:?}");
    assert!(notices < EDITS / 4, "{notices} notices of {EDITS} edits");
}

#[tokio::test]
async fn ps5_si3_frames_of_noise_get_an_error_or_a_close_and_harm_nobody() {
    let server = Server::start().await;
    let [ann, bob, ..] = server.band().await;
    let (mut bobs, _) = server.open(&bob, None).await;
    // Xorshift: the same noise on every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let sound = [
        encode(&ClientMessage::Hello { version: u16::from(VERSION) }),
        encode(&ClientMessage::Open { channel: 1, project: id("p"), resume: None }),
        encode(&ClientMessage::Submit {
            channel: 1,
            transactions: vec![crate::band::transaction(&ann, "noise", volume(0.5))],
        }),
        encode(&ClientMessage::Presence { channel: 1, presence: Default::default() }),
        encode(&ClientMessage::Close { channel: 1 }),
    ];
    for round in 0..300usize {
        // Half of them say hello and open first, so that the noise meets every message's code.
        let mut socket = if round % 2 == 0 { server.open(&ann, None).await.0 } else { server.greet(&ann).await };
        let mut frame = sound[round % sound.len()].clone();
        for _ in 0..=noise() % 4 {
            let at = usize::try_from(noise()).unwrap() % frame.len();
            match noise() % 4 {
                0 => frame[at] = noise().to_le_bytes()[0],
                1 => frame.truncate(at.max(1)),
                2 => frame.insert(at, noise().to_le_bytes()[0]),
                _ => frame.extend_from_slice(&noise().to_le_bytes()),
            }
        }
        // It may have been closed for the noise already.
        drop(socket.0.send(Message::Binary(frame.into())).await);
        drop(socket.0.send(Message::Binary(encode(&ClientMessage::Ping { nonce: 7 }).into())).await);
        loop {
            match socket.next().await {
                Some(Message::Binary(frame)) => match sync::wire::decode(&frame).unwrap() {
                    ServerMessage::Pong { nonce: 7 } | ServerMessage::Error { .. } => break,
                    _ => {}
                },
                Some(Message::Close(_)) | None => break,
                other => panic!("{other:?}"),
            }
        }
    }
    // Text on a binary socket, binary frames on the guide's.
    let mut binary = server.connect(&ann, Some(SUBPROTOCOL), "/api/realtime").await;
    binary.0.send(Message::text("{}")).await.unwrap();
    assert!(matches!(binary.hear().await, ServerMessage::Error { .. }));
    let mut text = server.connect(&ann, None, "/api/realtime").await;
    text.0.send(Message::Binary(vec![2, 0, 0].into())).await.unwrap();
    assert_eq!(text.hear_text().await["type"], "error");
    for nonsense in ["", "{", "[]", r#"{"type":"subscribe"}"#, r#"{"type":"subscribe","key":7}"#, "\u{0}"] {
        text.0.send(Message::text(nonsense)).await.unwrap();
        assert_eq!(text.hear_text().await["type"], "error", "{nonsense:?}");
    }
    let long = "x".repeat(8 * 1024);
    text.0.send(Message::text(long)).await.unwrap();
    assert_eq!(text.hear_text().await["type"], "error");

    // The others have noticed nothing.
    assert_eq!(server.write(&ann, "after", volume(0.125)).await.0, 200);
    let mut heard: Option<Id> = None;
    while heard.as_ref().map(Id::as_str) != Some("after") {
        heard = bobs
            .wait_for(|message| match message {
                ServerMessage::Commits { commits, .. } => Some(commits.last().map(|commit| commit.tx_id.clone())),
                _ => None,
            })
            .await;
    }
    drop(text.0.close(None).await);
    assert!(text.0.next().await.is_none_or(|last| !matches!(last, Ok(Message::Text(_)))));
}
