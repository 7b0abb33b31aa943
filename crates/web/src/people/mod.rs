//! Who can open the project and as what, who has it open now, and how people come in and leave.

mod deletion;
mod email;
mod links;
mod not_saved;
mod panel;

use leptos::prelude::*;
use model::Role;

use crate::design::{Icon, icon};
use crate::door::{Door, ONLY_LISTENS, Presence};
use panel::PeoplePanel;

pub(crate) use deletion::DeletedSong;
pub(crate) use not_saved::{ClosedToYou, NotSaved, NotSavedList};

/// Faces that are shown; the rest are a number.
const FACES_MAX: usize = 5;

/// One or two letters for a face.
pub(crate) fn initials(name: &str) -> String {
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

/// Leads whoever has left the project to the others, as soon as the server knows.
pub(crate) fn see_off(door: Door) {
    Effect::new(move |_| {
        let status = door.status().get();
        let known = status.denied.is_some() || (status.live && status.pending == 0);
        if door.leaving().get() && door.role().get().is_none() && known {
            // A browser that refuses to follow leaves the page that says so.
            let _ = location().set_href("/projects");
        }
    });
}

/// Faces of those who are here; opens the panel of all.
#[component]
pub(crate) fn People() -> impl IntoView {
    let door = expect_context::<Door>();
    let open = RwSignal::new(false);
    let button = NodeRef::<leptos::html::Button>::new();
    let here = Memo::new(move |_| door.people().get().into_iter().filter(|person| person.here).collect::<Vec<_>>());
    let label = move || match here.get().len() {
        0 => "People".to_owned(),
        1 => "1 person is here".to_owned(),
        count => format!("{count} people are here"),
    };
    let close = Callback::new(move |()| {
        open.set(false);
        if let Some(button) = button.get_untracked() {
            let _ = button.focus();
        }
    });
    view! {
        <div class="people">
            <OnlyListens />
            <button type="button" class="faces" data-testid="presence" data-count=move || here.get().len().to_string()
                aria-haspopup="dialog" aria-expanded=move || open.get().to_string() aria-label=label title=label node_ref=button
                on:click=move |_| open.update(|open| *open = !*open)>
                <span class="faces-row">
                    {move || here.get().into_iter().take(FACES_MAX).map(|person| view! { <Face person /> }).collect_view()}
                </span>
                {move || here.get().len().checked_sub(FACES_MAX + 1).map(|more| view! { <span class="face face-more">{format!("+{}", more + 1)}</span> })}
                <span class="faces-add">{icon(Icon::Share)}</span>
            </button>
            <Show when=move || open.get()>
                <PeoplePanel close />
            </Show>
        </div>
    }
}

/// What somebody is told all the time who can only listen.
#[component]
fn OnlyListens() -> impl IntoView {
    let door = expect_context::<Door>();
    Effect::new(move |before: Option<Option<Role>>| {
        let now = door.role().get();
        match (before.flatten(), now) {
            (Some(Role::Viewer), Some(Role::Editor | Role::Owner)) => {
                door.toasts().info("You can change this song now", "An owner has made you an editor.");
            }
            (Some(Role::Editor | Role::Owner), Some(Role::Viewer)) => {
                door.toasts().info("You can only listen now", "An owner has changed what you may do.");
            }
            _ => {}
        }
        now.or(before.flatten())
    });
    view! {
        <Show when=move || door.role().get() == Some(Role::Viewer)>
            <span class="only-listens" data-testid="only-listens" title=ONLY_LISTENS tabindex="0" role="note">
                "Listening only" <span class="unseen">{format!(". {ONLY_LISTENS}")}</span>
            </span>
        </Show>
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
