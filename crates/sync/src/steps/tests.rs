//! Which edits are one step, which steps are remembered (UN1, UN2).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use model::{Id, Table, Timestamp};
use operations::build::{list_insert, set, unset};
use operations::{Change, Guard, Operation, Position};

use super::{Edit, MERGE_MS, STEP_OPERATIONS_MAX, STEPS_MAX, StepChange, Steps, hides};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp(1_000_000 + ms)
}

fn field(name: &str) -> Operation {
    set(Table::Tracks, &id("t"), name, 0.5)
}

/// What takes a creation back.
fn deletion() -> Operation {
    let guard = Some(Guard::default());
    Operation { guard, ..set(Table::Tracks, &id("t"), "deleted", "2026-11-26T00:00:00.000Z") }
}

/// The steps after edits of one name, each with what takes it back and when it was made.
fn made(edits: &[(Vec<Operation>, i64)]) -> Steps {
    let mut steps = Steps::default();
    for (number, (inverse, ms)) in edits.iter().enumerate() {
        let edit = Edit { label: "Turn".to_owned(), gesture: None };
        steps.made(&edit, &id(&format!("e{number}")), inverse.clone(), at(*ms));
    }
    steps
}

fn ids(steps: &Steps) -> Vec<&str> {
    steps.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn un2_edits_of_the_same_places_within_a_second_are_one_step_and_no_others_are() {
    let count = |first: Operation, second: Operation| made(&[(vec![first], 0), (vec![second], 500)]).steps.len();
    assert_eq!(count(field("volume"), field("volume")), 1);
    assert_eq!(count(field("volume"), unset(Table::Tracks, &id("t"), "volume")), 1);
    assert_eq!(count(field("volume"), field("pan")), 2);
    assert_eq!(count(field("volume"), set(Table::Tracks, &id("u"), "volume", 0.5)), 2);
    assert_eq!(count(deletion(), deletion()), 2, "what creates is a step of its own");
    let insertion = || list_insert(Table::Tracks, &id("t"), "tags", "x", Position::Append);
    assert_eq!(count(insertion(), insertion()), 2);
    assert_eq!(made(&[(vec![field("pan")], 0), (vec![field("pan")], MERGE_MS)]).steps.len(), 1);
    assert_eq!(made(&[(vec![field("pan")], 0), (vec![field("pan")], MERGE_MS + 1)]).steps.len(), 2);
    assert_eq!(made(&[(vec![field("pan")], 0), (vec![field("pan")], -1)]).steps.len(), 2, "a clock that is set back");
}

#[test]
fn un2_cl8_what_a_transaction_has_taken_in_lets_its_step_go_on() {
    let mut steps = made(&[(vec![field("pan")], 0)]);
    steps.touch(at(900));
    let edit = Edit { label: "Turn".to_owned(), gesture: None };
    steps.made(&edit, &id("later"), vec![field("pan")], at(1_800));
    assert_eq!(ids(&steps), ["e0"]);
    let undone = super::Step { undone: true, id: id("u"), made: at(9_000), ..(*steps.steps[0]).clone() };
    steps.put(undone);
    assert!(steps.next_redo().is_some());
    steps.touch(at(1_900));
    assert!(steps.next_redo().is_none(), "it is an edit like any other");
}

#[test]
fn un3_what_hides_is_the_taking_back_of_a_creation() {
    assert!(hides(&deletion()));
    assert!(hides(&Operation { change: Change::SetNow, ..deletion() }));
    assert!(!hides(&Operation { change: Change::Unset, ..deletion() }));
    assert!(!hides(&Operation { guard: None, ..deletion() }));
    let found = Guard { finds: [("".into(), id("x"))].into(), ..Guard::default() };
    assert!(!hides(&Operation { guard: Some(found), ..deletion() }), "it was there before, and deleted");
    assert!(!hides(&Operation { guard: Some(Guard::default()), ..field("volume") }));
}

#[test]
fn un1_the_last_steps_are_remembered_and_no_more_of_them_than_may_be() {
    let edits = |count: usize| -> Vec<(Vec<Operation>, i64)> {
        (0..count).zip(0..).map(|(_, n)| (vec![field("pan")], n * 5_000)).collect()
    };
    let mut full = made(&edits(STEPS_MAX));
    assert_eq!((full.steps.len(), ids(&full)[0]), (STEPS_MAX, "e0"));
    assert!(!full.take_changes().contains(&StepChange::Remove(id("e0"))));
    let mut over = made(&edits(STEPS_MAX + 1));
    assert_eq!((over.steps.len(), ids(&over)[0]), (STEPS_MAX, "e1"));
    assert!(over.take_changes().contains(&StepChange::Remove(id("e0"))));
}

#[test]
fn un1_large_steps_push_out_more_but_the_last_one_always_stays() {
    let sized = |sizes: &[usize]| -> Steps {
        let edits: Vec<_> = sizes.iter().zip(0..).map(|(size, n)| (vec![field("pan"); *size], n * 5_000)).collect();
        made(&edits)
    };
    let half = STEP_OPERATIONS_MAX / 2;
    assert_eq!(ids(&sized(&[half, half])), ["e0", "e1"]);
    assert_eq!(ids(&sized(&[half, half, 1])), ["e1", "e2"]);
    assert_eq!(ids(&sized(&[2, 20_000, 29_998, 10_002])), ["e2", "e3"], "as many as it takes");
    assert_eq!(ids(&sized(&[STEP_OPERATIONS_MAX + 1])), ["e0"]);
    assert_eq!(ids(&sized(&[1, STEP_OPERATIONS_MAX + 1])), ["e1"]);
}

#[test]
fn un1_what_another_tab_forgets_is_forgotten_here_and_nothing_else_is() {
    let mut steps = made(&[(vec![field("pan")], 0), (vec![field("volume")], 5_000)]);
    steps.take_changes();
    steps.follow(StepChange::Remove(id("e0")));
    assert_eq!(ids(&steps), ["e1"]);
    steps.follow(StepChange::Remove(id("nobody")));
    assert_eq!(ids(&steps), ["e1"]);
    assert!(steps.take_changes().is_empty(), "that tab stores it");
}
