//! In the studio: what of this project is not on the server yet, opened from the state in the transport bar.

use leptos::prelude::*;
use sync::Status;

use super::{WaitingList, edits_wait};
use crate::design::{Icon, icon, manners};
use crate::door::{Door, Health, Listed};

/// Why edits wait, and what becomes of them.
fn why(status: &Status, logged_out: bool, health: Health, count: usize) -> &'static str {
    match (status.live, logged_out, health) {
        (false, true, _) => "Your session has ended. What waits goes to the server when you have logged in again.",
        (_, _, Health::Full) => {
            "This browser has no room left: what you do now is in this tab only until the server has it."
        }
        (_, _, Health::Fails) => {
            "This browser keeps nothing for this site: what you do is in this tab only until the server has it."
        }
        _ if count > 0 && status.put_off.is_some() => {
            "What waits is kept in this browser, also when you close it. The server does not take it yet, and is asked again by itself."
        }
        (true, ..) if count == 0 => "All that you have done is on the server.",
        (true, ..) => "What waits is on its way to the server.",
        (false, ..) if count == 0 => {
            "The server cannot be reached. What you do now is kept in this browser, and goes there by itself."
        }
        (false, ..) => {
            "What waits is kept in this browser, also when you close it, and goes to the server by itself when it can be reached."
        }
    }
}

/// Why the server does not take it yet, as it has said itself.
fn server_says(message: &str) -> String {
    format!("The server says: {}.", message.trim_end_matches('.'))
}

/// The panel; closes on Escape, its button, and a press elsewhere.
#[component]
pub(crate) fn WaitingPanel(close: Callback<()>) -> impl IntoView {
    let door = expect_context::<Door>();
    let waiting = Memo::new(move |_| door.waiting());
    let parked = move || waiting.with(|waiting| waiting.iter().any(|edit| edit.is_parked));
    let (panel, key) = manners::<leptos::html::Div>(move || close.run(()));
    let title = move || match waiting.with(Vec::len) {
        0 => "Nothing waits".to_owned(),
        count => edits_wait(count),
    };
    let why = move || {
        let (logged_out, health, count) = (door.logged_out().get(), door.health().get(), waiting.with(Vec::len));
        door.status().with(|status| why(status, logged_out, health, count))
    };
    let says = move || {
        let said = door.status().with(|status| status.put_off.as_deref().map(server_says));
        said.filter(|_| !door.logged_out().get())
            .map(|said| view! { <p class="waiting-words" data-testid="server-says">{said}</p> })
    };
    let discard = Callback::new(move |edits: Vec<Listed>| edits.into_iter().for_each(|edit| door.discard(edit.tx_id)));
    view! {
        <div class="scrim" on:click=move |_| close.run(())></div>
        <div class="popover waiting-panel" role="dialog" aria-modal="true" aria-labelledby="waiting-title" tabindex="-1" data-testid="waiting-panel" node_ref=panel on:keydown=key>
            <header class="people-head">
                <h2 id="waiting-title">{title}</h2>
                <button type="button" class="icon-button small" aria-label="Close" on:click=move |_| close.run(())>{icon(Icon::Close)}</button>
            </header>
            <p class="waiting-words">{why}</p>
            {says}
            <WaitingList edits=waiting discard />
            <footer class="waiting-foot">
                <Show when=parked>
                    <button type="button" class="button small primary" data-testid="retry" on:click=move |_| door.retry()>"Try again"</button>
                </Show>
                <a class="button small quiet" href="/projects">"Other projects"</a>
            </footer>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl3_the_reason_why_edits_wait_is_said() {
        let status = |live| Status { live, ..Status::default() };
        assert!(why(&status(false), true, Health::Keeps, 2).contains("logged in again"));
        assert!(why(&status(true), false, Health::Full, 2).contains("no room"));
        assert!(why(&status(false), false, Health::Keeps, 2).contains("when it can be reached"));
        assert!(why(&status(true), false, Health::Keeps, 0).contains("on the server"));
    }

    #[test]
    fn cl3_a_server_that_puts_edits_off_is_not_said_to_be_out_of_reach() {
        let put_off = |live| Status { live, pending: 2, put_off: Some("full".to_owned()), ..Status::default() };
        for live in [true, false] {
            let words = why(&put_off(live), false, Health::Keeps, 2);
            assert!(words.contains("does not take it yet") && !words.contains("reached"), "{words}");
            assert!(why(&put_off(live), false, Health::Full, 2).contains("in this tab only"));
        }
        assert!(why(&put_off(false), true, Health::Keeps, 2).contains("logged in again"));
        assert_eq!(server_says("it is full; please wait"), "The server says: it is full; please wait.");
        assert_eq!(server_says("It is full."), "The server says: It is full.");
    }
}
