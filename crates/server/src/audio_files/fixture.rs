//! A server over real files for tests: people, a project, recordings.

use std::io::Cursor;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use media::wav::{BitDepth, Writer};
use model::{AudioFile, AudioFileState, Id, Record, Table, Timestamp, Value};
use operations::build::create;
use operations::{Author, Operation, Scope, Transaction};
use serde_json::json;
use storage::blobs::FileBlobs;
use storage::{BlobKey, Database, SqliteStore};
use tower::ServiceExt as _;

use crate::config::Config;
use crate::state::{Clock, new_id};
use crate::{App, router};

/// Someone who is logged in.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Id,
    pub(crate) cookie: String,
}

pub(crate) struct Studio {
    pub(crate) app: App,
    pub(crate) folder: tempfile::TempDir,
    router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The number in a header.
    pub(crate) fn number(&self, header: &str) -> u64 {
        self.headers[header].to_str().unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A WAV file of this many frames, two channels, 16 bits, 48 kHz; another sound for each `seed`.
pub(crate) fn wav(frames: usize, seed: u64) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), 48_000, 2, BitDepth::I16, None).unwrap();
    let step = 0.01 + seed as f32 * 0.003;
    let left: Vec<f32> = (0..frames).map(|n| libm::sinf(n as f32 * step) * 0.5).collect();
    let right: Vec<f32> = left.iter().map(|x| x * -0.5).collect();
    writer.write_planar(&[&left, &right]).unwrap();
    writer.finish().unwrap().into_inner()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    BlobKey::from_digest(&sha2::Sha256::digest(bytes).into()).to_string()
}

impl Studio {
    /// A server over an empty folder, by a clock that stands still until it is moved.
    pub(crate) fn open() -> Studio {
        Studio::open_with(|_| {})
    }

    /// The same, started otherwise.
    pub(crate) fn open_with(change: impl FnOnce(&mut Config)) -> Studio {
        Studio::over_with(tempfile::tempdir().unwrap(), change)
    }

    /// A server over a folder that another may have left.
    pub(crate) fn over(folder: tempfile::TempDir) -> Studio {
        Studio::over_with(folder, |_| {})
    }

    /// The same, started otherwise.
    pub(crate) fn over_with(folder: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Studio {
        let store = SqliteStore::open(&folder.path().join("unisono.sqlite")).unwrap();
        let blobs = FileBlobs::open(&folder.path().join("blobs")).unwrap();
        let clock = Clock::manual(Timestamp(1_800_000_000_000));
        let mut config = Config { demo: true, ..Config::new(folder.path()) };
        change(&mut config);
        let app = App::new(config, Database::new(Arc::new(store)), Arc::new(blobs), clock).unwrap();
        Studio { router: router::router(app.clone()), app, folder }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap() }
    }

