//! Undo and redo of what somebody else has deleted meanwhile: it is left out and said, the rest is done (UN3).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod band;

use band::{Band, at, id, label, named, new_clip, new_track, volume};
use model::{Id, Record, Table};
use operations::Operation;
use operations::build::{delete, restore, set};
use sync::Edit;

/// A band with a clip `k` on a track `u` of bob's, beside the track `t`.
fn band_with_clip() -> Band {
    let mut band = Band::connected(1, false);
    band.foreign("bob", vec![new_track("u", "Keys"), new_clip("u")]);
    band
}

fn clip(band: &Band) -> &Record {
    band.room.records().find(Table::Clips, &id("k")).unwrap()
}

fn start(band: &Band) -> f64 {
    clip(band).number("startBeat").unwrap()
}

fn moved_to(beat: f64) -> Operation {
    set(Table::Clips, &id("k"), "startBeat", beat)
}

fn put_on(track: &str) -> Operation {
    set(Table::Clips, &id("k"), "trackId", track)
}

fn gone(table: Table, record: &str) -> Vec<Operation> {
    vec![delete(table, &id(record))]
}

fn again(table: Table, record: &str) -> Vec<Operation> {
    vec![restore(table, &id(record))]
}

fn gesture(label: &str) -> Edit {
    Edit { label: label.to_owned(), gesture: Some(Id::new("g").unwrap()) }
}

#[test]
fn un3_a_step_on_what_another_has_deleted_is_left_out_and_said() {
    for (table, record) in [(Table::Clips, "k"), (Table::Tracks, "u")] {
        let mut band = band_with_clip();
        band.edit(0, &named("Louder"), volume(0.5), at(0));
        band.edit(0, &named("Move clip"), vec![moved_to(8.0)], at(5_000));
        band.serve(0);
        band.foreign("bob", gone(table, record));
        let seq = band.room.seq();
        band.undo(0);
        assert_eq!((band.tabs[0].skipped, band.tabs[0].sent.len()), (1, 0), "{table:?}");
        let replica = &band.tabs[0].replica;
        assert_eq!((label(replica.next_undo()), label(replica.next_redo())), (Some("Louder"), None));
        // The step before it is the next one, and whoever brings the clip back has it as it was.
        band.undo(0);
        band.serve(0);
        assert_eq!((band.shown(0), band.room.seq()), (1.0, seq + 1));
        band.foreign("bob", again(table, record));
        assert_eq!(start(&band), 8.0);
        band.settled(0);
    }
}

#[test]
fn un3_a_step_on_what_another_has_deleted_is_not_brought_again_but_said() {
    let mut band = band_with_clip();
    band.edit(0, &named("Move clip"), vec![moved_to(8.0)], at(0));
    band.edit(0, &named("Louder"), volume(0.5), at(5_000));
    band.serve(0);
    band.undo(0);
    band.undo(0);
    band.serve(0);
    band.foreign("bob", gone(Table::Clips, "k"));
    band.redo(0);
    assert_eq!((band.tabs[0].skipped, band.tabs[0].sent.len()), (1, 0));
    band.redo(0);
    band.serve(0);
    assert_eq!((band.shown(0), start(&band), band.tabs[0].skipped), (0.5, 0.0, 1));
    band.settled(0);
}

#[test]
fn un3_of_a_step_on_several_what_is_there_is_taken_back_and_the_rest_said() {
    let mut band = band_with_clip();
    band.edit(0, &named("Both"), [volume(0.5), vec![moved_to(8.0)]].concat(), at(0));
    band.serve(0);
    band.foreign("bob", gone(Table::Clips, "k"));
    band.undo(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped), (1.0, 1));
    band.serve(0);
    band.redo(0);
    band.serve(0);
    assert_eq!((band.shown(0), start(&band), band.tabs[0].skipped), (0.5, 8.0, 1), "nothing is left out of that");
    band.settled(0);
}

#[test]
fn un3_a_clip_comes_back_from_a_track_that_another_has_deleted_and_goes_to_none() {
    let mut band = band_with_clip();
    band.edit(0, &named("Move clip"), vec![moved_to(8.0), put_on("t")], at(0));
    band.serve(0);
    band.foreign("bob", gone(Table::Tracks, "t"));
    band.undo(0);
    band.serve(0);
    assert_eq!((clip(&band).text("trackId"), start(&band), band.tabs[0].skipped), (Some("u"), 0.0, 0));
    // Back on the deleted track nobody would see it.
    band.redo(0);
    band.serve(0);
    assert_eq!((clip(&band).text("trackId"), start(&band), band.tabs[0].skipped), (Some("u"), 0.0, 2));
    band.settled(0);
}

#[test]
fn un5_what_one_has_deleted_oneself_is_taken_back_whatever_the_order() {
    let mut band = band_with_clip();
    band.edit(0, &gesture("Clear"), gone(Table::Clips, "k"), at(0));
    band.edit(0, &gesture("Clear"), vec![moved_to(8.0)], at(1));
    band.edit(0, &gesture("Clear"), gone(Table::Tracks, "u"), at(2));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    assert!(!clip(&band).is_deleted() && start(&band) == 0.0);
    band.redo(0);
    band.serve(0);
    assert!(clip(&band).is_deleted() && start(&band) == 8.0);
    assert_eq!(band.tabs[0].skipped, 0);
    band.settled(0);
}

#[test]
fn un5_what_one_has_brought_back_is_taken_back_with_what_was_changed_in_it() {
    let mut band = band_with_clip();
    band.foreign("bob", gone(Table::Clips, "k"));
    // As an old state is restored.
    band.edit(0, &gesture("Restore"), vec![moved_to(8.0)], at(0));
    band.edit(0, &gesture("Restore"), again(Table::Clips, "k"), at(1));
    band.serve(0);
    band.undo(0);
    band.serve(0);
    assert!(clip(&band).is_deleted() && start(&band) == 0.0);
    band.redo(0);
    band.serve(0);
    assert!(!clip(&band).is_deleted() && start(&band) == 8.0);
    assert_eq!(band.tabs[0].skipped, 0);
    band.settled(0);
}

#[test]
fn un3_the_undo_of_a_creation_that_another_has_deleted_hides_nothing_and_says_so() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Both"), [vec![new_track("n", "New")], volume(0.5)].concat(), at(0));
    band.serve(0);
    band.foreign("bob", gone(Table::Tracks, "n"));
    band.undo(0);
    assert_eq!((band.shown(0), band.tabs[0].skipped, band.tabs[0].hidden), (1.0, 1, 0));
    band.serve(0);
    band.settled(0);
}
