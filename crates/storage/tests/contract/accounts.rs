//! Accounts, sessions, memberships.

use model::{Role, Table};
use operations::{Scope, build};
use storage::NewSession;

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
            let session = NewSession { token_hash: [token; 32], user: id(user), now: NOW, expires: later(1_000) };
            store.create_session(session).unwrap();
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
        assert_eq!(store.delete_expired_sessions(later(1_000)).unwrap(), 1);
        assert!(store.session(&[1; 32], later(1_000)).unwrap().is_some());
    });
}

#[test]
fn a_password_can_be_changed() {
    crate::on_each_store(|store| {
        assert!(store.create_user(person("ada")).unwrap());
        assert!(store.set_password(&id("ada"), "new", NOW).unwrap());
        assert!(!store.set_password(&id("nobody"), "new", NOW).unwrap());
        assert_eq!(store.account("ada@example.com").unwrap().unwrap().password_hash, "new");
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
