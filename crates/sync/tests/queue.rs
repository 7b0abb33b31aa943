//! The queue that a browser keeps for its tabs, and what becomes of an edit in it (CL1-CL4, CL8).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod band;

use band::{Band, CHANNEL, Tab, at, id, label, named, new_clip, new_track, refused, volume};
use model::{Id, Table};
use operations::Author;
use operations::build::set;
use sync::wire::ServerMessage;
use sync::{Effect, Event, Store, TabMessage};

fn kept_store(tab: &Tab, places: &[u64]) -> Store {
    let rows = places.iter().copied().zip(tab.keep.iter().cloned());
    Store { queue: rows.collect(), steps: Vec::new() }
}

/// The server fails so often on a transaction, and the tab connects again each time.
fn fail(band: &mut Band, tx_id: &Id, times: usize) {
    for _ in 0..times {
        band.happen(0, refused(tx_id, 503));
        band.happen(0, Event::Disconnected);
        band.connect(0);
    }
}

/// The server fails on a transaction so often, and on nothing else, that it is set aside.
fn set_aside(band: &mut Band, tx_id: &Id) {
    fail(band, tx_id, 4);
    band.foreign("bob", vec![set(Table::Projects, &id("p"), "name", "Another")]);
    assert!(!band.tabs[0].replica.is_parked(tx_id));
    fail(band, tx_id, 1);
    assert!(band.tabs[0].replica.is_parked(tx_id));
}

/// The tab connects `times` times to a server that fails on some transactions.
fn attempts(band: &mut Band, times: usize, fails: impl Fn(&Id) -> bool) {
    for _ in 0..times {
        while let Some(transaction) = (!band.tabs[0].sent.is_empty()).then(|| band.tabs[0].sent.remove(0)) {
            if fails(&transaction.tx_id) {
                band.tabs[0].sent.clear();
                fail(band, &transaction.tx_id, 1);
                break;
            }
            let submitted = band.room.submit(&Author::User(id("ann")), &transaction, at(50_000)).unwrap();
            band.hear(0, &submitted);
        }
    }
}

#[test]
fn cl8_unsent_sets_of_one_field_become_one_transaction() {
    let mut band = Band::connected(1, false);
    band.happen(0, Event::Disconnected);
    for n in 0..9 {
        band.edit(0, &named("Fader"), volume(f64::from(n) / 10.0), at(i64::from(n) * 100));
    }
    assert_eq!((band.tabs[0].replica.status().pending, band.shown(0)), (1, 0.8));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(1_000));
    assert_eq!(band.tabs[0].replica.status().pending, 2);
    band.happen(0, Event::Connected);
    band.happen(0, Event::Message(ServerMessage::Resumed { channel: CHANNEL, epoch: id("e1"), seq: band.room.seq() }));
    band.serve(0);
    band.undo(0);
    band.undo(0);
    band.serve(0);
    assert_eq!(band.shown(0), 1.0, "one undo takes all of them back");
    band.settled(0);
}

#[test]
fn cl2_an_edit_is_kept_before_it_is_sent_and_goes_without_when_it_cannot_be() {
    let mut band = Band::sending(1);
    let first = band.edit(0, &named("Louder"), volume(0.5), at(0));
    let second = band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(1));
    assert!(band.tabs[0].sent.is_empty() && band.tabs[0].keep.len() == 2);
    band.kept(0, &second, Some(2));
    assert!(band.tabs[0].sent.is_empty(), "in order: the first is not kept yet");
    band.kept(0, &first, None);
    assert_eq!(band.tabs[0].sent.len(), 2);
    band.serve(0);
    assert!(band.tabs[0].forgotten.contains(&first));
    band.settled(0);
}

