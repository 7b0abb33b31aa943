//! Logging out: with edits waiting, asks first (CL3).

use std::time::Duration;

use leptos::prelude::*;

use super::{edits, edits_wait};
use crate::design::{Icon, icon, manners};
use crate::door::{Desk, api, clock};
use crate::toast::Toasts;

/// How long logging out waits to hear what is kept: a database that does not answer keeps nobody here.
const LOOK_MS_MAX: f64 = 4_000.0;
/// The page of the account has no script that could look what waits: its way out leads here.
const ASKED_ELSEWHERE: &str = "#log-out";
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What becomes of the edits that wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Kept,
    Discarded,
}

/// The button, and the question.
#[component]
pub(crate) fn LogOut(
    /// What this browser keeps; none while it has not been looked for.
    desk: RwSignal<Option<Desk>>,
) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let asks = RwSignal::new(false);
    let waiting = Memo::new(move |_| desk.get().map_or(0, |desk| desk.waiting().with(Vec::len)));
    let leave = move |with: Waiting| {
        leptos::task::spawn_local(async move {
            if let Err(failure) = api::log_out().await {
                return toasts.error("Logging out failed", failure.message);
            }
            if let Some(desk) = desk.try_get_untracked().flatten() {
                if with == Waiting::Discarded {
                    desk.discard_all().await;
                }
                desk.clear().await;
            }
            // A browser that refuses to follow leaves a page that can do nothing.
            let _ = location().set_href("/login");
        });
    };
    let ask = move || {
        leptos::task::spawn_local(async move {
            // Whoever is quick must be asked too: what is kept may still be looked for.
            let begun = clock::milliseconds();
            while matches!(desk.try_get_untracked(), Some(None)) && clock::milliseconds() - begun < LOOK_MS_MAX {
                clock::sleep(LOOK_AGAIN).await;
            }
            if let Some(desk) = desk.try_get_untracked().flatten() {
                desk.look().await;
            }
            match waiting.try_get_untracked() {
                Some(0) => leave(Waiting::Kept),
                Some(_) => asks.set(true),
                None => {}
            }
        });
    };
    if location().hash().is_ok_and(|hash| hash == ASKED_ELSEWHERE) {
        // Once: not again when the page is reloaded.
        let _ = location().set_hash("");
        ask();
    }
    view! {
        <button type="button" class="button quiet" on:click=move |_| ask()>
            {icon(Icon::LogOut)}
            <span>"Log out"</span>
        </button>
        <Show when=move || asks.get()>
            <Question waiting close=Callback::new(move |()| asks.set(false)) leave=Callback::new(leave) />
        </Show>
    }
}

#[component]
fn Question(waiting: Memo<usize>, close: Callback<()>, leave: Callback<Waiting>) -> impl IntoView {
    let any = move || waiting.get() > 0;
    let (stay, key) = manners::<leptos::html::Button>(move || close.run(()));
    view! {
        <div class="scrim is-dim" on:click=move |_| close.run(())></div>
        <div class="popover dialog question" role="alertdialog" aria-modal="true" aria-labelledby="log-out-title" data-testid="log-out-dialog" on:keydown=key>
            <Show when=any fallback=|| view! { <h2 id="log-out-title">"Everything is on the server now"</h2> }>
                <h2 id="log-out-title">{move || edits_wait(waiting.get())}</h2>
                <p>"What waits is in this browser only. It can stay here until you log in again; nobody else who uses this browser sees it."</p>
            </Show>
            <div class="dialog-actions is-column">
                <button type="button" class="button primary" node_ref=stay on:click=move |_| close.run(())>"Stay, and let them be sent"</button>
                <button type="button" class="button" data-testid="log-out-keep" on:click=move |_| leave.run(Waiting::Kept)>
                    {move || if any() { "Log out and keep them here" } else { "Log out" }}
                </button>
                <Show when=any>
                    <button type="button" class="button danger" data-testid="log-out-discard" on:click=move |_| leave.run(Waiting::Discarded)>
                        {move || format!("Log out and discard {}", edits(waiting.get()))}
                    </button>
                </Show>
            </div>
        </div>
    }
}
