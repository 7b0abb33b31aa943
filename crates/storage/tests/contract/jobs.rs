//! The queue.

use model::{Id, Timestamp};
use storage::{CommitError, Failed, Job, JobState, NewJob, Store};

use crate::given::{NOW, Song, create_track, id, job, later, one};

const LEASE_MS: i64 = 1_000;

fn lease(store: &dyn Store, worker: &str, now: Timestamp) -> Option<Job> {
    store.lease_job(&["peaks", "export"], &id(worker), now, LEASE_MS).unwrap()
}

fn name(job: Option<Job>) -> Option<Id> {
    job.map(|job| job.id)
}

#[test]
fn a_job_is_enqueued_with_its_batch_or_not_at_all() {
    crate::on_each_store(|store| {
        let mut song = Song::of(store, "p", "ada");
        let mut good = song.batch("ada", vec![create_track("p", "t")]);
        good.jobs.push(job("kept"));
        assert_eq!(one(store, good), Ok(()));
        assert_eq!(store.job(&id("kept")).unwrap().unwrap().payload, serde_json::json!({ "file": "kept" }));

        let mut stale = song.batch("ada", vec![create_track("p", "u")]);
        stale.expected_seq = 0;
        stale.commits[0].commit.seq = 1;
        stale.jobs.push(job("lost"));
        assert!(matches!(one(store, stale), Err(CommitError::Stale { .. })));
        assert_eq!(store.job(&id("lost")).unwrap(), None);
    });
}

#[test]
fn a_unique_key_is_enqueued_once_unless_it_died() {
    crate::on_each_store(|store| {
        let keyed = |name: &str| NewJob { unique_key: Some("file-1".to_owned()), attempts_max: 1, ..job(name) };
        assert!(store.enqueue(keyed("a")).unwrap());
        assert!(!store.enqueue(keyed("b")).unwrap());
        assert!(!store.enqueue(job("a")).unwrap(), "an id is used once");
        assert_eq!(name(lease(store, "w", NOW)), Some(id("a")));
        let failed = Failed { error: "no disk".to_owned(), retry_at: Some(NOW), is_counted: true, now: NOW };
        assert_eq!(store.fail_job(&id("a"), &id("w"), failed).unwrap(), Some(JobState::Dead));
        assert!(store.enqueue(keyed("c")).unwrap());
        let again = lease(store, "w", NOW).unwrap();
        assert_eq!((again.attempts, again.error), (1, None));
        assert!(store.complete_job(&again.id, &id("w"), NOW).unwrap());
        assert!(!store.enqueue(keyed("d")).unwrap(), "what is done is done");
    });
}

#[test]
fn the_first_by_priority_then_time_is_leased() {
    crate::on_each_store(|store| {
        store.enqueue(NewJob { run_after: later(1), ..job("plain") }).unwrap();
        store.enqueue(NewJob { kind: "export".to_owned(), ..job("second") }).unwrap();
        store.enqueue(NewJob { priority: 5, run_after: later(10), ..job("urgent") }).unwrap();
        store.enqueue(NewJob { kind: "unknown".to_owned(), priority: 9, ..job("foreign") }).unwrap();
        assert_eq!(name(lease(store, "w", NOW)), Some(id("second")));
        assert_eq!(name(lease(store, "w", NOW)), None, "the others' time has not come");
        assert_eq!(name(lease(store, "w", later(10))), Some(id("urgent")));
        assert_eq!(name(lease(store, "w", later(10))), Some(id("plain")));
        assert_eq!(name(lease(store, "w", later(10))), None);
    });
}

#[test]
fn a_lost_worker_s_job_runs_again_and_in_the_end_dies() {
    crate::on_each_store(|store| {
        store.enqueue(NewJob { attempts_max: 2, ..job("a") }).unwrap();
        assert_eq!(name(lease(store, "w1", NOW)), Some(id("a")));
        assert!(store.heartbeat_job(&id("a"), &id("w1"), later(1_500)).unwrap());
        assert_eq!(name(lease(store, "w2", later(1_400))), None, "it is still alive");
        let again = lease(store, "w2", later(1_500)).unwrap();
        assert_eq!((again.id, again.attempts), (id("a"), 2));
        assert!(!store.heartbeat_job(&id("a"), &id("w1"), later(9_000)).unwrap(), "the lease is lost");
        assert_eq!(name(lease(store, "w3", later(9_000))), None);
        let dead = store.job(&id("a")).unwrap().unwrap();
        assert_eq!((dead.state, dead.error.as_deref()), (JobState::Dead, Some("the worker was lost")));
    });
}

