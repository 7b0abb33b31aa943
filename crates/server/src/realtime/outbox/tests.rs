use futures_util::StreamExt as _;
use sync::wire;
use sync::wire::text::Update;
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::super::limits::OUTBOX_FRAMES_MAX;
use super::super::queue::tests::commit;
use super::*;

/// A box, its task's end, and the other side of the wire, which holds so many bytes.
fn line(bytes: usize) -> (Outbox, OutboxTask, DuplexStream, CancellationToken) {
    let (near, far) = tokio::io::duplex(bytes);
    let cut = CancellationToken::new();
    let (outbox, task) = outbox(WriteHalf::Wrapped(Box::pin(near)), cut.clone());
    (outbox, task, far, cut)
}

/// Does what the socket's task does until there is something to do for it.
fn run(mut task: OutboxTask) -> tokio::task::JoinHandle<(Work, OutboxTask)> {
    tokio::spawn(async move { (task.work().await, task) })
}

async fn listen(far: DuplexStream) -> WebSocketStream<DuplexStream> {
    WebSocketStream::from_raw_socket(far, Role::Client, None).await
}

async fn hear(far: &mut WebSocketStream<DuplexStream>) -> ServerMessage {
    match far.next().await {
        Some(Ok(Message::Binary(frame))) => wire::decode(&frame).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn seqs(far: &mut WebSocketStream<DuplexStream>) -> Vec<u64> {
    match hear(far).await {
        ServerMessage::Commits { commits, .. } => commits.iter().map(|commit| commit.seq).collect(),
        other => panic!("{other:?}"),
    }
}

fn one(seq: u64, bytes: usize) -> EncodedCommits {
    EncodedCommits::of([&commit(seq, bytes)])
}

fn pong(nonce: u32) -> ServerMessage {
    ServerMessage::Pong { nonce }
}

#[tokio::test]
async fn what_is_said_is_written_without_the_sockets_task() {
    let (outbox, _task, mut far, _) = line(1_024);
    assert!(outbox.message(&pong(7)));
    let mut frame = [0; 64];
    let read = far.read(&mut frame).await.unwrap();
    assert_eq!(frame[2..read], wire::encode(&pong(7)), "nobody but the speaker has run");
}

#[tokio::test]
async fn ps4_what_the_system_does_not_take_is_written_by_the_task_in_order() {
    const PONGS: u32 = 1_000;
    let (outbox, task, far, _) = line(16);
    let running = run(task);
    for nonce in 0..PONGS {
        assert!(outbox.message(&pong(nonce)));
    }
    assert!(outbox.commits(1, &one(1, 3 * COPIED_BYTES_MAX), 0..1) && outbox.is_behind());
    assert!(outbox.push(Outgoing::Goodbye));
    let mut far = listen(far).await;
    for nonce in 0..PONGS {
        assert_eq!(hear(&mut far).await, pong(nonce));
    }
    assert_eq!(seqs(&mut far).await, [1]);
    let (work, task) = running.await.unwrap();
    assert!(matches!(work, Work::Goodbye), "{work:?}");
    assert!(!outbox.is_behind());
    let closing = tokio::spawn(task.close(1000, "goodbye"));
    let Some(Ok(Message::Close(Some(why)))) = far.next().await else { panic!("no reason") };
    assert_eq!((u16::from(why.code), why.reason.as_str()), (1000, "goodbye"));
    closing.await.unwrap();
    assert!(!outbox.message(&pong(0)), "nobody writes any more");
}

#[tokio::test]
async fn ps4_much_at_once_is_left_to_the_task() {
    let (outbox, task, far, _) = line(4 * WRITTEN_BY_ROOM_BYTES);
    let large = Bytes::from(vec![0; WRITTEN_BY_ROOM_BYTES + 1]);
    assert!(outbox.push(Outgoing::Binary(large.clone())));
    assert_eq!(outbox.0.line().queue.len(), 1, "the room does not write it");
    let running = run(task);
    let mut far = listen(far).await;
    let Some(Ok(Message::Binary(frame))) = far.next().await else { panic!("no frame") };
    assert_eq!(frame, large);
    running.abort();
}

#[tokio::test]
async fn ps4_a_slow_reader_is_cut_off() {
    let (outbox, _task, _far, cut) = line(16);
    let said = (0..OUTBOX_FRAMES_MAX * 2).filter(|_| outbox.push(Outgoing::Text("x".repeat(16)))).count();
    assert!((OUTBOX_FRAMES_MAX..=OUTBOX_FRAMES_MAX + 1).contains(&said), "{said}: one may be on its way");
    assert!(cut.is_cancelled());
    assert!(!outbox.push(Outgoing::Ping), "once cut, always cut: what was lost cannot be skipped");
}

#[tokio::test]
async fn a_connection_that_broke_is_the_tasks_to_end() {
    let (outbox, task, far, _) = line(16);
    drop(far);
    outbox.message(&pong(1));
    let (work, task) = run(task).await.unwrap();
    assert!(matches!(work, Work::Broken), "{work:?}");
    drop(task);
    assert!(!outbox.message(&pong(2)));
}

#[tokio::test]
async fn nothing_overtakes_a_snapshot() {
    let (outbox, mut task, far, _) = line(1_024);
    let records = model::Records::new();
    let room = Room::new(operations::Scope::Project(model::Id::system()), model::Id::system(), 5, records);
    assert!(outbox.message(&pong(1)));
    assert!(outbox.push(Outgoing::Snapshot { channel: 1, room }));
    assert!(outbox.message(&pong(3)));
    let Work::Snapshot { channel, .. } = task.work().await else { panic!("no snapshot") };
    assert!(outbox.message(&pong(4)), "said while it is being made");
    let frame = wire::encode(&pong(2));
    task.made(&frame[..1], Bytes::copy_from_slice(&frame[1..]));
    assert_eq!(channel, 1);
    let running = run(task);
    let mut far = listen(far).await;
    for nonce in 1..=4 {
        assert_eq!(hear(&mut far).await, pong(nonce));
    }
    running.abort();
}

#[tokio::test]
async fn ps4_a_frame_that_is_ready_goes_in_its_turn() {
    let (outbox, task, far, _) = line(16);
    let tell = |seq: u64, bytes: usize| {
        let commits = one(seq, bytes);
        outbox.news(1, &commits, commits.ready_frame(1).as_ref(), Instant::now())
    };
    assert!(tell(1, 1) && tell(2, 1), "the first is under way, the second waits");
    assert!(outbox.message(&pong(3)) && tell(4, 1) && tell(5, WRITTEN_BY_ROOM_BYTES));
    let (running, mut far) = (run(task), listen(far).await);
    assert_eq!((seqs(&mut far).await, seqs(&mut far).await), (vec![1], vec![2]));
    assert_eq!(hear(&mut far).await, pong(3));
    assert_eq!(seqs(&mut far).await, [4, 5]);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn ps5_news_go_at_once_when_idle_and_together_when_there_are_many() {
    let (outbox, task, far, _) = line(64 * 1_024);
    let (running, mut far) = (run(task), listen(far).await);
    tokio::task::yield_now().await;
    let start = Instant::now();
    outbox.commits(1, &one(1, 1), 0..1);
    assert_eq!(seqs(&mut far).await, [1]);
    assert_eq!(start.elapsed(), std::time::Duration::ZERO, "nobody waits for company that may not come");
    outbox.commits(1, &one(2, 1), 0..1);
    tokio::task::yield_now().await;
    outbox.commits(1, &one(3, 1), 0..1);
    assert_eq!((seqs(&mut far).await, start.elapsed()), (vec![2, 3], NEWS_EVERY));
    // An answer does not wait, nor what is before it.
    outbox.commits(1, &one(4, 1), 0..1);
    outbox.message(&pong(1));
    assert_eq!(seqs(&mut far).await, [4]);
    assert_eq!(hear(&mut far).await, pong(1));
    assert_eq!(start.elapsed(), NEWS_EVERY);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn ps2_versions_that_were_asked_for_do_not_wait_as_news_do() {
    let (outbox, _task, far, _) = line(64 * 1_024);
    let mut far = listen(far).await;
    let update = |key: &str, version: u64| Update { key: key.to_owned(), version };
    let start = Instant::now();
    // Told of before, or news: what was asked for goes at once, and takes along what waits.
    assert!(outbox.notice(&Notice::Updates { updates: vec![update("tracks:a", 1)] }));
    assert!(outbox.say(|queue| queue.answer(vec![update("tracks:b", 1)])));
    assert!(outbox.say(|queue| queue.answer(vec![update("tracks:b", 1)])));
    assert!(outbox.notice(&Notice::Updates { updates: vec![update("tracks:a", 2)] }));
    assert_eq!(outbox.0.line().queue.len(), 1, "news wait for more of their kind");
    assert!(outbox.say(|queue| queue.answer(vec![update("tracks:c", 7)])));
    assert_eq!((outbox.0.line().queue.len(), start.elapsed()), (0, std::time::Duration::ZERO));
    let mut told = Vec::new();
    for _ in 0..4 {
        match far.next().await {
            Some(Ok(Message::Text(text))) => told.push(text.to_string()),
            other => panic!("{other:?}"),
        }
    }
    let text = |updates: Vec<Update>| serde_json::to_string(&Notice::Updates { updates }).unwrap();
    let [a, b] = [vec![update("tracks:a", 1)], vec![update("tracks:b", 1)]];
    let last = vec![update("tracks:a", 2), update("tracks:c", 7)];
    assert_eq!(told, [text(a), text(b.clone()), text(b), text(last)]);
}