#[test]
fn cl2_what_could_not_be_kept_is_kept_in_its_order_when_there_is_room() {
    let mut band = Band::sending(1);
    band.happen(0, Event::Disconnected);
    let volumes = [0.1, 0.2, 0.3, 0.4];
    let edits: Vec<Id> = volumes
        .iter()
        .zip(0..)
        .map(|(value, n)| band.edit(0, &named("Volume"), volume(*value), at(n * 5_000)))
        .collect();
    for (tx_id, place) in edits.iter().zip([None, Some(1), None, None]) {
        band.kept(0, tx_id, place);
    }
    let kept_again = |band: &mut Band| {
        band.tabs[0].keep.clear();
        band.happen(0, Event::Room);
        band.tabs[0].keep.iter().map(|kept| kept.transaction.tx_id.clone()).collect::<Vec<Id>>()
    };
    assert_eq!(kept_again(&mut band), edits[2..], "the first would get a place behind the second");
    assert!(kept_again(&mut band).is_empty(), "they are being kept");
    for (tx_id, place) in edits[2..].iter().zip([Some(2), None]) {
        band.kept(0, tx_id, place);
    }
    assert_eq!(kept_again(&mut band), edits[3..]);
    band.connect(0);
    assert_eq!(band.tabs[0].sent.len(), 4, "whether it is kept or not");
    band.serve(0);
    assert_eq!(band.shown(0), 0.4);
    band.settled(0);
}

#[test]
fn cl2_what_was_kept_survives_a_reload_and_shows_at_once() {
    let mut band = Band::new(2, true);
    band.connect(0);
    band.edit(0, &named("Louder"), volume(0.5), at(0));
    let (queue, steps) = (vec![(1, band.tabs[0].keep[0].clone())], band.tabs[0].replica.next_undo().cloned());
    let (records, seq) = (band.room.records().clone(), band.room.seq());
    let effects = band.tabs[1].replica.restore(id("e1"), seq, records, &[]);
    band.perform(1, effects);
    band.happen(1, Event::Stored(Store { queue, steps: steps.into_iter().collect() }));
    assert_eq!(band.shown(1), 0.5, "before there is any connection");
    assert_eq!(label(band.tabs[1].replica.next_undo()), Some("Louder"));
    band.happen(1, Event::Leads(true));
    band.connect(1);
    band.serve(1);
    band.undo(1);
    let kept = band.tabs[1].keep.pop().unwrap();
    band.kept(1, &kept.transaction.tx_id, Some(2));
    band.serve(1);
    assert_eq!(band.shown(1), 1.0, "undo after a reload");
    band.settled(1);
}

#[test]
fn cl4_one_tab_sends_for_all_and_they_see_each_others_edits_at_once() {
    let mut band = Band::sending(2);
    let tx_id = band.edit(1, &named("Louder"), volume(0.5), at(0));
    band.kept(1, &tx_id, Some(1));
    assert!(band.tabs[1].sent.is_empty(), "it is not the one that sends");
    band.tell(1, 0);
    assert_eq!((band.shown(0), band.tabs[0].sent.len()), (0.5, 1));
    assert_eq!(label(band.tabs[0].replica.next_undo()), Some("Louder"), "undo is shared by the tabs (UN1)");
    band.serve(0);
    band.settled(0);
    band.settled(1);
}

#[test]
fn cl4_a_tab_that_takes_over_sends_again_what_may_be_lost() {
    let mut band = Band::sending(2);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.kept(0, &tx_id, Some(1));
    band.tell(0, 1);
    // The first tab dies with what it was sending.
    band.happen(1, Event::Leads(true));
    assert_eq!(band.tabs[1].sent.len(), 1);
    band.tabs.remove(0);
    band.serve(0);
    band.settled(0);
}

#[test]
fn cl4_a_snapshot_in_the_place_of_a_commit_does_not_leave_an_edit_waiting() {
    let mut band = Band::sending(2);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.kept(0, &tx_id, Some(1));
    band.tell(0, 1);
    band.happen(1, Event::Disconnected);
    band.serve(0);
    band.tell(0, 1);
    assert_eq!(band.tabs[1].replica.status().pending, 1);
    band.connect(1);
    band.settled(1);
}

#[test]
fn cl3_what_the_server_keeps_failing_on_is_set_aside_with_what_depends_on_it() {
    let mut band = Band::connected(1, false);
    let bad = band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    set_aside(&mut band, &bad);
    band.tabs[0].sent.clear();
    band.edit(0, &named("Pan"), vec![set(Table::Tracks, &id("n"), "pan", 0.5)], at(5_000));
    band.edit(0, &named("Louder"), volume(0.5), at(9_000));
    assert_eq!((band.tabs[0].sent.len(), band.tabs[0].replica.status().parked), (1, 2), "the rest goes on");
    band.serve(0);
    band.happen(0, Event::Retry);
    assert_eq!(band.tabs[0].sent.len(), 2);
    band.serve(0);
    band.settled(0);
}

