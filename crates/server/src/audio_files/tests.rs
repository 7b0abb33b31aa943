//! Bytes in and out, through the real router, real SQLite and real files.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use futures_util::{StreamExt as _, stream};
use model::{AudioFileState, Table};
use operations::build::delete;
use serde_json::json;

use super::fixture::{Studio, id, sha256, wav};
use super::limits::{
    DOWNLOAD_EXPIRES_MS, UPLOAD_EXPIRES_MS, UPLOAD_RATE_BYTES_MIN, UPLOAD_RATE_GRACE, UPLOAD_SILENCE_MAX,
};
use crate::jobs;

async fn studio() -> (Studio, super::fixture::User) {
    let studio = Studio::open();
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    (studio, ann)
}

#[tokio::test(flavor = "multi_thread")]
async fn wr2_a_recording_goes_in_is_measured_and_comes_out() {
    let (studio, ann) = studio().await;
    let bytes = wav(48_000, 1);
    let workers = jobs::start(&studio.app);
    studio.upload(&ann, "f", "Guitar Ä.wav", &bytes).await;
    let record = studio.settled("f").await;
    assert_eq!(record.text("state"), Some("ready"));
    assert_eq!(record.text("refusal"), None);
    for (field, value) in [
        ("frames", 48_000.0),
        ("sampleRate", 48_000.0),
        ("channels", 2.0),
        ("bitDepth", 16.0),
        ("durationSeconds", 1.0),
    ] {
        assert_eq!(record.number(field), Some(value), "{field}");
    }
    assert_eq!(record.id_in("uploadedBy"), Some(ann.id.clone()));
    let overview = record.get("peaksData").as_list().unwrap().len();
    assert!(overview > 0 && overview <= 2_000 && overview % 2 == 0, "{overview}");

    for kind in ["original", "playback"] {
        let answer = studio.get(&studio.download_url(&ann, "f", kind).await, &[]).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &bytes[..]));
        assert_eq!(answer.header(header::CONTENT_TYPE), "audio/wav");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::ETAG), format!("\"{}\"", sha256(&bytes)));
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
        assert_eq!(answer.header(header::CONTENT_LENGTH), bytes.len().to_string());
    }
    let peaks = studio.get(&studio.download_url(&ann, "f", "peaks").await, &[]).await;
    let pyramid = media::peaks::Pyramid::parse(&peaks.body[..]).unwrap();
    assert_eq!((pyramid.frames(), pyramid.channels()), (48_000, 2));
    assert_eq!(studio.blobs(), (2, 0), "the original and its peaks");
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test]
async fn ranges_and_validators_are_answered_as_the_standard_says() {
    let (studio, ann) = studio().await;
    let bytes = wav(10_000, 1);
    studio.upload(&ann, "f", "f.wav", &bytes).await;
    let url = studio.download_url(&ann, "f", "original").await;
    let etag = format!("\"{}\"", sha256(&bytes));

    let part = studio.get(&url, &[(header::RANGE, "bytes=100-199")]).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &bytes[100..200]));
    assert_eq!(part.header(header::CONTENT_RANGE), format!("bytes 100-199/{}", bytes.len()));
    let tail = studio.get(&url, &[(header::RANGE, "bytes=-5"), (header::IF_RANGE, &etag)]).await;
    assert_eq!((tail.status, &tail.body[..]), (StatusCode::PARTIAL_CONTENT, &bytes[bytes.len() - 5..]));
    let whole = studio.get(&url, &[(header::RANGE, "bytes=0-5"), (header::IF_RANGE, "\"other\"")]).await;
    assert_eq!((whole.status, whole.body.len()), (StatusCode::OK, bytes.len()));
    let beyond = studio.get(&url, &[(header::RANGE, "bytes=999999999-")]).await;
    assert_eq!((beyond.status, beyond.body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0));
    assert_eq!(beyond.header(header::CONTENT_RANGE), format!("bytes */{}", bytes.len()));
    let known = studio.get(&url, &[(header::IF_NONE_MATCH, &etag)]).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    // Whoever asks again soon gets the same URL, and their cache knows it.
    studio.app.clock.advance_ms(1_000);
    assert_eq!(studio.download_url(&ann, "f", "original").await, url);
}