#[test]
fn a_failed_job_waits_then_dies() {
    crate::on_each_store(|store| {
        store.enqueue(NewJob { attempts_max: 2, ..job("a") }).unwrap();
        let fail = |now: Timestamp, retry_at| {
            let failed = Failed { error: "broken".to_owned(), retry_at, is_counted: true, now };
            store.fail_job(&id("a"), &id("w"), failed).unwrap()
        };
        assert!(lease(store, "w", NOW).is_some());
        assert_eq!(fail(NOW, Some(later(100))), Some(JobState::Ready));
        assert_eq!(name(lease(store, "w", later(99))), None);
        assert!(lease(store, "w", later(100)).is_some());
        assert_eq!(fail(later(100), Some(later(200))), Some(JobState::Dead));
        assert_eq!(name(lease(store, "w", later(200))), None);
        assert_eq!(store.job(&id("a")).unwrap().unwrap().error.as_deref(), Some("broken"));

        store.enqueue(job("b")).unwrap();
        assert!(lease(store, "w", NOW).is_some());
        let hopeless = Failed { error: "no audio".to_owned(), retry_at: None, is_counted: true, now: NOW };
        assert_eq!(store.fail_job(&id("b"), &id("w"), hopeless).unwrap(), Some(JobState::Dead));
    });
}

#[test]
fn a_lost_lease_cannot_end_the_job() {
    crate::on_each_store(|store| {
        store.enqueue(job("a")).unwrap();
        assert!(lease(store, "w1", NOW).is_some());
        assert!(lease(store, "w2", later(LEASE_MS)).is_some());
        assert!(!store.complete_job(&id("a"), &id("w1"), NOW).unwrap());
        let failed = Failed { error: "late".to_owned(), retry_at: None, is_counted: true, now: NOW };
        assert_eq!(store.fail_job(&id("a"), &id("w1"), failed).unwrap(), None);
        assert!(store.complete_job(&id("a"), &id("w2"), NOW).unwrap());
        assert_eq!(store.job(&id("a")).unwrap().unwrap().state, JobState::Done);
        assert!(!store.complete_job(&id("a"), &id("w2"), NOW).unwrap());
    });
}

#[test]
fn done_jobs_are_forgotten_by_age_and_dead_ones_are_kept() {
    crate::on_each_store(|store| {
        for (name, at) in [("a", 0), ("b", 10), ("c", 20)] {
            store.enqueue(NewJob { unique_key: Some(format!("key of {name}")), ..job(name) }).unwrap();
            assert!(lease(store, "w", NOW).is_some());
            assert!(store.complete_job(&id(name), &id("w"), later(at)).unwrap());
        }
        for (name, at) in [("first", 1), ("second", 2)] {
            store.enqueue(job(name)).unwrap();
            assert!(lease(store, "w", NOW).is_some());
            let failed = Failed { error: "hopeless".to_owned(), retry_at: None, is_counted: true, now: later(at) };
            store.fail_job(&id(name), &id("w"), failed).unwrap();
        }
        store.enqueue(job("waiting")).unwrap();
        let count = |state| store.count_jobs(state).unwrap();
        assert_eq!((count(JobState::Done), count(JobState::Dead), count(JobState::Ready)), (3, 2, 1));

        assert_eq!(store.delete_done_jobs(later(20), 1).unwrap(), 1, "no more than asked for");
        assert_eq!(store.delete_done_jobs(later(20), 10).unwrap(), 1);
        assert_eq!(store.delete_done_jobs(later(20), 10).unwrap(), 0);
        assert!(store.job(&id("c")).unwrap().is_some(), "it has not lain there for so long");
        assert!(store.enqueue(NewJob { unique_key: Some("key of a".to_owned()), ..job("a2") }).unwrap());

        let dead: Vec<Id> = store.dead_jobs(10).unwrap().into_iter().map(|job| job.id).collect();
        assert_eq!(dead, [id("second"), id("first")]);
        assert_eq!(store.dead_jobs(1).unwrap().len(), 1);
        assert_eq!(count(JobState::Running), 0);
    });
}

#[test]
fn a_job_that_nobody_works_at_is_withdrawn_by_its_key() {
    crate::on_each_store(|store| {
        let keyed = |name: &str| NewJob { unique_key: Some(format!("key of {name}")), ..job(name) };
        let state = |name: &str| store.job(&id(name)).unwrap().unwrap().state;
        store.enqueue(keyed("runs")).unwrap();
        assert_eq!(name(lease(store, "w", NOW)), Some(id("runs")));
        assert!(!store.withdraw_job("key of runs", NOW).unwrap(), "somebody is at work");
        for waits in ["a", "b"] {
            store.enqueue(keyed(waits)).unwrap();
        }
        assert!(store.withdraw_job("key of a", NOW).unwrap() && !store.withdraw_job("key of a", NOW).unwrap());
        assert!(!store.withdraw_job("key of nothing", NOW).unwrap());
        assert_eq!((state("runs"), state("a"), state("b")), (JobState::Running, JobState::Done, JobState::Ready));
        let failed = Failed { error: "broken".to_owned(), retry_at: Some(later(100)), is_counted: true, now: NOW };
        assert_eq!(store.fail_job(&id("runs"), &id("w"), failed).unwrap(), Some(JobState::Ready));
        assert!(store.withdraw_job("key of runs", later(1)).unwrap(), "it waited to be tried again");
        assert_eq!(name(lease(store, "w", later(200))), Some(id("b")));
        assert_eq!(name(lease(store, "w", later(200))), None);
    });
}
