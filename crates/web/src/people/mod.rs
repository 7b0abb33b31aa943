//! Who can open the project, who has it open now, and how to let someone in.

use leptos::prelude::*;
use model::Role;

use crate::design::{Icon, icon};
use crate::door::{Door, Presence, api};

/// Faces that are shown; the rest are a number.
const FACES_MAX: usize = 5;

#[derive(serde::Serialize)]
struct Invitation {
    email: String,
    role: &'static str,
}

/// One or two letters for a face.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.last().and_then(|word| word.chars().next());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Editor => "Editor",
        Role::Viewer => "Viewer",
    }
}

/// Faces of those who are here; opens the panel of all.
#[component]
pub(crate) fn People() -> impl IntoView {
    let door = expect_context::<Door>();
    let open = RwSignal::new(false);
    let here = Memo::new(move |_| door.people().get().into_iter().filter(|person| person.here).collect::<Vec<_>>());
    let label = move || match here.get().len() {
        0 => "People".to_owned(),
        1 => "1 person is here".to_owned(),
        count => format!("{count} people are here"),
    };
    view! {
        <div class="people">
            <button type="button" class="faces" data-testid="presence" data-count=move || here.get().len().to_string()
                aria-haspopup="dialog" aria-expanded=move || open.get().to_string() aria-label=label title=label
                on:click=move |_| open.update(|open| *open = !*open)>
                <span class="faces-row">
                    {move || here.get().into_iter().take(FACES_MAX).map(|person| view! { <Face person /> }).collect_view()}
                </span>
                {move || here.get().len().checked_sub(FACES_MAX + 1).map(|more| view! { <span class="face face-more">{format!("+{}", more + 1)}</span> })}
                <span class="faces-add">{icon(Icon::Share)}</span>
            </button>
            <Show when=move || open.get()>
                <PeoplePanel close=Callback::new(move |()| open.set(false)) />
            </Show>
        </div>
    }
}

#[component]
fn Face(person: Presence) -> impl IntoView {
    let colour = person.person.colour.clone();
    let name = if person.me { format!("{} (you)", person.person.name) } else { person.person.name.clone() };
    view! {
        <span class="face" class:is-away=!person.here style:--face=colour title=name data-testid="face">
            {initials(&person.person.name)}
        </span>
    }
}

#[component]
fn PeoplePanel(close: Callback<()>) -> impl IntoView {
    let door = expect_context::<Door>();
    let owner = move || door.people().get().iter().any(|person| person.me && person.person.role == Role::Owner);
    let panel = NodeRef::<leptos::html::Div>::new();
    Effect::new(move |_| {
        if let Some(panel) = panel.get() {
            let _ = panel.focus();
        }
    });
    // On the window: while an invitation is under way nothing in the panel has the focus.
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        if event.key() == "Escape" {
            close.run(());
        }
    });
    on_cleanup(move || handle.remove());
    // Letters typed here are no shortcuts.
    let key = |event: leptos::ev::KeyboardEvent| {
        if event.key() != "Escape" {
            event.stop_propagation();
        }
    };
    view! {
        <div class="scrim" on:click=move |_| close.run(())></div>
        <div class="popover people-panel" role="dialog" aria-label="People in this project" tabindex="-1" node_ref=panel on:keydown=key>
            <h2>"People"</h2>
            <ul class="people-list">
                <For each=move || door.people().get() key=|person| (person.person.id.clone(), person.here, person.person.role, person.person.name.clone()) let:person>
                    <li>
                        <Face person=person.clone() />
                        <span class="people-name">
                            {person.person.name.clone()}
                            {person.me.then_some(" (you)")}
                            <small>{if person.here { "Here now" } else { "Away" }}</small>
                        </span>
                        <span class="tag">{role_name(person.person.role)}</span>
                    </li>
                </For>
            </ul>
            <Show when=owner fallback=|| view! { <p class="hint">"The owner of the project can invite others."</p> }>
                <InviteForm />
            </Show>
        </div>
    }
}

#[component]
fn InviteForm() -> impl IntoView {
    let door = expect_context::<Door>();
    let email = RwSignal::new(String::new());
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
        leptos::task::spawn_local(async move {
            let body = Invitation { email: address.clone(), role: "editor" };
            let answer = api::post_only(&format!("/api/projects/{}/members", project.id), &body).await;
            busy.set(false);
            outcome.set(Some(match answer {
                Ok(_) => {
                    email.set(String::new());
                    Ok(format!("If {address} has an account here, they can open and edit this project now."))
                }
                Err(failure) => Err(failure.message),
            }));
        });
    };
    view! {
        <form class="invite" on:submit=submit>
            <label class="field">
                <span>"Invite by e-mail"</span>
                <span class="field-row">
                    <input type="email" required placeholder="name@example.com" autocomplete="off" prop:value=email
                        on:input=move |event| email.set(event_target_value(&event)) />
                    <button type="submit" class="button primary" disabled=busy>"Invite"</button>
                </span>
            </label>
            {move || outcome.get().map(|outcome| match outcome {
                Ok(text) => view! { <p class="hint" role="status">{text}</p> }.into_any(),
                Err(text) => view! { <p class="form-error" role="alert">{text}</p> }.into_any(),
            })}
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_have_initials() {
        assert_eq!(initials("Ada Lovelace"), "AL");
        assert_eq!(initials("cher"), "C");
        assert_eq!(initials("Johann Sebastian Bach"), "JB");
        assert_eq!(initials("  "), "");
        assert_eq!(initials("éva ß"), "ÉSS");
    }
}
