//! Short messages that come and go: what was undone, what failed, what can be done about it.

pub(crate) mod undo_words;

use std::time::Duration;

use std::sync::Arc;

use leptos::prelude::*;
use model::Id;

use crate::design::{Icon, icon};
use crate::door::clock;

/// How long a message stays; a failure that one can do something about stays until it is dismissed.
const STAY: Duration = Duration::from_secs(8);
/// How long it stays once nobody uses it any more.
const STAY_AFTER_USE: Duration = Duration::from_secs(2);
/// More are not shown at once; the oldest goes.
const SHOWN_MAX: usize = 4;

/// What a toast offers to do.
#[derive(Clone)]
struct Action {
    label: &'static str,
    /// Not a `Callback`: that would go with the clip or track whose key or button made the message.
    run: Arc<dyn Fn() + Send + Sync>,
}

/// Which kind of message it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    /// Something was done.
    Done,
    /// Something is so, and perhaps nothing was done.
    Note,
    /// Something failed.
    Error,
}

#[derive(Clone)]
struct Toast {
    number: u32,
    tone: Tone,
    title: String,
    detail: String,
    action: Option<Action>,
    /// Whether it is about the app, not about a song.
    is_of_app: bool,
    /// The step of undo that it offers to take back, while there is something to take back.
    step: Option<Id>,
}

/// The messages on the screen. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
    /// The one that somebody points at or has come to by keys: it does not go from under their hands.
    in_use: RwSignal<Option<u32>>,
}

impl Toasts {
    /// None yet.
    pub(crate) fn new() -> Toasts {
        Toasts { shown: RwSignal::new(Vec::new()), next: StoredValue::new(0), in_use: RwSignal::new(None) }
    }

    /// Says that something was done, and offers to take it back.
    pub(crate) fn info_with(
        self,
        title: impl Into<String>,
        label: &'static str,
        run: impl Fn() + Send + Sync + 'static,
    ) {
        self.add(Tone::Done, title.into(), String::new(), Some(Action { label, run: Arc::new(run) }));
    }

    /// Says that something was removed by this step of undo, and offers to bring it back, as long as it is not back already.
    pub(crate) fn removed(self, title: impl Into<String>, step: Option<Id>, run: impl Fn() + Send + Sync + 'static) {
        self.info_with(title, "Bring back", run);
        self.shown.update(|shown| {
            if let Some(toast) = shown.last_mut() {
                toast.step = step;
            }
        });
    }

    /// A step has been undone: what it removed is back, and nothing is to be offered any more.
    pub(crate) fn undone(self, step: &Id) {
        if self.shown.with_untracked(|shown| shown.iter().any(|toast| toast.step.as_ref() == Some(step))) {
            self.shown.update(|shown| shown.retain(|toast| toast.step.as_ref() != Some(step)));
        }
    }

    /// Offers something that can wait. Stays until it is taken or dismissed.
    pub(crate) fn offer(self, title: impl Into<String>, label: &'static str, run: impl Fn() + Send + Sync + 'static) {
        self.show(Tone::Note, true, title.into(), String::new(), Some(Action { label, run: Arc::new(run) }));
    }

    /// Offers something that has to do with the app, whatever song is open. Stays until it is taken or dismissed.
    pub(crate) fn offer_everywhere(
        self,
        title: impl Into<String>,
        label: &'static str,
        run: impl Fn() + Send + Sync + 'static,
    ) {
        self.offer(title, label, run);
        self.shown.update(|shown| shown.iter_mut().last().into_iter().for_each(|toast| toast.is_of_app = true));
    }

    /// The song on the screen is left: what was offered to be done to it cannot be done any more.
    pub(crate) fn leave_song(self) {
        let _ = self.shown.try_update(|shown| shown.retain(|toast| toast.is_of_app || toast.action.is_none()));
    }

