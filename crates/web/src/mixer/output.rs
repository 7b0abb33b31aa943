//! Where a strip's sound goes: a list of what takes it, and new buses and groups.

use leptos::prelude::*;
use model::{Id, Table};
use operations::{Operation, build};

use super::routes::{Choice, Routes};
use crate::controls::opens_first;
use crate::design::{Icon, icon};
use crate::door::imports::new_track;
use crate::door::{Door, new_id};

/// The value of the choice that makes a new track; no id has such letters.
const NEW: &str = "+";

/// A list of tracks of which one is chosen, or none.
#[component]
pub(crate) fn TrackChoice(
    /// Its `data-testid`.
    test: &'static str,
    label: Signal<String>,
    /// What it is when no track is chosen.
    none: &'static str,
    now: Signal<Option<Id>>,
    choices: Signal<Vec<Choice>>,
    /// What a new track of its own is called, where there may be one.
    #[prop(optional)]
    fresh: &'static str,
    choose: Callback<Option<Id>>,
    /// Told when a new track is wanted.
    #[prop(optional)]
    make: Option<Callback<()>>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let routes = expect_context::<ReadSignal<Routes>>();
    // What has been deleted is still said to be chosen, so that one sees why it goes to the master.
    let gone = move || {
        let now = now.get().filter(|now| choices.with(|choices| choices.iter().all(|choice| choice.id != *now)))?;
        let name = routes.with(|routes| routes.name(&now).unwrap_or("?").to_owned());
        Some(view! { <option value=now.to_string()>{format!("{name} (deleted)")}</option> })
    };
    let options = move || {
        let option = |choice: Choice| view! { <option value=choice.id.to_string()>{choice.name}</option> };
        choices.get().into_iter().map(option).collect_view()
    };
    let list = NodeRef::<leptos::html::Select>::new();
    let changed = move |event: leptos::ev::Event| {
        let chosen = event_target_value(&event);
        match (&*chosen, make) {
            (NEW, Some(make)) => make.run(()),
            ("", _) => choose.run(None),
            _ => choose.run(Id::new(&chosen).ok()),
        }
        // What was chosen may not be what it now is: a send that was added leaves the list as it was.
        if let Some(list) = list.get_untracked() {
            list.set_value(&now.get_untracked().map(|id| id.to_string()).unwrap_or_default());
        }
    };
    // Set again whenever the list is: a browser forgets what was chosen when its option comes anew.
    let chosen = move || {
        choices.track();
        now.get().map(|id| id.to_string()).unwrap_or_default()
    };
    view! {
        <select class="track-choice" data-testid=test aria-label=label disabled=move || !door.may_edit_now()
            title=move || label.get() node_ref=list on:keydown=|event| opens_first(&event) on:change=changed prop:value=chosen>
            <option value="">{none}</option>
            {options}
            {gone}
            {(!fresh.is_empty()).then(|| view! { <option value=NEW>{fresh}</option> })}
        </select>
    }
}

/// The operation that makes a bus or a group, called after how many there are; and its id.
pub(super) fn new_channel(door: Door, routes: ReadSignal<Routes>, kind: &'static str) -> Option<(Id, Operation)> {
    let project = door.project().get_untracked()?;
    let (id, count) = (new_id(), door.tracks().with_untracked(Vec::len));
    let number = routes.with_untracked(|routes| routes.count(kind)) + 1;
    let name = format!("{} {number}", word_of(kind));
    Some((id.clone(), new_track(&id, &project.id, &name, kind, count)))
}

/// What a kind of track is called on the screen.
fn word_of(kind: &str) -> &'static str {
    if kind == "bus" { "Bus" } else { "Group" }
}

/// Where a strip's sound goes.
#[component]
pub(super) fn Output(id: Id, #[prop(into)] name: Signal<String>) -> impl IntoView {
    let door = expect_context::<Door>();
    let routes = expect_context::<ReadSignal<Routes>>();
    let record = door.record(Table::Tracks, &id);
    let id = StoredValue::new(id);
    let now = Signal::derive(move || record.with(|record| record.as_ref()?.id_in("output")));
    let choices = Memo::new(move |_| routes.with(|routes| id.with_value(|id| routes.targets(id))));
    let set = move |target: &Id| build::set(Table::Tracks, &id.get_value(), "output", target);
    let choose = move |target: Option<Id>| {
        let operation = target.map_or_else(|| build::unset(Table::Tracks, &id.get_value(), "output"), |it| set(&it));
        door.dispatch("Change output", vec![operation]);
    };
    let make = move |()| {
        if let Some((group, created)) = new_channel(door, routes, "group") {
            door.dispatch("Put into a new group", vec![created, set(&group)]);
        }
    };
    view! {
        <TrackChoice test="output" label=Signal::derive(move || format!("Output of {}", name.get())) none="Master" now
            choices=choices.into() fresh="New group…" choose=Callback::new(choose) make=Callback::new(make) />
    }
}

/// Adds a bus or a group.
#[component]
pub(super) fn AddChannels() -> impl IntoView {
    let door = expect_context::<Door>();
    let routes = expect_context::<ReadSignal<Routes>>();
    let add = move |kind: &'static str, what: &'static str| {
        if let Some((_, created)) = new_channel(door, routes, kind) {
            door.dispatch(what, vec![created]);
        }
    };
    view! {
        <Show when=move || door.may_edit_now()>
            <div class="strip-add" role="group" aria-label="Add a channel">
                <button type="button" class="button quiet" data-testid="add-bus" title="Add a bus: tracks send to it" on:click=move |_| add("bus", "Add bus")>{icon(Icon::Plus)} "Bus"</button>
                <button type="button" class="button quiet" data-testid="add-group" title="Add a group: tracks go through it" on:click=move |_| add("group", "Add group")>{icon(Icon::Plus)} "Group"</button>
            </div>
        </Show>
    }
}
