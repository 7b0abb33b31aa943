//! The forbidden arrows: which crate may know which, and what pure code must never see.
//!
//! ARCHITECTURE.md says why; this is the same as a program. Three things are looked at: the dependencies that cargo
//! resolves, the paths that source files name, and their string literals. Code for tests only (`#[cfg(test)]`, `tests/`,
//! `benches/`, `examples/`) may see more, but nothing whatsoever may depend on `server`.

use crate::rust_source::{self, Kind, Token};
use crate::{Outcome, files};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Crate → the workspace's crates it may depend on. A new crate needs a line here, and a thought.
const ALLOWED: [(&str, &[&str]); 17] = [
    ("model", &["dsp"]),
    ("operations", &["model"]),
    ("sync", &["model", "operations"]),
    ("simulator", &["model", "operations", "sync"]),
    ("dsp", &[]),
    ("engine", &["dsp", "model"]),
    ("media", &["dsp", "model"]),
    ("intake", &["media"]),
    ("mixdown", &["dsp", "engine", "media", "model"]),
    ("exporter", &["engine", "media", "mixdown", "model"]),
    ("storage", &["media", "model", "operations", "sync"]),
    ("server", &["dsp", "engine", "media", "mixdown", "model", "operations", "storage", "sync"]),
    ("audio_thread", &["dsp", "engine"]),
    ("read_ahead", &["engine", "media"]),
    ("operations_js", &["model", "operations"]),
    ("web", &["dsp", "engine", "media", "model", "operations", "sync"]),
    ("xtask", &[]),
];

/// Arrows forbidden even for tests.
const NEVER_EVEN_IN_TESTS: [(&str, &str); 2] = [("engine", "sync"), ("sync", "engine")];

/// Crates without I/O, clock, randomness and environment: those are arguments.
const PURE: [&str; 5] = ["model", "operations", "sync", "dsp", "engine"];

/// Crates from outside that must not be behind a pure one, however far.
const IMPURE_CRATES: [&str; 15] = [
    "async-std",
    "axum",
    "fastrand",
    "getrandom",
    "hyper",
    "js-sys",
    "mio",
    "rand",
    "reqwest",
    "rusqlite",
    "socket2",
    "sqlx",
    "tokio",
    "wasm-bindgen",
    "web-sys",
];

/// Paths that pure code must not name (`a::b` also stands for all below it).
const IMPURE_PATHS: [&str; 22] = [
    "async_std",
    "axum",
    "fastrand",
    "getrandom",
    "js_sys",
    "rand",
    "rusqlite",
    "sqlx",
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
    "tokio",
    "wasm_bindgen",
    "web_sys",
    "Instant",
    "SystemTime",
];

/// Crates whose code runs on the audio thread.
const PLAYING: [&str; 3] = ["dsp", "engine", "audio_thread"];

/// Paths that such code must not name: it would wait for others, or speak to the system.
const WAITING_PATHS: [&str; 16] = [
    "std::io",
    "std::sync::mpsc",
    "std::sync::*",
    "Barrier",
    "Condvar",
    "LazyLock",
    "Mutex",
    "Once",
    "OnceLock",
    "RwLock",
    "dbg",
    "eprint",
    "eprintln",
    "mpsc",
    "print",
    "println",
];

/// Imports behind which the paths above could hide.
const HIDING_IMPORTS: [&str; 3] = ["std::*", "std::time", "std::time::*"];

/// What a screen must not touch but through the door, in `crates/web/src` outside `door/`.
const BEHIND_THE_DOOR: [&str; 5] = ["WebSocket", "IdbFactory", "IdbDatabase", "WebAssembly", "indexed_db"];
const DOOR: &str = "crates/web/src/door/";

