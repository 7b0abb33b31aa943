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
use crate::shortcuts::{Command, Shortcuts};

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
    let shortcuts = expect_context::<Shortcuts>();
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        if event.default_prevented() {
            return;
        }
        let Some(command) = shortcuts.on_page(&event) else { return };
        let belongs_to_field = match command {
            Command::Undo | Command::Redo => takes_text(&event),
            _ => is_typing(&event),
        };
        // The keyboard presses what it has come to.
        let presses = is_button(&event) && matches!(event.key().as_str(), " " | "Enter");
        if belongs_to_field || presses {
            return;
        }
        match command {
            Command::Undo => door.undo(),
            Command::Redo => door.redo(),
            Command::Play => sound.toggle(),
            Command::ToStart => sound.seek(Ticks(0)),
            Command::Loop => sound.toggle_loop(),
            Command::LoopFrom => {
                sound.set_region(LoopRegion::from(sound.region().get_untracked(), sound.position()));
            }
            Command::LoopUntil => {
                sound.set_region(LoopRegion::until(sound.region().get_untracked(), sound.position()));
            }
            Command::Metronome => sound.toggle_metronome(),
            Command::Mixer => show_mixer(),
            Command::History => history.toggle(),
            Command::Export => export.toggle(),
            Command::Help => shortcuts.toggle_help(),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || handle.remove());
}
