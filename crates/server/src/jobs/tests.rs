//! Workers that die, files that kill, disks that fail.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use media::PlaybackAsset;
use model::AudioFileState;
use storage::JobState;

use super::limits::{BACKOFF_MS_MAX, LEASE_MS};
use super::measure::{ATTEMPTS_MAX, Bounds, KIND, Measure};
use super::*;
use crate::audio_files::fixture::{Studio, User, wav};

async fn studio() -> (Studio, User) {
    let studio = Studio::open();
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    (studio, ann)
}

fn decode(input: &Path, output: &Path, bounds: &Bounds) -> media::Result<PlaybackAsset> {
    media::make_playback_asset(input, output, bounds.bytes_max, |_| bounds.go_on())
}

/// Waits until something holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to hold");
}

/// Waits until no worker is at a job. A recording is settled before its job is: whoever moves the clock in between makes
/// the worker lose its lease.
async fn at_rest(studio: &Studio) {
    until(async || studio.app.database.store().count_jobs(JobState::Running).unwrap() == 0).await;
}

/// Takes whatever job is left, as a worker would; `None` when there is none to be had.
async fn take_any(studio: &Studio) -> Option<Job> {
    take(&studio.app, &new_id(), &KINDS).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_job_runs_again() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(1_000, 1)).await;
    let (begun, has_begun) = mpsc::channel();
    let (free, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let hanging = Measure::with(move |input, output, bounds| {
        begun.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
        decode(input, output, bounds)
    });
    let first = start_with(&studio.app, &hanging);
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    // Killed in the middle: no word to the queue, no heartbeat.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());

    let second = start_with(&studio.app, &Measure::default());
    studio.app.job_enqueued.notify_one();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded, "the dead worker's lease holds yet");
    studio.app.clock.advance_ms(LEASE_MS + 1);
    studio.app.job_enqueued.notify_one();
    assert_eq!(studio.settled("f").await.text("state"), Some("ready"));
    until(async || take_any(&studio).await.is_none()).await;
    // The dead worker's thread comes back late: what it found changes nothing.
    let version = studio.record("f").await.version();
    drop(free);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(studio.record("f").await.version(), version);
    studio.app.shutdown.cancel();
    second.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_audio_is_refused_once_with_a_reason() {
    let (studio, ann) = studio().await;
    let tried = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    let workers = start_with(
        &studio.app,
        &Measure::with(move |input, output, bounds| {
            count.fetch_add(1, Ordering::SeqCst);
            decode(input, output, bounds)
        }),
    );
    let png = b"\x89PNG\r\n\x1a\n0000000000000000000000000000000000000000".to_vec();
    let cut = wav(1_000, 1)[..30].to_vec();
    for (file, bytes, reason) in [("a", png, "PNG"), ("b", cut, ""), ("c", b"hello".to_vec(), "not an audio file")] {
        studio.upload(&ann, file, "song.wav", &bytes).await;
        let record = studio.settled(file).await;
        assert_eq!(record.text("state"), Some("refused"), "{record:?}");
        let refusal = record.text("refusal").unwrap();
        assert!(!refusal.is_empty() && refusal.contains(reason), "{refusal}");
        assert!(record.get("playbackKey").is_null());
    }
    at_rest(&studio).await;
    studio.app.clock.advance_ms(BACKOFF_MS_MAX * 10);
    assert_eq!(take_any(&studio).await, None, "nothing is left to try");
    assert_eq!(tried.load(Ordering::SeqCst), 3);
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_the_decoder_refuses_the_file_and_kills_the_job_but_not_the_worker() {
    let (studio, ann) = studio().await;
    let workers = start_with(
        &studio.app,
        &Measure::with(|input, output, bounds| {
            if std::fs::metadata(input)?.len() < 1_000 {
                panic!("a fault in a decoder");
            }
            decode(input, output, bounds)
        }),
    );
    studio.upload(&ann, "bad", "bad.wav", &wav(10, 1)).await;
    let record = studio.settled("bad").await;
    assert_eq!((record.text("state"), record.text("refusal").is_some()), (Some("refused"), true));
    studio.upload(&ann, "good", "good.wav", &wav(1_000, 1)).await;
    assert_eq!(studio.settled("good").await.text("state"), Some("ready"));
    at_rest(&studio).await;
    studio.app.clock.advance_ms(BACKOFF_MS_MAX * 10);
    assert_eq!(take_any(&studio).await, None);
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_is_tried_again_later_and_not_for_ever() {
    let (studio, ann) = studio().await;
    let (tries, slow_tries) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (all, slow) = (Arc::clone(&tries), Arc::clone(&slow_tries));
    // Fails for `bad` always, for `slow` at first.
    let workers = start_with(
        &studio.app,
        &Measure::with(move |input, output, bounds| {
            all.fetch_add(1, Ordering::SeqCst);
            let small = std::fs::metadata(input)?.len() < 1_000;
            if small || slow.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err(io::Error::other("the disk hums").into());
            }
            decode(input, output, bounds)
        }),
    );
    studio.upload(&ann, "slow", "slow.wav", &wav(1_000, 1)).await;
    studio.upload(&ann, "bad", "bad.wav", &wav(10, 1)).await;
    let tried = async |count: usize| {
        until(async || tries.load(Ordering::SeqCst) == count).await;
        at_rest(&studio).await;
    };
    tried(2).await;
    // A worker looks again, and finds nothing to do: not before its time.
    studio.app.job_enqueued.notify_one();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(tries.load(Ordering::SeqCst), 2);
    // Both again; both again, when the slow one succeeds; then the bad one alone, until it dies at its fifth.
    for count in [4, 6, 7, 8] {
        studio.app.clock.advance_ms(BACKOFF_MS_MAX * 2);
        studio.app.job_enqueued.notify_one();
        tried(count).await;
    }
    assert_eq!(studio.record("slow").await.text("state"), Some("ready"));
    assert_eq!(studio.record("bad").await.text("state"), Some("refused"));
    assert_eq!((slow_tries.load(Ordering::SeqCst), ATTEMPTS_MAX), (3, 5));
    studio.app.clock.advance_ms(BACKOFF_MS_MAX * 10);
    assert_eq!(take_any(&studio).await, None);
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_kills_its_workers_is_given_up() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(10, 1)).await;
    for attempt in 1..ATTEMPTS_MAX {
        let job = take_any(&studio).await.unwrap();
        assert_eq!((job.kind.as_str(), job.attempts), (KIND, attempt));
        // The worker is gone without a word.
        studio.app.clock.advance_ms(LEASE_MS + 1);
    }
    let tried = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    let workers = start_with(
        &studio.app,
        &Measure::with(move |input, output, bounds| {
            count.fetch_add(1, Ordering::SeqCst);
            decode(input, output, bounds)
        }),
    );
    let record = studio.settled("f").await;
    assert_eq!((record.text("state"), tried.load(Ordering::SeqCst)), (Some("refused"), 0), "it is not tried again");
    assert!(record.text("refusal").unwrap().contains("could not be read"));
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_again_are_idempotent_and_leave_nothing_behind() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(1_000, 1)).await;
    let lease = new_id();
    let job = take(&studio.app, &lease, &KINDS).await.unwrap().unwrap();
    let measure = Measure::default();
    measure.run(&studio.app, &job.payload).await.unwrap();
    let record = studio.record("f").await;
    measure.run(&studio.app, &job.payload).await.unwrap();
    assert_eq!(studio.record("f").await, record);
    settle(&studio.app, &measure, &job, &lease, Ok(())).await.unwrap();
    let kept = studio.app.database.store().job(&job.id).unwrap().unwrap();
    assert_eq!(kept.state, JobState::Done);
    assert_eq!(studio.blobs(), (2, 0));
    assert_eq!(std::fs::read_dir(folder(&studio.app)).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_hands_its_jobs_back() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(1_000, 1)).await;
    let (begun, has_begun) = mpsc::channel();
    let (free, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let workers = start_with(
        &studio.app,
        &Measure::with(move |_, _, _| {
            begun.send(()).unwrap();
            let _ = wait.lock().unwrap().recv();
            Err(io::Error::other("never mind").into())
        }),
    );
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    studio.app.shutdown.cancel();
    workers.await.unwrap();
    drop(free);
    studio.app.clock.advance_ms(BACKOFF_MS_MAX);
    let job = take_any(&studio).await.unwrap();
    assert_eq!((job.attempts, job.error.as_deref()), (2, Some("the server was stopped")));
}

