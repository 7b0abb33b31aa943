//! Undo and redo at the replica (UN1-UN3, UN5).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod band;

use band::{Band, CHANNEL, at, id, label, named, new_clip, new_track, volume};
use model::{Id, Table, Value};
use operations::build::{create, delete, set};
use operations::{Author, Change, Operation, Scope};
use sync::wire::ServerMessage;
use sync::{Edit, Effect, Event, Room, Submitted};

/// The room takes what tab 0 has sent, and tab 0 hears of it in one message with what came before.
fn serve_together(band: &mut Band, mut before: Vec<Submitted>) {
    for transaction in std::mem::take(&mut band.tabs[0].sent) {
        before.push(band.room.submit(&Author::User(id("ann")), &transaction, at(50_000)).unwrap());
    }
    let commits = before.into_iter().map(|submitted| submitted.commit).collect();
    band.happen(0, Event::Message(ServerMessage::Commits { channel: CHANNEL, commits }));
}

fn role(member: &Id, role: &str) -> Vec<Operation> {
    vec![set(Table::ProjectMembers, member, "role", role)]
}

fn anns_membership(band: &Band) -> Id {
    let mut members = band.room.records().iter().filter(|(key, _)| key.table == Table::ProjectMembers);
    members.find(|(_, record)| record.text("userId") == Some("ann")).unwrap().0.id.clone()
}

/// Ann's edit and its undo, of which the edit has reached the log and no answer has come; then she connects again.
fn acknowledged_late(bob_first: bool) -> Band {
    let mut band = Band::connected(1, false);
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    band.happen(0, Event::Disconnected);
    if bob_first {
        band.commit("bob", volume(0.3));
    }
    let sent = band.tabs[0].sent.remove(0);
    let submitted = band.room.submit(&Author::User(id("ann")), &sent, at(0)).unwrap();
    if !bob_first {
        band.commit("bob", volume(0.9));
    }
    band.connect(0);
    let seq = submitted.commit.seq;
    band.tabs[0].sent.clear();
    let acknowledged = ServerMessage::Acknowledged { channel: CHANNEL, tx_ids: vec![edit], seq, time: at(0) };
    band.happen(0, Event::Message(acknowledged));
    band
}

#[test]
fn un1_undo_and_redo_go_step_by_step_and_are_ordinary_transactions() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(10));
    band.serve(0);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Rename"));
    band.undo(0);
    band.undo(0);
    assert_eq!((band.shown(0), label(band.tabs[0].replica.next_undo())), (1.0, None));
    assert_eq!(label(band.tabs[0].replica.next_redo()), Some("Louder"));
    band.serve(0);
    band.redo(0);
    band.redo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 0.5);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Rename"));
    band.settled(0);
}

#[test]
fn un1_a_new_edit_ends_what_could_be_brought_again() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    band.edit(0, &named("Softer"), volume(0.2), at(5_000));
    assert_eq!(label(band.tabs[0].replica.next_redo()), None);
}

#[test]
fn un2_a_gesture_is_one_step_and_so_are_edits_of_one_field_within_a_second() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Fader"), volume(0.5), at(0));
    band.edit(0, &named("Fader"), volume(0.6), at(900));
    band.edit(0, &named("Fader"), volume(0.7), at(1_800));
    band.edit(0, &named("Fader"), volume(0.8), at(3_000));
    let gesture = Edit { label: "Spread".to_owned(), gesture: Some(id("g")) };
    band.edit(0, &gesture, vec![set(Table::Tracks, &id("t"), "pan", 0.5)], at(9_000));
    band.edit(0, &gesture, vec![set(Table::Tracks, &id("t"), "name", "Wide")], at(19_000));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    let track = band.room.records().find(Table::Tracks, &id("t")).unwrap().clone();
    assert_eq!((track.number("pan"), track.text("name")), (Some(0.0), Some("Bass")));
    band.undo(0);
    assert_eq!(band.shown(0), 0.7);
    band.undo(0);
    assert_eq!(band.shown(0), 1.0);
    band.serve(0);
    band.settled(0);
}

