//! Accounts, sessions, memberships.

use model::{Role, Table};
use operations::{Scope, build};
use storage::{Admission, FORMER_MEMBER, NewSession, NewTicket, Purpose, SESSIONS_PER_USER_MAX, Store};

use crate::given::{NOW, Song, add_member, create_track, id, later, person, record};

#[test]
fn u3_passwords_are_in_no_record() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap());
        let ada = record(store, Table::Users, "ada").unwrap();
        assert_eq!((ada.version(), ada.text("name"), ada.text("email")), (1, Some("ada"), Some("ada@example.com")));
        assert!(!serde_json::to_string(&ada).unwrap().contains("hash of"), "{ada:?}");
        assert_eq!(store.account("ada@example.com").unwrap().unwrap().password_hash, "hash of ada");
    });
}

#[test]
fn an_address_and_an_id_have_one_account() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap());
        let mut same_address = person("ada");
        same_address.id = id("other");
        assert!(!store.create_user(same_address).unwrap());
        let mut same_id = person("ada");
        same_id.email = "other@example.com".to_owned();
        assert!(!store.create_user(same_id).unwrap());
        assert_eq!(store.account("other@example.com").unwrap(), None);
        assert_eq!(record(store, Table::Users, "other"), None);
    });
}

#[test]
fn a_users_own_record_has_its_own_log() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap());
        let scope = Scope::User(id("ada"));
        let loaded = store.load(&scope).unwrap().unwrap();
        assert_eq!((loaded.seq, loaded.records.len()), (0, 1));

        let mut song = Song::new("unused");
        song.room = sync::Room::new(scope.clone(), loaded.epoch, 0, loaded.records.into_iter().collect());
        let batch = song.batch_as(&id("tx"), "ada", vec![build::set(Table::Users, &id("ada"), "name", "Ada L.")]);
        assert_eq!(store.commit(vec![batch]), [Ok(())]);
        song.assert_kept(store);
        assert_eq!(store.account("ada@example.com").unwrap().unwrap().user, id("ada"), "the account is as before");
        assert_eq!(store.find_transaction(&id("ada"), &id("tx")).unwrap().unwrap().scope, scope);
    });
}

#[test]
fn pe3_roles_are_those_of_memberships_that_hold() {
    crate::on_each_store(|store| {
        for name in ["ada", "bob", "eve"] {
            assert!(store.create_user(person(name)).unwrap());
        }
        let role = |user: &str| store.role_of(&id("p"), &id(user)).unwrap();
        let mut song = Song::of(store, "p", "ada");
        assert_eq!((role("ada"), role("bob")), (Some(Role::Owner), None));
        assert!(!store.are_fellows(&id("ada"), &id("bob")).unwrap());

        song.write(store, "ada", vec![add_member("p", "m", "bob", "editor")]);
        assert_eq!(role("bob"), Some(Role::Editor));
        assert!(store.are_fellows(&id("ada"), &id("bob")).unwrap());
        assert!(!store.are_fellows(&id("ada"), &id("eve")).unwrap());
        let people = store.people_of(&id("p")).unwrap();
        let people: Vec<_> = people.iter().map(|(user, role)| (user.id().as_str(), *role)).collect();
        assert_eq!(people, [("ada", Role::Owner), ("bob", Role::Editor)]);
        assert_eq!(store.projects_of(&id("bob")).unwrap()[0].1, Role::Editor);

        song.write(store, "ada", vec![build::delete(Table::ProjectMembers, &id("m"))]);
        assert_eq!(role("bob"), None);
        assert_eq!(store.projects_of(&id("bob")).unwrap(), []);
        assert!(!store.are_fellows(&id("ada"), &id("bob")).unwrap());
    });
}

