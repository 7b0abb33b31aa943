//! What is true of SQLite only.

use model::schema::TableSchema;
use model::{Id, Table};
use rusqlite::Connection;

use super::checkpoints::JOURNAL_PAGES_MAX;
use super::columns::{ColumnType, Statements, column_name};
use super::{
    KEEP_SECRET, OpenError, SqliteStore, StoreError, Task, accounts, assert_durable, exports, invitations, jobs, log,
    migrations, recordings, records, snapshots,
};

fn migrated() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    migrations::migrate(&mut connection).unwrap();
    connection
}

/// (name, declared type) of a table's columns.
fn columns(connection: &Connection, table: &str) -> Vec<(String, String)> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1)").unwrap();
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_migrations_make_the_columns_that_the_model_describes() {
    let connection = migrated();
    for table in Table::ALL {
        let own = [("id", "TEXT"), ("version", "INTEGER"), ("stamps", "TEXT"), ("seq", "INTEGER")];
        let mut expected = own.map(|(name, declared)| (name.to_owned(), declared.to_owned())).to_vec();
        for field in TableSchema::of(table).fields {
            expected.push((column_name(field.name), ColumnType::of(field.kind).declared().to_owned()));
        }
        let mut found = columns(&connection, table.name());
        found.retain(|(name, _)| name != "is_demo");
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{table}: add a migration");
    }
}

/// Every statement that runs while the server does.
fn statements() -> Vec<String> {
    let mut all: Vec<String> = [
        log::FIND_LOG,
        log::BEGIN_LOG,
        log::RENEW_EPOCH,
        log::MATERIALISE_LOG,
        log::APPEND,
        log::COMMITS_SINCE,
        log::ENTRIES_BEFORE,
        log::FIND_TRANSACTION,
        snapshots::KEEP,
        snapshots::ADD_BYTES,
        snapshots::FROM,
        snapshots::LAST,
        records::ROLE_OF,
        records::ARE_FELLOWS,
        records::MEMBERSHIPS_OF,
        records::MEMBERS_OF,
        accounts::IS_TAKEN,
        accounts::MARK_DEMO,
        accounts::ADD_CREDENTIALS,
        accounts::SET_PASSWORD,
        accounts::ACCOUNT,
        accounts::ACCOUNT_OF,
        accounts::DELETE_CREDENTIALS,
        accounts::MAKE_STUB,
        accounts::DELETE_LOG_ENTRIES,
        accounts::RESTART_LOG,
        accounts::ADD_TICKET,
        accounts::TICKET,
        accounts::DELETE_TICKET,
        accounts::DELETE_TICKETS_OF,
        accounts::DELETE_EXPIRED_TICKETS,
        accounts::ADD_SESSION,
        accounts::DELETE_OLDEST_SESSIONS,
        accounts::SESSION,
        accounts::SESSIONS_OF,
        accounts::TOUCH_SESSION,
        accounts::DELETE_SESSION,
        accounts::DELETE_SESSIONS_OF,
        accounts::DELETE_EXPIRED_SESSIONS,
        invitations::ADD,
        invitations::BY_TOKEN,
        invitations::BY_PROJECT,
        invitations::JOINED_BEFORE,
        invitations::USE,
        invitations::JOIN,
        invitations::GIVE_BACK,
        invitations::REVOKE,
        invitations::FORGET,
        jobs::ENQUEUE,
        jobs::RELEASE_LOST,
        jobs::NEXT,
        jobs::LEASE,
        jobs::HEARTBEAT,
        jobs::COMPLETE,
        jobs::WITHDRAW,
        jobs::SET_PRIORITY,
        jobs::FAIL,
        jobs::JOB,
        jobs::ATTEMPTS,
        jobs::COUNT,
        jobs::DEAD,
        jobs::DELETE_DONE,
        exports::ADD,
        exports::UNDER_WAY,
        exports::KNOWN,
        exports::EARLIEST_TURN,
        exports::LAST_ROUND,
        exports::TURNS_OF,
        exports::KEEP_TURNS,
        exports::FORGET_TURNS,
        exports::WAITING_OF,
        exports::UNBEGUN,
        exports::CHARGE,
        exports::MOVE_UP,
        exports::BY_ID,
        exports::BY_OWNER,
        exports::BEGIN,
        exports::PUT_BACK,
        exports::PROGRESS,
        exports::FINISH,
        exports::MADE_IN_VAIN,
        exports::END,
        exports::REMOVE,
        exports::ENDED,
        exports::FORGET,
        exports::FORGET_JOB,
        exports::REFERS,
        exports::SHARED,
        exports::BYTES,
        recordings::STORED_BY,
        recordings::REFERS,
        recordings::REFUSED,
        recordings::DELETED,
        recordings::OF_DELETED_PROJECTS,
        super::KEEP_SECRET,
        super::SECRET,
    ]
    .map(str::to_owned)
    .to_vec();
    for table in Table::ALL {
        let Statements { upsert, by_id, by_project, project_of, .. } = Statements::of(table);
        all.extend([upsert, by_id, by_project, project_of].into_iter().filter(|sql| !sql.is_empty()).cloned());
    }
    all
}

