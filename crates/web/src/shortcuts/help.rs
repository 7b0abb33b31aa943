//! The help: all keys, and whether single letters act.

use leptos::html::Dialog;
use leptos::prelude::*;

use super::{Command, ELSEWHERE, Place, Shortcuts, TABLE};
use crate::design::{Icon, icon};

/// Opens it.
#[component]
pub(crate) fn HelpKey() -> impl IntoView {
    let shortcuts = expect_context::<Shortcuts>();
    view! {
        <button type="button" class="icon-button help-key" title=move || shortcuts.tip("Keys", Command::Help) aria-label="Keys" aria-haspopup="dialog" data-testid="help-key"
            on:click=move |_| shortcuts.toggle_help()>"?"</button>
    }
}

/// The dialog.
#[component]
pub(crate) fn KeysHelp() -> impl IntoView {
    let shortcuts = expect_context::<Shortcuts>();
    let dialog = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        let (Some(dialog), open) = (dialog.get(), shortcuts.help.get()) else { return };
        if open && !dialog.open() {
            let _ = dialog.show_modal();
        } else if !open && dialog.open() {
            dialog.close();
        }
    });
    let close = move || shortcuts.help.set(false);
    // A press beside it, on what is behind.
    let press = move |event: leptos::ev::MouseEvent| {
        if event.target() == event.current_target() {
            close();
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "?" {
            close();
        }
        event.stop_propagation();
    };
    let part = |title: &'static str, keys: Vec<(&'static str, &'static str)>| {
        let lines =
            keys.into_iter().map(|(shown, what)| view! { <div><dt><kbd>{shown}</kbd></dt><dd>{what}</dd></div> });
        view! { <section><h3>{title}</h3><dl>{lines.collect_view()}</dl></section> }
    };
    let parts = Place::ALL.map(|(place, title)| {
        let told = TABLE.iter().filter(|shortcut| shortcut.place == place && !shortcut.what.is_empty());
        part(title, told.map(|shortcut| (shortcut.shown, shortcut.what)).collect())
    });
    let elsewhere = ELSEWHERE.map(|(title, keys)| part(title, keys.to_vec()));
    view! {
        <dialog class="dialog keys-help" aria-labelledby="keys-title" data-testid="keys-help" node_ref=dialog
            on:close=move |_| close() on:click=press on:keydown=key>
            <div class="keys-body">
                <header class="people-head">
                    <h2 id="keys-title">"Keys"</h2>
                    <button type="button" class="icon-button small" aria-label="Close" on:click=move |_| close()>{icon(Icon::Close)}</button>
                </header>
                <label class="keys-switch">
                    <input type="checkbox" data-testid="single-keys" prop:checked=move || shortcuts.single.get()
                        on:change=move |event| shortcuts.set_single(event_target_checked(&event)) />
                    <span>"Letters and signs alone act on the page. Switch this off when you speak to the computer, or press keys by accident; keys with Ctrl or Alt, and those of what has the focus, go on."</span>
                </label>
                <div class="keys-parts">{parts} {elsewhere}</div>
                <p class="hint">"On a Mac, Cmd does what Ctrl does here. Tab comes to the clips once, and to each lane of automation once: to the clip or point that was chosen last."</p>
            </div>
        </dialog>
    }
}
