//! Whether what one sees is safe on the server.

use leptos::prelude::*;

use crate::design::{Icon, icon};
use crate::door::{Door, Health, refused};
use crate::waiting::{WaitingPanel, edits};
use sync::Status;

/// What there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Saved,
    Saving,
    /// The server has not taken so many, and the user has not dismissed them.
    Refused(usize),
    /// The server has failed on so many too often.
    SetAside(usize),
    /// The server has no room for so many, and is asked again and again.
    NoRoom(usize),
    /// The browser keeps nothing: so many are in this tab only.
    Full(usize),
    Offline(usize),
    LoggedOut(usize),
}

impl Shown {
    fn of(status: &Status, logged_out: bool, health: Health, refused: usize) -> Shown {
        match (status.live, logged_out, status.pending) {
            // Worse than that it waits: what waits is in this tab only.
            (_, false, pending) if status.no_room && health != Health::Keeps => Shown::Full(pending),
            (_, false, pending) if status.no_room => Shown::NoRoom(pending),
            (true, _, 0) if refused > 0 => Shown::Refused(refused),
            (true, _, 0) => Shown::Saved,
            (true, ..) if status.parked > 0 => Shown::SetAside(status.parked),
            (false, true, pending) => Shown::LoggedOut(pending),
            (true, ..) => Shown::Saving,
            (false, _, pending @ 1..) if health != Health::Keeps => Shown::Full(pending),
            (false, false, pending) => Shown::Offline(pending),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Shown::Saved => "saved",
            Shown::Saving => "saving",
            Shown::Refused(_) => "refused",
            Shown::SetAside(_) => "set-aside",
            Shown::NoRoom(_) => "no-room",
            Shown::Full(_) => "full",
            Shown::Offline(_) => "offline",
            Shown::LoggedOut(_) => "logged-out",
        }
    }

    fn text(self) -> String {
        let waiting = |pending| match pending {
            0 => String::new(),
            pending => format!(", {} waiting", edits(pending)),
        };
        match self {
            Shown::Saved => "Saved".to_owned(),
            Shown::Saving => "Saving…".to_owned(),
            Shown::Refused(count) => format!("{} refused", edits(count)),
            Shown::SetAside(count) => format!("{} not saved", edits(count)),
            Shown::NoRoom(pending) => format!("Server has no room{}", waiting(pending)),
            Shown::Full(count) => format!("{} in this tab only", edits(count)),
            Shown::Offline(pending) => format!("Offline{}", waiting(pending)),
            Shown::LoggedOut(pending) => format!("Logged out{}", waiting(pending)),
        }
    }

    fn icon(self) -> Icon {
        match self {
            Shown::Saved | Shown::Saving => Icon::Cloud,
            Shown::Refused(_) | Shown::SetAside(_) | Shown::NoRoom(_) | Shown::Full(_) => Icon::Warning,
            Shown::Offline(_) | Shown::LoggedOut(_) => Icon::CloudOff,
        }
    }
}

/// The state, as a pill that opens the list of what waits.
#[component]
pub(crate) fn SyncState() -> impl IntoView {
    let door = expect_context::<Door>();
    let open = RwSignal::new(false);
    let button = NodeRef::<leptos::html::Button>::new();
    let shown = Memo::new(move |_| {
        let refused = door.unsaved().with(|unsaved| refused(unsaved));
        door.status().with(|status| Shown::of(status, door.logged_out().get(), door.health().get(), refused))
    });
    let online = move || if door.status().with(|status| status.live) { "online" } else { "offline" };
    let close = Callback::new(move |()| {
        open.set(false);
        if let Some(button) = button.get_untracked() {
            let _ = button.focus();
        }
    });
    view! {
        <div class="sync-state" data-testid="connection" data-state=online data-sync=move || shown.get().name()>
            <button type="button" class="sync-button" title="What waits to be saved" aria-haspopup="dialog" aria-expanded=move || open.get().to_string()
                node_ref=button on:click=move |_| open.update(|open| *open = !*open)>
                <span class="sync-icon">{move || icon(shown.get().icon())}</span>
                <span class="sync-text" data-testid="sync-state">{move || shown.get().text()}</span>
            </button>
            // Beside the button: what is in one is its name, and not read out when it changes.
            <span class="unseen" role="status">{move || shown.get().text()}</span>
            <Show when=move || matches!(shown.get(), Shown::LoggedOut(_))>
                <button type="button" class="button small" on:click=move |_| door.puts_off_login().set(false)>"Log in"</button>
            </Show>
            <Show when=move || open.get()>
                <WaitingPanel close />
            </Show>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl3_what_waits_is_said() {
        let status = |live, pending, parked| Status { live, loaded: true, pending, parked, ..Status::default() };
        let said = |status: &Status, logged_out, health| Shown::of(status, logged_out, health, 0).text();
        assert_eq!(said(&status(true, 0, 0), false, Health::Full), "Saved");
        assert_eq!(said(&status(true, 2, 0), false, Health::Keeps), "Saving…");
        assert_eq!(said(&status(true, 2, 0), false, Health::Fails), "Saving…");
        assert_eq!(said(&status(true, 2, 1), false, Health::Keeps), "1 edit not saved");
        assert_eq!(said(&status(false, 0, 0), false, Health::Fails), "Offline");
        assert_eq!(said(&status(false, 1, 0), false, Health::Keeps), "Offline, 1 edit waiting");
        assert_eq!(said(&status(false, 2, 0), false, Health::Full), "2 edits in this tab only");
        assert_eq!(said(&status(false, 7, 0), true, Health::Keeps), "Logged out, 7 edits waiting");
        let no_room = |live| Status { no_room: true, ..status(live, 2, 0) };
        for live in [true, false] {
            assert_eq!(said(&no_room(live), false, Health::Keeps), "Server has no room, 2 edits waiting");
            assert_eq!(said(&no_room(live), false, Health::Full), "2 edits in this tab only");
            assert_eq!(said(&no_room(live), false, Health::Fails), "2 edits in this tab only");
        }
        assert_eq!(said(&no_room(false), true, Health::Keeps), "Logged out, 2 edits waiting");
        let refused = |status: &Status, refused| Shown::of(status, false, Health::Keeps, refused).text();
        assert_eq!(refused(&status(true, 0, 0), 1), "1 edit refused");
        assert_eq!(refused(&status(true, 0, 0), 20), "20 edits refused");
        assert_eq!(refused(&status(true, 1, 0), 20), "Saving…");
        assert_eq!(refused(&status(false, 0, 0), 20), "Offline");
    }
}
