//! The limits of rooms and sockets that need neither a network nor a wait.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use futures_util::FutureExt as _;
use model::{Id, Records, Timestamp};
use storage::blobs::MemoryBlobs;
use storage::{Database, DiskFault, MemoryStore, NewUser, Store as _};

use super::limits::{FOUND_RATE, PROJECTS_PER_USER_MAX, REWIND_COMMITS_MAX, REWINDS_AT_ONCE_MAX, ROOM_BYTES_MAX};
use super::*;
use crate::App;
use crate::config::Config;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn realtime() -> Realtime {
    over(MemoryStore::new())
}

fn over(store: MemoryStore) -> Realtime {
    Realtime::new(
        Database::new(Arc::new(store)),
        Clock::manual(Timestamp(0)),
        Disk::new(std::path::Path::new("."), 0),
        u64::MAX,
    )
}

fn by_ann(tx: &str, operation: operations::Operation) -> Transaction {
    Transaction {
        tx_id: id(tx),
        author_id: id("ann"),
        operations: vec![operation],
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    }
}

fn project(name: &str) -> Transaction {
    let fields = model::fields([("name", "Song".into())]);
    by_ann(&format!("make-{name}"), operations::build::create(model::Table::Projects, &id(name), fields))
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

#[tokio::test]
async fn w6_so_many_bytes_are_on_their_way_to_a_room_and_more_wait() {
    let store = MemoryStore::new();
    let realtime = over(store.clone());
    let (ann, scope) = (Author::User(id("ann")), Scope::Project(id("p")));
    realtime.write(ann.clone(), project("p")).await.unwrap();
    let bytes = realtime.room(&scope).bytes;
    assert_eq!(bytes.available_permits(), ROOM_BYTES_MAX, "what is durable has given its place up");

    store.set_fault(Some(DiskFault::Slow));
    let renamed = |n: u32| {
        by_ann(
            &format!("t{n}"),
            operations::build::set(model::Table::Projects, &id("p"), "name", "x".repeat(150).as_str()),
        )
    };
    let each = bytes_of(&renamed(0));
    let writes: Vec<_> = (0..3)
        .map(|n| {
            let (realtime, ann, scope) = (realtime.clone(), ann.clone(), scope.clone());
            tokio::spawn(async move { realtime.submit(scope, ann, renamed(n)).await })
        })
        .collect();
    while store.waiting() == 0 || bytes.available_permits() > ROOM_BYTES_MAX - 3 * each {
        tokio::task::yield_now().await;
    }
    let rest = realtime.place(&scope, ROOM_BYTES_MAX - 3 * each).await;
    assert_eq!(bytes.available_permits(), 0);
    let mut next = std::pin::pin!(realtime.place(&scope, 1));
    assert!(next.as_mut().now_or_never().is_none(), "there is no place");
    let other = realtime.place(&Scope::Project(id("other")), 1).await;
    assert!(other.is_some(), "other rooms have theirs");
    store.set_fault(None);
    for write in writes {
        write.await.unwrap().unwrap();
    }
    assert!(next.await.is_some());
    drop(rest);
    // A message larger than all of it would wait for ever.
    assert!(realtime.place(&scope, usize::MAX).await.is_some());
}

#[tokio::test]
async fn w6_one_person_begins_so_many_projects_so_fast_and_is_in_so_many() {
    let clock = Clock::manual(Timestamp(0));
    let store = MemoryStore::new();
    let [email, name, colour, password_hash] = ["ann@example.com", "Ann", "#7c8cff", "none"].map(str::to_owned);
    let now = Timestamp(0);
    assert!(
        store.create_user(NewUser { id: id("ann"), email, name, colour, password_hash, demo: false, now }).unwrap()
    );
    let realtime =
        Realtime::new(Database::new(Arc::new(store)), clock.clone(), Disk::new(std::path::Path::new("."), 0), u64::MAX);
    let ann = Author::User(id("ann"));
    let begin = async |n: usize| realtime.write(ann.clone(), project(&format!("p{n}"))).await.map(drop);
    // What others make somebody an owner of is not theirs to answer for.
    let fields = [("projectId", "bobs".into()), ("userId", "ann".into()), ("role", "owner".into())];
    let owner = operations::build::create(model::Table::ProjectMembers, &id("m"), model::fields(fields));
    let mut bobs = Transaction { author_id: id("bob"), ..project("bobs") };
    bobs.operations.push(owner);
    realtime.write(Author::User(id("bob")), bobs).await.unwrap();
    for n in 0..FOUND_RATE.burst as usize {
        begin(n).await.unwrap();
    }
    assert_eq!(begin(PROJECTS_PER_USER_MAX).await, Err(SubmitError::TooFast));
    for n in FOUND_RATE.burst as usize..PROJECTS_PER_USER_MAX {
        clock.advance_ms(1_000);
        begin(n).await.unwrap();
    }
    clock.advance_ms(60_000);
    let refusal = begin(PROJECTS_PER_USER_MAX).await.unwrap_err();
    assert!(refusal.status() == 400 && refusal.message().contains("at most 1000 projects"), "{refusal}");
    realtime
        .write(ann.clone(), by_ann("gone", operations::build::delete(model::Table::Projects, &id("p7"))))
        .await
        .unwrap();
    begin(PROJECTS_PER_USER_MAX).await.unwrap();
}
