//! The stores against each other: whatever happens, they answer alike.

use std::fmt::Debug;
use std::sync::Arc;

use model::{Key, Table};
use operations::{Scope, build};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use storage::{Batch, Failed, Materialisation, NewJob, NewSession, NewTicket, Purpose, Store};

use crate::given::{Song, add_member, create_project, create_track, id, job, lagging, later, person};

/// Something that is done to both stores. The numbers pick among few names, so that steps meet each other.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A transaction of a song, as its room sees it; perhaps with another sequence number, epoch, id or job.
    Write {
        song: usize,
        user: usize,
        what: u8,
        spoil: u8,
    },
    /// Several at once, of different songs.
    Group {
        users: [usize; 2],
        what: u8,
    },
    /// Rows are written behind a song's log; perhaps such as have been written before.
    Materialise {
        song: usize,
        again: bool,
    },
    SignUp {
        user: usize,
    },
    Session {
        token: u8,
        user: usize,
        at: i64,
    },
    Ticket {
        token: u8,
        user: usize,
        at: i64,
    },
    UseTicket {
        token: u8,
        user: usize,
        at: i64,
    },
    Leave {
        user: usize,
        at: i64,
    },
    Lease {
        worker: u8,
        at: i64,
    },
    EndJob {
        job: u8,
        worker: u8,
        well: bool,
        at: i64,
    },
}

const SONGS: [&str; 3] = ["p", "q", "r"];
const USERS: [&str; 3] = ["ada", "bob", "eve"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize, 0..3usize, 0..8u8, 0..10u8)
            .prop_map(|(song, user, what, spoil)| Step::Write { song, user, what, spoil }),
        1 => ([0..3usize, 0..3usize], 0..6u8).prop_map(|(users, what)| Step::Group { users, what }),
        2 => (0..3usize, any::<bool>()).prop_map(|(song, again)| Step::Materialise { song, again }),
        1 => (0..3usize).prop_map(|user| Step::SignUp { user }),
        1 => (0..4u8, 0..3usize, 0..3_000i64).prop_map(|(token, user, at)| Step::Session { token, user, at }),
        1 => (0..4u8, 0..3usize, 0..1_000i64).prop_map(|(token, user, at)| Step::Ticket { token, user, at }),
        1 => (0..4u8, 0..3usize, 0..1_000i64).prop_map(|(token, user, at)| Step::UseTicket { token, user, at }),
        1 => (0..3usize, 0..3_000i64).prop_map(|(user, at)| Step::Leave { user, at }),
        1 => (0..3u8, 0..3_000i64).prop_map(|(worker, at)| Step::Lease { worker, at }),
        1 => (0..6u8, 0..3u8, any::<bool>(), 0..3_000i64)
            .prop_map(|(job, worker, well, at)| Step::EndJob { job, worker, well, at }),
    ]
}

/// Both stores, and the rooms of the songs.
struct World {
    stores: Vec<Arc<dyn Store>>,
    songs: Vec<Song>,
    count: u32,
    materialised: Vec<Materialisation>,
}

impl World {
    /// What both answer; it must be the same.
    fn both<T: PartialEq + Debug>(&self, ask: impl Fn(&dyn Store) -> T) -> T {
        let mut answers = self.stores.iter().map(|store| ask(&**store));
        let first = answers.next().unwrap();
        for other in answers {
            assert_eq!(first, other);
        }
        first
    }

    /// A batch that the song's room has made, if it lets the user do it.
    fn batch(&mut self, song: usize, user: usize, what: u8) -> Option<Batch> {
        self.count += 1;
        let n = self.count;
        let (project, user) = (SONGS[song], USERS[user]);
        let operation = match what {
            0 => create_project(project),
            // A track's name that other songs use as well.
            1 => create_track(project, &format!("t{}", n % 5)),
            2 => build::set(Table::Projects, &id(project), "bpm", f64::from(60 + n % 100)),
            6 => build::set(Table::Tracks, &id(&format!("t{}", n % 5)), "volume", f64::from(n % 10) / 10.0),
            3 => add_member(project, &format!("m{n}"), USERS[(n % 3) as usize], "editor"),
            4 => build::delete(Table::Projects, &id(project)),
            _ => build::restore(Table::Projects, &id(project)),
        };
        self.songs[song].try_batch(&id(&format!("tx{}", n % 40)), user, vec![operation])
    }