#[test]
fn deleted_projects_are_left_out_of_lists() {
    crate::on_each_store(|store| {
        let mut first = Song::of(store, "p", "ada");
        let mut second = Song::of(store, "q", "ada");
        second.write(store, "ada", vec![create_track("q", "t")]);
        let listed = || -> Vec<String> {
            let projects = store.projects_of(&id("ada")).unwrap();
            projects.iter().map(|(project, _)| project.id().to_string()).collect()
        };
        assert_eq!(listed(), ["p", "q"]);
        first.write(store, "ada", vec![build::delete(Table::Projects, &id("p"))]);
        assert_eq!(listed(), ["q"]);
        first.write(store, "ada", vec![build::restore(Table::Projects, &id("p"))]);
        assert_eq!(listed(), ["p", "q"]);
    });
}

#[test]
fn sessions_end() {
    crate::on_each_store(|store| {
        let mut demo = person("demo");
        demo.demo = true;
        assert!(store.create_user(person("ada")).unwrap() && store.create_user(demo).unwrap());
        let begin = |token: u8, user: &str| {
            begin_session(store, token, user, NOW);
        };
        begin(1, "ada");
        begin(2, "demo");
        begin(3, "ada");
        let session = store.session(&[1; 32], NOW).unwrap().unwrap();
        assert_eq!((session.user.as_str(), session.demo, session.last_seen), ("ada", false, NOW));
        assert!(store.session(&[2; 32], NOW).unwrap().unwrap().demo);
        assert_eq!(store.session(&[9; 32], NOW).unwrap(), None);

        assert!(store.delete_session(&[3; 32]).unwrap());
        assert!(!store.delete_session(&[3; 32]).unwrap());
        assert_eq!(store.session(&[3; 32], NOW).unwrap(), None);

        store.touch_session(&[1; 32], later(500), later(2_000)).unwrap();
        assert_eq!(store.session(&[1; 32], later(1_500)).unwrap().unwrap().last_seen, later(500));
        assert_eq!(store.session(&[2; 32], later(1_000)).unwrap(), None, "it has ended");
        store.touch_session(&[2; 32], later(1_000), later(9_000)).unwrap();
        assert_eq!(store.session(&[2; 32], later(1_000)).unwrap(), None, "what has ended stays so");
        assert_eq!(store.delete_expired(later(1_000)).unwrap(), 1);
        assert!(store.session(&[1; 32], later(1_000)).unwrap().is_some());
    });
}

fn begin_session(store: &dyn Store, token: u8, user: &str, now: model::Timestamp) {
    let device = format!("Browser {token}");
    let expires = model::Timestamp(now.0 + 1_000);
    store.create_session(NewSession { token_hash: [token; 32], user: id(user), device, now, expires }).unwrap();
}

fn keep_ticket(store: &dyn Store, token: u8, purpose: Purpose, user: Option<&str>) {
    let (user, expires) = (user.map(id), later(1_000));
    store.create_ticket(NewTicket { token_hash: [token; 32], purpose, user, now: NOW, expires }).unwrap();
}

/// The tokens of a user's sessions, in their order.
fn sessions(store: &dyn Store, user: &str) -> Vec<u8> {
    store.sessions_of(&id(user), NOW).unwrap().iter().map(|(token, _)| token[0]).collect()
}

#[test]
fn sessions_are_listed_the_last_used_first() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap() && store.create_user(person("bob")).unwrap());
        begin_session(store, 1, "ada", NOW);
        begin_session(store, 2, "ada", later(10));
        begin_session(store, 3, "ada", later(10));
        begin_session(store, 4, "bob", NOW);
        assert_eq!(sessions(store, "ada"), [3, 2, 1]);
        store.touch_session(&[1; 32], later(20), later(2_000)).unwrap();
        assert_eq!(sessions(store, "ada"), [1, 3, 2]);
        let (_, first) = store.sessions_of(&id("ada"), NOW).unwrap().swap_remove(0);
        assert_eq!((first.device.as_str(), first.created, first.last_seen), ("Browser 1", NOW, later(20)));
        assert_eq!(store.sessions_of(&id("ada"), later(1_500)).unwrap().len(), 1, "ended ones are left out");

        assert_eq!(store.delete_sessions_of(&id("ada"), Some(&[3; 32])).unwrap(), 2);
        assert_eq!((sessions(store, "ada"), sessions(store, "bob")), (vec![3], vec![4]));
        assert_eq!(store.delete_sessions_of(&id("ada"), None).unwrap(), 1);
        assert!(sessions(store, "ada").is_empty());
    });
}

