//! Uploads that break off and go on.

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::{StreamExt as _, stream};
use model::AudioFileState;
use storage::PartialName;

use super::fixture::{Studio, User, id, sha256, wav};
use super::limits::{PARTIALS_PER_USER_MAX, UPLOAD_EXPIRES_MS};

/// A studio in which `f` is announced, its bytes, and where to send them.
async fn announced() -> (Studio, User, Vec<u8>, String) {
    let studio = Studio::open();
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    let bytes = wav(100_000, 1);
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    let url = studio.upload_url(&ann, "f").await;
    (studio, ann, bytes, url)
}

fn name(user: &User, file: &str) -> PartialName {
    PartialName { owner: user.id.clone(), of: id(file) }
}

#[tokio::test]
async fn an_upload_in_pieces_goes_on_where_it_stands_also_after_a_restart() {
    let (studio, ann, bytes, url) = announced().await;
    let size = bytes.len() as u64;
    assert_eq!(studio.offset(&url).await, (0, size));
    let first = studio.patch(&url, 0, bytes[..150_000].to_vec()).await;
    assert_eq!((first.status, first.number("upload-offset")), (StatusCode::NO_CONTENT, 150_000), "{first:?}");
    assert_eq!(studio.state("f").await, AudioFileState::Awaiting);
    // The connection breaks off within the second.
    let cut = [Ok(Bytes::copy_from_slice(&bytes[150_000..200_000])), Err(std::io::Error::other("gone"))];
    assert_eq!(studio.patch(&url, 150_000, Body::from_stream(stream::iter(cut))).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(studio.offset(&url).await, (200_000, size), "what had come is here");

    let Studio { app, folder, .. } = studio;
    drop(app);
    let studio = Studio::over(folder);
    assert_eq!(studio.offset(&url).await, (200_000, size));
    let last = studio.patch(&url, 200_000, bytes[200_000..].to_vec()).await;
    assert_eq!((last.status, last.number("upload-offset")), (StatusCode::NO_CONTENT, size), "{last:?}");
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded);
    assert_eq!(studio.record("f").await.text("storageKey"), Some(sha256(&bytes).as_str()));
    assert_eq!(studio.app.blobs.partial_size(&name(&ann, "f")).unwrap(), 0);
    assert_eq!(studio.blobs(), (1, 0));
    // Whoever did not hear of it asks again, or sends again.
    assert_eq!(studio.offset(&url).await, (size, size));
    assert_eq!(studio.patch(&url, 200_000, bytes[200_000..].to_vec()).await.number("upload-offset"), size);
}

