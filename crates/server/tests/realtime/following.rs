//! Following a project over our own protocol (W4, PS3).

use std::sync::Arc;

use futures_util::SinkExt;
use model::{Table, Value};
use operations::build::{create, set};
use operations::{Author, Operation, Scope};
use server::App;
use server::config::Config;
use server::realtime::limits::{EDIT_BYTES_RATE, EDIT_RATE, OPEN_RATE, OUTBOX_BYTES_MAX};
use server::state::Clock;
use storage::blobs::MemoryBlobs;
use storage::{Database, DiskFault, MemoryStore};
use sync::wire::{
    ClientMessage, PACKED, Pointer, Presence, Resume, SUBMIT_TRANSACTIONS_MAX, SUBPROTOCOL, SUBPROTOCOL_PACKED,
    ServerMessage, VERSION, unpack,
};
use tokio_tungstenite::tungstenite::Message;

use crate::band::{Server, Socket, User, id, transaction, volume};

#[tokio::test]
async fn w4_own_edits_are_acknowledged_and_others_get_the_commit() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    server.add(&ann, "bob").await;
    let (mut anns, _) = server.open(&ann, None).await;
    let (mut bobs, _) = server.open(&bob, None).await;
    anns.submit(&ann, vec![("t1", volume(0.5)), ("t2", volume(9.0)), ("t3", volume(0.7))]).await;
    let mut heard = anns.hear_verdicts(3).await;
    heard.sort();
    assert_eq!(heard, ["400 t2", "ok t1", "ok t3"]);
    let mut volumes = Vec::new();
    while volumes.len() < 2 {
        let ServerMessage::Commits { commits, .. } = bobs.hear_edit().await else { panic!("no commits") };
        volumes.extend(commits.into_iter().map(|commit| commit.operations));
    }
    assert_eq!(volumes, [volume(0.5), volume(0.7)]);
}

#[tokio::test]
async fn w4_present_says_who_is_connected() {
    let server = Server::start().await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.project(&ann).await;
    server.add(&ann, "bob").await;
    let (mut anns, _) = server.open(&ann, None).await;
    let (bobs, _) = server.open(&bob, None).await;
    let both = async |anns: &mut Socket, count: usize| loop {
        if let ServerMessage::Present { connected, .. } = anns.hear().await
            && connected.len() == count
        {
            return;
        }
    };
    both(&mut anns, 2).await;
    drop(bobs);
    both(&mut anns, 1).await;
}

#[tokio::test]
async fn ps3_after_a_reconnect_exactly_what_was_missed_comes() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let (socket, snapshot) = server.open(&ann, None).await;
    let ServerMessage::Snapshot { epoch, seq, .. } = snapshot else { panic!("{snapshot:?}") };
    drop(socket);
    for n in 0..3 {
        server.write(&ann, &format!("t{n}"), volume(f64::from(n) / 10.0)).await;
    }
    let (mut socket, resumed) = server.open(&ann, Some(Resume { epoch: epoch.clone(), seq })).await;
    assert!(matches!(resumed, ServerMessage::Resumed { seq: at, .. } if at == seq));
    let ServerMessage::Commits { commits, .. } = socket.hear_edit().await else { panic!("no commits") };
    assert_eq!(commits.iter().map(|c| c.seq).collect::<Vec<_>>(), [seq + 1, seq + 2, seq + 3]);
    for resume in [Resume { epoch: id("other"), seq }, Resume { epoch, seq: seq + 99 }] {
        let (_, answer) = server.open(&ann, Some(resume)).await;
        assert!(matches!(answer, ServerMessage::Snapshot { .. }), "another epoch, or a future: start over");
    }
}

