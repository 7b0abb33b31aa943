//! The studio in the browser: one folder per part of the screen, and `door`, the only way out of it.
//!
//! **Invariant:** outside of `door` nothing touches a socket, `fetch`, a timer of the network, or WASM memory of the audio
//! thread. A screen reads through the door's signals and writes through `dispatch`.

#![allow(unreachable_pub, reason = "Leptos' component macro widens the visibility of what it makes")]
#![allow(clippy::needless_pass_by_value, reason = "Leptos hands props to components by value")]

mod app;
mod arrangement;
mod automation;
mod controls;
mod design;
mod devices;
mod door;
mod export;
mod history;
mod mixer;
mod navigation;
mod people;
mod presence;
mod projects;
mod shell;
mod shortcuts;
mod studio;
mod toast;
mod transport;
mod waiting;

use wasm_bindgen::prelude::wasm_bindgen;

/// Memory that is taken at once: a song of ten thousand clips with its screen. Otherwise it grows by 64 kB at a time, each time by a
/// call of the browser.
const MEMORY_AT_FIRST_BYTES: usize = 32 * 1024 * 1024;

/// Starts the app in the page's body; called by the module itself once it is instantiated.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    // Given back to the allocator, which keeps it. What is not used is no memory of the machine's.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(MEMORY_AT_FIRST_BYTES)));
    app::mount();
}
