//! The panel: changes, the newest first, and versions.

use std::time::Duration;

use leptos::html::Div;
use leptos::prelude::*;
use model::Id;

use super::History;
use super::change::PlainChange;
use super::groups::Group;
use super::versions::{NameVersion, VersionMark};
use crate::controls::focus;
use crate::design::{Icon, icon};
use crate::door::now;
use crate::shortcuts::{Command, Shortcuts};

/// So near the end of the list, in pixels, older entries are fetched.
const NEAR_THE_END: i32 = 400;
/// How often "a minute ago" is said anew.
const MINUTE: Duration = Duration::from_secs(30);

/// The button in the top bar.
#[component]
pub(crate) fn HistoryKey() -> impl IntoView {
    let (history, shortcuts) = (expect_context::<History>(), expect_context::<Shortcuts>());
    view! {
        <button type="button" class="icon-button history-key" data-testid="history" title=move || shortcuts.tip("History", Command::History) aria-label="History"
            aria-expanded=move || history.is_open().to_string() aria-pressed=move || history.is_open().to_string()
            on:click=move |_| history.toggle()>{icon(Icon::History)}</button>
    }
}

/// The same beside the parts of the studio, on small screens.
#[component]
pub(crate) fn HistorySwitch() -> impl IntoView {
    let history = expect_context::<History>();
    view! {
        <button type="button" class="switch" data-testid="history-switch" aria-expanded=move || history.is_open().to_string()
            on:click=move |_| history.toggle()>{icon(Icon::History)} "History"</button>
    }
}

/// The panel; nothing while it is closed.
#[component]
pub(crate) fn HistoryPanel() -> impl IntoView {
    let history = expect_context::<History>();
    view! {
        <Show when=move || history.is_open()>
            <Panel />
        </Show>
    }
}

/// Which list the panel shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    Changes,
    Versions,
}

#[component]
fn Panel() -> impl IntoView {
    let (history, shortcuts) = (expect_context::<History>(), expect_context::<Shortcuts>());
    let tab = RwSignal::new(Tab::Changes);
    let panel = NodeRef::<leptos::html::Aside>::new();
    Effect::new(move |_| {
        if let Some(panel) = panel.get() {
            focus::focus(&panel);
        }
    });
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            history.toggle();
            focus::keep(None, &[".history-key", "[data-testid=history-switch]"]);
            event.prevent_default();
            event.stop_propagation();
        }
    };
    view! {
        <aside class="history" aria-labelledby="history-title" tabindex="-1" data-testid="history-panel" node_ref=panel on:keydown=key>
            <header class="history-head">
                <h2 id="history-title">"History"</h2>
                <div class="history-tabs" role="group" aria-label="What to show">
                    <TabKey tab own=Tab::Changes label="Changes" />
                    <TabKey tab own=Tab::Versions label="Versions" />
                </div>
                <button type="button" class="icon-button small" aria-label="Close the history" title=move || shortcuts.tip("Close", Command::History)
                    on:click=move |_| history.toggle()>{icon(Icon::Close)}</button>
            </header>
            <NameVersion />
            {move || match tab.get() {
                Tab::Changes => view! { <Changes /> }.into_any(),
                Tab::Versions => view! { <Versions /> }.into_any(),
            }}
        </aside>
    }
}

#[component]
fn TabKey(tab: RwSignal<Tab>, own: Tab, label: &'static str) -> impl IntoView {
    view! {
        <button type="button" class="history-tab" aria-pressed=move || (tab.get() == own).to_string() on:click=move |_| tab.set(own)>{label}</button>
    }
}

#[component]
fn Versions() -> impl IntoView {
    let history = expect_context::<History>();
    let versions = history.versions;
    view! {
        <div class="history-list">
            <ol>
                <For each=move || versions.get() key=|version| (version.id.clone(), version.name.clone()) let:version>
                    <VersionMark version />
                </For>
            </ol>
            <Show when=move || versions.with(Vec::is_empty)>
                <div class="history-empty">
                    {icon(Icon::Flag)}
                    <p>"No versions yet. Give the song as it is now a name, and you will find it again: “Rough mix”, “Before the solo”."</p>
                </div>
            </Show>
        </div>
    }
}

#[component]
fn Changes() -> impl IntoView {
    let history = expect_context::<History>();
    let groups = Memo::new(move |_| history.groups());
    let clock = RwSignal::new(now());
    if let Ok(minute) = set_interval_with_handle(move || clock.set(now()), MINUTE) {
        on_cleanup(move || minute.clear());
    }
    Effect::new(move |_| {
        history.entries.track();
        clock.set(now());
    });
    let list = NodeRef::<Div>::new();
    let near_the_end = move || {
        // Asked for a frame ahead: by then the panel may be closed.
        if let Some(list) = list.try_get_untracked().flatten()
            && list.scroll_top() + list.client_height() > list.scroll_height() - NEAR_THE_END
        {
            history.go_on();
        }
    };
    // A part that does not fill the panel cannot be scrolled.
    Effect::new(move |_| {
        groups.track();
        request_animation_frame(near_the_end);
    });
    let key = |group: &Group| (group.seq, group.oldest(), group.steps.len(), group.lines.clone(), group.names.clone());
    view! {
        <div class="history-list" data-testid="history-list" node_ref=list on:scroll=move |_| near_the_end() aria-busy=move || history.loading.get().to_string()>
            <ol>
                <For each=move || groups.get() key let:group>
                    <Change group clock />
                </For>
            </ol>
            <Foot empty=Signal::derive(move || groups.with(Vec::is_empty)) />
        </div>
    }
}

/// What stands below the list: that more is on its way, why not, or that this is all.
#[component]
fn Foot(empty: Signal<bool>) -> impl IntoView {
    let history = expect_context::<History>();
    let loading = history.loading;
    move || {
        match (history.failed.get(), history.next.get()) {
        (Some(reason), _) => view! {
            <div class="history-foot" role="alert">
                <p>{reason}</p>
                <button type="button" class="button small" on:click=move |_| history.refresh()>"Try again"</button>
            </div>
        }
        .into_any(),
        (None, Some(_)) => view! {
            <div class="history-foot">
                <button type="button" class="button small quiet" on:click=move |_| history.go_on()>
                    {move || if loading.get() { "Fetching…" } else { "Earlier changes" }}
                </button>
            </div>
        }
        .into_any(),
        (None, None) if empty.get() => view! { <p class="history-foot">{move || if loading.get() { "Fetching…" } else { "Nothing has happened yet." }}</p> }.into_any(),
        (None, None) => view! { <p class="history-foot">"Here the song began."</p> }.into_any(),
    }
    }
}

#[component]
fn Change(group: Group, clock: RwSignal<model::Timestamp>) -> impl IntoView {
    let history = expect_context::<History>();
    // A state that has a name is shown by it, as long as it has one.
    let names = group.names.clone();
    let version = Memo::new(move |_| names.as_ref().and_then(|id| find(history, id)));
    let group = StoredValue::new(group);
    move || match version.get() {
        Some(version) => view! { <VersionMark version /> }.into_any(),
        None => view! { <PlainChange group=group.get_value() clock /> }.into_any(),
    }
}

fn find(history: History, id: &Id) -> Option<crate::door::history::Version> {
    history.versions.with(|versions| versions.iter().find(|version| version.id == *id).cloned())
}
