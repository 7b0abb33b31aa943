//! The commands of the `unisono` binary that are no server; and a server that is killed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod backups;
mod exports;
mod strangers;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use media::wav::{BitDepth, Writer};
use serde_json::{Value, json};
use sha2::Digest as _;

fn unisono(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unisono"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("UNISONO_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = unisono(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn write_wav(path: &Path, seconds: usize) {
    let mut writer = Writer::new(File::create(path).unwrap(), 48_000, 2, BitDepth::I16, None).unwrap();
    let second: Vec<f32> = (0..48_000).map(|n| if n % 96 < 48 { 0.25 } else { -0.25 }).collect();
    for _ in 0..seconds {
        writer.write_planar(&[&second, &second]).unwrap();
    }
    writer.finish().unwrap();
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).into_os_string().into_string().unwrap()
    }
}

#[test]
fn render_and_peaks_succeed_with_0_and_say_what_they_did() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("project/audio")).unwrap();
    write_wav(&folder.path("project/audio/f.wav"), 2);
    let document = json!({"format": "unisono", "version": 1, "projectId": "p", "recordMap": {
        "projects": {"p": {"id": "p", "version": 1, "name": "P"}},
        "tracks": {"t": {"id": "t", "version": 1, "projectId": "p", "name": "T", "type": "audio"}},
        "clips": {"c": {"id": "c", "version": 1, "trackId": "t", "name": "C", "startBeat": 1, "durationBeats": 2, "audioFileId": "f"}},
        "audio_files": {"f": {"id": "f", "version": 1, "projectId": "p", "filename": "f.wav", "contentHash": "0".repeat(64), "sizeBytes": 1}},
    }});
    fs::write(folder.path("project/project.json"), document.to_string()).unwrap();
    let (project, mix) = (folder.text("project"), folder.text("mix.wav"));
    let (code, said, errors) = output(&["render", &project, "-o", &mix, "--bits", "24", "--json"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let summary: Value = serde_json::from_str(&said).unwrap();
    // Three beats at 120 to the minute.
    assert_eq!(
        (&summary["frames"], &summary["sampleRate"], &summary["over"]),
        (&json!(72_000), &json!(48_000), &json!(0))
    );
    assert!((summary["peakDb"].as_f64().unwrap() + 12.04).abs() < 0.01, "{summary}");

    let peaks = folder.text("mix.json");
    assert_eq!(output(&["peaks", &mix, "-o", &peaks, "-z", "1000", "-b", "8"]).0, Some(0));
    let peaks: Value = serde_json::from_str(&fs::read_to_string(peaks).unwrap()).unwrap();
    assert_eq!((&peaks["length"], &peaks["bits"]), (&json!(72), &json!(8)));
}

#[test]
fn failures_end_with_1_and_a_reason_and_wrong_command_lines_with_2() {
    let folder = Folder::new();
    let (absent, out) = (folder.text("absent"), folder.text("out.wav"));
    for (arguments, reason) in [
        (vec!["render", &absent, "-o", &out], "project.json"),
        (vec!["peaks", &absent, "-o", "out.dat"], "absent"),
        (vec!["archive", "p", "-o", &out, "--data", &absent], "there is no database"),
        (vec!["archive", "../p", "-o", &out, "--data", &absent], "'../p'"),
    ] {
        let (code, said, errors) = output(&arguments);
        assert_eq!((code, said.as_str()), (Some(1), ""), "{arguments:?}: {errors}");
        assert!(errors.contains(reason) && !errors.contains("panicked"), "{arguments:?}: {errors}");
        assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 0, "{arguments:?} leaves nothing");
    }
    for arguments in
        [vec!["render"], vec!["render", "x", "-o", "y", "--bits", "12"], vec!["peaks", "x"], vec!["archive"]]
    {
        assert_eq!(output(&arguments).0, Some(2), "{arguments:?}");
    }
    for command in ["serve", "render", "peaks", "archive", "migrate", "backup", "restore"] {
        let (code, said, _) = output(&[command, "--help"]);
        assert!(code == Some(0) && said.contains("Usage"), "{command}");
    }
}

/// A server as a process.
struct Server {
    child: Child,
    address: String,
    cookie: String,
}

