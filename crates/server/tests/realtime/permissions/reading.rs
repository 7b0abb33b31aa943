//! The matrix of reading.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use model::{Key, Table};
use operations::build::{delete, restore, set};
use serde_json::{Value, json};
use sync::wire::{ClientMessage, SUBPROTOCOL, ServerMessage, VERSION};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{Asker, SOUND, World, askers, export_body, membership_of, table};
use crate::band::{Server, User, id};

impl World {
    fn user(&self, asker: Asker) -> Option<&User> {
        self.users.get(asker.name())
    }

    async fn call(&self, asker: Asker, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, body, _) = self.server.call(self.user(asker), method, path, body).await;
        (status, body)
    }

    /// An `upload` or a `download`, signed for somebody while they are an editor.
    async fn signed(&self, asker: Asker, what: &str) -> String {
        let path = format!("/api/audio-files/live-audio_files/{what}");
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
        let body = if what == "download" { json!({"kind": "original"}) } else { Value::Null };
        let (status, signed, _) = self.server.call(me, "POST", &path, body).await;
        assert_eq!(status, StatusCode::OK, "{user}: {signed}");
        self.done("ada", back).await;
        for_asker(signed["url"].as_str().unwrap(), asker)
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
        let (status, made, _) = self.server.call(me, "POST", "/api/projects/p/exports", export_body()).await;
        assert_eq!(status, StatusCode::CREATED, "{user}: {made}");
        let export = id(made["id"].as_str().unwrap());
        let mut writer = blobs.create().unwrap();
        writer.write(SOUND).unwrap();
        let stored = writer.finish(None, self.clock.now()).unwrap();
        let file = storage::ExportFile { blob: stored.key, bytes: stored.size };
        let later = model::Timestamp(self.clock.now().0 + 1_000_000);
        assert!(store.begin_export(&export).unwrap() && store.finish_export(&export, file, later).unwrap());
        let path = format!("/api/projects/p/exports/{export}");
        let (status, done, _) = self.server.call(me, "GET", &path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{user}: {done}");
        if was_deleted {
            self.done("ada", vec![delete(key.table, &key.id)]).await;
        }
        [export.to_string(), for_asker(done["file"]["url"].as_str().unwrap(), asker)]
    }

    /// Brings the bytes of the project's recording.
    async fn bring_sound(&self) {
        let path = "/api/audio-files/live-audio_files/upload";
        let (status, signed, _) = self.server.call(self.users.get("owner"), "POST", path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{signed}");
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
                let (status_of, made, _) =
                    self.server.call(self.users.get("ada"), "POST", "/api/projects/p/invitations", json!({})).await;
                assert_eq!(status_of, StatusCode::CREATED, "{made}");
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
                status(self.server.send_bytes(verb, &self.signed(asker, "upload").await, SOUND).await)
            }
            ("HEAD", "/api/audio-files/{id}/content") => {
                status(self.server.send_bytes(verb, &self.signed(asker, "upload").await, b"").await)
            }
            ("GET", "/api/audio-files/{id}/content/{part}") => {
                self.bring_sound().await;
                status(self.call(Asker::Nobody, "GET", &self.signed(asker, "download").await, Value::Null).await.0)
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

/// A URL that was signed for the owner, altered by somebody who has none.
fn for_asker(url: &str, asker: Asker) -> String {
    match asker {
        Asker::Stranger => url.replace("user=owner", "user=stranger"),
        Asker::Nobody => url.replace("user=owner", "user=another"),
        _ => url.to_owned(),
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
