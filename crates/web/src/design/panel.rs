//! The manners of what opens over the studio: panels and dialogs.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use leptos::tachys::html::element::ElementType;
use wasm_bindgen::JsCast;

/// What is wanted from a panel: a reference for what takes the focus when it opens, and a listener for its keys. Escape closes it,
/// wherever the focus is: while a request is under way nothing in the panel may have it. Other keys are no shortcuts in there.
pub(crate) fn manners<E>(close: impl Fn() + 'static) -> (NodeRef<E>, impl Fn(KeyboardEvent) + Clone + 'static)
where
    E: ElementType + 'static,
    E::Output: JsCast + Clone + 'static,
{
    let focused = NodeRef::<E>::new();
    Effect::new(move |_| {
        if let Some(element) = focused.get() {
            // What cannot take it leaves it where it was.
            let _ = element.unchecked_ref::<web_sys::HtmlElement>().focus();
        }
    });
    let escape = window_event_listener(leptos::ev::keydown, move |event| {
        if event.key() == "Escape" {
            close();
        }
    });
    on_cleanup(move || escape.remove());
    let key = |event: KeyboardEvent| {
        if event.key() != "Escape" {
            event.stop_propagation();
        }
    };
    (focused, key)
}