/// Checks the workspace at `root`.
pub(crate) fn check_workspace(root: &Path) -> Outcome {
    let mut found = BTreeSet::new();
    for platform in [host()?, "wasm32-unknown-unknown".to_owned()] {
        found.extend(check_metadata(&metadata(root, &platform)?));
    }
    let (files_read, in_sources) = check_sources(root)?;
    found.extend(in_sources);
    if found.is_empty() {
        println!("arrows: none forbidden in {} crates and {files_read} files", ALLOWED.len());
        return Ok(());
    }
    for violation in &found {
        eprintln!("arrows: {violation}");
    }
    Err(format!("{} forbidden arrows", found.len()))
}

/// The platform that this machine builds for.
fn host() -> Outcome<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().map_err(|error| format!("cannot start rustc: {error}"))?;
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = answer.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say for what platform it builds".to_owned())
}

/// What cargo resolves for one platform: without that limit it would fetch crates for every system there is.
fn metadata(root: &Path, platform: &str) -> Outcome<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--filter-platform", platform])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// What one crate depends on.
#[derive(Default)]
struct Dependencies {
    /// Of the crate itself and of its build script.
    shipped: BTreeSet<String>,
    /// Of its tests.
    in_tests: BTreeSet<String>,
}

fn check_metadata(metadata: &Value) -> Vec<String> {
    let members = strings(&metadata["workspace_members"]);
    let names: BTreeMap<&str, &str> = array(&metadata["packages"])
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let graph: BTreeMap<&str, Dependencies> = array(&metadata["resolve"]["nodes"])
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, dependencies(node, &names))))
        .map(|(id, dependencies)| (names.get(id).copied().unwrap_or(id), dependencies))
        .collect();
    let own: BTreeSet<&str> = members.iter().filter_map(|id| names.get(id).copied()).collect();
    let mut found = Vec::new();
    if own.is_empty() || own.iter().any(|name| !graph.contains_key(name)) {
        found.push("cargo metadata does not have the form that is read here: nothing was checked".to_owned());
    }
    for &name in &own {
        let Some(dependencies) = graph.get(name) else { continue };
        found.extend(check_own_arrows(name, dependencies, &own));
        if PURE.contains(&name) {
            found.extend(check_purity(name, &graph));
        }
    }
    if graph.get("engine").is_some_and(|engine| engine.shipped.iter().any(|name| name.starts_with("serde"))) {
        found.push("engine depends on serde: the plan has its own layout in bytes".to_owned());
    }
    found
}

fn dependencies(node: &Value, names: &BTreeMap<&str, &str>) -> Dependencies {
    let mut dependencies = Dependencies::default();
    for dependency in array(&node["deps"]) {
        let Some(name) = dependency["pkg"].as_str().and_then(|id| names.get(id)) else { continue };
        let only_tests = array(&dependency["dep_kinds"]).iter().all(|kind| kind["kind"] == "dev");
        let side = if only_tests { &mut dependencies.in_tests } else { &mut dependencies.shipped };
        side.insert((*name).to_owned());
    }
    dependencies
}

fn check_own_arrows(name: &str, dependencies: &Dependencies, own: &BTreeSet<&str>) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!("the crate {name} is new: say in xtask/src/arrows.rs what it may depend on")];
    };
    let mut found = Vec::new();
    for other in dependencies.shipped.iter().filter(|other| own.contains(other.as_str())) {
        if !allowed.contains(&other.as_str()) {
            found.push(format!("{name} → {other} is not among its allowed arrows"));
        }
    }
    for other in &dependencies.in_tests {
        if other == "server" || NEVER_EVEN_IN_TESTS.contains(&(name, other)) {
            found.push(format!("{name} → {other} is forbidden, even for tests"));
        }
    }
    found
}

/// Looks for an impure crate anywhere behind a pure one, and names the way to it.
fn check_purity(name: &str, graph: &BTreeMap<&str, Dependencies>) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([name.to_owned()]);
    let mut waiting = vec![vec![name.to_owned()]];
    while let Some(way) = waiting.pop() {
        let Some(dependencies) = way.last().and_then(|last| graph.get(last.as_str())) else { continue };
        for next in &dependencies.shipped {
            if !seen.insert(next.clone()) {
                continue;
            }
            let way = [&way[..], std::slice::from_ref(next)].concat();
            if IMPURE_CRATES.contains(&next.as_str()) {
                found.push(format!("{name} is pure, but reaches {next}: {}", way.join(" → ")));
            } else {
                waiting.push(way);
            }
        }
    }
    found
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn strings(value: &Value) -> Vec<&str> {
    array(value).iter().filter_map(Value::as_str).collect()
}

