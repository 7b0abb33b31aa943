//! Every cell of `specs/permissions.md` (PE6).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use model::schema::TableSchema;
use model::{Id, Key, Role, Table};
use operations::build::{create, delete, list_insert, list_remove, restore, set, unset};
use operations::{Author, Change, Operation, Position, Transaction};
use serde_json::{Value, json};
use server::state::Clock;
use sha2::Digest as _;
use sync::wire::{ClientMessage, SUBPROTOCOL, ServerMessage, VERSION};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::band::{Server, User, id};

const SPEC: &str = include_str!("../../../../specs/permissions.md");

/// Someone who asks, as the tables name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Member(Role),
    Former,
    Stranger,
    Nobody,
}

/// A role without a column would not compile, or fail in [`Asker::columns`].
fn column(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Editor => "editor",
        Role::Viewer => "viewer",
    }
}

impl Asker {
    fn named(name: &str) -> Asker {
        let role = Role::ALL.into_iter().find(|role| column(*role) == name);
        match (role, name) {
            (Some(role), _) => Asker::Member(role),
            (None, "former") => Asker::Former,
            (None, "stranger") => Asker::Stranger,
            (None, "nobody") => Asker::Nobody,
            _ => panic!("{name} is nobody that this test knows"),
        }
    }

    /// Their user id.
    fn name(self) -> &'static str {
        match self {
            Asker::Member(role) => column(role),
            Asker::Former => "former",
            Asker::Stranger => "stranger",
            Asker::Nobody => "nobody",
        }
    }
}

/// An operation that has no row would not compile.
fn kind(change: &Change) -> &'static str {
    match change {
        Change::Set(_) => "set",
        Change::SetNow => "set-now",
        Change::Unset => "unset",
        Change::ListInsert(..) => "listInsert",
        Change::ListRemove(_) => "listRemove",
    }
}

const KINDS: [&str; 5] = ["set", "set-now", "unset", "listInsert", "listRemove"];

/// The rows of the table under a heading: its header, then cells.
fn table(heading: &str) -> (Vec<&'static str>, Vec<Vec<&'static str>>) {
    let section = SPEC.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = section.lines().filter(|line| line.starts_with('|')).map(cells);
    let header = lines.next().unwrap();
    let rows: Vec<_> = lines.filter(|row| !row[0].starts_with("---")).collect();
    for row in &rows {
        assert_eq!(row.len(), header.len(), "{row:?}");
    }
    (header, rows)
}

/// Everyone who has a column, and where it is.
fn askers(header: &[&str], after: usize) -> Vec<(usize, Asker)> {
    let found: Vec<_> = header.iter().enumerate().skip(after).map(|(n, name)| (n, Asker::named(name))).collect();
    for role in Role::ALL {
        assert!(found.iter().any(|(_, asker)| *asker == Asker::Member(role)), "{} has no column", role.name());
    }
    assert!(
        found.iter().any(|(_, asker)| *asker == Asker::Former) && found.iter().any(|(_, it)| *it == Asker::Stranger)
    );
    found
}

fn fields<const N: usize>(fields: [(&str, model::Value); N]) -> model::Map {
    model::fields(fields)
}

fn member(name: &str, project: &str, user: &str, role: &str) -> Operation {
    let fields = fields([("projectId", project.into()), ("userId", user.into()), ("role", role.into())]);
    create(Table::ProjectMembers, &id(name), fields)
}