#[tokio::test]
async fn an_upload_whose_last_word_was_lost_ends_with_an_empty_piece() {
    let (studio, ann, bytes, url) = announced().await;
    // All bytes had come when the server died.
    let mut writer = studio.app.blobs.append(&name(&ann, "f"), studio.app.clock.now()).unwrap();
    writer.write(&bytes).unwrap();
    drop(writer);
    let size = bytes.len() as u64;
    assert_eq!(studio.offset(&url).await, (size, size));
    assert_eq!(studio.patch(&url, size, Body::empty()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded);
}

#[tokio::test]
async fn a_piece_that_does_not_belong_where_it_stands_is_refused() {
    let (studio, ann, bytes, url) = announced().await;
    assert_eq!(studio.patch(&url, 0, bytes[..1_000].to_vec()).await.status, StatusCode::NO_CONTENT);
    for from in [0, 999, 1_001, bytes.len() as u64, u64::MAX] {
        let answer = studio.patch(&url, from, Body::empty()).await;
        assert_eq!(
            (answer.status, answer.number("upload-offset")),
            (StatusCode::CONFLICT, 1_000),
            "{from}: {answer:?}"
        );
    }
    let too_long = studio.patch(&url, 1_000, [&bytes[1_000..], b"x"].concat()).await;
    assert_eq!(too_long.status, StatusCode::PAYLOAD_TOO_LARGE, "{too_long:?}");
    for offset in ["", "-1", "x", "99999999999999999999999"] {
        let request = Request::patch(&url).header("upload-offset", offset).body(Body::empty()).unwrap();
        assert_eq!(studio.send(request).await.status, StatusCode::BAD_REQUEST, "{offset:?}");
    }
    assert_eq!(studio.send(Request::patch(&url).body(Body::empty()).unwrap()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(studio.app.blobs.partials_of(&ann.id).unwrap().count, 1);
    assert_eq!(studio.offset(&url).await.0, 1_000);
}

#[tokio::test]
async fn pieces_of_other_bytes_are_refused_in_the_end_and_it_begins_anew() {
    let (studio, _, bytes, url) = announced().await;
    let mut changed = bytes.clone();
    changed[70] ^= 1;
    studio.patch(&url, 0, changed[..1_000].to_vec()).await;
    let answer = studio.patch(&url, 1_000, changed[1_000..].to_vec()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    assert!(answer.message().contains("SHA-256"), "{answer:?}");
    assert_eq!((studio.offset(&url).await.0, studio.blobs()), (0, (0, 0)));
    assert_eq!(studio.patch(&url, 0, bytes).await.status, StatusCode::NO_CONTENT);
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded);
}

#[tokio::test]
async fn pe5_pieces_are_judged_by_the_role_of_the_moment() {
    let (studio, ann, bytes, _) = announced().await;
    let bob = studio.sign_up("bob").await;
    studio.add(&ann, &bob, "editor").await;
    let url = studio.upload_url(&bob, "f").await;
    assert_eq!(studio.patch(&url, 0, bytes[..1_000].to_vec()).await.status, StatusCode::NO_CONTENT);
    let member = format!("m-{}-editor", &bob.id.as_str()[..8]);
    studio.write(&ann, vec![operations::build::delete(model::Table::ProjectMembers, &id(&member))]).await;
    assert_eq!(studio.patch(&url, 1_000, bytes[1_000..].to_vec()).await.status, StatusCode::FORBIDDEN);
    let head = studio.send(Request::head(&url).body(Body::empty()).unwrap()).await;
    assert_eq!(head.status, StatusCode::FORBIDDEN);
    // Pieces are their sender's: nobody continues what another has begun.
    assert_eq!(studio.offset(&studio.upload_url(&ann, "f").await).await.0, 0);
    studio.app.clock.advance_ms(UPLOAD_EXPIRES_MS + 1);
    assert_eq!(studio.patch(&url, 1_000, Body::empty()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(studio.state("f").await, AudioFileState::Awaiting);
}

/// Sends what the server lacks, as often as it takes, with a pause after each refusal; where it stood when that went well.
async fn persist(studio: &Studio, url: &str, bytes: &[u8], pause_ms: u64) -> u64 {
    loop {
        let here = studio.offset(url).await.0;
        let answer = studio.patch(url, here, bytes[here as usize..].to_vec()).await;
        match answer.status {
            StatusCode::NO_CONTENT => return here,
            status => assert_eq!(status, StatusCode::CONFLICT, "{answer:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_takes_over_from_a_connection_that_does_not_know_that_it_is_dead() {
    let (studio, ann, bytes, url) = announced().await;
    let first = Bytes::copy_from_slice(&bytes[..100_000]);
    let dead = stream::iter([Ok::<_, std::io::Error>(first)]).chain(stream::pending());
    let dead = studio.patch(&url, 0, Body::from_stream(dead));
    let alive = async {
        while studio.app.blobs.partials_of(&ann.id).unwrap().count == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        persist(&studio, &url, &bytes, 5).await
    };
    let (dead, stood) = tokio::join!(dead, alive);
    assert_eq!((dead.status, stood), (StatusCode::CONFLICT, 100_000), "what the dead one had is kept: {dead:?}");
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_send_the_same_pieces_both_get_there() {
    let (studio, ann, bytes, url) = announced().await;
    tokio::join!(persist(&studio, &url, &bytes, 5), persist(&studio, &url, &bytes, 50));
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded);
    assert_eq!(studio.app.blobs.partials_of(&ann.id).unwrap().count, 0);
    assert_eq!(studio.blobs(), (1, 0));
}

#[tokio::test]
async fn an_upload_at_once_forgets_the_pieces_that_came_before() {
    let (studio, ann, bytes, url) = announced().await;
    studio.patch(&url, 0, bytes[..1_000].to_vec()).await;
    assert_eq!(studio.put(&url, bytes).await.status, StatusCode::NO_CONTENT);
    assert_eq!(studio.app.blobs.partials_of(&ann.id).unwrap().count, 0);
}

#[tokio::test]
async fn w6_unfinished_uploads_are_counted_and_their_bytes_too() {
    let bytes = wav(1_000, 1);
    let size = bytes.len() as u64;
    let studio = Studio::open_with(|config| config.quota_per_user = size + 1_000);
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    for (file, seed) in [("f", 1), ("g", 2)] {
        studio.announce(&ann, file, "take.wav", &wav(1_000, seed)).await;
    }
    let (f, g) = (studio.upload_url(&ann, "f").await, studio.upload_url(&ann, "g").await);
    assert_eq!(studio.patch(&f, 0, bytes[..2_000].to_vec()).await.status, StatusCode::NO_CONTENT);
    let refused = studio.patch(&g, 0, wav(1_000, 2)).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{refused:?}");
    assert_eq!(
        studio.patch(&f, 2_000, bytes[2_000..].to_vec()).await.status,
        StatusCode::NO_CONTENT,
        "its own do not count"
    );

    let studio = Studio::open();
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    studio.announce(&ann, "f", "f.wav", &bytes).await;
    let url = studio.upload_url(&ann, "f").await;
    for n in 0..PARTIALS_PER_USER_MAX {
        studio.app.blobs.append(&name(&ann, &format!("begun-{n}")), studio.app.clock.now()).unwrap();
    }
    let refused = studio.patch(&url, 0, bytes[..100].to_vec()).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    studio.app.blobs.remove_partial(&name(&ann, "begun-0")).unwrap();
    assert_eq!(studio.patch(&url, 0, bytes).await.status, StatusCode::NO_CONTENT);
}
