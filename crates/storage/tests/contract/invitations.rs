//! Links that let people into a project.

use model::Role;
use storage::{Admission, NewInvitation, Redeemed, Spent, Store};

use crate::given::{NOW, Song, id, later, person};

fn link(name: &str, token: u8, uses_max: Option<u32>) -> NewInvitation {
    NewInvitation {
        id: id(name),
        project: id("p"),
        token_hash: [token; 32],
        role: Role::Editor,
        uses_max,
        created_by: id("ada"),
        now: later(i64::from(token)),
        expires: later(1_000),
    }
}

/// A store with a project `p` of ada's, and bob, cy and dee.
fn studio(store: &dyn Store) {
    for name in ["ada", "bob", "cy", "dee"] {
        assert!(store.create_user(person(name)).unwrap());
    }
    Song::of(store, "p", "ada");
    Song::of(store, "q", "ada");
}

fn uses(store: &dyn Store, token: u8) -> u32 {
    store.invitation(&[token; 32]).unwrap().unwrap().uses
}

#[test]
fn pe4_a_single_use_is_had_by_one_person() {
    crate::on_each_store(|store| {
        studio(store);
        store.create_invitation(link("i", 1, Some(1))).unwrap();
        let redeem = |user: &str| store.redeem_invitation(&[1; 32], &id(user), later(5)).unwrap();
        assert_eq!(store.redeem_invitation(&[9; 32], &id("bob"), NOW).unwrap(), Redeemed::Unknown);
        let Redeemed::Open(invitation) = redeem("bob") else { panic!("it is open") };
        assert_eq!((invitation.project, invitation.role, invitation.uses), (id("p"), Role::Editor, 1));
        assert_eq!(redeem("cy"), Redeemed::Spent(Spent::UsedUp), "it counts before he has joined");
        assert!(matches!(redeem("bob"), Redeemed::Open(it) if it.uses == 1), "he may try again");
        store.settle_invitation(&id("i"), &id("bob"), false).unwrap();
        assert_eq!(uses(store, 1), 0, "he could not join");
        assert!(matches!(redeem("cy"), Redeemed::Open(_)));
        store.settle_invitation(&id("i"), &id("cy"), true).unwrap();
        assert_eq!(redeem("bob"), Redeemed::Spent(Spent::UsedUp));
        assert!(matches!(redeem("cy"), Redeemed::UsedBefore(_)), "nobody comes back by the same link");
        store.settle_invitation(&id("i"), &id("cy"), false).unwrap();
        assert_eq!(uses(store, 1), 1, "who has joined has used it");
    });
}

#[test]
fn pe4_many_may_use_a_link_until_it_expires_or_is_revoked() {
    crate::on_each_store(|store| {
        studio(store);
        store.create_invitation(link("i", 1, None)).unwrap();
        for user in ["bob", "cy"] {
            assert!(matches!(store.redeem_invitation(&[1; 32], &id(user), later(999)).unwrap(), Redeemed::Open(_)));
        }
        let late = store.redeem_invitation(&[1; 32], &id("dee"), later(1_000)).unwrap();
        assert_eq!(late, Redeemed::Spent(Spent::Expired));
        assert!(!store.revoke_invitation(&id("q"), &id("i"), NOW).unwrap(), "it is none of this project's");
        assert!(store.revoke_invitation(&id("p"), &id("i"), NOW).unwrap());
        assert!(!store.revoke_invitation(&id("p"), &id("i"), NOW).unwrap());
        let revoked = store.redeem_invitation(&[1; 32], &id("dee"), later(5)).unwrap();
        assert_eq!((revoked, uses(store, 1)), (Redeemed::Spent(Spent::Revoked), 2));
    });
}

#[test]
fn pe4_links_are_listed_by_project_and_forgotten_some_time_after_they_expired() {
    crate::on_each_store(|store| {
        studio(store);
        for (name, token) in [("second", 2), ("first", 1)] {
            store.create_invitation(link(name, token, Some(3))).unwrap();
        }
        let lasting = NewInvitation { expires: later(5_000), ..link("third", 3, None) };
        store.create_invitation(lasting).unwrap();
        store.redeem_invitation(&[1; 32], &id("bob"), NOW).unwrap();
        let listed = store.invitations_of(&id("p")).unwrap();
        let listed: Vec<_> = listed.iter().map(|it| (it.id.as_str(), it.uses, it.uses_max)).collect();
        assert_eq!(listed, [("first", 1, Some(3)), ("second", 0, Some(3)), ("third", 0, None)]);
        assert_eq!(store.invitations_of(&id("q")).unwrap(), []);
        assert_eq!(store.forget_invitations(&id("q"), later(1_000)).unwrap(), 0);
        assert_eq!(store.forget_invitations(&id("p"), later(999)).unwrap(), 0);
        assert_eq!(store.forget_invitations(&id("p"), later(1_000)).unwrap(), 2);
        assert_eq!(store.invitation(&[1; 32]).unwrap(), None);
        assert_eq!(store.invitations_of(&id("p")).unwrap().len(), 1);
    });
}

#[test]
fn a_link_admits_as_many_as_may_join_by_it_and_counts_them() {
    crate::on_each_store(|store| {
        studio(store);
        store.create_invitation(link("once", 1, Some(1))).unwrap();
        let newcomer = |name| store.admit_user(person(name), &[1; 32]).unwrap();
        assert_eq!(newcomer("bob"), Admission::Taken);
        let mut late = person("eve");
        late.now = later(1_000);
        assert_eq!(store.admit_user(late, &[1; 32]).unwrap(), Admission::NoTicket, "expired");
        assert_eq!(newcomer("eve"), Admission::Admitted, "and no use was lost");
        assert_eq!(store.invitation(&[1; 32]).unwrap().unwrap().uses, 1);
        assert_eq!(newcomer("fay"), Admission::NoTicket, "it is eve's");
        assert_eq!(store.account("fay@example.com").unwrap(), None);
        let join = |name| store.redeem_invitation(&[1; 32], &id(name), NOW).unwrap();
        assert_eq!(join("bob"), Redeemed::Spent(Spent::UsedUp));
        assert!(matches!(join("eve"), Redeemed::Open(invitation) if invitation.uses == 1));
        store.create_invitation(link("back", 2, None)).unwrap();
        assert!(store.revoke_invitation(&id("p"), &id("back"), NOW).unwrap());
        assert_eq!(store.admit_user(person("fay"), &[2; 32]).unwrap(), Admission::NoTicket, "revoked");
    });
}
