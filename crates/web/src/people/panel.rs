//! The panel: everybody who can open the project, their roles, and for owners what to do about both.

use leptos::prelude::*;
use model::{Id, Role, Table};
use operations::build;
use sync::wire::PresenceOf;

use super::deletion::DeleteSong;
use super::email::EmailForm;
use super::links::Links;
use super::{Face, role_name};
use crate::controls::{focus, opens_first};
use crate::design::{Icon, icon, manners};
use crate::door::{Door, Presence};
use crate::presence::{PlayheadChoice, activity_of};

/// Why the last owner can neither leave nor be anything else (PE3).
const LAST_OWNER: &str = "A project keeps at least one owner. Make somebody else an owner first.";

/// Whether nobody else is an owner.
fn is_last_owner(people: &[Presence], user: &Id) -> bool {
    let mut owners = people.iter().filter(|presence| presence.role == Role::Owner);
    matches!((owners.next(), owners.next()), (Some(only), None) if only.person.id == *user)
}

/// The panel; closes on Escape, its button, and a press elsewhere.
#[component]
pub(super) fn PeoplePanel(close: Callback<()>) -> impl IntoView {
    let door = expect_context::<Door>();
    let owns = Memo::new(move |_| door.role().get() == Some(Role::Owner));
    let (panel, key) = manners::<leptos::html::Div>(move || close.run(()));
    let ids = Memo::new(move |_| {
        door.people().with(|people| people.iter().map(|it| it.person.id.clone()).collect::<Vec<_>>())
    });
    view! {
        <div class="scrim people-scrim" on:click=move |_| close.run(())></div>
        <div class="popover people-panel" role="dialog" aria-modal="true" aria-labelledby="people-title" tabindex="-1" data-testid="people-panel" node_ref=panel on:keydown=key>
            <header class="people-head">
                <h2 id="people-title">"People"</h2>
                <button type="button" class="icon-button small" aria-label="Close" on:click=move |_| close.run(())>{icon(Icon::Close)}</button>
            </header>
            <ul class="people-list">
                <For each=move || ids.get() key=Id::clone let:id>
                    <Member id owns />
                </For>
            </ul>
            <PlayheadChoice />
            <Show when=move || owns.get() fallback=|| view! { <p class="hint people-foot">"Owners can invite others and change roles."</p> }>
                <Links />
                <EmailForm />
                <DeleteSong />
            </Show>
        </div>
    }
}

/// What somebody does right now.
fn activity(door: Door, user: &Id) -> Option<String> {
    let of = |all: &Vec<PresenceOf>| all.iter().filter(|one| one.user == *user).find_map(|one| one.presence.clone());
    let doing = door.presences().with(of)?;
    door.times().with(|times| door.read_present(|records| activity_of(records, &times.metres, &doing)))
}

