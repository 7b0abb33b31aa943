//! The least that a server can do: whatever one connection sends goes to all others, over plain TCP, looked at by nobody.
//! What is left is what the system takes, which no server comes below.

use std::cell::RefCell;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::{BATCH, Late, WINDOW, report_edits, report_fanout, usage};

/// Bytes of an edit: as many as one of ours has.
const FRAME_BYTES: usize = 100;
/// What is read at a time.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// A connection's other end, and what waits for it.
struct Peer {
    stream: Rc<TcpStream>,
    waiting: RefCell<Vec<u8>>,
    more: Notify,
}

impl Peer {
    /// Sends at once as much as goes, and leaves the rest to the connection's own task.
    fn send(&self, bytes: &[u8]) {
        let mut waiting = self.waiting.borrow_mut();
        let written = if waiting.is_empty() { self.stream.try_write(bytes).unwrap_or(0) } else { 0 };
        if written < bytes.len() {
            waiting.extend_from_slice(&bytes[written..]);
            self.more.notify_one();
        }
    }

    async fn send_waiting(&self) {
        loop {
            self.more.notified().await;
            while !self.waiting.borrow().is_empty() {
                if self.stream.writable().await.is_err() {
                    return;
                }
                let mut waiting = self.waiting.borrow_mut();
                let written = self.stream.try_write(&waiting).unwrap_or(0);
                waiting.drain(..written);
            }
        }
    }
}

/// The server: on one thread, until it is killed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let here = tokio::task::LocalSet::new();
    here.block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let peers: Rc<RefCell<Vec<Rc<Peer>>>> = Rc::default();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let peer =
                Rc::new(Peer { stream: Rc::new(stream), waiting: RefCell::new(Vec::new()), more: Notify::new() });
            peers.borrow_mut().push(Rc::clone(&peer));
            tokio::task::spawn_local(relay(Rc::clone(&peer), Rc::clone(&peers)));
            tokio::task::spawn_local(async move { peer.send_waiting().await });
        }
    });
}

async fn relay(own: Rc<Peer>, peers: Rc<RefCell<Vec<Rc<Peer>>>>) {
    let mut buffer = vec![0; READ_BYTES];
    let mut held = 0;
    while own.stream.readable().await.is_ok() {
        match own.stream.try_read(&mut buffer[held..]) {
            Ok(0) => break,
            Ok(read) => {
                held += read;
                let whole = held - held % FRAME_BYTES;
                for peer in peers.borrow().iter().filter(|peer| !Rc::ptr_eq(peer, &own)) {
                    peer.send(&buffer[..whole]);
                }
                buffer.copy_within(whole..held, 0);
                held -= whole;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    peers.borrow_mut().retain(|peer| !Rc::ptr_eq(peer, &own));
}

/// The server as a process of its own.
struct Bare {
    child: Child,
    address: String,
}

impl Bare {
    fn start() -> Bare {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("bare-server").stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut address).unwrap();
        Bare { child, address: address.trim().to_owned() }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn frame(client: usize, value: u64) -> [u8; FRAME_BYTES] {
    let mut frame = [0; FRAME_BYTES];
    frame[..4].copy_from_slice(&u32::try_from(client).unwrap().to_le_bytes());
    frame[4..12].copy_from_slice(&value.to_le_bytes());
    frame
}

/// Calls `heard` with each frame's client and value.
async fn hear(stream: OwnedReadHalf, mut heard: impl FnMut(usize, u64)) {
    let mut stream = BufReader::with_capacity(READ_BYTES, stream);
    let mut frame = [0; FRAME_BYTES];
    while stream.fill_buf().await.is_ok_and(|bytes| !bytes.is_empty()) && stream.read_exact(&mut frame).await.is_ok() {
        let client = u32::from_le_bytes(frame[..4].try_into().unwrap());
        heard(client as usize, u64::from_le_bytes(frame[4..12].try_into().unwrap()));
    }
}

pub(crate) async fn edits(clients: usize, seconds: u64) {
    let server = Bare::start();
    // How many of each client's edits each client has.
    let seen: Arc<Vec<Vec<AtomicU64>>> =
        Arc::new((0..clients).map(|_| (0..clients).map(|_| AtomicU64::new(0)).collect()).collect());
    let mut sinks = Vec::new();
    for own in 0..clients {
        let (stream, sink) = server.connect().await.into_split();
        let seen = Arc::clone(&seen);
        tokio::spawn(hear(stream, move |client, value| seen[own][client].store(value, Ordering::Relaxed)));
        sinks.push(sink);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let delivered = |of: usize| {
        let others = seen.iter().enumerate().filter(|(own, _)| *own != of);
        others.map(|(_, row)| row[of].load(Ordering::Relaxed)).min().unwrap_or(0)
    };
    let mut sent = vec![0; clients];
    let (begun, before) = (Instant::now(), usage(server.child.id()));
    while begun.elapsed() < Duration::from_secs(seconds) {
        for (client, sink) in sinks.iter_mut().enumerate() {
            if sent[client] + BATCH <= delivered(client) + WINDOW {
                let batch: Vec<u8> = (0..BATCH).flat_map(|n| frame(client, sent[client] + n + 1)).collect();
                sink.write_all(&batch).await.unwrap();
                sent[client] += BATCH;
            }
        }
        tokio::task::yield_now().await;
    }
    while (0..clients).any(|client| delivered(client) < sent[client]) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    report_edits(clients as u64, sent.iter().sum(), begun.elapsed(), before, usage(server.child.id()));
}

pub(crate) async fn fanout(readers: u64, seconds: u64) {
    let server = Bare::start();
    let begun = Instant::now();
    let late = Arc::new(Late::default());
    for _ in 0..readers {
        let (stream, sink) = server.connect().await.into_split();
        let late = Arc::clone(&late);
        tokio::spawn(async move {
            hear(stream, |_, sent| late.add(begun.elapsed().as_micros() as u64 - sent)).await;
            drop(sink);
        });
    }
    let mut writer = server.connect().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = usage(server.child.id());
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..seconds * 100 {
        ticks.tick().await;
        writer.write_all(&frame(0, begun.elapsed().as_micros() as u64)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let after = usage(server.child.id());
    late.wait_for(readers * seconds * 100).await;
    report_fanout(readers, &late, before, after, 0.0);
}
