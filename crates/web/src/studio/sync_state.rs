//! Whether what one sees is safe on the server.

use leptos::prelude::*;

use crate::design::{Icon, icon};
use crate::door::Door;
use sync::Status;

/// What there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Saved,
    Saving,
    Offline(usize),
    LoggedOut(usize),
}

impl Shown {
    fn of(status: &Status, logged_out: bool) -> Shown {
        match (status.live, logged_out, status.pending) {
            (true, _, 0) => Shown::Saved,
            (true, ..) => Shown::Saving,
            (false, true, pending) => Shown::LoggedOut(pending),
            (false, false, pending) => Shown::Offline(pending),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Shown::Saved => "saved",
            Shown::Saving => "saving",
            Shown::Offline(_) => "offline",
            Shown::LoggedOut(_) => "logged-out",
        }
    }

    fn text(self) -> String {
        let waiting = |pending| match pending {
            0 => String::new(),
            1 => ", 1 edit waiting".to_owned(),
            more => format!(", {more} edits waiting"),
        };
        match self {
            Shown::Saved => "Saved".to_owned(),
            Shown::Saving => "Saving…".to_owned(),
            Shown::Offline(pending) => format!("Offline{}", waiting(pending)),
            Shown::LoggedOut(pending) => format!("Logged out{}", waiting(pending)),
        }
    }
}

/// The state, as a pill.
#[component]
pub(crate) fn SyncState() -> impl IntoView {
    let door = expect_context::<Door>();
    let shown = Memo::new(move |_| door.status().with(|status| Shown::of(status, door.logged_out().get())));
    let online = move || if door.status().with(|status| status.live) { "online" } else { "offline" };
    view! {
        <div class="sync-state" data-testid="connection" data-state=online data-sync=move || shown.get().name() role="status">
            <span class="sync-icon">
                {move || icon(if matches!(shown.get(), Shown::Saved | Shown::Saving) { Icon::Cloud } else { Icon::CloudOff })}
            </span>
            <span class="sync-text" data-testid="sync-state">{move || shown.get().text()}</span>
            <Show when=move || matches!(shown.get(), Shown::LoggedOut(_))>
                <a class="sync-link" href="/login" target="_blank" rel="noopener">"Log in"</a>
            </Show>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl3_what_waits_is_said() {
        let status = |live, pending| Status { live, loaded: true, pending, parked: 0, denied: None };
        assert_eq!(Shown::of(&status(true, 0), false).text(), "Saved");
        assert_eq!(Shown::of(&status(true, 2), false).text(), "Saving…");
        assert_eq!(Shown::of(&status(false, 0), false).text(), "Offline");
        assert_eq!(Shown::of(&status(false, 1), false).text(), "Offline, 1 edit waiting");
        assert_eq!(Shown::of(&status(false, 7), true).text(), "Logged out, 7 edits waiting");
    }
}
