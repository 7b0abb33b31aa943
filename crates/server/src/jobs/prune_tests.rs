//! What is let go, and what is kept.

use model::{AudioFileState, Table, Timestamp};
use operations::build::{delete, restore};
use storage::{BlobKey, Failed, JobState, NewJob, PartialName};

use super::limits::{BLOB_GRACE_MS, DELETED_KEPT_MS, DONE_KEPT_MS, PRUNE_BATCH, PRUNE_EVERY_MS, REFUSED_KEPT_MS};
use super::measure::{self, Measure};
use super::prune::{self, Pruned};
use super::{KINDS, attempt, new_id, take};
use crate::audio_files::fixture::{Studio, User, id, wav};
use crate::audio_files::limits::PARTIAL_KEPT_MS;

async fn studio() -> (Studio, User) {
    let studio = Studio::open();
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    (studio, ann)
}

/// Uploads and measures a file.
async fn record(studio: &Studio, user: &User, file: &str, bytes: &[u8]) {
    studio.upload(user, file, "take.wav", bytes).await;
    let lease = new_id();
    let job = take(&studio.app, &lease, &KINDS).await.unwrap().unwrap();
    attempt(&studio.app, &Measure::default(), &job, &lease).await;
}

async fn prune(studio: &Studio) -> Pruned {
    prune::run(&studio.app, &Measure::default()).await.unwrap()
}

