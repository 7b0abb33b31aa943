//! What is heard, told to the screens once per animation frame while something may move.

use std::collections::HashMap;
use std::rc::Rc;

use leptos::prelude::*;
use model::{Id, Ticks};

use super::finer::{EffectId, Finer};
use super::worklet::{Status, Worklet};
use super::{Inner, Sound};
use crate::door::clock;

/// How long meters fall after the last sound, in milliseconds.
const AFTERGLOW_MS: f64 = 2_500.0;
/// Blocks without all that should have sounded, from which on it is said: a tenth of a second at 48 kHz. A clip that is moved under the
/// playhead takes less.
const STARVED_BLOCKS_TOLD: u32 = 38;

/// What the audio thread says, read once per frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) playing: bool,
    /// Where the song stands.
    pub(crate) position: Ticks,
    /// Blocks that came too late.
    pub(crate) underruns: u32,
    /// Gaps, because recordings came too late.
    pub(crate) gaps: u32,
    /// Peaks of the master, left and right, linear.
    pub(crate) master: [f32; 2],
    /// Peaks of the tracks.
    pub(crate) tracks: HashMap<Id, [f32; 2]>,
    /// What is measured more finely: from the first Play on, before that while somebody looks.
    pub(crate) finer: Option<Rc<Finer>>,
    /// The effects of the plan in force, in the order of what was measured of them.
    effects: Rc<Vec<EffectId>>,
}

impl Heard {
    /// By how many dB an effect lowered the sound most since the last frame; infinite when it failed, none when it is not known.
    pub(crate) fn reduction(&self, effect: &EffectId) -> Option<f32> {
        let place = self.effects.iter().position(|known| known == effect)?;
        self.finer.as_ref()?.reductions.get(place).copied()
    }
}

pub(super) type Listener = Rc<dyn Fn(&Heard)>;

impl Inner {
    /// Says so when sound was missing because recordings came too late.
    fn tell_of_gaps(&self, status: &Status) {
        let missing = status.starved_blocks.wrapping_sub(self.starved_told.get());
        if status.gaps == 0 || missing < STARVED_BLOCKS_TOLD {
            return;
        }
        self.starved_told.set(status.starved_blocks);
        let detail = "The device or the network was too slow. What is played again may be here by then.";
        self.door.toasts().info("Recordings came too late to be heard whole", detail);
    }
}

impl Sound {
    /// Calls `listener` in every frame in which something may have moved, until its owner goes.
    pub(crate) fn on_frame(self, listener: impl Fn(&Heard) + 'static) {
        let inner = self.inner();
        let number = inner.next_listener.get();
        inner.next_listener.set(number + 1);
        inner.listeners.borrow_mut().push((number, Rc::new(listener)));
        on_cleanup(move || {
            if let Some(inner) = self.inner.try_get_value() {
                inner.listeners.borrow_mut().retain(|(other, _)| *other != number);
            }
        });
        self.refresh();
    }

    /// Has the listeners called in the next frame.
    pub(crate) fn refresh(self) {
        if let Some(inner) = self.inner.try_get_value()
            && let Some(frame) = inner.frame.borrow().as_ref()
        {
            frame.ask();
        }
    }

    pub(super) fn frame(self) {
        let Some(inner) = self.inner.try_get_value() else { return };
        let status = inner.worklet.borrow().as_ref().map(Worklet::status);
        let heard = self.heard(&inner, status.as_ref());
        let listeners: Vec<Listener> =
            inner.listeners.borrow().iter().map(|(_, listener)| Rc::clone(listener)).collect();
        for listener in listeners {
            listener(&heard);
        }
        if heard.playing || clock::milliseconds() < inner.glow_until.get() {
            self.refresh();
        }
    }

    fn heard(self, inner: &Inner, status: Option<&Status>) -> Heard {
        let playing = self.playing.get_untracked();
        let Some(status) = status else {
            return Heard { position: inner.position.get(), ..Heard::default() };
        };
        let plans = inner.plans.borrow();
        let in_force = plans.in_force(status.serial);
        if playing {
            inner.tell_of_gaps(status);
        }
        if let Some(plan) = in_force.filter(|_| playing && status.playing && inner.jump.get().is_none()) {
            let map = plan.tempo.map();
            let region = self.region.get_untracked();
            let around = region.on.then(|| (map.frame(region.start.0), map.frame(region.end.0)));
            let shown = map.frame(inner.position.get().0);
            let heard = heard_frame(status.position_frames, i64::from(plan.latency), shown, around);
            inner.position.set(Ticks(map.ticks(heard)));
        }
        let effects = in_force.map(|plan| Rc::clone(&plan.effects)).unwrap_or_default();
        let tracks = in_force.map(|plan| plan.tracks.iter().cloned().zip(status.tracks.iter().copied()).collect());
        Heard {
            playing,
            position: inner.position.get(),
            underruns: status.underruns,
            gaps: status.gaps,
            master: status.master,
            tracks: tracks.unwrap_or_default(),
            finer: inner.finer(&effects),
            effects,
        }
    }

    /// Lets the meters fall after the last sound.
    pub(super) fn glow(self) {
        if let Some(inner) = self.inner.try_get_value() {
            inner.glow_until.set(clock::milliseconds() + AFTERGLOW_MS);
        }
        self.refresh();
    }
}

/// The frame of the song that is heard while the audio thread is at `position`, so many frames of `latency` ahead of it; `shown` is the one
/// that was heard last, and what is repeated lies between two others.
fn heard_frame(position: i64, latency: i64, shown: i64, around: Option<(i64, i64)>) -> i64 {
    let late = position - latency;
    match around {
        // Gone around just now: the end of the pass before is still to be heard.
        Some((start, end)) if (start..end).contains(&position) && late < start && shown > position => {
            (end - (start - late)).max(start)
        }
        // Nothing is heard before the place where playing began.
        _ if shown <= position => late.max(shown),
        _ => late,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en32_the_place_on_the_screen_is_the_one_that_is_heard() {
        assert_eq!(heard_frame(1_000, 0, 900, None), 1_000);
        assert_eq!(heard_frame(1_100, 300, 1_000, None), 1_000, "what is heard first is where playing began");
        assert_eq!(heard_frame(1_400, 300, 1_000, None), 1_100);
        let around = Some((500, 2_000));
        assert_eq!(heard_frame(600, 300, 1_750, around), 1_800, "the end of the loop, after it was left");
        assert_eq!(heard_frame(900, 300, 1_990, around), 600);
        assert_eq!(heard_frame(600, 300, 500, around), 500, "begun at its start, nothing was heard before it");
        assert_eq!(heard_frame(400, 300, 5_000, None), 100, "gone back");
    }
}
