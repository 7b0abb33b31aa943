//! In the studio: what of this project is not on the server yet, opened from the state in the transport bar.

use leptos::prelude::*;

use super::{WaitingList, edits_wait};
use crate::design::{Icon, icon, manners};
use crate::door::{Door, Health, Listed};

/// Why edits wait, and what becomes of them.
fn why(live: bool, logged_out: bool, health: Health, count: usize) -> &'static str {
    match (live, logged_out, health) {
        (false, true, _) => "Your session has ended. What waits goes to the server when you have logged in again.",
        (_, _, Health::Full) => {
            "This browser has no room left: what you do now is in this tab only until the server has it."
        }
        (_, _, Health::Fails) => {
            "This browser keeps nothing for this site: what you do is in this tab only until the server has it."
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
    let why =
        move || why(door.status().get().live, door.logged_out().get(), door.health().get(), waiting.with(Vec::len));
    let discard = Callback::new(move |edits: Vec<Listed>| edits.into_iter().for_each(|edit| door.discard(edit.tx_id)));
    view! {
        <div class="scrim" on:click=move |_| close.run(())></div>
        <div class="popover waiting-panel" role="dialog" aria-modal="true" aria-labelledby="waiting-title" tabindex="-1" data-testid="waiting-panel" node_ref=panel on:keydown=key>
            <header class="people-head">
                <h2 id="waiting-title">{title}</h2>
                <button type="button" class="icon-button small" aria-label="Close" on:click=move |_| close.run(())>{icon(Icon::Close)}</button>
            </header>
            <p class="waiting-words">{why}</p>
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
        assert!(why(false, true, Health::Keeps, 2).contains("logged in again"));
        assert!(why(true, false, Health::Full, 2).contains("no room"));
        assert!(why(false, false, Health::Keeps, 2).contains("kept in this browser"));
        assert!(why(true, false, Health::Keeps, 0).contains("on the server"));
    }
}
