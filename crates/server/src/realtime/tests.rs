//! The limits of rooms and sockets that need neither a network nor a wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use model::{Id, Records, Timestamp};
use storage::blobs::MemoryBlobs;
use storage::{Database, MemoryStore};

use super::limits::{REWIND_COMMITS_MAX, REWINDS_AT_ONCE_MAX, SOCKETS_PER_USER_MAX};
use super::*;
use crate::App;
use crate::config::Config;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn realtime() -> Realtime {
    Realtime::new(Database::new(Arc::new(MemoryStore::new())), Clock::manual(Timestamp(0)))
}

#[test]
fn w6_one_person_has_so_many_sockets_and_others_have_theirs() {
    let realtime = realtime();
    let (ann, bob) = (id("ann"), id("bob"));
    let numbers: BTreeSet<u64> = (0..SOCKETS_PER_USER_MAX).filter_map(|_| realtime.socket_opened(&ann)).collect();
    assert_eq!(numbers.len(), SOCKETS_PER_USER_MAX, "each has a number of its own");
    assert_eq!(realtime.socket_opened(&ann), None);
    assert!(realtime.socket_opened(&bob).is_some());
    realtime.socket_closed(&ann);
    assert!(realtime.socket_opened(&ann).is_some(), "the place of one that has gone");
    assert_eq!(realtime.socket_opened(&ann), None);
    (0..SOCKETS_PER_USER_MAX).for_each(|_| realtime.socket_closed(&ann));
    realtime.socket_closed(&bob);
    assert!(lock(&realtime.0.sockets).is_empty(), "nobody is remembered");
}

#[tokio::test(start_paused = true)]
async fn w6_so_many_old_states_are_made_at_a_time_and_more_wait() {
    let realtime = realtime();
    let mut turns = Vec::new();
    for _ in 0..REWINDS_AT_ONCE_MAX {
        turns.extend(realtime.turn_to_rewind().await);
    }
    assert_eq!(turns.len(), REWINDS_AT_ONCE_MAX);
    let next = tokio::time::timeout(Duration::from_secs(3_600), realtime.turn_to_rewind()).await;
    assert!(next.is_err(), "one more than at a time");
    turns.pop();
    assert!(realtime.turn_to_rewind().await.is_some());
}

#[tokio::test]
async fn w6_wr12_what_is_too_long_ago_is_gone_and_what_is_to_come_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, clock) = (Database::new(Arc::new(MemoryStore::new())), Clock::manual(Timestamp(0)));
    let app = App::new(Config::new(folder.path()), store, Arc::new(MemoryBlobs::default()), clock).unwrap();
    const FAR: u64 = REWIND_COMMITS_MAX + 5;
    let room = || Room::new(Scope::Project(id("p")), id("epoch"), FAR, Records::new());
    let status = async |seq: u64| match history::records_at(&app, room(), seq).await {
        Ok(_) => StatusCode::OK,
        Err(problem) => problem.into_response().status(),
    };
    assert_eq!(status(FAR).await, StatusCode::OK);
    assert_eq!(status(4).await, StatusCode::GONE);
    // Near enough; but of this room no entry has been kept.
    assert_eq!(status(5).await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(status(FAR + 1).await, StatusCode::BAD_REQUEST);
}
