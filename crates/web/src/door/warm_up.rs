//! The first edit as fast as those that follow: a browser compiles WASM when it first runs, a few milliseconds in all.

use std::time::Duration;

use model::{Clip, Table};
use operations::build;
use sync::{Edit, Effect, wire};

use super::{Door, clock, identity};

/// By then the project is on the screen, and a person has hardly touched it.
const AFTER_OPENING: Duration = Duration::from_millis(300);
/// Once compiles; a few times more tell the browser what is worth more of its time.
const TIMES: usize = 3;

/// Some time after opening, moves a clip to where it is: in a copy of the replica, which is thrown away, and on the screen.
pub(super) fn soon(door: Door) {
    clock::after(AFTER_OPENING, move || clock::when_quiet(move || rehearse(door)));
}

fn rehearse(door: Door) {
    // The page may have been left.
    let Some(inner) = door.alive() else { return };
    let mut copy = inner.replica.borrow().clone();
    let found = copy.view().iter().find(|(key, _)| key.table == Table::Clips);
    let Some((key, clip)) = found.and_then(|(key, record)| Some((key.clone(), Clip::from_record(record)?))) else {
        return;
    };
    for _ in 0..TIMES {
        let stay = build::set(Table::Clips, &clip.id, "startBeat", clip.start.beats());
        // Refused for those who may only look; they need no rehearsal.
        let edit = Edit { label: "Move clip".to_owned(), gesture: None };
        let effects = copy.edit(identity::new_id(), &edit, vec![stay], identity::now()).unwrap_or_default();
        for effect in effects {
            if let Effect::Send(message) = effect {
                drop(wire::encode(&message));
            }
        }
        door.changed(std::slice::from_ref(&key));
        // What an edit sets off beside that, with nothing in it.
        door.perform(vec![Effect::StatusChanged, Effect::Steps(Vec::new())]);
    }
}
