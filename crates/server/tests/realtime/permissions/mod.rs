//! Every cell of `specs/permissions.md` (PE6): what the tables say, and the world in which each cell is tried.

mod reading;
mod writing;

use std::collections::BTreeMap;

use model::{Id, Role, Table};
use operations::build::{create, delete};
use operations::{Author, Operation, Transaction};
use serde_json::{Value, json};
use server::state::Clock;
use sha2::Digest as _;

use crate::band::{Server, User, id};

const SPEC: &str = include_str!("../../../../../specs/permissions.md");

/// Someone who asks, as the tables name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Member(Role),
    Former,
    Stranger,
    Nobody,
}

/// A role without a column would not compile, or fail in [`Asker::columns`].
fn column(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Editor => "editor",
        Role::Viewer => "viewer",
    }
}

impl Asker {
    fn named(name: &str) -> Asker {
        let role = Role::ALL.into_iter().find(|role| column(*role) == name);
        match (role, name) {
            (Some(role), _) => Asker::Member(role),
            (None, "former") => Asker::Former,
            (None, "stranger") => Asker::Stranger,
            (None, "nobody") => Asker::Nobody,
            _ => panic!("{name} is nobody that this test knows"),
        }
    }

    /// Their user id.
    fn name(self) -> &'static str {
        match self {
            Asker::Member(role) => column(role),
            Asker::Former => "former",
            Asker::Stranger => "stranger",
            Asker::Nobody => "nobody",
        }
    }
}

/// The rows of the table under a heading: its header, then cells.
fn table(heading: &str) -> (Vec<&'static str>, Vec<Vec<&'static str>>) {
    let section = SPEC.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = section.lines().filter(|line| line.starts_with('|')).map(cells);
    let header = lines.next().unwrap();
    let rows: Vec<_> = lines.filter(|row| !row[0].starts_with("---")).collect();
    for row in &rows {
        assert_eq!(row.len(), header.len(), "{row:?}");
    }
    (header, rows)
}

/// Everyone who has a column, and where it is.
fn askers(header: &[&str], after: usize) -> Vec<(usize, Asker)> {
    let found: Vec<_> = header.iter().enumerate().skip(after).map(|(n, name)| (n, Asker::named(name))).collect();
    for role in Role::ALL {
        assert!(found.iter().any(|(_, asker)| *asker == Asker::Member(role)), "{} has no column", role.name());
    }
    assert!(
        found.iter().any(|(_, asker)| *asker == Asker::Former) && found.iter().any(|(_, it)| *it == Asker::Stranger)
    );
    found
}

fn fields<const N: usize>(fields: [(&str, model::Value); N]) -> model::Map {
    model::fields(fields)
}

fn member(name: &str, project: &str, user: &str, role: &str) -> Operation {
    let fields = fields([("projectId", project.into()), ("userId", user.into()), ("role", role.into())]);
    create(Table::ProjectMembers, &id(name), fields)
}

