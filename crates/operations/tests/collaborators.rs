//! The guide's list of collaborators, which stands for memberships (PE1).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use model::{Id, Records, Role, Table, Timestamp, Value, fields, roles::role_of};
use operations::build::{create, delete, list_insert, list_remove, set};
use operations::{Author, Commit, Operation, Position, Refusal, Scope, Transaction, apply_committed, transact};

const NOW: Timestamp = Timestamp(1_000);

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A project `p` of `ann`'s, with an editor `ed` and a viewer `vi`.
struct World {
    records: Records,
    count: u32,
    /// What the log says so far, replayed as a replica does.
    replayed: Records,
}

impl World {
    fn new() -> World {
        let mut world = World { records: Records::new(), count: 0, replayed: Records::new() };
        world.submit("ann", vec![create(Table::Projects, &id("p"), fields([("name", "Song".into())]))]).unwrap();
        for (user, role) in [("ed", "editor"), ("vi", "viewer")] {
            let member = fields([("projectId", "p".into()), ("userId", user.into()), ("role", role.into())]);
            world.submit("ann", vec![create(Table::ProjectMembers, &id(user), member)]).unwrap();
        }
        world
    }

    fn submit(&mut self, author: &str, operations: Vec<Operation>) -> Result<Commit, Refusal> {
        self.count += 1;
        let transaction = Transaction {
            tx_id: id(&format!("t{}", self.count)),
            author_id: id(author),
            operations,
            client_timestamp: 0.0,
            base_versions: BTreeMap::new(),
            gesture: None,
        };
        let author = if author == "system" { Author::System } else { Author::User(id(author)) };
        let accepted = transact(&mut self.records, &Scope::Project(id("p")), &author, &transaction, NOW)?;
        apply_committed(&mut self.replayed, &transaction.tx_id, &accepted.operations, NOW).unwrap();
        assert_eq!(self.replayed, self.records, "the log says what happened");
        let (seq, tx_id) = (u64::from(self.count), transaction.tx_id);
        Ok(Commit { seq, tx_id, author: author.id(), time: NOW, gesture: None, operations: accepted.operations })
    }

    fn collaborators(&self) -> Vec<String> {
        let list = self.records.project().unwrap().get("collaborators").clone();
        serde_json::from_value(serde_json::to_value(list).unwrap()).unwrap()
    }

    fn role(&self, user: &str) -> Option<Role> {
        role_of(&self.records, &id(user))
    }
}

fn insert(user: impl Into<Value>) -> Vec<Operation> {
    vec![list_insert(Table::Projects, &id("p"), "collaborators", user, Position::Append)]
}

fn remove(user: impl Into<Value>) -> Vec<Operation> {
    vec![list_remove(Table::Projects, &id("p"), "collaborators", user)]
}

#[test]
fn pe1_collaborators_are_the_members_who_did_not_create_the_project() {
    let mut world = World::new();
    assert_eq!(world.collaborators(), ["ed", "vi"]);
    world.submit("ann", vec![set(Table::ProjectMembers, &id("vi"), "role", "owner")]).unwrap();
    assert_eq!(world.collaborators(), ["ed", "vi"], "whatever their role");
    world.submit("ann", vec![delete(Table::ProjectMembers, &id("ed"))]).unwrap();
    assert_eq!(world.collaborators(), ["vi"]);
    assert_eq!(
        world.submit("ann", vec![set(Table::Projects, &id("p"), "collaborators", "x")]).unwrap_err().status,
        400
    );
}

#[test]
fn pe1_who_is_put_into_the_list_becomes_an_editor_and_who_is_taken_out_is_none_any_more() {
    let mut world = World::new();
    let commit = world.submit("ann", insert("bob")).unwrap();
    assert_eq!(
        (world.role("bob"), world.collaborators()),
        (Some(Role::Editor), vec!["bob".into(), "ed".into(), "vi".into()])
    );
    assert!(
        commit
            .operations
            .iter()
            .any(|operation| operation.target.table == Table::ProjectMembers && operation.is_creation())
    );
    world.submit("ann", remove("bob")).unwrap();
    assert_eq!((world.role("bob"), world.collaborators()), (None, vec!["ed".into(), "vi".into()]));
    let memberships = world.records.table(Table::ProjectMembers).count();
    world.submit("ann", insert("bob")).unwrap();
    assert_eq!(world.role("bob"), Some(Role::Editor));
    assert_eq!(world.records.table(Table::ProjectMembers).count(), memberships, "their ended membership holds again");
}

#[test]
fn pe1_a_list_is_a_set() {
    let mut world = World::new();
    world.submit("ann", insert("vi")).unwrap();
    assert_eq!(world.role("vi"), Some(Role::Viewer), "who is in it already stays as they are");
    world.submit("ann", remove("nobody")).unwrap();
    world.submit("ann", [insert("bob"), insert("bob"), remove("ed")].concat()).unwrap();
    assert_eq!(world.collaborators(), ["bob", "vi"]);
    world.submit("ann", [insert("cy"), remove("cy"), insert("cy")].concat()).unwrap();
    assert_eq!(world.role("cy"), Some(Role::Editor));
}

#[test]
fn pe1_only_owners_write_the_list_also_where_nothing_would_change() {
    let mut world = World::new();
    for author in ["ed", "vi", "eve"] {
        for operations in [insert("bob"), insert("ed"), remove("vi"), remove("nobody"), remove(author)] {
            assert_eq!(world.submit(author, operations).unwrap_err().status, 403, "{author}");
        }
    }
    world.submit("system", insert("bob")).unwrap();
    assert_eq!(world.role("bob"), Some(Role::Editor));
}

#[test]
fn pe1_what_makes_no_sense_is_400_and_the_last_owner_stays() {
    let mut world = World::new();
    for operations in [insert(7.0), insert(Value::Null), insert("no/id"), remove(""), remove("ann")] {
        assert_eq!(world.submit("ann", operations).unwrap_err().status, 400);
    }
    let elsewhere = vec![list_insert(Table::Projects, &id("q"), "collaborators", "bob", Position::Append)];
    assert_eq!(world.submit("ann", elsewhere).unwrap_err().status, 400);
    let deeper = vec![list_insert(Table::Projects, &id("p"), "collaborators.x", "bob", Position::Append)];
    assert_eq!(world.submit("ann", deeper).unwrap_err().status, 400);
}
