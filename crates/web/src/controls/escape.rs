//! Escape gives up what a hand has begun, wherever the focus is.

use leptos::prelude::*;

/// As long as the component lives: Escape calls `give_up` while something is held, and means nothing else then.
pub(crate) fn on_escape(holds: impl Fn() -> bool + 'static, give_up: impl Fn() + 'static) {
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        if event.key() == "Escape" && holds() {
            give_up();
            event.prevent_default();
        }
    });
    on_cleanup(move || handle.remove());
}