    /// Says that something is so.
    pub(crate) fn info(self, title: impl Into<String>, detail: impl Into<String>) {
        self.add(Tone::Note, title.into(), detail.into(), None);
    }

    /// Says that something failed, and why.
    pub(crate) fn error(self, title: impl Into<String>, detail: impl Into<String>) {
        self.add(Tone::Error, title.into(), detail.into(), None);
    }

    /// Says that something failed, and offers what can be done. Stays until dismissed.
    pub(crate) fn error_with(
        self,
        title: impl Into<String>,
        detail: impl Into<String>,
        label: &'static str,
        run: impl Fn() + Send + Sync + 'static,
    ) {
        self.add(Tone::Error, title.into(), detail.into(), Some(Action { label, run: Arc::new(run) }));
    }

    fn add(self, tone: Tone, title: String, detail: String, action: Option<Action>) {
        let stays = tone == Tone::Error && action.is_some();
        self.show(tone, stays, title, detail, action);
    }

    fn show(self, tone: Tone, stays: bool, title: String, detail: String, action: Option<Action>) {
        let number = self.next.get_value();
        self.next.set_value(number.wrapping_add(1));
        self.shown.update(|shown| {
            // The same message twice says nothing new.
            shown.retain(|toast| toast.title != title || toast.detail != detail);
            shown.push(Toast { number, tone, title, detail, action, is_of_app: false, step: None });
            let excess = shown.len().saturating_sub(SHOWN_MAX);
            shown.drain(..excess);
        });
        if !stays {
            self.dismiss_after(STAY, number);
        }
    }

    fn dismiss_after(self, stay: Duration, number: u32) {
        clock::after(stay, move || match self.in_use.try_get_untracked() {
            Some(Some(used)) if used == number => self.dismiss_after(STAY_AFTER_USE, number),
            Some(_) => self.dismiss(number),
            None => {}
        });
    }

    fn dismiss(self, number: u32) {
        let _ = self.shown.try_update(|shown| shown.retain(|toast| toast.number != number));
    }
}

/// The messages, in a corner; screen readers hear them as they come.
#[component]
pub(crate) fn ToastList() -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    view! {
        <div class="toasts" role="region" aria-label="Messages" aria-live="polite">
            <For each=move || toasts.shown.get() key=|toast| toast.number let:toast>
                <ToastView toast />
            </For>
        </div>
    }
}

#[component]
fn ToastView(toast: Toast) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let number = toast.number;
    let action = toast.action.map(|action| {
        view! {
            <button
                type="button"
                class="button small"
                on:click=move |_| {
                    (action.run)();
                    toasts.dismiss(number);
                }
            >
                {action.label}
            </button>
        }
    });
    let (is_error, is_note) = (toast.tone == Tone::Error, toast.tone == Tone::Note);
    let sign = match toast.tone {
        Tone::Done => Icon::Check,
        Tone::Note => Icon::Info,
        Tone::Error => Icon::Warning,
    };
    let used = move |_| toasts.in_use.set(Some(number));
    let unused = move || {
        if toasts.in_use.try_get_untracked().flatten() == Some(number) {
            toasts.in_use.set(None);
        }
    };
    on_cleanup(unused);
    view! {
        <div class="toast" class:is-error=is_error class:is-note=is_note data-testid="toast" on:pointerenter=used on:focusin=move |_| toasts.in_use.set(Some(number))
            on:pointerleave=move |_| unused() on:focusout=move |_| unused() role=if is_error { "alert" } else { "status" }>
            <span class="toast-icon">{icon(sign)}</span>
            <div class="toast-text">
                <strong>{toast.title}</strong>
                {(!toast.detail.is_empty()).then(|| view! { <p>{toast.detail}</p> })}
                {action}
            </div>
            <button type="button" class="icon-button small" aria-label="Dismiss" on:click=move |_| toasts.dismiss(number)>
                {icon(Icon::Close)}
            </button>
        </div>
    }
}
