//! What says that one looks at an old state, and leads back.

use leptos::prelude::*;
use model::Role;

use super::History;
use super::moment_words::{brief, exact};
use crate::design::{Icon, icon};
use crate::door::sound::Sound;
use crate::door::{Door, now};

/// The banner; nothing while the present is shown.
#[component]
pub(crate) fn Banner() -> impl IntoView {
    let door = expect_context::<Door>();
    let history = expect_context::<History>();
    let sound = expect_context::<Sound>();
    let may_restore = move || door.role().get() >= Some(Role::Editor);
    let playing = sound.playing();
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        if event.key() == "Escape" && !event.default_prevented() && door.moment().with_untracked(Option::is_some) {
            history.back_to_now();
            event.prevent_default();
        }
    });
    on_cleanup(move || handle.remove());
    move || {
        door.moment().get().map(|moment| {
            let when = brief(moment.time, now());
            let named = moment.name.clone().map(|name| format!("“{name}”, "));
            let said = when.clone();
            view! {
                <section class="past-banner" role="status" aria-label="Earlier state" data-testid="past-banner" data-seq=moment.seq.to_string()>
                    <span class="past-icon">{icon(Icon::History)}</span>
                    <p class="past-words">"You are looking at " {named} <strong title=exact(moment.time)>{when}</strong></p>
                    <div class="past-keys">
                        <button type="button" class="button small" data-testid="past-play" on:click=move |_| sound.toggle()>
                            {move || icon(if playing.get() { Icon::Stop } else { Icon::Play })}
                            {move || if playing.get() { "Stop" } else { "Play" }}
                        </button>
                        <Show when=may_restore>
                            <button type="button" class="button small" data-testid="past-restore"
                                title="Make this the present song; you can undo it" on:click={
                                    let said = said.clone();
                                    move |_| history.restore(said.clone())
                                }>"Restore"</button>
                        </Show>
                        <button type="button" class="button small primary" data-testid="past-leave" title="Back to now (Esc)"
                            on:click=move |_| history.back_to_now()>"Back to now"</button>
                    </div>
                </section>
            }
        })
    }
}
