//! A song that its owner has deleted: edits are taken as ever, and come back with it (PE7).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod band;

use band::{Band, at, id, named, volume};
use model::Table;
use operations::build::{delete, restore, set};
use sync::Event;

fn tempo(bpm: f64) -> Vec<operations::Operation> {
    vec![set(Table::Projects, &id("p"), "bpm", bpm)]
}

#[test]
fn pe7_what_is_changed_in_a_deleted_song_and_what_waited_offline_comes_back_with_it() {
    let mut band = Band::connected(1, false);
    band.happen(0, Event::Disconnected);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.tabs[0].sent.clear();
    // Deleted from another browser.
    band.commit("ann", vec![delete(Table::Projects, &id("p"))]);
    band.connect(0);
    band.serve(0);
    band.foreign("bob", vec![set(Table::Tracks, &id("t"), "name", "Low")]);
    assert_eq!(band.tabs[0].refused, 0);
    band.foreign("ann", vec![restore(Table::Projects, &id("p"))]);
    let track = band.room.records().find(Table::Tracks, &id("t")).unwrap();
    assert_eq!((track.number("volume"), track.text("name")), (Some(0.5), Some("Low")));
    band.settled(0);
}

#[test]
fn pe7_un1_undo_goes_on_in_a_deleted_song() {
    let mut band = Band::connected(1, false);
    band.edit(0, &named("Tempo"), tempo(90.0), at(0));
    band.serve(0);
    band.foreign("ann", vec![delete(Table::Projects, &id("p"))]);
    band.undo(0);
    band.serve(0);
    assert_eq!((band.room.records().project().unwrap().number("bpm"), band.tabs[0].skipped), (Some(120.0), 0));
    band.settled(0);
}
