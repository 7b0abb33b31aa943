//! Outputs, sends and sidechains: what is refused, and that a circle never comes to be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Id, Records, Table, Timestamp, Value, fields};
use operations::build::{create, delete, list_insert, list_remove, restore, set, unset};
use operations::{Author, Operation, Position, Refusal, Scope, Transaction, transact};
use proptest::prelude::*;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn submit(records: &mut Records, operations: Vec<Operation>) -> Result<(), Refusal> {
    let transaction = Transaction {
        tx_id: id("tx"),
        author_id: id("ann"),
        operations,
        client_timestamp: 0.0,
        base_versions: Default::default(),
        gesture: None,
    };
    transact(records, &Scope::Project(id("p")), &Author::User(id("ann")), &transaction, Timestamp(7)).map(drop)
}

/// Two audio tracks, two buses and a group.
fn project() -> Records {
    let mut records = Records::new();
    let track = |name: &str, kind: &str| {
        let given = fields([("projectId", "p".into()), ("name", name.into()), ("type", kind.into())]);
        create(Table::Tracks, &id(name), given)
    };
    let mut operations = vec![create(Table::Projects, &id("p"), fields([("name", "Song".into())]))];
    operations
        .extend([("a", "audio"), ("b", "audio"), ("x", "bus"), ("y", "bus"), ("g", "group")].map(|(n, k)| track(n, k)));
    submit(&mut records, operations).unwrap();
    records
}

fn output(track: &str, to: &str) -> Operation {
    set(Table::Tracks, &id(track), "output", to)
}

fn send(track: &str, to: &str) -> Operation {
    let send = Value::map([("id", Value::text(&format!("to-{to}"))), ("target", to.into())]);
    list_insert(Table::Tracks, &id(track), "sends", send, Position::Append)
}

fn compressor(track: &str, listens: Option<&str>) -> Operation {
    let mut plugin = vec![("id", Value::text("c")), ("type", "compressor".into())];
    plugin.extend(listens.map(|source| ("sidechain", Value::text(source))));
    list_insert(Table::Tracks, &id(track), "plugins", Value::map(plugin), Position::Append)
}

fn refused(records: &mut Records, operation: Operation) -> String {
    let before = records.clone();
    let refusal = submit(records, vec![operation]).unwrap_err();
    assert_eq!((refusal.status, &before), (400, &*records), "400, and nothing has changed");
    refusal.message
}

#[test]
fn en31_tracks_go_to_buses_and_groups_and_send_there() {
    let mut records = project();
    submit(&mut records, vec![output("a", "g"), output("g", "x"), send("a", "y"), send("y", "x")]).unwrap();
    submit(&mut records, vec![compressor("b", Some("a")), set(Table::Tracks, &id("b"), "plugins.c.sidechain", "y")])
        .unwrap();
    submit(&mut records, vec![unset(Table::Tracks, &id("a"), "output")]).unwrap();
    let sends = records.find(Table::Tracks, &id("a")).unwrap().get("sends").clone();
    let stored = Value::list([Value::map([
        ("id", "to-y".into()),
        ("target", "y".into()),
        ("gain", Value::number(1.0)),
        ("pre", Value::Bool(false)),
    ])]);
    assert_eq!(sends, stored);
    let project = list_insert(
        Table::Projects,
        &id("p"),
        "plugins",
        Value::map([("id", "l".into()), ("type", "limiter".into())]),
        Position::Append,
    );
    submit(&mut records, vec![project]).unwrap();
}

