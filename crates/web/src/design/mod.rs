//! What all parts of the screen share: icons, the logo, colours of tracks, the manners of panels, long lists, a page that says one thing.

mod colour;
mod icon;
mod panel;
mod portions;

use leptos::prelude::*;

pub(crate) use colour::{PALETTE, colour_of, next_colour, text_on};
pub(crate) use icon::{Icon, icon};
pub(crate) use panel::manners;
pub(crate) use portions::in_portions;

/// Two voices that become one.
#[component]
pub(crate) fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path class="logo-a" d="M2 10c5 0 6 6 11 6h17" />
            <path class="logo-b" d="M2 22c5 0 6-6 11-6h17" />
            <circle class="logo-dot" cx="28" cy="16" r="2.6" />
        </svg>
    }
}

/// A whole page that says one thing, and what to do about it.
#[component]
pub(crate) fn Notice(
    /// What is the matter.
    #[prop(into)]
    title: String,
    /// More about it.
    #[prop(into)]
    detail: String,
    /// What can be done.
    children: Children,
) -> impl IntoView {
    view! {
        <main class="notice">
            <Logo />
            <h1>{title}</h1>
            <p>{detail}</p>
            <div class="notice-actions">{children()}</div>
        </main>
    }
}
