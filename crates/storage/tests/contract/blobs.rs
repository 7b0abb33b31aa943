//! Blobs.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use storage::{BlobKey, Blobs, Stored};

/// SHA-256 of no bytes (FIPS 180-2).
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// SHA-256 of "abc" (FIPS 180-2, example B.1).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn key(text: &str) -> BlobKey {
    text.parse().unwrap()
}

fn put(blobs: &dyn Blobs, pieces: &[&[u8]]) -> Stored {
    let mut writer = blobs.create().unwrap();
    for piece in pieces {
        writer.write(piece).unwrap();
    }
    writer.finish(None).unwrap()
}

#[test]
fn bytes_come_back_from_any_place() {
    crate::on_each_blobs(|blobs| {
        let stored = put(blobs, &[b"a", b"", b"bc"]);
        assert_eq!(stored, Stored { key: key(ABC), size: 3 });
        assert_eq!(blobs.size(&key(ABC)).unwrap(), Some(3));
        let mut blob = blobs.open(&key(ABC)).unwrap().unwrap();
        let mut text = String::new();
        blob.seek(SeekFrom::Start(1)).unwrap();
        blob.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bc");
    });
}

#[test]
fn the_same_bytes_are_one_blob() {
    crate::on_each_blobs(|blobs| {
        let mut first = blobs.create().unwrap();
        first.write(b"ab").unwrap();
        assert_eq!(put(blobs, &[b"abc"]).key, key(ABC));
        first.write(b"c").unwrap();
        assert_eq!(first.size(), 3);
        assert_eq!(first.finish(Some(&key(ABC))).unwrap().key, key(ABC));
        assert!(blobs.remove(&key(ABC)).unwrap());
        assert_eq!(blobs.size(&key(ABC)).unwrap(), None);
    });
}

#[test]
fn other_bytes_than_announced_are_not_kept() {
    crate::on_each_blobs(|blobs| {
        let mut writer = blobs.create().unwrap();
        writer.write(b"abd").unwrap();
        assert_eq!(writer.finish(Some(&key(ABC))).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(blobs.open(&key(ABC)).unwrap().is_none());
    });
}

#[test]
fn what_is_not_finished_is_not_there() {
    crate::on_each_blobs(|blobs| {
        let mut writer = blobs.create().unwrap();
        writer.write(b"abc").unwrap();
        assert!(blobs.open(&key(ABC)).unwrap().is_none());
        drop(writer);
        assert!(blobs.open(&key(ABC)).unwrap().is_none());
    });
}

#[test]
fn an_empty_blob_is_a_blob() {
    crate::on_each_blobs(|blobs| {
        assert_eq!(put(blobs, &[]), Stored { key: key(EMPTY), size: 0 });
        assert_eq!(blobs.size(&key(EMPTY)).unwrap(), Some(0));
    });
}

#[test]
fn what_is_removed_is_gone() {
    crate::on_each_blobs(|blobs| {
        put(blobs, &[b"abc"]);
        assert!(blobs.remove(&key(ABC)).unwrap());
        assert!(!blobs.remove(&key(ABC)).unwrap());
        assert!(blobs.open(&key(ABC)).unwrap().is_none());
    });
}

#[test]
fn what_is_no_key_is_refused() {
    for bad in ["", "abc", &"A".repeat(64), &"../".repeat(22)[..64], &"0".repeat(63), &"0".repeat(65)] {
        assert!(bad.parse::<BlobKey>().is_err(), "{bad}");
    }
}

#[test]
fn a_dropped_writer_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = storage::blobs::FileBlobs::open(folder.path()).unwrap();
    let mut writer = blobs.create().unwrap();
    writer.write(b"abc").unwrap();
    let left = || std::fs::read_dir(folder.path().join("incoming")).unwrap().count();
    assert_eq!(left(), 1);
    drop(writer);
    assert_eq!(left(), 0);
}
