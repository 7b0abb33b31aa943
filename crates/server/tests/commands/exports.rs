//! A server that is killed in the middle of an export.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::Digest as _;

use crate::{Folder, Server, output, until};

/// Longer than a dead worker's lease, and than the engine needs for it on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for an export of `p`, kills the server once it has begun, and compares what the next one makes with what `unisono render` does.
pub(crate) fn killed_in_the_middle_of_one(folder: &Folder, mut server: Server) {
    let data = folder.text("data");
    let settings = json!({"format": "flac", "loudness": -20, "range": {"unit": "seconds", "from": 0, "to": 1_800}, "tailSeconds": 0});
    let (status, made) = server.ask("POST", "/api/projects/p/exports", &json!({ "settings": settings }).to_string());
    assert_eq!(status, 201, "{made}");
    let path = format!("/api/projects/p/exports/{}", made["id"].as_str().unwrap());
    let mut before = Value::Null;
    until(PATIENCE, || {
        before = server.ask("GET", &path, "").1;
        before["progress"].as_f64().unwrap() > 0.0
    });
    assert_eq!(before["state"], "running", "it is not done yet: {before}");
    let cookie = server.kill();

    let mut server = Server::start(&data);
    server.cookie = cookie;
    assert_eq!(fs::read_dir(folder.path("data/jobs")).map_or(0, Iterator::count), 0, "nothing half made is left");
    let mut done = Value::Null;
    until(PATIENCE, || {
        done = server.ask("GET", &path, "").1;
        assert_ne!(done["state"], "failed", "{done}");
        done["state"] == "done"
    });
    let (archive, mix) = (folder.text("song"), folder.text("mix.flac"));
    assert_eq!(output(&["archive", "p", "-o", &archive, "--data", &data]).0, Some(0));
    let arguments = ["render", &archive, "-o", &mix, "--normalise", "-20", "--range", "0s..1800s", "--tail", "0"];
    let (code, _, errors) = output(&arguments);
    assert_eq!(code, Some(0), "{errors}");
    let hash: String = sha2::Sha256::digest(fs::read(mix).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(done["file"]["sha256"], hash, "the same as `unisono render`");
}
