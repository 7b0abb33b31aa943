//! Exports from the request to the file.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{StatusCode, header};
use model::{Table, Timestamp};
use operations::build::{delete, set};
use serde_json::{Value, json};
use storage::{ExportFile, ExportState, JobState};
use tokio::task::JoinHandle;

use super::limits::{BYTES_PER_USER_MAX, DOWNLOAD_EXPIRES_MS, KEPT_MS, SETTLED_MS, UNDER_WAY_PER_USER_MAX};
use crate::audio_files::fixture::{Answer, Studio, User, id, sha256, wav};
use crate::jobs;
use crate::jobs::limits::{BACKOFF_MS_MAX, LEASE_MS};

const PATH: &str = "/api/projects/p/exports";

/// A song of one recording, played by two tracks, and whose it is.
struct Song {
    studio: Studio,
    ann: User,
}

impl Song {
    async fn new() -> Song {
        let studio = Studio::open();
        let ann = studio.sign_up("ann").await;
        studio.project(&ann).await;
        let workers = jobs::start_workers(&studio.app);
        studio.upload(&ann, "f", "Guitar.wav", &wav(96_000, 1)).await;
        studio.settled("f").await;
        until(async || studio.app.database.store().count_jobs(JobState::Running).unwrap() == 0).await;
        workers.abort();
        assert!(workers.await.unwrap_err().is_cancelled());
        studio.clip(&ann, "c", "f", 0.0, 4.0).await;
        Song { studio, ann }
    }

    fn work(&self) -> JoinHandle<()> {
        jobs::start_workers(&self.studio.app)
    }

    async fn ask(&self, user: &User, body: Value) -> Answer {
        self.studio.post(Some(user), PATH, body).await
    }

