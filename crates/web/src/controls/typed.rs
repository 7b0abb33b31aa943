//! A number with its unit that can be typed.

use std::time::Duration;

use leptos::html::Input;
use leptos::portal::Portal;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

use crate::door::{Door, clock};

/// So much of what was typed is said again when it is no value.
const QUOTED_CHARS_MAX: usize = 24;
/// Pixels between a field and what is said of it.
const GAP: f64 = 6.0;

/// How long it is said that something is no value, unless it is typed anew before.
const SAID: Duration = Duration::from_secs(8);

/// Why a field stays as it was, and where: above it, in pixels from the left and from the bottom of the page.
#[derive(Clone, Debug, PartialEq)]
struct Problem {
    words: String,
    left: f64,
    bottom: f64,
}

/// The field; it shows `shown` unless somebody types.
#[component]
pub(crate) fn Typed(
    class: &'static str,
    #[prop(into)] label: Signal<String>,
    #[prop(into)] shown: Signal<String>,
    /// What can be typed: "0 to 4 beats".
    #[prop(optional)]
    range: Option<Signal<String>>,
    /// Told what was typed, at Enter or when the field is left; false when that is no value of its kind.
    write: Callback<String, bool>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let input = NodeRef::<Input>::new();
    let typing = RwSignal::new(false);
    let problem = RwSignal::new(None::<Problem>);
    let refuse = move |input: &HtmlInputElement| {
        let typed: String = input.value().chars().take(QUOTED_CHARS_MAX).collect();
        let can_be = range.map_or_else(|| "it stays as it was".to_owned(), |range| range.get_untracked());
        let place = input.get_bounding_client_rect();
        let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default();
        let words = format!("“{typed}” is no value for this: {can_be}.");
        let said = Problem { words, left: place.left(), bottom: height - place.top() + GAP };
        problem.set(Some(said.clone()));
        clock::after(SAID, move || {
            if problem.try_with_untracked(|now| now.as_ref() == Some(&said)) == Some(true) {
                problem.set(None);
            }
        });
    };
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
                refuse(&input);
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
        <input class=class type="text" autocomplete="off" aria-label=label aria-invalid=move || problem.with(Option::is_some).to_string() title=move || door.title("Type a value")
            readonly=move || !door.may_edit_now() node_ref=input on:input=move |_| { typing.set(true); problem.set(None); }
            on:focus=move |_| if let Some(input) = input.get_untracked() { input.select() } on:keydown=key on:blur=move |_| commit() />
        // In the body: panels cut off what reaches out of them.
        {move || problem.get().map(|problem| view! {
            <Portal><p class="typed-problem" role="alert" data-testid="typed-problem" style:left=format!("{:.0}px", problem.left) style:bottom=format!("{:.0}px", problem.bottom)>{problem.words.clone()}</p></Portal>
        })}
    }
}