#[test]
fn cl3_a_server_without_room_is_no_failure_of_an_edits_and_is_said_until_it_has_room() {
    let mut band = Band::connected(1, false);
    let first = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.edit(0, &named("Pan"), vec![set(Table::Tracks, &id("t"), "pan", 0.5)], at(5_000));
    assert!(!band.tabs[0].replica.status().no_room);
    for _ in 0..20 {
        band.happen(0, refused(&first, 507));
        band.happen(0, Event::Disconnected);
        assert!(band.tabs[0].replica.status().no_room, "also while it waits to be asked again");
        band.tabs[0].sent.clear();
        band.connect(0);
    }
    // It has room for what others do, and has been asked since.
    band.foreign("bob", vec![set(Table::Projects, &id("p"), "name", "Another")]);
    assert_eq!((band.tabs[0].replica.status().parked, band.tabs[0].replica.stepping_aside()), (0, 0));
    assert!(!band.tabs[0].replica.status().no_room);
    assert_eq!(band.tabs[0].sent.len(), 2, "in their order");
    band.serve(0);
    band.settled(0);
}

#[test]
fn cl3_what_the_server_says_of_what_it_puts_off_is_said_until_it_takes_it_or_is_out_of_reach() {
    let mut band = Band::connected(1, false);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    let said = |band: &Band| {
        let status = band.tabs[0].replica.status();
        (status.no_room, status.put_off)
    };
    let put_off = |band: &mut Band, status: u16, message: &str| {
        let (channel, tx_id, message) = (CHANNEL, tx_id.clone(), message.to_owned());
        band.happen(0, Event::Message(ServerMessage::Refused { channel, tx_id, status, message }));
        band.happen(0, Event::Disconnected);
    };
    put_off(&mut band, 507, "this song's history has grown as large as it may");
    let grown = (true, Some("this song's history has grown as large as it may".to_owned()));
    assert_eq!(said(&band), grown);
    band.connect(0);
    assert_eq!(said(&band), grown, "it is asked again, and has not answered");
    put_off(&mut band, 429, "too fast");
    assert_eq!(said(&band), (false, Some("too fast".to_owned())));
    band.connect(0);
    put_off(&mut band, 507, "full");
    // It cannot be reached when it is to be asked again.
    band.happen(0, Event::Disconnected);
    assert_eq!(said(&band), (false, None));
    band.connect(0);
    put_off(&mut band, 507, "full");
    band.connect(0);
    // The connection breaks before there is an answer.
    band.happen(0, Event::Disconnected);
    assert_eq!(said(&band), (false, None));
    band.tabs[0].sent.clear();
    band.connect(0);
    put_off(&mut band, 507, "full");
    band.tabs[0].sent.clear();
    band.connect(0);
    band.serve(0);
    assert_eq!(said(&band), (false, None));
    band.settled(0);
}

#[test]
fn cl3_what_is_given_up_is_gone_from_view_and_store() {
    let mut band = Band::connected(1, true);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.kept(0, &tx_id, Some(1));
    band.happen(0, Event::Discard(tx_id.clone()));
    assert_eq!((band.shown(0), &band.tabs[0].forgotten), (1.0, &vec![tx_id]));
    assert_eq!(label(band.tabs[0].replica.next_undo()), None);
    band.settled(0);
}

