//! Shortcuts of the whole page; never while typing in a field.

use crate::door::Door;
use crate::door::sound::LoopRegion;
use leptos::prelude::*;
use model::Ticks;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::door::sound::Sound;
use crate::export::Export;
use crate::history::History;

/// Whether the event belongs to a field that takes text or choices.
pub(crate) fn is_typing(event: &web_sys::Event) -> bool {
    let element = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    element.is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA"))
}

/// Whether the event belongs to a field that takes text, and so has an undo of its own (UN1).
fn takes_text(event: &web_sys::Event) -> bool {
    let element = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    element.is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA") || element.is_content_editable()
    })
}

/// Whether the event belongs to something that the keyboard has come to and would press. What was last clicked does not count: there the
/// space bar still plays and stops.
fn is_button(event: &web_sys::Event) -> bool {
    let element = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    element.is_some_and(|element| {
        matches!(element.tag_name().as_str(), "BUTTON" | "A") && element.matches(":focus-visible").unwrap_or(true)
    })
}

/// Listens until the studio is left.
pub(super) fn listen(door: Door, sound: Sound, show_mixer: impl Fn() + 'static, history: History, export: Export) {
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        let command = (event.ctrl_key() || event.meta_key()) && !event.alt_key();
        if command && !takes_text(&event) && !event.default_prevented() {
            match (event.key().to_ascii_lowercase().as_str(), event.shift_key()) {
                ("z", false) => door.undo(),
                ("z", true) | ("y", false) => door.redo(),
                _ => return,
            }
            event.prevent_default();
            return;
        }
        if is_typing(&event) || event.ctrl_key() || event.meta_key() || event.alt_key() || event.default_prevented() {
            return;
        }
        let keyboard_press = is_button(&event) && matches!(event.key().as_str(), " " | "Enter");
        match event.key().as_str() {
            _ if keyboard_press => return,
            " " => sound.toggle(),
            "Home" | "Enter" => sound.seek(Ticks(0)),
            "l" | "L" => sound.toggle_loop(),
            "[" => sound.set_region(LoopRegion::from(sound.region().get_untracked(), sound.position())),
            "]" => sound.set_region(LoopRegion::until(sound.region().get_untracked(), sound.position())),
            "k" | "K" => sound.toggle_metronome(),
            "m" | "M" if !event.shift_key() => show_mixer(),
            "h" | "H" if !event.shift_key() => history.toggle(),
            "x" | "X" if !event.shift_key() => export.toggle(),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || handle.remove());
}
