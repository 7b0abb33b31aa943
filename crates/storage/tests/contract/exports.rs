//! Exports.

use storage::{
    BlobKey, ExportBytes, ExportFile, ExportPlaces, ExportState, JobState, NewExport, NewJob, Queued, Store,
    USED_HALVES_MS,
};

use crate::given::{NOW, Song, id, job, later, person};

const MANY: ExportPlaces = ExportPlaces { of_user: 99, of_all: 99, known_of_user: 99 };

/// A store with the projects `p` and `q` of ada's, and bob.
fn studio(store: &dyn Store) {
    for name in ["ada", "bob"] {
        assert!(store.create_user(person(name)).unwrap());
    }
    Song::of(store, "p", "ada");
    Song::of(store, "q", "ada");
}

fn wish(name: &str, project: &str, user: &str, at: i64) -> NewExport {
    NewExport {
        id: id(name),
        project: id(project),
        user: id(user),
        name: "Our song".to_owned(),
        settings: serde_json::json!({"format": "wav"}),
        stems: at % 2 == 1,
        seq: 7,
        weight: 10,
        now: later(at),
    }
}

fn work(name: &str) -> NewJob {
    job(&format!("job-{name}"))
}

fn make(store: &dyn Store, name: &str, user: &str, at: i64) {
    assert_eq!(store.create_export(wish(name, "p", user, at), work(name), MANY).unwrap(), Queued::Waiting);
}

fn file(n: u8, bytes: u64) -> ExportFile {
    ExportFile { blob: BlobKey::from_digest(&[n; 32]), bytes }
}

fn state(store: &dyn Store, name: &str) -> ExportState {
    store.export(&id(name)).unwrap().unwrap().state
}

#[test]
fn an_export_waits_with_its_job_is_made_and_is_kept_for_a_time() {
    crate::on_each_store(|store| {
        studio(store);
        make(store, "e", "ada", 1);
        assert_eq!(store.job(&id("job-e")).unwrap().unwrap().id, id("job-e"));
        let export = store.export(&id("e")).unwrap().unwrap();
        assert_eq!((export.project, export.user, export.name.as_str()), (id("p"), id("ada"), "Our song"));
        assert_eq!((export.settings["format"].as_str(), export.stems, export.seq), (Some("wav"), true, 7));
        assert_eq!((export.state, export.created, export.expires), (ExportState::Waiting, later(1), None));
        assert!(!store.export_progress(&id("e"), 0.5).unwrap(), "nobody makes it yet");
        assert!(!store.finish_export(&id("e"), file(1, 5), later(9)).unwrap());
        assert!(store.begin_export(&id("e")).unwrap());
        assert!(store.export_progress(&id("e"), 0.5).unwrap());
        assert_eq!(store.export(&id("e")).unwrap().unwrap().progress, 0.5);
        assert!(store.begin_export(&id("e")).unwrap(), "after its worker has died");
        assert_eq!(store.export(&id("e")).unwrap().unwrap().progress, 0.0);
        assert!(store.put_export_back(&id("e")).unwrap());
        assert!(!store.put_export_back(&id("e")).unwrap());
        assert_eq!(state(store, "e"), ExportState::Waiting);
        assert!(store.begin_export(&id("e")).unwrap());
        assert!(store.finish_export(&id("e"), file(1, 5), later(9)).unwrap());
        let export = store.export(&id("e")).unwrap().unwrap();
        assert_eq!((export.state, export.progress, export.file), (ExportState::Done, 1.0, Some(file(1, 5))));
        assert!(!store.begin_export(&id("e")).unwrap() && !store.export_progress(&id("e"), 0.1).unwrap());
        assert!(!store.end_export(&id("e"), ExportState::Failed, Some("no"), NOW).unwrap());
        assert_eq!(store.exports_ended(later(8), 9).unwrap(), []);
        assert_eq!(store.exports_ended(later(9), 9).unwrap().len(), 1);
        assert!(store.forget_export(&id("e")).unwrap() && !store.forget_export(&id("e")).unwrap());
        assert_eq!(store.export(&id("e")).unwrap(), None);
    });
}

