//! Undo and redo: two keys that say what they would do.

use leptos::prelude::*;

use crate::design::{Icon, icon};
use crate::door::Door;

/// What a key is called and what its tip says. Of a step: "Undo Move clip", with the shortcut; of none: why nothing happens.
fn words(way: &str, shortcut: &str, step: Option<&str>) -> (String, String) {
    match step {
        Some(label) => {
            let name = format!("{way} {label}").trim_end().to_owned();
            let tip = format!("{name} ({shortcut})");
            (name, tip)
        }
        None => (way.to_owned(), format!("Nothing to {}", way.to_lowercase())),
    }
}

/// The keys; who may only listen has none.
#[component]
pub(super) fn StepKeys() -> impl IntoView {
    let door = expect_context::<Door>();
    view! {
        <Show when=move || door.may_edit_now()>
            <div class="transport-steps" role="group" aria-label="Undo and redo">
                <StepKey way="Undo" shortcut="Ctrl+Z" keys="Control+Z Meta+Z" icon=Icon::Undo testid="undo" step=door.next_undo()
                    run=Callback::new(move |()| door.undo()) />
                <StepKey way="Redo" shortcut="Ctrl+Shift+Z" keys="Control+Shift+Z Meta+Shift+Z Control+Y" icon=Icon::Redo testid="redo"
                    step=door.next_redo() run=Callback::new(move |()| door.redo()) />
            </div>
        </Show>
    }
}

#[component]
fn StepKey(
    way: &'static str,
    shortcut: &'static str,
    keys: &'static str,
    icon: Icon,
    testid: &'static str,
    step: ReadSignal<Option<String>>,
    run: Callback<()>,
) -> impl IntoView {
    let words = Memo::new(move |_| step.with(|step| words(way, shortcut, step.as_deref())));
    view! {
        <button type="button" class="key" data-testid=testid aria-keyshortcuts=keys
            aria-label=move || words.get().0 title=move || words.get().1
            aria-disabled=move || step.with(Option::is_none).to_string() on:click=move |_| run.run(())>
            {self::icon(icon)}
        </button>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_step_or_says_that_there_is_none() {
        let of = |step| words("Undo", "Ctrl+Z", step);
        assert_eq!(of(Some("Move clip")), ("Undo Move clip".to_owned(), "Undo Move clip (Ctrl+Z)".to_owned()));
        assert_eq!(of(Some("")), ("Undo".to_owned(), "Undo (Ctrl+Z)".to_owned()));
        assert_eq!(of(None), ("Undo".to_owned(), "Nothing to undo".to_owned()));
    }
}