#[tokio::test]
async fn ps5_malformed_frames_get_an_error_or_a_close_and_harm_nobody() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    for frame in [vec![], vec![VERSION], vec![9, 9, 9], vec![VERSION, 2, 255, 255, 255, 255], vec![VERSION; 1000]] {
        let mut socket = server.connect(&ann, Some(SUBPROTOCOL), "/api/realtime").await;
        socket.0.send(Message::Binary(frame.into())).await.unwrap();
        assert!(matches!(socket.hear().await, ServerMessage::Error { .. }));
    }
    let (_, snapshot) = server.open(&ann, None).await;
    assert!(matches!(snapshot, ServerMessage::Snapshot { .. }));
}

#[tokio::test]
async fn ps5_a_large_snapshot_is_packed_for_those_who_unpack_and_only_for_them() {
    let server = Server::start().await;
    let ann = server.sign_up("ann").await;
    server.project(&ann).await;
    let transaction = transaction(&ann, "clip", vec![clip_of(notes(60))]);
    let (project, author) = (Scope::Project(id("p")), Author::User(id(&ann.id)));
    server.app.realtime.submit(project, author, transaction).await.unwrap();
    let mut frames = Vec::new();
    for protocol in [SUBPROTOCOL, SUBPROTOCOL_PACKED] {
        let mut socket = server.connect(&ann, Some(protocol), "/api/realtime").await;
        socket.say(&ClientMessage::Hello { version: u16::from(VERSION) }).await;
        assert!(matches!(socket.hear().await, ServerMessage::Hello { .. }), "small frames are as ever");
        socket.say(&ClientMessage::Open { channel: 1, project: id("p"), resume: None }).await;
        let Some(Message::Binary(frame)) = socket.next().await else { panic!("no snapshot") };
        frames.push(frame);
    }
    assert_eq!((frames[0][0], frames[1][0]), (VERSION, PACKED));
    assert!(frames[1].len() < frames[0].len() / 8, "{} of {}", frames[1].len(), frames[0].len());
    assert_eq!(unpack(&frames[1]).unwrap(), &frames[0][..]);
    // A client's frame is never unpacked.
    let mut socket = server.connect(&ann, Some(SUBPROTOCOL_PACKED), "/api/realtime").await;
    socket.0.send(Message::Binary(frames[1].clone())).await.unwrap();
    assert!(matches!(socket.hear().await, ServerMessage::Error { .. }));
}

/// Makes the clip `c` of these notes.
fn clip_of(notes: Value) -> Operation {
    let clip = [
        ("trackId", "a".into()),
        ("name", "Notes".into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 1u32.into()),
        ("midiData", notes),
    ];
    create(Table::Clips, &id("c"), model::fields(clip))
}

/// Ann and Bob, who have her project open.
struct Duo {
    server: Server,
    store: MemoryStore,
    clock: Clock,
    ann: User,
    bob: User,
    anns: Socket,
    bobs: Socket,
}

impl Duo {
    async fn meet() -> Duo {
        let (server, store, clock) = Server::in_memory().await;
        let (ann, bob) = (server.let_in("ann"), server.let_in("bob"));
        server.project(&ann).await;
        server.add(&ann, "bob").await;
        let (anns, _) = server.open(&ann, None).await;
        let (bobs, _) = server.open(&bob, None).await;
        Duo { server, store, clock, ann, bob, anns, bobs }
    }
}

/// A clip's notes, of about a megabyte and a half in a frame.
fn notes(pitch: u32) -> Value {
    let note = |n: u32| {
        let fields = [("id", Value::text(&format!("n{n}"))), ("pitch", pitch.into()), ("velocity", 100u32.into())];
        let place = [("startBeat", n.into()), ("durationBeats", 1u32.into())];
        Value::from(model::fields(fields.into_iter().chain(place)))
    };
    Value::from(model::fields([("notes", Value::list((0..20_000).map(note)))]))
}

