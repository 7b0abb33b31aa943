//! Why there is no sound, and what helps, where no button could make any.

use leptos::prelude::*;

use crate::design::{Icon, icon};
use crate::door::sound::{Obstacle, Sound, SoundState};

/// The notice; nothing while there can be sound.
#[component]
pub(super) fn SoundNotice() -> impl IntoView {
    let sound = expect_context::<Sound>();
    let dismissed = RwSignal::new(false);
    let content = move || match sound.state().get() {
        SoundState::Unavailable(obstacle) => Some(unavailable(obstacle)),
        SoundState::Failed(reason) => Some(
            view! {
                <strong>"The sound has stopped"</strong>
                <p>{reason} " Press Play to start it again."</p>
            }
            .into_any(),
        ),
        _ => None,
    };
    let showing = Memo::new(move |_| {
        matches!(sound.state().get(), SoundState::Unavailable(_) | SoundState::Failed(_)) && !dismissed.get()
    });
    // A new failure is news, and so is a button pressed in vain.
    Effect::new(move |_| {
        sound.state().track();
        sound.refused().track();
        dismissed.set(false);
    });
    view! {
        <Show when=move || showing.get()>
            <aside class="sound-notice" role="alert" data-testid="sound-notice">
                {icon(Icon::Warning)}
                <div>{content}</div>
                <button type="button" class="icon-button small" aria-label="Dismiss" on:click=move |_| dismissed.set(true)>{icon(Icon::Close)}</button>
            </aside>
        </Show>
    }
}

fn unavailable(obstacle: Obstacle) -> AnyView {
    match obstacle {
        Obstacle::Insecure => view! {
            <strong>"No sound over plain http"</strong>
            <p>
                "Browsers run audio threads only on pages that came over https, or from this machine itself. Everything else works. "
                "Whoever runs this studio can turn on https with "
                <code>"unisono serve --tls-cert cert.pem --tls-key key.pem"</code>
                ", or open it on its own machine at "<code>"http://localhost"</code>"."
            </p>
        }
        .into_any(),
        Obstacle::NotIsolated => view! {
            <strong>"No sound: the page is not isolated"</strong>
            <p>
                "The headers " <code>"Cross-Origin-Opener-Policy: same-origin"</code> " and "
                <code>"Cross-Origin-Embedder-Policy: require-corp"</code>
                " did not arrive. A proxy before the studio may have removed them; whoever runs it can let them through."
            </p>
        }
        .into_any(),
        Obstacle::TooOld => view! {
            <strong>"No sound in this browser"</strong>
            <p>"It has no AudioWorklet. A current Chrome, Edge, Firefox or Safari has. Everything else works."</p>
        }
        .into_any(),
    }
}
