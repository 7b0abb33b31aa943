//! Looking at an old state, and making it the present one.

use leptos::prelude::*;

use super::History;
use crate::controls::focus;
use crate::door::history::state_after;
use crate::door::past::{Moment, Restored};
use crate::studio::is_small;

/// The banner goes: if a key of it has the focus, the history gets it.
fn leave_the_banner() {
    let is_there = |holder: web_sys::Element| holder.closest("[data-testid=past-banner]").ok().flatten().is_some();
    if focus::holder().is_some_and(is_there) {
        let behind = ["[data-testid=history-panel]", ".history-key", "[data-testid=history-switch]"];
        focus::keep(None, &behind);
    }
}

impl History {
    /// Fetches the song as it was at a moment, and shows it.
    pub(super) fn look(self, moment: Moment) {
        let Some(project) = self.door.project().get_untracked() else { return };
        self.looking_for.set(Some(moment.seq));
        leptos::task::spawn_local(async move {
            let state = state_after(&project.id, moment.seq).await;
            // Somebody may have asked for another one meanwhile, or gone.
            if self.looking_for.try_get_untracked() != Some(Some(moment.seq)) {
                return;
            }
            self.looking_for.set(None);
            match state {
                Ok(song) => {
                    self.door.look_back(moment, song);
                    if is_small() {
                        self.open.set(false);
                    }
                }
                Err(failure) => {
                    self.door.toasts().error("That state of the song could not be fetched", failure.message);
                }
            }
        });
    }

    /// Shows the present again.
    pub(super) fn back_to_now(self) {
        self.looking_for.set(None);
        leave_the_banner();
        self.door.back_to_now();
    }

    /// Makes the state that is shown the present one, and offers to take that back. `when` says which state it was.
    pub(super) fn restore(self, when: String) {
        let door = self.door;
        leave_the_banner();
        match door.restore() {
            Restored::By(step) => {
                door.toasts().info_with(format!("The song is again as it was on {when}"), "Undo", move || {
                    door.let_go();
                    if door.last_step().as_ref() == Some(&step) {
                        door.undo();
                    } else {
                        door.toasts().info("You have changed more since", "Undo takes your steps back one by one.");
                    }
                });
            }
            Restored::Already => {
                door.toasts().info("Nothing had to be changed", "The song is as it was then.");
            }
            Restored::Not => {}
        }
    }
}
