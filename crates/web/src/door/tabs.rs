//! The tabs of one browser that have the same project open for the same user: they see each other's edits at once, and one
//! of them sends for all (CL4).
//!
//! The sender holds a lock of the browser's, which goes on to the next tab when it is closed or dies. One that holds the lock
//! and answers nobody is robbed of it; should it not hear of that, it sees it in the store ([`super::outbox`]).

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use leptos::prelude::{WindowListenerHandle, window_event_listener_untyped};
use model::Id;
use serde::{Deserialize, Serialize};
use sync::TabMessage;
use sync::wire::{decode, encode};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortController, BroadcastChannel, MessageEvent};

use super::clock;
use super::locks::{self, locks};

/// A sender that has said nothing for this long after it was asked is not there.
const SILENCE: Duration = Duration::from_secs(4);

/// What a tab hears.
pub(crate) enum TabEvent {
    /// Another tab says something.
    Says(TabMessage),
    /// Whether this tab is the one that sends.
    Leads(bool),
    /// Another tab is being closed: it may have kept what it could not tell of any more.
    Left,
}

/// What tabs call to each other.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Call {
    Says(TabMessage),
    /// To the one that sends.
    AreYouThere,
    /// Its answer.
    Here,
    /// Of a tab that is being closed.
    Leaving,
}

type Listener = Closure<dyn FnMut(MessageEvent)>;

/// This tab among the others. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tabs(Rc<Inner>);

struct Inner {
    lock: String,
    on_event: Box<dyn Fn(TabEvent)>,
    channel: Option<BroadcastChannel>,
    heard: RefCell<Option<Listener>>,
    /// Ends the holding of the lock.
    release: RefCell<Option<Function>>,
    /// What is about to be said.
    untold: RefCell<Vec<TabMessage>>,
    /// Ends the waiting for the lock.
    waits: RefCell<Option<AbortController>>,
    leads: Cell<bool>,
    /// Whether the sender has been asked, and has not answered yet.
    asks: Cell<bool>,
    /// Whether this tab is none of them any more.
    has_left: Cell<bool>,
    /// Whether it lets the lock go in order to wait for it again.
    steps_down: Cell<bool>,
    leaving: RefCell<Option<WindowListenerHandle>>,
}

fn prefix(user: &Id) -> String {
    format!("unisono:{user}:")
}

/// What their channel and their lock are called.
fn name_of(user: &Id, project: &Id) -> String {
    format!("{}{project}", prefix(user))
}

/// The projects that tabs have open for `user`, or send for; none where a browser has no locks, and does not say.
pub(super) async fn open_for(user: &Id) -> Option<HashSet<String>> {
    Some(open_of(&locks::held().await?, user))
}

fn open_of(held: &[String], user: &Id) -> HashSet<String> {
    let prefix = prefix(user);
    held.iter().filter_map(|name| name.strip_prefix(&*prefix)).map(str::to_owned).collect()
}

impl Tabs {
    /// Joins the tabs that have `project` open for `user`. Where a browser has no locks, every tab sends.
    pub(crate) fn join(user: &Id, project: &Id, on_event: impl Fn(TabEvent) + 'static) -> Tabs {
        let name = name_of(user, project);
        let tabs = Tabs(Rc::new(Inner {
            channel: BroadcastChannel::new(&name).ok(),
            lock: name,
            on_event: Box::new(on_event),
            heard: RefCell::new(None),
            release: RefCell::new(None),
            untold: RefCell::default(),
            waits: RefCell::new(None),
            leads: Cell::new(false),
            asks: Cell::new(false),
            has_left: Cell::new(false),
            steps_down: Cell::new(false),
            leaving: RefCell::new(None),
        }));
        tabs.listen();
        let last = Rc::downgrade(&tabs.0);
        let leaving = window_event_listener_untyped("pagehide", move |_| {
            if let Some(inner) = last.upgrade() {
                let tabs = Tabs(inner);
                tabs.tell_now();
                tabs.call(&Call::Leaving);
            }
        });
        *tabs.0.leaving.borrow_mut() = Some(leaving);
        tabs.ask_for_lock(false);
        tabs
    }

    /// Says something to the others, as soon as this turn of the page's is over: what a hand does goes first. Should the page die
    /// before, the one that sends finds it in the store.
    pub(crate) fn tell(&self, message: TabMessage) {
        let mut untold = self.0.untold.borrow_mut();
        untold.push(message);
        if untold.len() == 1 {
            let tabs = self.clone();
            // The timer is set when the edit is done, too: a browser takes a twentieth of an edit's time for it.
            leptos::task::spawn_local(async move {
                clock::after(Duration::ZERO, move || tabs.tell_now());
            });
        }
    }

    fn tell_now(&self) {
        for message in self.0.untold.take() {
            self.call(&Call::Says(message));
        }
    }

    /// Looks whether the tab that sends is still there, and takes its place when it says nothing.
    pub(crate) fn look_for_sender(&self) {
        if self.0.leads.get() || self.0.asks.replace(true) {
            return;
        }
        self.call(&Call::AreYouThere);
        let tabs = self.clone();
        clock::after(SILENCE, move || {
            // One that has left asks for nothing.
            if !tabs.0.has_left.get() && tabs.0.asks.replace(false) && !tabs.0.leads.get() {
                tabs.ask_for_lock(true);
            }
        });
    }

    /// Whether the tab that sends was asked whether it is there, and has not answered yet.
    pub(crate) fn waits_for_sender(&self) -> bool {
        self.0.asks.get()
    }

    /// Says something to the tabs that have `project` open for `user`, from a page that is none of them.
    pub(crate) fn tell_from_outside(user: &Id, project: &Id, message: TabMessage) {
        if let Ok(channel) = BroadcastChannel::new(&name_of(user, project)) {
            let _ = channel.post_message(&Uint8Array::from(encode(&Call::Says(message)).as_slice()));
            channel.close();
        }
    }

