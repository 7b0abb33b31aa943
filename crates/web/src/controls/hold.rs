//! A control in the hand: heard and seen while it moves, written once when it is let go.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent, PointerEvent, WheelEvent};

use crate::door::{Door, clock};
use crate::shortcuts::Command;

/// With Shift held everything moves this much less.
const FINE: f64 = 0.1;
/// What Page Up turns, as a part of the way.
const LEAP: f64 = 0.1;
/// A notch of the wheel, as a part of the way.
const NOTCH: f64 = 0.02;
/// So long after the last notch of the wheel its turn is written.
const WHEEL_REST: Duration = Duration::from_millis(350);

/// A control's hold. Places are parts of its way, 0 to 1. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Hold {
    door: Door,
    /// Where the hand has it.
    held: RwSignal<Option<f64>>,
    /// Where it is written to be.
    written: Signal<f64>,
    /// Where another's hand has it.
    elsewhere: Signal<Option<f64>>,
    /// Where it was taken up.
    from: StoredValue<f64>,
    /// The pointer's last place, in pixels.
    last: StoredValue<f64>,
    /// Notches of the wheel so far.
    notches: StoredValue<u32>,
    /// Whether moving to the right is more, as moving up is.
    both_ways: bool,
    /// Whether it moves by itself, and is not to be taken.
    moves: Option<Signal<bool>>,
    preview: Callback<Option<f64>>,
    commit: Callback<f64>,
}

impl Hold {
    /// A control that stands at `written`, or where another's hand has it (CL8); `preview` is told while it moves, and none when it
    /// is let go.
    pub(crate) fn new(
        written: Signal<f64>,
        elsewhere: Signal<Option<f64>>,
        both_ways: bool,
        preview: Callback<Option<f64>>,
        commit: Callback<f64>,
    ) -> Hold {
        let hold = Hold {
            door: expect_context::<Door>(),
            held: RwSignal::new(None),
            written,
            elsewhere,
            from: StoredValue::new(0.0),
            last: StoredValue::new(0.0),
            notches: StoredValue::new(0),
            both_ways,
            moves: None,
            preview,
            commit,
        };
        // What it is on may be closed while the wheel has not come to rest: nobody else would let it go, and it would be heard for ever.
        on_cleanup(move || hold.up());
        hold
    }

    /// The same, but not to be taken while it moves by itself.
    pub(crate) fn unless(mut self, moves: Signal<bool>) -> Hold {
        self.moves = Some(moves);
        self
    }

    /// Whether it moves by itself.
    pub(crate) fn is_moved(self) -> bool {
        self.moves.is_some_and(|moves| moves.get())
    }

    fn may_take(self) -> bool {
        self.door.may_edit() && !self.moves.is_some_and(|moves| moves.get_untracked())
    }

    /// Where it stands: in the hand, in another's, or as it is written.
    pub(crate) fn place(self) -> f64 {
        self.held.get().or_else(|| self.elsewhere.get()).unwrap_or_else(|| self.written.get())
    }

    /// Whether another holds it.
    pub(crate) fn is_elsewhere(self) -> bool {
        self.held.with(Option::is_none) && self.elsewhere.with(Option::is_some)
    }

    /// Where the hand has it; none while nobody holds it.
    pub(crate) fn held(self) -> Option<f64> {
        self.held.get()
    }

    /// Takes it up.
    pub(crate) fn down(self, event: &PointerEvent) {
        if !self.may_take() || event.button() != 0 {
            return;
        }
        if let Some(element) = event.current_target().and_then(|target| target.dyn_into::<Element>().ok()) {
            // A pointer that is gone already holds nothing.
            let _ = element.set_pointer_capture(event.pointer_id());
        }
        // A turn of the wheel that has not come to rest is written before.
        self.up();
        self.notches.set_value(self.notches.get_value().wrapping_add(1));
        self.take();
        self.last.set_value(self.pixels(event));
        self.held.set(Some(self.written.get_untracked()));
    }

    /// From here on it is in the hand, until it is let go: by the hand, or by whoever undoes or leaves.
    fn take(self) {
        self.from.set_value(self.written.get_untracked());
        self.door.take_in_hand(move || self.held.try_get_untracked().flatten().is_some(), move || self.up());
    }

    /// Moves it; `way` is how many pixels lead from one end to the other.
    pub(crate) fn moved(self, event: &PointerEvent, way: f64) {
        let Some(place) = self.held.get_untracked() else { return };
        let now = self.pixels(event);
        let speed = if event.shift_key() { FINE } else { 1.0 };
        let place = (place + (now - self.last.get_value()) / way * speed).clamp(0.0, 1.0);
        self.last.set_value(now);
        self.held.set(Some(place));
        self.preview.run(Some(place));
    }

    /// Lets it go. A press that moved nothing writes nothing. Keys and typing do so first: a turn of the wheel that has not come to rest
    /// would be written over what they choose.
    pub(crate) fn up(self) {
        let Some(place) = self.held.try_get_untracked().flatten() else { return };
        if place.to_bits() != self.from.get_value().to_bits() {
            // Written first, so that nothing jumps back in between.
            self.commit.run(place);
        }
        self.cancel();
    }

    /// Puts it back; one that is gone is nowhere.
    pub(crate) fn cancel(self) {
        if self.held.try_set(None).is_some() {
            return;
        }
        self.preview.run(None);
    }

    /// Turns it by the wheel: one edit for a turn of many notches.
    pub(crate) fn wheel(self, event: &WheelEvent) {
        event.prevent_default();
        event.stop_propagation();
        if !self.may_take() {
            return;
        }
        if self.held.get_untracked().is_none() {
            self.take();
        }
        let notch = if event.shift_key() { NOTCH * FINE } else { NOTCH };
        // With Shift held, browsers report a wheel that turns sideways.
        let down = event.delta_y() + event.delta_x() > 0.0;
        let now = self.held.get_untracked().unwrap_or_else(|| self.written.get_untracked());
        let place = (now + if down { -notch } else { notch }).clamp(0.0, 1.0);
        self.held.set(Some(place));
        self.preview.run(Some(place));
        let count = self.notches.get_value().wrapping_add(1);
        self.notches.set_value(count);
        clock::after(WHEEL_REST, move || {
            if self.notches.try_get_value() == Some(count) {
                self.up();
            }
        });
    }

    /// Whether Escape was pressed while it is held: then it goes back.
    pub(crate) fn escaped(self, event: &KeyboardEvent) -> bool {
        let escaped = event.key() == "Escape" && self.held.get_untracked().is_some();
        if escaped {
            self.cancel();
            event.stop_propagation();
        }
        escaped
    }

    /// By how much a key turns it, in parts of the way, for steps of `step`; none for other keys.
    pub(crate) fn turn(command: Command, step: f64) -> Option<f64> {
        Some(match command {
            Command::Step(way) => step * f64::from(way),
            Command::Fine(way) => step * FINE * f64::from(way),
            Command::Leap(way) => LEAP * f64::from(way),
            Command::ToEnd(way) => f64::from(way),
            _ => return None,
        })
    }

    fn pixels(self, event: &PointerEvent) -> f64 {
        let up = -f64::from(event.client_y());
        if self.both_ways { up + f64::from(event.client_x()) } else { up }
    }
}