#[test]
fn un3_undo_respects_what_came_before_the_edit_was_committed_and_after() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    // Bob was first: the edit lands on his value, and its undo leads back to it.
    band.foreign("bob", volume(0.3));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 0.3);
    band.redo(0);
    band.serve(0);
    // Now bob is last: there is nothing to take back.
    band.foreign("bob", volume(0.9));
    band.undo(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (0.9, 1));
    assert_eq!(label(band.tabs[0].replica.next_undo()), None);
    band.settled(0);
}

#[test]
fn un1_the_name_of_a_version_is_no_step() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    let version = model::fields([("projectId", Value::text("p")), ("name", "Rough mix".into())]);
    band.edit(0, &named("Name version"), vec![create(Table::Versions, &id("v"), version)], at(60_000));
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"));
    band.undo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 1.0);
    assert!(!band.room.records().find(Table::Versions, &id("v")).unwrap().is_deleted());
    // Nor does it end what can be brought again.
    band.edit(0, &named("Rename version"), vec![set(Table::Versions, &id("v"), "name", "Mix")], at(120_000));
    assert_eq!(label(band.tabs[0].replica.next_redo()), Some("Louder"));
    band.serve(0);
    band.serve(0);
    band.settled(0);
}

#[test]
fn un3_an_undo_that_races_with_another_loses_and_says_so() {
    let mut band = Band::connected(1, false);
    let edit = [volume(0.5), vec![set(Table::Tracks, &id("t"), "pan", 0.5)]].concat();
    band.edit(0, &named("Both"), edit, at(0));
    band.serve(0);
    band.undo(0);
    assert_eq!(band.shown(0), 1.0);
    band.foreign("bob", volume(0.9));
    assert_eq!(band.shown(0), 0.9, "the undo that waits gives way at once");
    band.serve(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (0.9, 1));
    band.settled(0);
}

#[test]
fn un3_undoing_a_creation_that_others_have_built_on_says_so_and_redo_brings_it_back() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    band.serve(0);
    band.foreign("bob", vec![set(Table::Tracks, &id("n"), "volume", 0.4)]);
    band.undo(0);
    assert_eq!(band.tabs[0].hidden, 1);
    band.serve(0);
    assert!(band.room.records().find(Table::Tracks, &id("n")).unwrap().is_deleted());
    band.redo(0);
    band.serve(0);
    let back = band.room.records().find(Table::Tracks, &id("n")).unwrap();
    assert!(!back.is_deleted() && back.number("volume") == Some(0.4));
    band.settled(0);
}

#[test]
fn un3_an_undo_that_meets_what_others_have_built_on_a_creation_since_says_so_when_it_is_committed() {
    for as_snapshot in [false, true] {
        let mut band = Band::new(1, false);
        band.connect(0);
        band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
        band.edit(0, &named("Add track"), vec![new_track("o", "Own")], at(5_000));
        band.serve(0);
        band.happen(0, Event::Disconnected);
        band.undo(0);
        band.undo(0);
        band.tabs[0].sent.clear();
        assert_eq!(band.tabs[0].hidden, 0, "so far nobody has");
        let built = band.commit("bob", vec![new_clip("n")]);
        if as_snapshot {
            band.connect(0);
        } else {
            let (epoch, seq) = (band.room.epoch().clone(), band.tabs[0].replica.seq());
            band.happen(0, Event::Connected);
            band.happen(0, Event::Message(ServerMessage::Resumed { channel: CHANNEL, epoch, seq }));
            band.hear(0, &built);
        }
        assert_eq!(band.tabs[0].hidden, 0, "it may not be taken");
        band.serve(0);
        assert_eq!(band.tabs[0].hidden, 1, "the track that bob has recorded on, and not the other");
        band.redo(0);
        band.redo(0);
        band.serve(0);
        assert!(!band.room.records().find(Table::Tracks, &id("n")).unwrap().is_deleted());
        band.settled(0);
    }
}

