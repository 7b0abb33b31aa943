//! How a song is left: what is asked before, what goes on, and what ends.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use sync::wire::Presence as Doing;

use super::{Door, Inner, is_closed};
use crate::navigation;

/// What a door knows of its being left.
#[derive(Default)]
pub(super) struct Leaving {
    /// Whether the song has been left for good.
    has_ended: Cell<bool>,
    /// What hears that the page is being left.
    listeners: RefCell<Vec<WindowListenerHandle>>,
}

impl Door {
    /// The inside, unless the song has been left for good: what was begun before ends when it sees that.
    pub(super) fn alive(self) -> Option<Rc<Inner>> {
        self.inner.try_get_value().filter(|inner| !inner.leaving.has_ended.get())
    }

    /// Whether the song has been left for good.
    pub(crate) fn has_ended(self) -> bool {
        self.alive().is_none()
    }

    /// Edits that could not be kept live in this tab only: closing it would lose them. What is in the hand is written before.
    pub(super) fn warn_before_leaving(self) {
        let leaving = window_event_listener(leptos::ev::beforeunload, move |event| {
            if self.has_ended() {
                return;
            }
            self.let_go();
            let status = self.status.read_untracked();
            // What waits for a project that is closed to this user waits in vain, and has been listed.
            if (self.has_unkept() && !is_closed(&status)) || self.imports().is_busy() {
                event.prevent_default();
            }
        });
        let following = window_event_listener_untyped(navigation::LEAVING, move |_| {
            if !self.has_ended() {
                self.let_go();
            }
        });
        self.inner().leaving.listeners.replace(vec![leaving, following]);
    }

    /// Nobody looks at the song any more: what was only for the screen ends at once.
    pub(super) fn screen_has_gone(self) {
        self.back_to_now();
        self.present(Doing::default());
        self.toasts.leave_song();
    }

    /// Whether leaving it now would lose something, or break off what is under way.
    pub(super) fn is_at_work(self) -> bool {
        let (sends, closed) =
            self.status.with_untracked(|status| (status.live && status.has_to_send(), is_closed(status)));
        // What waits for a song that is closed to its user waits in vain, and has been listed.
        sends || (self.has_unkept() && !closed) || self.is_writing() || self.imports().is_at_work()
    }

    /// Ends all that this song has going on: its connection, its place among the tabs, everybody who listens to it.
    pub(super) fn end(self) {
        let Some(inner) = self.alive() else { return };
        inner.leaving.has_ended.set(true);
        inner.listeners.borrow_mut().clear();
        self.leave_tabs();
        inner.leaving.listeners.take().into_iter().for_each(WindowListenerHandle::remove);
        self.leave_store();
        inner.audio.leave();
        if let Some(socket) = inner.socket.borrow_mut().take() {
            socket.close();
        }
    }
}
