//! The `unisono` binary as a process: how it starts, what it says when it cannot, how it ends.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod connections;
mod links;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_unisono");
/// No server takes so long to close what it is going to close, or to end: a read that does is a test that fails.
const NEVER: Duration = Duration::from_secs(60);
/// For this test only: a certificate of `localhost` that nobody trusts, and its key.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/process/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/process/key.pem");

/// `unisono` without the settings of whoever runs the test.
fn unisono(args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args);
    quiet(command)
}

/// A command without the settings of whoever runs the test, heard by nobody else.
fn quiet(mut command: Command) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("UNISONO_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(args: &[&str]) -> Output {
    unisono(args).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server that ends with the test.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.split("//").nth(1).and_then(|rest| rest.split('/').next()).map(str::to_owned);
        let address = address.unwrap_or_else(|| {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it did not start: {line}{said}")
        });
        // A full pipe would hold the server up.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let mut errors = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        Running { child, address }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        ask(&mut stream, path)
    }

    #[cfg(unix)]
    fn terminate(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < NEVER, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(stream: &mut (impl Read + Write), path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A TLS peer may end without saying so; what was said before counts.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn serve(data: &Path) -> Command {
    unisono(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()])
}

/// TLS with the test's server, which is asked for one of these protocols.
fn tls(stream: TcpStream, protocols: &[&[u8]]) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    use rustls::pki_types::pem::PemObject as _;
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(CERTIFICATE).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let connection = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    rustls::StreamOwned::new(connection, stream)
}

#[test]
#[cfg(unix)]
fn it_starts_serves_and_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(serve(folder.path()));
    assert!(server.get("/health/ready").starts_with("HTTP/1.1 200 OK"));
    assert_eq!(server.terminate(), Some(0));
    let wal = folder.path().join("unisono.sqlite-wal");
    assert!(
        std::fs::metadata(&wal).map_or(0, |it| it.len()) == 0,
        "the write-ahead log has been moved into the database"
    );
    // And again over what it left.
    let server = Running::start(serve(folder.path()));
    assert!(server.get("/login").contains("<form method=\"post\""));
}

#[test]
#[cfg(unix)]
fn the_data_folder_is_nobody_elses_business() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let _server = Running::start(serve(&data));
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_environment_and_a_file_configure_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unisono.toml");
    std::fs::write(&file, format!("data = {:?}\nsignup = \"closed\"\nlisten = \"127.0.0.1:1\"\n", folder.path()))
        .unwrap();
    let mut command = unisono(&["serve", "--config", file.to_str().unwrap()]);
    command.env("UNISONO_LISTEN", "127.0.0.1:0");
    let server = Running::start(command);
    assert!(folder.path().join("unisono.sqlite").exists());
    assert!(!server.get("/login").contains("/signup"), "sign-up is closed");
}

#[test]
fn it_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    command.args(["--tls-cert", CERTIFICATE, "--tls-key", KEY]);
    let server = Running::start(command);
    let mut stream = tls(TcpStream::connect(&server.address).unwrap(), &[]);
    let answer = ask(&mut stream, "/health/ready");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[test]
fn it_says_why_it_cannot_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = output(&["serve", "--listen", &address, "--data", data]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains(&format!("cannot listen on {address}")), "{}", errors(&refused));

    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    let below = file.join("data");
    let refused = output(&["serve", "--listen", "127.0.0.1:0", "--data", below.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("cannot write the data folder"), "{}", errors(&refused));

    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("unisono.sqlite"), "not a database at all, but long enough to look at".repeat(30))
        .unwrap();
    let refused = output(&["serve", "--listen", "127.0.0.1:0", "--data", other.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("not a database"), "{}", errors(&refused));

    let refused = output(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--tls-cert", CERTIFICATE]);
    assert!(errors(&refused).contains("--tls-cert needs --tls-key"), "{}", errors(&refused));
    let nowhere = ["serve", "--listen", "127.0.0.1:0", "--data", data, "--tls-cert", "/nowhere", "--tls-key", KEY];
    assert!(errors(&output(&nowhere)).contains("/nowhere"));
    assert!(!errors(&output(&nowhere)).contains("panicked"));
}

#[test]
fn w6_the_head_of_a_request_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(serve(folder.path()));
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let long = "x".repeat(server::limits::HEADER_BYTES_MAX + 1);
    // The server may hang up before all of it is sent.
    let _ = write!(stream, "GET / HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(server.get("/health/live").starts_with("HTTP/1.1 200 OK"), "the server goes on");
}

#[test]
fn migrating_says_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let said = |output: Output| String::from_utf8(output.stdout).unwrap();
    assert!(said(output(&["migrate", "--data", data])).contains("was made"));
    assert!(said(output(&["migrate", "--data", data])).contains("already"));
}

#[test]
fn help_names_every_command_and_a_wrong_line_is_2() {
    let help = String::from_utf8(output(&["--help"]).stdout).unwrap();
    for command in ["serve", "migrate", "invite", "reset-password", "render", "peaks", "archive"] {
        assert!(help.contains(command), "{help}");
        let of_command = output(&[command, "--help"]);
        assert!(of_command.status.success() && !of_command.stdout.is_empty(), "{command}");
    }
    assert_eq!(output(&["serve", "--listen", "nonsense"]).status.code(), Some(2));
    assert_eq!(output(&["dance"]).status.code(), Some(2));
}