#[test]
fn un3_what_is_brought_back_before_it_is_sent_hides_nothing() {
    let mut band = Band::new(1, false);
    band.connect(0);
    band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    band.serve(0);
    band.undo(0);
    band.redo(0);
    band.foreign("bob", vec![set(Table::Tracks, &id("n"), "volume", 0.4)]);
    band.serve(0);
    band.serve(0);
    assert_eq!(band.tabs[0].hidden, 0);
    band.settled(0);
}

#[test]
fn si1_cl1_an_undo_of_what_changes_nothing_in_a_restored_log_shows_what_it_will_do() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    band.serve(0);
    let (seq, backup) = (band.room.seq(), band.room.records().clone());
    band.happen(0, Event::Disconnected);
    band.undo(0);
    band.redo(0);
    band.undo(0);
    band.tabs[0].sent.clear();
    band.connect(0);
    band.serve(0);
    // Now the last undo knows when the first one has come to stand in the log.
    band.foreign("bob", vec![set(Table::Tracks, &id("n"), "volume", 0.4)]);
    band.happen(0, Event::Disconnected);
    band.tabs[0].sent.clear();
    band.room = Room::new(Scope::Project(id("p")), id("e2"), seq, backup);
    // There the track has never been away: the redo does nothing, and nothing takes it back.
    band.connect(0);
    band.serve(0);
    let replica = &band.tabs[0].replica;
    let last: Vec<Operation> = replica.pending().flat_map(|(transaction, _)| transaction.operations.clone()).collect();
    let Change::Set(deleted) = &last[0].change else { panic!("{last:?}") };
    assert_eq!(
        (last.len(), replica.view().find(Table::Tracks, &id("n")).unwrap().text("deleted")),
        (1, deleted.as_str())
    );
    band.serve(0);
    band.settled(0);
}

#[test]
fn un1_what_is_deleted_again_after_an_undo_comes_back_again() {
    let mut band = Band::connected(1, false);
    for _ in 0..3 {
        band.edit(0, &named("Delete track"), vec![delete(Table::Tracks, &id("t"))], at(0));
        band.serve(0);
        assert!(band.room.records().find(Table::Tracks, &id("t")).unwrap().is_deleted());
        band.undo(0);
        band.serve(0);
        assert_eq!((band.tabs[0].skipped, band.tabs[0].refused), (0, 0));
        assert!(!band.room.records().find(Table::Tracks, &id("t")).unwrap().is_deleted());
        band.settled(0);
    }
}

#[test]
fn si1_un3_an_undo_waits_for_its_edit_and_goes_back_to_what_that_has_met() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    band.redo(0);
    band.undo(0);
    assert_eq!((band.tabs[0].sent.len(), band.shown(0)), (1, 1.0));
    // Bob was first, and nobody here had seen it.
    band.foreign("bob", volume(0.3));
    assert_eq!(band.shown(0), 0.3, "at once");
    for _ in 0..4 {
        band.serve(0);
    }
    assert_eq!((band.shown(0), band.tabs[0].skipped, band.tabs[0].refused), (0.3, 0, 0));
    band.redo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 0.5);
    band.settled(0);
}

#[test]
fn un3_an_undo_that_waited_is_kept_as_it_is_sent() {
    let mut band = Band::sending(1);
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.kept(0, &edit, Some(1));
    band.undo(0);
    let undo = band.tabs[0].keep[1].transaction.tx_id.clone();
    band.kept(0, &undo, Some(2));
    assert_eq!(band.tabs[0].keep[1].takes_back, Some(edit));
    band.foreign("bob", volume(0.3));
    band.serve(0);
    assert!(band.tabs[0].sent.is_empty(), "it does something else now, which is not kept yet");
    let again = band.tabs[0].keep[2].transaction.clone();
    assert_eq!(again.tx_id, undo);
    band.kept(0, &undo, Some(2));
    assert_eq!(band.tabs[0].sent, [again]);
    band.serve(0);
    assert_eq!(band.shown(0), 0.3);
    band.settled(0);
}