/// Puts bytes there that nothing refers to.
fn stray(studio: &Studio, bytes: &[u8]) -> BlobKey {
    let mut writer = studio.app.blobs.create().unwrap();
    writer.write(bytes).unwrap();
    writer.finish(None, studio.app.clock.now()).unwrap().key
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_that_nothing_refers_to_go_after_a_grace_and_no_others() {
    let (studio, ann) = studio().await;
    record(&studio, &ann, "f", &wav(1_000, 1)).await;
    for n in 0..PRUNE_BATCH + 2 {
        stray(&studio, &n.to_le_bytes());
    }
    let kept = studio.blobs().0;
    studio.app.clock.advance_ms(BLOB_GRACE_MS);
    assert_eq!(prune(&studio).await, Pruned::default(), "not before its time");
    studio.app.clock.advance_ms(1);
    let young = stray(&studio, b"young");
    let pruned = prune(&studio).await;
    let count = PRUNE_BATCH as usize + 2;
    assert_eq!((pruned.blobs, pruned.bytes), (count, 4 * count as u64));
    assert_eq!(studio.blobs().0, kept - count + 1, "the original, its peaks, and what has just come");
    assert!(studio.app.blobs.open(&young).unwrap().is_some());
    assert_eq!(studio.download_url(&ann, "f", "peaks").await.split('?').count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_are_forgotten_once_no_more_comes() {
    let (studio, ann) = studio().await;
    let bytes = wav(1_000, 1);
    for file in ["f", "g"] {
        studio.announce(&ann, file, "take.wav", &bytes).await;
        let url = studio.upload_url(&ann, file).await;
        studio.patch(&url, 0, bytes[..100].to_vec()).await;
    }
    studio.app.clock.advance_ms(PARTIAL_KEPT_MS);
    assert_eq!(prune(&studio).await.partials, 0);
    let url = studio.upload_url(&ann, "g").await;
    studio.patch(&url, 100, bytes[100..200].to_vec()).await;
    studio.app.clock.advance_ms(1);
    assert_eq!(prune(&studio).await.partials, 1);
    let here =
        |file: &str| studio.app.blobs.partial_size(&PartialName { owner: ann.id.clone(), of: id(file) }).unwrap();
    assert_eq!((here("f"), here("g")), (0, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_and_deleted_recordings_are_let_go_after_their_time() {
    let (studio, ann) = studio().await;
    record(&studio, &ann, "picture", b"\x89PNG\r\n\x1a\n0000000000000000000000000000000000000000").await;
    record(&studio, &ann, "deleted", &wav(1_000, 1)).await;
    record(&studio, &ann, "played", &wav(1_000, 2)).await;
    assert_eq!(studio.state("picture").await, AudioFileState::Refused);
    studio.write(&ann, vec![delete(Table::AudioFiles, &id("deleted"))]).await;
    let stored = || studio.app.database.store().stored_bytes(&ann.id).unwrap();
    let before = stored();

    studio.app.clock.advance_ms(REFUSED_KEPT_MS + 1);
    assert_eq!(prune(&studio).await.recordings, 1, "the picture");
    assert!(studio.record("picture").await.get("storageKey").is_null());
    assert!(studio.record("picture").await.text("refusal").unwrap().contains("PNG"), "why stays");
    assert!(stored() < before);
    studio.app.clock.advance_ms(DELETED_KEPT_MS - REFUSED_KEPT_MS - 1);
    assert_eq!(prune(&studio).await.recordings, 0, "it can be brought back yet");
    studio.app.clock.advance_ms(1);
    assert_eq!(prune(&studio).await.recordings, 1);
    // Brought back later all the same, it says what has become of it.
    studio.write(&ann, vec![restore(Table::AudioFiles, &id("deleted"))]).await;
    let late = studio.record("deleted").await;
    assert_eq!((late.text("state"), late.get("playbackKey").is_null()), (Some("refused"), true));
    assert!(late.text("refusal").unwrap().contains("no longer kept"));
    prune(&studio).await;
    assert_eq!(studio.blobs(), (2, 0), "what is played, and its peaks");

    studio.write(&ann, vec![delete(Table::Projects, &id("p"))]).await;
    studio.app.clock.advance_ms(DELETED_KEPT_MS + 1);
    prune(&studio).await;
    prune(&studio).await;
    assert_eq!((studio.blobs(), stored()), ((0, 0), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_forgets_what_went_well_and_keeps_the_dead() {
    let (studio, ann) = studio().await;
    record(&studio, &ann, "f", &wav(1_000, 1)).await;
    studio.upload(&ann, "lost", "take.wav", &wav(1_000, 2)).await;
    let lease = new_id();
    let job = take(&studio.app, &lease, &KINDS).await.unwrap().unwrap();
    let failed = Failed { error: "a comet".to_owned(), retry_at: None, is_counted: true, now: studio.app.clock.now() };
    studio.app.database.store().fail_job(&job.id, &lease, failed).unwrap();
    let count = |state| studio.app.database.store().count_jobs(state).unwrap();
    assert_eq!((count(JobState::Done), count(JobState::Dead)), (1, 1));

    studio.app.clock.advance_ms(DONE_KEPT_MS + 1);
    assert_eq!(prune(&studio).await.jobs, 1);
    assert_eq!((count(JobState::Done), count(JobState::Dead)), (0, 1));
    let lost = studio.record("lost").await;
    assert_eq!(lost.text("state"), Some("refused"), "nobody waits for what will not come");
    assert!(lost.text("refusal").unwrap().contains("could not be read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_is_a_job_once_an_hour_and_after_all_others() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(1_000, 1)).await;
    let old = stray(&studio, b"old");
    studio.app.clock.advance_ms(BLOB_GRACE_MS + 1);
    // Two servers on one database.
    let schedules = [(); 2].map(|()| tokio::spawn(prune::schedule(studio.app.clone())));
    let ready = async |count: u64| {
        for _ in 0..1_000 {
            if studio.app.database.store().count_jobs(JobState::Ready).unwrap() == count {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        false
    };
    assert!(ready(2).await, "one to measure, one to prune");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(ready(2).await, "and no third");
    for kind in [measure::KIND, prune::KIND] {
        let lease = new_id();
        let job = take(&studio.app, &lease, &KINDS).await.unwrap().unwrap();
        assert_eq!(job.kind, kind);
        attempt(&studio.app, &Measure::default(), &job, &lease).await;
    }
    assert!(studio.app.blobs.open(&old).unwrap().is_none());
    assert_eq!(studio.app.database.store().count_jobs(JobState::Done).unwrap(), 2);
    studio.app.shutdown.cancel();
    for schedule in schedules {
        schedule.await.unwrap();
    }
    // Another hour, another job.
    let (now, later) = (studio.app.clock.now(), Timestamp(studio.app.clock.now().0 + PRUNE_EVERY_MS));
    let enqueue = |job: NewJob| studio.app.database.store().enqueue(job).unwrap();
    assert!(!enqueue(prune::job(now)));
    assert!(enqueue(prune::job(later)));
    assert!(!enqueue(prune::job(later)));
}
