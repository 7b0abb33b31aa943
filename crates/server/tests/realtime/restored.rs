//! A copy of the database that is put back lacks what came after it (WR8): nobody may go on as if it did not.

use std::path::Path;
use std::sync::Arc;

use model::{Id, Records, Table};
use operations::apply_committed;
use server::App;
use server::config::Config;
use server::realtime::limits::EPOCH_RENEWED_EVERY;
use storage::blobs::MemoryBlobs;
use storage::{Database, Store};
use sync::wire::{ClientMessage, Resume, ServerMessage};

use crate::band::{Server, Socket, User, id, volume};

/// What a client has of the project: what it was sent, applied in order.
struct Follower {
    socket: Socket,
    epoch: Id,
    seq: u64,
    records: Records,
}

impl Follower {
    async fn open(server: &Server, user: &User, resume: Option<Resume>) -> Follower {
        let (socket, first) = server.open(user, resume).await;
        let mut follower = Follower { socket, epoch: Id::system(), seq: 0, records: Records::new() };
        assert!(follower.take(first), "it begins with a snapshot");
        follower
    }

    /// Takes a message up; whether it was a snapshot.
    fn take(&mut self, message: ServerMessage) -> bool {
        match message {
            ServerMessage::Snapshot { epoch, seq, records, .. } => {
                (self.epoch, self.seq, self.records) = (epoch, seq, records.into_iter().collect());
                return true;
            }
            ServerMessage::Commits { commits, .. } => {
                for commit in commits {
                    assert_eq!(commit.seq, self.seq + 1, "no gap");
                    apply_committed(&mut self.records, &commit.tx_id, &commit.operations, commit.time).unwrap();
                    self.seq = commit.seq;
                }
            }
            other => panic!("{other:?}"),
        }
        false
    }

    async fn hear_up_to(&mut self, seq: u64) {
        while self.seq < seq {
            let message = self.socket.hear_edit().await;
            self.take(message);
        }
    }

    async fn hear_a_snapshot(&mut self) {
        loop {
            let message = self.socket.hear_edit().await;
            if self.take(message) {
                return;
            }
        }
    }

    fn resume(&self) -> Option<Resume> {
        Some(Resume { epoch: self.epoch.clone(), seq: self.seq })
    }

    fn volume(&self) -> Option<f64> {
        let (_, track) = self.records.iter().find(|(key, _)| key.table == Table::Tracks && key.id == id("a")).unwrap();
        track.number("volume")
    }
}

/// Makes edits by HTTP.
async fn edit(server: &Server, user: &User, name: &str, count: u32) {
    for n in 0..count {
        let (status, body) = server.write(user, &format!("{name}-{n}"), volume(f64::from(n) / 100.0)).await;
        assert_eq!(status, 200, "{body}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn wr8_a_copy_that_lies_in_other_files_is_noticed_and_everybody_ends_equal() {
    let server = Server::start().await;
    let [ann, bob, ..] = server.band().await;
    edit(&server, &ann, "before", 3).await;
    let copy = tempfile::tempdir().unwrap();
    // Nothing is being written: what is acknowledged is in the files.
    copy_folder(server.folder.path(), copy.path());
    let mut anns = Follower::open(&server, &ann, None).await;
    edit(&server, &ann, "lost", 20).await;
    anns.hear_up_to(24).await;
    let old = anns.resume();
    assert_eq!(anns.volume(), Some(0.19));

    let server = Server::over(copy).await;
    // The new log comes further than the lost one did: only its epoch tells it from that one.
    edit(&server, &bob, "new", 30).await;
    let mut anns = Follower::open(&server, &ann, old.clone()).await;
    let mut bobs = Follower::open(&server, &bob, None).await;
    assert!(old.is_some_and(|old| old.epoch != anns.epoch));
    edit(&server, &bob, "last", 6).await;
    for follower in [&mut anns, &mut bobs] {
        follower.hear_up_to(40).await;
    }
    assert_eq!(anns.records, bobs.records);
    assert_eq!((anns.volume(), &anns.epoch), (Some(0.05), &bobs.epoch));

    // A server that has only been started again is where it was.
    let resumed = anns.resume();
    let server = Server::over(server.folder).await;
    let (_, answer) = server.open(&ann, resumed).await;
    assert!(matches!(answer, ServerMessage::Resumed { seq: 40, .. }), "{answer:?}");
}

#[tokio::test]
async fn wr8_a_client_that_has_seen_more_than_the_log_has_makes_it_another_log_for_everybody() {
    let (server, store, _) = Server::in_memory().await;
    let [ann, bob, vic, _] = server.band().await;
    edit(&server, &ann, "before", 3).await;
    let older = store.fork();
    let mut anns = Follower::open(&server, &ann, None).await;
    edit(&server, &ann, "lost", 9).await;
    anns.hear_up_to(13).await;
    let old = anns.resume();

    // The same file, as an older snapshot of the disk has it.
    let folder = tempfile::tempdir().unwrap();
    let (database, blobs) = (Database::new(Arc::new(older.clone())), Arc::new(MemoryBlobs::default()));
    let app = App::new(Config::new(folder.path()), database, blobs, server.app.clock.clone()).unwrap();
    let server = Server::of(app, folder).await;
    let mut bobs = Follower::open(&server, &bob, None).await;
    assert_eq!(Some(&bobs.epoch), old.as_ref().map(|old| &old.epoch), "nothing tells it from the lost one yet");
    edit(&server, &bob, "new", 2).await;
    bobs.hear_up_to(6).await;
    let mut anns = Follower::open(&server, &ann, old.clone()).await;
    bobs.hear_a_snapshot().await;
    assert_eq!((anns.seq, bobs.seq), (6, 6), "what is in the log stays there");
    assert!(anns.epoch == bobs.epoch && old.is_some_and(|old| old.epoch != anns.epoch));
    edit(&server, &ann, "after", 4).await;
    for follower in [&mut anns, &mut bobs] {
        follower.hear_up_to(10).await;
    }
    assert_eq!(anns.records, bobs.records);
    let position = older.position(&operations::Scope::Project(id("p"))).unwrap().unwrap();
    assert_eq!((&position.epoch, position.seq), (&anns.epoch, 10), "the store has it so");

    // Whoever claims more, again and again, is shown how things stand, and nobody else hears of it (W6).
    assert!(EPOCH_RENEWED_EVERY.as_secs() >= 60);
    for _ in 0..3 {
        let lie = Resume { epoch: anns.epoch.clone(), seq: u64::MAX };
        let vics = Follower::open(&server, &vic, Some(lie)).await;
        assert_eq!((&vics.epoch, vics.seq), (&bobs.epoch, 10));
    }
    edit(&server, &ann, "more", 1).await;
    let message = bobs.socket.wait_for(|message| match message {
        ServerMessage::People { .. } | ServerMessage::Present { .. } | ServerMessage::Presences { .. } => None,
        other => Some(other),
    });
    assert!(matches!(message.await, ServerMessage::Commits { .. }), "no snapshot came");
    bobs.socket.say(&ClientMessage::Close { channel: 1 }).await;
}