#[test]
fn no_statement_scans_a_table_or_sorts_one() {
    let connection = migrated();
    for sql in statements() {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = vec![rusqlite::types::Null; explain.parameter_count()];
        let plan: Vec<String> = explain
            .query_map(rusqlite::params_from_iter(parameters), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for step in &plan {
            assert!(!step.starts_with("SCAN") && !step.contains("TEMP B-TREE"), "{sql}\n{plan:#?}");
        }
    }
}

#[test]
fn no_statement_is_missing_from_the_list_of_statements() {
    // Each of them is a constant or in `Statements`: elsewhere in this folder there is no SQL.
    let sources = [
        include_str!("log.rs"),
        include_str!("records.rs"),
        include_str!("accounts.rs"),
        include_str!("invitations.rs"),
        include_str!("jobs.rs"),
        include_str!("exports.rs"),
        include_str!("recordings.rs"),
        include_str!("mod.rs"),
    ];
    let listed = include_str!("tests.rs");
    for source in sources {
        for line in source.lines().filter(|line| line.contains("const ") && line.contains(": &str =")) {
            let name = line.split("const ").nth(1).and_then(|rest| rest.split(':').next()).unwrap();
            assert!(listed.contains(&format!("::{name},")), "{name} is in no list");
        }
    }
}

#[test]
fn wr6_wr8_the_logs_of_an_earlier_version_are_read_as_they_were() {
    let mut connection = Connection::open_in_memory().unwrap();
    let as_it_was = "PRAGMA user_version = 8;
        INSERT INTO logs (id, scope, epoch, seq) VALUES (1, 'p', 'e', 2), (2, 'q', 'e', 1);
        INSERT INTO transactions (log_id, seq, author_id, tx_id, time, payload_hash, gesture, operations, inverse) VALUES
            (1, 1, 'a', 't1', 5, zeroblob(32), NULL, '[]', '[]'), (2, 1, 'b', 't1', 6, zeroblob(32), NULL, '[]', '[]'),
            (1, 2, 'a', 't2', 7, zeroblob(32), 'g', '[]', '[]');";
    for sql in migrations::MIGRATIONS[..8].iter().copied().chain([as_it_was]) {
        connection.execute_batch(sql).unwrap();
    }
    migrations::migrate(&mut connection).unwrap();
    let project = |id: &str| operations::Scope::Project(Id::new(id).unwrap());
    let names = |commits: Vec<operations::Commit>| -> Vec<(u64, String, i64)> {
        commits.iter().map(|it| (it.seq, it.tx_id.to_string(), it.time.0)).collect()
    };
    let [first, second] = [(1, "t1".to_owned(), 5), (2, "t2".to_owned(), 7)];
    let since = |scope: &str, seq: u64| names(log::commits_since(&connection, &project(scope), seq, 9).unwrap());
    assert_eq!(since("p", 0), [first.clone(), second.clone()]);
    assert_eq!((since("p", 1), since("p", u64::MAX)), (vec![second.clone()], vec![]));
    assert_eq!(since("q", 0), [(1, "t1".to_owned(), 6)], "each log has its own");
    let before = log::entries_before(&connection, &project("p"), u64::MAX, 9).unwrap();
    assert_eq!(names(before.into_iter().map(|entry| entry.commit).collect()), [second, first]);
    let [author, tx_id] = ["a", "t2"].map(|id| Id::new(id).unwrap());
    let found = log::find_transaction(&connection, &author, &tx_id).unwrap().unwrap();
    assert_eq!((found.scope, found.seq), (project("p"), 2));
    let lengths = ["p", "q"].map(|scope| log::find_log(&connection, scope).unwrap().unwrap().at.seq);
    assert_eq!(lengths, [2, 1]);
}

#[test]
fn ex7_who_waited_in_an_earlier_version_keeps_their_place() {
    let mut connection = Connection::open_in_memory().unwrap();
    let as_it_was = "PRAGMA user_version = 12;
        INSERT INTO users (id, version) VALUES ('a', 1), ('b', 1);
        INSERT INTO projects (id, version) VALUES ('p', 1);
        INSERT INTO jobs (id, kind, unique_key, payload, state, priority, run_after, attempts_max, created_at, updated_at)
            VALUES ('j1', 'export', 'export:a1', '{}', 'running', 0, 1, 5, 1, 1), ('j2', 'export', 'export:a2', '{}', 'ready', -700, 2, 5, 2, 2),
            ('j3', 'export', 'export:b1', '{}', 'ready', -650, 3, 5, 3, 3);
        INSERT INTO exports (id, project_id, user_id, name, settings, stems, seq, state, created_at, turn, turn_end)
            VALUES ('a1', 'p', 'a', 'x', '{}', 0, 1, 'running', 1, 650, 700), ('a2', 'p', 'a', 'x', '{}', 0, 1, 'waiting', 2, 700, 750),
            ('b1', 'p', 'b', 'x', '{}', 0, 1, 'waiting', 3, 650, 655), ('b0', 'p', 'b', 'x', '{}', 0, 1, 'done', 0, 600, 609);";
    for sql in migrations::MIGRATIONS[..12].iter().copied().chain([as_it_was]) {
        connection.execute_batch(sql).unwrap();
    }
    migrations::migrate(&mut connection).unwrap();
    let rows = |sql: &str| -> Vec<(String, i64, i64)> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let own = |name: &str, first, second| (name.to_owned(), first, second);
    assert_eq!(
        rows("SELECT job_id, turn, weight FROM exports WHERE job_id NOT NULL ORDER BY job_id"),
        [own("j1", 0, 50), own("j2", 1, 50), own("j3", 0, 5)]
    );
    assert_eq!(rows("SELECT user_id, round, used FROM export_turns"), [own("a", 1, 50), own("b", 0, 9)]);
    assert_eq!(
        rows("SELECT id, priority, attempts FROM jobs ORDER BY priority DESC, run_after"),
        [own("j1", 0, 0), own("j3", 0, 0), own("j2", -(1 << 24), 0)]
    );
}

#[test]
fn w6_the_places_of_logs_and_entries_are_bounded() {
    let ends = |sql: &str| sql.contains(&log::ENTRIES_MAX.to_string());
    assert!([log::FIND_LOG, log::COMMITS_SINCE, log::ENTRIES_BEFORE, log::FIND_TRANSACTION].into_iter().all(ends));
    assert_eq!(log::place(log::LOGS_MAX, log::ENTRIES_MAX), Ok(i64::MAX));
    assert!(log::place(1, log::ENTRIES_MAX).unwrap() < log::place(2, 0).unwrap(), "logs do not overlap");
    assert!(log::place(1, log::ENTRIES_MAX + 1).is_err() && log::place(log::LOGS_MAX + 1, 0).is_err());
}

#[test]
fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.sqlite");
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", migrations::latest() + 1).unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wav");
    let bytes = b"RIFF, and more than a hundred bytes of something that is no database at all".repeat(9);
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Database(_))));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn opening_again_migrates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.sqlite");
    assert_eq!(SqliteStore::version_of(&path).unwrap(), None);
    drop(SqliteStore::open(&path).unwrap());
    assert_eq!(SqliteStore::version_of(&path).unwrap(), Some(migrations::latest()));
    drop(SqliteStore::open(&path).unwrap());
}

