//! The service worker as a page sees it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Event, MessageChannel, MessageEvent, RegistrationOptions, ServiceWorker, ServiceWorkerContainer,
    ServiceWorkerRegistration, ServiceWorkerState, ServiceWorkerUpdateViaCache,
};

use crate::door::clock;

/// How long a worker may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How often it is looked whether something has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The name of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release(pub(super) String);

/// The registration. Cheap to clone.
#[derive(Clone)]
pub(super) struct Worker {
    container: ServiceWorkerContainer,
    registration: ServiceWorkerRegistration,
}

impl Worker {
    /// Registers the worker at an address; none where there are no workers, or the browser refuses.
    pub(super) async fn register(address: &str) -> Option<Worker> {
        let container = container()?;
        let options = RegistrationOptions::new();
        // The browser asks the server itself, and not its cache.
        options.set_update_via_cache(ServiceWorkerUpdateViaCache::None);
        let registered = JsFuture::from(container.register_with_options(address, &options)).await.ok()?;
        Some(Worker { container, registration: registered.unchecked_into() })
    }

    /// Asks the worker to answer this page's requests, where it does not: a page that was reloaded past it.
    pub(super) fn take_charge(&self) {
        if let (None, Some(active)) = (self.container.controller(), self.registration.active()) {
            let _ = active.post_message(&message("claim", &[]));
        }
    }

    /// Asks the server for another release; that it cannot be reached is no news.
    pub(super) fn look_for_another(&self) {
        if let Ok(update) = self.registration.update() {
            leptos::task::spawn_local(async move { drop(JsFuture::from(update).await) });
        }
    }

    /// Calls `installed` when a release has been installed and waits.
    pub(super) fn on_installed(&self, installed: impl Fn() + 'static) {
        let installed = Rc::new(installed);
        let registration = self.registration.clone();
        let follow = move || {
            let Some(coming) = registration.installing() else { return };
            let (worker, installed) = (coming.clone(), Rc::clone(&installed));
            listen(&coming, "statechange", move || {
                if worker.state() == ServiceWorkerState::Installed {
                    installed();
                }
            });
        };
        // It may be under way.
        follow();
        listen(&self.registration, "updatefound", follow);
    }

    /// The release that waits, if one does.
    pub(super) async fn waiting_release(&self) -> Option<Release> {
        release_of(&self.registration.waiting()?).await
    }

    /// The release whose worker answers this page's requests.
    pub(super) async fn release_in_charge(&self) -> Option<Release> {
        release_of(&self.container.controller()?).await
    }

    /// Asks the release that waits to take over from a page with `stores`; true when it does.
    pub(super) async fn take_over(&self, stores: u32, release: Option<Release>, accepted: bool) -> bool {
        let Some(waiting) = self.registration.waiting() else { return false };
        let release = release.map_or(JsValue::NULL, |Release(name)| name.into());
        let asked =
            message("take over", &[("stores", stores.into()), ("release", release), ("accepted", accepted.into())]);
        let reply = ask(&waiting, &asked).await;
        reply.is_some_and(|reply| Reflect::get(&reply, &"takesOver".into()).is_ok_and(|it| it.is_truthy()))
    }

    /// Resolves when no release waits any more, or after `at_most`.
    pub(super) async fn until_it_is_in_charge(&self, at_most: Duration) {
        let begun = clock::milliseconds();
        let activated = |worker: ServiceWorker| worker.state() == ServiceWorkerState::Activated;
        while (self.registration.waiting().is_some() || !self.registration.active().is_some_and(activated))
            && clock::milliseconds() - begun < at_most.as_secs_f64() * 1_000.0
        {
            clock::sleep(LOOK_EVERY).await;
        }
    }
}

/// The browser's workers; none where there are none, as without a secure context.
fn container() -> Option<ServiceWorkerContainer> {
    let navigator = web_sys::window()?.navigator();
    let there = Reflect::get(&navigator, &"serviceWorker".into()).ok()?;
    (!there.is_undefined()).then(|| navigator.service_worker())
}

/// Calls `changed` when another worker has come to answer this page's requests, in the place of one that did.
pub(super) fn on_change_of_charge(changed: impl Fn() + 'static) {
    let Some(container) = container() else { return };
    // The first one takes charge of the page that brought it.
    let mut had_one = container.controller().is_some();
    listen(&container, "controllerchange", move || {
        if std::mem::replace(&mut had_one, true) {
            changed();
        }
    });
}

async fn release_of(worker: &ServiceWorker) -> Option<Release> {
    let reply = ask(worker, &message("which release", &[])).await?;
    Reflect::get(&reply, &"release".into()).ok()?.as_string().map(Release)
}

/// Sends a message and gives the answer; none when none comes.
async fn ask(worker: &ServiceWorker, message: &JsValue) -> Option<JsValue> {
    let channel = MessageChannel::new().ok()?;
    let answer: Rc<RefCell<Option<JsValue>>> = Rc::default();
    let came = Rc::clone(&answer);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        *came.borrow_mut() = Some(event.data());
    });
    channel.port1().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    worker.post_message_with_transferable(message, &js_sys::Array::of1(&channel.port2())).ok()?;
    let begun = clock::milliseconds();
    while answer.borrow().is_none() && clock::milliseconds() - begun < ANSWER.as_secs_f64() * 1_000.0 {
        clock::sleep(LOOK_EVERY).await;
    }
    channel.port1().set_onmessage(None);
    answer.take()
}

fn message(kind: &str, fields: &[(&str, JsValue)]) -> JsValue {
    let message = Object::new();
    // A plain object takes any field.
    let _ = Reflect::set(&message, &"type".into(), &kind.into());
    for (name, value) in fields {
        let _ = Reflect::set(&message, &(*name).into(), value);
    }
    message.into()
}

/// Listens for as long as the page is open.
fn listen(target: &web_sys::EventTarget, event: &str, mut heard: impl FnMut() + 'static) {
    let closure = Closure::<dyn FnMut(Event)>::new(move |_| heard());
    let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    closure.forget();
}
