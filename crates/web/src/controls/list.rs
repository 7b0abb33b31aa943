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
    let Some(list) = event.current_target() else { return };
    let show = js_sys::Reflect::get(&list, &JsValue::from_str("showPicker"));
    // A browser that does not know it is left to its own ways.
    let Ok(Ok(show)) = show.map(JsCast::dyn_into::<js_sys::Function>) else { return };
    event.prevent_default();
    event.stop_propagation();
    // Where it wants another key first, Space and Alt+↓ open the list.
    let _ = show.call0(&list);
}
