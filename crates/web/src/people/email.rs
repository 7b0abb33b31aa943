//! Adding somebody who has an account, by its address.

use leptos::prelude::*;

use crate::door::{Door, api};

#[derive(serde::Serialize)]
struct Addition {
    email: String,
    role: String,
}

/// The form. Its answer is the same whether there is such an account or not.
#[component]
pub(super) fn EmailForm() -> impl IntoView {
    let door = expect_context::<Door>();
    let email = RwSignal::new(String::new());
    let role = RwSignal::new("editor".to_owned());
    let busy = RwSignal::new(false);
    let outcome = RwSignal::new(None::<Result<String, String>>);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let address = email.get_untracked().trim().to_owned();
        let Some(project) = door.project().get_untracked().filter(|_| !address.is_empty() && !busy.get_untracked())
        else {
            return;
        };
        busy.set(true);
        let body = Addition { email: address.clone(), role: role.get_untracked() };
        leptos::task::spawn_local(async move {
            let answer = api::post_only(&format!("/api/projects/{}/members", project.id), &body).await;
            busy.set(false);
            outcome.set(Some(match answer {
                Ok(_) => {
                    email.set(String::new());
                    Ok(format!("If {address} has an account here, they can open this project now."))
                }
                Err(failure) => Err(failure.message),
            }));
        });
    };
    view! {
        <form class="invite" on:submit=submit>
            <h3>"Add by e-mail"</h3>
            <div class="invite-row">
                <input class="grows" type="email" required placeholder="name@example.com" autocomplete="off" aria-label="E-mail address"
                    prop:value=email on:input=move |event| email.set(event_target_value(&event)) />
                <select aria-label="As" on:change=move |event| role.set(event_target_value(&event))>
                    <option value="editor" selected=true>"Editor"</option>
                    <option value="viewer">"Viewer"</option>
                </select>
                <button type="submit" class="button" disabled=busy>"Add"</button>
            </div>
            {move || outcome.get().map(|outcome| match outcome {
                Ok(text) => view! { <p class="hint" role="status">{text}</p> }.into_any(),
                Err(text) => view! { <p class="form-error" role="alert">{text}</p> }.into_any(),
            })}
        </form>
    }
}