    fn call(&self, call: &Call) {
        if let Some(channel) = &self.0.channel {
            // The bytes are copied; a closed channel has nobody who listens.
            let _ = channel.post_message(&Uint8Array::from(encode(call).as_slice()));
        }
    }

    fn listen(&self) {
        let Some(channel) = &self.0.channel else { return };
        let weak = Rc::downgrade(&self.0);
        let heard: Listener = Closure::new(move |event: MessageEvent| {
            let Some(inner) = weak.upgrade() else { return };
            let bytes = event.data().dyn_into::<Uint8Array>().map(|bytes| bytes.to_vec()).unwrap_or_default();
            // A tab of another version says what this one does not understand; the database has it, too.
            if let Ok(call) = decode::<Call>(&bytes) {
                Tabs(inner).hear(call);
            }
        });
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        *self.0.heard.borrow_mut() = Some(heard);
    }

    fn hear(&self, call: Call) {
        match call {
            Call::Says(message) => (self.0.on_event)(TabEvent::Says(message)),
            Call::AreYouThere if self.0.leads.get() => self.call(&Call::Here),
            Call::AreYouThere => {}
            Call::Here => self.0.asks.set(false),
            Call::Leaving => (self.0.on_event)(TabEvent::Left),
        }
    }

    fn ask_for_lock(&self, steal: bool) {
        let Some(locks) = locks() else { return self.lead(true) };
        let weak = Rc::downgrade(&self.0);
        let granted = Closure::once_into_js(move |_lock: JsValue| -> JsValue {
            let Some(inner) = weak.upgrade() else { return JsValue::UNDEFINED };
            // A tab that was robbed waits in the queue once more; holding it twice would be holding it for ever.
            if inner.has_left.get() || inner.release.borrow().is_some() {
                return JsValue::UNDEFINED;
            }
            // The lock is held until this promise is kept: by the end of the tab, or by leaving.
            let held = Promise::new(&mut |resolve, _| *inner.release.borrow_mut() = Some(resolve));
            Tabs(inner).lead(true);
            held.into()
        });
        let options = Object::new();
        // A new object takes every field.
        let _ = Reflect::set(&options, &JsValue::from_str("steal"), &JsValue::from_bool(steal));
        // Who steals does not wait.
        if !steal && let Ok(controller) = AbortController::new() {
            let _ = Reflect::set(&options, &JsValue::from_str("signal"), &controller.signal());
            *self.0.waits.borrow_mut() = Some(controller);
        }
        let Ok(ended) = locks.request(&self.0.lock, &options, granted.unchecked_ref()) else { return self.lead(true) };
        let tabs = self.clone();
        leptos::task::spawn_local(async move {
            // It is broken only for a tab that lost the lock to another: that one sends now.
            let robbed = wasm_bindgen_futures::JsFuture::from(ended).await.is_err();
            if tabs.0.has_left.get() {
                return;
            }
            if robbed {
                tabs.0.release.borrow_mut().take();
                tabs.lead(false);
            }
            // One that has stepped down, or was robbed, waits again.
            let steps_down = tabs.0.steps_down.replace(false);
            if robbed || steps_down {
                tabs.ask_for_lock(false);
            }
        });
    }

    fn lead(&self, leads: bool) {
        self.0.asks.set(false);
        if self.0.leads.replace(leads) != leads {
            (self.0.on_event)(TabEvent::Leads(leads));
        }
    }

    /// Whether this tab sends, and by a lock: then no other does, and who sends is counted.
    pub(crate) fn holds_lock(&self) -> bool {
        self.0.leads.get() && self.0.release.borrow().is_some()
    }

    /// Whether this tab sends.
    pub(crate) fn leads(&self) -> bool {
        self.0.leads.get()
    }

    /// Another tab sends, as the store says: this one waits for its turn again.
    pub(crate) fn step_down(&self) {
        self.0.leads.set(false);
        if let Some(release) = self.0.release.borrow_mut().take() {
            self.0.steps_down.set(true);
            // A promise can be kept once; more does nothing.
            let _ = release.call0(&JsValue::NULL);
        }
    }

    /// Leaves the others, and lets another send.
    pub(crate) fn leave(&self) {
        self.0.has_left.set(true);
        self.0.leads.set(false);
        self.tell_now();
        self.call(&Call::Leaving);
        if let Some(leaving) = self.0.leaving.borrow_mut().take() {
            leaving.remove();
        }
        if let Some(channel) = &self.0.channel {
            channel.set_onmessage(None);
            channel.close();
        }
        if let Some(waits) = self.0.waits.borrow_mut().take() {
            waits.abort();
        }
        if let Some(release) = self.0.release.borrow_mut().take() {
            // A promise can be kept once; more does nothing.
            let _ = release.call0(&JsValue::NULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl5_what_tabs_have_open_for_the_same_user_is_known_by_their_locks() {
        let [ann, bob, song, other] = ["ann", "bob", "song", "other"].map(|id| Id::new(id).unwrap());
        let held = [name_of(&ann, &song), name_of(&bob, &other), "unisono:upload:song".to_owned()];
        assert_eq!(open_of(&held, &ann), HashSet::from(["song".to_owned()]));
    }

    #[test]
    fn cl4_what_tabs_call_to_each_other_is_read_again() {
        let dropped = || TabMessage::Dropped { tx_id: Id::new("t").unwrap() };
        for call in [Call::Says(dropped()), Call::AreYouThere, Call::Here, Call::Leaving] {
            assert_eq!(decode::<Call>(&encode(&call)), Ok(call));
        }
    }
}