    /// The id of an export that was acknowledged.
    async fn order(&self, body: Value) -> String {
        let answer = self.ask(&self.ann, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn look(&self, export: &str) -> Value {
        self.studio.call("GET", &self.ann, &format!("{PATH}/{export}")).await.json()
    }

    async fn end(&self, export: &str) -> StatusCode {
        self.studio.call("DELETE", &self.ann, &format!("{PATH}/{export}")).await.status
    }

    async fn until_it_is(&self, export: &str, state: &str) -> Value {
        until(async || self.look(export).await["state"] == state).await;
        self.look(export).await
    }

    /// The bytes of an export, once it is done, as its URL has them.
    async fn file(&self, export: &str) -> Vec<u8> {
        let done = self.until_it_is(export, "done").await;
        let answer = self.studio.get(done["file"]["url"].as_str().unwrap(), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(sha256(&answer.body), done["file"]["sha256"].as_str().unwrap());
        assert_eq!(answer.body.len() as u64, done["file"]["bytes"].as_u64().unwrap());
        answer.body.to_vec()
    }

    /// An archive of the song as it is now.
    fn archive(&self, name: &str) -> PathBuf {
        let folder = self.studio.folder.path().join(name);
        crate::archive::write(&**self.studio.app.database.store(), &self.studio.app.blobs, &id("p"), &folder).unwrap();
        folder
    }

    fn state(&self, export: &str) -> ExportState {
        self.studio.app.database.store().export(&id(export)).unwrap().unwrap().state
    }

    /// What is half made.
    fn left_over(&self) -> usize {
        fs::read_dir(self.studio.folder.path().join("jobs")).map_or(0, Iterator::count)
    }
}

/// Waits until something holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..9_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to hold");
}

/// What `unisono render` makes of an archive.
fn rendered(archive: &std::path::Path, arguments: &[&str]) -> PathBuf {
    use clap::Parser as _;
    let output = archive.join("output");
    let (archive, path) = (archive.display().to_string(), output.display().to_string());
    let arguments = arguments.iter().map(|argument| if *argument == "OUT" { path.as_str() } else { argument });
    let line = ["unisono", "render", archive.as_str()].into_iter().chain(arguments);
    match crate::cli::Cli::parse_from(line).command {
        crate::cli::Command::Render(args) => crate::render::render(&args).unwrap(),
        other => panic!("{other:?}"),
    };
    output
}

/// What takes some seconds to make: ten minutes in a format that is slow.
fn long() -> Value {
    json!({"settings": {"format": "mp3", "range": {"unit": "seconds", "from": 0, "to": 600}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn ex1_the_song_is_exported_as_it_was_at_the_request_whatever_is_edited_later() {
    let song = Song::new().await;
    let archive = song.archive("before");
    let export = song.order(json!({"settings": {"format": "wav"}, "name": "First take"})).await;
    song.studio
        .write(
            &song.ann,
            vec![set(Table::Clips, &id("c"), "startBeat", 2.0), set(Table::Tracks, &id("t"), "volume", 0.1)],
        )
        .await;
    song.studio.clip(&song.ann, "d", "f", 5.0, 1.0).await;
    let later = song.order(json!({"settings": {"format": "wav"}})).await;
    let workers = song.work();
    let file = song.file(&export).await;
    let rendered = rendered(&archive, &["-o", "OUT", "--format", "wav"]);
    assert!(file == fs::read(rendered).unwrap());
    assert!(file != song.file(&later).await, "the other was asked for later");
    let done = song.look(&export).await;
    assert_eq!(
        (&done["name"], &done["file"]["name"], &done["progress"]),
        (&json!("First take"), &json!("First take.wav"), &json!(1.0))
    );
    assert_eq!(
        (&done["projectId"], &done["stems"], &done["settings"]),
        (&json!("p"), &json!(false), &json!({"format": "wav"}))
    );
    assert_eq!(song.look(&later).await["file"]["name"], "Song.wav");
    assert_eq!(song.left_over(), 0);
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex1_every_format_and_the_stems_have_the_bytes_of_unisono_render() {
    let song = Song::new().await;
    let (archive, workers) = (song.archive("a"), song.work());
    for (settings, arguments) in [
        (
            json!({"format": "wav", "bits": "32f", "tailSeconds": 1}),
            vec!["--format", "wav", "--bits", "32f", "--tail", "1"],
        ),
        (
            json!({"format": "flac", "bits": "24", "loudness": -23}),
            vec!["--format", "flac", "--bits", "24", "--normalise", "-23"],
        ),
        (
            json!({"format": "mp3", "kbps": 320, "title": "A song"}),
            vec!["--format", "mp3", "--bitrate", "320", "--title", "A song"],
        ),
        (json!({"format": "opus"}), vec!["--format", "opus"]),
        (
            json!({"format": "ogg", "range": {"unit": "beats", "from": 1, "to": 2}}),
            vec!["--format", "ogg", "--range", "1..2"],
        ),
    ] {
        let export = song.order(json!({"settings": settings})).await;
        let file = song.file(&export).await;
        let rendered = rendered(&archive, &[&["-o", "OUT"], arguments.as_slice()].concat());
        assert!(file == fs::read(rendered).unwrap(), "{settings}");
    }
    let export = song.order(json!({"settings": {"format": "flac"}, "stems": true})).await;
    let zip = song.file(&export).await;
    assert_eq!(song.look(&export).await["file"]["name"], "Song.zip");
    let stems = archive.join("stems");
    rendered(&archive, &["--stems", stems.to_str().unwrap(), "--format", "flac"]);
    let stem = fs::read(stems.join("01 Keys.flac")).unwrap();
    assert!(zip.windows(stem.len()).any(|part| part == stem), "stored as it is");
    assert!(zip.windows(12).any(|part| part == b"01 Keys.flac"));
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex2_what_cannot_be_made_is_refused_at_the_request_with_a_reason() {
    let song = Song::new().await;
    let refused = async |body: Value, status: StatusCode| {
        let answer = song.ask(&song.ann, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        answer.message()
    };
    for (settings, reason) in [
        (json!({"format": "mp3", "bits": "24"}), "bit rate"),
        (json!({"format": "wav", "range": {"unit": "beats", "from": 2, "to": 1}}), "end behind"),
        (json!({"format": "wav", "range": {"unit": "seconds", "from": 0, "to": 90_000}}), "24 hours"),
        (json!({"format": "wav", "range": {"unit": "seconds", "from": 1e8, "to": 1.00001e8}}), "too late"),
        (json!({"format": "wav", "range": {"unit": "beats", "from": 1e300, "to": 2e300}}), "too late"),
        (json!({"format": "wav", "tailSeconds": 601}), "600"),
        (json!({"format": "wav", "loudness": 0}), "LUFS"),
        (json!({"format": "wav", "colour": "red"}), "colour"),
        (json!({"format": "tape"}), "tape"),
    ] {
        let message = refused(json!({"settings": settings}), StatusCode::BAD_REQUEST).await;
        assert!(message.contains(reason), "{message}");
    }
    refused(json!({}), StatusCode::BAD_REQUEST).await;
    let name = "n".repeat(101);
    assert!(
        refused(json!({"settings": {"format": "wav"}, "name": name}), StatusCode::BAD_REQUEST).await.contains("100")
    );
    song.studio.announce(&song.ann, "late", "Voice.wav", &wav(10, 2)).await;
    song.studio.clip(&song.ann, "l", "late", 0.0, 1.0).await;
    assert!(refused(json!({"settings": {"format": "wav"}}), StatusCode::CONFLICT).await.contains("“Voice.wav”"));
    song.studio.write(&song.ann, vec![delete(Table::Clips, &id("l")), delete(Table::Clips, &id("c"))]).await;
    assert!(
        refused(json!({"settings": {"format": "wav"}}), StatusCode::BAD_REQUEST).await.contains("nothing to render")
    );
    let listed = song.studio.call("GET", &song.ann, PATH).await.json();
    assert_eq!(listed, json!({"exports": []}), "nothing of it waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_ex2_a_day_of_many_stems_is_more_than_the_engine_plays_for_one_export() {
    let song = Song::new().await;
    let tracks = (0..5).map(|n| {
        let fields = [("projectId", "p".into()), ("name", "More".into()), ("type", "audio".into())];
        operations::build::create(Table::Tracks, &id(&format!("more{n}")), model::fields(fields))
    });
    song.studio.write(&song.ann, tracks.collect()).await;
    let range = json!({"unit": "seconds", "from": 0, "to": 80_000});
    let body = json!({"settings": {"format": "wav", "range": range}, "stems": true});
    let answer = song.ask(&song.ann, body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    assert!(answer.message().contains("play 133 hours") && answer.message().contains("100"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_ex2_an_hour_of_many_stems_at_a_high_rate_is_too_much_for_one_export() {
    let song = Song::new().await;
    let tracks = (0..63).map(|n| {
        let fields = [("projectId", "p".into()), ("name", "More".into()), ("type", "audio".into())];
        operations::build::create(Table::Tracks, &id(&format!("more{n}")), model::fields(fields))
    });
    song.studio.write(&song.ann, tracks.collect()).await;
    let hour = json!({"unit": "seconds", "from": 0, "to": 3_600});
    let body = |rate: u32| json!({"settings": {"format": "wav", "range": hour, "sampleRate": rate}, "stems": true});
    let answer = song.ask(&song.ann, body(192_000)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    assert!(answer.message().contains("lower sample rate") && answer.message().contains("5000"), "{answer:?}");
    assert_eq!(song.ask(&song.ann, body(48_000)).await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn ex7_who_waits_for_a_first_export_is_served_before_anothers_second() {
    let song = Song::new().await;
    let body = json!({"settings": {"format": "wav"}});
    let (first, second) = (song.order(body.clone()).await, song.order(body.clone()).await);
    let bob = song.studio.sign_up("bob").await;
    song.studio.add(&song.ann, &bob, "viewer").await;
    let bobs = song.ask(&bob, body).await.json()["id"].as_str().unwrap().to_owned();
    let store = song.studio.app.database.store();
    let next = async || {
        let now = song.studio.app.clock.now();
        let job = store.lease_job(&[jobs::export::KIND], &id("w"), now, LEASE_MS).unwrap().unwrap();
        job.payload["exportId"].as_str().unwrap().to_owned()
    };
    assert_eq!([next().await, next().await, next().await], [first, bobs, second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ex3_a_killed_workers_export_is_made_again_and_nothing_is_left_of_the_first_try() {
    let song = Song::new().await;
    let export = song.order(long()).await;
    let first = song.work();
    until(async || song.look(&export).await["progress"].as_f64().unwrap() > 0.0).await;
    // Killed in the middle: no word to the queue, no heartbeat.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let second = song.work();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(song.studio.blobs().0, 2, "no file but the recording and its peaks");
    song.studio.app.clock.advance_ms(LEASE_MS + 1);
    song.studio.app.job_enqueued.notify_one();
    let file = song.file(&export).await;
    assert!(file.len() > 500_000, "{}", file.len());
    assert_eq!((song.left_over(), song.studio.blobs()), (0, (3, 0)));
    song.studio.app.shutdown.cancel();
    second.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex3_a_server_that_is_stopped_puts_its_export_back_and_the_next_one_makes_it() {
    let song = Song::new().await;
    let export = song.order(long()).await;
    let workers = song.work();
    song.until_it_is(&export, "running").await;
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
    assert_eq!(song.state(&export), ExportState::Waiting);
    let Song { studio, ann } = song;
    let folder = studio.folder;
    drop(studio.app);
    let studio = Studio::over(folder);
    let song = Song { studio, ann };
    song.studio.app.clock.advance_ms(60_000);
    let workers = song.work();
    until(async || song.state(&export) == ExportState::Done).await;
    assert_eq!(song.left_over(), 0);
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_an_export_leaves_as_much_of_the_disk_as_the_host_wants() {
    let Song { studio, ann } = Song::new().await;
    let Studio { app, folder, .. } = studio;
    drop(app);
    let song = Song { studio: Studio::over_with(folder, |config| config.keep_free = u64::MAX), ann };
    let export = song.order(long()).await;
    let workers = song.work();
    let failed = song.until_it_is(&export, "failed").await;
    assert!(failed["error"].as_str().unwrap().contains("disk is full"), "{failed}");
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex3_what_fails_again_and_again_is_given_up_and_says_so() {
    let song = Song::new().await;
    let export = song.order(json!({"settings": {"format": "wav"}})).await;
    let jobs = song.studio.folder.path().join("jobs");
    fs::remove_dir_all(&jobs).unwrap();
    fs::write(&jobs, "no folder").unwrap();
    let workers = song.work();
    let store = song.studio.app.database.store();
    until(async || {
        // Not while somebody is at work: their lease would be over.
        if store.count_jobs(JobState::Running).unwrap() == 0 {
            song.studio.app.clock.advance_ms(BACKOFF_MS_MAX);
            song.studio.app.job_enqueued.notify_one();
        }
        song.state(&export) == ExportState::Failed
    })
    .await;
    let failed = song.look(&export).await;
    assert!(failed["error"].as_str().unwrap().contains("try again"), "{failed}");
    assert_eq!(failed["file"], Value::Null);
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex3_a_recording_that_cannot_be_read_is_named_and_nothing_is_tried_again() {
    let song = Song::new().await;
    let recording = song.studio.record("f").await.text("playbackKey").unwrap().parse().unwrap();
    assert!(song.studio.app.blobs.remove(&recording).unwrap(), "a disk that forgets");
    let workers = song.work();
    let missing = song.order(json!({"settings": {"format": "wav"}})).await;
    // Nobody moves the clock: a second try would never come.
    let failed = song.until_it_is(&missing, "failed").await;
    let reason = failed["error"].as_str().unwrap();
    assert!(reason.contains("“Guitar.wav”") && reason.contains("not there any more"), "{reason}");
    assert_eq!(song.left_over(), 0);
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex3_recordings_that_are_away_for_a_while_are_waited_for() {
    let song = Song::new().await;
    let [blobs, away] = ["blobs", "away"].map(|name| song.studio.folder.path().join(name));
    fs::rename(&blobs, &away).unwrap();
    let export = song.order(json!({"settings": {"format": "wav"}})).await;
    let store = song.studio.app.database.store();
    let now = song.studio.app.clock.now();
    let job = store.lease_job(&[jobs::export::KIND], &id("w"), now, LEASE_MS).unwrap().unwrap().id;
    song.studio.app.clock.advance_ms(LEASE_MS + 1);
    let workers = song.work();
    until(async || {
        let job = store.job(&job).unwrap().unwrap();
        job.attempts == 2 && job.state == JobState::Ready && job.error.is_some_and(|error| error.contains("Guitar.wav"))
    })
    .await;
    assert_eq!(song.state(&export), ExportState::Waiting, "it is not given up");
    fs::rename(&away, &blobs).unwrap();
    song.studio.app.clock.advance_ms(BACKOFF_MS_MAX);
    song.studio.app.job_enqueued.notify_one();
    song.file(&export).await;
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex7_removing_ones_exports_gives_no_earlier_turn_and_leaves_no_jobs() {
    let song = Song::new().await;
    let bob = song.studio.sign_up("bob").await;
    song.studio.add(&song.ann, &bob, "viewer").await;
    let body = json!({"settings": {"format": "wav"}});
    let workers = song.work();
    let first = song.order(body.clone()).await;
    song.file(&first).await;
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
    song.studio.app.clock.advance_ms(SETTLED_MS + 1);
    let store = song.studio.app.database.store();
    let done = store.count_jobs(JobState::Done).unwrap();
    assert_eq!(song.end(&first).await, StatusCode::NO_CONTENT);
    assert_eq!(store.count_jobs(JobState::Done).unwrap(), done - 1, "its job goes with it");
    for _ in 0..40 {
        let unwanted = song.order(body.clone()).await;
        assert_eq!([song.end(&unwanted).await, song.end(&unwanted).await], [StatusCode::NO_CONTENT; 2]);
    }
    let jobs = [JobState::Ready, JobState::Done].map(|state| store.count_jobs(state).unwrap());
    assert_eq!(jobs, [0, done - 1]);
    let anns = song.order(body.clone()).await;
    let bobs = song.ask(&bob, body).await.json()["id"].as_str().unwrap().to_owned();
    let next = || {
        let now = song.studio.app.clock.now();
        let job = store.lease_job(&[jobs::export::KIND], &id("w"), now, LEASE_MS).unwrap().unwrap();
        job.payload["exportId"].as_str().unwrap().to_owned()
    };
    assert_eq!([next(), next()], [bobs, anns], "ann has had one already");
}

#[tokio::test(flavor = "multi_thread")]
async fn ex4_what_waits_or_runs_is_cancelled_and_what_is_done_is_removed() {
    let song = Song::new().await;
    let (waits, runs) = (song.order(long()).await, song.order(long()).await);
    assert_eq!(song.end(&waits).await, StatusCode::NO_CONTENT);
    assert_eq!(song.look(&waits).await["state"], "cancelled");
    let jobs = |state| song.studio.app.database.store().count_jobs(state).unwrap();
    assert_eq!(jobs(JobState::Ready), 1, "no worker has to look at what nobody wants");
    let workers = song.work();
    song.until_it_is(&runs, "running").await;
    assert_eq!(song.end(&runs).await, StatusCode::NO_CONTENT);
    // The place is free for the next one: the engine has stopped, in the middle of its ten minutes.
    let next = song.order(json!({"settings": {"format": "flac"}})).await;
    song.file(&next).await;
    assert_eq!((song.look(&runs).await["state"].clone(), song.left_over()), (json!("cancelled"), 0));
    let listed = song.studio.call("GET", &song.ann, PATH).await.json();
    let ids: Vec<&str> = listed["exports"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [next.as_str(), &runs, &waits], "the newest first");
    song.studio.app.clock.advance_ms(SETTLED_MS + 1);
    let kept = song.studio.blobs().0;
    for export in [&next, &runs, &waits] {
        assert_eq!(song.end(export).await, StatusCode::NO_CONTENT);
        assert_eq!(song.end(export).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(song.studio.blobs().0, kept - 1, "its bytes are gone at once");
    assert_eq!(song.studio.call("GET", &song.ann, PATH).await.json(), json!({"exports": []}));
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex4_one_export_is_made_at_a_time_while_recordings_go_on() {
    let song = Song::new().await;
    let (first, second) = (song.order(long()).await, song.order(long()).await);
    let workers = song.work();
    song.until_it_is(&first, "running").await;
    song.studio.upload(&song.ann, "g", "g.wav", &wav(1_000, 2)).await;
    song.studio.settled("g").await;
    assert_eq!((song.state(&first), song.state(&second)), (ExportState::Running, ExportState::Waiting));
    for export in [&first, &second] {
        assert_eq!(song.end(export).await, StatusCode::NO_CONTENT);
    }
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_ex4_a_person_has_few_exports_under_way_and_little_room() {
    let song = Song::new().await;
    let body = json!({"settings": {"format": "wav"}});
    let mut export = String::new();
    for _ in 0..UNDER_WAY_PER_USER_MAX {
        export = song.order(body.clone()).await;
    }
    let answer = song.ask(&song.ann, body.clone()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.message().contains("cancel"), "{answer:?}");
    let bob = song.studio.sign_up("bob").await;
    song.studio.add(&song.ann, &bob, "viewer").await;
    assert_eq!(song.ask(&bob, body.clone()).await.status, StatusCode::CREATED, "others have their own places");
    assert_eq!(song.studio.call("GET", &bob, &format!("{PATH}/{export}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(song.studio.call("DELETE", &bob, &format!("{PATH}/{export}")).await.status, StatusCode::NOT_FOUND);

    let store = song.studio.app.database.store();
    assert!(store.begin_export(&id(&export)).unwrap());
    let file = ExportFile { blob: storage::BlobKey::from_digest(&[1; 32]), bytes: BYTES_PER_USER_MAX };
    assert!(store.finish_export(&id(&export), file, Timestamp(i64::MAX)).unwrap());
    let answer = song.ask(&song.ann, body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.message().contains("remove one"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ex5_a_signed_url_gives_the_file_to_be_saved_and_parts_of_it_until_it_expires() {
    let song = Song::new().await;
    let workers = song.work();
    let export = song.order(json!({"settings": {"format": "flac"}, "name": "Ünser Lied"})).await;
    let file = song.file(&export).await;
    let url = song.look(&export).await["file"]["url"].as_str().unwrap().to_owned();
    let answer = song.studio.get(&url, &[(header::RANGE, "bytes=4-9")]).await;
    assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::PARTIAL_CONTENT, &file[4..10]));
    assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment; filename*=UTF-8''%C3%9Cnser%20Lied.flac");
    assert_eq!(answer.header(header::CONTENT_TYPE), "audio/flac");
    assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(answer.header(header::ACCEPT_RANGES), "bytes");
    for forged in [url.replace("size=", "size=1"), url.replace(&export, "other"), url.replace("user=", "user=x")] {
        assert_eq!(song.studio.get(&forged, &[]).await.status, StatusCode::FORBIDDEN, "{forged}");
    }
    song.studio.app.clock.advance_ms(DOWNLOAD_EXPIRES_MS - 1);
    assert_eq!(song.studio.get(&url, &[]).await.status, StatusCode::OK);
    song.studio.app.clock.advance_ms(DOWNLOAD_EXPIRES_MS + 2);
    assert_eq!(song.studio.get(&url, &[]).await.status, StatusCode::FORBIDDEN);
    song.file(&export).await;
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex5_who_is_no_member_any_more_has_neither_list_nor_file_and_nothing_is_made_for_them() {
    let song = Song::new().await;
    let bob = song.studio.sign_up("bob").await;
    song.studio.add(&song.ann, &bob, "viewer").await;
    let body = json!({"settings": {"format": "wav"}});
    let done = song.ask(&bob, body.clone()).await.json()["id"].as_str().unwrap().to_owned();
    let workers = song.work();
    until(async || song.state(&done) == ExportState::Done).await;
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
    let at = format!("{PATH}/{done}");
    let url = song.studio.call("GET", &bob, &at).await.json()["file"]["url"].as_str().unwrap().to_owned();
    let waits = song.ask(&bob, body.clone()).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(song.studio.get(&url, &[]).await.status, StatusCode::OK);
    let membership = format!("m-{}-viewer", &bob.id.as_str()[..8]);
    song.studio.write(&song.ann, vec![delete(Table::ProjectMembers, &id(&membership))]).await;
    assert_eq!(song.studio.get(&url, &[]).await.status, StatusCode::FORBIDDEN);
    for (method, path) in [("GET", PATH), ("GET", &at), ("DELETE", &at)] {
        assert_eq!(song.studio.call(method, &bob, path).await.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    assert_eq!(song.ask(&bob, body).await.status, StatusCode::FORBIDDEN);
    let Song { studio, ann } = song;
    let folder = studio.folder;
    let studio = Studio::over(folder);
    let song = Song { studio, ann };
    song.studio.app.clock.advance_ms(60_000);
    let workers = song.work();
    until(async || song.state(&waits) == ExportState::Cancelled).await;
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ex6_what_is_made_is_kept_for_a_day_and_what_a_recording_is_as_well_stays() {
    let song = Song::new().await;
    let workers = song.work();
    let (lasting, passing) = (
        song.order(json!({"settings": {"format": "wav"}})).await,
        song.order(json!({"settings": {"format": "flac"}})).await,
    );
    let bytes = song.file(&lasting).await;
    song.file(&passing).await;
    // The mix becomes a recording of the song.
    song.studio.upload(&song.ann, "mix", "Mix.wav", &bytes).await;
    song.studio.settled("mix").await;
    let kept = song.studio.blobs().0;
    until(async || song.studio.app.database.store().count_jobs(JobState::Running).unwrap() == 0).await;
    song.studio.app.clock.advance_ms(KEPT_MS - 1);
    assert_eq!(song.look(&lasting).await["state"], "done");
    jobs::prune_now(&song.studio.app).await;
    assert_eq!(song.studio.blobs().0, kept);
    song.studio.app.clock.advance_ms(2);
    assert_eq!(song.studio.call("GET", &song.ann, PATH).await.json(), json!({"exports": []}), "its day is over");
    song.studio.app.clock.advance_ms(2 * DOWNLOAD_EXPIRES_MS);
    jobs::prune_now(&song.studio.app).await;
    assert_eq!(song.studio.blobs().0, kept - 1, "the mix is a recording, too");
    assert_eq!(song.studio.app.database.store().export(&id(&lasting)).unwrap(), None);
    song.studio.app.shutdown.cancel();
    workers.await.unwrap();
}
