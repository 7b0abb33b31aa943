//! A list of choices that acts when one is chosen, and not at each key that passes by one.

use wasm_bindgen::{JsCast, JsValue};

/// A closed list takes the next choice at an arrow key, and the first that begins like a letter: here that opens it instead, so
/// that nothing is done before somebody has chosen.
pub(crate) fn opens_first(event: &web_sys::KeyboardEvent) {
    let key = event.key();
    let passes =
        matches!(&*key, "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight" | "Home" | "End" | "PageUp" | "PageDown")
            || (key.chars().count() == 1 && key != " ");
    if !passes || event.ctrl_key() || event.meta_key() || event.alt_key() {
        return;
    }
    event.prevent_default();
    event.stop_propagation();
    let Some(list) = event.current_target() else { return };
    // Where the browser does not know it, Space and Alt+↓ open the list.
    if let Ok(show) = js_sys::Reflect::get(&list, &JsValue::from_str("showPicker"))
        && let Some(show) = show.dyn_ref::<js_sys::Function>()
    {
        let _ = show.call0(&list);
    }
}