#[tokio::test]
async fn ps3_ps4_who_has_missed_more_bytes_than_fit_into_a_queue_gets_a_snapshot() {
    let (server, store, _) = Server::in_memory().await;
    let ann = server.let_in("ann");
    server.project(&ann).await;
    let (project, author) = (Scope::Project(id("p")), Author::User(id("ann")));
    let write = async |tx: &str, operation| {
        let transaction = transaction(&ann, tx, vec![operation]);
        server.app.realtime.submit(project.clone(), author.clone(), transaction).await.unwrap().seq
    };
    let seq = write("clip", clip_of(notes(0))).await;
    let (_, snapshot) = server.open(&ann, None).await;
    let ServerMessage::Snapshot { epoch, .. } = snapshot else { panic!("{snapshot:?}") };
    let (mut bytes, mut pitch) = (0, 0);
    while bytes <= OUTBOX_BYTES_MAX {
        pitch += 1;
        let midi = notes(pitch % 128);
        bytes += sync::wire::encode(&midi).len();
        write(&format!("t{pitch}"), set(Table::Clips, &id("c"), "midiData", midi)).await;
    }
    let missed = storage::Store::commits_since(&store, &project, seq, 1_000).unwrap();
    assert_eq!(missed.len(), pitch as usize, "few commits, many bytes");
    let (mut socket, answer) = server.open(&ann, Some(Resume { epoch, seq })).await;
    let ServerMessage::Snapshot { seq: at, .. } = answer else { panic!("it was told to resume, or cut off") };
    assert_eq!(at, seq + u64::from(pitch));
    write("last", set(Table::Tracks, &id("a"), "volume", 0.5)).await;
    let ServerMessage::Commits { commits, .. } = socket.hear_edit().await else { panic!("no commits") };
    assert_eq!(commits[0].tx_id, id("last"), "and it follows from there");
}

#[tokio::test]
async fn wr7_a_socket_is_answered_when_a_commit_fails_and_nothing_overtakes_what_was_put_off() {
    for fault in [DiskFault::Full, DiskFault::Broken] {
        let (server, store, _) = Server::in_memory().await;
        let ann = server.let_in("ann");
        server.project(&ann).await;
        let (mut socket, _) = server.open(&ann, None).await;
        store.set_fault(Some(fault));
        socket.submit(&ann, vec![("t1", volume(0.5)), ("t2", volume(0.6))]).await;
        assert_eq!(socket.hear_verdicts(2).await, ["503 t1", "503 t2"], "{fault:?}");
        store.set_fault(None);
        // What was sent before the answer came may build on what was put off.
        socket.submit(&ann, vec![("t3", volume(0.7))]).await;
        assert_eq!(socket.hear_verdicts(1).await, ["503 t3"]);
        socket.say(&ClientMessage::Open { channel: 1, project: id("p"), resume: None }).await;
        let ServerMessage::Snapshot { seq, .. } = socket.hear_edit().await else { panic!("no snapshot") };
        assert_eq!(seq, 1, "nothing of it is in the log");
        socket.submit(&ann, vec![("t1", volume(0.5)), ("t2", volume(0.6)), ("t3", volume(0.7))]).await;
        assert_eq!(socket.hear_verdicts(3).await, ["ok t1", "ok t2", "ok t3"]);
    }
}