fn hash(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A wish for a second of silence.
fn export_body() -> Value {
    json!({"settings": {"format": "wav", "range": {"unit": "seconds", "from": 0, "to": 1}}})
}

const SOUND: &[u8] = b"as good as any sound";

/// What creates a record of a content table under this name in project `p`.
fn content(table: Table, name: &str, track: &str) -> Operation {
    let fields = match table {
        Table::Tracks => fields([("projectId", "p".into()), ("name", "T".into()), ("type", "audio".into())]),
        Table::Clips => fields([
            ("trackId", track.into()),
            ("name", "C".into()),
            ("startBeat", 0u32.into()),
            ("durationBeats", 1u32.into()),
            ("midiData", model::Value::from(fields([("notes", model::Value::list([]))]))),
        ]),
        Table::AudioFiles => fields([
            ("projectId", "p".into()),
            ("filename", "f.wav".into()),
            ("contentHash", hash(SOUND).as_str().into()),
            ("sizeBytes", u32::try_from(SOUND.len()).unwrap().into()),
        ]),
        Table::Automation => fields([("trackId", track.into()), ("parameter", "volume".into())]),
        Table::Versions => fields([("projectId", "p".into()), ("name", "V".into())]),
        Table::TempoChanges => fields([("projectId", "p".into()), ("beat", 4u32.into()), ("bpm", 90u32.into())]),
        Table::TimeSignatures => {
            fields([("projectId", "p".into()), ("beat", 4u32.into()), ("timeSignature", "3/4".into())])
        }
        Table::Users | Table::Projects | Table::ProjectMembers => panic!("{table} is no content"),
    };
    create(table, &id(name), fields)
}

const CONTENT: [Table; 7] = [
    Table::Tracks,
    Table::Clips,
    Table::AudioFiles,
    Table::Automation,
    Table::Versions,
    Table::TempoChanges,
    Table::TimeSignatures,
];

struct World {
    server: Server,
    clock: Clock,
    users: BTreeMap<&'static str, User>,
    count: std::cell::Cell<u32>,
}

impl World {
    /// A project `p` of ada's with another owner, an editor, a viewer and somebody who was one; in each content table a
    /// record `live-…` and one `gone-…` that is deleted; and another project `q`.
    async fn new() -> World {
        let (server, _, clock) = Server::in_memory().await;
        let names = ["ada", "owner", "editor", "viewer", "former", "stranger", "another", "gone", "new"];
        let users = names.map(|name| (name, server.let_in(name)));
        let world = World { server, clock, users: users.into(), count: Default::default() };
        let mut made = vec![create(Table::Projects, &id("p"), fields([("name", "P".into())]))];
        for (user, role) in [("owner", "owner"), ("editor", "editor"), ("viewer", "viewer"), ("another", "editor")] {
            made.push(member(&format!("m-{user}"), "p", user, role));
        }
        for user in ["former", "gone"] {
            made.extend([
                member(&format!("m-{user}"), "p", user, "editor"),
                delete(Table::ProjectMembers, &id(&format!("m-{user}"))),
            ]);
        }
        // An ended membership of the owner's beside the one that holds.
        made.insert(1, member("m-owner-old", "p", "owner", "editor"));
        made.insert(2, delete(Table::ProjectMembers, &id("m-owner-old")));
        for table in CONTENT {
            for state in ["live", "gone"] {
                made.push(content(table, &format!("{state}-{table}"), "live-tracks"));
            }
            made.push(delete(table, &id(&format!("gone-{table}"))));
        }
        made.push(content(Table::Tracks, "second", ""));
        // Something that can be heard: there is nothing to export else.
        let file = [
            ("projectId", "p".into()),
            ("filename", "heard.wav".into()),
            ("contentHash", hash(b"heard").as_str().into()),
            ("sizeBytes", 5u32.into()),
        ];
        made.push(create(Table::AudioFiles, &id("heard"), fields(file)));
        let clip = [
            ("trackId", "live-tracks".into()),
            ("name", "Heard".into()),
            ("startBeat", 0u32.into()),
            ("durationBeats", 8u32.into()),
            ("audioFileId", "heard".into()),
        ];
        made.push(create(Table::Clips, &id("heard"), fields(clip)));
        world.done("ada", made).await;
        world.is_ready("heard").await;
        let other = create(
            Table::Tracks,
            &id("elsewhere"),
            fields([("projectId", "q".into()), ("name", "T".into()), ("type", "audio".into())]),
        );
        world.done("ada", vec![create(Table::Projects, &id("q"), fields([("name", "Q".into())])), other]).await;
        world
    }

    /// The status that a transaction answers; 200 when it is committed.
    async fn write(&self, author: &str, operations: Vec<Operation>) -> (u16, String) {
        self.count.set(self.count.get() + 1);
        let transaction = Transaction {
            tx_id: id(&format!("tx{}", self.count.get())),
            author_id: id(author),
            operations,
            client_timestamp: 0.0,
            base_versions: BTreeMap::new(),
            gesture: None,
        };
        let author = Author::User(id(author));
        match self.server.app.realtime.write(author, transaction).await {
            Ok(_) => (200, String::new()),
            Err(error) => (error.status(), error.message()),
        }
    }

    /// The server has measured a recording.
    async fn is_ready(&self, file: &str) {
        let ready = [
            ("state", "ready".into()),
            ("playbackKey", hash(file.as_bytes()).as_str().into()),
            ("frames", 192_000u32.into()),
            ("sampleRate", 48_000u32.into()),
            ("channels", 1u32.into()),
            ("durationSeconds", 4u32.into()),
        ];
        let transaction = Transaction {
            tx_id: id("ready"),
            author_id: Id::system(),
            operations: ready
                .map(|(name, value): (&str, model::Value)| {
                    operations::build::set(Table::AudioFiles, &id(file), name, value)
                })
                .to_vec(),
            client_timestamp: 0.0,
            base_versions: BTreeMap::new(),
            gesture: None,
        };
        let scope = operations::Scope::Project(id("p"));
        self.server.app.realtime.submit(scope, Author::System, transaction).await.unwrap();
    }

    async fn done(&self, author: &str, operations: Vec<Operation>) {
        assert_eq!(self.write(author, operations).await, (200, String::new()));
    }

    fn role(&self, user: &str) -> Option<Role> {
        self.server.app.database.store().role_of(&id("p"), &id(user)).unwrap()
    }
}

/// The membership that somebody has or had; a stranger tries another's.
fn membership_of(me: &str) -> Id {
    id(&if me == "stranger" { "m-another".to_owned() } else { format!("m-{me}") })
}