#[test]
fn w6_a_user_has_so_many_sessions() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap());
        let max = u8::try_from(SESSIONS_PER_USER_MAX).unwrap();
        for token in 0..=max {
            begin_session(store, token, "ada", later(i64::from(token)));
        }
        assert_eq!(sessions(store, "ada").len(), SESSIONS_PER_USER_MAX);
        assert_eq!(store.session(&[0; 32], NOW).unwrap(), None, "the one used longest ago has made room");
        assert!(store.session(&[max; 32], NOW).unwrap().is_some());
    });
}

#[test]
fn a_password_can_be_changed_and_ends_the_other_sessions() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap() && store.create_user(person("bob")).unwrap());
        for (token, user) in [(1, "ada"), (2, "ada"), (3, "bob")] {
            begin_session(store, token, user, NOW);
        }
        keep_ticket(store, 9, Purpose::ResetPassword, Some("ada"));
        assert!(store.set_password(&id("ada"), "new", Some(&[1; 32]), NOW).unwrap());
        assert!(!store.set_password(&id("nobody"), "new", None, NOW).unwrap());
        assert_eq!(store.account("ada@example.com").unwrap().unwrap().password_hash, "new");
        assert_eq!(store.account_of(&id("ada")).unwrap(), store.account("ada@example.com").unwrap());
        assert_eq!(store.account_of(&id("bob")).unwrap().unwrap().password_hash, "hash of bob");
        assert_eq!(store.account_of(&id("nobody")).unwrap(), None);
        assert_eq!((sessions(store, "ada"), sessions(store, "bob")), (vec![1], vec![3]));
        assert_eq!(store.ticket(&[9; 32], Purpose::ResetPassword, NOW).unwrap(), None, "links of before are void");
    });
}

#[test]
fn a_ticket_resets_a_password_once() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap());
        begin_session(store, 1, "ada", NOW);
        keep_ticket(store, 7, Purpose::ResetPassword, Some("ada"));
        keep_ticket(store, 8, Purpose::SignUp, None);
        let ticket = |now| store.ticket(&[7; 32], Purpose::ResetPassword, now).unwrap();
        assert_eq!((ticket(NOW), ticket(later(1_000))), (Some(Some(id("ada"))), None));
        assert_eq!(store.reset_password(&[7; 32], "late", later(1_000)).unwrap(), None);
        assert_eq!(store.reset_password(&[8; 32], "other", NOW).unwrap(), None, "it is for something else");
        assert_eq!(store.reset_password(&[6; 32], "none", NOW).unwrap(), None);
        assert_eq!(store.account("ada@example.com").unwrap().unwrap().password_hash, "hash of ada");

        assert_eq!(store.reset_password(&[7; 32], "new", NOW).unwrap(), Some(id("ada")));
        assert_eq!(store.account("ada@example.com").unwrap().unwrap().password_hash, "new");
        assert!(sessions(store, "ada").is_empty());
        assert_eq!(store.reset_password(&[7; 32], "again", NOW).unwrap(), None);
    });
}