#[test]
fn si1_cl2_an_edit_that_takes_in_another_is_kept_again_before_it_is_sent() {
    let mut band = Band::new(1, true);
    band.happen(0, Event::Leads(true));
    let (epoch, seq) = (id("e1"), band.room.seq());
    let records = band.room.records().clone();
    let effects = band.tabs[0].replica.restore(epoch.clone(), seq, records, &[]);
    band.perform(0, effects);
    let tx_id = band.edit(0, &named("Fader"), volume(0.5), at(0));
    band.kept(0, &tx_id, Some(1));
    band.edit(0, &named("Fader"), volume(0.6), at(100));
    assert_eq!((band.tabs[0].replica.status().pending, band.tabs[0].keep.len()), (1, 2), "one transaction, kept twice");
    band.happen(0, Event::Connected);
    band.happen(0, Event::Message(ServerMessage::Resumed { channel: CHANNEL, epoch, seq }));
    assert!(band.tabs[0].sent.is_empty(), "what is kept is not what is here");
    band.kept(0, &tx_id, Some(1));
    assert_eq!(band.tabs[0].sent.len(), 1);
    assert_eq!(band.tabs[0].sent[0].operations, volume(0.6));
}

#[test]
fn si1_cl4_cl8_only_the_tab_that_sends_lets_an_edit_take_in_another() {
    let mut band = Band::new(2, true);
    band.happen(0, Event::Leads(true));
    band.connect(1);
    band.edit(1, &named("Fader"), volume(0.5), at(0));
    band.edit(1, &named("Fader"), volume(0.6), at(100));
    assert_eq!(band.tabs[1].replica.status().pending, 2, "the other tab may be sending the first one already");
}

#[test]
fn cl4_cl8_without_locks_no_tab_lets_an_edit_take_in_another() {
    let mut band = Band::new(2, true);
    for tab in 0..2 {
        band.happen(tab, Event::SharesLead);
        band.connect(tab);
    }
    // One is still without a connection when the other has one again.
    band.happen(0, Event::Disconnected);
    let first = band.edit(0, &named("Fader"), volume(0.5), at(0));
    band.happen(0, Event::Kept { tx_id: first, place: Some(1) });
    band.tell(0, 1);
    assert_eq!(band.tabs[1].sent.len(), 1, "whoever can sends");
    let second = band.edit(0, &named("Fader"), volume(0.6), at(500));
    band.serve(1);
    band.happen(0, Event::Kept { tx_id: second, place: Some(2) });
    band.connect(0);
    assert_eq!(band.shown(0), 0.6, "what has been turned since is not lost");
    band.tell(1, 0);
    band.serve(0);
    for tab in 0..2 {
        assert_eq!(band.shown(tab), 0.6);
        band.settled(tab);
    }
    band.undo(0);
    assert_eq!(band.shown(0), 1.0, "one step all the same (UN2)");
}

#[test]
fn si1_cl2_what_could_not_be_kept_is_sent_by_the_tab_that_has_it_in_its_turn() {
    let mut band = Band::sending(2);
    let first = band.edit(1, &named("Louder"), volume(0.5), at(0));
    let second = band.edit(1, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    band.kept(1, &first, Some(1));
    band.kept(1, &second, None);
    assert!(band.tabs[1].sent.is_empty(), "another tab sends what is older");
    band.tell(1, 0);
    band.serve(0);
    assert_eq!(band.tabs[1].sent.len(), 1, "nobody else can send it");
    band.serve(1);
    band.settled(0);
    band.settled(1);
}

#[test]
fn si1_cl3_what_is_put_off_with_another_is_not_set_aside_with_it() {
    let mut band = Band::connected(1, false);
    let bad = band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    let good = band.edit(0, &named("Louder"), volume(0.5), at(5_000));
    for _ in 0..5 {
        for tx_id in [&bad, &good] {
            band.happen(0, refused(tx_id, 503));
        }
        band.happen(0, Event::Disconnected);
        band.tabs[0].sent.clear();
        band.connect(0);
    }
    assert_eq!(band.tabs[0].replica.status().parked, 0, "the server may fail on everything");
    assert_eq!(band.tabs[0].sent.iter().map(|sent| &sent.tx_id).collect::<Vec<_>>(), [&good]);
    attempts(&mut band, 2, |tx_id| *tx_id == bad);
    assert_eq!((band.tabs[0].replica.status().pending, band.tabs[0].replica.is_parked(&bad)), (1, true));
}

#[test]
fn cl3_a_server_that_takes_nothing_for_a_while_sets_nothing_aside() {
    for edits in 1..=3 {
        let mut band = Band::new(1, false);
        band.connect(0);
        for n in 0..edits {
            band.edit(0, &named("Add"), vec![new_track(&format!("n{n}"), "New")], at(n * 5_000));
        }
        for _ in 0..40 {
            attempts(&mut band, 1, |_| true);
            assert_eq!(band.tabs[0].replica.status().parked, 0);
            assert!(!band.tabs[0].sent.is_empty(), "it is tried again each time");
        }
        attempts(&mut band, 1, |_| false);
        band.settled(0);
    }
}

#[test]
fn cl3_of_several_on_which_the_server_fails_each_is_set_aside_and_the_rest_goes_on() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let edits: Vec<Id> =
        (0..5).map(|n| band.edit(0, &named("Add"), vec![new_track(&format!("n{n}"), "New")], at(n * 5_000))).collect();
    let (bad, good) = edits.split_at(3);
    attempts(&mut band, 30, |tx_id| bad.contains(tx_id));
    let status = band.tabs[0].replica.status();
    assert_eq!((status.pending, status.parked), (3, 3));
    assert!(good.iter().all(|tx_id| !band.tabs[0].replica.is_parked(tx_id)));
    band.happen(0, Event::Retry);
    attempts(&mut band, 1, |_| false);
    band.settled(0);
}