    fn write(&mut self, batches: Vec<(usize, Batch)>) {
        let only: Vec<Batch> = batches.iter().map(|(_, batch)| batch.clone()).collect();
        let _ = self.both(|store| store.commit(only.clone()));
        for (song, _) in batches {
            self.songs[song].reload(&*self.stores[0]);
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Write { song, user, what, spoil } => {
                let Some(mut batch) = self.batch(song, user, what) else { return };
                match spoil {
                    0 => batch.expected_seq += 1,
                    1 => batch.epoch = id("another"),
                    2 => batch.scope = Scope::Project(id(SONGS[(song + 1) % 3])),
                    3 => batch.commits[0].commit.tx_id = id("same"),
                    4 => batch.records.clear(),
                    5 => batch.jobs.push(NewJob { attempts_max: 2, ..job(&format!("j{}", self.count % 6)) }),
                    _ => {}
                }
                self.write(vec![(song, batch)]);
            }
            Step::Group { users, what } => {
                let first = self.batch(0, users[0], what).map(|batch| (0, batch));
                let second = self.batch(1, users[1], what).map(|batch| (1, batch));
                self.write(first.into_iter().chain(second).collect());
            }
            Step::Materialise { song, again } => {
                let scope = Scope::Project(id(SONGS[song]));
                if self.both(|store| store.position(&scope)).unwrap().is_some() {
                    self.materialised.push(self.both(|store| lagging(store, &scope)));
                }
                let rows = if again { self.materialised.first() } else { self.materialised.last() };
                if let Some(rows) = rows.cloned() {
                    let _ = self.both(|store| store.materialise(rows.clone()));
                }
            }
            Step::SignUp { user } => {
                let _ = self.both(|store| store.create_user(person(USERS[user])));
            }
            Step::Session { token, user, at } => {
                let user = id(USERS[user]);
                if self.both(|store| store.records(&[Key::new(Table::Users, user.clone())])).unwrap().is_empty() {
                    return;
                }
                if self.both(|store| store.session(&[token; 32], later(0))).unwrap().is_none() {
                    let _ = self.both(|store| store.delete_session(&[token; 32]));
                    let expires = later(at + 500);
                    let device = String::new();
                    let new =
                        NewSession { token_hash: [token; 32], user: user.clone(), device, now: later(at), expires };
                    self.both(|store| store.create_session(new.clone())).unwrap();
                } else {
                    self.both(|store| store.touch_session(&[token; 32], later(at), later(at + 1_000))).unwrap();
                }
                let _ = self.both(|store| store.session(&[token; 32], later(at)));
                let _ = self.both(|store| store.sessions_of(&user, later(at)));
                let _ = self.both(|store| store.delete_expired(later(at)));
            }
            Step::Ticket { token, user, at } => {
                let known = self.both(|store| store.account_of(&id(USERS[user]))).unwrap().is_some();
                let (purpose, owner) = if token % 2 == 0 || !known {
                    (Purpose::SignUp, None)
                } else {
                    (Purpose::ResetPassword, Some(id(USERS[user])))
                };
                let (now, expires) = (later(at), later(at + 500));
                if self.both(|store| store.ticket(&[token; 32], Purpose::SignUp, later(-1))).unwrap().is_none()
                    && self
                        .both(|store| store.ticket(&[token; 32], Purpose::ResetPassword, later(-1)))
                        .unwrap()
                        .is_none()
                {
                    let new = NewTicket { token_hash: [token; 32], purpose, user: owner, now, expires };
                    self.both(|store| store.create_ticket(new.clone())).unwrap();
                }
            }
            Step::UseTicket { token, user, at } => {
                let new = storage::NewUser { now: later(at), ..person(USERS[user]) };
                let _ = self.both(|store| store.admit_user(new.clone(), &[token; 32]));
                let _ = self.both(|store| store.reset_password(&[token; 32], "reset", later(at)));
            }
            Step::Leave { user, at } => {
                let epoch = id(&format!("after-{at}"));
                let _ = self.both(|store| store.delete_account(&id(USERS[user]), &epoch, later(at)));
            }
            Step::Lease { worker, at } => {
                let lease = id(&format!("w{worker}"));
                let _ = self.both(|store| store.lease_job(&["peaks"], &lease, later(at), 700));
            }
            Step::EndJob { job, worker, well, at } => {
                let (job, lease) = (id(&format!("j{job}")), id(&format!("w{worker}")));
                if well {
                    let _ = self.both(|store| store.complete_job(&job, &lease, later(at)));
                } else {
                    let failed = Failed {
                        error: "no".to_owned(),
                        retry_at: Some(later(at + 9)),
                        is_counted: true,
                        now: later(at),
                    };
                    let _ = self.both(|store| store.fail_job(&job, &lease, failed.clone()));
                }
                let _ = self.both(|store| store.job(&job));
            }
        }
    }

    /// Every question that does not change anything.
    fn compare(&self) {
        for song in SONGS {
            let scope = Scope::Project(id(song));
            self.both(|store| {
                store.load(&scope).unwrap().map(|loaded| {
                    let records: model::Records = loaded.records.into_iter().collect();
                    (loaded.epoch, loaded.seq, records, loaded.materialised_seq, loaded.behind)
                })
            });
            let _ = self.both(|store| store.commits_since(&scope, 1, 10));
            let _ = self.both(|store| store.entries_before(&scope, 9, 10));
            let _ = self.both(|store| store.people_of(&id(song)));
            for user in USERS {
                let _ = self.both(|store| store.role_of(&id(song), &id(user)));
            }
        }
        for user in USERS {
            let _ = self.both(|store| store.projects_of(&id(user)));
            let _ = self.both(|store| store.are_fellows(&id(user), &id("ada")));
            let _ = self.both(|store| store.find_transaction(&id(user), &id("same")));
            let _ = self.both(|store| store.account(&format!("{user}@example.com")));
            let _ = self.both(|store| store.account_of(&id(user)));
            let _ = self.both(|store| store.sessions_of(&id(user), later(0)));
            let _ = self.both(|store| store.records(&[Key::new(Table::Users, id(user))]));
        }
        for n in 0..5 {
            let key = Key::new(Table::Tracks, id(&format!("t{n}")));
            let _ = self.both(|store| store.project_of(&key));
            let _ = self.both(|store| store.records(std::slice::from_ref(&key)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    #[test]
    fn si2_the_stores_answer_alike_whatever_happens(steps in prop::collection::vec(step(), 1..60)) {
        let made = crate::each_store();
        let stores = made.iter().map(|(_, store, _)| Arc::clone(store)).collect();
        let mut world = World { stores, songs: SONGS.map(Song::new).into(), count: 0, materialised: Vec::new() };
        for step in steps {
            world.take(step);
        }
        world.compare();
    }
}