/// A decoder that says when it begins, goes on for as long as its bounds let it, and says so when it ends.
fn endless() -> (Measure, mpsc::Receiver<()>, mpsc::Receiver<()>) {
    let (begun, has_begun) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    let measure = Measure::with(move |_, _, bounds| {
        begun.send(()).unwrap();
        while bounds.go_on().is_continue() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = ended.send(());
        Err(media::Error::Stopped)
    });
    (measure, has_begun, has_ended)
}

/// Waits for a word of a decoder's thread.
async fn word(of: mpsc::Receiver<()>) {
    tokio::task::spawn_blocking(move || of.recv_timeout(Duration::from_secs(20)).unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_stops_its_decoders() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(1_000, 1)).await;
    let (measure, has_begun, has_ended) = endless();
    let workers = start_with(&studio.app, &measure);
    word(has_begun).await;
    studio.app.shutdown.cancel();
    workers.await.unwrap();
    word(has_ended).await;
    assert_eq!(studio.state("f").await, AudioFileState::Uploaded, "the next start measures it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_lease_is_lost_stops_its_decoder() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(1_000, 1)).await;
    let lease = new_id();
    let job = take(&studio.app, &lease, &KINDS).await.unwrap().unwrap();
    let (measure, has_begun, has_ended) = endless();
    let app = studio.app.clone();
    let worker = tokio::spawn(async move { attempt(&app, &measure, &job, &lease).await });
    word(has_begun).await;
    studio.app.clock.advance_ms(LEASE_MS + 1);
    // Somebody else takes the job, and is done with it before the first worker's next heartbeat.
    let other = new_id();
    let job = take(&studio.app, &other, &KINDS).await.unwrap().unwrap();
    let done = Measure::default();
    done.run(&studio.app, &job.payload).await.unwrap();
    settle(&studio.app, &done, &job, &other, Ok(())).await.unwrap();
    word(has_ended).await;
    worker.await.unwrap();
    let kept = studio.app.database.store().job(&job.id).unwrap().unwrap();
    assert_eq!((kept.state, kept.attempts), (JobState::Done, 2), "what the first found out late changed nothing");
    assert_eq!(studio.state("f").await, AudioFileState::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_a_recording_that_decodes_to_more_than_its_owner_has_room_for_is_refused_with_a_reason() {
    let studio = Studio::open_with(|config| config.quota_per_user = 300_000);
    let ann = studio.sign_up("ann").await;
    studio.project(&ann).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../media/tests/fixtures/");
    let workers = start_with(&studio.app, &Measure::default());
    let bytes = std::fs::read(format!("{path}long.ogg")).unwrap();
    studio.upload(&ann, "f", "long.ogg", &bytes).await;
    let record = studio.settled("f").await;
    assert_eq!(record.text("state"), Some("refused"), "{record:?}");
    assert!(record.text("refusal").unwrap().contains("no room"), "{record:?}");
    assert_eq!(studio.blobs(), (1, 0), "nothing but the original");
    // Another has room of their own.
    let bob = studio.sign_up("bob").await;
    studio.add(&ann, &bob, "editor").await;
    let small = std::fs::read(format!("{path}stereo16.flac")).unwrap();
    studio.upload(&bob, "g", "g.flac", &small).await;
    assert_eq!(studio.settled("g").await.text("state"), Some("ready"));
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test]
async fn a_heartbeat_keeps_a_long_jobs_lease_and_hears_when_it_is_lost() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(10, 1)).await;
    let lease = new_id();
    let job = take(&studio.app, &lease, &KINDS).await.unwrap().unwrap();
    let leased_until = || studio.app.database.store().job(&job.id).unwrap().unwrap().leased_until;
    tokio::time::pause();
    let (app, held, id) = (studio.app.clone(), lease.clone(), job.id.clone());
    let keeper = tokio::spawn(async move { keep_lease(&app, &id, &held).await });
    for _ in 0..4 {
        let before = leased_until();
        studio.app.clock.advance_ms(LEASE_MS / 3);
        until(async || leased_until() > before).await;
        assert_eq!(take_any(&studio).await, None, "nobody else gets it");
    }
    studio.app.clock.advance_ms(LEASE_MS * 2);
    let other = take_any(&studio).await.map(|job| job.attempts);
    assert_eq!(other, Some(2), "a worker that slept through its lease has lost it");
    keeper.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn w6_only_so_many_jobs_run_at_once() {
    let (studio, ann) = studio().await;
    for n in 0..6 {
        studio.upload(&ann, &format!("f{n}"), "f.wav", &wav(10, n)).await;
    }
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, seen) = (Arc::clone(&now), Arc::clone(&most));
    let measure = Measure::with(move |input, output, bounds| {
        seen.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(30));
        running.fetch_sub(1, Ordering::SeqCst);
        decode(input, output, bounds)
    });
    let workers = start_with(&studio.app, &measure);
    for n in 0..6 {
        assert_eq!(studio.settled(&format!("f{n}")).await.text("state"), Some("ready"));
    }
    assert_eq!(most.load(Ordering::SeqCst), super::limits::JOBS_AT_ONCE_MAX);
    studio.app.shutdown.cancel();
    workers.await.unwrap();
}