#[test]
fn an_export_that_is_not_wanted_or_fails_is_over() {
    crate::on_each_store(|store| {
        studio(store);
        for (name, at) in [("waits", 1), ("runs", 2), ("fails", 3)] {
            make(store, name, "ada", at);
        }
        assert!(store.begin_export(&id("runs")).unwrap());
        assert!(!store.remove_export(&id("runs"), NOW).unwrap(), "it is under way");
        for name in ["waits", "runs"] {
            assert!(store.end_export(&id(name), ExportState::Cancelled, None, later(9)).unwrap());
            assert!(!store.end_export(&id(name), ExportState::Failed, Some("late"), later(9)).unwrap());
            assert!(!store.begin_export(&id(name)).unwrap() && !store.export_progress(&id(name), 0.2).unwrap());
            assert!(!store.finish_export(&id(name), file(1, 5), later(9)).unwrap(), "nobody needs the file");
            assert!(!store.put_export_back(&id(name)).unwrap());
        }
        assert!(store.end_export(&id("fails"), ExportState::Failed, Some("The disk is full."), later(8)).unwrap());
        assert_eq!(store.export(&id("fails")).unwrap().unwrap().error.as_deref(), Some("The disk is full."));
        assert!(!store.forget_export(&id("none")).unwrap());
        let ended = store.exports_ended(later(9), 2).unwrap();
        assert_eq!((ended.len(), &ended[0].id), (2, &id("fails")), "the first to end");
        assert!(store.remove_export(&id("runs"), later(4)).unwrap() && !store.remove_export(&id("runs"), NOW).unwrap());
        assert_eq!(state(store, "runs"), ExportState::Removed);
        assert_eq!(store.exports_ended(later(4), 9).unwrap()[0].id, id("runs"), "its time is over");
    });
}

#[test]
fn ones_own_exports_of_a_project_are_listed_the_newest_first() {
    crate::on_each_store(|store| {
        studio(store);
        for (name, user, at) in [("one", "ada", 1), ("three", "ada", 3), ("two", "ada", 2), ("bobs", "bob", 4)] {
            make(store, name, user, at);
        }
        let elsewhere = store.create_export(wish("other", "q", "ada", 5), work("other"), MANY).unwrap();
        assert_eq!(elsewhere, Queued::Waiting);
        let names = |project: &str, user: &str, limit| -> Vec<String> {
            let exports = store.exports_of(&id(project), &id(user), limit).unwrap();
            exports.iter().map(|export| export.id.to_string()).collect()
        };
        assert_eq!(names("p", "ada", 9), ["three", "two", "one"]);
        assert_eq!((names("p", "ada", 1), names("q", "bob", 9)), (vec!["three".to_owned()], vec![]));
        assert!(store.end_export(&id("two"), ExportState::Cancelled, None, later(9)).unwrap());
        assert_eq!(names("p", "ada", 9).len(), 3, "what was cancelled is still listed");
        assert!(store.remove_export(&id("two"), NOW).unwrap());
        assert_eq!(names("p", "ada", 9), ["three", "one"]);
    });
}

#[test]
fn w6_no_more_exports_are_under_way_than_there_are_places() {
    crate::on_each_store(|store| {
        studio(store);
        let places = ExportPlaces { of_user: 2, of_all: 3, known_of_user: 99 };
        let ask = |name: &str, user: &str| store.create_export(wish(name, "p", user, 0), work(name), places).unwrap();
        assert_eq!((ask("a", "ada"), ask("b", "ada")), (Queued::Waiting, Queued::Waiting));
        assert_eq!(ask("c", "ada"), Queued::UserFull);
        assert_eq!((store.export(&id("c")).unwrap(), store.job(&id("job-c")).unwrap()), (None, None));
        assert_eq!((ask("d", "bob"), ask("e", "bob")), (Queued::Waiting, Queued::ServerFull));
        assert!(store.begin_export(&id("a")).unwrap());
        assert_eq!(ask("c", "ada"), Queued::UserFull, "one that is being made is under way");
        assert!(store.finish_export(&id("a"), file(1, 5), later(9)).unwrap());
        assert_eq!(ask("c", "ada"), Queued::Waiting);
    });
}

#[test]
fn w6_asking_and_cancelling_is_no_way_to_fill_the_database() {
    crate::on_each_store(|store| {
        studio(store);
        let places = ExportPlaces { of_user: 2, of_all: 9, known_of_user: 3 };
        let ask = |name: &str, user: &str| store.create_export(wish(name, "p", user, 0), work(name), places).unwrap();
        for name in ["a", "b", "c"] {
            assert_eq!(ask(name, "ada"), Queued::Waiting);
            assert!(store.end_export(&id(name), ExportState::Cancelled, None, later(9)).unwrap());
        }
        assert_eq!((ask("d", "ada"), ask("e", "bob")), (Queued::UserFull, Queued::Waiting));
        assert!(store.forget_export(&id("b")).unwrap());
        assert_eq!(ask("d", "ada"), Queued::Waiting);
    });
}