#[test]
fn en6_clips_may_lie_on_buses_and_groups_and_move_there_and_away() {
    let mut records = project();
    let clip = |name: &str, track: &str| {
        let given = fields([
            ("trackId", track.into()),
            ("name", "Riff".into()),
            ("startBeat", 0.0.into()),
            ("durationBeats", 4.0.into()),
        ]);
        create(Table::Clips, &id(name), given)
    };
    let lies_on = |records: &Records, name: &str| records.find(Table::Clips, &id(name)).unwrap().id_in("trackId");
    submit(&mut records, vec![clip("on-bus", "x"), clip("on-group", "g"), clip("on-audio", "a")]).unwrap();
    assert_eq!(["on-bus", "on-group"].map(|name| lies_on(&records, name)), [Some(id("x")), Some(id("g"))]);
    for track in ["y", "g", "b"] {
        submit(&mut records, vec![set(Table::Clips, &id("on-audio"), "trackId", track)]).unwrap();
        assert_eq!(lies_on(&records, "on-audio"), Some(id(track)));
    }
    submit(&mut records, vec![set(Table::Clips, &id("on-bus"), "gain", 0.5), delete(Table::Clips, &id("on-group"))])
        .unwrap();
    submit(&mut records, vec![restore(Table::Clips, &id("on-group"))]).unwrap();
    assert!(refused(&mut records, set(Table::Clips, &id("on-audio"), "trackId", "nowhere")).contains("trackId"));
}

#[test]
fn en31_what_takes_no_sound_and_what_is_not_there_is_refused() {
    let mut records = project();
    assert!(refused(&mut records, output("a", "b")).contains("only a bus or a group"));
    assert!(refused(&mut records, send("a", "b")).contains("only a bus or a group"));
    assert!(refused(&mut records, output("a", "nowhere")).contains("no such"));
    assert!(refused(&mut records, send("a", "nowhere")).contains("no such track"));
    assert!(refused(&mut records, compressor("a", Some("nowhere"))).contains("no such track"));
    let toaster = Value::map([("id", "t".into()), ("type", "toaster".into())]);
    let insert = list_insert(Table::Tracks, &id("a"), "plugins", toaster, Position::Append);
    assert!(refused(&mut records, insert).contains("it must be one of eq, compressor"));
    submit(&mut records, vec![compressor("a", None)]).unwrap();
    let loud = set(Table::Tracks, &id("a"), "plugins.c.params.makeup", 25.0);
    assert!(refused(&mut records, loud).contains("plugins.c.params.makeup: it must be from -24 to 24"));
    let unknown = set(Table::Tracks, &id("a"), "plugins.c.params.taste", 1.0);
    assert!(refused(&mut records, unknown).contains("Compressor has no such parameter"));
}

#[test]
fn en31_wr2_the_master_listens_to_tracks_of_its_project_only() {
    let mut records = project();
    let limiter = |name: &str, listens: Option<&str>| {
        let mut plugin = vec![("id", Value::text(name)), ("type", "compressor".into())];
        plugin.extend(listens.map(|source| ("sidechain", Value::text(source))));
        list_insert(Table::Projects, &id("p"), "plugins", Value::map(plugin), Position::Append)
    };
    assert!(refused(&mut records, limiter("l", Some("nowhere"))).contains("nowhere: there is no such track"));
    submit(&mut records, vec![limiter("l", None), limiter("m", Some("a"))]).unwrap();
    let sidechain = |to: &str| set(Table::Projects, &id("p"), "plugins.l.sidechain", to);
    assert!(refused(&mut records, sidechain("p")).contains("p: there is no such track"));
    submit(&mut records, vec![sidechain("x")]).unwrap();
    let late = fields([("projectId", "p".into()), ("name", "late".into()), ("type", "audio".into())]);
    submit(&mut records, vec![sidechain("late"), create(Table::Tracks, &id("late"), late)]).unwrap();
    submit(&mut records, vec![delete(Table::Tracks, &id("a")), set(Table::Projects, &id("p"), "bpm", 90.0)]).unwrap();
}

#[test]
fn en31_a_circle_is_refused_however_it_is_closed() {
    for closing in [output("y", "x"), send("y", "x"), compressor("x", Some("y"))] {
        let mut records = project();
        submit(&mut records, vec![output("x", "g"), send("g", "y")]).unwrap();
        assert!(refused(&mut records, closing).contains("circle"));
    }
    let mut records = project();
    assert!(refused(&mut records, output("x", "x")).contains("circle"));
    assert!(refused(&mut records, compressor("a", Some("a"))).contains("circle"));
    submit(&mut records, vec![output("a", "x"), compressor("a", Some("y"))]).unwrap();
    assert!(refused(&mut records, output("x", "y")).contains("circle"));
}