#[tokio::test]
async fn w6_a_disk_that_is_nearly_full_lets_recordings_wait_and_blames_nobody() {
    let (studio, ann) = studio().await;
    studio.upload(&ann, "f", "f.wav", &wav(1_000, 1)).await;
    let Studio { app, folder, .. } = studio;
    drop(app);
    let full = Studio::over_with(folder, |config| config.keep_free = u64::MAX);
    for has_place in [false, true] {
        assert!(!kinds(&full.app, has_place).contains(&KIND) && kinds(&full.app, has_place).contains(&prune::KIND));
    }
    // One that a worker takes all the same, as there is room, but not enough; until the host makes some.
    let has_room = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&has_room);
    let measure = Measure::with(move |input, output, bounds| match asked.load(Ordering::SeqCst) {
        0 => Err(media::Error::NoRoom { bytes_max: bounds.bytes_max }),
        _ => decode(input, output, &Bounds { bytes_max: u64::MAX, stop: bounds.stop.clone() }),
    });
    for tries in 0..3 * ATTEMPTS_MAX {
        let lease = new_id();
        let job = take(&full.app, &lease, &KINDS).await.unwrap().unwrap();
        has_room.store(usize::from(tries + 1 == 3 * ATTEMPTS_MAX), Ordering::SeqCst);
        assert_eq!(full.state("f").await, AudioFileState::Uploaded, "{tries}: {:?}", job.error);
        attempt(&full.app, &measure, &job, &lease).await;
        full.app.clock.advance_ms(2 * BACKOFF_MS_MAX);
    }
    assert_eq!(full.state("f").await, AudioFileState::Ready);
    let studio = Studio::open();
    assert!([false, true].iter().all(|has_place| kinds(&studio.app, *has_place).contains(&KIND)));
}