#[test]
fn a_ticket_admits_one_person() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap());
        keep_ticket(store, 8, Purpose::SignUp, None);
        keep_ticket(store, 7, Purpose::ResetPassword, Some("ada"));
        assert_eq!(store.admit_user(person("bob"), &[6; 32]).unwrap(), Admission::NoTicket);
        assert_eq!(store.admit_user(person("bob"), &[7; 32]).unwrap(), Admission::NoTicket);
        let mut late = person("bob");
        late.now = later(1_000);
        assert_eq!(store.admit_user(late, &[8; 32]).unwrap(), Admission::NoTicket);
        assert_eq!(store.account("bob@example.com").unwrap(), None);
        assert_eq!(store.admit_user(person("ada"), &[8; 32]).unwrap(), Admission::Taken);
        assert_eq!(store.admit_user(person("bob"), &[8; 32]).unwrap(), Admission::Admitted, "it was not used up");
        assert_eq!(store.admit_user(person("eve"), &[8; 32]).unwrap(), Admission::NoTicket);
        assert_eq!(store.account("eve@example.com").unwrap(), None);
    });
}

#[test]
fn tickets_are_forgotten_when_their_time_is_over() {
    crate::on_each_store(|store| {
        keep_ticket(store, 8, Purpose::SignUp, None);
        assert_eq!(store.delete_expired(later(999)).unwrap(), 0);
        assert_eq!(store.delete_expired(later(1_000)).unwrap(), 1);
        assert_eq!(store.ticket(&[8; 32], Purpose::SignUp, NOW).unwrap(), None);
    });
}

#[test]
fn a_deleted_account_leaves_a_stub_without_a_name() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap() && store.create_user(person("bob")).unwrap());
        let scope = Scope::User(id("ada"));
        let loaded = store.load(&scope).unwrap().unwrap();
        let mut song = Song::new("unused");
        song.room = sync::Room::new(scope.clone(), loaded.epoch, 0, loaded.records.into_iter().collect());
        let batch = song.batch_as(&id("tx"), "ada", vec![build::set(Table::Users, &id("ada"), "name", "Ada L.")]);
        assert_eq!(store.commit(vec![batch]), [Ok(())]);
        begin_session(store, 1, "ada", NOW);
        begin_session(store, 2, "bob", NOW);
        keep_ticket(store, 7, Purpose::ResetPassword, Some("ada"));

        assert!(store.delete_account(&id("ada"), &id("new-epoch"), later(5)).unwrap());
        assert!(!store.delete_account(&id("ada"), &id("newer-epoch"), later(6)).unwrap(), "once");
        assert!(!store.delete_account(&id("nobody"), &id("epoch"), NOW).unwrap());
        let stub = record(store, Table::Users, "ada").unwrap();
        assert_eq!((stub.text("name"), stub.text("email"), stub.version()), (Some(FORMER_MEMBER), None, 3));
        assert_eq!(stub.text("updatedAt"), Some(later(5).to_string().as_str()));
        assert_eq!((store.account("ada@example.com").unwrap(), store.account_of(&id("ada")).unwrap()), (None, None));
        assert_eq!(store.session(&[1; 32], NOW).unwrap(), None);
        assert_eq!(store.ticket(&[7; 32], Purpose::ResetPassword, NOW).unwrap(), None);
        // The log of the record knew the name.
        let loaded = store.load(&scope).unwrap().unwrap();
        assert_eq!((loaded.epoch, loaded.seq), (id("new-epoch"), 0));
        assert_eq!(store.commits_since(&scope, 0, 10).unwrap(), []);
        assert_eq!(store.find_transaction(&id("ada"), &id("tx")).unwrap(), None);
        assert_eq!(sessions(store, "bob"), [2], "nobody else is touched");

        let mut again = person("ada");
        again.id = id("ada-2");
        assert!(store.create_user(again).unwrap(), "the address is free");
    });
}

#[test]
fn a_secret_is_made_once() {
    crate::on_each_store(|store| {
        assert_eq!(store.secret("signing", [1; 32]).unwrap(), [1; 32]);
        assert_eq!(store.secret("signing", [2; 32]).unwrap(), [1; 32]);
        assert_eq!(store.secret("other", [3; 32]).unwrap(), [3; 32]);
        store.check().unwrap();
        store.checkpoint().unwrap();
    });
}
