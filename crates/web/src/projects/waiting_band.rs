//! Above the list: edits that wait, of all projects; they are sent from here, too (CL2, CL3).

use std::collections::BTreeMap;

use leptos::prelude::*;
use model::Id;

use super::Stage;
use crate::design::{Icon, icon};
use crate::door::{Desk, Listed};
use crate::people::NotSavedList;
use crate::waiting::{WaitingList, edits_wait};

/// The band, and what of it the server has not taken; nothing while nothing waits.
#[component]
pub(super) fn WaitingBand(
    /// What this browser keeps.
    desk: Desk,
    /// The songs, for their names.
    stage: ReadSignal<Stage>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let waiting = desk.waiting();
    let count = Memo::new(move |_| waiting.with(Vec::len));
    let any = move || count.get() > 0;
    let projects = Memo::new(move |_| {
        let mut projects: BTreeMap<Id, usize> = BTreeMap::new();
        waiting.with(|waiting| waiting.iter().for_each(|edit| *projects.entry(edit.project.clone()).or_default() += 1));
        projects.into_keys().collect::<Vec<_>>()
    });
    let name_of = move |project: &Id| {
        stage.with(|stage| match stage {
            Stage::Loaded(songs) => songs.iter().find(|song| song.id == *project).map(|song| song.name.clone()),
            _ => None,
        })
    };
    view! {
        <NotSavedList unsaved=desk.unsaved() />
        <Show when=any>
            <section class="waiting-band" aria-labelledby="waiting-band-title" data-testid="waiting-band">
                <header class="waiting-band-head">
                    {icon(Icon::CloudOff)}
                    <h2 id="waiting-band-title">{move || format!("{} to be saved", edits_wait(count.get()))}</h2>
                    <button type="button" class="button small" on:click=move |_| desk.retry()>"Send now"</button>
                    <button type="button" class="button small quiet" aria-expanded=move || open.get().to_string() on:click=move |_| open.update(|open| *open = !*open)>
                        {move || if open.get() { "Hide" } else { "Show" }}
                    </button>
                </header>
                <Show when=move || open.get()>
                    <For each=move || projects.get() key=Id::clone let:project>
                        <ProjectEdits desk name=name_of(&project) project />
                    </For>
                </Show>
            </section>
        </Show>
    }
}

#[component]
fn ProjectEdits(desk: Desk, name: Option<String>, project: Id) -> impl IntoView {
    let own = StoredValue::new(project);
    let edits = Memo::new(move |_| {
        let is_own = |edit: &&Listed| own.with_value(|project| edit.project == *project);
        desk.waiting().with(|waiting| waiting.iter().filter(is_own).cloned().collect::<Vec<_>>())
    });
    let closed = move || own.with_value(|project| desk.closed().with(|closed| closed.get(project).cloned()));
    let discard = Callback::new(move |edits: Vec<Listed>| edits.iter().for_each(|edit| desk.discard(edit)));
    view! {
        <div>
            <h3>{name.unwrap_or_else(|| "A project that is not in your list".to_owned())}</h3>
            {move || closed().map(|why| view! { <p class="hint" role="alert">{format!("It is not open to you any more: {why}")}</p> })}
            <WaitingList edits discard />
        </div>
    }
}
