//! The real server, killed again and again while people edit (WR7, WR8).
//!
//! `UNISONO_TEST_KILLS=200` kills it more often than the few times of an ordinary run.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod check;
mod process;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use model::{Id, Table};
use operations::{Transaction, build};
use sync::wire::{ClientMessage, SUBPROTOCOL, ServerMessage, VERSION, decode, encode};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use check::Checked;
use process::Process;

const KILLS: &str = "UNISONO_TEST_KILLS";
const KILLS_BY_DEFAULT: u64 = 10;
const CLIENTS: u64 = 4;
/// Transactions of one client that are on their way at the same time.
const WINDOW: u64 = 24;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// Where the server said that a transaction stands, by its id.
type Acknowledged = Arc<Mutex<HashMap<String, u64>>>;

/// One transaction of two operations: that none is ever half there can be seen.
fn edit(user: &Id, round: u64, client: u64, n: u64) -> Transaction {
    let name = format!("k{round}-{client}-{n}");
    let volume = f64::from(u32::try_from(n % 200).unwrap()) / 100.0;
    let set = |track: &str| build::set(Table::Tracks, &id(track), "volume", volume);
    let operations = if n.is_multiple_of(10) {
        // Clips: a project has far fewer tracks.
        let place = [("startBeat", u32::try_from(n).unwrap().into()), ("durationBeats", 1u32.into())];
        let clip = [("trackId", "a".into()), ("name", name.as_str().into())].into_iter().chain(place);
        vec![
            build::create(Table::Clips, &id(&name), model::fields(clip)),
            build::set(Table::Clips, &id(&name), "gain", volume),
        ]
    } else {
        vec![set("a"), set("b")]
    };
    Transaction {
        tx_id: id(&name),
        author_id: user.clone(),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    }
}

/// Edits as fast as the server acknowledges, until it is gone; counts what is acknowledged.
async fn client(
    server: (String, String, Id),
    round: u64,
    number: u64,
    acknowledged: Acknowledged,
    count: Arc<AtomicU64>,
) {
    let (address, cookie, user) = server;
    let mut request = format!("ws://{address}/").into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
    let Ok((mut socket, _)) = tokio_tungstenite::connect_async(request).await else { return };
    let hello = ClientMessage::Hello { version: VERSION.into() };
    let open = ClientMessage::Open { channel: 1, project: id("p"), resume: None };
    for message in [hello, open] {
        if socket.send(Message::Binary(encode(&message).into())).await.is_err() {
            return;
        }
    }
    let (mut sent, mut heard) = (0, 0);
    loop {
        while sent < heard + WINDOW {
            let transactions = vec![edit(&user, round, number, sent)];
            sent += 1;
            let submit = ClientMessage::Submit { channel: 1, transactions };
            if socket.send(Message::Binary(encode(&submit).into())).await.is_err() {
                return;
            }
        }
        let Some(Ok(message)) = socket.next().await else { return };
        let Message::Binary(frame) = message else { continue };
        let mut own = |tx_id: &Id, seq| {
            heard += 1;
            acknowledged.lock().unwrap().insert(tx_id.to_string(), seq);
            count.fetch_add(1, Ordering::SeqCst);
        };
        match decode::<ServerMessage>(&frame).unwrap() {
            ServerMessage::Acknowledged { tx_ids, seq, .. } => {
                (seq..).zip(&tx_ids).for_each(|(seq, tx_id)| own(tx_id, seq));
            }
            ServerMessage::Commits { commits, .. } => {
                let mine = format!("k{round}-{number}-");
                for commit in commits.iter().filter(|commit| commit.tx_id.as_str().starts_with(&mine)) {
                    own(&commit.tx_id, commit.seq);
                }
            }
            ServerMessage::Refused { message, .. } | ServerMessage::Denied { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
}

#[test]
fn wr7_every_acknowledged_write_survives_a_server_that_is_killed_again_and_again() {
    let kills = std::env::var(KILLS).map_or(KILLS_BY_DEFAULT, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path(), None);
    server.sign_up_and_make_a_project();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut checked = Checked::default();
    for round in 1..=kills {
        let (acknowledged, count, stopped) =
            (Acknowledged::default(), Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                runtime.spawn(client(server.seen(), round, number, Arc::clone(&acknowledged), Arc::clone(&count)))
            })
            .collect();
        // A few hundred edits, then whenever it pleases: in a commit, while rows are written, or between.
        let enough = 100 + round * 7_919 % 1_500;
        while count.load(Ordering::SeqCst) < enough && !stopped.load(Ordering::SeqCst) {
            if clients.iter().all(tokio::task::JoinHandle::is_finished) {
                stopped.store(true, Ordering::SeqCst);
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let session = server.kill();
        for client in clients {
            runtime.block_on(client).unwrap();
        }
        let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
        assert!(acknowledged.len() as u64 >= enough, "round {round}: the server wrote until it was killed");
        checked.look(folder.path(), &acknowledged);
        server = Process::start(folder.path(), Some(session));
    }
    // Every other entry of the log is one that was on its way when the server was killed.
    assert!(checked.unanswered() <= kills * CLIENTS * WINDOW, "{} were not answered", checked.unanswered());
}
