//! A number with its unit that can be typed.

use leptos::html::Input;
use leptos::prelude::*;

use crate::door::Door;

/// So much of what was typed is said again when it is no value.
const QUOTED_CHARS_MAX: usize = 24;

/// The field; it shows `shown` unless somebody types.
#[component]
pub(crate) fn Typed(
    class: &'static str,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] shown: Signal<String>,
    /// Told what was typed, at Enter or when the field is left; false when that is no value of its kind.
    write: Callback<String, bool>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let input = NodeRef::<Input>::new();
    let typing = RwSignal::new(false);
    let show = move || {
        if let Some(input) = input.get_untracked() {
            input.set_value(&shown.get_untracked());
        }
    };
    Effect::new(move |_| {
        shown.track();
        if input.get().is_some() && !typing.get_untracked() {
            show();
        }
    });
    // A field that goes while it has the focus is left as it goes: whatever it knew is gone then, and nothing is written.
    let is_typed = move || typing.try_get_untracked() == Some(true);
    let commit = move || {
        if is_typed() {
            typing.set(false);
            if let Some(input) = input.get_untracked()
                && !write.run(input.value())
            {
                let typed: String = input.value().chars().take(QUOTED_CHARS_MAX).collect();
                door.toasts().error(
                    format!("“{typed}” is no value for this"),
                    format!("{} stays as it was.", label.get_untracked()),
                );
            }
            show();
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => commit(),
        // With nothing typed it means the panel around the field.
        "Escape" if is_typed() => {
            typing.set(false);
            show();
            event.stop_propagation();
        }
        "Escape" => {}
        _ => event.stop_propagation(),
    };
    view! {
        <input class=class type="text" autocomplete="off" aria-label=label title=move || door.title("Type a value")
            readonly=move || !door.may_edit_now() node_ref=input on:input=move |_| typing.set(true)
            on:focus=move |_| if let Some(input) = input.get_untracked() { input.select() } on:keydown=key on:blur=move |_| commit() />
    }
}