/// Hears everything up to the next presence, which the room passes on whatever is being written: no edit may be among it.
async fn hear_of_no_edit(socket: &mut Socket) {
    loop {
        match socket.hear().await {
            ServerMessage::Presences { .. } => return,
            ServerMessage::People { .. } | ServerMessage::Present { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn wr7_wr9_what_was_judged_upon_a_group_that_fails_is_taken_back_with_it() {
    for fault in [Some(DiskFault::Full), None] {
        let Duo { server, store, ann, bob, mut anns, mut bobs, .. } = Duo::meet().await;
        let before = storage::Store::position(&store, &Scope::Project(id("p"))).unwrap().unwrap().seq;
        store.set_fault(Some(DiskFault::Slow));
        anns.submit(&ann, vec![("t1", volume(0.5)), ("t2", volume(0.6))]).await;
        while store.waiting() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        // Judged, and not to be heard of either.
        bobs.submit(&bob, vec![("t3", volume(0.7))]).await;
        let pointer = Some(Pointer { beat: 1.0, track: None });
        bobs.say(&ClientMessage::Presence { channel: 1, presence: Presence { pointer, ..Presence::default() } }).await;
        hear_of_no_edit(&mut anns).await;
        assert_eq!(store.waiting(), 1, "one group after the other");
        store.set_fault(fault);
        let (anns_verdicts, bobs_verdicts) = if fault.is_some() {
            (["503 t1", "503 t2"], vec!["503 t3"])
        } else {
            (["ok t1", "ok t2"], vec!["ok t1", "ok t2", "ok t3"])
        };
        assert_eq!(anns.hear_verdicts(2).await, anns_verdicts);
        assert_eq!(bobs.hear_verdicts(bobs_verdicts.len()).await, bobs_verdicts);
        store.set_fault(None);
        let (_, after) = server.open(&ann, None).await;
        let ServerMessage::Snapshot { seq, records, .. } = after else { panic!("{after:?}") };
        let track = records.iter().find(|(table, record)| *table == Table::Tracks && *record.id() == id("a")).unwrap();
        let expected = if fault.is_some() { (before, Some(1.0)) } else { (before + 3, Some(0.7)) };
        assert_eq!((seq, track.1.number("volume")), expected);
    }
}

#[tokio::test]
async fn w4_what_was_sent_together_is_acknowledged_together() {
    let server = Server::start().await;
    let ann = server.let_in("ann");
    server.project(&ann).await;
    let (mut anns, _) = server.open(&ann, None).await;
    anns.submit(&ann, vec![("t1", volume(0.5)), ("t2", volume(0.6)), ("t3", volume(0.7))]).await;
    let ServerMessage::Acknowledged { tx_ids, seq, .. } = anns.hear_edit().await else { panic!("no acknowledgement") };
    assert_eq!((tx_ids, seq), (vec![id("t1"), id("t2"), id("t3")], 2));
}

#[tokio::test]
async fn w6_edits_that_come_too_fast_are_put_off_in_order() {
    let Duo { server: _server, clock, ann, bob, mut anns, mut bobs, .. } = Duo::meet().await;
    let mut count = 0;
    let mut put_off = Vec::new();
    // As much at once as one may; the first writes over HTTP have counted as well. None of them makes sense, which is
    // soon said.
    while put_off.is_empty() && count <= EDIT_RATE.burst {
        let names: Vec<String> = (0..SUBMIT_TRANSACTIONS_MAX).map(|n| format!("n{count}-{n}")).collect();
        anns.submit(&ann, names.iter().map(|name| (name.as_str(), volume(9.0))).collect()).await;
        let verdicts = anns.hear_verdicts(names.len()).await;
        put_off.extend(verdicts.into_iter().filter(|verdict| !verdict.starts_with("400 ")));
        count += u32::try_from(names.len()).unwrap();
    }
    assert_eq!(put_off.len(), SUBMIT_TRANSACTIONS_MAX, "a whole message, after {count}");
    assert!(put_off.iter().all(|verdict| verdict.starts_with("429 ")), "{}", put_off[0]);
    bobs.submit(&bob, vec![("bobs", volume(0.1))]).await;
    assert_eq!(bobs.hear_verdicts(1).await, ["ok bobs"], "others are not held up");
    clock.advance_ms(60_000);
    anns.submit(&ann, vec![("later", volume(0.5))]).await;
    while !matches!(anns.hear_edit().await, ServerMessage::Refused { status: 429, tx_id, .. } if tx_id == id("later")) {
    }
    anns.say(&ClientMessage::Open { channel: 1, project: id("p"), resume: None }).await;
    assert!(matches!(anns.hear_edit().await, ServerMessage::Snapshot { .. }));
    anns.submit(&ann, vec![("first", volume(0.5)), ("later", volume(0.6))]).await;
    assert_eq!(anns.hear_verdicts(2).await, ["ok first", "ok later"]);
}

#[tokio::test]
async fn w6_bytes_of_edits_that_come_too_fast_are_put_off() {
    let Duo { server: _server, clock, ann, bob, mut anns, mut bobs, .. } = Duo::meet().await;
    // No track has notes: what is said of it is soon refused.
    let large = |pitch: u32| vec![set(Table::Tracks, &id("a"), "midiData", notes(pitch))];
    let bytes = sync::wire::encode(&large(60)).len();
    let fit = EDIT_BYTES_RATE.burst as usize / bytes;
    let mut verdicts = Vec::new();
    for n in 0..=fit {
        anns.submit(&ann, vec![(format!("n{n}"), large(60))]).await;
        verdicts.extend(anns.hear_verdicts(1).await);
    }
    assert!(verdicts.pop().is_some_and(|last| last.starts_with("429 ")));
    assert!(verdicts.len() >= 16 && verdicts.iter().all(|verdict| verdict.starts_with("400 ")), "{verdicts:?}");
    bobs.submit(&bob, vec![("bobs", volume(0.1))]).await;
    assert_eq!(bobs.hear_verdicts(1).await, ["ok bobs"], "others are not held up");
    clock.advance_ms(1_000);
    anns.say(&ClientMessage::Open { channel: 1, project: id("p"), resume: None }).await;
    assert!(matches!(
        anns.wait_for(|it| matches!(it, ServerMessage::Snapshot { .. }).then_some(it)).await,
        ServerMessage::Snapshot { .. }
    ));
    anns.submit(&ann, vec![("later", volume(0.5))]).await;
    assert_eq!(anns.hear_verdicts(1).await, ["ok later"]);
}

#[tokio::test]
async fn w6_wr6_a_disk_that_is_nearly_full_takes_no_edits_but_repeats_and_says_so() {
    let (server, store, clock) = Server::in_memory().await;
    let ann = server.let_in("ann");
    server.project(&ann).await;
    assert_eq!(server.write(&ann, "kept", volume(0.4)).await.0, 200);
    let folder = tempfile::tempdir().unwrap();
    let config = Config { keep_free: u64::MAX, ..Config::new(folder.path()) };
    let (database, blobs) = (Database::new(Arc::new(store)), Arc::new(MemoryBlobs::default()));
    let full = Server::of(App::new(config, database, blobs, clock).unwrap(), folder).await;
    let (status, body) = full.write(&ann, "t", volume(0.5)).await;
    assert_eq!(status, 507);
    assert!(body["message"].as_str().unwrap().contains("disk is nearly full"), "{body}");
    let (mut socket, _) = full.open(&ann, None).await;
    socket.submit(&ann, vec![("kept", volume(0.4)), ("t1", volume(0.5)), ("t2", volume(0.6))]).await;
    assert_eq!(socket.hear_verdicts(3).await, ["ok kept", "507 t1", "507 t2"], "a repeat needs no room (WR6)");
    assert_eq!(full.write(&ann, "kept", volume(0.4)).await.0, 200);
    // It can be read all the same, and what the server itself has to say is written.
    assert_eq!(full.get(&ann, "/api/projects/p/records").await.0, 200);
    let tidied = set(Table::Tracks, &id("a"), "volume", 0.3);
    let by_system = operations::Transaction { author_id: id("system"), ..transaction(&ann, "s", vec![tidied]) };
    full.app.realtime.submit(Scope::Project(id("p")), Author::System, by_system).await.unwrap();
}

/// A server in memory that lets a song's history grow to so many bytes.
async fn with_log_per_song(log_per_song: u64, store: &MemoryStore, clock: &Clock) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { log_per_song, ..Config::new(folder.path()) };
    let (database, blobs) = (Database::new(Arc::new(store.clone())), Arc::new(MemoryBlobs::default()));
    Server::of(App::new(config, database, blobs, clock.clone()).unwrap(), folder).await
}

#[tokio::test]
async fn w6_a_song_whose_history_is_as_large_as_it_may_be_takes_no_edits_and_says_so() {
    let (first, store, clock) = Server::in_memory().await;
    let (ann, bob) = (first.let_in("ann"), first.let_in("bob"));
    first.project(&ann).await;
    first.add(&ann, "bob").await;
    let small = with_log_per_song(20_000, &store, &clock).await;
    let (mut socket, snapshot) = small.open(&bob, None).await;
    let name = |n: u32| vec![set(Table::Tracks, &id("a"), "name", format!("{n} {}", "x".repeat(100)).as_str())];
    let mut fit = 0;
    let refused = loop {
        socket.submit(&bob, vec![(format!("t{fit}"), name(fit))]).await;
        let verdict = socket.hear_verdicts(1).await.remove(0);
        if !verdict.starts_with("ok ") {
            break verdict;
        }
        fit += 1;
    };
    assert_eq!(refused, format!("507 t{fit}"));
    assert!((20..100).contains(&fit), "{fit}: some 200 bytes each, and what undoes them");
    let (status, body) = small.write(&ann, "late", name(0)).await;
    assert_eq!(status, 507);
    assert!(body["message"].as_str().unwrap().contains("--log-per-song"), "{body}");
    // It can be read, who may open it can be changed, the server can say what it has to, and other songs are not concerned.
    assert_eq!(small.get(&ann, "/api/projects/p/records").await.0, 200);
    // A connection that was put off is judged all the same.
    let out = vec![operations::build::delete(Table::ProjectMembers, &crate::band::membership(&snapshot, &bob))];
    socket.submit(&bob, vec![("another".to_owned(), name(0)), ("out".to_owned(), out)]).await;
    let verdicts = socket.hear_verdicts(2).await;
    assert!(verdicts[0] == "507 another" && verdicts[1].starts_with("ok "), "{verdicts:?}");
    let collaborators = |user: &str| {
        operations::build::list_insert(Table::Projects, &id("p"), "collaborators", user, operations::Position::Append)
    };
    assert_eq!(small.write(&ann, "in", vec![collaborators("bob")]).await.0, 200, "as the guide's clients say it");
    let by_system = operations::Transaction { author_id: id("system"), ..transaction(&ann, "s", volume(0.3)) };
    small.app.realtime.submit(Scope::Project(id("p")), Author::System, by_system).await.unwrap();
    let other = create(Table::Projects, &id("q"), model::fields([("name", "Another".into())]));
    assert_eq!(small.write(&ann, "other", vec![other]).await.0, 200);

    // What it takes is known after a restart; and whoever runs the server can let it grow.
    small.app.realtime.settle().await;
    let again = with_log_per_song(20_000, &store, &clock).await;
    assert_eq!(again.write(&ann, "late", name(0)).await.0, 507);
    let larger = with_log_per_song(40_000, &store, &clock).await;
    assert_eq!(larger.write(&ann, "late", name(0)).await.0, 200);
}

#[tokio::test]
async fn w6_projects_that_are_opened_too_fast_are_put_off() {
    let (server, _, clock) = Server::in_memory().await;
    let ann = server.let_in("ann");
    server.project(&ann).await;
    let (mut socket, _) = server.open(&ann, None).await;
    let open = ClientMessage::Open { channel: 1, project: id("p"), resume: None };
    for _ in 1..OPEN_RATE.burst {
        socket.say(&open).await;
        assert!(matches!(socket.hear_edit().await, ServerMessage::Snapshot { .. }));
    }
    socket.say(&open).await;
    assert!(matches!(socket.hear_edit().await, ServerMessage::Denied { status: 503, .. }));
    clock.advance_ms(1_000);
    socket.say(&open).await;
    assert!(matches!(socket.hear_edit().await, ServerMessage::Snapshot { .. }));
}