#[test]
fn wr7_a_database_that_could_forget_is_refused() {
    // In memory there is no write-ahead log; SQLite says nothing when it is asked for one.
    assert!(matches!(SqliteStore::open(std::path::Path::new(":memory:")), Err(OpenError::NotDurable(_))));

    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("lax.sqlite")).unwrap();
    assert!(matches!(assert_durable(&connection), Err(OpenError::NotDurable(_))), "no write-ahead log");
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    for (lax, durable) in [("off", false), ("normal", false), ("full", true), ("extra", true)] {
        connection.pragma_update(None, "synchronous", lax).unwrap();
        assert_eq!(assert_durable(&connection).is_ok(), durable, "{lax}");
    }
}

#[test]
fn w6_the_journal_is_bounded_while_edits_keep_coming() {
    const BYTES: usize = 400_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    let mut longest = 0;
    let writes = 2 * u64::from(JOURNAL_PAGES_MAX) * 4_096 / BYTES as u64;
    for n in 0..writes {
        let name = n.to_string();
        store
            .write(move |connection| connection.prepare_cached(KEEP_SECRET)?.execute((name, vec![0u8; BYTES])))
            .unwrap();
        longest = longest.max(std::fs::metadata(folder.path().join("test.sqlite-wal")).unwrap().len());
    }
    let limit = u64::from(JOURNAL_PAGES_MAX) * 4_096;
    assert!(longest < limit * 5 / 4, "{longest} bytes of a journal that should have {limit}");
    let kept: i64 =
        store.read(|connection| connection.query_row("SELECT count(*) FROM secrets", [], |row| row.get(0))).unwrap();
    assert_eq!(kept, i64::try_from(writes).unwrap());
}

