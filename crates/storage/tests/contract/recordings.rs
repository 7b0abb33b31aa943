//! What recordings' records say of the blobs.

use model::{Id, Table, Value};
use operations::{Operation, build};
use storage::{BlobKey, Store};

use crate::given::{NOW, Song, id, later};

fn hash(of: u8) -> String {
    BlobKey::from_digest(&[of; 32]).to_string()
}

fn announce(file: &str, bytes: f64) -> Operation {
    let fields = model::fields([
        ("projectId", "p".into()),
        ("filename", "take.flac".into()),
        ("contentHash", Value::text(&hash(1))),
        ("sizeBytes", Value::number(bytes)),
    ]);
    build::create(Table::AudioFiles, &id(file), fields)
}

fn told(song: &mut Song, store: &dyn Store, file: &str, fields: &[(&str, Value)]) {
    let set = |(name, value): &(&str, Value)| build::set(Table::AudioFiles, &id(file), name, value.clone());
    song.write(store, "system", fields.iter().map(set).collect());
}

fn uploaded(by: &str, original: u8) -> [(&'static str, Value); 3] {
    [("state", "uploaded".into()), ("storageKey", Value::text(&hash(original))), ("uploadedBy", by.into())]
}

fn measured(playback: u8, bits: Option<f64>) -> Vec<(&'static str, Value)> {
    let mut fields = vec![
        ("state", Value::text("ready")),
        ("playbackKey", Value::text(&hash(playback))),
        ("waveformKey", Value::text(&hash(200))),
        ("frames", Value::number(1_000.0)),
        ("channels", Value::number(2.0)),
    ];
    fields.extend(bits.map(|bits| ("bitDepth", Value::number(bits))));
    fields
}

#[test]
fn a_person_s_recordings_take_their_originals_and_what_was_decoded_of_them() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ann");
        let bytes = |user: &str| store.stored_bytes(&Id::new(user).unwrap()).unwrap();
        song.write(store, "ann", ["a", "b", "c", "d", "e"].map(|file| announce(file, 100.0)).to_vec());
        assert_eq!(bytes("ann"), 0, "announced is not stored");
        told(&mut song, store, "a", &uploaded("ann", 1));
        assert_eq!(bytes("ann"), 100);
        told(&mut song, store, "a", &measured(1, Some(16.0)));
        assert_eq!(bytes("ann"), 100, "a WAV file is played as it is");
        for (file, original, bits, made) in
            [("b", 2, Some(16.0), 4_000), ("c", 3, Some(24.0), 6_000), ("d", 4, None, 8_000)]
        {
            let before = bytes("ann");
            told(&mut song, store, file, &uploaded("ann", original));
            told(&mut song, store, file, &measured(original + 100, bits));
            assert_eq!(bytes("ann") - before, 100 + made, "{file}");
        }
        let before = bytes("ann");
        told(&mut song, store, "e", &uploaded("ann", 2));
        assert_eq!(bytes("ann"), before, "the same bytes count once");
        song.write(store, "ann", vec![build::delete(Table::AudioFiles, &id("d"))]);
        assert_eq!(bytes("ann"), before, "what is deleted can be brought back, so it is still there");
        assert_eq!(bytes("bob"), 0);
    });
}

#[test]
fn a_blob_is_referred_to_by_any_of_a_recording_s_keys_deleted_or_not() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ann");
        song.write(store, "ann", vec![announce("a", 100.0)]);
        told(&mut song, store, "a", &uploaded("ann", 2));
        told(&mut song, store, "a", &measured(3, None));
        let keys: Vec<BlobKey> = [1, 2, 3, 200, 9].map(|of| hash(of).parse().unwrap()).to_vec();
        let free = [keys[0].clone(), keys[4].clone()];
        assert_eq!(store.unreferenced(&keys).unwrap(), free);
        song.write(store, "ann", vec![build::delete(Table::AudioFiles, &id("a"))]);
        assert_eq!(store.unreferenced(&keys).unwrap(), free);
        assert_eq!(store.unreferenced(&[]).unwrap(), []);
    });
}

#[test]
fn what_nobody_will_hear_is_let_go_after_its_time() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ann");
        song.write(store, "ann", ["a", "b", "c", "d"].map(|file| announce(file, 100.0)).to_vec());
        for (file, original) in [("a", 1), ("b", 2), ("c", 3)] {
            told(&mut song, store, file, &uploaded("ann", original));
        }
        told(&mut song, store, "a", &[("state", "refused".into()), ("refusal", "It is a picture.".into())]);
        song.write(
            store,
            "ann",
            vec![build::delete(Table::AudioFiles, &id("b")), build::delete(Table::AudioFiles, &id("d"))],
        );
        let find = |refused, deleted, limit| store.recordings_to_let_go(refused, deleted, limit).unwrap();
        let pair = |file: &str| (id("p"), id(file));
        assert_eq!(find(NOW, NOW, 9), [], "not before its time");
        assert_eq!(find(later(1), NOW, 9), [pair("a")]);
        assert_eq!(find(NOW, later(1), 9), [pair("b")], "of the other deleted one nothing is here");
        song.write(store, "ann", vec![build::delete(Table::Projects, &id("p"))]);
        assert_eq!(find(NOW, later(1), 9), [pair("a"), pair("b"), pair("c")]);
        assert_eq!(find(NOW, NOW, 9), []);
        assert!(find(later(1), later(1), 1).len() < 3);
    });
}
