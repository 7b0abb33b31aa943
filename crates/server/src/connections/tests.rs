//! Connections that say little, or nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const IDLE: Duration = Duration::from_secs(30);

/// A server of one page, until the token is cancelled.
async fn start(limits: Limits) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let router = Router::new().route("/", get(async || "here")).route("/slow", get(std::future::pending::<()>));
    let serving = serve(async move || listener.accept().await, None, router, limits, stop.clone());
    (address, stop, tokio::spawn(serving))
}

/// What comes until the other side closes, with time moved on as far as nothing else happens.
async fn until_closed(stream: &mut TcpStream) -> Option<String> {
    // The server is given the time to see what was sent before time is moved.
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::time::pause();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(CONNECTION_SILENCE_MAX * 3, stream.read_to_end(&mut answer)).await;
    tokio::time::resume();
    closed.ok()?.ok()?;
    Some(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn w6_a_connection_that_sends_no_request_is_closed() {
    let (address, stop, serving) = start(Limits { idle: IDLE, ..Limits::new(10) }).await;
    for sent in ["", "GET /", "GET / HTTP/1.1\r\nhost: x"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.is_some(), "{sent:?} holds a connection");
    }
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn w6_a_connection_that_lies_idle_after_an_answer_is_closed() {
    let (address, stop, serving) = start(Limits { idle: IDLE, ..Limits::new(10) }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = until_closed(&mut stream).await.expect("it is closed");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("here"), "{answer}");
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn w6_a_connection_on_which_no_byte_goes_is_closed_even_while_a_request_is_answered() {
    let (address, stop, serving) = start(Limits { idle: IDLE, ..Limits::new(10) }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(until_closed(&mut stream).await.as_deref(), Some(""));
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn w6_one_connection_too_many_is_told_so() {
    let (address, stop, serving) = start(Limits { per_address: 1, ..Limits::new(10) }).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut start_of_answer = [0; 15];
    first.read_exact(&mut start_of_answer).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 ") && body.contains("too many connections"), "{answer}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{answer}");
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn running_out_of_file_descriptors_is_survived() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failures = Arc::new(AtomicUsize::new(0));
    let failed = Arc::clone(&failures);
    let accept = async move || {
        // EMFILE, twice; then there is room again.
        match failed.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(io::Error::from_raw_os_error(24)),
            _ => listener.accept().await,
        }
    };
    let stop = CancellationToken::new();
    let router = Router::new().route("/", get(async || "here"));
    let serving = tokio::spawn(serve(accept, None, router, Limits::new(10), stop.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("here"), "{answer}");
    assert!(failures.load(Ordering::SeqCst) >= 3);
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn the_end_does_not_wait_for_connections_that_ask_for_nothing() {
    let (address, stop, serving) = start(Limits::new(10)).await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut start_of_answer = [0; 15];
    idle.read_exact(&mut start_of_answer).await.unwrap();
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    stop.cancel();
    serving.await.unwrap();
    // Paused time moves only when everybody waits for it.
    assert!(before.elapsed() < SHUTDOWN_GRACE, "the end has waited");
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.unwrap();
    idle.read_to_end(&mut rest).await.unwrap();
}