/// Hands work to the writer without waiting for it.
fn begin<F>(store: &SqliteStore, write: F) -> std::sync::mpsc::Receiver<Result<(), StoreError>>
where
    F: FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
{
    let (reply, answer) = std::sync::mpsc::sync_channel(1);
    store.writer.send(Box::new(Task { write: Some(write), result: None, reply }));
    answer
}

#[test]
fn wr4_what_fails_leaves_nothing_whether_it_is_alone_in_its_transaction_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("test.sqlite")).unwrap();
    let count = |store: &SqliteStore| -> i64 {
        store.read(|connection| connection.query_row("SELECT count(*) FROM secrets", [], |row| row.get(0))).unwrap()
    };
    let keep = |name: &'static str, then: rusqlite::Result<()>| {
        move |connection: &Connection| {
            connection.prepare_cached(KEEP_SECRET)?.execute((name, [0u8; 32]))?;
            then
        }
    };
    let failure = || Err(rusqlite::Error::QueryReturnedNoRows);
    store.write(keep("alone", failure())).unwrap_err();
    assert_eq!(count(&store), 0);
    store.write(keep("alone", Ok(()))).unwrap();
    assert_eq!(count(&store), 1);
    // While the writer is held up, more comes together.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let first = begin(&store, move |_| {
        let _ = held.recv();
        Ok(())
    });
    let failing = begin(&store, keep("failing", failure()));
    let kept = begin(&store, keep("kept", Ok(())));
    drop(release);
    first.recv().unwrap().unwrap();
    failing.recv().unwrap().unwrap_err();
    kept.recv().unwrap().unwrap();
    assert_eq!(count(&store), 2);
}