/// Checks every source file below `root` and returns how many were read and what was found.
fn check_sources(root: &Path) -> Outcome<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut files_read = 0;
    for file in files::below(&root.join("crates"))? {
        let path = files::relative(&file, root);
        if files::has_extension(&file, &["sql"]) && !path.starts_with("crates/storage/") {
            found.push(format!("{path}: SQL belongs to storage"));
        }
        if !path.split('/').nth(2).is_some_and(|part| part == "src" || part == "js") {
            continue;
        }
        if files::has_extension(&file, &["rs"]) {
            found.extend(check_rust(&path, &files::read_text(&file)?));
        } else if files::has_extension(&file, &["js"]) {
            found.extend(check_script(&path, &files::read_text(&file)?));
        } else {
            continue;
        }
        files_read += 1;
    }
    Ok((files_read, found))
}

fn check_rust(path: &str, source: &str) -> Vec<String> {
    let name = path.split('/').nth(1).unwrap_or_default();
    if is_test_file(path) {
        return Vec::new();
    }
    let tokens = rust_source::without_tests(&rust_source::tokens(source));
    let paths = rust_source::paths(&tokens);
    let mut found = Vec::new();
    if PURE.contains(&name) {
        for (line, used) in &paths {
            if let Some(impure) = impure(used) {
                found.push(format!("{path}:{line}: {name} is pure and must not use {impure}"));
            }
        }
    }
    if PLAYING.contains(&name) {
        for (line, used) in &paths {
            if let Some(waiting) = waiting(used) {
                found.push(format!("{path}:{line}: {name} runs on the audio thread and must not use {waiting}"));
            }
        }
    }
    if name == "web" && !path.starts_with(DOOR) {
        for (line, used) in &paths {
            if let Some(part) = used.split("::").find(|part| BEHIND_THE_DOOR.contains(part)) {
                found.push(format!("{path}:{line}: {part} is used only behind the door ({DOOR})"));
            }
        }
    }
    if name != "storage" && name != "xtask" {
        found.extend(check_sql(path, &tokens));
    }
    found
}

/// A module of tests in a file of its own: `tests.rs`, `NAME_tests.rs`, `tests/NAME.rs`.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/tests/")
}

/// The banned thing that a path names, if it does.
fn impure(used: &str) -> Option<&'static str> {
    let is_or_below =
        |banned: &&&str| used == **banned || used.strip_prefix(**banned).is_some_and(|r| r.starts_with("::"));
    let hidden = || HIDING_IMPORTS.iter().find(|import| used == **import);
    IMPURE_PATHS.iter().find(is_or_below).or_else(hidden).copied()
}

/// The thing that may wait, or speak to the system, which a path names, if it does: also by the last of its parts (`std::sync::Mutex`).
fn waiting(used: &str) -> Option<&'static str> {
    let is = |banned: &&&str| {
        used.split("::").any(|part| part == **banned)
            || used.strip_prefix(**banned).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    WAITING_PATHS.iter().find(is).copied()
}

fn check_sql(path: &str, tokens: &[Token]) -> Vec<String> {
    let is_sql = |token: &&Token| matches!(&token.kind, Kind::Text(text) if looks_like_sql(text));
    let message = |token: &Token| format!("{path}:{}: SQL belongs to storage", token.line);
    tokens.iter().filter(is_sql).map(message).collect()
}

