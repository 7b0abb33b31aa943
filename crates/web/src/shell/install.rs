//! Installing the app: the browser says that it could, and a button asks it to.

use js_sys::{Function, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};

use crate::design::{Icon, icon};

thread_local! {
    /// The browser's offer, while it stands.
    static OFFER: RwSignal<Option<Offer>, LocalStorage> = RwSignal::new_local(None);
}

#[derive(Clone)]
struct Offer(JsValue);

impl Offer {
    /// Shows the browser's own question. An offer may be used once.
    fn accept(&self) {
        let prompt = Reflect::get(&self.0, &"prompt".into()).ok().and_then(|it| it.dyn_into::<Function>().ok());
        if let Some(prompt) = prompt {
            // Whether one says yes or no is between them and their browser.
            let _ = prompt.call0(&self.0);
        }
    }
}

fn offer() -> RwSignal<Option<Offer>, LocalStorage> {
    OFFER.with(|offer| *offer)
}

/// Keeps the browser's offer for the button, in the place of a bar that it would show by itself.
pub(super) fn listen() {
    let offer = offer();
    let on = |event: &str, heard: Box<dyn FnMut(web_sys::Event)>| {
        let closure = Closure::<dyn FnMut(web_sys::Event)>::new(heard);
        let _ = window().add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
        // For as long as the page is open.
        closure.forget();
    };
    on(
        "beforeinstallprompt",
        Box::new(move |event| {
            event.prevent_default();
            offer.set(Some(Offer(event.into())));
        }),
    );
    // It may have come before there was an app to listen: `boot.js` has kept it.
    if let Ok(early) = Reflect::get(&window(), &"installOffer".into())
        && early.is_object()
    {
        offer.set(Some(Offer(early)));
    }
    on("appinstalled", Box::new(move |_| offer.set(None)));
}

/// A button that installs the app; there only where the browser offers to.
#[component]
pub(crate) fn InstallButton() -> impl IntoView {
    let offer = offer();
    let install = move |_| {
        if let Some(offered) = offer.get_untracked() {
            offer.set(None);
            offered.accept();
        }
    };
    view! {
        <Show when=move || offer.with(Option::is_some)>
            <button type="button" class="button quiet" data-testid="install" title="Open Unisono in a window of its own" on:click=install>
                {icon(Icon::Download)} <span>"Install"</span>
            </button>
        </Show>
    }
}
