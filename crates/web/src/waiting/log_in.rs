//! Over the studio: the session has ended. What was done meanwhile stays, and goes on after logging in (CL3).

use leptos::prelude::*;

use super::edits_wait;
use crate::design::manners;
use crate::door::{Door, api};

/// The dialog; it can be put off, and comes back from the transport bar.
#[component]
pub(crate) fn LogInAgain() -> impl IntoView {
    let door = expect_context::<Door>();
    let put_off = door.puts_off_login();
    Effect::new(move |_| {
        if !door.logged_out().get() {
            put_off.set(false);
        }
    });
    view! {
        <Show when=move || door.logged_out().get() && !put_off.get()>
            <LogInForm />
        </Show>
    }
}

#[component]
fn LogInForm() -> impl IntoView {
    let door = expect_context::<Door>();
    let put_off = door.puts_off_login();
    let email = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let failure = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let (field, key) = manners::<leptos::html::Input>(move || put_off.set(true));
    leptos::task::spawn_local(async move {
        if let Some(known) = door.known_email().await {
            let _ = email.try_update(|email| {
                if email.is_empty() {
                    *email = known;
                }
            });
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        leptos::task::spawn_local(async move {
            let answer = api::log_in(&email.get_untracked(), &password.get_untracked()).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(me) => door.logged_in(&me.id),
                Err(problem) => drop(failure.try_set(Some(problem.message))),
            }
        });
    };
    let waits = move || match door.status().get().pending {
        0 => "Log in to go on. What you do meanwhile is kept in this browser.".to_owned(),
        count => format!("{} in this browser. Log in, and nothing is lost.", edits_wait(count)),
    };
    view! {
        <div class="scrim is-dim"></div>
        <div class="popover dialog question" role="dialog" aria-modal="true" aria-labelledby="log-in-title" data-testid="log-in-again" on:keydown=key>
            <h2 id="log-in-title">"Your session has ended"</h2>
            <p>{waits}</p>
            <form class="form" on:submit=submit>
                {move || failure.get().map(|failure| view! { <p class="form-error" role="alert">{failure}</p> })}
                <label class="field">
                    <span>"E-mail"</span>
                    <input name="email" type="email" autocomplete="username" required prop:value=email on:input=move |event| email.set(event_target_value(&event)) />
                </label>
                <label class="field">
                    <span>"Password"</span>
                    <input name="password" type="password" autocomplete="current-password" required node_ref=field prop:value=password on:input=move |event| password.set(event_target_value(&event)) />
                </label>
                <div class="dialog-actions">
                    <button type="button" class="button quiet" on:click=move |_| put_off.set(true)>"Later"</button>
                    <button type="submit" class="button primary" disabled=busy>"Log in"</button>
                </div>
            </form>
        </div>
    }
}
