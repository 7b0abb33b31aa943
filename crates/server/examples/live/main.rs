//! How many small edits a second a running server makes durable and delivers, and what one costs it.
//!
//! `cargo run --release -p server --example live -- edits [CLIENTS] [SECONDS]`: clients on one project, each with a window of
//! edits on their way; an edit counts when its author has been told that it is durable and every other client has it.
//!
//! `… -- fanout [READERS] [SECONDS]`: one writer at 100 edits a second; how late each reader has them.
//!
//! `… -- idle [PROJECTS]`: what open rooms cost in memory, and what they do while nobody does anything.
//!
//! `… -- length [EDITS]`: whether an edit costs more the longer the log is.
//!
//! `… -- drain [EDITS]`: somebody comes back with edits of a day without a network; when all are durable and another has them.
//!
//! `… -- bare-edits …`, `… -- bare-fanout …`: the same of a server that only copies bytes, to see what the system takes.
//!
//! Starts `target/release/unisono` (or `$UNISONO`) on a folder of its own; figures come from `/proc`, so Linux only.
//! `benches/live/peers.sh` runs the same against others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement stops at the first surprise")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod bare;
mod reader;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use model::{Id, Table, fields};
use operations::{Operation, Transaction, build};
use serde_json::{Value, json};
use sync::wire::{ClientMessage, SUBPROTOCOL, ServerMessage, VERSION, decode, encode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use reader::Reader;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Edits of one client that are on their way at the same time.
const WINDOW: u64 = 256;
/// Edits in one frame.
const BATCH: u64 = 32;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// The server under measurement.
struct Server {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Server {
        let binary = std::env::var("UNISONO").unwrap_or_else(|_| "target/release/unisono".to_owned());
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("//").nth(1).unwrap().trim().trim_end_matches('/').to_owned();
        Server { child, address, _folder: folder }
    }

    fn usage(&self) -> Usage {
        usage(self.child.id())
    }

    fn memory(&self) -> f64 {
        self.usage().memory_mb
    }

    fn cpu(&self) -> f64 {
        self.usage().cpu_s
    }
}

/// What a process has used.
#[derive(Clone, Copy)]
struct Usage {
    /// Seconds of CPU, in user mode and in the kernel.
    cpu_s: f64,
    /// Resident memory, in megabytes.
    memory_mb: f64,
}

fn usage(process: u32) -> Usage {
    // sysconf(_SC_CLK_TCK) is 100 on every Linux that runs this.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let cpu_s = (after_name[11].parse::<f64>().unwrap() + after_name[12].parse::<f64>().unwrap()) / TICKS;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    Usage { cpu_s, memory_mb: kilobytes / 1_024.0 }
}

fn report_edits(clients: u64, total: u64, wall: Duration, before: Usage, after: Usage) {
    let (wall, cpu) = (wall.as_secs_f64(), after.cpu_s - before.cpu_s);
    println!(
        "{clients} clients: {total} edits, {:.0} a second, {:.1} µs of server CPU an edit, {:.0} % of a core, {:.0} MB",
        total as f64 / wall,
        cpu * 1e6 / total as f64,
        cpu / wall * 100.0,
        after.memory_mb
    );
}

/// How late edits were, in microseconds.
#[derive(Default)]
struct Late(Mutex<Vec<u64>>);

impl Late {
    fn add(&self, microseconds: u64) {
        self.0.lock().unwrap().push(microseconds);
    }

    /// Waits until so many have come.
    async fn wait_for(&self, count: u64) {
        let limit = Instant::now() + Duration::from_secs(30);
        while (self.0.lock().unwrap().len() as u64) < count {
            assert!(Instant::now() < limit, "not everything came");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn report_fanout(readers: u64, late: &Late, before: Usage, after: Usage, empty_mb: f64) {
    let mut late = late.0.lock().unwrap().clone();
    late.sort_unstable();
    let at = |part: f64| late[(late.len() as f64 * part) as usize] as f64 / 1_000.0;
    println!(
        "{readers} readers: {} deliveries, p50 {:.1} ms, p99 {:.1} ms, {:.3} s of CPU per 10,000, {:.0} MB ({empty_mb:.0} before them)",
        late.len(),
        at(0.5),
        at(0.99),
        (after.cpu_s - before.cpu_s) * 1e4 / late.len() as f64,
        after.memory_mb
    );
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Someone who is logged in.
#[derive(Clone)]
struct User {
    address: String,
    cookie: String,
    id: Id,
}

impl User {
    async fn sign_up(server: &Server, name: &str) -> User {
        let mut user = User { address: server.address.clone(), cookie: String::new(), id: Id::system() };
        let account = json!({"email": format!("{name}@example.com"), "password": "a long password", "name": name});
        let answer = user.post("/api/auth/signup", &account).await;
        user.id = id(answer["user"]["id"].as_str().unwrap());
        user
    }

    async fn post(&mut self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             cookie: {}\r\ncontent-length: {}\r\n\r\n",
            self.cookie,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 20"), "{answer}");
        if let Some(cookie) = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")) {
            cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        serde_json::from_str(body).unwrap_or_default()
    }

    /// A project of this user's with a track for each of `tracks`.
    async fn make_project(&mut self, project: &str, tracks: u64) {
        let mut operations = vec![build::create(Table::Projects, &id(project), fields([("name", "Bench".into())]))];
        for n in 0..tracks {
            let track = fields([("projectId", project.into()), ("name", "Track".into()), ("type", "audio".into())]);
            operations.push(build::create(Table::Tracks, &id(&format!("{project}-{n}")), track));
        }
        let tx_id = format!("make-{project}");
        let body = json!({"txId": tx_id, "authorId": self.id, "operations": operations, "clientTimestamp": 0});
        self.post("/api/realtime/write", &body).await;
    }

    /// So many people, who may edit this user's project.
    async fn invite(&mut self, server: &Server, project: &str, count: u64) -> Vec<User> {
        let mut people = Vec::new();
        for n in 0..count {
            let name = format!("person{n}");
            people.push(User::sign_up(server, &name).await);
            let body = json!({"email": format!("{name}@example.com"), "role": "editor"});
            self.post(&format!("/api/projects/{project}/members"), &body).await;
        }
        people
    }

    /// A socket that follows the project.
    async fn open(&self, project: &str) -> Socket {
        let mut request = format!("ws://{}/", self.address).into_client_request().unwrap();
        request.headers_mut().insert("cookie", self.cookie.parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let hello = ClientMessage::Hello { version: VERSION.into() };
        let open = ClientMessage::Open { channel: 1, project: id(project), resume: None };
        for message in [hello, open] {
            socket.send(Message::Binary(encode(&message).into())).await.unwrap();
        }
        loop {
            let Message::Binary(frame) = socket.next().await.unwrap().unwrap() else { continue };
            match decode::<ServerMessage>(&frame).unwrap() {
                ServerMessage::Snapshot { .. } => return socket,
                ServerMessage::Denied { message, .. } => panic!("{message}"),
                _ => {}
            }
        }
    }

    fn transaction(&self, name: &str, operation: Operation) -> Transaction {
        Transaction {
            tx_id: id(name),
            author_id: self.id.clone(),
            operations: vec![operation],
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        }
    }

    fn volume(&self, name: &str, track: &str, n: u64) -> Transaction {
        self.transaction(name, build::set(Table::Tracks, &id(track), "volume", (n % 200) as f64 / 100.0))
    }
}

async fn submit(sink: &mut SplitSink<Socket, Message>, transactions: Vec<Transaction>) {
    let message = ClientMessage::Submit { channel: 1, transactions };
    sink.send(Message::Binary(encode(&message).into())).await.unwrap();
}

/// What a client has heard.
#[derive(Default)]
struct Heard {
    acknowledged: AtomicU64,
    delivered: AtomicU64,
}

async fn hear(mut stream: SplitStream<Socket>, heard: Arc<Heard>, wake: Arc<tokio::sync::Notify>) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Binary(frame) = message else { continue };
        match decode::<ServerMessage>(&frame).unwrap() {
            ServerMessage::Acknowledged { tx_ids, .. } => {
                heard.acknowledged.fetch_add(tx_ids.len() as u64, Ordering::Relaxed);
                wake.notify_one();
            }
            ServerMessage::Commits { commits, .. } => {
                heard.delivered.fetch_add(commits.len() as u64, Ordering::Relaxed);
            }
            ServerMessage::Refused { message, .. } | ServerMessage::Denied { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
}

/// One client that edits until it is told to stop; how many edits it has sent.
async fn write(
    user: User,
    client: u64,
    mut sink: SplitSink<Socket, Message>,
    heard: Arc<Heard>,
    wake: Arc<tokio::sync::Notify>,
    until: Instant,
) -> (u64, SplitSink<Socket, Message>) {
    let (mut sent, track) = (0, format!("p-{client}"));
    while Instant::now() < until {
        if sent + BATCH > heard.acknowledged.load(Ordering::Relaxed) + WINDOW {
            wake.notified().await;
            continue;
        }
        let edits = (sent..sent + BATCH).map(|n| user.volume(&format!("{client}-{n}"), &track, n)).collect();
        submit(&mut sink, edits).await;
        sent += BATCH;
    }
    (sent, sink)
}

async fn edits(server: &Server, clients: u64, seconds: u64) {
    let mut owner = User::sign_up(server, "writer").await;
    owner.make_project("p", clients).await;
    // Each is a person: how fast one may write is limited.
    let people = owner.invite(server, "p", clients).await;
    let mut parts = Vec::new();
    for person in &people {
        parts.push(person.open("p").await.split());
    }
    let (begun, before) = (Instant::now(), server.usage());
    let until = begun + Duration::from_secs(seconds);
    let (mut writers, mut all_heard) = (Vec::new(), Vec::new());
    for ((client, (sink, stream)), user) in (0..).zip(parts).zip(people) {
        let (heard, wake) = (Arc::new(Heard::default()), Arc::new(tokio::sync::Notify::new()));
        tokio::spawn(hear(stream, Arc::clone(&heard), Arc::clone(&wake)));
        writers.push(tokio::spawn(write(user, client, sink, Arc::clone(&heard), wake, until)));
        all_heard.push(heard);
    }
    let (mut sent, mut sinks) = (Vec::new(), Vec::new());
    for writer in writers {
        let (count, sink) = writer.await.unwrap();
        sent.push(count);
        sinks.push(sink);
    }
    let total: u64 = sent.iter().sum();
    // Until everyone has everything.
    for (own, heard) in sent.iter().zip(&all_heard) {
        let limit = Instant::now() + Duration::from_secs(30);
        while heard.acknowledged.load(Ordering::Relaxed) < *own || heard.delivered.load(Ordering::Relaxed) < total - own
        {
            assert!(Instant::now() < limit, "not everything came");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    report_edits(clients, total, begun.elapsed(), before, server.usage());
}

async fn fanout(server: &Server, readers: u64, seconds: u64) {
    const EVERY: Duration = Duration::from_millis(10);
    const USERS: u64 = 8;
    let mut writer = User::sign_up(server, "writer").await;
    writer.make_project("p", 1).await;
    let people = writer.invite(server, "p", USERS).await;
    let (begun, empty) = (Instant::now(), server.memory());
    let late = Arc::new(Late::default());
    for n in 0..readers {
        let mut reader = Reader::open(&people[(n % USERS) as usize], "p").await;
        let late = Arc::clone(&late);
        tokio::spawn(async move {
            while let Some(frame) = reader.next().await {
                let now = begun.elapsed().as_micros() as u64;
                sent_at(frame, |sent| late.add(now - sent));
            }
        });
    }
    let (mut sink, mut stream) = writer.open("p").await.split();
    tokio::spawn(async move { while stream.next().await.is_some() {} });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = server.usage();
    let mut ticks = tokio::time::interval(EVERY);
    for n in 0..seconds * 100 {
        ticks.tick().await;
        let name = format!("at-{}", begun.elapsed().as_micros());
        submit(&mut sink, vec![writer.volume(&name, "p-0", n)]).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let after = server.usage();
    late.wait_for(readers * seconds * 100).await;
    report_fanout(readers, &late, before, after, empty);
}

/// The moments in the names of a frame's transactions: a text is written as its length and its bytes.
fn sent_at(frame: &[u8], mut tell: impl FnMut(u64)) {
    const BEGIN: &[u8] = b"at-";
    for at in 1..frame.len().saturating_sub(BEGIN.len()) {
        if !frame[at..].starts_with(BEGIN) {
            continue;
        }
        let name = frame.get(at + BEGIN.len()..at + usize::from(frame[at - 1]));
        let sent = name.and_then(|name| std::str::from_utf8(name).ok()).and_then(|name| name.parse().ok());
        if let Some(sent) = sent {
            tell(sent);
        }
    }
}

async fn idle(server: &Server, projects: u64) {
    let mut user = User::sign_up(server, "writer").await;
    for n in 0..projects {
        user.make_project(&format!("p{n}"), 4).await;
    }
    // Past the time after which a room without listeners goes.
    tokio::time::sleep(Duration::from_secs(65)).await;
    let retired = server.memory();
    for n in 0..projects {
        let body = json!({"txId": format!("again-{n}"), "authorId": user.id, "clientTimestamp": 0, "operations":
            [build::set(Table::Projects, &id(&format!("p{n}")), "bpm", 140.0)]});
        user.post("/api/realtime/write", &body).await;
    }
    let open = server.memory();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let cpu = server.cpu();
    tokio::time::sleep(Duration::from_secs(20)).await;
    println!(
        "{projects} projects: {:.0} MB with no room in memory, {:.0} MB with all of them ({:.1} KB each); idle for 20 s: {:.2} s of CPU",
        retired,
        open,
        (open - retired) * 1_024.0 / projects as f64,
        server.cpu() - cpu
    );
}

async fn drain(server: &Server, edits: u64) {
    let mut owner = User::sign_up(server, "writer").await;
    owner.make_project("p", 8).await;
    let other = owner.invite(server, "p", 1).await.remove(0);
    let (mut sink, stream) = owner.open("p").await.split();
    let (others_sink, others_stream) = other.open("p").await.split();
    let (heard, told) = (Arc::new(Heard::default()), Arc::new(Heard::default()));
    let wake = Arc::new(tokio::sync::Notify::new());
    tokio::spawn(hear(stream, Arc::clone(&heard), Arc::clone(&wake)));
    tokio::spawn(hear(others_stream, Arc::clone(&told), wake));
    let begun = Instant::now();
    for first in (0..edits).step_by(BATCH as usize) {
        let some = first..(first + BATCH).min(edits);
        submit(&mut sink, some.map(|n| owner.volume(&format!("d-{n}"), &format!("p-{}", n % 8), n)).collect()).await;
    }
    let limit = begun + Duration::from_secs(30);
    while heard.acknowledged.load(Ordering::Relaxed) < edits || told.delivered.load(Ordering::Relaxed) < edits {
        assert!(Instant::now() < limit, "not everything came");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("{edits} edits that waited: durable, and with the other, after {:.3} s", begun.elapsed().as_secs_f64());
    drop((sink, others_sink));
}

async fn length(server: &Server, most: u64) {
    /// A little less than one person may write.
    const EDITS_A_SECOND: f64 = 18_000.0;
    let begun = Instant::now();
    let mut user = User::sign_up(server, "writer").await;
    user.make_project("p", 1).await;
    let (mut sink, stream) = user.open("p").await.split();
    let (heard, wake) = (Arc::new(Heard::default()), Arc::new(tokio::sync::Notify::new()));
    tokio::spawn(hear(stream, Arc::clone(&heard), Arc::clone(&wake)));
    let (mut sent, mut step, mut cpu, mut from) = (0, most / 10, server.cpu(), 0);
    while sent < most {
        while sent + BATCH > heard.acknowledged.load(Ordering::Relaxed) + WINDOW {
            wake.notified().await;
        }
        tokio::time::sleep_until((begun + Duration::from_secs_f64(sent as f64 / EDITS_A_SECOND)).into()).await;
        let edits = (sent..sent + BATCH).map(|n| user.volume(&format!("e-{n}"), "p-0", n)).collect();
        submit(&mut sink, edits).await;
        sent += BATCH;
        if sent >= step {
            let now = server.cpu();
            println!("up to {sent} entries: {:.1} µs of server CPU an edit", (now - cpu) * 1e6 / (sent - from) as f64);
            (cpu, from, step) = (now, sent, step + most / 10);
        }
    }
    drop(sink);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = arguments.first().map(String::as_str);
    if mode == Some("bare-server") {
        return bare::serve();
    }
    let number = |index: usize, default: u64| arguments.get(index).map_or(default, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match mode {
            Some("edits") => edits(&Server::start(), number(1, 8), number(2, 5)).await,
            Some("fanout") => fanout(&Server::start(), number(1, 200), number(2, 5)).await,
            Some("idle") => idle(&Server::start(), number(1, 1_000)).await,
            Some("drain") => drain(&Server::start(), number(1, 1_000)).await,
            Some("length") => length(&Server::start(), number(1, 1_000_000)).await,
            Some("bare-edits") => bare::edits(number(1, 8) as usize, number(2, 5)).await,
            Some("bare-fanout") => bare::fanout(number(1, 200), number(2, 5)).await,
            _ => panic!("edits, fanout, idle, length, drain, bare-edits or bare-fanout"),
        }
    });
}