#[test]
fn cl3_what_depends_on_an_edit_that_steps_aside_waits_for_it() {
    let mut band = Band::new(1, false);
    band.connect(0);
    let made = band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    let changed = band.edit(0, &named("Pan"), vec![set(Table::Tracks, &id("n"), "pan", 0.5)], at(5_000));
    let other = band.edit(0, &named("Louder"), volume(0.5), at(9_000));
    attempts(&mut band, 5, |_| true);
    let sent = |band: &Band| band.tabs[0].sent.iter().map(|sent| sent.tx_id.clone()).collect::<Vec<_>>();
    assert_eq!(sent(&band), std::slice::from_ref(&other));
    attempts(&mut band, 1, |_| true);
    assert_eq!(sent(&band), [made, changed, other], "all again, in their order");
}

#[test]
fn si1_cl4_what_is_not_kept_any_more_has_been_settled_by_another_tab() {
    let mut band = Band::connected(2, true);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.kept(0, &tx_id, Some(1));
    let store = kept_store(&band.tabs[0], &[1]);
    band.happen(1, Event::Stored(store));
    assert_eq!((band.shown(1), band.tabs[1].replica.status().pending), (0.5, 1));
    band.happen(1, Event::Stored(Store::default()));
    band.happen(1, Event::Leads(true));
    assert_eq!((band.shown(1), band.tabs[1].sent.len()), (1.0, 0), "it is not sent again");
}

#[test]
fn cl4_a_tab_that_has_lost_the_lead_sends_again_when_it_gets_it_back() {
    let mut band = Band::sending(1);
    let tx_id = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.kept(0, &tx_id, Some(1));
    assert_eq!(band.tabs[0].sent.len(), 1);
    band.happen(0, Event::Leads(false));
    band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    assert_eq!(band.tabs[0].sent.len(), 1);
    band.happen(0, Event::Leads(true));
    assert_eq!(band.tabs[0].sent.len(), 2, "how the first one went nobody has heard");
}

#[test]
fn cl3_only_what_is_set_aside_is_said_to_be() {
    let mut band = Band::connected(1, false);
    let bad = band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    let good = band.edit(0, &named("Louder"), volume(0.5), at(5_000));
    set_aside(&mut band, &bad);
    assert!(!band.tabs[0].replica.is_parked(&good));
    assert!(!band.tabs[0].replica.is_parked(&id("another")));
}