#[test]
fn si1_un1_steps_keep_their_order_when_the_clock_is_set_back() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(9_000));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(0));
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Rename"));
    band.undo(0);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"));
}

#[test]
fn si1_un1_what_was_undone_before_something_new_in_another_tab_is_over() {
    let mut band = Band::connected(2, true);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.undo(0);
    // The second tab has heard nothing of it yet.
    band.edit(1, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    band.tell(0, 1);
    assert_eq!(label(band.tabs[1].replica.next_redo()), None);
    band.undo(1);
    assert_eq!(label(band.tabs[1].replica.next_redo()), Some("Rename"));
}

#[test]
fn un3_only_what_others_have_built_on_and_undo_hides_is_said() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.serve(0);
    band.foreign("bob", vec![set(Table::Tracks, &id("t"), "pan", 0.4)]);
    band.undo(0);
    assert_eq!((band.tabs[0].hidden, band.tabs[0].skipped), (0, 0));
}

#[test]
fn un3_ones_own_work_on_what_one_has_created_is_not_somebody_elses() {
    let mut band = Band::connected(1, false);
    let gesture = Edit { label: "Add track".to_owned(), gesture: Some(id("g")) };
    band.edit(0, &gesture, vec![new_track("n", "New")], at(0));
    band.edit(0, &gesture, vec![set(Table::Tracks, &id("n"), "volume", 0.4)], at(1));
    band.edit(0, &gesture, vec![new_clip("n")], at(2));
    band.serve(0);
    band.undo(0);
    assert_eq!(band.tabs[0].hidden, 0);
    band.serve(0);
    assert!(band.room.records().find(Table::Tracks, &id("n")).unwrap().is_deleted());
    band.settled(0);
}

#[test]
fn si4_un3_undo_leads_back_to_what_came_in_the_same_message_as_the_edit() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    let bobs = band.commit("bob", volume(0.3));
    serve_together(&mut band, vec![bobs]);
    band.undo(0);
    band.serve(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (0.3, 0));
    band.settled(0);
}

#[test]
fn un3_an_undo_waits_for_an_edit_that_the_room_made_other() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    band.undo(0);
    // Both made a track at the end of the list: the second one gets another place than it had on the screen.
    let bobs = band.commit("bob", vec![new_track("o", "Other")]);
    serve_together(&mut band, vec![bobs]);
    assert_eq!((band.tabs[0].sent.len(), band.tabs[0].skipped), (1, 0));
    band.serve(0);
    assert!(band.room.records().find(Table::Tracks, &id("n")).unwrap().is_deleted());
    band.settled(0);
}

#[test]
fn un3_what_others_put_on_a_track_is_said_when_undo_hides_it() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    band.serve(0);
    band.foreign("bob", vec![new_clip("n")]);
    band.undo(0);
    assert_eq!(band.tabs[0].hidden, 1);
}

#[test]
fn un3_parts_that_others_have_changed_are_left_out_and_said_at_once() {
    let mut band = Band::connected(1, false);
    let edit = [volume(0.5), vec![set(Table::Tracks, &id("t"), "pan", 0.5)]].concat();
    band.edit(0, &named("Both"), edit, at(0));
    band.serve(0);
    band.foreign("bob", volume(0.9));
    let effects = band.tabs[0].replica.undo(at(90_000), &mut || id("undo")).unwrap();
    let skipped = effects.iter().filter_map(|effect| match effect {
        Effect::Skipped { operations, .. } => Some(operations.len()),
        _ => None,
    });
    assert_eq!(skipped.collect::<Vec<_>>(), [1]);
    let again = band.tabs[0].replica.redo(at(91_000), &mut || id("redo")).unwrap();
    assert!(!again.iter().any(|effect| matches!(effect, Effect::Skipped { .. })), "nothing is left out of that");
}