fn hash(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A wish for a second of silence.
fn export_body() -> Value {
    json!({"settings": {"format": "wav", "range": {"unit": "seconds", "from": 0, "to": 1}}})
}

const SOUND: &[u8] = b"as good as any sound";

/// What creates a record of a content table under this name in project `p`.
fn content(table: Table, name: &str, track: &str) -> Operation {
    let fields = match table {
        Table::Tracks => fields([("projectId", "p".into()), ("name", "T".into()), ("type", "audio".into())]),
        Table::Clips => fields([
            ("trackId", track.into()),
            ("name", "C".into()),
            ("startBeat", 0u32.into()),
            ("durationBeats", 1u32.into()),
            ("midiData", model::Value::from(fields([("notes", model::Value::list([]))]))),
        ]),
        Table::AudioFiles => fields([
            ("projectId", "p".into()),
            ("filename", "f.wav".into()),
            ("contentHash", hash(SOUND).as_str().into()),
            ("sizeBytes", u32::try_from(SOUND.len()).unwrap().into()),
        ]),
        Table::Automation => fields([("trackId", track.into()), ("parameter", "volume".into())]),
        Table::Versions => fields([("projectId", "p".into()), ("name", "V".into())]),
        Table::TempoChanges => fields([("projectId", "p".into()), ("beat", 4u32.into()), ("bpm", 90u32.into())]),
        Table::TimeSignatures => {
            fields([("projectId", "p".into()), ("beat", 4u32.into()), ("timeSignature", "3/4".into())])
        }
        Table::Users | Table::Projects | Table::ProjectMembers => panic!("{table} is no content"),
    };
    create(table, &id(name), fields)
}

const CONTENT: [Table; 7] = [
    Table::Tracks,
    Table::Clips,
    Table::AudioFiles,
    Table::Automation,
    Table::Versions,
    Table::TempoChanges,
    Table::TimeSignatures,
];

struct World {
    server: Server,
    clock: Clock,
    users: BTreeMap<&'static str, User>,
    count: std::cell::Cell<u32>,
}

impl World {
    /// A project `p` of ada's with another owner, an editor, a viewer and somebody who was one; in each content table a
    /// record `live-…` and one `gone-…` that is deleted; and another project `q`.
    async fn new() -> World {
        let (server, _, clock) = Server::in_memory().await;
        let names = ["ada", "owner", "editor", "viewer", "former", "stranger", "another", "gone", "new"];
        let users = names.map(|name| (name, server.let_in(name)));
        let world = World { server, clock, users: users.into(), count: Default::default() };
        let mut made = vec![create(Table::Projects, &id("p"), fields([("name", "P".into())]))];
        for (user, role) in [("owner", "owner"), ("editor", "editor"), ("viewer", "viewer"), ("another", "editor")] {
            made.push(member(&format!("m-{user}"), "p", user, role));
        }
        for user in ["former", "gone"] {
            made.extend([
                member(&format!("m-{user}"), "p", user, "editor"),
                delete(Table::ProjectMembers, &id(&format!("m-{user}"))),
            ]);
        }
        // An ended membership of the owner's beside the one that holds.
        made.insert(1, member("m-owner-old", "p", "owner", "editor"));
        made.insert(2, delete(Table::ProjectMembers, &id("m-owner-old")));
        for table in CONTENT {
            for state in ["live", "gone"] {
                made.push(content(table, &format!("{state}-{table}"), "live-tracks"));
            }
            made.push(delete(table, &id(&format!("gone-{table}"))));
        }
        made.push(content(Table::Tracks, "second", ""));
        world.done("ada", made).await;
        let other = create(
            Table::Tracks,
            &id("elsewhere"),
            fields([("projectId", "q".into()), ("name", "T".into()), ("type", "audio".into())]),
        );
        world.done("ada", vec![create(Table::Projects, &id("q"), fields([("name", "Q".into())])), other]).await;
        world
    }

    /// The status that a transaction answers; 200 when it is committed.
    async fn write(&self, author: &str, operations: Vec<Operation>) -> (u16, String) {
        self.count.set(self.count.get() + 1);
        let transaction = Transaction {
            tx_id: id(&format!("tx{}", self.count.get())),
            author_id: id(author),
            operations,
            client_timestamp: 0.0,
            base_versions: BTreeMap::new(),
            gesture: None,
        };
        let author = Author::User(id(author));
        match self.server.app.realtime.write(author, transaction).await {
            Ok(_) => (200, String::new()),
            Err(error) => (error.status(), error.message()),
        }
    }

    async fn done(&self, author: &str, operations: Vec<Operation>) {
        assert_eq!(self.write(author, operations).await, (200, String::new()));
    }

    fn role(&self, user: &str) -> Option<Role> {
        self.server.app.database.store().role_of(&id("p"), &id(user)).unwrap()
    }
}

/// What somebody tries in a row of the table, and what has to be so before they do.
fn attempt(table: Table, operation: &str, case: &str, me: &str) -> (Vec<Operation>, Operation) {
    let (whose, states) = case.rsplit_once(": ").unwrap_or(("", case));
    let (before, after) = states.split_once(" → ").unwrap();
    let (members, p) = (Table::ProjectMembers, id("p"));
    let only_owner = || vec![set(members, &p, "role", "viewer")];
    let operation = match (table, operation, whose) {
        (Table::Users, "set", "one's own") if before == "none" => {
            create(table, &id(me), fields([("name", "Me".into())]))
        }
        (Table::Users, "set", "nobody's") => create(table, &id("nobody-yet"), fields([("name", "X".into())])),
        (Table::Users, _, "one's own" | "a fellow's") => {
            let user = id(if whose == "one's own" { me } else { "ada" });
            match operation {
                "set" => set(table, &user, "name", "New"),
                "set-now" => delete(table, &user),
                "unset" => unset(table, &user, "name"),
                "listInsert" => list_insert(table, &user, "name", "x", Position::Append),
                _ => list_remove(table, &user, "name", "x"),
            }
        }
        (Table::Projects, "set", "a new one") => {
            create(table, &id(&format!("new-{me}")), fields([("name", "N".into())]))
        }
        (Table::Projects, "set", "this one again") => create(table, &p, fields([("name", "N".into())])),
        (Table::Projects, "set", "") => set(table, &p, "name", "New"),
        (Table::Projects, "set-now", "") => delete(table, &p),
        (Table::Projects, "unset", "") => restore(table, &p),
        (Table::Projects, "listInsert", whose) => {
            let user = match whose {
                "a new collaborator" => "new",
                "a collaborator already" => "another",
                _ => me,
            };
            list_insert(table, &p, "collaborators", user, Position::Append)
        }
        (Table::Projects, "listRemove", "a collaborator") => list_remove(table, &p, "collaborators", "another"),
        (Table::Projects, "listRemove", "the last owner") => {
            return (only_owner(), list_remove(table, &p, "collaborators", "owner"));
        }
        (Table::ProjectMembers, "set", "another's") => member("m-new", "p", "new", "viewer"),
        (Table::ProjectMembers, "set", "another's, as an owner") => member("m-new", "p", "new", "owner"),
        (Table::ProjectMembers, "set", "one's own, as an owner") => member("m-mine", "p", me, "owner"),
        (Table::ProjectMembers, "set", "another's role") => {
            set(table, &id(if before == "deleted" { "m-gone" } else { "m-another" }), "role", "owner")
        }
        (Table::ProjectMembers, "set", "one's own role, to owner") => set(table, &membership_of(me), "role", "owner"),
        (Table::ProjectMembers, "set", "one's own role, to viewer") => set(table, &membership_of(me), "role", "viewer"),
        (Table::ProjectMembers, "set", "the last owner's role") => {
            return (only_owner(), set(table, &id("m-owner"), "role", "editor"));
        }
        (Table::ProjectMembers, "set-now", "the last owner's") => return (only_owner(), delete(table, &id("m-owner"))),
        (Table::ProjectMembers, "set-now", "another's") => {
            delete(table, &id(if before == "deleted" { "m-gone" } else { "m-another" }))
        }
        (Table::ProjectMembers, "set-now", "one's own") => delete(table, &membership_of(me)),
        (Table::ProjectMembers, "unset", "another's") => restore(table, &id("m-gone")),
        (Table::ProjectMembers, "unset", "one's own, beside one that holds") => {
            restore(table, &if me == "owner" { id("m-owner-old") } else { membership_of(me) })
        }
        (Table::ProjectMembers, "unset", "one's own") => restore(table, &membership_of(me)),
        (Table::ProjectMembers, "listInsert", "") => {
            list_insert(table, &id("m-another"), "role", "x", Position::Append)
        }
        (Table::ProjectMembers, "listRemove", "") => list_remove(table, &id("m-another"), "role", "x"),
        (Table::Clips, "set", "under a deleted track") => content(table, "fresh", "gone-tracks"),
        (Table::Clips, "set", "to another track") => set(table, &id("live-clips"), "trackId", "second"),
        (Table::Clips, "set", "to another project's track") => set(table, &id("live-clips"), "trackId", "elsewhere"),
        (_, "set", "") if before == "none" => content(table, "fresh", "live-tracks"),
        (table, _, "") if CONTENT.contains(&table) => {
            let target = id(&format!("{}-{table}", if before == "deleted" { "gone" } else { "live" }));
            let (name, list, element) = match table {
                Table::Tracks => ("name", "plugins", fields([("id", "e".into()), ("type", "eq".into())])),
                Table::Clips => (
                    "name",
                    "midiData.notes",
                    fields([
                        ("id", "n".into()),
                        ("pitch", 60u32.into()),
                        ("startBeat", 0u32.into()),
                        ("durationBeats", 1u32.into()),
                    ]),
                ),
                Table::Automation => {
                    ("points", "points", fields([("id", "b".into()), ("beat", 0u32.into()), ("value", 1u32.into())]))
                }
                Table::Versions => ("name", "name", fields([("id", "x".into())])),
                Table::TempoChanges => ("curve", "curve", fields([("id", "x".into())])),
                Table::TimeSignatures => ("timeSignature", "timeSignature", fields([("id", "x".into())])),
                _ => ("filename", "filename", fields([("id", "x".into())])),
            };
            match operation {
                "set" if table == Table::Automation => set(table, &target, name, model::Value::list([])),
                "set" if table == Table::TempoChanges => set(table, &target, name, "ramp"),
                "set" if table == Table::TimeSignatures => set(table, &target, name, "6/8"),
                "set" => set(table, &target, name, "New"),
                "set-now" => delete(table, &target),
                "unset" => restore(table, &target),
                "listInsert" => list_insert(table, &target, list, model::Value::from(element), Position::Append),
                _ => list_remove(table, &target, list, model::Value::from(element)),
            }
        }
        other => panic!("this test cannot try {other:?}"),
    };
    let mut given = Vec::new();
    if table == Table::Projects && before == "deleted" {
        given.push(delete(Table::Projects, &p));
    }
    assert!(!after.is_empty());
    (given, operation)
}

/// The membership that somebody has or had; a stranger tries another's.
fn membership_of(me: &str) -> Id {
    id(&if me == "stranger" { "m-another".to_owned() } else { format!("m-{me}") })
}

#[tokio::test]
async fn pe6_every_cell_of_the_matrix_of_writing_holds() {
    let (header, rows) = table("Writing");
    let askers = askers(&header, 3);
    let mut wrong = Vec::new();
    for row in &rows {
        let table = Table::from_name(row[0]).unwrap_or_else(|| panic!("there is no table {}", row[0]));
        for (cell, asker) in &askers {
            let world = World::new().await;
            let me = asker.name();
            let (given, operation) = attempt(table, row[1], row[2], me);
            assert_eq!(kind(&operation.change), row[1], "{row:?}");
            if !given.is_empty() {
                world.done("ada", given).await;
            }
            world.clock.advance_ms(1);
            let before = world.role(me);
            let (status, message) = world.write(me, vec![operation]).await;
            let expected: u16 = if row[*cell] == "yes" { 200 } else { row[*cell].parse().unwrap() };
            if status != expected {
                wrong.push(format!("{row:?}, {me}: {status} {message}"));
            }
            if status != 200 {
                assert_eq!(world.role(me), before, "a refusal changes nothing");
            }
            if status == 403 {
                assert_eq!(message, operations::Refusal::FORBIDDEN, "PE2: one text for all");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pe6_no_cell_is_missing_from_the_matrix_of_writing() {
    let (header, rows) = table("Writing");
    askers(&header, 3);
    let named: BTreeSet<(&str, &str)> = rows.iter().map(|row| (row[0], row[1])).collect();
    for table in Table::ALL {
        for kind in KINDS {
            assert!(named.contains(&(table.name(), kind)), "{table}, {kind} has no row");
        }
        let goes: BTreeSet<&str> =
            rows.iter().filter(|row| row[0] == table.name()).map(|row| row[2].rsplit(": ").next().unwrap()).collect();
        let mut expected = BTreeSet::from(["none → live", "live → live"]);
        if TableSchema::of(table).field("deleted").is_some() {
            expected.extend(["live → deleted", "deleted → deleted", "deleted → live"]);
        }
        assert_eq!(goes, expected, "{table}");
    }
    let cases: BTreeSet<&[&str]> = rows.iter().map(|row| &row[..3]).collect();
    assert_eq!(cases.len(), rows.len(), "no case stands there twice");
    for row in &rows {
        for cell in &row[3..] {
            assert!(["yes", "400", "403"].contains(cell), "{row:?}");
        }
    }
}

impl World {
    fn user(&self, asker: Asker) -> Option<&User> {
        self.users.get(asker.name())
    }

    async fn call(&self, asker: Asker, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, body, _) = self.server.call(self.user(asker), method, path, body).await;
        (status, body)
    }

    /// An upload and a download signed for somebody while they are an editor.
    async fn signed(&self, asker: Asker) -> [String; 2] {
        let path = |what: &str| format!("/api/audio-files/live-audio_files/{what}");
        let user = match asker {
            Asker::Stranger | Asker::Nobody => "owner",
            known => known.name(),
        };
        let me = self.users.get(user);
        let key = Key::new(Table::ProjectMembers, membership_of(user));
        let was = self.server.app.database.store().records(std::slice::from_ref(&key)).unwrap().remove(0).1;
        let mut back = vec![set(key.table, &key.id, "role", was.text("role").unwrap())];
        back.extend(was.is_deleted().then(|| delete(key.table, &key.id)));
        self.done("ada", vec![set(key.table, &key.id, "role", "editor"), restore(key.table, &key.id)]).await;
        let (_, upload, _) = self.server.call(me, "POST", &path("upload"), Value::Null).await;
        let (_, download, _) = self.server.call(me, "POST", &path("download"), json!({"kind": "original"})).await;
        self.done("ada", back).await;
        let for_me = |signed: &Value| match (signed["url"].as_str(), asker) {
            (Some(url), Asker::Stranger) => url.replace("user=owner", "user=stranger"),
            (Some(url), Asker::Nobody) => url.replace("user=owner", "user=another"),
            (Some(url), _) => url.to_owned(),
            (None, _) => String::new(),
        };
        [for_me(&upload), for_me(&download)]
    }

    /// An export that is done, of somebody who may have it, or may have had; and its URL, altered for who has none.
    async fn exported(&self, asker: Asker) -> [String; 2] {
        let user = match asker {
            Asker::Stranger | Asker::Nobody => "owner",
            known => known.name(),
        };
        let key = Key::new(Table::ProjectMembers, membership_of(user));
        let was_deleted =
            self.server.app.database.store().records(std::slice::from_ref(&key)).unwrap()[0].1.is_deleted();
        if was_deleted {
            self.done("ada", vec![restore(key.table, &key.id)]).await;
        }
        let (store, blobs, me) = (self.server.app.database.store(), &self.server.app.blobs, self.users.get(user));
        let (_, made, _) = self.server.call(me, "POST", "/api/projects/p/exports", export_body()).await;
        let export = id(made["id"].as_str().unwrap());
        let mut writer = blobs.create().unwrap();
        writer.write(SOUND).unwrap();
        let stored = writer.finish(None, self.clock.now()).unwrap();
        let file = storage::ExportFile { blob: stored.key, bytes: stored.size };
        let later = model::Timestamp(self.clock.now().0 + 1_000_000);
        assert!(store.begin_export(&export).unwrap() && store.finish_export(&export, file, later).unwrap());
        let (_, done, _) = self.server.call(me, "GET", &format!("/api/projects/p/exports/{export}"), Value::Null).await;
        if was_deleted {
            self.done("ada", vec![delete(key.table, &key.id)]).await;
        }
        let url = done["file"]["url"].as_str().unwrap();
        let url = match asker {
            Asker::Stranger => url.replace("user=owner", "user=stranger"),
            Asker::Nobody => url.replace("user=owner", "user=another"),
            _ => url.to_owned(),
        };
        [export.to_string(), url]
    }

    /// Brings the bytes of the project's recording.
    async fn bring_sound(&self) {
        let path = "/api/audio-files/live-audio_files/upload";
        let (_, signed, _) = self.server.call(self.users.get("owner"), "POST", path, Value::Null).await;
        assert_eq!(self.put(signed["url"].as_str().unwrap()).await, StatusCode::NO_CONTENT);
    }

    async fn put(&self, url: &str) -> StatusCode {
        self.server.send_bytes("PUT", url, SOUND).await
    }

    /// What comes of asking, as the table says it.
    async fn ask(&self, what: &str, asker: Asker) -> String {
        let yes = |came: bool| if came { "yes" } else { "no" }.to_owned();
        let record = |name: &str| match name {
            "users, one's own" => ("users".to_owned(), asker.name().to_owned()),
            "users, a fellow's" => ("users".to_owned(), "ada".to_owned()),
            "projects" => ("projects".to_owned(), "p".to_owned()),
            "project_members" => ("project_members".to_owned(), "m-another".to_owned()),
            "project-tracks" => ("project-tracks".to_owned(), "p".to_owned()),
            "track-clips" => ("track-clips".to_owned(), "live-tracks".to_owned()),
            other => (other.to_owned(), format!("live-{other}")),
        };
        let route = |path: &str| {
            let project = path.replace("/projects/{id}", "/projects/p");
            project.replace("/audio-files/{id}", "/audio-files/live-audio_files")
        };
        let status = |status: StatusCode| status.as_u16().to_string();
        let (verb, rest) = what.split_once(' ').unwrap();
        if matches!(verb, "open" | "subscribe") && self.user(asker).is_none() {
            let request = format!("ws://{}/api/realtime", self.server.address).into_client_request().unwrap();
            return match tokio_tungstenite::connect_async(request).await {
                Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => answer.status().as_u16().to_string(),
                other => panic!("{other:?}"),
            };
        }
        match (verb, rest) {
            ("getRecords", name) => {
                let (table, id) = record(name);
                let body = json!({"pointers": [{"table": table, "id": id}]});
                let (code, body) = self.call(asker, "POST", "/api/realtime/getRecords", body).await;
                if code == StatusCode::OK { yes(body["recordMap"][&table][&id].is_object()) } else { status(code) }
            }
            ("open", _) => {
                let mut socket =
                    self.server.connect(self.user(asker).unwrap(), Some(SUBPROTOCOL), "/api/realtime").await;
                socket.say(&ClientMessage::Hello { version: u16::from(VERSION) }).await;
                socket.hear().await;
                socket.say(&ClientMessage::Open { channel: 1, project: id("p"), resume: None }).await;
                match socket.hear().await {
                    ServerMessage::Snapshot { .. } => yes(true),
                    ServerMessage::Denied { status: 403, .. } => yes(false),
                    other => panic!("{other:?}"),
                }
            }
            ("subscribe", name) => {
                let (list, id) = record(name);
                let mut socket = self.server.connect(self.user(asker).unwrap(), None, "/").await;
                let answer = socket.text(json!({"type": "subscribe", "key": format!("{list}:{id}")})).await;
                yes(answer["type"] == "updates")
            }
            ("GET", "/api/projects") => {
                let (code, body) = self.call(asker, verb, rest, Value::Null).await;
                if code == StatusCode::OK { yes(body["projects"].to_string().contains("\"p\"")) } else { status(code) }
            }
            ("POST", path) if path.ends_with("/members") => {
                status(self.call(asker, verb, &route(path), json!({"email": "new@example.com"})).await.0)
            }
            ("DELETE", path) if path.ends_with("/{invitation}") => {
                let (_, made, _) =
                    self.server.call(self.users.get("ada"), "POST", "/api/projects/p/invitations", json!({})).await;
                let path = route(path).replace("{invitation}", made["invitation"]["id"].as_str().unwrap());
                status(self.call(asker, verb, &path, Value::Null).await.0)
            }
            ("POST", path) if path.ends_with("/exports") => {
                status(self.call(asker, verb, &route(path), export_body()).await.0)
            }
            ("GET", path) if path.ends_with("/file") => {
                status(self.call(Asker::Nobody, verb, &self.exported(asker).await[1], Value::Null).await.0)
            }
            ("GET" | "DELETE", path) if path.ends_with("/{export}") => {
                let path = route(path).replace("{export}", &self.exported(asker).await[0]);
                status(self.call(asker, verb, &path, Value::Null).await.0)
            }
            ("PUT" | "PATCH", "/api/audio-files/{id}/content") => {
                status(self.server.send_bytes(verb, &self.signed(asker).await[0], SOUND).await)
            }
            ("HEAD", "/api/audio-files/{id}/content") => {
                status(self.server.send_bytes(verb, &self.signed(asker).await[0], b"").await)
            }
            ("GET", "/api/audio-files/{id}/content/{part}") => {
                self.bring_sound().await;
                status(self.call(Asker::Nobody, "GET", &self.signed(asker).await[1], Value::Null).await.0)
            }
            ("POST", path) if path.ends_with("/download") => {
                self.bring_sound().await;
                status(self.call(asker, verb, &route(path), json!({"kind": "original"})).await.0)
            }
            ("POST", path) if path.ends_with("/upload") => {
                status(self.call(asker, verb, &route(path), Value::Null).await.0)
            }
            ("POST", path) => status(self.call(asker, verb, &route(path), json!({})).await.0),
            (verb, path) => status(self.call(asker, verb, &route(path), Value::Null).await.0),
        }
    }
}

#[tokio::test]
async fn pe6_every_cell_of_the_matrix_of_reading_holds() {
    let (header, rows) = table("Reading");
    let mut wrong = Vec::new();
    for row in &rows {
        for (cell, asker) in askers(&header, 1) {
            let came = World::new().await.ask(row[0], asker).await;
            if came != row[cell] {
                wrong.push(format!("{}, {}: {came}, not {}", row[0], asker.name(), row[cell]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn pe6_no_table_and_no_route_of_a_project_is_missing_from_the_matrix_of_reading() {
    let (header, rows) = table("Reading");
    assert!(askers(&header, 1).iter().any(|(_, asker)| *asker == Asker::Nobody));
    let named: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(named.len(), rows.len(), "nothing stands there twice");
    for table in Table::ALL {
        for verb in ["getRecords", "subscribe"] {
            let cases: &[&str] = if table == Table::Users { &[", one's own", ", a fellow's"] } else { &[""] };
            for case in cases {
                let name = format!("{verb} {table}{case}");
                assert!(named.contains(name.as_str()), "{name} has no row");
            }
        }
    }
    let (server, _, _) = Server::in_memory().await;
    let (_, document, _) = server.call(None, "GET", "/api/openapi.json", Value::Null).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "head", "put", "post", "delete", "patch"].contains(&key.as_str()))
        {
            let of_a_project = path.starts_with("/api/projects/{") || path.starts_with("/api/audio-files/{");
            let name = format!("{} {path}", method.to_uppercase());
            assert!(!of_a_project || named.contains(name.as_str()), "{name} has no row in specs/permissions.md");
        }
    }
}
