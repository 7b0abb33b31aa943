//! What becomes of edits that the server does not take, or whose author may not make them any more: they are listed, never
//! silently lost (CL3, PE5).

use leptos::prelude::*;
use operations::Refusal;

use crate::design::{Icon, Logo, icon};
use crate::door::{Door, Unsaved, in_words};

#[component]
fn UnsavedList(unsaved: Vec<Unsaved>) -> impl IntoView {
    let items = unsaved.into_iter().map(|Unsaved { what, count, why, .. }| {
        view! {
            <li>
                {what} {(count > 1).then(|| view! { <span class="unsaved-count">{format!("× {count}")}</span> })}
                {why.map(|why| view! { <small class="unsaved-why">{why}</small> })}
            </li>
        }
    });
    view! { <ul class="unsaved" data-testid="unsaved">{items.collect_view()}</ul> }
}

/// Over the studio: edits that the server did not take.
#[component]
pub(crate) fn NotSaved() -> impl IntoView {
    let door = expect_context::<Door>();
    view! { <NotSavedList unsaved=door.unsaved() /> }
}

/// Edits that the server did not take, until they are dismissed.
#[component]
pub(crate) fn NotSavedList(unsaved: RwSignal<Vec<Unsaved>>) -> impl IntoView {
    let reason = move || {
        let may_not = unsaved.with(|unsaved| unsaved.iter().all(|one| one.why.is_none()));
        if may_not {
            "Your role in this project has changed, and you may not make these changes any more:"
        } else {
            "The server did not take these changes, and they have been undone:"
        }
    };
    view! {
        <Show when=move || unsaved.with(|unsaved| !unsaved.is_empty())>
            <aside class="not-saved" role="alert" data-testid="not-saved">
                {icon(Icon::Warning)}
                <div>
                    <strong>{move || unsaved.with(|unsaved| in_words(unsaved))}</strong>
                    <p>{reason}</p>
                    {move || view! { <UnsavedList unsaved=unsaved.get() /> }}
                </div>
                <button type="button" class="icon-button small" aria-label="Dismiss" on:click=move |_| unsaved.set(Vec::new())>{icon(Icon::Close)}</button>
            </aside>
        </Show>
    }
}

/// In the place of the studio: somebody has lost access while it was open, or never had it.
#[component]
pub(crate) fn ClosedToYou(
    /// Why, as the server says it.
    reason: String,
    /// Whether it has been open on this page.
    was_open: bool,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let unsaved = door.unsaved().get_untracked();
    let (title, detail) = if was_open && reason == Refusal::FORBIDDEN {
        (
            "You are no longer in this project",
            "An owner has removed you, or you have left. To come back you need a new invitation.".to_owned(),
        )
    } else {
        ("This project is not open to you", reason)
    };
    let lost = (!unsaved.is_empty()).then(|| {
        view! {
            <section class="closed-unsaved" aria-labelledby="unsaved-title">
                <h2 id="unsaved-title">{in_words(&unsaved)}</h2>
                <UnsavedList unsaved />
            </section>
        }
    });
    view! {
        <main class="notice" data-testid="closed-to-you">
            <Logo />
            <h1>{title}</h1>
            <p role="alert">{detail}</p>
            {lost}
            <div class="notice-actions">
                <a class="button primary" href="/projects">"All projects"</a>
                <a class="button" href="/login">"Log in as someone else"</a>
            </div>
        </main>
    }
}
