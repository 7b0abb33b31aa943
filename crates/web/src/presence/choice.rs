//! Whether others' playheads are shown: each browser decides for itself.

use leptos::prelude::*;

/// Where the browser keeps the choice.
const KEY: &str = "unisono.playheads";

/// What one wants to see of others. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct PresenceChoices {
    playheads: RwSignal<bool>,
}

impl PresenceChoices {
    /// As it was chosen last; shown, unless somebody has chosen otherwise.
    pub(crate) fn new() -> PresenceChoices {
        let kept = storage().and_then(|storage| storage.get_item(KEY).ok().flatten());
        PresenceChoices { playheads: RwSignal::new(kept.as_deref() != Some("hidden")) }
    }

    /// Whether others' playheads are shown.
    pub(crate) fn shows_playheads(self) -> bool {
        self.playheads.get()
    }

    fn toggle(self) {
        let shown = !self.playheads.get_untracked();
        self.playheads.set(shown);
        if let Some(storage) = storage() {
            // A browser that keeps nothing shows them again next time.
            let _ = storage.set_item(KEY, if shown { "shown" } else { "hidden" });
        }
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// The switch.
#[component]
pub(crate) fn PlayheadChoice() -> impl IntoView {
    let choices = expect_context::<PresenceChoices>();
    view! {
        <label class="playhead-choice">
            <input type="checkbox" data-testid="show-playheads" prop:checked=move || choices.shows_playheads() on:change=move |_| choices.toggle() />
            <span>"Show others’ playheads"</span>
        </label>
    }
}