#[test]
fn ex3_a_file_that_was_made_in_vain_is_counted_until_it_is_forgotten() {
    crate::on_each_store(|store| {
        studio(store);
        make(store, "a", "ada", 0);
        assert!(store.begin_export(&id("a")).unwrap());
        assert!(store.end_export(&id("a"), ExportState::Cancelled, None, later(9)).unwrap());
        assert!(!store.finish_export(&id("a"), file(1, 5), later(9)).unwrap());
        assert_eq!(store.export(&id("a")).unwrap().unwrap().state, ExportState::Cancelled);
        assert_eq!(store.export_bytes(&id("ada")).unwrap(), ExportBytes { of_user: 5, of_all: 5 });
        assert_eq!(store.exports_ended(later(9), 9).unwrap()[0].blob(), Some(&file(1, 5).blob));
    });
}

#[test]
fn exports_refer_to_their_blobs_and_their_bytes_are_known() {
    crate::on_each_store(|store| {
        studio(store);
        for (name, user, bytes) in [("a", "ada", 10), ("b", "ada", 20), ("c", "bob", 10)] {
            make(store, name, user, 0);
            assert!(store.begin_export(&id(name)).unwrap());
            let file = ExportFile { bytes, ..file(if bytes == 10 { 1 } else { 2 }, 0) };
            assert!(store.finish_export(&id(name), file, later(9)).unwrap());
        }
        let sum = |user: &str| store.export_bytes(&id(user)).unwrap();
        assert_eq!(sum("ada"), ExportBytes { of_user: 30, of_all: 40 });
        assert_eq!(sum("eve"), ExportBytes { of_user: 0, of_all: 40 });
        let keys = [1, 2, 3].map(|n| file(n, 0).blob);
        assert_eq!(store.unreferenced(&keys).unwrap(), [keys[2].clone()]);
        assert!(store.is_shared(&keys[0], &id("a")).unwrap() && !store.is_shared(&keys[1], &id("b")).unwrap());
        assert!(store.remove_export(&id("b"), NOW).unwrap());
        assert_eq!(sum("ada").of_user, 30, "its bytes are here until it is forgotten");
        assert!(store.forget_export(&id("b")).unwrap());
        assert_eq!((sum("ada").of_user, store.unreferenced(&keys).unwrap().len()), (10, 2));
    });
}

/// Takes the next export, as a worker does, and has it made.
fn make_next(store: &dyn Store) -> String {
    let job = store.lease_job(&["peaks"], &id("w"), later(100), 1_000).unwrap().unwrap();
    assert!(store.complete_job(&job.id, &id("w"), later(100)).unwrap());
    let name = job.id.as_str().strip_prefix("job-").unwrap().to_owned();
    assert!(store.begin_export(&id(&name)).unwrap());
    assert!(store.finish_export(&id(&name), file(1, 5), later(200)).unwrap());
    name
}

#[test]
fn ex7_people_take_turns_by_how_much_there_is_to_do() {
    crate::on_each_store(|store| {
        studio(store);
        let ask = |name: &str, user: &str, at: i64, weight: u32| {
            let wish = NewExport { weight, ..wish(name, "p", user, at) };
            assert_eq!(store.create_export(wish, work(name), MANY).unwrap(), Queued::Waiting);
        };
        for (n, name) in (0..).zip(["a1", "a2", "a3"]) {
            ask(name, "ada", n, 10);
        }
        ask("b1", "bob", 5, 4);
        let made = |count: usize| -> Vec<String> { (0..count).map(|_| make_next(store)).collect() };
        assert_eq!(made(2), ["a1", "b1"]);
        // Whoever asks again and again for little does not keep another waiting for long.
        for (name, at) in [("b2", 6), ("b3", 7), ("b4", 8)] {
            ask(name, "bob", at, 4);
        }
        assert_eq!(made(5), ["b2", "a2", "b3", "a3", "b4"]);
        // Nothing is under way: a new round begins, and who has had less made comes first.
        ask("a4", "ada", 9, 10);
        ask("b5", "bob", 10, 4);
        assert_eq!(made(2), ["b5", "a4"]);
    });
}

#[test]
fn ex7_an_export_that_was_cancelled_before_it_was_begun_costs_no_turn() {
    crate::on_each_store(|store| {
        studio(store);
        make(store, "a1", "ada", 1);
        make(store, "a2", "ada", 2);
        make(store, "b1", "bob", 3);
        make(store, "b2", "bob", 4);
        assert!(store.end_export(&id("a2"), ExportState::Cancelled, None, later(9)).unwrap());
        make(store, "a3", "ada", 5);
        let job = |name: &str| store.job(&id(&format!("job-{name}"))).unwrap().unwrap();
        assert_eq!(job("a2").state, storage::JobState::Ready);
        let order: Vec<String> = (0..5)
            .map(|_| store.lease_job(&["peaks"], &id("w"), later(100), 1_000).unwrap().unwrap().id.to_string())
            .collect();
        assert_eq!(order, ["job-a1", "job-b1", "job-a2", "job-a3", "job-b2"]);
    });
}

