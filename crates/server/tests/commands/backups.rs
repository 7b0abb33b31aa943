//! `unisono backup` and `unisono restore`, with the real binary.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Folder, Server, output, until, write_wav};

/// Sets the project's tempo, which takes one entry of its log.
fn set_tempo(server: &mut Server, user: &Value, name: &str, bpm: u32) {
    let set = json!({"type": "set", "table": "projects", "id": "p", "key": "bpm", "value": bpm});
    let body = json!({"txId": name, "authorId": user, "operations": [set], "clientTimestamp": 0});
    let (status, answer) = server.ask("POST", "/api/realtime/write", &body.to_string());
    assert_eq!(status, 200, "{answer}");
}

/// Epoch, number of the last entry, and tempo.
fn stand(server: &mut Server) -> (String, u64, f64) {
    let (status, answer) = server.ask("GET", "/api/projects/p/records", "");
    assert_eq!(status, 200, "{answer}");
    let bpm = answer["recordMap"]["projects"]["p"]["bpm"].as_f64().unwrap();
    (answer["epoch"].as_str().unwrap().to_owned(), answer["seq"].as_u64().unwrap(), bpm)
}

#[test]
fn wr8_a_backup_is_made_while_the_server_runs_and_restored_as_another_log() {
    let folder = Folder::new();
    let [data, away, backup] = ["data", "away", "backup"].map(|name| folder.text(name));
    write_wav(&folder.path("short.wav"), 1);
    let bytes = fs::read(folder.path("short.wav")).unwrap();
    let hash: String =
        <sha2::Sha256 as sha2::Digest>::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut server = Server::start(&data);
    let account = r#"{"email":"ann@example.com","password":"a long password","name":"Ann"}"#;
    let user = server.ask("POST", "/api/auth/signup", account).1["user"]["id"].clone();
    let make = |table: &str, id: &str, value: Value| json!({"type": "set", "table": table, "id": id, "key": "", "value": value});
    let file =
        json!({"id": "f", "projectId": "p", "filename": "short.wav", "contentHash": hash, "sizeBytes": bytes.len()});
    let operations = json!([make("projects", "p", json!({"id": "p", "name": "P"})), make("audio_files", "f", file)]);
    let body = json!({"txId": "t", "authorId": user, "operations": operations, "clientTimestamp": 0});
    assert_eq!(server.ask("POST", "/api/realtime/write", &body.to_string()).0, 200);
    let url = server.upload_url();
    let mut upload = server.begin_upload(&url, &bytes, bytes.len());
    std::io::Read::read_to_string(&mut upload, &mut String::new()).unwrap();
    until(Duration::from_secs(60), || server.state() == "ready");
    set_tempo(&mut server, &user, "kept", 90);

    let (code, said, errors) = output(&["backup", &backup, "--data", &data, "--json"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let summary: Value = serde_json::from_str(&said).unwrap();
    assert!(summary["blobs"].as_u64() > Some(0) && summary["missing"] == json!([]), "{summary}");
    let again = output(&["backup", &backup, "--data", &data]);
    assert!(again.0 == Some(1) && again.2.contains("not empty"), "{again:?}");
    let then = stand(&mut server);
    set_tempo(&mut server, &user, "lost", 140);
    let lost = stand(&mut server);
    assert_eq!((&lost.0, lost.1), (&then.0, then.1 + 1), "making a backup changes nothing");

    let onto = output(&["restore", &backup, "--data", &data]);
    assert!(onto.0 == Some(1) && onto.2.contains("not empty"), "a living one is left alone: {onto:?}");
    let cookie = server.kill();
    fs::rename(&data, &away).unwrap();
    let (code, said, errors) = output(&["restore", &backup, "--data", &data, "--json"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["logs"], 2, "Ann's and the song's: {said}");

    let mut server = Server::start(&data);
    server.cookie = cookie;
    let restored = stand(&mut server);
    assert_eq!((restored.1, restored.2), (then.1, then.2));
    assert_ne!(restored.0, then.0, "another log");
    assert_eq!(server.state(), "ready");
    let archive = folder.text("archive");
    assert_eq!(output(&["archive", "p", "-o", &archive, "--data", &data]).0, Some(0));
    assert!(fs::read(folder.path("archive/audio/f.wav")).unwrap() == bytes, "with its recordings");

    // What was put back by other means is told so.
    let (code, said, errors) = output(&["restore", "--data", &data]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("begin anew"), "{said}");
    assert_ne!(stand(&mut server).0, restored.0, "also while a server runs");
    one_bad_file_costs_no_other(&folder, &data, &hash, server);
}

/// What is damaged or not there is named, and costs nothing else: not the backup, and not the way back.
fn one_bad_file_costs_no_other(folder: &Folder, data: &str, hash: &str, mut server: Server) {
    let [full, saved, again] = ["full", "saved", "again"].map(|name| folder.text(name));
    let run = |args: &[&str], code| {
        let (ended, said, errors) = output(args);
        assert_eq!(ended, Some(code), "{errors}");
        (serde_json::from_str::<Value>(&said).unwrap(), errors)
    };
    let (whole, errors) = run(&["backup", &full, "--data", data, "--no-links", "--json"], 0);
    assert_eq!((&whole["linked"], errors.as_str()), (&json!(0), ""), "a copy with bytes of its own");
    let stood = stand(&mut server);
    let blobs = folder.path("full").join("blobs");
    let recording = blobs.join(&hash[..2]).join(&hash[2..]);
    let mut bytes = fs::read(&recording).unwrap();
    bytes[100] ^= 1;
    fs::write(&recording, bytes).unwrap();
    // A file that cannot be read, whoever one is.
    let unreadable = blobs.join("00").join("0".repeat(62));
    fs::create_dir_all(&unreadable).unwrap();

    let (summary, errors) = run(&["restore", &full, "--data", &saved, "--no-links", "--json"], 1);
    assert_eq!(summary["blobs"].as_u64(), whole["blobs"].as_u64().map(|all| all - 1), "all others are there");
    assert_eq!((summary["damaged"].as_array().map(Vec::len), &summary["missing"]), (Some(2), &json!([])));
    for path in [&recording, &unreadable] {
        assert!(errors.contains(path.to_str().unwrap()), "{errors}");
    }
    let cookie = server.kill();
    let mut server = Server::start(&saved);
    server.cookie = cookie;
    assert_eq!(stand(&mut server).2.to_bits(), stood.2.to_bits(), "and so is the song");

    fs::remove_file(&recording).unwrap();
    fs::remove_dir(&unreadable).unwrap();
    let (summary, errors) = run(&["backup", &again, "--data", &full, "--json"], 1);
    assert_eq!((&summary["damaged"], &summary["missing"]), (&json!([]), &json!([hash])));
    assert!(errors.contains(hash), "{errors}");
}

/// Copies the database's files over those that may be there.
fn copy_over(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn wr8_what_was_copied_over_the_living_files_is_another_log_once_the_host_says_so() {
    let folder = Folder::new();
    let [data, copy] = ["data", "copy"].map(|name| folder.text(name));
    let mut server = Server::start(&data);
    let account = r#"{"email":"ann@example.com","password":"a long password","name":"Ann"}"#;
    let user = server.ask("POST", "/api/auth/signup", account).1["user"]["id"].clone();
    let song = json!({"type": "set", "table": "projects", "id": "p", "key": "", "value": {"id": "p", "name": "P"}});
    let body = json!({"txId": "t", "authorId": user, "operations": [song], "clientTimestamp": 0});
    assert_eq!(server.ask("POST", "/api/realtime/write", &body.to_string()).0, 200);
    let then = stand(&mut server);
    let cookie = server.kill();
    copy_over(Path::new(&data), Path::new(&copy));
    let start = || {
        let mut server = Server::start(&data);
        server.cookie.clone_from(&cookie);
        server
    };
    let mut server = start();
    set_tempo(&mut server, &user, "lost", 140);
    server.kill();

    copy_over(Path::new(&copy), Path::new(&data));
    let mut server = start();
    assert_eq!(stand(&mut server), then, "the same files as before, as far as the server can tell");
    server.kill();
    assert_eq!(output(&["restore", "--data", &data]).0, Some(0));
    let told = stand(&mut start());
    assert_eq!((told.1, told.2), (then.1, then.2));
    assert_ne!(told.0, then.0);
}

#[test]
fn what_is_not_there_is_neither_copied_nor_restored_and_leaves_nothing() {
    let folder = Folder::new();
    let [data, backup] = ["data", "backup"].map(|name| folder.text(name));
    assert_eq!(output(&["restore", &data, "--data", &backup]).0, Some(1), "there is nothing to restore");
    assert_eq!(output(&["restore", "--data", &data]).0, Some(1));
    assert_eq!(output(&["backup", &backup, "--data", &data]).0, Some(1));
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 0, "nothing is left of it");
}