/// Whether a text reads like a statement in SQL: its verb, and the word that must follow sooner or later.
fn looks_like_sql(text: &str) -> bool {
    let words: Vec<String> = text.split_whitespace().map(str::to_ascii_uppercase).collect();
    let has = |word: &str| words.iter().any(|found| found == word);
    let second = words.get(1).map_or("", String::as_str);
    match words.first().map_or("", String::as_str) {
        "SELECT" | "DELETE" => has("FROM"),
        "INSERT" | "REPLACE" => has("INTO"),
        "UPDATE" => has("SET"),
        "CREATE" | "ALTER" | "DROP" => {
            ["TABLE", "INDEX", "UNIQUE", "TRIGGER", "VIEW", "VIRTUAL"].contains(&second) && words.len() > 2
        }
        "PRAGMA" => true,
        _ => false,
    }
}

/// Scripts are glue for the audio thread and for starting up: what talks to the server or keeps records is Rust.
fn check_script(path: &str, source: &str) -> Vec<String> {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    let banned = |line: &str| ["WebSocket", "indexedDB"].into_iter().find(|word| code(line).contains(word));
    source
        .lines()
        .enumerate()
        .filter_map(|(number, line)| {
            Some(format!("{path}:{}: {} is used only behind the door ({DOOR})", number + 1, banned(line)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Metadata of a workspace from `(crate, dependency, kind)`; crates not in `ALLOWED` are from outside.
    fn workspace(arrows: &[(&str, &str, Option<&str>)]) -> Value {
        let mut names: BTreeSet<&str> = arrows.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        names.insert("model");
        let own = |name: &&&str| ALLOWED.iter().any(|(known, _)| known == *name) || **name == "novelty";
        let nodes: Vec<Value> = names
            .iter()
            .map(|name| {
                let deps: Vec<Value> = arrows
                    .iter()
                    .filter(|(from, _, _)| from == name)
                    .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                    .collect();
                json!({"id": name, "deps": deps})
            })
            .collect();
        json!({
            "workspace_members": names.iter().filter(own).collect::<Vec<_>>(),
            "packages": names.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            "resolve": {"nodes": nodes},
        })
    }

    #[track_caller]
    fn finds(arrows: &[(&str, &str, Option<&str>)], expected: &[&str]) {
        assert_eq!(check_metadata(&workspace(arrows)), expected);
    }

    #[test]
    fn the_arrows_of_the_design_are_free() {
        finds(&[("operations", "model", None), ("sync", "operations", None), ("server", "storage", None)], &[]);
        finds(&[("model", "proptest", Some("dev")), ("proptest", "getrandom", None)], &[]);
        finds(&[("server", "tokio", None)], &[]);
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        finds(&[("model", "operations", None)], &["model → operations is not among its allowed arrows"]);
        finds(&[("engine", "model", None), ("web", "server", None)], &["web → server is not among its allowed arrows"]);
        finds(&[("dsp", "media", Some("build"))], &["dsp → media is not among its allowed arrows"]);
    }

    #[test]
    fn server_and_the_far_side_are_forbidden_even_for_tests() {
        finds(&[("simulator", "server", Some("dev"))], &["simulator → server is forbidden, even for tests"]);
        finds(&[("engine", "sync", Some("dev"))], &["engine → sync is forbidden, even for tests"]);
        finds(&[("sync", "simulator", Some("dev"))], &[]);
    }

    #[test]
    fn an_impure_crate_is_found_however_far_behind() {
        finds(
            &[("model", "uuid", None), ("uuid", "getrandom", None)],
            &["model is pure, but reaches getrandom: model → uuid → getrandom"],
        );
    }

    #[test]
    fn the_engine_has_no_serde() {
        finds(&[("engine", "serde_core", None)], &["engine depends on serde: the plan has its own layout in bytes"]);
    }

    #[test]
    fn a_new_crate_needs_a_line_in_the_table() {
        let found = check_metadata(&workspace(&[("novelty", "model", None)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("novelty is new"), "{}", found[0]);
    }

    #[test]
    fn pure_source_that_reaches_outside_is_found() {
        for source in [
            "use std::time::Instant;",
            "use std::{fs, io};",
            "use std::time;",
            "use std::*;",
            "fn f() { std::env::var(\"HOME\"); }",
            "use tokio::sync::mpsc;",
            "fn f(at: std::time::SystemTime) {}",
            "use rand::Rng as R;",
            "fn f() { let _ = getrandom::fill(&mut []); }",
        ] {
            assert_eq!(check_rust("crates/sync/src/room.rs", source).len(), 1, "{source}");
            assert_eq!(check_rust("crates/server/src/room.rs", source), [""; 0], "{source}");
        }
    }

    #[test]
    fn pure_source_may_use_durations_and_its_tests_more() {
        for source in [
            "use std::time::Duration;",
            "/// See [`std::fs`].\nfn f() {}",
            "#[cfg(test)]\nmod tests { use std::fs; }",
            "fn f() { random(\"std::env::var\"); }",
        ] {
            assert_eq!(check_rust("crates/model/src/lib.rs", source), [""; 0], "{source}");
        }
        assert_eq!(check_rust("crates/model/src/tests.rs", "use std::fs;"), [""; 0]);
    }

    #[test]
    fn what_waits_or_prints_on_the_audio_thread_is_found() {
        for source in [
            "use std::sync::Mutex;",
            "use std::sync::{Arc, RwLock};",
            "use std::sync::*;",
            "static A: std::sync::OnceLock<u8> = std::sync::OnceLock::new();",
            "fn f(a: &parking_lot::Mutex<u8>) {}",
            "fn f() { println!(\"a\"); }",
            "fn f() { let _ = std::io::stderr(); }",
        ] {
            for name in ["engine", "dsp", "audio_thread"] {
                assert!(!check_rust(&format!("crates/{name}/src/a.rs"), source).is_empty(), "{name}: {source}");
            }
            assert_eq!(check_rust("crates/media/src/a.rs", source), [""; 0], "{source}");
        }
        let free = "use std::sync::Arc; use core::sync::atomic::AtomicU32; fn f() { once(print_of(\"Mutex\")); }";
        assert_eq!(check_rust("crates/engine/src/a.rs", free), [""; 0]);
    }

    #[test]
    fn sql_outside_storage_is_found_with_its_line() {
        let source = "\nconst A: &str = \"\n  select id from clips where id = ?\";";
        assert_eq!(check_rust("crates/server/src/a.rs", source), ["crates/server/src/a.rs:2: SQL belongs to storage"]);
        assert_eq!(check_rust("crates/storage/src/a.rs", source), [""; 0]);
        for text in ["Select a track", "delete the clip", "Update", "insert", "create a project", "Drop files here"] {
            assert!(!looks_like_sql(text), "{text}");
        }
        for text in ["UPDATE t SET a = 1", "CREATE TABLE t (a)", "insert or ignore into t values (1)", "PRAGMA a"] {
            assert!(looks_like_sql(text), "{text}");
        }
    }

    #[test]
    fn a_screen_reaches_the_socket_only_through_the_door() {
        let source = "use web_sys::{Element, WebSocket};";
        assert_eq!(check_rust("crates/web/src/mixer/fader.rs", source).len(), 1);
        assert_eq!(check_rust("crates/web/src/door/socket.rs", source), [""; 0]);
        assert_eq!(check_script("crates/web/js/boot.js", "new WebSocket(a) // x").len(), 1);
        assert_eq!(check_script("crates/web/js/boot.js", "a() // no WebSocket here"), [""; 0]);
    }

    #[test]
    fn a_tree_of_files_is_walked() {
        let root = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| files::write_if_changed(&root.path().join(path), text.as_bytes()).unwrap();
        file("crates/engine/src/plan.rs", "use std::time::Instant;");
        file("crates/engine/tests/speed.rs", "use std::time::Instant;");
        file("crates/server/src/schema.sql", "");
        let (files_read, found) = check_sources(root.path()).unwrap();
        assert_eq!(files_read, 1);
        assert_eq!(
            found,
            [
                "crates/engine/src/plan.rs:1: engine is pure and must not use std::time::Instant",
                "crates/server/src/schema.sql: SQL belongs to storage",
            ]
        );
    }
}
