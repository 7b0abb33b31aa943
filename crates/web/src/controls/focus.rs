//! Where the focus goes when what had it goes away: a keyboard must not begin at the top of the page again.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, FocusOptions, HtmlElement};

use crate::door::clock;

/// Gives an element the focus, and scrolls nothing.
pub(crate) fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let options = FocusOptions::new();
        options.set_prevent_scroll(true);
        let _ = element.focus_with_options(&options);
    }
}

/// Whether nothing has the focus.
fn is_lost() -> bool {
    document().active_element().is_none_or(|active| active.tag_name() == "BODY")
}

/// Once the screen has followed: if the focus has been lost, `last` gets it again, or if that is gone or does nothing any more
/// the first element of `selectors` that is there.
pub(crate) fn keep(last: Option<Element>, selectors: &[&str]) {
    let selectors: Vec<String> = selectors.iter().map(|selector| (*selector).to_owned()).collect();
    clock::after(Duration::ZERO, move || {
        if !is_lost() {
            return;
        }
        let usable = |element: &Element| element.is_connected() && !element.has_attribute("disabled");
        let found = |selector: &String| document().query_selector(selector).ok().flatten().filter(usable);
        if let Some(element) =
            last.as_ref().filter(|last| usable(last)).cloned().or_else(|| selectors.iter().find_map(found))
        {
            focus(&element);
        }
    });
}

/// What has the focus now.
pub(crate) fn holder() -> Option<Element> {
    document().active_element().filter(|active| active.tag_name() != "BODY")
}

/// Keeps Tab within `panel`: behind its last control comes its first.
pub(crate) fn hold_within(panel: &Element, event: &web_sys::KeyboardEvent) {
    if event.key() != "Tab" {
        return;
    }
    let controls = "button:not([disabled]), input:not([disabled]), select:not([disabled]), a[href], [tabindex=\"0\"]";
    let Ok(all) = panel.query_selector_all(controls) else { return };
    let control = |index: u32| all.item(index).and_then(|node| node.dyn_into::<Element>().ok());
    let Some(last) = all.length().checked_sub(1) else { return };
    let (first, last) = (control(0), control(last));
    let active = document().active_element();
    let at = |control: &Option<Element>| active.is_some() && active == *control;
    let next = match event.shift_key() {
        true if at(&first) || active.as_ref() == Some(panel) => last,
        false if at(&last) => first,
        _ => return,
    };
    event.prevent_default();
    if let Some(next) = next {
        focus(&next);
    }
}