/// One person: who, whether here, as what; and what an owner, or they themselves, can do about it.
#[component]
fn Member(id: Id, owns: Memo<bool>) -> impl IntoView {
    let door = expect_context::<Door>();
    let stored = StoredValue::new(id);
    let presence = Memo::new(move |_| {
        door.people().with(|people| people.iter().find(|it| stored.with_value(|id| it.person.id == *id)).cloned())
    });
    let last = Memo::new(move |_| door.people().with(|people| stored.with_value(|id| is_last_owner(people, id))));
    let asking = RwSignal::new(false);
    let me = move || presence.get().is_some_and(|presence| presence.me);
    let name = move || presence.get().map(|presence| presence.person.name).unwrap_or_default();
    let membership = move || presence.get_untracked().and_then(|presence| presence.membership);
    let choose = move |event: leptos::ev::Event| {
        let chosen = event_target_value(&event);
        if let Some(membership) = membership() {
            door.dispatch("Change role", vec![build::set(Table::ProjectMembers, &membership, "role", chosen.as_str())]);
        }
    };
    let remove = move || {
        asking.set(false);
        let (Some(membership), mine) = (membership(), me()) else { return };
        let what = if mine { "Leave project" } else { "Remove member" };
        focus::keep(None, &["[data-testid=people-panel]"]);
        if door.dispatch(what, vec![build::delete(Table::ProjectMembers, &membership)]) && mine {
            door.leaving().set(true);
        }
    };
    let options = move || {
        let now = presence.get().map(|presence| presence.role);
        Role::ALL
            .into_iter()
            .rev()
            .map(|role| view! { <option value=role.name() selected=now == Some(role)>{role_name(role)}</option> })
            .collect_view()
    };
    let role = move || presence.get().map(|presence| role_name(presence.role)).unwrap_or_default();
    let may_end = move || owns.get() || me();
    let doing = move || match presence.get() {
        Some(presence) if presence.here && !presence.me => {
            activity(door, &presence.person.id).unwrap_or_else(|| "Here now".to_owned())
        }
        Some(presence) if presence.here => "Here now".to_owned(),
        _ => "Away".to_owned(),
    };
    view! {
        <li class="member" data-testid="member" data-user-id=stored.get_value().to_string()>
            <div class="member-row">
                {move || presence.get().map(|person| view! { <Face person /> })}
                <span class="people-name">
                    <span class="people-name-text">{name} {move || me().then_some(" (you)")}</span>
                    <small data-testid="activity">{doing}</small>
                </span>
                <Show when=move || owns.get() fallback=move || view! { <span class="tag" data-testid="role">{role}</span> }>
                    <select class="role-choice" data-testid="role" aria-label=move || format!("Role of {}", name()) disabled=last on:keydown=|event| opens_first(&event)
                        title=move || if last.get() { LAST_OWNER } else { "Change role" } on:change=choose>{options}</select>
                </Show>
                <Show when=may_end>
                    <button type="button" class="icon-button small" data-testid="end-membership"
                        aria-label=move || if me() { "Leave the project".to_owned() } else { format!("Remove {}", name()) }
                        title=move || match (last.get(), me()) { (true, _) => LAST_OWNER, (_, true) => "Leave the project", _ => "Remove from the project" }
                        disabled=last aria-expanded=move || asking.get().to_string() on:click=move |_| asking.update(|asking| *asking = !*asking)>
                        {move || icon(if me() { Icon::LogOut } else { Icon::Close })}
                    </button>
                </Show>
            </div>
            <Show when=move || last.get() && owns.get() && me()>
                <p class="hint member-note">{LAST_OWNER}</p>
            </Show>
            <Show when=move || asking.get()>
                <div class="member-ask" role="group" aria-label="Are you sure?">
                    <p>{move || if me() { "You will need a new invitation to come back.".to_owned() } else { format!("{} loses access at once. What they made stays.", name()) }}</p>
                    <div class="member-ask-buttons">
                        <button type="button" class="button small" on:click=move |_| asking.set(false)>"Cancel"</button>
                        <button type="button" class="button small danger" data-testid="confirm-end" on:click=move |_| remove()>
                            {move || if me() { "Leave" } else { "Remove" }}
                        </button>
                    </div>
                </div>
            </Show>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use sync::wire::Person;

    use super::*;

    fn presence(user: &str, role: Role) -> Presence {
        let id = Id::new(user).unwrap();
        let person = Person { id, name: user.to_owned(), colour: "#ffffff".to_owned(), role };
        Presence { person, membership: None, role, here: false, me: false }
    }

    #[test]
    fn pe3_the_last_owner_is_the_only_one() {
        let id = |text: &str| Id::new(text).unwrap();
        let mut people = vec![presence("ann", Role::Owner), presence("ed", Role::Editor)];
        assert!(is_last_owner(&people, &id("ann")));
        assert!(!is_last_owner(&people, &id("ed")));
        people.push(presence("bob", Role::Owner));
        assert!(!is_last_owner(&people, &id("ann")) && !is_last_owner(&people, &id("bob")));
        assert!(!is_last_owner(&[], &id("ann")));
    }
}
