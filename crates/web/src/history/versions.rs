//! Named versions: naming the present state, renaming and deleting a name, looking at one.

use leptos::html::Input;
use leptos::prelude::*;
use model::{Table, Timestamp, Value, fields};
use operations::build;

use super::History;
use super::moment_words::exact;
use crate::controls::focus;
use crate::design::{Icon, icon};
use crate::door::history::Version;
use crate::door::past::Moment;
use crate::door::{new_id, now};
use crate::projects::when::ago;

/// Letters that a name may have: four bytes each stay within what the server takes.
const NAME_LETTERS_MAX: &str = "50";

/// The field in which the present state gets a name.
#[component]
pub(super) fn NameVersion() -> impl IntoView {
    let history = expect_context::<History>();
    let door = history.door;
    let input = NodeRef::<Input>::new();
    let keep = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let (Some(field), Some(project)) = (input.get_untracked(), door.project().get_untracked()) else { return };
        let name = field.value().trim().to_owned();
        if name.is_empty() {
            let _ = field.focus();
            return;
        }
        let given = fields([("projectId", Value::from(&project.id)), ("name", Value::text(&name))]);
        if door.dispatch("Name version", vec![build::create(Table::Versions, &new_id(), given)]) {
            field.set_value("");
        }
    };
    view! {
        <Show when=move || door.may_edit_now()>
            <form class="name-version" on:submit=keep>
                <input class="name-version-field" aria-label="Name of this version" placeholder="Name this version" maxlength=NAME_LETTERS_MAX
                    autocomplete="off" spellcheck="false" data-testid="version-name" node_ref=input />
                <button type="submit" class="button small" data-testid="name-version">{icon(Icon::Flag)} "Keep"</button>
            </form>
        </Show>
    }
}

/// A named version in the list.
#[component]
pub(super) fn VersionMark(version: Version) -> impl IntoView {
    let history = expect_context::<History>();
    let door = history.door;
    let renaming = RwSignal::new(false);
    let input = NodeRef::<Input>::new();
    let time = version.created_at.as_deref().and_then(Timestamp::parse).unwrap_or(Timestamp(0));
    let by = version.created_by.name.clone().unwrap_or_else(|| "Somebody".to_owned());
    let colour = version.created_by.colour.clone();
    let stored = StoredValue::new(version.clone());
    let name = version.name.clone();
    Effect::new(move |_| {
        if let Some(field) = input.get() {
            field.set_value(&stored.with_value(|version| version.name.clone()));
            let _ = field.focus();
            field.select();
        }
    });
    let rename = move |keep: bool| {
        // None when the list goes while a name is typed.
        if renaming.try_get_untracked() != Some(true) {
            return;
        }
        let wanted = input.get_untracked().map(|field| field.value().trim().to_owned()).unwrap_or_default();
        renaming.set(false);
        let version = stored.get_value();
        if keep && !wanted.is_empty() && wanted != version.name {
            door.dispatch("Rename version", vec![build::set(Table::Versions, &version.id, "name", wanted.as_str())]);
        }
    };
    let remove = move |_| {
        let version = stored.get_value();
        if door.dispatch("Delete version", vec![build::delete(Table::Versions, &version.id)]) {
            // No step of undo (UN1): what is there last is another edit.
            door.toasts().removed(format!("The name “{}” was deleted", version.name), None, move || {
                door.dispatch("Bring back version", vec![build::restore(Table::Versions, &version.id)]);
            });
        }
    };
    let look = move |_| {
        let version = stored.get_value();
        history.look(Moment { seq: version.seq, time, name: Some(version.name) });
    };
    let shown = move || door.moment().with(|moment| moment.as_ref().is_some_and(|moment| moment.seq == version.seq));
    let key = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => rename(true),
        "Escape" => {
            rename(false);
            let own = format!("[data-testid=version][data-seq=\"{}\"] [data-testid=rename-version]", version.seq);
            focus::keep(None, &[own.as_str(), "[data-testid=history-panel]"]);
            event.prevent_default();
            event.stop_propagation();
        }
        _ => {}
    };
    view! {
        <li class="change version" class:is-shown=shown data-testid="version" data-seq=version.seq.to_string() style:--face=colour>
            <span class="version-flag">{icon(Icon::Flag)}</span>
            <div class="change-main">
                <Show when=move || renaming.get() fallback={
                    let name = name.clone();
                    move || view! { <strong class="version-title">{name.clone()}</strong> }
                }>
                    <input class="head-input" aria-label="New name of the version" maxlength=NAME_LETTERS_MAX autocomplete="off" node_ref=input
                        on:keydown=key on:blur=move |_| rename(true) />
                </Show>
                <small class="change-when" title=exact(time)>{by} " · " {ago(time, now())}</small>
            </div>
            <div class="change-keys">
                <button type="button" class="icon-button small" data-testid="look" aria-label=format!("Look at {name}") title="Look at this version"
                    on:click=look>{icon(Icon::Eye)}</button>
                <Show when=move || door.may_edit_now()>
                    <button type="button" class="icon-button small" data-testid="rename-version" aria-label={
                        let name = name.clone();
                        move || format!("Rename {name}")
                    } title="Rename" on:click=move |_| renaming.set(true)>{icon(Icon::Pencil)}</button>
                    <button type="button" class="icon-button small" data-testid="delete-version" aria-label={
                        let name = name.clone();
                        move || format!("Delete the name {name}")
                    } title="Delete the name; the history stays" on:click=remove>{icon(Icon::Bin)}</button>
                </Show>
            </div>
        </li>
    }
}