/// Removes an export that is over, as its person does, and forgets it.
fn let_go(store: &dyn Store, name: &str) {
    assert!(store.remove_export(&id(name), NOW).unwrap() && store.forget_export(&id(name)).unwrap());
}

#[test]
fn ex7_removing_what_was_made_makes_nobody_a_newcomer() {
    crate::on_each_store(|store| {
        studio(store);
        make(store, "a1", "ada", 1);
        assert_eq!(make_next(store), "a1");
        let_go(store, "a1");
        make(store, "a2", "ada", 2);
        make(store, "b1", "bob", 3);
        assert_eq!([make_next(store), make_next(store)], ["b1", "a2"], "ada has had one");
        // After some days that counts no more.
        let much_later = 9 * USED_HALVES_MS;
        for (name, user, at) in [("a3", "ada", much_later), ("b2", "bob", much_later + 1)] {
            make(store, name, user, at);
        }
        let job = || store.lease_job(&["peaks"], &id("w"), later(much_later + 2), 1_000).unwrap().unwrap().id;
        assert_eq!([job(), job()], [id("job-a3"), id("job-b2")]);
    });
}

#[test]
fn ex7_a_cancelled_export_moves_its_persons_later_ones_up() {
    crate::on_each_store(|store| {
        studio(store);
        for (name, user, at) in
            [("a1", "ada", 1), ("a2", "ada", 2), ("a3", "ada", 3), ("b1", "bob", 4), ("b2", "bob", 5)]
        {
            make(store, name, user, at);
        }
        assert!(store.end_export(&id("a1"), ExportState::Cancelled, None, later(9)).unwrap());
        let_go(store, "a1");
        assert_eq!(store.job(&id("job-a1")).unwrap(), None, "its job is forgotten with it");
        make(store, "a4", "ada", 6);
        let made: Vec<String> = (0..5).map(|_| make_next(store)).collect();
        assert_eq!(made, ["a2", "b1", "a3", "b2", "a4"]);
    });
}

#[test]
fn ex7_a_first_export_waits_for_one_of_a_newcomers_at_most() {
    crate::on_each_store(|store| {
        studio(store);
        for (n, name) in (0..).zip(["a1", "a2", "a3", "a4"]) {
            make(store, name, "ada", n);
            assert_eq!(make_next(store), name);
        }
        for (n, name) in (5..).zip(["b1", "b2", "b3"]) {
            make(store, name, "bob", n);
        }
        make(store, "a5", "ada", 9);
        let made: Vec<String> = (0..4).map(|_| make_next(store)).collect();
        assert_eq!(made, ["b1", "a5", "b2", "b3"]);
    });
}

#[test]
fn ex7_what_was_begun_counts_once_however_often_it_is_begun() {
    crate::on_each_store(|store| {
        studio(store);
        for (name, user, at) in [("a1", "ada", 1), ("b1", "bob", 2)] {
            make(store, name, user, at);
        }
        for _ in 0..3 {
            assert!(store.begin_export(&id("a1")).unwrap());
        }
        assert!(store.put_export_back(&id("a1")).unwrap());
        // It was begun: the turn is not given back.
        assert!(store.end_export(&id("a1"), ExportState::Cancelled, None, later(9)).unwrap());
        let_go(store, "a1");
        assert_eq!(make_next(store), "b1");
        let b2 = NewExport { weight: 1, ..wish("b2", "p", "bob", 3) };
        assert_eq!(store.create_export(b2, work("b2"), MANY).unwrap(), Queued::Waiting);
        make(store, "a2", "ada", 4);
        // Each has had as much: their names decide, as they ask at the same time.
        assert_eq!([make_next(store), make_next(store)], ["a2", "b2"]);
    });
}

#[test]
fn ex7_asking_and_cancelling_a_thousand_times_leaves_nothing_in_the_queue() {
    crate::on_each_store(|store| {
        studio(store);
        for n in 0..1_000 {
            let name = format!("e{n}");
            make(store, &name, "ada", n);
            if n % 2 == 0 {
                let job = store.lease_job(&["peaks"], &id("w"), later(n), 1_000).unwrap().unwrap();
                assert!(store.begin_export(&id(&name)).unwrap());
                if n % 4 == 0 {
                    assert!(store.complete_job(&job.id, &id("w"), later(n)).unwrap());
                }
            }
            assert!(store.end_export(&id(&name), ExportState::Cancelled, None, later(n)).unwrap());
            let_go(store, &name);
        }
        for state in [JobState::Ready, JobState::Running, JobState::Done, JobState::Dead] {
            assert_eq!(store.count_jobs(state).unwrap(), 0, "{state:?}");
        }
    });
}