#[test]
fn un2_pe3_of_an_undo_what_is_not_permitted_any_more_is_left_out_and_said() {
    let mut band = Band::connected(1, false);
    let gesture = Edit { label: "Trust bob".to_owned(), gesture: Some(id("g")) };
    let trust = [role(&id("m"), "owner"), vec![set(Table::Tracks, &id("t"), "name", "Bob's")]].concat();
    band.edit(0, &gesture, trust, at(0));
    band.edit(0, &gesture, volume(0.5), at(1));
    band.serve(0);
    let ann = anns_membership(&band);
    band.foreign("bob", role(&ann, "editor"));
    band.undo(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (1.0, 2), "an editor may turn a fader and give no roles");
    band.serve(0);
    assert_eq!(band.room.records().find(Table::ProjectMembers, &id("m")).unwrap().text("role"), Some("owner"));
    assert_eq!(label(band.tabs[0].replica.next_redo()), Some("Trust bob"));
    band.settled(0);
}

#[test]
fn un1_pe3_who_may_open_the_project_does_not_change_with_an_undo() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.serve(0);
    band.edit(0, &named("Remove member"), vec![delete(Table::ProjectMembers, &id("m"))], at(60_000));
    band.serve(0);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"));
    band.undo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 1.0);
    assert!(band.room.records().find(Table::ProjectMembers, &id("m")).unwrap().is_deleted());
    // Nor is what can be brought again forgotten for it.
    band.edit(0, &named("Change role"), role(&anns_membership(&band), "owner"), at(120_000));
    assert_eq!(label(band.tabs[0].replica.next_redo()), Some("Louder"));
}

#[test]
fn un1_pe3_an_undo_that_is_not_permitted_any_more_is_refused_and_can_be_had_later() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.serve(0);
    let ann = anns_membership(&band);
    band.foreign("ann", role(&id("m"), "owner"));
    band.foreign("bob", role(&ann, "viewer"));
    let refused = band.tabs[0].replica.undo(at(90_000), &mut || id("undo")).unwrap_err();
    assert_eq!(refused.status, 403);
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"));
    band.foreign("bob", role(&ann, "editor"));
    band.undo(0);
    assert_eq!(band.shown(0), 1.0);
}

#[test]
fn un2_an_edit_joins_what_was_brought_again_a_moment_before() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    band.redo(0);
    band.serve(0);
    band.edit(0, &named("Louder"), volume(0.6), at(90_500));
    band.serve(0);
    band.undo(0);
    assert_eq!((band.shown(0), label(band.tabs[0].replica.next_undo())), (1.0, None));
}

#[test]
fn un3_an_undo_of_what_nobody_knows_the_place_of_is_left_out_and_said() {
    for (bob_first, volume) in [(true, 0.5), (false, 0.9)] {
        let band = acknowledged_late(bob_first);
        assert_eq!((band.tabs[0].skipped, band.tabs[0].sent.len()), (1, 0));
        assert_eq!(band.shown(0), volume);
        band.settled(0);
    }
}

#[test]
fn un3_what_was_left_out_is_said_once() {
    let mut band = Band::connected(1, false);
    let edit = [volume(0.5), vec![set(Table::Tracks, &id("t"), "pan", 0.5)]].concat();
    band.edit(0, &named("Both"), edit, at(0));
    band.serve(0);
    band.foreign("bob", volume(0.9));
    band.undo(0);
    assert_eq!(band.tabs[0].skipped, 1);
    let undo = band.tabs[0].sent[0].clone();
    let submitted = band.room.submit(&Author::User(id("ann")), &undo, at(0)).unwrap();
    let commits = ServerMessage::Commits { channel: CHANNEL, commits: vec![submitted.commit] };
    let effects = band.tabs[0].replica.handle(Event::Message(commits));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Skipped { .. })));
    band.settled(0);
}
