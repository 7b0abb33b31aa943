//! From one page of the app to another without loading it anew: links, and the browser's back and forward. What leads elsewhere, to a
//! form of the server's, is the browser's to follow.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement, MouseEvent};

/// An event of the window before the page is left for another of the app; whoever prevents it has work that would be lost.
pub(crate) const LEAVING: &str = "unisono:leaving";

const ASKS: &str = "The export is not finished. Leave, and give it up?";

/// The path that the address has, from now on and as it changes. Links within the app, as `is_inside` knows their paths, are followed here.
pub(crate) fn follow(is_inside: impl Fn(&str) -> bool + 'static) -> ReadSignal<String> {
    let path = RwSignal::new(here());
    drop(window_event_listener(leptos::ev::click, move |event| {
        let Some(to) = inner_link(&event).filter(|to| is_inside(to)) else { return };
        event.prevent_default();
        if to != path.get_untracked() && may_leave() {
            push(&to);
            path.set(to);
        }
    }));
    drop(window_event_listener(leptos::ev::popstate, move |_| {
        let (from, to) = (path.get_untracked(), here());
        if from == to {
            return;
        }
        if may_leave() {
            path.set(to);
        } else {
            push(&from);
        }
    }));
    path.read_only()
}

fn here() -> String {
    location().pathname().unwrap_or_default()
}

/// Puts an address into the browser's history, and shows it.
fn push(path: &str) {
    // What a browser refuses to note (very many in a short time) is followed all the same.
    let _ = window().history().and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(path)));
}

/// The path that a plain click on a link leads to; none for what a browser does otherwise: another tab, a file, another site.
fn inner_link(event: &MouseEvent) -> Option<String> {
    if event.default_prevented() || event.button() != 0 {
        return None;
    }
    if event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key() {
        return None;
    }
    let link = event.target()?.dyn_into::<Element>().ok()?.closest("a[href]").ok()??;
    let plain = !link.has_attribute("target") && !link.has_attribute("download");
    link.get_attribute("href").filter(|path| plain && path.starts_with('/'))
}

/// Whether the page may be left. Before that a field that is being typed in is left, as by a click elsewhere: what it has is written.
fn may_leave() -> bool {
    if let Some(field) = document().active_element().and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = field.blur();
    }
    let options = web_sys::EventInit::new();
    options.set_cancelable(true);
    let Ok(event) = web_sys::Event::new_with_event_init_dict(LEAVING, &options) else { return true };
    // A browser that asks nothing lets nobody be held.
    window().dispatch_event(&event).unwrap_or(true) || window().confirm_with_message(ASKS).unwrap_or(true)
}
