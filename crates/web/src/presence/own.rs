//! What this page tells the others: where one points, what one has selected, plays, drags and holds (CL8). Nothing of it is written.

use std::time::Duration;

use leptos::prelude::*;
use sync::wire::{Dragged, PRESENCE_HELD_MAX, PRESENCE_SELECTION_MAX, Playhead, Pointer, Presence as Doing};

use super::hands::values_of;
use crate::arrangement::{Board, Drag};
use crate::door::clock;
use crate::door::sound::Sound;

/// The least time between two messages, in milliseconds: 20 a second.
const BETWEEN_MS: f64 = 50.0;
/// So often a playhead that moves is told; others let it glide in between.
const PLAYHEAD_MS: f64 = 250.0;

/// Tells at once what is new after some quiet, and else what is newest, at a bearable rate.
#[derive(Clone, Copy)]
struct Teller {
    board: Board,
    sound: Sound,
    last: StoredValue<Option<Doing>>,
    last_at: StoredValue<f64>,
    waits: StoredValue<bool>,
}

/// Tells the others what this page does, until the arrangement is left.
pub(crate) fn tell(board: Board, sound: Sound) {
    let teller = Teller {
        board,
        sound,
        last: StoredValue::new(None),
        last_at: StoredValue::new(f64::NEG_INFINITY),
        waits: StoredValue::new(false),
    };
    let live = Memo::new(move |_| board.door.status().with(|status| status.live));
    Effect::new(move |_| {
        // Whoever was away has to say everything again.
        if live.get() {
            teller.last.set_value(None);
        }
        teller.ask();
    });
    Effect::new(move |_| {
        board.pointer.track();
        board.selection.track();
        board.drag.track();
        board.shaping.track();
        board.hands.own().track();
        board.door.moment().track();
        sound.cursor().track();
        sound.playing().track();
        teller.ask();
    });
    sound.on_frame(move |heard| {
        if heard.playing && clock::milliseconds() - teller.last_at.get_value() > PLAYHEAD_MS {
            teller.ask();
        }
    });
}

impl Teller {
    fn ask(self) {
        let Some(last_at) = self.last_at.try_get_value() else { return };
        let wait = last_at + BETWEEN_MS - clock::milliseconds();
        if wait <= 0.0 {
            return self.say();
        }
        if self.waits.get_value() {
            return;
        }
        self.waits.set_value(true);
        clock::after(Duration::from_secs_f64(wait / 1_000.0), move || {
            if self.waits.try_get_value().is_some() {
                self.waits.set_value(false);
                self.say();
            }
        });
    }

    fn say(self) {
        let doing = doing(self.board, self.sound);
        if self.last.with_value(|last| last.as_ref() == Some(&doing)) {
            return;
        }
        self.last.set_value(Some(doing.clone()));
        self.last_at.set_value(clock::milliseconds());
        self.board.door.present(doing);
    }
}

/// What this page does now. Of an old state, which others do not see, nothing is told.
fn doing(board: Board, sound: Sound) -> Doing {
    if board.door.moment().with_untracked(Option::is_some) {
        return Doing::default();
    }
    let lane = |index: usize| board.scene(|scene| scene.lanes().get(index).map(|lane| lane.id.clone()));
    let pointer = board.pointer.get_untracked().map(|(x, y)| Pointer {
        beat: board.viewport.get_untracked().beat(x).max(0.0),
        track: board.lane_at(y).and_then(lane),
    });
    let selection = board.selection.with_untracked(|all| all.iter().take(PRESENCE_SELECTION_MAX).cloned().collect());
    let playing = sound.playing().get_untracked();
    let playhead = Some(Playhead { beat: sound.position().beats(), playing });
    let dragging = board.drag.with_untracked(|drag| {
        // Where it cannot land it is nowhere for the others.
        let lands = |drag: &&Drag| drag.changes() && !board.scene(|scene| drag.is_barred(scene));
        let Some(drag) = drag.as_ref().filter(lands) else { return Vec::new() };
        let dragged = |one: &crate::arrangement::Held| {
            let start = (one.clip.start + drag.by).beats();
            Some(Dragged { clip: one.clip.id.clone(), track: lane(drag.target_lane(one))?, start })
        };
        drag.clips.iter().take(PRESENCE_SELECTION_MAX).filter_map(dragged).collect()
    });
    let mut held = board
        .shaping
        .with_untracked(|shaping| shaping.as_ref().map(|shaping| values_of(&shaping.operations())).unwrap_or_default());
    board.hands.own().with_untracked(|own| held.extend(own.iter().cloned()));
    held.truncate(PRESENCE_HELD_MAX);
    Doing { pointer, selection, playhead, dragging, held }
}