#[test]
fn cl3_what_names_or_changes_a_record_that_waits_is_set_aside_with_it_and_nothing_else_is() {
    let mut band = Band::connected(1, false);
    let bad = band.edit(0, &named("Add track"), vec![new_track("n", "New")], at(0));
    set_aside(&mut band, &bad);
    band.tabs[0].sent.clear();
    let made = band.edit(0, &named("Add clip"), vec![new_clip("n")], at(5_000));
    let changed = band.edit(0, &named("Pan"), vec![set(Table::Tracks, &id("n"), "pan", 0.5)], at(9_000));
    let free = band.edit(0, &named("Louder"), volume(0.5), at(13_000));
    let routed = band.edit(0, &named("Name"), vec![set(Table::Tracks, &id("t"), "name", "n")], at(17_000));
    let other = band.edit(0, &named("Add"), vec![new_track("o", "Other")], at(21_000));
    let is_parked = |tx_id: &Id| band.tabs[0].replica.is_parked(tx_id);
    assert!(is_parked(&made), "a clip on the track that waits");
    assert!(is_parked(&changed));
    assert!(is_parked(&routed), "whatever has its id for a value");
    let sent: Vec<&Id> = band.tabs[0].sent.iter().map(|transaction| &transaction.tx_id).collect();
    assert_eq!(sent, [&free, &other]);
}

#[test]
fn cl3_a_refusal_of_what_does_not_wait_here_is_nobodys_news() {
    let mut band = Band::connected(1, false);
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    assert_eq!(band.tabs[0].replica.handle(refused(&id("another"), 409)), []);
    assert!(!band.tabs[0].replica.handle(refused(&edit, 409)).is_empty());
    assert_eq!(band.tabs[0].replica.handle(refused(&edit, 409)), [], "it is told once");
}

#[test]
fn cl4_what_was_settled_is_not_taken_up_again_from_a_store_or_a_tab_that_is_late() {
    let mut band = Band::sending(1);
    let first = band.edit(0, &named("Louder"), volume(0.5), at(0));
    let second = band.edit(0, &named("Rename"), vec![set(Table::Tracks, &id("t"), "name", "Low")], at(5_000));
    for (tx_id, place) in [(&first, 1), (&second, 2)] {
        band.kept(0, tx_id, Some(place));
    }
    let store = kept_store(&band.tabs[0], &[1, 2]);
    let late = TabMessage::Kept { place: 1, kept: band.tabs[0].keep[0].clone() };
    band.serve(0);
    band.settled(0);
    band.tabs[0].forgotten.clear();
    band.happen(0, Event::Tab(late));
    band.happen(0, Event::Stored(store));
    assert_eq!(band.tabs[0].forgotten, [first, second], "they are in the log");
    assert!(band.tabs[0].sent.is_empty());
    band.settled(0);
}

#[test]
fn cl1_only_records_that_look_different_are_told() {
    let mut band = Band::connected(1, false);
    let changed = |effects: Vec<Effect>| -> usize {
        let keys = effects.into_iter().map(|effect| if let Effect::Changed(keys) = effect { keys.len() } else { 0 });
        keys.sum()
    };
    let edit = band.new_id();
    let made = band.tabs[0].replica.edit(edit.clone(), &named("Louder"), volume(0.5), at(0)).unwrap();
    assert_eq!(changed(made), 1);
    let (seq, time) = (band.room.seq() + 1, at(0));
    let acknowledged = ServerMessage::Acknowledged { channel: CHANNEL, tx_ids: vec![edit], seq, time };
    assert_eq!(changed(band.tabs[0].replica.handle(Event::Message(acknowledged))), 0, "it was on the screen already");
}

#[test]
fn cl4_only_the_tab_that_sends_keeps_an_undo_anew() {
    let mut band = Band::sending(2);
    let edit = band.edit(1, &named("Louder"), volume(0.5), at(0));
    band.kept(1, &edit, Some(1));
    band.undo(1);
    let undo = band.tabs[1].keep[1].transaction.tx_id.clone();
    band.kept(1, &undo, Some(2));
    band.tell(1, 0);
    band.foreign("bob", volume(0.3));
    band.serve(0);
    assert_eq!((band.tabs[0].keep.len(), band.tabs[1].keep.len()), (1, 2), "the one that sends has kept it anew");
}

#[test]
fn cl4_a_tab_that_goes_on_sending_sends_nothing_twice() {
    let mut band = Band::sending(1);
    let edit = band.edit(0, &named("Louder"), volume(0.5), at(0));
    band.kept(0, &edit, Some(1));
    band.happen(0, Event::Leads(true));
    assert_eq!(band.tabs[0].sent.len(), 1);
}
