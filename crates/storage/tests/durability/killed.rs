//! `kill -9` in the midst of writing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use storage::blobs::FileBlobs;
use storage::{Blobs as _, SqliteStore, Store as _};

use crate::song::{check, lagging, next, room_of};

const FOLDER: &str = "UNISONO_TEST_KILLED_FOLDER";
const UPLOADS: &str = "UNISONO_TEST_KILLED_UPLOADS";

/// Not a test by itself: the process that is killed. Writes for ever, and says each entry that is acknowledged.
#[test]
fn writer_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = SqliteStore::open(&Path::new(&folder).join("test.sqlite")).unwrap();
    let mut room = room_of(&store);
    let mut out = std::io::stdout();
    loop {
        // Several at once, so that groups form.
        let batches = (0..4).map(|_| next(&mut room)).collect();
        assert!(store.commit(batches).iter().all(Result::is_ok));
        writeln!(out, "\nacknowledged {}", room.seq()).unwrap();
        out.flush().unwrap();
        if room.seq().is_multiple_of(3) {
            assert_eq!(store.materialise(lagging(&store)), Ok(true));
        }
    }
}

#[test]
fn wr7_what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 1..=5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::writer_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        for line in lines {
            if let Some(seq) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = seq.parse().unwrap();
                if acknowledged >= before + round * 37 {
                    // Not at a place that the writer has chosen: it goes on while we kill it.
                    child.kill().unwrap();
                    break;
                }
            }
        }
        child.wait().unwrap();
        assert!(acknowledged > before, "the writer wrote");
        let store = SqliteStore::open(&folder.path().join("test.sqlite")).unwrap();
        let kept = check(&store);
        assert!(kept >= acknowledged, "acknowledged {acknowledged}, kept {kept}");
        before = kept;
    }
}

/// Not a test by itself: the process that is killed in the midst of a blob.
#[test]
fn blob_writer_that_is_killed() {
    let Some(folder) = std::env::var_os(UPLOADS) else { return };
    let blobs = FileBlobs::open(Path::new(&folder)).unwrap();
    let mut writer = blobs.create().unwrap();
    writer.write(b"half of it").unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\nwritten").unwrap();
    out.flush().unwrap();
    // It ends when it is killed, or when who waits for it is gone.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn what_a_killed_process_has_half_written_goes_at_the_next_start_and_what_another_writes_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::blob_writer_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(UPLOADS, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "written"));
    let half = || std::fs::read_dir(folder.path().join("incoming")).unwrap().count();
    let blobs = FileBlobs::open(folder.path()).unwrap();
    assert_eq!(half(), 1, "its writer lives");
    let mut own = blobs.create().unwrap();
    own.write(b"our own").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    drop(FileBlobs::open(folder.path()).unwrap());
    assert_eq!(half(), 1, "the killed one's is gone at once, ours is not");
    let kept = own.finish(None, model::Timestamp(1)).unwrap();
    assert_eq!((half(), blobs.size(&kept.key).unwrap()), (0, Some(7)));
}