#[tokio::test]
async fn other_bytes_than_were_announced_are_refused_and_nothing_is_kept() {
    let (studio, ann) = studio().await;
    let bytes = wav(50_000, 1);
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    let url = studio.upload_url(&ann, "f").await;
    let mut changed = bytes.clone();
    changed[1_000] ^= 1;
    let longer = [&bytes[..], b"x"].concat();
    let broken = || {
        let first = Ok(Bytes::copy_from_slice(&bytes[..100_000]));
        Body::from_stream(stream::iter([first, Err(std::io::Error::other("gone"))]))
    };
    for (body, status, reason) in [
        (Body::from(changed), 400, "SHA-256"),
        (Body::from(bytes[..bytes.len() - 1].to_vec()), 400, "Only"),
        (Body::from(longer.clone()), 413, "More bytes"),
        (Body::empty(), 400, "Only 0 bytes"),
        // Without a Content-Length, what comes is counted.
        (Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(longer))])), 413, "More bytes"),
        (broken(), 400, "broke off"),
    ] {
        let answer = studio.put(&url, body).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        assert!(answer.message().contains(reason), "{answer:?}");
        assert_eq!(studio.blobs(), (0, 0), "{reason}");
        assert_eq!(studio.state("f").await, AudioFileState::Awaiting);
    }
    assert_eq!(studio.put(&url, bytes.clone()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded);
    // The answer was lost, and the client sends again.
    assert_eq!(studio.put(&url, bytes).await.status, StatusCode::NO_CONTENT);
    let again = studio.post(Some(&ann), "/api/audio-files/f/upload", json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(studio.blobs(), (1, 0));
}

#[tokio::test]
async fn the_same_bytes_are_kept_once() {
    let (studio, ann) = studio().await;
    let bytes = wav(1_000, 1);
    studio.upload(&ann, "f", "f.wav", &bytes).await;
    studio.upload(&ann, "g", "g.wav", &bytes).await;
    assert_eq!(studio.blobs(), (1, 0));
    studio.upload(&ann, "h", "h.wav", &wav(1_000, 2)).await;
    assert_eq!(studio.blobs(), (2, 0));
}

#[tokio::test]
async fn pe2_only_members_sign_and_only_editors_upload() {
    let (studio, ann) = studio().await;
    let (bob, eve) = (studio.sign_up("bob").await, studio.sign_up("eve").await);
    studio.add(&ann, &bob, "viewer").await;
    studio.announce(&ann, "new", "new.wav", &wav(10, 1)).await;
    studio.upload(&ann, "f", "f.wav", &wav(10, 2)).await;
    let kind = json!({"kind": "original"});
    for (user, path, expected) in [
        (None, "/api/audio-files/new/upload", 401),
        (None, "/api/audio-files/f/download", 401),
        (Some(&eve), "/api/audio-files/new/upload", 403),
        (Some(&eve), "/api/audio-files/f/download", 403),
        (Some(&bob), "/api/audio-files/new/upload", 403),
        (Some(&bob), "/api/audio-files/f/download", 200),
        (Some(&ann), "/api/audio-files/new/upload", 200),
        (Some(&ann), "/api/audio-files/new/download", 409),
        (Some(&ann), "/api/audio-files/none/upload", 404),
        (Some(&ann), "/api/audio-files/none/download", 404),
        (Some(&ann), "/api/audio-files/..%2f..%2fetc/download", 400),
    ] {
        let answer = studio.post(user, path, kind.clone()).await;
        assert_eq!(answer.status.as_u16(), expected, "{path}: {answer:?}");
    }
    let wrong = studio.post(Some(&ann), "/api/audio-files/f/download", json!({"kind": "everything"})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_signed_url_is_good_for_one_thing_and_a_time() {
    let (studio, ann) = studio().await;
    let bytes = wav(10, 1);
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    studio.upload(&ann, "g", "g.wav", &wav(10, 2)).await;
    let (up, down) = (studio.upload_url(&ann, "f").await, studio.download_url(&ann, "g", "original").await);
    let forged = [
        up.replace("/f/", "/g/"),
        up.replace(&sha256(&bytes), &sha256(b"other")),
        up.replace(&format!("size={}", bytes.len()), "size=400000000"),
        up.replace("expires=1", "expires=2"),
        up.replace(ann.id.as_str(), "someone"),
        format!("{}AAAA", &up[..up.len() - 4]),
    ];
    for url in forged {
        let answer = studio.put(&url, bytes.clone()).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (StatusCode::FORBIDDEN, "This link is not valid."),
            "{url}"
        );
    }
    let other_part = studio.get(&down.replace("/original", "/peaks"), &[]).await;
    assert_eq!(other_part.status, StatusCode::FORBIDDEN);
    assert_eq!(studio.put("/api/audio-files/f/content", bytes.clone()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(studio.get(&down, &[]).await.status, StatusCode::OK);

    studio.app.clock.advance_ms(UPLOAD_EXPIRES_MS + 1);
    let late = studio.put(&up, bytes).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN);
    assert!(late.message().contains("expired"), "{late:?}");
    studio.app.clock.advance_ms(2 * DOWNLOAD_EXPIRES_MS);
    assert_eq!(studio.get(&down, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(studio.state("f").await, AudioFileState::Awaiting);
}

#[tokio::test]
async fn losing_access_ends_signed_urls() {
    let (studio, ann) = studio().await;
    let bob = studio.sign_up("bob").await;
    studio.add(&ann, &bob, "editor").await;
    let bytes = wav(10, 1);
    studio.announce(&bob, "f", "f.wav", &bytes).await;
    studio.upload(&bob, "g", "g.wav", &wav(10, 2)).await;
    let (up, down) = (studio.upload_url(&bob, "f").await, studio.download_url(&bob, "g", "original").await);
    let member = format!("m-{}-editor", &bob.id.as_str()[..8]);
    studio.write(&ann, vec![delete(Table::ProjectMembers, &id(&member))]).await;
    assert_eq!(studio.put(&up, bytes).await.status, StatusCode::FORBIDDEN);
    assert_eq!(studio.get(&down, &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lossy_file_becomes_a_pcm_asset_that_archives_keep_and_renders_play() {
    let (studio, ann) = studio().await;
    let workers = jobs::start(&studio.app);
    for name in ["stereo.mp3", "long.ogg", "mono24.flac"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../media/tests/fixtures/").to_owned() + name;
        let file = name.split('.').next().unwrap();
        studio.upload(&ann, file, name, &std::fs::read(path).unwrap()).await;
        let record = studio.settled(file).await;
        assert_eq!(record.text("state"), Some("ready"), "{name}: {record:?}");
        assert_ne!(record.text("playbackKey"), record.text("storageKey"));
        let asset = studio.get(&studio.download_url(&ann, file, "playback").await, &[]).await;
        let header = media::wav::Header::read(&mut std::io::Cursor::new(&asset.body[..])).unwrap();
        assert_eq!(Some(header.frames() as f64), record.number("frames"), "{name}");
        assert_eq!(header.sample_format.is_float(), record.get("bitDepth").is_null(), "floating point for lossy audio");
        studio.clip(&ann, &format!("clip-{file}"), file, 0.0, 2.0).await;
    }
    let (out, mix) = (studio.folder.path().join("archive"), studio.folder.path().join("mix.wav"));
    crate::archive::write(&**studio.app.database.store(), &studio.app.blobs, &id("p"), &out).unwrap();
    let names = |folder: &str| {
        let entries = std::fs::read_dir(out.join(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("audio"), ["long.ogg", "mono24.flac", "stereo.mp3"]);
    assert_eq!(names("pcm"), ["long.wav", "stereo.wav"], "what FLAC decodes to needs no keeping");
    let args = |output: &std::path::Path| crate::render::Args::floating(&out, output);
    assert!(crate::render::render(&args(&mix)).unwrap().mix.unwrap().peak_db.is_some());
    // Decoding anew gives the same bits as what was kept.
    std::fs::remove_dir_all(out.join("pcm")).unwrap();
    let again = studio.folder.path().join("again.wav");
    crate::render::render(&args(&again)).unwrap();
    assert!(std::fs::read(mix).unwrap() == std::fs::read(again).unwrap());
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test]
async fn w6_a_silent_upload_is_cut_off() {
    let (studio, ann) = studio().await;
    let bytes = wav(1_000, 1);
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    let url = studio.upload_url(&ann, "f").await;
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(&bytes[..100]))]);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let answer = studio.put(&url, Body::from_stream(first.chain(stream::pending()))).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{answer:?}");
    assert!(begun.elapsed() >= UPLOAD_SILENCE_MAX);
    assert_eq!(studio.blobs(), (0, 0));
}

/// A body that is sent by hand.
fn by_hand() -> (tokio::sync::mpsc::UnboundedSender<Bytes>, Body) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let chunks =
        stream::poll_fn(move |context| receiver.poll_recv(context).map(|chunk| chunk.map(Ok::<Bytes, std::io::Error>)));
    (sender, Body::from_stream(chunks))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_bring_the_same_bytes_at_once_both_succeed() {
    let (studio, ann) = studio().await;
    let bob = studio.sign_up("bob").await;
    studio.add(&ann, &bob, "editor").await;
    let bytes = wav(1_000, 1);
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    // Two members, and two tabs of one of them.
    let mut urls = Vec::new();
    for user in [&ann, &bob, &bob] {
        urls.push(studio.upload_url(user, "f").await);
    }
    let (senders, bodies): (Vec<_>, Vec<_>) = urls.iter().map(|_| by_hand()).unzip();
    for sender in &senders {
        sender.send(Bytes::copy_from_slice(&bytes[..100])).unwrap();
    }
    let sending = urls.iter().zip(bodies).map(|(url, body)| studio.put(url, body));
    let finishing = async {
        // All three have been let in; none is done.
        studio.until_incoming(3).await;
        for sender in senders {
            sender.send(Bytes::copy_from_slice(&bytes[100..])).unwrap();
        }
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(sending), finishing);
    for answer in answers {
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    }
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded);
    assert_eq!(studio.blobs(), (1, 0));
    assert_eq!(studio.app.database.store().count_jobs(storage::JobState::Ready).unwrap(), 1, "it is measured once");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_access_while_sending_is_refused_and_nothing_is_kept() {
    let (studio, ann) = studio().await;
    let bob = studio.sign_up("bob").await;
    studio.add(&ann, &bob, "editor").await;
    let bytes = wav(1_000, 1);
    studio.announce(&bob, "f", "f.wav", &bytes).await;
    let url = studio.upload_url(&bob, "f").await;
    let (sender, body) = by_hand();
    sender.send(Bytes::copy_from_slice(&bytes[..100])).unwrap();
    let removing = async {
        studio.until_incoming(1).await;
        let member = format!("m-{}-editor", &bob.id.as_str()[..8]);
        studio.write(&ann, vec![delete(Table::ProjectMembers, &id(&member))]).await;
        sender.send(Bytes::copy_from_slice(&bytes[100..])).unwrap();
        drop(sender);
    };
    let (answer, ()) = tokio::join!(studio.put(&url, body), removing);
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert_eq!(studio.state("f").await, AudioFileState::Awaiting);
    assert_eq!(studio.blobs(), (0, 0));
}

#[tokio::test]
async fn w6_an_upload_that_trickles_is_cut_off() {
    let (studio, ann) = studio().await;
    let bytes = wav(300_000, 1);
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    let url = studio.upload_url(&ann, "f").await;
    // Half of what is asked for, and never silent for long.
    let pieces: Vec<Bytes> = bytes.chunks(UPLOAD_RATE_BYTES_MIN as usize / 2).map(Bytes::copy_from_slice).collect();
    let trickle = stream::iter(pieces).then(async |piece| {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Ok::<_, std::io::Error>(piece)
    });
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let answer = studio.put(&url, Body::from_stream(trickle)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{answer:?}");
    assert!(answer.message().contains("too slowly"), "{answer:?}");
    assert!(begun.elapsed() > UPLOAD_RATE_GRACE && begun.elapsed() < UPLOAD_RATE_GRACE * 2);
    assert_eq!(studio.blobs(), (0, 0));
}

#[tokio::test]
async fn w6_a_quota_is_looked_at_before_an_upload_begins_and_when_its_bytes_are_here() {
    let bytes = wav(1_000, 1);
    let size = bytes.len() as u64;
    let studio = Studio::open_with(|config| config.quota_per_user = size * 2);
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    for (file, seed) in [("f", 1), ("g", 2), ("h", 3)] {
        studio.announce(&ann, file, "take.wav", &wav(1_000, seed)).await;
    }
    let mut urls = Vec::new();
    for file in ["f", "g", "h"] {
        urls.push(studio.upload_url(&ann, file).await);
    }
    assert_eq!(studio.put(&urls[0], bytes).await.status, StatusCode::NO_CONTENT);
    // The third is let in while there is room, and there is none any more when its bytes are here.
    let (sender, body) = by_hand();
    sender.send(Bytes::copy_from_slice(&wav(1_000, 3)[..100])).unwrap();
    let filling = async {
        studio.until_incoming(1).await;
        assert_eq!(studio.put(&urls[1], wav(1_000, 2)).await.status, StatusCode::NO_CONTENT);
        sender.send(Bytes::copy_from_slice(&wav(1_000, 3)[100..])).unwrap();
        drop(sender);
    };
    let (late, ()) = tokio::join!(studio.put(&urls[2], body), filling);
    let early = studio.put(&urls[2], wav(1_000, 3)).await;
    let unsigned = studio.post(Some(&ann), "/api/audio-files/h/upload", json!({})).await;
    for answer in [late, early, unsigned] {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
        assert!(answer.message().contains("no room"), "{answer:?}");
    }
    assert_eq!(studio.state("h").await, AudioFileState::Awaiting);
    assert_eq!(studio.blobs(), (2, 0));
    // It is a quota of each person's, not of the project.
    let bob = studio.sign_up("bob").await;
    studio.add(&ann, &bob, "editor").await;
    let url = studio.upload_url(&bob, "h").await;
    assert_eq!(studio.put(&url, wav(1_000, 3)).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn w6_what_is_too_large_cannot_even_be_announced() {
    let (studio, ann) = studio().await;
    let fields = |size: u64| json!({"id": "f", "projectId": "p", "filename": "f.wav", "contentHash": "0".repeat(64), "sizeBytes": size});
    let most = model::limits::AUDIO_FILE_BYTES_MAX;
    assert_eq!(most, media::limits::FILE_BYTES_MAX, "what may be uploaded can be read");
    for (size, expected) in [(most + 1, 400), (0, 400), (most, 200)] {
        let operation = json!({"type": "set", "table": "audio_files", "id": "f", "key": "", "value": fields(size)});
        let body =
            json!({"txId": format!("t{size}"), "authorId": ann.id, "operations": [operation], "clientTimestamp": 0});
        let answer = studio.post(Some(&ann), "/api/realtime/write", body).await;
        assert_eq!(answer.status.as_u16(), expected, "{size}: {answer:?}");
    }
}

#[tokio::test]
async fn w6_a_disk_that_is_nearly_full_takes_no_uploads_and_says_so() {
    let studio = Studio::open();
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    let bytes = wav(10_000, 1);
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    let url = studio.upload_url(&ann, "f").await;
    assert_eq!(studio.patch(&url, 0, bytes[..20_000].to_vec()).await.status, StatusCode::NO_CONTENT);
    let Studio { app, folder, .. } = studio;
    drop(app);
    let full = Studio::over_with(folder, |config| config.keep_free = u64::MAX);
    let signed = full.post(Some(&ann), "/api/audio-files/f/upload", json!({})).await;
    let at_once = full.put(&url, bytes.clone()).await;
    let piece = full.patch(&url, 20_000, bytes[20_000..].to_vec()).await;
    for answer in [signed, at_once, piece] {
        assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE, "{answer:?}");
        assert!(answer.message().contains("disk is nearly full"), "{answer:?}");
    }
    assert_eq!((full.offset(&url).await.0, full.blobs()), (20_000, (0, 0)), "what is here stays, and nothing comes");
    let Studio { app, folder, .. } = full;
    drop(app);
    let studio = Studio::over(folder);
    assert_eq!(studio.patch(&url, 20_000, bytes[20_000..].to_vec()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded, "once there is room it goes on");
}