    pub(crate) async fn post(&self, user: Option<&User>, path: &str, body: serde_json::Value) -> Answer {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(user) = user {
            request = request.header(header::COOKIE, &user.cookie);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A request without a body.
    pub(crate) async fn call(&self, method: &str, user: &User, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(header::COOKIE, &user.cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn sign_up(&self, name: &str) -> User {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": "correct horse", "name": name});
        let answer = self.post(None, "/api/auth/signup", body).await;
        assert!(answer.status.is_success(), "{answer:?}");
        let cookie = answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
        User { id: id(answer.json()["user"]["id"].as_str().unwrap()), cookie }
    }

    pub(crate) async fn write(&self, user: &User, operations: Vec<Operation>) {
        let transaction = Transaction {
            tx_id: new_id(),
            author_id: user.id.clone(),
            operations,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        let scope = Scope::Project(id("p"));
        self.app.realtime.submit(scope, Author::User(user.id.clone()), transaction).await.unwrap();
    }

    /// The project `p` of this user's, with the track `t`.
    pub(crate) async fn project(&self, owner: &User) {
        let track = [("projectId", "p".into()), ("name", "Keys".into()), ("type", "audio".into())];
        let operations = vec![
            create(Table::Projects, &id("p"), model::fields([("name", "Song".into())])),
            create(Table::Tracks, &id("t"), model::fields(track)),
        ];
        self.write(owner, operations).await;
    }

    pub(crate) async fn add(&self, owner: &User, member: &User, role: &str) {
        let fields = [("projectId", "p".into()), ("userId", Value::from(&member.id)), ("role", role.into())];
        let key = id(&format!("m-{}", &member.id.as_str()[..8.min(member.id.as_str().len())]));
        let key = id(&format!("{key}-{role}"));
        self.write(owner, vec![create(Table::ProjectMembers, &key, model::fields(fields))]).await;
    }

    /// A record that announces these bytes.
    pub(crate) async fn announce(&self, user: &User, file: &str, filename: &str, bytes: &[u8]) {
        let fields = [
            ("projectId", "p".into()),
            ("filename", filename.into()),
            ("contentHash", Value::text(&sha256(bytes))),
            ("sizeBytes", Value::number(bytes.len() as f64)),
        ];
        self.write(user, vec![create(Table::AudioFiles, &id(file), model::fields(fields))]).await;
    }

    /// A clip on the track `t` that plays a file.
    pub(crate) async fn clip(&self, user: &User, name: &str, file: &str, start: f64, beats: f64) {
        let fields = [
            ("trackId", "t".into()),
            ("name", name.into()),
            ("audioFileId", file.into()),
            ("startBeat", start.into()),
            ("durationBeats", beats.into()),
        ];
        self.write(user, vec![create(Table::Clips, &id(name), model::fields(fields))]).await;
    }

    /// The signed URL to which to send a file's bytes.
    pub(crate) async fn upload_url(&self, user: &User, file: &str) -> String {
        let answer = self.post(Some(user), &format!("/api/audio-files/{file}/upload"), json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["url"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn download_url(&self, user: &User, file: &str, kind: &str) -> String {
        let path = format!("/api/audio-files/{file}/download");
        let answer = self.post(Some(user), &path, json!({"kind": kind})).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["url"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn put(&self, url: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::put(url).body(body.into()).unwrap()).await
    }

    /// Sends the piece of a file that belongs at `from`.
    pub(crate) async fn patch(&self, url: &str, from: u64, body: impl Into<Body>) -> Answer {
        self.send(Request::patch(url).header("upload-offset", from).body(body.into()).unwrap()).await
    }

    /// How many bytes of a file are here, and how many there are in all.
    pub(crate) async fn offset(&self, url: &str) -> (u64, u64) {
        let answer = self.send(Request::head(url).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
        (answer.number("upload-offset"), answer.number("upload-length"))
    }

    pub(crate) async fn get(&self, url: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
        let mut request = Request::get(url);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Announces and uploads a file.
    pub(crate) async fn upload(&self, user: &User, file: &str, filename: &str, bytes: &[u8]) {
        self.announce(user, file, filename, bytes).await;
        let answer = self.put(&self.upload_url(user, file).await, bytes.to_vec()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    }

    pub(crate) async fn record(&self, file: &str) -> Record {
        let key = model::Key::new(Table::AudioFiles, id(file));
        self.app.database.run(move |store| store.records(&[key])).await.unwrap().pop().unwrap().1
    }

    pub(crate) async fn state(&self, file: &str) -> AudioFileState {
        AudioFile::from_record(&self.record(file).await).state
    }

    /// Waits until a file is measured, or refused.
    pub(crate) async fn settled(&self, file: &str) -> Record {
        for _ in 0..3_000 {
            let record = self.record(file).await;
            if matches!(AudioFile::from_record(&record).state, AudioFileState::Ready | AudioFileState::Refused) {
                return record;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{file} was not measured: {:?}", self.record(file).await);
    }

    /// Files in the blob store, and those that are on their way there.
    pub(crate) fn blobs(&self) -> (usize, usize) {
        let count = |folder: std::path::PathBuf| std::fs::read_dir(folder).map_or(0, Iterator::count);
        let root = self.folder.path().join("blobs");
        let folders = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap());
        let kept = folders.filter(|entry| entry.file_name().len() == 2).map(|entry| count(entry.path())).sum();
        (kept, count(root.join("incoming")))
    }

    /// Waits until as many files are on their way into the blob store.
    pub(crate) async fn until_incoming(&self, count: usize) {
        for _ in 0..1_000 {
            if self.blobs().1 == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{:?} instead of {count} on their way", self.blobs());
    }
}