#[test]
fn en31_one_transaction_may_turn_a_way_around() {
    let mut records = project();
    submit(&mut records, vec![output("x", "y")]).unwrap();
    submit(&mut records, vec![output("y", "x"), unset(Table::Tracks, &id("x"), "output")]).unwrap();
    assert_eq!(records.find(Table::Tracks, &id("y")).unwrap().text("output"), Some("x"));
}

#[test]
fn en31_a_deleted_track_still_counts_so_that_it_can_come_back() {
    let mut records = project();
    submit(&mut records, vec![output("x", "y"), delete(Table::Tracks, &id("x"))]).unwrap();
    assert!(refused(&mut records, output("y", "x")).contains("circle"));
    submit(&mut records, vec![restore(Table::Tracks, &id("x"))]).unwrap();
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let track = || prop::sample::select(vec!["a", "b", "x", "y", "g"]);
    prop_oneof![
        (track(), track()).prop_map(|(from, to)| output(from, to)),
        (track(), track()).prop_map(|(from, to)| send(from, to)),
        (track(), track()).prop_map(|(from, to)| compressor(from, Some(to))),
        track().prop_map(|track| unset(Table::Tracks, &id(track), "output")),
        (track(), track()).prop_map(|(from, to)| {
            let send = Value::map([("id", Value::text(&format!("to-{to}")))]);
            list_remove(Table::Tracks, &id(from), "sends", send)
        }),
        track().prop_map(|track| delete(Table::Tracks, &id(track))),
        track().prop_map(|track| restore(Table::Tracks, &id(track))),
    ]
}

/// Whether tracks can be put in a row in which each hears earlier ones only: those that hear nobody left are taken away
/// until none is left.
fn has_an_order(records: &Records) -> bool {
    let mut edges: Vec<(String, String)> = Vec::new();
    for track in records.table(Table::Tracks) {
        let name = track.id().to_string();
        edges.extend(track.id_in("output").map(|to| (name.clone(), to.to_string())));
        edges.extend(model::Send::all(track).into_iter().map(|send| (name.clone(), send.target.to_string())));
        let sources = model::Plugin::all(track).into_iter().filter_map(|plugin| plugin.sidechain);
        edges.extend(sources.map(|source| (source.to_string(), name.clone())));
    }
    let mut left: Vec<String> = records.table(Table::Tracks).map(|track| track.id().to_string()).collect();
    while !left.is_empty() {
        let hears = |track: &String| edges.iter().any(|(from, to)| to == track && left.contains(from));
        let Some(free) = left.iter().position(|track| !hears(track)) else { return false };
        left.remove(free);
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn en31_no_row_of_operations_makes_a_circle(operations in prop::collection::vec(any_operation(), 0..30)) {
        let mut records = project();
        for operation in operations {
            let _ = submit(&mut records, vec![operation]);
            prop_assert!(has_an_order(&records));
        }
    }
}

#[test]
fn en31_a_send_or_a_sidechain_that_is_led_elsewhere_is_checked_like_a_new_one() {
    let mut records = project();
    submit(&mut records, vec![send("a", "y"), compressor("y", Some("b")), output("y", "x")]).unwrap();
    let target = |to: &str| set(Table::Tracks, &id("a"), "sends.to-y.target", to);
    assert!(refused(&mut records, target("b")).contains("only a bus or a group"));
    assert!(refused(&mut records, target("nowhere")).contains("no such track"));
    submit(&mut records, vec![target("x")]).unwrap();
    let listens = |to: &str| set(Table::Tracks, &id("y"), "plugins.c.sidechain", to);
    assert!(refused(&mut records, listens("nowhere")).contains("no such track"));
    assert!(refused(&mut records, listens("x")).contains("circle"));
    submit(&mut records, vec![listens("a")]).unwrap();
}
