//! Connections to the real server: sockets on them, and silence.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::{CERTIFICATE, KEY, NEVER, Running, ask, serve, tls};

fn with_tls(mut command: Command) -> Command {
    command.args(["--tls-cert", CERTIFICATE, "--tls-key", KEY]);
    command
}

/// A connection on which a read ends after a while, one way or the other.
fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(NEVER)).unwrap();
    stream
}

/// Makes an account; its cookie.
fn sign_up(stream: &mut (impl Read + Write)) -> String {
    let body = r#"{"email": "ada@example.com", "password": "password", "name": "Ada"}"#;
    write!(
        stream,
        "POST /api/auth/signup HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let cookie =
        answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_else(|| panic!("{answer}"));
    cookie.split(';').next().unwrap().to_owned()
}

/// Says something on a WebSocket, and is answered.
fn talk(stream: impl Read + Write, cookie: &str) {
    let mut request = "ws://localhost/api/realtime".into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    let (mut socket, _) = match tungstenite::client(request, stream) {
        Ok(connected) => connected,
        Err(error) => panic!("{error}"),
    };
    socket.send(Message::text(r#"{"type": "subscribe", "key": "nonsense"}"#)).unwrap();
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return assert!(text.contains("\"error\""), "{text}"),
            Message::Close(close) => panic!("{close:?}"),
            _ => {}
        }
    }
}

#[test]
fn a_websocket_is_talked_over_in_plain_and_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(serve(folder.path()));
    let cookie = sign_up(&mut connect(&server));
    talk(connect(&server), &cookie);
    drop(server);

    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(with_tls(serve(folder.path())));
    let cookie = sign_up(&mut tls(connect(&server), &[]));
    talk(tls(connect(&server), &[b"http/1.1"]), &cookie);
}

#[test]
fn w6_whoever_sends_nothing_is_hung_up_on_in_plain_and_over_tls() {
    let short = |mut command: Command| {
        command.args(["--idle-timeout", "1"]);
        command
    };
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(short(serve(folder.path())));
    let mut silent = connect(&server);
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0, "a connection that sends nothing");
    let mut idle = connect(&server);
    idle.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    idle.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("live\n"), "{answer}");
    drop(server);

    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(short(with_tls(serve(folder.path()))));
    let mut silent = connect(&server);
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0, "a connection that does not even begin TLS");
    for protocol in [&b"http/1.1"[..], b"h2"] {
        let mut shaken = tls(connect(&server), &[protocol]);
        shaken.conn.complete_io(&mut shaken.sock).unwrap();
        let mut rest = Vec::new();
        // HTTP/2 begins with a word of the server; then it hangs up, over TLS perhaps without a goodbye.
        if let Err(error) = shaken.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{protocol:?}: {error}");
        }
    }
    assert!(ask(&mut tls(connect(&server), &[]), "/health/live").starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn http2_is_spoken_with_those_who_ask_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(with_tls(serve(folder.path())));
    let mut stream = tls(connect(&server), &[b"h2", b"http/1.1"]);
    stream.conn.complete_io(&mut stream.sock).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
    // The client's preface and its settings, none (RFC 9113, "HTTP/2").
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[3], 4, "the server's settings come first");
}

#[test]
#[cfg(unix)]
fn w6_a_crowd_leaves_file_descriptors_for_the_database() {
    let folder = tempfile::tempdir().unwrap();
    // The server may have 64 files open: half of them for connections.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\""]);
    limited.args([crate::BINARY, folder.path().to_str().unwrap()]);
    let server = Running::start(crate::quiet(limited));
    let crowd: Vec<TcpStream> = (0..64).map(|_| connect(&server)).collect();
    let (mut turned_away, mut waiting, begun) = (0, crowd.iter().collect::<Vec<_>>(), Instant::now());
    while turned_away < 32 {
        assert!(begun.elapsed() < NEVER, "{turned_away}");
        waiting.retain(|stream| {
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let mut stream = *stream;
            let hears = matches!(stream.read(&mut [0; 12]), Ok(12));
            turned_away += usize::from(hears);
            !hears
        });
    }
    for stream in &crowd {
        let _ = stream.shutdown(Shutdown::Both);
    }
    drop(crowd);
    // The places are free as soon as the server has seen that they are left.
    let begun = Instant::now();
    while !server.get("/health/ready").starts_with("HTTP/1.1 200 OK") {
        assert!(begun.elapsed() < NEVER, "the server goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}
