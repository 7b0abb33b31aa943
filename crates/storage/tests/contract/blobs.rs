//! Blobs.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use model::Id;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use storage::blobs::{FileBlobs, MemoryBlobs};
use storage::{BlobKey, Blobs, Kept, PartialName, Partials, Stored};

use crate::given::{NOW, id, later};

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
    writer.finish(None, NOW).unwrap()
}

#[test]
fn si2_bytes_come_back_from_any_place() {
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
        assert_eq!(first.finish(Some(&key(ABC)), NOW).unwrap().key, key(ABC));
        assert!(blobs.remove(&key(ABC)).unwrap());
        assert_eq!(blobs.size(&key(ABC)).unwrap(), None);
    });
}

#[test]
fn other_bytes_than_announced_are_not_kept() {
    crate::on_each_blobs(|blobs| {
        let mut writer = blobs.create().unwrap();
        writer.write(b"abd").unwrap();
        assert_eq!(writer.finish(Some(&key(ABC)), NOW).unwrap_err().kind(), ErrorKind::InvalidData);
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
    let blobs = FileBlobs::open(folder.path()).unwrap();
    let mut writer = blobs.create().unwrap();
    writer.write(b"abc").unwrap();
    let left = || std::fs::read_dir(folder.path().join("incoming")).unwrap().count();
    assert_eq!(left(), 1);
    drop(writer);
    assert_eq!(left(), 0);
}

#[test]
fn only_what_has_lain_there_for_long_is_removed_by_its_age() {
    crate::on_each_blobs(|blobs| {
        put(blobs, &[b"abc"]);
        assert!(!blobs.remove_older(&key(ABC), NOW).unwrap(), "it is not older than that");
        assert!(blobs.open(&key(ABC)).unwrap().is_some());
        assert!(!blobs.remove_older(&key(EMPTY), later(9)).unwrap(), "there is none");
        // Put there once more: it is as young as the last time.
        let mut again = blobs.create().unwrap();
        again.write(b"abc").unwrap();
        again.finish(None, later(1_000)).unwrap();
        assert!(!blobs.remove_older(&key(ABC), later(1_000)).unwrap());
        assert!(blobs.remove_older(&key(ABC), later(1_001)).unwrap());
        assert!(blobs.open(&key(ABC)).unwrap().is_none());
    });
}

#[test]
fn what_is_put_there_again_by_an_earlier_clock_gets_no_older() {
    crate::on_each_blobs(|blobs| {
        let put_at = |at: i64| {
            let mut writer = blobs.create().unwrap();
            writer.write(b"the same").unwrap();
            writer.finish(None, later(at)).unwrap().key
        };
        let key = put_at(10_000);
        assert_eq!(put_at(5_000), key);
        assert!(!blobs.remove_older(&key, later(10_000)).unwrap());
        assert!(blobs.remove_older(&key, later(10_001)).unwrap());
    });
}

#[test]
fn a_walk_shows_every_blob_and_nothing_half_done() {
    crate::on_each_blobs(|blobs| {
        put(blobs, &[b"abc"]);
        put(blobs, &[]);
        let unfinished = blobs.create().unwrap();
        blobs.append(&begun("ann", "f"), NOW).unwrap().keep(NOW).unwrap();
        let mut seen = Vec::new();
        let walk = blobs.each(&mut |kept| {
            seen.push(kept);
            Ok(())
        });
        walk.unwrap();
        seen.sort_by(|a, b| a.key.cmp(&b.key));
        let kept = |text: &str, size| Kept { key: key(text), size, since: NOW };
        assert_eq!(seen, [kept(ABC, 3), kept(EMPTY, 0)]);
        drop(unfinished);
        let stopped = blobs.each(&mut |_| Err(std::io::Error::other("enough")));
        assert_eq!(stopped.unwrap_err().to_string(), "enough");
    });
}

fn begun(owner: &str, of: &str) -> PartialName {
    PartialName { owner: id(owner), of: id(of) }
}

fn append(blobs: &dyn Blobs, name: &PartialName, bytes: &[u8], at: i64) {
    let mut writer = blobs.append(name, later(at)).unwrap();
    writer.write(bytes).unwrap();
    writer.keep(later(at)).unwrap();
}

#[test]
fn pieces_become_a_blob_whoever_hung_up_between_them() {
    crate::on_each_blobs(|blobs| {
        let name = begun("ann", "f");
        assert_eq!(blobs.partial_size(&name).unwrap(), 0);
        append(blobs, &name, b"a", 0);
        // Dropped without a word: what was written is there.
        blobs.append(&name, NOW).unwrap().write(b"b").unwrap();
        assert_eq!(blobs.partial_size(&name).unwrap(), 2);
        let mut last = blobs.append(&name, NOW).unwrap();
        last.write(b"c").unwrap();
        assert_eq!(last.size(), 3);
        assert_eq!(last.finish(&key(ABC), later(5)).unwrap(), Stored { key: key(ABC), size: 3 });
        assert_eq!(blobs.partial_size(&name).unwrap(), 0);
        assert_eq!(blobs.size(&key(ABC)).unwrap(), Some(3));
        assert!(!blobs.remove_older(&key(ABC), later(5)).unwrap(), "as young as its last piece");
    });
}

#[test]
fn pieces_of_other_bytes_than_announced_are_not_kept() {
    crate::on_each_blobs(|blobs| {
        let name = begun("ann", "f");
        let mut writer = blobs.append(&name, NOW).unwrap();
        writer.write(b"abd").unwrap();
        assert_eq!(writer.finish(&key(ABC), NOW).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(blobs.partial_size(&name).unwrap(), 0);
        assert!(blobs.open(&key(ABC)).unwrap().is_none());
    });
}

#[test]
fn pieces_are_counted_by_owner_and_forgotten_by_age() {
    crate::on_each_blobs(|blobs| {
        for (owner, of, at) in [("ann", "f", 0), ("ann", "g", 10), ("ANN", "f", 0), ("bob", "f", 0)] {
            append(blobs, &begun(owner, of), b"abc", at);
        }
        let of = |owner: &str| blobs.partials_of(&Id::new(owner).unwrap()).unwrap();
        assert_eq!(of("ann"), Partials { count: 2, bytes: 6 });
        assert_eq!((of("ANN"), of("eve")), (Partials { count: 1, bytes: 3 }, Partials::default()));
        assert!(blobs.remove_partial(&begun("bob", "f")).unwrap());
        assert!(!blobs.remove_partial(&begun("bob", "f")).unwrap());
        assert_eq!(blobs.remove_partials_older(NOW).unwrap(), 0);
        assert_eq!(blobs.remove_partials_older(later(10)).unwrap(), 2);
        assert_eq!(of("ann"), Partials { count: 1, bytes: 3 });
        // One that has been forgotten begins again.
        append(blobs, &begun("ann", "f"), b"a", 20);
        assert_eq!(blobs.partial_size(&begun("ann", "f")).unwrap(), 1);
    });
}

#[test]
fn pieces_survive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let name = begun("ann", "f");
    append(&FileBlobs::open(folder.path()).unwrap(), &name, b"ab", 0);
    let again = FileBlobs::open(folder.path()).unwrap();
    assert_eq!(again.partial_size(&name).unwrap(), 2);
    append(&again, &name, b"c", 0);
    assert_eq!(again.append(&name, NOW).unwrap().finish(&key(ABC), NOW).unwrap().size, 3);
}

/// Something that is done to the blobs of both kinds. The numbers pick among few names, so that steps meet each other.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put { bytes: u8, announced: u8, at: i64 },
    Append { name: u8, bytes: u8, at: i64 },
    Finish { name: u8, announced: u8, at: i64 },
    Remove { bytes: u8 },
    RemoveOlder { bytes: u8, at: i64 },
    Forget { name: u8 },
    ForgetOlder { at: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (few, at) = (0..4u8, 0..1_000i64);
    prop_oneof![
        3 => (few.clone(), 0..6u8, at.clone()).prop_map(|(bytes, announced, at)| Step::Put { bytes, announced, at }),
        3 => (few.clone(), few.clone(), at.clone()).prop_map(|(name, bytes, at)| Step::Append { name, bytes, at }),
        2 => (few.clone(), 0..6u8, at.clone()).prop_map(|(name, announced, at)| Step::Finish { name, announced, at }),
        1 => few.clone().prop_map(|bytes| Step::Remove { bytes }),
        1 => (few.clone(), at.clone()).prop_map(|(bytes, at)| Step::RemoveOlder { bytes, at }),
        1 => few.prop_map(|name| Step::Forget { name }),
        1 => at.prop_map(|at| Step::ForgetOlder { at }),
    ]
}

/// The SHA-256 of "", "a", "aa" and so on, as announced; beyond three nothing of the kind.
fn announced(which: u8) -> BlobKey {
    const OF: [&str; 4] = [
        EMPTY,
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "961b6dd3ede3cb8ecbaacbd68de040cd78eb2ed5889130cceb4c49268ea4d506",
        "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0",
    ];
    key(OF.get(usize::from(which)).unwrap_or(&ABC))
}

/// What comes of a step; of a failure, its kind.
fn take(blobs: &dyn Blobs, step: Step) -> String {
    let text = |count: u8| vec![b'a'; usize::from(count)];
    let partial = |name: u8| begun(["ann", "bob"][usize::from(name) % 2], ["f", "g"][usize::from(name) / 2]);
    let told = |outcome: std::io::Result<String>| outcome.unwrap_or_else(|error| format!("{:?}", error.kind()));
    told(match step {
        Step::Put { bytes, announced: which, at } => {
            let mut writer = blobs.create().unwrap();
            writer.write(&text(bytes)).unwrap();
            let expected = (which < 5).then(|| announced(which));
            writer.finish(expected.as_ref(), later(at)).map(|stored| format!("{stored:?}"))
        }
        Step::Append { name, bytes, at } => blobs.append(&partial(name), later(at)).and_then(|mut writer| {
            writer.write(&text(bytes))?;
            let size = writer.size();
            writer.keep(later(at)).map(|()| size.to_string())
        }),
        Step::Finish { name, announced: which, at } => blobs
            .append(&partial(name), later(at))
            .and_then(|writer| writer.finish(&announced(which), later(at)).map(|stored| format!("{stored:?}"))),
        Step::Remove { bytes } => blobs.remove(&announced(bytes)).map(|it| it.to_string()),
        Step::RemoveOlder { bytes, at } => blobs.remove_older(&announced(bytes), later(at)).map(|it| it.to_string()),
        Step::Forget { name } => blobs.remove_partial(&partial(name)).map(|it| it.to_string()),
        Step::ForgetOlder { at } => blobs.remove_partials_older(later(at)).map(|it| it.to_string()),
    })
}

/// Everything that can be asked.
fn all(blobs: &dyn Blobs) -> String {
    let mut kept = Vec::new();
    let walk = blobs.each(&mut |it| {
        kept.push(it);
        Ok(())
    });
    walk.unwrap();
    kept.sort_by(|a, b| a.key.cmp(&b.key));
    let contents: Vec<Option<Vec<u8>>> = (0..4)
        .map(|which| {
            let mut bytes = Vec::new();
            blobs.open(&announced(which)).unwrap()?.read_to_end(&mut bytes).unwrap();
            Some(bytes)
        })
        .collect();
    let owners = ["ann", "bob"].map(|owner| blobs.partials_of(&id(owner)).unwrap());
    format!("{kept:?} {contents:?} {owners:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, rng_seed: RngSeed::Fixed(3), ..ProptestConfig::default() })]

    #[test]
    fn si2_the_blobs_answer_alike_whatever_happens(steps in prop::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let (files, memory) = (FileBlobs::open(folder.path()).unwrap(), MemoryBlobs::default());
        for step in steps {
            prop_assert_eq!(take(&files, step), take(&memory, step), "{:?}", step);
        }
        prop_assert_eq!(all(&files), all(&memory));
    }
}