impl Server {
    fn start(data: &str) -> Server {
        let mut child = unisono(&["serve", "--listen", "127.0.0.1:0", "--data", data]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut log = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let address =
            line.split("//").nth(1).unwrap_or_else(|| panic!("{line}")).trim().trim_end_matches('/').to_owned();
        Server { child, address, cookie: String::new() }
    }

    /// Status and body; keeps the cookie that it is given.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (length, cookie) = (body.len(), &self.cookie);
        let head = "connection: close\r\nhost: localhost\r\ncontent-type: application/json";
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{head}\r\ncookie: {cookie}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let set = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        if let Some(cookie) = set.and_then(|value| value.split(';').next()) {
            self.cookie = cookie.to_owned();
        }
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    /// Sends the first `count` bytes of a file of `bytes`, and returns the stream with what follows unsaid.
    fn begin_upload(&self, url: &str, bytes: &[u8], count: usize) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "PUT {url} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            bytes.len()
        )
        .unwrap();
        stream.write_all(&bytes[..count]).unwrap();
        stream
    }

    fn upload_url(&mut self) -> String {
        let (status, answer) = self.ask("POST", "/api/audio-files/f/upload", "{}");
        assert_eq!(status, 200, "{answer}");
        answer["url"].as_str().unwrap().to_owned()
    }

    fn state(&mut self) -> String {
        let (_, answer) = self.ask("GET", "/api/projects/p/records", "");
        answer["recordMap"]["audio_files"]["f"]["state"].as_str().unwrap_or("absent").to_owned()
    }

    fn kill(mut self) -> String {
        // SIGKILL: it hears nothing of it.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::take(&mut self.cookie)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn incoming(folder: &Folder) -> usize {
    fs::read_dir(folder.path("data/blobs/incoming")).map_or(0, Iterator::count)
}

/// Makes what is half written look as if nobody had written to it for an hour.
fn age(folder: &Folder) {
    for entry in fs::read_dir(folder.path("data/blobs/incoming")).unwrap() {
        let file = File::options().write(true).open(entry.unwrap().path()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60 * 60)).unwrap();
    }
}

fn until(within: Duration, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < within, "it did not come to hold");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ex3_a_server_killed_in_an_upload_in_a_job_and_in_an_export_finishes_them_afterwards() {
    let folder = Folder::new();
    let data = folder.text("data");
    write_wav(&folder.path("long.wav"), 240);
    let bytes = fs::read(folder.path("long.wav")).unwrap();
    let hash: String = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();

    let mut server = Server::start(&data);
    let account = r#"{"email":"ann@example.com","password":"a long password","name":"Ann"}"#;
    let user = server.ask("POST", "/api/auth/signup", account).1["user"]["id"].clone();
    let make = |table: &str, id: &str, value: Value| json!({"type": "set", "table": table, "id": id, "key": "", "value": value});
    let file =
        json!({"id": "f", "projectId": "p", "filename": "long.wav", "contentHash": hash, "sizeBytes": bytes.len()});
    let operations = json!([make("projects", "p", json!({"id": "p", "name": "P"})), make("audio_files", "f", file)]);
    let body = json!({"txId": "t", "authorId": user, "operations": operations, "clientTimestamp": 0});
    assert_eq!(server.ask("POST", "/api/realtime/write", &body.to_string()).0, 200);

    let url = server.upload_url();
    let half = server.begin_upload(&url, &bytes, bytes.len() / 2);
    until(Duration::from_secs(60), || incoming(&folder) == 1);
    let cookie = server.kill();
    drop(half);
    assert_eq!(incoming(&folder), 1, "a killed process leaves what it was writing");
    age(&folder);

    let mut server = Server::start(&data);
    server.cookie = cookie;
    assert_eq!(incoming(&folder), 0, "the next one clears it away");
    assert_eq!(server.state(), "awaiting");
    // The old URL is still good: its key is kept.
    let mut whole = server.begin_upload(&url, &bytes, bytes.len());
    let mut answer = String::new();
    whole.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    // Its worker has just taken the job, or is about to.
    let cookie = server.kill();

    let mut server = Server::start(&data);
    server.cookie = cookie;
    until(Duration::from_secs(60), || server.state() == "ready");
    let archive = folder.text("archive");
    let (code, said, errors) = output(&["archive", "p", "-o", &archive, "--data", &data, "--json"]);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["audioFiles"], 1);
    assert!(fs::read(folder.path("archive/audio/f.wav")).unwrap() == bytes, "while the server runs, too");
    let again = output(&["archive", "p", "-o", &archive, "--data", &data]);
    assert!(again.0 == Some(1) && again.2.contains("not empty"), "{again:?}");

    let clip =
        json!({"id": "c", "trackId": "t", "name": "C", "startBeat": 0, "durationBeats": 480, "audioFileId": "f"});
    let track = json!({"id": "t", "projectId": "p", "name": "T", "type": "audio"});
    let operations = json!([make("tracks", "t", track), make("clips", "c", clip)]);
    let body = json!({"txId": "u", "authorId": user, "operations": operations, "clientTimestamp": 0});
    assert_eq!(server.ask("POST", "/api/realtime/write", &body.to_string()).0, 200);
    exports::killed_in_the_middle_of_one(&folder, server);
}
